/** Reading a guest's memory through page tables that are made here: Intel SDM vol. 3A, chapter 4. */
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { At } from '../../src/engine/layout.ts';
import { PhysicalMemory, VirtualMemory } from '../../src/guest/memory.ts';

const RAM_START = 0x1_0000;
const RAM_BYTES = 8 << 20;
const PG = 2 ** 31;
const PSE = 0x10;
const PAE = 0x20;
/** Bits of entries. */
const PRESENT = 1;
const WRITE = 2;
const LARGE = 0x80;

/** A processor and RAM in which nothing runs. */
class Pc {
  readonly wasm = new WebAssembly.Memory({ initial: (RAM_START + RAM_BYTES) >>> 16 });
  readonly memory: VirtualMemory;

  constructor() {
    const layout = { ramStart: RAM_START, ramBytes: RAM_BYTES, vgaStart: 0, vgaBytes: 0 };
    this.memory = new VirtualMemory(new PhysicalMemory(this.wasm, layout));
  }

  private get view(): DataView {
    return new DataView(this.wasm.buffer);
  }

  control(index: number, value: number): void {
    this.view.setUint32(At.cr + 4 * index, value, true);
  }

  /** A word of RAM. */
  set(physical: number, value: number): void {
    this.view.setUint32(RAM_START + physical, value, true);
  }

  put(physical: number, bytes: ArrayLike<number>): void {
    new Uint8Array(this.wasm.buffer, RAM_START).set(bytes, physical);
  }

  get ram(): Uint8Array {
    return new Uint8Array(this.wasm.buffer, RAM_START, RAM_BYTES);
  }

  /** Paging with 32-bit entries. */
  classic(directory: number, cr4 = PSE): this {
    this.control(0, PG + 1);
    this.control(3, directory);
    this.control(4, cr4);
    return this;
  }

  /** Maps a page of 4 KiB with 32-bit entries; `table` is where the page table lies. */
  map(directory: number, table: number, address: number, physical: number): void {
    this.set(directory + 4 * (address >>> 22), table | PRESENT | WRITE);
    this.set(table + 4 * ((address >>> 12) & 0x3ff), physical | PRESENT);
  }

  entry64(at: number, low: number, high = 0): void {
    this.set(at, low);
    this.set(at + 4, high);
  }
}

const absent = (t: ExecutionContext, memory: VirtualMemory, address: number): void => {
  t.is(memory.translate(address), -1);
  t.is(memory.u8(address), undefined);
  t.is(memory.u16(address), undefined);
  t.is(memory.u32(address), undefined);
  t.is(memory.u64(address), undefined);
  t.is(memory.bytes(address, 8).length, 0);
  t.is(memory.cString(address), undefined);
  t.is(memory.utf16(address, 4), undefined);
  t.is(memory.unicodeString(address), undefined);
};

test('without paging addresses are physical, and beyond RAM there is nothing', (t) => {
  const pc = new Pc();
  pc.set(0x1234, 0x8765_4321);
  const { memory } = pc;
  t.is(memory.u32(0x1234), 0x8765_4321);
  t.is(memory.i32(0x1234), 0x8765_4321 | 0);
  t.is(memory.u16(0x1236), 0x8765);
  t.is(memory.u8(0x1235), 0x43);
  t.is(memory.u64(0x1230), 0x8765_4321_0000_0000n);
  pc.put(RAM_BYTES - 2, [1, 2]);
  t.is(memory.u16(RAM_BYTES - 2), 0x201);
  t.is(memory.u32(RAM_BYTES - 2), undefined, 'half of it is there');
  t.is(memory.u32(RAM_BYTES), undefined);
  t.is(memory.u32(0xfee0_0000), undefined);
  t.deepEqual([...memory.bytes(RAM_BYTES - 2, 8)], [1, 2]);
  t.is(memory.bytes(0xfee0_0000, 8).length, 0);
  t.is(memory.bytes(0x1234, -1).length, 0);
});

test('32-bit entries: pages of 4 KiB, absent ones at both levels', (t) => {
  const pc = new Pc().classic(0x1000);
  const { memory } = pc;
  pc.map(0x1000, 0x2000, 0xc012_3000, 0x40_5000);
  pc.put(0x40_5678, [1, 2, 3, 4, 5, 6, 7, 8]);
  t.is(memory.translate(0xc012_3678), 0x40_5678);
  t.is(memory.u64(0xc012_3678), 0x0807_0605_0403_0201n);
  t.is(memory.translate(0xc012_3678 | 0), 0x40_5678, 'a negative number is the same address');
  absent(t, memory, 0xc012_4000); // no page
  absent(t, memory, 0x0040_0000); // no table
  // Flags beside the directory's address in CR3 (write-through, cache disable) are none of it.
  pc.control(3, 0x1018);
  t.is(memory.translate(0xc012_3678), 0x40_5678);
  t.is(memory.cr3, 0x1018);
});

