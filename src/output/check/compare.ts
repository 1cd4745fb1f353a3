/**
 * Compares the calls that a matcher reports with those that there really were, as both come in: only what is open, or not
 * decided yet, is kept.
 */
import type { CallOutcome } from '../../hooks/api.ts';
import type { Disagreement, Fault, Tally } from './tally.ts';

/** A call as somebody knows it: the guest itself, or a matcher. */
export interface CheckedCall {
  /** Its number for whoever knows it. */
  readonly number: number;
  readonly function: string;
  readonly address: number;
  /** The thread's kernel object, and its id. */
  readonly thread: number;
  readonly threadId: number | undefined;
  /** Address of the return address. */
  readonly esp: number;
  readonly instruction: number;
  readonly arguments: readonly number[];
  /** Number of the call that it was made from, 0 if there is none, and that one's function. */
  readonly parent: number;
  readonly parentName: string | undefined;
  outcome: CallOutcome;
  result: number | undefined;
  /** It has ended, or the trace has. */
  ended: boolean;
  /** Its end was seen in a thread other than its own. */
  elsewhere: boolean;
}

/** Instructions within which a function tells of its entry. */
const TELLING = 4000;
/** Calls whose numbers are remembered. */
const KEPT_NUMBERS = 100_000;

interface Pair {
  readonly real: CheckedCall;
  found: CheckedCall | undefined;
}

export class Comparison {
  private readonly tally: Tally;
  /** The matcher says from which call a call was made. */
  private readonly parents: boolean;
  /** Calls that the matcher knows of, by where they were made; the latest last. */
  private readonly unpaired = new Map<string, CheckedCall[]>();
  /** Real calls of functions that cannot tell of themselves: others tell of them just before they are entered. */
  private readonly awaited = new Map<string, Pair>();
  private readonly pairs = new Map<number, Pair>();
  /** The matcher's number for a real call, and the other way round. */
  private readonly numbers = new Map<number, number>();
  private readonly reals = new Map<number, CheckedCall>();
  /** Second returns, by call, thread and result: those that there were less those that the matcher has seen. */
  private readonly again = new Map<string, { left: number; call: CheckedCall; text: string }>();
  private undecided: Pair[] = [];

  constructor(tally: Tally, parents: boolean) {
    this.tally = tally;
    this.parents = parents;
  }

  /** The matcher has seen a call begin. */
  found(call: CheckedCall): void {
    const key = place(call);
    const awaited = this.awaited.get(key);
    if (awaited !== undefined) {
      this.awaited.delete(key);
      awaited.found = call;
      this.number(awaited.real, call);
      return;
    }
    const list = this.unpaired.get(key);
    if (list === undefined) this.unpaired.set(key, [call]);
    else list.push(call);
  }

  /** There was a call: the matcher must have seen it already. */
  real(call: CheckedCall): void {
    const key = place(call);
    const list = this.unpaired.get(key) ?? [];
    // The function itself tells of its entry, some instructions later: it is the last one there.
    const found = list.pop();
    if (list.length === 0) this.unpaired.delete(key);
    const pair = { real: call, found };
    if (found === undefined) this.awaited.set(key, pair);
    else this.number(call, found);
    this.pairs.set(call.number, pair);
  }

  private number(real: CheckedCall, found: CheckedCall): void {
    this.numbers.set(real.number, found.number);
    this.reals.set(found.number, real);
  }

  /** A real call has ended. */
  left(call: CheckedCall): void {
    const pair = this.pairs.get(call.number);
    if (pair === undefined) return;
    this.pairs.delete(call.number);
    if (pair.found === undefined) this.awaited.delete(place(call));
    this.undecided.push(pair);
  }

  /** A real call has returned once more, in a copy of its caller. */
  realAgain(call: CheckedCall, text: string): void {
    this.note(call, text, 1);
  }

  /** The matcher says so. */
  foundAgain(call: CheckedCall, text: string): void {
    this.note(this.reals.get(call.number) ?? call, text, -1);
  }

