/**
 * Output of commands that read much and may print little: in batches, with a line about how far it is where nothing is
 * printed, and given up at Ctrl-C.
 */
import { setImmediate as breathe } from 'node:timers/promises';
import { RebekError } from '../base/errors.ts';
import { formatCount, plural } from './format.ts';
import { output } from './output.ts';
import { formatProgress, StatusLine } from './status-line.ts';

/** Characters, or bytes, collected before they are written … */
const BATCH = 1 << 16;
/** … and the longest that they wait, if any come at all. */
const WAIT_MS = 200;
/** Between two looks at what else there is to do, such as a signal. */
const BREATH_MS = 50;
/** What takes no longer needs no sign of life, nor do lines that come this often on the same terminal. */
const QUIET_MS = 1000;

export class LongOutput {
  private readonly from: number;
  private readonly total: number;
  private readonly status = new StatusLine();
  private readonly began = performance.now();
  private readonly stopped = new AbortController();
  private readonly stop = (): void => this.stopped.abort();
  private readonly interrupted: Promise<void>;
  private pending: (string | Uint8Array)[] = [];
  private size = 0;
  private lines = 0;
  private at: number;
  private written = performance.now();
  private breathed = performance.now();

  /** @param span instruction counts: what is read */
  constructor(span: { readonly from: number; readonly to: number }) {
    this.from = this.at = span.from;
    this.total = span.to - span.from;
    this.interrupted = new Promise((resolve) => {
      this.stopped.signal.addEventListener('abort', () => resolve());
    });
    // A second one ends the process at once.
    process.once('SIGINT', this.stop);
  }

  /** Nobody reads any more. */
  get closed(): boolean {
    return output.closed;
  }

  /** @returns true if it is time for a {@link turn} */
  add(piece: string | Uint8Array): boolean {
    this.pending.push(piece);
    this.size += piece.length;
    this.lines++;
    return this.size >= BATCH;
  }

  /**
   * Writes what there is, if it is enough; says how far it is; lets signals in. To be called often, also while nothing is found.
   * @param instruction read up to here, if that is known
   * @throws RebekError ERR_ABORTED: Ctrl-C; ERR_OUTPUT
   */
  async turn(instruction = this.at): Promise<void> {
    this.at = instruction;
    const now = performance.now();
    if (this.size >= BATCH || (this.size > 0 && now - this.written >= WAIT_MS)) await this.flush();
    if (now - this.breathed >= BREATH_MS) {
      const since = process.stdout.isTTY ? this.written : this.began;
      if (now - since >= QUIET_MS) this.status.update(() => this.progress(now));
      await breathe();
      this.breathed = performance.now();
    }
    if (this.stopped.signal.aborted)
      throw new RebekError('ERR_ABORTED', 'given up; what was found so far has been printed');
  }

  /** Writes the rest, and takes the line away. To be called in any case. */
  async end(): Promise<void> {
    try {
      await this.flush();
    } finally {
      process.removeListener('SIGINT', this.stop);
    }
  }

  private async flush(): Promise<void> {
    this.status.clear();
    const { pending } = this;
    this.pending = [];
    this.size = 0;
    if (pending.length > 0) {
      const all = typeof pending[0] === 'string' ? pending.join('') : Buffer.concat(pending as Uint8Array[]);
      // A reader that has stopped reading (a pager) does not keep anybody from giving up.
      await Promise.race([output.write(all), this.interrupted]);
    }
    this.written = performance.now();
  }

  private progress(now: number): string {
    const ms = now - this.began;
    const done = Math.max(0, this.at - this.from);
    const parts = [`reading: ${formatProgress(done, this.total, ms)}`, `instruction ${formatCount(this.at)}`];
    if (done > 0) parts.push(`${formatCount((done / ms) * 1000)}/s`);
    parts.push(plural(this.lines, 'line'));
    return parts.join(' · ');
  }
}
