import { spawnSync } from 'node:child_process';
import { existsSync, linkSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { RebekError } from '../../src/base/errors.ts';
import { knownChunkTypes } from '../../src/trace/chunk-types.ts';
import { openContainer } from '../../src/trace/container-reader.ts';
import { ContainerWriter } from '../../src/trace/container-writer.ts';
import { verifyIntegrity } from '../../src/trace/integrity.ts';
import { contentOf, noise, readAll, scratch, verifyError, writeHarmed, writeSample } from './support.ts';

const start = { instruction: 0, wallNs: 0 };

test('what is written is read, by index and in order', (t) => {
  const sample = writeSample(scratch(t));
  const reader = openContainer(sample.path, { kind: 'TRCE' });
  t.teardown(() => reader.close());
  t.true(reader.complete);
  t.is(reader.incomplete, undefined);
  t.is(reader.chunkCount, 5);
  t.is(reader.size, sample.bytes.length);
  t.is(reader.header.created, 1e12);
  t.regex(reader.header.id, /^[0-9a-f]{32}$/);
  t.is(sample.chunks.map((chunk) => chunk.type).join(' '), 'META EVTS EVTS INDX ZOPT EVTS INDX');
  t.deepEqual(
    [...reader.entries()].map((entry) => [entry.sequence, entry.type, entry.offset]),
    sample.chunks.filter((c) => c.type !== 'INDX').map((c) => [c.sequence, c.type, c.offset]),
  );
  // random access, backwards
  for (const chunk of sample.chunks.toReversed()) {
    if (chunk.type === 'INDX') t.throws(() => reader.entry(chunk.sequence), { instanceOf: RangeError });
    else t.is(contentOf(reader.readChunk(reader.entry(chunk.sequence)).body.raw()), chunk.content);
  }
  for (const sequence of [-1, 7, 1.5, Number.NaN])
    t.throws(() => reader.entry(sequence), { instanceOf: RangeError });
  t.like(reader.entry(2), { flags: 2, instruction: 2 ** 40, wallNs: 2e9 }); // noise is stored
  t.like(reader.entry(4), { type: 'ZOPT' });
  t.is(reader.entry(4).flags & 1, 1);
  // by type; the unknown optional chunk is skipped unless asked for
  t.deepEqual(
    [...reader.chunks()].map(({ entry }) => entry.sequence),
    [0, 1, 2, 5],
  );
  t.deepEqual(
    [...reader.chunks(['EVTS'])].map(({ entry }) => entry.sequence),
    [1, 2, 5],
  );
  t.deepEqual(
    [...reader.chunks(['ZOPT'])].map(({ body }) => body.string('what')),
    ['to come'],
  );
  t.deepEqual(
    [...reader.entries(['META'])].map((entry) => entry.sequence),
    [0],
  );
});

test('every byte of a good file is verified, and counted', (t) => {
  const sample = writeSample(scratch(t));
  const seen: number[] = [];
  const result = verifyIntegrity(sample.path, { kind: 'TRCE', onProgress: (done) => seen.push(done) });
  const reader = openContainer(sample.path);
  reader.close();
  t.like(result, { complete: true, chunks: 7, size: sample.bytes.length, goodBytes: sample.bytes.length });
  t.is(result.chain, reader.chain ?? 'none');
  t.is(result.byType['EVTS']?.chunks, 3);
  const inChunks = Object.values(result.byType).reduce((sum, type) => sum + type.fileBytes, 0);
  t.is(inChunks + 128, sample.bytes.length);
  t.deepEqual(
    seen,
    sample.chunks.map((chunk) => chunk.end),
  );
});

test('any chunks in any number: what is written is read', (t) => {
  const folder = scratch(t);
  let run = 0;
  fc.assert(
    fc.property(
      fc.array(
        fc.record({
          type: fc.constantFrom('META', 'EVTS', 'PAGE'),
          data: fc.oneof(
            fc.uint8Array({ maxLength: 3000 }),
            fc.nat(3000).map((n) => new Uint8Array(n)),
          ),
          instruction: fc.nat(),
          wallNs: fc.double({ min: 0, max: 1e18, noNaN: true }),
        }),
        { maxLength: 40 },
      ),
      fc.integer({ min: 1, max: 10 }),
      (chunks, chunksPerIndex) => {
        const path = join(folder, `any-${run++}`);
        const writer = ContainerWriter.create(path, 'STAT', { chunksPerIndex });
        const written = chunks.map(({ type, data, ...time }) => writer.write(type, { data }, time));
        const finished = writer.close();
        t.is(finished.length, statSync(path).size);
        t.is(verifyIntegrity(path).chain, finished.chain);
        const reader = openContainer(path, { kind: 'STAT' });
        t.deepEqual([...reader.entries()], written);
        const read = [...reader.chunks()];
        reader.close();
        t.is(read.length, chunks.length);
        for (const [i, { entry, body }] of read.entries()) {
          t.like(entry, { type: chunks[i]!.type, instruction: chunks[i]!.instruction });
          t.is(entry.wallNs, chunks[i]!.wallNs);
          t.is(Buffer.compare(body.bin('data'), chunks[i]!.data), 0);
        }
      },
    ),
    { numRuns: 60 },
  );
});

test('more chunks than one index lists', (t) => {
  const path = join(scratch(t), 'many');
  const writer = ContainerWriter.create(path, 'TRCE');
  const count = 65_536 + 10;
  for (let i = 0; i < count; i++) writer.write('EVTS', { i }, { instruction: i, wallNs: i });
  writer.close();
  const reader = openContainer(path);
  t.is(reader.chunkCount, count);
  t.is(reader.readChunk(reader.entry(65_535)).body.number('i'), 65_535);
  t.is(reader.readChunk(reader.entry(65_537)).body.number('i'), 65_536); // 65,536 is the index
  t.is([...reader.entries()].length, count);
  reader.close();
  t.is(verifyIntegrity(path).byType['INDX']?.chunks, 2);
});

test('a chunk of an unknown type that is not optional is refused, wherever one reads', (t) => {
  const path = join(scratch(t), 'newer');
  const writer = ContainerWriter.create(path, 'TRCE');
  writer.write('META', {}, start);
  const { offset } = writer.write('NEWX', { x: 1 }, start);
  writer.write('EVTS', {}, start);
  writer.close();
  const reader = openContainer(path);
  t.teardown(() => reader.close());
  for (const types of [undefined, ['EVTS']]) {
    const error = t.throws(() => [...reader.chunks(types)], {
      instanceOf: RebekError,
      code: 'ERR_TRACE_UNKNOWN_CHUNK',
    });
    t.like(error.details, { chunk: 1, type: 'NEWX', offset });
    t.is(error.exitCode, 4);
  }
  t.is([...reader.chunks(['NEWX'])].length, 1);
  t.is(verifyError(path), undefined); // its bytes are good all the same
  const knowing = openContainer(path, { knownTypes: new Set([...knownChunkTypes, 'NEWX']) });
  t.is([...knowing.chunks()].length, 3);
  knowing.close();
});

test('a file has its name only when it is complete', (t) => {
  const path = join(scratch(t), 'trace');
  const writer = ContainerWriter.create(path, 'TRCE');
  writer.write('META', {}, start);
  writer.sync();
  t.false(existsSync(path));
  t.is(statSync(`${path}.partial`).size, writer.bytesWritten);
  t.is(writer.chunkCount, 1);
  writer.close();
  t.true(existsSync(path));
  t.false(existsSync(`${path}.partial`));
  t.throws(() => writer.write('META', {}, start), { message: /closed/ });
  t.throws(() => writer.close(), { message: /closed/ });
  writer.abort();
});

test('nothing that exists is replaced, unless one asks for it', (t) => {
  const folder = scratch(t);
  const path = join(folder, 'trace');
  const exists = { instanceOf: RebekError, code: 'ERR_TRACE_EXISTS' } as const;

  writeFileSync(`${path}.partial`, 'rest of a recording');
  const error = t.throws(() => ContainerWriter.create(path, 'TRCE'), exists);
  t.true(error.message.includes(`${path}.partial`));
  t.regex(error.hint ?? '', /interrupted recording.*Move it away/);
  t.is(readFileSync(`${path}.partial`, 'utf8'), 'rest of a recording');

  // the rest may be a second name of a finished file, which must survive
  writeFileSync(join(folder, 'finished'), 'finished');
  const second = join(folder, 'second');
  linkSync(join(folder, 'finished'), `${second}.partial`);
  ContainerWriter.create(second, 'TRCE', { overwrite: true }).close();
  t.is(readFileSync(join(folder, 'finished'), 'utf8'), 'finished');

  t.throws(() => ContainerWriter.create(second, 'TRCE'), exists);
  const replacing = ContainerWriter.create(second, 'TRCE', { overwrite: true });
  replacing.write('META', { new: true }, start);
  replacing.close();
  t.is(verifyIntegrity(second).chunks, 2);

  // the name is taken while the recording runs
  const third = join(folder, 'third');
  const writer = ContainerWriter.create(third, 'TRCE');
  writer.write('META', {}, start);
  writeFileSync(third, 'mine');
  const taken = t.throws(() => writer.close(), exists);
  t.true(taken.hint?.includes(`${third}.partial`));
  writer.abort();
  writer.discard();
  t.is(readFileSync(third, 'utf8'), 'mine');
  t.is(verifyIntegrity(`${third}.partial`).chunks, 2);
});

test('what was written before an abort can be read; discarding leaves nothing', (t) => {
  const folder = scratch(t);
  const writer = ContainerWriter.create(join(folder, 'a'), 'TRCE');
  writer.write('META', { x: 1 }, start);
  writer.abort();
  writer.abort();
  const reader = openContainer(`${writer.path}.partial`);
  t.is(reader.complete, false);
  t.like(reader.incomplete, { code: 'ERR_TRACE_INCOMPLETE', chunk: 1, offset: writer.bytesWritten });
  t.is([...reader.chunks()][0]?.body.number('x'), 1);
  reader.close();
  const other = ContainerWriter.create(join(folder, 'b'), 'TRCE');
  other.discard();
  other.discard();
  t.false(existsSync(`${other.path}.partial`));
});

test('a file that is still being written can be read up to where it is', (t) => {
  const path = join(scratch(t), 'live');
  const writer = ContainerWriter.create(path, 'TRCE');
  for (let i = 0; i < 5; i++) {
    writer.write('EVTS', { i }, start);
    const reader = openContainer(`${path}.partial`);
    t.is([...reader.chunks()].length, i + 1);
    reader.close();
  }
  writer.close();
});

test('senseless calls are refused before anything is written', (t) => {
  const writer = ContainerWriter.create(join(scratch(t), 'trace'), 'TRCE');
  const before = writer.bytesWritten;
  for (const type of ['', 'META ', 'meta', '1ABC', 'INDX', 'ÄBCD', 'AB\0D'])
    t.throws(() => writer.write(type, {}, start), { instanceOf: RangeError }, JSON.stringify(type));
  for (const bad of [-1, Number.NaN, Number.POSITIVE_INFINITY]) {
    t.throws(() => writer.write('META', {}, { instruction: bad, wallNs: 0 }), { instanceOf: RangeError });
    t.throws(() => writer.write('META', {}, { instruction: 0, wallNs: bad }), { instanceOf: RangeError });
  }
  t.throws(() => writer.write('META', { big: new Uint8Array(64 << 20) }, start), { instanceOf: RangeError });
  t.throws(() => writer.write('META', { x: 1n }, start), { instanceOf: TypeError });
  t.is(writer.bytesWritten, before);
  t.is(writer.close().chunks, 1);
});

test('a body just below the limit', (t) => {
  const path = join(scratch(t), 'big');
  const writer = ContainerWriter.create(path, 'TRCE');
  const data = new Uint8Array((64 << 20) - 100);
  data.set(noise(1000), 30 << 20);
  writer.write('PAGE', { data }, start);
  writer.close();
  const reader = openContainer(path);
  t.is(Buffer.compare(reader.readChunk(reader.entry(0)).body.bin('data'), data), 0);
  reader.close();
});

test('where nothing can be written or read, the system says why', (t) => {
  const folder = scratch(t);
  const write = t.throws(() => ContainerWriter.create(join(folder, 'no', 'trace'), 'TRCE'), {
    instanceOf: RebekError,
    code: 'ERR_TRACE_WRITE',
  });
  t.regex(write.message, /no such file or directory \(ENOENT\)/);
  t.regex(write.hint ?? '', /Create the folder/);
  t.is(write.exitCode, 2);
  mkdirSync(join(folder, 'folder'));
  spawnSync('bash', ['-c', 'mkfifo "$0"', join(folder, 'pipe')]);
  for (const name of ['missing', 'folder', ...(existsSync(join(folder, 'pipe')) ? ['pipe'] : [])]) {
    const read = t.throws(() => openContainer(join(folder, name)), {
      instanceOf: RebekError,
      code: 'ERR_TRACE_OPEN',
    });
    t.is(read.exitCode, 2);
  }
});

test('a file that becomes shorter while it is read', (t) => {
  const folder = scratch(t);
  const sample = writeSample(folder);
  const path = writeHarmed(folder, sample.bytes);
  const reader = openContainer(path);
  t.teardown(() => reader.close());
  writeHarmed(folder, sample.bytes.subarray(0, 100));
  t.throws(() => [...reader.chunks()], { instanceOf: RebekError, code: 'ERR_TRACE_READ' });
  t.throws(() => reader.readChunk(reader.entry(5)), { code: 'ERR_TRACE_READ' });
});

test('a lie in an entry is noticed', (t) => {
  const sample = writeSample(scratch(t));
  const reader = openContainer(sample.path);
  t.teardown(() => reader.close());
  const entry = reader.entry(1);
  for (const lie of [
    { type: 'META' },
    { flags: 1 },
    { instruction: 11 },
    { wallNs: 0 },
    { plainLength: entry.plainLength + 1 },
    { encodedLength: entry.encodedLength - 1 },
    { sequence: 2 },
    { offset: entry.offset + 1 },
    { offset: reader.entry(2).offset },
  ])
    t.throws(
      () => reader.readChunk({ ...entry, ...lie }),
      { instanceOf: RebekError, code: 'ERR_TRACE_DAMAGED' },
      JSON.stringify(lie),
    );
  t.is(readAll(t, sample.path, sample).read, 5);
});
