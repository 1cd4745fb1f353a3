/**
 * What a matcher is: it is told when a hooked function is entered, when a return address is reached and what happens to
 * threads, and says which call ended how. It knows no emulator and no operating system, so that it can be tested with
 * invented histories.
 */
import type { StackRange } from '../../guest/os.ts';

/** How a call ended. `open` is what is left when the trace ends. */
export type Outcome = 'returned' | 'unwound' | 'noreturn' | 'killed' | 'open';

/** A hooked function, as far as a matcher needs to know it. */
export interface MatchedFunction {
  readonly address: number;
  /** Words that the function itself pops (stdcall); 0 if the caller does, undefined if nobody knows. */
  readonly pops: number | undefined;
  /** Does not return to its caller when it succeeds. */
  readonly neverReturns: boolean;
}

/**
 * The guest at the moment of an event. One object, filled anew for each event: keep numbers, not the object.
 * Addresses are guest virtual and unsigned.
 */
export interface Moment {
  /** Guest instruction count. */
  readonly instruction: number;
  /** The current thread: a number that names one incarnation of a thread and is never used again; 0 if unknown. */
  readonly thread: number;
  /** CR3. */
  readonly asid: number;
  /** Privilege level: 0 kernel, 3 program. */
  readonly cpl: number;
  readonly esp: number;
  readonly ebp: number;
  readonly eax: number;
  /** The current thread's kernel stack, if known. */
  readonly kernelStack: StackRange | undefined;
  /** The user stack that it is on, if the guest's system says so. */
  readonly userStack: StackRange | undefined;
  /** In the kernel: the program's stack pointer when it entered it, if the guest's system keeps that. */
  readonly userEsp?: number | undefined;
  /** The 32-bit word at an address of the current address space. */
  word(address: number): number | undefined;
}

/** An open call. */
export interface Frame<F extends MatchedFunction = MatchedFunction> {
  /** Counts from 1, in the order of the entries. */
  readonly call: number;
  readonly fn: F;
  readonly thread: number;
  readonly asid: number;
  /** ESP at the entry: the address of the return address. */
  readonly esp: number;
  readonly returnAddress: number;
  /** The instruction count at the entry. */
  readonly entered: number;
  /** The innermost call that was open in the same thread, on the same stack or below (a program's under a kernel's). */
  readonly parent: Frame<F> | undefined;
  /** Whatever the owner of the matcher keeps with it. */
  data: unknown;
}

/** What a matcher asks for and tells. */
export interface MatcherHost<F extends MatchedFunction = MatchedFunction> {
  /**
   * From now on {@link Matcher.arrive} is wanted for this address. Counted: as many `unwatch` as `watch` end it, and
   * events without need may still come after that.
   */
  watch(address: number): void;
  unwatch(address: number): void;
  /** Whether {@link Matcher.leftKernel} is wanted; false at the start. */
  watchKernelExits(on: boolean): void;
  /** A call began. Called from within `enter`. */
  began(frame: Frame<F>): void;
  /**
   * A call ended, `result` being EAX if it has returned (0 otherwise). `moment` is the event that showed it. Called once for
   * each call that has begun.
   */
  ended(frame: Frame<F>, outcome: Outcome, result: number, moment: Moment): void;
  /**
   * A call returned once more, in a thread that is a copy of the caller (fork, vfork, clone). The call itself may be open
   * still, or have ended.
   */
  again(frame: Frame<F>, result: number, moment: Moment): void;
  /** The thread that made a thread, 0 if unknown; and when, as an instruction count. */
  madeBy(thread: number): { readonly thread: number; readonly instruction: number } | undefined;
}

export interface Matcher<F extends MatchedFunction = MatchedFunction> {
  /** `thread-stack`, `return-address` or `single-slot`. */
  readonly name: string;
  /** The first instruction of a hooked function is about to be executed. It may be so again, for one call. */
  enter(fn: F, moment: Moment): void;
  /** A watched address is about to be executed: a return address, or the call instruction before one. */
  arrive(address: number, moment: Moment): void;
  /** The current thread has gone from the kernel to its program; `esp0` is where its next entry into the kernel begins. */
  leftKernel(esp0: number, moment: Moment): void;
  /** A thread is being made by another: what {@link MatcherHost.madeBy} will say of it. Told where it is seen. */
  threadMade?(thread: number, maker: number): void;
  /**
   * A thread has ended, now or some time ago. `ender`: its innermost open call was a call that ended its own thread, and is
   * `noreturn`.
   */
  threadEnded(thread: number, endsCaller: (frame: Frame<F>) => boolean, moment: Moment): void;
  /**
   * The trace is over. `lives` says whether a frame of a thread can still be on its stack: false if the thread's stack
   * pointer has passed it.
   */
  finish(lives: (frame: Frame<F>) => boolean, moment: Moment): void;
}
