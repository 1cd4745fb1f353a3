/** How the open calls of the matcher `thread-stack` end, and what has to be watched as long as they are open. */
import type { CallStack } from './call-stack.ts';
import { takeOut } from './call-stack.ts';
import type { MatchedFunction, MatcherHost, Moment, Outcome } from './matcher.ts';
import type { OpenFrame } from './open-frame.ts';
import { PastCalls } from './past-calls.ts';
import type { ReturnSites } from './return-site.ts';
import type { ThreadCalls } from './thread-calls.ts';

/** Of a stack that is not known. The deepest ones beyond are taken for over. */
const MOST_SUSPECTS = 4096;

export class Endings<F extends MatchedFunction> {
  private readonly host: MatcherHost<F>;
  private readonly sites: ReturnSites;
  private readonly threads: ReadonlyMap<number, ThreadCalls<F>>;
  /** Open calls of functions that never return, and open calls in the kernel. */
  private openNever = 0;
  private openKernel = 0;
  private programs = false;
  private exitsWatched = false;

  constructor(host: MatcherHost<F>, sites: ReturnSites, threads: ReadonlyMap<number, ThreadCalls<F>>) {
    this.host = host;
    this.sites = sites;
    this.threads = threads;
  }

  began(frame: OpenFrame<F>): void {
    if (frame.fn.neverReturns) this.openNever++;
    if (frame.user) this.programs = true;
    else this.openKernel++;
    this.watchExits();
    this.host.began(frame);
  }

  /** Calls below ESP are over, innermost first; or suspects. */
  passOver(stack: CallStack<F>, esp: number, moment: Moment): void {
    const { open, suspects } = stack;
    if (!stack.known) {
      while (open.length > 0 && open[open.length - 1]!.esp < esp) stack.suspect(open.length - 1, false);
      while (suspects.length > MOST_SUSPECTS) this.passed(suspects.pop()!, moment);
      return;
    }
    for (;;) {
      const frame = open[open.length - 1];
      const suspect = suspects[suspects.length - 1];
      if (suspect !== undefined && suspect.esp < esp && (frame === undefined || suspect.esp < frame.esp))
        this.passed(suspects.pop()!, moment);
      else if (frame !== undefined && frame.esp < esp) this.passed(open.pop()!, moment);
      else return;
    }
  }

  /** All calls of a thread on a stack are over. */
  passAll(stack: CallStack<F>, thread: number, moment: Moment): void {
    if (stack.isEmpty) return;
    for (const frame of inReverse(take(stack, thread))) this.passedAlone(frame, moment);
  }

  /** An entry that is off its stack has returned, with all that it was reached from by a jump. */
  returned(frame: OpenFrame<F>, moment: Moment): void {
    for (let each: OpenFrame<F> | undefined = frame; each !== undefined; each = each.jumpedFrom)
      this.end(each, 'returned', moment.eax, moment);
  }

  /** … was passed over. */
  passed(frame: OpenFrame<F>, moment: Moment): void {
    for (let each: OpenFrame<F> | undefined = frame; each !== undefined; each = each.jumpedFrom)
      this.passedAlone(each, moment);
  }

  passedAlone(frame: OpenFrame<F>, moment: Moment): void {
    this.end(frame, frame.fn.neverReturns ? 'noreturn' : 'unwound', 0, moment);
  }

  end(frame: OpenFrame<F>, outcome: Outcome, result: number, moment: Moment): void {
    frame.left = moment.instruction;
    if (frame.user && frame.thread > 0) this.keep(frame);
    this.sites.release(frame.site);
    if (frame.fn.neverReturns) this.openNever--;
    if (!frame.user) this.openKernel--;
    this.watchExits();
    this.host.ended(frame, outcome, result, moment);
  }

  private keep(frame: OpenFrame<F>): void {
    const thread = this.threads.get(frame.thread);
    if (thread === undefined) return;
    thread.past ??= new PastCalls<F>();
    thread.past.add(frame, this.sites);
  }

  /**
   * The way back to the program ends calls that never return. While a program's calls are hooked, those of the kernel that an
   * exception has ended are to be known of, too, before the program goes on: they would be taken for parents.
   */
  private watchExits(): void {
    const wanted = this.openNever > 0 || (this.programs && this.openKernel > 0);
    if (wanted === this.exitsWatched) return;
    this.exitsWatched = wanted;
    this.host.watchKernelExits(wanted);
  }
}

/** Takes the calls of a thread (of all, if 0 or less) off a stack, those that share their place one by one. */
export function take<F extends MatchedFunction>(stack: CallStack<F>, thread: number): OpenFrame<F>[] {
  const taken: OpenFrame<F>[] = [];
  for (const list of [stack.open, stack.suspects])
    for (let i = list.length - 1; i >= 0; i--) {
      if (thread > 0 && list[i]!.thread !== thread) continue;
      const frame = takeOut(list, i);
      for (let each: OpenFrame<F> | undefined = frame; each !== undefined; each = each.jumpedFrom) {
        each.suspect = frame.suspect;
        each.lost = frame.lost;
        taken.push(each);
      }
    }
  return taken;
}

/** Sorts calls: the last to be entered first. */
export function inReverse<F extends MatchedFunction>(frames: OpenFrame<F>[]): OpenFrame<F>[] {
  return frames.sort((a, b) => b.call - a.call);
}
