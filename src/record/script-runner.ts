/** Runs a script against a guest's serial consoles. */
import { RebekError } from '../base/errors.ts';
import { type Pattern, printPattern, type Script, type Step } from './script.ts';
import { ConsoleBuffer } from './script-console.ts';
import { encodeText, printable } from './script-text.ts';

/** What a script acts on: a recording, or a PC that only boots. */
export interface ScriptTarget {
  send(port: number, bytes: Uint8Array): void;
  /** @returns a function that takes the listener off again */
  onOutput(listener: (port: number, bytes: Uint8Array) => void): () => void;
}

/** The passing of time, for tests to replace. */
export interface ScriptClock {
  /** Milliseconds since some moment. */
  readonly now: number;
  /** Calls back once after `ms`; 0 means after the events that are due now. */
  after(ms: number, callback: () => void): () => void;
}

export interface ScriptOptions {
  /** Ends the script; `runScript` then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** What `log` says. */
  readonly onLog?: ((text: string) => void) | undefined;
  /** Before each step. */
  readonly onStep?: ((step: Step) => void) | undefined;
  /** Where the script begins to talk; 0 unless given. */
  readonly console?: number | undefined;
  readonly clock?: ScriptClock | undefined;
}

const DEFAULT_TIMEOUT = 60;
/** A search may take this share of the time: long output and a slow pattern must not slow the guest down. */
const SEARCH_SHARE = 0.1;

/**
 * Runs a script to its end.
 * @returns how it ended: by an `end`, or because the lines ran out
 * @throws RebekError ERR_SCRIPT_TIMEOUT; the signal's reason
 */
export async function runScript(
  script: Script,
  target: ScriptTarget,
  options: ScriptOptions = {},
): Promise<'end' | 'ran out'> {
  const clock = options.clock ?? realClock;
  const consoles = new Consoles(target, clock);
  let port = options.console ?? 0;
  let timeout = DEFAULT_TIMEOUT;
  try {
    for (const step of script.steps) {
      options.signal?.throwIfAborted();
      options.onStep?.(step);
      if (step.kind === 'end') return 'end';
      if (step.kind === 'wait') {
        const matched = await consoles.wait(port, step.pattern, timeout, options.signal);
        if (!matched) throw timedOut(script, step, port, timeout, consoles.recent(port));
      } else if (step.kind === 'send') target.send(port, encodeText(step.text));
      else if (step.kind === 'log') options.onLog?.(step.text);
      else if (step.kind === 'sleep') await sleep(step.seconds, clock, options.signal);
      else if (step.kind === 'timeout') timeout = step.seconds;
      else if (step.kind === 'console') port = step.port;
    }
    return 'ran out';
  } finally {
    consoles.close();
  }
}

/**
 * Waits until a pattern has come at a console, however long that takes.
 * @returns what matched
 * @throws the signal's reason
 */
export async function waitForOutput(
  target: ScriptTarget,
  port: number,
  pattern: Pattern,
  options: { readonly signal?: AbortSignal | undefined; readonly clock?: ScriptClock | undefined } = {},
): Promise<string> {
  const consoles = new Consoles(target, options.clock ?? realClock);
  try {
    return (await consoles.wait(port, pattern, undefined, options.signal)) ?? '';
  } finally {
    consoles.close();
  }
}

const realClock: ScriptClock = {
  get now() {
    return performance.now();
  },
  after(ms, callback) {
    if (ms === 0) {
      const immediate = setImmediate(callback);
      return () => clearImmediate(immediate);
    }
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  },
};

/** Listens to all consoles from the beginning, so that a script can come to one later. */
class Consoles {
  private readonly buffers = new Map<number, ConsoleBuffer>();
  private readonly clock: ScriptClock;
  private readonly off: () => void;
  private heard: ((port: number) => void) | undefined;

  constructor(target: ScriptTarget, clock: ScriptClock) {
    this.clock = clock;
    this.off = target.onOutput((port, bytes) => {
      this.buffer(port).add(bytes);
      this.heard?.(port);
    });
  }

  recent(port: number): string {
    return this.buffer(port).recent;
  }

  close(): void {
    this.off();
  }

  /** @returns what matched; undefined if `seconds` passed before */
  wait(
    port: number,
    pattern: Pattern,
    seconds: number | undefined,
    signal: AbortSignal | undefined,
  ): Promise<string | undefined> {
    const buffer = this.buffer(port);
    return new Promise((resolve, reject) => {
      let cancelLook: (() => void) | undefined;
      let pause = 0;
      const settle = (end: () => void): void => {
        cancelLook?.();
        cancelTimeout();
        this.heard = undefined;
        signal?.removeEventListener('abort', aborted);
        end();
      };
      const aborted = (): void => settle(() => reject(signal?.reason));
      const look = (): boolean => {
        cancelLook = undefined;
        const began = this.clock.now;
        const match = buffer.take(pattern);
        pause = restAfter(this.clock.now - began);
        if (match !== undefined) settle(() => resolve(match));
        return match !== undefined;
      };
      const cancelTimeout =
        seconds === undefined
          ? () => {}
          : this.clock.after(seconds * 1000, () => look() || settle(() => resolve(undefined)));
      signal?.addEventListener('abort', aborted, { once: true });
      // Output comes a byte at a time: look when the burst is over.
      this.heard = (from) => {
        if (from === port) cancelLook ??= this.clock.after(pause, look);
      };
      if (signal?.aborted) aborted();
      else look();
    });
  }

  private buffer(port: number): ConsoleBuffer {
    let buffer = this.buffers.get(port);
    if (buffer === undefined) {
      buffer = new ConsoleBuffer();
      this.buffers.set(port, buffer);
    }
    return buffer;
  }
}

/** How long not to search after a search that took `ms`. */
const restAfter = (ms: number): number => (ms < 1 ? 0 : Math.ceil(ms / SEARCH_SHARE - ms));

function sleep(seconds: number, clock: ScriptClock, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const aborted = (): void => {
      cancel();
      reject(signal?.reason);
    };
    const cancel = clock.after(seconds * 1000, () => {
      signal?.removeEventListener('abort', aborted);
      resolve();
    });
    signal?.addEventListener('abort', aborted, { once: true });
  });
}

function timedOut(
  script: Script,
  step: Step & { kind: 'wait' },
  port: number,
  seconds: number,
  recent: string,
): RebekError {
  const pattern = printPattern(step.pattern);
  const output = printable(recent);
  const last = recent === '' ? 'nothing was printed there' : `the last output was:\n  ${output}`;
  return new RebekError(
    'ERR_SCRIPT_TIMEOUT',
    `${script.file}:${step.line}: ${pattern} did not come at console ${port} within ${seconds} s; ${last}`,
    {
      hint: 'raise the limit with `timeout SECONDS` before the line, or correct what it waits for',
      details: { file: script.file, line: step.line, pattern, console: port, seconds, output },
    },
  );
}
