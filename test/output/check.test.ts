/** The check of matchers: what it counts, that it sees each kind of fault, and what it says of real recordings. */
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { defineHooks } from '../../src/hooks/api.ts';
import { type CheckReport, checkMatching } from '../../src/output/check/check.ts';
import { type CheckedCall, Comparison } from '../../src/output/check/compare.ts';
import { type MatcherReport, precision, recall, Tally } from '../../src/output/check/tally.ts';
import { recordNtlet } from '../support/ntlet.ts';
import { root } from '../support/probe.ts';

const MATCHERS = ['thread-stack', 'return-address', 'single-slot'];
const ATTACK = join(root, 'traces/ntlet-attack.rebek');

// ---- Calls that are made up ----

const call = (number: number, more: Partial<CheckedCall> = {}): CheckedCall => ({
  number,
  function: 'NtReadFile',
  address: 0x8040_1000,
  thread: 0x8200_0000,
  threadId: 12,
  esp: 0x8300_0f00 - 16 * number,
  instruction: 1000 * number,
  arguments: [1, 2, 3],
  parent: 0,
  parentName: undefined,
  outcome: 'open',
  result: undefined,
  ended: false,
  elsewhere: false,
  ...more,
});
const returned = (result: number) => ({ outcome: 'returned', result, ended: true }) as const;

class Check {
  private readonly tally = new Tally('invented', 5);
  readonly comparison: Comparison;

  constructor(parents = true) {
    this.comparison = new Comparison(this.tally, parents);
  }

  /** A call that there was, and what the matcher says of it; `false`: nothing. */
  both(number: number, real: Partial<CheckedCall>, said: Partial<CheckedCall> | false = real): void {
    const { comparison } = this;
    const { outcome = 'returned', result = 0, ...entry } = real;
    const found = call(number + 100, { ...entry, ...place(number) });
    if (said !== false) comparison.found(found);
    const actual = call(number, entry);
    comparison.real(actual);
    if (outcome !== 'open') {
      Object.assign(actual, { outcome, result, ended: true });
      comparison.left(actual);
    }
    if (said !== false) Object.assign(found, { outcome, result, ended: outcome !== 'open', ...said });
  }

  end(last = 1e6): MatcherReport {
    this.comparison.end(last);
    return this.tally.report();
  }
}
/** Where and when the call with a number is made. */
const place = (number: number): Partial<CheckedCall> => {
  const { esp, instruction } = call(number);
  return { esp, instruction };
};

const faults = ({ total }: MatcherReport): Record<string, number> =>
  Object.fromEntries(Object.entries(total.faults).filter(([, count]) => count > 0));

function one(
  t: ExecutionContext,
  fault: string,
  real: Partial<CheckedCall>,
  said: Partial<CheckedCall> | false,
) {
  const check = new Check();
  check.both(1, { outcome: 'returned', result: 5 });
  check.both(2, real, said);
  const report = check.end();
  t.deepEqual(faults(report), { [fault]: 1 }, fault);
  t.is(report.total.calls, 2);
  t.is(report.total.right, 1);
  t.is(recall(report.total), 0.5);
  t.is(report.first.length, 1);
  t.like(report.first[0], { fault, function: 'NtReadFile', instruction: 2000, threadId: 12 });
  return report;
}

test('what is right is right, however it ends', (t) => {
  const check = new Check();
  check.both(1, { outcome: 'returned', result: 5 });
  check.both(2, { outcome: 'pending', result: 0x103 });
  check.both(3, { outcome: 'unwound' });
  check.both(4, { outcome: 'noreturn' });
  check.both(5, { outcome: 'killed' });
  check.both(6, { outcome: 'open' });
  const report = check.end();
  t.deepEqual(faults(report), {});
  t.is(report.total.calls, 6);
  t.is(report.total.right, 6);
  t.is(recall(report.total), 1);
  t.is(precision(report.total), 1);
  t.deepEqual(Object.keys(report.outcomes), ['killed', 'noreturn', 'open', 'pending', 'returned', 'unwound']);
  t.deepEqual(report.first, []);
});

test('a call that the matcher has never seen', (t) => {
  const { total, first } = one(t, 'missed', { outcome: 'returned', result: 1 }, false);
  t.is(precision(total), 1, 'it says nothing wrong');
  t.like(first[0], { expected: 'returned 0x1', found: 'no call' });
});

