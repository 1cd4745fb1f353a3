/** Every kind of damage has its own error, which names the place; and no damage at all goes unnoticed. */
import test from 'ava';
import fc from 'fast-check';
import { putCrc } from '../../src/trace/checksum.ts';
import { openContainer } from '../../src/trace/container-reader.ts';
import {
  chunkFields,
  expectDamage,
  flip,
  footerFields,
  headerFields,
  noise,
  type PlacedChunk,
  readAll,
  scratch,
  verifyError,
  writeHarmed,
  writeSample,
} from './support.ts';

const masks = [0x01, 0xff];

test('a flipped byte in the file header', (t) => {
  const folder = scratch(t);
  const sample = writeSample(folder);
  for (const [field, begin, end] of headerFields)
    for (let at = begin; at < end; at++)
      for (const mask of masks) {
        const path = writeHarmed(folder, flip(sample.bytes, at, mask));
        expectDamage(t, path, sample, { code: 'ERR_TRACE_HEADER', offset: at, field });
      }
});

test('a flipped byte in every field of every chunk header', (t) => {
  const folder = scratch(t);
  const sample = writeSample(folder);
  for (const { sequence: chunk, offset } of sample.chunks)
    for (const [field, begin, end] of chunkFields)
      for (const at of new Set([begin, end - 1]))
        for (const mask of masks) {
          const path = writeHarmed(folder, flip(sample.bytes, offset + at, mask));
          expectDamage(t, path, sample, { code: 'ERR_TRACE_DAMAGED', offset: offset + at, field, chunk });
        }
});

test('a flipped byte in a payload: first, middle, last', (t) => {
  const folder = scratch(t);
  const sample = writeSample(folder);
  for (const { sequence: chunk, type, offset, end } of sample.chunks)
    for (const at of [offset + 84, Math.floor((offset + 84 + end) / 2), end - 1])
      for (const mask of masks) {
        const path = writeHarmed(folder, flip(sample.bytes, at, mask));
        const expected = { code: 'ERR_TRACE_DAMAGED', offset: offset + 84, field: 'payload', chunk, type };
        expectDamage(t, path, sample, expected);
      }
});

test('a flipped byte in the footer of a complete file is damage, not incompleteness', (t) => {
  const folder = scratch(t);
  const sample = writeSample(folder);
  const footer = sample.bytes.length - 64;
  for (const [field, begin, end] of footerFields)
    for (let at = begin; at < end; at++)
      for (const mask of masks) {
        const path = writeHarmed(folder, flip(sample.bytes, footer + at, mask));
        expectDamage(t, path, sample, { code: 'ERR_TRACE_FOOTER', offset: footer + at, field });
      }
});

test('no flipped byte anywhere goes unnoticed, and the chunk is named', (t) => {
  const folder = scratch(t);
  const sample = writeSample(folder);
  for (let at = 64; at < sample.bytes.length - 64; at++) {
    const chunk = sample.chunks.find((c) => at < c.end)!;
    const path = writeHarmed(folder, flip(sample.bytes, at, (at % 255) + 1));
    for (const error of [verifyError(path), readAll(t, path, sample).error]) {
      t.is(error?.code, 'ERR_TRACE_DAMAGED');
      t.is(error?.details['chunk'], chunk.sequence);
      t.is(error?.details['chunkOffset'], chunk.offset);
    }
  }
});

test('of a damaged file, what stands before the damage can be salvaged', (t) => {
  const folder = scratch(t);
  const sample = writeSample(folder);
  const { offset } = sample.chunks[5]!;
  // chunk 5 alone: index and footer are good, so the file is known to be complete, and the error comes when reading
  const outcome = readAll(t, writeHarmed(folder, flip(sample.bytes, offset + 90)), sample);
  t.like(outcome, { complete: true, read: 4 });
  // and the footer is damaged, too
  const both = writeHarmed(folder, flip(flip(sample.bytes, offset + 90), sample.bytes.length - 1));
  t.like(readAll(t, both, sample), { complete: undefined, read: 0 });
  const salvaged = readAll(t, both, sample, true);
  t.like(salvaged, { error: undefined, complete: false, read: 4 });
  const reader = openContainer(both, { salvage: true });
  t.like(reader.incomplete, { code: 'ERR_TRACE_DAMAGED', offset, chunk: 5 });
  reader.close();
});

test('bytes behind the footer', (t) => {
  const folder = scratch(t);
  const sample = writeSample(folder);
  const offset = sample.bytes.length;
  for (const tail of [
    Buffer.of(0),
    Buffer.of(1),
    Buffer.alloc(64),
    Buffer.alloc(5000),
    sample.bytes,
    noise(99),
  ]) {
    const path = writeHarmed(folder, Buffer.concat([sample.bytes, tail]));
    expectDamage(t, path, sample, { code: 'ERR_TRACE_TRAILING', offset, field: 'trailing' });
    t.is(readAll(t, path, sample, true).read, 5);
  }
});

