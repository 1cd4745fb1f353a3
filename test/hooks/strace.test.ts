/**
 * Debian's own strace, in the guest, logs a busy workload; hooks in a replay of that recording must find the same: each call,
 * its arguments, its result, in the same order, thread by thread.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { recordStraced, type Straced } from '../support/strace.ts';
import { parseStraceLog, type StraceCall, type StraceLog, splitArgs } from '../support/strace-log.ts';
import { type Hooked, type HookedCall, hookedCalls } from './strace-calls.ts';
import { type Comparison, compareCalls } from './strace-compare.ts';
import { restartsOf } from './strace-restarts.ts';
import { type Agreement, agreement } from './strace-values.ts';

const ROUNDS = 2;
/** The part of the calls at the most that may be seen in two ways: those of threads that are being killed. */
const MOST_ALLOWED = 0.015;
/** `_text` without KASLR. */
const NO_KASLR = 0xc1000000;

const folder = mkdtempSync(join(tmpdir(), 'rebek-strace-'));
const cleanups: (() => unknown)[] = [() => rmSync(folder, { recursive: true })];
let straced: Straced;
let hooked: Hooked;
const logs = {} as Record<'raw' | 'decoded', StraceLog>;
const compared = {} as Record<'raw' | 'decoded', Comparison>;

test.before(async () => {
  const context = { teardown: (cleanup: () => unknown) => void cleanups.unshift(cleanup) };
  straced = await recordStraced(context as ExecutionContext, {
    rounds: ROUNDS,
    output: join(folder, 'busy.rebek'),
  });
  for (const kind of ['decoded', 'raw'] as const) logs[kind] = parseStraceLog(straced.logs[kind]);
  const threads = new Set([...logs.decoded.threads.keys(), ...logs.raw.threads.keys()]);
  hooked = await hookedCalls(straced.path, threads);
  for (const kind of ['decoded', 'raw'] as const)
    compared[kind] = compareCalls(logs[kind], hooked, kind === 'raw');
});

test.after.always(async () => {
  for (const cleanup of cleanups) await cleanup();
});

/** The log around the line that a problem names. */
function around(log: string, problem: string): string {
  const line = Number(/line (\d+)/.exec(problem)?.[1] ?? 0);
  const from = Math.max(0, line - 15);
  return log
    .split('\n')
    .slice(from, line + 25)
    .map((text, i) => `${from + i + 1}: ${text}`)
    .join('\n');
}

/** Pairs of both runs. */
const pairs = (): readonly (readonly [StraceCall, HookedCall])[] => [
  ...compared.decoded.pairs,
  ...compared.raw.pairs,
];

test('the workload ran as it should, and its recording is replayed bit for bit under hooks', (t) => {
  for (const said of [straced.said.decoded, straced.said.raw]) {
    // What it checks itself depends on the time, too: a busy host can make a guest's sleep end early.
    const [line = '', checks, failures] = /busy: \d+ rounds, (\d+) checks, (\d+) failures/.exec(said) ?? [];
    t.log(line);
    t.true(Number(checks) > 200 * ROUNDS && Number(failures) < Number(checks) * 0.02, said);
  }
  const { replay, problems } = hooked.analysis;
  t.true(replay.complete && replay.finalChecked);
  t.true(replay.hashesChecked > 0);
  t.is(problems, 0);
  t.log(
    `${replay.instructions} instructions; ${hooked.all} calls in the system, ${hooked.calls.length} of strace's threads`,
  );
});

