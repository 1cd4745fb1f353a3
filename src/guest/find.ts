/** Which operating system runs in the guest. */
import { RebekError } from '../base/errors.ts';
import type { GuestCpu } from './cpu.ts';
import { findLinux } from './linux/linux.ts';
import { findNt } from './nt/nt.ts';
import type { GuestOs } from './os.ts';
import type { GuestProfile } from './profile.ts';

/**
 * The system that runs now; undefined if there is none yet, or none that Rebek knows.
 * @param given used in place of what is known of the kernel
 * @throws RebekError ERR_GUEST_PROFILE if the profile is another system's, or another kernel's
 */
export function findGuestOs(cpu: GuestCpu, given?: GuestProfile): GuestOs | undefined {
  const os =
    findNt(cpu, given?.family === 'nt' ? given.profile : undefined) ??
    findLinux(cpu, given?.family === 'linux' ? given.profile : undefined);
  if (os === undefined || given === undefined || os.family === given.family) return os;
  const named = { linux: 'a Linux kernel', nt: 'a Windows kernel' }[given.family];
  throw new RebekError('ERR_GUEST_PROFILE', `the profile is of ${named}`, {
    hint: `the guest runs ${os.version}`,
  });
}
