/**
 * The functions of a program or library, from its image in the memory of a process: the dynamic symbols, which the loader needs
 * and therefore maps (System V ABI, chapters 4 and 5; gnu hash: binutils' bfd/elflink.c). 32-bit, little-endian.
 */
import type { VirtualMemory } from '../memory.ts';

export interface ElfSymbol {
  readonly name: string;
  /** Bytes from where the image's first byte is mapped. */
  readonly offset: number;
  /** Bytes; 0 if the image does not say. */
  readonly size: number;
}

/** A place where an image is mapped: in one process, or in several. */
export interface Mapping {
  readonly memory: VirtualMemory;
  /** Of its first byte. */
  readonly base: number;
}

export interface ElfFunctions {
  readonly functions: readonly ElfSymbol[];
  /** False if pages of the symbols are in no process's memory now. */
  readonly complete: boolean;
}

const PAGE = 4096;
/** In no name: it stands for what is not in memory. */
const NO_LETTER = 0xff;
const MAGIC = 0x464c457f;
/** Class and byte order, from byte 4: ELFCLASS32, ELFDATA2LSB. */
const CLASS_AND_ORDER = 0x0101;
const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const DT = { hash: 4, strtab: 5, symtab: 6, strsz: 10, gnuHash: 0x6ffffef5 } as const;
const STT_FUNC = 2;
const STT_GNU_IFUNC = 10;

const MOST_HEADERS = 64;
const MOST_DYNAMIC = 256;
const MOST_SYMBOLS = 1 << 17;
const MOST_STRINGS = 8 << 20;
const SYMBOL = 16;

/** The functions that an image defines and offers. Nothing, and not complete, if there is nothing to see of it. */
export function elfFunctions(mappings: readonly Mapping[]): ElfFunctions {
  for (const mapping of mappings) {
    const dynamic = readDynamic(mapping.memory, mapping.base);
    if (dynamic === undefined) continue;
    const count = countSymbols(mappings, dynamic);
    if (count === undefined) return { functions: [], complete: false };
    const table = readPages(mappings, dynamic.symtab, SYMBOL * count, 0);
    const strings = readPages(mappings, dynamic.strtab, dynamic.strsz, NO_LETTER);
    const complete = table.complete && strings.complete;
    return { functions: namedFunctions(table.bytes, strings.bytes, dynamic.link), complete };
  }
  return { functions: [], complete: false };
}

/** @param link the address that the image is linked at */
function namedFunctions(table: Uint8Array, strings: Buffer, link: number): ElfSymbol[] {
  const found: ElfSymbol[] = [];
  const view = new DataView(table.buffer, table.byteOffset, table.length);
  for (let at = 0; at + SYMBOL <= table.length; at += SYMBOL) {
    const type = view.getUint8(at + 12) & 0xf;
    const section = view.getUint16(at + 14, true);
    const value = view.getUint32(at + 4, true);
    if ((type !== STT_FUNC && type !== STT_GNU_IFUNC) || section === 0 || value === 0) continue;
    const start = view.getUint32(at, true);
    const end = strings.indexOf(0, start);
    if (start === 0 || end <= start || strings.subarray(start, end).includes(NO_LETTER)) continue;
    const name = strings.toString('latin1', start, end);
    found.push({ name, offset: value - link, size: view.getUint32(at + 8, true) });
  }
  return found;
}

/** Bytes of the image that are the same in every process, from whichever has them in memory; `absent` where none has. */
function readPages(
  mappings: readonly Mapping[],
  offset: number,
  length: number,
  absent: number,
): { bytes: Buffer; complete: boolean } {
  const bytes = Buffer.alloc(length, absent);
  let complete = true;
  for (let have = 0; have < length; ) {
    const size = Math.min(length - have, PAGE - ((offset + have) & (PAGE - 1)));
    const isThere = mappings.some(({ memory, base }) => {
      const piece = memory.bytes(base + offset + have, size);
      if (piece.length === size) bytes.set(piece, have);
      return piece.length === size;
    });
    complete &&= isThere;
    have += size;
  }
  return { bytes, complete };
}

