import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { RebekError } from '../../src/base/errors.ts';
import { type Body, decodeBody, encodeBody, type PlainMap } from '../../src/trace/pack.ts';
import {
  decodeImage,
  encodeImage,
  hashPage,
  ImageDecoder,
  ImageEncoder,
  pageBatches,
  pageSize,
} from '../../src/trace/pages.ts';
import { noise } from './support.ts';

/** As if it went through a file. */
function stored(body: PlainMap, chunk = 0): { body: Body } {
  return {
    body: decodeBody(Uint8Array.from(encodeBody(body)), { file: 'f', chunk, type: 'PAGE', offset: 64 }),
  };
}

function encode(memory: Uint8Array, name = 'memory'): { body: Body }[] {
  const parts: { body: Body }[] = [];
  encodeImage(name, memory, (body) => parts.push(stored(body, parts.length)));
  return parts;
}

/** Sums of what the parts hold. */
function count(parts: { body: Body }[]): { pages: number; same: number; data: number } {
  const sum = (name: string) => parts.reduce((n, { body }) => n + body.bin(name).length, 0);
  return { pages: sum('pages') / 4, same: sum('same') / 4, data: sum('data') };
}

function same(t: ExecutionContext, memory: Uint8Array, parts: { body: Body }[]): void {
  const zero = new Uint8Array(memory.length);
  decodeImage(parts, zero, 'memory', { targetIsZero: true });
  t.is(Buffer.compare(zero, memory), 0);
  const dirty = noise(memory.length, 99);
  decodeImage(parts, dirty, 'memory');
  t.is(Buffer.compare(dirty, memory), 0);
}

test('any memory comes back; zero pages are free, equal pages are stored once', (t) => {
  const contents = [0, 0, 0, 1, 2, 3].map((seed) =>
    seed === 0 ? new Uint8Array(pageSize) : noise(pageSize, seed),
  );
  // pages that differ in one byte only, at their very beginning or end
  for (const at of [0, pageSize - 1])
    contents.push(contents[3]!.map((byte, i) => (i === at ? byte ^ 1 : byte)));
  for (const at of [0, 2048, pageSize - 1]) contents.push(contents[0]!.map((_, i) => (i === at ? 1 : 0)));
  fc.assert(
    fc.property(
      fc.array(fc.nat(contents.length - 1), { maxLength: 700 }),
      fc.nat(pageSize - 1),
      fc.integer({ min: 0, max: 9 }),
      (picks, extra, shift) => {
        const backing = new Uint8Array(shift + picks.length * pageSize + extra);
        const memory = backing.subarray(shift); // at any alignment
        for (const [page, pick] of picks.entries()) memory.set(contents[pick]!, page * pageSize);
        memory.set(noise(extra), picks.length * pageSize);
        const parts = encode(memory);
        same(t, memory, parts);
        const nonzero = picks.filter((pick) => pick > 2);
        const { pages, same: shared, data } = count(parts);
        const tail = extra > 0 ? 1 : 0;
        t.is(pages, new Set(nonzero).size + tail);
        t.is(shared, nonzero.length - new Set(nonzero).size);
        t.is(data, new Set(nonzero).size * pageSize + extra);
      },
    ),
    { numRuns: 60 },
  );
});

test('an image of nothing, of zeros, of less than a page, of many parts', (t) => {
  for (const length of [0, 1, 4095, 4096, 4097, 3 * 256 * pageSize + 17]) {
    const zeros = encode(new Uint8Array(length));
    t.is(zeros.length, 1);
    t.deepEqual(count(zeros), { pages: 0, same: 0, data: 0 });
    same(t, new Uint8Array(length), zeros);
    const full = noise(length);
    const parts = encode(full);
    t.is(parts.length, Math.max(1, Math.ceil(Math.ceil(length / pageSize) / 256)));
    same(t, full, parts);
  }
});

test('batches own their buffers and list ascending pages', (t) => {
  const memory = new Uint8Array(1000 * pageSize);
  for (let page = 0; page < 1000; page += 3) memory[page * pageSize + 5] = 1;
  const batches = [...pageBatches(memory)];
  t.deepEqual(
    batches.map(({ pages }) => pages.length),
    [256, 78],
  );
  for (const { pages, data } of batches) {
    t.is(data.buffer.byteLength, data.length);
    t.is(pages.buffer.byteLength, pages.length * 4);
  }
  const [first, second] = batches.map(({ pages }) => [...pages]);
  t.deepEqual(
    [...first!, ...second!],
    Array.from({ length: 334 }, (_, i) => i * 3),
  );
});

test('batches that do not fit the image are refused', (t) => {
  const encoder = new ImageEncoder('memory', 2 * pageSize + 10, () => {});
  t.throws(() => encoder.add(Uint32Array.of(3), new Uint8Array(pageSize)), { instanceOf: RangeError });
  t.throws(() => encoder.add(Uint32Array.of(2), new Uint8Array(pageSize)), { instanceOf: RangeError });
  t.throws(() => encoder.add(Uint32Array.of(0), new Uint8Array(9)), { instanceOf: RangeError });
  encoder.end();
  t.throws(() => encoder.add(Uint32Array.of(0), new Uint8Array(pageSize)), { instanceOf: RangeError });
});

