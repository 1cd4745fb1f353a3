/**
 * What an analyst's tool finds in ntlet's memory: it must be where Windows XP SP3 has it, and agree with what the ground
 * truth tells. Everything is read through the page tables, as such a tool would.
 */
import test from 'ava';
import type { TruthRecordOf } from '../../../src/guest/ntlet/truth-record.ts';
import { GuestMemory } from '../../support/guest-memory.ts';
import { finishAndVerify, kernelImage, recordNtlet } from '../../support/ntlet.ts';

const BASE = 0x80400000;
const KPCR = 0xffdff000;

/** Name and address of each export of a PE image in memory. */
function exportsOf(memory: GuestMemory, base: number): { module: string; names: Map<string, number> } {
  const header = base + memory.u32(base + 0x3c);
  const directory = base + memory.u32(header + 0x78);
  const at = (offset: number) => base + memory.u32(directory + offset);
  const [addresses, names, ordinals] = [at(28), at(32), at(36)];
  const found = new Map<string, number>();
  for (let i = 0; i < memory.u32(directory + 24); i++) {
    const address = base + memory.u32(addresses + 4 * memory.u16(ordinals + 2 * i));
    found.set(memory.text(base + memory.u32(names + 4 * i)), address);
  }
  return { module: memory.text(at(12)), names: found };
}

test.serial(
  'the kernel is a PE image whose exports and service table are those that the truth tells of',
  async (t) => {
    const guest = await recordNtlet(t);
    await guest.booted();
    const memory = new GuestMemory(guest.recording);
    t.is(memory.text(BASE, 2), 'MZ');
    t.deepEqual(Buffer.from(memory.bytes(BASE, 4096)), kernelImage().subarray(0, 4096));
    const { module, names } = exportsOf(memory, BASE);
    t.is(module, 'ntoskrnl.exe');
    t.deepEqual([...names.keys()], [...names.keys()].sort(), 'readers search by halves');
    const table = names.get('KeServiceDescriptorTable')!;
    const services = memory.u32(table);
    const limit = memory.u32(table + 8);
    const argumentBytes = memory.u32(table + 12);
    t.is(limit, 0x11c, 'as many as XP SP3 has');
    // XP SP3's numbers.
    for (const [name, number, words] of [
      ['NtReadFile', 0xb7, 9],
      ['NtWriteFile', 0x112, 9],
      ['NtCreateFile', 0x25, 11],
      ['NtClose', 0x19, 1],
      ['NtCreateProcess', 0x2f, 8],
      ['NtTerminateThread', 0x102, 2],
      ['NtRequestWaitReplyPort', 0xc8, 3],
    ] as const) {
      t.is(memory.u32(services + 4 * number), names.get(name)!, name);
      t.is(memory.u8(argumentBytes + number), 4 * words, name);
    }
    const { records } = await finishAndVerify(t, guest);
    const functions = records.filter((r): r is TruthRecordOf<'function'> => r.kind === 'function');
    t.true(functions.length > 45);
    for (const { name, address, function: number, shape } of functions) {
      if (number < 0x1000) {
        t.is(address, memory.u32(services + 4 * number), name);
        t.is(shape.arguments * 4, memory.u8(argumentBytes + number), name);
      }
      if (names.has(name)) t.is(address, names.get(name)!, name);
    }
  },
);

