import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { RebekError } from '../../src/base/errors.ts';
import { ContainerWriter } from '../../src/trace/container-writer.ts';
import { readStateFile, writeStateFile } from '../../src/trace/state-file.ts';
import { flip, noise, scratch, writeHarmed, writeSample } from './support.ts';

test('any state comes back with what was said about it', (t) => {
  const path = join(scratch(t), 'state');
  fc.assert(
    fc.property(fc.nat(30_000), fc.nat(30_000), fc.jsonValue(), (zeros, bytes, value) => {
      const state = new Uint8Array(zeros + bytes);
      state.set(noise(bytes), zeros);
      const meta = {
        machine: 'debian',
        value: JSON.parse(JSON.stringify(value).replaceAll('__proto__', 'p')),
      };
      writeStateFile(path, meta, state, { overwrite: true });
      const read = readStateFile(path);
      t.is(Buffer.compare(new Uint8Array(read.state), state), 0);
      t.deepEqual(JSON.parse(JSON.stringify(read.meta)), JSON.parse(JSON.stringify(meta)));
    }),
    { numRuns: 50 },
  );
});

test('an ArrayBuffer will do, and existing files are kept', (t) => {
  const path = join(scratch(t), 'state');
  const finished = writeStateFile(path, {}, noise(10_000).buffer as ArrayBuffer);
  t.is(finished.length, readFileSync(path).length);
  t.throws(() => writeStateFile(path, {}, new ArrayBuffer(5)), { code: 'ERR_TRACE_EXISTS' });
  t.is(readStateFile(path).state.byteLength, 10_000);
});

test('a state that cannot be written leaves nothing behind', (t) => {
  const path = join(scratch(t), 'state');
  t.throws(() => writeStateFile(path, { bad: 1n }, new ArrayBuffer(5)), { instanceOf: TypeError });
  t.false(existsSync(path));
  t.false(existsSync(`${path}.partial`));
});

test('a damaged, torn or foreign state is refused', (t) => {
  const folder = scratch(t);
  const path = join(folder, 'state');
  writeStateFile(path, { machine: 'x' }, noise(6000));
  const bytes = readFileSync(path);
  for (let at = 0; at < bytes.length; at += 13)
    t.throws(
      () => readStateFile(writeHarmed(folder, flip(bytes, at))),
      { instanceOf: RebekError },
      String(at),
    );
  for (let cut = 64; cut < bytes.length; cut += 29)
    t.throws(() => readStateFile(writeHarmed(folder, bytes.subarray(0, cut))), {
      code: 'ERR_TRACE_INCOMPLETE',
    });
  t.throws(() => readStateFile(writeSample(folder).path), { code: 'ERR_TRACE_KIND' });

  const start = { instruction: 0, wallNs: 0 };
  const make = (...chunks: [string, object][]) => {
    const other = join(folder, 'other');
    const writer = ContainerWriter.create(other, 'STAT', { overwrite: true });
    for (const [type, body] of chunks) writer.write(type, body, start);
    writer.close();
    return other;
  };
  const page = {
    image: 'state',
    size: 5,
    part: 0,
    last: true,
    same: new Uint8Array(0),
    source: new Uint8Array(0),
  };
  const whole = { ...page, pages: Uint32Array.of(0), data: noise(5) };
  t.is(readStateFile(make(['META', { format: 1, size: 5, meta: {} }], ['PAGE', whole])).state.byteLength, 5);
  const refused: [[string, object][], string][] = [
    [[], 'ERR_TRACE_BODY'],
    [[['PAGE', whole]], 'ERR_TRACE_BODY'],
    [
      [
        ['META', { format: 2, size: 5, meta: {} }],
        ['PAGE', whole],
      ],
      'ERR_TRACE_BODY',
    ],
    [
      [
        ['META', { format: 1, size: 5 }],
        ['PAGE', whole],
      ],
      'ERR_TRACE_BODY',
    ],
    [
      [
        ['META', { format: 1, size: 6, meta: {} }],
        ['PAGE', whole],
      ],
      'ERR_TRACE_BODY',
    ],
    [
      [
        ['META', { format: 1, size: 2 ** 50, meta: {} }],
        ['PAGE', whole],
      ],
      'ERR_TRACE_BODY',
    ],
    [[['META', { format: 1, size: 5, meta: {} }]], 'ERR_TRACE_INCOMPLETE'],
    [
      [
        ['META', { format: 1, size: 5, meta: {} }],
        ['PAGE', { ...whole, last: false }],
      ],
      'ERR_TRACE_INCOMPLETE',
    ],
    [
      [
        ['META', { format: 1, size: 5, meta: {} }],
        ['NEWX', {}],
        ['PAGE', whole],
      ],
      'ERR_TRACE_UNKNOWN_CHUNK',
    ],
  ];
  for (const [chunks, code] of refused)
    t.throws(() => readStateFile(make(...chunks)), { instanceOf: RebekError, code }, code);
});