test('pages that have the same hash are kept apart by their bytes', (t) => {
  // the hash takes every fourth word into one lane and multiplies; the last of them can undo what another did
  const multiply = (state: number, word: number) => Math.imul(state ^ word, 0x85ebca77);
  const lane = (words: Uint32Array) => {
    let state = 2;
    for (let i = 1; i < 1021; i += 4) state = multiply(state, words[i]!);
    return state;
  };
  const distinct = 12;
  const memory = new Uint8Array(2 * distinct * pageSize);
  const hashes = new Set<number>();
  for (let page = 0; page < distinct; page++) {
    const words = new Uint32Array(memory.buffer, page * pageSize, 1024);
    words[1] = page + 1;
    words[1021] = lane(words) ^ 12345;
    hashes.add(hashPage(words));
  }
  t.is(hashes.size, 1);
  memory.copyWithin(distinct * pageSize, 0, distinct * pageSize);
  const parts = encode(memory);
  same(t, memory, parts);
  // of so many candidates only eight are compared; the others are stored once more
  t.deepEqual(count(parts), { pages: 16, same: 8, data: 16 * pageSize });
});

test('parts that contradict themselves, the image or each other are refused', (t) => {
  const good = {
    image: 'memory',
    size: 4 * pageSize + 10,
    part: 0,
    last: true,
    pages: Uint32Array.of(0, 4),
    data: noise(pageSize + 10),
    same: Uint32Array.of(2),
    source: Uint32Array.of(0),
  };
  const attempt = (...bodies: object[]) => {
    const target = new Uint8Array(4 * pageSize + 10);
    decodeImage(
      bodies.map((body, i) => stored(body as PlainMap, i)),
      target,
      'memory',
    );
    return target;
  };
  t.is(
    Buffer.compare(attempt(good).subarray(2 * pageSize, 3 * pageSize), good.data.subarray(0, pageSize)),
    0,
  );

  const bad: [string, object, RegExp][] = [
    ['size', { size: 4 * pageSize }, /expected 16394, found 16384/],
    ['part', { part: 1 }, /expected 0, found 1/],
    ['pages', { pages: Uint32Array.of(0, 5) }, /page numbers below 5/],
    ['pages', { pages: Uint32Array.of(0, 0xffffffff) }, /page numbers below 5/],
    ['pages', { pages: Uint32Array.of(0, 0) }, /each page once/],
    ['pages', { pages: new Uint32Array(257) }, /at most 256/],
    ['data', { data: noise(2 * pageSize) }, /4106 bytes/],
    ['data', { data: new Uint8Array(0) }, /4106 bytes/],
    ['same', { same: Uint32Array.of(5) }, /page numbers below 5/],
    ['same', { same: Uint32Array.of(0) }, /each page once/],
    [
      'same',
      { pages: Uint32Array.of(0, 1), data: noise(2 * pageSize), same: Uint32Array.of(4) },
      /whole pages/,
    ],
    ['source', { source: Uint32Array.of(1) }, /a page listed before/],
    ['source', { source: Uint32Array.of(2) }, /a page listed before/],
    ['source', { source: Uint32Array.of(9999) }, /a page listed before/],
    ['source', { source: Uint32Array.of(4) }, /a page of the same length/],
    ['source', { source: Uint32Array.of(0, 0) }, /1 elements/],
    ['last', { last: 1 }, /true or false/],
  ];
  for (const [field, change, message] of bad) {
    const error = t.throws(() => attempt({ ...good, ...change }), {
      instanceOf: RebekError,
      code: 'ERR_TRACE_BODY',
      message,
    });
    t.like(error.details, { field, chunk: 0, type: 'PAGE' });
  }

  const first = { ...good, last: false };
  const second = {
    ...good,
    part: 1,
    pages: Uint32Array.of(1),
    data: noise(pageSize),
    same: Uint32Array.of(3),
  };
  attempt(first, second);
  t.throws(() => attempt(first, { ...second, part: 2 }), {
    code: 'ERR_TRACE_BODY',
    message: /part: expected 1/,
  });
  t.throws(() => attempt(first, { ...second, same: Uint32Array.of(2) }), { message: /each page once/ });
  const missing = t.throws(() => attempt(first), { instanceOf: RebekError, code: 'ERR_TRACE_INCOMPLETE' });
  t.regex(missing.message, /nothing follows chunk 0 \(PAGE\) at offset 64/);
  t.throws(() => attempt(), { code: 'ERR_TRACE_INCOMPLETE', message: /no part at all/ });

  const decoder = new ImageDecoder('memory', new Uint8Array(good.size));
  decoder.add(stored(good).body);
  t.true(decoder.complete);
  t.throws(() => decoder.add(stored({ ...second, part: 1 }).body), { message: /no part behind the last/ });
});

test('images of several names do not mix', (t) => {
  const [a, b] = [noise(20 * pageSize, 5), noise(30 * pageSize, 6)];
  const parts = [...encode(b, 'other'), ...encode(a)];
  same(t, a, parts);
  const target = new Uint8Array(b.length);
  decodeImage(parts, target, 'other');
  t.is(Buffer.compare(target, b), 0);
});
