/**
 * The matcher `thread-stack`: a shadow stack for each stack of each thread.
 *
 * What it goes by, on a stack whose place is known: a call whose return address lies below ESP is over. It has returned if
 * its return address is reached with the ESP that it leaves behind; otherwise it was passed over, by an exception, a longjmp
 * or by design. So any event in a thread shows what is over. To have enough of them, the CALL instructions are watched from
 * which the open calls came: without that, a call left by a longjmp and then made again from the same place, with the same
 * ESP, could not be told from a jump back to its first instruction.
 *
 * Where nobody tells which stack a program is on (coroutines, `sigaltstack`), an open call below ESP may be on another one.
 * It becomes a _suspect_: over if its place is overwritten or used again, and returned if it is seen to return. Of calls on
 * such stacks the parent is not certain.
 *
 * What it does not find out: a function that takes its return address off the stack and puts it elsewhere (`_chkstk`,
 * `_SEH_prolog`) is not seen to return. With the thread unknown (0), a program's stacks are those of its address space, told
 * apart as suspects only, and the kernel's are regions of 8 KiB.
 */
import { CallStack, firstBelow, indexAt, takeOut } from './call-stack.ts';
import { Copies } from './copies.ts';
import { Endings, inReverse, take } from './endings.ts';
import type { Frame, MatchedFunction, Matcher, MatcherHost, Moment } from './matcher.ts';
import { MOST_POPPED, OpenFrame } from './open-frame.ts';
import { lineOf, parentOf } from './parents.ts';
import { cameByReturn } from './return-evidence.ts';
import { ReturnSites } from './return-site.ts';
import { ThreadCalls } from './thread-calls.ts';

const USER = 3;
/** Kernel stacks that nobody tells of (an interrupt's) are told apart by the address without so many bits: 8 KiB. */
const REGION_BITS = 13;
/** Stands for all threads that are not known, in the kernel. Those of a program have -1 - CR3. */
const UNKNOWN_IN_KERNEL = -(2 ** 33);
/** Bytes above a call's place in which ESP can be where its caller is landed in. */
const LANDING_REACH = 512;

export class ThreadStack<F extends MatchedFunction = MatchedFunction> implements Matcher<F> {
  readonly name = 'thread-stack';
  private readonly sites: ReturnSites;
  private readonly endings: Endings<F>;
  private readonly copies: Copies<F>;
  private readonly threads = new Map<number, ThreadCalls<F>>();
  /** Kernel stacks that are no thread's own, by the number of their region: whoever is current, they are the same. */
  private readonly regions = new Map<number, CallStack<F>>();
  /** The thread of the last event. */
  private last: ThreadCalls<F> | undefined;
  private calls = 0;

  constructor(host: MatcherHost<F>) {
    this.sites = new ReturnSites(host);
    this.endings = new Endings(host, this.sites, this.threads);
    this.copies = new Copies(host, this.threads, this.sites);
  }

  enter(fn: F, moment: Moment): void {
    const { esp, cpl } = moment;
    const thread = this.threadOf(moment, true)!;
    if (cpl === USER) this.inUserMode(thread, moment);
    else if (thread.users.length > 0) this.cameFromProgram(thread, moment);
    const stack = this.stackAt(thread, esp, moment, true)!;
    const { open } = stack;
    this.endings.passOver(stack, esp, moment);
    const returnAddress = moment.word(esp) ?? 0;
    const shared = this.atSamePlace(stack, returnAddress, moment);
    if (shared?.includes(fn)) return; // a restarted instruction, or a jump back
    if (cpl === USER && stack.known)
      while (thread.elsewhere.open.length > 0)
        thread.elsewhere.suspect(thread.elsewhere.open.length - 1, false);
    this.inspect(thread, stack, moment);
    const line = lineOf(thread, stack, moment);
    const parent = shared ?? parentOf(thread, stack, line, moment);
    const site = this.sites.take(returnAddress, moment);
    const frame = new OpenFrame(++this.calls, fn, moment, site, parent, shared, line);
    if (shared === undefined) open.push(frame);
    else open[open.length - 1] = frame;
    this.endings.began(frame);
  }

