/** NT's threads and processes, read where a profile says that their fields are. */
import type { GuestCpu } from '../cpu.ts';
import type { VirtualMemory } from '../memory.ts';
import type { ProcessInfo, StackRange, ThreadInfo } from '../os.ts';
import { type NtKernel, Pcr } from './kernel.ts';
import { isKernelAddress, walkList } from './list.ts';
import type { NtProfile } from './profile.ts';

/** DISPATCHER_HEADER.Type; Vista and later keep flags in the upper bit. */
const PROCESS_OBJECT = 3;
const THREAD_OBJECT = 6;
/** KTHREAD.State. */
const TERMINATED = 4;
const LAST_STATE = 9;
const MOST_PROCESSES = 8192;
const MOST_THREADS = 65536;
/** More than the largest kernel stack. */
const LARGEST_STACK = 0x20000;
/** Objects whose stack is remembered. */
const REMEMBERED = 4096;

/** KTRAP_FRAME.SegCs and HardwareEsp (ntddk.h, i386). */
const TRAP_FRAME_CS = 0x6c;
const TRAP_FRAME_ESP = 0x74;

export class Structures {
  readonly cpu: GuestCpu;
  readonly memory: VirtualMemory;
  readonly kernel: NtKernel;
  readonly profile: NtProfile;
  /** The System process. */
  readonly system: number;
  private readonly stacks = new Map<number, StackRange>();
  private readonly spaces = new Map<number, VirtualMemory>();

  private constructor(cpu: GuestCpu, kernel: NtKernel, profile: NtProfile, system: number) {
    this.cpu = cpu;
    this.memory = cpu.memory;
    this.kernel = kernel;
    this.profile = profile;
    this.system = system;
  }

  /**
   * The structures of a kernel by a profile, if what is there looks like it: the System process with its name and number,
   * in a list whose links point to each other, and a current thread with a stack and a process.
   */
  static open(cpu: GuestCpu, kernel: NtKernel, profile: NtProfile, system: number): Structures | undefined {
    const structures = new Structures(cpu, kernel, profile, system);
    return structures.makeSense() ? structures : undefined;
  }

  private makeSense(): boolean {
    const { memory, profile, system } = this;
    if (!this.isProcess(system) || this.imageName(system) !== 'System') return false;
    const pid = memory.u32(system + profile.process.pid);
    if (pid !== 4 && pid !== 8) return false;
    const link = system + profile.process.link;
    const next = memory.u32(link);
    if (!isKernelAddress(next) || memory.u32(next + 4) !== link) return false;
    const thread = this.currentThread();
    if (!this.isThread(thread) || this.processOf(thread) === undefined) return false;
    const stack = this.kernelStack(thread);
    return stack !== undefined && (memory.u8(thread + profile.thread.state) ?? 255) <= LAST_STATE;
  }

  /** 0 if there is none. */
  currentThread(): number {
    return this.memory.u32(this.kernel.pcr + Pcr.currentThread) ?? 0;
  }

  isThread(address: number): boolean {
    return isKernelAddress(address) && ((this.memory.u8(address) ?? 0) & 0x7f) === THREAD_OBJECT;
  }

  isProcess(address: number): boolean {
    return isKernelAddress(address) && ((this.memory.u8(address) ?? 0) & 0x7f) === PROCESS_OBJECT;
  }

  /** The process that a thread belongs to; for one that has none in that field (idle threads), whose space it uses. */
  processOf(thread: number): number | undefined {
    const { process, attached } = this.profile.thread;
    const owner = this.memory.u32(thread + process) ?? 0;
    if (this.isProcess(owner)) return owner;
    const other = this.memory.u32(thread + attached) ?? 0;
    return this.isProcess(other) ? other : undefined;
  }

  imageName(process: number): string {
    const bytes = this.memory.bytes(process + this.profile.process.imageFileName, 16);
    const end = bytes.indexOf(0);
    return String.fromCharCode(...bytes.subarray(0, end < 0 ? 15 : end));
  }

  process(address: number): ProcessInfo | undefined {
    if (!this.isProcess(address)) return undefined;
    const { process } = this.profile;
    const pid = this.memory.u32(address + process.pid);
    if (pid === undefined) return undefined;
    const root = this.directoryTable(address);
    return {
      address,
      pid,
      ppid: this.memory.u32(address + process.ppid),
      name: this.imageName(address),
      asid: root === 0 ? undefined : root,
      uid: undefined,
    };
  }

  /** CR3 of a process; 0 if that is not to be had. */
  directoryTable(process: number): number {
    return this.memory.u32(process + this.profile.process.directoryTableBase) ?? 0;
  }

  thread(address: number): ThreadInfo | undefined {
    if (!this.isThread(address)) return undefined;
    const tid = this.memory.u32(address + this.profile.thread.tid);
    const owner = this.processOf(address);
    const process = owner === undefined ? undefined : this.process(owner);
    return tid === undefined || process === undefined ? undefined : { address, tid, process };
  }

  hasEnded(thread: number): boolean {
    return this.isThread(thread) && this.memory.u8(thread + this.profile.thread.state) === TERMINATED;
  }

