import test from 'ava';
import { parseStraceLog, type StraceCall, splitArgs, stringOf } from '../support/strace-log.ts';

/** Lines as strace 6.1 writes them in the Debian guest. */
const log = (...lines: string[]) => parseStraceLog(`${lines.join('\n')}\n`);
const brief = (call: StraceCall | undefined) =>
  call && [call.pid, call.number, call.name, call.args, call.outcome, call.value, call.errno];

test('a call in one line: number, arguments, result', (t) => {
  const { calls, threads } = log(
    '126   [ 192] mmap2(NULL, 4096, 0x3, 0x21, -1, 0) = 0xb7fbd000',
    '126   [   5] open("/proc/version/x", 0)  = -1 ENOTDIR (Not a directory)',
    '126   [   2] fork()                     = 127',
    '127   [  60] umask(022)                 = 022',
  );
  t.deepEqual(calls.map(brief), [
    [126, 192, 'mmap2', 'NULL, 4096, 0x3, 0x21, -1, 0', 'returned', 0xb7fbd000 | 0, undefined],
    [126, 5, 'open', '"/proc/version/x", 0', 'returned', -20, 'ENOTDIR'],
    [126, 2, 'fork', '', 'returned', 127, undefined],
    [127, 60, 'umask', '022', 'returned', 18, undefined],
  ]);
  t.is(calls[1]?.result, '-1 ENOTDIR (Not a directory)');
  t.deepEqual([...threads.keys()], [126, 127]);
  t.deepEqual(
    threads.get(126)?.calls.map(({ line, endLine }) => [line, endLine]),
    [
      [1, 1],
      [2, 2],
      [3, 3],
    ],
  );
});

test('halves of calls are joined, each thread its own', (t) => {
  const { calls } = log(
    '129   [  42] pipe( <unfinished ...>',
    '127   [   3] read(3,  <unfinished ...>',
    '128   [   4] write(3, "a", 1 <unfinished ...>',
    '129   [  42] <... pipe resumed>[3, 4])  = 0',
    '128   [   4] <... write resumed>)       = 1',
    '127   [   3] <... read resumed>"a", 5)  = 1',
  );
  t.deepEqual(calls.map(brief), [
    [129, 42, 'pipe', '[3, 4]', 'returned', 0, undefined],
    [127, 3, 'read', '3, "a", 5', 'returned', 1, undefined],
    [128, 4, 'write', '3, "a", 1', 'returned', 1, undefined],
  ]);
  t.deepEqual(
    calls.map(({ line, endLine }) => [line, endLine]),
    [
      [1, 4],
      [2, 6],
      [3, 5],
    ],
  );
});

test('quotes, brackets and comments inside arguments', (t) => {
  const { calls } = log(
    '128   [  38] rename("/tmp/one", "/tmp/with \\"quotes\\", {braces}\\n) = 7 (\\\\") = 0',
    '144   [ 114] wait4(151, [{WIFEXITED(s) && WEXITSTATUS(s) == 0}], 0, NULL) = 151',
    '126   [  11] execve("/bin/busy", ["busy", "1"], 0xbffe0414 /* 9 vars, a " too */) = 0',
    '144   [ 142] _newselect(5, [3], NULL, NULL, {tv_sec=5, tv_usec=0}) = 1 (in [3], left {tv_sec=4, tv_usec=990000})',
    '126   [ 383] statx(-100, ".", |0x800, 0x7ff, {stx_mask=0x17ff, stx_mode=040700, stx_size=80, ...}) = 0',
  );
  t.deepEqual(
    calls.map(({ args }) => splitArgs(args)),
    [
      ['"/tmp/one"', '"/tmp/with \\"quotes\\", {braces}\\n) = 7 (\\\\"'],
      ['151', '[{WIFEXITED(s) && WEXITSTATUS(s) == 0}]', '0', 'NULL'],
      ['"/bin/busy"', '["busy", "1"]', '0xbffe0414 /* 9 vars, a " too */'],
      ['5', '[3]', 'NULL', 'NULL', '{tv_sec=5, tv_usec=0}'],
      ['-100', '"."', '|0x800', '0x7ff', '{stx_mask=0x17ff, stx_mode=040700, stx_size=80, ...}'],
    ],
  );
  t.deepEqual(
    calls.map(({ value }) => value),
    [0, 151, 0, 1, 0],
  );
  t.is(calls[3]?.result, '1 (in [3], left {tv_sec=4, tv_usec=990000})');
  t.deepEqual(splitArgs(''), []);
  // What strace leaves out is an argument still.
  t.deepEqual(splitArgs('-100, "/x", , 0x7ff'), ['-100', '"/x"', '', '0x7ff']);
});

