/** NT's system services: the tables by which the kernel calls them, and what is known of their names. */
import type { VirtualMemory } from '../memory.ts';
import { isKernelAddress } from './list.ts';
import { findExport, type PeExports, type PeImage } from './pe.ts';
import { xpServiceNames } from './signatures.ts';
import { XP_SHADOW_SERVICES } from './xp-shadow-services.ts';

/** Services in a table: a number has twelve bits for them. */
const MOST_SERVICES = 0x1000;
/** Words of arguments: more than any service has. */
const MOST_WORDS = 32;
/** Bytes between the two descriptor tables, at the most, where they lie side by side. */
const NEARBY = 0x80;

/** One table: SYSTEM_SERVICE_TABLE. */
export interface ServiceTable {
  /** The number of its first service: 0 for the kernel, 0x1000 for the windowing system. */
  readonly first: number;
  readonly addresses: Uint32Array;
  /** Bytes of arguments, by service. */
  readonly argumentBytes: Uint8Array;
}

/** Offsets in a descriptor of 16 bytes. */
const Descriptor = { base: 0, limit: 8, arguments: 12, size: 16 } as const;

/** Reads the table that a descriptor describes; undefined if it is none, or if a page of it is absent. */
export function readServiceTable(
  memory: VirtualMemory,
  descriptor: number,
  first: number,
): ServiceTable | undefined {
  const base = memory.u32(descriptor + Descriptor.base);
  const limit = memory.u32(descriptor + Descriptor.limit);
  const numbers = memory.u32(descriptor + Descriptor.arguments);
  if (!isKernelAddress(base) || !isKernelAddress(numbers)) return undefined;
  if (limit === undefined || limit === 0 || limit > MOST_SERVICES) return undefined;
  const bytes = memory.bytes(base, 4 * limit);
  const argumentBytes = memory.bytes(numbers, limit);
  if (bytes.length < 4 * limit || argumentBytes.length < limit) return undefined;
  const addresses = new Uint32Array(bytes.buffer);
  if (!addresses.every(isKernelAddress)) return undefined;
  return { first, addresses, argumentBytes };
}

/** Words of arguments of a service; undefined if the table has nothing that can be believed. */
export function argumentWords(table: ServiceTable, index: number): number | undefined {
  const bytes = table.argumentBytes[index];
  return bytes === undefined || bytes % 4 !== 0 || bytes > 4 * MOST_WORDS ? undefined : bytes / 4;
}

/**
 * The address of the descriptors that threads with windows use (KeServiceDescriptorTableShadow, which is not exported): what
 * such a thread points to, or what lies beside the exported ones and begins like them.
 * @param pointers what threads have in KTHREAD.ServiceTable
 */
export function findShadowDescriptors(
  memory: VirtualMemory,
  exported: number,
  pointers: Iterable<number>,
): number | undefined {
  const head = memory.u32(exported);
  const limit = memory.u32(exported + Descriptor.limit);
  const alike = (at: number): boolean =>
    memory.u32(at) === head &&
    memory.u32(at + Descriptor.limit) === limit &&
    isKernelAddress(memory.u32(at + Descriptor.size));
  for (const pointer of pointers)
    if (pointer !== exported && isKernelAddress(pointer) && alike(pointer)) return pointer;
  for (let distance = -NEARBY; distance <= NEARBY; distance += Descriptor.size)
    if (distance !== 0 && alike(exported + distance)) return exported + distance;
  return undefined;
}

/** The descriptor of the windowing system's table, from {@link findShadowDescriptors}. */
export function shadowDescriptor(descriptors: number): number {
  return descriptors + Descriptor.size;
}

/** Names for numbers. */
export type ServiceNames = Map<number, string>;

/**
 * The number that a stub loads into EAX (`mov eax, N` as its first instruction, and then what stubs of some NT do), or
 * undefined if it is no stub.
 */
