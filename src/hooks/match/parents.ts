/** Which open call one is made from. */
import type { CallStack } from './call-stack.ts';
import type { MatchedFunction, Moment } from './matcher.ts';
import type { OpenFrame } from './open-frame.ts';
import type { ThreadCalls } from './thread-calls.ts';

const USER = 3;
/** Calls of a stack that are looked at, the innermost ones. */
const MOST_CHECKED = 64;

/**
 * The user stack that a thread is on, by its high end; 0 if nobody knows. In the kernel it is the one that the thread has
 * come from: several of them (fibers) use one kernel stack.
 */
export function lineOf<F extends MatchedFunction>(
  thread: ThreadCalls<F>,
  stack: CallStack<F>,
  moment: Moment,
): number {
  if (moment.cpl === USER && stack.known) return stack.high;
  const open = thread.kernel?.open;
  const outer = moment.cpl === USER || open === undefined ? undefined : open[open.length - 1];
  // While the kernel is attached to another address space, what it finds there is not this thread's.
  if (outer !== undefined && outer.asid !== moment.asid) return outer.line;
  return moment.userStack?.high ?? outer?.line ?? 0;
}

/**
 * The innermost open call of a thread for one that begins on `stack`: there, or on the user stack below the kernel's. And the
 * other way round, where the kernel has called the program (callbacks, APCs): of both, the one that was entered later.
 */
export function parentOf<F extends MatchedFunction>(
  thread: ThreadCalls<F>,
  stack: CallStack<F>,
  line: number,
  moment: Moment,
): OpenFrame<F> | undefined {
  const { kernel, elsewhere } = thread;
  let parent = stack === kernel ? undefined : innermost(stack, undefined, thread, moment);
  if (kernel !== undefined) parent = later(parent, innermost(kernel, line, thread, moment));
  if (moment.cpl === USER && stack.known) return parent;
  const user = line === 0 ? undefined : thread.userLine(line);
  if (user !== undefined) parent = later(parent, innermost(user, undefined, thread, moment));
  if (stack === elsewhere) return parent;
  return later(parent, innermost(elsewhere, undefined, thread, moment));
}

function later<F extends MatchedFunction>(
  a: OpenFrame<F> | undefined,
  b: OpenFrame<F> | undefined,
): OpenFrame<F> | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return a.call > b.call ? a : b;
}

/**
 * … of the calls of one stack, and of those that came from one user stack if `line` is given. None that has lost its place is
 * one, nor is any that was made from within such a one: the word at its own place may just not be overwritten yet.
 */
function innermost<F extends MatchedFunction>(
  stack: CallStack<F>,
  line: number | undefined,
  thread: ThreadCalls<F>,
  moment: Moment,
): OpenFrame<F> | undefined {
  const { open } = stack;
  for (let i = Math.max(0, open.length - MOST_CHECKED); i < open.length; i++) {
    if (open[i]!.isOverwritten(moment)) stack.suspectFrom(i);
  }
  for (let i = open.length - 1; i >= 0; i--) {
    const frame = open[i]!;
    if (line !== undefined && frame.line !== line) continue;
    // Only stacks that are no thread's own have others' calls.
    if (frame.thread === thread.id || thread.id < 0) return frame;
  }
  return undefined;
}
