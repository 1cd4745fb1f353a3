/** The calls of ntlet's stress program: as the guest tells of them, case by case, and as each matcher reports them. */
import { FIRST_PROGRAM_FUNCTION } from '../../src/guest/ntlet/truth-names.ts';
import type { TruthDoor, TruthRecord } from '../../src/guest/ntlet/truth-record.ts';
import type { CallOutcome } from '../../src/hooks/api.ts';
import type { CallRecord } from '../../src/hooks/call-record.ts';
import type { HookSession } from '../../src/hooks/session.ts';
import type { ReplayResult } from '../../src/replay/replay.ts';
import { truthOf } from '../guest/nt/told.ts';
import { runHooks } from './run.ts';

export const MATCHERS = ['thread-stack', 'return-address', 'single-slot'] as const;
export type MatcherName = (typeof MATCHERS)[number];

/** A call that there was. */
export interface RealCall {
  readonly number: number;
  readonly name: string;
  /** Generations. */
  readonly thread: number;
  readonly process: number;
  readonly tid: number;
  /** The thread's kernel object. */
  readonly object: number;
  readonly esp: number;
  readonly door: TruthDoor;
  /** 0, or the number of the fiber. */
  readonly stack: number;
  readonly words: readonly number[];
  readonly instruction: number;
  readonly parent: RealCall | undefined;
  /** The case of the stress program that it belongs to. */
  readonly case: string;
  outcome: CallOutcome;
  result: number | undefined;
  /** The instruction at which its end is told. */
  left: number;
  readonly again: string[];
  /** Its I/O has ended, later. */
  completed: boolean;
}

/** A call that a matcher has reported. */
export interface FoundCall {
  readonly name: string;
  readonly object: number;
  readonly esp: number;
  readonly returnAddress: number;
  readonly key: number | undefined;
  readonly entered: number;
  readonly words: readonly number[];
  readonly parent: FoundCall | undefined;
  outcome: CallOutcome | undefined;
  result: number | undefined;
  /** In which order calls ended, and at which instruction, with which ESP, in its own thread or not. */
  order: number;
  endedAt: number;
  endedEsp: number;
  elsewhere: boolean;
  /** The words where its arguments were, when it has ended. */
  after: readonly (number | undefined)[];
  readonly again: string[];
}

const againText = (tid: number | undefined, result: number): string => `0x${result.toString(16)} in ${tid}`;

/** Goes through the truth. A thread's case is that of the thread that made it, or of its last mark. */
function realCalls(records: readonly TruthRecord[]): RealCall[] {
  const kernel = new Map<number, string>();
  const programs = new Map<number, Map<number, string>>();
  const threads = new Map<number, { tid: number; object: number; process: number }>();
  const cases = new Map<number, string>();
  const calls = new Map<number, RealCall>();
  let current = 0;
  for (const r of records) {
    if (r.kind === 'process-start') programs.set(r.process, new Map(programs.get(r.parent)));
    else if (r.kind === 'function')
      (r.function < FIRST_PROGRAM_FUNCTION ? kernel : programs.get(threads.get(r.thread)!.process)!).set(
        r.function,
        r.name,
      );
    else if (r.kind === 'thread-start') {
      threads.set(r.thread, { tid: r.threadId, object: r.object, process: r.process });
      cases.set(r.thread, cases.get(current) ?? '');
      current ||= r.thread;
    } else if (r.kind === 'switch') current = r.thread;
    else if (r.kind === 'mark') cases.set(r.thread, r.text);
    else if (r.kind === 'enter') {
      const { tid, object, process } = threads.get(r.thread)!;
      const name = kernel.get(r.function) ?? programs.get(process)!.get(r.function)!;
      const { thread, esp, door, stack, arguments: words, instruction } = r;
      calls.set(r.call, {
        ...{ number: r.call, name, thread, process, tid, object, esp, door, stack, words, instruction },
        parent: calls.get(r.parent),
        case: cases.get(thread)!,
        ...{ outcome: 'open', result: undefined, left: Infinity, again: [], completed: false },
      });
    } else if (r.kind === 'leave') {
      const call = calls.get(r.call)!;
      call.outcome = r.outcome;
      call.result = r.outcome === 'returned' || r.outcome === 'pending' ? r.result : undefined;
      call.left = r.instruction;
    } else if (r.kind === 'again')
      calls.get(r.call)!.again.push(againText(threads.get(r.thread)?.tid, r.result));
    else if (r.kind === 'complete') calls.get(r.call)!.completed = true;
  }
  return [...calls.values()];
}

