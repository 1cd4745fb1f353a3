/** Makes a tree of calls from what a replay executes. */
import { hex32 } from '../../base/hex.ts';
import { FlowKind, INSTRUCTIONS_MASK, KIND_SHIFT } from '../../engine/flow/area.ts';
import type { FlowTap } from '../../engine/flow/tap.ts';
import { At } from '../../engine/layout.ts';
import type { GuestCpu } from '../../guest/cpu.ts';
import type { FlowSink } from '../../replay/observer.ts';
import type { MappedThread } from '../map/guest-map.ts';
import type { GuestPlaces } from '../map/places.ts';
import type { BlockDecoder } from './block-end.ts';
import { BlockEnd } from './block-end.ts';
import { CallStacks } from './call-stacks.ts';
import { CallTree, NodeKind, REAL_MODE } from './call-tree.ts';
import { CodeTable } from './code-table.ts';
import { PlaceTable } from './place-table.ts';
import { ShadowStack } from './shadow-stack.ts';

/** Of address spaces, where no system is known; more share one. */
const MOST_STACKS = 4096;
/** `main_loop`s for which it is remembered that an address has no name. */
const NAMELESS_LOOPS = 64;
/** Before there are threads, or where it is not known which one runs. */
const NOBODY = '[unknown]';

export interface TraceSpan {
  /** Instruction counts, both inclusive. */
  readonly from: number;
  readonly to: number;
  /** Of addresses whose instructions count, both inclusive. */
  readonly addresses: { readonly first: number; readonly last: number };
  /** Whether a thread is wanted. Not asked where no system is known. */
  isWanted(thread: MappedThread | undefined): boolean;
}

/** What is not as sure as the rest. */
export interface CallDoubts {
  /** Blocks executed in the trace, up to the span's end. */
  readonly blocks: number;
  /** … whose code was no longer in memory, or was none, when it was looked at. */
  readonly undecoded: number;
  /** … that were followed by another block than their code leads to. */
  readonly contradicted: number;
  /** Stacks that became too deep, and began anew. */
  readonly overflows: number;
  /** There were more different calls than there is room for: they are together in nodes of their own. */
  readonly full: boolean;
  /** Threads, or address spaces, that share a stack because there are so many. */
  readonly shared: boolean;
}

export class CallTracer implements FlowSink {
  readonly tree: CallTree;
  /** The span is over. */
  done = false;
  /** Instructions that count. */
  attributed = 0;

  private readonly places: GuestPlaces;
  private readonly span: TraceSpan;
  readonly names: PlaceTable;
  private readonly decoder: BlockDecoder;
  private readonly stacks: CallStacks;
  private readonly threads = new Map<number, ShadowStack>();
  private cpu: GuestCpu | undefined;
  private code: CodeTable | undefined;
  private tap: FlowTap | undefined;
  private words: Uint32Array = new Uint32Array(1 << 16);

  private now = 0;
  /** Up to here the same thread runs. */
  private until = -1;
  private readonly hasSystem: boolean;
  private cr3 = -1;
  /** Counts the times that records were looked at, from 1. */
  private moment = 1;
  private page = -1;
  private frame = 0;
  private node = 0;
  private blocks = 0;
  private undecoded = 0;
  private shared = false;

  constructor(places: GuestPlaces, span: TraceSpan, decoder: BlockDecoder) {
    this.places = places;
    this.span = span;
    this.decoder = decoder;
    this.names = new PlaceTable(places);
    this.hasSystem = places.map.system !== undefined;
    this.tree = new CallTree((place) => this.names.functionOfPlace(place));
    this.stacks = new CallStacks(this.tree, this.names, new ShadowStack(0));
    this.stacks.first = span.addresses.first;
    this.stacks.last = span.addresses.last;
  }

  get doubts(): CallDoubts {
    const { blocks, undecoded, shared } = this;
    const { contradicted, overflows } = this.stacks;
    return { blocks, undecoded, contradicted, overflows, full: this.tree.full, shared };
  }

  attach(tap: FlowTap): void {
    this.tap = tap;
    // What the machine did before the recording began.
    this.take();
  }

  /** The machine whose flow comes: before the first instruction. */
  open(cpu: GuestCpu): void {
    this.cpu = cpu;
    this.code = new CodeTable(cpu.memory, this.decoder, this.names);
    this.names.memory = cpu.memory;
    this.setSpace(cpu.cr3);
  }

  press(): void {
    if (this.done) this.take();
    else this.settle();
  }

  loopEnded(instruction: number): void {
    if (this.done) {
      this.take();
      return;
    }
    this.settle();
    // As in the log's adjustments.
    if (instruction !== this.now) {
      this.count(this.node, instruction - this.now, this.now);
      this.now = instruction;
    }
    // A task switch loads it without a record.
    if (this.cpu!.cr3 !== this.cr3) this.setSpace(this.cpu!.cr3);
    if (this.now > this.span.to) this.done = true;
  }

  private take(): number {
    const { tap } = this;
    if (tap === undefined) return 0;
    if (2 * tap.count > this.words.length) this.words = new Uint32Array(4 * tap.count);
    return tap.take(this.words, 0);
  }

  private settle(): void {
    const count = this.take();
    this.moment++;
    this.page = -1;
    this.names.now = this.now;
    if (this.moment % NAMELESS_LOOPS === 0) this.names.moment++;
    this.follow(this.words, count);
  }

