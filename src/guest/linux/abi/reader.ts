/**
 * The memory of a program that makes a system call, read within bounds: whatever its arguments say, a call costs no more
 * than a fixed number of bytes.
 */
import type { VirtualMemory } from '../../memory.ts';

/** How much is read and shown. */
export interface Limits {
  /** Bytes of a string or elements of an array in a text: strace's option -s. */
  readonly text: number;
  /** Bytes of a buffer in the data for JSON. */
  readonly data: number;
  /** Bytes that may be read for one system call, before and again after it; what would need more is shown as an address. */
  readonly total: number;
}

export const DEFAULT_LIMITS: Limits = { text: 32, data: 4096, total: 0x40000 };

const PAGE = 4096;

/** A structure that has been read. Offsets that it does not reach read as zero. */
export class Structure {
  readonly bytes: Uint8Array;
  private readonly view: DataView;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  private fits(offset: number, length: number): boolean {
    return offset >= 0 && offset + length <= this.view.byteLength;
  }

  u8(offset: number): number {
    return this.bytes[offset] ?? 0;
  }

  u16(offset: number): number {
    return this.fits(offset, 2) ? this.view.getUint16(offset, true) : 0;
  }

  u32(offset: number): number {
    return this.fits(offset, 4) ? this.view.getUint32(offset, true) : 0;
  }

  i32(offset: number): number {
    return this.u32(offset) | 0;
  }

  u64(offset: number): bigint {
    return this.fits(offset, 8) ? this.view.getBigUint64(offset, true) : 0n;
  }

  i64(offset: number): bigint {
    return BigInt.asIntN(64, this.u64(offset));
  }
}

export class Reader {
  readonly limits: Limits;
  private readonly memory: VirtualMemory;
  private left: number;
  /** A page was not there. Whoever cares sets it to false first. */
  absent = false;

  constructor(memory: VirtualMemory, limits: Limits) {
    this.memory = memory;
    this.limits = limits;
    this.left = limits.total;
  }

  /** Exactly so many bytes, or undefined. */
  bytes(address: number, length: number): Uint8Array | undefined {
    const found = this.some(address, length);
    return found !== undefined && found.length === length ? found : undefined;
  }

  /** As many of the bytes as there are; undefined if that is none of those wanted, or more than may be read. */
  some(address: number, length: number): Uint8Array | undefined {
    if (length < 0 || address + length > 2 ** 32) return undefined;
    // A few bytes cost as much as the walk through the page tables.
    this.left -= length + 16;
    if (this.left < 0) return undefined;
    const found = this.memory.bytes(address, length);
    if (found.length < length) this.absent = true;
    return found.length === 0 && length > 0 ? undefined : found;
  }

  structure(address: number, length: number): Structure | undefined {
    const bytes = this.bytes(address, length);
    return bytes === undefined ? undefined : new Structure(bytes);
  }

  u32(address: number): number | undefined {
    return this.structure(address, 4)?.u32(0);
  }

  /**
   * The bytes of a string of up to `most` bytes.
   * @returns undefined if memory ends before a zero byte and before `most`
   */
  string(address: number, most: number): { bytes: Uint8Array; terminated: boolean } | undefined {
    const pieces: number[] = [];
    while (pieces.length < most) {
      const at = address + pieces.length;
      const piece = this.bytes(at, Math.min(most - pieces.length, 64, PAGE - (at % PAGE)));
      if (piece === undefined) return undefined;
      const end = piece.indexOf(0);
      for (const byte of end < 0 ? piece : piece.subarray(0, end)) pieces.push(byte);
      if (end >= 0) return { bytes: Uint8Array.from(pieces), terminated: true };
    }
    return { bytes: Uint8Array.from(pieces), terminated: false };
  }
}
