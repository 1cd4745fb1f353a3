/** Files that were changed on purpose, with their checksums made right again, are still found out. */
import test from 'ava';
import { putCrc, sha256 } from '../../src/trace/checksum.ts';
import { encodeChunkHeader } from '../../src/trace/chunk.ts';
import { openContainer } from '../../src/trace/container-reader.ts';
import { encodeFileHeader, encodeFooter } from '../../src/trace/file-header.ts';
import { encodeBody } from '../../src/trace/pack.ts';
import {
  forgeHeader,
  type PlacedChunk,
  readAll,
  scratch,
  verifyError,
  writeHarmed,
  writeSample,
} from './support.ts';

test('a chunk header that lies, with a good CRC', (t) => {
  const folder = scratch(t);
  const sample = writeSample(folder);
  const plain = sample.chunks[1]!; // compressed
  const stored = sample.chunks[2]!;
  const cases: [PlacedChunk, string, number, (header: Buffer) => void][] = [
    [plain, 'magic', 0, (h) => h.write('CHUN', 0)],
    [plain, 'type', 4, (h) => h.write('evts', 4)],
    [plain, 'type', 4, (h) => h.write('EV\0S', 4)],
    [plain, 'flags', 8, (h) => h.writeUInt32LE(4, 8)],
    [plain, 'flags', 8, (h) => h.writeUInt32LE(0x80000000, 8)],
    [plain, 'sequence', 12, (h) => h.writeUInt32LE(2, 12)],
    [plain, 'encoded length', 16, (h) => h.writeUInt32LE(0, 16)],
    [plain, 'encoded length', 16, (h) => h.writeUInt32LE((64 << 20) + 1, 16)],
    [plain, 'encoded length', 16, (h) => h.writeUInt32LE(0xffffffff, 16)],
    [plain, 'plain length', 20, (h) => h.writeUInt32LE(0, 20)],
    [plain, 'plain length', 20, (h) => h.writeUInt32LE((64 << 20) + 1, 20)],
    [plain, 'plain length', 20, (h) => h.writeUInt32LE(h.readUInt32LE(16), 20)],
    [plain, 'plain length', 20, (h) => h.writeUInt32LE(64 << 20, 20)],
    [
      plain,
      'plain length',
      20,
      (h) => {
        h.writeUInt32LE(1 << 20, 16); // enough LZ4 for it
        h.writeUInt32LE((64 << 20) + 1, 20);
      },
    ],
    [plain, 'payload', 84, (h) => h.writeUInt32LE(h.readUInt32LE(20) + 1, 20)],
    [plain, 'payload', 84, (h) => h.writeUInt32LE(h.readUInt32LE(20) - 1, 20)],
    [plain, 'plain length', 20, (h) => h.writeUInt32LE(2, 8)],
    [stored, 'plain length', 20, (h) => h.writeUInt32LE(0, 8)],
    [stored, 'plain length', 20, (h) => h.writeUInt32LE(h.readUInt32LE(20) + 1, 20)],
    [plain, 'instruction', 24, (h) => h.writeDoubleLE(Number.NaN, 24)],
    [plain, 'instruction', 24, (h) => h.writeDoubleLE(-1, 24)],
    [plain, 'wall', 32, (h) => h.writeDoubleLE(Number.POSITIVE_INFINITY, 32)],
    [plain, 'payload', 84, (h) => (h[40]! ^= 1)],
    [plain, 'payload', 84, (h) => (h[44]! ^= 1)],
  ];
  for (const [chunk, field, at, lie] of cases) {
    const path = writeHarmed(folder, forgeHeader(sample.bytes, chunk.offset, lie));
    const error = verifyError(path);
    t.is(error?.code, 'ERR_TRACE_DAMAGED', `${field}: ${lie}`);
    t.like(error?.details, { chunk: chunk.sequence, field, offset: chunk.offset + at }, `${field}: ${lie}`);
    t.is(readAll(t, path, sample).error?.code, 'ERR_TRACE_DAMAGED');
  }
});

