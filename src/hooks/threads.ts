/**
 * Threads and processes by incarnation: the guest's kernel uses ids and objects again, so each thread that is seen running
 * gets a number of its own.
 */
import type { GuestOs, OpenObject, ProcessDetails, ProcessInfo } from '../guest/os.ts';
import type { HookProcess, HookThread } from './api.ts';

export class TrackedThread implements HookThread {
  readonly key: number;
  /** Linux: execve in another thread than the leader takes over the leader's. */
  tid: number;
  readonly address: number;
  process: TrackedProcess;
  incarnation: number;
  /** Instruction count when it was first seen or made. */
  readonly since: number;
  /** The thread that made it, as far as known. */
  maker: TrackedThread | undefined;
  ended = false;

  constructor(
    key: number,
    tid: number,
    address: number,
    process: TrackedProcess,
    incarnation: number,
    since: number,
  ) {
    this.key = key;
    this.tid = tid;
    this.address = address;
    this.process = process;
    this.incarnation = incarnation;
    this.since = since;
  }

  toJSON(): unknown {
    return { key: this.key, tid: this.tid };
  }
}

/**
 * Its fields are what the guest's kernel said when the process was seen first, or has last exchanged its program; name, parent
 * and user those of its last finding.
 */
export class TrackedProcess implements HookProcess {
  readonly key: number;
  address: number;
  pid: number;
  ppid: number | undefined;
  name: string;
  asid: number | undefined;
  uid: number | undefined;
  /** Threads of it that have been seen and have not ended. */
  threads = 0;
  private readonly os: GuestOs;

  constructor(key: number, os: GuestOs, info: ProcessInfo) {
    this.key = key;
    this.os = os;
    this.address = info.address;
    this.pid = info.pid;
    this.ppid = info.ppid;
    this.name = info.name;
    this.asid = info.asid;
    this.uid = info.uid;
  }

  /** Takes over what changes without a new program; the name only from its first thread, since each has its own. */
  renew({ name, ppid, uid }: ProcessInfo, isFirst: boolean): void {
    if (isFirst) this.name = name;
    this.ppid = ppid;
    this.uid = uid;
  }

  /** Takes over what may have changed: name, address space, user. */
  refresh(info: ProcessInfo): void {
    this.name = info.name;
    this.ppid = info.ppid;
    this.asid = info.asid;
    this.uid = info.uid;
  }

  details(): ProcessDetails {
    return this.os.details(this);
  }

  object(handle: number): OpenObject | undefined {
    return this.os.object(this, handle);
  }

  toJSON(): Readonly<Record<string, unknown>> {
    const { key, pid, ppid, name, uid } = this;
    return { key, pid, ...(ppid !== undefined && { ppid }), name, ...(uid !== undefined && { uid }) };
  }
}

export interface ThreadEvents {
  threadMade(thread: TrackedThread, maker: TrackedThread): void;
  threadStarted(thread: TrackedThread): void;
  /** Also told late: when its object turns out to be another thread's. */
  threadEnded(thread: TrackedThread): void;
  processStarted(process: TrackedProcess, thread: TrackedThread): void;
  processEnded(process: TrackedProcess, thread: TrackedThread): void;
}

export class ThreadTable {
  private readonly os: GuestOs;
  private readonly events: ThreadEvents;
  /** `current` is asked at every context switch. */
  private readonly seesSwitches: boolean;
  private readonly threads = new Map<number, TrackedThread>();
  private readonly byKey = new Map<number, TrackedThread>();
  private readonly processes = new Map<number, TrackedProcess>();
  private threadKeys = 0;
  private processKeys = 0;
  private last: TrackedThread | undefined;

  constructor(os: GuestOs, events: ThreadEvents) {
    this.os = os;
    this.events = events;
    this.seesSwitches = os.watchPoints().some(({ what }) => what === 'switch');
  }

