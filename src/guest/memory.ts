/**
 * The guest's memory as an analyst reads it: by virtual address through the page tables, or by physical address. Reading
 * changes nothing: no accessed bit, no fault. What is not there (an absent page, a device) is `undefined`, never a guess.
 */
import type { GuestLayout } from '../engine/guest-state.ts';
import { At } from '../engine/layout.ts';

const PAGE = 4096;
const PRESENT = 1;
const LARGE = 0x80;
const CR4_PSE = 0x10;
const CR4_PAE = 0x20;

/** Where the bytes of a guest are: an engine's linear memory, and its RAM within that. */
export class PhysicalMemory {
  readonly layout: GuestLayout;
  private readonly memory: WebAssembly.Memory;
  private view: DataView;
  private all: Uint8Array;

  constructor(memory: WebAssembly.Memory, layout: GuestLayout) {
    this.memory = memory;
    this.layout = layout;
    this.view = new DataView(memory.buffer);
    this.all = new Uint8Array(memory.buffer);
  }

  /** The engine's whole linear memory. Views die when it grows: take it anew for each use. */
  get linear(): DataView {
    // A detached array has no length: that is cheaper to see than whether the buffer is another.
    if (this.all.length === 0) this.renew();
    return this.view;
  }

  /** The same as bytes. */
  get linearBytes(): Uint8Array {
    if (this.all.length === 0) this.renew();
    return this.all;
  }

  private renew(): void {
    this.view = new DataView(this.memory.buffer);
    this.all = new Uint8Array(this.memory.buffer);
  }

  /** Where `length` bytes at a guest physical address lie in linear memory; -1 unless all of them are RAM. */
  offset(physical: number, length: number): number {
    const { ramStart, ramBytes } = this.layout;
    return physical >= 0 && physical + length <= ramBytes ? ramStart + physical : -1;
  }

  u32(physical: number): number | undefined {
    const at = this.offset(physical, 4);
    return at < 0 ? undefined : this.linear.getUint32(at, true);
  }

  /** A view of RAM (not a copy, and good only until the guest goes on); shorter where RAM ends. */
  bytes(physical: number, length: number): Uint8Array {
    const { ramStart, ramBytes } = this.layout;
    const start = Math.min(Math.max(physical, 0), ramBytes);
    const end = Math.min(start + Math.max(length, 0), ramBytes);
    return this.linearBytes.subarray(ramStart + start, ramStart + end);
  }
}

/**
 * One address space. With `cr3` left out it is always the one that the processor is using now.
 *
 * Paging as in Intel SDM vol. 3A, chapter 4: none, 32-bit with 4 MiB pages, or PAE with 2 MiB pages.
 */
export class VirtualMemory {
  readonly physical: PhysicalMemory;
  private readonly root: number | undefined;
  /** The last two pages and where they are, while the guest stands still; -1 for none. */
  private remembering = false;
  private page = -1;
  private frame = 0;
  private otherPage = -1;
  private otherFrame = 0;

  constructor(physical: PhysicalMemory, cr3?: number) {
    this.physical = physical;
    this.root = cr3;
  }

  /** The address space of another page directory, such as that of a process that is not running. */
  in(cr3: number): VirtualMemory {
    return new VirtualMemory(this.physical, cr3);
  }

  get cr3(): number {
    return this.root ?? this.physical.linear.getUint32(At.cr + 12, true);
  }

  /**
   * From here on translations are remembered, until the next call. For those who read in between two instructions of the
   * guest only, and call this before each time: its page tables change while it runs.
   */
  standStill(): void {
    this.remembering = true;
    this.page = -1;
    this.otherPage = -1;
  }

  /** The guest physical address behind a virtual one, or -1 where no page is present. */
  translate(address: number): number {
    if (!this.remembering) return this.walk(address);
    const page = address >>> 12;
    if (page === this.page) return this.frame + (address & 0xfff);
    if (page === this.otherPage) return this.otherFrame + (address & 0xfff);
    const found = this.walk(address);
    if (found < 0) return -1;
    this.otherPage = this.page;
    this.otherFrame = this.frame;
    this.page = page;
    this.frame = found - (address & 0xfff);
    return found;
  }

  private walk(address: number): number {
    const { physical } = this;
    const linear = physical.linear;
    address >>>= 0;
    if (linear.getInt32(At.cr, true) >= 0) return address; // CR0.PG is bit 31
    const cr4 = linear.getUint32(At.cr + 16, true);
    if (cr4 & CR4_PAE) return this.translatePae(address);
    const entry = physical.u32(((this.cr3 & ~0xfff) >>> 0) + 4 * (address >>> 22)) ?? 0;
    if (!(entry & PRESENT)) return -1;
    if (entry & LARGE && cr4 & CR4_PSE) return ((entry & 0xffc00000) >>> 0) + (address & 0x3fffff);
    const page = physical.u32(((entry & ~0xfff) >>> 0) + 4 * ((address >>> 12) & 0x3ff)) ?? 0;
    return page & PRESENT ? ((page & ~0xfff) >>> 0) + (address & 0xfff) : -1;
  }

