/** `rebek find` on the attack on ntlet that is in the repository, and on traces made up where it lacks something. */
import { copyFileSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { TraceFile } from '../../src/trace/trace-file.ts';
import type { Step } from '../output/find-log.ts';
import { longTrace, traceOf } from '../support/made-trace.ts';
import { root, temporaryFolder } from '../support/probe.ts';
import { noStack, type Result, rebek, refused, start } from './support.ts';

const attack = join(root, 'traces/ntlet-attack.rebek');

interface Told {
  name: string;
  channel: string;
  first: { instruction: number; sequence?: number; time: string };
  last: { instruction: number; sequence?: number; time: string };
  address?: number;
  encoding?: string;
  text: string;
  bytes: string;
  before: string;
  after: string;
}
interface Dumped {
  sequence: number;
  instruction: number;
  op: string;
  args?: number[];
  result?: number;
  bytes: string;
  direction: string;
}

const lines = <T>({ stdout }: Result): T[] =>
  stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as T);
const find = (file: string, ...args: string[]) => rebek(['find', file, ...args]);
const bytesOf = (hex: string): string => Buffer.from(hex, 'hex').toString('latin1');

test('a password is found where it was typed and where it was read, byte by byte, as the dump has it', async (t) => {
  const run = await find(attack, '--text', 'honey', '--json');
  t.is(run.code, 0, run.stderr);
  t.is(run.stderr, '');
  const found = lines<Told>(run);
  t.deepEqual(
    found.map(({ name }) => name),
    ['console 1 in', 'port 0x2f8', 'console 0 in', 'port 0x3f8'],
  );
  const console_ = lines<Dumped>(await rebek(['dump', attack, '--stream', 'console', '--json']));
  const typed = console_.filter(
    ({ direction, bytes }) => direction === 'in' && bytesOf(bytes).includes('honey'),
  );
  t.deepEqual(
    [found[0], found[2]].map((match) => match?.first.instruction),
    typed.map(({ instruction }) => instruction),
  );
  for (const [match, port] of [
    [found[1]!, 0x2f8],
    [found[3]!, 0x3f8],
  ] as const) {
    const { first, last } = match;
    const span = ['--from', `${first.instruction}`, '--to', `${last.instruction}`];
    const events = lines<Dumped>(await rebek(['dump', attack, '--stream', 'input', '--json', ...span]));
    const read = events.filter(({ op, args }) => op === 'io_port_read8' && args?.[0] === port);
    t.is(String.fromCharCode(...read.map(({ result = 0 }) => result)), 'honey');
    t.like(first, { instruction: read[0]?.instruction, sequence: read[0]?.sequence });
    t.like(last, { instruction: read[4]?.instruction, sequence: read[4]?.sequence });
    t.true(first.instruction < last.instruction);
    t.is(bytesOf(match.before).slice(-14), 'Administrator\n');
    t.is(bytesOf(match.bytes), 'honey');
    t.is(bytesOf(match.after)[0], '\n');
    const { meta, summary } = TraceFile.open(attack);
    for (const { time } of [first, last]) {
      const ms = Date.parse(time) - meta.started;
      t.true(ms >= 0 && ms <= summary!.wallNs / 1e6, time);
    }
  }
});

test('for people, a line for each match and one for what is around it', async (t) => {
  const { code, stdout } = await find(attack, '--text', 'HONEY', '--ignore-case', '--limit', '2');
  t.is(code, 0);
  t.regex(
    stdout,
    /^ +485,516 {2}2026-11-25T01:14:01\.\d+Z {2}console 1 in {4}"honey"\n +Administrator\\n\[honey\]\\nlist Documents\\n\n +485,597 {2}2026-11-25T01:14:01\.\d+Z {2}port 0x2f8 {6}"honey" {2}to 485,661; events 1,381-1,389\n.*\n$/,
  );
  const bare = await find(attack, '--text', 'honey', '--context', '0', '--port', '0x2f8');
  t.is(bare.stdout.split('\n').length, 2);
});

