/** Gathers what an engine writes down of its control flow, and hands it on in pieces: to be written, or to be compared. */
import type { FlowTap } from '../engine/flow/tap.ts';
import { CHUNK_LOOPS, CHUNK_RECORDS, type FlowRecords, type FlowStart } from './flow.ts';

/** Records that may come on top of a full chunk: those of one `main_loop`. */
const ROOM = 1 << 20;

/** Memory for a chunk; it comes back when the chunk is written. */
export interface FlowBuffers {
  words: Uint32Array;
  ends: Uint32Array;
  instructions: Uint32Array;
}

export const createFlowBuffers = (): FlowBuffers => ({
  words: new Uint32Array(2 * (CHUNK_RECORDS + ROOM)),
  ends: new Uint32Array(CHUNK_LOOPS),
  instructions: new Uint32Array(CHUNK_LOOPS),
});

export class FlowLog {
  /** Of the chunk that is being gathered. */
  start: FlowStart;

  private readonly tap: FlowTap;
  private buffers = createFlowBuffers();
  private count = 0;
  private loops = 0;
  private now = 0;
  private event = 0;

  /** @param tap of an engine in its initial state */
  constructor(tap: FlowTap) {
    this.tap = tap;
    this.start = { instruction: 0, asid: tap.asid, event: 0 };
    // What the machine did before the recording began.
    tap.take(this.buffers.words, 0);
  }

  /** Records that have not been handed on. */
  get records(): number {
    return this.count;
  }

  /** There is nothing to hand on. */
  get empty(): boolean {
    return this.loops === 0;
  }

  /** It is time to hand the chunk on. */
  get full(): boolean {
    return this.count >= CHUNK_RECORDS || this.loops === CHUNK_LOOPS;
  }

  /** In the middle of a `main_loop` that has executed very many blocks. */
  press(): void {
    this.take();
  }

  private take(): void {
    const { tap, count } = this;
    const wanted = 2 * (count + tap.count);
    if (wanted > this.buffers.words.length) {
      const words = new Uint32Array(2 * wanted);
      words.set(this.buffers.words.subarray(0, 2 * count));
      this.buffers.words = words;
    }
    this.count += tap.take(this.buffers.words, 2 * count);
  }

  /**
   * A `main_loop` has ended.
   * @param instruction executed so far
   * @param event sequence number of the next event of the log of inputs
   */
  loopEnded(instruction: number, event: number): void {
    this.take();
    this.event = event;
    // An idle guest makes many calls in which nothing is executed.
    const before = this.loops === 0 ? 0 : this.buffers.ends[this.loops - 1];
    if (this.count === before && instruction === this.now) return;
    this.buffers.ends[this.loops] = this.count;
    this.buffers.instructions[this.loops++] = instruction - this.now;
    this.now = instruction;
  }

  /** The engine has failed in a `main_loop`, which is no part of the recording. */
  takeBack(): void {
    this.count = this.loops === 0 ? 0 : this.buffers.ends[this.loops - 1]!;
  }

  /** Hands the chunk out, and goes on with `next`. Only where a `main_loop` has just ended. */
  swap(next: FlowBuffers): FlowRecords {
    const { count, loops } = this;
    const full = { ...this.buffers, count, loops };
    this.buffers = next;
    this.count = this.loops = 0;
    this.start = { instruction: this.now, asid: this.tap.asid, event: this.event };
    return full;
  }
}
