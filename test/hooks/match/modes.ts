/** How a thread of the machine comes into the kernel and out of it, and what becomes of its kernel stack. */
import { Calls, end } from './calls.ts';
import { type Act, KERNEL_CODE, KERNEL_SITES, NEVER } from './machine.ts';

/** The return address of all that is called for a program. */
export const DISPATCHER = KERNEL_SITES[0]!;
/** Calls and modes in one another, from which on no more modes are entered. */
const DEEP = 10;
const TRAP_FRAME = 0x44;
const INTERRUPT_STACK = 0x8f00_1f00;

export abstract class Modes extends Calls {
  protected leaveMode(kind: Act['kind']): void {
    if (kind === 'trap') this.leave();
    else if (kind === 'apc') this.endApc();
    else this.endCallback();
  }

  changeMode(): void {
    if (this.inKernel()) this.leave();
    else this.trap();
  }

  protected trap(): void {
    const { current } = this;
    // The stub that does it, and its arguments.
    this.overwrite(current.esp, 4, current.fiber.dead);
    current.acts.push(marker('trap', false, this.fill(current.esp0, TRAP_FRAME / 4)));
  }

  protected leave(): void {
    const { current } = this;
    if (current.top?.kind !== 'trap') return;
    current.acts.pop();
    this.leaveKernel();
    if (this.draw(4) > 0 || current.acts.length >= DEEP || this.hasInherited()) return;
    // An APC first: what was interrupted is kept on the stack.
    current.acts.push(marker('apc', true, this.fill(current.esp, 12)));
  }

  protected hasInherited(): boolean {
    return this.current.acts.some(({ inherited }) => inherited);
  }

  /** An exception ends the service from outside. */
  abort(): void {
    const { acts } = this.current;
    if (!this.inKernel()) return;
    this.passOver(acts.findLastIndex(({ kind }) => kind === 'trap'));
    this.leaveKernel();
  }

  /** A call of a function that never returns. */
  protected callNever(): void {
    this.trap();
    const { top } = this.current;
    const act = this.enter(NEVER, DISPATCHER, this.draw(4) > 0);
    for (const truth of act.calls) end(truth, 'noreturn', 0);
    if (act.calls.length > 0) this.died(act);
    this.current.acts.length = this.current.acts.indexOf(top!);
  }

  protected endApc(): void {
    this.callNever();
    this.current.acts.pop();
    this.leaveKernel();
  }

  callback(): void {
    const { current } = this;
    if (!this.inKernel() || current.top?.kind !== 'call' || current.acts.length >= DEEP) return;
    const { esp0, userEsp, esp } = current;
    if (esp - current.kernel.low < 0x800) return;
    current.acts.push({ ...marker('callback', true, userEsp - 0x20), esp0 });
    current.esp0 = this.overwrite(esp, 8, current.dead);
    this.leaveKernel();
  }

  protected endCallback(): void {
    const { current } = this;
    const { esp0 } = current.top!;
    this.callNever();
    current.acts.pop();
    current.esp0 = esp0;
  }

  /** The kernel stack is exchanged for another, with its content. */
  exchange(): void {
    const { current } = this;
    if (!this.inKernel() || current.has('callback') || current.dead.length > 0) return;
    const old = current.kernel;
    const fresh = this.takeKernelStack();
    if (fresh === undefined) return;
    const by = fresh.high - old.high;
    for (let a = current.esp; a < old.high; a += 4) {
      const word = this.memory.read(0, a);
      if (word !== undefined) this.memory.write(0, a + by, word);
    }
    for (const act of current.acts) {
      if (act.user) continue;
      act.body += by;
      act.slot += by;
    }
    current.kernel = fresh;
    current.esp0 += by;
    // Nobody else has the old one before the matcher knows.
    if (this.draw(2) === 0) this.settle();
    else return;
    this.freeKernelStack(old, this.draw(2) === 0);
  }

  interrupted(): void {
    const { current } = this;
    if (current.dirty) return; // nothing could show that what is over is no parent
    const user = current.inUser;
    this.interrupt = INTERRUPT_STACK - 16 * this.draw(4);
    const top = marker('trap', false, this.interrupt);
    current.acts.push(top);
    for (let i = this.draw(3); i > 0; i--) this.enter(this.pick(KERNEL_CODE), this.pick(KERNEL_SITES), true);
    while (current.top !== top) this.returnFrom();
    current.acts.pop();
    this.interrupt = 0;
    if (user) this.leaveKernel();
  }
}

function marker(kind: Act['kind'], user: boolean, body: number): Act {
  return {
    kind,
    user,
    body,
    slot: 0,
    returnAddress: 0,
    pops: 0,
    calls: [],
    inherited: false,
    esp0: 0,
  };
}
