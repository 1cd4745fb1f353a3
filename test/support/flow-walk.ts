/** A control-flow log, record by record; locations and adjustments aside. */
import { FlowKind, KIND_SHIFT } from '../../src/engine/flow/area.ts';
import { ADJUSTMENT, type FlowChunk, instructionsOf } from '../../src/trace/flow.ts';
import type { TraceFile } from '../../src/trace/trace-file.ts';

export class Log {
  value = 0;
  info = 0;
  /** Instructions that the records before this one stand for. */
  sum = 0;
  chunks = 0;
  adjustments = 0;
  /** The locations behind the record before this one. */
  readonly locations: number[] = [];

  private readonly source: Iterator<FlowChunk>;
  private chunk: FlowChunk | undefined;
  private at = 0;

  constructor(trace: TraceFile) {
    this.source = trace.flow();
    this.load();
    this.settle();
  }

  get over(): boolean {
    return this.chunk === undefined;
  }

  get kind(): number {
    return this.info >>> KIND_SHIFT;
  }

  next(): void {
    this.sum += instructionsOf(this.value, this.info);
    this.at++;
    this.settle();
  }

  /** To the next record that is no adjustment and no location. */
  private settle(): void {
    for (;;) {
      while (this.chunk !== undefined && this.at === this.chunk.count) this.load();
      if (this.chunk === undefined) return;
      this.value = this.chunk.words[2 * this.at]!;
      this.info = this.chunk.words[2 * this.at + 1]!;
      if (this.kind === FlowKind.location) this.locations.push(this.value);
      else if (this.kind !== ADJUSTMENT) return;
      else this.adjustments++;
      this.sum += instructionsOf(this.value, this.info);
      this.at++;
    }
  }

  private load(): void {
    const { value, done } = this.source.next();
    this.chunk = done ? undefined : value;
    this.at = 0;
    if (this.chunk === undefined) return;
    this.chunks++;
    if (this.chunk.instruction === this.sum) return;
    throw new Error(`a chunk says that it begins at instruction ${this.chunk.instruction}, not ${this.sum}`);
  }
}
