/**
 * The bytes of one channel, as far as they are needed: a window that slides over them, and for each byte the event that
 * brought it.
 */
import type { Match, Place, Source } from './match.ts';
import type { Pattern } from './pattern.ts';

/** Bytes that are searched at once, unless said otherwise. */
const BLOCK = 16 * 1024;
/** Bytes before a match that a regular expression sees (`^`, `\b`, lookbehind). */
const BEHIND = 64;

export interface Search {
  readonly pattern: Pattern;
  /** Bytes before and after a match that are told with it. */
  readonly context: number;
  readonly onMatch: (match: Match) => void;
  /** Bytes that are searched at once. */
  readonly block?: number;
}

export class Channel {
  /** Guest-physical address behind the last byte: where a stretch goes on. */
  next = -1;
  private readonly source: Source;
  private readonly search: Search;
  /** Bytes before what is yet to be searched that are kept. */
  private readonly behind: number;
  /** Bytes behind the beginning of a match that must be there before it can be told. */
  private readonly ahead: number;
  private readonly most: number;
  private bytes = Buffer.allocUnsafeSlow(64);
  private length = 0;
  /** Up to here, every beginning of a match is known. */
  private scanned = 0;
  private readonly free: Float64Array;
  /** Bytes that one event brought are a run: where it begins in `bytes`, and whence it is. */
  private runs = 0;
  private runAt = new Uint32Array(16);
  private runInstruction = new Float64Array(16);
  private runSequence = new Float64Array(16);
  private runAddress = new Float64Array(16);

  constructor(source: Source, search: Search) {
    this.source = source;
    this.search = search;
    this.behind = Math.max(BEHIND, search.context);
    this.ahead = search.pattern.longest - 1 + search.context;
    this.most = this.behind + (search.block ?? BLOCK) + this.ahead;
    this.free = new Float64Array(search.pattern.lanes.length);
  }

  /** Instruction count of the last event. */
  get lastUsed(): number {
    return this.runs === 0 ? -1 : this.runInstruction[this.runs - 1]!;
  }

  /** The lowest `width` bytes of a value, the lowest first. */
  pushValue(value: number, width: number, address: number, instruction: number, sequence: number): void {
    this.beginRun(address, instruction, sequence);
    for (let i = 0; i < width; i++) {
      if (this.length === this.bytes.length) this.makeRoom();
      this.bytes[this.length++] = value >>> (8 * i);
    }
    this.next = address + width;
  }

  /**
   * As many of the bytes from `from` on as go in at once.
   * @returns how many those are
   */
  push(bytes: Uint8Array, from: number, address: number, instruction: number, sequence: number): number {
    this.beginRun(address + from, instruction, sequence);
    if (this.length === this.bytes.length) this.makeRoom();
    const count = Math.min(bytes.length - from, this.bytes.length - this.length);
    this.bytes.set(bytes.subarray(from, from + count), this.length);
    this.length += count;
    this.next = address + from + count;
    return count;
  }

  /** Nothing follows on what there is: searches the rest, and begins anew. */
  finish(): void {
    if (this.length > this.scanned) this.scan(this.length);
    this.length = this.scanned = this.runs = 0;
    this.free.fill(0);
    this.next = -1;
  }

  private scan(limit: number): void {
    const { pattern, onMatch } = this.search;
    pattern.scan(this.bytes.subarray(0, this.length), this.scanned, limit, this.free, (start, end, lane) =>
      onMatch(this.match(start, end, lane)),
    );
    this.scanned = limit;
  }

  private makeRoom(): void {
    if (this.bytes.length < this.most) {
      const larger = Buffer.allocUnsafeSlow(Math.min(this.most, this.bytes.length * 4));
      this.bytes.copy(larger, 0, 0, this.length);
      this.bytes = larger;
      return;
    }
    this.scan(this.length - this.ahead);
    this.drop(this.scanned - this.behind);
  }

  /** Forgets the first bytes, and the events that brought only those. */
  private drop(count: number): void {
    this.bytes.copyWithin(0, count, this.length);
    this.length -= count;
    this.scanned -= count;
    for (let lane = 0; lane < this.free.length; lane++)
      this.free[lane] = Math.max(0, this.free[lane]! - count);
    const { runAt, runAddress } = this;
    const first = this.runOf(count);
    for (const column of [runAt, this.runInstruction, this.runSequence, runAddress])
      column.copyWithin(0, first, this.runs);
    this.runs -= first;
    runAddress[0] = runAddress[0]! + (count - runAt[0]!);
    runAt[0] = 0;
    for (let run = 1; run < this.runs; run++) runAt[run] = runAt[run]! - count;
  }

  private beginRun(address: number, instruction: number, sequence: number): void {
    const run = this.runs;
    if (run === this.runAt.length) this.growRuns();
    this.runAt[run] = this.length;
    this.runAddress[run] = address;
    this.runInstruction[run] = instruction;
    this.runSequence[run] = sequence;
    this.runs = run + 1;
  }

  private growRuns(): void {
    const runs = this.runs * 2;
    const larger = <T extends Uint32Array | Float64Array>(old: T, made: T): T => {
      made.set(old);
      return made;
    };
    this.runAt = larger(this.runAt, new Uint32Array(runs));
    this.runAddress = larger(this.runAddress, new Float64Array(runs));
    this.runInstruction = larger(this.runInstruction, new Float64Array(runs));
    this.runSequence = larger(this.runSequence, new Float64Array(runs));
  }

  /** The run of the byte at `offset`: the last one that begins there or before. */
  private runOf(offset: number): number {
    let low = 0;
    let high = this.runs - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.runAt[middle]! <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  private match(start: number, end: number, lane: number): Match {
    const { source, bytes, length } = this;
    const { pattern, context } = this.search;
    const run = this.runOf(start);
    const encoding = pattern.lanes[lane];
    const part = (from: number, to: number): Uint8Array =>
      Uint8Array.prototype.slice.call(bytes, Math.max(0, from), Math.min(length, to));
    return {
      source,
      ...((source.kind === 'dma' || source.kind === 'mmio') && {
        address: this.runAddress[run]! + (start - this.runAt[run]!),
      }),
      first: this.place(run),
      last: this.place(this.runOf(end - 1)),
      bytes: part(start, end),
      before: part(start - context, start),
      after: part(end, end + context),
      ...(encoding !== undefined && { encoding }),
    };
  }

  private place(run: number): Place {
    const sequence = this.runSequence[run]!;
    return { instruction: this.runInstruction[run]!, ...(sequence >= 0 && { sequence }) };
  }
}
