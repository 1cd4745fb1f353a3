import { join } from 'node:path';
import test from 'ava';
import { readTruth } from '../../../src/guest/ntlet/truth.ts';
import { packs } from '../../../src/hooks/packs/packs.ts';
import { root } from '../../support/probe.ts';
import { findWith } from './support.ts';

const attack = join(root, 'traces/ntlet-attack.rebek');

test('each pack has a name of its own, and says what it is for', (t) => {
  const names = packs.map(({ hooks }) => hooks.name);
  t.deepEqual([...new Set(names)].sort(), ['processes', 'sebek', 'seed', 'syscalls']);
  t.is(names.length, 4);
  t.true(packs.every(({ about }) => about.length > 20 && !about.includes('\n')));
});

test('processes: born, named and dead under their own names, and their tree', async (t) => {
  const { of, findings } = await findWith(attack, 'processes');
  for (const { process, data } of of('start')) {
    const { commandLine } = data as { commandLine?: string };
    if (commandLine === undefined) continue;
    // `cmd.exe guest`, `count 4000`
    const [program = ''] = commandLine.split(' ');
    t.is(process?.name.replace(/\.exe$/, ''), program.replace(/\.exe$/, ''));
  }
  const ended = of('end').map(({ process }) => process?.name);
  t.deepEqual(ended, ['count.exe', 'fetch.exe', 'cmd.exe', 'beacon.exe', 'cmd.exe', 'cmd.exe']);
  const [tree] = of('tree');
  const lines = String(tree?.data['text']).split('\n');
  t.true(lines.includes('  16 winlogon.exe 0'));
  t.true(lines.includes('    40 cmd.exe guest'));
  t.true(lines.includes('      56 fetch tools.example.net /stage2.cfg'));
  t.is(findings.at(-1), tree);
});

test('syscalls: as many calls as the kernel says', async (t) => {
  const { of } = await findWith(attack, 'syscalls');
  const calls = of('syscall');
  const names = new Set<number>();
  const numbers = new Map<number, string>();
  for (const record of readTruth(attack)) {
    if (record.kind === 'function') numbers.set(record.function, record.name);
    if (record.kind === 'enter') names.add(record.call);
  }
  t.true(calls.length > 400);
  t.true(calls.length <= names.size);
  const known = new Set(numbers.values());
  for (const { call, data } of calls) {
    t.true(known.has(call!.name), call!.name);
    t.true(String(data['text']).startsWith(`${call!.name}(`));
    t.truthy(data['arguments']);
  }
});

test("seed: with the default matcher, the article's demonstration finds each read that succeeds", async (t) => {
  const { of } = await findWith(attack, 'seed');
  const reads = of('read').map(({ data }) => data['text']);
  t.true(reads.includes('type Documents\\passwords.txt.'));
  const sebek = (await findWith(attack, 'sebek')).of('read');
  t.is(reads.length, sebek.length);
});
