/** The serial consoles of a running PC in bursts: v86 reports every byte by itself. */
import type { Pc } from '../engine/pc.ts';
import type { ScriptTarget } from '../record/script-runner.ts';

type Listener = (port: number, bytes: Uint8Array) => void;

export class ConsoleTap implements ScriptTarget {
  /** When the guest last printed something, by `performance.now()`; undefined if never. */
  lastOutput: number | undefined;
  private readonly listeners = new Set<Listener>();
  private readonly type: (port: number, bytes: Uint8Array) => void;
  private readonly off: () => void;
  private port = 0;
  private bytes: number[] = [];
  private due: NodeJS.Immediate | undefined;

  /** @param type how bytes get to the guest: a recording has to know of them */
  constructor(pc: Pick<Pc, 'onSerial'>, type: (port: number, bytes: Uint8Array) => void) {
    this.type = type;
    this.off = pc.onSerial((port, byte) => {
      if (port !== this.port) this.flush();
      this.port = port;
      this.bytes.push(byte);
      this.due ??= setImmediate(() => this.flush());
    });
  }

  send(port: number, bytes: Uint8Array): void {
    this.type(port, bytes);
  }

  onOutput(listener: Listener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** The same for a listener that is first told what the consoles showed before: see `ConsoleHistory`. */
  withHistory(history: readonly ShownBefore[]): ScriptTarget {
    return {
      send: (port, bytes) => this.send(port, bytes),
      onOutput: (listener) => {
        const off = this.onOutput(listener);
        for (const { port, bytes } of history) listener(port, bytes);
        return off;
      },
    };
  }

  /** Hands on what is left, and listens no longer. */
  close(): void {
    this.off();
    this.flush();
  }

  /** Hands on what has come since the last burst. */
  flush(): void {
    clearImmediate(this.due);
    this.due = undefined;
    if (this.bytes.length === 0) return;
    const bytes = Uint8Array.from(this.bytes);
    this.bytes = [];
    this.lastOutput = performance.now();
    for (const listener of this.listeners) listener(this.port, bytes);
  }
}

/** What a console showed when a state was saved. */
export interface ShownBefore {
  readonly port: number;
  readonly bytes: Uint8Array;
}

/** Keeps the last lines of every console: who goes on from a state sees, and can wait for, the prompt in it. */
export class ConsoleHistory {
  private readonly tails = new Map<number, Uint8Array>();

  constructor(tap: ConsoleTap) {
    tap.onOutput((port, bytes) => {
      const all = Buffer.concat([this.tails.get(port) ?? new Uint8Array(0), bytes]);
      this.tails.set(port, all.length > 2 * HISTORY ? all.subarray(-HISTORY) : all);
    });
  }

  /** Whole lines, and the one that the cursor is in. */
  read(): ShownBefore[] {
    return [...this.tails].map(([port, all]) => {
      const tail = all.subarray(-HISTORY);
      const start = tail.length < all.length ? tail.indexOf(0x0a) + 1 : 0;
      return { port, bytes: tail.subarray(start) };
    });
  }
}

/** Bytes of a console that are kept: about a screen. */
const HISTORY = 2048;
