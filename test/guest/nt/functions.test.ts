/** Functions, services, modules, handles and command lines of ntlet as they are read from its memory. */
import test from 'ava';
import type { GuestCpu } from '../../../src/guest/cpu.ts';
import { findNt, type NtOs } from '../../../src/guest/nt/nt.ts';
import { xpServiceNames } from '../../../src/guest/nt/signatures.ts';
import { PARAMETER_TYPES, XP_SERVICES } from '../../../src/guest/nt/xp-services.ts';
import { Told, TRACES, truthOf } from './told.ts';
import { visit } from './visit.ts';

const [attack, stress] = TRACES as [(typeof TRACES)[0], (typeof TRACES)[0]];

const BASE = 0x8040_0000;

/** The names that the kernel in memory exports, with their addresses, read without any of the code under test. */
function exportsOf({ memory }: GuestCpu): Map<string, number> {
  const image = Buffer.from(memory.bytes(BASE, 0x2_0000));
  const directory = image.readUInt32LE(image.readUInt32LE(0x3c) + 0x78);
  const at = (offset: number) => image.readUInt32LE(directory + offset);
  const names = new Map<string, number>();
  for (let i = 0; i < at(24); i++) {
    const name = image.readUInt32LE(at(32) + 4 * i);
    const address = image.readUInt32LE(at(28) + 4 * image.readUInt16LE(at(36) + 2 * i));
    names.set(image.toString('latin1', name, image.indexOf(0, name)), BASE + address);
  }
  return names;
}

for (const { file, path } of TRACES) {
  test.serial(`${file}: services and exports are where they are said to be, with their words`, (t) => {
    const records = truthOf(path);
    const told = records.flatMap((r) => (r.kind === 'function' && r.function < 0x20000 ? [r] : []));
    const { cpu } = visit(path, [], () => ({}));
    const exported = exportsOf(cpu);
    const nt = findNt(cpu)!;
    for (const { function: number, address, name, shape } of told) {
      const found = nt.functions(name);
      t.is(found.length, 1, name);
      const fn = found[0]!;
      t.is(fn.address, address, name);
      t.is(fn.module, 'ntoskrnl.exe');
      t.is(fn.asid, undefined);
      t.is(fn.systemCall, number < 0x2000 ? number : undefined, name);
      t.is(fn.signature?.convention, shape.convention, name);
      // How many arguments DbgPrint has, its format says.
      t.is(fn.signature?.words, name === 'DbgPrint' ? undefined : shape.arguments, name);
      const named = fn.signature?.parameters;
      if (number < 0x1000) t.is(named?.length, shape.arguments, name);
      t.deepEqual(nt.symbolAt(address), { module: 'ntoskrnl.exe', name });
      t.deepEqual(nt.symbolAt(address + 1), { module: 'ntoskrnl.exe', name: `${name}+0x1` });
    }
    const variables = ['KeServiceDescriptorTable', 'KeTickCount', 'NtBuildNumber', 'PsInitialSystemProcess'];
    const all = nt.functions('*');
    for (const [name, address] of exported) {
      const found = all.filter((f) => f.name === name);
      t.is(found.length, variables.includes(name) ? 0 : 1, name);
      if (found[0]) t.is(found[0].address, address, name);
    }
    t.is(
      all.length,
      exported.size - variables.length + 2,
      'two services of the second table are not exported',
    );
    for (const fn of all.filter(({ name }) => name.startsWith('Zw'))) {
      const service = all.find(({ name }) => name === `Nt${fn.name.slice(2)}`)!;
      t.deepEqual(fn.signature, service.signature);
      t.false(fn.neverReturns);
      t.is(fn.systemCall, undefined);
    }
  });
}