  /** The current thread; undefined if there is none yet. Cheap while it stays the same. */
  current(instruction: number): TrackedThread | undefined {
    const address = this.os.currentThread();
    const { last } = this;
    if (last !== undefined && last.address === address && !last.ended) {
      // No other has run since, or it would have been seen.
      if (this.seesSwitches || last.incarnation === this.os.incarnation(address)) return last;
    }
    if (address === 0) return undefined;
    this.recheck();
    this.last = this.seen(address, instruction);
    return this.last;
  }

  /** The thread that has run until now may have got another id just before. */
  recheck(): void {
    const { last } = this;
    if (last === undefined || last.ended || !this.seesSwitches) return;
    const incarnation = this.os.incarnation(last.address);
    if (last.incarnation !== incarnation) this.renamed(last, incarnation);
  }

  /** No other thread has run since: it is the same one, and goes by another id (Linux's de_thread, in fs/exec.c). */
  private renamed(thread: TrackedThread, incarnation: number): TrackedThread {
    thread.incarnation = incarnation;
    const info = this.os.thread(thread.address);
    if (info === undefined) return thread;
    thread.tid = info.tid;
    thread.process.address = info.process.address;
    thread.process.refresh(info.process);
    return thread;
  }

  /** The incarnation of a thread's object as it is now. */
  seen(address: number, instruction: number): TrackedThread | undefined {
    const known = this.threads.get(address);
    const incarnation = this.os.incarnation(address);
    if (known !== undefined && !known.ended && known.incarnation === incarnation) return known;
    if (known !== undefined && !known.ended) this.ended(known);
    // What a thread still does in the kernel after its end is its own.
    if (known?.incarnation === incarnation && this.os.hasEnded(address)) return known;
    const info = this.os.thread(address);
    if (info === undefined) return undefined;
    const process = this.process(info.process);
    const thread = new TrackedThread(++this.threadKeys, info.tid, address, process, incarnation, instruction);
    this.threads.set(address, thread);
    this.byKey.set(thread.key, thread);
    const first = process.threads++ === 0 && !this.started.has(process.key);
    if (first) {
      this.started.add(process.key);
      this.events.processStarted(process, thread);
    }
    this.events.threadStarted(thread);
    return thread;
  }

  private readonly started = new Set<number>();

  private process(info: ProcessInfo): TrackedProcess {
    const known = this.processes.get(info.address);
    if (
      known !== undefined &&
      known.pid === info.pid &&
      (known.threads > 0 || !this.started.has(known.key))
    ) {
      return known;
    }
    const process = new TrackedProcess(++this.processKeys, this.os, info);
    this.processes.set(info.address, process);
    return process;
  }

  thread(key: number): TrackedThread | undefined {
    return this.byKey.get(key);
  }

  /** Threads that have been seen and are not known to have ended. */
  alive(): Iterable<TrackedThread> {
    return [...this.threads.values()].filter((thread) => !thread.ended);
  }

  /** `maker` has made the thread at `address`, which may not have run yet. */
  made(address: number, maker: TrackedThread | undefined, instruction: number): TrackedThread | undefined {
    const thread = this.seen(address, instruction);
    if (thread !== undefined && maker !== undefined) this.make(thread, maker);
    return thread;
  }

  /** Who has made a thread: the first word on it counts. */
  make(thread: TrackedThread, maker: TrackedThread): void {
    if (thread === maker || thread.maker !== undefined) return;
    thread.maker = maker;
    this.events.threadMade(thread, maker);
  }

  ended(thread: TrackedThread): void {
    if (thread.ended) return;
    thread.ended = true;
    this.events.threadEnded(thread);
    this.byKey.delete(thread.key);
    const { process } = thread;
    if (--process.threads > 0) return;
    if (this.processes.get(process.address) === process) this.processes.delete(process.address);
    this.started.delete(process.key);
    this.events.processEnded(process, thread);
  }
}
