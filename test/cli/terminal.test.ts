import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { longTrace } from '../support/made-trace.ts';
import { main, rebek, workplace } from './support.ts';

/** util-linux's script(1) gives a command a terminal of its own; BSD's has other options. */
const pty = 'script';
const hasScript = spawnSync(pty, ['--version']).stdout?.includes('util-linux') ?? false;
const term = hasScript ? test : test.skip;

/** A shell command at a terminal, and somebody who types. */
class Terminal {
  shown = '';
  private readonly child;
  private readonly closed: Promise<unknown>;

  constructor(t: ExecutionContext, command: string, cwd: string) {
    const env: NodeJS.ProcessEnv = { ...process.env, TERM: 'xterm', SHELL: '/bin/bash' };
    delete env['NO_COLOR'];
    this.child = spawn(pty, ['-qec', command, '/dev/null'], { cwd, env });
    t.teardown(() => this.child.kill('SIGKILL'));
    this.child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.shown += text;
    });
    this.closed = once(this.child, 'close');
  }

  async until(pattern: RegExp): Promise<void> {
    for (const end = Date.now() + 30_000; !pattern.test(this.shown); ) {
      if (Date.now() > end) throw new Error(`${pattern} was not shown: ${JSON.stringify(this.shown)}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  type(keys: string): void {
    this.child.stdin.write(keys);
  }

  async end(): Promise<string> {
    await this.closed;
    return this.shown;
  }
}

const rebekAt = `${process.execPath} ${main}`;

term('a terminal becomes the guest’s console, and is afterwards what it was', async (t) => {
  const { folder, machine } = workplace(t);
  const command = `stty -g; ${rebekAt} record ${machine} -o tty.rebek; echo "code $?"; stty -g`;
  const terminal = new Terminal(t, command, folder);
  await terminal.until(/probe ready/);
  terminal.type('s');
  await terminal.until(/s: [0-9a-f]{8}/);
  // Ctrl-C, Ctrl-Z and Ctrl-D are the guest's, too.
  terminal.type('\x03\x1a\x04');
  terminal.type('f');
  await terminal.until(/f: [0-9a-f]{8}/);
  terminal.type('\x1d');
  const shown = await terminal.end();
  t.regex(shown, /Ctrl-\] ends the recording\.\r\n/);
  t.regex(shown, /^code 0\r$/m);
  t.regex(shown, /^ {2}end +ended by the user\r$/m);
  const modes = shown.match(/^[0-9a-f]+(:[0-9a-f]+){20,}(?=\r$)/gm);
  t.is(modes?.length, 2);
  t.is(modes?.[0], modes?.[1], 'stty -g before and after');
  // Exactly the guest's bytes: its LF is not made CR LF.
  t.regex(shown, /probe ready\r\n(?!\r)/);
  t.notRegex(shown, /probe ready\r\r/);

  const file = join(folder, 'tty.rebek');
  const { stdout } = await rebek(['dump', file, '--stream', 'console', '--json']);
  const typed = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { direction: string; bytes: string })
    .filter(({ direction }) => direction === 'in');
  t.is(typed.map(({ bytes }) => bytes).join(''), '73031a0466');
  t.is((await rebek(['verify', file])).code, 0);
});

term('a recording that is ended by SIGTERM gives the terminal back as well', async (t) => {
  const { folder, machine } = workplace(t);
  const command = `stty -g; bash -c 'echo "pid $$"; exec ${rebekAt} record ${machine} -o tty.rebek'; echo "code $?"; stty -g`;
  const terminal = new Terminal(t, command, folder);
  await terminal.until(/probe ready/);
  process.kill(Number(/^pid (\d+)/m.exec(terminal.shown)?.[1]), 'SIGTERM');
  const shown = await terminal.end();
  t.regex(shown, /^code 0\r$/m);
  const modes = shown.match(/^[0-9a-f]+(:[0-9a-f]+){20,}(?=\r$)/gm);
  t.is(modes?.length, 2);
  t.is(modes?.[0], modes?.[1]);
});

term('Ctrl-C ends a recording that is not interactive; progress goes away from the terminal', async (t) => {
  const { folder, machine } = workplace(t);
  const command = `stty cols 90 rows 24; ${rebekAt} record ${machine} -o tty.rebek --duration 3600; echo "code $?"`;
  const terminal = new Terminal(t, command, folder);
  await terminal.until(/instructions · .* MIPS · trace \d+ kB/);
  terminal.type('\x03');
  const shown = await terminal.end();
  t.regex(shown, /^ {2}end +ended by SIGINT\r$/m);
  t.regex(shown, /^code 0\r$/m);
});

term('a dump into a file says on the terminal how far it is, until Ctrl-C', async (t) => {
  const { folder } = workplace(t);
  const dump = `${rebekAt} dump ${longTrace(t)} --stream input`;
  const command = `stty cols 100 rows 24; ${dump} > lines; echo "code $?"; wc -l < lines`;
  const terminal = new Terminal(t, command, folder);
  await terminal.until(/reading: \d+ %(, .* left)? · instruction .* · .*\/s · [\d.]+ [kM] lines/);
  terminal.type('\x03');
  const shown = await terminal.end();
  // The line is taken away before anything else is written.
  const [progress, error = ''] = shown.split(/(?=[^G\n]*rebek:)/);
  t.true(progress?.endsWith('\x1b[2K\x1b[1A\x1b[2K\x1b[G'), JSON.stringify(shown));
  t.regex(error, /^[^\r]*rebek:[^\r]* given up; .*ERR_ABORTED/);
  const [, code, lines] = /^code (\d+)\r\n(\d+)\r$/m.exec(shown) ?? [];
  t.is(code, '130');
  t.true(Number(lines) > 10_000 && Number(lines) < 5_000_000, lines);
});

term('lines on the same terminal are not mixed with that', async (t) => {
  const { folder } = workplace(t);
  const command = `stty cols 100 rows 24; ${rebekAt} dump ${longTrace(t)} --stream input --limit 30000; echo "code $?"`;
  const terminal = new Terminal(t, command, folder);
  const shown = await terminal.end();
  t.is(shown.match(/^ +[\d,]+ +\d+ {2}(?: {23})?io_port_read8\(0x60\) = 0x61\r$/gm)?.length, 30_000);
  t.regex(shown, /^code 0\r$/m);
});

test('without a terminal, --verbose asks for a line of progress every ten seconds', async (t) => {
  const { folder, machine } = workplace(t);
  const args = ['record', machine, '-o', 'v.rebek', '--duration', '10.6', '--verbose', '--json'];
  const { code, stdout, stderr } = await rebek(args, { cwd: folder });
  t.is(code, 0, stderr);
  const progress = /^[\d.]+ s · [\d.]+ k instructions · \d+\.\d MIPS · trace \d+ kB$/gm;
  t.is(stderr.match(progress)?.length, 1, stderr);
  t.is(JSON.parse(stdout).end, 'duration');
});

test('without a terminal there is neither colour nor progress', async (t) => {
  const { folder, machine } = workplace(t);
  const args = ['record', machine, '-o', 'p.rebek', '--duration', '0.8'];
  const env = { NO_COLOR: '', TERM: 'xterm' };
  const record = await rebek(args, { cwd: folder, env });
  t.is(record.code, 0);
  const replay = await rebek(['replay', 'p.rebek'], { cwd: folder, env });
  t.is(replay.stderr, '');
  for (const text of [record.stdout, record.stderr, replay.stdout]) t.false(text.includes('\x1b'));
  t.notRegex(record.stderr, /MIPS · trace/);
});
