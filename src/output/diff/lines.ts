/** Lines of a file, piece by piece, each with its number and place. */
import { closeSync, createWriteStream, mkdtempSync, openSync, readSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setImmediate as breathe } from 'node:timers/promises';
import { RebekError } from '../../base/errors.ts';

const PIECE = 1 << 20;
/** No finding is that long: what a hook may emit is 16 MiB, and a million values. */
const LONGEST_LINE = 256 << 20;

/** A file that can be read again anywhere. */
export class LineSource {
  /** As people know it. */
  readonly name: string;
  readonly size: number;
  private readonly file: number;
  private readonly folder: string | undefined;

  private constructor(name: string, path: string, folder?: string) {
    this.name = name;
    this.folder = folder;
    try {
      if (statSync(path).isDirectory()) throw new Error('it is a folder');
      this.file = openSync(path, 'r');
      this.size = statSync(path).size;
    } catch (cause) {
      const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
      throw new RebekError(
        'ERR_FINDINGS_READ',
        `cannot read ${name}: ${missing ? 'there is no such file' : (cause as Error).message}`,
        { details: { file: name }, cause },
      );
    }
  }

  /**
   * @param path a file, or `-`: standard input, which is kept in a temporary file until `close`
   * @throws RebekError ERR_FINDINGS_READ, ERR_ABORTED
   */
  static async open(path: string, signal?: AbortSignal): Promise<LineSource> {
    if (path !== '-') return new LineSource(path, path);
    const folder = mkdtempSync(join(tmpdir(), 'rebek-diff-'));
    try {
      const copy = join(folder, 'stdin.jsonl');
      await pipeline(process.stdin, createWriteStream(copy), ...(signal === undefined ? [] : [{ signal }]));
      return new LineSource('standard input', copy, folder);
    } catch (cause) {
      rmSync(folder, { recursive: true, force: true });
      if (signal?.aborted) throw new RebekError('ERR_ABORTED', 'given up');
      const why = (cause as Error).message;
      throw new RebekError('ERR_FINDINGS_READ', `cannot read standard input: ${why}`, { cause });
    }
  }

  /** Reads a part again. */
  part(offset: number, length: number): Buffer {
    const bytes = Buffer.allocUnsafe(length);
    let read = 0;
    while (read < length) {
      const got = this.read(bytes, read, length - read, offset + read);
      if (got === 0) throw this.changed();
      read += got;
    }
    return bytes;
  }

  /**
   * Passes each line on, without its end.
   * @param line bytes `from` to `to` of `buffer` are the line; `whole` is false for a last one that does not end
   * @param between called now and then, with the bytes read so far
   * @throws RebekError ERR_FINDINGS_LINE: one that is too long
   */
  async each(
    line: (buffer: Buffer, from: number, to: number, offset: number, whole: boolean) => void,
    between: (bytes: number) => void,
  ): Promise<void> {
    let buffer = Buffer.allocUnsafe(2 * PIECE);
    let filled = 0;
    let base = 0;
    let lines = 0;
    for (;;) {
      if (buffer.length - filled < PIECE) {
        const larger = Buffer.allocUnsafe(2 * buffer.length);
        buffer.copy(larger, 0, 0, filled);
        buffer = larger;
      }
      const got = this.read(buffer, filled, PIECE, base + filled);
      if (got === 0) break;
      const searched = filled;
      filled += got;
      let from = 0;
      for (let at = searched; ; ) {
        const end = buffer.subarray(0, filled).indexOf(10, at);
        if (end < 0) break;
        line(buffer, from, end, base + from, true);
        lines++;
        from = at = end + 1;
      }
      buffer.copyWithin(0, from, filled);
      filled -= from;
      base += from;
      if (filled > LONGEST_LINE) {
        throw new RebekError(
          'ERR_FINDINGS_LINE',
          `${this.name}, line ${lines + 1}: it is longer than ${LONGEST_LINE >> 20} MiB`,
          { details: { file: this.name, line: lines + 1 } },
        );
      }
      between(base);
      await breathe();
    }
    if (filled > 0) line(buffer, 0, filled, base, false);
  }

  close(): void {
    closeSync(this.file);
    if (this.folder !== undefined) rmSync(this.folder, { recursive: true, force: true });
  }

  private read(into: Buffer, at: number, most: number, offset: number): number {
    try {
      return readSync(this.file, into, at, most, offset);
    } catch (cause) {
      const why = (cause as Error).message;
      throw new RebekError('ERR_FINDINGS_READ', `cannot read ${this.name}: ${why}`, { cause });
    }
  }

  private changed(): RebekError {
    return new RebekError('ERR_FINDINGS_READ', `${this.name} has become shorter while it was read`);
  }
}