test('restarts: by a signal, and in restart_syscall', (t) => {
  const { calls, threads } = log(
    '239   [   7] waitpid(127, 0x806ff08, 0) = ? ERESTARTSYS (To be restarted if SA_RESTART is set)',
    '239   [   7] --- SIGCHLD {si_signo=17, si_code=0x1, si_pid=151, si_uid=0, si_status=8, si_utime=0, si_stime=0} ---',
    '239   [ 162] nanosleep({tv_sec=0, tv_nsec=500000000},  <unfinished ...>',
    '239   [ 162] <... nanosleep resumed>{tv_sec=0, tv_nsec=480000000}) = ? ERESTART_RESTARTBLOCK (Interrupted by signal)',
    '239   [ 162] --- SIGSTOP {si_signo=19, si_code=0, si_pid=129, si_uid=0} ---',
    '239   [ 162] --- stopped by SIGSTOP ---',
    '239   [   0] restart_syscall(<... resuming interrupted nanosleep ...> <unfinished ...>',
    '239   [   0] <... restart_syscall resumed>) = 0',
    // With `-i -e raw=all`.
    '502   [   0] [080480e3] restart_syscall() = -1 ERESTART_RESTARTBLOCK (Unknown error 516)',
  );
  t.deepEqual(calls.map(brief), [
    [239, 7, 'waitpid', '127, 0x806ff08, 0', 'restart', -512, 'ERESTARTSYS'],
    [
      239,
      162,
      'nanosleep',
      '{tv_sec=0, tv_nsec=500000000}, {tv_sec=0, tv_nsec=480000000}',
      'restart',
      -516,
      'ERESTART_RESTARTBLOCK',
    ],
    [239, 0, 'restart_syscall', '<... resuming interrupted nanosleep ...>', 'returned', 0, undefined],
    [502, 0, 'restart_syscall', '', 'restart', -516, 'ERESTART_RESTARTBLOCK'],
  ]);
  t.deepEqual(
    threads.get(239)?.signals.map(({ line, signal, info }) => [line, signal, info?.slice(0, 14)]),
    [
      [2, 'SIGCHLD', '{si_signo=17, '],
      [5, 'SIGSTOP', '{si_signo=19, '],
      [6, 'SIGSTOP', undefined],
    ],
  );
});

test('the ends of threads, and of the calls that they were in', (t) => {
  const { calls, threads } = log(
    '151   [ 252] exit_group(0)              = ?',
    '151   [ 252] +++ exited with 0 +++',
    '153   [   3] read(3,  <unfinished ...>',
    '150   [  20] getpid( <unfinished ...>',
    '154   [ 162] nanosleep({tv_sec=60, tv_nsec=0},  <unfinished ...>',
    '153   [   3] <... read resumed> <unfinished ...>) = ?',
    '150   [  20] <... getpid resumed>)      = ?',
    '153   [   3] +++ exited with 7 +++',
    '154   [ 162] +++ killed by SIGKILL +++',
    '155   [  11] --- SIGSEGV {si_signo=SIGSEGV, si_code=SEGV_MAPERR, si_addr=0x8} ---',
    '155   [  11] +++ killed by SIGSEGV (core dumped) +++',
    '156   [   3] read(3,  <unfinished ...>',
  );
  t.deepEqual(calls.map(brief), [
    [151, 252, 'exit_group', '0', 'noreturn', undefined, undefined],
    [153, 3, 'read', '3, ', 'killed', undefined, undefined],
    [150, 20, 'getpid', '', 'killed', undefined, undefined],
    [154, 162, 'nanosleep', '{tv_sec=60, tv_nsec=0}, ', 'killed', undefined, undefined],
    [156, 3, 'read', '3, ', 'open', undefined, undefined],
  ]);
  t.deepEqual(
    calls.map(({ endLine }) => endLine),
    [1, 6, 7, 9, undefined],
  );
  const ends = [...threads.values()].map(({ pid, ends }) => [pid, ...ends.map((end) => end.value)]);
  t.deepEqual(ends, [[151, '0'], [153, '7'], [150], [154, 'SIGKILL'], [155, 'SIGSEGV'], [156]]);
});

