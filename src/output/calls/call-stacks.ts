/**
 * Follows calls and returns, interrupts and the returns from them, on a shadow stack for each thread. It is told each basic
 * block: that one has been entered, and then how it ends. What an end means is settled when it is known where execution goes on.
 *
 * - CALL pushes; RET pops to the frame that returns there, over as many others as lie between (exceptions, longjmp).
 * - A jump to where another function begins replaces the frame on top: that function's caller is the caller of the one that
 *   jumped. So does a RET to an address that nobody has called from, which is a jump (retpolines).
 * - An interrupt or SYSENTER pushes a frame of its own, and the frame of its handler; IRET and SYSEXIT pop both.
 */
import { BlockEnd } from './block-end.ts';
import { type CallTree, NodeKind, SOFTWARE } from './call-tree.ts';
import { FrameKind, type Pending, type ShadowStack } from './shadow-stack.ts';

/** As a block's end: what comes next is the first block of an interrupt's handler. */
const HANDLER = 32;
/** A program goes on near to where it asked for a system call: behind it, or before it to ask again. */
const NEAR_CALL = 64;
/** Events below the uppermost that a return may belong to. */
const DEEPER_EVENTS = 8;
const PAGE = 4096;

/** How well a place where execution goes on after an interrupt fits what was interrupted. */
const Fit = { none: 0, possible: 1, certain: 2 } as const;
type Fit = (typeof Fit)[keyof typeof Fit];

/** What is known of the guest's functions. */
export interface FunctionNames {
  /** Where the function begins that an address is in; -1 if that is not known. */
  functionOf(address: number): number;
  /** A number for what an address is called. */
  placeOf(address: number): number;
  /** … for the function that it is in, or what else is known of it. */
  runningIn(address: number): number;
}

export class CallStacks {
  /** Blocks whose successor is none that their code can have led to. */
  contradicted = 0;
  /** Stacks that became too deep, and were forgotten. */
  overflows = 0;
  cr3 = 0;
  /** The current instruction count is in the span that is asked about. */
  counting = true;
  /** Calls of functions at other addresses do not count. */
  first = 0;
  last = 0xffffffff;

  readonly tree: CallTree;
  private readonly names: FunctionNames;
  private stack: ShadowStack;
  /** Another thread has run in between. */
  private switched = false;
  private readonly other: Pending = { end: 0, start: 0, behind: 0, target: 0 };

  /** @param stack of the thread that runs first */
  constructor(tree: CallTree, names: FunctionNames, stack: ShadowStack) {
    this.tree = tree;
    this.names = names;
    this.stack = stack;
  }

  /** Another thread goes on. */
  switchTo(stack: ShadowStack): void {
    if (stack === this.stack) return;
    this.stack = stack;
    this.switched = true;
  }

  get current(): ShadowStack {
    return this.stack;
  }

  /**
   * The current thread enters a block.
   * @returns the node that it is executed in
   */
  enter(address: number): number {
    const { stack } = this;
    const { pending } = stack;
    const { end } = pending;
    if (end === BlockEnd.next || end === BlockEnd.branch) {
      if (address === pending.behind || address === pending.target) return stack.node;
    } else if (end === BlockEnd.jump && address === pending.target) return stack.node;
    if (stack.known) this.resolve(end, address);
    stack.known = true;
    // It was forgotten, or there was none yet.
    if (stack.depth === 0) this.begin(address, false);
    this.switched = false;
    return stack.node;
  }

  /** The block that was entered last ends so. @param target for `next`, where its last instruction begins */
  leave(end: number, start: number, behind: number, target: number): void {
    const { pending } = this.stack;
    pending.end = end;
    pending.start = start;
    pending.behind = behind;
    pending.target = target;
  }

  /** An interrupt or exception is delivered. @param subject see NodeKind.interrupt */
  interrupt(subject: number): void {
    const { stack } = this;
    if (subject & SOFTWARE) stack.pending.end = BlockEnd.interrupt;
    this.push(NodeKind.interrupt, subject);
    stack.pending.end = HANDLER;
    stack.known = true;
  }

  /** SYSENTER is about to be executed. */
  sysenter(): void {
    this.stack.pending.end = BlockEnd.sysenter;
  }

  /** IRET or SYSEXIT is. */
  leaving(): void {
    this.stack.pending.end = BlockEnd.leave;
  }

