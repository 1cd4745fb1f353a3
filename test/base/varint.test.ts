import test from 'ava';
import fc from 'fast-check';
import { VarintReader, VarintWriter } from '../../src/base/varint.ts';

const unsigned = fc.oneof(fc.nat(), fc.nat(300), fc.bigInt(0n, 2n ** 53n - 1n).map(Number));

test('varints of any size round-trip', (t) => {
  fc.assert(
    fc.property(fc.array(unsigned), (values) => {
      const writer = new VarintWriter(1);
      for (const value of values) writer.push(value);
      const reader = new VarintReader(writer.finish());
      t.deepEqual(
        values.map(() => reader.next()),
        values,
      );
      t.true(reader.done);
    }),
  );
});

test('signed varints round-trip, small ones in one byte', (t) => {
  const signed = fc.oneof(fc.integer(), fc.bigInt(-(2n ** 51n), 2n ** 51n).map(Number));
  fc.assert(
    fc.property(fc.array(signed), (values) => {
      const writer = new VarintWriter();
      for (const value of values) writer.pushSigned(value);
      const reader = new VarintReader(writer.finish());
      t.deepEqual(
        values.map(() => reader.nextSigned()),
        values,
      );
    }),
  );
  for (const value of [0, -1, 63, -64]) {
    const writer = new VarintWriter();
    writer.pushSigned(value);
    t.is(writer.finish().length, 1);
  }
});

test('a varint that runs past the end or is too long throws RangeError', (t) => {
  t.throws(() => new VarintReader(new Uint8Array()).next(), { instanceOf: RangeError });
  t.throws(() => new VarintReader(Uint8Array.of(0x80)).next(), { instanceOf: RangeError });
  t.throws(() => new VarintReader(new Uint8Array(12).fill(0x80)).next(), { instanceOf: RangeError });
});
