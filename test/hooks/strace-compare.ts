/** Compares what strace has logged of threads with what hooks have found of them, call by call. */
import type { StraceCall, StraceLog } from '../support/strace-log.ts';
import { splitArgs } from '../support/strace-log.ts';
import type { Hooked, HookedCall } from './strace-calls.ts';

/** What strace and the kernel need not agree on, because they look at a thread from different places. */
export type Allowance =
  /** A thread that is about to die: strace has seen it enter, and the kernel's function never ran. Its last call. */
  | 'died before the call'
  /** It died when the kernel was done with the call: the result is there, and nobody got it. Its last call. */
  | 'died after the call'
  /**
   * strace could not ask for the result of a thread that was dying, and shows what it had been told before of another: the
   * number of a call that was entered (in `struct ptrace_syscall_info`, it is where results are), such as the one that ends
   * this thread, or another's result. Its last call.
   */
  | 'result of a dying thread';

export interface Comparison {
  /** Calls that are in both, in the order of the log. */
  readonly pairs: readonly (readonly [logged: StraceCall, found: HookedCall])[];
  readonly allowed: ReadonlyMap<Allowance, number>;
  /** What must not be: a sentence each. */
  readonly problems: readonly string[];
  /** Argument words that are the same, and addresses that the program goes on at. */
  readonly words: number;
  readonly addresses: number;
  /** Calls by SYSENTER of numbers beyond the table, of which the address is not known yet. */
  readonly unnoted: number;
}

const SOCKETCALL = 102;
const ENOSYS = -38;
/** The result of sigreturn is what it restores EAX to: the program's, not the call's. */
const SIGRETURNS: ReadonlySet<number | undefined> = new Set([119, 173]);
/** How many lines before, at the most, strace was told what it shows as a dying thread's result. */
const STALE_LINES = 12;

/** @param raw whether the log has the argument words as they are (`-e raw=all`) */
export function compareCalls(log: StraceLog, hooked: Hooked, raw: boolean): Comparison {
  const pairs: [StraceCall, HookedCall][] = [];
  const allowed = new Map<Allowance, number>();
  const problems: string[] = [];
  let words = 0;
  let addresses = 0;
  let unnoted = 0;
  const allow = (what: Allowance): void => void allowed.set(what, (allowed.get(what) ?? 0) + 1);
  const [first] = log.threads.keys();
  const toldBefore = told(log);
  for (const [tid, { calls, ends }] of log.threads) {
    const found = hooked.byThread.get(tid) ?? [];
    // strace follows its own child from execve on.
    let at = tid === first ? found.findIndex(({ systemCall }) => systemCall === calls[0]?.number) : 0;
    for (const [i, logged] of calls.entries()) {
      // Execve in another thread gives this one's id to that.
      const next = calls[i + 1]?.line ?? Number.POSITIVE_INFINITY;
      const last =
        next === Number.POSITIVE_INFINITY || ends.some(({ line }) => line > logged.line && line < next);
      while (at < found.length && !isSameCall(logged, found[at]!) && isSameCall(logged, found[at + 1]))
        problems.push(`not in the log: ${shown(found[at++]!)}, before line ${logged.line}`);
      const call = found[at];
      if (call === undefined || !isSameCall(logged, call)) {
        if (last && logged.outcome === 'killed') allow('died before the call');
        else
          problems.push(
            `line ${logged.line}, ${logged.name}, was not found; instead: ${call && shown(call)}`,
          );
        continue;
      }
      at++;
      pairs.push([logged, call]);
      const ending = endsAlike(logged, call, last, toldBefore);
      if (typeof ending === 'string') allow(ending);
      else if (!ending)
        problems.push(
          `line ${logged.line}, ${logged.name} = ${logged.result} ${logged.outcome}: found ${shown(call)}`,
        );
      if (logged.address !== undefined) {
        if (logged.address === call.eip) addresses++;
        // The hook on numbers beyond the table is at the kernel's entry, before SYSENTER's has noted the address.
        else if (call.eip === 0 && logged.value === ENOSYS) unnoted++;
        else
          problems.push(`line ${logged.line}, ${logged.name}, is from ${logged.address}: found ${call.eip}`);
      }
      if (!raw) continue;
      const compared = sameWords(logged, call);
      if (compared === undefined)
        problems.push(`line ${logged.line}, ${logged.name}(${logged.args}): found ${shown(call)}`);
      else words += compared;
    }
    for (const call of found.slice(at)) problems.push(`not in the log: ${shown(call)}, at the end of ${tid}`);
  }
  return { pairs, allowed, problems, words, addresses, unnoted };
}

const isSameCall = ({ number }: StraceCall, call: HookedCall | undefined): boolean =>
  call?.systemCall !== undefined && number === (call.systemCall | 0);

function shown({ tid, name, words, outcome, result }: HookedCall): string {
  return `${tid} ${name}(${words.map((word) => word.toString(16)).join(', ')}) = ${result} ${outcome}`;
}

/** What strace has been told in the lines before one: numbers of calls that were entered, and results. */
type Told = (line: number) => ReadonlySet<number>;

function told({ calls }: StraceLog): Told {
  const lines: number[][] = [];
  const add = (line: number | undefined, value: number | undefined): void => {
    if (line === undefined || value === undefined) return;
    lines[line] ??= [];
    lines[line].push(value);
  };
  for (const { line, endLine, number, value } of calls) {
    add(line, number);
    add(endLine, value);
  }
  return (line) => new Set(lines.slice(Math.max(0, line - STALE_LINES), line).flat());
}

function endsAlike(
  logged: StraceCall,
  call: HookedCall,
  last: boolean,
  toldBefore: Told,
): boolean | Allowance {
  const result = call.result === undefined ? undefined : call.result | 0;
  switch (logged.outcome) {
    case 'noreturn':
      return call.outcome === 'noreturn';
    case 'killed':
      if (call.outcome === 'killed' || call.outcome === 'noreturn') return true;
      return last && call.outcome === 'returned' ? 'died after the call' : false;
    case 'open':
      return call.outcome === 'open';
    default:
      if (SIGRETURNS.has(call.systemCall))
        return call.outcome === 'noreturn' && logged.value === (call.eax | 0);
      if (call.outcome === 'returned' && logged.value === result) return true;
      return last && isStale(logged, toldBefore(logged.endLine ?? logged.line))
        ? 'result of a dying thread'
        : false;
  }
}

function isStale({ value, result = '' }: StraceCall, before: ReadonlySet<number>): boolean {
  if (value !== undefined && before.has(value)) return true;
  // The word behind, an entered call's first argument, says whether it is an error.
  const error = /^-1 \(errno (\d+)\)$/.exec(result)?.[1];
  return error !== undefined && before.has(2 ** 32 - Number(error));
}

/** How many words the log shows; undefined if one differs. */
function sameWords(logged: StraceCall, call: HookedCall): number | undefined {
  const inside = logged.number === SOCKETCALL && logged.name !== 'socketcall';
  const words = inside ? call.inner : call.words;
  let count = 0;
  for (const [i, text] of splitArgs(logged.args).entries()) {
    // Of a call that a thread has died in, it may show only a part.
    if (text === '' && logged.outcome === 'killed') continue;
    if (!/^(0x[0-9a-f]+|\d+)$/.test(text) || Number(text) !== words[i]) return undefined;
    count++;
  }
  return count;
}
