/**
 * PE images in guest memory: headers and exports (Microsoft PE/COFF specification). Whatever is in memory may be garbage,
 * made to mislead, or absent: every count is bounded, every address checked to lie in the image.
 */
import type { VirtualMemory } from '../memory.ts';

const PAGE = 4096;
/** The largest image, number of sections, number of exports and length of a name that are believed. */
const MOST_BYTES = 0x1000_0000;
const MOST_SECTIONS = 96;
const MOST_EXPORTS = 0x10000;
const LONGEST_NAME = 512;
const MACHINE_I386 = 0x14c;
const MAGIC_PE32 = 0x10b;
const SECTION_CODE = 0x20;
const SECTION_EXECUTE = 0x2000_0000;

export interface PeSection {
  readonly name: string;
  readonly address: number;
  readonly size: number;
  readonly executable: boolean;
}

export interface PeImage {
  readonly base: number;
  /** SizeOfImage. */
  readonly size: number;
  readonly sections: readonly PeSection[];
  /** Where the export directory is; undefined if there is none. */
  readonly exports: { readonly address: number; readonly size: number } | undefined;
  /** What tells this image from others at its address: linker's time stamp, checksum, entry point. */
  readonly identity: string;
}

/** An export that leads to something in the image itself, and not to another image. */
export interface PeExport {
  /** Undefined if it has only a number. */
  readonly name: string | undefined;
  readonly ordinal: number;
  readonly address: number;
}

export interface PeExports {
  /** The image's name as its linker had it: `ntoskrnl.exe`. */
  readonly module: string | undefined;
  readonly exports: readonly PeExport[];
  /** False if something was absent or made no sense, so that there may be more. */
  readonly complete: boolean;
}

/** The image whose headers begin at `base`; undefined if there are none for i386. */
export function readPeImage(memory: VirtualMemory, base: number): PeImage | undefined {
  if (memory.u16(base) !== 0x5a4d) return undefined;
  const offset = memory.u32(base + 0x3c);
  if (offset === undefined || offset < 0x40 || offset > PAGE) return undefined;
  const header = base + offset;
  if (memory.u32(header) !== 0x4550 || memory.u16(header + 4) !== MACHINE_I386) return undefined;
  const optional = header + 24;
  if (memory.u16(optional) !== MAGIC_PE32) return undefined;
  const count = memory.u16(header + 6);
  const optionalSize = memory.u16(header + 20);
  const size = memory.u32(optional + 56);
  const directories = memory.u32(optional + 92);
  if (count === undefined || optionalSize === undefined || directories === undefined) return undefined;
  if (size === undefined || size === 0 || size > MOST_BYTES || base + size > 2 ** 32) return undefined;
  const sections: PeSection[] = [];
  for (let i = 0; i < Math.min(count, MOST_SECTIONS); i++) {
    const section = readSection(memory, optional + optionalSize + 40 * i, base, size);
    if (section !== undefined) sections.push(section);
  }
  const identity = [
    memory.u32(header + 8),
    memory.u32(optional + 64),
    memory.u32(optional + 16),
    size,
  ].join();
  const rva = directories > 0 && optionalSize >= 104 ? memory.u32(optional + 96) : undefined;
  const length = memory.u32(optional + 100);
  const exports =
    rva !== undefined && rva > 0 && rva < size && length !== undefined
      ? { address: base + rva, size: Math.min(length, size - rva) }
      : undefined;
  return { base, size, sections, exports, identity };
}

function readSection(memory: VirtualMemory, at: number, base: number, image: number): PeSection | undefined {
  const bytes = memory.bytes(at, 40);
  if (bytes.length < 40) return undefined;
  const view = new DataView(bytes.buffer);
  const rva = view.getUint32(12, true);
  const size = Math.max(view.getUint32(8, true), view.getUint32(16, true));
  if (rva >= image) return undefined;
  const name = latin1(bytes.subarray(0, 8)).replace(/\0.*$/s, '');
  const executable = (view.getUint32(36, true) & (SECTION_CODE | SECTION_EXECUTE)) !== 0;
  return { name, address: base + rva, size: Math.min(size, image - rva), executable };
}

/** Whether an address of an image can be code. Without sections, all of it can. */
export function isCode(image: PeImage, address: number): boolean {
  if (address < image.base || address >= image.base + image.size) return false;
  if (image.sections.length === 0) return true;
  return image.sections.some((s) => s.executable && address >= s.address && address < s.address + s.size);
}

function latin1(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}

/** A name of an export or of an image: printable ASCII, ended by a zero byte within the image. */
function nameAt(memory: VirtualMemory, image: PeImage, rva: number | undefined): string | undefined {
  if (rva === undefined || rva === 0 || rva >= image.size) return undefined;
  const most = Math.min(LONGEST_NAME, image.size - rva);
  for (let taken = 48; ; taken = Math.min(most, 4 * taken)) {
    const bytes = memory.bytes(image.base + rva, Math.min(taken, most));
    const end = bytes.indexOf(0);
    if (end > 0) {
      for (let i = 0; i < end; i++) if (bytes[i]! <= 0x20 || bytes[i]! >= 0x7f) return undefined;
      return latin1(bytes.subarray(0, end));
    }
    if (end === 0 || bytes.length < taken || taken >= most) return undefined;
  }
}

