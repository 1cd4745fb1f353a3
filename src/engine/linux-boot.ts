/**
 * Starting a Linux kernel without a BIOS: what a boot loader and a firmware would have left behind, done by hand.
 *
 * v86 has by then put the kernel's real-mode part, the kernel, the command line and the initrd into guest RAM
 * (its option `bzimage`), in the expectation that a BIOS will run the real-mode part. This module takes the
 * 32-bit entry instead (Documentation/arch/x86/boot.rst, "32-bit Boot Protocol"; the layout of `boot_params`
 * is in zero-page.rst beside it), and routes the PCI interrupts, which is a BIOS's work too.
 */

/** The part of v86's CPU object (its file cpu.js) that booting needs. Typed arrays are views of linear memory. */
export interface BootCpu {
  readonly mem8: Uint8Array;
  readonly memory_size: Uint32Array;
  readonly reg32: Int32Array;
  readonly sreg: Uint16Array;
  readonly cr: Int32Array;
  readonly flags: Int32Array;
  readonly flags_changed: Int32Array;
  readonly protected_mode: Int32Array;
  readonly is_32: Int32Array;
  readonly stack_size_32: Int32Array;
  readonly instruction_pointer: Int32Array;
  readonly segment_is_null: Uint8Array;
  readonly segment_offsets: Int32Array;
  readonly segment_limits: Uint32Array;
  readonly segment_access_bytes: Uint8Array;
  readonly gdtr_size: Int32Array;
  readonly gdtr_offset: Int32Array;
  readonly io: {
    port_write8(port: number, value: number): void;
    port_write32(port: number, value: number): void;
    port_read8(port: number): number;
    port_read32(port: number): number;
  };
  /** Puts bytes into guest RAM at a guest physical address. */
  write_blob(bytes: Uint8Array, address: number): void;
  update_state_flags(): void;
}

/** Where things are in guest physical memory; all below 640 KiB and read by the kernel before it reuses them. */
const layout = {
  gdt: 0x1000,
  entry: 0x1100,
  bootParams: 0x10000,
  /** v86 puts the kernel's real-mode part, and with it the set-up header, here (its file kernel.js). */
  setup: 0x80000,
  kernel: 0x100000,
  lowEnd: 0x9fc00,
  highStart: 0x100000,
} as const;

/** `__BOOT_CS` and `__BOOT_DS`: the selectors that boot.rst asks for. */
const bootCs = 0x10;
const bootDs = 0x18;

/** PIRQ A-D to IRQ, as a PIIX3's BIOS would have them: two lines shared by all devices. */
const pirq = [10, 10, 11, 11] as const;

/**
 * Brings a machine that v86 has loaded a kernel into (and that has no BIOS) to the kernel's 32-bit entry.
 * Call it once, before the first instruction runs.
 */
export function enterLinux(cpu: BootCpu): void {
  routePciInterrupts(cpu);
  cpu.write_blob(bootParams(cpu), layout.bootParams);
  cpu.write_blob(flatGdt(), layout.gdt);
  cpu.write_blob(entryStub(), layout.entry);
  cpu.gdtr_offset[0] = layout.gdt;
  cpu.gdtr_size[0] = 4 * 8 - 1;

  // Registers: boot.rst wants ESI = boot_params, EBP = EDI = EBX = 0, interrupts off, flat segments.
  cpu.reg32.fill(0);
  cpu.reg32[6] = layout.bootParams;
  cpu.flags[0] = 2;
  cpu.flags_changed[0] = 0;
  cpu.cr[0] = (cpu.cr[0] ?? 0) | 1;
  cpu.protected_mode[0] = 1;
  cpu.is_32[0] = 1;
  cpu.stack_size_32[0] = 1;
  for (let i = 0; i < 6; i++) {
    const isCs = i === 1; // v86 numbers them ES CS SS DS FS GS, as the instruction encoding does
    cpu.sreg[i] = isCs ? bootCs : bootDs;
    cpu.segment_is_null[i] = 0;
    cpu.segment_offsets[i] = 0;
    cpu.segment_limits[i] = 0xffff_ffff;
    cpu.segment_access_bytes[i] = isCs ? 0x9b : 0x93;
  }
  cpu.instruction_pointer[0] = layout.entry;
  cpu.update_state_flags();
}

