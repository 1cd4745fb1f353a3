/** A matcher at work in a session: what it asks for, what it finds, and the calls it holds open. */
import type { GuestOs } from '../guest/os.ts';
import { type CallContext, CallRecord, type HookedFunction, readNumber, readWords } from './call-record.ts';
import { Forks } from './forks.ts';
import type { Frame, Matcher, Moment } from './match/matcher.ts';
import { createMatcher } from './match/matchers.ts';
import type { EventMoment } from './moment.ts';
import { isSigreturn, Restarts } from './restarts.ts';
import type { ThreadTable, TrackedThread } from './threads.ts';

export interface LaneEvents {
  began(call: CallRecord): void;
  ended(call: CallRecord): void;
  again(call: CallRecord): void;
}

interface Watching {
  watch(address: number): void;
  unwatch(address: number): void;
  watchKernelExits(on: boolean): void;
}

interface LaneSession extends CallContext {
  readonly os: GuestOs | undefined;
  readonly threads: ThreadTable | undefined;
}

/** STATUS_PENDING (ntstatus.h). */
const PENDING = 0x103;

export class Lane {
  readonly matcher: Matcher<HookedFunction>;
  private readonly session: LaneSession;
  private readonly events: LaneEvents;
  private readonly restarts = new Restarts();
  private readonly forks = new Forks();

  constructor(matcher: string, session: LaneSession, events: LaneEvents, watching: Watching) {
    this.session = session;
    this.events = events;
    this.matcher = createMatcher<HookedFunction>(matcher, {
      ...watching,
      began: (frame) => this.began(frame),
      ended: (frame, outcome, result) => {
        const call = frame.data as CallRecord;
        const { os } = session;
        const pending = outcome === 'returned' && result >>> 0 === PENDING && os?.family === 'nt';
        const linux = os?.family === 'linux';
        call.outcome = pending && /^(Nt|Zw)/.test(call.name) ? 'pending' : outcome;
        // It comes back to the kernel's entry like others, and from there the program goes on elsewhere.
        if (outcome === 'returned' && linux && isSigreturn(call)) call.outcome = 'noreturn';
        else if (outcome === 'returned') {
          const { resultAt } = frame.fn.fn;
          const elsewhere =
            resultAt === undefined ? result : session.cpu.memory.u32(call.accumulator + resultAt);
          call.result = (elsewhere ?? result) >>> 0;
        }
        if (outcome === 'returned' && linux) this.restarts.ended(call, result >>> 0, session.cpu.memory);
        this.forks.ended(call);
        events.ended(call);
      },
      again: (frame, result) => this.again(frame.data as CallRecord, result >>> 0),
      madeBy: (key) => {
        const thread = session.threads?.thread(key);
        const maker = thread?.maker;
        return maker === undefined ? undefined : { thread: maker.key, instruction: thread!.since };
      },
    });
  }

  private began(frame: Frame<HookedFunction>): void {
    const { session } = this;
    const { cpu } = session;
    const { fn } = frame;
    const call = new CallRecord(frame, readWords(cpu, fn, frame.esp), readNumber(cpu, fn), session);
    frame.data = call;
    if (session.os?.family === 'linux') call.restartOf = this.restarts.began(call, cpu.memory);
    this.forks.began(call);
    this.events.began(call);
  }

  private again(call: CallRecord, result: number): void {
    const { outcome, result: first } = call;
    Object.assign(call, { again: true, outcome: 'returned', result });
    this.events.again(call);
    Object.assign(call, { again: false, outcome, result: first });
  }

  threadMade(thread: TrackedThread | undefined, maker: TrackedThread | undefined): void {
    if (thread !== undefined && maker !== undefined) this.forks.threadMade(thread, maker);
  }

  /** The current thread is this one now. */
  switchedTo(thread: TrackedThread): void {
    const fork = this.forks.take(thread);
    if (fork !== undefined) this.again(fork, 0);
  }

  threadEnded(thread: TrackedThread, moment: Moment): void {
    const { os } = this.session;
    this.restarts.threadEnded(thread.key);
    this.forks.threadEnded(thread);
    const endsCaller = (frame: Frame<HookedFunction>): boolean => {
      const call = frame.data as CallRecord;
      return os?.endsCaller(call.name, thread.address, (i) => call.words[i]) ?? false;
    };
    this.matcher.threadEnded(thread.key, endsCaller, moment);
  }

  /** What is open now stays so, but for calls whose stack says that they are over. */
  finish(os: GuestOs | undefined, threads: ThreadTable | undefined, moment: EventMoment): void {
    const lives = (frame: Frame<HookedFunction>): boolean => {
      const thread = threads?.thread(frame.thread);
      if (os === undefined || thread === undefined) return true;
      const stack = os.kernelStack(thread.address);
      if (stack === undefined || frame.esp < stack.low || frame.esp >= stack.high) return true;
      if (thread !== moment.current) return frame.esp >= (os.savedKernelEsp(thread.address) ?? 0);
      return frame.esp >= (moment.cpl === 3 ? (this.session.cpu.stackAtEntry ?? 0) : moment.esp);
    };
    this.matcher.finish(lives, moment);
  }
}
