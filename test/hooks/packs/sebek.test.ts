import { join } from 'node:path';
import test from 'ava';
import { readTruth } from '../../../src/guest/ntlet/truth.ts';
import type { Finding } from '../../../src/hooks/findings.ts';
import { KeyLine } from '../../../src/hooks/packs/sebek/keystrokes.ts';
import { endpointAt, showEndpoint } from '../../../src/hooks/packs/sebek/sockets.ts';
import type { StreamEvent } from '../../../src/trace/dump.ts';
import { dumpEvents } from '../../../src/trace/dump.ts';
import { root } from '../../support/probe.ts';
import { findWith } from './support.ts';

const attack = join(root, 'traces/ntlet-attack.rebek');
const stress = join(root, 'traces/ntlet-stress.rebek');

const typed = ({ data }: Finding): string => String(data['typed']);
const text = ({ data }: Finding): string => String(data['text']);
const bytes = (value: unknown): Buffer => Buffer.from(String(value), 'base64');
const objectOf = ({ data }: Finding): { kind: string; name: string; inode: number } =>
  data['object'] as never;

/** What a line of keys becomes, and why it ended. */
function lineOf(keys: string): [string, string] {
  const line = new KeyLine();
  let ended = 'open';
  for (const [i, byte] of new TextEncoder().encode(keys).entries()) ended = line.key(byte, i) ?? ended;
  return [line.take(ended as never)?.typed ?? '', ended];
}

test('lines are edited as the program that reads them does', (t) => {
  t.deepEqual(lineOf('ls -l\r'), ['ls -l', 'enter']);
  t.deepEqual(lineOf('lx\x7fs\n'), ['ls', 'enter']);
  t.deepEqual(lineOf('\x08\x7fa\b\bb\n'), ['b', 'enter'], 'nothing before the first key is taken back');
  t.deepEqual(lineOf('rm -rf /\x15id\r'), ['id', 'enter']);
  t.deepEqual(lineOf('cat one two\x17three\r'), ['cat one three', 'enter']);
  t.deepEqual(lineOf('ac\x1b[Db\r'), ['abc', 'enter'], 'typed in the middle');
  t.deepEqual(lineOf('bc\x01a\x05d\x1bOH\x1b[3~x\r'), ['xbcd', 'enter'], 'Home, End, Delete');
  t.deepEqual(lineOf('caf\u00e9\u00e9\x7f\r'), ['caf\u00e9', 'enter'], 'a character is several bytes');
  t.deepEqual(lineOf('\x1b[A\r'), ['<Up>', 'enter'], 'history is the program\u2019s');
  t.deepEqual(lineOf('cat pa\t\r'), ['cat pa<Tab>', 'enter']);
  t.deepEqual(lineOf('id\x1b[24;80R\r'), ['id', 'enter'], 'a terminal\u2019s own answer');
  t.deepEqual(lineOf('sleep\x03'), ['sleep', 'interrupt']);
  t.deepEqual(lineOf('\x04'), ['', 'eof']);
  t.is(lineOf('x'.repeat(1024))[1], 'full');
});

test('a line has all its keys, and knows the first and the last', (t) => {
  const line = new KeyLine();
  const keys = [0x6c, 0x78, 0x7f, 0x73, 0x0d, 0x0a];
  const ends = keys.map((key, i) => line.key(key, 100 + i));
  t.deepEqual(ends.slice(0, 5), [undefined, undefined, undefined, undefined, 'enter']);
  t.is(ends[5], undefined, 'a line feed after a carriage return is the same Enter');
  const taken = line.take('enter')!;
  t.is(taken.typed, 'ls');
  t.deepEqual([...taken.keys], keys.slice(0, 5));
  t.deepEqual([taken.first, taken.last], [100, 104]);
  t.is(line.take('exit'), undefined);
});