/** Offsets from the image's first byte. */
interface Dynamic {
  /** The address that the first byte is linked at. */
  readonly link: number;
  readonly symtab: number;
  readonly strtab: number;
  readonly strsz: number;
  readonly hash: number | undefined;
  readonly gnuHash: number | undefined;
}

function readDynamic(memory: VirtualMemory, base: number): Dynamic | undefined {
  if (memory.u32(base) !== MAGIC || memory.u16(base + 4) !== CLASS_AND_ORDER) return undefined;
  const headers = base + (memory.u32(base + 28) ?? 0);
  const size = memory.u16(base + 42) ?? 0;
  const count = Math.min(memory.u16(base + 44) ?? 0, MOST_HEADERS);
  let link: number | undefined;
  let dynamic: number | undefined;
  for (let i = 0; i < count; i++) {
    const header = headers + size * i;
    const type = memory.u32(header);
    const address = memory.u32(header + 8) ?? 0;
    // The first part is what is mapped at the base.
    if (type === PT_LOAD) link ??= (address & ~(PAGE - 1)) >>> 0;
    if (type === PT_DYNAMIC) dynamic = address;
  }
  if (link === undefined || dynamic === undefined) return undefined;
  const tags = new Map<number, number>();
  for (let i = 0; i < MOST_DYNAMIC; i++) {
    const tag = memory.u32(base + dynamic - link + 8 * i);
    const value = memory.u32(base + dynamic - link + 8 * i + 4);
    if (tag === undefined || value === undefined) return undefined;
    if (tag === 0) break;
    tags.set(tag, value);
  }
  // The loader turns some of these into addresses, where they are (glibc: elf/get-dynamic-info.h); others it leaves.
  const place = (tag: number): number | undefined => {
    const value = tags.get(tag);
    return value === undefined ? undefined : value >= base ? value - base : value - (link ?? 0);
  };
  const symtab = place(DT.symtab);
  const strtab = place(DT.strtab);
  if (symtab === undefined || strtab === undefined) return undefined;
  const strsz = Math.min(tags.get(DT.strsz) ?? 0, MOST_STRINGS);
  return { link, symtab, strtab, strsz, hash: place(DT.hash), gnuHash: place(DT.gnuHash) };
}

/** The number of dynamic symbols, which only the hash tables tell; undefined if they are not in memory. */
function countSymbols(mappings: readonly Mapping[], { hash, gnuHash }: Dynamic): number | undefined {
  const word = (offset: number): number | undefined => {
    for (const { memory, base } of mappings) {
      const value = memory.u32(base + offset);
      if (value !== undefined) return value;
    }
    return undefined;
  };
  if (hash !== undefined) {
    const chains = word(hash + 4); // nchain
    return chains === undefined ? undefined : Math.min(chains, MOST_SYMBOLS);
  }
  if (gnuHash === undefined) return undefined;
  const [buckets = 0, first = 0, filter = 0] = [word(gnuHash), word(gnuHash + 4), word(gnuHash + 8)];
  if (buckets > MOST_SYMBOLS || filter > MOST_SYMBOLS || buckets === 0) return undefined;
  const bucket = gnuHash + 16 + 4 * filter;
  let last = 0;
  for (let i = 0; i < buckets; i++) {
    const value = word(bucket + 4 * i);
    if (value === undefined) return undefined;
    last = Math.max(last, value);
  }
  if (last < first || last > MOST_SYMBOLS) return undefined;
  // The last chain goes on to the entry whose lowest bit is set.
  for (; last < MOST_SYMBOLS; last++) {
    const chain = word(bucket + 4 * buckets + 4 * (last - first));
    if (chain === undefined) return undefined;
    if ((chain & 1) !== 0) return last + 1;
  }
  return undefined;
}
