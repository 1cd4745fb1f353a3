/**
 * A machine for property tests: threads, processes, stacks and code, made up of drawn numbers. It keeps what really happens to
 * each call in a way that has nothing to do with how matchers find out, and its stacks hold the words that they would hold.
 *
 * This file has what the machine consists of; what it does is in steps.ts.
 */
import type { StackRange } from '../../../src/guest/os.ts';
import type { Moment, Outcome } from '../../../src/hooks/match/matcher.ts';
import { ThreadStack } from '../../../src/hooks/match/thread-stack.ts';
import { type Fn, fn, Memory, TestHost } from './support.ts';

/** A function of the guest: what it really pops may not be what is known of it. */
export interface Code {
  readonly fn: Fn;
  readonly pops: number;
}

const code = (
  name: string,
  address: number,
  known: number | 'unknown',
  pops: number,
  never = false,
): Code => ({
  fn: fn(name, address, known, never),
  pops,
});

export const KERNEL_CODE: readonly Code[] = [
  code('k0', 0x8050_1000, 0, 0),
  code('k0too', 0x8050_1100, 0, 0),
  code('k1', 0x8050_1200, 1, 1),
  code('k3', 0x8050_1300, 3, 3),
  code('kUnknown', 0x8050_1400, 'unknown', 2),
  code('kCdecl', 0x8050_1500, 3, 0),
  code('kUnknown0', 0x8050_1600, 'unknown', 0),
];
export const NEVER = code('kNever', 0x8050_1800, 1, 1, true);
export const TERMINATE = code('kTerminate', 0x8050_1900, 2, 2, true);
export const USER_CODE: readonly Code[] = [
  code('u0', 0x40_1000, 0, 0),
  code('u0too', 0x40_1100, 0, 0),
  code('u1', 0x40_1200, 1, 1),
  code('u2', 0x40_1300, 2, 2),
  code('uUnknown', 0x40_1400, 'unknown', 3),
  code('uCdecl', 0x40_1500, 2, 0),
  code('uNever', 0x40_1600, 1, 1, true),
];

/** A CALL instruction, and where it returns to. */
export interface Site {
  readonly call: number;
  readonly returnAddress: number;
  /** Another one returns to it. */
  readonly behind: boolean;
}

const bytes = new Map<number, number>();

function site(call: number, instruction: readonly number[]): Site {
  instruction.forEach((byte, i) => {
    bytes.set(call + i, byte);
  });
  return { call, returnAddress: call + instruction.length, behind: bytes.has(call - 1) };
}

const NEAR = [0xe8, 0x10, 0, 0, 0];
/** All kinds of CALL, one behind another here and there: a return address is then a call site, too. */
function sites(start: number): Site[] {
  return [
    site(start, [0xff, 0xd3]),
    site(start + 0x40, NEAR),
    site(start + 0x45, NEAR),
    site(start + 0x80, [0xff, 0x55, 0x08]),
    site(start + 0x83, [0xff, 0x94, 0x24, 1, 2, 3, 4]),
    site(start + 0xc0, [0x65, 0xff, 0x15, 0x10, 0, 0, 0]),
    site(start + 0x103, [0xff, 0x14, 0x85, 0, 0, 0x50, 0x80]),
  ];
}
export const KERNEL_SITES = sites(0x8060_0000);
export const USER_SITES = sites(0x48_0000);

function codeWord(address: number): number | undefined {
  if (!bytes.has(address) && !bytes.has(address + 3)) return undefined;
  let word = 0;
  for (let i = 0; i < 4; i++) word |= (bytes.get(address + i) ?? 0x90) << (8 * i);
  return word >>> 0;
}

/** What really became of a call. */
export interface Truth {
  readonly fn: Fn;
  readonly thread: number;
  readonly parent: Truth | undefined;
  outcome: Outcome;
  result: number;
  readonly again: Again[];
  readonly owner: Thread;
  /** Calls of programs that had ended in its thread when it ended. */
  past: number;
}

/** A return in a copy of the thread. */
export interface Again {
  readonly thread: number;
  readonly result: number;
  /** A matcher has to know of it. */
  readonly certain: boolean;
}

