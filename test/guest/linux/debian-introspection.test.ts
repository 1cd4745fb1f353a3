/** What is read of a real Linux in a replay, against what that Linux said of itself when it was recorded. */
import test from 'ava';
import { GuestCpu } from '../../../src/guest/cpu.ts';
import { findKallsyms } from '../../../src/guest/linux/kallsyms.ts';
import { imageAround, pageFaultHandler } from '../../../src/guest/linux/kernel-image.ts';
import { KernelMemory } from '../../../src/guest/linux/kernel-memory.ts';
import { findExports } from '../../../src/guest/linux/ksymtab.ts';
import { Layout } from '../../../src/guest/linux/layout.ts';
import { findLinux, type LinuxOs } from '../../../src/guest/linux/linux.ts';
import { type LinuxProfile, shippedOffsets } from '../../../src/guest/linux/offsets.ts';
import { KernelSymbols } from '../../../src/guest/linux/symbols.ts';
import type { OpenObject, ProcessInfo } from '../../../src/guest/os.ts';
import { bootPc, debianGuest } from '../../support/debian.ts';
import { replayUntil, type StoppedGuest } from '../../support/guest-cpu.ts';
import { checkSymbols, checkSystemCalls } from './kernel-checks.ts';
import { LONG_NAME, recordSession, type Session, sections } from './session.ts';
import { checkSpoiled } from './spoiled-checks.ts';
import { checkThreads } from './watch-checks.ts';

let session: Session;
let guest: StoppedGuest;
let os: LinuxOs;
/** At the end, by pid. */
let processes: Map<number, ProcessInfo>;

test.before(async (t) => {
  t.timeout(400_000);
  session = await recordSession();
  guest = replayUntil(session.path, 0);
});

test.after.always(() => session?.remove());

test.serial('it is found during boot, and never before; what is told then is never wrong', (t) => {
  t.timeout(300_000);
  const step = 50_000_000;
  let searches = 0;
  let slowest = 0;
  let found: LinuxOs | undefined;
  while (found === undefined && guest.instruction < session.login) {
    guest.advance(guest.instruction + step);
    const start = performance.now();
    found = findLinux(guest.cpu);
    slowest = Math.max(slowest, performance.now() - start);
    searches++;
    if (!guest.cpu.paging) t.is(found, undefined);
  }
  t.true(searches > 10, 'it was not there from the beginning');
  if (found === undefined) return t.fail('not found');
  os = found;
  t.log(`found at ${guest.instruction}; the slowest of ${searches} searches took ${Math.round(slowest)} ms`);
  t.is(findLinux(guest.cpu), os, 'found once for good');
  const names = new Set<string>();
  let users = 0;
  while (guest.instruction < session.login) {
    guest.advance(guest.instruction + step);
    for (const process of os.processes()) {
      t.regex(process.name, /^[\x20-\x7e]+$/);
      if (process.pid === 1) t.regex(process.name, /^(swapper\/0|init)$/);
      if (process.pid === 2) t.is(process.name, 'kthreadd');
      t.true([0, 1000].includes(process.uid ?? -1));
      names.add(process.name);
      if (process.asid !== undefined) users++;
      const { imagePath, arguments: args } = os.details(process);
      if (imagePath !== undefined) t.regex(imagePath, /^\/(bin|usr|init|tmp)/);
      if (args?.[0] === 'syslogd') t.is(process.name, 'syslogd');
    }
  }
  t.true(users > 0);
  t.true(names.has('ksoftirqd/0') && names.has('init'));
});

test.serial('the current thread is the one whose address space is in use', (t) => {
  t.timeout(300_000);
  let inProgram = 0;
  let inKernel = 0;
  const step = Math.max(1_000_000, Math.floor((session.end - guest.instruction) / 150));
  while (guest.advance(guest.instruction + step)) {
    const { cpu } = guest;
    const current = os.currentThread();
    const thread = os.thread(current);
    if (thread === undefined) return t.fail(`no thread at ${guest.instruction}`);
    t.is(thread.address, current);
    // It is the current one until the kernel has put it away.
    if (os.hasEnded(current)) t.is(cpu.cpl, 0);
    if (cpu.cpl === 3) {
      inProgram++;
      t.is(thread.process.asid, cpu.cr3);
      // The bottom of the kernel's stack has the program's registers: its SS is the last word.
      const stack = os.kernelStack(current)!;
      t.is(stack.high - stack.low, 8192);
    } else if (thread.process.asid !== undefined) {
      inKernel++;
      t.is(thread.process.asid, cpu.cr3);
    }
  }
  t.log(`${inProgram} stops in a program, ${inKernel} in the kernel for one`);
  t.true(inProgram >= 3 && inKernel >= 3);
});