  private push(kind: NodeKind, subject: number): void {
    const { stack, tree } = this;
    this.checkDepth();
    const node = tree.child(stack.node, kind, subject);
    stack.pushSaving(FrameKind.event, node, stack.pending, this.cr3);
    if (this.counting && stack.wanted) tree.calls[node]!++;
  }

  private checkDepth(): void {
    const { stack } = this;
    if (!stack.full) return;
    this.overflows++;
    stack.depth = 0;
  }

  /** The end of the block before, now that it is known where execution goes on. */
  private resolve(end: number, address: number): void {
    const { stack } = this;
    const { pending } = stack;
    switch (end) {
      case BlockEnd.return:
        this.return(address);
        return;
      case BlockEnd.call:
        if (address === pending.target) this.call(address);
        else this.contradict(address);
        return;
      case BlockEnd.indirectCall:
        this.call(address);
        return;
      case BlockEnd.innerCall:
        if (address !== pending.target) this.contradict(address);
        else if (address !== pending.behind) {
          this.checkDepth();
          stack.push(FrameKind.inner, pending.behind, stack.node);
        }
        return;
      case BlockEnd.indirectJump:
        this.jump(address);
        return;
      case BlockEnd.tailBranch:
      case BlockEnd.tailJump:
        if (address === pending.target) this.tail(address);
        else if (end === BlockEnd.tailJump || address !== pending.behind) this.contradict(address);
        return;
      case HANDLER:
        this.begin(address, true);
        return;
      case BlockEnd.sysenter:
        pending.end = BlockEnd.interrupt;
        this.push(NodeKind.sysenter, 0);
        this.begin(address, true);
        return;
      case BlockEnd.leave:
        this.leaveEvent(address);
        return;
      case BlockEnd.interrupt:
        // Back from it; or INTO that did nothing.
        if (!isNear(address, pending.behind)) this.contradict(address);
        return;
      case BlockEnd.unknown:
        if (stack.returningTo(address) === stack.depth - 1) this.return(address);
        else this.jump(address);
        return;
      default:
        this.contradict(address);
    }
  }

  /** The block before was not what was in memory afterwards. */
  private contradict(address: number): void {
    const { stack } = this;
    if (!this.switched) this.contradicted++;
    const frame = stack.returningTo(address);
    if (frame >= 0 && frame === stack.depth - 1) stack.depth = frame;
    else this.jump(address);
  }

  private enterFunction(parent: number, address: number): number {
    const { tree } = this;
    const node = tree.child(parent, NodeKind.function, this.names.placeOf(address));
    if (this.counting && this.stack.wanted && address >= this.first && address <= this.last)
      tree.calls[node]!++;
    return node;
  }

  /** A node for code in the middle of a function, or its beginning. */
  private running(parent: number, address: number, isEntry: boolean): number {
    const start = this.names.functionOf(address);
    if (isEntry || start === address) return this.enterFunction(parent, address);
    return this.tree.child(parent, NodeKind.running, this.names.runningIn(address));
  }

  /** The first frame, or the first behind an interrupt. */
  private begin(address: number, isEntry: boolean): void {
    const { stack } = this;
    this.checkDepth();
    stack.push(FrameKind.base, 0, this.running(stack.node, address, isEntry));
  }

  private call(address: number): void {
    const { stack } = this;
    // What position-independent code does to know where it is.
    if (address === stack.pending.behind) return;
    this.checkDepth();
    stack.push(FrameKind.call, stack.pending.behind, this.enterFunction(stack.node, address));
  }

  private return(address: number): void {
    const { stack } = this;
    const frame = stack.returningTo(address);
    if (frame >= 0) {
      stack.depth = frame;
      return;
    }
    const top = stack.depth - 1;
    if (top < 0) return;
    if (stack.kind(top) === FrameKind.base) {
      // Its caller is seen for the first time.
      stack.replace(this.running(stack.nodeOf(top - 1), address, false));
    } else {
      if (stack.kind(top) === FrameKind.inner) stack.depth--;
      this.jump(address);
    }
  }

  private jump(address: number): void {
    const { stack, tree, names } = this;
    if (stack.depth === 0) return;
    const start = names.functionOf(address);
    if (start < 0) return;
    const place = names.runningIn(address);
    if (place === tree.functions[stack.node]) return;
    if (start === address) {
      this.tail(address);
      return;
    }
    // Into the middle of a function: longjmp, if that one has called.
    const top = stack.depth - 1;
    for (let frame = top; frame >= 0 && stack.kind(frame) !== FrameKind.event; frame--) {
      if (tree.functions[stack.nodeOf(frame)] !== place) continue;
      stack.depth = frame + 1;
      return;
    }
    if (stack.kind(top) === FrameKind.base)
      stack.replace(this.running(stack.nodeOf(top - 1), address, false));
  }

