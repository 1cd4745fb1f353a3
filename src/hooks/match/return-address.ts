/**
 * The matcher `return-address`: what Ether (Dinaburg et al., CCS 2008) and Qebek (2010) did. At a precall the return address
 * goes on a check list, in Qebek together with CR3 and EBP, which a function must leave as it found it. At the return address
 * the latest entry with that key fits.
 *
 * It knows no threads and never looks at ESP, so that it errs, as they did: a call that never returns stays on the list, and is
 * taken for the next one with its key; a first instruction that is begun again makes a second entry; two threads of one
 * process with the same EBP in the same function get each other's results. Nothing is ever taken off the list but by a
 * return: what is left at the end is `open`.
 */
import type { Frame, MatchedFunction, Matcher, MatcherHost, Moment } from './matcher.ts';
import { PlainFrame } from './plain-frame.ts';

/** The entries of one return address: by CR3, then by EBP, the latest last. */
type Entries<F extends MatchedFunction> = Map<number, Map<number, Frame<F>[]>>;

export class ReturnAddress<F extends MatchedFunction = MatchedFunction> implements Matcher<F> {
  readonly name = 'return-address';
  private readonly host: MatcherHost<F>;
  private readonly list = new Map<number, Entries<F>>();
  private calls = 0;

  constructor(host: MatcherHost<F>) {
    this.host = host;
  }

  enter(fn: F, moment: Moment): void {
    const { asid, ebp } = moment;
    const frame = new PlainFrame(++this.calls, fn, moment);
    const { returnAddress } = frame;
    const entries = this.list.get(returnAddress) ?? new Map<number, Map<number, Frame<F>[]>>();
    const byEbp = entries.get(asid) ?? new Map<number, Frame<F>[]>();
    const frames = byEbp.get(ebp) ?? [];
    this.list.set(returnAddress, entries);
    entries.set(asid, byEbp);
    byEbp.set(ebp, frames);
    frames.push(frame);
    this.host.watch(returnAddress);
    this.host.began(frame);
  }

  arrive(address: number, moment: Moment): void {
    const { asid, ebp } = moment;
    const entries = this.list.get(address);
    const byEbp = entries?.get(asid);
    const frames = byEbp?.get(ebp);
    if (entries === undefined || byEbp === undefined || frames === undefined) return;
    const frame = frames.pop()!;
    if (frames.length === 0) byEbp.delete(ebp);
    if (byEbp.size === 0) entries.delete(asid);
    if (entries.size === 0) this.list.delete(address);
    this.host.unwatch(address);
    this.host.ended(frame, 'returned', moment.eax, moment);
  }

  leftKernel(): void {}

  threadEnded(): void {}

  finish(_lives: (frame: Frame<F>) => boolean, moment: Moment): void {
    const left: Frame<F>[] = [];
    for (const entries of this.list.values())
      for (const byEbp of entries.values()) for (const frames of byEbp.values()) left.push(...frames);
    this.list.clear();
    for (const frame of left.sort((a, b) => b.call - a.call)) {
      this.host.unwatch(frame.returnAddress);
      this.host.ended(frame, 'open', 0, moment);
    }
  }
}
