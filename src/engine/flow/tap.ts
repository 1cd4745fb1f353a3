/** The flow log as it comes out of a running engine. */
import { RebekError } from '../../base/errors.ts';
import type { EngineExports } from '../jit-host.ts';
import { AREA_BYTES, Area, CAPACITY, RECORD_BYTES } from './area.ts';
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
    this.empty();
  }

  /** Records that have not been taken yet. */
  get count(): number {
    const { area } = this;
    return (this.linear[(area + Area.cursor) >> 2]! - area - Area.records) / RECORD_BYTES;
  }

  /** So many that they are to be taken in the middle of a `main_loop`. */
  get pressing(): boolean {
    return this.count > CAPACITY / 2;
  }

  /**
   * Moves all records into `target`, from word `at` on. Not while the engine is in the middle of an instruction.
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
