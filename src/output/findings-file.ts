/** Writes a findings file: `${path}.partial` until it is complete, so that nobody takes a part for the whole. */
import { closeSync, existsSync, openSync, renameSync, unlinkSync, writeSync } from 'node:fs';
import { RebekError } from '../base/errors.ts';
import type { FindingLine } from '../hooks/findings.ts';

/** Characters collected before they are written. */
const BATCH = 1 << 18;

export class FindingsWriter {
  readonly path: string;
  private readonly partial: string;
  private readonly file: number;
  private lines: string[] = [];
  private size = 0;
  private empty = true;
  private failure: RebekError | undefined;

  /**
   * @param overwrite replace an existing file
   * @throws RebekError ERR_OUTPUT_EXISTS, ERR_OUTPUT_WRITE
   */
  constructor(path: string, overwrite = false) {
    this.path = path;
    this.partial = `${path}.partial`;
    if (!overwrite && existsSync(path)) {
      throw new RebekError('ERR_OUTPUT_EXISTS', `${path} exists`, {
        hint: 'name another file, or add --force',
      });
    }
    this.file = this.tried(() => openSync(this.partial, 'w'));
  }

  /** Adds a line. A full disk shows here or in `finish`. */
  readonly line = (line: FindingLine): void => {
    const text = `${JSON.stringify(line)}\n`;
    this.lines.push(text);
    this.size += text.length;
    this.empty = false;
    if (this.size >= BATCH) this.flush();
  };

  private flush(): void {
    const bytes = Buffer.from(this.lines.join(''));
    this.lines = [];
    this.size = 0;
    this.tried(() => {
      for (let at = 0; at < bytes.length; ) at += writeSync(this.file, bytes, at);
    });
  }

  /**
   * Writes what is left; the file gets its name if `complete`.
   * @returns where the lines are now; undefined if there were none, and no file is left
   */
  finish(complete: boolean): string | undefined {
    try {
      if (this.failure === undefined) this.flush();
    } finally {
      closeSync(this.file);
    }
    if (this.empty) {
      unlinkSync(this.partial);
      return undefined;
    }
    if (!complete || this.failure !== undefined) return this.partial;
    this.tried(() => renameSync(this.partial, this.path));
    return this.path;
  }

  private tried<T>(action: () => T): T {
    try {
      return action();
    } catch (cause) {
      const why = (cause as Error).message;
      this.failure = new RebekError('ERR_OUTPUT_WRITE', `cannot write ${this.path}: ${why}`, {
        ...(!this.empty && { hint: `what was written is in ${this.partial}` }),
        cause,
      });
      throw this.failure;
    }
  }
}