test('what came over the network is found in its frame, and in the reads of the network card', async (t) => {
  const names = async (...args: string[]) =>
    lines<Told>(await find(attack, '--json', ...args)).map(({ name }) => name);
  t.deepEqual(await names('--text', 'GET /stage2.cfg'), ['net in', 'port 0x310']);
  t.deepEqual(await names('--text', 'GET /stage2.cfg', '--out'), ['net out', 'net in', 'port 0x310']);
  t.deepEqual(await names('--hex', '47 45:54', '--channel', 'net'), ['net in']);
  t.deepEqual(await names('--regex', 'stage\\d\\.cfg', '--channel', 'net,console', '--channel', 'port'), [
    'console 0 in',
    'port 0x3f8',
    'net in',
    'port 0x310',
    'console 0 in',
    'port 0x3f8',
  ]);
  const [, match] = lines<Told>(
    await find(attack, '--json', '--regex', '^GET .*$', '--channel', 'net', '--out'),
  );
  t.is(match, undefined, 'a frame is no text of lines');
});

test('nothing found is exit code 1, and nothing is printed', async (t) => {
  for (const args of [
    ['--text', 'nothing of the kind'],
    ['--text', 'honey', '--from', '1e6', '--to', '2e6'],
    ['--text', 'honey', '--channel', 'dma', '--json'],
    ['--hex', '00', '--limit', '0'],
  ]) {
    const { code, stdout, stderr } = await find(attack, ...args);
    t.deepEqual([code, stdout, stderr], [1, '', '']);
  }
  t.is(lines(await find(attack, '--text', 'honey', '--json', '--from', '1e6')).length, 2);
});