test('32-bit entries: pages of 4 MiB, if CR4 allows them', (t) => {
  const pc = new Pc().classic(0x1000);
  const { memory } = pc;
  pc.set(0x1000 + 4 * 0x201, 0x40_0000 | LARGE | PRESENT);
  pc.set(0x40_0000 + 0x1f_fffc, 0xfeed_f00d);
  t.is(memory.translate(0x805f_fffc), 0x5f_fffc);
  t.is(memory.u32(0x805f_fffc), 0xfeed_f00d);
  // Without CR4.PSE the bit means nothing, and what is there is a table.
  pc.control(4, 0);
  pc.set(0x40_0000 + 4 * 0x1ff, 0x7000 | PRESENT);
  t.is(memory.translate(0x805f_fffc), 0x7ffc);
});

test('a page that is mapped to no RAM has an address and no content', (t) => {
  const pc = new Pc().classic(0x1000);
  pc.map(0x1000, 0x2000, 0x1000_0000, 0xfee0_0000);
  const { memory } = pc;
  t.is(memory.translate(0x1000_0020), 0xfee0_0020);
  t.is(memory.u32(0x1000_0020), undefined);
  t.is(memory.bytes(0x1000_0020, 4).length, 0);
  // Tables beyond RAM lead nowhere.
  pc.set(0x1000 + 4 * 0x80, 0xfee0_0000 | PRESENT);
  absent(t, memory, 0x2000_0000);
  pc.control(3, 0xf000_0000);
  absent(t, memory, 0x1000_0020);
});

test('another address space by its page directory, while this one is in use', (t) => {
  const pc = new Pc().classic(0x1000);
  pc.map(0x1000, 0x2000, 0x40_0000, 0x10_0000);
  pc.map(0x3000, 0x4000, 0x40_0000, 0x11_0000);
  pc.set(0x10_0000, 1);
  pc.set(0x11_0000, 2);
  const other = pc.memory.in(0x3000);
  t.is(pc.memory.u32(0x40_0000), 1);
  t.is(other.u32(0x40_0000), 2);
  t.is(other.cr3, 0x3000);
  pc.control(3, 0x3000);
  t.is(pc.memory.u32(0x40_0000), 2, 'it follows CR3');
  t.is(pc.memory.in(0x1000).u32(0x40_0000), 1);
});

test('PAE: pages of 4 KiB and 2 MiB, and nothing beyond 4 GiB', (t) => {
  const pc = new Pc();
  pc.control(0, PG + 1);
  pc.control(3, 0x1fe0); // aligned to 32 bytes only
  pc.control(4, PAE);
  const { memory } = pc;
  pc.entry64(0x1fe0 + 8 * 3, 0x3000 | PRESENT);
  pc.entry64(0x3000 + 8 * 0x45, 0x4000 | PRESENT | WRITE);
  pc.entry64(0x4000 + 8 * 0x67, 0x12_3000 | PRESENT, 0x8000_0000); // bit 63: not executable
  const address = 0xc000_0000 + 0x45 * 0x20_0000 + 0x67 * 0x1000 + 0x89c;
  pc.set(0x12_389c, 77);
  t.is(memory.translate(address), 0x12_389c);
  t.is(memory.u32(address), 77);
  absent(t, memory, address + 0x1000);
  absent(t, memory, address + 0x20_0000);
  absent(t, memory, address - 0x4000_0000);
  // CR4.PSE does not matter here.
  pc.entry64(0x3000 + 8 * 0x46, 0x60_0000 | LARGE | PRESENT);
  t.is(memory.translate(0xc000_0000 + 0x46 * 0x20_0000 + 0x1f_edcc), 0x7f_edcc);
  pc.entry64(0x4000 + 8 * 0x68, 0x12_3000 | PRESENT, 1);
  absent(t, memory, address + 0x1000);
});

test('views of a memory that grows meanwhile stay good', (t) => {
  const pc = new Pc().classic(0x1000);
  pc.map(0x1000, 0x2000, 0x40_0000, 0x10_0000);
  pc.set(0x10_0000, 5);
  t.is(pc.memory.u32(0x40_0000), 5);
  pc.wasm.grow(1);
  t.is(pc.memory.u32(0x40_0000), 5);
  pc.wasm.grow(1);
  t.deepEqual([...pc.memory.bytes(0x40_0000, 4)], [5, 0, 0, 0]);
});

test('bytes are a copy', (t) => {
  const pc = new Pc();
  pc.set(0x100, 1);
  const bytes = pc.memory.bytes(0x100, 4);
  pc.set(0x100, 2);
  t.is(bytes[0], 1);
});

