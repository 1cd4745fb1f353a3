/** A guest made up for matchers: a memory, a processor's few registers, and a host that keeps what it is told. */
import type { StackRange } from '../../../src/guest/os.ts';
import type {
  Frame,
  MatchedFunction,
  Matcher,
  MatcherHost,
  Moment,
  Outcome,
} from '../../../src/hooks/match/matcher.ts';
import { createMatcher } from '../../../src/hooks/match/matchers.ts';

export interface Fn extends MatchedFunction {
  readonly name: string;
}

/** `pops`: words; `unknown` if nobody knows. */
export function fn(name: string, address: number, pops: number | 'unknown' = 0, neverReturns = false): Fn {
  return { name, address, pops: pops === 'unknown' ? undefined : pops, neverReturns };
}

/** What a matcher has said about one call. */
export interface Told {
  readonly frame: Frame<Fn>;
  readonly name: string;
  readonly thread: number;
  readonly parent: Told | undefined;
  outcome: Outcome | undefined;
  result: number;
  /** In which order the calls ended. */
  order: number;
  readonly again: { readonly thread: number; readonly result: number }[];
}

/** Memory by address space; what is at 2 GiB and above is in all of them. Words that overlap are not the same memory. */
export class Memory {
  private readonly words = new Map<number, Map<number, number>>();

  private of(asid: number, address: number): Map<number, number> {
    const key = address >= 2 ** 31 ? 0 : asid;
    const words = this.words.get(key) ?? new Map<number, number>();
    this.words.set(key, words);
    return words;
  }

  read(asid: number, address: number): number | undefined {
    return this.of(asid, address).get(address);
  }

  write(asid: number, address: number, value: number): void {
    this.of(asid, address).set(address, value >>> 0);
  }

  /** Nothing is there any more. */
  free(asid: number, low: number, high: number): void {
    const words = this.of(asid, low);
    for (const address of words.keys()) if (address >= low && address < high) words.delete(address);
  }

  /** A copy of the address space, for fork. */
  copy(from: number, to: number): void {
    this.words.set(to, new Map(this.words.get(from)));
  }

  drop(asid: number): void {
    this.words.delete(asid);
  }
}

export class TestHost implements MatcherHost<Fn> {
  readonly calls: Told[] = [];
  readonly watched = new Map<number, number>();
  readonly makers = new Map<number, { thread: number; instruction: number }>();
  exits = false;
  problems: string[] = [];
  private ends = 0;

  watch(address: number): void {
    this.watched.set(address, (this.watched.get(address) ?? 0) + 1);
  }

  unwatch(address: number): void {
    const count = this.watched.get(address) ?? 0;
    if (count === 0) this.problems.push(`unwatch of 0x${address.toString(16)}, which is not watched`);
    else if (count === 1) this.watched.delete(address);
    else this.watched.set(address, count - 1);
  }

  watchKernelExits(on: boolean): void {
    if (on === this.exits) this.problems.push('watchKernelExits says what is so');
    this.exits = on;
  }

  began(frame: Frame<Fn>): void {
    const parent = frame.parent?.data as Told | undefined;
    const told: Told = {
      frame,
      name: frame.fn.name,
      thread: frame.thread,
      parent,
      outcome: undefined,
      result: 0,
      order: 0,
      again: [],
    };
    frame.data = told;
    this.calls.push(told);
    if (frame.call !== this.calls.length) this.problems.push(`call ${frame.call} is not in order`);
    if (parent?.outcome !== undefined) this.problems.push(`the parent of call ${frame.call} has ended`);
  }

  ended(frame: Frame<Fn>, outcome: Outcome, result: number): void {
    const told = frame.data as Told;
    if (told.outcome !== undefined) this.problems.push(`call ${frame.call} ends twice`);
    told.outcome = outcome;
    told.result = result;
    told.order = ++this.ends;
  }

  again(frame: Frame<Fn>, result: number, moment: Moment): void {
    (frame.data as Told).again.push({ thread: moment.thread, result });
  }

