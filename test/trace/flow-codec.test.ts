import { readFileSync, writeFileSync } from 'node:fs';
import test from 'ava';
import fc from 'fast-check';
import { RebekError } from '../../src/base/errors.ts';
import { FlowDecoder, FlowEncoder } from '../../src/trace/flow-codec.ts';
import { programFlow, randomNumbers } from './flow-programs.ts';

const encoder = new FlowEncoder();
const decoder = new FlowDecoder();
const bytesOf = (words: Uint32Array): Buffer => Buffer.from(words.buffer, words.byteOffset, words.byteLength);
const equal = (a: Uint32Array, b: Uint32Array): boolean => Buffer.compare(bytesOf(a), bytesOf(b)) === 0;

/** Encodes and decodes; returns the number of bytes. */
function roundTrip(words: Uint32Array): number {
  const bytes = encoder.encode(words, words.length / 2);
  const decoded = decoder.decode(bytes, words.length / 2);
  if (decoded.length !== words.length || !equal(decoded, words)) throw new Error('decoded to something else');
  return bytes.length;
}

/** Decodes what may be damaged: records or the one error, nothing else. */
function survives(bytes: Uint8Array, count: number): 'records' | 'error' {
  try {
    const { length } = decoder.decode(bytes, count);
    if (length !== 2 * count) throw new Error(`decoded to ${length} words`);
    return 'records';
  } catch (error) {
    if (!(error instanceof RebekError) || error.code !== 'ERR_TRACE_FLOW') throw error;
    return 'error';
  }
}

const u32 = fc.oneof(
  fc.integer({ min: 0, max: 0xffffffff }),
  fc.integer({ min: 0, max: 20 }),
  fc.constantFrom(0, 0x7fffffff, 0x80000000, 0xffffffff),
);
const anyWords = fc
  .array(fc.tuple(u32, u32), { maxLength: 300 })
  .map((records) => Uint32Array.from(records.flat()));

test('any records come back, also in the middle of a larger array', (t) => {
  fc.assert(
    fc.property(anyWords, fc.nat(3), (words, before) => {
      roundTrip(words);
      const larger = new Uint32Array(words.length + before + 2);
      larger.set(words, before);
      roundTrip(larger.subarray(before, before + words.length));
    }),
    { numRuns: 300 },
  );
  t.pass();
});

test('records of few kinds come back', (t) => {
  const few = fc.array(fc.nat(5), { maxLength: 2000, size: 'max' });
  fc.assert(
    fc.property(few, u32, (choices, base) => {
      roundTrip(Uint32Array.from(choices.flatMap((c) => [(base + c) >>> 0, c & 1])));
    }),
    { numRuns: 200 },
  );
  t.pass();
});

test('none, one, and only the first of an array', (t) => {
  t.true(roundTrip(new Uint32Array(0)) > 0);
  roundTrip(Uint32Array.of(0, 0));
  roundTrip(Uint32Array.of(0xffffffff, 0xffffffff));
  const bytes = encoder.encode(Uint32Array.of(1, 2, 3, 4), 1);
  t.deepEqual([...decoder.decode(bytes, 1)], [1, 2]);
});

test('a program is written in far less than a bit a record, and a loop of millions in next to nothing', (t) => {
  for (let seed = 1; seed <= 6; seed++) {
    const words = programFlow(seed, 200_000);
    const bits = (roundTrip(words) * 8) / (words.length / 2);
    t.true(bits < 0.5, `${bits} bits a record`);
  }
  const loop = new Uint32Array(2 * ((1 << 21) + 5));
  for (let i = 0; i < loop.length; i += 2) loop.set([0xc0100000 + ((i >> 1) % 3) * 8, 3], i);
  t.true(roundTrip(loop) < 200);
});

test('more records than there are ids', (t) => {
  const words = new Uint32Array(2 * 600_000);
  const random = randomNumbers(5);
  for (let i = 0; i < words.length; i += 2) {
    // New ones; then old and new ones mixed, and a few that come often, with and without an id.
    const n = i < 540_000 ? i : random(4) === 0 ? random(600_000) : 700_000 + random(5);
    words.set([Math.imul(n, 0x9e3779b1) >>> 0, n & 15], i);
  }
  roundTrip(words);
  t.pass();
});

