/** Who and what is alive in a ground truth: threads, processes, open calls. */
import { RangeSet } from '../../base/range-set.ts';
import { FIRST_PROGRAM_FUNCTION } from './truth-names.ts';
import type { FunctionTotals } from './truth-report.ts';

/** A function as one process knows it. */
export interface CalledFunction {
  totals: FunctionTotals;
  /** How often it was entered, by whatever thread. */
  entered: number;
}

export interface AliveProcess {
  /** Undefined where it started before the stream. */
  readonly id?: number;
  readonly cr3?: number;
  /** Threads of it that are alive. */
  threads: number;
  readonly functions: Map<number, CalledFunction>;
}

export interface AliveThread {
  readonly id?: number;
  /** Generation; undefined where the thread started before the stream. */
  readonly process?: number;
  /** Where that is so: the CR3 that it was first switched to with. */
  cr3?: number;
  /** Calls open on each of its stacks, innermost last. */
  readonly stacks: Map<number, number[]>;
  /** How often it has entered each function. */
  readonly entered: Map<CalledFunction, number>;
}

export interface OpenCall {
  readonly thread: number;
  readonly stack: number;
  /** Undefined where the call was entered before the stream. */
  readonly function?: CalledFunction;
  /** How often other threads had entered that function when the call began. */
  readonly others: number;
}

/** Things with numbers that are never used again, of which some were there before the stream began. */
export class Generations<T> {
  readonly alive = new Map<number, T>();
  /** How many were there before. */
  unknown = 0;
  private readonly used = new RangeSet();
  private firstNew = Number.POSITIVE_INFINITY;
  private readonly partial: boolean;

  /** @param partial the stream begins in the middle of things */
  constructor(partial: boolean) {
    this.partial = partial;
  }

  /** @returns false if its number has been used */
  begin(number: number, value: T): boolean {
    this.alive.set(number, value);
    this.firstNew = Math.min(this.firstNew, number);
    return this.used.add(number);
  }

  /** It was there, and is there or not any more. */
  known(number: number): boolean {
    return this.used.has(number);
  }

  /** Whether it may have been there before the stream, though nothing was said of it yet. */
  mayBeOlder(number: number): boolean {
    return this.partial && number !== 0 && number < this.firstNew && !this.used.has(number);
  }

  /**
   * Notes one that was there before.
   * @param value undefined if it is there no more
   */
  adopt(number: number, value: T | undefined): void {
    this.used.add(number);
    this.unknown++;
    if (value !== undefined) this.alive.set(number, value);
  }
}

/** Counts calls by function, and finds those that overlap. */
export class FunctionCounts {
  private readonly byName = new Map<string, FunctionTotals>();
  private readonly shared = new Map<number, CalledFunction>();

  /** @param name undefined if it was not declared */
  declare(number: number, name: string | undefined, process: AliveProcess | undefined): CalledFunction {
    const text = name ?? `0x${number.toString(16)}`;
    const totals = this.byName.get(text) ?? { name: text, calls: 0, overlapped: 0 };
    this.byName.set(text, totals);
    const found = this.find(number, process);
    if (found !== undefined) {
      found.totals = totals;
      return found;
    }
    const made = { totals, entered: 0 };
    this.table(number, process).set(number, made);
    return made;
  }

  find(number: number, process: AliveProcess | undefined): CalledFunction | undefined {
    return this.table(number, process).get(number);
  }

  /** @returns how often other threads have entered it so far */
  enter(called: CalledFunction, thread: AliveThread): number {
    const own = (thread.entered.get(called) ?? 0) + 1;
    thread.entered.set(called, own);
    called.totals.calls++;
    called.entered++;
    return called.entered - own;
  }

  /** The call is over. */
  leave(call: OpenCall, thread: AliveThread | undefined): void {
    if (overlapped(call, thread)) call.function!.totals.overlapped++;
  }

  /**
   * The functions that were called, the most called first.
   * @param open calls that are not over: what happened during them counts as well
   */
  report(open: readonly OpenCall[], threads: ReadonlyMap<number, AliveThread>): FunctionTotals[] {
    const more = new Map<FunctionTotals, number>();
    for (const call of open) {
      if (!overlapped(call, threads.get(call.thread))) continue;
      const { totals } = call.function!;
      more.set(totals, (more.get(totals) ?? 0) + 1);
    }
    return [...this.byName.values()]
      .filter(({ calls }) => calls > 0)
      .map((totals) => ({ ...totals, overlapped: totals.overlapped + (more.get(totals) ?? 0) }))
      .sort((a, b) => b.calls - a.calls || (a.name < b.name ? -1 : 1));
  }

  private table(number: number, process: AliveProcess | undefined): Map<number, CalledFunction> {
    return number < FIRST_PROGRAM_FUNCTION || process === undefined ? this.shared : process.functions;
  }
}

/** Another thread has entered the same function during the call. */
function overlapped({ function: called, others }: OpenCall, thread: AliveThread | undefined): boolean {
  if (called === undefined || thread === undefined) return false;
  return called.entered - (thread.entered.get(called) ?? 0) > others;
}

/** A process knows the functions of the one that made it: it may be a copy. */
export function inheritFunctions(parent: AliveProcess | undefined): Map<number, CalledFunction> {
  const own = new Map<number, CalledFunction>();
  for (const [number, { totals }] of parent?.functions ?? []) own.set(number, { totals, entered: 0 });
  return own;
}
