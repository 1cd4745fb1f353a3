/** Stacks: callbacks and APCs, one exchanged for another, fibers, those that nobody tells of, the processor's own. */
import test from 'ava';
import { FROM_A, FROM_B, f, g, KERNEL, KERNEL2, open, read, service, stage, USER, write } from './stage.ts';
import { fn } from './support.ts';

test('a user APC, a signal handler: other calls before the interrupted one resumes', (t) => {
  const s = stage();
  s.user(1, USER.high - 0x100, USER);
  const outer = s.call(f, FROM_A);
  s.on({ esp: outer - 0x300 }); // the handler's frame
  const handler = s.call(g, FROM_B);
  s.kernel(1, KERNEL.high - 0x80, KERNEL);
  const nested = service(s, read);
  t.is(s.host.calls[1]!.parent, s.host.calls[0]);
  t.is(s.host.calls[2]!.parent, s.host.calls[1]);
  s.ret(nested, 3, 3);
  s.leaveKernel(KERNEL.high);
  s.user(1, handler, USER);
  s.ret(handler, 2);
  s.ret(outer, 1);
  t.deepEqual(s.story, ['f returned 1', 'g returned 2', 'read returned 3']);
  t.deepEqual(s.finish(), []);
});

test('a user-mode callback: the kernel call is the parent of what the program does in it', (t) => {
  const s = stage();
  s.user(1, USER.high - 0x100, USER);
  const outer = s.call(f, FROM_A);
  s.kernel(1, KERNEL.high - 0x80, KERNEL);
  const kernel = service(s, read);
  s.leaveKernel(kernel - 0x200);
  s.user(1, outer - 0x80, USER);
  const inside = s.call(g, FROM_B);
  s.kernel(1, kernel - 0x280, KERNEL);
  const deeper = service(s, write);
  const [a, b, c, d] = s.host.calls;
  t.deepEqual([b!.parent, c!.parent, d!.parent], [a, b, c]);
  s.ret(deeper, 4, 2);
  s.leaveKernel(kernel - 0x200);
  s.user(1, inside, USER);
  s.ret(inside, 3);
  s.kernel(1, kernel, KERNEL);
  s.ret(kernel, 2, 3);
  s.leaveKernel(KERNEL.high);
  s.user(1, outer, USER);
  s.ret(outer, 1);
  t.deepEqual(s.story, ['f returned 1', 'read returned 2', 'g returned 3', 'write returned 4']);
  t.deepEqual(s.finish(), []);
});

test('the kernel stack exchanged inside a call: its content is at the top of another one', (t) => {
  const s = stage();
  const outer = service(s, read);
  s.on({ esp: outer - 0x40 });
  s.codeAt(0x8050_0505);
  const convert = s.call(open, 0x8050_0205, [1]);
  s.on({ esp: convert - 0x20 });
  const copying = s.call(write, 0x8050_0505);
  const by = KERNEL2.high - KERNEL.high;
  for (let a = convert; a < KERNEL.high; a += 4) {
    const word = s.memory.read(0, a);
    if (word !== undefined) s.memory.write(0, a + by, word);
  }
  // What has copied it returns on the old stack, when the thread has the new one already.
  s.on({ kernelStack: KERNEL2 });
  s.ret(copying, 3, 2);
  for (let a = KERNEL.low; a < KERNEL.high; a += 4) s.memory.write(0, a, 0xfefe_fefe);
  s.ret(convert + by, 2, 1);
  const nested = service(s, write);
  t.is(s.host.calls[3]!.parent, s.host.calls[0]);
  s.ret(nested, 4, 2);
  s.ret(outer + by, 1, 3);
  t.deepEqual(s.story, ['read returned 1', 'open returned 2', 'write returned 3', 'write returned 4']);
  t.is(s.host.calls[0]!.frame.esp, outer + by);
  t.deepEqual(s.finish(), []);
});

test('a kernel stack that only continues the other: nothing moves, and the way back ends what is on it', (t) => {
  const s = stage();
  const outer = service(s, read);
  s.kernel(1, KERNEL2.high - 0x40, KERNEL2);
  const inner = service(s, write);
  t.is(s.host.calls[1]!.parent, undefined, 'not known to be the same call chain');
  s.on({ esp: inner - 0x40 });
  service(s, open);
  s.ret(inner, 2, 2);
  service(s, open);
  s.kernel(1, outer, KERNEL);
  s.ret(outer, 1, 3);
  t.deepEqual(s.story, ['read returned 1', 'write returned 2', 'open unwound', 'open unwound']);
  t.deepEqual(s.finish(), []);
});

test('fibers: a shadow stack for each stack, and each its own line of parents', (t) => {
  const s = stage();
  const other = { low: 0x20_0000, high: 0x20_4000 };
  s.user(1, USER.high - 0x100, USER);
  const first = s.call(f, FROM_A);
  s.user(1, other.high - 0x40, other);
  const second = s.call(f, FROM_A);
  s.kernel(1, KERNEL.high - 0x80, KERNEL);
  s.on({ userStack: other });
  const service2 = service(s, read);
  t.deepEqual(
    s.host.calls.map(({ parent }) => parent),
    [undefined, undefined, s.host.calls[1]],
  );
  s.ret(service2, 3, 3);
  s.leaveKernel(KERNEL.high);
  s.user(1, first, USER);
  s.ret(first, 1);
  s.user(1, second, other);
  s.ret(second, 2);
  t.deepEqual(s.story, ['f returned 1', 'f returned 2', 'read returned 3']);
  t.deepEqual(s.finish(), []);
});

