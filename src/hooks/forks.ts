/**
 * Second returns of Linux's system calls that make a thread. The new one begins behind them, in `ret_from_fork` (copy_thread in
 * arch/x86/kernel/process.c), with 0 in the register of the result: no matcher sees it return.
 */
import type { CallRecord } from './call-record.ts';
import type { TrackedThread } from './threads.ts';

/** fork, clone, vfork, clone3 (arch/x86/entry/syscalls/syscall_32.tbl). */
const FORKS: ReadonlySet<number | undefined> = new Set([2, 120, 190, 435]);

export class Forks {
  /** Calls under way, by the thread that makes one. */
  private readonly making = new Map<number, CallRecord>();
  /** Calls by the thread that they have made and that has not run yet. They may be over. */
  private readonly made = new Map<number, CallRecord>();

  began(call: CallRecord): void {
    if (FORKS.has(call.systemCall)) this.making.set(call.frame.thread, call);
  }

  ended(call: CallRecord): void {
    const { thread } = call.frame;
    if (this.making.get(thread) === call) this.making.delete(thread);
  }

  threadMade(thread: TrackedThread, maker: TrackedThread): void {
    const call = this.making.get(maker.key);
    if (call !== undefined) this.made.set(thread.key, call);
  }

  threadEnded({ key }: TrackedThread): void {
    this.made.delete(key);
  }

  /** The call that a thread comes out of when it runs for the first time. */
  take({ key }: TrackedThread): CallRecord | undefined {
    if (this.made.size === 0) return undefined;
    const call = this.made.get(key);
    if (call !== undefined) this.made.delete(key);
    return call;
  }
}
