/** Calls in real recordings: every instruction has its place, and hooks count the same calls from the same callers. */
import { join } from 'node:path';
import test from 'ava';
import { foldedStacks, profileOf } from '../../../src/output/calls/call-profile.ts';
import { type CallOptions, type TracedCalls, traceCalls } from '../../../src/output/calls/trace-calls.ts';
import type { GuestMap } from '../../../src/output/map/guest-map.ts';
import { guestMap } from '../../../src/output/map/make-map.ts';
import { recordProbe, root, temporaryFolder } from '../../support/probe.ts';
import { hookedEntries, tracedEntries } from './witness.ts';

const STRESS = join(root, 'traces/ntlet-stress.rebek');
const ATTACK = join(root, 'traces/ntlet-attack.rebek');

/** Instructions in the folded stacks. */
const folded = (traced: TracedCalls): number =>
  [...foldedStacks(profileOf(traced))].reduce(
    (sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))),
    0,
  );

const trace = async (path: string, options: CallOptions = {}): Promise<TracedCalls> =>
  traceCalls(path, await guestMap(path, { cache: false }), options);

/** Functions of the kernel that begin with a loop: hooks are hit in each round, which is no call. */
const LOOPS = new Set(['InterlockedExchange', 'RtlFillMemoryUlong']);

test.serial('ntlet: hooks count the same calls of each exported function of the kernel', async (t) => {
  const map = await guestMap(STRESS, { cache: false });
  const traced = await traceCalls(STRESS, map, {});
  const [kernel] = map.kernelModules;
  const { offsets } = map.symbols[kernel!.symbols!]!;
  const addresses = [...new Set(offsets)].map((offset) => kernel!.base + offset);
  const expected = await hookedEntries(STRESS, traced.places, addresses);
  const found = tracedEntries(traced, addresses);
  let calls = 0;
  for (const key of new Set([...expected.keys(), ...found.keys()])) {
    if (key.includes(' < ') || LOOPS.has(key)) continue;
    t.is(found.get(key), expected.get(key), key);
    calls += found.get(key) ?? 0;
  }
  t.true(calls > 10_000);
  t.true(traced.doubts.contradicted < 10);
  t.true(traced.doubts.undecoded < traced.doubts.blocks / 1000);
  t.is(traced.doubts.overflows, 0);
});

test.serial('each instruction of a span is in one stack, wherever it begins and ends', async (t) => {
  const map = await guestMap(ATTACK, { cache: false });
  const all = map.instructions;
  for (const [from, to] of [
    [0, undefined],
    [1, 1],
    [441_713, 901_234],
    [1_000_001, 1_000_001],
    [all - 12_345, all - 1],
  ] as const) {
    const traced = await traceCalls(ATTACK, map, { from, ...(to !== undefined && { to }) });
    const expected = (to === undefined ? all : to + 1) - from;
    t.is(traced.executed, expected);
    t.is(traced.instructions, expected);
    t.is(folded(traced), expected);
  }
});

test.serial('kernel and programs, and each process, add up', async (t) => {
  const map: GuestMap = await guestMap(STRESS, { cache: false });
  const sums: number[] = [];
  for (const mode of ['kernel', 'user'] as const) {
    const traced = await traceCalls(STRESS, map, { mode });
    t.is(folded(traced), traced.instructions);
    sums.push(traced.instructions);
  }
  t.is(sums[0]! + sums[1]!, map.instructions);
  t.log(`${sums}`);
  t.true(sums.every((sum) => sum > 100_000));
  const [first] = map.processes;
  const own = await traceCalls(STRESS, map, { isWanted: (process) => process === first });
  const others = await traceCalls(STRESS, map, { isWanted: (process) => process !== first });
  t.is(own.instructions + others.instructions, map.instructions);
});

test.serial('a system call in ntlet: from its program, through its stub, into the kernel', async (t) => {
  const lines = [...foldedStacks(profileOf(await trace(ATTACK)))];
  const read = lines.filter((line) => line.includes(';ntdll.dll!NtReadFile;'));
  t.true(read.length > 0);
  for (const line of read)
    t.regex(
      line,
      /^[\w.]+(;[^;]+)*;ntdll\.dll!NtReadFile(;ntdll\.dll!KiFastSystemCall)?(;\[(syscall|int 0x2e)\])?/,
    );
  t.true(
    read.some((line) => /;\[syscall\];ntoskrnl\.exe!\w+.*;ntoskrnl\.exe!NtReadFile/.test(line)),
    read[0],
  );
  // One of them waits, and another thread runs: that is not in its stack.
  t.false(lines.some((line) => /\.exe;.*\.exe;.*;Idle/.test(line)));
});

test.serial('below one function only', async (t) => {
  const traced = await trace(ATTACK);
  const { roots, instructions } = profileOf(traced, 'NtReadFile');
  t.deepEqual(
    roots.map(({ name }) => name),
    ['ntoskrnl.exe!NtReadFile'],
  );
  t.true(instructions > 0 && instructions < traced.instructions);
  const whole = profileOf(traced).roots;
  const calls = (nodes: typeof whole): number =>
    nodes.reduce(
      (sum, { name, calls: n, children }) => sum + (name === roots[0]!.name ? n : 0) + calls(children),
      0,
    );
  t.is(roots[0]!.calls, calls(whole));
});

test.serial(
  'code that changes itself, faults, no system: nothing is lost, and what is doubtful is counted',
  async (t) => {
    const folder = temporaryFolder(t);
    const output = join(folder, 'probe.rebek');
    const { result } = await recordProbe(folder, 'svbwfht', { output });
    const traced = await trace(output);
    t.is(folded(traced), result.instructions);
    t.is(traced.instructions, result.instructions);
    const { blocks, undecoded, contradicted } = traced.doubts;
    t.log(JSON.stringify(traced.doubts));
    t.true(undecoded + contradicted < blocks / 10);
  },
);
