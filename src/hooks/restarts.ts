/**
 * System calls of Linux that a signal has interrupted and that are made again: by the kernel, which sets the program back to
 * the instruction that it came in by (arch/x86/kernel/signal.c), at once or when the signal's handler is done. Not by the program
 * itself, which gets EINTR for that.
 */
import { PtRegs } from '../guest/linux/pt-regs.ts';
import type { VirtualMemory } from '../guest/memory.ts';
import type { CallRecord } from './call-record.ts';

/** Results that say how the call is to go on (include/linux/errno.h): ERESTARTSYS, …NOINTR, …NOHAND, …_RESTARTBLOCK. */
const RESTART_BLOCK = -516 >>> 0;
const RESTARTS: ReadonlySet<number> = new Set([-512 >>> 0, -513 >>> 0, -514 >>> 0, RESTART_BLOCK]);
const EINTR = -4 >>> 0;
/** arch/x86/entry/syscalls/syscall_32.tbl. */
const RESTART_SYSCALL = 0;
/** sigreturn and rt_sigreturn. */
const SIGRETURNS: ReadonlySet<number | undefined> = new Set([119, 173]);
/** INT 0x80 and SYSENTER. */
const INSTRUCTION_BYTES = 2;
/** Calls of a thread that are interrupted, one in the handler of the other. A jump out of a handler leaves some behind. */
const MOST_INTERRUPTED = 64;

interface Interrupted {
  readonly call: CallRecord;
  readonly ip: number | undefined;
  readonly sp: number | undefined;
  /** The thread has made no other call since. */
  next: boolean;
  /** A handler has come to its end, after which it is to be made again. */
  due: boolean;
}

/** Whether a system call goes on elsewhere when it comes back to the kernel's entry. */
export function isSigreturn(call: CallRecord): boolean {
  return SIGRETURNS.has(call.systemCall);
}

export class Restarts {
  /** By thread key, innermost last. */
  private readonly threads = new Map<number, Interrupted[]>();
  /** Whether the ends of handlers are among the calls that are hooked. */
  private seesSigreturn = false;

  /** A call begins. The interrupted one that it goes on with. */
  began(call: CallRecord, memory: VirtualMemory): CallRecord | undefined {
    if (isSigreturn(call)) this.seesSigreturn = true;
    const interrupted = this.threads.get(call.frame.thread);
    if (interrupted === undefined || call.systemCall === undefined) return undefined;
    const { ip, sp } = placeOf(call, memory);
    for (let i = interrupted.length - 1; i >= 0; i--) {
      const one = interrupted[i]!;
      if (one.ip !== ip || one.sp !== sp || !isSame(one.call, call)) continue;
      if (!one.next && !one.due && this.seesSigreturn) continue;
      this.drop(call.frame.thread, interrupted, i);
      return one.call;
    }
    for (const one of interrupted) one.next = false;
    return undefined;
  }

  /** A call has returned to the kernel's entry with a result. */
  ended(call: CallRecord, result: number, memory: VirtualMemory): void {
    const { thread } = call.frame;
    if (call.systemCall === undefined) return;
    if (isSigreturn(call)) this.handlerDone(thread, result, placeOf(call, memory));
    else if (RESTARTS.has(result)) {
      const interrupted = this.threads.get(thread) ?? [];
      interrupted.push({ call, ...placeOf(call, memory), next: true, due: false });
      if (interrupted.length > MOST_INTERRUPTED) interrupted.shift();
      this.threads.set(thread, interrupted);
    }
  }

  /** The program goes on where it was interrupted: behind the call, with EINTR, or before it, to make it again. */
  private handlerDone(
    thread: number,
    eax: number,
    { ip, sp }: { ip?: number | undefined; sp?: number | undefined },
  ): void {
    const interrupted = this.threads.get(thread);
    if (interrupted === undefined || ip === undefined) return;
    for (let i = interrupted.length - 1; i >= 0; i--) {
      const one = interrupted[i]!;
      if (one.sp !== sp) continue;
      const failed = one.ip === ip && eax === EINTR;
      if (failed) this.drop(thread, interrupted, i);
      else if (one.ip === ip + INSTRUCTION_BYTES) one.due = true;
      else continue;
      return;
    }
  }

  /** Forgets a call and those that were made after it. */
  private drop(thread: number, interrupted: Interrupted[], from: number): void {
    interrupted.length = from;
    if (from === 0) this.threads.delete(thread);
  }

  threadEnded(thread: number): void {
    this.threads.delete(thread);
  }
}

/** The program's EIP and ESP that the kernel has saved; nothing where a call's function is not told of them. */
function placeOf(
  call: CallRecord,
  memory: VirtualMemory,
): { ip: number | undefined; sp: number | undefined } {
  if (call.frame.fn.fn.signature?.convention !== 'pt_regs') return { ip: undefined, sp: undefined };
  const { accumulator } = call;
  return { ip: memory.u32(accumulator + PtRegs.ip), sp: memory.u32(accumulator + PtRegs.sp) };
}

function isSame({ result, systemCall, words }: CallRecord, call: CallRecord): boolean {
  if (result === RESTART_BLOCK) return call.systemCall === RESTART_SYSCALL;
  return systemCall === call.systemCall && words.every((word, i) => word === call.words[i]);
}
