/**
 * A recorded session of the Debian guest that fills its lists (threads, a pipe, a zombie, deleted and deeply mounted files, a
 * second user), and what the guest itself says of them at its end.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { loadImages } from '../../../src/machine/images.ts';
import { debianGuest } from '../../support/debian.ts';
import { recordGuest } from '../../support/record-guest.ts';

export const LONG_NAME = `a-name-that-is-too-long-for-the-place-in-its-dentry-${'x'.repeat(60)}`;

/** Four threads that wait: clone(CLONE_VM | …FS | …FILES | …SIGHAND | …THREAD | …SYSVSEM) three times, then pause(). */
function threadsProgram(): string {
  const code = Buffer.from(
    'bd03000000' + // mov $3, %ebp
      'b878000000bb000f050089e131d231f631ffcd80' + // again: clone(0x50f00, %esp, 0, 0, 0)
      '85c07403' + // test %eax, %eax; jz wait
      '4d75e5' + // dec %ebp; jnz again
      'b81d000000cd80ebf7', // wait: pause(); jmp wait
    'hex',
  );
  const base = 0x08048000;
  const elf = Buffer.alloc(84);
  elf.write('\x7fELF\x01\x01\x01', 'latin1');
  elf.writeUInt16LE(2, 16); // an executable
  elf.writeUInt16LE(3, 18); // for the 386
  elf.writeUInt32LE(1, 20);
  elf.writeUInt32LE(base + elf.length, 24);
  elf.writeUInt32LE(52, 28);
  elf.writeUInt16LE(52, 40);
  elf.writeUInt16LE(32, 42);
  elf.writeUInt16LE(1, 44);
  const size = elf.length + code.length;
  for (const [i, word] of [1, 0, base, base, size, size, 5, 4096].entries())
    elf.writeUInt32LE(word, 52 + 4 * i);
  return Buffer.concat([elf, code]).toString('base64');
}

const setUp = [
  'cd /tmp; cp /bin/busybox /tmp/busybox-gone; cp /bin/busybox "/tmp/busybox two"; mount -t tmpfs none /mnt',
  `mkdir -p /mnt/a/b; exec 9>/mnt/a/b/deep; exec 10>/tmp/${LONG_NAME}; mkfifo /tmp/named`,
  `echo ${threadsProgram()} | base64 -d > /tmp/threads; chmod +x /tmp/threads; /tmp/threads & sleep 1`,
  "X='a b' EMPTY= sleep 5001 & sh -c 'exec 7</etc/passwd; exec 8>/tmp/out; sleep 5002; true' & echo ok",
  "cat /dev/zero | sleep 5003 & nc -l -p 4444 & sh -c 'exec 5<>/tmp/named; exec sleep 5004' & echo ok",
  '"/tmp/busybox two" sh -c "sleep 5005; true" "" "it\'s" & /tmp/busybox-gone sleep 5006 & sleep 1; rm /tmp/busybox-gone',
  'sh -c "sleep 0 & exec sleep 5007" & dropbear -F -E -R -p 2222 & sleep 2',
];

const each = (command: string): string =>
  `for p in /proc/[0-9]*; do echo "== $p"; ${command}; echo; done 2>/dev/null`;

/** What is asked of the guest, by name. Zero bytes come as \x01. */
const questions = {
  release: 'uname -r',
  banner: 'cat /proc/version',
  stat: 'cat /proc/[0-9]*/task/[0-9]*/stat',
  status: each('grep -E "^(Pid|Tgid|PPid|Uid|State)" $p/status'),
  cmdline: each("tr '\\0' '\\1' < $p/cmdline"),
  environ: each("tr '\\0' '\\1' < $p/environ"),
  exe: each('readlink $p/exe'),
  links: each('for f in $p/fd/*; do echo "$(basename $f) $(readlink $f)"; done'),
  inodes: each('for f in $p/fd/*; do echo "$(basename $f) $(stat -L -c "%i %F" $f)"; done'),
  maps: each('cat $p/maps'),
  modules: 'cat /proc/modules',
  ps: 'ps -o pid,ppid,comm',
} as const;

export interface Session {
  readonly path: string;
  readonly said: Readonly<Record<keyof typeof questions, string>>;
  /** /proc/kallsyms. */
  readonly kallsyms: string;
  /** Instruction counts: when somebody could log in, and at the end. */
  readonly login: number;
  readonly end: number;
  remove(): void;
}

export async function recordSession(): Promise<Session> {
  const folder = mkdtempSync(join(tmpdir(), 'rebek-linux-'));
  const cleanups: (() => unknown)[] = [];
  try {
    const machine = { ...(await debianGuest()).machine, serial: 2 };
    const path = join(folder, 'session.rebek');
    const context = { teardown: (cleanup: () => unknown) => cleanups.push(cleanup) };
    const { console, recording, finish } = await recordGuest(context, {
      machine,
      images: await loadImages(machine),
      output: path,
    });
    await console.logIn();
    const login = recording.status().instructions;
    await console.logIn('user', 1);
    for (const command of setUp) await console.run(command);
    await console.run('sleep 6001 & sleep 6002 | sleep 6003 & echo ok', 1);
    await console.run('echo 0 > /proc/sys/kernel/kptr_restrict');
    const said: Record<string, string> = {};
    for (const [name, question] of Object.entries(questions)) said[name] = await console.run(question);
    const packed = await console.run('gzip -c /proc/kallsyms | base64');
    const kallsyms = gunzipSync(Buffer.from(packed, 'base64')).toString('latin1');
    const { instructions } = await finish();
    const remove = (): void => rmSync(folder, { recursive: true });
    return { path, said: said as Session['said'], kallsyms, login, end: instructions, remove };
  } catch (error) {
    for (const cleanup of cleanups) await cleanup();
    rmSync(folder, { recursive: true });
    throw error;
  }
}

/** The sections of an answer to {@link each}, by process. */
export function sections(answer: string): Map<number, string> {
  const found = new Map<number, string>();
  for (const part of answer.split('== /proc/').slice(1)) {
    const end = part.indexOf('\n');
    found.set(Number(part.slice(0, end)), part.slice(end + 1));
  }
  return found;
}