  /** Goes through records. For each there is no call but for what happens seldom, and no object. */
  private follow(words: Uint32Array, count: number): void {
    const { stacks, span } = this;
    const code = this.code!;
    const { from, to, addresses } = span;
    const { first, last } = addresses;
    let stack = stacks.current;
    for (let i = 0, end = 2 * count; i < end; i += 2) {
      const value = words[i]!;
      const info = words[i + 1]!;
      const kind = info >>> KIND_SHIFT;
      if (kind > FlowKind.interpreted) {
        this.event(kind, value);
        stack = stacks.current;
        continue;
      }
      const { now } = this;
      if (now >= this.until) {
        this.schedule();
        stack = stacks.current;
      }
      const instructions = info & INSTRUCTIONS_MASK;
      stacks.counting = now >= from && now <= to;
      const node = stacks.enter(value);
      this.node = node;
      this.now = now + instructions;
      this.blocks++;
      if (now >= from && now + instructions <= to) {
        if (stack.wanted && value >= first && value <= last) {
          this.tree.own[node]! += instructions;
          this.attributed += instructions;
        }
      } else if (stack.wanted && value >= first && value <= last) this.count(node, instructions, now);

      const page = value >>> 12;
      if (page !== this.page) {
        this.page = page;
        this.frame = code.pages.frame(this.cr3, page, this.moment);
      }
      const { frame } = this;
      if (frame < 0) {
        this.undecoded++;
        stacks.leave(BlockEnd.unknown, value, value, value);
        continue;
      }
      const place = frame + (value & 0xfff);
      let slot = code.find(place, instructions);
      if (slot < 0 || code.moments[slot] !== this.moment) {
        const follower =
          i + 3 < end && words[i + 3]! >>> KIND_SHIFT <= FlowKind.interpreted ? words[i + 2]! : -1;
        slot = this.look(slot, place, value, instructions, follower);
      }
      const blockEnd = code.ends[slot]!;
      if (blockEnd === BlockEnd.unknown) this.undecoded++;
      const target = blockEnd === BlockEnd.next ? code.lasts[slot]! : code.targets[slot]!;
      const behind = (value + code.lengths[slot]!) >>> 0;
      stacks.leave(blockEnd, value, behind, (value + target) >>> 0);
    }
  }

  /** Compares a block's code with what is there now, or decodes it. */
  private look(slot: number, place: number, address: number, count: number, next: number): number {
    const code = this.code!;
    const { cr3, moment, names } = this;
    if (slot >= 0 && code.compare(slot, address, cr3, moment)) return slot;
    names.now = this.now;
    const bits = this.cpu!.physical.linear.getUint8(At.is32) === 0 ? 16 : 32;
    return code.learn(slot, place, address, count, cr3, moment, next, bits);
  }

  private event(kind: number, value: number): void {
    const { stacks } = this;
    switch (kind) {
      case FlowKind.interrupt: {
        if (this.now >= this.until) this.schedule();
        const isReal = (this.cpu!.cr0 & 1) === 0;
        stacks.counting = this.now >= this.span.from && this.now <= this.span.to;
        stacks.interrupt(isReal ? value | REAL_MODE : value);
        return;
      }
      case FlowKind.sysenter:
        stacks.sysenter();
        return;
      case FlowKind.iret:
      case FlowKind.sysexit:
        stacks.leaving();
        return;
      case FlowKind.addressSpace:
        this.setSpace(value);
        return;
      default:
    }
  }

  /** Instructions that may lie in the span in part. */
  private count(node: number, instructions: number, now: number): void {
    const { from, to } = this.span;
    const end = Math.min(now + instructions, to + 1);
    const counted = instructions < 0 ? instructions : Math.max(0, end - Math.max(now, from));
    if (!(counted !== 0 && this.stacks.current.wanted)) return;
    this.tree.own[node]! += counted;
    this.attributed += counted;
  }

  private setSpace(cr3: number): void {
    this.cr3 = this.stacks.cr3 = cr3;
    this.names.enter(this.names.process, cr3);
    this.page = -1;
    if (!this.hasSystem) this.until = -1;
  }

  /** Finds out who runs now. */
  private schedule(): void {
    const { places, names, now } = this;
    if (!this.hasSystem) {
      this.until = Number.POSITIVE_INFINITY;
      this.stacks.switchTo(this.stackOf(this.cr3, undefined));
      return;
    }
    const thread = places.threadAt(now);
    this.until = places.until;
    names.now = now;
    names.enter(thread && places.process(thread.process), this.cr3);
    this.stacks.switchTo(this.stackOf(thread?.key ?? 0, thread));
  }

  private stackOf(key: number, thread: MappedThread | undefined): ShadowStack {
    const known = this.threads.get(key);
    if (known !== undefined) return known;
    if (this.threads.size >= MOST_STACKS && !this.hasSystem) {
      this.shared = true;
      return this.threads.values().next().value!;
    }
    const program = this.hasSystem ? (this.names.process?.name ?? NOBODY) : `cr3 ${hex32(key)}`;
    const node = this.tree.child(-1, NodeKind.root, this.names.number(program));
    const wanted = !this.hasSystem || this.span.isWanted(thread);
    const stack = new ShadowStack(node, wanted);
    this.threads.set(key, stack);
    return stack;
  }
}
