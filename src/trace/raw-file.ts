/** Positional reads of a file that must not change while it is read. */
import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { RebekError } from '../base/errors.ts';
import { osReason } from './errors.ts';

/** A file opened for reading. Its size is taken once: a file that is still being written can be read up to there. */
export class RawFile {
  readonly path: string;
  /** Length in bytes when it was opened. */
  readonly size: number;
  #fd: number | undefined;

  /** @throws {RebekError} ERR_TRACE_OPEN: no such file, no permission, not a regular file */
  constructor(path: string) {
    this.path = path;
    try {
      // before open(): opening a pipe would wait for its writer
      if (!statSync(path).isFile()) throw new Error('it is not a regular file');
      this.#fd = openSync(path, 'r');
      this.size = fstatSync(this.#fd).size;
    } catch (error) {
      throw new RebekError('ERR_TRACE_OPEN', `cannot open ${path}: ${osReason(error)}`, {
        details: { file: path },
        cause: error,
      });
    }
  }

  /**
   * Fills `target` from `offset` on.
   * @throws {RebekError} ERR_TRACE_READ: the system's error, or the file has become shorter
   */
  readInto(target: Uint8Array, offset: number): void {
    if (this.#fd === undefined) throw new Error(`${this.path} has been closed`);
    let done = 0;
    while (done < target.length) {
      let count: number;
      try {
        count = readSync(this.#fd, target, done, target.length - done, offset + done);
      } catch (error) {
        throw this.#readError(offset + done, osReason(error), error);
      }
      if (count === 0) throw this.#readError(offset + done, 'it has become shorter while it was read');
      done += count;
    }
  }

  /** `length` fresh bytes from `offset` on. */
  read(offset: number, length: number): Buffer {
    const target = Buffer.allocUnsafeSlow(length);
    this.readInto(target, offset);
    return target;
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }

  #readError(offset: number, reason: string, cause?: unknown): RebekError {
    return new RebekError('ERR_TRACE_READ', `cannot read ${this.path} at offset ${offset}: ${reason}`, {
      details: { file: this.path, offset },
      ...(cause === undefined ? {} : { cause }),
    });
  }
}
