/**
 * The recorder's side of the nondeterministic log: appends events to a batch of typed arrays. Nothing is
 * allocated per event; full batches go to the writer thread and come back empty.
 */
import { At } from '../engine/layout.ts';
import { createBatch, type EventBatch } from '../trace/events.ts';
import { NESTED, Op } from '../trace/ops.ts';

const COUNTER = At.instructionCounter >> 2;

export class EventLog {
  batch: EventBatch;
  /** Guest instructions executed up to the last event. */
  instructions = 0;
  /** Events logged since the start of the recording. */
  events = 0;
  /** Rolling check over outputs, see engine/fold.ts. */
  check = 0;
  /** Output calls since the last event that had nothing inside. */
  quiet = 0;
  /** Output calls in all, quiet or not. */
  outputs = 0;
  /** The output call that is being made and not (yet) logged; 0 if none. */
  pendingOp = 0;
  pendingArg = 0;

  private readonly memory: WebAssembly.Memory;
  private words: Int32Array;
  /** The CPU's 32-bit counter at the last event. */
  private counter: number;

  constructor(memory: WebAssembly.Memory, capacity: number) {
    this.memory = memory;
    this.words = new Int32Array(memory.buffer);
    this.batch = createBatch(capacity);
    this.counter = this.words[COUNTER]!;
  }

  /** Linear memory as 32-bit words; a view that is refreshed when the memory has grown. */
  get linear(): Int32Array {
    if (this.words.length === 0) this.words = new Int32Array(this.memory.buffer);
    return this.words;
  }

  /** Guest instructions executed up to now. */
  get now(): number {
    return this.instructions + ((this.linear[COUNTER]! - this.counter) >>> 0);
  }

  /** Appends an event and returns its index in the batch. */
  begin(op: number): number {
    if (this.pendingOp !== 0) {
      // Something happens inside an output call: it becomes an event after all.
      const pending = this.pendingOp | NESTED;
      const arg = this.pendingArg;
      this.pendingOp = 0;
      this.append(pending);
      if (pending <= (Op.mmap_write128 | NESTED)) this.batch.arg[this.batch.args++] = arg;
    }
    return this.append(op);
  }

  private append(op: number): number {
    const counter = this.linear[COUNTER]!;
    const elapsed = (counter - this.counter) >>> 0;
    this.counter = counter;
    this.instructions += elapsed;
    let batch = this.batch;
    if (batch.count === batch.op.length) batch = this.grow();
    const index = batch.count++;
    batch.op[index] = op;
    batch.instructions[index] = elapsed;
    batch.quiet[index] = this.quiet;
    this.quiet = 0;
    return index;
  }

  arg(value: number): void {
    this.batch.arg[this.batch.args++] = value;
  }

  /** The CPU half has set its counter to 0 (`reset_cpu`). */
  counterWasReset(): void {
    this.counter = 0;
  }

  /** Reserves `bytes` in the blob column and returns where they begin. */
  reserveBlob(bytes: number): number {
    const batch = this.batch;
    const at = batch.blobBytes;
    if (at + bytes > batch.blob.length) {
      const blob = new Uint8Array(Math.max(batch.blob.length * 2, at + bytes));
      blob.set(batch.blob.subarray(0, at));
      batch.blob = blob;
    }
    batch.blobBytes = at + bytes;
    return at;
  }

  /** Hands the filled batch out and goes on with `next`, an empty one. Only at top level. */
  swap(next: EventBatch): EventBatch {
    const full = this.batch;
    this.events += full.count;
    next.first = this.events;
    next.instruction = this.instructions;
    this.batch = next;
    return full;
  }

  /** Remembers the fill levels, so that a call that the engine does not survive can be taken back. */
  mark(): () => void {
    const { counter, instructions, quiet, outputs, check } = this;
    const { count, args, values, ticks, floats, checks, blobBytes } = this.batch;
    return () => {
      Object.assign(this.batch, { count, args, values, ticks, floats, checks, blobBytes });
      Object.assign(this, { counter, instructions, quiet, outputs, check, pendingOp: 0 });
    };
  }

  /** A single call can log more than a batch holds: batches are only handed on at top level. */
  private grow(): EventBatch {
    const old = this.batch;
    const batch = createBatch(old.op.length * 2);
    const { op, instructions, quiet, arg, value, tick, float, check, blob, ...rest } = old;
    Object.assign(batch, rest, { blob });
    batch.op.set(op);
    batch.instructions.set(instructions);
    batch.quiet.set(quiet);
    batch.arg.set(arg);
    batch.value.set(value);
    batch.tick.set(tick);
    batch.float.set(float);
    batch.check.set(check);
    this.batch = batch;
    return batch;
  }
}

/** Makes a used batch empty again. */
export function clearBatch(batch: EventBatch): EventBatch {
  return Object.assign(batch, { count: 0, args: 0, values: 0, ticks: 0, floats: 0, checks: 0, blobBytes: 0 });
}