test.serial('nothing of this kernel is unknown', (t) => {
  processes = new Map(os.processes().map((process) => [process.pid, process]));
  t.deepEqual(os.notes, []);
  t.is(os.version, `Linux ${session.said.release.trim()}`);
});

test.serial('every symbol of /proc/kallsyms has its address, and no other is there', (t) => {
  checkSymbols(t, os, session);
});

test.serial('system calls have their functions, numbers and parameters', (t) => {
  checkSystemCalls(t, os);
});

test.serial('watch points are at the functions that they should be at', (t) => {
  const found = os.watchPoints().map(({ what, address }) => `${what} ${os.symbolAt(address)?.name}`);
  t.regex(found.join(', '), /switch finish_task_switch(\.isra\.0)?, switch schedule_tail/);
  for (const place of ['thread-end do_exit', 'thread-start wake_up_new_task', 'exec finalize_exec'])
    t.true(found.includes(place), place);
  t.is(
    os
      .watchPoints()
      .find(({ what }) => what === 'thread-start')
      ?.subject?.(),
    guest.cpu.eax,
  );
});

/** What /proc/PID/task/TID/stat said: tid and name, state, parent. */
function stats(): { tid: number; name: string; state: string; ppid: number }[] {
  return session.said.stat.split('\n').map((line) => {
    const [, tid, name = '', state = '', ppid] = /^(\d+) \((.*)\) (\w) (\d+) /.exec(line) ?? [];
    return { tid: Number(tid), name, state, ppid: Number(ppid) };
  });
}

/** A process that the questions themselves made. */
const isTransient = (name: string): boolean =>
  /^(cat|sh|ps|tr|grep|readlink|stat|gzip|base64|kworker.*)$/.test(name);

test.serial('all threads and processes, with their names, parents, users and states', (t) => {
  const threads = new Map(os.threads().map((thread) => [thread.tid, thread]));
  t.is(threads.size, os.threads().length, 'each once');
  t.true(threads.size > 55);
  for (const { tid, name, state, ppid } of stats()) {
    const found = threads.get(tid);
    if (found === undefined) {
      t.true(isTransient(name), `${tid} ${name} is missing`);
      continue;
    }
    // For a worker /proc adds what it works on, and does not cut the name off.
    if (/^kworker/.test(name)) t.true(name.startsWith(found.process.name), `${name} ${found.process.name}`);
    else t.is(found.process.name, name.slice(0, 15));
    t.is(found.process.ppid, ppid, name);
    t.is(os.hasEnded(found.address), state === 'Z', name);
  }
  const known = new Set(stats().map(({ tid }) => tid));
  for (const { tid, process } of threads.values())
    t.true(known.has(tid) || isTransient(process.name), process.name);
  const incarnations = [...threads.values()].map(({ address }) => os.incarnation(address));
  t.is(new Set(incarnations).size, threads.size);

  let users = 0;
  for (const [pid, text] of sections(session.said.status)) {
    const found = processes.get(pid);
    if (found === undefined) continue;
    // Real, effective, saved, of the file system.
    const uid = Number(/^Uid:\s+\d+\s+(\d+)/m.exec(text)?.[1]);
    t.is(found.uid, uid);
    if (uid === 1000) users++;
  }
  t.true(users >= 4, 'a shell and three programs of the second user');
  t.true(stats().some(({ state }) => state === 'Z'));
});

test.serial('threads of one process', (t) => {
  const leader = [...processes.values()].find(({ name }) => name === 'threads')!;
  const own = os.threads().filter(({ process }) => process.pid === leader.pid);
  t.is(own.length, 4);
  t.true(own.every(({ process }) => process.address === leader.address && process.asid === leader.asid));
  for (const { address } of own) {
    const stack = os.kernelStack(address)!;
    const esp = os.savedKernelEsp(address)!;
    t.true(esp > stack.low && esp < stack.high);
    t.regex(os.symbolAt(guest.cpu.memory.u32(esp + 20)!)?.name ?? '', /^(__schedule|ret_from_fork)/);
  }
  t.is(new Set(own.map(({ address }) => os.kernelStack(address)?.low)).size, 4);
});