  /** What the program had open below the stack pointer that it has entered the kernel with is over. */
  private cameFromProgram(thread: ThreadCalls<F>, moment: Moment): void {
    const { userEsp } = moment;
    if (userEsp === undefined || thread.asid !== moment.asid) return;
    const stack = thread.userStack(userEsp, moment.userStack, false);
    if (stack?.known) this.endings.passOver(stack, userEsp, moment);
  }

  /**
   * The call that is open at the same place with the same return address, where a function is entered now: it is reached by a
   * jump from that call, or is that call. One with another return address is over.
   */
  private atSamePlace(stack: CallStack<F>, returnAddress: number, moment: Moment): OpenFrame<F> | undefined {
    const { open, suspects } = stack;
    const top = open[open.length - 1];
    if (top !== undefined && top.esp === moment.esp) {
      if (top.returnAddress === returnAddress) return top;
      this.endings.passed(takeOut(open, open.length - 1), moment);
    }
    const at = suspects.length === 0 ? -1 : indexAt(suspects, moment.esp);
    if (at < 0) return undefined;
    const suspect = suspects[at]!;
    // If it had been called again, this would have been seen, provided that it can be.
    if (suspect.returnAddress === returnAddress && suspect.site.calls.length > 0) return stack.revive(at);
    this.endings.passed(takeOut(suspects, at), moment);
    return undefined;
  }

  /** Looks at one suspect, or at one open call of another user stack, a different one each time: has it lost its place? */
  private inspect(thread: ThreadCalls<F>, current: CallStack<F>, moment: Moment): void {
    const stack = thread.userToInspect(current);
    if (stack === undefined) return;
    const { open, suspects } = stack;
    const suspected = suspects.length > 0;
    const list = suspected ? suspects : open;
    const at = this.calls % list.length;
    const frame = list[at]!;
    if (moment.asid !== frame.asid || !frame.isOverwritten(moment)) return;
    if (!suspected) stack.suspectFrom(at);
    else if (moment.word(frame.esp) === undefined)
      frame.lost = true; // the page may come back
    else {
      // Those that were made from within it are over, too.
      const last = stack.known ? suspects.length - 1 : at;
      for (let i = last; i >= at; i--) this.endings.passed(takeOut(suspects, i), moment);
    }
  }

  arrive(address: number, moment: Moment): void {
    const user = moment.cpl === USER;
    // A thread in which nothing was entered matters only if it may be a copy.
    const thread = this.threadOf(moment, user);
    if (thread !== undefined) {
      if (user) this.inUserMode(thread, moment);
      const stack = this.stackAt(thread, moment.esp - 4, moment, false);
      if (stack !== undefined && !stack.isEmpty && this.arriveOn(stack, address, moment)) return;
      if (user) {
        // The system may have told of this stack only after the call had begun.
        const { elsewhere } = thread;
        if (stack !== elsewhere && !elsewhere.isEmpty && this.arriveOn(elsewhere, address, moment)) return;
        if (thread.copy && thread.id > 0) this.copies.arrive(thread, address, moment);
        return;
      }
    }
    if (this.regions.size > 0 && !user) {
      const place = moment.esp - 4;
      if (this.arriveInRegion(place >>> REGION_BITS, address, moment)) return;
      // What was popped may reach from one region into the next.
      const before = (place - MOST_POPPED) >>> REGION_BITS;
      if (before !== place >>> REGION_BITS) this.arriveInRegion(before, address, moment);
    }
  }

  private arriveInRegion(number: number, address: number, moment: Moment): boolean {
    const region = this.regions.get(number);
    if (region === undefined) return false;
    const returned = this.arriveOn(region, address, moment);
    if (region.isEmpty) this.regions.delete(number);
    return returned;
  }

