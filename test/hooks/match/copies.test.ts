/** fork, vfork and clone: one call, two returns. */
import test from 'ava';
import { FROM_A, FROM_B, f, g, KERNEL, stage, USER } from './stage.ts';
import { fn } from './support.ts';

test('fork: one call, two returns, whichever is first', (t) => {
  const fork = fn('fork', 0x40_5000);
  for (const childFirst of [false, true]) {
    const s = stage();
    s.user(1, USER.high - 0x100, USER);
    const outer = s.call(f, FROM_A);
    const slot = s.call(fork, FROM_B);
    s.memory.copy(0x1000, 0x3000);
    s.host.makers.set(2, { thread: 1, instruction: s.now.instruction + 1 });
    s.now.instruction += 5;
    const parent = (): void => {
      s.user(1, slot, USER);
      s.on({ asid: 0x1000 });
      s.ret(slot, 4711);
    };
    const child = (): void => {
      s.user(2, slot, USER);
      s.on({ asid: 0x3000 });
      s.ret(slot, 0);
    };
    if (childFirst) child();
    parent();
    if (!childFirst) child();
    // The child goes on: calls of its own, the same place again, and out of what it has inherited.
    s.user(2, slot + 4, USER);
    s.on({ asid: 0x3000 });
    s.ret(s.call(g, FROM_B), 5);
    s.on({ esp: slot + 4 });
    s.execute(FROM_B, true);
    s.ret(outer, 6);
    s.user(1, outer, USER);
    s.on({ asid: 0x1000 });
    t.is(s.story[0], 'f -', 'a child closes nothing of its parent');
    s.ret(outer, 7);
    t.deepEqual(s.story, ['f returned 7', 'fork returned 4711', 'g returned 5']);
    t.deepEqual(
      s.host.calls.map(({ again }) => again),
      [[{ thread: 2, result: 6 }], [{ thread: 2, result: 0 }], []],
    );
    t.is(s.host.calls[2]!.parent, undefined);
    t.deepEqual(s.finish(), []);
  }
});

test('fork: the parent is gone before the child runs, and the child of a child', (t) => {
  const s = stage();
  const fork = fn('fork', 0x40_5000);
  s.user(1, USER.high - 0x100, USER);
  const daemonize = s.call(f, FROM_A);
  const slot = s.call(fork, FROM_B);
  s.memory.copy(0x1000, 0x3000);
  s.host.makers.set(2, { thread: 1, instruction: ++s.now.instruction });
  s.ret(slot, 100);
  s.end(1);
  s.user(2, slot, USER);
  s.on({ asid: 0x3000 });
  s.ret(slot, 0);
  const second = s.call(fork, FROM_B);
  s.memory.copy(0x3000, 0x4000);
  s.host.makers.set(3, { thread: 2, instruction: ++s.now.instruction });
  s.ret(second, 200);
  s.end(2);
  s.user(3, second, USER);
  s.on({ asid: 0x4000 });
  s.ret(second, 1);
  s.ret(daemonize, 2);
  t.deepEqual(s.story, ['f killed', 'fork returned 100', 'fork returned 200']);
  t.deepEqual(
    s.host.calls.map(({ again }) => again),
    [[{ thread: 3, result: 2 }], [{ thread: 2, result: 0 }], [{ thread: 3, result: 1 }]],
  );
  t.deepEqual(s.finish(), []);
});

test('vfork, CLONE_VM: the same address space and stack, the child first', (t) => {
  const s = stage();
  const vfork = fn('vfork', 0x40_5000);
  s.user(1, 0x7000_0000, undefined);
  const slot = s.call(vfork, FROM_A);
  s.host.makers.set(2, { thread: 1, instruction: ++s.now.instruction });
  s.on({ thread: 2 });
  s.ret(slot, 0);
  s.ret(s.call(f, FROM_B), 3);
  s.call(fn('execve', 0x40_6000, 0, true), FROM_B); // on the same stack
  s.on({ cpl: 0, asid: 0x8000 });
  s.leaveKernel(KERNEL.high);
  s.on({ thread: 1, asid: 0x1000, esp: slot });
  s.memory.write(0x1000, slot, FROM_A); // vfork has kept it in a register
  s.ret(slot, 4712);
  t.deepEqual(s.story, ['vfork returned 4712', 'f returned 3', 'execve noreturn']);
  t.deepEqual(s.host.calls[0]!.again, [{ thread: 2, result: 0 }]);
  t.deepEqual(s.finish(), []);
});

test('a thread that shares an address space is no copy: it returns from nothing that is not its own', (t) => {
  const s = stage();
  s.user(1, USER.high - 0x100, USER);
  s.call(f, FROM_A);
  s.host.makers.set(2, { thread: 1, instruction: ++s.now.instruction });
  s.user(2, 0x30_0100, { low: 0x30_0000, high: 0x31_0000 });
  s.execute(FROM_A);
  t.deepEqual(s.host.calls[0]!.again, []);
  t.deepEqual(s.story, ['f -']);
  t.deepEqual(s.finish(), []);
});

test('fork: however much the parent has done since, if its making was seen', (t) => {
  const fork = fn('fork', 0x40_5000);
  for (const told of [true, false]) {
    const s = stage();
    s.user(1, USER.high - 0x100, USER);
    const slot = s.call(fork, FROM_B);
    s.memory.copy(0x1000, 0x3000);
    s.host.makers.set(2, { thread: 1, instruction: s.now.instruction + 1 });
    if (told) s.matcher.threadMade?.(2, 1);
    s.now.instruction += 5;
    s.ret(slot, 4711);
    // The same place on the stack, and the same return address, again and again.
    for (let i = 0; i < 100; i++) {
      s.on({ esp: slot + 4 });
      s.ret(s.call(g, FROM_B), i);
    }
    s.user(2, slot, USER);
    s.on({ asid: 0x3000 });
    s.ret(slot, 0);
    t.deepEqual(s.host.calls[0]!.again, told ? [{ thread: 2, result: 0 }] : []);
    s.end(2);
    s.end(1);
    t.deepEqual(s.finish(), []);
    t.is(s.host.watched.size, 0);
  }
});
