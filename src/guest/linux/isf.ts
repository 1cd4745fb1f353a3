/**
 * A profile from Volatility 3's "intermediate symbol format" (ISF, schemas 4 to 6: `volatility3/schemas`): JSON with `user_types`
 * and `symbols`, as dwarf2json makes it from a kernel's debug information.
 */
import { RebekError } from '../../base/errors.ts';
import { type Field, fieldPaths, type LinuxProfile, type Offsets } from './offsets.ts';

/** Members within members without a name, at the most. */
const DEEPEST = 8;
/** A structure's size, bytes, at the most. */
const LARGEST = 1 << 20;
/** The variables that a kernel may not export, and what tells how far it was moved. */
const wantedSymbols = [
  '_stext',
  '_text',
  'init_task',
  'current_task',
  'pcpu_hot',
  '__per_cpu_offset',
  'high_memory',
];

type Json = { readonly [name: string]: unknown };

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function wrong(what: string): RebekError {
  return new RebekError(
    'ERR_GUEST_PROFILE',
    `the profile is not what Volatility 3 calls an ISF file: ${what}`,
    {
      hint: 'Make one with dwarf2json from the debug symbols of the kernel (vmlinux): dwarf2json linux --elf vmlinux',
    },
  );
}

/**
 * Reads a profile.
 * @param json the file's content, parsed
 * @throws RebekError ERR_GUEST_PROFILE if it is no ISF, none of a 32-bit Linux kernel, or contradicts itself
 */
export function profileFromIsf(json: unknown): LinuxProfile {
  if (!isObject(json)) throw wrong('it is no JSON object');
  const { user_types: types, symbols, base_types: baseTypes } = json;
  if (!isObject(types)) throw wrong("it has no 'user_types'");
  if (!isObject(symbols)) throw wrong("it has no 'symbols'");
  if (!isObject(types['task_struct']))
    throw wrong('it has no struct task_struct, and is not of a Linux kernel');
  const pointer = isObject(baseTypes) ? baseTypes['pointer'] : undefined;
  if (isObject(pointer) && pointer['size'] !== 4) {
    throw wrong(`its pointers have ${pointer['size']} bytes, those of the guest 4`);
  }
  const offsets: Offsets = {};
  for (const field of Object.keys(fieldPaths) as Field[]) {
    const offset = pathOffset(types, fieldPaths[field]);
    if (offset !== undefined) offsets[field] = offset;
  }
  const addresses = new Map<string, number>();
  for (const name of wantedSymbols) {
    const symbol = Object.hasOwn(symbols, name) ? symbols[name] : undefined;
    if (symbol === undefined) continue;
    const address = isObject(symbol) ? symbol['address'] : undefined;
    if (
      typeof address !== 'number' ||
      !Number.isSafeInteger(address) ||
      address < 0 ||
      address > 0xffffffff
    ) {
      throw wrong(`the address of ${name} is ${JSON.stringify(address)}`);
    }
    addresses.set(name, address);
  }
  return { banner: banner(symbols), offsets, symbols: addresses };
}

/** `linux_banner`, whose content is kept in base 64. */
function banner(symbols: Json): string | undefined {
  const symbol = Object.hasOwn(symbols, 'linux_banner') ? symbols['linux_banner'] : undefined;
  const data = isObject(symbol) ? symbol['constant_data'] : undefined;
  if (typeof data !== 'string') return undefined;
  return Buffer.from(data, 'base64').toString('latin1').replace(/\0.*$/s, '');
}

function pathOffset(types: Json, [structure = '', ...members]: readonly string[]): number | undefined {
  let offset = 0;
  let type: string | undefined = structure;
  for (const member of members) {
    if (type === undefined || !Object.hasOwn(types, type)) return undefined;
    const found: { offset: number; type: string | undefined } | undefined = memberOf(
      types,
      type,
      member,
      DEEPEST,
    );
    if (found === undefined) return undefined;
    offset += found.offset;
    type = found.type;
  }
  return offset;
}

/** A member of a structure, also one of a nameless structure or union in it. */
function memberOf(
  types: Json,
  structure: string,
  member: string,
  depth: number,
): { offset: number; type: string | undefined } | undefined {
  const definition = Object.hasOwn(types, structure) ? types[structure] : undefined;
  const fields = isObject(definition) ? definition['fields'] : undefined;
  if (!isObject(fields)) throw wrong(`${structure} has no 'fields'`);
  if (Object.hasOwn(fields, member)) return checked(fields[member], `${structure}.${member}`);
  if (depth === 0) return undefined;
  for (const [name, field] of Object.entries(fields)) {
    if (!isObject(field) || (field['anonymous'] !== true && !name.startsWith('unnamed_'))) continue;
    const { offset, type } = checked(field, `${structure}.${name}`);
    const inner =
      type === undefined || !Object.hasOwn(types, type)
        ? undefined
        : memberOf(types, type, member, depth - 1);
    if (inner !== undefined) return { offset: offset + inner.offset, type: inner.type };
  }
  return undefined;
}

function checked(field: unknown, name: string): { offset: number; type: string | undefined } {
  const offset = isObject(field) ? field['offset'] : undefined;
  if (typeof offset !== 'number' || !Number.isInteger(offset) || offset < 0 || offset > LARGEST) {
    throw wrong(`the offset of ${name} is ${JSON.stringify(offset)}`);
  }
  const type = isObject(field) ? field['type'] : undefined;
  const target =
    isObject(type) && (type['kind'] === 'struct' || type['kind'] === 'union') ? type['name'] : undefined;
  return { offset, type: typeof target === 'string' ? target : undefined };
}
