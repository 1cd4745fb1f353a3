/**
 * How calls can end on Linux, each shown on the Debian guest: functions of the busy program (test/guests/busy.c) and system calls
 * at once, under the matcher that is used unless another is asked for.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { replayTrace } from '../../src/replay/replay.ts';
import { type LinuxCalls, recordLinuxCalls, type Seen } from './linux-calls-record.ts';

/** Numbers: arch/x86/entry/syscalls/syscall_32.tbl. */
const N = {
  exit: 1,
  fork: 2,
  read: 3,
  execve: 11,
  pause: 29,
  nanosleep: 162,
  poll: 168,
  futex: 240,
  exitGroup: 252,
};
const CLONE_VM = 0x100;
const CLONE_THREAD = 0x10000;
const SIGSEGV = 11;
/** Results that the program never gets: -512 to -516. */
const isRestart = ({ result = 0 }: Seen): boolean => (result | 0) <= -512 && (result | 0) >= -516;

const folder = mkdtempSync(join(tmpdir(), 'rebek-linux-calls-'));
const cleanups: (() => unknown)[] = [() => rmSync(folder, { recursive: true })];
let linux: LinuxCalls;
const childrenOf = new Map<Seen, Seen[]>();

test.before(async () => {
  const context = { teardown: (cleanup: () => unknown) => void cleanups.unshift(cleanup) };
  linux = await recordLinuxCalls(context, join(folder, 'calls.rebek'));
  for (const call of linux.calls) {
    if (call.parent === undefined) continue;
    const siblings = childrenOf.get(call.parent) ?? [];
    siblings.push(call);
    childrenOf.set(call.parent, siblings);
  }
});

test.after.always(async () => {
  for (const cleanup of cleanups) await cleanup();
});

/** The calls that were open when a call was made, innermost first. */
function around(call: Seen): Seen[] {
  const found: Seen[] = [];
  for (let each = call.parent; each !== undefined; each = each.parent) found.push(each);
  return found;
}

const names = (calls: readonly Seen[]): string[] => calls.map(({ name }) => name);
/** A result that is a number, not an error. */
const positive = ({ result = 0 }: Seen): boolean => (result | 0) > 0;
/** The program's own functions that make system calls, by the call's number. */
const callers = (...numbers: readonly number[]): Seen[] =>
  linux.of('sys_int', 'sys_enter').filter(({ words }) => numbers.includes(words[0] ?? -1));
const outcomes = (calls: readonly Seen[]): string[] =>
  [...new Set(calls.map(({ outcome }) => outcome))].sort();
const inKernel = (caller: Seen): Seen[] => {
  const below = childrenOf.get(caller) ?? [];
  return below.flatMap((call) => [
    ...(call.name.startsWith('sys_') && !call.user ? [call] : []),
    ...inKernel(call),
  ]);
};

test('the recording, which begins with a saved state, is replayed bit for bit under hooks', (t) => {
  t.regex(linux.said, /busy: 2 rounds, \d+ checks/);
  const { replay, problems, calls } = linux.analysis;
  t.true(replay.complete && replay.finalChecked);
  t.is(problems, 0);
  t.log(`${replay.instructions} instructions, ${calls} calls`);
  for (const { name, outcome } of linux.calls) t.not(outcome, '', name);
});

test('its control flow, which was logged as it ran, is that of a replay, block by block', async (t) => {
  const { flow, finalChecked } = await replayTrace(linux.path, { controlFlow: true });
  t.true(finalChecked);
  t.log(`${flow?.blocks} basic blocks, ${flow?.records} records`);
  t.true((flow?.blocks ?? 0) > 1e7);
  t.is(flow?.beyond, 0);
});

test('fork: one entry, two returns, in the kernel', (t) => {
  const forks = linux.of('sys_fork').filter(positive);
  t.true(forks.length > 50);
  for (const { again, result, pid, tid, asid, entered, outcome } of forks) {
    const [child, ...more] = again;
    t.deepEqual(more, []);
    t.is(outcome, 'returned');
    t.deepEqual([child?.tid, child?.pid, child?.result], [result, result, 0]);
    t.true(child?.asid !== asid && child!.at > entered);
    t.true(pid !== result && tid !== result);
  }
});

