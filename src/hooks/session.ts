/**
 * A replay under hooks: what the probes report goes to the matcher, what the matcher finds goes to the handlers, and what
 * they emit goes out. Everything here happens at instruction counts that are the same in every replay.
 */
import type { ProbeEventName } from '../engine/probes/area.ts';
import type { ProbeHandler } from '../engine/probes/probes.ts';
import type { GuestCpu } from '../guest/cpu.ts';
import { findGuestOs } from '../guest/find.ts';
import type { GuestOs } from '../guest/os.ts';
import type { StackEntry, Where } from './api.ts';
import { backtrace } from './backtrace.ts';
import type { CallContext, CallHook, CallRecord } from './call-record.ts';
import { describeCall } from './describe.ts';
import { Functions } from './functions.ts';
import { Lane } from './lane.ts';
import { DEFAULT_MATCHER } from './match/matchers.ts';
import { EventMoment } from './moment.ts';
import { Points } from './points.ts';
import { handlerError, refuseWaiting } from './problems.ts';
import { type AddressHook, Registry } from './registry.ts';
import type { SessionHost, SessionOptions } from './session-host.ts';
import { ThreadMakers } from './thread-makers.ts';
import { ThreadTable, type TrackedProcess, type TrackedThread } from './threads.ts';

/** Instructions between two searches for an operating system, at least; later it is a part of those executed. */
const SEEK_SPACING = 20_000;
const SEEK_GROWTH = 0.04;

export class HookSession implements ProbeHandler, CallContext, Where {
  readonly cpu: GuestCpu;
  readonly moment: EventMoment;
  readonly functions: Functions;
  readonly registry: Registry;
  os: GuestOs | undefined;
  threads: ThreadTable | undefined;
  hookIndex = 0;
  /** Handlers that have thrown. */
  problems = 0;
  findings = 0;
  /** Calls of hooked functions that have ended. */
  calls = 0;
  /** Instructions that were hooked when their code had been compiled without a probe for them. */
  late = 0;

  private readonly host: SessionHost;
  private readonly options: SessionOptions;
  private readonly points: Points;
  private readonly lanes: Lane[] = [];
  private readonly wanted = new Map<ProbeEventName, boolean>();
  private call: CallRecord | undefined;
  private nextSeek = 0;
  private kernelExits = 0;
  private running: TrackedThread | undefined;
  private readonly makers = new ThreadMakers(this);
  /** Whom the event that is being handled is about, where that is not the current thread. */
  private subject: TrackedThread | undefined;

  constructor(host: SessionHost, options: SessionOptions) {
    this.host = host;
    this.cpu = host.cpu;
    this.options = options;
    this.moment = new EventMoment(host.cpu);
    this.points = new Points({
      arm: (address, kind) => {
        const physical = kind === 'instruction' ? this.cpu.memory.translate(address) : -1;
        host.probes.arm(address, kind, physical);
      },
      disarm: (address) => host.probes.disarm(address),
    });
    this.functions = new Functions(this.points, this);
    this.registry = new Registry(options.files, {
      callHook: (hook) => this.functions.add(hook),
      addressHook: (hook) => this.addAddress(hook),
      changed: () => this.wantEvents(),
      emit: (file, type, data) => this.emit(file, type, data),
    });
    this.addLane(options.matcher ?? DEFAULT_MATCHER, {
      began: (call) => this.pre(call),
      ended: (call) => {
        this.calls++;
        this.post(call);
      },
      again: (call) => this.again(call),
    });
  }

  /** A matcher, and who is told what it finds. Several look at the same execution side by side. */
  addLane(matcher: string, events: ConstructorParameters<typeof Lane>[2]): Lane {
    const lane = new Lane(matcher, this, events, {
      watch: (address) => this.points.watch(address),
      unwatch: (address) => this.points.unwatch(address),
      watchKernelExits: (on) => {
        this.kernelExits += on ? 1 : -1;
        this.wantEvents();
      },
    });
    this.lanes.push(lane);
    return lane;
  }

  /** Runs the hook files' set-up functions and looks for a system: call it before the first instruction. */
  start(): void {
    this.registry.setUp(() => this.os);
    this.moment.fill(0);
    this.seek();
    this.wantEvents();
  }

  // Where: the guest at this moment.
  get instruction(): number {
    return this.moment.instruction;
  }
  get time(): number {
    return this.host.timeAt(this.moment.instruction);
  }
  get current(): TrackedThread | undefined {
    return this.moment.current;
  }
  get thread(): TrackedThread | undefined {
    return this.moment.current;
  }
  get process(): TrackedProcess | undefined {
    return this.moment.current?.process;
  }
  get memory() {
    return this.cpu.memory;
  }
  timeAt(instruction: number): number {
    return this.host.timeAt(instruction);
  }
  describe(call: CallRecord) {
    return describeCall(call, this.os, this.cpu.memory);
  }