/** The "zero page": the kernel's own set-up header, and a memory map with the RAM below 640 KiB and above 1 MiB. */
function bootParams(cpu: BootCpu): Uint8Array {
  const page = new Uint8Array(4096);
  const view = new DataView(page.buffer);
  // The header starts at 0x1f1; the byte at 0x201 is the displacement of a jump over the rest of it (boot.rst).
  const end = 0x202 + (cpu.mem8[layout.setup + 0x201] ?? 0);
  page.set(cpu.mem8.subarray(layout.setup + 0x1f1, layout.setup + end), 0x1f1);
  page[0x210] = 0xff; // type_of_loader: none that has a number

  const size = cpu.memory_size[0] ?? 0;
  const [ram, reserved] = [1, 2];
  const map = [
    [0, layout.lowEnd, ram],
    [layout.lowEnd, layout.highStart - layout.lowEnd, reserved],
    [layout.highStart, size - layout.highStart, ram],
  ] as const;
  page[0x1e8] = map.length;
  for (const [i, [start, length, type]] of map.entries()) {
    const entry = 0x2d0 + i * 20;
    view.setUint32(entry, start, true);
    view.setUint32(entry + 8, length, true);
    view.setUint32(entry + 16, type, true);
  }
  return page;
}

/** Null, unused, 4 GiB code, 4 GiB data (Intel SDM vol. 3, 3.4.5). */
function flatGdt(): Uint8Array {
  const gdt = new BigUint64Array([0n, 0n, 0x00cf_9b00_0000_ffffn, 0x00cf_9300_0000_ffffn]);
  return new Uint8Array(gdt.buffer);
}

/**
 * What runs first: `mov dx, 0x4d1; mov al, 0x0c; out dx, al`, then a jump to the kernel.
 *
 * IRQ 10 and 11 are shared PCI interrupts and must be level-triggered. Their control register (ELCR) is in
 * v86's WASM half, so only guest code reaches it: a few instructions of it, then, rather than a store into
 * the emulator's own structures.
 */
function entryStub(): Uint8Array {
  const code = [0x66, 0xba, 0xd1, 0x04, 0xb0, 0x0c, 0xee, 0x31, 0xc0, 0x31, 0xd2];
  const displacement = layout.kernel - (layout.entry + code.length + 5);
  const stub = new Uint8Array(code.length + 5);
  stub.set(code);
  stub[code.length] = 0xe9;
  new DataView(stub.buffer).setInt32(code.length + 1, displacement, true);
  return stub;
}

/**
 * Tells the PIIX3 which IRQ each PCI interrupt pin goes to, and each device which IRQ it got. Without a BIOS's
 * `$PIR` table Linux believes a device's interrupt line register (arch/x86/pci/irq.c).
 */
function routePciInterrupts(cpu: BootCpu): void {
  const at = (device: number, register: number): number => 0x8000_0000 + (device << 11) + register;
  const select = (device: number, register: number): void => {
    // A byte at a time: v86 acts on the address when its last byte is written.
    const address = at(device, register & 0xfc);
    for (let i = 0; i < 4; i++) cpu.io.port_write8(0xcf8 + i, (address >>> (8 * i)) & 0xff);
  };
  const isaBridge = 1;
  for (const [i, irq] of pirq.entries()) {
    select(isaBridge, 0x60);
    cpu.io.port_write8(0xcfc + i, irq);
  }
  for (let device = 0; device < 32; device++) {
    select(device, 0);
    if (cpu.io.port_read32(0xcfc) >>> 0 === 0xffff_ffff) continue;
    select(device, 0x3c);
    const pin = cpu.io.port_read8(0xcfc + 1);
    if (pin === 0) continue;
    const irq = pirq[(pin - 1 + device - 1) & 3] ?? 0;
    cpu.io.port_write8(0xcfc, irq);
  }
}