/** The tables of an export directory; undefined if it makes no sense. */
interface Directory {
  readonly ordinalBase: number;
  readonly functions: number;
  readonly names: number;
  readonly functionTable: number;
  readonly nameTable: number;
  readonly ordinalTable: number;
}

function readDirectory(memory: VirtualMemory, image: PeImage): Directory | undefined {
  if (image.exports === undefined) return undefined;
  const bytes = memory.bytes(image.exports.address, 40);
  if (bytes.length < 40) return undefined;
  const view = new DataView(bytes.buffer);
  const word = (at: number): number => view.getUint32(at, true);
  const [functions, names] = [word(20), word(24)];
  if (functions > MOST_EXPORTS || names > MOST_EXPORTS) return undefined;
  const inside = (rva: number, length: number): boolean => rva > 0 && rva + length <= image.size;
  if (!inside(word(28), 4 * functions)) return undefined;
  if (names > 0 && !(inside(word(32), 4 * names) && inside(word(36), 2 * names))) return undefined;
  const { base } = image;
  return {
    ordinalBase: word(16),
    functions,
    names,
    functionTable: base + word(28),
    nameTable: base + word(32),
    ordinalTable: base + word(36),
  };
}

/** The name in an image's export directory; undefined if there is none. */
export function exportedModuleName(memory: VirtualMemory, image: PeImage): string | undefined {
  if (image.exports === undefined) return undefined;
  return nameAt(memory, image, memory.u32(image.exports.address + 12));
}

/** Where an export's address table leads to; undefined for forwarders, empty slots and what lies outside the image. */
function target(image: PeImage, rva: number | undefined): number | undefined {
  if (rva === undefined || rva === 0 || rva >= image.size) return undefined;
  const address = image.base + rva;
  const { exports } = image;
  // A forwarder is a string (`NTDLL.RtlAllocateHeap`) within the export directory.
  if (exports && address >= exports.address && address < exports.address + exports.size) return undefined;
  return address;
}

/** The address of one export, by halving: a few reads. Undefined too if the names are not sorted as they should be. */
export function findExport(memory: VirtualMemory, image: PeImage, name: string): number | undefined {
  const directory = readDirectory(memory, image);
  if (directory === undefined) return undefined;
  let low = 0;
  let high = directory.names;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const found = nameAt(memory, image, memory.u32(directory.nameTable + 4 * middle));
    if (found === undefined) return undefined;
    if (found === name) {
      const index = memory.u16(directory.ordinalTable + 2 * middle);
      if (index === undefined || index >= directory.functions) return undefined;
      return target(image, memory.u32(directory.functionTable + 4 * index));
    }
    if (found < name) low = middle + 1;
    else high = middle;
  }
  return undefined;
}

/** All exports of an image, sorted by address; forwarders are left out. */
export function readExports(memory: VirtualMemory, image: PeImage): PeExports {
  const module = exportedModuleName(memory, image);
  const directory = readDirectory(memory, image);
  if (directory === undefined) return { module, exports: [], complete: image.exports === undefined };
  const { functions, names, ordinalBase } = directory;
  const addresses = words(memory, directory.functionTable, functions);
  const nameRvas = words(memory, directory.nameTable, names);
  const ordinals = memory.bytes(directory.ordinalTable, 2 * names);
  const found: PeExport[] = [];
  const named = new Set<number>();
  let complete = addresses.length === functions && nameRvas.length === names && ordinals.length === 2 * names;
  for (let i = 0; i < Math.min(nameRvas.length, ordinals.length >> 1); i++) {
    const index = ordinals[2 * i]! | (ordinals[2 * i + 1]! << 8);
    const name = nameAt(memory, image, nameRvas[i]);
    // One that has a name has it also when that cannot be read: it is not told of without.
    named.add(index);
    if (name === undefined || index >= functions) {
      complete = false;
      continue;
    }
    const address = target(image, addresses[index]);
    if (address !== undefined) found.push({ name, ordinal: ordinalBase + index, address });
  }
  addresses.forEach((rva, index) => {
    if (named.has(index)) return;
    const address = target(image, rva);
    if (address !== undefined) found.push({ name: undefined, ordinal: ordinalBase + index, address });
  });
  found.sort((a, b) => a.address - b.address);
  return { module, exports: found, complete };
}

/** `count` words; fewer where a page is absent. */
function words(memory: VirtualMemory, address: number, count: number): Uint32Array {
  const bytes = memory.bytes(address, 4 * count);
  return new Uint32Array(bytes.buffer, 0, bytes.length >> 2);
}

/**
 * Looks for the image that an address lies in: page by page downwards, `pages` at the most.
 * @param accept decides about each image that is found
 */
export function findImageBelow(
  memory: VirtualMemory,
  address: number,
  pages: number,
  accept: (image: PeImage) => boolean,
): PeImage | undefined {
  let at = ((address >>> 0) & ~(PAGE - 1)) >>> 0;
  for (let i = 0; i < pages && at >= PAGE; i++, at -= PAGE) {
    const image = readPeImage(memory, at);
    if (image !== undefined && address < at + image.size && accept(image)) return image;
  }
  return undefined;
}
