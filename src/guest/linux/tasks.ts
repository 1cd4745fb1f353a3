/** Tasks, one by one and all of them, through the offsets that are known. */
import type { ProcessInfo, StackRange, ThreadInfo } from '../os.ts';
import { MOST_TASKS } from './derive-tasks.ts';
import { type KernelMemory, THREAD_SIZE } from './kernel-memory.ts';
import type { Field, Offsets } from './offsets.ts';

const COMM_LENGTH = 16;
const MAX_PID = 1 << 22;
/** Threads of one process at the most: what a kernel allows at all. */
const MOST_THREADS = 32768;
const NO_ID = 0xffffffff;

export class Tasks {
  private readonly memory: KernelMemory;
  private readonly offsets: Readonly<Offsets>;
  private readonly initTask: number | undefined;
  private lastStack: StackRange = { low: 0, high: 0 };
  /** Whether incarnations are told apart by their time of creation; undefined as long as nobody has asked. */
  private usesTime: boolean | undefined;

  /** @param initTask the address of the kernel's first task, from which all others are listed */
  constructor(memory: KernelMemory, offsets: Readonly<Offsets>, initTask: number | undefined) {
    this.memory = memory;
    this.offsets = offsets;
    this.initTask = initTask;
  }

  /** A word of a task; undefined also where its place is not known. */
  word(task: number, field: Field): number | undefined {
    const offset = this.offsets[field];
    return offset === undefined ? undefined : this.memory.u32(task + offset);
  }

  /** A pointer in a task, unless it leads nowhere. */
  private pointer(task: number, field: Field): number | undefined {
    const value = this.word(task, field);
    return this.memory.isPointer(value) ? value : undefined;
  }

  /** The name; undefined if there can be no task. */
  name(task: number): string | undefined {
    const offset = this.offsets['task.comm'];
    return offset === undefined ? undefined : this.memory.cString(task + offset, COMM_LENGTH - 1);
  }

  /** The first task of the thread group; undefined if this is no task. */
  leader(task: number): number | undefined {
    const leader = this.pointer(task, 'task.group_leader');
    return leader !== undefined && this.word(leader, 'task.group_leader') === leader ? leader : undefined;
  }

  /** A thread by its task. */
  thread(task: number): ThreadInfo | undefined {
    if (!this.memory.isPointer(task)) return undefined;
    const tid = this.word(task, 'task.pid');
    const process = this.process(task);
    if (process === undefined || tid === undefined || tid > MAX_PID) return undefined;
    return { address: task, tid, process };
  }

  /** The process that a task is a thread of. */
  process(task: number): ProcessInfo | undefined {
    const leader = this.leader(task);
    const pid = this.word(task, 'task.tgid');
    const name = this.name(task);
    if (leader === undefined || pid === undefined || pid > MAX_PID || name === undefined) return undefined;
    const parent = this.pointer(task, 'task.real_parent');
    const ppid = parent === undefined ? undefined : this.word(parent, 'task.tgid');
    return {
      address: leader,
      pid,
      ppid: ppid !== undefined && ppid <= MAX_PID ? ppid : undefined,
      name,
      asid: this.asid(task),
      uid: this.uid(task),
    };
  }

  private uid(task: number): number | undefined {
    const cred = this.pointer(task, 'task.cred');
    const uid = cred === undefined ? undefined : this.word(cred, 'cred.euid');
    return uid === NO_ID ? undefined : uid;
  }

  /** The address space of a task: the mm_struct; undefined for threads of the kernel. */
  space(task: number): number | undefined {
    return this.pointer(task, 'task.mm');
  }

  /** The CR3 of a task. */
  asid(task: number): number | undefined {
    const space = this.space(task);
    const directory = space === undefined ? undefined : this.pointer(space, 'mm.pgd');
    return directory === undefined ? undefined : directory - this.memory.pageOffset;
  }

  kernelStack(task: number): StackRange | undefined {
    const low = this.word(task, 'task.stack');
    if (low === undefined || low === 0 || (low & 4095) !== 0) return undefined;
    // Asked for again and again, of the same thread.
    if (low !== this.lastStack.low) this.lastStack = { low, high: low + THREAD_SIZE };
    return this.lastStack;
  }

  savedSp(task: number): number | undefined {
    const stack = this.kernelStack(task);
    const sp = this.word(task, 'task.sp');
    return stack !== undefined && sp !== undefined && sp >= stack.low && sp < stack.high ? sp : undefined;
  }

  /** From `exit_notify` on (kernel/exit.c): some of the kernel's code still runs in it. */
  hasEnded(task: number): boolean {
    return (this.word(task, 'task.exit_state') ?? 0) !== 0;
  }

  /** Id and time of creation in one number; another pair has the same one only 24 days later. */
  incarnation(task: number): number {
    const { 'task.pid': pidAt, 'task.start_time': startAt } = this.offsets;
    if (pidAt === undefined) return 0;
    // Asked for without it once, it must not come in later: the thread would seem to be another one.
    this.usesTime ??= startAt !== undefined;
    const pid = this.memory.u32(task + pidAt) ?? 0;
    const started = startAt !== undefined && this.usesTime ? (this.memory.u64(task + startAt) ?? 0) : 0;
    return (Math.floor(started / 1e6) % 2 ** 31) * MAX_PID + (pid % MAX_PID);
  }

  /** The first task of each process, without the idle one; as far as the list can be followed. */
  leaders(): number[] {
    const { memory, initTask } = this;
    const offset = this.offsets['task.tasks'];
    if (initTask === undefined || offset === undefined) return [];
    const found = new Set<number>();
    const head = initTask + offset;
    for (let node = memory.u32(head); node !== head && found.size < MOST_TASKS; node = memory.u32(node)) {
      if (!memory.isPointer(node) || found.has(node - offset)) break;
      found.add(node - offset);
    }
    return [...found];
  }

  /** All threads of a process, its leader first. */
  threadsOf(leader: number): number[] {
    const { memory } = this;
    const node = this.offsets['task.thread_node'];
    const head = this.offsets['signal.thread_head'];
    const signal = this.pointer(leader, 'task.signal');
    if (node === undefined || head === undefined || signal === undefined) return [leader];
    const found = new Set([leader]);
    const end = signal + head;
    let at = memory.u32(end);
    // The first one is the leader.
    for (let i = 0; at !== end && memory.isPointer(at) && i <= MOST_THREADS; i++) {
      if (i > 0 && found.has(at - node)) break;
      found.add(at - node);
      at = memory.u32(at);
    }
    return [...found];
  }
}
