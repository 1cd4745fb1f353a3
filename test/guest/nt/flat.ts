/** Guest memory made for a test: RAM without paging, and images to put there. */
import { PhysicalMemory, VirtualMemory } from '../../../src/guest/memory.ts';

const RAM_START = 0x1_0000;

export interface FlatMemory {
  readonly memory: VirtualMemory;
  readonly ram: Uint8Array;
}

/** `bytes` bytes of RAM from address 0 on; beyond it there is nothing. */
export function flatMemory(bytes: number): FlatMemory {
  const linear = { buffer: new ArrayBuffer(RAM_START + bytes) } as WebAssembly.Memory;
  const layout = { ramStart: RAM_START, ramBytes: bytes, vgaStart: 0, vgaBytes: 0 };
  const memory = new VirtualMemory(new PhysicalMemory(linear, layout));
  return { memory, ram: new Uint8Array(linear.buffer, RAM_START, bytes) };
}

export interface MadeExport {
  readonly name: string | undefined;
  /** Relative to the image; in the export directory it is a forwarder. */
  readonly rva: number;
}

export const IMAGE_BYTES = 0x8000;
/** Where the export directory of a made image is, and what follows it. */
export const EXPORTS_AT = 0x1000;

/** A PE image with these exports, named ones in the order of their names as linkers write them. */
export function makeImage(module: string, exports: readonly MadeExport[]): Uint8Array {
  const image = new Uint8Array(IMAGE_BYTES);
  const view = new DataView(image.buffer);
  const word = (at: number, value: number) => view.setUint32(at, value, true);
  const text = (at: number, value: string): number => {
    image.set(new TextEncoder().encode(value), at);
    return at + value.length + 1;
  };
  text(0, 'MZ');
  word(0x3c, 0x80);
  word(0x80, 0x4550);
  view.setUint16(0x84, 0x14c, true);
  view.setUint16(0x86, 1, true);
  view.setUint16(0x94, 0xe0, true);
  const optional = 0x98;
  view.setUint16(optional, 0x10b, true);
  word(optional + 56, IMAGE_BYTES);
  word(optional + 92, 16);
  const section = optional + 0xe0;
  text(section, '.text');
  word(section + 8, IMAGE_BYTES - 0x200);
  word(section + 12, 0x200);
  word(section + 36, 0x6000_0020);

  const named = exports
    .map(({ name }, index) => ({ name, index }))
    .filter((e): e is { name: string; index: number } => e.name !== undefined)
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const functions = EXPORTS_AT + 40;
  const names = functions + 4 * exports.length;
  const ordinals = names + 4 * named.length;
  let at = text(ordinals + 2 * named.length, module);
  for (const [offset, value] of [
    [12, ordinals + 2 * named.length],
    [16, 1],
    [20, exports.length],
    [24, named.length],
    [28, functions],
    [32, names],
    [36, ordinals],
  ] as const)
    word(EXPORTS_AT + offset, value);
  exports.forEach(({ rva }, i) => {
    word(functions + 4 * i, rva);
  });
  named.forEach(({ name, index }, i) => {
    word(names + 4 * i, at);
    view.setUint16(ordinals + 2 * i, index, true);
    at = text(at, name);
  });
  word(optional + 96, EXPORTS_AT);
  word(optional + 100, at - EXPORTS_AT);
  return image;
}
