/**
 * A 32-bit Linux in the guest, read without a symbol file: symbols from the kernel's own tables in memory, offsets derived from
 * what its structures must be like. What was found once stays: a kernel does not move.
 */
import type { GuestCpu } from '../cpu.ts';
import type {
  GuestFunction,
  GuestOs,
  ModuleInfo,
  ModuleSymbol,
  OpenObject,
  ProcessDetails,
  ProcessInfo,
  StackRange,
  ThreadInfo,
  WatchPoint,
} from '../os.ts';
import { parsePattern } from '../pattern.ts';
import { quoteWords, stringsBetween } from './command-line.ts';
import { Files } from './files.ts';
import { findKallsyms } from './kallsyms.ts';
import { endsCaller, KERNEL, KernelFunctions } from './kernel-functions.ts';
import { type Banner, imageAround, kernelBanner, pageFaultHandler } from './kernel-image.ts';
import { KernelMemory } from './kernel-memory.ts';
import { KernelModules } from './kernel-modules.ts';
import { findExports } from './ksymtab.ts';
import { Layout } from './layout.ts';
import { type LinuxProfile, shippedOffsets } from './offsets.ts';
import { ProcessModules, withOffset } from './process-modules.ts';
import { checkBanner, withProfileSymbols } from './profile.ts';
import { userEsp } from './pt-regs.ts';
import { KernelSymbols } from './symbols.ts';
import { systemCallByNumber } from './syscalls.ts';
import { Tasks } from './tasks.ts';
import { watchPoints } from './watch-points.ts';

/** Bytes after the last function in which the kernel's image still goes on. */
const AFTER_TEXT = 4 << 20;

interface Search {
  os: LinuxOs | undefined;
  /** The page fault handler around which there was no kernel. */
  vain: number;
}

const searches = new WeakMap<GuestCpu, Search>();

/**
 * The Linux kernel in the guest; undefined if there is none, or none yet. Cheap while the processor is as it was when
 * nothing was found.
 * @param profile what the analyst knows of the kernel; taken into account when the kernel is found
 * @throws RebekError ERR_GUEST_PROFILE if the profile is another kernel's
 */
export function findLinux(cpu: GuestCpu, profile?: LinuxProfile): LinuxOs | undefined {
  const search = searches.get(cpu) ?? { os: undefined, vain: 0 };
  if (search.os !== undefined) return search.os;
  const handler = pageFaultHandler(cpu);
  if (handler === 0 || handler === search.vain) return undefined;
  search.os = lookAround(cpu, handler, profile);
  search.vain = handler;
  searches.set(cpu, search);
  return search.os;
}

function lookAround(cpu: GuestCpu, handler: number, profile: LinuxProfile | undefined): LinuxOs | undefined {
  const window = imageAround(cpu, handler);
  if (window === undefined) return undefined;
  const { pageOffset, physical, bytes } = window;
  const table = findKallsyms(bytes, pageOffset + physical);
  if (table === undefined) return undefined;
  const first = table.addresses[0] ?? 0;
  const last = table.addresses.at(-1) ?? 0;
  const start = Math.max(0, first - pageOffset - physical) & ~3;
  const image = bytes.subarray(start, last + AFTER_TEXT - pageOffset - physical);
  const banner = kernelBanner(image);
  // The table must be of the kernel whose handler led here.
  if (banner === undefined || handler < first || handler > last + AFTER_TEXT) return undefined;
  checkBanner(profile, banner);
  const exports = findExports(image, pageOffset + physical + start);
  const symbols = new KernelSymbols(table, withProfileSymbols(exports, profile, table));
  return new LinuxOs(new KernelMemory(cpu, pageOffset, last), symbols, banner, profile);
}

export class LinuxOs implements GuestOs {
  readonly family = 'linux';
  readonly version: string;
  private readonly memory: KernelMemory;
  private readonly symbols: KernelSymbols;
  private readonly layout: Layout;
  private readonly tasks: Tasks;
  private readonly files: Files;
  private readonly kernelModules: KernelModules;
  private readonly processModules: ProcessModules;
  private kernelFunctions: KernelFunctions | undefined;
  private watched: ReturnType<typeof watchPoints> | undefined;
  /** Of the variable `current_task`, in the first processor's area without that area's distance; 0 if unknown. */
  private readonly currentTask: number;
  /** Of that distance; 0 if the kernel is for one processor only. */
  private readonly perCpuOffset: number;

