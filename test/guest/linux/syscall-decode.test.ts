/** System calls of invented programs, decoded and written as strace 6.1 writes them. */
import test from 'ava';
import {
  beginSystemCall,
  type DecodedCall,
  type DecodeOptions,
  finishSystemCall,
  formatSystemCall,
} from '../../../src/guest/linux/syscall-decode.ts';
import { systemCallByName } from '../../../src/guest/linux/syscalls.ts';
import { FakeProgram } from './syscall-guest.ts';

/** Addresses in pages of their own; what is put at the first few is present, the rest is not. */
const A = 0x0804a000;
const B = 0x0804c000;
const C = 0x0804e000;
const ABSENT = 0x40000000;

interface Case {
  readonly words: readonly number[];
  readonly result?: number;
  /** What the kernel does to memory between entry and end. */
  readonly during?: () => void;
  readonly options?: DecodeOptions;
}

function decode(
  program: FakeProgram,
  name: string,
  { words, result = 0, during, options }: Case,
): DecodedCall {
  const entry = beginSystemCall(systemCallByName(name)!, words, program.memory, options);
  during?.();
  return finishSystemCall(entry, result >>> 0, program.memory);
}

function line(program: FakeProgram, name: string, call: Case): string {
  return formatSystemCall(decode(program, name, call));
}

test('openat and its errors', (t) => {
  const program = new FakeProgram();
  program.put(A, '/etc/passwd\0');
  const words = [-100, A, 0, 0];
  t.is(line(program, 'openat', { words, result: 3 }), 'openat(AT_FDCWD, "/etc/passwd", O_RDONLY) = 3');
  t.is(
    line(program, 'openat', { words: [5, A, 0o101102, 0o644], result: -13 }),
    'openat(5, "/etc/passwd", O_RDWR|O_CREAT|O_TRUNC|O_LARGEFILE, 0644) = -1 EACCES (Permission denied)',
  );
  const decoded = decode(program, 'openat', { words, result: -2 });
  t.deepEqual(decoded, {
    name: 'openat',
    arguments: [
      { name: 'dfd', type: 'int', value: -100, text: 'AT_FDCWD' },
      { name: 'filename', type: 'const char *', value: '/etc/passwd', text: '"/etc/passwd"' },
      { name: 'flags', type: 'int', value: 0, text: 'O_RDONLY' },
    ],
    result: -2,
    resultText: '-1 ENOENT (No such file or directory)',
    errno: 'ENOENT',
  });
});

test('interrupted calls, errors without a name, results that look like errors', (t) => {
  const program = new FakeProgram();
  const read = (result: number): string =>
    line(program, 'read', { words: [0, A, 5], result }).split(' = ')[1]!;
  t.is(read(-512), '? ERESTARTSYS (To be restarted if SA_RESTART is set)');
  t.is(read(-513), '? ERESTARTNOINTR (To be restarted)');
  t.is(read(-514), '? ERESTARTNOHAND (To be restarted if no handler)');
  t.is(read(-516), '? ERESTART_RESTARTBLOCK (Interrupted by signal)');
  t.is(read(-524), '-1 ENOTSUPP (Unknown error 524)');
  t.is(read(-4095), '-1 (errno 4095)');
  t.is(read(-4096), '4294963200');
  t.is(line(program, 'getuid32', { words: [], result: -2 }), 'getuid32() = 4294967294');
  t.is(
    line(program, 'mmap2', { words: [0, 4096, 3, 0x22, -1, 0], result: 0xb7fdf000 }),
    'mmap2(NULL, 4096, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0xb7fdf000',
  );
  t.is(line(program, 'umask', { words: [0o77], result: 0o22 }), 'umask(077) = 022');
});

test('buffers: what came back, how it is shortened, what JSON has of it', (t) => {
  const program = new FakeProgram();
  const text = 'x'.repeat(40);
  program.put(A, text);
  t.is(
    line(program, 'write', { words: [1, A, 40], result: 40 }),
    `write(1, "${'x'.repeat(32)}"..., 40) = 40`,
  );
  t.is(line(program, 'write', { words: [1, A, 32], result: 32 }), `write(1, "${'x'.repeat(32)}", 32) = 32`);
  t.is(
    line(program, 'write', { words: [1, A, 40], result: 40, options: { limits: { text: 128 } } }),
    `write(1, "${text}", 40) = 40`,
  );
  t.is(line(program, 'read', { words: [0, A, 40], result: 3 }), 'read(0, "xxx", 40) = 3');
  t.is(
    line(program, 'read', { words: [0, A, 40], result: -9 }),
    `read(0, 0x804a000, 40) = -1 EBADF (Bad file descriptor)`,
  );
  t.deepEqual(decode(program, 'write', { words: [1, A, 40], result: 40 }).arguments[1]!.value, {
    length: 40,
    text,
  });
  program.put(A, [0, 1, 255, 0x31, 7, 0x38]);
  const binary = decode(program, 'write', { words: [1, A, 6], result: 6, options: { limits: { data: 4 } } });
  t.is(binary.arguments[1]!.text, '"\\0\\1\\3771\\78"');
  t.deepEqual(binary.arguments[1]!.value, {
    length: 6,
    base64: Buffer.from([0, 1, 255, 0x31]).toString('base64'),
    truncated: true,
  });
});

