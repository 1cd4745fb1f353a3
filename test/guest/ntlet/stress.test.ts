/**
 * The stress program drives every way in which a call can end, with 1, 4 and 16 threads. Each run is recorded, replayed to
 * the same state and the same truth; and the truth must hold every case, without a contradiction or an assert.
 */
import test from 'ava';
import type { TruthRecord, TruthRecordOf } from '../../../src/guest/ntlet/truth-record.ts';
import { finishAndVerify, recordNtlet } from '../../support/ntlet.ts';

const CASES = 21;

const ofKind = <K extends TruthRecord['kind']>(records: readonly TruthRecord[], kind: K) =>
  records.filter((record) => record.kind === kind) as unknown as TruthRecordOf<K>[];

/** Values that came more than once. */
function repeated(values: Iterable<number>): Set<number> {
  const seen = new Set<number>();
  const again = new Set<number>();
  for (const value of values) (seen.has(value) ? again : seen).add(value);
  return again;
}

for (const [threads, rounds, jit] of [
  [1, 3, true],
  [4, 3, true],
  [16, 2, true],
  [4, 2, false],
] as const) {
  test.serial(`stress with ${threads} threads${jit ? '' : ', interpreted'}`, async (t) => {
    const guest = await recordNtlet(t, { jit, name: `stress-${threads}` });
    await guest.booted();
    await guest.logIn(0, 'Administrator', 'honey');
    const said = await guest.run(`stress ${rounds} ${threads}`, { seconds: 240 });
    t.is(said, `stress: ${CASES} cases, ${rounds} rounds, ${threads} threads\nstress: done\n`);
    const { records, report } = await finishAndVerify(t, guest);

    const marks = ofKind(records, 'mark');
    t.is(new Set(marks.map(({ number }) => number)).size, CASES);
    for (const [outcome, count] of Object.entries(report.outcomes)) t.true(count > 0, outcome);

    const calls = ofKind(records, 'enter');
    t.deepEqual([...new Set(calls.map(({ door }) => door))].sort(), [
      'direct',
      'dispatcher',
      'int2e',
      'jump',
      'sysenter',
    ]);
    t.true(
      calls.some(({ stack }) => stack > 0),
      'calls on a fiber',
    );
    const events = new Set(ofKind(records, 'event').map(({ what }) => what));
    t.deepEqual([...events].sort(), ['apc', 'callback', 'exception', 'fiber', 'kernel-stack']);
    t.true(ofKind(records, 'again').length > 0, 'a call with two returns');
    t.true(ofKind(records, 'complete').length > 0, 'pending I/O that is completed');

    // What names a thing by its number or address is used again, and only generations are not.
    const starts = ofKind(records, 'thread-start');
    t.true(repeated(starts.map(({ threadId }) => threadId)).size > 0, 'thread ids');
    t.true(repeated(starts.map(({ stackTop }) => stackTop)).size > 0, 'kernel stacks');
    t.true(repeated(starts.map(({ object }) => object)).size > 0, 'ETHREADs');
    t.true(repeated(ofKind(records, 'process-start').map(({ cr3 }) => cr3)).size > 0, 'page directories');
    t.is(repeated(starts.map(({ thread }) => thread)).size, 0);

    // Threads of one process were in the same service at once.
    if (threads > 1) t.true(report.functions.find(({ name }) => name === 'NtDelayExecution')!.overlapped > 0);
  });
}

test.serial(
  'a call that calls itself, one that is passed over, one reached by a jump: as the truth tells them',
  async (t) => {
    const guest = await recordNtlet(t);
    await guest.booted();
    await guest.logIn(0, 'Administrator', 'honey');
    await guest.run('stress 1 1');
    const { records } = await finishAndVerify(t, guest);
    const names = new Map<number, string>();
    const calls = new Map<number, TruthRecordOf<'enter'>>();
    const ends = new Map<number, TruthRecordOf<'leave'>>();
    for (const record of records) {
      if (record.kind === 'function') names.set(record.function, record.name);
      if (record.kind === 'enter') calls.set(record.call, record);
      if (record.kind === 'leave') ends.set(record.call, record);
    }
    const nested = (outer: string, inner: string) =>
      [...calls.values()].filter((call) => {
        const parent = calls.get(call.parent);
        return names.get(call.function) === inner && parent && names.get(parent.function) === outer;
      });
    const ended = (call: TruthRecordOf<'enter'>) => ends.get(call.call)?.outcome;

    const recursive = nested('NtCreateFile', 'NtCreateFile');
    t.true(recursive.length > 0);
    t.true(recursive.every(({ door }) => door === 'dispatcher'));
    const tail = nested('NtAlertResumeThread', 'NtResumeThread');
    t.true(tail.length > 0);
    for (const call of tail) {
      const parent = calls.get(call.parent)!;
      t.is(call.door, 'jump');
      t.is(call.esp, parent.esp, 'one return address for both');
      t.deepEqual(call.arguments, parent.arguments);
      t.is(ends.get(parent.call)!.sequence, ends.get(call.call)!.sequence + 1);
      t.is(ends.get(parent.call)!.result, ends.get(call.call)!.result);
    }
    const raised = nested('NtDeviceIoControlFile', 'NtWriteFile');
    t.true(raised.length > 0);
    t.true(raised.every((call) => ended(call) === 'unwound'));
    const thrown = [...calls.values()].filter(({ function: number }) => names.get(number) === 'stress!Throw');
    t.is(thrown.length, 4);
    t.true(thrown.every((call) => ended(call) === 'unwound'));
    t.true(
      [...calls.values()].filter((c) => names.get(c.function) === 'NtContinue' && ended(c) === 'noreturn')
        .length > 0,
    );
    const callback = nested('KeUserModeCallback', 'stress!Callback');
    t.is(callback.length, 3);
    t.is(nested('stress!Callback', 'NtCallbackReturn').length, 0, 'the callback itself has returned before');
  },
);