test('texts: to the zero byte, to the limit, to the absent page; UTF-8 and UTF-16', (t) => {
  const pc = new Pc().classic(0x1000);
  pc.map(0x1000, 0x2000, 0x40_0000, 0x10_0000);
  pc.map(0x1000, 0x2000, 0x40_1000, 0x20_0000); // elsewhere in RAM
  const { memory } = pc;
  const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);
  pc.put(0x10_0ffd, ascii('pæ'));
  pc.put(0x20_0000, ascii('ge\0more'));
  t.is(memory.cString(0x40_0ffd), 'pæge');
  t.is(memory.cString(0x40_0ffd, 3), 'pæ');
  t.is(memory.cString(0x40_1002), '');
  pc.put(0x20_0ffd, ascii('end'));
  t.is(memory.cString(0x40_1ffd), 'end', 'what is there before the absent page');
  const utf16 = (text: string): Uint8Array => new Uint8Array(Uint16Array.from([...text].map(code)).buffer);
  pc.put(0x10_0ffc, utf16('NT'));
  pc.put(0x20_0000, utf16('let'));
  t.is(memory.utf16(0x40_0ffc, 10), 'NTlet');
  t.is(memory.utf16(0x40_0ffc, 5), 'NT', 'half a character is none');
  t.is(memory.utf16(0x40_0ffc, 0), '');
  t.is(memory.utf16(0x40_1ffe, 100)?.length, 1, 'as far as it is there');
});

const code = (character: string): number => character.charCodeAt(0);

test('a UNICODE_STRING: its length is in bytes, and what it points to may be absent', (t) => {
  const pc = new Pc().classic(0x1000);
  pc.map(0x1000, 0x2000, 0x40_0000, 0x10_0000);
  const { memory } = pc;
  const at = (length: number, buffer: number): number => {
    pc.set(0x10_0800, length | (64 << 16));
    pc.set(0x10_0804, buffer);
    return 0x40_0800;
  };
  pc.put(0x10_0100, [72, 0, 105, 0, 33, 0]);
  t.is(memory.unicodeString(at(4, 0x40_0100)), 'Hi');
  t.is(memory.unicodeString(at(6, 0x40_0100)), 'Hi!');
  t.is(memory.unicodeString(at(5, 0x40_0100)), 'Hi');
  t.is(memory.unicodeString(at(0, 0)), '');
  t.is(memory.unicodeString(at(4, 0x50_0000)), undefined);
  t.is(memory.unicodeString(0x40_0ffe), undefined, 'the structure is half there');
});

/** Some pages of a small address space, in an order of their own, with holes. */
const mappings = fc.uniqueArray(
  fc.record({ page: fc.nat(11), frame: fc.integer({ min: 0x100, max: 0x1ff }) }),
  {
    selector: ({ page }) => page,
    minLength: 1,
    maxLength: 12,
  },
);

test('any value at any place is that of its bytes, each looked up by itself', (t) => {
  const accesses = fc.array(fc.tuple(fc.nat(12 * 4096), fc.nat(9000)), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(mappings, accesses, fc.boolean(), (pages, places, pae) => {
      const pc = new Pc().classic(0x1000, pae ? PAE : PSE);
      // Four entries, one directory: the rest is absent.
      if (pae) pc.entry64(0x1000, 0x3000 | PRESENT);
      if (pae) pc.entry64(0x3000 + 8 * 2, 0x2000 | PRESENT);
      const base = 0x40_0000;
      const frames = new Map<number, number>();
      for (const { page, frame } of pages) {
        frames.set(page, frame);
        if (pae) pc.entry64(0x2000 + 8 * page, (frame << 12) | PRESENT);
        else pc.map(0x1000, 0x2000, base + 4096 * page, frame << 12);
        for (let i = 0; i < 4096; i += 4) pc.set((frame << 12) + i, (frame * 0x9e37_79b1 + i * 77) >>> 0);
      }
      const byte = (offset: number): number | undefined => {
        const frame = frames.get(offset >>> 12);
        return frame === undefined ? undefined : pc.ram[(frame << 12) + (offset & 0xfff)];
      };
      const value = (offset: number, length: number): bigint | undefined => {
        let sum = 0n;
        for (let i = 0; i < length; i++) {
          const one = byte(offset + i);
          if (one === undefined) return undefined;
          sum += BigInt(one) << BigInt(8 * i);
        }
        return sum;
      };
      const number = (one: bigint | undefined) => (one === undefined ? undefined : Number(one));
      const { memory } = pc;
      for (const [offset, length] of places) {
        const at = base + offset;
        t.is(memory.u8(at), byte(offset));
        t.is(memory.u16(at), number(value(offset, 2)));
        t.is(memory.u32(at), number(value(offset, 4)));
        t.is(memory.u64(at), value(offset, 8));
        const there: number[] = [];
        for (let i = 0; i < length; i++) {
          const one = byte(offset + i);
          if (one === undefined) break;
          there.push(one);
        }
        t.is(Buffer.compare(memory.bytes(at, length), Uint8Array.from(there)), 0);
      }
    }),
    { numRuns: 100 },
  );
});
