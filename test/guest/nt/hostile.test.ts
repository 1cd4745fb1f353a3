/** Guests that are not NT, and an NT whose memory has been tampered with: no answer is better than a wrong one. */
import test from 'ava';
import fc from 'fast-check';
import { At } from '../../../src/engine/layout.ts';
import { GuestCpu } from '../../../src/guest/cpu.ts';
import { PhysicalMemory, VirtualMemory } from '../../../src/guest/memory.ts';
import { findNt, type NtOs } from '../../../src/guest/nt/nt.ts';
import { findExport, readPeImage } from '../../../src/guest/nt/pe.ts';
import { root } from '../../support/probe.ts';
import { TRACES } from './told.ts';
import { visit } from './visit.ts';

test.serial('a guest that is not NT is none, at any time, and this is found out quickly', (t) => {
  let asked = 0;
  let slowest = 0;
  const { cpu } = visit(`${root}/traces/probe.rebek`, [], ({ cpu }) => ({
    interrupt: () => {
      if (asked++ % 10 !== 0) return;
      const started = performance.now();
      t.is(findNt(cpu), undefined);
      slowest = Math.max(slowest, performance.now() - started);
    },
  }));
  t.is(findNt(cpu), undefined);
  t.true(asked > 100, `${asked}`);
  t.true(slowest < 50, `${slowest} ms`);
  const started = performance.now();
  for (let i = 0; i < 10_000; i++) findNt(cpu);
  t.log(
    `asked ${asked} times; ${((performance.now() - started) / 10).toFixed(2)} µs each when there is none`,
  );
});

/** A copy of a stopped guest, which can be tampered with. */
function copyOf(cpu: GuestCpu): { cpu: GuestCpu; write(address: number, value: number): void; undo(): void } {
  const { layout, linearBytes } = cpu.physical;
  const copy = { buffer: linearBytes.slice().buffer } as WebAssembly.Memory;
  const view = new DataView(copy.buffer);
  const memory = new VirtualMemory(new PhysicalMemory(copy, layout));
  const undo: [number, number][] = [];
  return {
    cpu: new GuestCpu(copy, layout),
    write: (address, value) => {
      const physical = memory.translate(address);
      if (physical < 0 || physical + 4 > layout.ramBytes) return;
      const at = layout.ramStart + physical;
      undo.push([at, view.getUint32(at, true)]);
      view.setUint32(at, value, true);
    },
    undo: () => {
      for (const [at, value] of undo.splice(0).reverse()) view.setUint32(at, value, true);
    },
  };
}

/** Everything that can be asked. */
function askAll(nt: NtOs): void {
  const thread = nt.currentThread();
  nt.thread(thread);
  nt.incarnation(thread);
  nt.hasEnded(thread);
  nt.kernelStack(thread);
  nt.userStack(thread);
  nt.savedKernelEsp(thread);
  nt.threads();
  for (const process of nt.processes()) {
    nt.details(process);
    nt.modules(process);
    for (const handle of [4, 8, 12, 0x7fc, 0x10_0000, 0x8000_0004, 0xffff_ffff]) nt.object(process, handle);
    nt.symbolAt(0x40_0100, process);
  }
  nt.modules();
  nt.functions('*', nt.processes().at(-1));
  nt.symbolAt(0x8040_9000);
  nt.watchPoints();
  nt.endsCaller('NtTerminateThread', thread, () => 4);
}

const stopped = visit(TRACES[0]!.path, [], () => ({})).cpu;

test.serial('garbage in the kernel’s memory: nothing is thrown, and everything ends', (t) => {
  const guest = copyOf(stopped);
  const before = findNt(guest.cpu)!;
  const objects = [
    ...before.processes().map(({ address }) => address),
    ...before.threads().map(({ address }) => address),
  ];
  const kpcr = 0xffdf_f000;
  const place = fc.oneof(
    fc.record({
      base: fc.constantFrom(...objects),
      offset: fc.integer({ min: 0, max: 0x98 }).map((n) => 4 * n),
    }),
    fc.record({ base: fc.constant(kpcr), offset: fc.integer({ min: 0, max: 0x60 }).map((n) => 4 * n) }),
    // The kernel's headers, exports, service tables and variables, and the pool.
    fc.record({
      base: fc.constant(0x8040_0000),
      offset: fc.integer({ min: 0, max: 0x97ff }).map((n) => 4 * n),
    }),
    fc.record({
      base: fc.constant(0x8050_0000),
      offset: fc.integer({ min: 0, max: 0xffff }).map((n) => 4 * n),
    }),
  );
  const value = fc.oneof(
    fc.constantFrom(0, 1, 0xffff_ffff, 0x8000_0000, 0x7fff_ffff, kpcr, 0x8040_0000, 0x7ffd_f000),
    fc.constantFrom(...objects.flatMap((o) => [o, o + 0x50, o + 0x88, o + 0x1b0])),
    fc.integer({ min: 0, max: 0xffff_ffff }),
  );
  const changes = fc.array(fc.tuple(place, value), { minLength: 1, maxLength: 40 });
  let found = 0;
  let slowest = 0;
  fc.assert(
    fc.property(changes, (list) => {
      for (const [{ base, offset }, word] of list) guest.write(base + offset, word);
      const started = performance.now();
      try {
        // One that was found before, and one that is looked for now.
        askAll(before);
        const nt = findNt(guest.cpu);
        if (nt !== undefined) {
          found++;
          askAll(nt);
        }
      } finally {
        guest.undo();
      }
      slowest = Math.max(slowest, performance.now() - started);
    }),
    { numRuns: 150 },
  );
  t.true(found > 20, `${found}`);
  t.true(slowest < 5000, `${slowest} ms`);
  t.log(`still found in ${found} of 150; the slowest took ${slowest.toFixed(0)} ms`);
  t.is(before.processes().length, findNt(guest.cpu)!.processes().length);
});