test('addresses of sockets', (t) => {
  const shown = (...given: number[]): string | undefined => {
    const memory = { bytes: (_: number, length: number) => Uint8Array.from(given).subarray(0, length) };
    const found = endpointAt(memory as never, 1, given.length);
    return found && showEndpoint(found);
  };
  t.is(shown(2, 0, 0x1f, 0x90, 192, 0, 2, 7, 0, 0, 0, 0, 0, 0, 0, 0), '192.0.2.7:8080');
  const groups = (...words: number[]): number[] => words.flatMap((word) => [word >> 8, word & 0xff]);
  const inet6 = (...words: number[]): string | undefined =>
    shown(10, 0, 0, 22, 0, 0, 0, 0, ...groups(...words), 0, 0, 0, 0);
  t.is(inet6(0, 0, 0, 0, 0, 0, 0, 1), '[::1]:22');
  t.is(inet6(0x2001, 0xdb8, 0, 0, 1, 0, 0, 0), '[2001:db8:0:0:1::]:22');
  t.is(inet6(0, 0, 0, 0, 0, 0, 0, 0), '[::]:22');
  t.is(inet6(0x2001, 0xdb8, 0, 1, 2, 3, 0x10, 0x100), '[2001:db8:0:1:2:3:10:100]:22');
  t.is(shown(1, 0, ...new TextEncoder().encode('/dev/log'), 0, 7), '/dev/log');
  t.is(shown(1, 0, 0, ...new TextEncoder().encode('abstract')), '@abstract');
  t.is(shown(2, 0, 0), 'family 2', 'too short for an address');
  t.is(shown(2), undefined);
});

/** By console: the lines that were typed. */
function typedAt(path: string): string[][] {
  const all = ['', ''];
  for (const event of dumpEvents(path, { stream: 'console' })) {
    const { direction, port, bytes: data } = event as StreamEvent;
    if (direction === 'in') all[port] += new TextDecoder().decode(data);
  }
  return all.map((one) => one.split('\n').slice(0, -1));
}

test('ntlet: each line that was typed at a console, by the process that was behind it', async (t) => {
  const { of, result } = await findWith(attack, 'sebek');
  t.true(result.replay.complete);
  t.is(result.problems, 0);
  t.deepEqual(result.missing, []);
  const consoles = typedAt(attack);
  t.true(consoles[0]!.length > 10 && consoles[1]!.length > 5);
  // A log-in takes two lines, which winlogon reads; what comes then is the shell's, until it exits.
  const tries = [
    ['winlogon.exe', 'winlogon.exe', 'winlogon.exe', 'winlogon.exe'],
    ['winlogon.exe', 'winlogon.exe'],
  ];
  for (const [port, lines] of consoles.entries()) {
    const found = of('keystrokes').filter((one) => objectOf(one).name === `\\Device\\Serial${port}`);
    t.deepEqual(found.map(typed), lines, `console ${port}`);
    t.true(found.every(({ data }) => data['ended'] === 'enter'));
    const exit = lines.indexOf('exit');
    const names = found.map(({ process }) => process?.name);
    const before = tries[port]!;
    t.deepEqual(names.slice(0, exit + 1), [...before, ...Array(exit + 1 - before.length).fill('cmd.exe')]);
    for (const { data, process } of found) {
      t.is(bytes(data['keys']).toString(), `${data['typed']}\n`);
      t.is(process?.ppid, process?.name === 'cmd.exe' ? [16, 28][port] : 8);
    }
  }
});

