/**
 * A model of threads that call, return, jump, are interrupted and switched, for the shadow stacks: it knows its calls, and tells
 * only what a processor's blocks and events tell.
 */
import { BlockEnd } from '../../../src/output/calls/block-end.ts';
import { CallStacks } from '../../../src/output/calls/call-stacks.ts';
import { CallTree, NodeKind } from '../../../src/output/calls/call-tree.ts';
import { ShadowStack } from '../../../src/output/calls/shadow-stack.ts';

const FUNCTION = 0x1000;
/** Functions of the program; those of signals; the kernel's. */
const PROGRAM = 8;
const SIGNALS = 2;
const HANDLER = 0x80000000;
/** Each level of interrupts has handlers of its own, and functions that these call. */
const LEVEL = 0x100000;
const BLOCK = 8;
const MOST_EVENTS = 3;

interface Frame {
  /** Where its function begins; of an event, what it is called. */
  what: number | string;
  /** Undefined: nobody knows. */
  returns?: number;
  /** Of events and diverted frames: what was about to happen below. */
  saved?: Next;
}

/** What a thread does when it goes on. */
interface Next {
  /** Tells where it goes on, and changes the frames. */
  readonly go: (thread: Thread) => number;
  /** The address is surely told from others. */
  readonly certain: boolean;
}

interface Thread {
  readonly stack: ShadowStack;
  frames: Frame[];
  next: Next | undefined;
  /** Where it is if it has not run yet. */
  readonly start: number;
  /** The block that was executed last. */
  at: number;
  /** What it has to do there. */
  forced: ((thread: Thread, start: number) => void) | undefined;
}

/** What to do, and two numbers to choose with. */
export type Step = readonly [what: number, a: number, b: number];

export class ModelMachine {
  readonly tree: CallTree;
  readonly stacks: CallStacks;
  /** Steps of each kind that were made. */
  readonly made: Record<string, number> = {};
  private readonly threads: Thread[] = [];
  private current: Thread;

  constructor(threads: number) {
    const functionOf = (address: number): number => address - (address % FUNCTION);
    this.tree = new CallTree(functionOf);
    for (let i = 0; i < threads; i++) {
      const root = this.tree.child(-1, NodeKind.root, i);
      const start = (1 + i) * FUNCTION + 0x100;
      const stack = new ShadowStack(root);
      this.threads.push({ stack, frames: [], next: undefined, start, at: 0, forced: undefined });
    }
    this.current = this.threads[0]!;
    this.stacks = new CallStacks(
      this.tree,
      { functionOf, placeOf: (address) => address, runningIn: functionOf },
      this.current.stack,
    );
  }

  /** Executes a block, and ends it in some way. @returns what the shadow stack says, and what is so */
  step([what, a, b]: Step): { readonly found: string; readonly expected: string } {
    const thread = this.current;
    let start = thread.start;
    if (thread.next === undefined) thread.frames.push({ what: functionStart(start) });
    else start = thread.next.go(thread);
    const node = this.stacks.enter(start);
    thread.at = start;
    const found = this.pathOf(node);
    const expected = thread.frames.map(({ what: name }) => String(name)).join(' ');
    const { forced } = thread;
    thread.forced = undefined;
    if (forced !== undefined) forced(thread, start);
    else this.end(thread, start, what, a, b);
    return { found, expected };
  }

  private pathOf(node: number): string {
    const { tree } = this;
    const path: string[] = [];
    for (let at = node; tree.parents[at]! >= 0; at = tree.parents[at]!) {
      const kind = tree.kinds[at];
      const isFunction = kind === NodeKind.function || kind === NodeKind.running;
      path.unshift(
        isFunction ? String(tree.functions[at]) : kind === NodeKind.sysenter ? 's' : `i${tree.subjects[at]}`,
      );
    }
    return path.join(' ');
  }

  private say(kind: string): void {
    this.made[kind] = (this.made[kind] ?? 0) + 1;
  }

  private close(
    thread: Thread,
    end: BlockEnd,
    start: number,
    target: number,
    go: (thread: Thread) => number,
    certain = true,
  ): void {
    this.stacks.leave(end, start, start + BLOCK, target);
    thread.next = { go, certain };
  }