  incarnation(thread: number): number {
    const { createTime, tid } = this.profile.thread;
    // The lowest bits are flags up to NT 5.2; a unit is 100 ns, or with the flags an eighth of that.
    const low = ((this.memory.u32(thread + createTime) ?? 0) & ~7) >>> 0;
    const high = this.memory.u32(thread + createTime + 4) ?? 0;
    const id = this.memory.u32(thread + tid) ?? 0;
    return ((high ^ id) & 0x1f_ffff) * 2 ** 32 + low;
  }

  /**
   * The whole stack, not only the part below the innermost callback to user mode, which KTHREAD.InitialStack tells of where
   * StackBase is not known.
   */
  kernelStack(thread: number): StackRange | undefined {
    const { stackBase, initialStack, stackLimit } = this.profile.thread;
    const high = this.memory.u32(thread + (stackBase ?? initialStack)) ?? 0;
    const low = this.memory.u32(thread + stackLimit) ?? 0;
    if (low < 0x8000_0000 || high <= low || high - low > LARGEST_STACK) return undefined;
    return this.range(thread, low, high);
  }

  /** The stack that the TEB tells of. */
  userStack(thread: number): StackRange | undefined {
    const teb = this.memory.u32(thread + this.profile.thread.teb) ?? 0;
    if (teb === 0 || teb >= 0x8000_0000) return undefined;
    const process = this.processOf(thread);
    if (process === undefined) return undefined;
    const space = this.spaceOf(process);
    const high = space.u32(teb + 4) ?? 0;
    const low = space.u32(teb + 8) ?? 0;
    // A key of its own, next to the thread's.
    return high > low ? this.range(thread + 1, low, high) : undefined;
  }

  /** One object for as long as it stays the same, so that asking again and again makes none. */
  private range(key: number, low: number, high: number): StackRange {
    const known = this.stacks.get(key);
    if (known !== undefined && known.low === low && known.high === high) return known;
    if (this.stacks.size >= REMEMBERED) this.stacks.clear();
    const range = { low, high };
    this.stacks.set(key, range);
    return range;
  }

  /** The address space of a process. */
  spaceOf(process: number): VirtualMemory {
    return this.space(this.directoryTable(process));
  }

  space(root: number): VirtualMemory {
    if (root === 0 || root === this.memory.cr3) return this.memory;
    let space = this.spaces.get(root);
    if (space === undefined) {
      if (this.spaces.size >= REMEMBERED) this.spaces.clear();
      space = this.memory.in(root);
      this.spaces.set(root, space);
    }
    return space;
  }

  savedKernelEsp(thread: number): number | undefined {
    if (thread === this.currentThread() || !this.isThread(thread)) return undefined;
    const esp = this.memory.u32(thread + this.profile.thread.kernelStack);
    return isKernelAddress(esp) ? esp : undefined;
  }

  /** From the trap frame of its last entry into the kernel: KTRAP_FRAME.HardwareEsp, if SegCs is a program's. */
  userEsp(thread: number): number | undefined {
    const { trapFrame } = this.profile.thread;
    const frame = trapFrame === undefined ? undefined : this.memory.u32(thread + trapFrame);
    if (!isKernelAddress(frame)) return undefined;
    const fromProgram = ((this.memory.u32(frame + TRAP_FRAME_CS) ?? 0) & 3) === 3;
    return fromProgram ? this.memory.u32(frame + TRAP_FRAME_ESP) : undefined;
  }

  /** The idle process, which is in no list, then those of the list that System is in. */
  *processes(): Generator<number> {
    const idle = this.idleThread();
    const idleProcess = idle === undefined ? undefined : this.processOf(idle);
    if (idleProcess !== undefined && idleProcess !== this.system) yield idleProcess;
    yield this.system;
    const { link } = this.profile.process;
    const { base, size } = this.kernel.image;
    for (const at of walkList(this.memory, this.system + link, MOST_PROCESSES)) {
      // The list's head is a variable of the kernel.
      if (at >= base && at < base + size) continue;
      if (this.isProcess(at - link)) yield at - link;
    }
  }

  private idleThread(): number | undefined {
    const thread = this.memory.u32(this.kernel.pcr + Pcr.idleThread) ?? 0;
    return this.isThread(thread) ? thread : undefined;
  }

  /** The threads that a process lists. */
  *threads(process: number): Generator<number> {
    const { link } = this.profile.thread;
    const head = process + this.profile.process.threads;
    const idle = this.idleThread();
    let found = false;
    for (const at of walkList(this.memory, head, MOST_THREADS)) {
      const thread = at - link;
      if (!this.isThread(thread) || this.processOf(thread) !== process) continue;
      found ||= thread === idle;
      yield thread;
    }
    // Before it has been listed.
    if (idle !== undefined && !found && this.processOf(idle) === process) yield idle;
  }

  /** KTHREAD.ServiceTable of the threads that there are. */
  *serviceTables(): Generator<number> {
    const { serviceTable } = this.profile.thread;
    if (serviceTable === undefined) return;
    for (const process of this.processes()) {
      for (const thread of this.threads(process)) {
        const table = this.memory.u32(thread + serviceTable);
        if (isKernelAddress(table)) yield table;
      }
    }
  }
}