  private note(call: CheckedCall, text: string, count: number): void {
    const key = `${call.address}/${call.instruction}/${text}`;
    const entry = this.again.get(key) ?? { left: 0, call, text };
    entry.left += count;
    if (entry.left === 0) this.again.delete(key);
    else this.again.set(key, entry);
  }

  /**
   * Decides on what both sides have said all about. A matcher may see an end later than it was: at most at the end of
   * the trace.
   */
  settle(over: boolean): void {
    const left: Pair[] = [];
    for (const pair of this.undecided) {
      if (over || pair.found === undefined || pair.found.ended) this.decide(pair);
      else left.push(pair);
    }
    this.undecided = left;
  }

  /** The trace is over; `last` is its last instruction. */
  end(last: number): void {
    for (const pair of this.pairs.values()) this.undecided.push(pair);
    this.pairs.clear();
    this.settle(true);
    for (const { left, call, text } of this.again.values()) {
      const { instruction, threadId } = call;
      const [expected, found] = left > 0 ? [text, 'no such return'] : ['no such return', text];
      this.tally.fault(call.function, { fault: 'again', instruction, threadId, expected, found });
    }
    for (const call of [...this.unpaired.values()].flat()) {
      // A call that the trace's end has kept from telling.
      if (!call.ended && call.instruction > last - TELLING) continue;
      if (call.outcome === 'open' && call.instruction > last - TELLING) continue;
      const { instruction, threadId, outcome } = call;
      const found = `a call, ${outcome}`;
      this.tally.spurious(call.function, outcome, { instruction, threadId, expected: 'no call', found });
    }
  }

  private decide({ real, found }: Pair): void {
    const { instruction, threadId } = real;
    const wrong =
      found === undefined
        ? fault('missed', tell(real), 'no call')
        : compare(real, found, this.parents ? this.numbers : undefined);
    const { function: name, outcome } = real;
    const reported = found !== undefined && (found.outcome !== 'open' || outcome === 'open');
    this.tally.call(name, outcome, reported, wrong && { ...wrong, instruction, threadId });
    // Parents outlive their calls, and copies of callers return not much later: keep the numbers a little.
    if (this.numbers.size > KEPT_NUMBERS) this.numbers.delete(this.numbers.keys().next().value!);
    if (this.reals.size > KEPT_NUMBERS) this.reals.delete(this.reals.keys().next().value!);
  }
}

const place = ({ address, thread, esp }: CheckedCall): string => `${address}/${thread}/${esp}`;

const within = ({ parent, parentName }: CheckedCall): string =>
  parent === 0 ? 'from no call' : `from call ${parent}, ${parentName}`;

type Wrong = Pick<Disagreement, 'fault' | 'expected' | 'found'>;
const fault = (name: Fault, expected: string, found: string): Wrong => ({ fault: name, expected, found });

function tell({ outcome, result }: CheckedCall): string {
  const returned = outcome === 'returned' || outcome === 'pending';
  return returned && result !== undefined ? `${outcome} 0x${result.toString(16)}` : outcome;
}

function compare(
  real: CheckedCall,
  found: CheckedCall,
  numbers: ReadonlyMap<number, number> | undefined,
): Wrong | undefined {
  if (found.elsewhere) return fault('owner', tell(real), `${tell(found)}, in another thread`);
  if (real.outcome !== found.outcome) {
    return fault(found.outcome === 'open' ? 'lost' : 'outcome', tell(real), tell(found));
  }
  const returned = real.outcome === 'returned' || real.outcome === 'pending';
  if (returned && real.result !== found.result) return fault('result', tell(real), tell(found));
  const words = real.arguments.map((word, i) => (found.arguments[i] === word ? undefined : i));
  const other = words.find((i) => i !== undefined);
  if (other !== undefined) {
    const [expected, got] = [real.arguments[other]!, found.arguments[other]];
    return fault('arguments', `word ${other} 0x${expected.toString(16)}`, `0x${got?.toString(16)}`);
  }
  if (numbers === undefined) return undefined;
  const parent = real.parent === 0 ? 0 : numbers.get(real.parent);
  if (parent !== undefined && parent !== found.parent) {
    return fault('parent', within(real), within(found));
  }
  return undefined;
}
