/** Calls that do not return: exceptions, longjmp, what never returns by design, what is killed. */
import test from 'ava';
import {
  DISPATCHER,
  exit,
  FROM_A,
  FROM_B,
  f,
  g,
  KERNEL,
  KERNEL2,
  open,
  read,
  service,
  stage,
  USER,
  write,
} from './stage.ts';
import { fn } from './support.ts';

test('an exception or longjmp passes over calls: all are unwound, and the stack grows to the same ESP again', (t) => {
  const s = stage();
  s.user(1, USER.high - 0x100, USER);
  const start = s.now.esp;
  s.call(f, FROM_A);
  s.call(g, FROM_B);
  s.on({ esp: start });
  // The same call from the same place: the CALL instruction shows that the first one is over.
  const slot = s.call(f, FROM_A);
  t.deepEqual(s.story, ['f unwound', 'g unwound', 'f -']);
  t.true(s.host.calls[1]!.order < s.host.calls[0]!.order);
  t.is(s.host.calls[2]!.parent, undefined);
  s.enter(f); // while this one, now, is a loop
  s.ret(slot, 3);
  t.is(s.story[2], 'f returned 3');
  t.deepEqual(s.finish(), []);
});

test('longjmp, then a call from elsewhere with the same ESP; and one that is deeper', (t) => {
  const s = stage();
  s.user(1, USER.high - 0x100, USER);
  const start = s.now.esp;
  s.call(f, FROM_A);
  s.on({ esp: start });
  s.ret(s.call(g, FROM_B), 1);
  t.deepEqual(s.story, ['f unwound', 'g returned 1']);
  s.call(f, FROM_A);
  s.on({ esp: start - 0x40 });
  s.memory.write(0x1000, start - 4, 0x1234_5678); // a variable of the function that has been landed in
  const deeper = s.call(g, FROM_B);
  t.is(s.host.calls[3]!.parent, undefined, 'what has lost its place is no parent');
  s.ret(deeper, 2);
  s.on({ esp: start });
  s.execute(FROM_A - 5);
  t.deepEqual(s.story.slice(2), ['f unwound', 'g returned 2']);
  t.deepEqual(s.finish(), []);
});

test('if (setjmp(b) == 0) f(); the condition jumps to where f returns to', (t) => {
  for (const stack of [USER, undefined]) {
    const s = stage();
    s.user(1, USER.high - 0x100, stack);
    // call setjmp; test %eax, %eax; jne FROM_A; call f; FROM_A:
    s.codeAt(FROM_A, [0xe8, 0, 0, 0, 0, 0x85, 0xc0, 0x75, 0x05, 0xe8, 0, 0, 0, 0]);
    const start = s.now.esp;
    s.call(f, FROM_A);
    s.on({ esp: start, eax: 7 });
    s.execute(FROM_A - 9); // setjmp returns once more
    s.execute(FROM_A); // jumped to
    t.deepEqual(s.story, ['f unwound'], stack === undefined ? 'stack not known' : 'stack known');
    s.ret(s.call(f, FROM_A), 3); // this time it is called
    t.deepEqual(s.story[1], 'f returned 3');
    t.deepEqual(s.finish(), []);
  }
});

test('a catch block jumps to where the call returns to: its own calls have taken the place', (t) => {
  const s = stage();
  s.user(1, USER.high - 0x100, USER);
  const slot = s.call(f, FROM_A);
  s.memory.write(0x1000, slot, FROM_B); // __cxa_end_catch(), called from the same function
  s.on({ esp: slot + 4 });
  s.execute(FROM_A);
  t.deepEqual(s.story, ['f unwound']);
  // But an interrupt that comes between the return and the next instruction makes no difference; nor does a debugger.
  s.kernel(1, KERNEL.high - 0x80, KERNEL);
  for (const words of [
    [0x202, 0x08, DISPATCHER],
    [0xc010_0000, 1, 2],
  ]) {
    const at = service(s, read);
    const end = at + 4 + 12;
    s.memory.write(0, at, 0xc010_0000);
    words.forEach((word, i) => {
      s.memory.write(0, end - 4 - 4 * i, word);
    });
    s.on({ esp: end, eax: 1 });
    s.execute(DISPATCHER);
    t.is(s.story.at(-1), 'read returned 1');
  }
  t.deepEqual(s.finish(), []);
});

test('a service that an exception has ended, and the next one with more arguments: the first is not its parent', (t) => {
  const s = stage();
  s.kernel(1, KERNEL.high - 0x80, KERNEL);
  const start = s.now.esp;
  service(s, open);
  s.on({ esp: start }); // the dispatcher goes on elsewhere, and the program makes the next call
  const slot = service(s, read);
  t.is(s.host.calls[1]!.parent, undefined);
  s.ret(slot, 12, 3);
  t.deepEqual(s.story, ['open unwound', 'read returned 12']);
  t.deepEqual(s.finish(), []);
});

