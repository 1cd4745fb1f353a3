/** A file that stops early: where it was cut, and that exactly the whole chunks before the cut are read. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { openContainer } from '../../src/trace/container-reader.ts';
import { verifyIntegrity } from '../../src/trace/integrity.ts';
import { readAll, scratch, verifyError, writeHarmed, writeSample } from './support.ts';

test('cut at every byte: incomplete, and the prefix is read', (t) => {
  const folder = scratch(t);
  const sample = writeSample(folder);
  for (let cut = 0; cut < sample.bytes.length; cut++) {
    const path = writeHarmed(folder, sample.bytes.subarray(0, cut));
    const outcome = readAll(t, path, sample);
    if (cut < 64) {
      t.is(outcome.error?.code, cut < 8 ? 'ERR_TRACE_NOT_A_TRACE' : 'ERR_TRACE_HEADER', `cut at ${cut}`);
      t.is(verifyError(path)?.code, outcome.error?.code);
      continue;
    }
    const whole = sample.chunks.filter((chunk) => chunk.end <= cut);
    t.deepEqual(
      outcome,
      { error: undefined, complete: false, read: whole.filter((chunk) => chunk.type !== 'INDX').length },
      `cut at ${cut}`,
    );
    const offset = whole.at(-1)?.end ?? 64;
    const error = verifyError(path);
    t.is(error?.code, 'ERR_TRACE_INCOMPLETE');
    t.like(error?.details, { file: path, offset, chunk: whole.length });
    const reader = openContainer(path);
    t.like(reader.incomplete, { code: 'ERR_TRACE_INCOMPLETE', offset, chunk: whole.length });
    const expected =
      cut === offset
        ? whole.length === sample.chunks.length
          ? /behind its index/
          : /behind a whole chunk/
        : whole.length === sample.chunks.length
          ? /inside its footer/
          : cut < offset + 84
            ? /inside a chunk header/
            : /inside the payload of chunk \d/;
    t.regex(reader.incomplete?.reason ?? '', expected, `cut at ${cut}`);
    for (const { sequence, type } of whole)
      if (type !== 'INDX') t.is(reader.entry(sequence).sequence, sequence);
    t.throws(() => reader.entry(whole.length), { instanceOf: RangeError });
    reader.close();
    const good = verifyIntegrity(path, { allowIncomplete: true });
    t.like(good, { complete: false, chunks: whole.length, goodBytes: offset, size: cut });
  }
});

test('cut at every byte and filled up with zeros, as a file system leaves it after a crash', (t) => {
  const folder = scratch(t);
  const sample = writeSample(folder);
  const size = sample.bytes.length;
  for (let cut = 64; cut < size; cut++) {
    const bytes = Buffer.alloc(size + 100);
    sample.bytes.copy(bytes, 0, 0, cut);
    // a chunk or footer that ends in zeros is whole even if they were not written
    const whole = sample.chunks.filter((c) =>
      sample.bytes.subarray(0, c.end).equals(bytes.subarray(0, c.end)),
    );
    const path = writeHarmed(folder, bytes);
    const outcome = readAll(t, path, sample);
    if (bytes.subarray(0, size).equals(sample.bytes)) {
      t.is(outcome.error?.code, 'ERR_TRACE_TRAILING');
      continue;
    }
    t.deepEqual(
      outcome,
      { error: undefined, complete: false, read: whole.filter((c) => c.type !== 'INDX').length },
      `cut at ${cut}: ${outcome.error?.message}`,
    );
    const error = verifyError(path);
    t.is(error?.code, 'ERR_TRACE_INCOMPLETE');
    t.like(error?.details, { offset: whole.at(-1)?.end ?? 64, chunk: whole.length });
    if (whole.length > 0) t.regex(error?.message ?? '', /bytes are zero|inside the payload/);
  }
});

test('zeros behind a whole chunk, few or many', (t) => {
  const folder = scratch(t);
  const sample = writeSample(folder);
  for (const chunk of [2, 3, 6])
    for (const zeros of [1, 4, 63, 64, 83, 84, 85, 500, 70_000]) {
      const { end } = sample.chunks[chunk]!;
      const path = writeHarmed(folder, Buffer.concat([sample.bytes.subarray(0, end), Buffer.alloc(zeros)]));
      const error = verifyError(path);
      t.is(error?.code, 'ERR_TRACE_INCOMPLETE', `${zeros} behind chunk ${chunk}`);
      t.like(error?.details, { offset: end, chunk: chunk + 1 });
      t.regex(error?.message ?? '', new RegExp(`its last ${zeros} bytes are zero`));
      t.is(readAll(t, path, sample).complete, false);
    }
});

test('a flipped byte in an incomplete file is damage all the same', (t) => {
  const folder = scratch(t);
  const sample = writeSample(folder);
  const chunk = sample.chunks[4]!;
  const torn = sample.bytes.subarray(0, chunk.offset + 90); // ends inside the payload of chunk 4
  for (let at = 64; at < chunk.offset + 84; at++) {
    const copy = Buffer.from(torn);
    copy[at]! ^= 0x10;
    const path = writeHarmed(folder, copy);
    const hit = sample.chunks.find((c) => at < c.end)!;
    for (const error of [verifyError(path), readAll(t, path, sample).error]) {
      t.is(error?.code, 'ERR_TRACE_DAMAGED', `at ${at}`);
      t.is(error?.details['chunk'], hit.sequence);
    }
  }
  // the last whole chunk, at whose end the file ends
  const whole = Buffer.from(sample.bytes.subarray(0, chunk.end));
  whole[chunk.end - 1]! ^= 1;
  t.like(verifyError(writeHarmed(folder, whole))?.details, { chunk: 4, field: 'payload' });
  // a torn header that cannot be one
  for (const at of [0, 5, 8, 12]) {
    const header = Buffer.from(sample.bytes.subarray(0, chunk.offset + 20));
    header[chunk.offset + at]! ^= 0x20;
    t.like(verifyError(writeHarmed(folder, header)), { code: 'ERR_TRACE_DAMAGED' }, `at ${at}`);
  }
});

const fillDisk = fileURLToPath(new URL('./fill-disk.js', import.meta.url));

test('a writer that is killed in the middle of its work leaves a good prefix', async (t) => {
  const folder = scratch(t);
  for (const delay of [0, 7, 40, 90]) {
    const path = join(folder, `killed-${delay}`);
    const child = spawn(process.execPath, [fillDisk, path], { stdio: 'ignore' });
    const exit = once(child, 'exit');
    while (!existsSync(`${path}.partial`)) await sleep(2);
    await sleep(delay);
    child.kill('SIGKILL');
    await exit;
    const found = statSync(`${path}.partial`).size;
    const error = verifyError(`${path}.partial`);
    if (found < 64) continue; // killed before the header was there
    t.is(error?.code, 'ERR_TRACE_INCOMPLETE');
    const good = verifyIntegrity(`${path}.partial`, { allowIncomplete: true });
    t.true(found - good.goodBytes < 84 + 10_100); // at most one chunk is lost
    const reader = openContainer(`${path}.partial`);
    t.is([...reader.chunks()].length, good.chunks);
    reader.close();
  }
});

/** Runs a program under a real limit of file sizes, which acts as a full disk does. */
function underLimit(kilobytes: number, ...args: string[]) {
  const line = `ulimit -f ${kilobytes}; trap "" XFSZ; exec "$0" "$@"`;
  return spawnSync('bash', ['-c', line, process.execPath, fillDisk, ...args], { encoding: 'utf8' });
}
const hasBash = spawnSync('bash', ['-c', 'ulimit -f 64']).status === 0;

