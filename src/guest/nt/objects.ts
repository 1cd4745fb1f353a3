/** What NT's handles lead to: HANDLE_TABLE, OBJECT_HEADER, OBJECT_TYPE, FILE_OBJECT (NT 5.1 to 6.0). */
import type { OpenObject } from '../os.ts';
import { isKernelAddress } from './list.ts';
import type { Structures } from './structures.ts';

const PAGE = 4096;
const ENTRIES = PAGE / 8;
const TABLES = PAGE / 4;
/** NtCurrentProcess() and NtCurrentThread(). */
export const CURRENT_PROCESS = 0xffff_ffff;
export const CURRENT_THREAD = 0xffff_fffe;
/** Handles of the System process, from wherever they are used. */
const KERNEL_HANDLE = 0x8000_0000;
/** FILE_OBJECT. */
const File = { type: 5, device: 4, name: 0x30 } as const;
const LONGEST_NAME = 4096;

/** The address of the object that a handle of a process leads to; undefined if it is not open. */
export function objectOf(nt: Structures, process: number, handle: number): number | undefined {
  handle >>>= 0;
  if (handle === CURRENT_PROCESS) return process;
  if (handle === CURRENT_THREAD) {
    const thread = nt.currentThread();
    return nt.processOf(thread) === process ? thread : undefined;
  }
  const { object, process: fields } = nt.profile;
  if (object === undefined || fields.objectTable === undefined) return undefined;
  if (handle & KERNEL_HANDLE) {
    process = nt.system;
    handle = handle & ~KERNEL_HANDLE;
  }
  const table = nt.memory.u32(process + fields.objectTable);
  if (!isKernelAddress(table)) return undefined;
  const code = nt.memory.u32(table + object.tableCode);
  if (!isKernelAddress(code)) return undefined;
  const entry = entryOf(nt, code, handle >>> 2);
  const value = entry === undefined ? undefined : nt.memory.u32(entry);
  // The three lowest bits: locked, inherited, audited.
  const header = value === undefined ? undefined : (value & ~7) >>> 0;
  return isKernelAddress(header) ? header + object.body : undefined;
}

/** A table has up to three levels, as its lowest two bits say. */
function entryOf(nt: Structures, code: number, index: number): number | undefined {
  const level = code & 3;
  let table: number | undefined = (code & ~3) >>> 0;
  const { memory } = nt;
  if (index === 0 || index >= ENTRIES * TABLES ** Math.min(level, 2)) return undefined;
  if (level === 3) return undefined;
  if (level === 2) {
    table = memory.u32(table + 4 * Math.floor(index / (ENTRIES * TABLES)));
    if (!isKernelAddress(table)) return undefined;
  }
  if (level >= 1) {
    table = memory.u32(table + 4 * (Math.floor(index / ENTRIES) % TABLES));
    if (!isKernelAddress(table)) return undefined;
  }
  return table + 8 * (index % ENTRIES);
}

/** The name of an object's type: `File`, `Process`, …; undefined if it cannot be told. */
export function typeOf(nt: Structures, body: number): string | undefined {
  const { object } = nt.profile;
  if (object === undefined) return undefined;
  const type = nt.memory.u32(body - object.body + object.type);
  return isKernelAddress(type) ? unicode(nt, type + object.typeName) : undefined;
}

function unicode(nt: Structures, at: number): string | undefined {
  if ((nt.memory.u16(at) ?? 0) > LONGEST_NAME) return undefined;
  return nt.memory.unicodeString(at) || undefined;
}

/** The name that an object was made with; undefined if it has none. */
function nameOf(nt: Structures, body: number): string | undefined {
  const { object } = nt.profile;
  if (object === undefined) return undefined;
  const header = body - object.body;
  const offset = nt.memory.u8(header + object.nameInfoOffset);
  // OBJECT_HEADER_NAME_INFO: Directory, Name.
  return offset ? unicode(nt, header - offset + 4) : undefined;
}

function fileObject(nt: Structures, body: number): OpenObject {
  if (nt.memory.u16(body) !== File.type) return { kind: 'other', name: undefined, inode: body };
  const name = unicode(nt, body + File.name) ?? '';
  const device = nt.memory.u32(body + File.device);
  const prefix = isKernelAddress(device) ? deviceName(nt, device) : undefined;
  const whole = name.startsWith('\\Device\\') ? name : `${prefix ?? ''}${name}`;
  return { kind: kindOf(whole, name), name: whole || undefined, inode: body };
}

/** Devices are objects with a name in the directory `\Device`. */
function deviceName(nt: Structures, device: number): string | undefined {
  const name = typeOf(nt, device) === 'Device' ? nameOf(nt, device) : undefined;
  return name === undefined ? undefined : `\\Device\\${name}`;
}

function kindOf(whole: string, name: string): OpenObject['kind'] {
  const [, device = '', rest = ''] = /^\\Device\\([^\\]*)(.*)$/s.exec(whole) ?? [];
  if (/^(NamedPipe|Npfs)$/i.test(device)) return 'pipe';
  if (/^(Afd|Tcp6?|Udp6?|RawIp6?|Ip6?)$/i.test(device)) return 'socket';
  if (device !== '' && rest === '') return 'device';
  return name === '' ? 'device' : 'file';
}

const KINDS: ReadonlyMap<string, OpenObject['kind']> = new Map([
  ['Event', 'event'],
  ['Port', 'port'],
  ['WaitablePort', 'port'],
  ['ALPC Port', 'port'],
  ['Section', 'section'],
  ['Device', 'device'],
]);

/** What is behind a handle, for people. */
export function describeObject(nt: Structures, process: number, handle: number): OpenObject | undefined {
  const body = objectOf(nt, process, handle);
  if (body === undefined) return undefined;
  const told = typeOf(nt, body);
  const type = told ?? (nt.isProcess(body) ? 'Process' : nt.isThread(body) ? 'Thread' : undefined);
  if (type === 'File') return fileObject(nt, body);
  if (type === 'Process') {
    const info = nt.process(body);
    return { kind: 'process', name: info && `${info.name} (${info.pid})`, inode: body };
  }
  if (type === 'Thread') {
    const info = nt.thread(body);
    const name = info && `thread ${info.tid} of ${info.process.name} (${info.process.pid})`;
    return { kind: 'thread', name, inode: body };
  }
  return { kind: KINDS.get(type ?? '') ?? 'other', name: nameOf(nt, body), inode: body };
}
