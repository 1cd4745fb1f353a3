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
    this.points = points(trace);
    this.after = this.next();
  }

  private next(): Point | undefined {
    const { value, done } = this.points.next();
    return done ? undefined : value;
  }

  /** Milliseconds since 1970, UTC, at an instruction count. Cheap for counts that grow. */
  at(instruction: number): number {
    if (instruction < this.before.instruction) {
      this.points = points(this.trace);
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

/** A chunk's instruction count is that of its first event, its time that of the flush: the next chunk's beginning. */
function* points(trace: TraceFile): Generator<Point> {
  let flushed: number | undefined;
  for (const { instruction, wallNs } of trace.reader.entries([ChunkType.events])) {
    if (flushed !== undefined) yield { instruction, wallNs: flushed };
    flushed = wallNs;
  }
  const { summary } = trace;
  if (summary !== undefined) yield { instruction: summary.instructions, wallNs: summary.wallNs };
}
