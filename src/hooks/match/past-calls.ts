/**
 * Calls of programs that are over, kept for a while because a copy of their thread may still return from them: fork has
 * mostly returned to the parent before the child runs at all. That a copy has been made is known only when it shows up.
 */
import type { MatchedFunction } from './matcher.ts';
import type { OpenFrame } from './open-frame.ts';
import type { ReturnSites } from './return-site.ts';

/** Places are told apart by so many groups, and of each group so many calls are kept: a loop does not push out all others. */
const GROUPS = 16;
const MOST = 8;

/** Of one thread. */
export class PastCalls<F extends MatchedFunction = MatchedFunction> {
  /** In groups of `MOST`, each used in turn. */
  readonly calls: (OpenFrame<F> | undefined)[] = new Array(GROUPS * MOST).fill(undefined);
  private readonly next = new Uint8Array(GROUPS);

  add(frame: OpenFrame<F>, sites: ReturnSites): void {
    const { calls, next } = this;
    // A place on the stack, and a place in the code: of neither are the lowest bits different.
    const group = ((frame.esp >>> 2) ^ (frame.esp >>> 6) ^ (frame.returnAddress >>> 3)) % GROUPS;
    const at = group * MOST + next[group]!;
    next[group] = (next[group]! + 1) % MOST;
    const dropped = calls[at];
    calls[at] = frame;
    sites.keep(frame.site);
    if (dropped !== undefined) sites.drop(dropped.site);
  }

  clear(sites: ReturnSites): void {
    for (const frame of this.calls) if (frame !== undefined) sites.drop(frame.site);
    this.calls.fill(undefined);
  }
}