  constructor(
    memory: KernelMemory,
    symbols: KernelSymbols,
    banner: Banner,
    profile: LinuxProfile | undefined,
  ) {
    this.version = `Linux ${banner.release}`;
    this.memory = memory;
    this.symbols = symbols;
    const highMemory = symbols.address('high_memory');
    if (highMemory !== undefined) memory.learnHighMemory(highMemory);
    this.layout = new Layout(memory, symbols, shippedOffsets(banner.release), profile);
    const { offsets } = this.layout;
    this.tasks = new Tasks(memory, offsets, symbols.address('init_task'));
    this.files = new Files(memory, offsets);
    this.kernelModules = new KernelModules(memory, symbols);
    this.processModules = new ProcessModules(memory, this.layout, this.files, this.tasks);
    // From 6.2 to 6.14, `current_task` is the first member of `pcpu_hot` (arch/x86/include/asm/current.h).
    this.currentTask = symbols.addressOf('current_task', 'pcpu_hot', 'const_pcpu_hot') ?? 0;
    this.perCpuOffset = symbols.address('__per_cpu_offset') ?? 0;
  }

  get notes(): readonly string[] {
    const found = [...this.layout.notes, ...(this.kernelFunctions?.notes ?? [])];
    if (this.currentTask === 0) found.push('no current thread: the kernel does not export current_task');
    if (this.symbols.address('init_task') === undefined)
      found.push('no threads and processes: the kernel does not export init_task');
    for (const path of this.processModules.incomplete)
      found.push(`not all functions of ${path}: pages of its symbols are in no process's memory`);
    for (const name of this.watched?.missing ?? []) found.push(`the kernel has no function ${name}`);
    return found;
  }

  get kernelStart(): number {
    return this.memory.pageOffset;
  }

  currentThread(): number {
    const { memory, perCpuOffset } = this;
    if (this.currentTask === 0) return 0;
    // The processor's number is 0: there is one.
    const distance = perCpuOffset === 0 ? 0 : (memory.u32(perCpuOffset) ?? 0);
    return memory.u32((this.currentTask + distance) >>> 0) ?? 0;
  }

  incarnation(thread: number): number {
    return this.tasks.incarnation(thread);
  }

  thread(thread: number): ThreadInfo | undefined {
    this.layout.complete(false, this.currentThread());
    return this.tasks.thread(thread);
  }

  hasEnded(thread: number): boolean {
    return this.tasks.hasEnded(thread);
  }

  kernelStack(thread: number): StackRange | undefined {
    return this.tasks.kernelStack(thread);
  }

  /** Linux keeps no record of it. */
  userStack(): undefined {
    return undefined;
  }

  savedKernelEsp(thread: number): number | undefined {
    return thread === this.currentThread() ? undefined : this.tasks.savedSp(thread);
  }

  userEsp(thread: number): number | undefined {
    const stack = this.kernelStack(thread);
    return stack && userEsp(this.memory.cpu.memory, stack);
  }

  systemCallName(number: number): string {
    return `sys_${systemCallByNumber(number)?.name ?? `0x${(number >>> 0).toString(16)}`}`;
  }

  processes(): readonly ProcessInfo[] {
    this.layout.complete(true, this.currentThread());
    return this.tasks
      .leaders()
      .map((task) => this.tasks.process(task))
      .filter((process) => process !== undefined);
  }

  threads(): readonly ThreadInfo[] {
    this.layout.complete(true, this.currentThread());
    return this.tasks
      .leaders()
      .flatMap((leader) => this.tasks.threadsOf(leader))
      .map((task) => this.tasks.thread(task))
      .filter((thread) => thread !== undefined);
  }

  details(process: ProcessInfo): ProcessDetails {
    const space = this.spaceOf(process);
    const args = this.strings(process, space, 0);
    return {
      imagePath: this.imagePath(space),
      commandLine: args === undefined ? undefined : quoteWords(args),
      arguments: args,
      environment: this.strings(process, space, 8),
    };
  }