test('fork: one entry, two returns, in the program', (t) => {
  const forks = callers(N.fork).filter(positive);
  t.is(forks.length, linux.of('sys_fork').filter(positive).length);
  let killed = 0;
  for (const fork of forks) {
    const [child, ...more] = fork.again;
    t.deepEqual(more, []);
    t.is(fork.outcome, 'returned');
    const [inside] = inKernel(fork);
    t.is(inside?.name, 'sys_fork');
    if (child === undefined) {
      // Killed on its way to the program: it has never called anything.
      killed++;
      t.deepEqual(
        names(linux.calls.filter(({ tid, entered }) => tid === fork.result && entered > fork.entered)),
        [],
      );
      continue;
    }
    t.deepEqual([child.tid, child.pid, child.result], [fork.result, fork.result, 0]);
    t.not(child.asid, fork.asid);
    t.true(child.at > inside!.again[0]!.at, 'the child is in the kernel first');
  }
  t.log(`${forks.length} forks, ${killed} children killed on their way to the program`);
  t.true(killed <= 4);
  // What calls it returns in the parent only: the child never comes back from there.
  const processes = linux.of('process');
  t.is(processes.length, forks.length);
  for (const { outcome, again } of processes) t.deepEqual([outcome, again], ['returned', []]);
});

test('vfork: the child returns first, in the same address space', (t) => {
  const vforks = linux.of('sys_vfork');
  t.true(vforks.length >= 8);
  for (const { again, result, left, asid } of vforks) {
    const [child, ...more] = again;
    t.deepEqual(more, []);
    t.deepEqual([child?.pid, child?.result, child?.asid], [result, 0, asid]);
    t.true(child!.at < left);
  }
  const inProgram = linux.of('__kernel_vsyscall').filter(({ parent }) => parent?.name === 'vfork_exec');
  t.true(inProgram.length >= 4);
  for (const { again, result, left, asid, outcome } of inProgram) {
    const [child, ...more] = again;
    t.deepEqual(more, []);
    t.deepEqual([child?.pid, child?.result, child?.asid], [result, 0, asid]);
    t.true(child!.at < left);
    t.is(outcome, 'returned');
  }
  // Whose frame the child stands on while its parent waits, and which it never returns from.
  for (const { outcome, again } of linux.of('vfork_exec')) t.deepEqual([outcome, again], ['returned', []]);
});

test('clone with CLONE_VM: the new thread comes back in the same process', (t) => {
  const isThread = ({ words }: Seen): boolean => (words[0]! & CLONE_THREAD) !== 0;
  const clones = linux.of('sys_clone').filter((call) => positive(call) && isThread(call));
  t.true(clones.length > 40);
  for (const { again, result, pid, asid, words, tid } of clones) {
    const [child, ...more] = again;
    t.true((words[0]! & CLONE_VM) !== 0);
    t.deepEqual(more, []);
    t.deepEqual([child?.tid, child?.pid, child?.result, child?.asid], [result, pid, 0, asid]);
    t.not(tid, result);
  }
  for (const failed of linux.of('sys_clone').filter((call) => !positive(call))) t.deepEqual(failed.again, []);
});

test('restart_syscall goes on with the call that was interrupted', (t) => {
  const restarts = linux.of('sys_restart_syscall');
  t.true(restarts.length >= 2);
  for (const restart of restarts) {
    let first: Seen = restart;
    for (let before = first.restartOf; before !== undefined; before = before.restartOf) {
      t.is(before.tid, first.tid);
      t.is(before.result, -516 >>> 0);
      t.true(before.left < first.entered);
      first = before;
    }
    t.is(first.name, 'sys_nanosleep');
  }
});

test('a call that is made again after a handler is linked; one that fails with EINTR is not', (t) => {
  const again = linux.calls.filter(
    ({ restartOf, name }) => restartOf !== undefined && name !== 'sys_restart_syscall',
  );
  t.true(again.length > 10);
  for (const call of again) {
    t.is(call.restartOf?.name, call.name);
    t.deepEqual(call.words, call.restartOf!.words);
    // To the program it is one call.
    t.is(
      around(call).find(({ user }) => user),
      around(call.restartOf!).find(({ user }) => user),
    );
  }
  const failed = callers(N.pause).filter(({ outcome }) => outcome === 'returned');
  t.true(failed.length >= 2);
  for (const call of failed) {
    t.is(call.result, -4 >>> 0);
    t.deepEqual(inKernel(call).map(isRestart).slice(0, 1), [true]);
    for (const other of linux.calls) t.not(other.restartOf, inKernel(call)[0]);
  }
});

