/** `single-slot` and `return-address`: where they are right, and precisely where they err. */
import test from 'ava';
import fc from 'fast-check';
import { RebekError } from '../../../src/base/errors.ts';
import { createMatcher, MATCHERS } from '../../../src/hooks/match/matchers.ts';
import { fn, Stage, TestHost } from './support.ts';

const KERNEL = { low: 0x8010_0000, high: 0x8010_2000 };
const KERNEL2 = { low: 0x8011_0000, high: 0x8011_2000 };
const read = fn('read', 0x8050_1000, 3);
const write = fn('write', 0x8050_2000, 3);
const DISPATCHER = 0x8050_0100;

function stage(matcher: string): Stage {
  const s = new Stage(matcher);
  s.kernel(1, KERNEL.high - 0x80, KERNEL);
  s.codeAt(DISPATCHER, [0xff, 0xd3]);
  return s;
}

const service = (s: Stage, which: typeof read): number => s.call(which, DISPATCHER, [1, 2, 3], 2);

test('there are three matchers, by name', (t) => {
  for (const { name, description } of MATCHERS) {
    t.is(createMatcher(name, new TestHost()).name, name);
    t.true(description.length > 20);
  }
  const error = t.throws(() => createMatcher('qebek', new TestHost()), { instanceOf: RebekError });
  t.is(error?.code, 'ERR_HOOKS_MATCHER');
  for (const { name } of MATCHERS) t.true(error?.hint?.includes(name));
});

test('single-slot: a call that is entered again before it has returned is lost', (t) => {
  const s = stage('single-slot');
  const outer = service(s, read);
  const inner = service(s, read);
  s.ret(inner, 2, 3);
  s.ret(outer, 1, 3);
  t.deepEqual(s.finish(), []);
  t.deepEqual(s.story, ['read open', 'read returned 2']);
});

test("single-slot: another thread's return is taken for this one's", (t) => {
  const s = stage('single-slot');
  const first = service(s, read);
  s.kernel(2, KERNEL2.high - 0x80, KERNEL2);
  service(s, read);
  s.kernel(1, first, KERNEL);
  s.ret(first, 11, 3); // of thread 1, and told for the call of thread 2
  t.deepEqual(s.finish(), []);
  t.deepEqual(s.story, ['read open', 'read returned 11']);
  t.is(s.host.calls[1]!.thread, 2);
});

test('single-slot: of two functions with one return address, the first in the chain gets the return', (t) => {
  const s = stage('single-slot');
  s.ret(service(s, read), 1, 3);
  const outer = service(s, read);
  const inner = service(s, write);
  s.ret(inner, 3, 3);
  s.ret(outer, 2, 3);
  t.deepEqual(s.finish(), []);
  t.deepEqual(s.story, ['read returned 1', 'read returned 3', 'write returned 2']);
});

test('single-slot: a restarted first instruction loses its own call', (t) => {
  const s = stage('single-slot');
  const slot = service(s, read);
  s.enter(read);
  s.ret(slot, 1, 3);
  t.deepEqual(s.finish(), []);
  t.deepEqual(s.story, ['read open', 'read returned 1']);
});

test('return-address: recursion is told apart by EBP, and a restarted first instruction is two calls', (t) => {
  const s = stage('return-address');
  s.on({ ebp: 0x500 });
  const outer = service(s, read);
  s.on({ ebp: 0x400 });
  const inner = service(s, read);
  s.enter(read);
  s.ret(inner, 2, 3);
  s.on({ ebp: 0x500 });
  s.ret(outer, 1, 3);
  t.deepEqual(s.finish(), []);
  t.deepEqual(s.story, ['read returned 1', 'read open', 'read returned 2']);
});

test('return-address: two threads of one process with the same EBP get each other’s results', (t) => {
  const s = stage('return-address');
  const first = service(s, read);
  s.kernel(2, KERNEL2.high - 0x80, KERNEL2);
  const second = service(s, read);
  s.kernel(1, first, KERNEL);
  s.ret(first, 11, 3);
  s.kernel(2, second, KERNEL2);
  s.ret(second, 22, 3);
  t.deepEqual(s.finish(), []);
  t.deepEqual(s.story, ['read returned 22', 'read returned 11']);
});

test('return-address: a call that never returns takes the return of a function that was not even hooked', (t) => {
  const s = stage('return-address');
  const start = s.now.esp;
  service(s, read);
  s.end(1);
  s.leaveKernel(KERNEL.high);
  s.kernel(2, start, KERNEL); // the next thread, on the same stack
  s.ret(s.call(undefined, DISPATCHER, [1], 2), 44, 1);
  t.deepEqual(s.finish(), []);
  t.deepEqual(s.story, ['read returned 44']);
});

test('return-address: another address space has calls of its own', (t) => {
  const s = stage('return-address');
  const first = service(s, read);
  s.on({ asid: 0x2000 });
  s.execute(DISPATCHER);
  s.on({ asid: 0x1000 });
  s.ret(first, 1, 3);
  t.deepEqual(s.finish(), []);
  t.deepEqual(s.story, ['read returned 1']);
});

test('what never returns is kept, however much it is', (t) => {
  for (const name of ['single-slot', 'return-address']) {
    const s = stage(name);
    for (let i = 0; i < 10_000; i++) {
      s.on({ esp: KERNEL.high - 0x80 });
      service(s, read);
    }
    t.deepEqual(s.finish(), []);
    t.is(s.host.calls.length, 10_000);
    t.true(s.host.calls.every(({ outcome }) => outcome === 'open'));
  }
});

test('one thread, calls that return, no function inside itself: all matchers agree', (t) => {
  const functions = Array.from({ length: 8 }, (_, i) => fn(`f${i}`, 0x8050_1000 + 0x100 * i, i % 4));
  /** Numbers below 8 call a function, others return from the innermost. */
  const run = (name: string, steps: readonly number[]): string[] => {
    const s = stage(name);
    const open: { index: number; slot: number; ebp: number }[] = [];
    let result = 0;
    const leave = (): void => {
      const call = open.pop();
      if (call === undefined) return;
      s.on({ ebp: call.ebp });
      s.ret(call.slot, ++result, functions[call.index]!.pops);
    };
    for (const index of steps) {
      const what = functions[index];
      if (what === undefined) leave();
      if (what === undefined || open.some((call) => call.index === index)) continue;
      // Each function is called from a place of its own.
      const slot = s.call(what, 0x8060_0005 + 0x40 * index, new Array(what.pops ?? 0).fill(9));
      open.push({ index, slot, ebp: s.now.ebp });
      s.on({ esp: slot - 0x20, ebp: slot - 4 });
    }
    while (open.length > 0) leave();
    t.deepEqual(s.finish(), []);
    return s.story;
  };
  fc.assert(
    fc.property(fc.array(fc.nat(13), { maxLength: 60 }), (steps) => {
      const story = run('thread-stack', steps);
      t.true(story.every((line) => line.includes('returned')));
      t.deepEqual(run('return-address', steps), story);
      t.deepEqual(run('single-slot', steps), story);
    }),
    { numRuns: 500 },
  );
});