test('NtContinue, sigreturn, exec: what leaves the kernel for good does not return', (t) => {
  const s = stage();
  t.false(s.host.exits);
  service(s, exit);
  t.true(s.host.exits, 'exits are watched while such a call is open');
  s.leaveKernel(KERNEL.high);
  t.deepEqual(s.story, ['exit noreturn']);
  t.false(s.host.exits);
  // One that fails, and returns; and a callback's kernel part below, which the exit to the callback does not end.
  s.kernel(1, KERNEL.high - 0x80, KERNEL);
  s.ret(service(s, exit), 0xc000_0005, 1);
  const outer = service(s, read);
  s.on({ esp: outer - 0x40 });
  service(s, exit);
  s.leaveKernel(outer - 0x20);
  t.deepEqual(s.story.slice(1), [`exit returned ${0xc000_0005}`, 'read -', 'exit noreturn']);
  t.deepEqual(s.finish(), []);
});

test('NtCallbackReturn: the kernel stack is passed over inside the kernel', (t) => {
  const s = stage();
  const callback = service(s, read);
  s.on({ esp: callback - 0x200 });
  service(s, exit);
  s.on({ esp: callback - 0x20 });
  s.ret(callback, 2, 3);
  t.deepEqual(s.story, ['read returned 2', 'exit noreturn']);
  t.deepEqual(s.finish(), []);
});

test('execve: what the program had open went with its address space', (t) => {
  const s = stage();
  s.user(1, 0xbfff_f000 - 2 ** 31, undefined);
  s.call(f, FROM_A);
  s.call(fn('execve', 0x40_7000, 0, true), FROM_B);
  t.true(s.host.exits);
  s.on({ cpl: 0, asid: 0x5000 });
  s.leaveKernel(KERNEL.high);
  t.deepEqual(s.story, ['f unwound', 'execve noreturn']);
  t.deepEqual(s.finish(), []);
});

test('a thread killed inside a call, and its stack, object and CR3 used again', (t) => {
  const s = stage();
  service(s, read);
  s.on({ esp: s.now.esp - 0x20 });
  service(s, write);
  s.kernel(2, KERNEL2.high - 0x80, KERNEL2);
  s.end(1);
  t.deepEqual(s.story, ['read killed', 'write killed']);
  s.kernel(3, KERNEL.high - 0x80, KERNEL); // the next incarnation, on the same stack
  const slot = service(s, read);
  t.is(s.host.calls[2]!.parent, undefined);
  s.ret(slot, 6, 3);
  t.deepEqual(s.story.slice(2), ['read returned 6']);
  t.deepEqual(s.finish(), []);
});

test('a thread ends itself: the innermost call is noreturn, those around it are killed', (t) => {
  const s = stage();
  service(s, read);
  s.on({ esp: s.now.esp - 0x20 });
  service(s, exit);
  s.end(1);
  t.deepEqual(s.story, ['read killed', 'exit noreturn']);
  // Of another thread: it is only killed.
  s.kernel(2, KERNEL2.high - 0x80, KERNEL2);
  service(s, exit);
  s.end(2, () => false);
  t.is(s.story[2], 'exit killed');
  t.deepEqual(s.finish(), []);
});

test('a service that an exception has ended is not the parent of what the program does next', (t) => {
  const s = stage();
  s.user(1, USER.high - 0x100, USER);
  const outer = s.call(f, FROM_A);
  s.kernel(1, KERNEL.high - 0x80, KERNEL);
  service(s, read);
  s.leaveKernel(KERNEL.high);
  t.is(s.story[1], 'read unwound');
  s.user(1, outer - 0x10, USER);
  s.call(g, FROM_B);
  t.is(s.host.calls[2]!.parent, s.host.calls[0]);
  t.deepEqual(s.finish(), []);
});

test('the trace ends inside calls: they are open, but for those that the stack has passed', (t) => {
  const s = stage();
  service(s, read);
  s.on({ esp: s.now.esp - 0x40 });
  const passed = service(s, write);
  s.kernel(2, KERNEL2.high - 0x80, KERNEL2);
  service(s, read);
  t.deepEqual(
    s.finish(({ esp }) => esp !== passed),
    [],
  );
  t.deepEqual(s.story, ['read open', 'write unwound', 'read open']);
  t.is(s.host.calls[2]!.order, 1, 'the last to begin ends first');
});
