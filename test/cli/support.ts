/** Runs the built `rebek` command as a user's shell would, with the probe guest. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { describeTrace } from '../../src/trace/info.ts';
import { probeMachine, root, temporaryFolder } from '../support/probe.ts';

export const main = join(root, 'dist/src/cli/main.js');
/** A command that takes longer hangs. */
const LONGEST_MS = 90_000;

export interface Result {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd?: string;
  /** Standard input; without it, it is empty. */
  readonly input?: string;
  readonly env?: Record<string, string>;
  /** Before `node`: another program that starts it. */
  readonly through?: readonly string[];
}

/** A command under way. */
export class Running {
  readonly child: ChildProcess;
  readonly result: Promise<Result>;
  private stdout = '';
  private stderr = '';

  constructor(args: readonly string[], { cwd, input = '', env = {}, through = [] }: RunOptions) {
    const [command = '', ...rest] = [...through, process.execPath, main, ...args];
    this.child = spawn(command, rest, { cwd, env: { ...environment, ...env }, stdio: 'pipe' });
    const { child } = this;
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
    // It may end without having read it.
    child.stdin?.on('error', () => {}).end(input);
    const timer = setTimeout(() => child.kill('SIGKILL'), LONGEST_MS);
    this.result = once(child, 'close').then(([code, signal]) => {
      clearTimeout(timer);
      return { code, signal, stdout: this.stdout, stderr: this.stderr };
    });
  }

  /** Until it has said this, on either stream. */
  async says(text: string): Promise<void> {
    while (!this.stdout.includes(text) && !this.stderr.includes(text)) {
      if (this.child.exitCode !== null)
        throw new Error(`it ended without saying ${text}: ${this.stdout}${this.stderr}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}

/** Without what this test run's own environment could change. */
const environment: NodeJS.ProcessEnv = { ...process.env, NO_COLOR: '1' };
for (const name of ['REBEK_CODEC', 'REBEK_DEBUG', 'FORCE_COLOR', 'NODE_OPTIONS']) delete environment[name];

export function start(t: ExecutionContext, args: readonly string[], options: RunOptions = {}): Running {
  const running = new Running(args, options);
  t.teardown(() => running.child.kill('SIGKILL'));
  return running;
}

/** Runs a command to its end; no more than two at once, since ava starts all tests of a file together. */
export async function rebek(args: readonly string[], options: RunOptions = {}): Promise<Result> {
  while (busy.size >= 2) await Promise.race(busy);
  const { result } = new Running(args, options);
  busy.add(result);
  try {
    return await result;
  } finally {
    busy.delete(result);
  }
}
const busy = new Set<Promise<Result>>();

/** A folder with a machine file for the probe guest. */
export function workplace(t: ExecutionContext): { folder: string; machine: string } {
  const folder = temporaryFolder(t);
  return { folder, machine: probeMachine(folder, { prompt: 'probe ready' }) };
}

/** Writes a script beside the machine file. */
export function script(folder: string, text: string, name = 'test.script'): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

/** Records one experiment of the probe into `FOLDER/sample.rebek`. */
export async function recordSample(
  t: ExecutionContext,
  folder: string,
  machine: string,
  letter = 's',
): Promise<string> {
  const file = join(folder, 'sample.rebek');
  const steps = `wait "probe ready\\r\\n"\nsend "${letter}"\nwait /^${letter}: \\w+\\r\\n/m\n`;
  const run = await rebek(['record', machine, '-o', file, '--script', script(folder, steps)]);
  t.is(run.code, 0, run.stderr);
  return file;
}

/** A mistake of the user's: this exit code, this error code in the first line, and no stack. */
export function refused(t: ExecutionContext, run: Result, exitCode: number, error: string): void {
  t.is(run.code, exitCode, run.stderr);
  const line = run.stderr.split('\n').find((text) => text.startsWith('rebek: ')) ?? '';
  t.true(line.includes(`[${error}]`), run.stderr);
  noStack(t, run);
}

export function noStack(t: ExecutionContext, { stderr }: Result): void {
  t.notRegex(stderr, /^\s+at .*[:(]\d+/m);
}

/** Waits until a recorder has written down all that has happened up to now, and the machine's beginning. */
export async function logWritten(partial: string): Promise<void> {
  const chunks = (): number => {
    try {
      return describeTrace(partial).chunks['EVTS']?.chunks ?? 0;
    } catch {
      // Its first chunks are still being written.
      return 0;
    }
  };
  const before = chunks();
  for (const end = Date.now() + 30_000; chunks() === before; ) {
    if (Date.now() > end) throw new Error(`${partial} did not grow`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
