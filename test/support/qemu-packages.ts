/**
 * Programs whose path through their own code depends on nothing but their arguments and input, and QEMU's user-mode emulator to
 * run them in a second time. All of Debian's packages: klibc's gzip and the mksh that is linked with klibc are static, have fixed
 * addresses and never ask CPUID. What the kernel tells a program when it begins, they read in one loop ({@link auxiliaryLoop}).
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { type Built, buildInto, builtManifest } from '../../src/machine/build.ts';
import { guestFolder } from '../../src/machine/cache.ts';
import { writeCpio } from '../../src/machine/cpio.ts';
import { Apt } from '../../src/machine/debian/apt.ts';
import { readDeb } from '../../src/machine/debian/deb.ts';
import { debianSources } from '../../src/machine/debian/sources.ts';
import type { Images } from '../../src/machine/images.ts';
import { run } from '../../src/machine/process.ts';
import type { Machine } from '../../src/machine/schema.ts';
import { debianGuest } from './debian.ts';

/** Where the cache keeps what only these tests need. */
const cacheName = 'qemu';
const cacheRecipe = 1;
const suite = 'bookworm';

/** Files of packages: by name in the cache, the paths where they may be. Names of one file in a package are hard links. */
const guestFiles = {
  gzip: { name: 'klibc-utils', path: /^usr\/lib\/klibc\/bin\/(gzip|gunzip|zcat)$/ },
  mksh: { name: 'mksh', path: /^usr\/lib\/klibc\/bin\/mksh$/ },
} as const;
const hostFiles = { qemu: { name: 'qemu-user-static', path: /^usr\/bin\/qemu-i386-static$/ } } as const;

/** A program, and how it is run in the guest and under QEMU: with no environment, in the folder `/`. */
export interface Program {
  readonly name: 'gzip' | 'mksh';
  /** The executable file. */
  readonly file: Uint8Array;
  /** With the program's name. */
  readonly argv: readonly string[];
  readonly stdin: Uint8Array;
}

export interface QemuPrograms {
  /** Path of `qemu-i386`; not yet executable. */
  readonly qemu: string;
  readonly programs: readonly Program[];
}

/** Fetches what the cache has not got: some 63 MB, most of it QEMU. */
export async function qemuPrograms(): Promise<QemuPrograms> {
  if ((await builtManifest(cacheName, cacheRecipe)) === undefined)
    await buildInto(cacheName, cacheRecipe, {}, fetchAll);
  const folder = guestFolder(cacheName);
  const [gzip, mksh] = await Promise.all([readFile(join(folder, 'gzip')), readFile(join(folder, 'mksh'))]);
  // Code, text and zeros: of each of deflate's kinds of block something.
  const data = gzipSync(mksh.subarray(0, PACKED), { level: 9 });
  return {
    qemu: join(folder, 'qemu'),
    programs: [
      { name: 'gzip', file: gzip, argv: ['/reference/gzip', '-dc'], stdin: data },
      { name: 'mksh', file: mksh, argv: ['/reference/mksh', '-c', script], stdin: new Uint8Array(0) },
    ],
  };
}

/** Programs begin so long after a full second, and long before the next. */
export const QUARTER_MS = 250;

/** Bytes that gzip unpacks; each takes it some thirty instructions. */
const PACKED = 70_000;

/** What mksh does: it starts no process and opens no file. */
const script = `
typeset -i i j n s
typeset -a prime
factorial() { if (( $1 < 2 )); then REPLY=1; else factorial $(($1 - 1)); REPLY=$((REPLY * $1)); fi; }
i=2; while (( i < 40 )); do prime[i]=1; i=i+1; done
i=2; while (( i * i < 40 )); do
  if (( prime[i] )); then j=i*i; while (( j < 40 )); do prime[j]=0; j=j+i; done; fi; i=i+1; done
i=2; n=0; while (( i < 40 )); do (( prime[i] )) && n=n+1; i=i+1; done
factorial 12; print -r -- $n $REPLY
text='The quick brown fox jumps over the lazy dog'
for word in $text; do
  case $word in [A-Z]*) kind=capital;; *o*) kind=round;; ?(the|lazy)) kind=known;; *) kind=other;; esac
  print -r -- "\${#word} $kind \${word//[aeiou]/.} \${word#?} \${word%?}"
done
i=0; s=1; while (( i < 40 )); do s=s*1103515245+12345; i=i+1; done
print -r -- $s $(( s & 0xff )) $(( s % 7 ))
trap 'print -r -- bye' EXIT
eval 'k=$((n << 3)); print -r -- "$k"'
`;

/**
 * klibc's `__libc_init` (usr/klibc/libc_init.c) reads the auxiliary vector, whose entries QEMU and Linux have in different number
 * and order: the one place where paths may differ.
 *
 *      0  mov (%eax),%edx        9  ja 21
 *      2  test %edx,%edx        11  mov 4(%eax),%ecx
 *      4  je 26                 14  mov %ecx,…(,%edx,4)
 *      6  cmp $32,%edx          21  add $8,%eax
 *                               24  jmp 0
 */
