/** The registers of a program that has entered the kernel: `struct pt_regs` of i386 (arch/x86/include/asm/ptrace.h). */
import type { VirtualMemory } from '../memory.ts';
import type { StackRange } from '../os.ts';

/** Byte offsets. */
export const PtRegs = { ax: 24, origAx: 44, ip: 48, cs: 52, sp: 60, ss: 64 } as const;
const SIZE = 68;
/** Bytes that the kernel leaves above them, by version and options: TOP_OF_KERNEL_STACK_PADDING (asm/thread_info.h). */
const PADDINGS = [16, 8, 0] as const;
/** `__USER_CS` and `__USER_DS` (asm/segment.h). */
const USER_CS = 0x73;
const USER_DS = 0x7b;

/** The program's stack pointer at its last entry, from the top of the thread's kernel stack; undefined if it is not there. */
export function userEsp(memory: VirtualMemory, stack: StackRange): number | undefined {
  for (const padding of PADDINGS) {
    const regs = stack.high - padding - SIZE;
    const cs = memory.u16(regs + PtRegs.cs);
    if (cs === USER_CS && memory.u16(regs + PtRegs.ss) === USER_DS) return memory.u32(regs + PtRegs.sp);
  }
  return undefined;
}
