/**
 * The matcher `single-slot`: the demo of "Precall and Postcall" (Chengyu Song, 2009), kept to show what its author found wrong
 * with it. For each hooked function there is one variable with its return address (NtReadFilePost), and the arguments beside
 * it, which a precall sets and a postcall clears:
 *
 *     if (eip == NtReadFile) { …; NtReadFilePost = return address; }
 *     else if (eip == NtReadFilePost) { …; NtReadFilePost = 0; }
 *     else if (eip == NtWriteFile) …
 *
 * A precall overwrites what an earlier one has left, in whatever thread that was: the earlier call is lost, and is `open` at
 * the end. And as this is one chain of conditions, an address that is in the variables of several functions is the first one's
 * only; they come here in the order in which they were first entered.
 */
import type { Frame, MatchedFunction, Matcher, MatcherHost, Moment } from './matcher.ts';
import { PlainFrame } from './plain-frame.ts';

/** A function's variable; undefined is its 0. */
interface Slot<F extends MatchedFunction> {
  call: Frame<F> | undefined;
}

export class SingleSlot<F extends MatchedFunction = MatchedFunction> implements Matcher<F> {
  readonly name = 'single-slot';
  private readonly host: MatcherHost<F>;
  /** The chain, by the functions' addresses. */
  private readonly slots = new Map<number, Slot<F>>();
  private readonly lost: Frame<F>[] = [];
  private calls = 0;

  constructor(host: MatcherHost<F>) {
    this.host = host;
  }

  enter(fn: F, moment: Moment): void {
    const slot: Slot<F> = this.slots.get(fn.address) ?? { call: undefined };
    this.slots.set(fn.address, slot);
    if (slot.call !== undefined) {
      this.lost.push(slot.call);
      this.host.unwatch(slot.call.returnAddress);
    }
    const frame = new PlainFrame(++this.calls, fn, moment);
    slot.call = frame;
    this.host.watch(frame.returnAddress);
    this.host.began(frame);
  }

  arrive(address: number, moment: Moment): void {
    for (const slot of this.slots.values()) {
      const { call } = slot;
      if (call?.returnAddress !== address) continue;
      slot.call = undefined;
      this.host.unwatch(address);
      this.host.ended(call, 'returned', moment.eax, moment);
      return;
    }
  }

  leftKernel(): void {}

  threadEnded(): void {}

  finish(_lives: (frame: Frame<F>) => boolean, moment: Moment): void {
    const left = this.lost.splice(0);
    for (const slot of this.slots.values()) {
      if (slot.call === undefined) continue;
      this.host.unwatch(slot.call.returnAddress);
      left.push(slot.call);
      slot.call = undefined;
    }
    for (const frame of left.sort((a, b) => b.call - a.call)) this.host.ended(frame, 'open', 0, moment);
  }
}
