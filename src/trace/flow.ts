/** The control-flow log (FLOW chunks): what the engine executed, basic block by basic block. FORMAT.md specifies it. */
import { ExitCode, RebekError } from '../base/errors.ts';
import { FlowKind, INSTRUCTIONS_MASK, KIND_SHIFT } from '../engine/flow/area.ts';
import type { EventFields } from './events.ts';
import { FlowDecoder, type FlowEncoder } from './flow-codec.ts';

/** Behind a `main_loop`: the engine has counted so many instructions more (as a signed number) than the blocks have. */
export const ADJUSTMENT = 7;
/** Records of a chunk, about: it ends with the `main_loop` in which it gets so many. */
export const CHUNK_RECORDS = 1 << 21;
/** … and `main_loop`s, at the most. */
export const CHUNK_LOOPS = 1 << 14;
/** A chunk that claims more is refused before anything is allocated for it. */
const MOST_RECORDS = 1 << 23;

/** Records as an engine has written them, from the end of one `main_loop` to that of another. */
export interface FlowRecords {
  /** Two words each: value, then number of instructions and kind. */
  readonly words: Uint32Array;
  readonly count: number;
  /** For each `main_loop`: the records up to its end, and the instructions that the engine counted in it and since the one before. */
  readonly ends: Uint32Array;
  readonly instructions: Uint32Array;
  readonly loops: number;
}

/** Short chunks compress badly; long ones are lost with a recorder that is killed. */
const PACE_NS = 750e6;

/**
 * Ends chunks that do not get full. They end with a chunk of the log of inputs, so that the log of a recording and one that
 * is made later by a replay are in the same pieces.
 */
export class FlowPace {
  private last = 0;

  /** @param wallNs time of a chunk of the log of inputs that ends here */
  due(wallNs: number): boolean {
    if (wallNs - this.last < PACE_NS) return false;
    this.last = wallNs;
    return true;
  }
}

/** A decoded chunk. */
export interface FlowChunk {
  /** Instruction count at its beginning. */
  readonly instruction: number;
  /** CR3 at its beginning. */
  readonly asid: number;
  /** The first event of the log of inputs behind its beginning: its sequence number. */
  readonly event: number;
  /** Two words each. Good until the next chunk is decoded. */
  readonly words: Uint32Array;
  readonly count: number;
}

/**
 * Adds an adjustment behind each `main_loop` whose blocks have not as many instructions as the engine counted: v86's
 * interpreter counts a run of instructions at its end only, and by its source not if that is a page fault in fetching the next
 * one. None has been seen in a recording.
 */
export function withAdjustments(flow: FlowRecords): { words: Uint32Array; count: number } {
  const { words, ends, instructions, loops } = flow;
  const at: number[] = [];
  let from = 0;
  for (let loop = 0; loop < loops; loop++) {
    const end = ends[loop]!;
    let sum = 0;
    for (let i = 2 * from + 1; i < 2 * end; i += 2) sum += words[i]! & INSTRUCTIONS_MASK;
    if (sum !== instructions[loop]) at.push(end, instructions[loop]! - sum);
    from = end;
  }
  if (at.length === 0) return flow;
  const count = flow.count + at.length / 2;
  const all = new Uint32Array(2 * count);
  let [read, write] = [0, 0];
  for (let i = 0; i < at.length; i += 2) {
    const part = words.subarray(2 * read, 2 * at[i]!);
    all.set(part, write);
    write += part.length;
    all[write++] = at[i + 1]!;
    all[write++] = ADJUSTMENT << KIND_SHIFT;
    read = at[i]!;
  }
  all.set(words.subarray(2 * read, 2 * flow.count), write);
  return { words: all, count };
}

/** The instructions that a record stands for: none but for blocks and adjustments. */
export function instructionsOf(value: number, info: number): number {
  const kind = info >>> KIND_SHIFT;
  if (kind === ADJUSTMENT) return value | 0;
  return kind <= FlowKind.interpreted ? info & INSTRUCTIONS_MASK : 0;
}

/** Where a chunk begins. */
export interface FlowStart {
  readonly instruction: number;
  /** CR3. */
  readonly asid: number;
  /** Sequence number of the next event of the log of inputs. */
  readonly event: number;
}

/** A chunk's map. */
export function encodeFlow(
  encoder: FlowEncoder,
  flow: FlowRecords,
  { asid, event }: FlowStart,
): Record<string, unknown> {
  const { words, count } = withAdjustments(flow);
  return { records: count, asid: asid >>> 0, event, data: encoder.encode(words, count) };
}

/** Decodes chunks, one after the other. */
export class FlowReader {
  private readonly decoder = new FlowDecoder();

  /** @throws RebekError ERR_TRACE_FLOW */
  decode(fields: EventFields, instruction: number): FlowChunk {
    const count = fields.number('records');
    if (!(count <= MOST_RECORDS)) {
      throw new RebekError(
        'ERR_TRACE_FLOW',
        `a chunk of the control-flow log claims ${count} records: more than ${MOST_RECORDS}`,
        { exitCode: ExitCode.damaged },
      );
    }
    const words = this.decoder.decode(fields.bin('data'), count);
    return { instruction, asid: fields.number('asid'), event: fields.number('event'), words, count };
  }
}
