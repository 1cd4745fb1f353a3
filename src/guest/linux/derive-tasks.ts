/**
 * Where things are in `task_struct` (Linux: include/linux/sched.h), found from what must be true of all tasks at once.
 * Each search goes over all places and takes the one that fits; with two that fit, or none, nothing is taken.
 */
import { type KernelMemory, THREAD_SIZE } from './kernel-memory.ts';
import type { Offsets } from './offsets.ts';
import type { KernelSymbols } from './symbols.ts';

/** Words of a task that are searched; x86-32's task_struct has 1500 to 2500. */
const TASK_WORDS = 2560;
/** Tasks in the list at the most: PID_MAX_LIMIT of 32-bit kernels is 32768 (include/linux/threads.h). */
export const MOST_TASKS = 65536;
/** So many tasks are looked at, from both ends of the list: more would only cost time. */
const SAMPLE = 128;
const COMM_LENGTH = 16;
/** include/uapi/linux/magic.h */
const STACK_END_MAGIC = 0x57ac6e9d;
const MAX_PID = 1 << 22;

/** A task and its words. */
export interface TaskWords {
  readonly address: number;
  readonly words: Uint32Array;
}

/** What the searches look at. */
export interface TaskSample {
  /** init_task (pid 0) first, then in the order of creation. */
  readonly tasks: readonly TaskWords[];
  /** The addresses of all tasks in the list. */
  readonly all: ReadonlySet<number>;
}

/** The one byte offset, a multiple of 4, that fits; undefined for none or several. */
export function onlyOffset(
  fits: (offset: number) => boolean,
  from = 0,
  to = 4 * TASK_WORDS - 16,
): number | undefined {
  let found: number | undefined;
  for (let offset = from; offset < to; offset += 4) {
    if (!fits(offset)) continue;
    if (found !== undefined) return undefined;
    found = offset;
  }
  return found;
}

/** `comm`: the first task of all is called swapper (init/init_task.c). */
export function findComm(memory: KernelMemory, initTask: number): number | undefined {
  const bytes = Buffer.from(memory.bytes(initTask, 4 * TASK_WORDS));
  const at = bytes.indexOf('swapper');
  const after = at < 0 ? undefined : bytes.toString('latin1', at + 7, at + 10);
  const isName = after !== undefined && (after[0] === '\0' || after === '/0\0');
  return isName && bytes.indexOf('swapper', at + 1) < 0 ? at : undefined;
}

/** Whether a task can be at an address, by its name. */
function isNamed(memory: KernelMemory, task: number, comm: number): boolean {
  const name = memory.cString(task + comm, COMM_LENGTH - 1);
  return name !== undefined && /^[\x20-\x7e]+$/.test(name);
}

/** The list that begins in init_task at `tasks`: all of it, if it is one. */
function ring(memory: KernelMemory, initTask: number, tasks: number, comm: number): number[] | undefined {
  const found = [initTask];
  for (let node = initTask + tasks; found.length < MOST_TASKS; ) {
    const next = memory.u32(node);
    if (!memory.isPointer(next) || memory.u32(next + 4) !== node) return undefined;
    if (next === initTask + tasks) return found;
    if (!isNamed(memory, next - tasks, comm)) return undefined;
    found.push(next - tasks);
    node = next;
  }
  return undefined;
}

/** Finds `comm` and `tasks`, and with them the tasks; undefined before the kernel has its first three. */
export function sampleTasks(
  memory: KernelMemory,
  symbols: KernelSymbols,
  offsets: Offsets,
): TaskSample | undefined {
  const initTask = symbols.address('init_task');
  if (initTask === undefined) return undefined;
  const comm = offsets['task.comm'] ?? findComm(memory, initTask);
  if (comm === undefined) return undefined;
  const known = offsets['task.tasks'];
  const tasks =
    known ??
    onlyOffset((offset) => {
      const next = memory.u32(initTask + offset);
      if (next === initTask + offset || !memory.isPointer(next)) return false;
      if (memory.u32(next + 4) !== initTask + offset || !isNamed(memory, next - offset, comm)) return false;
      const found = ring(memory, initTask, offset, comm);
      // Task 2 is the kernel's maker of threads (init/main.c, rest_init).
      return found?.some((task) => memory.cString(task + comm, 15) === 'kthreadd') ?? false;
    });
  const all = tasks === undefined ? undefined : ring(memory, initTask, tasks, comm);
  if (all === undefined || all.length < 3) return undefined;
  offsets['task.comm'] = comm;
  offsets['task.tasks'] = tasks!;
  const some = all.length <= SAMPLE ? all : [...all.slice(0, SAMPLE / 2), ...all.slice(-SAMPLE / 2)];
  // Behind a task may lie another one, whose fields would look like more of the first one's.
  const size = Math.min(4 * TASK_WORDS, smallestGap(all.slice(1)));
  return {
    tasks: some.map((address) => ({ address, words: memory.words(address, size >> 2) })),
    all: new Set(all),
  };
}

