/** An image: what it is for, and what it must look like for that. Offsets and limits are of the formats, or of v86 where it says so. */
import { RebekError } from '../base/errors.ts';
import type { Machine } from './schema.ts';

export type ImageRole =
  | 'kernel'
  | 'initrd'
  | 'multiboot'
  | 'bios'
  | 'vgaBios'
  | 'cdrom'
  | 'disk'
  | 'disk2'
  | 'floppy';

/** Where an image came from and what it was: kept in a trace. */
export interface ImageProvenance {
  readonly role: ImageRole;
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** Lower-case hexadecimal, of the file as read. */
  readonly sha256: string;
}
export interface LoadedImage extends ImageProvenance {
  readonly data: ArrayBuffer;
}

const mib = 1 << 20;

/** Where v86 puts a kernel's initrd (its file kernel.js). Bytes. */
const initrdAddress = 64 * mib;

/** @throws RebekError ERR_MACHINE_IMAGE_WRONG, ERR_MACHINE_MEMORY */
export function checkImage(image: LoadedImage, machine: Machine): void {
  checks[image.role]?.(new Checked(image, machine));
}

/** An image under test, with its machine, for the messages. */
class Checked {
  readonly machine: Machine;
  readonly view: DataView;
  private readonly image: LoadedImage;

  constructor(image: LoadedImage, machine: Machine) {
    this.image = image;
    this.machine = machine;
    this.view = new DataView(image.data);
  }
  get size(): number {
    return this.image.size;
  }
  u8(offset: number): number {
    return offset < this.size ? this.view.getUint8(offset) : 0;
  }
  u16(offset: number): number {
    return offset + 2 <= this.size ? this.view.getUint16(offset, true) : 0;
  }
  u32(offset: number): number {
    return offset + 4 <= this.size ? this.view.getUint32(offset, true) : 0;
  }
  require(good: boolean, problem: string, hint?: string): void {
    if (good) return;
    const { role, path } = this.image;
    throw new RebekError('ERR_MACHINE_IMAGE_WRONG', `${this.machine.name}: ${role} ${path}: ${problem}`, {
      ...(hint === undefined ? {} : { hint }),
      details: { machine: this.machine.source, role, path },
    });
  }
  /** Refuses when guest RAM ends before `end` (a guest physical address, bytes). */
  requireMemory(end: number, what: string): void {
    const needed = Math.ceil(end / mib);
    if (this.machine.memory >= needed) return;
    throw new RebekError(
      'ERR_MACHINE_MEMORY',
      `${this.machine.name}: memory: expected at least ${needed} MiB for ${what}, found ${this.machine.memory}`,
      { details: { machine: this.machine.source, needed, memory: this.machine.memory } },
    );
  }
}

const checks: Partial<Record<ImageRole, (image: Checked) => void>> = {
  kernel,
  initrd,
  multiboot,
  bios(image) {
    // v86 maps it so that it ends at 1 MiB, where the VGA BIOS (0xc0000) must still fit below it.
    image.require(
      image.size >= 0x1_0000 && image.size <= 0x3_0000 + 0x1_0000 && image.size % 0x1_0000 === 0,
      `a BIOS has 64, 128, 192 or 256 KiB; this file has ${image.size} bytes`,
    );
    const opcode = image.u8(image.size - 16);
    image.require(opcode === 0xea || opcode === 0xe9, 'not a BIOS: no jump at the reset vector');
  },
  vgaBios(image) {
    image.require(image.u16(0) === 0xaa55, 'not a VGA BIOS: an option ROM begins with 55 AA');
    image.require(image.size <= 0x1_0000, `a VGA BIOS has at most 64 KiB; this file has ${image.size} bytes`);
  },
  disk: sectors,
  disk2: sectors,
  floppy(image) {
    sectors(image);
    image.require(
      image.size <= 2880 * 1024,
      `a floppy has at most 2880 KiB; this file has ${image.size} bytes`,
    );
  },
  cdrom(image) {
    image.require(image.size >= 17 * 2048, 'too small for a CD: its first volume descriptor is at 32 KiB');
  },
};