test.serial('command lines, environments and programs', (t) => {
  const environments = sections(session.said.environ);
  const programs = sections(session.said.exe);
  let compared = 0;
  for (const [pid, text] of sections(session.said.cmdline)) {
    const process = processes.get(pid);
    if (process === undefined || isTransient(process.name)) continue;
    const { arguments: args, environment, imagePath } = os.details(process);
    const whole = (words: readonly string[] | undefined) =>
      (words ?? []).map((word) => `${word}\x01`).join('');
    t.is(whole(args), text.replace(/\n$/, ''), process.name);
    t.is(whole(environment), environments.get(pid)?.replace(/\n$/, '') ?? '', process.name);
    t.is(imagePath ?? '', programs.get(pid)?.trim() ?? '', process.name);
    if (args !== undefined) compared++;
  }
  t.true(compared > 15);
  const line = (words: string) =>
    [...processes.values()].map((process) => os.details(process).commandLine).includes(words);
  t.true(line("'/tmp/busybox two' sh -c 'sleep 5005; true' '' 'it'\\''s'"));
  t.true([...programs.values()].some((program) => program.trim() === '/tmp/busybox-gone (deleted)'));
});

test.serial('what is behind descriptors', (t) => {
  const inodes = sections(session.said.inodes);
  const kinds = {
    'regular file': 'file',
    'regular empty file': 'file',
    'character special file': 'device',
    fifo: 'pipe',
    socket: 'socket',
  } as Record<string, OpenObject['kind']>;
  const seen = new Map<string, number>();
  for (const [pid, text] of sections(session.said.links)) {
    const process = processes.get(pid);
    if (process === undefined || isTransient(process.name)) continue;
    for (const line of text.trim().split('\n')) {
      const [, descriptor = '', link = ''] = /^(\d+) (.+)$/.exec(line) ?? [];
      if (descriptor === '') continue;
      const [, inode, kind = ''] =
        new RegExp(`^${descriptor} (\\d+) (.*)$`, 'm').exec(inodes.get(pid) ?? '') ?? [];
      const object = os.object(process, Number(descriptor));
      t.is(object?.name, link);
      t.is(object?.inode, Number(inode), link);
      t.is(object?.kind, kinds[kind], link);
      seen.set(kind, (seen.get(kind) ?? 0) + 1);
    }
    t.is(os.object(process, 31), undefined);
    t.is(os.object(process, -1), undefined);
    t.is(os.object(process, 0x7fffffff), undefined);
  }
  t.log([...seen].map(([kind, count]) => `${count} ${kind}`).join(', '));
  for (const kind of ['character special file', 'fifo', 'socket']) t.true((seen.get(kind) ?? 0) > 1, kind);
  const names = [...processes.values()].flatMap((process) =>
    [...Array(12).keys()].map((descriptor) => os.object(process, descriptor)?.name),
  );
  for (const name of ['/mnt/a/b/deep', `/tmp/${LONG_NAME}`, '/tmp/named', '/etc/passwd', '/dev/ttyS1'])
    t.true(names.includes(name), name);
});

test.serial('modules of the kernel and of processes', (t) => {
  const told = session.said.modules.split('\n').map((line) => {
    const [name = '', size, , , , base = ''] = line.split(' ');
    return { name, base: Number(base), size: Number(size), path: undefined };
  });
  const [kernel, ...modules] = os.modules();
  t.is(kernel?.name, 'vmlinux');
  t.true(told.length > 1);
  t.deepEqual(modules, told);
  t.deepEqual(os.symbolAt(told[0]!.base + 0x123), { module: told[0]!.name, name: '+0x123' });

  let compared = 0;
  for (const [pid, text] of sections(session.said.maps)) {
    const process = processes.get(pid);
    if (process === undefined || isTransient(process.name)) continue;
    const files = new Map<string, { base: number; end: number }>();
    for (const line of text.trim().split('\n')) {
      const [, start = '', end = '', path] = /^(\w+)-(\w+) .*?(\/.*)$/.exec(line) ?? [];
      if (path === undefined) continue;
      files.set(path, {
        base: files.get(path)?.base ?? Number.parseInt(start, 16),
        end: Number.parseInt(end, 16),
      });
    }
    const expected = [...files].map(([path, { base, end }]) => ({ path, base, size: end - base }));
    t.deepEqual(
      os.modules(process).map(({ path, base, size }) => ({ path, base, size })),
      expected,
      process.name,
    );
    compared += expected.length;
  }
  t.true(compared > 25);
});