test('sigreturn never returns', (t) => {
  for (const name of ['sys_sigreturn', 'sys_rt_sigreturn']) {
    const calls = linux.of(name);
    t.true(calls.length > 2, name);
    t.deepEqual(outcomes(calls), ['noreturn']);
    for (const { result, left, entered } of calls) t.true(result === undefined && left > entered);
  }
});

test('execve: where it fails it returns; where it succeeds, the program that called it is gone', (t) => {
  const calls = callers(N.execve);
  const failed = calls.filter(({ outcome }) => outcome === 'returned');
  const gone = calls.filter(({ outcome }) => outcome !== 'returned');
  t.true(failed.length >= 6 && gone.length >= 2);
  for (const call of failed) {
    t.true((call.result! | 0) < 0);
    t.deepEqual(
      inKernel(call).map(({ result }) => result),
      [call.result],
    );
  }
  for (const call of gone) {
    t.is(call.outcome, 'unwound');
    t.deepEqual(
      inKernel(call).map(({ name, result }) => [name, result]),
      [['sys_execve', 0]],
    );
    const [inside] = inKernel(call);
    t.true(inside!.leftAsid !== call.asid, 'it comes back in the new address space');
  }
});

test('exit and exit_group never return', (t) => {
  for (const name of ['sys_exit', 'sys_exit_group'])
    t.deepEqual(outcomes(linux.of(name)), ['noreturn'], name);
  // The program's function around is left with its thread.
  const around = callers(N.exit, N.exitGroup);
  t.true(around.length > 80);
  t.deepEqual(outcomes(around), ['killed']);
});

test('threads inside calls when their process ends: killed', (t) => {
  const killed = callers(N.read, N.futex, N.nanosleep, N.poll).filter(({ outcome }) => outcome === 'killed');
  t.true(killed.length > 20);
  for (const number of [N.read, N.futex, N.nanosleep, N.poll])
    t.true(
      killed.some(({ words }) => words[0] === number),
      `${number}`,
    );
  for (const call of killed) {
    t.is(call.result, undefined);
    // The kernel itself comes back from there, with a result that nobody gets: it was interrupted, or was done anyway.
    for (const inside of inKernel(call)) {
      if (inside.outcome === 'killed' || isRestart(inside)) continue;
      const ends = linux.of('sys_exit_group', 'sys_execve').filter(({ pid }) => pid === call.pid);
      const ending = ends.find(({ tid, entered }) => tid !== call.tid && entered < inside.left);
      t.not(ending, undefined, `${inside.name} = ${inside.result} is over before its process ends`);
    }
  }
  const threads = killed.filter(({ tid, pid }) => tid !== pid);
  t.true(threads.length > 10, 'most of them beside another thread that called exit_group');
});

test('a signal handler runs inside the call that it interrupts', (t) => {
  const handlers = linux.of('chatty');
  t.true(handlers.length > 10);
  t.deepEqual(outcomes(handlers), ['returned']);
  let waiting = 0;
  for (const handler of handlers) {
    const [interrupted] = around(handler).filter(({ name }) => name !== '__kernel_vsyscall');
    if (interrupted === undefined) continue;
    t.true(['sys_int', 'sys_enter', 'switch_stack'].includes(interrupted.name), interrupted.name);
    t.true(interrupted.entered < handler.entered && interrupted.left > handler.left);
    if (inKernel(interrupted).some(isRestart)) waiting++;
    // What it calls itself is inside it, and only that.
    const own = inKernel(handler);
    t.deepEqual(names(own).slice(0, 2), ['sys_getpid', 'sys_close']);
    for (const call of own) t.true(call.entered > handler.entered && call.left < handler.left);
  }
  t.true(waiting > 5, `${waiting} in a call that waited`);
});

