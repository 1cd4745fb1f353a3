/** What a matcher got right and wrong, by function and by outcome, and the first things to look at. */
import type { CallOutcome } from '../../hooks/api.ts';

/** What can be wrong with a call that a matcher reports, or should have reported. */
export const FAULTS = {
  missed: 'it never began, as far as the matcher knows',
  lost: 'it ended, and the matcher does not know',
  outcome: 'it ended in another way',
  result: 'it returned something else',
  owner: 'its return was seen in another thread',
  arguments: 'its arguments were others',
  parent: 'it was made from within another call',
  again: 'it returned more often, or less, in copies of its caller',
  spurious: 'there was no such call',
} as const;
export type Fault = keyof typeof FAULTS;

export interface Counts {
  /** Calls that there were. */
  calls: number;
  /** Calls that the matcher says have ended, or stayed open, rightly or not. */
  reported: number;
  right: number;
  readonly faults: Record<Fault, number>;
}

/** One call that the matcher got wrong. */
export interface Disagreement {
  readonly fault: Fault;
  readonly function: string;
  /** Instruction count at its entry. */
  readonly instruction: number;
  readonly threadId: number | undefined;
  readonly expected: string;
  readonly found: string;
}

export interface MatcherReport {
  readonly matcher: string;
  readonly total: Counts;
  readonly functions: Readonly<Record<string, Counts>>;
  /** By how the call really ended. */
  readonly outcomes: Readonly<Record<string, Counts>>;
  readonly first: readonly Disagreement[];
}

const noFaults = (): Record<Fault, number> =>
  Object.fromEntries(Object.keys(FAULTS).map((fault) => [fault, 0])) as Record<Fault, number>;
const noCounts = (): Counts => ({ calls: 0, reported: 0, right: 0, faults: noFaults() });

/** Of the calls that there were, the part that was reported rightly; 1 if there were none. */
export const recall = ({ calls, right }: Counts): number => (calls === 0 ? 1 : right / calls);
/** Of the calls that were reported, the part that was right; 1 if there were none. */
export const precision = ({ reported, right }: Counts): number => (reported === 0 ? 1 : right / reported);

export class Tally {
  private readonly matcher: string;
  private readonly keep: number;
  private readonly total = noCounts();
  private readonly functions = new Map<string, Counts>();
  private readonly outcomes = new Map<string, Counts>();
  private readonly first: Disagreement[] = [];

  /** @param keep disagreements to keep, the first ones */
  constructor(matcher: string, keep: number) {
    this.matcher = matcher;
    this.keep = keep;
  }

  /**
   * A call that there was.
   * @param reported whether the matcher knows of it and of its end
   */
  call(
    name: string,
    outcome: CallOutcome,
    reported: boolean,
    fault: Omit<Disagreement, 'function'> | undefined,
  ): void {
    for (const counts of this.of(name, outcome)) {
      counts.calls++;
      if (reported) counts.reported++;
      if (fault === undefined) counts.right++;
      else counts.faults[fault.fault]++;
    }
    if (fault !== undefined) this.note({ ...fault, function: name });
  }

  /** A call that there was not. */
  spurious(name: string, outcome: CallOutcome, fault: Omit<Disagreement, 'function' | 'fault'>): void {
    for (const counts of this.of(name, outcome)) {
      counts.reported++;
      counts.faults.spurious++;
    }
    this.note({ ...fault, fault: 'spurious', function: name });
  }

  /** Something else that is wrong with a call which is counted already. */
  fault(name: string, fault: Omit<Disagreement, 'function'>): void {
    this.total.faults[fault.fault]++;
    entry(this.functions, name).faults[fault.fault]++;
    this.note({ ...fault, function: name });
  }

  private *of(name: string, outcome: string): Generator<Counts> {
    yield this.total;
    yield entry(this.functions, name);
    yield entry(this.outcomes, outcome);
  }

  private note(disagreement: Disagreement): void {
    if (this.first.length < this.keep) this.first.push(disagreement);
  }

  report(): MatcherReport {
    const { matcher, total, first } = this;
    const sorted = (map: Map<string, Counts>) =>
      Object.fromEntries([...map].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
    return { matcher, total, functions: sorted(this.functions), outcomes: sorted(this.outcomes), first };
  }
}

function entry(map: Map<string, Counts>, key: string): Counts {
  let counts = map.get(key);
  if (counts === undefined) {
    counts = noCounts();
    map.set(key, counts);
  }
  return counts;
}