export function stubNumber(memory: VirtualMemory, address: number): number | undefined {
  if (memory.u8(address) !== 0xb8) return undefined;
  const number = memory.u32(address + 1);
  const next = memory.u8(address + 5);
  // mov edx, …; lea edx, [esp + 4]; call; push FS: from Windows 2000 to 8.
  const stub = next === 0xba || next === 0x8d || next === 0xe8 || next === 0x64;
  return stub && number !== undefined && number < 0x2000 ? number : undefined;
}

/** What an image's stubs say: the kernel's `Zw…`, ntdll's `Nt…`; the names are those that begin with `Nt`. */
export function namesFromStubs(memory: VirtualMemory, exports: PeExports, prefix: 'Nt' | 'Zw'): ServiceNames {
  const names: ServiceNames = new Map();
  const contradicted = new Set<number>();
  for (const { name, address } of exports.exports) {
    if (name === undefined || !name.startsWith(prefix) || !/^..[A-Z]/.test(name)) continue;
    const number = stubNumber(memory, address);
    if (number === undefined) continue;
    const service = `Nt${name.slice(2)}`;
    if (names.has(number) && names.get(number) !== service) contradicted.add(number);
    names.set(number, service);
  }
  for (const number of contradicted) names.delete(number);
  return names;
}

let shadowNames: readonly string[] | undefined;

/**
 * What the build says about names, for a table of a length that no other build has: Windows XP's (NT 5.1, build 2600), with
 * 284 services, and 667 of the windowing system.
 */
export function namesFromBuild(build: number, table: ServiceTable): readonly string[] {
  if (build !== 2600) return [];
  if (table.first === 0) return table.addresses.length === 0x11c ? xpServiceNames() : [];
  shadowNames ??= XP_SHADOW_SERVICES.trim()
    .split(/\s+/)
    .map((name) => `Nt${name}`);
  return table.addresses.length === shadowNames.length ? shadowNames : [];
}

/** A service as it can be hooked. */
export interface Service {
  readonly number: number;
  readonly address: number;
  readonly name: string | undefined;
  readonly words: number | undefined;
  /** Other numbers lead to the same address, so that it does not tell which service was called. */
  readonly shared: boolean;
}

/**
 * Names the services of a table. The kernel's own names come first: an export at the very address, then its Zw stubs; then
 * ntdll's, which a program could have changed, unless the build's list contradicts; then that list.
 * @param note is told what does not fit
 */
export function nameServices(
  table: ServiceTable,
  byAddress: ReadonlyMap<number, string>,
  fromKernel: ServiceNames,
  fromNtdll: ServiceNames,
  fromBuild: readonly string[],
  note: (text: string) => void,
): readonly Service[] {
  const counts = new Map<number, number>();
  for (const address of table.addresses) counts.set(address, (counts.get(address) ?? 0) + 1);
  const services = Array.from(table.addresses, (address, index): Service => {
    const number = table.first + index;
    const shared = counts.get(address)! > 1;
    const exported = shared ? undefined : byAddress.get(address);
    const certain = fromKernel.get(number) ?? (exported?.startsWith('Nt') ? exported : undefined);
    let name = certain ?? fromNtdll.get(number) ?? fromBuild[index];
    const listed = fromBuild[index];
    if (certain === undefined && name !== undefined && listed !== undefined && listed !== name) {
      note(
        `service 0x${number.toString(16)}: ntdll calls it ${name}, this build's list ${listed}; it has no name`,
      );
      name = undefined;
    }
    return { number, address, name, words: argumentWords(table, index), shared };
  });
  for (const [address, count] of counts) {
    if (count < 2) continue;
    const names = services.flatMap((s) =>
      s.address === address ? [s.name ?? `0x${s.number.toString(16)}`] : [],
    );
    const shown = `${names.slice(0, 3).join(', ')}${names.length > 3 ? ', …' : ''}`;
    note(
      `${count} services from 0x${table.first.toString(16)} on share the address 0x${address.toString(16)} (${shown}): ` +
        'it does not tell which is called, and none of these names is given to it',
    );
  }
  return services;
}

/** KeServiceDescriptorTable of a kernel. */
export function exportedDescriptors(memory: VirtualMemory, image: PeImage): number | undefined {
  return findExport(memory, image, 'KeServiceDescriptorTable');
}
