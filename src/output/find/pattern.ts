/** What is looked for: bytes, a text in its encodings, or a regular expression. */
import { RebekError } from '../../base/errors.ts';

/** The longest match in bytes. */
export const LONGEST_MATCH = 4096;

/** Told of a match at [start, end) of the bytes; `lane` says which of several needles. */
export type Found = (start: number, end: number, lane: number) => void;

export interface Pattern {
  /** Bytes of the longest match that is possible. */
  readonly longest: number;
  /** What the matches of each lane are encoded in; those of one lane do not overlap. */
  readonly lanes: readonly ('utf-8' | 'utf-16le' | undefined)[];
  /**
   * Finds the matches that begin in [from, limit).
   * @param free by lane: where the last match ended, in `bytes`; kept up to date
   */
  scan(bytes: Buffer, from: number, limit: number, free: Float64Array, found: Found): void;
}

/** @throws RebekError ERR_FIND_PATTERN: nothing, or too much */
export function bytesPattern(bytes: Uint8Array): Pattern {
  return new Literals([{ bytes, encoding: undefined }], false);
}

/**
 * A text in UTF-8, and in UTF-16LE as NT has it.
 * @throws RebekError ERR_FIND_PATTERN: nothing, or too much
 */
export function textPattern(text: string, options: { utf16: boolean; ignoreCase: boolean }): Pattern {
  const needles: Needle[] = [{ bytes: Buffer.from(text, 'utf8'), encoding: 'utf-8' }];
  const utf16 = Buffer.from(text, 'utf16le');
  // One ASCII letter in UTF-16 is that letter in UTF-8, too, and one answer is enough.
  if (options.utf16 && utf16.indexOf(needles[0]!.bytes) !== 0)
    needles.push({ bytes: utf16, encoding: 'utf-16le' });
  return new Literals(needles, options.ignoreCase);
}

/**
 * A regular expression over bytes as Latin-1, with the flags `s` and `m`.
 * @throws RebekError ERR_FIND_PATTERN: not a regular expression, or one that bytes cannot match
 */
export function regexPattern(source: string, ignoreCase: boolean): Pattern {
  if (source === '') throw refused('the regular expression is empty');
  const beyond = /[^\0-\xff]/u.exec(source)?.[0];
  if (beyond !== undefined)
    throw refused(`'${beyond}' is not in Latin-1: give its bytes as \\xNN, or use --text`);
  try {
    return new Regex(source, ignoreCase ? 'smi' : 'sm');
  } catch (error) {
    throw refused((error as Error).message.replace(/^Invalid regular expression: /, ''));
  }
}

function refused(why: string): RebekError {
  return new RebekError('ERR_FIND_PATTERN', why);
}

interface Needle {
  readonly bytes: Uint8Array;
  readonly encoding: 'utf-8' | 'utf-16le' | undefined;
}

const lower = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= 0x41 && byte <= 0x5a ? byte + 32 : byte,
);

class Literals implements Pattern {
  readonly longest: number;
  readonly lanes: Pattern['lanes'];
  private readonly needles: readonly Needle[];
  /** In lower case if that is ignored. */
  private readonly sought: readonly Uint8Array[];
  private readonly ignoreCase: boolean;
  private folded = Buffer.alloc(0);

  constructor(needles: readonly Needle[], ignoreCase: boolean) {
    this.needles = needles;
    this.longest = Math.max(...needles.map(({ bytes }) => bytes.length));
    if (this.longest === 0) throw refused('there are no bytes');
    if (this.longest > LONGEST_MATCH)
      throw refused(`${this.longest} bytes are more than the ${LONGEST_MATCH} of the longest match`);
    this.lanes = needles.map(({ encoding }) => encoding);
    this.ignoreCase = ignoreCase;
    this.sought = needles.map(({ bytes }) => (ignoreCase ? bytes.map((byte) => lower[byte]!) : bytes));
  }

  scan(bytes: Buffer, from: number, limit: number, free: Float64Array, found: Found): void {
    const text = this.ignoreCase ? this.fold(bytes) : bytes;
    for (let lane = 0; lane < this.needles.length; lane++) {
      const needle = this.sought[lane]!;
      let at = Math.max(from, free[lane]!);
      for (;;) {
        at = text.indexOf(needle, at);
        if (at < 0 || at >= limit) break;
        if (this.ignoreCase && !this.isSame(bytes, at, this.needles[lane]!)) {
          at++;
          continue;
        }
        found(at, at + needle.length, lane);
        at += needle.length;
        free[lane] = at;
      }
    }
  }

  private fold(bytes: Buffer): Buffer {
    if (this.folded.length < bytes.length) this.folded = Buffer.allocUnsafeSlow(bytes.length);
    const { folded } = this;
    for (let i = 0; i < bytes.length; i++) folded[i] = lower[bytes[i]!]!;
    return folded.subarray(0, bytes.length);
  }

  /** In UTF-16, only a unit below 128 is a letter whose case may differ: 0x41 can be the upper half of another one. */
  private isSame(bytes: Buffer, at: number, { bytes: needle, encoding }: Needle): boolean {
    if (encoding !== 'utf-16le') return true;
    for (let i = 0; i < needle.length; i++)
      if (bytes[at + i] !== needle[i] && (i % 2 === 1 || needle[i + 1] !== 0)) return false;
    return true;
  }
}

class Regex implements Pattern {
  readonly longest = LONGEST_MATCH;
  readonly lanes = [undefined];
  private readonly anywhere: RegExp;
  private readonly here: RegExp;

  constructor(source: string, flags: string) {
    this.anywhere = new RegExp(source, `g${flags}`);
    this.here = new RegExp(source, `y${flags}`);
  }

  scan(bytes: Buffer, from: number, limit: number, free: Float64Array, found: Found): void {
    const text = bytes.toString('latin1');
    const { anywhere } = this;
    anywhere.lastIndex = Math.max(from, free[0]!);
    for (;;) {
      const match = anywhere.exec(text);
      if (match === null || match.index >= limit) return;
      const length = match[0].length <= LONGEST_MATCH ? match[0].length : this.shorter(text, match.index);
      if (length === 0) {
        anywhere.lastIndex = match.index + 1;
        continue;
      }
      const end = match.index + length;
      found(match.index, end, 0);
      anywhere.lastIndex = free[0] = end;
    }
  }

  /** Length of the match at `at` if the text ends where the longest match would; 0 if there is none then. */
  private shorter(text: string, at: number): number {
    this.here.lastIndex = at;
    return this.here.exec(text.slice(0, at + LONGEST_MATCH))?.[0].length ?? 0;
  }
}