export const auxiliaryLoop = {
  /** In hexadecimal. */
  code: /8b1085d2741483fa20770a8b4804890c95.{8}83c008ebe6/g,
  length: 26,
  /** The instructions by their offsets, and where each may lead. */
  successors: new Map([
    [0, [2]],
    [2, [4]],
    [4, [6, 26]],
    [6, [9]],
    [9, [11, 21]],
    [11, [14]],
    [14, [21]],
    [21, [24]],
    [24, [0]],
  ]),
} as const;

/** Address of the loop in a program: the only place of its file that looks so. */
export function auxiliaryLoopOf(file: Uint8Array): number {
  const elf = Buffer.from(file);
  const found = [...elf.toString('hex').matchAll(auxiliaryLoop.code)].filter(({ index }) => index % 2 === 0);
  if (found.length !== 1) throw new Error(`${found.length} loops over the auxiliary vector`);
  const offset = found[0]!.index / 2;
  // Program headers of ELF32 (System V ABI, Object Files, "Program Header"): e_phoff at 28, e_phnum at 44; 32 bytes each.
  for (let i = 0; i < elf.readUInt16LE(44); i++) {
    const at = elf.readUInt32LE(28) + 32 * i;
    const [type, from, address, , bytes] = [0, 4, 8, 12, 16].map((field) => elf.readUInt32LE(at + field));
    if (type === 1 && offset >= from! && offset < from! + bytes!) return address! + offset - from!;
  }
  throw new Error('the loop over the auxiliary vector is in no segment');
}

async function fetchAll(scratch: string): Promise<Built> {
  const architecture = (await run('dpkg', ['--print-architecture'])).stdout.trim();
  const files: Record<string, Uint8Array> = {};
  const records = [];
  const warnings = [];
  for (const [kind, wanted] of [
    ['i386', guestFiles],
    [architecture, hostFiles],
  ] as const) {
    const sources = await debianSources(suite, undefined);
    const apt = await Apt.open(join(scratch, `for-${kind}-${records.length}`), kind, sources, undefined);
    const packages = await apt.find(Object.values(wanted).map(({ name }) => name));
    const paths = await apt.download(packages, () => {});
    for (const [name, file] of Object.entries(wanted)) {
      const found = await readDeb(paths.get(file.name) ?? '', (path) => file.path.test(path));
      const program = found.find((entry) => entry.kind === 'file');
      if (program?.kind !== 'file') throw new Error(`the package ${file.name} has no ${file.path.source}`);
      files[name] = program.data;
    }
    records.push(...packages.map(({ depends: _, ...record }) => record));
    warnings.push(...apt.warnings);
  }
  return { suite, packages: records, files, warnings };
}

/**
 * The Debian guest with the programs, each with a script that runs it as QEMU does: `/reference/run gzip`. They are in an archive
 * of their own behind the guest's.
 */
export async function qemuGuest(programs: readonly Program[]): Promise<{ machine: Machine; images: Images }> {
  const { machine, images } = await debianGuest();
  const { initrd } = images;
  if (initrd === undefined) throw new Error('the Debian guest has no initrd');
  const text = new TextEncoder();
  const file = (name: string, mode: number, data: Uint8Array) =>
    ({ kind: 'file', name: `reference/${name}`, mode, data }) as const;
  const more = writeCpio([
    file('run', 0o755, text.encode(runAny)),
    ...programs.flatMap((program) => [
      file(program.name, 0o755, program.file),
      file(`${program.name}.in`, 0o644, program.stdin),
      file(`run-${program.name}`, 0o644, text.encode(runScript(program.name, program.argv))),
    ]),
  ]);
  // Without a vDSO klibc calls the kernel by INT 0x80, as it does under QEMU 7.2, which has none.
  if (machine.boot.kind !== 'linux') throw new Error('the Debian guest is no Linux');
  const boot = { ...machine.boot, cmdline: `${machine.boot.cmdline} vdso32=0` };
  // An archive begins at a multiple of 4 bytes; `writeCpio` pads to 512.
  const data = new Uint8Array(initrd.size + more.length);
  data.set(new Uint8Array(initrd.data));
  data.set(more, initrd.size);
  const sha256 = createHash('sha256').update(data).digest('hex');
  return {
    machine: { ...machine, boot },
    images: { ...images, initrd: { ...initrd, size: data.length, sha256, data: data.buffer } },
  };
}

/**
 * A session of its own: no terminal. As the guest's `user`, not as root: QEMU may not be root either, and shells ask. mksh notes the
 * time when it begins, in decimal, and the digits of the microseconds are a loop: they are six ({@link QUARTER_MS}).
 */
const runAny = `#!/bin/sh
date -s @1700000000 > /dev/null
usleep ${QUARTER_MS}000
setsid su -s /bin/sh user /reference/run-$1
`;
const runScript = (name: string, argv: readonly string[]): string => `cd /
exec env -i ${argv.map(quoted).join(' ')} < /reference/${name}.in > /tmp/${name}.out 2> /tmp/${name}.err
`;
const quoted = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;
