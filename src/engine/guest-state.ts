/** The guest-visible state of an engine instance: registers, interrupt controllers, RAM, frame buffer. */
import { createHash } from 'node:crypto';
import type { EngineExports } from './jit-host.ts';
import { At, CPU_BLOCK, INTERRUPT_CONTROLLERS } from './layout.ts';

/** Where the guest's memories lie in linear memory (bytes). */
export interface GuestLayout {
  readonly ramStart: number;
  readonly ramBytes: number;
  readonly vgaStart: number;
  readonly vgaBytes: number;
}

const HEX = 16;

/** Registers as unsigned numbers, for messages and JSON. */
export interface Registers {
  readonly eip: number;
  readonly eflags: number;
  readonly eax: number;
  readonly ecx: number;
  readonly edx: number;
  readonly ebx: number;
  readonly esp: number;
  readonly ebp: number;
  readonly esi: number;
  readonly edi: number;
  readonly cs: number;
  readonly ss: number;
  readonly cr0: number;
  readonly cr2: number;
  readonly cr3: number;
  readonly cr4: number;
  readonly cpl: number;
}

/**
 * Reads the registers. Exact at top level and in calls made from interpreted code; in a call made from
 * generated code EIP is that of the last instruction the CPU half noted.
 */
export function readRegisters(raw: EngineExports): Registers {
  const view = new DataView(raw.memory.buffer);
  const u32 = (at: number): number => view.getUint32(at, true);
  const reg = (i: number): number => u32(At.reg32 + 4 * i);
  return {
    eip: u32(At.instructionPointer),
    eflags: raw['get_eflags']!() >>> 0,
    eax: reg(0),
    ecx: reg(1),
    edx: reg(2),
    ebx: reg(3),
    esp: reg(4),
    ebp: reg(5),
    esi: reg(6),
    edi: reg(7),
    cs: view.getUint16(At.sreg + 2, true),
    ss: view.getUint16(At.sreg + 4, true),
    cr0: u32(At.cr),
    cr2: u32(At.cr + 8),
    cr3: u32(At.cr + 12),
    cr4: u32(At.cr + 16),
    cpl: view.getUint8(At.cpl),
  };
}

/** `eax=… ecx=…` in hexadecimal, in the order of {@link Registers}. */
export function formatRegisters(registers: Registers): string {
  return Object.entries(registers)
    .map(([name, value]) => `${name}=${(value as number).toString(HEX)}`)
    .join(' ');
}

/** SHA-256 over the CPU's registers and the interrupt controllers. */
export function hashCpu(raw: EngineExports): Buffer {
  const hash = createHash('sha256');
  hash.update(new Uint8Array(raw.memory.buffer, CPU_BLOCK.start, CPU_BLOCK.end - CPU_BLOCK.start));
  for (const [address, bytes] of INTERRUPT_CONTROLLERS) {
    hash.update(new Uint8Array(raw.memory.buffer, raw[address]!() >>> 0, bytes));
  }
  return hash.digest();
}

/** SHA-256 of guest-physical memory [start, start + length). */
export function hashRam(raw: EngineExports, layout: GuestLayout, start: number, length: number): Buffer {
  return createHash('sha256')
    .update(new Uint8Array(raw.memory.buffer, layout.ramStart + start, length))
    .digest();
}

/** Hashes of the whole guest-visible state, hexadecimal. */
export interface StateHash {
  /** Registers and interrupt controllers. */
  readonly cpu: string;
  readonly ram: string;
  /** The linear frame buffer. */
  readonly vga: string;
}

export function hashState(raw: EngineExports, layout: GuestLayout): StateHash {
  const vga = createHash('sha256').update(
    new Uint8Array(raw.memory.buffer, layout.vgaStart, layout.vgaBytes),
  );
  return {
    cpu: hashCpu(raw).toString('hex'),
    ram: hashRam(raw, layout, 0, layout.ramBytes).toString('hex'),
    vga: vga.digest('hex'),
  };
}
