/** Running the host's tools: their output collected, their failures explained, ended when the user gives up. */
import { type ChildProcess, spawn } from 'node:child_process';
import { RebekError } from '../base/errors.ts';

export interface RunOptions {
  readonly cwd?: string;
  /** Added to the environment. */
  readonly env?: Record<string, string>;
  readonly signal?: AbortSignal | undefined;
  /** Each line of the child's file descriptor 3, as it comes. */
  readonly onStatus?: (line: string) => void;
  /** Standard output as it comes, instead of collecting it. */
  readonly onData?: (chunk: Uint8Array) => void;
}
export interface RunResult {
  /** The exit code; a signal counts as 128. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** What to do where a tool is missing. */
const toolHints: Record<string, string> = {
  'apt-get':
    'This needs a Debian-based host (apt). Elsewhere, build it on one and copy the cache folder over.',
  'dpkg-deb': 'Install the package dpkg.',
};

/**
 * Runs a program to its end, without a shell. Its exit code is the caller's to judge.
 * @throws RebekError ERR_MACHINE_TOOL_MISSING, ERR_MACHINE_ABORTED
 */
export function run(program: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const { signal } = options;
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(abortError());
    const child = spawn(program, args, {
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      env: { ...process.env, LC_ALL: 'C', ...options.env },
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    });
    const giveUp = () => child.kill('SIGTERM');
    signal?.addEventListener('abort', giveUp, { once: true });
    child.once('error', (error: NodeJS.ErrnoException) => {
      signal?.removeEventListener('abort', giveUp);
      reject(error.code === 'ENOENT' || error.code === 'EACCES' ? missing(program, error) : error);
    });
    const output = collect(child, options);
    child.once('close', (code) => {
      signal?.removeEventListener('abort', giveUp);
      if (signal?.aborted) reject(abortError());
      else if (output.failure !== undefined) reject(output.failure);
      else resolve({ code: code ?? 128, stdout: output.stdout, stderr: output.stderr });
    });
  });
}

function collect(child: ChildProcess, { onData, onStatus }: RunOptions) {
  const output: { stdout: string; stderr: string; failure?: unknown } = { stdout: '', stderr: '' };
  const [, stdout, stderr, status] = child.stdio as NodeJS.ReadableStream[];
  if (onData === undefined) {
    stdout?.setEncoding('utf8').on('data', (text: string) => {
      output.stdout += text;
    });
  } else {
    stdout?.on('data', (chunk: Uint8Array) => {
      if (output.failure !== undefined) return;
      try {
        onData(chunk);
      } catch (error) {
        output.failure = error;
        child.kill('SIGTERM');
      }
    });
  }
  stderr?.setEncoding('utf8').on('data', (text: string) => {
    output.stderr += text;
  });
  let rest = '';
  status?.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) onStatus?.(line);
  });
  return output;
}

export const abortError = (): RebekError =>
  new RebekError('ERR_MACHINE_ABORTED', 'the build was interrupted; nothing of it was kept');

function missing(program: string, cause: unknown): RebekError {
  const hint = toolHints[program];
  return new RebekError(
    'ERR_MACHINE_TOOL_MISSING',
    `${program} is needed for this, and is not on this host`,
    {
      ...(hint === undefined ? {} : { hint }),
      details: { program },
      cause,
    },
  );
}
