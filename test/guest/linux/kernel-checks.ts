/** What of the kernel's functions must be true at the end of the session. */
import type { ExecutionContext } from 'ava';
import type { LinuxOs } from '../../../src/guest/linux/linux.ts';
import type { Session } from './session.ts';

/** Every symbol of /proc/kallsyms has its address, and no other is there. */
export function checkSymbols(t: ExecutionContext, os: LinuxOs, session: Session): void {
  const functions = new Map<string, number[]>();
  let count = 0;
  for (const line of session.kallsyms.trim().split('\n')) {
    const [, address = '', type = '', name = '', module] =
      /^(\w+) (\w) (\S+)(?:\s+\[(.*)\])?$/.exec(line) ?? [];
    if (module !== undefined) continue;
    count++;
    if (!/^[tw]$/i.test(type)) continue;
    functions.set(name, [...(functions.get(name) ?? []), Number.parseInt(address, 16)]);
  }
  t.true(count > 40_000);
  const all = new Map<number, string>();
  for (const { name, address } of os.functions('*')) all.set(address, name);
  let told = 0;
  for (const [name, addresses] of functions) {
    for (const address of addresses) {
      told++;
      // A place with several names is told once.
      if (!all.has(address)) t.fail(`${name} at ${address.toString(16)} is missing`);
      const at = os.symbolAt(address)?.name ?? '';
      if (!functions.get(at)?.includes(address)) t.fail(`${address.toString(16)} is ${name}, not ${at}`);
    }
  }
  const known = new Set([...functions.values()].flat());
  t.deepEqual(
    [...all.keys()].filter((address) => !known.has(address)),
    [],
  );
  t.log(`${told} functions`);
}

/** System calls have their functions, numbers and parameters. */
export function checkSystemCalls(t: ExecutionContext, os: LinuxOs): void {
  const all = os.functions('sys_*');
  // Numbers without a function: one for all of the table, and the doors for those beyond it.
  const calls = all.filter(({ name }) => name !== 'sys_ni_syscall');
  const nothing = all.filter(({ name }) => name === 'sys_ni_syscall').map(({ address }) => address);
  t.deepEqual(
    nothing.map((address) => os.symbolAt(address)?.name),
    ['__do_sys_ni_syscall', 'do_int80_syscall_32', 'do_fast_syscall_32'],
  );
  t.true(calls.length > 400);
  t.is(new Set(calls.map(({ address }) => address)).size, calls.length);
  for (const { address, name, signature, systemCall } of calls) {
    t.regex(os.symbolAt(address)?.name ?? '', /^__(ia32|do)_sys_/, name);
    t.is(signature?.convention, 'pt_regs');
    t.is(typeof systemCall, 'number');
  }
  const symbol = (name: string) => os.functions(`__ia32_sys_${name}`)[0]?.address;
  // arch/x86/entry/syscalls/syscall_32.tbl
  const some = {
    read: [3, 'read'],
    execve: [11, 'execve'],
    mmap2: [192, 'mmap_pgoff'],
    stat64: [195, 'stat64'],
    getuid: [24, 'getuid16'],
    getuid32: [199, 'getuid'],
    exit_group: [252, 'exit_group'],
    openat: [295, 'openat'],
    clock_gettime64: [403, 'clock_gettime'],
  } as const;
  for (const [name, [number, entry]] of Object.entries(some)) {
    const found = os.functions(`sys_${name}`);
    t.is(found.length, 1, name);
    t.is(found[0]?.systemCall, number, name);
    t.is(found[0]?.address, symbol(entry), name);
  }
  t.deepEqual(
    os.functions('sys_read')[0]?.signature?.parameters?.map(({ name }) => name),
    ['fd', 'buf', 'count'],
  );
  const never = calls.filter(({ neverReturns }) => neverReturns).map(({ name }) => name);
  t.deepEqual(never.sort(), ['sys_exit', 'sys_exit_group', 'sys_rt_sigreturn', 'sys_sigreturn']);
  t.true(os.endsCaller('sys_exit_group'));
  t.false(os.endsCaller('sys_execve'));
  t.is(os.functions('sys_mmap_pgoff')[0]?.name, 'sys_mmap2', "by the kernel's own name");
  t.deepEqual(
    os.functions('vmlinux!do_ex*t').map(({ name }) => name),
    ['do_exit'],
  );
  t.deepEqual(os.functions('libc.so.6!read'), [], 'not in the kernel');
}
