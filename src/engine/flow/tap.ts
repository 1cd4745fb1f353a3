/** The flow log as it comes out of a running engine. */
import { RebekError } from '../../base/errors.ts';
import type { EngineExports } from '../jit-host.ts';
import { At } from '../layout.ts';
import { AREA_BYTES, Area, CAPACITY, FlowKind, KIND_SHIFT, NO_EIP, RECORD_BYTES } from './area.ts';
import { FLOW_ENDED_GLOBAL, FLOW_GLOBAL } from './instrument.ts';

export class FlowTap {
  private readonly memory: WebAssembly.Memory;
  private readonly area: number;
  private readonly ended: { value: number };
  private words: Int32Array;

  /**
   * Grows the memory by the area: views taken before are dead afterwards.
   * @param raw exports of an engine that `instrumentFlow` has made
   */
  constructor(raw: EngineExports) {
    this.memory = raw.memory;
    try {
      this.area = raw.memory.grow(AREA_BYTES / 65536) * 65536;
    } catch (cause) {
      throw new RebekError(
        'ERR_ENGINE_FLOW',
        `this machine cannot give ${AREA_BYTES} bytes for the flow log`,
        {
          cause,
        },
      );
    }
    const globals = raw as unknown as Record<string, { value: number }>;
    globals[FLOW_GLOBAL]!.value = this.area;
    this.ended = globals[FLOW_ENDED_GLOBAL]!;
    this.words = new Int32Array(this.memory.buffer);
    this.words[(this.area + Area.eip) >> 2] = NO_EIP;
    this.empty();
  }

  /** CR3 now, unsigned. */
  get asid(): number {
    return this.linear[(At.cr + 12) >> 2]! >>> 0;
  }

  /** Records that have not been taken yet. */
  get count(): number {
    const { area } = this;
    return (this.linear[(area + Area.cursor) >> 2]! - area - Area.records) / RECORD_BYTES;
  }

  /**
   * Writes down where the CPU is: something is about to come in.
   * @param inside an instruction takes it in; otherwise it comes between two of them
   * @returns whether the records are to be taken: a single string instruction can read a port thousands of times
   */
  locate(inside: boolean): boolean {
    const words = this.linear;
    const at = (this.area + Area.cursor) >> 2;
    const cursor = words[at]!;
    const compiled = words[(this.area + Area.eip) >> 2]!;
    words[cursor >> 2] = !inside
      ? words[At.instructionPointer >> 2]!
      : compiled !== NO_EIP
        ? compiled
        : words[At.previousIp >> 2]!;
    words[(cursor >> 2) + 1] = FlowKind.location << KIND_SHIFT;
    words[at] = cursor + RECORD_BYTES;
    return this.count > CAPACITY - CAPACITY / 4;
  }

  /** Takes the last record back: what has come in came to no instruction. Nothing was executed since. */
  unlocate(): void {
    this.linear[(this.area + Area.cursor) >> 2]! -= RECORD_BYTES;
  }

  /** So many that they are to be taken in the middle of a `main_loop`. */
  get pressing(): boolean {
    return this.count > CAPACITY / 2;
  }

  /**
   * Moves all records into `target`, from word `at` on.
   * @returns how many they are, two words each
   */
  take(target: Uint32Array, at: number): number {
    const { count } = this;
    if (count < 0 || count > CAPACITY) throw new Error(`the flow log's cursor is at record ${count}`);
    const first = (this.area + Area.records) >> 2;
    target.set(this.words.subarray(first, first + 2 * count), at);
    this.empty();
    return count;
  }

  private empty(): void {
    this.linear[(this.area + Area.cursor) >> 2] = this.area + Area.records;
    // The record of the block that the interpreter was in is gone.
    this.ended.value = 1;
  }

  private get linear(): Int32Array {
    if (this.words.length === 0) this.words = new Int32Array(this.memory.buffer);
    return this.words;
  }
}