test('what is changed on purpose, with all CRCs made right, breaks the chain', (t) => {
  const folder = scratch(t);
  const sample = writeSample(folder);
  for (const { sequence, offset, type } of sample.chunks.slice(0, 3)) {
    for (const change of [
      (header: Buffer) => header.writeDoubleLE(5, 32),
      (header: Buffer) => header.writeUInt32LE(header.readUInt32LE(8) ^ 1, 8),
      (header: Buffer) => header.fill(0x55, 48, 80),
    ]) {
      const error = verifyError(writeHarmed(folder, forgeHeader(sample.bytes, offset, change)));
      t.is(error?.code, 'ERR_TRACE_DAMAGED');
      t.like(error?.details, { chunk: sequence, type, field: 'chain', offset: offset + 48 });
    }
  }
  // the header of the file is part of the chain, too
  const other = Buffer.concat([encodeFileHeader('TRCE', 1e12), sample.bytes.subarray(64)]);
  t.like(verifyError(writeHarmed(folder, other))?.details, { chunk: 0, field: 'chain' });
});

/** A file made by hand: everything is formally right, whatever the maps say. */
function forge(folder: string, chunks: [type: string, body: object | Uint8Array][]): string {
  const parts: Buffer[] = [encodeFileHeader('TRCE', 1e12)];
  let chain = sha256(parts[0]!);
  let offset = 64;
  let indexOffset = 0;
  for (const [sequence, [type, body]] of chunks.entries()) {
    const plain = body instanceof Uint8Array ? body : Buffer.from(encodeBody(body));
    const head = { type, flags: 2, sequence, instruction: 0, wallNs: 0 };
    const header = encodeChunkHeader(head, plain, plain, chain);
    chain = header.subarray(48, 80);
    parts.push(header, Buffer.from(plain));
    if (type === 'INDX') indexOffset = offset;
    offset += 84 + plain.length;
  }
  parts.push(encodeFooter(indexOffset, offset + 64, chain));
  return writeHarmed(folder, Buffer.concat(parts));
}

/** The body of an index over stored chunks with these lengths. */
function indexOf(types: string, lengths: number[], more: object = {}): Record<string, unknown> {
  return {
    first: 0,
    start: 64,
    type: Buffer.from(types),
    flags: Uint32Array.from(lengths, () => 2),
    instruction: new Float64Array(lengths.length),
    wall: new Float64Array(lengths.length),
    encoded: Uint32Array.from(lengths),
    plain: Uint32Array.from(lengths),
    last: true,
    earlier: { first: new Uint32Array(0), start: new Float64Array(0), offset: new Float64Array(0) },
    ...more,
  };
}