test('chunks do not depend on those before them', (t) => {
  const [first, second] = [programFlow(1, 30_000), programFlow(2, 30_000)];
  const alone = new FlowEncoder().encode(second, 30_000);
  encoder.encode(first, 30_000);
  t.deepEqual(encoder.encode(second, 30_000), alone);
  decoder.decode(encoder.encode(first, 30_000), 30_000);
  t.true(equal(decoder.decode(alone, 30_000), second));
});

test('what the encoder returned is not changed by the next chunk', (t) => {
  const bytes = encoder.encode(programFlow(1, 1000), 1000);
  const before = bytes.slice();
  encoder.encode(programFlow(2, 1000), 1000);
  t.deepEqual(bytes, before);
});

test('damaged bytes give an error or other records, and are never read beyond', (t) => {
  const words = programFlow(3, 3000);
  const bytes = encoder.encode(words, 3000);
  let errors = 0;
  for (let at = 0; at < bytes.length; at++) {
    for (const flip of [1, 0x80, 0xff]) {
      const damaged = bytes.slice();
      damaged[at]! ^= flip;
      if (survives(damaged, 3000) === 'error') errors++;
    }
  }
  t.true(errors > bytes.length);
  for (let length = 0; length < bytes.length; length++) {
    t.is(survives(bytes.subarray(0, length), 3000), 'error', `cut to ${length}`);
  }
  t.is(survives(Buffer.concat([bytes, Buffer.of(0)]), 3000), 'error');
});

test('a wrong count is an error', (t) => {
  const bytes = encoder.encode(programFlow(3, 3000), 3000);
  for (const count of [0, 1, 2000, 2999, 4000, 1 << 20, -1, 2.5, Number.NaN])
    t.is(survives(bytes, count), 'error', `${count}`);
});

/** With a good header. */
function framed(noise: Uint8Array, cut: number, count: number): Uint8Array {
  const bytes = new Uint8Array(noise.length + 8);
  const header = new DataView(bytes.buffer);
  header.setUint32(0, count, true);
  header.setUint32(4, cut, true);
  bytes.set(noise, 8);
  return bytes;
}

test('arbitrary bytes give an error or records', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), fc.nat(300), fc.nat(5000), (noise, cut, count) => {
      survives(noise, count);
      survives(framed(noise, Math.min(cut, noise.length), count), count);
    }),
    { numRuns: 500 },
  );
  const random = randomNumbers(9);
  const long = Uint8Array.from({ length: 200_000 }, () => random(256));
  survives(framed(long, 256, 100_000), 100_000);
  t.pass();
});

interface Vector {
  name: string;
  /** Value and info in turn. */
  records: number[];
  /** Hexadecimal. */
  bytes: string;
}
const vectorsUrl = new URL('../../../test/trace/flow-vectors.json', import.meta.url);

/** After a deliberate change of the format: run with REBEK_WRITE_VECTORS set, then format the file. */
test('conformance vectors', (t) => {
  const vectors = JSON.parse(readFileSync(vectorsUrl, 'utf8')) as Vector[];
  if (process.env['REBEK_WRITE_VECTORS'] !== undefined) {
    for (const vector of vectors) {
      const { records } = vector;
      vector.bytes = Buffer.from(encoder.encode(Uint32Array.from(records), records.length / 2)).toString(
        'hex',
      );
    }
    writeFileSync(vectorsUrl, `${JSON.stringify(vectors)}\n`);
  }
  t.true(vectors.length >= 6);
  for (const { name, records, bytes } of vectors) {
    const words = Uint32Array.from(records);
    const count = words.length / 2;
    t.is(Buffer.from(encoder.encode(words, count)).toString('hex'), bytes, name);
    t.deepEqual([...decoder.decode(Buffer.from(bytes, 'hex'), count)], records, name);
  }
});