  /** @returns whether a call has returned */
  private arriveOn(stack: CallStack<F>, address: number, moment: Moment): boolean {
    const { open, suspects } = stack;
    const { esp } = moment;
    const at = firstBelow(open, esp);
    if (at < open.length && open[at]!.fits(address, esp) && cameByReturn(open[at]!, moment)) {
      if (at < open.length - 1) this.endings.passOver(stack, open[at]!.esp, moment);
      this.endings.returned(takeOut(open, at), moment);
      this.endings.passOver(stack, esp, moment);
      return true;
    }
    for (let i = firstBelow(suspects, esp); i < suspects.length; i++) {
      const suspect = suspects[i]!;
      if (esp - suspect.esp > MOST_POPPED + 4) break;
      if (!suspect.fits(address, esp) || !cameByReturn(suspect, moment)) continue;
      if (stack.known) this.endings.passOver(stack, suspect.esp, moment);
      this.endings.returned(takeOut(suspects, i), moment);
      this.endings.passOver(stack, esp, moment);
      return true;
    }
    if (!stack.known) this.endLeft(stack, address, moment);
    this.endings.passOver(stack, esp, moment);
    this.endBuried(stack, address, moment);
    return false;
  }

  /**
   * Ends calls whose return address lies among the arguments of a call that is made now from the same place: a dispatcher
   * calls with more of them than it did before.
   */
  private endBuried(stack: CallStack<F>, address: number, moment: Moment): void {
    for (const list of [stack.suspects, stack.open])
      for (let i = firstBelow(list, moment.esp) - 1; i >= 0; i--) {
        const frame = list[i]!;
        if (frame.esp - moment.esp > MOST_POPPED) break;
        if (frame.site.calls.includes(address) && frame.isOverwritten(moment))
          this.endings.passed(takeOut(list, i), moment);
      }
  }

  /** Ends calls on a stack that is not known, if `address` is where their caller has got control back. */
  private endLeft(stack: CallStack<F>, address: number, moment: Moment): void {
    for (const list of [stack.open, stack.suspects])
      for (let i = firstBelow(list, moment.esp); i < list.length; i++) {
        const { esp, site } = list[i]!;
        const above = moment.esp - esp;
        if (above > LANDING_REACH) break;
        if ((above === 4 && site.calls.includes(address)) || site.landings.includes(address))
          this.endings.passed(takeOut(list, i--), moment);
      }
  }

  leftKernel(esp0: number, moment: Moment): void {
    const thread = moment.thread === 0 ? undefined : this.threadOf(moment, false);
    if (thread === undefined) return;
    const range = moment.kernelStack;
    if (range === undefined) {
      const region = this.regions.get((esp0 - 4) >>> REGION_BITS);
      if (region !== undefined) this.endings.passOver(region, esp0, moment);
    } else {
      const top = esp0 > range.low && esp0 <= range.high ? esp0 : range.high;
      if (thread.kernel !== undefined)
        this.endings.passOver(this.kernelStack(thread, range, moment), top, moment);
      for (const [number, region] of this.regions) {
        this.endings.passAll(region, thread.id, moment);
        if (region.isEmpty) this.regions.delete(number);
      }
    }
    this.inUserMode(thread, moment);
  }

  threadMade(id: number, maker: number): void {
    this.copies.made(id, this.threads.get(maker));
  }