  hit(address: number, counter: number): void {
    const point = this.points.at(address);
    if (point === undefined) return;
    const { moment } = this;
    moment.fill(this.host.instructionAt(counter));
    if (point.watched > 0) {
      for (const lane of this.lanes) lane.matcher.arrive(address, moment);
    }
    for (const action of point.actions) action();
    for (const fn of point.functions) {
      if (fn.inside !== undefined && !fn.inside(moment.asid)) continue;
      if (fn.fn.only !== undefined && !fn.fn.only()) continue;
      for (const lane of this.lanes) lane.matcher.enter(fn, moment);
    }
  }

  event(event: ProbeEventName, a: number, b: number, counter: number): void {
    const { moment } = this;
    moment.fill(this.host.instructionAt(counter));
    if (this.os === undefined) this.seek();
    else if (event === 'controlRegister') this.functions.search(this.os, moment);
    if ((event === 'iret' || event === 'sysexit') && moment.cpl === 3 && this.kernelExits > 0) {
      const esp0 = this.cpu.stackAtEntry ?? 0;
      for (const lane of this.lanes) lane.matcher.leftKernel(esp0, moment);
    }
    if (event !== 'interrupt') return;
    for (const { file, vector, handler } of this.registry.interrupts) {
      if (vector !== 'all' && vector !== a) continue;
      this.run(file, () => handler({ ...this.where(), vector: a, software: b !== 0 }));
    }
  }

  private wantEvents(): void {
    const seeking = this.os === undefined;
    const leaving = this.kernelExits > 0;
    this.want('controlRegister', seeking || this.functions.searching);
    this.want('sysenter', seeking);
    this.want('iret', seeking || leaving);
    this.want('sysexit', leaving);
    this.want('interrupt', seeking || this.registry.interrupts.length > 0);
  }

  private want(event: ProbeEventName, on: boolean): void {
    if (this.wanted.get(event) === on) return;
    this.wanted.set(event, on);
    this.host.probes.want(event, on);
  }

  /** Looks for an operating system, now and then. */
  private seek(): void {
    const { instruction } = this.moment;
    if (instruction < this.nextSeek) return;
    this.nextSeek = instruction + Math.max(SEEK_SPACING, instruction * SEEK_GROWTH);
    const os = findGuestOs(this.cpu, this.options.profile);
    if (os === undefined) return;
    this.os = os;
    this.threads = new ThreadTable(os, {
      threadMade: ({ key }, maker) => {
        for (const { matcher } of this.lanes) matcher.threadMade?.(key, maker.key);
      },
      threadStarted: (thread) => {
        const maker = this.makers.makerOf(thread);
        if (maker !== undefined) this.threads?.make(thread, maker);
        this.life('threads', 'start', thread);
      },
      threadEnded: (thread) => {
        for (const lane of this.lanes) lane.threadEnded(thread, this.moment);
        this.life('threads', 'end', thread);
      },
      processStarted: (_, thread) => this.life('processes', 'start', thread),
      processEnded: (_, thread) => this.life('processes', 'end', thread),
    });
    this.options.onSystem?.(os);
    this.moment.know(os, this.threads);
    for (const point of os.watchPoints()) {
      if (point.what === 'switch') this.points.addAction(point.address, () => this.switched());
      else if (point.what === 'exec') this.points.addAction(point.address, () => this.exec());
      else if (point.what === 'thread-start') {
        this.points.addAction(point.address, () => this.made(point.subject?.()));
      }
    }
    this.moment.fill(instruction);
    for (const { address } of os.threads()) this.threads.seen(address, instruction);
    if (os.family === 'nt') this.functions.add(this.makers.hook);
    this.functions.found(os, this.moment);
    this.wantEvents();
  }

  private made(object = 0): void {
    const thread = this.threads?.made(object, this.current, this.instruction);
    for (const lane of this.lanes) lane.threadMade(thread, this.current);
  }

  private switched(): void {
    const { running: from, current: to } = this;
    if (from === to) return;
    this.running = to;
    if (from !== undefined && !from.ended && this.os?.hasEnded(from.address)) this.threads?.ended(from);
    for (const { file, handler } of this.registry.switches) {
      this.run(file, () => handler({ ...this.where(), from }));
    }
    if (to !== undefined) for (const lane of this.lanes) lane.switchedTo(to);
  }