(hasBash ? test : test.skip)(
  'a disk that becomes full: the whole chunks stay, and the error says what to do',
  (t) => {
    const path = join(scratch(t), 'trace');
    const run = underLimit(64, path);
    t.is(run.status, 0, run.stderr);
    const { error, written, offset, closeError, retried } = JSON.parse(run.stdout) as {
      error: {
        code: string;
        message: string;
        hint: string;
        details: Record<string, unknown>;
        exitCode: number;
      };
      written: number;
      offset: number;
      closeError: string;
      retried: boolean;
    };
    t.is(error.code, 'ERR_TRACE_WRITE');
    t.is(error.exitCode, 2);
    t.regex(
      error.message,
      /cannot write chunk \d+ \(EVTS\) to .*trace\.partial at offset \d+: file too large \(EFBIG\)/,
    );
    t.regex(error.hint, /ulimit -f.*good and stays in .*trace\.partial/);
    t.like(error.details, { file: `${path}.partial`, offset, chunk: written, reason: 'EFBIG' });
    t.true(written > 3);
    t.true(retried); // a chunk that still fits
    t.is(closeError, 'ERR_TRACE_WRITE');

    // cut back to the last whole chunk, and readable to its end
    t.true(statSync(`${path}.partial`).size <= 64 * 1024);
    t.is(verifyError(`${path}.partial`)?.code, 'ERR_TRACE_INCOMPLETE');
    const good = verifyIntegrity(`${path}.partial`, { allowIncomplete: true });
    t.is(good.chunks, written + 1);
    t.is(good.goodBytes, statSync(`${path}.partial`).size);
    t.throws(() => readFileSync(path), { code: 'ENOENT' });
  },
);

(hasBash ? test : test.skip)('a disk that is full from the start: nothing is left behind', (t) => {
  const path = join(scratch(t), 'trace');
  const run = underLimit(0, path);
  t.is(run.status, 0, run.stderr);
  t.like(JSON.parse(run.stdout), { error: { code: 'ERR_TRACE_WRITE' }, written: -1 });
  t.throws(() => statSync(`${path}.partial`), { code: 'ENOENT' });
});