test.serial('lists that run in circles, and a kernel without its process list', (t) => {
  const guest = copyOf(stopped);
  const nt = findNt(guest.cpu)!;
  const [, system, smss, ...others] = nt.processes();
  // smss.exe points back to System: the others are out of reach, and it ends.
  guest.write(smss!.address + 0x88, system!.address + 0x88);
  t.deepEqual(
    nt.processes().map(({ name }) => name),
    ['Idle', 'System', 'smss.exe'],
  );
  guest.write(smss!.address + 0x88, smss!.address + 0x88);
  t.is(nt.processes().length, 3);
  guest.undo();
  // A process that is taken out of the list is not in it; its threads still tell who they are.
  const hidden = others[0]!;
  const thread = nt.threads().find(({ process }) => process.pid === hidden.pid)!;
  const { memory } = guest.cpu;
  const [next, previous] = [memory.u32(hidden.address + 0x88)!, memory.u32(hidden.address + 0x8c)!];
  guest.write(previous, next);
  guest.write(next + 4, previous);
  t.false(nt.processes().some(({ address }) => address === hidden.address));
  t.is(nt.thread(thread.address)?.process.name, hidden.name);
  guest.undo();
  // What is no System process, is none.
  guest.write(system!.address + 0x174, 0x41414141);
  const unknown = findNt(guest.cpu)!;
  t.deepEqual(unknown.processes(), []);
  t.is(unknown.thread(nt.currentThread()), undefined);
  t.is(unknown.currentThread(), nt.currentThread());
  t.true(unknown.notes.some((note) => note.includes('structures of build 2600 are not known')));
  t.is(unknown.functions('NtReadFile').length, 1, 'functions are known all the same');
  guest.undo();
  // Another build, of which nothing is known.
  const image = readPeImage(memory, 0x8040_0000)!;
  guest.write(findExport(memory, image, 'NtBuildNumber')!, 0xf000_0565);
  const older = findNt(guest.cpu)!;
  t.is(older.version, 'NT 5.1 build 1381');
  t.true(older.notes.some((note) => note.includes('structures of build 1381 are not known')));
  t.deepEqual(older.threads(), []);
  t.is(older.functions('NtReadFile')[0]?.systemCall, 0xb7, 'from the kernel itself');
  t.deepEqual(older.functions('NtUserCallOneParam'), [], 'the list of names is that of another build');
});

test.serial('an entry of the service table that leads elsewhere is told of', (t) => {
  const guest = copyOf(stopped);
  const nt = findNt(guest.cpu)!;
  const original = nt.functions('NtReadFile')[0]!;
  const table = [...Array(0x2_6000 / 4).keys()]
    .map((i) => 0x8040_0000 + 4 * i)
    .find((at) => guest.cpu.memory.u32(at) === original.address && guest.cpu.memory.u32(at + 8) !== 0)!;
  guest.write(table, 0x8058_1234);
  const tampered = findNt(guest.cpu)!;
  const found = tampered.functions('NtReadFile');
  t.deepEqual(
    found.map(({ address, module, systemCall }) => [address, module, systemCall]),
    [
      [0x8058_1234, '?', 0xb7],
      [original.address, 'ntoskrnl.exe', undefined],
    ],
  );
  t.true(
    tampered.notes.some((note) => /^service 0xb7 \(NtReadFile\) leads to 0x80581234/.test(note)),
    tampered.notes.join('\n'),
  );
});

test.serial('paging off, or no KPCR: no NT', (t) => {
  const guest = copyOf(stopped);
  guest.write(0xffdf_f01c, 0);
  t.is(findNt(guest.cpu), undefined);
  guest.undo();
  t.not(findNt(guest.cpu), undefined);
  const linear = guest.cpu.physical.linear;
  const cr0 = linear.getUint32(At.cr, true);
  linear.setUint32(At.cr, cr0 & 0x7fff_ffff, true);
  t.is(findNt(guest.cpu), undefined);
});
