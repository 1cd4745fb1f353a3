/** Every way a call can end has a test: here those of calls that return; see also unwinding, stacks and copies. */
import test from 'ava';
import { DISPATCHER, f, KERNEL, KERNEL2, open, read, service, stage, USER, write } from './stage.ts';
import { fn } from './support.ts';

test('many hooks: an event costs the same whether there are ten functions or a hundred thousand', (t) => {
  const s = stage();
  const many = Array.from({ length: 100_000 }, (_, i) => fn(`f${i}`, 0x40_0000 + 16 * i));
  const time = (functions: readonly (typeof read)[]): number => {
    const start = performance.now();
    for (let i = 0; i < 20_000; i++)
      s.ret(s.call(functions[(i * 7919) % functions.length]!, 0x50_0000 + 64 * (i % 64)), i);
    return performance.now() - start;
  };
  s.user(1, USER.high - 0x100, USER);
  time(many);
  const few = time(many.slice(0, 10));
  const all = time(many);
  t.true(all < 20 * few + 50, `${few} ms, ${all} ms`);
  t.deepEqual(s.finish(), []);
});

test('recursion and a shared return address: the stack pointer decides', (t) => {
  const s = stage();
  const outer = service(s, read);
  const middle = service(s, read);
  const inner = service(s, write);
  s.ret(inner, 3, 2);
  s.ret(middle, 2, 3);
  s.ret(outer, 1, 3);
  t.deepEqual(s.story, ['read returned 1', 'read returned 2', 'write returned 3']);
  t.is(s.host.calls[2]!.parent, s.host.calls[1]);
  t.is(s.host.calls[1]!.parent, s.host.calls[0]);
  t.deepEqual(s.finish(), []);
});

test('two threads in one address space, in the same function', (t) => {
  const s = stage();
  const first = service(s, read);
  s.kernel(2, KERNEL2.high - 0x80, KERNEL2);
  const second = service(s, read);
  s.kernel(1, first, KERNEL);
  s.ret(first, 11, 3);
  s.kernel(2, second, KERNEL2);
  s.ret(second, 22, 3);
  t.deepEqual(s.story, ['read returned 11', 'read returned 22']);
  t.deepEqual(
    s.host.calls.map(({ thread, parent }) => [thread, parent]),
    [
      [1, undefined],
      [2, undefined],
    ],
  );
  t.deepEqual(s.finish(), []);
});

test('a context switch inside the call: another thread enters and leaves the same function meanwhile', (t) => {
  const s = stage();
  const first = service(s, read);
  s.kernel(2, KERNEL2.high - 0x80, KERNEL2);
  s.ret(service(s, read), 22, 3);
  s.ret(service(s, read), 23, 3);
  s.kernel(1, first, KERNEL);
  s.ret(first, 11, 3);
  t.deepEqual(s.story, ['read returned 11', 'read returned 22', 'read returned 23']);
  t.deepEqual(s.finish(), []);
});

test('stdcall or cdecl: the arguments may be popped, or left; and overwritten inside the call', (t) => {
  for (const words of [0, 3]) {
    const s = stage();
    const slot = service(s, read);
    for (let i = 1; i <= 3; i++) s.memory.write(0, slot + 4 * i, 0xdead_beef);
    s.ret(slot, 5, words);
    t.deepEqual(s.story, ['read returned 5']);
    t.deepEqual(s.finish(), []);
  }
  const s = stage();
  s.ret(s.call(fn('unknown', 0x8050_7000, 'unknown'), DISPATCHER, [1, 2, 3, 4, 5], 2), 6, 5);
  t.deepEqual(s.story, ['unknown returned 6']);
  // Beyond what it can pop, it is not its return.
  const slot = service(s, open);
  s.on({ esp: slot + 12 });
  s.execute(DISPATCHER);
  t.is(s.story[1], 'open unwound');
  t.deepEqual(s.finish(), []);
});

test('a restarted first instruction, `rep`, a loop back to the entry: one call', (t) => {
  const s = stage();
  const slot = service(s, read);
  for (let i = 0; i < 100; i++) s.enter(read);
  s.ret(slot, 9, 3);
  t.deepEqual(s.story, ['read returned 9']);
  // One that did not come from a CALL.
  s.push(0x8050_9999);
  const other = s.now.esp;
  s.enter(open);
  s.enter(open);
  s.ret(other, 8);
  t.deepEqual(s.story.slice(1), ['open returned 8']);
  t.deepEqual(s.finish(), []);
});

test('a tail call: two calls share one return address, and end together, innermost first', (t) => {
  const s = stage();
  const slot = service(s, read);
  s.enter(write);
  s.enter(write); // its first instruction again
  s.enter(read); // a jump back: that call is open
  t.is(s.host.calls.length, 2);
  t.is(s.host.calls[1]!.parent, s.host.calls[0]);
  s.ret(slot, 4, 2);
  t.deepEqual(s.story, ['read returned 4', 'write returned 4']);
  t.true(s.host.calls[1]!.order < s.host.calls[0]!.order);
  t.deepEqual(s.finish(), []);
});

test('STATUS_PENDING: the call has returned, with that result', (t) => {
  const s = stage();
  s.ret(service(s, read), 0x103, 3);
  t.deepEqual(s.story, ['read returned 259']);
  t.deepEqual(s.finish(), []);
});

test('restart_syscall: two calls of the kernel, each with its own result', (t) => {
  const s = stage();
  const restart = fn('restart_syscall', 0x8050_6000);
  s.ret(service(s, read), -516 >>> 0, 0);
  s.on({ esp: KERNEL.high - 0x80 });
  s.ret(service(s, restart), 0);
  t.deepEqual(s.story, [`read returned ${-516 >>> 0}`, 'restart_syscall returned 0']);
  t.deepEqual(s.finish(), []);
});

test('sysenter, int 80h, int 2Eh, vDSO: any word on the stack is a return address, with no CALL before it', (t) => {
  const s = stage();
  const slot = s.call(read, 0x8050_0a00, [1, 2, 3]);
  s.codeAt(0x8050_0a00, [0x0f, 0x34]);
  s.ret(slot, 4, 3);
  s.memory.write(0, KERNEL.low + 8, 0);
  s.on({ esp: KERNEL.low + 8 });
  s.enter(open);
  t.deepEqual(s.story, ['read returned 4', 'open -']);
  t.deepEqual(s.finish(), []);
});

test('what has ended takes no memory, whoever it was', (t) => {
  const s = stage();
  for (let thread = 1; thread <= 3000; thread++) {
    s.user(thread, USER.high - 0x100, USER);
    s.on({ asid: 0x1000 * (1 + (thread % 50)) });
    for (let i = 0; i < 4; i++) {
      const from = 0x40_0105 + 64 * ((thread * 7 + i) % 500);
      s.call(f, from); // is open until the thread ends
      s.on({ esp: s.now.esp - 0x10 });
      s.ret(s.call(f, from), 1);
    }
    s.kernel(thread, KERNEL.high - 0x80, KERNEL);
    service(s, read);
    s.end(thread);
  }
  const kept = s.matcher as unknown as {
    threads: Map<number, unknown>;
    regions: Map<number, unknown>;
    copies: { gone: Map<number, unknown> };
    sites: { sites: Map<number, unknown> };
  };
  t.is(kept.threads.size + kept.regions.size, 0);
  t.true(kept.copies.gone.size <= 64);
  t.true(kept.sites.sites.size <= 8192 + 1024);
  t.true(s.host.watched.size <= 500);
  t.true(s.host.calls.every(({ outcome }) => outcome !== undefined));
  t.deepEqual(s.finish(), []);
});