test("a thread's execve goes on under the leader's id", (t) => {
  const { calls, threads } = log(
    '170   [  29] pause( <unfinished ...>',
    '181   [  11] execve("/bin/busy", ["busy", "child", "9"], NULL <unfinished ...>',
    '170   [  29] <... pause resumed>)       = ?',
    '170   [  11] +++ superseded by execve in pid 181 +++',
    '170   [  11] <... execve resumed>)      = 0',
    '170   [  20] getpid()                   = 170',
  );
  t.deepEqual(calls.map(brief), [
    [170, 29, 'pause', '', 'killed', undefined, undefined],
    [181, 11, 'execve', '"/bin/busy", ["busy", "child", "9"], NULL', 'returned', 0, undefined],
    [170, 20, 'getpid', '', 'returned', 170, undefined],
  ]);
  t.is(calls[1]?.becomes, 170);
  t.deepEqual(threads.get(170)?.ends, [{ line: 4, how: 'superseded', value: '181' }]);
  t.deepEqual(threads.get(181)?.ends, []);
  const while_ = log(
    '170   [  29] [b7f26559] pause( <unfinished ...>',
    '181   [  11] [080480e3] execve(0xbfc06ff2, 0x80eff9c, 0 <unfinished ...>',
    '170   [  11] [080480b4] +++ superseded by execve in pid 181 +++',
    '170   [  11] [b7f26559] <... execve resumed>) = 0',
  );
  t.deepEqual(
    while_.calls.map(({ name, outcome, endLine }) => [name, outcome, endLine]),
    [
      ['pause', 'killed', 3],
      ['execve', 'returned', 4],
    ],
  );
});

test('raw arguments, addresses, and numbers that no call has', (t) => {
  const { calls, threads } = log(
    '404   [ 102] [b7f00559] bind(0x3, 0x81000f4, 0x10 <unfinished ...>',
    '404   [ 102] [b7f00559] <... bind resumed>) = 0',
    '221   [4294967294] [080480e3] syscall_0xfffffffe(0x9, 0x2, 0x3, 0x4, 0x5, 0x6 <unfinished ...>',
    '221   [4294967294] [080480e3] <... syscall_0xfffffffe resumed>) = -1 ENOSYS (Function not implemented)',
    '221   [???] [b7f90559] syscall_0xffffffff(0xa, 0x2, 0x3, 0x4, 0x5, 0x6) = -1 ENOSYS (Function not implemented)',
    '218   [   3] [b7fba559] read(0x3, 0x806fb36, 0x100) = 0x100',
    '432   [ 240] [????????] +++ killed by SIGKILL +++',
    // Neither -n nor -i.
    '99    close(3)                          = 0',
  );
  t.deepEqual(
    calls.map(({ number, address, name, value }) => [number, address, name, value]),
    [
      [102, 0xb7f00559, 'bind', 0],
      [-2, 0x080480e3, 'syscall_0xfffffffe', -38],
      [-1, 0xb7f90559, 'syscall_0xffffffff', -38],
      [3, 0xb7fba559, 'read', 0x100],
      [undefined, undefined, 'close', 0],
    ],
  );
  t.deepEqual(threads.get(432)?.ends, [{ line: 7, how: 'killed', value: 'SIGKILL' }]);
});

test('strings: escapes, and whether they were cut', (t) => {
  const bytes = (arg: string) => {
    const found = stringOf(arg);
    return found && [Buffer.from(found.bytes).toString('latin1'), found.cut];
  };
  t.deepEqual(bytes('""'), ['', false]);
  t.deepEqual(bytes('"\\\\x\\"\\0\\377["'), ['\\x"\0\xff[', false]);
  t.deepEqual(bytes('"\\0\\7\\16\\25#*18\\n\\t\\f\\v\\r"...'), ['\0\x07\x0e\x15#*18\n\t\f\v\r', true]);
  // Three digits where a digit follows.
  t.deepEqual(bytes('"\\0017"'), ['\x017', false]);
  t.deepEqual(bytes('"\\xb5\\x29"'), ['\xb5)', false]);
  for (const other of ['0x806fd7c', 'NULL', '["a"]', '"a", "b"', '"a"b', ''])
    t.is(bytes(other), undefined, other);
});

test('a line that makes no sense is an error, not passed over', (t) => {
  const wrong: [string[], RegExp][] = [
    [['126   what is this'], /line 1 .*what is this/],
    [['strace: out of memory'], /line 1/],
    [['126   close(3)'], /line 1/],
    [['126   close(3 = 0'], /line 1/],
    [['126   close(3) = 0', '126   <... read resumed>) = 0'], /line 2/],
    [['126   read(3,  <unfinished ...>', '126   <... write resumed>) = 0'], /line 2/],
    [['126   read(3,  <unfinished ...>', '126   close(3) = 0'], /line 2/],
    [['126   close(3) = -1 ENOSUCH (Nothing)'], /ENOSUCH/],
  ];
  for (const [lines, message] of wrong) t.throws(() => log(...lines), { message }, lines.join());
});