for (const kind of ['raw', 'decoded'] as const) {
  test(`every call that strace has seen, and no other: ${kind} log`, (t) => {
    const { problems, pairs, allowed, words, addresses, unnoted } = compared[kind];
    const { calls, threads } = logs[kind];
    for (const problem of problems) t.log(around(straced.logs[kind], problem));
    t.deepEqual(problems, []);
    t.true(calls.length > 3000 && threads.size > 100, `${calls.length} calls`);
    const shown = [...allowed].map(([what, count]) => `${count} ${what}`).join(', ');
    t.log(`${pairs.length} of ${calls.length} calls in ${threads.size} threads; allowed: ${shown}`);
    let all = 0;
    for (const count of allowed.values()) all += count;
    t.true(all <= calls.length * MOST_ALLOWED, shown);
    t.is(pairs.length + (allowed.get('died before the call') ?? 0), calls.length);
    if (kind === 'decoded') return;
    t.log(`${words} argument words and ${addresses} addresses are the same`);
    t.true(words > calls.length && addresses > calls.length * 0.98);
    // The workload has five such numbers: 499, 999, 0x7fffffff, -2, -1.
    t.true(unnoted <= 5 * ROUNDS);
  });
}

test('arguments and results in words', (t) => {
  const found = new Map<Agreement, number>();
  const results = { text: 0, names: 0 };
  let unimplemented = 0;
  for (const [logged, call] of compared.decoded.pairs) {
    const args = splitArgs(logged.args);
    const line = `${logged.line}: ${logged.name}(${logged.args}) = ${logged.result}`;
    // strace knows arguments of some calls that no Linux has ever had.
    if (call.arguments.length === 0 && args.length > 0 && logged.errno === 'ENOSYS') unimplemented++;
    else if (logged.outcome === 'killed') t.true(args.length <= call.arguments.length, line);
    else t.is(call.arguments.length, args.length, line);
    for (const [i, described] of call.arguments.entries()) {
      const agrees = agreement(args[i] ?? '', described);
      if (agrees === undefined) t.fail(`${line}: ${described.text}`);
      else if (agrees === 'not in the log' && logged.outcome !== 'killed') t.fail(line);
      else found.set(agrees, (found.get(agrees) ?? 0) + 1);
    }
    if (logged.outcome === 'killed' || call.outcome !== 'returned') continue;
    if (call.resultText === logged.result) results.text++;
    else if (sameBeginning(call.resultText, logged.result)) results.names++;
    // Where the results differ, the comparison of the calls says whether they may.
    else if (logged.value === (call.result! | 0)) t.fail(`${line}: ${call.resultText}`);
  }
  const { text = 0, value = 0, ...rest } = Object.fromEntries(found) as Record<string, number>;
  t.log(`arguments: ${text} with the same text, ${value} with the same value, ${JSON.stringify(rest)}`);
  t.log(`results: ${results.text} with the same text, ${results.names} with names in the place of numbers`);
  t.true(text > 3000 && value > 500);
  t.true(unimplemented <= ROUNDS);
  t.true(results.text > 2000 && results.names < results.text * 0.01);
});

/** Behind the number, flags are names here and numbers there. */
function sameBeginning(text: string, logged: string | undefined): boolean {
  const [first] = text.split(' (');
  return logged?.split(' (')[0] === first && text.includes(' (');
}