test('an index that lies, with a good CRC and chain', (t) => {
  const folder = scratch(t);
  const a = encodeBody({ a: 1 }).slice();
  const b = encodeBody({ a: 2, b: 'x' }).slice();
  const good = indexOf('METAEVTS', [a.length, b.length]);
  const make = (index: object) =>
    forge(folder, [
      ['META', a],
      ['EVTS', b],
      ['INDX', index],
    ]);
  t.is(verifyError(make(good)), undefined);
  const earlier = (first: number, start: number, offset: number) => ({
    first: Uint32Array.of(first),
    start: Float64Array.of(start),
    offset: Float64Array.of(offset),
  });
  const { wall: _, ...withoutWall } = good;
  const lies: Record<string, object> = {
    'a field is missing': withoutWall,
    'exchanged types': { ...good, type: Buffer.from('EVTSMETA') },
    'no type': { ...good, type: Buffer.from('METAevts') },
    'another flag': { ...good, flags: Uint32Array.of(2, 3) },
    'an unknown flag': { ...good, flags: Uint32Array.of(2, 6) },
    'another instruction': { ...good, instruction: Float64Array.of(0, 1) },
    'no instruction': { ...good, instruction: Float64Array.of(0, Number.NaN) },
    'another time': { ...good, wall: Float64Array.of(0, 1) },
    'exchanged lengths': { ...good, encoded: Uint32Array.of(b.length, a.length) },
    'a length of zero': { ...good, encoded: Uint32Array.of(0, a.length + b.length) },
    'a length too long': { ...good, encoded: Uint32Array.of(a.length, b.length + 1) },
    'another plain length': { ...good, plain: Uint32Array.of(a.length, b.length + 1) },
    'a huge plain length': { ...good, plain: Uint32Array.of(a.length, 0xffffffff) },
    'a chunk too few': indexOf('META', [a.length]),
    'a chunk too many': indexOf('METAEVTSEVTS', [a.length, b.length, 1]),
    'the first left out': indexOf('EVTS', [b.length], { first: 1, start: 64 + 84 + a.length }),
    'another start': { ...good, start: 65 },
    'no start': { ...good, start: -1 },
    'an earlier index that is not there': { ...good, earlier: earlier(0, 64, 64) },
    'an earlier index behind': { ...good, earlier: earlier(5, 1000, 2000) },
    'earlier of other lengths': { ...good, earlier: { ...earlier(0, 64, 64), start: new Float64Array(2) } },
    'not the last': { ...good, last: false },
    'last is no boolean': { ...good, last: 1 },
  };
  for (const [what, index] of Object.entries(lies)) {
    const path = make(index);
    const error = verifyError(path);
    t.is(error?.code, 'ERR_TRACE_DAMAGED', what);
    t.is(error?.details['chunk'], what === 'not the last' ? 3 : 2, what);
    t.is(error?.details['field'], what === 'not the last' ? 'magic' : 'index', `${what}: ${error?.message}`);
    // whoever only reads does not get by either; lengths that cannot be are found before any chunk is read
    t.throws(
      () => {
        const reader = openContainer(path);
        if (/length (of zero|too long)|huge/.test(what)) reader.close();
        else [...reader.chunks()].map(({ body }) => body.number('a'));
      },
      { code: 'ERR_TRACE_DAMAGED' },
      what,
    );
  }
});

test('an index that lies about the index before it', (t) => {
  const folder = scratch(t);
  const a = encodeBody({ a: 1 }).slice();
  const b = encodeBody({ a: 2, b: 'x' }).slice();
  const begin = 64 + 84 + a.length;
  const first = indexOf('META', [a.length], { last: false });
  const size = encodeBody(first).length;
  const start = begin + 84 + size;
  const earlier = (...entries: [number, number, number][]) => ({
    first: Uint32Array.from(entries, (e) => e[0]),
    start: Float64Array.from(entries, (e) => e[1]),
    offset: Float64Array.from(entries, (e) => e[2]),
  });
  const second = indexOf('EVTS', [b.length], { first: 2, start, earlier: earlier([0, 64, begin]) });
  const make = (index: object, other: object = first) =>
    forge(folder, [
      ['META', a],
      ['INDX', other],
      ['EVTS', b],
      ['INDX', index],
    ]);
  const read = (path: string) => {
    const reader = openContainer(path);
    t.deepEqual(
      [...reader.chunks()].map(({ body }) => body.number('a')),
      [1, 2],
    );
    reader.close();
  };
  read(make(second));
  t.is(verifyError(make(second)), undefined);

  const everything = indexOf('METAINDXEVTS', [a.length, size, b.length]);
  const lies: Record<string, object> = {
    'none before': { ...second, earlier: earlier() },
    'one index that lists everything': everything,
    'a wrong offset': { ...second, earlier: earlier([0, 64, begin - 1]) },
    'an offset between two bytes': { ...second, earlier: earlier([0, 64, begin - 0.5]) },
    'another chunk': { ...second, earlier: earlier([0, 64, 64]) },
    'a wrong first': { ...second, earlier: earlier([1, 64, begin]) },
    'a wrong start': { ...second, earlier: earlier([0, 65, begin]) },
    'the same twice': { ...second, earlier: earlier([0, 64, begin], [0, 64, begin]) },
    'two of one': { ...second, earlier: earlier([0, 64, 64], [1, begin, begin]) },
  };
  for (const [what, index] of Object.entries(lies)) {
    const path = make(index);
    t.like(verifyError(path), { code: 'ERR_TRACE_DAMAGED' }, what);
    t.is(verifyError(path)?.details['chunk'], 3, what);
    t.is(verifyError(path)?.details['field'], 'index', what);
    t.throws(() => read(path), { code: 'ERR_TRACE_DAMAGED' }, what);
  }
  // of two before, the second is left out
  const third = (...before: [number, number, number][]) => {
    const middle = { ...second, last: false };
    const next = start + 84 + b.length + 84 + encodeBody(middle).length;
    const index = indexOf('META', [a.length], { first: 4, start: next, earlier: earlier(...before) });
    return forge(folder, [
      ['META', a],
      ['INDX', first],
      ['EVTS', b],
      ['INDX', middle],
      ['META', a],
      ['INDX', index],
    ]);
  };
  const both: [number, number, number][] = [
    [0, 64, begin],
    [2, start, start + 84 + b.length],
  ];
  t.is(verifyError(third(...both)), undefined);
  const lacking = third(both[0]!);
  t.like(verifyError(lacking)?.details, { chunk: 5, field: 'index' });
  t.throws(() => read(lacking), { code: 'ERR_TRACE_DAMAGED' });
  // an index in the middle that says that it is the last
  const early = make(second, { ...first, last: true });
  t.is(verifyError(early)?.code, 'ERR_TRACE_FOOTER');
});

