/** Checks that a ground truth does not contradict itself: the rules of TRUTH.md's section "Consistency", in one pass. */
import { OUTCOMES, type TruthOutcome, type TruthRecord, type TruthRecordOf } from './truth-record.ts';
import type { TruthProblem, TruthReport, TruthRule } from './truth-report.ts';
import {
  type AliveProcess,
  type AliveThread,
  FunctionCounts,
  Generations,
  inheritFunctions,
  type OpenCall,
} from './truth-state.ts';

/** Problems that are kept. */
const SHOWN_PROBLEMS = 100;

/**
 * Checks all records. Memory is that of what is alive at once.
 * @param onRecord called after each, for progress
 */
export function checkTruth(
  records: Iterable<TruthRecord>,
  onRecord?: (record: TruthRecord) => void,
): TruthReport {
  const checker = new TruthChecker();
  for (const record of records) {
    checker.add(record);
    onRecord?.(record);
  }
  return checker.report();
}

/** Takes the records one by one, in order. */
export class TruthChecker {
  private readonly problems: TruthProblem[] = [];
  private problemCount = 0;
  private records = 0;
  private readonly kinds: Record<string, number> = {};
  private readonly outcomes = Object.fromEntries(OUTCOMES.map((name) => [name, 0])) as Record<
    TruthOutcome,
    number
  >;
  private deepest = 0;
  /** The stream begins with a saved state. */
  private partial = false;
  private threads!: Generations<AliveThread>;
  private processes!: Generations<AliveProcess>;
  private calls!: Generations<OpenCall>;
  private readonly functions = new FunctionCounts();
  /** Calls that returned STATUS_PENDING and are not complete. */
  private readonly pending = new Set<number>();
  /** The thread that runs: 0 before the first, undefined before the first mention in a partial stream. */
  private running: number | undefined = 0;
  private record!: TruthRecord;

  add(record: TruthRecord): void {
    this.record = record;
    if (this.records === 0) this.begin(record);
    else if (record.kind === 'boot') this.problem('boot', 'the kernel boots again');
    this.records++;
    this.kinds[record.kind] = (this.kinds[record.kind] ?? 0) + 1;
    switch (record.kind) {
      case 'process-start':
        this.processStart(record);
        break;
      case 'process-end':
        this.processEnd(record);
        break;
      case 'thread-start':
        this.threadStart(record);
        break;
      case 'thread-end':
        this.threadEnd(record);
        break;
      case 'switch':
        this.switchTo(record);
        break;
      case 'enter':
        this.enter(record);
        break;
      case 'leave':
        this.leave(record);
        break;
      case 'complete':
        this.complete(record);
        break;
      case 'again':
        this.acting(record.thread);
        // It says nothing of whether the call itself is over.
        if (!this.calls.mayBeOlder(record.call)) this.wasEntered(record.call);
        break;
      case 'function':
        this.acting(record.thread);
        this.functions.declare(record.function, record.name, this.processOf(record.thread));
        break;
      case 'assert':
        this.problem('assert', `the kernel found itself in the wrong: line ${record.line}, ${record.text}`);
        break;
      case 'boot':
      case 'unknown':
        break;
      default:
        this.acting(record.thread);
    }
  }

  /** All that was found up to now. */
  report(): TruthReport {
    if (this.records === 0) this.begin(undefined);
    const open = [...this.calls.alive.values()];
    const functions = this.functions.report(open, this.threads.alive);
    const { threads, processes, calls } = this;
    return {
      records: this.records,
      kinds: { ...this.kinds },
      threads: this.kinds['thread-start'] ?? 0,
      processes: this.kinds['process-start'] ?? 0,
      switches: this.kinds['switch'] ?? 0,
      calls: this.kinds['enter'] ?? 0,
      outcomes: { ...this.outcomes },
      open: open.length,
      deepest: this.deepest,
      overlapped: functions.reduce((sum, { overlapped }) => sum + overlapped, 0),
      functions,
      ...(this.partial && {
        unknown: { threads: threads.unknown, processes: processes.unknown, calls: calls.unknown },
      }),
      problems: [...this.problems],
      problemCount: this.problemCount,
    };
  }

