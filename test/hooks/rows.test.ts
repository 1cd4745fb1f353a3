/**
 * Every way in which a call can end on NT, one test each, in 16 threads at once: what the guest tells of each call, the
 * matcher `thread-stack` reports; and where the two older matchers cannot, it is shown that they do not.
 */
import test, { type ExecutionContext } from 'ava';
import { defineHooks } from '../../src/hooks/api.ts';
import { recordNtlet } from '../support/ntlet.ts';
import { ATTACK, runHooks } from './run.ts';
import { type MatcherName, matchStress, type RealCall, type StressRun } from './stress-calls.ts';

let run: StressRun;
/** Keeps the recording until all tests are over. */
const kept: (() => unknown)[] = [];

test.before(async (t) => {
  t.timeout(240_000);
  const guest = await recordNtlet({ teardown: (clean: () => unknown) => kept.push(clean) } as never);
  await guest.booted();
  await guest.logIn(0, 'Administrator', 'honey');
  await guest.run('stress 3 16', { seconds: 200 });
  await guest.finish();
  run = await matchStress(guest.path);
});
test.after.always(async () => {
  for (const clean of kept.reverse()) await clean();
});

const found = (call: RealCall) => run.pairings['thread-stack'].found.get(call)!;
const called = (name: string, calls = run.calls): readonly RealCall[] =>
  calls.filter((one) => one.name === name);
const ended = (outcome: string, calls: readonly RealCall[]) => calls.filter((one) => one.outcome === outcome);

/** All calls of a case, each of which must be reported as it was. */
function theCase(t: ExecutionContext, name: string): readonly RealCall[] {
  const calls = run.calls.filter((one) => one.case === name);
  t.true(calls.length > 10, `${name}: ${calls.length} calls`);
  reported(t, calls);
  return calls;
}

function reported(t: ExecutionContext, calls: readonly RealCall[]): void {
  const pairing = run.pairings['thread-stack'];
  for (const call of calls) {
    t.is(pairing.fault(call), undefined, `${call.name}, call ${call.number}`);
    t.is(pairing.parentFault(call), undefined, `${call.name}, call ${call.number}`);
  }
}

/** An older matcher gets some of these calls wrong. */
function errs(t: ExecutionContext, matcher: MatcherName, calls: readonly RealCall[], all = false): void {
  const wrong = run.pairings[matcher].wrong(calls);
  t.true(
    all ? wrong.length === calls.length : wrong.length > 0,
    `${matcher}: ${wrong.length} of ${calls.length}`,
  );
  t.true(calls.length > 0);
}

/** Whether two calls were open at the same time. */
const overlap = (a: RealCall, b: RealCall): boolean => {
  const [x, y] = [found(a), found(b)];
  return x.entered < y.endedAt && y.entered < x.endedAt;
};

test('the whole run: each call once, rightly; the state at the end is the recorded one', (t) => {
  t.true(run.replay.finalChecked);
  t.true(run.calls.length > 5000);
  reported(t, run.calls);
  t.is(run.pairings['thread-stack'].rest.size, 0, 'no call that there was not');
  const cases = new Set(run.records.flatMap((r) => (r.kind === 'mark' ? [r.text] : [])));
  t.is(cases.size, 21);
  for (const name of cases)
    t.true(
      run.calls.some((one) => one.case === name),
      name,
    );
});

test('many hooks: what is hooked where nothing runs costs no event and changes no finding', async (t) => {
  const look = async (idle: number) => {
    let hits = 0;
    const texts: string[] = [];
    const hooks = defineHooks('many', ({ call }) => {
      for (let i = 0; i < idle; i++) call(0x9000_0000 + 16 * i, { pre: () => texts.push('never') });
      call('Nt*', { post: (one) => texts.push(one.text) });
    });
    await runHooks(ATTACK, hooks, {
      onSession: (session) => {
        const hit = session.hit.bind(session);
        session.hit = (address, counter) => {
          hits++;
          hit(address, counter);
        };
      },
    });
    return { hits, texts };
  };
  const few = await look(0);
  t.true(few.hits > 500);
  t.deepEqual(await look(5000), few);
});

