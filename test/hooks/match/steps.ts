/** What the machine does: one step by two drawn numbers, whatever is possible then; threads, processes, and the end. */
import { end } from './calls.ts';
import { TERMINATE, type Thread } from './machine.ts';
import { DISPATCHER, Modes } from './modes.ts';
import type { Fn } from './support.ts';

/** What is done for a number below the given one, of a hundred. */
const ACTIONS = [
  [30, 'call'],
  [52, 'returnFrom'],
  [55, 'tailCall'],
  [58, 'again'],
  [62, 'jumpOut'],
  [67, 'changeMode'],
  [69, 'abort'],
  [72, 'callback'],
  [74, 'exchange'],
  [84, 'switchThread'],
  [86, 'startThread'],
  [88, 'fork'],
  [90, 'vfork'],
  [93, 'changeFiber'],
  [95, 'interrupted'],
  [97, 'visit'],
  [98, 'endItself'],
  [100, 'kill'],
] as const;

export class Steps extends Modes {
  constructor(hidden: boolean) {
    super(hidden);
    const process = this.newProcess(undefined, false)!;
    this.current = this.newThread(process, this.userStack(process)!)!;
    // The first thing is a call of a program: from then on it is known that these matter.
    this.settle();
  }

  step(action: number, seed: number): void {
    this.random = seed;
    const [, does] = ACTIONS.find(([below]) => action < below)!;
    if (this.current.waitsFor === undefined) this[does]();
    else this.switchThread();
  }

  switchThread(): void {
    this.current = this.pick(this.threads);
  }

  startThread(): void {
    const { process, shares } = this.current;
    const stack = this.userStack(process);
    if (stack === undefined || shares) return;
    const thread = this.newThread(process, stack);
    if (thread !== undefined) this.host.makers.set(thread.id, this.maker());
  }

  private maker(): { thread: number; instruction: number } {
    return { thread: this.current.id, instruction: ++this.moment.instruction };
  }

  fork(): void {
    this.copy(false);
  }

  vfork(): void {
    this.copy(true);
  }

  private copy(shares: boolean): void {
    const { current } = this;
    const { acts, process, fiber } = current;
    if (!current.inUser || current.shares || acts.some(({ kind }) => kind !== 'call') || acts.length === 0)
      return;
    // What calls vfork is a function of its own, without arguments, and that returns in the child.
    if (current.dirtyAnywhere || (shares && (current.top!.inherited || current.top!.pops > 0))) return;
    const child = this.newProcess(process, shares);
    if (child === undefined) return;
    const thread = this.newThread(child, fiber.stack);
    if (thread === undefined) return;
    this.trap();
    if (!shares) {
      this.memory.copy(process.asid, child.asid);
      for (const other of process.threads) for (const { stack } of other.fibers) child.copied.add(stack.low);
      for (const low of process.copied) child.copied.add(low);
    }
    this.host.makers.set(thread.id, this.maker());
    acts.pop();
    for (const act of shares ? acts.slice(-2) : acts)
      thread.acts.push({ ...act, calls: [...act.calls], inherited: true });
    thread.shares = shares;
    if (shares) current.waitsFor = thread;
    this.leaveKernel();
  }

  changeFiber(): void {
    const { current } = this;
    if (current.shares || this.hasInherited() || !current.inUser) return;
    if (current.has('callback') || current.has('apc')) return;
    if (current.dirty) return;
    if (current.fibers.length < 3 && this.draw(2) === 0) {
      const stack = this.userStack(current.process);
      if (stack !== undefined) current.fibers.push({ stack, acts: [], dead: [] });
    }
    current.fiber = this.pick(current.fibers);
  }

  endItself(): void {
    const { current } = this;
    if (this.threads.length < 2 || current.dirtyAnywhere) return;
    if (!this.inKernel()) this.trap();
    const act = this.enter(TERMINATE, DISPATCHER, this.draw(3) > 0);
    for (const truth of act.calls) end(truth, 'noreturn', 0);
    this.end(current, this.draw(2) === 0);
  }

  kill(): void {
    const victim = this.pick(this.threads);
    if (this.threads.length < 2 || victim.dirtyAnywhere) return;
    if (victim.waitsFor !== undefined) return;
    this.end(victim, false);
  }

  private end(thread: Thread, atOnce: boolean): void {
    for (const { calls, inherited } of thread.all()) {
      for (const truth of inherited ? [] : calls) if (truth.outcome === 'open') end(truth, 'killed', 0);
    }
    const itself = (frame: { fn: Fn }): boolean => frame.fn === TERMINATE.fn;
    if (atOnce) this.matcher.threadEnded(thread.id, itself, this.now(thread.esp));
    this.remove(thread);
    for (const other of this.threads) if (other.waitsFor === thread) this.resume(other);
    this.freeKernelStack(thread.kernel, this.draw(2) === 0);
    if (this.current === thread) this.switchThread();
    if (!atOnce) this.matcher.threadEnded(thread.id, itself, this.now(this.current.esp));
  }

  /** After vfork: the function has kept its return address in a register. */
  private resume(thread: Thread): void {
    thread.waitsFor = undefined;
    const { top, process } = thread;
    this.memory.write(process.asid, top!.slot, top!.returnAddress);
  }

  /** A thread goes on until nothing is over of which nobody can know. */
  private showAll(thread: Thread): void {
    this.current = thread;
    for (const fiber of thread.has('callback') ? [thread.fiber] : thread.fibers) {
      while (!thread.inUser && thread.fiber !== fiber) this.returnFrom();
      thread.fiber = fiber;
      while (thread.dirty) {
        if (thread.inUser && !thread.has('callback') && thread.dead.length > 0) this.trap();
        this.settle();
        if (thread.dirty) this.returnFrom();
      }
    }
  }

  /** The trace is over. */
  finish(): void {
    for (const thread of [...this.threads]) if (thread.waitsFor === undefined) this.showAll(thread);
    const threads = new Map(this.threads.map((thread) => [thread.id, thread]));
    this.matcher.finish((frame) => {
      const thread = threads.get(frame.thread)!;
      const { low, high } = thread.kernel;
      return frame.esp < low || frame.esp >= high || frame.esp >= thread.kernelEsp;
    }, this.now(this.current.esp));
  }
}
