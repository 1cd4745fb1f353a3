/** What a thread of the machine does in one mode: calls, returns, jumps. */
import type { Outcome } from '../../../src/hooks/match/matcher.ts';
import {
  type Act,
  type Code,
  KERNEL_CODE,
  KERNEL_SITES,
  Machine,
  type Site,
  type Thread,
  type Truth,
  USER_CODE,
  USER_SITES,
} from './machine.ts';
import type { Fn } from './support.ts';

const DEEPEST = 14;

export abstract class Calls extends Machine {
  protected random = 1;

  /** What is not a call's return: out of the kernel, out of a callback or an APC. */
  protected abstract leaveMode(kind: Act['kind']): void;

  protected draw(below: number): number {
    this.random = (Math.imul(this.random, 1_664_525) + 1_013_904_223) >>> 0;
    return (this.random >>> 8) % below;
  }

  /** Words are pushed. */
  protected fill(esp: number, words: number): number {
    for (let i = 1; i <= words; i++) this.write(esp - 4 * i, this.draw(1000));
    return esp - 4 * words;
  }

  /** Words are pushed, and more if need be, so that calls that are over have lost their places. */
  protected overwrite(esp: number, words: number, dead: readonly number[]): number {
    return this.fill(esp, Math.max(words, (esp - Math.min(esp, ...dead)) / 4));
  }

  protected pick<T>(list: readonly T[]): T {
    return list[this.draw(list.length)]!;
  }

  /**
   * Of a copy that has the address space of an earlier process, nobody can tell that it is no thread of that. And of what has
   * ended in the maker since, not all is kept.
   */
  protected isCertain({ owner, outcome, past }: Truth): boolean {
    const { current } = this;
    if (current.process.recycled) return false;
    return outcome === 'open' || owner.past - past < 8;
  }

  protected inKernel(): boolean {
    return !this.current.inUser;
  }

  // ---- Calls ----

  call(): void {
    const { current } = this;
    if (current.acts.length >= DEEPEST) {
      this.returnFrom();
      return;
    }
    const user = current.inUser;
    // A third of all functions is not hooked.
    const what = this.pick(user ? USER_CODE : KERNEL_CODE);
    // Control comes to what is behind a CALL by a return, or by a jump, which there is not here.
    const from = user ? USER_SITES : KERNEL_SITES;
    const site = this.pick(current.dirty || this.hidden ? from.filter(({ behind }) => !behind) : from);
    this.enter(what, site, this.draw(3) > 0);
    if (this.draw(6) === 0) this.again();
  }

  /** Arguments, CALL, first instruction, and a body with variables. */
  protected enter(what: Code, site: Site, hooked: boolean): Act {
    const { current } = this;
    const words = Math.max(what.pops, this.draw(4));
    let esp = current.esp;
    esp = this.fill(esp, words);
    this.execute(site.call, esp);
    esp -= 4;
    this.write(esp, site.returnAddress);
    const act: Act = {
      kind: 'call',
      user: current.inUser,
      body: esp,
      slot: esp,
      returnAddress: site.returnAddress,
      pops: what.pops,
      calls: [],
      inherited: false,
      esp0: 0,
    };
    const parent = this.innermost(current);
    current.acts.push(act);
    if (hooked) this.began(act, what.fn, parent);
    act.body = this.fill(esp, 4 + this.draw(8));
    return act;
  }

  protected began(act: Act, fn: Fn, parent: Truth | undefined): void {
    const { current } = this;
    const truth: Truth = {
      fn,
      thread: current.id,
      owner: current,
      parent,
      outcome: 'open',
      result: 0,
      again: [],
      past: 0,
    };
    act.calls.push(truth);
    this.truths.push(truth);
    this.enterAt(act.slot, fn);
  }

  protected innermost({ acts }: Thread): Truth | undefined {
    for (let i = acts.length - 1; i >= 0; i--) {
      const { calls, inherited } = acts[i]!;
      if (!inherited && calls.length > 0) return calls[calls.length - 1];
    }
    return undefined;
  }

  returnFrom(): void {
    const { current } = this;
    const { top } = current;
    if (top === undefined) return;
    if (top.kind !== 'call') {
      this.leaveMode(top.kind);
      return;
    }
    // Out of the function that called vfork it must not return before it has ended.
    if (top.inherited && current.shares && current.acts.filter(({ inherited }) => inherited).length < 2)
      return;
    const eax = this.draw(2 ** 24);
    current.acts.pop();
    for (const truth of [...top.calls].reverse()) {
      const { id: thread } = current;
      if (top.inherited) truth.again.push({ thread, result: eax, certain: this.isCertain(truth) });
      else end(truth, 'returned', eax);
    }
    this.execute(top.returnAddress, top.slot + 4 + 4 * top.pops, eax);
  }

  tailCall(): void {
    const { top } = this.current;
    if (top?.kind !== 'call' || top.inherited) return;
    const same = (top.user ? USER_CODE : KERNEL_CODE).filter(({ pops }) => pops === top.pops);
    const { fn } = this.pick(same);
    if (top.calls.some((truth) => truth.fn === fn)) this.enterAt(top.slot, fn);
    else this.began(top, fn, this.innermost(this.current));
    top.body = this.fill(top.slot, 8);
  }

  /** The first instruction once more. */
  again(): void {
    const { top } = this.current;
    if (top?.kind !== 'call' || top.inherited || top.calls.length === 0) return;
    for (let i = this.draw(3); i >= 0; i--) this.enterAt(top.slot, this.pick(top.calls).fn);
  }

  /** An address that calls may return to is executed, not by a return. */
  visit(): void {
    const { current } = this;
    if (current.dirty || this.hidden) return;
    const { returnAddress } = this.pick(current.inUser ? USER_SITES : KERNEL_SITES);
    this.matcher.arrive(returnAddress, this.now(current.esp));
  }

  // ---- Ways out that are no returns ----

  /** An exception or a longjmp, within a program or within the kernel. */
  jumpOut(): void {
    const { acts } = this.current;
    let outermost = acts.length;
    while (outermost > 0 && acts[outermost - 1]!.kind !== 'trap' && acts[outermost - 1]!.kind !== 'callback')
      outermost--;
    const first = acts.slice(0, outermost).length + this.draw(acts.length - outermost + 1);
    if (acts[first - 1]?.inherited || acts[first]?.inherited) return;
    this.passOver(first);
  }

  /** What is at this index and above is over. */
  protected passOver(first: number): void {
    const { current } = this;
    for (const act of current.acts.splice(first).reverse()) {
      if (act.inherited || act.calls.length === 0) continue;
      for (const truth of [...act.calls].reverse())
        end(truth, truth.fn.neverReturns ? 'noreturn' : 'unwound', 0);
      this.died(act);
    }
  }

  protected died({ user, slot }: Act): void {
    const stack = user ? this.current.fiber : this.current;
    stack.dead.push(slot);
  }

  /** Something that shows what is over: a call from where the thread is. */
  protected settle(): void {
    const { current } = this;
    const user = current.inUser;
    const act = this.enter(
      (user ? USER_CODE : KERNEL_CODE)[0]!,
      (user ? USER_SITES : KERNEL_SITES)[1]!,
      true,
    );
    current.acts.pop();
    end(act.calls[0]!, 'returned', 1);
    this.execute(act.returnAddress, act.slot + 4, 1);
  }
}

export function end(truth: Truth, outcome: Outcome, result: number): void {
  truth.outcome = outcome;
  truth.result = result;
  truth.past = truth.owner.past;
  // The kernel's do not count, but that does not matter.
  truth.owner.past++;
}
