/** Buffers whose structure an information class tells. */
import type { Call } from './decode-call.ts';
import { LAYOUTS, NAMED_FIELDS } from './decode-layouts.ts';
import { registryData } from './decode-registry.ts';
import { decimal, hexadecimal, list, named, type Shown, structure } from './decode-shown.ts';
import { duration, moment, timeout } from './decode-times.ts';
import { statusName } from './status.ts';

interface Field {
  readonly type: string;
  /** What stands in the type's parentheses: the field of a length, and of an offset. */
  readonly length: string | undefined;
  readonly from: string | undefined;
  readonly name: string;
  readonly offset: number;
  readonly size: number;
  readonly hidden: boolean;
}

interface Layout {
  readonly fields: readonly Field[];
  /** Bytes without what has a length of its own. */
  readonly size: number;
  /** Entries are linked. */
  readonly linked: boolean;
}

/** Bytes of a structure or a list that are read. */
const MOST_BYTES = 0x1_0000;
const MOST_ENTRIES = 1000;

const SIZES: Readonly<Record<string, number>> = {
  u8: 1,
  bool: 1,
  u64: 8,
  time: 8,
  span: 8,
  wait: 8,
  wide: 0,
  value: 0,
};
const ALIGNMENTS: Readonly<Record<string, number>> = { unicode: 4, gap: 1, wide: 2, value: 1 };

let layouts: ReadonlyMap<string, Layout> | undefined;

function parseLayouts(): ReadonlyMap<string, Layout> {
  const parsed = new Map<string, Layout>();
  for (const line of LAYOUTS.trim().split(/\n(?! )/)) {
    const colon = line.indexOf(':');
    const linked = line.startsWith('*');
    parsed.set(line.slice(linked ? 1 : 0, colon), parseFields(line.slice(colon + 1), linked));
  }
  return parsed;
}

function parseFields(text: string, linked: boolean): Layout {
  const fields: Field[] = [];
  let at = 0;
  for (const one of text.split(',')) {
    const [, type, length, from, hyphen, name] = /^\s*(\w+)(?:\((\w+)(?:@(\w+))?\))? (-?)(\w*)$/.exec(one)!;
    const size = type === 'gap' ? Number(length) : type === 'unicode' ? 8 : (SIZES[type!] ?? 4);
    const alignment = ALIGNMENTS[type!] ?? (size || 1);
    const offset = Math.ceil(at / alignment) * alignment;
    fields.push({ type: type!, length, from, name: name!, offset, size, hidden: hyphen !== '' });
    at = offset + size;
  }
  return { fields, size: at, linked };
}

/** A process's or thread's: any number, or the status that it died of. */
export function exitStatus(status: number): Shown {
  const name = status > 0xff ? statusName(status) : undefined;
  return name === undefined ? (status >>> 30 === 3 ? hexadecimal(status) : decimal(status)) : named(name);
}

function showField(call: Call, view: DataView, at: number, field: Field, of: Layout, start: number): Shown {
  const { type, offset } = field;
  const u32 = () => view.getUint32(at + offset, true);
  const i64 = () => view.getBigInt64(at + offset, true);
  const other = (name: string | undefined): number | undefined => {
    const found = of.fields.find((one) => one.name === name);
    return found && view.getUint32(at + found.offset, true);
  };
  /** Bytes of the buffer after an offset of this structure. */
  const within = (from: number, length: number) => Math.max(0, Math.min(length, view.byteLength - at - from));
  switch (type) {
    case 'u8':
      return decimal(view.getUint8(at + offset));
    case 'bool': {
      const value = view.getUint8(at + offset) !== 0;
      return { text: value ? 'TRUE' : 'FALSE', value };
    }
    case 'u32':
      return decimal(u32());
    case 'i32':
      return decimal(u32() | 0);
    case 'u64':
      return decimal(i64());
    case 'time':
      return moment(i64());
    case 'span':
      return duration(i64());
    case 'wait':
      return timeout(i64());
    case 'handle':
      return call.handle(u32());
    case 'exit':
      return exitStatus(u32());
    case 'unicode':
      return call.reader.unicodeString(start + at + offset);
    case 'wide':
      return call.reader.utf16(start + at + offset, within(offset, other(field.length) ?? 0));
    case 'value': {
      const from = other(field.from) ?? offset;
      return registryData(call, start + at + from, within(from, other(field.length) ?? 0), other('Type'));
    }
    default:
      return NAMED_FIELDS[type]?.(u32()) ?? hexadecimal(u32());
  }
}

function showStructure(call: Call, view: DataView, at: number, layout: Layout, start: number): Shown {
  const shown: Record<string, Shown> = {};
  for (const field of layout.fields)
    if (!field.hidden) shown[field.name] = showField(call, view, at, field, layout, start);
  return structure(shown);
}

/** What stands for an entry in a text. */
const ENTRY_NAMES = new Set(['FileName', 'StreamName', 'ImageName']);

function showList(call: Call, view: DataView, layout: Layout, start: number): Shown {
  const entries: Shown[] = [];
  const name = layout.fields.find((field) => ENTRY_NAMES.has(field.name));
  let at = 0;
  let more = false;
  for (;;) {
    if (at + layout.size > view.byteLength) {
      more = true;
      break;
    }
    const entry = showStructure(call, view, at, layout, start);
    const text = name === undefined ? entry.text : showField(call, view, at, name, layout, start).text;
    entries.push({ ...entry, text });
    const next = view.getUint32(at, true);
    if (next === 0) break;
    // An entry that leads to itself or into its own middle is none.
    more = next < layout.size || entries.length === MOST_ENTRIES;
    if (more) break;
    at += next;
  }
  return list(entries, more);
}

/**
 * A buffer of an information class: as its structure, or as bytes if that is not known or does not fit.
 * @param name the class's, such as `FileBasicInformation`
 * @param length bytes that are meant
 */
export function information(call: Call, name: string, address: number, length: number): Shown {
  layouts ??= parseLayouts();
  const layout = layouts.get(name);
  if (layout === undefined || address === 0 || length < layout.size)
    return call.reader.buffer(address, length);
  const bytes = call.reader.some(address, Math.min(length, MOST_BYTES));
  if (bytes.length < layout.size) return call.reader.buffer(address, length);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return layout.linked
    ? showList(call, view, layout, address)
    : showStructure(call, view, 0, layout, address);
}
