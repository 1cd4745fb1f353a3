/**
 * The two streams of every command: data on standard output, everything else on standard error. A reader that
 * goes away (`| head`) is no error: output is then dropped, and who produces it can ask and stop.
 */
import { RebekError } from '../base/errors.ts';

/** The other side is gone: a closed pipe, a terminal that was hung up. */
const GONE = new Set(['EPIPE', 'EIO', 'ERR_STREAM_DESTROYED']);

class StandardOutput {
  /** Nobody reads any more. */
  closed = false;
  private failure: RebekError | undefined;

  constructor() {
    process.stdout.on('error', (error: NodeJS.ErrnoException) => this.note(error));
    // There is nowhere left to say anything about it.
    process.stderr.on('error', () => {});
  }

  /**
   * Writes, and resolves when the text is on its way.
   * @throws RebekError ERR_OUTPUT: not a closed pipe, but a full disk, for one
   */
  async write(data: string | Uint8Array): Promise<void> {
    if (this.closed) return;
    if (this.failure !== undefined) throw this.failure;
    await new Promise<void>((resolve) => {
      process.stdout.write(data, (error) => {
        if (error) this.note(error);
        resolve();
      });
    });
    if (this.failure !== undefined) throw this.failure;
  }

  line(text: string): Promise<void> {
    return this.write(`${text}\n`);
  }

  /** One JSON document, indented for people if they look at it themselves. */
  json(value: unknown): Promise<void> {
    return this.line(JSON.stringify(value, undefined, process.stdout.isTTY ? 2 : undefined));
  }

  private note(error: NodeJS.ErrnoException): void {
    if (GONE.has(error.code ?? '')) this.closed = true;
    else {
      this.failure ??= new RebekError('ERR_OUTPUT', `cannot write to standard output: ${error.message}`, {
        cause: error,
      });
    }
  }
}

export const output = new StandardOutput();

/** Says something to the person: one or more lines on standard error. */
export function say(text: string): void {
  process.stderr.write(`${text}\n`);
}
