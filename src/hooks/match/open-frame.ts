/** An open call of the matcher `thread-stack`. */
import type { Frame, MatchedFunction, Moment } from './matcher.ts';
import type { ReturnSite } from './return-site.ts';

/** Bytes of arguments that a function may pop of which nobody knows how many it does; none pops more. */
export const MOST_POPPED = 256;

export class OpenFrame<F extends MatchedFunction = MatchedFunction> implements Frame<F> {
  readonly call: number;
  readonly fn: F;
  readonly thread: number;
  readonly asid: number;
  /** The address of the return address. It moves with the stack when that is exchanged for another inside the call. */
  esp: number;
  readonly returnAddress: number;
  readonly entered: number;
  readonly parent: OpenFrame<F> | undefined;
  data: unknown = undefined;

  readonly site: ReturnSite;
  /** Entered in user mode. */
  readonly user: boolean;
  /** The high end of the user stack that its thread was on, also for a call in the kernel; 0 if nobody knows. */
  readonly line: number;
  /** The call that this one was reached from by a jump: they share the return address, and return together. */
  readonly jumpedFrom: OpenFrame<F> | undefined;
  /** ESP behind the return is at most so far above the return address. */
  private readonly room: number;
  /** It seems to have been passed over, but that is not certain. */
  suspect = false;
  /** It is so because its return address was not in its place. */
  lost = false;
  /** Instruction count at its end. */
  left = Number.POSITIVE_INFINITY;

  constructor(
    call: number,
    fn: F,
    moment: Moment,
    site: ReturnSite,
    parent: OpenFrame<F> | undefined,
    jumpedFrom: OpenFrame<F> | undefined,
    line: number,
  ) {
    this.call = call;
    this.fn = fn;
    this.thread = moment.thread;
    this.asid = moment.asid;
    this.esp = moment.esp;
    this.returnAddress = site.address;
    this.entered = moment.instruction;
    this.parent = parent;
    this.site = site;
    this.user = moment.cpl === 3;
    this.line = line;
    this.jumpedFrom = jumpedFrom;
    const room = fn.pops === undefined ? MOST_POPPED : 4 * fn.pops;
    this.room = jumpedFrom !== undefined && jumpedFrom.room > room ? jumpedFrom.room : room;
  }

  /**
   * Whether it can be what returns to `address` with this ESP behind the return. It may pop fewer words than it is known
   * to: functions are called by other conventions than their published ones.
   */
  fits(address: number, esp: number): boolean {
    const above = esp - this.esp - 4;
    return address === this.returnAddress && above >= 0 && above <= this.room;
  }

  /**
   * Whether its return address is not at its place on the stack any more: another word is, or no page. As it was when it was
   * last looked at where another address space is in use.
   */
  isOverwritten(moment: Moment): boolean {
    if (this.user && moment.asid !== this.asid) return this.lost;
    return moment.word(this.esp) !== this.returnAddress;
  }

  /** This call, or the one that it came from by a jump, and so on, is of the function. */
  includes(fn: MatchedFunction): boolean {
    let frame: OpenFrame<F> | undefined = this;
    for (; frame !== undefined; frame = frame.jumpedFrom) if (frame.fn.address === fn.address) return true;
    return false;
  }
}