  madeBy(thread: number): { thread: number; instruction: number } | undefined {
    return this.makers.get(thread);
  }
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/**
 * The guest's side of an invented history. Threads are only numbers; whoever writes a test sets the registers, and calls what
 * happens. Kernel addresses are those from 2 GiB up.
 */
export class Stage {
  readonly memory = new Memory();
  readonly host = new TestHost();
  readonly matcher: Matcher<Fn>;
  readonly now: Mutable<Moment>;
  /** Events that came to the matcher. */
  events = 0;

  constructor(matcher = 'thread-stack') {
    this.matcher = createMatcher<Fn>(matcher, this.host);
    this.now = {
      instruction: 0,
      thread: 1,
      asid: 0x1000,
      cpl: 0,
      esp: 0,
      ebp: 0,
      eax: 0,
      kernelStack: undefined,
      userStack: undefined,
      word: (address) => this.memory.read(this.now.asid, address),
    };
  }

  /** Another thread runs, or the same one elsewhere. */
  on(state: Partial<Mutable<Moment>>): void {
    Object.assign(this.now, state);
  }

  kernel(thread: number, esp: number, stack: StackRange): void {
    this.on({ thread, cpl: 0, esp, kernelStack: stack });
  }

  user(thread: number, esp: number, stack: StackRange | undefined): void {
    this.on({ thread, cpl: 3, esp, userStack: stack });
  }

  push(value: number): void {
    this.now.esp -= 4;
    this.memory.write(this.now.asid, this.now.esp, value);
  }

  /** Lays out code that ends at an address: by default a CALL of five bytes. It can be read at any address. */
  codeAt(end: number, bytes: readonly number[] = [0xe8, 0, 1, 0, 0]): void {
    const start = end - bytes.length;
    const byte = (address: number): number => bytes[address - start] ?? 0x90;
    for (let a = start - 160; a < end + 160; a++) {
      const word = byte(a) | (byte(a + 1) << 8) | (byte(a + 2) << 16) | (byte(a + 3) << 24);
      this.memory.write(this.now.asid, a, word);
    }
  }

  /** An address is executed: told if anybody wants it. */
  execute(address: number, always = false): void {
    this.now.instruction++;
    if (!always && !this.host.watched.has(address)) return;
    this.events++;
    this.matcher.arrive(address, this.now);
  }

  enter(fn: Fn): void {
    this.now.instruction++;
    this.events++;
    this.matcher.enter(fn, this.now);
  }

  /** A function is called from the CALL of `size` bytes before the return address, with arguments; hooked, or not. */
  call(fn: Fn | undefined, returnAddress: number, args: readonly number[] = [], size = 5): number {
    for (const argument of [...args].reverse()) this.push(argument);
    this.execute(returnAddress - size);
    this.push(returnAddress);
    const slot = this.now.esp;
    if (fn !== undefined) this.enter(fn);
    return slot;
  }

  /** The function whose return address is at `slot` returns, taking `words` of arguments with it. */
  ret(slot: number, result: number, words = 0): void {
    const address = this.memory.read(this.now.asid, slot)!;
    this.on({ esp: slot + 4 + 4 * words, eax: result });
    this.execute(address);
  }

  leaveKernel(esp0: number): void {
    this.now.cpl = 3;
    if (this.host.exits) this.matcher.leftKernel(esp0, this.now);
  }

  end(thread: number, endsCaller: (frame: Frame<Fn>) => boolean = () => true): void {
    this.matcher.threadEnded(thread, endsCaller, this.now);
  }

  /** The end of the trace; what must hold then. */
  finish(lives: (frame: Frame<Fn>) => boolean = () => true): string[] {
    this.matcher.finish(lives, this.now);
    const { host } = this;
    const problems = [...host.problems];
    if (host.watched.size > 0) problems.push(`${host.watched.size} addresses are still watched`);
    if (host.exits) problems.push('exits from the kernel are still watched');
    for (const { frame, outcome } of host.calls)
      if (outcome === undefined) problems.push(`call ${frame.call} has not ended`);
    return problems;
  }

  /** `name outcome result` of each call, in the order in which they began. */
  get story(): string[] {
    return this.host.calls.map(({ name, outcome, result }) =>
      outcome === 'returned' ? `${name} returned ${result}` : `${name} ${outcome ?? '-'}`,
    );
  }
}
