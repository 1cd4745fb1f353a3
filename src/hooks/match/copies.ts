/**
 * fork, vfork and clone: a call is entered once and returns in two threads. The maker's return is matched like any other. In
 * the copy the call was never entered; it is looked for among those that were open in the maker when the copy was made.
 *
 * Only a program's calls: a copy begins in the kernel with an empty stack.
 */
import { firstBelow } from './call-stack.ts';
import type { MatchedFunction, MatcherHost, Moment } from './matcher.ts';
import { MOST_POPPED, type OpenFrame } from './open-frame.ts';
import type { PastCalls } from './past-calls.ts';
import { cameByReturn } from './return-evidence.ts';
import type { ReturnSites } from './return-site.ts';
import type { ThreadCalls } from './thread-calls.ts';

/** Copies of copies that are followed back. */
const MOST_GENERATIONS = 16;
/** Ended threads of which the past calls are kept: a parent may be gone before its child runs. */
const MOST_GONE = 64;

interface Gone<F extends MatchedFunction> {
  readonly asid: number;
  readonly past: PastCalls<F> | undefined;
  readonly returned: ReadonlyMap<number, number> | undefined;
}

export class Copies<F extends MatchedFunction> {
  private readonly host: MatcherHost<F>;
  private readonly threads: ReadonlyMap<number, ThreadCalls<F>>;
  private readonly sites: ReturnSites;
  /** What was open in the maker of a thread when that was made, by the thread: where its making was seen. */
  private readonly inherited = new Map<number, readonly OpenFrame<F>[]>();
  /** The one that ended first comes first. */
  private readonly gone = new Map<number, Gone<F>>();

  constructor(host: MatcherHost<F>, threads: ReadonlyMap<number, ThreadCalls<F>>, sites: ReturnSites) {
    this.host = host;
    this.threads = threads;
    this.sites = sites;
  }

  /** A thread is being made by another: what that has open now, it may have, too. */
  made(id: number, maker: ThreadCalls<F> | undefined): void {
    const frames = maker === undefined ? [] : openInProgram(maker);
    if (frames.length === 0 || this.inherited.has(id)) return;
    for (const { site } of frames) this.sites.keep(site);
    this.inherited.set(id, frames);
  }

  /** The thread is over, and none of those that it may have made will ask for it. */
  forget(id: number): void {
    for (const { site } of this.inherited.get(id) ?? []) this.sites.drop(site);
    this.inherited.delete(id);
  }

  /** A watched address is reached in user mode by a thread in which nothing was entered that could return there. */
  arrive(thread: ThreadCalls<F>, address: number, moment: Moment): void {
    // Calls that have returned, in each generation, before the next one was made.
    const chain: { readonly returned: ReadonlyMap<number, number> | undefined; readonly until: number }[] = [
      { returned: thread.returned, until: Number.POSITIVE_INFINITY },
    ];
    let { id, asid } = thread;
    let shares = false;
    for (let generation = 0; generation < MOST_GENERATIONS; generation++) {
      const made = this.host.madeBy(id);
      if (made === undefined || made.thread === 0 || made.thread === id) {
        if (generation === 0) thread.copy = false;
        return;
      }
      const seen = this.inherited.get(id);
      id = made.thread;
      const alive = this.threads.get(id);
      // A maker of which nothing is known may itself be a copy.
      const maker: Gone<F> | undefined = alive ?? this.gone.get(id);
      if (maker !== undefined && maker.asid >= 0) {
        shares = maker.asid === asid;
        asid = maker.asid;
      }
      // In its maker's own address space it has a stack of its own, or its maker waits (vfork) and it has no more than that
      // one call. Or it only has the number of an address space that is no more: too doubtful to tell.
      const doubtful = shares && generation > 0;
      const inherited = (frame: OpenFrame<F>): boolean =>
        frame.user &&
        frame.entered < made.instruction &&
        frame.left >= made.instruction &&
        (!shares || doubtful || frame.left === Number.POSITIVE_INFINITY) &&
        chain.every(({ returned, until }) => !((returned?.get(frame.call) ?? until) < until));
      for (const frame of near(alive, maker?.past, seen, moment.esp)) {
        const returns = frame.fits(address, moment.esp) && cameByReturn(frame, moment);
        const calls = frame.esp === moment.esp - 4 && frame.site.calls.includes(address);
        if (!returns && !calls) continue;
        let first: OpenFrame<F> | undefined = frame;
        // The maker may have gone on by a jump since.
        while (first !== undefined && !inherited(first)) first = first.jumpedFrom;
        if (first === undefined) continue;
        this.over(thread, first, returns && !doubtful, moment);
        return;
      }
      if (doubtful) return;
      chain.push({ returned: maker?.returned, until: made.instruction });
    }
  }

  /** A call that the copy has inherited has returned in it; or the copy makes a call of its own in the same place. */
  private over(thread: ThreadCalls<F>, frame: OpenFrame<F>, returns: boolean, moment: Moment): void {
    thread.returned ??= new Map();
    const { returned } = thread;
    for (let each: OpenFrame<F> | undefined = frame; each !== undefined; each = each.jumpedFrom) {
      if (returned.has(each.call)) continue;
      returned.set(each.call, moment.instruction);
      if (returns) this.host.again(each, moment.eax, moment);
    }
  }

  /** A thread is over. */
  ended(thread: ThreadCalls<F>): void {
    const { asid, past, returned } = thread;
    if (past === undefined && returned === undefined) {
      this.forget(thread.id);
      return;
    }
    this.gone.set(thread.id, { asid, past, returned });
    if (this.gone.size <= MOST_GONE) return;
    const [first, { past: dropped }] = this.gone.entries().next().value!;
    dropped?.clear(this.sites);
    this.gone.delete(first);
    this.forget(first);
  }

  clear(): void {
    for (const { past } of this.gone.values()) past?.clear(this.sites);
    this.gone.clear();
    for (const id of [...this.inherited.keys()]) this.forget(id);
  }
}

/** All that a thread has open in user mode. */
function openInProgram<F extends MatchedFunction>({ users, elsewhere }: ThreadCalls<F>): OpenFrame<F>[] {
  return [...users, elsewhere].flatMap(({ open, suspects }) =>
    [...open, ...suspects].filter(({ user }) => user),
  );
}

/** Calls of a thread not far below ESP, the one that was entered last first. */
function near<F extends MatchedFunction>(
  alive: ThreadCalls<F> | undefined,
  past: PastCalls<F> | undefined,
  seen: readonly OpenFrame<F>[] | undefined,
  esp: number,
): OpenFrame<F>[] {
  const frames: OpenFrame<F>[] = [];
  const consider = (frame: OpenFrame<F>): void => {
    if (frame.esp < esp && esp - frame.esp <= MOST_POPPED + 4) frames.push(frame);
  };
  for (const frame of seen ?? []) consider(frame);
  for (const frame of past?.calls ?? []) if (frame !== undefined) consider(frame);
  for (const stack of alive === undefined ? [] : [...alive.users, alive.elsewhere]) {
    for (const list of [stack.open, stack.suspects])
      for (let i = firstBelow(list, esp); i < list.length && esp - list[i]!.esp <= MOST_POPPED + 4; i++)
        consider(list[i]!);
  }
  return frames.sort((a, b) => b.call - a.call);
}
