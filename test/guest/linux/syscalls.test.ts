/** The table of system calls, against what is known of it from elsewhere. */
import { existsSync, readFileSync } from 'node:fs';
import test from 'ava';
import {
  ipcCall,
  socketCall,
  systemCallByEntry,
  systemCallByName,
  systemCallByNumber,
  systemCalls,
} from '../../../src/guest/linux/syscalls.ts';

test('numbers and names of each era', (t) => {
  const known: readonly (readonly [number, string])[] = [
    [0, 'restart_syscall'],
    [1, 'exit'],
    [4, 'write'],
    [11, 'execve'],
    [45, 'brk'],
    [90, 'mmap'],
    [102, 'socketcall'],
    [140, '_llseek'],
    [174, 'rt_sigaction'],
    [192, 'mmap2'],
    [220, 'getdents64'],
    [252, 'exit_group'],
    [295, 'openat'],
    [359, 'socket'],
    [383, 'statx'],
    [384, 'arch_prctl'],
    [386, 'rseq'],
    [393, 'semget'],
    [403, 'clock_gettime64'],
    [423, 'sched_rr_get_interval_time64'],
    [435, 'clone3'],
    [450, 'set_mempolicy_home_node'],
    [462, 'mseal'],
  ];
  for (const [number, name] of known) {
    t.is(systemCallByNumber(number)?.name, name);
    t.is(systemCallByName(name)?.number, number);
  }
});

test('numbers that are not in use', (t) => {
  for (const number of [222, 223, 251, 285, 387, 392, 415, 463, 0xffffffff]) {
    t.is(systemCallByNumber(number), undefined, String(number));
  }
  t.is(systemCallByName('sys_read'), undefined);
});

test('every number and every name once, in order, and no more than six words', (t) => {
  const calls = systemCalls();
  t.is(new Set(calls.map(({ name }) => name)).size, calls.length);
  t.is(new Set(calls.map(({ entry }) => entry)).size, calls.length);
  calls.forEach(({ number, parameters }, i) => {
    t.true(i === 0 || number > calls[i - 1]!.number, String(number));
    t.true(parameters.length <= 6, String(number));
    t.is(new Set(parameters.map(({ name }) => name)).size, parameters.length, String(number));
  });
});

const HEADERS = [
  '/usr/include/i386-linux-gnu/asm/unistd_32.h',
  '/usr/include/x86_64-linux-gnu/asm/unistd_32.h',
  '/usr/include/asm/unistd_32.h',
];

test('the same as in the headers of the host, if it has any', (t) => {
  const header = HEADERS.find((path) => existsSync(path));
  if (header === undefined) {
    t.pass('this host has no asm/unistd_32.h');
    return;
  }
  const theirs = new Map<number, string>();
  for (const [, name, number] of readFileSync(header, 'utf8').matchAll(/^#define __NR_(\w+) (\d+)$/gm)) {
    if (name !== 'syscalls') theirs.set(Number(number), name!);
  }
  t.true(theirs.size > 400);
  for (const [number, name] of theirs) {
    // Newer headers than the table know more.
    if (number <= 462) t.is(systemCallByNumber(number)?.name, name);
  }
  const last = Math.max(...theirs.keys());
  for (const { number, name } of systemCalls()) {
    if (number <= last) t.is(theirs.get(number), name);
  }
});

test('parameters where i386 has them in an order or in halves of its own', (t) => {
  const names = (name: string): string =>
    systemCallByName(name)!
      .parameters.map((p) => p.name)
      .join(' ');
  t.is(names('clone'), 'clone_flags newsp parent_tidptr tls child_tidptr');
  t.is(names('mmap'), 'arg');
  t.is(names('mmap2'), 'addr len prot flags fd pgoff');
  t.is(names('select'), 'arg');
  t.is(names('_newselect'), 'n inp outp exp tvp');
  t.is(names('socketcall'), 'call args');
  t.is(names('ipc'), 'call first second third ptr fifth');
  t.is(names('pread64'), 'fd buf count pos_lo pos_hi');
  t.is(names('truncate64'), 'path length_lo length_hi');
  t.is(names('fadvise64_64'), 'fd offset_lo offset_hi len_lo len_hi advice');
  t.is(names('sync_file_range'), 'fd off_lo off_hi nbytes_lo nbytes_hi flags');
  t.is(names('fallocate'), 'fd mode offset_lo offset_hi len_lo len_hi');
  t.is(names('_llseek'), 'fd offset_high offset_low result whence');
  t.is(names('sigreturn'), '');
  t.is(names('rt_sigreturn'), '');
  t.deepEqual(systemCallByName('write')?.parameters[1], { name: 'buf', type: 'const char *' });
  t.deepEqual(systemCallByName('chown')?.parameters[1], { name: 'user', type: 'old_uid_t' });
  t.deepEqual(systemCallByName('chown32')?.parameters[1], { name: 'user', type: 'uid_t' });
});

test('what a result is', (t) => {
  const result = (name: string): string | undefined => systemCallByName(name)?.result;
  t.is(result('read'), 'int');
  t.is(result('openat'), 'fd');
  t.is(result('fork'), 'pid');
  t.is(result('mmap2'), 'address');
  t.is(result('umask'), 'octal');
  t.is(result('exit_group'), 'none');
});

test('the functions of the kernel', (t) => {
  t.is(systemCallByEntry('getuid')?.number, 199);
  t.is(systemCallByEntry('getuid16')?.number, 24);
  t.is(systemCallByEntry('mmap_pgoff')?.number, 192);
  t.is(systemCallByEntry('newuname')?.number, 122);
  t.is(systemCallByEntry('futex')?.number, 422);
  t.is(systemCallByEntry('ia32_pread64')?.number, 180);
  t.is(systemCallByEntry('read')?.number, 3);
  t.is(systemCallByName('llseek')?.number, 140);
});

test('the calls within socketcall and ipc', (t) => {
  const names = 'socket bind connect listen accept getsockname getpeername socketpair send recv sendto'.split(
    ' ',
  );
  names.forEach((name, i) => {
    t.is(socketCall(i + 1)?.name, name);
  });
  t.is(socketCall(20)?.name, 'sendmmsg');
  t.is(socketCall(0), undefined);
  t.is(socketCall(21), undefined);
  t.is(ipcCall(1)?.name, 'semop');
  t.is(ipcCall(24)?.name, 'shmctl');
  t.is(ipcCall(5), undefined);
});