/** Lets a matcher see what the session sees, and keeps what it reports. */
function watch(session: HookSession, matcher: MatcherName): FoundCall[] {
  const found: FoundCall[] = [];
  const byNumber = new Map<number, FoundCall>();
  let order = 0;
  session.addLane(matcher, {
    began: ({ number, name, caller, esp, returnAddress, entered, words, parent }: CallRecord) => {
      const above = parent && byNumber.get(parent.number);
      const call: FoundCall = {
        ...{ name, object: caller?.address ?? 0, esp, returnAddress, key: caller?.key, entered, words },
        ...{ parent: above, outcome: undefined, result: undefined, order: 0, endedAt: 0, endedEsp: 0 },
        ...{ elsewhere: false, after: [], again: [] },
      };
      byNumber.set(number, call);
      found.push(call);
    },
    ended: (one) => {
      const call = byNumber.get(one.number)!;
      const returned = one.outcome === 'returned' || one.outcome === 'pending';
      call.outcome = one.outcome;
      call.result = one.result;
      call.order = ++order;
      call.endedAt = one.instruction;
      call.endedEsp = one.cpu.esp;
      call.elsewhere = returned && one.caller !== one.thread;
      call.after = returned ? one.words.map((_, i) => one.memory.u32(one.esp + 4 + 4 * i)) : [];
    },
    again: (one) => byNumber.get(one.number)!.again.push(againText(one.thread?.tid, one.result ?? 0)),
  });
  return found;
}

/** Instructions within which a function tells of its entry. */
const TELLING = 4000;
const place = ({ object, esp }: { object: number; esp: number }, name: string): string =>
  `${name}/${object}/${esp}`;

/** What a matcher has reported for each call that there was; the rest is what there was not. */
export class Pairing {
  readonly found = new Map<RealCall, FoundCall>();
  readonly rest: ReadonlySet<FoundCall>;

  constructor(real: readonly RealCall[], found: readonly FoundCall[]) {
    const rest = new Set(found);
    const places = new Map<string, FoundCall[]>();
    for (const one of found) {
      const key = place(one, one.name);
      const list = places.get(key);
      if (list === undefined) places.set(key, [one]);
      else list.push(one);
    }
    for (const one of real) {
      const list = places.get(place(one, one.name)) ?? [];
      // The last that was entered before it was told of; a function that cannot tell of itself is told of before.
      let at = list.findLastIndex(({ entered }) => entered <= one.instruction);
      if (at < 0 || one.instruction - list[at]!.entered > TELLING)
        at = list.findIndex(({ entered }) => entered > one.instruction);
      const candidate = list[at];
      if (candidate === undefined || candidate.entered > one.left) continue;
      list.splice(at, 1);
      rest.delete(candidate);
      this.found.set(one, candidate);
    }
    this.rest = rest;
  }

  /** What is wrong with the report of a call; undefined if nothing is. */
  fault(real: RealCall): string | undefined {
    const found = this.found.get(real);
    if (found === undefined) return 'not reported';
    if (found.elsewhere) return 'returned in another thread';
    if (found.outcome !== real.outcome) return `${found.outcome} instead of ${real.outcome}`;
    if (found.result !== real.result) return `result ${found.result} instead of ${real.result}`;
    const word = real.words.findIndex((one, i) => found.words[i] !== one);
    if (word >= 0) return `word ${word} ${found.words[word]} instead of ${real.words[word]}`;
    if (found.again.join() !== real.again.join()) return `again ${found.again} instead of ${real.again}`;
    return undefined;
  }

  /** The same of its parent. */
  parentFault(real: RealCall): string | undefined {
    const { parent } = this.found.get(real) ?? {};
    const expected = real.parent && this.found.get(real.parent);
    if (parent === expected) return undefined;
    return `from ${parent?.name} instead of ${real.parent?.name}`;
  }

  /** Of these calls, those that are reported wrongly. */
  wrong(calls: readonly RealCall[]): readonly RealCall[] {
    return calls.filter((call) => this.fault(call) !== undefined);
  }
}

export interface StressRun {
  readonly records: readonly TruthRecord[];
  readonly calls: readonly RealCall[];
  readonly pairings: Readonly<Record<MatcherName, Pairing>>;
  readonly replay: ReplayResult;
}

/** Replays a recording of the stress program once, with all matchers. */
export async function matchStress(path: string): Promise<StressRun> {
  const records = truthOf(path);
  const found = new Map<MatcherName, FoundCall[]>();
  const ran = await runHooks(path, [], {
    onSession: (session) => {
      const { functions } = session;
      const hook = (where: string) => ({ file: -2, where, handlers: {}, index: 0 });
      const names = new Set<string>();
      for (const r of records) {
        if (r.kind !== 'function' || names.has(r.name)) continue;
        names.add(r.name);
        if (r.function < FIRST_PROGRAM_FUNCTION) functions.add(hook(r.name));
        else {
          const { name, address, shape } = r;
          const signature = { convention: shape.convention, words: shape.arguments, parameters: undefined };
          const only = () => session.process?.name === 'stress.exe';
          const rest = { systemCall: undefined, neverReturns: false, asid: undefined, only };
          functions.addFunction({ name, address, module: 'stress.exe', signature, ...rest }, hook(name));
        }
      }
      for (const name of MATCHERS) found.set(name, watch(session, name));
    },
  });
  const since = ran.of('system')[0]!.instruction;
  const calls = realCalls(records).filter(({ instruction }) => instruction > since);
  const pairings = Object.fromEntries(MATCHERS.map((name) => [name, new Pairing(calls, found.get(name)!)]));
  return { records, calls, pairings: pairings as StressRun['pairings'], replay: ran.result.replay };
}