/** What a thread is in the middle of, the innermost last. */
export interface Act {
  /** A call; the kernel entered from the program; the program called by the kernel; the program interrupted by an APC. */
  readonly kind: 'call' | 'trap' | 'callback' | 'apc';
  readonly user: boolean;
  /** ESP inside. */
  body: number;
  /** Of a call: the address of its return address. */
  slot: number;
  readonly returnAddress: number;
  /** The innermost of those reached by jumps decides. */
  pops: number;
  /** Hooked functions: the one that was called, and those that were reached by jumps, in this order. */
  readonly calls: Truth[];
  readonly inherited: boolean;
  /** Of a callback: where the kernel's stack began before. */
  readonly esp0: number;
}

export interface Fiber {
  readonly stack: StackRange;
  readonly acts: Act[];
  /** Where calls on it were that are over, of which the matcher has seen nothing yet. */
  dead: number[];
}

export class Thread {
  readonly id: number;
  readonly process: Process;
  kernel: StackRange;
  /** Where the next entry into the kernel begins. */
  esp0: number;
  readonly fibers: Fiber[];
  fiber: Fiber;
  /** The same for the kernel stack. */
  dead: number[] = [];
  /** It waits until that one has ended (vfork). */
  waitsFor: Thread | undefined;
  /** Calls of programs that have ended in it. */
  past = 0;
  /** It was made by vfork. */
  shares = false;

  constructor(id: number, process: Process, kernel: StackRange, stack: StackRange) {
    this.id = id;
    this.process = process;
    this.kernel = kernel;
    this.esp0 = kernel.high - 0x10;
    this.fiber = { stack, acts: [], dead: [] };
    this.fibers = [this.fiber];
  }

  get acts(): Act[] {
    return this.fiber.acts;
  }

  get top(): Act | undefined {
    return this.acts[this.acts.length - 1];
  }

  get inUser(): boolean {
    return this.top?.user ?? true;
  }

  get esp(): number {
    return this.top?.body ?? this.fiber.stack.high - 0x20;
  }

  /** ESP of the program, also while it is in the kernel. */
  get userEsp(): number {
    return this.acts.findLast(({ user }) => user)?.body ?? this.fiber.stack.high - 0x20;
  }

  /** What lies below on the kernel stack is free. */
  get kernelEsp(): number {
    return this.inUser ? this.esp0 : this.esp;
  }

  /** Calls of it are over, and the matcher cannot know yet. */
  get dirty(): boolean {
    return this.dead.length + this.fiber.dead.length > 0;
  }

  /** … on any of its stacks. */
  get dirtyAnywhere(): boolean {
    return this.dead.length > 0 || this.fibers.some(({ dead }) => dead.length > 0);
  }

  has(kind: Act['kind']): boolean {
    return this.fibers.some(({ acts }) => acts.some((act) => act.kind === kind));
  }

  *all(): Generator<Act> {
    for (const { acts } of this.fibers) yield* acts;
  }
}

export interface Process {
  readonly asid: number;
  readonly threads: Thread[];
  /** It uses another one's address space (vfork). */
  readonly borrowed: boolean;
  /** Another process had its address space before, or that of one that it is a copy of. */
  readonly recycled: boolean;
  /** Stacks that it has from the one that it is a copy of. */
  readonly copied: Set<number>;
}

const STACK = 0x2000;

export class Machine {
  readonly memory = new Memory();
  readonly host = new TestHost();
  readonly matcher = new ThreadStack<Fn>(this.host);
  readonly truths: Truth[] = [];
  readonly threads: Thread[] = [];
  /** Nobody tells where the programs' stacks are. */
  readonly hidden: boolean;
  current!: Thread;
  readonly moment: { -readonly [K in keyof Moment]: Moment[K] };
  /** An interrupt's stack is in use, at this ESP. */
  interrupt = 0;
  private ids = 0;
  private readonly freeKernel: StackRange[] = [];
  private readonly freeAsids: number[] = [];
  private readonly usedAsids = new Set<number>();

