/** Which calls the kernel has made again after a signal, from what strace says alone. */
import { type StraceCall, splitArgs } from '../support/strace-log.ts';

const EINTR = -4;
const RESTART_BLOCK = -516;
const RESTART_SYSCALL = 0;
const SIGRETURNS: ReadonlySet<number | undefined> = new Set([119, 173]);

/**
 * By call: the interrupted call that it goes on with. The kernel does that at once, or after a handler: then sigreturn gives
 * back the call's number in EAX; EINTR says that the program gets the error instead.
 */
export function restartsOf(calls: readonly StraceCall[]): Map<StraceCall, StraceCall> {
  const found = new Map<StraceCall, StraceCall>();
  const interrupted: { readonly call: StraceCall; readonly index: number; due: boolean }[] = [];
  for (const [i, call] of calls.entries()) {
    const top = interrupted.at(-1);
    if (SIGRETURNS.has(call.number)) {
      if (call.value === EINTR) interrupted.pop();
      else if (top !== undefined && call.value === top.call.number) top.due = true;
      continue;
    }
    if (top !== undefined && (top.due || top.index === i - 1) && goesOnWith(call, top.call)) {
      found.set(call, top.call);
      interrupted.pop();
    }
    if (call.outcome === 'restart') interrupted.push({ call, index: i, due: false });
  }
  return found;
}

function goesOnWith(call: StraceCall, before: StraceCall): boolean {
  if (before.value === RESTART_BLOCK) return call.number === RESTART_SYSCALL;
  // In the handler it may have made the same call with something else.
  return call.number === before.number && splitArgs(call.args)[0] === splitArgs(before.args)[0];
}