test('outcomes: calls that never return, and whoever was killed in one', (t) => {
  const counts = new Map<string, number>();
  for (const [logged, call] of pairs()) {
    const key = `${logged.outcome} ${call.outcome}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
    if (/^(exit|exit_group|sigreturn|rt_sigreturn)$/.test(logged.name))
      t.is(call.outcome, 'noreturn', logged.name);
    else t.not(call.outcome, 'noreturn', logged.name);
    if (call.outcome === 'noreturn') t.is(call.result, undefined);
  }
  t.log([...counts].map(([key, count]) => `${key}: ${count}`).join(', '));
  t.true((counts.get('noreturn noreturn') ?? 0) > 100);
  t.is(counts.get('returned killed'), undefined);
  t.is(counts.get('returned open'), undefined);
});

test('calls that go on after a signal are linked to the interrupted one', (t) => {
  let links = 0;
  let blocks = 0;
  for (const kind of ['raw', 'decoded'] as const) {
    const found = new Map(compared[kind].pairs);
    for (const { calls } of logs[kind].threads.values()) {
      const restarts = restartsOf(calls);
      for (const logged of calls) {
        const call = found.get(logged);
        const before = restarts.get(logged);
        if (call === undefined) continue;
        const expected = before && found.get(before)?.number;
        t.is(call.restartOf, expected, `line ${logged.line} of the ${kind} log: ${logged.name}`);
        if (before !== undefined) links++;
        if (logged.name === 'restart_syscall') {
          blocks++;
          t.not(expected, undefined);
        }
      }
    }
  }
  t.log(`${links} links, ${blocks} of them of restart_syscall`);
  t.true(links > 20 && blocks >= 4);
});

test('threads are made once and begin once: the second returns of fork, vfork and clone', (t) => {
  const kinds = new Map<string, number>();
  const CLONE_THREAD = 0x10000;
  for (const [, call] of pairs()) {
    if (!/^sys_(fork|vfork|clone)$/.test(call.name) || ((call.result ?? 0) | 0) <= 0) {
      t.deepEqual(call.again, [], call.name);
      continue;
    }
    kinds.set(call.name, (kinds.get(call.name) ?? 0) + 1);
    const [second] = call.again;
    t.is(call.again.length, 1, `${call.number}: ${call.name}`);
    const isThread = call.name === 'sys_clone' && (call.words[0]! & CLONE_THREAD) !== 0;
    t.is(second?.tid, call.result);
    t.is(second?.pid, isThread ? call.pid : call.result);
    t.is(second?.result, 0);
    t.true(second!.at > call.entered);
    if (call.name === 'sys_vfork') t.true(second!.at < call.left, 'its parent waits');
  }
  t.log([...kinds].map(([name, count]) => `${name}: ${count}`).join(', '));
  t.deepEqual([...kinds.keys()].sort(), ['sys_clone', 'sys_fork', 'sys_vfork']);
});

test('a call ends in the thread that has made it; findings are of the right one, in order', (t) => {
  const renamed = [];
  for (const call of hooked.calls) {
    if (call.endTid !== call.tid && call.name === 'sys_execve') renamed.push(call);
    else if (call.outcome === 'returned') t.is(call.endTid, call.tid, call.name);
    if (call.outcome === 'returned') t.is(call.endKey, call.key);
    if (call.outcome === 'returned') t.is(call.endPid, call.pid);
  }
  // Results that are known from elsewhere: the ids in the kernel's own structures.
  const ids = hooked.calls.filter(({ name }) => /^sys_get[pt]id$/.test(name));
  t.true(ids.length > 200);
  for (const { name, result, pid, tid } of ids) t.is(result, name === 'sys_getpid' ? pid : tid);
  // execve in a thread that is not the first of its process: it goes on under the process's id.
  const becoming = [...logs.raw.calls, ...logs.decoded.calls].filter(({ becomes }) => becomes !== undefined);
  t.is(renamed.length, becoming.length);
  t.true(renamed.length > 0);
  for (const { pid, endTid, outcome, result } of renamed)
    t.deepEqual([endTid, outcome, result], [pid, 'returned', 0]);

  let last = 0;
  for (const { instruction, thread, process, call, data } of hooked.findings) {
    t.true(instruction >= last);
    last = instruction;
    const ended = call?.outcome !== 'returned';
    if (!ended && call?.name !== 'sys_execve') t.is(thread?.tid, data['tid'] as number);
    if (!ended) t.is(process?.pid, data['pid'] as number);
  }
  const ends = hooked.calls.filter(({ outcome }) => outcome !== '').length;
  t.is(hooked.findings.length, ends);
  t.is(ends, hooked.calls.length);
});

test('the kernel was where KASLR had put it', (t) => {
  const addresses = hooked.calls.map(({ kernelAddress }) => kernelAddress);
  const lowest = addresses.reduce((low, address) => Math.min(low, address));
  t.true(lowest >= NO_KASLR);
  t.log(`system calls from 0x${lowest.toString(16)} on`);
});