  /** @param place 0 for the arguments, 8 for the environment: each has its start and end */
  private strings({ asid }: ProcessInfo, space: number | undefined, place: number): string[] | undefined {
    const at = this.layout.offsets['mm.arg_start'];
    if (at === undefined || asid === undefined || space === undefined) return undefined;
    const start = this.memory.u32(space + at + place);
    const end = this.memory.u32(space + at + place + 4);
    if (start === undefined || end === undefined) return undefined;
    return stringsBetween(this.memory.cpu.memory.in(asid), start, end);
  }

  private imagePath(space: number | undefined): string | undefined {
    const at = this.layout.offsets['mm.exe_file'];
    const file = at === undefined || space === undefined ? undefined : this.memory.u32(space + at);
    return this.memory.isPointer(file) ? this.files.path(file) : undefined;
  }

  /** The address space of a process: that of the first of its threads that still has one. */
  private spaceOf(process: ProcessInfo): number | undefined {
    this.layout.complete(false, this.currentThread());
    if (this.tasks.leader(process.address) !== process.address) return undefined;
    for (const task of this.tasks.threadsOf(process.address)) {
      const space = this.tasks.space(task);
      if (space !== undefined) return space;
    }
    return undefined;
  }

  modules(process?: ProcessInfo): readonly ModuleInfo[] {
    if (process === undefined) {
      const { first, last } = this.symbols;
      const kernel = { name: KERNEL, base: first, size: ((last - first) | 4095) + 1, path: undefined };
      return [kernel, ...this.kernelModules.list()];
    }
    const space = this.spaceOf(process);
    return space === undefined ? [] : this.processModules.list(space);
  }

  object(process: ProcessInfo, handle: number): OpenObject | undefined {
    this.layout.complete(false, this.currentThread());
    if (this.tasks.leader(process.address) !== process.address) return undefined;
    for (const task of this.tasks.threadsOf(process.address)) {
      const file = this.files.open(task, handle);
      if (file !== undefined) return this.files.describe(file);
    }
    return undefined;
  }

  functions(pattern: string, process?: ProcessInfo): readonly GuestFunction[] {
    const { module, name } = parsePattern(pattern);
    const found: GuestFunction[] = [];
    if (module === undefined || module === KERNEL || module === 'kernel') {
      this.kernelFunctions ??= new KernelFunctions(this.memory, this.symbols);
      found.push(...this.kernelFunctions.find(name));
    }
    const space = process === undefined ? undefined : this.spaceOf(process);
    if (process !== undefined && space !== undefined)
      found.push(...this.processModules.functions(process, space, module, name));
    return found;
  }

  symbolAt(
    address: number,
    process?: ProcessInfo,
  ): { readonly module: string; readonly name: string } | undefined {
    if (address >= this.memory.pageOffset) {
      const found = this.symbols.at(address);
      if (found !== undefined) return { module: KERNEL, name: withOffset(found.name, found.offset) };
      const module = this.kernelModules.at(address);
      return module && { module: module.name, name: withOffset('', address - module.base) };
    }
    const space = process === undefined ? undefined : this.spaceOf(process);
    if (process === undefined || space === undefined) return undefined;
    return this.processModules.symbolAt(process, space, address);
  }

  /** The kernel's by its own names, then its system calls as `sys_…`. The names in its modules are not known. */
  moduleSymbols(
    module: ModuleInfo,
    process?: ProcessInfo,
  ): { symbols: readonly ModuleSymbol[]; complete: boolean } {
    if (process !== undefined) {
      const space = this.spaceOf(process);
      return space === undefined
        ? { symbols: [], complete: false }
        : this.processModules.moduleSymbols(process, space, module);
    }
    if (module.name !== KERNEL) return { symbols: [], complete: true };
    const symbols: ModuleSymbol[] = [];
    for (const { name, address } of this.symbols.functions(() => true))
      symbols.push({ name, offset: address - module.base, size: 0 });
    for (const { name, address } of this.functions('sys_*'))
      symbols.push({ name, offset: address - module.base, size: 0 });
    return { symbols, complete: true };
  }

  watchPoints(): readonly WatchPoint[] {
    this.watched ??= watchPoints(this.memory.cpu, this.symbols);
    return this.watched.points;
  }

  endsCaller(name: string): boolean {
    return endsCaller(name);
  }
}
