/**
 * A profile from a file in Volatility's Intermediate Symbol Format (JSON; volatility3's schemas, version 2 and later), as its
 * `pdbconv` makes it from Microsoft's symbols of a kernel.
 */
import { RebekError } from '../../base/errors.ts';
import type { NtProfile } from './profile.ts';

type Json = Readonly<Record<string, unknown>>;

function isRecord(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function profileError(message: string, details: Record<string, unknown> = {}): RebekError {
  return new RebekError('ERR_GUEST_PROFILE', `the profile ${message}`, {
    hint: 'A profile of a 32-bit Windows is the JSON that volatility3’s pdbconv makes of its kernel’s symbols.',
    details,
  });
}

/** The structures of a profile; `_KTHREAD` → fields → offset. */
class Types {
  private readonly types: Json;

  constructor(isf: Json) {
    const types = isf['user_types'];
    if (!isRecord(types)) throw profileError('has no user_types');
    this.types = types;
  }

  has(type: string): boolean {
    return isRecord(this.types[type]);
  }

  find(type: string, field: string): number | undefined {
    const found = this.types[type];
    const fields = isRecord(found) ? found['fields'] : undefined;
    const entry = isRecord(fields) ? fields[field] : undefined;
    if (entry === undefined) return undefined;
    const offset = isRecord(entry) ? entry['offset'] : undefined;
    if (typeof offset === 'number' && Number.isInteger(offset) && offset >= 0 && offset < 0x10000)
      return offset;
    throw profileError(`has no sensible offset of ${type}.${field}`, { type, field });
  }

  offset(type: string, field: string): number {
    const found = this.find(type, field);
    if (found === undefined) throw profileError(`lacks ${type}.${field}`, { type, field });
    return found;
  }

  /** The first of several places where builds have a field; they are sums of offsets, of struct in struct. */
  first(...places: readonly (readonly [type: string, field: string])[][]): number {
    for (const place of places) {
      if (place.every(([type, field]) => this.find(type, field) !== undefined))
        return place.reduce((sum, [type, field]) => sum + this.offset(type, field), 0);
    }
    const [type, field] = places[0]![0]!;
    throw profileError(`lacks ${type}.${field}`, { type, field });
  }
}

/**
 * The profile that a parsed ISF file describes.
 * @throws RebekError ERR_GUEST_PROFILE: it is no ISF, not of a 32-bit NT kernel, or lacks something that all NT kernels have
 */
export function ntProfileFromIsf(json: unknown): NtProfile {
  if (!isRecord(json)) throw profileError('is no JSON object');
  const types = new Types(json);
  if (!types.has('_EPROCESS') || !types.has('_KTHREAD')) throw profileError('is not of an NT kernel');
  if (!isRecord(json['base_types'])) throw profileError('has no base_types');
  const pointer = json['base_types']['pointer'];
  if (isRecord(pointer) && pointer['size'] !== 4)
    throw profileError('is of a 64-bit kernel', { pointer: pointer['size'] });
  const object = types.find('_OBJECT_HEADER', 'Type');
  return {
    name: profileName(json),
    thread: {
      initialStack: types.offset('_KTHREAD', 'InitialStack'),
      stackLimit: types.offset('_KTHREAD', 'StackLimit'),
      stackBase: types.find('_KTHREAD', 'StackBase'),
      kernelStack: types.offset('_KTHREAD', 'KernelStack'),
      teb: types.offset('_KTHREAD', 'Teb'),
      state: types.offset('_KTHREAD', 'State'),
      attached: types.offset('_KTHREAD', 'ApcState') + types.offset('_KAPC_STATE', 'Process'),
      process: types.first([['_ETHREAD', 'ThreadsProcess']], [['_KTHREAD', 'Process']]),
      serviceTable: types.find('_KTHREAD', 'ServiceTable'),
      createTime: types.offset('_ETHREAD', 'CreateTime'),
      exitStatus: types.find('_ETHREAD', 'ExitStatus'),
      tid: types.first([
        ['_ETHREAD', 'Cid'],
        ['_CLIENT_ID', 'UniqueThread'],
      ]),
      link: types.offset('_KTHREAD', 'ThreadListEntry'),
      trapFrame: types.find('_KTHREAD', 'TrapFrame'),
    },
    process: {
      directoryTableBase: types.offset('_KPROCESS', 'DirectoryTableBase'),
      threads: types.offset('_KPROCESS', 'ThreadListHead'),
      pid: types.offset('_EPROCESS', 'UniqueProcessId'),
      link: types.offset('_EPROCESS', 'ActiveProcessLinks'),
      objectTable: types.find('_EPROCESS', 'ObjectTable'),
      ppid: types.offset('_EPROCESS', 'InheritedFromUniqueProcessId'),
      imageFileName: types.offset('_EPROCESS', 'ImageFileName'),
      peb: types.offset('_EPROCESS', 'Peb'),
    },
    object:
      object === undefined || types.find('_HANDLE_TABLE', 'TableCode') === undefined
        ? undefined
        : {
            tableCode: types.offset('_HANDLE_TABLE', 'TableCode'),
            type: object,
            nameInfoOffset: types.offset('_OBJECT_HEADER', 'NameInfoOffset'),
            body: types.offset('_OBJECT_HEADER', 'Body'),
            typeName: types.offset('_OBJECT_TYPE', 'Name'),
          },
    symbols: symbolsOf(json),
  };
}

function profileName(json: Json): string {
  const metadata = isRecord(json['metadata']) ? json['metadata'] : {};
  const windows = isRecord(metadata['windows']) ? metadata['windows'] : {};
  const pdb = isRecord(windows['pdb']) ? windows['pdb'] : {};
  const name = typeof pdb['database'] === 'string' ? pdb['database'] : 'a profile file';
  return typeof pdb['GUID'] === 'string' ? `${name} ${pdb['GUID']}` : name;
}

/** Symbols without a name that can be written (decorated by the compiler) are left out. */
function symbolsOf(json: Json): ReadonlyMap<string, number> {
  const symbols = new Map<string, number>();
  const given = json['symbols'];
  if (!isRecord(given)) return symbols;
  for (const [decorated, symbol] of Object.entries(given)) {
    const address = isRecord(symbol) ? symbol['address'] : undefined;
    // `_NtClose@4` (stdcall), `@ExfAcquirePushLock@4` (fastcall), `_DbgPrint` (cdecl): as Microsoft's linker has them.
    const name = /^[_@]?([A-Za-z]\w*)(?:@\d+)?$/.exec(decorated)?.[1];
    if (name !== undefined && typeof address === 'number' && address > 0 && address < 2 ** 31)
      symbols.set(name, address);
  }
  return symbols;
}