test('quotes and escapes', (t) => {
  const program = new FakeProgram();
  program.put(A, 'a"b\\c\n\t\r\v\f\x01\x012\x7f\xff\x1b[\0');
  t.is(
    line(program, 'unlink', { words: [A] }),
    String.raw`unlink("a\"b\\c\n\t\r\v\f\1\0012\177\377\33[") = 0`,
  );
});

test('what is absent is an address, and is looked for again at the end', (t) => {
  const program = new FakeProgram();
  const gone = decode(program, 'unlink', { words: [ABSENT] });
  t.is(formatSystemCall(gone), 'unlink(0x40000000) = 0');
  t.true(gone.arguments[0]!.absent);
  const found = decode(program, 'unlink', {
    words: [ABSENT],
    during: () => {
      program.put(ABSENT, '/tmp/late\0');
    },
  });
  t.is(formatSystemCall(found), 'unlink("/tmp/late") = 0');
  t.is(found.arguments[0]!.absent, undefined);
  t.is(line(program, 'unlink', { words: [0], result: -14 }), 'unlink(NULL) = -1 EFAULT (Bad address)');
});

test('a string that runs into an absent page', (t) => {
  const program = new FakeProgram();
  program.put(A + 4090, 'abcdef');
  t.is(
    line(program, 'chdir', { words: [A + 4090], result: -14 }),
    'chdir(0x804affa) = -1 EFAULT (Bad address)',
  );
});

test('inputs are those of the entry, outputs those of the end', (t) => {
  const program = new FakeProgram();
  program.words(A, 1, 0, 0, 0);
  program.put(B, 'before\0');
  const during = (): void => {
    program.put(B, 'after\0\0');
  };
  t.is(line(program, 'chdir', { words: [B], during }), 'chdir("before") = 0');
  t.is(line(program, 'read', { words: [0, B, 9], result: 5, during }), 'read(0, "after", 9) = 5');
});

test('execve: arguments, how many variables, and no second look into the new program', (t) => {
  const program = new FakeProgram();
  program.put(A, '/bin/sh\0-c\0true\0X=1\0Y=2\0');
  program.words(B, A, A + 8, A + 11, 0);
  program.words(B + 64, A + 16, A + 20, 0);
  const words = [A, B, B + 64];
  t.is(
    line(program, 'execve', { words }),
    'execve("/bin/sh", ["/bin/sh", "-c", "true"], 0x804c040 /* 2 vars */) = 0',
  );
  t.deepEqual(decode(program, 'execve', { words }).arguments[2]!.value, ['X=1', 'Y=2']);
  const during = (): void => {
    program.put(ABSENT, 'of the new program\0');
  };
  t.is(line(program, 'execve', { words: [ABSENT, 0, 0], during }), 'execve(0x40000000, NULL, NULL) = 0');
  t.is(
    line(program, 'execve', { words: [ABSENT, 0, 0], during, result: -2 }),
    'execve("of the new program", NULL, NULL) = -1 ENOENT (No such file or directory)',
  );
});

test('lists end: in themselves, in absent pages, at the limit', (t) => {
  const program = new FakeProgram();
  program.put(A, 'a\0');
  program.words(B + 4088, A, A);
  t.is(
    line(program, 'execve', { words: [A, B + 4088, B + 4088], result: -14 }),
    'execve("a", ["a", "a", ... /* 0x804d000 */], 0x804cff8 /* 2 vars, unterminated */) = -1 EFAULT (Bad address)',
  );
  program.words(C, ...Array.from({ length: 1024 }, () => A));
  const many = line(program, 'execve', { words: [A, C, 0], result: -7 });
  t.is(many, `execve("a", [${'"a", '.repeat(32)}...], NULL) = -1 E2BIG (Argument list too long)`);
});

test('wait: how a child ended', (t) => {
  const program = new FakeProgram();
  const status = (word: number): string => {
    program.words(A, word);
    return line(program, 'wait4', { words: [-1, A, 1, 0], result: 77 });
  };
  t.is(status(0x300), 'wait4(-1, [{WIFEXITED(s) && WEXITSTATUS(s) == 3}], WNOHANG, NULL) = 77');
  t.is(
    status(0x8b),
    'wait4(-1, [{WIFSIGNALED(s) && WTERMSIG(s) == SIGSEGV && WCOREDUMP(s)}], WNOHANG, NULL) = 77',
  );
  t.is(status(0x137f), 'wait4(-1, [{WIFSTOPPED(s) && WSTOPSIG(s) == SIGSTOP}], WNOHANG, NULL) = 77');
  t.is(status(0xffff), 'wait4(-1, [{WIFCONTINUED(s)}], WNOHANG, NULL) = 77');
  t.is(
    line(program, 'wait4', { words: [-1, A, 0, B], result: -512 }),
    'wait4(-1, 0x804a000, 0, 0x804c000) = ? ERESTARTSYS (To be restarted if SA_RESTART is set)',
  );
  t.is(line(program, 'wait4', { words: [-1, A, 1, 0] }), 'wait4(-1, 0x804a000, WNOHANG, NULL) = 0');
});

