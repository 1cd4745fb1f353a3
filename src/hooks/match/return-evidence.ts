/** What the stack says of how control has come to a return address. */
import { isAfterCall } from './call-site.ts';
import type { Moment } from './matcher.ts';
import type { OpenFrame } from './open-frame.ts';

const USER = 3;

/**
 * Whether control has come to a call's return address by its return. Not so if that address is also nearer to ESP: then it is
 * another call that has returned. Nor if there has been another call since, with its return address at the same place: then a
 * jump leads here, such as the one behind a `catch`. But an interrupt may have written there, and so may somebody who wants to
 * see the return: a debugger, a kretprobe.
 */
export function cameByReturn({ esp, returnAddress }: OpenFrame, moment: Moment): boolean {
  const word = moment.word(esp);
  // An interrupt would have overwritten it.
  if (word !== returnAddress && moment.cpl !== USER && isInterrupted(returnAddress, moment)) return true;
  for (let at = moment.esp - 4; at > esp; at -= 4) if (moment.word(at) === returnAddress) return false;
  return word === returnAddress || word === undefined || !isAfterCall(word, moment);
}

/**
 * Whether an interrupt in the kernel came just before this address and has left what it does below ESP: EFLAGS, with IF set,
 * CS and EIP (Intel SDM vol. 3A, section 6.12.1).
 */
function isInterrupted(address: number, moment: Moment): boolean {
  const { esp } = moment;
  if (moment.word(esp - 12) !== address) return false;
  const selector = moment.word(esp - 8) ?? 0;
  const flags = moment.word(esp - 4) ?? 0;
  return (
    selector > 0 &&
    selector < 0x1_0000 &&
    (selector & 3) === 0 &&
    (flags & 0xffc0_802a) === 0x2 &&
    (flags & 0x200) > 0
  );
}