test('both doors into the kernel, and the same behind them', (t) => {
  const doorOf = (call: Seen): string | undefined =>
    names(around(call)).find((name) => name.startsWith('do_'));
  for (const [from, door] of [
    ['sys_int', 'do_int80_syscall_32'],
    ['sys_enter', 'do_fast_syscall_32'],
  ] as const) {
    const found = linux
      .of(from)
      .flatMap((call) => inKernel(call).filter(({ restartOf }) => restartOf === undefined));
    const direct = found.filter(
      (call) => around(call).find(({ name }) => /^sys_(int|enter)$/.test(name))?.name === from,
    );
    t.true(direct.length > 500);
    // For a number beyond the table, the door itself is the function.
    // And sigreturn is called by a stub, the vDSO's or the program's, from within whatever a handler has interrupted.
    const listed = direct.filter(({ name }) => !/^sys_(0x|(rt_)?sigreturn)/.test(name));
    for (const call of listed) t.is(doorOf(call), door, call.name);
    t.true(new Set(names(direct)).size > 60);
  }
  // Made again, a call comes in by INT 0x80, whatever it came by before.
  const again = linux.calls.filter(({ restartOf }) => restartOf !== undefined);
  for (const call of again) t.is(doorOf(call), 'do_int80_syscall_32');
  t.true(again.some(({ restartOf }) => doorOf(restartOf!) === 'do_fast_syscall_32'));
});

test('the trace ends inside calls: open', (t) => {
  const open = linux.calls.filter(({ outcome }) => outcome === 'open');
  const services = names(open).filter((name) => name.startsWith('sys_'));
  t.true(
    services.some((name) => /nanosleep/.test(name)),
    services.join(),
  );
  t.true(
    services.some((name) => /poll|read/.test(name)),
    'the shell waits for a key',
  );
  for (const { result, left } of open) {
    t.is(result, undefined);
    t.is(left, linux.analysis.replay.instructions);
  }
});

test('siglongjmp out of a handler: unwound, all that was passed over', (t) => {
  const leaps = linux.of('leap');
  t.true(leaps.length >= 16);
  const onOther = new Map<number, number>();
  for (const leap of leaps) {
    const [jump, ...more] = childrenOf.get(leap)!.filter(({ name }) => name === 'long_jump');
    t.deepEqual(more, []);
    t.is(jump?.outcome, leap.outcome);
    if (leap.outcome === 'unwound') continue;
    // Left on the alternate stack, which nobody tells the place of and nothing has used since.
    t.is(leap.outcome, 'killed');
    onOther.set(leap.tid, (onOther.get(leap.tid) ?? 0) + 1);
  }
  for (const count of onOther.values()) t.is(count, 1, 'the last one of a thread');
  // Out of a fault there is no call to leave; out of a call that waited, there is.
  const faults = leaps.filter(({ words }) => words[0] === SIGSEGV);
  t.true(faults.length >= 10);
  for (const leap of faults) t.is(leap.parent, undefined);
  const left = leaps.flatMap((leap) => around(leap)).filter(({ name }) => /^sys_(int|enter)$/.test(name));
  t.true(left.length >= 6);
  for (const call of left) {
    t.is(call.outcome, 'unwound');
    t.deepEqual(inKernel(call).filter(isRestart).length, 1);
  }
  // It returns once by itself; the second time, a jump leads there.
  const set = linux.of('set_jump');
  t.is(set.length, leaps.length);
  for (const { outcome, result, again } of set) t.deepEqual([outcome, result, again], ['returned', 0, []]);
});

test('stacks that are switched: each call returns where it was made', (t) => {
  const switches = linux.of('switch_stack');
  t.true(switches.length > 100);
  const [first] = switches;
  const stacks = new Set(switches.map(({ tid }) => tid));
  t.deepEqual([...stacks], [first!.tid]);
  const unfinished = switches.filter(({ outcome }) => outcome !== 'returned');
  // Two coroutines in each of two rounds never go on.
  t.is(unfinished.length, 4);
  t.deepEqual(outcomes(unfinished), ['killed', 'unwound']);
  t.deepEqual(
    linux
      .of('coroutine')
      .map(({ outcome }) => outcome)
      .sort(),
    ['killed', 'killed', 'unwound', 'unwound'],
  );
  const inside = linux.calls.filter(
    ({ tid, name, outcome }) => tid === first!.tid && name === 'sys_dup' && outcome === 'returned',
  );
  // Of k entries into a coroutine, every third one goes on after its second stop: 20, 10, 20 and 11 entries.
  const dups = [20, 10, 20, 11].map((k) => 2 * Math.floor(k / 3) + (k % 3));
  t.is(
    inside.length,
    dups.reduce((sum, count) => sum + count),
  );
  for (const call of linux.calls)
    if (call.tid === first!.tid && /^sys_(int|enter)$/.test(call.name) && call.words[0] !== N.exitGroup)
      t.is(call.outcome, 'returned', `${call.words[0]}`);
});