  /** Physical addresses beyond 4 GiB are none: v86 has no RAM there. */
  private translatePae(address: number): number {
    const { physical } = this;
    const step = (table: number, index: number): number => {
      const low = physical.u32(table + 8 * index) ?? 0;
      const high = physical.u32(table + 8 * index + 4) ?? 0;
      return (high & 0xfffff) === 0 ? low : 0;
    };
    const pointer = step((this.cr3 & ~0x1f) >>> 0, address >>> 30);
    if (!(pointer & PRESENT)) return -1;
    const entry = step((pointer & ~0xfff) >>> 0, (address >>> 21) & 0x1ff);
    if (!(entry & PRESENT)) return -1;
    if (entry & LARGE) return ((entry & 0xffe00000) >>> 0) + (address & 0x1fffff);
    const page = step((entry & ~0xfff) >>> 0, (address >>> 12) & 0x1ff);
    return page & PRESENT ? ((page & ~0xfff) >>> 0) + (address & 0xfff) : -1;
  }

  /** Where a value of `length` bytes within one page lies in linear memory, or -1. */
  private offset(address: number, length: number): number {
    const physical = this.translate(address);
    return physical < 0 ? -1 : this.physical.offset(physical, length);
  }

  u8(address: number): number | undefined {
    const at = this.offset(address, 1);
    return at < 0 ? undefined : this.physical.linear.getUint8(at);
  }

  u16(address: number): number | undefined {
    if ((address & (PAGE - 1)) > PAGE - 2) return this.apart(address, 2);
    const at = this.offset(address, 2);
    return at < 0 ? undefined : this.physical.linear.getUint16(at, true);
  }

  u32(address: number): number | undefined {
    if ((address & (PAGE - 1)) > PAGE - 4) return this.apart(address, 4);
    const at = this.offset(address, 4);
    return at < 0 ? undefined : this.physical.linear.getUint32(at, true);
  }

  i32(address: number): number | undefined {
    const value = this.u32(address);
    return value === undefined ? undefined : value | 0;
  }

  u64(address: number): bigint | undefined {
    const low = this.u32(address);
    const high = this.u32(address + 4);
    return low === undefined || high === undefined ? undefined : (BigInt(high) << 32n) | BigInt(low);
  }

  /** A value across a page boundary. */
  private apart(address: number, length: number): number | undefined {
    let value = 0;
    for (let i = 0; i < length; i++) {
      const byte = this.u8(address + i);
      if (byte === undefined) return undefined;
      value += byte * 2 ** (8 * i);
    }
    return value;
  }

  /**
   * A copy of the bytes at an address. It ends before the first absent page: compare its length with what was asked for.
   */
  bytes(address: number, length: number): Uint8Array {
    address >>>= 0;
    length = Math.min(Math.max(0, length), 2 ** 32 - address);
    const pieces: Uint8Array[] = [];
    let have = 0;
    while (have < length) {
      const at = address + have;
      const size = Math.min(length - have, PAGE - (at & (PAGE - 1)));
      const physical = this.translate(at);
      if (physical < 0) break;
      const piece = this.physical.bytes(physical, size);
      pieces.push(piece);
      have += piece.length;
      if (piece.length < size) break;
    }
    const copy = new Uint8Array(have);
    let to = 0;
    for (const piece of pieces) {
      copy.set(piece, to);
      to += piece.length;
    }
    return copy;
  }

  /**
   * A string of 8-bit characters up to a zero byte, `most` bytes at the most, decoded as UTF-8.
   * @returns undefined if its first byte is absent; what is there, if a later one is
   */
  cString(address: number, most = 4096): string | undefined {
    const found: number[] = [];
    for (let i = 0; i < most; i++) {
      const byte = this.u8(address + i);
      if (byte === undefined && i === 0) return undefined;
      if (byte === undefined || byte === 0) break;
      found.push(byte);
    }
    return new TextDecoder().decode(Uint8Array.from(found));
  }

  /** `bytes` bytes of UTF-16LE; shorter where a page is absent, undefined if there is nothing. */
  utf16(address: number, bytes: number): string | undefined {
    const data = this.bytes(address, bytes & ~1);
    if (data.length === 0 && bytes > 1) return undefined;
    return new TextDecoder('utf-16le').decode(data);
  }

  /** What NT's UNICODE_STRING (Length, MaximumLength, Buffer) at an address says. */
  unicodeString(address: number): string | undefined {
    const length = this.u16(address);
    const buffer = this.u32(address + 4);
    if (length === undefined || buffer === undefined) return undefined;
    return length === 0 ? '' : this.utf16(buffer, length);
  }

  /**
   * Follows pointers: each offset leads to a word, whose value is where the next one counts from.
   * `follow(thread, 0x44, 0x174)` is what C calls `thread->process->name`, as an address.
   * @returns the address that the last offset leads to, not its word; undefined if a pointer on the way is absent
   */
  follow(address: number, ...offsets: readonly number[]): number | undefined {
    let at: number | undefined = address;
    for (const [i, offset] of offsets.entries()) {
      if (at === undefined) return undefined;
      const next: number = (at + offset) >>> 0;
      at = i === offsets.length - 1 ? next : this.u32(next);
    }
    return at;
  }

  /** Reads fields of a structure: `struct(status, { Status: [0, 'u32'], Information: [4, 'u32'] })`. */
  struct<F extends Fields>(address: number, fields: F): Struct<F> {
    const found = Object.entries(fields).map(([name, [offset, type]]) => [
      name,
      this[type]((address + offset) >>> 0),
    ]);
    return Object.fromEntries(found) as Struct<F>;
  }
}

/** Names, byte offsets and types of a structure's fields; `cString` and `unicodeString` are in it, not pointed to. */
export type Fields = Readonly<
  Record<string, readonly [number, 'u8' | 'u16' | 'u32' | 'i32' | 'u64' | 'cString' | 'unicodeString']>
>;
/** What is not there is undefined. */
export type Struct<F extends Fields> = { readonly [K in keyof F]: ReturnType<VirtualMemory[F[K][1]]> };