  threadEnded(id: number, endsCaller: (frame: Frame<F>) => boolean, moment: Moment): void {
    const thread = this.threads.get(id);
    const now = moment.thread === id;
    if (thread !== undefined && now) {
      const stack = this.stackAt(thread, moment.esp, moment, false);
      if (stack !== undefined) this.endings.passOver(stack, moment.esp, moment);
    }
    const frames = (thread?.stacks() ?? []).flatMap((stack) => take(stack, id));
    for (const [number, region] of this.regions) {
      frames.push(...take(region, id));
      if (region.isEmpty) this.regions.delete(number);
    }
    let innermost = true;
    for (const frame of inReverse(frames)) {
      // Some time later its stack may be another's.
      if (now ? frame.isOverwritten(moment) : frame.lost) this.endings.passedAlone(frame, moment);
      else if (innermost && !frame.suspect) {
        innermost = false;
        const itself = frame.fn.neverReturns && endsCaller(frame);
        this.endings.end(frame, itself ? 'noreturn' : 'killed', 0, moment);
      } else this.endings.end(frame, 'killed', 0, moment);
    }
    if (thread === undefined) {
      this.copies.forget(id);
      return;
    }
    this.threads.delete(id);
    if (this.last === thread) this.last = undefined;
    this.copies.ended(thread);
  }

  finish(lives: (frame: Frame<F>) => boolean, moment: Moment): void {
    const stacks = [...this.threads.values()].flatMap((thread) => thread.stacks());
    const frames = [...stacks, ...this.regions.values()].flatMap((stack) => take(stack, 0));
    for (const frame of inReverse(frames)) {
      if (!lives(frame) || (frame.suspect && frame.isOverwritten(moment)))
        this.endings.passedAlone(frame, moment);
      else this.endings.end(frame, 'open', 0, moment);
    }
    for (const { past } of this.threads.values()) past?.clear(this.sites);
    this.copies.clear();
    this.threads.clear();
    this.regions.clear();
    this.last = undefined;
  }

  private threadOf(moment: Moment, make: boolean): ThreadCalls<F> | undefined {
    let id = moment.thread;
    if (id === 0) id = moment.cpl === USER ? -1 - moment.asid : UNKNOWN_IN_KERNEL;
    if (this.last?.id === id) return this.last;
    let thread = this.threads.get(id);
    if (thread === undefined) {
      if (!make) return undefined;
      thread = new ThreadCalls<F>(id);
      this.threads.set(id, thread);
    }
    this.last = thread;
    return thread;
  }

  /** What the thread had open in user mode in another address space went with that (execve). */
  private inUserMode(thread: ThreadCalls<F>, moment: Moment): void {
    if (thread.asid === moment.asid) return;
    if (thread.asid !== -1) {
      thread.copy = false;
      for (const stack of [...thread.users, thread.elsewhere]) this.endings.passAll(stack, 0, moment);
    }
    thread.asid = moment.asid;
  }

  /** The stack with a place on it. `make`: for a call that begins; there is one then. */
  private stackAt(
    thread: ThreadCalls<F>,
    place: number,
    moment: Moment,
    make: boolean,
  ): CallStack<F> | undefined {
    if (moment.cpl === USER) return thread.userStack(place, moment.userStack, make);
    const range = thread.id > 0 ? moment.kernelStack : undefined;
    if (range !== undefined) {
      const within = place >= range.low && place < range.high;
      if (within && make) thread.kernel ??= new CallStack<F>(range.low, range.high);
      if (thread.kernel !== undefined) {
        const kernel = this.kernelStack(thread, range, moment);
        const stack = within ? kernel : thread.earlierKernelStack(place);
        if (stack !== undefined) return stack;
      }
    }
    if (!make) return undefined;
    const number = place >>> REGION_BITS;
    let region = this.regions.get(number);
    if (region === undefined) {
      region = new CallStack<F>(number * 2 ** REGION_BITS, (number + 1) * 2 ** REGION_BITS);
      this.regions.set(number, region);
    }
    return region;
  }

  private kernelStack(
    thread: ThreadCalls<F>,
    range: { readonly low: number; readonly high: number },
    moment: Moment,
  ): CallStack<F> {
    if (thread.kernel!.high !== range.high) {
      const over = thread.exchangeKernelStack(range, moment);
      if (over !== undefined) this.endings.passAll(over, 0, moment);
    }
    thread.kernel!.low = range.low;
    return thread.kernel!;
  }
}