function sectors(image: Checked): void {
  image.require(
    image.size > 0 && image.size % 512 === 0,
    `a raw disk image is a whole number of 512-byte sectors; this file has ${image.size} bytes`,
    'Other formats (qcow2, vmdk) must be converted to raw first.',
  );
}

/** A bzImage (Linux: Documentation/arch/x86/boot.rst, "The Real-Mode Kernel Header"). */
function kernel(image: Checked): void {
  const magic = image.u16(0x1fe) === 0xaa55 && image.u32(0x202) === 0x5372_6448;
  image.require(magic, 'not a Linux kernel image: no boot sector signature 55 AA with the header "HdrS"');
  const protocol = image.u16(0x206);
  image.require(
    protocol >= 0x206 && (image.u8(0x211) & 1) === 1,
    `boot protocol ${protocol >> 8}.${String(protocol & 0xff).padStart(2, '0')}; expected a bzImage of 2.06 or later`,
  );
  image.require(
    protocol < 0x20c || (image.u16(0x236) & 1) === 0,
    'a 64-bit kernel; the emulated PC is a 32-bit one',
    'Take an i386 kernel (Debian: linux-image-686).',
  );
  const { boot } = image.machine;
  const limit = image.u32(0x238);
  if (boot.kind === 'linux') {
    const { length } = boot.cmdline;
    image.require(length <= limit, `takes a command line of ${limit} bytes; boot.cmdline has ${length}`);
  }
  const end = mib + image.size;
  image.require(end <= initrdAddress, 'too large: the kernel must end below 64 MiB');
  // From 2.10 the header says how much memory the kernel needs to unpack itself, and where it would like to.
  const unpacked = protocol >= 0x20a ? image.u32(0x258) + image.u32(0x260) : end;
  image.requireMemory(Math.max(end, unpacked), 'the kernel');
}

function initrd(image: Checked): void {
  if (image.machine.boot.kind === 'linux') {
    image.requireMemory(initrdAddress + image.size, 'the initrd, which is loaded at 64 MiB');
  } else {
    // A Multiboot module goes right behind the kernel; v86 gives a machine with an initrd 64 MiB at least.
    image.requireMemory(Math.max(initrdAddress, mib + image.size), 'an initrd');
  }
}

/** Multiboot 0.6.96, section 3.1: the header is in the first 8192 bytes, 4-aligned, its three words sum to 0. */
function multiboot(image: Checked): void {
  let header = -1;
  for (let offset = 0; offset < Math.min(8192, image.size - 11) && header < 0; offset += 4) {
    const sum = image.u32(offset) + image.u32(offset + 4) + image.u32(offset + 8);
    if (image.u32(offset) === 0x1bad_b002 && sum >>> 0 === 0) header = offset;
  }
  image.require(header >= 0, 'not a Multiboot image: no header 1BADB002 in the first 8192 bytes');
  const hasAddresses = (image.u32(header + 4) & 0x1_0000) !== 0;
  if (!hasAddresses) {
    const elf32 = image.u32(0) === 0x464c_457f && image.u8(4) === 1;
    image.require(elf32, 'its Multiboot header has no address fields, and it is no 32-bit ELF file');
    return;
  }
  const [headerAddress, load, loadEnd, bssEnd, entry] = [12, 16, 20, 24, 28].map((i) =>
    image.u32(header + i),
  ) as [number, number, number, number, number];
  const end = Math.max(loadEnd, bssEnd, load + (loadEnd === 0 ? image.size : 0));
  const start = header - (headerAddress - load);
  const inFile = start >= 0 && (loadEnd === 0 || start + (loadEnd - load) <= image.size);
  image.require(
    inFile && entry >= load && entry < end,
    'the addresses in its Multiboot header do not fit the file',
  );
  image.requireMemory(end, 'the image');
}
