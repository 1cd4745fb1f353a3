/** The records of a trace's control-flow log that somebody wants, without a replay. */
import { FlowKind, INSTRUCTIONS_MASK, KIND_SHIFT } from '../engine/flow/area.ts';
import { ChunkType } from './chunk-types.ts';
import { chunksBetween, type Part } from './chunks-between.ts';
import { ADJUSTMENT, type FlowChunk, FlowReader } from './flow.ts';
import { TraceFile } from './trace-file.ts';

/** Kinds of records by name; both kinds of blocks have one. */
export const flowKinds = {
  block: [FlowKind.block, FlowKind.interpreted],
  interrupt: [FlowKind.interrupt],
  iret: [FlowKind.iret],
  sysenter: [FlowKind.sysenter],
  sysexit: [FlowKind.sysexit],
  cr3: [FlowKind.addressSpace],
  adjustment: [ADJUSTMENT],
  location: [FlowKind.location],
} as const satisfies Record<string, readonly number[]>;
export type FlowKindName = keyof typeof flowKinds;

/** What is wanted: all that fits everything given here. */
export interface FlowQuery {
  /** First and last guest instruction count, inclusive. */
  readonly from?: number;
  readonly to?: number;
  /** Only what ran with this CR3. */
  readonly asid?: number;
  /** Only blocks whose first instruction lies in here. */
  readonly address?: AddressRange;
  /** One of them, or several. */
  readonly kind?: FlowKindName | readonly FlowKindName[];
  /** Only what began in one of these. */
  readonly during?: readonly InstructionSpan[];
}

/** Guest instruction counts, `to` exclusive. Several are in ascending order and do not touch. */
export interface InstructionSpan {
  readonly from: number;
  readonly to: number;
}

/** Guest virtual addresses, both inclusive, `first` not above `last`. */
export interface AddressRange {
  readonly first: number;
  readonly last: number;
}

export interface FlowEvent {
  /** Guest instructions executed before it. */
  readonly instruction: number;
  /** CR3 that it ran with: that of a write to CR3 is the one before. */
  readonly asid: number;
  /** The record: FORMAT.md, "Control flow (FLOW)". */
  readonly value: number;
  readonly info: number;
}

/**
 * In a `main_loop` the blocks can have more instructions than the engine counts at its end, so that the last records of a
 * chunk have higher counts than the next chunk begins with. A `main_loop` executes some 100,000 instructions.
 */
const OVERSHOOT = 1 << 20;

/**
 * Reads one chunk at a time, and none that ends before the span.
 * @param source a trace that is open, and remains so; or its file's name
 * @throws RebekError ERR_TRACE_… with exit code 4
 */
export function* dumpFlow(source: TraceFile | string, query: FlowQuery): Generator<FlowEvent> {
  for (const { events } of flowParts(source, query)) for (const event of events) yield event;
}

/**
 * The chunks that can hold something of a span, both ends inclusive; each is good until the next is asked for.
 * @throws RebekError ERR_TRACE_… with exit code 4
 */
export function* flowChunks(
  { reader }: TraceFile,
  { from = 0, to = Number.POSITIVE_INFINITY }: { readonly from?: number; readonly to?: number } = {},
): Generator<FlowChunk> {
  const flow = new FlowReader();
  for (const { entry, body } of chunksBetween(reader, [ChunkType.flow], from - OVERSHOOT, to))
    yield flow.decode(body, entry.instruction);
}

/** {@link dumpFlow}, chunk by chunk. */
export function* flowParts(source: TraceFile | string, query: FlowQuery): Generator<Part<FlowEvent>> {
  const trace = typeof source === 'string' ? TraceFile.open(source) : source;
  try {
    const scan = new FlowScan(query);
    for (const chunk of flowChunks(trace, query)) {
      scan.begin(chunk);
      yield { instruction: chunk.instruction, events: found(scan) };
    }
  } finally {
    if (trace !== source) trace.close();
  }
}

function* found(scan: FlowScan): Generator<FlowEvent> {
  while (scan.next()) {
    const { instruction, asid, value, info } = scan;
    yield { instruction, asid, value, info };
  }
}

/** Kinds that no version knows share a bit of the mask. */
const UNKNOWN_KIND = FlowKind.location + 1;
const ALL_KINDS = -1;

/** Looks for wanted records in a chunk. There are thousands of millions of the others: they cost no call and no object. */
class FlowScan {
  /** The record that was found. */
  instruction = 0;
  asid = 0;
  value = 0;
  info = 0;

  private readonly from: number;
  private readonly to: number;
  private readonly kinds: number;
  private readonly firstAddress: number;
  private readonly addresses: number;
  private readonly space: number | undefined;

  private readonly during: readonly InstructionSpan[] | undefined;
  /** Of the span in `during` that was looked at last. */
  private span = 0;

  private words: Uint32Array = new Uint32Array(0);
  /** Of the next record: its first word, instruction count and CR3. */
  private at = 0;
  private now = 0;
  private cr3 = 0;

  constructor({ from = 0, to = Number.POSITIVE_INFINITY, asid, address, kind, during }: FlowQuery) {
    this.during = during;
    this.from = from;
    this.to = to;
    this.space = asid;
    this.firstAddress = address?.first ?? 0;
    this.addresses = address === undefined ? 0xffffffff : address.last - address.first;
    this.kinds = kind === undefined ? ALL_KINDS : maskOf([kind].flat());
    if (address !== undefined) this.kinds &= maskOf(['block']);
  }

  begin({ words, count, instruction, asid }: FlowChunk): void {
    this.words = words.subarray(0, 2 * count);
    this.at = 0;
    this.now = instruction;
    this.cr3 = asid >>> 0;
  }

  /** Goes on to the next wanted record of the chunk; false if there is none. */
  next(): boolean {
    const { words, from, to, kinds, firstAddress, addresses, space } = this;
    const end = words.length;
    let { at, now, cr3 } = this;
    while (at < end) {
      const value = words[at]!;
      const info = words[at + 1]!;
      at += 2;
      const kind = info >>> KIND_SHIFT;
      const instruction = now;
      const asid = cr3;
      if (kind <= FlowKind.interpreted) now += info & INSTRUCTIONS_MASK;
      else if (kind === FlowKind.addressSpace) cr3 = value;
      else if (kind === ADJUSTMENT) now += value | 0;
      if ((value - firstAddress) >>> 0 > addresses) continue;
      if (((kinds >>> Math.min(kind, UNKNOWN_KIND)) & 1) === 0) continue;
      if (instruction < from || instruction > to) continue;
      if (space !== undefined && asid !== space) continue;
      if (this.during !== undefined && !this.isDuring(this.during, instruction)) continue;
      this.at = at;
      this.now = now;
      this.cr3 = cr3;
      this.instruction = instruction;
      this.asid = asid;
      this.value = value;
      this.info = info;
      return true;
    }
    return false;
  }

  private isDuring(spans: readonly InstructionSpan[], instruction: number): boolean {
    // The count can go back a little where a chunk begins.
    while (this.span > 0 && spans[this.span - 1]!.to > instruction) this.span--;
    while (this.span < spans.length && spans[this.span]!.to <= instruction) this.span++;
    return this.span < spans.length && spans[this.span]!.from <= instruction;
  }
}

const maskOf = (names: readonly FlowKindName[]): number =>
  names.flatMap((name) => flowKinds[name]).reduce((mask: number, kind: number) => mask | (1 << kind), 0);
