/** The processor of a stopped guest: its registers and its memory, to read and never to change. */
import type { GuestLayout } from '../engine/guest-state.ts';
import { At } from '../engine/layout.ts';
import { PhysicalMemory, VirtualMemory } from './memory.ts';

/** Registers by the numbers of the instruction encoding. */
export const Reg = { eax: 0, ecx: 1, edx: 2, ebx: 3, esp: 4, ebp: 5, esi: 6, edi: 7 } as const;
/** Segment registers likewise. */
export const Segment = { es: 0, cs: 1, ss: 2, ds: 3, fs: 4, gs: 5 } as const;

/** v86 keeps the task register behind the segment registers. */
const TASK_SEGMENT = 6;

export class GuestCpu {
  /** The address space in use at this moment. */
  readonly memory: VirtualMemory;
  readonly physical: PhysicalMemory;

  constructor(memory: WebAssembly.Memory, layout: GuestLayout) {
    this.physical = new PhysicalMemory(memory, layout);
    this.memory = new VirtualMemory(this.physical);
  }

  private u32(at: number): number {
    return this.physical.linear.getUint32(at, true);
  }

  /** A general register, unsigned; see {@link Reg}. */
  reg(index: number): number {
    return this.u32(At.reg32 + 4 * index);
  }

  get eax(): number {
    return this.u32(At.reg32);
  }
  get ecx(): number {
    return this.u32(At.reg32 + 4);
  }
  get edx(): number {
    return this.u32(At.reg32 + 8);
  }
  get ebx(): number {
    return this.u32(At.reg32 + 12);
  }
  get esp(): number {
    return this.u32(At.reg32 + 16);
  }
  get ebp(): number {
    return this.u32(At.reg32 + 20);
  }
  get esi(): number {
    return this.u32(At.reg32 + 24);
  }
  get edi(): number {
    return this.u32(At.reg32 + 28);
  }
  get cr0(): number {
    return this.u32(At.cr);
  }
  get cr2(): number {
    return this.u32(At.cr + 8);
  }
  /** The address-space id: the physical address of the page directory, with its flags. */
  get cr3(): number {
    return this.u32(At.cr + 12);
  }
  get cr4(): number {
    return this.u32(At.cr + 16);
  }
  /** The privilege level: 0 in the kernel, 3 in a program. */
  get cpl(): number {
    return this.physical.linear.getUint8(At.cpl);
  }
  /** Whether protected mode is on and paging with it. */
  get paging(): boolean {
    return this.cr0 >>> 31 === 1;
  }
  /** A selector; see {@link Segment}. */
  selector(index: number): number {
    return this.physical.linear.getUint16(At.sreg + 2 * index, true);
  }
  /** The base address of a segment. */
  segmentBase(index: number): number {
    return this.u32(At.segmentOffsets + 4 * index);
  }
  /**
   * ESP0 of the current task segment: where the kernel's stack begins at the next entry from a program (Intel SDM vol. 3A,
   * 8.2.1). Undefined if there is no task segment.
   */
  get stackAtEntry(): number | undefined {
    const base = this.segmentBase(TASK_SEGMENT);
    return base === 0 ? undefined : this.memory.u32(base + 4);
  }
  /** MSR SYSENTER_EIP: where SYSENTER goes; 0 if it was never set. */
  get sysenterEip(): number {
    return this.u32(At.sysenterEip);
  }
  /** Base and limit of the interrupt descriptor table. */
  get idt(): { readonly base: number; readonly limit: number } {
    return { base: this.u32(At.idtr + 4), limit: this.u32(At.idtr) & 0xffff };
  }
  /** Base and limit of the global descriptor table. */
  get gdt(): { readonly base: number; readonly limit: number } {
    return { base: this.u32(At.gdtr + 4), limit: this.u32(At.gdtr) & 0xffff };
  }
}