test('recursion, and one return address for all services: the stack pointer decides', (t) => {
  const calls = theCase(t, 'recursion');
  const recursive = called('stress!Recurse', calls).filter((one) => one.parent?.name === one.name);
  const inner = recursive.filter((one) => one.parent!.parent?.name === one.name);
  t.true(inner.length > 100);
  for (const one of inner) {
    t.is(found(one).returnAddress, found(one.parent!).returnAddress, 'one place in the code');
    t.true(one.esp < one.parent!.esp);
    t.true(found(one).order < found(one.parent!).order, 'the inner one ends first');
    t.true(overlap(one, one.parent!));
  }
  // A service that opens a symbolic link calls itself through the dispatcher, which calls all services from one place.
  const links = called('NtCreateFile', calls).filter((one) => one.parent?.name === 'NtCreateFile');
  t.true(links.length > 0);
  const fromDispatcher = run.calls.filter(({ door }) => /sysenter|int2e|dispatcher/.test(door));
  t.is(new Set(fromDispatcher.map((one) => found(one).returnAddress)).size, 1);
  errs(t, 'single-slot', recursive);
});

test('two threads in one address space, in the same function at once: kept apart by the thread', (t) => {
  const delays = called('NtDelayExecution');
  const both = delays.filter((a) =>
    delays.some(
      (b) => b.process === a.process && b.thread !== a.thread && b.number > a.number && overlap(a, b),
    ),
  );
  t.true(both.length > 50);
  reported(t, both);
  for (const one of both.slice(0, 50)) t.is(run.pairings['thread-stack'].found.get(one)!.object, one.object);
  errs(t, 'single-slot', both);
});

test('another thread enters and leaves the same function while a call is open', (t) => {
  const calls = theCase(t, 'switch inside a call');
  const services = run.calls.filter(({ name }) => name === 'NtReadFile' || name === 'NtWriteFile');
  const waited = called('NtReadFile', calls).filter((outer) =>
    services.some(
      (one) =>
        one.name === outer.name &&
        one.thread !== outer.thread &&
        found(one).entered > found(outer).entered &&
        found(one).endedAt < found(outer).endedAt,
    ),
  );
  t.true(waited.length > 0);
  errs(t, 'single-slot', waited);
});

test('stdcall and cdecl: either stack pointer is a return, and arguments are those of the entry', (t) => {
  const calls = theCase(t, 'stdcall and cdecl');
  const sums = called('stress!Sum', calls);
  t.true(sums.length > 0);
  for (const one of sums) {
    t.deepEqual([...found(one).words.slice(0, 3)], [1, 2, 3]);
    t.deepEqual([...found(one).after.slice(1, 3)], [0xdeadbeef, 0xdeadbeef], 'used as variables meanwhile');
    t.is(found(one).endedEsp, one.esp + 4, 'the caller takes them off');
  }
  const printed = called('DbgPrint', calls);
  t.true(printed.length > 0);
  for (const one of printed) t.is(found(one).endedEsp, one.esp + 4);
  const closes = called('NtClose').filter(({ outcome }) => outcome === 'returned');
  for (const one of closes) t.is(found(one).endedEsp, one.esp + 4 + 4, 'the function takes its one word off');
});

test('a first instruction that is begun again, by a fault, by REP or by a loop: one call', (t) => {
  const calls = theCase(t, 'restarted first instruction');
  for (const name of ['stress!Touch', 'InterlockedExchange', 'RtlFillMemoryUlong']) {
    const own = called(name, calls);
    t.true(own.length > 0);
    t.is([...run.pairings['thread-stack'].rest].filter((one) => one.name === name).length, 0);
    const more = [...run.pairings['return-address'].rest].filter((one) => one.name === name);
    t.true(more.length >= own.length, `return-address sees ${name} ${more.length} times too often`);
  }
  errs(t, 'return-address', calls);
});

