/**
 * Checks matchers against what the guest itself knows: all of them side by side over one replay, each told the same events.
 * Where a trace has no ground truth, they are compared with the chosen one.
 */
import { DEBUG_PORT } from '../../engine/layout.ts';
import { readTruth } from '../../guest/ntlet/truth.ts';
import { decodeRecord } from '../../guest/ntlet/truth-record.ts';
import type { GuestProfile } from '../../guest/profile.ts';
import type { HookFile } from '../../hooks/api.ts';
import { type CallRecord, OWN } from '../../hooks/call-record.ts';
import type { HookSession } from '../../hooks/session.ts';
import type { ReplayOptions, ReplayResult } from '../../replay/replay.ts';
import { TraceFile } from '../../trace/trace-file.ts';
import { analyse } from '../analysis.ts';
import { type CheckedCall, Comparison } from './compare.ts';
import { type MatcherReport, Tally } from './tally.ts';
import { againText, TruthCalls, TruthFunctions } from './truth-calls.ts';

/** Calls to check where nobody says which, and there is no ground truth: all system calls. */
const SYSTEM_CALLS = ['Nt*', 'sys_*'] as const;
const KEEP = 20;
/** The file number of the hooks here: they are of no file, and not to be hidden. */
const CHECKED = -2;

export interface CheckOptions extends Pick<ReplayOptions, 'onProgress' | 'signal'> {
  /** The matchers' names; the first is the one that is judged. */
  readonly matchers: readonly string[];
  /**
   * What they hook is what is checked, as far as there is a truth about it; their handlers do not run. Without any: all that
   * the truth knows, or all system calls.
   */
  readonly hooks: readonly HookFile[];
  /** Of the guest's kernel, in place of what is known of it. */
  readonly profile?: GuestProfile;
  /** Use the ground truth if there is one. */
  readonly truth?: boolean;
}

export interface CheckReport {
  /** What the matchers are compared with: the guest's own word, or the first of them. */
  readonly reference: 'truth' | 'matcher';
  readonly matchers: readonly MatcherReport[];
  readonly replay: ReplayResult;
  readonly system: string | undefined;
  /** Functions that are hooked. */
  readonly functions: number;
  readonly missing: readonly string[];
  /** Calls that were open when the recording began: left out. */
  readonly before: number;
}

/** @throws RebekError as `analyse` does; ERR_TRUTH_… */
export async function checkMatching(path: string, options: CheckOptions): Promise<CheckReport> {
  const withTruth = (options.truth ?? true) && hasTruth(path);
  const names = [...options.matchers];
  const tallies = names.map((name) => new Tally(name, KEEP));
  const comparisons = tallies.map((tally, i) => new Comparison(tally, names[i] === 'thread-stack'));
  const truth = withTruth ? new TruthSide(path, comparisons) : undefined;
  let session!: HookSession;
  const result = await analyse(path, {
    hooks: withTruth || options.hooks.length > 0 ? options.hooks.map(silent) : [],
    matcher: names[0]!,
    ...(options.profile && { profile: options.profile }),
    ...(options.signal && { signal: options.signal }),
    onLine: () => {},
    onProgress: async (progress) => {
      for (const comparison of comparisons) comparison.settle(false);
      await options.onProgress?.(progress);
    },
    onSession: (opened) => {
      session = opened;
      if (truth !== undefined) truth.hook(session, options.hooks.length === 0);
      else if (options.hooks.length === 0) {
        for (const where of SYSTEM_CALLS)
          session.functions.add({ file: CHECKED, where, handlers: {}, index: 0 });
      }
      for (const [i, name] of names.entries()) watch(session, name, i, comparisons, truth);
    },
  });
  for (const comparison of comparisons) comparison.end(result.replay.instructions);
  return {
    reference: withTruth ? 'truth' : 'matcher',
    matchers: tallies.map((tally) => tally.report()),
    replay: result.replay,
    system: result.system,
    functions: session.functions.count,
    missing: result.missing,
    before: truth?.before ?? 0,
  };
}

function hasTruth(path: string): boolean {
  const trace = TraceFile.open(path);
  try {
    for (const { instruction, bytes } of trace.stream('DBUG')) {
      // Any guest may write to that port: ntlet's records begin with their mark.
      return instruction >= 0 && bytes[2] === 0x4e && bytes[3] === 0x54;
    }
    return false;
  } finally {
    trace.close();
  }
}

/** A hook file whose hooks are set, and whose handlers are left out. */
const silent = ({ name, setup }: HookFile): HookFile => ({
  name,
  setup: (hooks) => {
    const nothing = (): void => {};
    setup({
      ...hooks,
      call: (where) => hooks.call(where, {}),
      address: nothing,
      interrupt: nothing,
      contextSwitch: nothing,
      process: nothing,
      thread: nothing,
      portIO: nothing,
      input: nothing,
      end: nothing,
      emit: nothing,
    });
  },
});

