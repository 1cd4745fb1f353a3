/**
 * The kernel's half of the guest's memory. 32-bit Linux maps the RAM that it uses itself ("low memory", and with it its own
 * image) at one fixed distance, PAGE_OFFSET, so that most of it can be read without a page table, whichever process
 * runs (Linux: arch/x86/include/asm/page_32.h, `__phys_addr_nodebug`).
 */
import type { GuestCpu } from '../cpu.ts';
import { VirtualMemory } from '../memory.ts';

/** x86-32: 8 KiB (arch/x86/include/asm/page_32_types.h). */
export const THREAD_SIZE = 8192;

export class KernelMemory {
  readonly cpu: GuestCpu;
  /** Virtual minus physical address of low memory. */
  readonly pageOffset: number;
  /** Physical end of what is surely low memory. */
  private lowEnd: number;
  /** Where the kernel keeps `high_memory`, the virtual end of low memory; 0 if that is unknown. */
  private highMemory = 0;

  /** @param imageEnd virtual: low memory up to here at least */
  constructor(cpu: GuestCpu, pageOffset: number, imageEnd: number) {
    this.cpu = cpu;
    this.pageOffset = pageOffset;
    this.lowEnd = Math.max(0, imageEnd - pageOffset);
  }

  /** @param address of the kernel's variable `high_memory` */
  learnHighMemory(address: number): void {
    this.highMemory = address;
  }

  /** The guest physical address of a kernel address, or -1. */
  physical(address: number): number {
    const physical = address - this.pageOffset;
    if (physical < 0) return -1;
    if (physical < this.lowEnd) return physical;
    if (this.highMemory !== 0) {
      const end = (this.cpu.physical.u32(this.highMemory - this.pageOffset) ?? 0) - this.pageOffset;
      // 0 until the kernel has sized its memory, after which it never changes.
      if (end > 0) {
        this.lowEnd = Math.max(this.lowEnd, end);
        this.highMemory = 0;
        if (physical < end) return physical;
      }
    }
    return this.cpu.memory.translate(address);
  }

  u32(address: number): number | undefined {
    if ((address & 3) !== 0) return this.apart(address);
    const physical = this.physical(address);
    return physical < 0 ? undefined : this.cpu.physical.u32(physical);
  }

  /** A word that may lie across a page boundary. */
  private apart(address: number): number | undefined {
    const bytes = this.bytes(address, 4);
    if (bytes.length < 4) return undefined;
    return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  }

  u16(address: number): number | undefined {
    const word = this.u32((address & ~3) >>> 0);
    return word === undefined ? undefined : (word >>> (8 * (address & 2))) & 0xffff;
  }

  /** A 64-bit number; exact up to 2^53. */
  u64(address: number): number | undefined {
    const low = this.u32(address);
    const high = this.u32(address + 4);
    return low === undefined || high === undefined ? undefined : high * 2 ** 32 + low;
  }

  /** A copy; it ends before the first absent page. */
  bytes(address: number, length: number): Uint8Array {
    const copy = new Uint8Array(Math.max(0, Math.min(length, 2 ** 32 - address)));
    let have = 0;
    while (have < copy.length) {
      const physical = this.physical(address + have);
      if (physical < 0) break;
      const piece = this.cpu.physical.bytes(
        physical,
        Math.min(copy.length - have, 4096 - ((address + have) & 4095)),
      );
      if (piece.length === 0) break;
      copy.set(piece, have);
      have += piece.length;
    }
    return copy.subarray(0, have);
  }

  /** Words of a structure; those of absent pages are 0. */
  words(address: number, count: number): Uint32Array {
    const words = new Uint32Array(count);
    new Uint8Array(words.buffer).set(this.bytes(address, 4 * count));
    return words;
  }

  /** A string of at most `most` bytes before its zero byte; undefined if that is not found among them. */
  cString(address: number, most: number): string | undefined {
    const bytes = this.bytes(address, most + 1);
    const end = bytes.indexOf(0);
    return end < 0 ? undefined : new TextDecoder().decode(bytes.subarray(0, end));
  }

  /** Whether this can be the address of one of the kernel's objects: in its half, aligned, and there. */
  isPointer(value: number | undefined): value is number {
    return (
      value !== undefined && value >= this.pageOffset && (value & 3) === 0 && this.u32(value) !== undefined
    );
  }

  /** The address space of a page directory at a kernel address. */
  space(pageDirectory: number): VirtualMemory {
    return new VirtualMemory(this.cpu.physical, pageDirectory - this.pageOffset);
  }
}