test.serial('threads, processes, modules and handles lie where XP SP3 has them', async (t) => {
  const guest = await recordNtlet(t);
  await guest.booted();
  await guest.logIn(0, 'Administrator', 'honey');
  const memory = new GuestMemory(guest.recording);
  t.is(memory.u32(KPCR + 0x1c), KPCR);
  const { names } = exportsOf(memory, BASE);
  t.is(memory.u32(names.get('NtBuildNumber')!), 0xf0000a28);

  // EPROCESSes, by the list that begins with the System process.
  const system = memory.u32(names.get('PsInitialSystemProcess')!);
  const processes: { eprocess: number; pid: number; parent: number; name: string; cr3: number }[] = [];
  for (let link = system + 0x88; ; link = memory.u32(link)) {
    const eprocess = link - 0x88;
    if (eprocess === system && processes.length > 0) break;
    // The list's head is no process: it lies in the kernel's image.
    if (eprocess < BASE || eprocess >= BASE + 0x100000) {
      processes.push({
        eprocess,
        pid: memory.u32(eprocess + 0x84),
        parent: memory.u32(eprocess + 0x14c),
        name: memory.text(eprocess + 0x174, 16),
        cr3: memory.u32(eprocess + 0x18),
      });
    }
  }
  t.deepEqual(
    processes.map(({ name }) => name),
    ['System', 'smss.exe', 'winlogon.exe', 'winlogon.exe', 'cmd.exe'],
  );
  t.deepEqual(processes.map(({ pid, parent }) => [pid, parent]).slice(0, 3), [
    [4, 0],
    [8, 4],
    [16, 8],
  ]);

  // The shell: its thread waits in NtReadFile; its modules, its command line, the file behind its standard input.
  const shell = processes.at(-1)!;
  const user = memory.in(shell.cr3);
  const thread = memory.u32(shell.eprocess + 0x190) - 0x22c;
  t.is(memory.u8(thread + 0x2d), 5, 'KTHREAD.State: waiting');
  t.is(memory.u32(thread + 0x220), shell.eprocess);
  t.is(memory.u32(thread + 0x1ec), shell.pid);
  const teb = memory.u32(thread + 0x20);
  t.is(user.u32(teb + 0x18), teb);
  const peb = user.u32(teb + 0x30);
  t.is(peb, memory.u32(shell.eprocess + 0x1b0));
  const parameters = user.u32(peb + 0x10);
  t.regex(user.unicode(parameters + 0x40), /cmd/);
  const modules: string[] = [];
  const head = user.u32(peb + 0xc) + 0xc;
  for (let link = user.u32(head); link !== head; link = user.u32(link))
    modules.push(user.unicode(link + 0x2c));
  t.deepEqual(modules, ['cmd.exe', 'ntdll.dll']);
  t.is(exportsOf(user, 0x7c900000).module, 'ntdll.dll');
  const handle = user.u32(parameters + 0x18);
  const entry = memory.u32(memory.u32(shell.eprocess + 0xc4)) + 2 * handle;
  const header = (memory.u32(entry) & ~7) >>> 0;
  t.is(memory.unicode(memory.u32(header + 8) + 0x40), 'File', 'OBJECT_TYPE.Name');
  t.is(memory.unicode(header + 0x18 + 0x30), '\\Device\\Serial0', 'FILE_OBJECT.FileName');

  // Debuggers and forensic tools go by KPCR.KdVersionBlock.
  const version = memory.u32(KPCR + 0x34);
  t.is(memory.u16(version + 2), 2600);
  t.is(memory.u32(version + 0x10), BASE);
  t.is(memory.unicode(memory.u32(memory.u32(version + 0x18)) + 0x2c), 'ntoskrnl.exe');

  const { records } = await finishAndVerify(t, guest);
  const started = records.filter((r): r is TruthRecordOf<'process-start'> => r.kind === 'process-start');
  for (const { eprocess, pid, name, cr3 } of processes) {
    const told = started.find(({ object }) => object === eprocess);
    t.like(told, { processId: pid, name, cr3 });
  }
});

test.serial(
  'each call that the truth tells of stands on the stack as it tells; all services return to one place',
  async (t) => {
    const guest = await recordNtlet(t, { jit: false });
    const memory = new GuestMemory(guest.recording);
    const returns = new Map<string, Set<number>>();
    let compared = 0;
    // While a record is written nothing has moved: interpreted, memory and registers are as they are at that instruction.
    let words: number[] = [];
    guest.recording.pc.onDebugPort((value, bytes) => {
      if (bytes !== 4) return;
      words.push(value);
      if (words.length !== ((words[0]! >>> 8) & 0xff)) return;
      const [head, , , , number, , door, esp] = words as [
        number,
        number,
        number,
        number,
        number,
        number,
        number,
        number,
      ];
      const passed = words.slice(8);
      words = [];
      if ((head & 0xff) !== 8 || number >= 0x2000) return;
      const now = memory.current();
      passed.forEach((argument, i) => {
        t.is(now.u32(esp + 4 + 4 * i), argument);
        compared++;
      });
      const how = ['direct', 'dispatcher', 'dispatcher', 'dispatcher', 'jump'][door & 0xff]!;
      if (!returns.has(how)) returns.set(how, new Set());
      returns.get(how)!.add(now.u32(esp));
    });
    await guest.booted();
    await guest.logIn(0, 'Administrator', 'honey');
    await guest.run('stress 1 2');
    await finishAndVerify(t, guest);
    t.true(compared > 1000, `${compared}`);
    t.is(returns.get('dispatcher')?.size, 1);
    t.true((returns.get('direct')?.size ?? 0) > 1);
  },
);