test('a footer that lies, with a good CRC', (t) => {
  const folder = scratch(t);
  const sample = writeSample(folder);
  const at = sample.bytes.length - 64;
  const cases: [string, number, (footer: Buffer) => void][] = [
    ['magic', 0, (f) => f.write('XBKINDEX')],
    ['index offset', 8, (f) => f.writeDoubleLE(sample.chunks[3]!.offset, 8)],
    ['index offset', 8, (f) => f.writeDoubleLE(64, 8)],
    ['index offset', 8, (f) => f.writeDoubleLE(1e300, 8)],
    ['index offset', 8, (f) => f.writeDoubleLE(Number.NaN, 8)],
    ['index offset', 8, (f) => f.writeDoubleLE(at - 10, 8)],
    ['file length', 16, (f) => f.writeDoubleLE(sample.bytes.length + 1, 16)],
    ['chain', 24, (f) => f.fill(7, 24, 56)],
    ['reserved', 56, (f) => f.writeUInt32LE(1, 56)],
  ];
  for (const [field, begin, lie] of cases) {
    const copy = Buffer.from(sample.bytes);
    const footer = copy.subarray(at);
    lie(footer);
    putCrc(footer);
    const path = writeHarmed(folder, copy);
    for (const error of [verifyError(path), readAll(t, path, sample).error]) {
      t.is(error?.code, 'ERR_TRACE_FOOTER', `${lie}`);
      t.is(error?.details['field'], field, `${lie}`);
      const offset = error?.details['offset'] as number;
      t.true(offset >= at + begin && offset < at + begin + 32, `${lie}`);
    }
  }
});

test('a map that is not well-formed, with a good CRC and chain', (t) => {
  const folder = scratch(t);
  const bad = Buffer.from('\x81\xa1a\xd4\x72\x40', 'latin1');
  const path = forge(folder, [
    ['META', bad],
    ['INDX', indexOf('META', [bad.length])],
  ]);
  const error = verifyError(path);
  t.like(error?.details, { chunk: 0, type: 'META', field: 'MessagePack', offset: 148 });
  t.regex(error?.message ?? '', /not well-formed: an extension type at byte 3/);
  const reader = openContainer(path);
  t.throws(() => [...reader.chunks()], { code: 'ERR_TRACE_DAMAGED' });
  reader.close();
});
