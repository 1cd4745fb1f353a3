/** One line that tells how far things are: redrawn in place on a terminal, else a plain line now and then. */
import { createLogUpdate } from 'log-update';
import { formatDuration } from './format.ts';
import { style } from './style.ts';

const REDRAW_MS = 250;
const PLAIN_MS = 10_000;
/** An estimate from less than this is a guess. */
const ESTIMATE_AFTER_MS = 1500;

export interface StatusOptions {
  /** Where there is no terminal, write a line every ten seconds; without it, nothing. */
  readonly plain?: boolean;
  /** Draw nothing at all. */
  readonly quiet?: boolean;
}

export class StatusLine {
  private readonly stream = process.stderr;
  private readonly everyMs: number;
  private readonly draw: ((text: string) => void) | undefined;
  private readonly log: ReturnType<typeof createLogUpdate> | undefined;
  private last: number;

  constructor(options: StatusOptions = {}) {
    const terminal = Boolean(this.stream.isTTY) && process.env['TERM'] !== 'dumb';
    this.everyMs = terminal ? REDRAW_MS : PLAIN_MS;
    this.last = terminal ? 0 : performance.now();
    if (options.quiet) return;
    if (terminal) {
      // The cursor stays: a process that is killed could not bring it back.
      this.log = createLogUpdate(this.stream, { showCursor: true });
      this.draw = (text) => this.log?.(style(this.stream, 'dim', toOneRow(text, this.stream.columns)));
    } else if (options.plain) {
      this.draw = (text) => this.stream.write(`${text}\n`);
    }
  }

  /** Shows a line; `make` is called only when one is due. */
  update(make: () => string): void {
    if (this.draw === undefined) return;
    const now = performance.now();
    if (now - this.last < this.everyMs) return;
    this.last = now;
    this.draw(make());
  }

  /** Takes the line away, for other output or for good; the next update draws it again. */
  clear(): void {
    this.log?.clear();
    this.log?.done();
    if (this.log !== undefined) this.last = 0;
  }
}

/** Cut to one row; the last column stays free, or some terminals begin a new row. */
function toOneRow(text: string, columns: number | undefined): string {
  // A terminal that does not know its size says 0.
  const width = columns || 80;
  return text.length < width ? text : `${text.slice(0, Math.max(1, width - 2))}…`;
}

/** `43 %, 12 s left`: how much is done and when the rest will be, going by the time that it took so far. */
export function formatProgress(done: number, total: number | undefined, ms: number): string {
  if (total === undefined || total === 0) return formatDuration(ms);
  const part = Math.min(1, done / total);
  const percent = `${Math.floor(part * 100)} %`;
  if (ms < ESTIMATE_AFTER_MS || part === 0) return percent;
  return `${percent}, ${formatDuration((ms / part) * (1 - part))} left`;
}