test('clone: i386 has the thread area before the child tid', (t) => {
  const program = new FakeProgram();
  program.words(A, 321);
  program.words(B, 6, 0xb7fd09c0, 0xfffff, 0x51);
  t.is(
    line(program, 'clone', { words: [0x3d0f00, 0xb7fd0000, A, B, A + 8], result: 321 }),
    'clone(child_stack=0xb7fd0000, flags=CLONE_VM|CLONE_FS|CLONE_FILES|CLONE_SIGHAND|CLONE_THREAD|CLONE_SYSVSEM|CLONE_SETTLS|CLONE_PARENT_SETTID|CLONE_CHILD_CLEARTID, parent_tid=[321], tls={entry_number=6, base_addr=0xb7fd09c0, limit=0x0fffff, seg_32bit=1, contents=0, read_exec_only=0, limit_in_pages=1, seg_not_present=0, useable=1}, child_tidptr=0x804a008) = 321',
  );
});

test('a call that never returned', (t) => {
  const program = new FakeProgram();
  const entry = beginSystemCall(systemCallByName('exit_group')!, [3], program.memory);
  t.is(formatSystemCall(finishSystemCall(entry, undefined, program.memory)), 'exit_group(3) = ?');
  const read = beginSystemCall(systemCallByName('read')!, [0, A, 9], program.memory);
  const decoded = finishSystemCall(read, undefined, program.memory);
  t.is(formatSystemCall(decoded), 'read(0, 0x804a000, 9) = ?');
  t.is(decoded.result, undefined);
});

test('numbers that no call has', (t) => {
  const program = new FakeProgram();
  const entry = beginSystemCall(0x1234, [1, 2, 3, 4, 5, 6], program.memory);
  t.is(
    formatSystemCall(finishSystemCall(entry, -38, program.memory)),
    'syscall_0x1234(0x1, 0x2, 0x3, 0x4, 0x5, 0x6) = -1 ENOSYS (Function not implemented)',
  );
});

test('socketcall whose words are absent until the end', (t) => {
  const program = new FakeProgram();
  const during = (): void => {
    program.words(ABSENT, 2, 1, 6);
  };
  t.is(
    line(program, 'socketcall', { words: [1, ABSENT], result: 3 }),
    'socketcall(SYS_SOCKET, 0x40000000) = 3',
  );
  t.is(
    line(program, 'socketcall', { words: [1, ABSENT], result: 3, during }),
    'socket(AF_INET, SOCK_STREAM, IPPROTO_TCP) = 3',
  );
});

test('sleep and select cut short', (t) => {
  const program = new FakeProgram();
  program.words(A, 5, 0);
  program.words(B, 3, 250);
  t.is(
    line(program, 'nanosleep', { words: [A, B], result: -516 }),
    'nanosleep({tv_sec=5, tv_nsec=0}, {tv_sec=3, tv_nsec=250}) = ? ERESTART_RESTARTBLOCK (Interrupted by signal)',
  );
  t.is(line(program, 'nanosleep', { words: [A, B] }), 'nanosleep({tv_sec=5, tv_nsec=0}, 0x804c000) = 0');
  t.is(
    line(program, 'restart_syscall', { words: [], options: { interrupted: 'nanosleep' } }),
    'restart_syscall(<... resuming interrupted nanosleep ...>) = 0',
  );
});

test('terminals', (t) => {
  const program = new FakeProgram();
  program.words(A, 0x500, 5, 0xbf, 0x8a3b);
  program.put(A + 16, new Uint8Array(20));
  t.is(
    line(program, 'ioctl', { words: [0, 0x5401, A] }),
    'ioctl(0, TCGETS, {c_iflag=ICRNL|IXON, c_oflag=NL0|CR0|TAB0|BS0|VT0|FF0|OPOST|ONLCR, c_cflag=B38400|CS8|CREAD, c_lflag=ISIG|ICANON|ECHO|ECHOE|ECHOK|IEXTEN|ECHOCTL|ECHOKE, ...}) = 0',
  );
  program.words(B, 24 | (80 << 16), 0);
  t.is(
    line(program, 'ioctl', { words: [0, 0x5413, B] }),
    'ioctl(0, TIOCGWINSZ, {ws_row=24, ws_col=80, ws_xpixel=0, ws_ypixel=0}) = 0',
  );
});

test('how much is read of a call is limited', (t) => {
  const program = new FakeProgram();
  program.put(A, 'x'.repeat(64));
  const options = { limits: { total: 32 } };
  t.is(line(program, 'write', { words: [1, A, 64], result: 64, options }), 'write(1, 0x804a000, 64) = 64');
});
