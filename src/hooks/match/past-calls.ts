/**
 * Calls of programs that are over, kept for a while because a copy of their thread may still return from them: fork has
 * mostly returned to the parent before the child runs at all. That a copy has been made is known only when it shows up.
 */
import type { MatchedFunction } from './matcher.ts';
import type { OpenFrame } from './open-frame.ts';
import type { ReturnSites } from './return-site.ts';

/** Calls kept of one thread. */
const MOST = 64;
/** … of them with the same place on the stack and the same return address: a loop does not push all others out. */
const MOST_ALIKE = 8;

/** Of one thread, the one that ended last at the end. */
export class PastCalls<F extends MatchedFunction = MatchedFunction> {
  readonly calls: OpenFrame<F>[] = [];

  add(frame: OpenFrame<F>, sites: ReturnSites): void {
    const { calls } = this;
    let alike = 0;
    let drop = calls.length < MOST ? -1 : 0;
    for (let i = calls.length - 1; i >= 0; i--) {
      const other = calls[i]!;
      if (other.esp !== frame.esp || other.returnAddress !== frame.returnAddress) continue;
      if (++alike < MOST_ALIKE) continue;
      drop = i;
      break;
    }
    sites.keep(frame.site);
    if (drop < 0) {
      calls.push(frame);
      return;
    }
    sites.drop(calls[drop]!.site);
    calls.copyWithin(drop, drop + 1);
    calls[calls.length - 1] = frame;
  }

  clear(sites: ReturnSites): void {
    for (const { site } of this.calls) sites.drop(site);
    this.calls.length = 0;
  }
}