  private tail(address: number): void {
    const { stack, tree } = this;
    if (stack.depth === 0) return;
    if (stack.kind(stack.depth - 1) === FrameKind.event) this.begin(address, true);
    else stack.replace(this.enterFunction(Math.max(0, tree.parents[stack.node]!), address));
  }

  /** IRET or SYSEXIT to an address. */
  private leaveEvent(address: number): void {
    const { stack, other } = this;
    const { behind } = stack.pending;
    let frame = stack.event();
    if (frame < 0) {
      // IRET is also an instruction that serializes: to the next one.
      if (address === behind) return;
      // A thread goes to its program for the first time.
      stack.depth = 0;
      return;
    }
    let fit = this.fit(frame, address);
    if (fit !== Fit.certain && address === behind) return;
    const isFirst = fit === Fit.possible && other.end === HANDLER;
    if (fit === Fit.none || isFirst) {
      // The kernel may have left others without a return; and an interrupt that failed has no return of its own.
      let below = frame;
      for (let i = 0; i < DEEPER_EVENTS; i++) {
        below = stack.event(below - 1);
        if (below < 0) break;
        if (this.fit(below, address) !== Fit.certain) continue;
        frame = below;
        fit = Fit.certain;
        break;
      }
    }
    const cr3 = stack.saved(frame, stack.pending);
    stack.depth = frame;
    if (fit !== Fit.none) this.resume(address);
    else if (cr3 !== this.cr3) {
      // Another program.
      stack.depth = 0;
    } else this.divert(address);
  }

  /** How well an address fits what the event in a frame has interrupted, which is put into `other`. */
  private fit(frame: number, address: number): Fit {
    const { stack, other } = this;
    stack.saved(frame, other);
    const { end, start, behind, target } = other;
    if ((address - start) >>> 0 < (behind - start) >>> 0) return Fit.certain;
    switch (end) {
      case BlockEnd.next:
        return address === behind ? Fit.certain : Fit.none;
      case BlockEnd.branch:
      case BlockEnd.tailBranch:
        return address === behind || address === target ? Fit.certain : Fit.none;
      case BlockEnd.jump:
      case BlockEnd.tailJump:
      case BlockEnd.call:
      case BlockEnd.innerCall:
        return address === target ? Fit.certain : Fit.none;
      case BlockEnd.interrupt:
        return isNear(address, behind) ? Fit.certain : Fit.none;
      case BlockEnd.return: {
        const below = frame - 1;
        const returns = below >= 0 && stack.kind(below) === FrameKind.call;
        return returns && stack.returnOf(below) === address ? Fit.certain : Fit.possible;
      }
      default:
        return Fit.possible;
    }
  }

  /** What was interrupted goes on: in the middle of its last block, or behind it. */
  private resume(address: number): void {
    const { pending } = this.stack;
    const { end, start, behind, target } = pending;
    if ((address - start) >>> 0 < (behind - start) >>> 0) return;
    if (end === BlockEnd.next || end === BlockEnd.branch) {
      if (address === behind || address === target) return;
    } else if (end === BlockEnd.jump && address === target) return;
    this.resolve(end, address);
  }

  /** The kernel goes back to its caller, but elsewhere: a signal handler, the end of one, a fault that it has expected. */
  private divert(address: number): void {
    const { stack, tree, other } = this;
    for (let frame = stack.depth - 1; frame >= 0; frame--) {
      const kind = stack.kind(frame);
      if (kind === FrameKind.event) break;
      if (kind !== FrameKind.diverted || this.fit(frame, address) === Fit.none) continue;
      Object.assign(stack.pending, other);
      stack.depth = frame;
      this.resume(address);
      return;
    }
    const frame = stack.returningTo(address);
    if (frame >= 0) {
      this.return(address);
      return;
    }
    const start = this.names.functionOf(address);
    if (start >= 0 && this.names.runningIn(address) === tree.functions[stack.node]) return;
    if (start < 0 && Math.abs(address - stack.pending.start) < PAGE) return;
    this.checkDepth();
    stack.pushSaving(FrameKind.diverted, this.running(stack.node, address, false), stack.pending, this.cr3);
  }
}

const isNear = (address: number, behind: number): boolean => Math.abs(address - behind) <= NEAR_CALL;
