/**
 * Wall-clock time by instruction count: between two flushes of the log time is taken to pass evenly, so that it is right
 * to within half a second.
 */
import { ChunkType } from './chunk-types.ts';
import type { TraceFile } from './trace-file.ts';

interface Point {
  readonly instruction: number;
  /** Since the first instruction. */
  readonly wallNs: number;
}

export class WallClock {
  private readonly trace: TraceFile;
  private points: Iterator<Point>;
  private before: Point = { instruction: 0, wallNs: 0 };
  private after: Point | undefined;

  constructor(trace: TraceFile) {
    this.trace = trace;
    this.points = points(trace, ChunkType.events);
    this.after = this.next();
  }

  private next(): Point | undefined {
    const { value, done } = this.points.next();
    return done ? undefined : value;
  }

  /** Milliseconds since 1970, UTC, at an instruction count. Cheap for counts that grow. */
  at(instruction: number): number {
    if (instruction < this.before.instruction) {
      this.points = points(this.trace, ChunkType.events);
      this.before = { instruction: 0, wallNs: 0 };
      this.after = this.next();
    }
    while (this.after !== undefined && this.after.instruction <= instruction) {
      this.before = this.after;
      this.after = this.next();
    }
    const { before, after } = this;
    let { wallNs } = before;
    if (after !== undefined && after.instruction > before.instruction) {
      const part = (instruction - before.instruction) / (after.instruction - before.instruction);
      wallNs += part * (after.wallNs - before.wallNs);
    }
    return this.trace.meta.started + wallNs / 1e6;
  }
}

/**
 * Instruction counts between which the guest was at a time: whatever happened at that time has a count in here, both
 * inclusive. They are those of two flushes of the input log or of the control-flow log, so at most a second apart while the
 * guest runs.
 * @param ms since 1970, UTC
 * @returns `last` is undefined where nothing is known to have been later
 */
export function instructionsAt(trace: TraceFile, ms: number): { first: number; last: number | undefined } {
  // Times of chunks are whole nanoseconds, those since 1970 are doubles of 0.2 µs.
  const first = ms - trace.meta.started + 0.001;
  const last = ms - trace.meta.started - 0.001;
  let [low, high] = [0, Number.POSITIVE_INFINITY];
  for (const type of [ChunkType.events, ChunkType.flow])
    for (const { instruction, wallNs } of points(trace, type)) {
      if (wallNs / 1e6 <= last) low = Math.max(low, instruction);
      if (wallNs / 1e6 >= first) high = Math.min(high, instruction);
    }
  return { first: low, last: Number.isFinite(high) ? Math.max(low, high) : undefined };
}

/** When a recording began, and up to when it is known; milliseconds since 1970, UTC. */
export function recordedTime({ meta, reader, summary }: TraceFile): { began: number; ended: number } {
  let wallNs = summary?.wallNs ?? 0;
  if (summary === undefined) for (const entry of reader.entries()) wallNs = Math.max(wallNs, entry.wallNs);
  return { began: meta.started, ended: meta.started + wallNs / 1e6 };
}

/** A chunk's instruction count is that of its first event, its time that of the flush: the next chunk's beginning. */
function* points(trace: TraceFile, type: string): Generator<Point> {
  let flushed: number | undefined;
  for (const { instruction, wallNs } of trace.reader.entries([type])) {
    if (flushed !== undefined) yield { instruction, wallNs: flushed };
    flushed = wallNs;
  }
  const { summary } = trace;
  if (summary !== undefined) yield { instruction: summary.instructions, wallNs: summary.wallNs };
}