  private exec(): void {
    this.threads?.recheck();
    const thread = this.moment.current;
    const info = thread && this.os?.thread(thread.address);
    if (thread === undefined || info === undefined) return;
    thread.process.refresh(info.process);
    this.functions.search(this.os!, this.moment);
    for (const { file, handler } of this.registry.processes)
      this.run(file, () => handler.exec?.(this.where()));
  }

  private life(kind: 'threads' | 'processes', what: 'start' | 'end', thread: TrackedThread): void {
    const outer = this.subject;
    this.subject = thread;
    for (const { file, handler } of this.registry[kind]) {
      if (handler[what] === undefined) continue;
      this.run(file, () => handler[what]!({ ...this.where(), thread, process: thread.process }));
    }
    this.subject = outer;
  }

  stack(most?: number): readonly StackEntry[] {
    return backtrace(this.cpu, this.os, this.process, undefined, most);
  }

  /** A copy: what the moment is now. */
  private where(): Where {
    const { instruction, time, thread, process, memory, cpu } = this;
    return { instruction, time, thread, process, memory, cpu, stack: (most) => this.stack(most) };
  }

  private addAddress({ file, where, handler }: AddressHook): void {
    const { probes } = this.host;
    this.functions.locate(where, (address) => {
      const before = probes.late;
      this.points.addAction(address, () => this.run(file, () => handler({ ...this.where(), address })));
      this.late += probes.late - before;
    });
  }

  /** From the log: an access to an I/O port. */
  portAccess(port: number, write: boolean, bytes: number, value: number, instruction: number): void {
    this.moment.fill(instruction);
    for (const { file, port: wanted, handler } of this.registry.ports) {
      if (wanted !== 'all' && wanted !== port) continue;
      this.run(file, () => handler({ ...this.where(), port, write, bytes, value }));
    }
  }

  /** From the log: anything that came in. */
  input(input: Parameters<Registry['inputs'][number]['handler']>[0]['input'], instruction: number): void {
    this.moment.fill(instruction);
    for (const { file, handler } of this.registry.inputs) {
      this.run(file, () => handler({ ...this.where(), input }));
    }
  }

  private pre(call: CallRecord): void {
    for (const hook of call.hooks) {
      if (hook.handlers.pre !== undefined) this.handle(hook, call, hook.handlers.pre);
    }
  }

  private post(call: CallRecord): void {
    for (const hook of call.hooks) {
      if (hook.handlers.post !== undefined) this.handle(hook, call, hook.handlers.post);
    }
  }

  private again(call: CallRecord): void {
    for (const hook of call.hooks) {
      const handler = hook.handlers.again ?? hook.handlers.post;
      if (handler !== undefined) this.handle(hook, call, handler);
    }
  }

  private handle(hook: CallHook, call: CallRecord, handler: (call: CallRecord) => void): void {
    const outer = this.call;
    this.call = call;
    this.hookIndex = hook.index;
    try {
      refuseWaiting(handler.call(hook.handlers, call));
    } catch (error) {
      this.problem(hook.file, error);
    }
    this.call = outer;
  }

  private run(file: number, handler: () => unknown): void {
    try {
      refuseWaiting(handler());
    } catch (error) {
      this.problem(file, error);
    }
  }

  private problem(file: number, error: unknown): void {
    const hook = this.registry.files[file]?.name ?? 'rebek';
    const call = this.call?.name;
    this.problems++;
    const problem = { hook, instruction: this.instruction, call, error };
    this.options.onProblem(problem);
    if (this.options.strict) throw handlerError(problem);
  }

  private emit(file: number, type: string, data: Readonly<Record<string, unknown>>): void {
    const hook = this.registry.files[file]!.name;
    const { instruction, time, call } = this;
    const thread = this.subject ?? this.thread;
    const process = thread?.process;
    // All of that changes while it runs: prctl, setuid, a parent that ends.
    if (thread !== undefined && thread === this.thread) {
      const now = this.os?.thread(thread.address)?.process;
      if (now !== undefined) thread.process.renew(now, thread.tid === now.pid);
    }
    this.options.onFinding({ hook, type, instruction, time, thread, process, call, data });
    this.findings++;
  }

  /** The replay is over: what is still open ends as such. */
  finish(instruction: number): void {
    this.moment.fill(instruction);
    for (const lane of this.lanes) lane.finish(this.os, this.threads, this.moment);
    for (const { file, handler } of this.registry.ends) this.run(file, () => handler(this.where()));
  }
}
