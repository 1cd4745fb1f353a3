/** A call as it was when it began, without a place among others: for matchers that know of none. */
import type { Frame, MatchedFunction, Moment } from './matcher.ts';

export class PlainFrame<F extends MatchedFunction> implements Frame<F> {
  readonly call: number;
  readonly fn: F;
  readonly thread: number;
  readonly asid: number;
  readonly esp: number;
  readonly returnAddress: number;
  readonly entered: number;
  readonly parent: undefined;
  data: unknown = undefined;

  constructor(call: number, fn: F, moment: Moment) {
    this.call = call;
    this.fn = fn;
    this.thread = moment.thread;
    this.asid = moment.asid;
    this.esp = moment.esp;
    this.returnAddress = moment.word(moment.esp) ?? 0;
    this.entered = moment.instruction;
  }
}
