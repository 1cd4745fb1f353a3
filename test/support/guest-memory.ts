/** A recorded guest's memory as an analyst's tool reads it: virtual addresses, through the page tables. */
import { At } from '../../src/engine/layout.ts';
import type { Recording } from '../../src/record/recording.ts';

export class GuestMemory {
  private readonly recording: Recording;
  private readonly cr3: number;
  private readonly ram: number;

  /** The address space of page directory `cr3`; without it, that of the processor now. */
  constructor(recording: Recording, cr3?: number) {
    this.recording = recording;
    this.cr3 = cr3 ?? this.word(At.cr + 12);
    // v86's view of RAM begins where RAM does in linear memory.
    this.ram = recording.pc.cpu.mem8.byteOffset;
  }

  in(cr3: number): GuestMemory {
    return new GuestMemory(this.recording, cr3);
  }

  /** The address space that is in use at this moment. */
  current(): GuestMemory {
    return new GuestMemory(this.recording);
  }

  private get linear(): DataView {
    return new DataView(this.recording.pc.cpu.wasm_memory.buffer);
  }

  private word(at: number): number {
    return this.linear.getUint32(at, true);
  }

  /** Intel SDM 3A, 4.3: 32-bit paging, with 4 MiB pages. */
  private physical(address: number): number {
    const directory = this.word(this.ram + (this.cr3 & ~0xfff) + 4 * (address >>> 22));
    if (!(directory & 1)) throw new Error(`no page at 0x${address.toString(16)}`);
    if (directory & 0x80) return ((directory & 0xffc00000) >>> 0) + (address & 0x3fffff);
    const entry = this.word(this.ram + (directory & ~0xfff) + 4 * ((address >>> 12) & 0x3ff));
    if (!(entry & 1)) throw new Error(`no page at 0x${address.toString(16)}`);
    return ((entry & ~0xfff) >>> 0) + (address & 0xfff);
  }

  u8(address: number): number {
    return this.linear.getUint8(this.ram + this.physical(address >>> 0));
  }

  u16(address: number): number {
    return this.u8(address) | (this.u8(address + 1) << 8);
  }

  u32(address: number): number {
    return (this.u16(address) | (this.u16(address + 2) << 16)) >>> 0;
  }

  bytes(address: number, length: number): Uint8Array {
    return Uint8Array.from({ length }, (_, i) => this.u8(address + i));
  }

  /** ASCII up to a zero byte, `most` characters at the most. */
  text(address: number, most = 256): string {
    let text = '';
    for (let i = 0; i < most; i++) {
      const byte = this.u8(address + i);
      if (byte === 0) break;
      text += String.fromCharCode(byte);
    }
    return text;
  }

  /** What the UNICODE_STRING at an address says. */
  unicode(address: number): string {
    const buffer = this.u32(address + 4);
    return String.fromCharCode(
      ...Array.from({ length: this.u16(address) / 2 }, (_, i) => this.u16(buffer + 2 * i)),
    );
  }
}
