/** Compares what a replay executes, block by block, with the control-flow log of the recording. */

import { ExitCode, RebekError } from '../base/errors.ts';
import { FlowKind, KIND_SHIFT } from '../engine/flow/area.ts';
import type { FlowTap } from '../engine/flow/tap.ts';
import { type FlowChunk, instructionsOf, withAdjustments } from '../trace/flow.ts';
import { createFlowBuffers, type FlowBuffers, FlowLog } from '../trace/flow-log.ts';
import { describeFlow } from '../trace/flow-text.ts';
import type { TraceFile } from '../trace/trace-file.ts';
import type { FlowSink } from './observer.ts';

/** Records that are compared at once. */
const COMPARED_RECORDS = 1 << 18;

/** What was compared of the control-flow log. */
export interface FlowComparison {
  /** Records (basic blocks, interrupts …) that the replay reproduced. */
  readonly records: number;
  /** … of them basic blocks. */
  readonly blocks: number;
  /** Recorded ones behind the end of the log of inputs, which nothing can make again: a killed recorder. */
  readonly beyond: number;
}

/** Follows a replay. */
export class FlowCheck implements FlowSink {
  private readonly trace: TraceFile;
  private readonly recorded: Iterator<FlowChunk>;
  private chunk: FlowChunk | undefined;
  /** The next record to compare, in the chunk, and its instruction count. */
  private at = 0;
  private instruction = 0;
  private records = 0;
  private blocks = 0;

  private log: FlowLog | undefined;
  private spare: FlowBuffers = createFlowBuffers();

  private constructor(trace: TraceFile) {
    this.trace = trace;
    this.recorded = trace.flow();
    this.next();
  }

  /** Undefined if the trace has no control-flow log. */
  static of(trace: TraceFile): FlowCheck | undefined {
    const check = new FlowCheck(trace);
    return check.chunk === undefined ? undefined : check;
  }

  attach(tap: FlowTap): void {
    this.log = new FlowLog(tap);
  }

  /** In the middle of a `main_loop`. */
  press(): void {
    this.log?.press();
  }

  /**
   * A `main_loop` has ended.
   * @throws RebekError ERR_REPLAY_FLOW, with exit code 3
   */
  loopEnded(instruction: number, event: number): void {
    this.log?.loopEnded(instruction, event);
    if (this.log?.full || (this.log?.records ?? 0) >= COMPARED_RECORDS) this.settle();
  }

  private settle(): void {
    if (this.log === undefined) return;
    const flow = this.log.swap(this.spare);
    this.spare = flow;
    const { words, count } = withAdjustments(flow);
    for (let i = 0; i < count; ) {
      const { chunk } = this;
      if (chunk === undefined) {
        // What was executed last may not have reached the file.
        if (this.trace.incomplete !== undefined) return;
        this.fail('nothing more', words[2 * i]!, words[2 * i + 1]!);
      }
      const length = Math.min(count - i, chunk.count - this.at);
      const expected = chunk.words;
      let [e, f] = [2 * this.at, 2 * i];
      for (const end = f + 2 * length; f < end; e += 2, f += 2) {
        const [value, info] = [words[f]!, words[f + 1]!];
        if (value !== expected[e] || info !== expected[e + 1]) {
          this.records += f / 2 - i;
          this.fail(describeFlow(expected[e]!, expected[e + 1]!), value, info);
        }
        this.instruction += instructionsOf(value, info);
        if (info >>> KIND_SHIFT <= FlowKind.interpreted) this.blocks++;
      }
      this.records += length;
      i += length;
      this.at += length;
      if (this.at === chunk.count) this.next();
    }
  }

  /** The replay is over: was all of it executed? */
  end(): FlowComparison {
    this.settle();
    let beyond = 0;
    for (; this.chunk !== undefined; this.next()) beyond += this.chunk.count - this.at;
    const { summary, incomplete } = this.trace;
    if (beyond > 0 && incomplete === undefined && summary?.final !== null)
      this.failed(`${beyond} records more`, 'it executed nothing more');
    const { records, blocks } = this;
    return { records, blocks, beyond };
  }

  private next(): void {
    this.at = 0;
    do {
      const { value, done } = this.recorded.next();
      this.chunk = done ? undefined : value;
    } while (this.chunk?.count === 0);
    if (this.chunk !== undefined) this.instruction = this.chunk.instruction;
  }

  private fail(expected: string, value: number, info: number): never {
    this.failed(expected, describeFlow(value, info));
  }

  private failed(expected: string, found: string): never {
    const { instruction, records } = this;
    throw new RebekError(
      'ERR_REPLAY_FLOW',
      `what the guest executed is not what the control-flow log says: record ${records}, instruction ${instruction}\n` +
        `  expected: ${expected}\n  found:    ${found}`,
      {
        exitCode: ExitCode.divergence,
        hint:
          'inputs, outputs and registers came out as recorded up to there: the FLOW chunks were changed, or the ' +
          'recorder that wrote them had a defect',
        details: { instruction, record: records, expected, found },
      },
    );
  }
}