/** The smallest distance between two of these objects of one type: they are no larger. Infinity for one. */
export function smallestGap(addresses: readonly number[]): number {
  const sorted = [...addresses].sort((a, b) => a - b);
  return sorted.reduce(
    (gap, address, i) => (i === 0 ? gap : Math.min(gap, address - (sorted[i - 1] ?? 0))),
    Number.POSITIVE_INFINITY,
  );
}

/** The word at a byte offset; 0 past the task's end. */
const at = ({ words }: TaskWords, offset: number): number => words[offset >> 2] ?? 0;

/** `pid` and `tgid` side by side: 0 in the first task, 1 in the next, and different in all of them. */
export function findPid({ tasks }: TaskSample): number | undefined {
  return onlyOffset((offset) => {
    const seen = new Set<number>();
    return tasks.every((task, i) => {
      const pid = at(task, offset);
      if (pid !== at(task, offset + 4) || seen.has(pid) || pid > MAX_PID) return false;
      seen.add(pid);
      return i < 2 ? pid === i : pid > 1;
    });
  });
}

/** `stack`: at its end is a mark (kernel/fork.c), in old kernels behind the thread_info, which begins with the task. */
export function findStack(memory: KernelMemory, { tasks }: TaskSample): number | undefined {
  return onlyOffset((offset) =>
    tasks.every((task, i) => {
      const stack = at(task, offset);
      if (stack === 0) return i > 2; // it has ended
      if ((stack & 4095) !== 0 || !memory.isPointer(stack)) return false;
      const end = memory.u32(stack);
      return end === STACK_END_MAGIC || end === task.address;
    }),
  );
}

/**
 * `thread.sp` of a task that does not run: on its stack, and there a frame that returns into the kernel's code (`struct
 * inactive_task_frame`, arch/x86/include/asm/switch_to.h: flags, SI, DI, BX, BP, return address).
 */
export function findSavedSp(
  memory: KernelMemory,
  symbols: KernelSymbols,
  { tasks }: TaskSample,
  stack: number,
  current: number,
): number | undefined {
  const others = tasks.filter((task) => task.address !== current && at(task, stack) !== 0);
  return onlyOffset((offset) =>
    others.every((task) => {
      const sp = at(task, offset);
      const low = at(task, stack);
      if (sp < low || sp > low + THREAD_SIZE - 24) return false;
      const returns = memory.u32(sp + 20);
      return returns !== undefined && symbols.isText(returns);
    }),
  );
}

/**
 * `group_leader`, which for those in the list is the task itself, and six words before it `real_parent`: also a task, or
 * one whose leader is. The first task's is itself, and it is that of the next two.
 */
export function findFamily(
  memory: KernelMemory,
  { tasks, all }: TaskSample,
): { leader: number; parent: number } | undefined {
  const isTask = (address: number, leader: number): boolean => {
    if (all.has(address)) return true;
    const its = memory.isPointer(address) ? memory.u32(address + leader) : undefined;
    return its !== undefined && all.has(its);
  };
  const leader = onlyOffset(
    (offset) =>
      tasks.every((task) => at(task, offset) === task.address) &&
      tasks.every((task, i) =>
        i < 3 ? at(task, offset - 24) === tasks[0]?.address : isTask(at(task, offset - 24), offset),
      ),
    24,
  );
  return leader === undefined ? undefined : { leader, parent: leader - 24 };
}