  private begin(record: TruthRecord | undefined): void {
    this.partial = record !== undefined && record.sequence > 0;
    if (this.partial) this.running = undefined;
    else if (record !== undefined && record.kind !== 'boot')
      this.problem('boot', `the stream begins with a record of kind ${record.kind}`);
    this.threads = new Generations(this.partial);
    this.processes = new Generations(this.partial);
    this.calls = new Generations(this.partial);
  }

  private problem(rule: TruthRule, text: string): void {
    this.problemCount++;
    const { sequence, instruction } = this.record;
    if (this.problems.length < SHOWN_PROBLEMS) this.problems.push({ rule, sequence, instruction, text });
  }

  /** A thread that is alive; in a partial stream, one that may have been before it began. */
  private alive(thread: number): AliveThread | undefined {
    const found = this.threads.alive.get(thread);
    if (found !== undefined || !this.threads.mayBeOlder(thread)) return found;
    const adopted: AliveThread = { stacks: new Map(), entered: new Map() };
    this.threads.adopt(thread, adopted);
    return adopted;
  }

  private process(process: number): AliveProcess | undefined {
    const found = this.processes.alive.get(process);
    if (found !== undefined || !this.processes.mayBeOlder(process)) return found;
    const adopted: AliveProcess = { threads: 0, functions: new Map() };
    this.processes.adopt(process, adopted);
    return adopted;
  }

  private processOf(thread: number): AliveProcess | undefined {
    const process = this.threads.alive.get(thread)?.process;
    return process === undefined ? undefined : this.processes.alive.get(process);
  }

  /** The record's thread does something: it is there, and it is its turn. */
  private acting(thread: number): AliveThread | undefined {
    this.itsTurn(thread);
    return this.lives(thread);
  }

  private itsTurn(thread: number): void {
    this.running ??= thread;
    if (thread !== this.running)
      this.problem('running', `it is about thread ${thread} while thread ${this.running} runs`);
  }

  private lives(thread: number): AliveThread | undefined {
    const found = this.alive(thread);
    // Before the first thread there is none to act.
    if (found !== undefined || thread === 0) return found;
    const why = this.threads.known(thread) ? 'has ended' : 'has not started';
    this.problem('thread', `it is about thread ${thread}, which ${why}`);
    return undefined;
  }

  private processStart(record: TruthRecordOf<'process-start'>): void {
    const { thread, process, processId: id, cr3, parent } = record;
    this.acting(thread);
    for (const [other, found] of this.processes.alive)
      if (found.id === id) this.problem('ids', `process id ${id} is that of process ${other}, too`);
    const functions = inheritFunctions(this.processes.alive.get(parent));
    if (!this.processes.begin(process, { id, cr3, threads: 0, functions }))
      this.problem('generation', `process ${process} has started before`);
  }

  private processEnd({ thread, process }: TruthRecordOf<'process-end'>): void {
    // Its last thread has ended, and still runs.
    this.itsTurn(thread);
    const found = this.process(process);
    if (found === undefined) {
      const why = this.processes.known(process) ? 'has ended before' : 'has not started';
      this.problem('process', `process ${process} ends and ${why}`);
      return;
    }
    if (found.threads > 0)
      this.problem('process', `process ${process} ends while ${found.threads} of its threads are alive`);
    this.processes.alive.delete(process);
  }

  private threadStart({ thread, process, threadId: id }: TruthRecordOf<'thread-start'>): void {
    const owner = this.process(process);
    if (owner === undefined) {
      const why = this.processes.known(process) ? 'has ended' : 'has not started';
      this.problem('thread', `thread ${thread} starts in process ${process}, which ${why}`);
    } else owner.threads++;
    for (const [other, found] of this.threads.alive)
      if (found.id === id) this.problem('ids', `thread id ${id} is that of thread ${other}, too`);
    if (!this.threads.begin(thread, { id, process, stacks: new Map(), entered: new Map() }))
      this.problem('generation', `thread ${thread} has started before`);
    // Nobody switches to the first: it is what has run since the start.
    if (this.running === 0) this.running = thread;
  }