test('a function that ends in a jump to another: both return at once, the inner first', (t) => {
  const calls = theCase(t, 'tail call');
  const inner = called('NtResumeThread', calls).filter(({ door }) => door === 'jump');
  t.true(inner.length > 0);
  for (const one of inner) {
    const [own, outer] = [found(one), found(one.parent!)];
    t.is(one.parent!.name, 'NtAlertResumeThread');
    t.is(own.esp, outer.esp, 'one place on the stack');
    t.is(own.returnAddress, outer.returnAddress);
    t.is(own.endedAt, outer.endedAt);
    t.is(own.order + 1, outer.order);
    t.is(own.result, outer.result);
  }
  const both = inner.flatMap((one) => [one, one.parent!]);
  errs(t, 'single-slot', both);
  errs(t, 'return-address', both);
});

test('calls that an exception or a jump passes over are unwound, each of them', (t) => {
  const calls = [
    ...theCase(t, 'exception unwinds'),
    ...theCase(t, 'longjmp'),
    ...theCase(t, 'longjmp out of an APC'),
  ];
  const unwound = ended('unwound', calls);
  const names = new Set(unwound.map(({ name }) => name));
  for (const name of [
    'stress!Throw',
    'stress!Jump',
    'stress!WaitForApc',
    'NtDeviceIoControlFile',
    'NtWriteFile',
  ])
    t.true(names.has(name), name);
  // Where the stack has grown again to the same place, the next call there is another one.
  const again = unwound.filter((one) =>
    calls.some((two) => two.number > one.number && two.thread === one.thread && two.esp === one.esp),
  );
  t.true(again.length > 0);
  errs(t, 'return-address', unwound, true);
  errs(t, 'single-slot', unwound, true);
});

test('calls that never return by design', (t) => {
  const calls = [
    ...theCase(t, 'NtContinue'),
    ...theCase(t, 'callback and stack exchange'),
    ...theCase(t, 'thread exits'),
    ...theCase(t, 'APC'),
  ];
  const never = ended('noreturn', calls);
  const names = new Set(never.map(({ name }) => name));
  for (const name of ['NtContinue', 'NtCallbackReturn', 'NtTerminateThread']) t.true(names.has(name), name);
  t.true(ended('noreturn', called('NtTerminateProcess')).length > 0);
  // The same functions do return where they fail, or are about others.
  for (const name of ['NtContinue', 'NtTerminateThread'])
    t.true(ended('returned', called(name)).length > 0, name);
  errs(t, 'return-address', never, true);
  errs(t, 'single-slot', never, true);
});

test('a thread or a process that is ended inside its calls; its number, object and stack are used again', (t) => {
  const calls = [
    ...theCase(t, 'killed inside a call'),
    ...theCase(t, 'suspended'),
    ...theCase(t, 'process killed inside calls'),
  ];
  const killed = ended('killed', calls);
  t.true(new Set(killed.map(({ name }) => name)).size >= 4, 'in a read, a wait, a message …');
  // Another thread has the object, and even a call of the same function at the same place.
  const heirs = killed.flatMap((one) => {
    const heir = run.calls.find(
      (two) =>
        two.number > one.number && two.object === one.object && two.esp === one.esp && two.name === one.name,
    );
    return heir === undefined || heir.thread === one.thread ? [] : [[one, heir] as const];
  });
  t.true(heirs.length > 0);
  for (const [one, heir] of heirs) t.not(found(one).key, found(heir).key);
  errs(t, 'return-address', killed, true);
  errs(t, 'single-slot', killed, true);
});

test('code that runs before the caller goes on: APCs and user-mode callbacks, with services in them', (t) => {
  const apcs = theCase(t, 'APC');
  const callbacks = theCase(t, 'callback and stack exchange');
  const delivered = called('stress!Apc', apcs);
  t.true(delivered.length > 0);
  for (const one of delivered) {
    const inside = run.calls.filter(({ parent }) => parent === one);
    t.deepEqual(
      inside.map(({ name }) => name),
      ['NtYieldExecution', 'NtFlushWriteBuffer'],
    );
    for (const service of inside) t.is(found(service).parent, found(one));
  }
  const entered = called('stress!Callback', callbacks);
  t.true(entered.length > 0);
  for (const one of entered) t.is(found(one).parent?.name, 'KeUserModeCallback');
  const depth = (one: RealCall): number => (one.parent === undefined ? 0 : 1 + depth(one.parent));
  t.true(Math.max(...callbacks.map(depth)) >= 8, 'the kernel and the program call each other, three deep');
  errs(t, 'single-slot', entered);
});