test('ntlet: files, programs and the network', async (t) => {
  const { findings, of, texts } = await findWith(attack, 'sebek');
  const runs = of('exec').map((one) => [one.process?.name, one.process?.ppid, one.data['commandLine']]);
  t.deepEqual(runs, [
    ['winlogon.exe', 8, 'winlogon.exe 0'],
    ['winlogon.exe', 8, 'winlogon.exe 1'],
    ['cmd.exe', 16, 'cmd.exe guest'],
    ['cmd.exe', 28, 'cmd.exe Administrator'],
    ['count.exe', 48, 'count 4000'],
    ['fetch.exe', 40, 'fetch tools.example.net /stage2.cfg'],
    ['beacon.exe', 40, 'beacon'],
    ['cmd.exe', 16, 'cmd.exe Administrator'],
    ['beacon.exe', 48, 'beacon'],
  ]);
  const forks = of('fork').map((one) => [one.process?.pid, one.data['child'], one.data['image']]);
  t.is(forks.length, runs.length);
  t.deepEqual(forks[4], [48, 56, '\\WINNT\\system32\\count.exe']);

  const secret = of('read').find((one) => objectOf(one).name === '\\Documents\\passwords.txt')!;
  t.is(secret.process?.name, 'cmd.exe');
  t.is(secret.data['bytes'], 279);
  t.is(bytes(secret.data['data']).length, 279);
  t.regex(bytes(secret.data['data']).toString(), /Payroll database {2}sa {14}Kronen77/);
  const copied = of('write').find((one) => objectOf(one).name === '\\stage2.dat')!;
  const source = of('read').find((one) => objectOf(one).name === '\\Documents\\payroll.csv')!;
  t.is(copied.data['data'], source.data['data']);
  const opened = texts('open', 'cmd.exe');
  t.true(opened.some((line) => line.startsWith('opens \\??\\C:\\WINNT\\system32\\config\\sam as ')));

  const [sent, got, ...more] = of('socket');
  t.deepEqual(more, []);
  t.is(sent?.process?.name, 'fetch.exe');
  t.like(sent?.data, { call: 'sendto', number: 11, protocol: 17, bytes: 17 });
  t.deepEqual(sent?.data['remote'], { family: 'inet', address: '192.168.87.1', port: 8 });
  t.like(got?.data, { call: 'recvfrom', number: 12, bytes: 17 });
  t.is(bytes(got?.data['data']).toString(), 'GET /stage2.cfg\r\n');

  const heard = ['', ''];
  for (const event of dumpEvents(attack, { stream: 'console' })) {
    const { direction, port, bytes: data } = event as StreamEvent;
    if (direction === 'out') heard[port] += new TextDecoder('latin1').decode(data);
  }
  // Without the echo, which no program writes: what is written is in what the console said, in this order.
  for (const port of [0, 1]) {
    let at = 0;
    for (const one of findings) {
      if (one.type !== 'write' || objectOf(one).name !== `\\Device\\Serial${port}`) continue;
      const said = bytes(one.data['data'])
        .toString('latin1')
        .replace(/(?<!\r)\n/g, '\r\n');
      const found = heard[port]!.indexOf(said, at);
      t.true(found >= at, `${JSON.stringify(said)} on console ${port}`);
      at = found + said.length;
    }
  }
});

test('ntlet: reads that go on after their call', async (t) => {
  const { of } = await findWith(stress, 'sebek');
  const waiting = of('read').filter(({ data }) => data['pending'] === true);
  const completed = of('read').filter(({ data }) => data['completes'] !== undefined);
  const truth = [...readTruth(stress)];
  const ends = truth.filter((record) => record.kind === 'complete');
  t.true(ends.length > 50);
  t.is(
    waiting.length,
    truth.filter((record) => record.kind === 'leave' && record.outcome === 'pending').length,
  );
  t.true(waiting.every(({ call }) => call?.outcome === 'pending'));
  const good = ends.filter(({ status }) => status === 0);
  t.is(completed.length, good.length);
  for (const [i, { data, instruction }] of completed.entries()) {
    t.is(data['bytes'], 5, text(completed[i]!));
    t.is(bytes(data['data']).toString(), 'later');
    const { number, entered } = data['completes'] as { number: number; entered: number };
    const asked = waiting.find(({ call }) => call?.number === number);
    t.is(asked?.call?.entered, entered);
    t.is(asked?.process?.key, completed[i]?.process?.key);
    t.true(good.some((record) => record.instruction > entered && record.instruction <= instruction));
  }
  t.is(new Set(completed.map(({ data }) => JSON.stringify(data['completes']))).size, completed.length);
});
