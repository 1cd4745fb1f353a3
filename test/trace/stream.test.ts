import test from 'ava';
import fc from 'fast-check';
import { decodeBody, encodeBody } from '../../src/trace/pack.ts';
import { decodeStream, StreamBatch } from '../../src/trace/stream.ts';

const records = fc.array(
  fc.record({ step: fc.nat(2 ** 40), channel: fc.nat(7), bytes: fc.uint8Array({ maxLength: 60 }) }),
  {
    minLength: 1,
  },
);
type Records = typeof records extends fc.Arbitrary<infer T> ? T : never;

function fill(batch: StreamBatch, list: Records) {
  let instruction = 17;
  return list.map(({ step, channel, bytes }) => {
    instruction += step;
    batch.add(instruction, channel, bytes);
    return { instruction, port: channel >> 1, direction: channel & 1 ? 'in' : 'out', bytes: [...bytes] };
  });
}
const pack = (fields: Record<string, unknown>) => decodeBody(encodeBody(fields), { type: 'CONS' });

test('records round-trip, also after the batch was taken', (t) => {
  const batch = new StreamBatch();
  fc.assert(
    fc.property(records, (list) => {
      const expected = fill(batch, list);
      t.is(batch.records, list.length);
      const found = decodeStream(pack(batch.take()));
      t.deepEqual(
        found.map((record) => ({ ...record, bytes: [...record.bytes] })),
        expected as never,
      );
      t.is(batch.records, 0);
    }),
  );
});

test('columns that do not fit each other are told', (t) => {
  const batch = new StreamBatch();
  batch.add(5, 0, [1, 2, 3]);
  batch.add(9, 1, [4]);
  const fields = batch.take();
  for (const column of ['ins', 'chan', 'len', 'data']) {
    const bytes = fields[column] as Uint8Array;
    for (const wrong of [bytes.slice(0, -1), Uint8Array.of(...bytes, 1)]) {
      t.throws(
        () => decodeStream(pack({ ...fields, [column]: wrong })),
        { code: 'ERR_TRACE_STREAM' },
        column,
      );
    }
  }
});

test('what is put at one instruction becomes one record, lowest byte first', (t) => {
  const width = fc.constantFrom(1 as const, 2 as const, 4 as const);
  const write = fc.record({ step: fc.nat(2), value: fc.integer({ min: 0, max: 0xffff_ffff }), width });
  const batch = new StreamBatch();
  fc.assert(
    fc.property(fc.array(write, { minLength: 1 }), (writes) => {
      const expected: { instruction: number; port: number; direction: 'out'; bytes: number[] }[] = [];
      let instruction = 5;
      for (const { step, value, width } of writes) {
        instruction += step;
        batch.put(instruction, value, width);
        if (expected.at(-1)?.instruction !== instruction)
          expected.push({ instruction, port: 0, direction: 'out', bytes: [] });
        for (let i = 0; i < width; i++) expected.at(-1)!.bytes.push(Math.floor(value / 256 ** i) % 256);
      }
      t.is(batch.records, expected.length);
      t.is(
        batch.bytes,
        expected.reduce((sum, { bytes }) => sum + bytes.length, 0),
      );
      t.is(batch.instruction, expected[0]!.instruction);
      const found = decodeStream(pack(batch.take()));
      t.deepEqual(
        found.map((record) => ({ ...record, bytes: [...record.bytes] })),
        expected,
      );
    }),
  );
});