test('the kernel exchanges the stack of a thread inside a call; fibers leave calls open on another stack', (t) => {
  const calls = theCase(t, 'callback and stack exchange');
  const exchanged = run.records.filter((r) => r.kind === 'event' && r.what === 'kernel-stack');
  t.true(exchanged.length >= 16);
  for (const { instruction, thread } of exchanged) {
    const open = calls.filter(
      (one) => one.thread === thread && one.instruction <= instruction && found(one).endedAt > instruction,
    );
    t.true(open.length > 0, 'a call is open while it happens');
    t.true(open.every(({ outcome }) => outcome === 'returned'));
  }
  const pings = called('stress!Ping', theCase(t, 'fibers'));
  const stacks = new Set(pings.map(({ stack }) => stack));
  t.deepEqual([...stacks].sort(), [0, 1]);
  const crossed = pings.filter((a) =>
    pings.some((b) => b.thread === a.thread && b.stack !== a.stack && b.number > a.number && overlap(a, b)),
  );
  t.true(crossed.length > 0);
  // Neither is inside the other.
  for (const one of pings) t.is(found(one).parent, undefined);
  t.true(ended('unwound', pings).length > 0, 'the last one of the other fiber goes with its stack');
  errs(t, 'single-slot', pings);
  errs(t, 'return-address', ended('unwound', pings), true);
});

test('a call that returns and whose I/O goes on is pending, whether that ends or not', (t) => {
  const pending = ended('pending', theCase(t, 'pending'));
  t.true(pending.length > 0);
  for (const one of pending) t.is(found(one).result, 0x103);
  // One of each pair is completed by a write, the other when the pipe is closed.
  t.true(pending.some(({ completed }) => completed));
  const after = run.records.filter((r) => r.kind === 'complete');
  for (const { call, instruction } of after) {
    const one = pending.find(({ number }) => number === call);
    if (one !== undefined) t.true(found(one).endedAt < instruction, 'the call is over before');
  }
});

test('fork: one call, and a second return in the copy of its caller', (t) => {
  const calls = theCase(t, 'fork');
  const forks = called('stress!Fork', calls);
  t.true(forks.length > 0);
  for (const one of forks) {
    t.is(found(one).result, 0, 'in the parent');
    t.is(found(one).again.length, 1);
    t.regex(found(one).again[0]!, /^0x129 in \d+$/, 'STATUS_PROCESS_CLONED');
    t.false(found(one).again[0]!.endsWith(` in ${one.tid}`));
  }
  errs(t, 'return-address', forks, true);
  errs(t, 'single-slot', forks, true);
});

test('SYSENTER, int 2Eh and calls from within the kernel: the services return to where the dispatcher called them', (t) => {
  const calls = [...theCase(t, 'both doors'), ...theCase(t, 'nested services')];
  for (const name of ['NtYieldExecution', 'NtDelayExecution', 'NtClose', 'NtReadFile']) {
    const doors = new Set(called(name, calls).map(({ door }) => door));
    t.true(doors.has('int2e'), name);
    t.true(doors.size > 1 || called(name).some(({ door }) => door === 'sysenter'), name);
  }
  const direct = calls.filter(({ door, parent }) => door === 'direct' && parent !== undefined);
  t.true(direct.length > 0, 'a service that another one calls, without the dispatcher');
  t.true(calls.some(({ door }) => door === 'dispatcher'));
});

test('a request that another thread answers', (t) => {
  const requests = called('NtRequestWaitReplyPort', theCase(t, 'LPC'));
  t.true(ended('returned', requests).length >= 16);
});

test('calls that are open when the trace ends stay open', (t) => {
  const open = ended('open', run.calls);
  reported(t, open);
  const names = open.map(({ name }) => name);
  t.true(names.includes('NtReadFile'), 'the shell waits for the next command');
  t.true(names.includes('NtReplyWaitReceivePort'));
  for (const one of open) {
    t.is(found(one).endedAt, run.replay.instructions);
    t.is(found(one).result, undefined);
  }
  errs(t, 'single-slot', open);
});
