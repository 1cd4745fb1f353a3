import test from 'ava';
import { type CpioEntry, writeCpio } from '../../src/machine/cpio.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const entries: CpioEntry[] = [
  { kind: 'file', name: 'bin/tool', mode: 0o755, data: bytes('#!/bin/sh\n') },
  { kind: 'file', name: 'etc/empty', data: bytes('') },
  { kind: 'link', name: 'bin/other', target: 'tool' },
  { kind: 'folder', name: 'tmp', mode: 0o1777 },
  { kind: 'device', name: 'dev/console', major: 5, minor: 1 },
  { kind: 'file', name: 'a/b/c/deep', data: bytes('deep') },
];

/** A reader of the format (a guest's kernel is another: pc.test.ts), written from its description and not from the writer. */
function readCpio(archive: Uint8Array) {
  const found: { name: string; mode: number; data: string; fields: number[] }[] = [];
  const text = (from: number, to: number) => new TextDecoder().decode(archive.subarray(from, to));
  for (let at = 0; ; ) {
    if (text(at, at + 6) !== '070701') throw new Error(`no header at ${at}`);
    const fields = Array.from({ length: 13 }, (_, i) =>
      Number.parseInt(text(at + 6 + 8 * i, at + 14 + 8 * i), 16),
    );
    const [, mode = 0, , , , , size = 0, , , , , nameSize = 0] = fields;
    const name = text(at + 110, at + 110 + nameSize - 1);
    const start = (at + 110 + nameSize + 3) & ~3;
    if (name === 'TRAILER!!!') return found;
    found.push({ name, mode, data: text(start, start + size), fields });
    at = (start + size + 3) & ~3;
  }
}

test('what was put in comes out: kinds, modes, contents, and the folders above', (t) => {
  const found = readCpio(writeCpio(entries)).map(({ name, mode, data }) => [name, mode.toString(8), data]);
  t.deepEqual(found, [
    ['a', '40755', ''],
    ['a/b', '40755', ''],
    ['a/b/c', '40755', ''],
    ['a/b/c/deep', '100644', 'deep'],
    ['bin', '40755', ''],
    ['bin/other', '120777', 'tool'],
    ['bin/tool', '100755', '#!/bin/sh\n'],
    ['dev', '40755', ''],
    ['dev/console', '20600', ''],
    ['etc', '40755', ''],
    ['etc/empty', '100644', ''],
    ['tmp', '41777', ''],
  ]);
});

test('owners and times are zero, inodes are distinct, a device has its numbers', (t) => {
  const found = readCpio(writeCpio(entries));
  t.is(new Set(found.map(({ fields }) => fields[0])).size, found.length);
  for (const { fields } of found) t.deepEqual([fields[2], fields[3], fields[5]], [0, 0, 0]);
  const device = found.find(({ name }) => name === 'dev/console');
  t.deepEqual(device?.fields.slice(9, 11), [5, 1]);
});

test('the order in which entries are given does not matter', (t) => {
  t.deepEqual(writeCpio([...entries].reverse()), writeCpio(entries));
  t.is(writeCpio(entries).length % 512, 0);
});
