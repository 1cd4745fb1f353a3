/** Which operating system runs in the guest. */
import type { GuestCpu } from './cpu.ts';
import { findLinux } from './linux/linux.ts';
import { findNt } from './nt/nt.ts';
import type { GuestOs } from './os.ts';

/** The system that runs now; undefined if there is none yet, or none that Rebek knows. */
export function findGuestOs(cpu: GuestCpu): GuestOs | undefined {
  return findNt(cpu) ?? findLinux(cpu);
}