test('bytes from a disk and from a device’s memory are found with their address', async (t) => {
  const store = (at: number, text: string, encoding: BufferEncoding = 'latin1'): Step => ({
    op: 'dma',
    at,
    bytes: [...Buffer.from(text, encoding)],
    inside: [],
  });
  const file = traceOf(t, [
    store(0x123000, `\x7fE`),
    {
      op: 'mmap_read32',
      at: 0xfee00020,
      bytes: [1, 0x7f, 0x45, 0x4c],
      inside: [store(0x123002, 'LF\x1b[31m')],
    },
    { op: 'mmap_read8', at: 0xfee00024, bytes: [0x46], inside: [] },
    store(0x200000, 'ELF', 'utf16le'),
    { op: 'write32', at: 0x300, bytes: [0x7f, 0x45, 0x4c, 0x46], inside: [] },
  ]);
  const found = lines<Told>(await find(file, '--hex', '7F454c46', '--json'));
  t.deepEqual(
    found.map(({ name, address, first, last }) => [name, address, first.sequence, last.sequence]),
    [
      ['DMA 0x00123000', 0x123000, 0, 2],
      ['MMIO 0xfee00021', 0xfee00021, 1, 4],
      ['write 0x00000300', 0x300, 6, 6],
    ],
  );
  t.is(found[0]?.after, Buffer.from('\x1b[31m').toString('hex'));
  const text = await find(file, '--text', 'ELF', '--channel', 'dma');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what must not be there
  t.notRegex(text.stdout, /[\x00-\x09\x0b-\x1f\x7f-\x9f]/);
  t.regex(text.stdout, /\\x7f\[ELF\]\\x1b\[31m\n/);
  t.regex(text.stdout, /DMA 0x00200000 {2}"ELF" {2}UTF-16; event 5\n/);
  t.notRegex((await find(file, '--text', 'ELF', '--no-utf16')).stdout, /UTF-16/);
});

test('of a damaged trace, what comes before the damage is told; then exit code 4', async (t) => {
  const trace = TraceFile.open(attack);
  const chunks = [...trace.reader.entries(['EVTS'])];
  trace.close();
  const last = chunks.at(-1)!;
  const bytes = readFileSync(attack);
  const at = last.offset + 100 + (last.encodedLength >> 2);
  bytes[at]! ^= 4;
  const file = join(temporaryFolder(t), 'damaged.rebek');
  writeFileSync(file, bytes);
  const run = await find(file, '--text', 'honey', '--port', '0x2f8', '--json');
  refused(t, run, 4, 'ERR_TRACE_DAMAGED');
  const [match, error] = lines<Told & { error: { code: string; details: object } }>(run);
  t.is(match?.first.instruction, 485_597);
  t.is(error?.error.code, 'ERR_TRACE_DAMAGED');
  t.like(error?.error.details, { chunk: last.sequence, type: 'EVTS' });
});

test('an incomplete trace is searched as far as it goes, and said to be one', async (t) => {
  const trace = TraceFile.open(attack);
  const summary = [...trace.reader.entries(['SUMM'])][0]!;
  trace.close();
  const file = join(temporaryFolder(t), 'cut.rebek');
  copyFileSync(attack, file);
  truncateSync(file, summary.offset + 10);
  for (const [args, code, count] of [
    [['--text', 'honey'], 4, 4],
    [['--text', 'honey', '--allow-incomplete'], 0, 4],
    [['--text', 'nothing of the kind'], 4, 0],
    [['--text', 'nothing of the kind', '--allow-incomplete'], 1, 0],
  ] as const) {
    const run = await find(file, ...args, '--json');
    t.is(run.code, code);
    t.is(lines(run).length, count);
    t.regex(run.stderr, /^rebek: .*cut\.rebek is INCOMPLETE: .*\n$/);
  }
});

test.serial('Ctrl-C ends a search: exit code 130, and what was found so far is there', async (t) => {
  const search = start(t, ['find', longTrace(t), '--text', 'a']);
  await search.says('port 0x60');
  search.child.kill('SIGINT');
  const run = await search.result;
  t.is(run.code, 130, run.stderr);
  t.regex(run.stderr, /(^|\n)rebek: given up; .*\[ERR_ABORTED\]\n$/);
  noStack(t, run);
  t.regex(run.stdout, /"a" {2}event \d[\d,]*\n.*\n$/);
});

test.serial('a reader that has seen enough (`| head -1`) is no error', async (t) => {
  const through = ['bash', '-c', '"$@" | head -1; echo "code $PIPESTATUS"', 'bash'];
  const run = await rebek(['find', longTrace(t), '--text', 'a'], { through });
  t.is(run.stderr, '');
  t.regex(run.stdout, /^ .*"a" {2}event 0\ncode 0\n$/);
});

test.serial('an expression that backtracks without end is searched all the same', async (t) => {
  const file = traceOf(t, [
    { op: 'dma', at: 0, bytes: [...Buffer.from(`${'a'.repeat(2000)}b aaz`)], inside: [] },
  ]);
  const run = await find(file, '--regex', '(a+)+z', '--context', '0');
  t.is(run.code, 0, run.stderr);
  t.regex(run.stdout, /"aaz" {2}event 0\n$/);
});

const mistakes: [string, RegExp][] = [
  ['', /what to look for is missing: --text, --hex or --regex/],
  ['--text a --hex 61', /--text and --hex exclude each other/],
  ['--hex 7', /--hex: expected pairs of hexadecimal digits, found '7'/],
  ['--hex 61 --ignore-case', /--ignore-case goes with --text or --regex only/],
  ['--regex (', /--regex: .*Unterminated group/],
  ['--regex ŵ', /--regex: 'ŵ' is not in Latin-1/],
  ['--text a --channel disk', /--channel: expected port, mmio, dma, console, net, found 'disk'/],
  ['--text a --port 65536', /--port: expected a whole number.*found '65536'/],
  ['--text a --port 1 --channel net', /--port is an I\/O port/],
  ['--text a --context 5000', /--context: expected 4096 bytes at most/],
];

test('a wrong command line is told in a line', async (t) => {
  for (const [typed, said] of mistakes) {
    const run = await find(attack, ...typed.split(' ').filter((word) => word !== ''));
    refused(t, run, 2, 'ERR_USAGE');
    t.regex(run.stderr.split('\n')[0] ?? '', said);
    t.is(run.stdout, '');
  }
});

test('what is no trace is refused', async (t) => {
  const empty = join(temporaryFolder(t), 'empty.rebek');
  writeFileSync(empty, '');
  refused(t, await find(empty, '--text', 'a'), 4, 'ERR_TRACE_NOT_A_TRACE');
  refused(t, await find(join(empty, '../none.rebek'), '--text', 'a'), 2, 'ERR_TRACE_OPEN');
});