/** Whether a `struct cred` is at an address: see {@link findCred}. */
function isCred(memory: KernelMemory, address: number): boolean {
  if (!memory.isPointer(address)) return false;
  const words = memory.words(address, 9);
  const usage = words[0] ?? 0;
  return usage > 0 && usage < 1 << 24 && words.every((id, i) => i === 0 || id !== 0xffffffff);
}

/**
 * `cred`, behind `real_cred`. A `struct cred` (include/linux/cred.h) begins with a count, eight ids, the secure bits and
 * the capabilities (inheritable, permitted, effective, bounding), of which the first task has all and user 0.
 */
export function findCred(memory: KernelMemory, { tasks }: TaskSample): number | undefined {
  const isFirst = (address: number): boolean => {
    const words = memory.words(address, 18);
    const ids = words.subarray(1, 9);
    return ids.every((id) => id === 0) && words[12] === 0xffffffff && words[16] === 0xffffffff;
  };
  const real = onlyOffset(
    (offset) =>
      tasks.every((task) => isCred(memory, at(task, offset)) && isCred(memory, at(task, offset + 4))) &&
      tasks.slice(0, 1).every((task) => isFirst(at(task, offset)) && isFirst(at(task, offset + 4))),
  );
  return real === undefined ? undefined : real + 4;
}

/**
 * A thread group's list: the head is in its `signal_struct`, the nodes in its tasks, the leader's first (kernel/fork.c,
 * copy_process).
 */
export function findThreads(
  memory: KernelMemory,
  { tasks }: TaskSample,
): { signal: number; node: number; head: number } | undefined {
  let found: { signal: number; node: number; head: number } | undefined;
  const node = onlyOffset((offset) => {
    const [first] = tasks;
    if (first === undefined || at(first, offset) !== at(first, offset + 4)) return false;
    const heads = tasks.map((task) => at(task, offset + 4));
    const linked = heads.every((head, i) => {
      const task = tasks[i]?.address ?? 0;
      // Not a list of the task's own, which is empty. What lies behind the first task can be anything.
      const isApart = i === 0 || head < task || head >= task + 4 * TASK_WORDS;
      return isApart && memory.isPointer(head) && memory.u32(head) === task + offset;
    });
    if (!linked) return false;
    for (let head = 4; head <= 64; head += 4) {
      const signal = onlyOffset((place) =>
        tasks.every((task, i) => at(task, place) === (heads[i] ?? 0) - head),
      );
      if (signal !== undefined) found = { signal, node: offset, head };
    }
    return found !== undefined;
  });
  return node === undefined ? undefined : found;
}

/**
 * `exit_state`, `exit_code`, `exit_signal`: nothing, nothing and SIGCHLD in whoever lives (include/linux/sched.h; states
 * EXIT_DEAD 16 and EXIT_ZOMBIE 32), between `mm` and `pid`.
 */
export function findExitState({ tasks }: TaskSample, pid: number): number | undefined {
  const SIGCHLD = 17;
  return onlyOffset(
    (offset) => {
      let children = 0;
      const fits = tasks.every((task) => {
        const state = at(task, offset);
        const signal = at(task, offset + 8);
        if (signal === SIGCHLD) children++;
        if (state === 0) return at(task, offset + 4) === 0 && signal <= 64;
        return state === 16 || state === 32;
      });
      return fits && children > tasks.length / 2;
    },
    pid - 160,
    pid,
  );
}

/** `start_time` and, read a little later, another clock's `start_boottime`: ns, both ascending in the list. */
export function findStartTime({ tasks }: TaskSample): number | undefined {
  const time = (task: TaskWords, offset: number): number => at(task, offset + 4) * 2 ** 32 + at(task, offset);
  return onlyOffset((offset) => {
    let last = 0;
    let lastBoot = 0;
    let changes = 0;
    for (const [i, task] of tasks.entries()) {
      const now = time(task, offset);
      const boot = time(task, offset + 8);
      if (now < last || boot < lastBoot || boot < now || boot > 2 ** 53 || (i === 0) !== (now === 0))
        return false;
      if (now > last) changes++;
      last = now;
      lastBoot = boot;
    }
    return changes > tasks.length / 4;
  });
}
