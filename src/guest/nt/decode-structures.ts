/** The structures that arguments of services point to, as Windows XP has them on x86 (winternl.h, ntdef.h, winnt.h). */
import type { Call } from './decode-call.ts';
import * as names from './decode-names.ts';
import { decimal, hexadecimal, list, NULL, named, type Shown, structure, unread } from './decode-shown.ts';
import { statusText } from './status.ts';

/** MAXIMUM_WAIT_OBJECTS. */
const MOST_HANDLES = 64;
/** Elements of other arrays. */
const MOST_ELEMENTS = 256;

/** Reads a structure at an address. */
export type ShowAt = (call: Call, address: number) => Shown;

export const unicodeString: ShowAt = (call, address) => call.reader.unicodeString(address);

export const objectAttributes: ShowAt = (call, address) =>
  call.reader.at(address, 24, (view) => {
    const root = view.getUint32(4, true);
    const flags = view.getUint32(12, true);
    const name = unicodeString(call, view.getUint32(8, true));
    const descriptor = view.getUint32(16, true);
    return structure({
      RootDirectory: root === 0 ? undefined : call.handle(root),
      ObjectName: name,
      Attributes: flags === 0 ? undefined : names.OBJECT_FLAGS(flags),
      SecurityDescriptor: descriptor === 0 ? undefined : hexadecimal(descriptor),
    });
  });

/** Services that open a file say in Information what they did. */
const OPENS = /^Nt(?:Create|Open)(?:NamedPipe|Mailslot)?File$/;

export const ioStatusBlock: ShowAt = (call, address) =>
  call.reader.at(address, 8, (view) => {
    const information = view.getUint32(4, true);
    return structure({
      Status: named(statusText(view.getUint32(0, true))),
      Information: OPENS.test(call.name) ? names.FILE_OPENED(information) : decimal(information),
    });
  });

function clientIdIn(view: DataView, offset: number): Shown {
  return structure({
    UniqueProcess: decimal(view.getUint32(offset, true)),
    UniqueThread: decimal(view.getUint32(offset + 4, true)),
  });
}

export const clientId: ShowAt = (call, address) => call.reader.at(address, 8, (view) => clientIdIn(view, 0));

const Context = {
  bytes: 0xc8,
  integer: { Edi: 0x9c, Esi: 0xa0, Ebx: 0xa4, Edx: 0xa8, Ecx: 0xac, Eax: 0xb0 },
  control: { Ebp: 0xb4, Eip: 0xb8, EFlags: 0xc0, Esp: 0xc4 },
} as const;
const CONTROL = 1;
const INTEGER = 2;

/** CONTEXT: of the registers that it says it has, the two that tell most are in the text. */
export const context: ShowAt = (call, address) =>
  call.reader.at(address, Context.bytes, (view) => {
    const flags = view.getUint32(0, true);
    const register = (offset: number): Shown => hexadecimal(view.getUint32(offset, true));
    const registers = (of: Readonly<Record<string, number>>) =>
      Object.fromEntries(Object.entries(of).map(([name, offset]) => [name, register(offset)]));
    const all = structure({
      ContextFlags: names.CONTEXT_FLAGS(flags),
      ...(flags & CONTROL ? registers(Context.control) : {}),
      ...(flags & INTEGER ? registers(Context.integer) : {}),
    });
    if (!(flags & CONTROL)) return all;
    const { Eip, Esp } = Context.control;
    return { text: structure({ Eip: register(Eip), Esp: register(Esp) }).text, value: all.value };
  });

/** EXCEPTION_RECORD. */
export const exceptionRecord: ShowAt = (call, address) =>
  call.reader.at(address, 0x50, (view) => {
    const parameters = Math.min(view.getUint32(16, true), 15);
    const word = (offset: number): Shown => hexadecimal(view.getUint32(offset, true));
    return structure({
      ExceptionCode: named(statusText(view.getUint32(0, true))),
      ExceptionFlags: word(4),
      ExceptionAddress: word(12),
      ExceptionInformation: list(Array.from({ length: parameters }, (_, i) => word(20 + 4 * i))),
    });
  });

/** INITIAL_TEB. */
export const initialTeb: ShowAt = (call, address) =>
  call.reader.at(address, 20, (view) =>
    structure({
      StackBase: hexadecimal(view.getUint32(8, true)),
      StackLimit: hexadecimal(view.getUint32(12, true)),
      StackAllocationBase: hexadecimal(view.getUint32(16, true)),
    }),
  );

const HEADER = 24;
/** Flags that stand beside a message's type. */
const TYPE_BITS = 0x3fff;

/** PORT_MESSAGE and the data after it. The caller of a request leaves its type and its ids to the kernel. */
export const portMessage: ShowAt = (call, address) =>
  call.reader.at(address, HEADER, (view) => {
    const type = view.getUint16(4, true) & TYPE_BITS;
    const data = view.getUint16(0, true);
    const id = view.getUint32(16, true);
    const known = type !== 0;
    return structure({
      Type: known ? names.MESSAGE_TYPE(type) : undefined,
      ClientId: known ? clientIdIn(view, 8) : undefined,
      MessageId: known ? decimal(id) : undefined,
      Data: call.reader.buffer(address + HEADER, data),
    });
  });

function array(
  call: Call,
  address: number,
  count: number,
  most: number,
  show: (word: number) => Shown,
): Shown {
  if (address === 0) return NULL;
  const read = Math.min(count, most);
  if (read === 0) return list([], count > 0);
  const view = call.reader.view(address, 4 * read);
  if (view === undefined) return unread(address, true);
  return list(
    Array.from({ length: read }, (_, i) => show(view.getUint32(4 * i, true))),
    count > read,
  );
}

/** An array of handles, as many as the argument Count says. */
export const handles: ShowAt = (call, address) =>
  array(call, address, call.word('Count') ?? 0, MOST_HANDLES, (handle) => call.handle(handle));

/** An array of words, as many as another argument says. */
export function wordsCounted(by: string): ShowAt {
  return (call, address) => array(call, address, call.word(by) ?? 0, MOST_ELEMENTS, hexadecimal);
}

function privilege(view: DataView, offset: number): Shown {
  const high = view.getUint32(offset + 4, true);
  const low = view.getUint32(offset, true);
  const name = high === 0 ? names.PRIVILEGE(low) : hexadecimal(low + high * 2 ** 32);
  const attributes = names.PRIVILEGE_ATTRIBUTES(view.getUint32(offset + 8, true));
  return {
    text: `${name.text}: ${attributes.text}`,
    value: { privilege: name.value, attributes: attributes.value },
  };
}

/** LUID_AND_ATTRIBUTES, as many as stand before them; `at` is where they begin. */
function privileges(at: number): ShowAt {
  return (call, address) =>
    call.reader.at(address, 4, (head) => {
      const count = head.getUint32(0, true);
      const read = Math.min(count, MOST_ELEMENTS);
      if (read === 0) return list([]);
      const view = call.reader.view(address + at, 12 * read);
      if (view === undefined) return unread(address, true);
      return list(
        Array.from({ length: read }, (_, i) => privilege(view, 12 * i)),
        count > read,
      );
    });
}

/** TOKEN_PRIVILEGES: PrivilegeCount, Privileges. */
export const tokenPrivileges = privileges(4);
/** PRIVILEGE_SET: PrivilegeCount, Control, Privilege. */
export const privilegeSet = privileges(8);