  private end(thread: Thread, start: number, what: number, a: number, b: number): void {
    const { frames } = thread;
    const behind = start + BLOCK;
    const top = frames.at(-1)!;
    const own = Number(top.what);
    const inside = own + BLOCK * (1 + (a % 400));
    const event = frames.findLastIndex(({ what: name }) => typeof name === 'string');
    const events = frames.filter(({ what: name }) => typeof name === 'string').length;
    /** A function that can be called here. */
    const callee =
      events === 0 ? FUNCTION * (1 + (a % PROGRAM)) : HANDLER + events * LEVEL + FUNCTION * (1 + (a % 4));
    const go = (address: number) => () => address;
    switch (what) {
      case 0:
        this.close(thread, BlockEnd.branch, start, inside, go(b % 2 === 0 ? inside : behind));
        break;
      case 1:
        this.close(thread, BlockEnd.jump, start, inside, go(inside));
        break;
      case 2:
      case 3: {
        this.say('call');
        const direct = what === 2;
        const end = direct ? BlockEnd.call : BlockEnd.indirectCall;
        this.close(
          thread,
          end,
          start,
          direct ? callee : start,
          ({ frames: all }) => {
            all.push({ what: callee, returns: behind });
            return callee;
          },
          direct,
        );
        break;
      }
      case 4:
      case 5:
        this.return(thread, start, event, b);
        break;
      case 6:
        if (callee === own) this.close(thread, BlockEnd.next, start, start, go(behind));
        else {
          this.say('tail');
          const direct = b % 2 === 0;
          const end = direct ? BlockEnd.tailJump : BlockEnd.indirectJump;
          this.close(
            thread,
            end,
            start,
            direct ? callee : start,
            ({ frames: all }) => {
              all.at(-1)!.what = callee;
              return callee;
            },
            direct,
          );
        }
        break;
      case 7:
        this.longjmp(thread, start, event, a, b);
        break;
      case 8:
        this.retpoline(thread, start, own, callee);
        break;
      case 9:
        this.close(thread, BlockEnd.next, start, start, go(behind));
        if (events < MOST_EVENTS) {
          this.say('interrupt');
          this.interrupt(thread, 0x20 + (a % 3), events);
        }
        break;
      case 10:
        this.fault(thread, start, behind, inside, events, a, b);
        break;
      case 11:
        if (events > 0) this.close(thread, BlockEnd.next, start, start, go(behind));
        else this.systemCall(thread, start, behind, b);
        break;
      case 12:
      case 13:
        this.leave(thread, start, behind, event, a, b);
        break;
      default: {
        this.close(thread, BlockEnd.next, start, start, go(behind));
        this.say('switch');
        this.current = this.threads[a % this.threads.length]!;
        this.stacks.switchTo(this.current.stack);
      }
    }
  }

  private return(thread: Thread, start: number, event: number, b: number): void {
    const { frames } = thread;
    const callable = frames.map((_, i) => i).filter((i) => i > event && frames[i]!.returns !== undefined);
    if (callable.length === 0) {
      if (event >= 0 || frames.length > 1) {
        this.close(thread, BlockEnd.next, start, start, () => start + BLOCK);
        return;
      }
      const caller = FUNCTION * (1 + (b % PROGRAM)) + 0x200;
      this.say('unknown caller');
      this.close(
        thread,
        BlockEnd.return,
        start,
        start,
        ({ frames: all }) => {
          all[0] = { what: functionStart(caller) };
          return caller;
        },
        false,
      );
      return;
    }
    const chosen = b % 4 === 0 ? callable[b % callable.length]! : callable.at(-1)!;
    const address = frames[chosen]!.returns!;
    const frame = callable.findLast((i) => frames[i]!.returns === address)!;
    this.say(frame === callable.at(-1) ? 'return' : 'unwinding');
    this.close(
      thread,
      BlockEnd.return,
      start,
      start,
      (one) => {
        one.frames.length = frame;
        return address;
      },
      false,
    );
  }

  private longjmp(thread: Thread, start: number, event: number, a: number, b: number): void {
    const { frames } = thread;
    const chosen = event + 1 + (a % (frames.length - event - 1));
    const { what } = frames[chosen]!;
    const frame = frames.findLastIndex((one) => one.what === what);
    const address = Number(what) + BLOCK * (1 + (b % 400));
    this.say(frame === frames.length - 1 ? 'switch statement' : 'longjmp');
    this.close(
      thread,
      BlockEnd.indirectJump,
      start,
      start,
      (one) => {
        one.frames.length = frame + 1;
        return address;
      },
      false,
    );
  }

