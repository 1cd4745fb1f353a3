/** What runs in a 32-bit Windows NT, found in its memory without symbols; see {@link GuestOs}. */
import { RebekError } from '../../base/errors.ts';
import type { GuestCpu } from '../cpu.ts';
import type { VirtualMemory } from '../memory.ts';
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
import { processDetails } from './details.ts';
import { clockRuns, findKernel, type NtKernel, Pcr } from './kernel.ts';
import { isKernelAddress } from './list.ts';
import { processModules } from './modules.ts';
import { CURRENT_PROCESS, CURRENT_THREAD, describeObject, objectOf } from './objects.ts';
import { findExport } from './pe.ts';
import { type NtProfile, profilesOf } from './profile.ts';
import { Structures } from './structures.ts';
import { findSwitchPoints } from './switch-points.ts';
import { Symbols } from './symbols.ts';

/** Notes for people: more than these say nothing new. */
const MOST_NOTES = 100;
/** Processes that are asked for something that any of them may have. */
const MOST_ASKED = 64;

/**
 * Finds NT in a guest. Undefined while there is none (no paging, no KPCR, no kernel's image), and while it has no System
 * process yet; this takes microseconds, so that it can be asked again and again.
 * @param profile instead of the offsets that are known of the build
 * @throws RebekError ERR_GUEST_PROFILE if the profile is another kernel's
 */
export function findNt(cpu: GuestCpu, profile?: NtProfile): NtOs | undefined {
  const kernel = findKernel(cpu);
  if (kernel === undefined) return undefined;
  const { memory } = cpu;
  const told = profile?.symbols?.get('PsInitialSystemProcess');
  const variable =
    told === undefined
      ? findExport(memory, kernel.image, 'PsInitialSystemProcess')
      : kernel.image.base + told;
  const system = variable === undefined ? undefined : memory.u32(variable);
  if (!isKernelAddress(system)) return undefined;
  const candidates = profile ? [profile] : profilesOf(kernel.build);
  for (const candidate of candidates) {
    const structures = Structures.open(cpu, kernel, candidate, system);
    if (structures !== undefined) return new NtOs(cpu, kernel, structures, candidate);
  }
  // A moment at the start when they are half made; later, they are not what is known of this build.
  if (!clockRuns(memory)) return undefined;
  if (profile !== undefined) {
    throw new RebekError(
      'ERR_GUEST_PROFILE',
      `the profile (${profile.name}) does not fit the kernel that is in memory`,
      { hint: `the guest runs NT ${kernel.major}.${kernel.minor} build ${kernel.build}` },
    );
  }
  return new NtOs(cpu, kernel, undefined, undefined);
}

export class NtOs implements GuestOs {
  readonly family = 'nt';
  /** Without the boot option /3GB. */
  readonly kernelStart = 0x8000_0000;
  readonly version: string;
  private readonly cpu: GuestCpu;
  private readonly kernel: NtKernel;
  /** Undefined if the offsets are not known. */
  private readonly nt: Structures | undefined;
  private readonly symbols: Symbols;
  private readonly told = new Set<string>();
  private switchPoints: readonly WatchPoint[] | undefined;

  /** @internal */
  constructor(
    cpu: GuestCpu,
    kernel: NtKernel,
    structures: Structures | undefined,
    profile: NtProfile | undefined,
  ) {
    this.cpu = cpu;
    this.kernel = kernel;
    this.nt = structures;
    const { major, minor, build } = kernel;
    this.version = `NT ${major}.${minor} build ${build}`;
    if (structures === undefined) {
      this.note(
        `the structures of build ${build} are not known: no threads, processes or handles, only functions by name`,
      );
    } else if (structures.profile.object === undefined) {
      this.note(`what handles lead to is not known of ${structures.profile.name}`);
    }
    this.symbols = new Symbols({
      memory: cpu.memory,
      kernel,
      symbols: profile?.symbols,
      serviceTables: () => this.nt?.serviceTables() ?? [],
      spaces: () => this.spaces(),
      ntdll: () => this.ntdll(),
      note: (text) => this.note(text),
    });
  }

  get notes(): readonly string[] {
    return [...this.told];
  }

  private note(text: string): void {
    if (this.told.size < MOST_NOTES) this.told.add(text);
  }

  currentThread(): number {
    return this.cpu.memory.u32(this.kernel.pcr + Pcr.currentThread) ?? 0;
  }

  incarnation(thread: number): number {
    return this.nt?.incarnation(thread) ?? 0;
  }

  thread(thread: number): ThreadInfo | undefined {
    return this.nt?.thread(thread);
  }

  hasEnded(thread: number): boolean {
    return this.nt?.hasEnded(thread) ?? false;
  }

  kernelStack(thread: number): StackRange | undefined {
    return this.nt?.kernelStack(thread);
  }

  userStack(thread: number): StackRange | undefined {
    return this.nt?.userStack(thread);
  }

  savedKernelEsp(thread: number): number | undefined {
    return this.nt?.savedKernelEsp(thread);
  }

  userEsp(thread: number): number | undefined {
    return this.nt?.userEsp(thread);
  }