test('fibers: one is deleted with a call on it, and the next one has the same stack', (t) => {
  const s = stage();
  const other = { low: 0x20_0000, high: 0x20_4000 };
  s.user(1, other.high - 0x40, other);
  s.call(f, FROM_A);
  s.user(1, other.high - 0x40, other);
  const slot = s.call(f, FROM_A);
  t.deepEqual(s.story, ['f unwound', 'f -']);
  // Deleted for good: the page is gone, and so is the call when its thread is.
  s.memory.free(0x1000, slot, slot + 4);
  s.user(1, USER.high - 0x100, USER);
  for (let i = 0; i < 8; i++) s.ret(s.call(g, FROM_B), 1);
  s.kernel(2, KERNEL2.high - 0x80, KERNEL2);
  s.on({ asid: 0x9000 });
  s.end(1);
  t.is(s.story[1], 'f unwound');
  t.deepEqual(s.finish(), []);
});

test('swapcontext: stacks that nobody tells of, in either order', (t) => {
  for (const [main, coroutine] of [
    [0x7000_0000, 0x10_0000],
    [0x10_0000, 0x7000_0000],
  ] as const) {
    const s = stage();
    s.user(1, main, undefined);
    const a = s.call(f, FROM_A);
    s.user(1, coroutine, undefined);
    const b = s.call(f, FROM_A);
    s.user(1, a - 0x10, undefined);
    const c = s.call(g, FROM_B);
    s.user(1, b - 0x10, undefined);
    const d = s.call(g, FROM_B);
    s.ret(d, 4);
    s.ret(b, 2);
    s.on({ esp: c });
    s.ret(c, 3);
    s.ret(a, 1);
    t.deepEqual(s.story, ['f returned 1', 'f returned 2', 'g returned 3', 'g returned 4']);
    t.deepEqual(s.finish(), []);
  }
});

test('on a stack that nobody tells of: longjmp, by what shows it', (t) => {
  const s = stage();
  s.user(1, 0x7000_0000, undefined);
  const start = s.now.esp;
  s.call(f, FROM_A);
  s.on({ esp: start });
  s.ret(s.call(f, FROM_A), 2); // the CALL is made again
  s.call(f, FROM_A);
  s.on({ esp: start });
  s.ret(s.call(g, FROM_B), 4); // its place is used again
  const slot = s.call(f, FROM_A);
  s.on({ esp: start + 0x100 });
  s.ret(s.call(g, FROM_B), 6);
  s.memory.write(0x1000, slot, 0); // its place is overwritten
  s.on({ esp: start + 0x100 });
  for (let i = 0; i < 3; i++) s.ret(s.call(g, FROM_B), 7);
  t.deepEqual(s.story.slice(0, 7), [
    'f unwound',
    'f returned 2',
    'f unwound',
    'g returned 4',
    'f unwound',
    'g returned 6',
    'g returned 7',
  ]);
  t.deepEqual(s.finish(), []);
});

test('sigaltstack: the handler runs above the stack that it has interrupted', (t) => {
  const s = stage();
  s.user(1, 0x10_0000, undefined);
  const outer = s.call(f, FROM_A);
  s.on({ esp: 0x6000_0000 });
  s.ret(s.call(g, FROM_B), 2);
  s.enter(fn('nobody', 0x40_8000)); // no matter what
  s.on({ esp: outer });
  s.ret(outer, 1);
  t.deepEqual(s.story.slice(0, 2), ['f returned 1', 'g returned 2']);
  t.deepEqual(s.finish(), []);
});

test("interrupts on a stack of the processor's own; and a function that begins in one thread and returns in another", (t) => {
  const s = stage();
  const outer = service(s, read);
  s.on({ esp: 0x8020_1f00 });
  const handler = s.call(open, 0x8050_0405, [1]);
  t.is(s.host.calls[1]!.parent, s.host.calls[0]);
  s.ret(handler, 2, 1);
  s.on({ esp: outer });
  s.ret(outer, 1, 3);
  // __switch_to: ESP is the next thread's already, the current one is not yet.
  s.kernel(1, KERNEL2.high - 0x200, KERNEL);
  const slot = s.call(write, 0x8050_0505);
  s.kernel(2, slot, KERNEL2);
  s.ret(slot, 3);
  t.deepEqual(s.story, ['read returned 1', 'open returned 2', 'write returned 3']);
  t.deepEqual(s.finish(), []);
});

test('no thread is known: by address space in user mode, by region in the kernel', (t) => {
  const s = stage();
  s.on({ thread: 0 });
  const a = service(s, read);
  s.on({ esp: KERNEL2.high - 0x80, asid: 0x2000 });
  const b = service(s, read);
  s.on({ esp: a, asid: 0x3000 }); // attached elsewhere meanwhile
  s.ret(a, 1, 3);
  s.ret(b, 2, 3);
  t.deepEqual(s.story, ['read returned 1', 'read returned 2']);
  s.user(0, 0x7000_0000, undefined);
  const c = s.call(f, FROM_A);
  s.on({ asid: 0x4000 });
  const d = s.call(f, FROM_A);
  s.on({ esp: 0x6000_0000 });
  const e = s.call(f, FROM_A);
  s.ret(d, 4);
  s.ret(e, 5);
  s.on({ asid: 0x3000 });
  s.ret(c, 3);
  t.deepEqual(s.story.slice(2), ['f returned 3', 'f returned 4', 'f returned 5']);
  t.deepEqual(s.finish(), []);
});
