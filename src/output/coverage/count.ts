/** Reads the control-flow log of a trace and counts, for each process, which basic blocks were executed how often. */
import { setImmediate as breathe } from 'node:timers/promises';
import { RebekError } from '../../base/errors.ts';
import { FlowKind, INSTRUCTIONS_MASK, KIND_SHIFT } from '../../engine/flow/area.ts';
import { ADJUSTMENT, type FlowChunk } from '../../trace/flow.ts';
import { flowChunks } from '../../trace/flow-dump.ts';
import type { TraceFile } from '../../trace/trace-file.ts';
import type { GuestMap, MappedProcess } from '../map/guest-map.ts';
import { BlockCounts } from './block-counts.ts';
import { type Stretch, Timeline } from './timeline.ts';

export interface CountOptions {
  /** First and last guest instruction count, inclusive. */
  readonly from?: number;
  readonly to?: number;
  /** Only of these; without it, of all, and of what ran while nobody is known. */
  readonly processes?: ReadonlySet<MappedProcess>;
  /** @param instruction read up to here */
  readonly onProgress?: (instruction: number) => void;
  readonly signal?: AbortSignal;
}

/** Whose blocks they are: a process's while its addresses mean the same, or what ran with a CR3 while nobody is known. */
export type Owner =
  | { readonly stretch: Stretch; readonly asid?: never }
  | { readonly asid: number; readonly stretch?: never };

export interface Counted {
  readonly counts: BlockCounts;
  /** By the group in `counts`. */
  readonly owners: readonly Owner[];
}

/** Address spaces of nobody that are told apart. */
const MOST_SPACES = 1 << 16;

/**
 * @param trace open, and remains so
 * @throws RebekError ERR_TRACE_…; ERR_ABORTED
 */
export async function countBlocks(
  trace: TraceFile,
  map: GuestMap,
  options: CountOptions = {},
): Promise<Counted> {
  const counter = new Counter(map, options);
  for (const chunk of flowChunks(trace, options)) {
    counter.chunk(chunk);
    options.onProgress?.(chunk.instruction);
    // Signals come in between.
    await breathe();
    if (options.signal?.aborted) throw new RebekError('ERR_ABORTED', 'given up');
  }
  return { counts: counter.counts, owners: counter.owners };
}

class Counter {
  readonly counts = new BlockCounts();
  readonly owners: Owner[] = [];
  private readonly timeline: Timeline;
  private readonly from: number;
  /** Exclusive. */
  private readonly to: number;
  private readonly processes: ReadonlySet<MappedProcess> | undefined;
  /** Groups of address spaces. */
  private readonly spaces = new Map<number, number>();
  private asid = 0;
  /** Of what runs now; -1 if it is not counted. */
  private group = -1;
  /** Instruction count up to which, exclusive, that is so. */
  private until = 0;

  constructor(map: GuestMap, { from = 0, to = Number.POSITIVE_INFINITY, processes }: CountOptions) {
    this.timeline = new Timeline(map);
    for (const stretch of this.timeline.stretches) this.owners.push({ stretch });
    this.from = from;
    this.to = to + 1;
    this.processes = processes;
  }

  chunk({ words, count, instruction, asid }: FlowChunk): void {
    const { counts } = this;
    // As signed numbers: addresses of the kernel are no small integers otherwise.
    const records = new Int32Array(words.buffer, words.byteOffset, 2 * count);
    let now = instruction;
    this.asid = asid >>> 0;
    this.turn(now);
    let { group, until } = this;
    for (let i = 0; i < records.length; i += 2) {
      const info = records[i + 1]!;
      const kind = info >>> KIND_SHIFT;
      if (kind <= FlowKind.interpreted) {
        if (now >= until) {
          this.turn(now);
          group = this.group;
          until = this.until;
        }
        const instructions = info & INSTRUCTIONS_MASK;
        if (group >= 0) counts.add(records[i]!, group, instructions);
        now += instructions;
      } else if (kind === FlowKind.addressSpace || kind === ADJUSTMENT) {
        if (kind === ADJUSTMENT) now += records[i]!;
        else this.asid = records[i]! >>> 0;
        this.turn(now);
        group = this.group;
        until = this.until;
      }
    }
  }

  /** Looks at who runs at an instruction count. */
  private turn(now: number): void {
    const stretch = this.timeline.stretchAt(now);
    this.until = this.timeline.until;
    if (now < this.from) {
      this.group = -1;
      this.until = Math.min(this.until, this.from);
    } else if (now >= this.to) {
      this.group = -1;
    } else {
      this.group = this.groupOf(stretch);
      this.until = Math.min(this.until, this.to);
    }
  }

  private groupOf(stretch: number): number {
    const { processes } = this;
    const process = this.timeline.stretches[stretch]?.process;
    if (process !== undefined) return processes === undefined || processes.has(process) ? stretch : -1;
    if (processes !== undefined) return -1;
    let group = this.spaces.get(this.asid);
    if (group === undefined) {
      if (this.spaces.size === MOST_SPACES) this.spaces.clear();
      group = this.owners.length;
      this.owners.push({ asid: this.asid });
      this.spaces.set(this.asid, group);
    }
    return group;
  }
}