  /** Those of the kernel's list, and the idle process, which is in none. */
  processes(): readonly ProcessInfo[] {
    const { nt } = this;
    if (nt === undefined) return [];
    return [...nt.processes()].flatMap((process) => nt.process(process) ?? []);
  }

  threads(): readonly ThreadInfo[] {
    const { nt } = this;
    if (nt === undefined) return [];
    const found: ThreadInfo[] = [];
    for (const process of nt.processes())
      for (const thread of nt.threads(process)) {
        const info = nt.thread(thread);
        if (info !== undefined) found.push(info);
      }
    return found;
  }

  /** A process's PEB and its own memory; undefined for those of the kernel. */
  private environmentOf(process: ProcessInfo): { peb: number; memory: VirtualMemory } | undefined {
    const { nt } = this;
    if (nt === undefined || process.asid === undefined) return undefined;
    const peb = nt.memory.u32(process.address + nt.profile.process.peb);
    return peb === undefined || peb === 0 || peb >= 0x8000_0000
      ? undefined
      : { peb, memory: nt.space(process.asid) };
  }

  details(process: ProcessInfo): ProcessDetails {
    const own = this.environmentOf(process);
    if (own !== undefined) return processDetails(own.memory, own.peb);
    return { imagePath: undefined, commandLine: undefined, arguments: undefined, environment: undefined };
  }

  modules(process?: ProcessInfo): readonly ModuleInfo[] {
    if (process === undefined) return this.symbols.kernelModules();
    const own = this.environmentOf(process);
    return own === undefined ? [] : processModules(own.memory, own.peb, process.name);
  }

  object(process: ProcessInfo, handle: number): OpenObject | undefined {
    return this.nt && describeObject(this.nt, process.address, handle);
  }

  private *spaces(): Generator<VirtualMemory> {
    let asked = 0;
    for (const process of this.nt?.processes() ?? []) {
      if (asked++ >= MOST_ASKED) return;
      yield this.nt!.spaceOf(process);
    }
  }

  /** ntdll, in the first process that has it: that of the system's own session manager. */
  private ntdll(): { memory: VirtualMemory; module: ModuleInfo } | undefined {
    let asked = 0;
    for (const process of this.processes()) {
      if (asked++ >= MOST_ASKED) return undefined;
      const own = this.environmentOf(process);
      const module = own && this.modules(process).find((m) => m.name.toLowerCase() === 'ntdll.dll');
      if (own && module) return { memory: own.memory, module };
    }
    return undefined;
  }

  functions(pattern: string, process?: ProcessInfo): readonly GuestFunction[] {
    const kernel = this.symbols.kernelFunctions(pattern);
    const own = process && this.environmentOf(process);
    if (process === undefined || own === undefined) return kernel;
    const modules = this.modules(process);
    return [...kernel, ...this.symbols.processFunctions(pattern, own.memory, process.asid!, modules)];
  }

  symbolAt(address: number, process?: ProcessInfo): { module: string; name: string } | undefined {
    const found = this.symbols.nameInKernel(address);
    if (found !== undefined || process === undefined) return found;
    const own = this.environmentOf(process);
    return own && this.symbols.nameIn(address, own.memory, this.modules(process));
  }

  moduleSymbols(
    module: ModuleInfo,
    process?: ProcessInfo,
  ): { symbols: readonly ModuleSymbol[]; complete: boolean } {
    if (process === undefined) return this.symbols.moduleSymbols(module);
    const own = this.environmentOf(process);
    return own === undefined
      ? { symbols: [], complete: false }
      : this.symbols.moduleSymbols(module, own.memory);
  }

  watchPoints(): readonly WatchPoint[] {
    if (this.switchPoints === undefined) {
      const { memory } = this.cpu;
      const { image, pcr } = this.kernel;
      const found = findSwitchPoints(memory, image, pcr);
      if (found.length === 0) {
        this.note('the place where the kernel goes from thread to thread is not to be found');
        return [];
      }
      this.switchPoints = found.map((address) => ({ address, what: 'switch' as const }));
    }
    return this.switchPoints;
  }

  /**
   * By the handle: a pseudo-handle, or one that leads to the calling thread (its process). NtTerminateThread takes 0 for the
   * calling thread; NtTerminateProcess(0) ends the other threads and returns. When the thread has ended its process may have
   * no handles any more: then it is by the exit status, which must be the one that the call was given.
   */
  endsCaller(name: string, thread: number, argument: (index: number) => number | undefined): boolean {
    if (name === 'PsTerminateSystemThread') return true;
    const ofThread = name === 'NtTerminateThread';
    if (!ofThread && name !== 'NtTerminateProcess') return false;
    const handle = argument(0);
    if (handle === undefined) return false;
    if (handle === 0) return ofThread;
    if (handle === (ofThread ? CURRENT_THREAD : CURRENT_PROCESS)) return true;
    const { nt } = this;
    const process = nt?.processOf(thread);
    if (nt === undefined || process === undefined) return false;
    const { objectTable } = nt.profile.process;
    if (objectTable !== undefined && nt.memory.u32(process + objectTable)) {
      const object = objectOf(nt, process, handle);
      return object === (ofThread ? thread : process);
    }
    const { exitStatus } = nt.profile.thread;
    return exitStatus !== undefined && nt.memory.u32(thread + exitStatus) === argument(1);
  }
}
