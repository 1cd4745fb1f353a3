/**
 * Debian's own strace inside the recorded Debian guest: what it says of a busy program's system calls is the oracle
 * for what a replay finds.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { type Built, buildInto, builtManifest } from '../../src/machine/build.ts';
import { guestFolder } from '../../src/machine/cache.ts';
import { writeCpio } from '../../src/machine/cpio.ts';
import { Apt } from '../../src/machine/debian/apt.ts';
import { readDeb } from '../../src/machine/debian/deb.ts';
import { debianSources } from '../../src/machine/debian/sources.ts';
import type { Images } from '../../src/machine/images.ts';
import type { Machine } from '../../src/machine/schema.ts';
import type { RecordingResult } from '../../src/record/recording.ts';
import { debianGuest } from './debian.ts';
import { root } from './probe.ts';
import { recordGuest } from './record-guest.ts';

/** Where the cache keeps what only these tests need. */
const cacheName = 'strace';
const cacheRecipe = 1;
const suite = 'bookworm';

/** The program `/usr/bin/strace` of Debian's i386 package. It needs nothing that the Debian guest has not (libc6). */
async function straceProgram(): Promise<Uint8Array> {
  if ((await builtManifest(cacheName, cacheRecipe)) === undefined)
    await buildInto(cacheName, cacheRecipe, {}, fetchStrace);
  return readFile(join(guestFolder(cacheName), 'strace'));
}

async function fetchStrace(scratch: string): Promise<Built> {
  const apt = await Apt.open(scratch, 'i386', await debianSources(suite, undefined), undefined);
  const packages = await apt.find(['strace']);
  const paths = await apt.download(packages, () => {});
  const [file] = await readDeb(paths.get('strace') ?? '', (path) => path === 'usr/bin/strace');
  if (file?.kind !== 'file') throw new Error('the package strace has no usr/bin/strace');
  const records = packages.map(({ depends: _, ...record }) => record);
  return { suite, packages: records, files: { strace: file.data }, warnings: apt.warnings };
}

const busyProgram = join(root, 'test/guests/busy.bin');

/** What strace runs: the busy program, then Debian's own. `$1` is the number of rounds. */
const work = `#!/bin/sh
busy $1
ls -la / /etc /bin | grep -c busybox
i=0
while [ $i -lt 3 ]; do echo $i | cat | sed s/$i/x/ | wc -c & i=$((i+1)); done
wait
(sleep 5 & kill $!; wait $!; echo killed: $?)
(exit 3) || find /etc -name 'host*' -exec cat {} + | sort | uniq -c | head -2
`;

/**
 * The Debian guest with strace and the program /bin/busy (test/guests/busy.c). They are in an archive of their own
 * behind the guest's: Linux unpacks one after the other (Documentation/driver-api/early-userspace/buffer-format.rst).
 */
export async function straceGuest(): Promise<{ machine: Machine; images: Images }> {
  const { machine, images } = await debianGuest();
  const { initrd } = images;
  if (initrd === undefined) throw new Error('the Debian guest has no initrd');
  const more = writeCpio([
    { kind: 'file', name: 'usr/bin/strace', mode: 0o755, data: await straceProgram() },
    { kind: 'file', name: 'bin/busy', mode: 0o755, data: await readFile(busyProgram) },
    { kind: 'file', name: 'bin/work', mode: 0o755, data: new TextEncoder().encode(work) },
  ]);
  // An archive begins at a multiple of 4 bytes; `writeCpio` pads to 512.
  const data = new Uint8Array(initrd.size + more.length);
  data.set(new Uint8Array(initrd.data));
  data.set(more, initrd.size);
  const sha256 = createHash('sha256').update(data).digest('hex');
  return {
    machine,
    images: { ...images, initrd: { ...initrd, size: data.length, sha256, data: data.buffer } },
  };
}

/** How strace runs: with what is easy to compare. */
export const straceOptions = {
  /** Numbers of calls, and of flags and the like, instead of their names; up to 128 bytes of strings. */
  decoded: '-f -n -X raw -s 128',
  /** Every argument and result as a number, undecoded; the address that the program goes on at. */
  raw: '-f -n -i -e raw=all',
} as const;

export interface Straced {
  readonly path: string;
  readonly result: RecordingResult;
  /** strace's logs, one of each run of the workload, and the options that it ran with. */
  readonly logs: { readonly [Kind in keyof typeof straceOptions]: string };
  /** What the busy program said at the end of each run. */
  readonly said: { readonly [Kind in keyof typeof straceOptions]: string };
  /** Milliseconds until the log-in, and of each run. */
  readonly ms: { readonly login: number; readonly decoded: number; readonly raw: number };
}

/**
 * Records the guest while strace runs the workload in it, once with each of {@link straceOptions}. The logs leave the
 * guest by I/O port 0xE9, so they are in the trace too: four bytes of length, then the log, padded to four bytes.
 */
export async function recordStraced(
  t: Pick<ExecutionContext, 'teardown'>,
  { rounds, output }: { rounds: number; output: string },
): Promise<Straced> {
  const { machine, images } = await straceGuest();
  const guest = await recordGuest(t, { machine, images, output });
  const port: number[] = [];
  guest.recording.pc.onDebugPort((value) => port.push(value));
  const { console } = guest;
  const started = performance.now();
  await console.logIn();
  const ms = { login: performance.now() - started, decoded: 0, raw: 0 };
  const logs = { decoded: '', raw: '' };
  const said = { decoded: '', raw: '' };
  for (const kind of ['decoded', 'raw'] as const) {
    const start = performance.now();
    const log = `/tmp/${kind}.log`;
    // A round takes some three seconds; with other work on the host it was up to ten.
    const command = `strace ${straceOptions[kind]} -o ${log} work ${rounds}`;
    said[kind] = await console.run(command, 0, 60 + 30 * rounds);
    ms[kind] = performance.now() - start;
    port.length = 0;
    await console.run(`busy port ${log}; rm ${log}`);
    if (port.length !== 1 + Math.ceil((port[0] ?? 0) / 4)) throw new Error(`strace's log did not come whole`);
    logs[kind] = Buffer.from(Uint32Array.from(port.slice(1)).buffer).toString('latin1', 0, port[0]);
  }
  const result = await guest.finish();
  return { path: result.path, result, logs, said, ms };
}