/** Lets a matcher see all calls, and its findings be compared. */
function watch(
  session: HookSession,
  name: string,
  index: number,
  comparisons: readonly Comparison[],
  truth: TruthSide | undefined,
): void {
  const calls = new Map<number, CheckedCall>();
  const comparison = comparisons[index]!;
  // Without a ground truth the first matcher says what is real.
  const judge = truth === undefined && index === 0 ? comparisons : [];
  session.addLane(name, {
    began: (call) => {
      if (call.hooks.every(({ file }) => file === OWN)) return;
      if (truth !== undefined && !truth.tellsOf(call.address)) return;
      const found = checked(call, truth);
      calls.set(found.number, found);
      comparison.found(found);
      for (const other of judge) other.real(found);
    },
    ended: (call) => {
      const found = calls.get(call.number);
      if (found === undefined) return;
      calls.delete(call.number);
      found.outcome = call.outcome;
      found.result = call.result;
      found.ended = true;
      const returned = call.outcome === 'returned' || call.outcome === 'pending';
      found.elsewhere = returned && call.caller !== call.thread;
      for (const other of judge) other.left(found);
    },
    again: (call) => {
      if (truth !== undefined && !truth.tellsOf(call.address)) return;
      const found = calls.get(call.number) ?? checked(call, truth);
      const text = againText(call.thread?.tid, call.result ?? 0);
      comparison.foundAgain(found, text);
      for (const other of judge) other.realAgain(found, text);
    },
  });
}

function checked(call: CallRecord, truth: TruthSide | undefined): CheckedCall {
  const { number, name, address, caller, esp, entered, words } = call;
  let { parent } = call;
  // The guest tells of parents only what it tells of calls.
  while (truth !== undefined && parent !== undefined && !truth.tellsOf(parent.address))
    parent = parent.parent;
  return {
    number,
    function: name,
    address,
    thread: caller?.address ?? 0,
    threadId: caller?.tid,
    esp,
    instruction: entered,
    arguments: words,
    parent: parent?.number ?? 0,
    parentName: parent?.name,
    outcome: 'open',
    result: undefined,
    ended: false,
    elsewhere: false,
  };
}

/** The ground truth as the replayed guest tells it: in exact order with what the probes see. */
class TruthSide {
  private readonly calls: TruthCalls;
  private readonly functions: TruthFunctions;
  private readonly words = new Uint32Array(256);
  private filled = 0;

  constructor(path: string, comparisons: readonly Comparison[]) {
    const reader = readTruth(path);
    this.functions = new TruthFunctions(reader);
    reader.close();
    this.calls = new TruthCalls({
      entered: (call) => {
        if (!this.isChecked(call.address)) return;
        for (const comparison of comparisons) comparison.real(call);
      },
      left: (call) => {
        for (const comparison of comparisons) comparison.left(call);
      },
      again: (call, text) => {
        if (!this.isChecked(call.address)) return;
        for (const comparison of comparisons) comparison.realAgain(call, text);
      },
    });
    for (const record of this.functions.before) this.calls.follow(record);
  }

  get before(): number {
    return this.calls.before;
  }

  /** Whether the guest tells of calls of the function at an address. */
  tellsOf(address: number): boolean {
    return this.functions.addresses.has(address);
  }

  /** Only calls of functions that hook files have hooked count: by address, and what is known of each. */
  private session: HookSession | undefined;
  private readonly counts = new Map<number, boolean>();

  private isChecked(address: number): boolean {
    const { session, counts } = this;
    if (session === undefined) return true;
    const known = counts.get(address);
    if (known !== undefined) return known;
    const hooked = session.functions.isHooked(address);
    if (session.os !== undefined) counts.set(address, hooked);
    return hooked;
  }

  /** The kernel's functions by their names, as an analyst would; those of programs, which export none, by their addresses. */
  hook(session: HookSession, everything: boolean): void {
    if (!everything) this.session = session;
    const hook = (where: string) => ({ file: CHECKED, where, handlers: {}, index: 0 });
    if (everything) for (const name of new Set(this.functions.kernel)) session.functions.add(hook(name));
    for (const { fn, processes } of everything ? this.functions.programs : []) {
      session.functions.addFunction(fn, hook(fn.name), (asid) =>
        processes.has(this.calls.processOf(asid) ?? 0),
      );
    }
    session.registry.ports.push({
      file: CHECKED,
      port: DEBUG_PORT,
      handler: ({ write, value, instruction }) => {
        if (write) this.wrote(value, instruction);
      },
    });
  }

  /** A word: the kernel writes whole ones. Bits 8-15 of a record's first are its length in words. */
  private wrote(word: number, instruction: number): void {
    const { words } = this;
    words[this.filled++] = word;
    const length = (words[0]! >>> 8) & 0xff;
    if (this.filled < length) return;
    this.filled = 0;
    this.calls.follow(decodeRecord(words, length, { sequence: words[1]!, offset: 0, instruction }));
  }
}
