/** What the check of a ground truth finds: statistics, and violations of its rules. */
import type { TruthKind, TruthOutcome } from './truth-record.ts';

/** The rules of TRUTH.md's section "Consistency", in its order. */
export type TruthRule =
  /** It begins with `boot`, which comes only there. */
  | 'boot'
  /** A call's number is new. */
  | 'call-number'
  /** What is said of a call is said of one that was entered. */
  | 'call-entered'
  /** A call leaves once, from its own thread, as the innermost of its stack. */
  | 'leave'
  | 'parent'
  | 'complete'
  /** A thread acts between its start and its end, in a process that has started. */
  | 'thread'
  /** A generation starts once. */
  | 'generation'
  /** A process ends once, when no thread of it is left. */
  | 'process'
  /** What a thread does it does while it is the one last switched to. */
  | 'running'
  | 'switch'
  /** Thread ids and process ids are distinct. */
  | 'ids'
  | 'assert';

export interface TruthProblem {
  readonly rule: TruthRule;
  readonly sequence: number;
  readonly instruction: number;
  readonly text: string;
}

/** Of all calls of functions with one name. */
export interface FunctionTotals {
  readonly name: string;
  calls: number;
  /** … during which another thread entered the same function. */
  overlapped: number;
}

/** The result of a check. */
export interface TruthReport {
  readonly records: number;
  readonly kinds: Readonly<Partial<Record<TruthKind | 'unknown', number>>>;
  /** That started. */
  readonly threads: number;
  readonly processes: number;
  readonly switches: number;
  /** That were entered. */
  readonly calls: number;
  readonly outcomes: Readonly<Record<TruthOutcome, number>>;
  /** Calls that are open at the end. */
  readonly open: number;
  /** The most calls that were open in one thread at once. */
  readonly deepest: number;
  /** Calls during which another thread entered the same function. */
  readonly overlapped: number;
  /** By name, the most called first. */
  readonly functions: readonly FunctionTotals[];
  /**
   * The stream begins after boot, with a saved state: what was alive then is known only from the mentions of it, so
   * many of each.
   */
  readonly unknown?: { readonly threads: number; readonly processes: number; readonly calls: number };
  /** The first violations of the rules, and how many there are in all. */
  readonly problems: readonly TruthProblem[];
  readonly problemCount: number;
}