test('an end that it does not know of, one of another kind, and one that there was not', (t) => {
  one(t, 'lost', { outcome: 'returned', result: 1 }, { outcome: 'open', ended: true });
  const wrong = one(t, 'outcome', { outcome: 'unwound' }, returned(0));
  t.is(precision(wrong.total), 0.5);
  one(t, 'outcome', { outcome: 'killed' }, { outcome: 'noreturn', ended: true });
  one(t, 'outcome', { outcome: 'open' }, returned(0));
  one(t, 'outcome', { outcome: 'pending', result: 0x103 }, returned(0x103));
});

test('another result, another thread, other arguments', (t) => {
  const { first } = one(t, 'result', { outcome: 'returned', result: 1 }, returned(2));
  t.like(first[0], { expected: 'returned 0x1', found: 'returned 0x2' });
  one(t, 'owner', { outcome: 'returned', result: 1 }, { ...returned(1), elsewhere: true });
  const words = one(t, 'arguments', {}, { ...returned(0), arguments: [1, 9, 3] });
  t.like(words.first[0], { expected: 'word 1 0x2', found: '0x9' });
  one(t, 'arguments', {}, { ...returned(0), arguments: [1, 2] });
  const check = new Check();
  check.both(1, {}, { ...returned(0), arguments: [1, 2, 3, 4] });
  t.deepEqual(faults(check.end()), {}, 'more words than are told are not wrong');
});

test('another parent; and only of matchers that know parents', (t) => {
  for (const [knows, said, expected] of [
    [true, 101, {}],
    [true, 0, { parent: 1 }],
    [true, 102, { parent: 1 }],
    [false, 0, {}],
  ] as const) {
    const check = new Check(knows);
    check.both(1, { outcome: 'open' });
    check.both(2, { outcome: 'open' });
    check.both(3, { parent: 1, parentName: 'NtOpenFile' }, { ...returned(0), parent: said });
    t.deepEqual(faults(check.end()), expected);
  }
});

test('a call that there was not; but not one that the end of the trace has kept from telling', (t) => {
  const check = new Check();
  check.both(1, {});
  check.comparison.found(call(7, returned(0)));
  const report = check.end();
  t.deepEqual(faults(report), { spurious: 1 });
  t.is(recall(report.total), 1);
  t.is(precision(report.total), 0.5);
  t.like(report.first[0], { fault: 'spurious', expected: 'no call' });
  for (const [more, count] of [
    [{ outcome: 'open', ended: true, instruction: 999_000 }, 0],
    [{ outcome: 'open', ended: true, instruction: 900_000 }, 1],
    [{ ...returned(0), instruction: 999_000 }, 1],
  ] as const) {
    const late = new Check();
    late.comparison.found(call(7, more));
    t.is(late.end(1e6).total.faults.spurious, count);
  }
});

test('two calls at one place: the one that was entered last is told of first', (t) => {
  const { comparison } = new Check();
  const tally = new Tally('x', 5);
  const twice = new Comparison(tally, false);
  t.truthy(comparison);
  const first = call(101, { ...place(1) });
  const second = call(102, { ...place(1), instruction: 1500 });
  twice.found(first);
  twice.found(second);
  const real = call(1);
  twice.real(real);
  Object.assign(real, returned(3));
  twice.left(real);
  Object.assign(second, returned(3));
  Object.assign(first, { outcome: 'open', ended: true });
  twice.end(1e6);
  t.is(tally.report().total.right, 1);
  t.is(tally.report().total.faults.spurious, 1, 'a first instruction that was seen twice');
});

test('a function of which others tell before it is entered', (t) => {
  const tally = new Tally('x', 5);
  const comparison = new Comparison(tally, true);
  const real = call(1);
  comparison.real(real);
  const found = call(101, place(1));
  comparison.found(found);
  Object.assign(real, returned(3));
  comparison.left(real);
  comparison.settle(false);
  Object.assign(found, returned(3));
  comparison.end(1e6);
  t.is(tally.report().total.right, 1);
  t.is(tally.report().total.faults.spurious + tally.report().total.faults.missed, 0);
});

test('second returns: one too few, one too many, in the wrong thread', (t) => {
  const tell = (real: readonly string[], said: readonly string[]) => {
    const tally = new Tally('x', 5);
    const comparison = new Comparison(tally, false);
    const [actual, found] = [call(1), call(101, place(1))];
    comparison.found(found);
    comparison.real(actual);
    for (const text of real) comparison.realAgain(actual, text);
    for (const text of said) comparison.foundAgain(found, text);
    for (const each of [actual, found]) Object.assign(each, returned(0));
    comparison.left(actual);
    comparison.end(1e6);
    return tally.report().total.faults.again;
  };
  t.is(tell([], []), 0);
  t.is(tell(['a'], ['a']), 0);
  t.is(tell(['a'], []), 1);
  t.is(tell([], ['a']), 1);
  t.is(tell(['a'], ['b']), 2);
  t.is(tell(['a', 'a'], ['a']), 1);
});

