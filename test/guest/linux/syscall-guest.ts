/** A program's memory, made up: pages of an address space of its own behind real page tables. */
import type { GuestLayout } from '../../../src/engine/guest-state.ts';
import { At } from '../../../src/engine/layout.ts';
import { PhysicalMemory, VirtualMemory } from '../../../src/guest/memory.ts';

const PAGE = 4096;
const RAM_START = 0x10000;
const PRESENT = 7;

export class FakeProgram {
  readonly memory: VirtualMemory;
  private readonly ram: DataView;
  private readonly bytes: Uint8Array;
  private next = 2 * PAGE;

  /** @param pages how many may be in use, with page tables */
  constructor(pages = 256) {
    const linear = new WebAssembly.Memory({ initial: Math.ceil((RAM_START + pages * PAGE) / 65536) });
    const layout = { ramStart: RAM_START, ramBytes: pages * PAGE } as GuestLayout;
    this.ram = new DataView(linear.buffer, RAM_START);
    this.bytes = new Uint8Array(linear.buffer, RAM_START);
    const state = new DataView(linear.buffer);
    state.setUint32(At.cr, 0x80000001, true);
    // The page directory is the second page of RAM.
    state.setUint32(At.cr + 12, PAGE, true);
    this.memory = new VirtualMemory(new PhysicalMemory(linear, layout));
  }

  /** The place of a page in RAM; a new one if it is not present yet. */
  private page(address: number): number {
    const directory = PAGE + 4 * (address >>> 22);
    if (!(this.ram.getUint32(directory, true) & 1))
      this.ram.setUint32(directory, this.take() | PRESENT, true);
    const table = (this.ram.getUint32(directory, true) & ~0xfff) + 4 * ((address >>> 12) & 0x3ff);
    if (!(this.ram.getUint32(table, true) & 1)) this.ram.setUint32(table, this.take() | PRESENT, true);
    return this.ram.getUint32(table, true) & ~0xfff;
  }

  private take(): number {
    const page = this.next;
    this.next += PAGE;
    return page;
  }

  /** Puts bytes at an address; its pages are present from then on. */
  put(address: number, data: Uint8Array | string | readonly number[]): number {
    const bytes = typeof data === 'string' ? Buffer.from(data, 'latin1') : Uint8Array.from(data);
    for (let done = 0; done < bytes.length; ) {
      const offset = (address + done) & (PAGE - 1);
      const part = bytes.subarray(done, done + PAGE - offset);
      this.bytes.set(part, this.page(address + done) + offset);
      done += part.length;
    }
    return address;
  }

  /** Puts 32-bit words at an address. */
  words(address: number, ...words: number[]): number {
    const bytes = new Uint8Array(4 * words.length);
    words.forEach((word, i) => {
      new DataView(bytes.buffer).setUint32(4 * i, word >>> 0, true);
    });
    return this.put(address, bytes);
  }
}
