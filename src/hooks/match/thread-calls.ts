/** The stacks of one thread, and which of them it is on. */
import type { StackRange } from '../../guest/os.ts';
import { CallStack } from './call-stack.ts';
import type { MatchedFunction, Moment } from './matcher.ts';
import type { OpenFrame } from './open-frame.ts';
import type { PastCalls } from './past-calls.ts';

/** Words at the top of a kernel stack that are compared. */
const TOP_WORDS = 32;

export class ThreadCalls<F extends MatchedFunction = MatchedFunction> {
  readonly id: number;
  /** CR3 when it was last seen in user mode; -1 before. */
  asid = -1;
  /** The kernel stack that it has now. */
  kernel: CallStack<F> | undefined;
  /** Kernel stacks that it had before, with calls left on them. */
  readonly kernels: CallStack<F>[] = [];
  /** User stacks whose place the guest's system tells, those with open calls and the last one. */
  readonly users: CallStack<F>[] = [];
  /** All other user stacks. */
  readonly elsewhere = new CallStack<F>(0, 0);
  /** It may be a copy of another thread, with that one's calls on its stack. */
  copy = true;
  /** What a copy of it may return from though it is over. */
  past: PastCalls<F> | undefined;
  /** What of its maker's calls has returned in it, as a copy, and when: instruction counts by call number. */
  returned: Map<number, number> | undefined;
  /** Where {@link userToInspect} has come to. */
  private turn = 0;

  constructor(id: number) {
    this.id = id;
  }

  /** The user stack with this place on it. `make`: for a call that begins. */
  userStack(at: number, range: StackRange | undefined, make: boolean): CallStack<F> {
    const { users } = this;
    if (range !== undefined && at >= range.low && at < range.high) {
      for (let i = 0; i < users.length; i++) {
        const stack = users[i]!;
        if (stack.high !== range.high) continue;
        stack.low = range.low; // it grows
        return stack;
      }
      if (!make) return this.elsewhere;
      for (let i = users.length - 1; i >= 0; i--) if (users[i]!.isEmpty) users.splice(i, 1);
      const stack = new CallStack<F>(range.low, range.high);
      users.push(stack);
      return stack;
    }
    // The system may tell of another stack already, or still.
    for (let i = 0; i < users.length; i++) if (users[i]!.has(at) && !users[i]!.isEmpty) return users[i]!;
    return this.elsewhere;
  }

  /** A user stack by its name. */
  userLine(high: number): CallStack<F> | undefined {
    for (let i = 0; i < this.users.length; i++) if (this.users[i]!.high === high) return this.users[i];
    return undefined;
  }

  /** The stack of which {@link CallStack.has} a place, of those that it had before. */
  earlierKernelStack(at: number): CallStack<F> | undefined {
    for (let i = 0; i < this.kernels.length; i++) {
      const stack = this.kernels[i]!;
      if (!stack.isEmpty && stack.has(at)) return stack;
    }
    return undefined;
  }

  /**
   * The kernel stack is another one. NT copies what is on the old one to the top of the new one, inside a call
   * (PsConvertToGuiThread); open calls move with it, but for that which does the copying. Where the new stack only continues the
   * old one, nothing moves.
   * @returns calls that are over: those on a stack that the thread has come back from
   */
  exchangeKernelStack(range: StackRange, moment: Moment): CallStack<F> | undefined {
    const old = this.kernel!;
    const { kernels } = this;
    for (let i = kernels.length - 1; i >= 0; i--) if (kernels[i]!.isEmpty) kernels.splice(i, 1);
    const back = kernels.findIndex(({ high }) => high === range.high);
    if (back >= 0) {
      this.kernel = kernels.splice(back, 1)[0];
      return old;
    }
    const fresh = new CallStack<F>(range.low, range.high);
    this.kernel = fresh;
    const by = range.high - old.high;
    let moved = old.open.length;
    while (moved > 0 && !isCopied(old.open[moved - 1]!, by, moment)) moved--;
    // What is not there was copied before it lost its place, unless the thread is still on the old stack.
    const left = !old.has(moment.esp) && (moved > 0 || isTopCopied(old.high, range.high, moment));
    while (moved < old.open.length && (left || old.open[moved]!.isOverwritten(moment))) moved++;
    for (const frame of old.open.splice(0, moved)) fresh.open.push(frame);
    const limit = moved > 0 ? fresh.open[moved - 1]!.esp : Number.POSITIVE_INFINITY;
    while (old.suspects.length > 0 && old.suspects[0]!.esp >= limit)
      fresh.suspects.push(old.suspects.shift()!);
    for (const frame of fresh.open) moveBy(frame, by);
    for (const frame of fresh.suspects) moveBy(frame, by);
    if (!old.isEmpty) kernels.push(old);
    return undefined;
  }

  /**
   * A user stack on which something may have lost its place unseen: with suspects, or that it is not on now. Each in its
   * turn; undefined if it is the turn of one that need not be looked at.
   */
  userToInspect(current: CallStack<F>): CallStack<F> | undefined {
    const { users } = this;
    const turn = users.length === 0 ? 0 : this.turn++ % (users.length + 1);
    const stack = turn < users.length ? users[turn]! : this.elsewhere;
    if (stack.suspects.length > 0) return stack;
    // In the kernel it is on the one that it came from.
    const elsewhere = stack !== this.elsewhere && stack !== current && users.length > 1;
    return elsewhere && stack.open.length > 0 ? stack : undefined;
  }

  /** All stacks that are its own. */
  stacks(): CallStack<F>[] {
    const all = [...this.kernels, ...this.users, this.elsewhere];
    if (this.kernel !== undefined) all.push(this.kernel);
    return all;
  }
}

function isCopied(frame: OpenFrame, by: number, moment: Moment): boolean {
  return moment.word((frame.esp + by) >>> 0) === frame.returnAddress;
}

/** Whether the outermost words of one stack are at the top of the other: what the way into the kernel has left there. */
function isTopCopied(from: number, to: number, moment: Moment): boolean {
  let same = 0;
  let different = 0;
  for (let below = 4; below <= 4 * TOP_WORDS; below += 4) {
    const word = moment.word(from - below);
    if (word !== moment.word(to - below)) different++;
    else if (word !== undefined && word !== 0) same++;
  }
  return same > different;
}

function moveBy(frame: OpenFrame, by: number): void {
  for (let each: OpenFrame | undefined = frame; each !== undefined; each = each.jumpedFrom) each.esp += by;
}
