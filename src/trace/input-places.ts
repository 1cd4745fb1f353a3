/**
 * Where the CPU was when something came in: the locations of the control-flow log, in the order of the events that they are
 * of (FORMAT.md, "Control flow").
 */
import { FlowKind, KIND_SHIFT } from '../engine/flow/area.ts';
import type { EventBatch } from './events.ts';
import type { FlowChunk } from './flow.ts';
import { flowChunks } from './flow-dump.ts';
import { NESTED, Op } from './ops.ts';
import type { TraceFile } from './trace-file.ts';

/** Ops whose every event has a location. */
const LOCATED: ReadonlySet<number> = new Set([
  Op.io_port_read8,
  Op.io_port_read16,
  Op.io_port_read32,
  Op.mmap_read8,
  Op.mmap_read32,
  Op.get_rand_int,
  Op.dma,
  Op.device_raise_irq,
]);

export class InputPlaces {
  /** Of the event that was asked about last. */
  eip = 0;
  asid = 0;
  /** Instruction count from which on, and the first event of which, places are known. */
  readonly instruction: number;
  private readonly event: number;

  private readonly chunks: Iterator<FlowChunk>;
  /** Undefined behind the last one: a recorder that was killed may have written events whose control flow it had not. */
  private words: Uint32Array | undefined;
  private at = 0;
  private cr3 = 0;
  /** `main_loop` has looked at the clock. */
  private started = false;

  /** @param from instruction count: of events before it nothing is asked. Undefined if there is no control-flow log. */
  static of(trace: TraceFile, from: number): InputPlaces | undefined {
    const chunks = flowChunks(trace, { from });
    const { value } = chunks.next();
    return value === undefined ? undefined : new InputPlaces(value, chunks);
  }

  private constructor(first: FlowChunk, more: Iterator<FlowChunk>) {
    this.instruction = first.instruction;
    this.event = first.event;
    this.chunks = more;
    this.begin(first);
  }

  private begin(chunk: FlowChunk | undefined): void {
    this.words = chunk?.words.subarray(0, 2 * chunk.count);
    this.at = 0;
    this.cr3 = (chunk?.asid ?? 0) >>> 0;
  }

  /**
   * Asks about an event: all must be asked about, in order, from the beginning of a batch before {@link instruction} on.
   * @param open ops of the calls that it is inside of, the outermost first
   * @returns whether it has a place, which is then in {@link eip} and {@link asid}
   */
  find(batch: EventBatch, i: number, open: readonly { readonly code: number }[]): boolean {
    const code = batch.op[i]! & ~NESTED;
    if (code === Op.main_loop) this.started = false;
    const has = code === Op.microtick ? this.tick(batch, i, open) : LOCATED.has(code);
    return has && batch.first + i >= this.event && this.pull();
  }

  /** A clock value has one unless it is the engine's own: the first of a `main_loop`, and those that its timers get. */
  private tick(batch: EventBatch, i: number, open: readonly { readonly code: number }[]): boolean {
    if (open[0]?.code !== Op.main_loop || open.at(-1)?.code === Op.run_hardware_timers) return false;
    const { started } = this;
    this.started = true;
    return started && (batch.op[i + 1]! & ~NESTED) !== Op.run_hardware_timers;
  }

  /** To the next location that is not an interrupt's own, which the interrupt follows. */
  private pull(): boolean {
    for (; this.words !== undefined; this.begin(this.chunks.next().value ?? undefined)) {
      const { words } = this;
      for (let { at } = this; at < words.length; at += 2) {
        const kind = words[at + 1]! >>> KIND_SHIFT;
        if (kind === FlowKind.addressSpace) this.cr3 = words[at]!;
        if (kind !== FlowKind.location) continue;
        if (at + 3 < words.length && words[at + 3]! >>> KIND_SHIFT === FlowKind.interrupt) continue;
        this.eip = words[at]!;
        this.asid = this.cr3;
        this.at = at + 2;
        return true;
      }
    }
    return false;
  }
}