  private threadEnd({ thread }: TruthRecordOf<'thread-end'>): void {
    const found = this.acting(thread);
    if (found === undefined) return;
    const open = [...found.stacks.values()].flat();
    if (open.length > 0) this.problem('thread', `thread ${thread} ends with call ${open.join(', ')} open`);
    for (const call of open) this.calls.alive.delete(call);
    const owner = this.processOf(thread);
    if (owner !== undefined) owner.threads--;
    this.threads.alive.delete(thread);
  }

  private switchTo({ thread, before, cr3 }: TruthRecordOf<'switch'>): void {
    if (this.running !== undefined && before !== this.running)
      this.problem('switch', `it says that thread ${before} was running; thread ${this.running} was`);
    this.running = thread;
    const found = this.lives(thread);
    if (found === undefined) return;
    const owner = this.processOf(thread);
    if (owner === undefined) found.cr3 ??= cr3;
    const expected = owner === undefined ? found.cr3 : (owner.cr3 ?? cr3);
    if (cr3 !== expected)
      this.problem('switch', `CR3 is ${hex(cr3)}; that of thread ${thread}'s process is ${hex(expected!)}`);
  }

  private enter(record: TruthRecordOf<'enter'>): void {
    const { call, thread, stack, parent, function: number } = record;
    const caller = this.acting(thread) ?? { stacks: new Map<number, number[]>(), entered: new Map() };
    const open = caller.stacks.get(stack) ?? [];
    caller.stacks.set(stack, open);
    if (open.length === 0 && this.calls.mayBeOlder(parent)) {
      this.calls.adopt(parent, { thread, stack, others: 0 });
      open.push(parent);
    }
    const innermost = open.at(-1) ?? 0;
    if (parent !== innermost) {
      const expected = innermost === 0 ? 'none is open' : `call ${innermost} is the innermost`;
      this.problem('parent', `the parent of call ${call} is ${parent}, but on stack ${stack} ${expected}`);
    }
    const process = this.processOf(thread);
    const called = this.functions.find(number, process) ?? this.functions.declare(number, undefined, process);
    const others = this.functions.enter(called, caller);
    if (!this.calls.begin(call, { thread, stack, function: called, others }))
      this.problem('call-number', `call ${call} was entered before`);
    open.push(call);
    let depth = 0;
    for (const calls of caller.stacks.values()) depth += calls.length;
    this.deepest = Math.max(this.deepest, depth);
  }

  private leave({ call, thread, outcome }: TruthRecordOf<'leave'>): void {
    if (outcome === 'killed') this.lives(thread);
    else this.acting(thread);
    this.outcomes[outcome]++;
    const found = this.calls.alive.get(call);
    if (found === undefined) {
      if (this.calls.known(call)) this.problem('leave', `call ${call} has left before`);
      else if (this.wasEntered(call) && outcome === 'pending') this.pending.add(call);
      return;
    }
    if (outcome === 'pending') this.pending.add(call);
    if (found.thread !== thread)
      this.problem('leave', `call ${call} of thread ${found.thread} leaves from thread ${thread}`);
    const owner = this.threads.alive.get(found.thread);
    this.functions.leave(found, owner);
    this.calls.alive.delete(call);
    const open = owner?.stacks.get(found.stack) ?? [];
    const at = open.lastIndexOf(call);
    if (at !== open.length - 1)
      this.problem('leave', `call ${call} leaves while call ${open.at(-1)} is open inside it`);
    if (at >= 0) open.splice(at, 1);
  }

  private complete({ call }: TruthRecordOf<'complete'>): void {
    if (this.pending.delete(call)) return;
    if (this.calls.known(call)) this.problem('complete', `call ${call} is not pending`);
    else this.wasEntered(call);
  }

  /** The call was entered, in the stream or before; the latter is noted. */
  private wasEntered(call: number): boolean {
    if (this.calls.known(call)) return true;
    if (this.calls.mayBeOlder(call)) {
      this.calls.adopt(call, undefined);
      return true;
    }
    this.problem('call-entered', `call ${call} has not been entered`);
    return false;
  }
}

const hex = (value: number): string => `0x${value.toString(16)}`;