test.serial('functions of a library', (t) => {
  const server = [...processes.values()].find((process) => os.details(process).arguments?.includes('2222'))!;
  const libc = os.modules(server).find(({ name }) => name === 'libc.so.6')!;
  const all = os.functions('libc.so.6!*', server);
  t.true(all.length > 1000, `${all.length}`);
  for (const { address, asid, module } of all) {
    t.is(module, 'libc.so.6');
    t.is(asid, server.asid);
    t.true(address >= libc.base && address < libc.base + libc.size);
  }
  for (const name of ['read', 'write', 'socket', 'getpid']) {
    const found = os.functions(`libc!${name}`, server);
    t.is(found.length, 1, name);
    const { address } = found[0]!;
    t.is(os.symbolAt(address + 1, server)?.module, 'libc.so.6');
    t.regex(os.symbolAt(address + 1, server)?.name ?? '', /\+0x1$/);
  }
  // getpid is `mov $20, %eax` and the call of the kernel.
  const getpid = os.functions('libc!getpid', server)[0]!.address;
  const code = Buffer.from(guest.cpu.memory.in(server.asid!).bytes(getpid, 24)).toString('hex');
  if (code !== '') t.regex(code, /b814000000/);
  t.true(
    os.functions('read', server).some(({ module }) => module === 'libc.so.6'),
    'without a module, also there',
  );
});

test.serial('threads at watch points: each is seen to begin, to run on its own stack, and to end', (t) => {
  t.timeout(300_000);
  checkThreads(t, os, session);
});

/** The guest as it is now, in memory of its own that can be spoiled. */
function copyOfGuest(): { cpu: GuestCpu; bytes: Uint8Array } {
  const { linearBytes, layout } = guest.cpu.physical;
  const bytes = linearBytes.slice();
  return { cpu: new GuestCpu({ buffer: bytes.buffer } as WebAssembly.Memory, layout), bytes };
}

test.serial('offsets are derived from memory alone, and are those that the headers have', (t) => {
  const { cpu } = copyOfGuest();
  const { pageOffset, physical, bytes } = imageAround(cpu, pageFaultHandler(cpu))!;
  const table = findKallsyms(bytes, pageOffset + physical)!;
  const symbols = new KernelSymbols(table, findExports(bytes, pageOffset + physical));
  const layout = new Layout(new KernelMemory(cpu, pageOffset, symbols.last), symbols, {}, undefined);
  const start = performance.now();
  layout.complete(true, os.currentThread());
  t.log(`${Object.keys(layout.offsets).length} offsets in ${Math.round(performance.now() - start)} ms`);
  t.deepEqual(layout.notes, []);
  const headers = shippedOffsets(session.said.release.trim());
  if (Object.keys(headers).length > 0) t.deepEqual(layout.offsets, headers);
  else t.log('no headers of this kernel were read');
});

test.serial('a profile of another kernel is refused', (t) => {
  const profile = { banner: undefined, offsets: {}, symbols: new Map() };
  const find = (own: Partial<LinuxProfile>) => findLinux(copyOfGuest().cpu, { ...profile, ...own });
  const banner = session.said.banner;
  t.is(find({ banner })?.version, os.version);
  t.deepEqual(find({ offsets: { 'mm.exe_file': 8 } })?.processes(), os.processes(), 'the rest is derived');
  for (const wrong of [{ banner: banner.replace('6.', '5.') }, { offsets: { 'task.comm': 1000 } }])
    t.throws(() => find(wrong), { code: 'ERR_GUEST_PROFILE' });
});

test.serial('in a guest whose memory is spoiled, everything ends, and nothing is thrown', (t) => {
  checkSpoiled(t, os, copyOfGuest());
});

test.serial('other boots have their kernel elsewhere', async (t) => {
  t.timeout(500_000);
  const { machine, images } = await debianGuest();
  const here = os.functions('do_exit')[0]!.address;
  const seen = new Set([here]);
  // With 128 MiB there are half a dozen places, so that one can be drawn twice.
  for (let boot = 0; boot < 6 && seen.size === 1; boot++) {
    const { pc, console } = await bootPc(machine, images);
    t.teardown(() => pc.destroy());
    await console.waitFor(/login: $/);
    await pc.stop();
    const ram = pc.cpu.mem8;
    const layout = { ramStart: ram.byteOffset, ramBytes: ram.byteLength, vgaStart: 0, vgaBytes: 0 };
    const other = findLinux(new GuestCpu(pc.cpu.wasm_memory, layout))!;
    t.is(other.version, os.version);
    t.true(other.processes().some(({ name }) => name === 'syslogd'));
    t.deepEqual(other.notes, []);
    const there = other.functions('do_exit')[0]!.address;
    t.is(Math.abs(here - there) % 0x1000, 0);
    seen.add(there);
  }
  t.log([...seen].map((address) => address.toString(16)).join(' '));
  t.true(seen.size > 1);
});