  private retpoline(thread: Thread, start: number, own: number, callee: number): void {
    const inner = own + 0xf00;
    if (callee === own) {
      this.close(thread, BlockEnd.next, start, start, () => start + BLOCK);
      return;
    }
    this.say('retpoline');
    this.close(thread, BlockEnd.innerCall, start, inner, (one) => {
      // The frame is there, and has no node of its own.
      one.forced = (again, at) =>
        this.close(
          again,
          BlockEnd.return,
          at,
          at,
          ({ frames }) => {
            frames.at(-1)!.what = callee;
            return callee;
          },
          false,
        );
      return inner;
    });
  }

  private interrupt(thread: Thread, vector: number, events: number): void {
    const handler = HANDLER + (events + 1) * LEVEL;
    const { next } = thread;
    thread.frames.push({ what: `i${vector}`, ...(next && { saved: next }) });
    this.stacks.interrupt(vector);
    thread.next = {
      go: ({ frames }) => {
        frames.push({ what: handler });
        return handler;
      },
      certain: false,
    };
  }

  /** An exception in the middle of a block, or in fetching the next one. */
  private fault(
    thread: Thread,
    start: number,
    behind: number,
    inside: number,
    events: number,
    a: number,
    b: number,
  ): void {
    if (b % 2 === 0) this.close(thread, BlockEnd.jump, start, inside, () => inside);
    else this.close(thread, BlockEnd.next, start, start, () => behind);
    if (events >= MOST_EVENTS) return;
    this.say('fault');
    // Executed again from where it was.
    if (a % 2 === 0) thread.next = { go: () => start + 4 * (b % 2), certain: true };
    this.interrupt(thread, 14, events);
  }

  private systemCall(thread: Thread, start: number, behind: number, b: number): void {
    const back = behind + (b % 3 === 0 ? 2 : 0);
    const isSoftware = b % 2 === 0;
    this.say('system call');
    this.close(thread, isSoftware ? BlockEnd.interrupt : BlockEnd.sysenter, start, start, () => back);
    const saved = thread.next!;
    if (isSoftware) {
      this.interrupt(thread, 0x180, 0);
      return;
    }
    this.stacks.sysenter();
    thread.next = {
      go: ({ frames }) => {
        frames.push({ what: 's', saved }, { what: HANDLER + LEVEL });
        return HANDLER + LEVEL;
      },
      certain: false,
    };
  }

  /** IRET: back; to the next instruction; to the handler of a signal, or from that back. */
  private leave(thread: Thread, start: number, behind: number, event: number, a: number, b: number): void {
    const { frames } = thread;
    if (event < 0) {
      this.close(thread, BlockEnd.next, start, start, () => behind);
      return;
    }
    const saved = frames[event]!.saved!;
    if (a % 8 === 0) {
      this.say('iret to the next');
      this.close(thread, BlockEnd.leave, start, start, () => behind);
      this.stacks.leaving();
      return;
    }
    const below = frames.slice(0, event);
    const isOutermost = !below.some(({ what }) => typeof what === 'string');
    const diverted = below.findLastIndex(({ saved: kept }) => kept !== undefined);
    const isCall = saved.certain && frames[event]!.what === 's';
    // What is near to a system call would be a return from that.
    const isHandler = diverted === event - 1 && Number(below[diverted]?.what) > PROGRAM * FUNCTION;
    if (isOutermost && isCall && isHandler && b % 2 === 0) {
      this.say('end of a signal');
      this.close(thread, BlockEnd.leave, start, start, (one) => {
        const { saved: kept } = one.frames[diverted]!;
        one.frames.length = diverted;
        return kept!.go(one);
      });
    } else if (isOutermost && saved.certain && diverted < 0 && b % 3 === 0) {
      this.say('signal');
      const handler = FUNCTION * (1 + PROGRAM + (a % SIGNALS));
      this.close(thread, BlockEnd.leave, start, start, (one) => {
        one.frames.length = event;
        one.frames.push({ what: handler, saved });
        return handler;
      });
    } else {
      this.say('interrupt returns');
      this.close(thread, BlockEnd.leave, start, start, (one) => {
        one.frames.length = event;
        return saved.go(one);
      });
    }
    this.stacks.leaving();
  }
}

const functionStart = (address: number): number => address - (address % FUNCTION);