test('only so many disagreements are kept, all are counted', (t) => {
  const check = new Check();
  for (let i = 1; i <= 9; i++) check.both(i, { outcome: 'unwound' }, returned(0));
  const report = check.end();
  t.is(report.first.length, 5);
  t.is(report.total.faults.outcome, 9);
  t.deepEqual(Object.keys(report.functions), ['NtReadFile']);
  t.is(report.functions['NtReadFile']!.faults.outcome, 9);
});

// ---- Recordings ----

const check = (path: string, more: Partial<Parameters<typeof checkMatching>[1]> = {}): Promise<CheckReport> =>
  checkMatching(path, { matchers: MATCHERS, hooks: [], ...more });

function perfect(t: ExecutionContext, { matchers, reference, replay }: CheckReport): void {
  t.is(reference, 'truth');
  t.true(replay.finalChecked);
  const { total, first } = matchers[0]!;
  t.is(matchers[0]!.matcher, 'thread-stack');
  t.deepEqual(first, []);
  t.deepEqual(faults(matchers[0]!), {});
  t.is(recall(total), 1);
  t.is(precision(total), 1);
  for (const other of matchers) t.is(other.total.calls, total.calls);
}

test.serial('traces/ntlet-attack.rebek: not one call is wrong', async (t) => {
  const report = await check(ATTACK);
  perfect(t, report);
  t.true(report.matchers[0]!.total.calls > 400);
  t.is(report.system, 'NT 5.1 build 2600');
  t.deepEqual(report.missing, []);
});

for (const [rounds, threads, jit] of [
  [1, 16, true],
  [2, 16, true],
  [1, 16, false],
] as const) {
  test.serial(
    `stress ${rounds} ${threads}${jit ? '' : ', interpreted'}: the same; the others err`,
    async (t) => {
      t.timeout(200_000);
      const guest = await recordNtlet(t, { jit });
      await guest.booted();
      await guest.logIn(0, 'Administrator', 'honey');
      await guest.run(`stress ${rounds} ${threads}`, { seconds: 200 });
      await guest.finish();
      const report = await check(guest.path);
      perfect(t, report);
      const [good, returnAddress, singleSlot] = report.matchers;
      t.true(good!.total.calls > 3000);
      t.deepEqual(Object.keys(good!.outcomes), [
        'killed',
        'noreturn',
        'open',
        'pending',
        'returned',
        'unwound',
      ]);
      for (const worse of [returnAddress!, singleSlot!]) {
        t.true(recall(worse.total) < 0.95, worse.matcher);
        t.true(precision(worse.total) < 0.95, worse.matcher);
        for (const fault of ['lost', 'spurious', 'again'] as const)
          t.true(worse.total.faults[fault] > 0, `${worse.matcher}: ${fault}`);
        t.is(worse.outcomes['unwound']!.right, 0);
        t.is(worse.outcomes['killed']!.right, 0);
      }
      t.true(singleSlot!.total.faults.owner > 0);
    },
  );
}

test.serial('hooks say which calls are checked: of those that the guest tells of, or of all', async (t) => {
  const never = { pre: () => t.fail('no handler runs'), post: () => t.fail('no handler runs') };
  const hooks = [
    defineHooks('some', ({ call, end }) => {
      call('NtReadFile', never);
      call('ntdll.dll!NtReadFile', never);
      end(() => t.fail('nor this one'));
    }),
  ];
  const told = await check(ATTACK, { hooks });
  perfect(t, told);
  t.deepEqual(Object.keys(told.matchers[0]!.functions), ['NtReadFile']);
  t.true(recall(told.matchers[2]!.total) < 1);
  const report = await check(ATTACK, { hooks, truth: false });
  t.is(report.reference, 'matcher');
  t.true(report.matchers[0]!.total.calls > told.matchers[0]!.total.calls, 'the stub, too');
  t.is(recall(report.matchers[0]!.total), 1, 'it is compared with itself');
  t.true(recall(report.matchers[2]!.total) < 1);
  const all = await check(ATTACK, { truth: false });
  t.true(Object.keys(all.matchers[0]!.functions).length > 20, 'all system calls');
});

test.serial('a trace of no system that is known: nothing to compare, and that is said', async (t) => {
  const report = await check(join(root, 'traces/probe.rebek'));
  t.is(report.reference, 'matcher');
  t.is(report.system, undefined);
  t.is(report.matchers[0]!.total.calls, 0);
  t.true(report.replay.finalChecked);
});