test.serial('services that share an address have no name, and this is said', (t) => {
  const { cpu } = visit(attack.path, [], () => ({}));
  const nt = findNt(cpu)!;
  for (const name of ['NtAddAtom', 'NtOpenKey', 'NtGdiBitBlt']) t.deepEqual(nt.functions(name), []);
  t.is(nt.functions('NtGdi*').length, 1);
  t.true(
    nt.notes.some((note) => /^236 services from 0x0 on share the address 0x804033a7 \(NtAccept/.test(note)),
  );
  t.true(nt.notes.some((note) => /^665 services from 0x1000 on share/.test(note)));
  const notes = nt.notes.length;
  nt.functions('*');
  t.is(nt.notes.length, notes, 'it is said once');
});

test.serial('patterns; the modules of a process; names of addresses', (t) => {
  const { cpu } = visit(attack.path, [], () => ({}));
  const nt = findNt(cpu)!;
  const names = (pattern: string): string[] => nt.functions(pattern).map(({ name }) => name);
  t.deepEqual(names('nt!NtReadFile'), ['NtReadFile']);
  t.deepEqual(names('NTOSKRNL!NtReadFile'), ['NtReadFile']);
  t.deepEqual(names('ntoskrnl.exe!*ReadFile'), ['NtReadFile', 'ZwReadFile']);
  t.deepEqual(names('ntread*').length, 0, 'names have their case');
  t.deepEqual(names('ntdll.dll!*'), [], 'without a process there is none');
  t.deepEqual(names('win32k.sys!*'), []);
  t.deepEqual(names('Nt*VirtualMemory').sort(), [
    'NtAllocateVirtualMemory',
    'NtFreeVirtualMemory',
    'NtReadVirtualMemory',
    'NtWriteVirtualMemory',
  ]);
  const shell = nt.processes().find(({ name }) => name === 'winlogon.exe')!;
  const stubs = nt.functions('ntdll.dll!NtReadFile', shell);
  t.is(stubs.length, 1);
  const stub = stubs[0]!;
  t.is(stub.module, 'ntdll.dll');
  t.is(stub.asid, shell.asid);
  t.is(stub.signature?.words, 9);
  t.is(stub.signature?.parameters?.[5]?.name, 'Buffer');
  t.deepEqual(cpu.memory.in(shell.asid!).bytes(stub.address, 5), Uint8Array.of(0xb8, 0xb7, 0, 0, 0));
  t.deepEqual(nt.symbolAt(stub.address + 5, shell), { module: 'ntdll.dll', name: 'NtReadFile+0x5' });
  t.is(nt.symbolAt(stub.address), undefined, 'not without the process');
  t.is(nt.symbolAt(0x10, shell), undefined);
  t.is(nt.functions('NtReadFile', shell).length, 2);
  t.is(nt.functions('ntdll!RtlUnwind', shell)[0]?.signature, undefined, 'nothing is made up');
  t.deepEqual(
    nt.modules().map(({ name, base, path }) => [name, base, path]),
    [['ntoskrnl.exe', 0x8040_0000, '\\WINDOWS\\system32\\ntoskrnl.exe']],
  );
  const program = nt.symbolAt(0x40_0010, shell);
  t.is(program?.module, 'winlogon.exe');
});

test.serial('command lines and modules of processes, from their first service on', (t) => {
  const records = truthOf(attack.path);
  const told = new Told(records);
  const functions = records.flatMap((r) =>
    r.kind === 'function' && r.function < 0x20000 ? [r.address] : [],
  );
  const lines = new Map<number, string>();
  let nt: NtOs | undefined;
  visit(attack.path, functions, ({ cpu }) => ({
    hit: () => {
      nt ??= findNt(cpu);
      const thread = nt!.thread(nt!.currentThread())!;
      if (thread.process.pid === 0) return;
      const generation = [...told.processes.values()].findLast(
        ({ object, cr3 }) => object === thread.process.address && cr3 === thread.process.asid,
      )!.process;
      const details = nt!.details(thread.process);
      lines.set(generation, details.commandLine!);
      t.true(details.imagePath?.endsWith(`\\${thread.process.name}`), details.imagePath);
      const modules = nt!.modules(thread.process);
      t.deepEqual(
        modules.map(({ name, base }) => [name, base]),
        [
          [thread.process.name, 0x40_0000],
          ['ntdll.dll', 0x7c90_0000],
        ],
      );
    },
  }));
  const seen = [...lines.values()];
  for (const line of [
    'smss.exe',
    'winlogon.exe 0',
    'winlogon.exe 1',
    'cmd.exe guest',
    'cmd.exe Administrator',
  ])
    t.true(seen.includes(line), line);
  t.true(seen.some((line) => /^count \d+$/.test(line)));
  t.deepEqual(nt!.details(nt!.processes()[0]!).commandLine, undefined, 'Idle has none');
  t.deepEqual(nt!.modules(nt!.processes()[0]!), []);
});

/** What services take for a handle as their first argument. */
const TAKES: Readonly<Record<string, readonly string[]>> = {
  NtReadFile: ['file', 'device', 'pipe', 'socket'],
  NtWriteFile: ['file', 'device', 'pipe', 'socket'],
  NtDeviceIoControlFile: ['file', 'device', 'pipe', 'socket'],
  NtQueryInformationFile: ['file', 'device', 'pipe', 'socket'],
  NtTerminateThread: ['thread'],
  NtResumeThread: ['thread'],
  NtQueueApcThread: ['thread'],
  NtTerminateProcess: ['process'],
  NtQueryInformationProcess: ['process'],
  NtSetEvent: ['event'],
  NtResetEvent: ['event'],
  NtRequestWaitReplyPort: ['port'],
  NtReplyWaitReceivePort: ['port'],
};
const INVALID_HANDLE = 0xc000_0008;
const TYPE_MISMATCH = 0xc000_0024;

test.serial('handles lead to what the services that take them find', (t) => {
  const records = truthOf(stress.path);
  const enters = records.flatMap((r) => (r.kind === 'enter' && r.function < 0x2000 ? [r] : []));
  const leaves = new Map(records.flatMap((r) => (r.kind === 'leave' ? [[r.call, r]] : [])));
  const functions = records.flatMap((r) => (r.kind === 'function' && r.function < 0x2000 ? [r] : []));
  const nameOf = new Map(functions.map((f) => [f.function, f.name]));
  const kinds = new Map<string, number>();
  const names = new Set<string>();
  let nt: NtOs | undefined;
  let next = 0;
  visit(
    stress.path,
    functions.map((f) => f.address),
    ({ cpu }) => ({
      hit: () => {
        nt ??= findNt(cpu);
        const enter = enters[next++]!;
        const name = nameOf.get(enter.function)!;
        const wanted = TAKES[name];
        const leave = leaves.get(enter.call);
        const handle = enter.arguments[0]!;
        if (wanted === undefined || leave?.outcome !== 'returned' || handle === 0) return;
        const { process } = nt!.thread(nt!.currentThread())!;
        const object = nt!.object(process, handle);
        if (leave.result === INVALID_HANDLE) t.is(object, undefined, `${name}(0x${handle.toString(16)})`);
        else if (leave.result === TYPE_MISMATCH) t.false(wanted.includes(object!.kind));
        else {
          t.true(wanted.includes(object?.kind ?? ''), `${name}(0x${handle.toString(16)}): ${object?.kind}`);
          kinds.set(object!.kind, (kinds.get(object!.kind) ?? 0) + 1);
          if (object!.name) names.add(object!.name);
        }
      },
    }),
  );
  for (const kind of ['device', 'file', 'thread', 'process', 'port'])
    t.true((kinds.get(kind) ?? 0) > 0, kind);
  t.true(names.has('\\Device\\Serial0'));
  t.true([...names].some((name) => /^thread \d+ of stress\.exe \(\d+\)$/.test(name)));
  t.log(Object.fromEntries(kinds));
});

test('the table of XP’s services: 284, in the order of their numbers, and each parameter has a type', (t) => {
  const names = xpServiceNames();
  t.is(names.length, 0x11c);
  t.is(new Set(names).size, names.length);
  // Sorted but for those that XP has put behind.
  t.deepEqual(names.slice(0, 0x117), [...names.slice(0, 0x117)].sort());
  for (const [name, number] of [
    ['NtAcceptConnectPort', 0],
    ['NtCreateFile', 0x25],
    ['NtOpenFile', 0x74],
    ['NtReadFile', 0xb7],
    ['NtWriteFile', 0x112],
    ['NtQueryPortInformationProcess', 0x11b],
  ] as const)
    t.is(names[number], name);
  const types = new Map<string, string>();
  for (const line of PARAMETER_TYPES.trim().split('\n')) {
    const [type, ...parameters] = line.split(' ');
    for (const parameter of parameters) {
      t.false(types.has(parameter), `${parameter} twice`);
      types.set(parameter, type!);
    }
  }
  for (const line of XP_SERVICES.trim().split('\n')) {
    const parameters = line.split(/,? /).slice(1).join(' ');
    t.regex(line, /^Nt\w+( (\w+ \**)?\w+(, (\w+ \**)?\w+)*)?$/, parameters);
    for (const parameter of line.includes(' ') ? line.slice(line.indexOf(' ') + 1).split(', ') : [])
      t.true(parameter.includes(' ') || types.has(parameter), `${line}: ${parameter}`);
  }
});
