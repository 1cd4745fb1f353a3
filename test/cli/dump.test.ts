import { join } from 'node:path';
import test from 'ava';
import { noStack, type Result, rebek, recordSample, script, workplace } from './support.ts';

interface Event {
  instruction: number;
  sequence?: number;
  op?: string;
  direction?: string;
  bytes?: string;
}

/** JSON lines; each must be one. */
const parse = ({ stdout }: Result): Event[] =>
  stdout
    .trimEnd()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Event);

test('the console as lines, as events, as bytes', async (t) => {
  const { folder, machine } = workplace(t);
  const file = await recordSample(t, folder, machine);
  const dump = (...args: string[]) => rebek(['dump', file, '--stream', 'console', ...args]);
  const lines = await dump();
  t.is(lines.code, 0);
  t.is(lines.stderr, '');
  t.regex(
    lines.stdout,
    /^ +\d+ {2}0 > {2}probe ready\\r\\n\n +\d+ {2}0 < {2}s\n +[\d,]+ {2}0 > {2}s: [0-9a-f]{8}\S*\n$/,
  );
  const events = parse(await dump('--json'));
  const text = (direction: string): string =>
    events
      .filter((event) => event.direction === direction)
      .map(({ bytes = '' }) => Buffer.from(bytes, 'hex').toString())
      .join('');
  t.is(text('in'), 's');
  t.regex(text('out'), /^probe ready\r\ns: [0-9a-f]{8}/);
  const raw = await dump('--raw');
  t.is(raw.stdout, text('out'));
  t.is((await dump('--limit', '1')).stdout, `${lines.stdout.split('\n')[0]}\n`);
  t.deepEqual(parse(await dump('--limit', '3', '--json')), events.slice(0, 3));
  t.is((await dump('--port', '1')).stdout, '');
});

test('what a guest prints cannot command the terminal of who reads the dump', async (t) => {
  const { folder, machine } = workplace(t);
  const file = join(folder, 'e.rebek');
  const steps = script(folder, 'wait "probe ready"\nsend "\\e[31m\\x07\\u00e4\\xff"\nsleep 0.1\n');
  t.is((await rebek(['record', machine, '-o', file, '--script', steps])).code, 0);
  const { stdout } = await rebek(['dump', file, '--stream', 'console']);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what must not be there
  t.notRegex(stdout, /[\x00-\x09\x0b-\x1f\x7f-\x9f]/);
  t.regex(stdout, /< {2}\\x1b\[31m\\x07ä\\xff\n/);
});

test('the input log, all of it and parts of it', async (t) => {
  const { folder, machine } = workplace(t);
  const file = await recordSample(t, folder, machine);
  const dump = (...args: string[]) => rebek(['dump', file, '--stream', 'input', ...args]);
  const all = parse(await dump('--json'));
  const { summary } = JSON.parse((await rebek(['info', file, '--json'])).stdout);
  t.is(all.length, summary.events);
  t.deepEqual(
    all.map(({ sequence }) => sequence),
    all.map((_, i) => i),
  );
  t.is((await dump()).stdout.split('\n').length, all.length + 1);
  const from = all[Math.floor(all.length / 3)]!.instruction;
  const to = all[Math.floor(all.length / 2)]!.instruction;
  t.true(from < to);
  const part = all.filter(({ instruction }) => instruction >= from && instruction <= to);
  t.deepEqual(parse(await dump('--json', '--from', `${from}`, '--to', `${to}`)), part);
  const limited = parse(await dump('--json', '--from', `${from}`, '--limit', '2'));
  t.deepEqual(limited, part.slice(0, 2));
  t.is((await dump('--from', '1e15')).stdout, '');
});

test('a guest without network has no frames', async (t) => {
  const { folder, machine } = workplace(t);
  const file = await recordSample(t, folder, machine);
  const run = await rebek(['dump', file, '--stream', 'net', '--json']);
  t.deepEqual([run.code, run.stdout, run.stderr], [0, '', '']);
});

test('a reader that has seen enough (`| head -1`) is no error', async (t) => {
  const { folder, machine } = workplace(t);
  // Long enough for the pipe to be full.
  const file = await recordSample(t, folder, machine, 't');
  const through = ['bash', '-c', '"$@" | head -1; echo "code $PIPESTATUS"', 'bash'];
  for (const more of [[], ['--json']]) {
    const run = await rebek(['dump', file, '--stream', 'input', ...more], { through });
    t.is(run.stderr, '');
    noStack(t, run);
    t.regex(run.stdout, /^.*main_loop.*\ncode 0\n$/);
  }
});