test('bytes inserted, removed, or moved', (t) => {
  const folder = scratch(t);
  const sample = writeSample(folder);
  const { bytes, chunks } = sample;
  const part = (chunk: PlacedChunk) => bytes.subarray(chunk.offset, chunk.end);
  const join = (...parts: Uint8Array[]) => writeHarmed(folder, Buffer.concat(parts));
  const [, one, two] = chunks as [PlacedChunk, PlacedChunk, PlacedChunk];
  const before = bytes.subarray(0, one.offset);
  const damaged = { code: 'ERR_TRACE_DAMAGED', chunk: 1, offset: one.offset };
  expectDamage(t, join(before, Buffer.of(0), bytes.subarray(one.offset)), sample, {
    ...damaged,
    field: 'magic',
  });
  expectDamage(t, join(before, bytes.subarray(one.offset + 1)), sample, { ...damaged, field: 'magic' });
  // a whole chunk left out, doubled, or exchanged with its neighbour
  const number = { ...damaged, offset: one.offset + 12, field: 'sequence' };
  expectDamage(t, join(before, bytes.subarray(one.end)), sample, number);
  expectDamage(t, join(before, part(two), part(one), bytes.subarray(two.end)), sample, number);
  const doubled = join(bytes.subarray(0, one.end), part(one), bytes.subarray(one.end));
  expectDamage(t, doubled, sample, { ...number, offset: one.end + 12, chunk: 2 });
});

test('another version, another kind', (t) => {
  const folder = scratch(t);
  const sample = writeSample(folder);
  const withHeader = (change: (header: Buffer) => void) => {
    const copy = Buffer.from(sample.bytes);
    const header = copy.subarray(0, 64);
    change(header);
    putCrc(header);
    return writeHarmed(folder, copy);
  };
  for (const major of [0, 2, 65_535]) {
    const path = withHeader((h) => h.writeUInt16LE(major, 8));
    expectDamage(t, path, sample, { code: 'ERR_TRACE_VERSION', offset: 8, field: 'major version' });
  }
  // a later minor version may use the reserved bytes; ours may not
  const later = withHeader((h) => {
    h.writeUInt16LE(7, 10);
    h[50] = 1;
  });
  openContainer(later).close();
  const reserved = withHeader((h) => h.writeUInt8(1, 59));
  expectDamage(t, reserved, sample, { code: 'ERR_TRACE_HEADER', offset: 40, field: 'reserved' });
  const state = withHeader((h) => h.write('STAT', 12));
  const error = readAll(t, state, sample).error;
  t.is(error?.code, 'ERR_TRACE_KIND');
  t.regex(error?.message ?? '', /holds a saved machine state, not a trace/);
  t.is(
    readAll(
      t,
      withHeader((h) => h.write('ABCD', 12)),
      sample,
    ).error?.code,
    'ERR_TRACE_KIND',
  );
});

test('a file that is no trace', (t) => {
  const folder = scratch(t);
  const sample = writeSample(folder);
  const expectNone = (bytes: Uint8Array) => {
    const path = writeHarmed(folder, bytes);
    for (const error of [verifyError(path), readAll(t, path, sample).error])
      t.is(error?.code, 'ERR_TRACE_NOT_A_TRACE', Buffer.from(bytes.subarray(0, 20)).toString('hex'));
  };
  for (const text of ['', 'x', '#!/bin/sh\n', '\x7fELF', '\x89PNG\r\n\x1a\n', '{"a": 1}'])
    expectNone(Buffer.from(text.padEnd(text.length * 60, text), 'latin1'));
  fc.assert(fc.property(fc.uint8Array({ maxLength: 500 }), expectNone), { numRuns: 300 });
  const asText = Buffer.from(sample.bytes.toString('latin1').replaceAll('\r\n', '\n'), 'latin1');
  const error = readAll(t, writeHarmed(folder, asText), sample).error;
  t.is(error?.code, 'ERR_TRACE_HEADER');
  t.regex(error?.message ?? '', /copied as text/);
});

test('a good header and garbage behind it', (t) => {
  const folder = scratch(t);
  const sample = writeSample(folder);
  const header = sample.bytes.subarray(0, 64);
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 700 }), (garbage) => {
      const path = writeHarmed(folder, Buffer.concat([header, garbage]));
      const { error, read } = readAll(t, path, sample);
      const torn = garbage[0] === 0xf1 || garbage.every((byte) => byte === 0);
      t.is(read, 0);
      t.true(torn || error?.code === 'ERR_TRACE_DAMAGED');
    }),
    { numRuns: 300 },
  );
});

test('whatever is done to a file, no chunk is ever read wrongly', (t) => {
  const folder = scratch(t);
  const sample = writeSample(folder);
  const size = sample.bytes.length;
  const edit = fc.record({
    at: fc.nat(size),
    remove: fc.oneof(fc.constant(0), fc.nat(300)),
    insert: fc.oneof(
      fc.uint8Array({ maxLength: 100 }),
      fc.tuple(fc.nat(size), fc.nat(300)).map(([from, n]) => sample.bytes.subarray(from, from + n)),
    ),
  });
  fc.assert(
    fc.property(fc.array(edit, { minLength: 1, maxLength: 3 }), (edits) => {
      let bytes: Buffer = sample.bytes;
      for (const { at, remove, insert } of edits)
        bytes = Buffer.concat([bytes.subarray(0, at), insert, bytes.subarray(at + remove)]);
      const path = writeHarmed(folder, bytes);
      const { error } = readAll(t, path, sample); // fails the test if it reads anything else
      readAll(t, path, sample, true);
      const changed = !bytes.equals(sample.bytes);
      t.is(verifyError(path) !== undefined, changed);
      if (error === undefined && changed) t.is(verifyError(path)?.exitCode, 4);
    }),
    { numRuns: 500 },
  );
});