  constructor(hidden: boolean) {
    this.hidden = hidden;
    // Stacks adjoin each other.
    for (let i = 23; i >= 0; i--)
      this.freeKernel.push({ low: 0x8100_0000 + STACK * i, high: 0x8100_0000 + STACK * (i + 1) });
    for (let i = 15; i >= 1; i--) this.freeAsids.push(0x1000 * i);
    this.moment = {
      instruction: 0,
      thread: 0,
      asid: 0,
      cpl: 0,
      esp: 0,
      ebp: 0,
      eax: 0,
      kernelStack: undefined,
      userStack: undefined,
      word: (address) => this.read(address),
    };
  }

  read(address: number): number | undefined {
    return this.memory.read(this.current.process.asid, address) ?? codeWord(address);
  }

  write(address: number, value: number): void {
    this.memory.write(this.current.process.asid, address, value);
  }

  /** The guest as the matcher sees it now. */
  now(esp: number, eax = 0): Machine['moment'] {
    const { moment, current } = this;
    moment.instruction++;
    moment.thread = current.id;
    moment.asid = current.process.asid;
    moment.cpl = current.inUser && this.interrupt === 0 ? 3 : 0;
    moment.esp = esp;
    moment.eax = eax;
    moment.kernelStack = current.kernel;
    moment.userStack = this.hidden ? undefined : current.fiber.stack;
    return moment;
  }

  /** An address is executed. */
  execute(address: number, esp: number, eax = 0): void {
    const moment = this.now(esp, eax);
    if (!this.host.watched.has(address)) return;
    this.matcher.arrive(address, moment);
    this.shown(esp);
  }

  /** The matcher has been told something with this ESP. */
  private shown(esp: number): void {
    const { current } = this;
    const stack = current.inUser ? current.fiber : current;
    if (this.interrupt === 0) stack.dead = stack.dead.filter((slot) => slot >= esp);
  }

  /** The first instruction of a hooked function. */
  enterAt(slot: number, what: Fn): void {
    this.matcher.enter(what, this.now(slot));
    this.shown(slot + 1);
  }

  leaveKernel(): void {
    const moment = this.now(this.current.userEsp);
    moment.cpl = 3;
    if (!this.host.exits) return;
    const { current } = this;
    this.matcher.leftKernel(current.esp0, moment);
    current.dead = current.dead.filter((slot) => slot >= current.esp0);
  }

  newThread(process: Process, stack: StackRange): Thread | undefined {
    const kernel = this.freeKernel.pop();
    if (kernel === undefined) return undefined;
    const thread = new Thread(++this.ids, process, kernel, stack);
    process.threads.push(thread);
    this.threads.push(thread);
    return thread;
  }

  /** A copy of a process, or one that only uses its address space. */
  newProcess(from: Process | undefined, borrows: boolean): Process | undefined {
    const copied = new Set<number>();
    if (from !== undefined && borrows) return { ...from, threads: [], borrowed: true, copied };
    const asid = this.freeAsids.pop();
    if (asid === undefined) return undefined;
    const recycled = this.usedAsids.has(asid) || (from?.recycled ?? false);
    this.usedAsids.add(asid);
    return { asid, threads: [], borrowed: false, recycled, copied };
  }

  /** Stacks of a process adjoin each other, too. */
  userStack({ threads, copied }: Process): StackRange | undefined {
    const own = threads.flatMap(({ fibers }) => fibers.map(({ stack }) => stack.low));
    const taken = new Set([...own, ...copied]);
    for (let low = 0x10_0000; low < 0x11_0000; low += STACK)
      if (!taken.has(low)) return { low, high: low + STACK };
    return undefined;
  }

  takeKernelStack(): StackRange | undefined {
    return this.freeKernel.pop();
  }

  /** What is freed last is used first. */
  freeKernelStack(stack: StackRange, garbage: boolean): void {
    if (garbage) for (let a = stack.low; a < stack.high; a += 4) this.memory.write(0, a, 0xfeee_feee);
    this.freeKernel.push(stack);
  }

  remove(thread: Thread): void {
    this.threads.splice(this.threads.indexOf(thread), 1);
    const { process } = thread;
    process.threads.splice(process.threads.indexOf(thread), 1);
    if (process.threads.length > 0 || process.borrowed) return;
    this.memory.drop(process.asid);
    this.freeAsids.push(process.asid);
  }
}
