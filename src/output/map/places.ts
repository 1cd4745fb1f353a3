/** Look-ups on a guest map, for whoever reads a trace from its beginning to its end: who runs now, and what is this address? */
import { matches, parsePattern } from '../../guest/pattern.ts';
import type { GuestMap, MappedModule, MappedProcess, MappedThread, ModuleSymbols } from './guest-map.ts';

/** Steps that a question about a later moment takes before it is looked for from scratch. */
const STEPS = 8;
/** Symbols before an address that are asked whether they reach up to it: one may lie in another. */
const NESTED = 8;
/** Of a pattern that fits nearly everything. */
const MOST_FOUND = 1 << 20;
/** What the kernel is also called in patterns. */
const KERNEL_PATTERNS: readonly string[] = ['nt', 'kernel', 'vmlinux', 'ntoskrnl', 'ntoskrnl.exe'];

/** A function's name, and how far into it an address is. */
export interface PlaceName {
  readonly module: string;
  readonly name: string;
  /** Bytes. */
  readonly offset: number;
}

/** A function in a module of a process or of the kernel. */
export interface FoundSymbol {
  readonly name: string;
  readonly address: number;
  /** Bytes, at least 1: up to the next name, or the module's end, where its own size is not known. */
  readonly size: number;
  readonly module: MappedModule;
  /** Undefined: the kernel. */
  readonly process: MappedProcess | undefined;
}

export class GuestPlaces {
  readonly map: GuestMap;
  private readonly processes = new Map<number, MappedProcess>();
  private readonly threads = new Map<number, MappedThread>();
  /** The switch that the last question was answered with; -1 before the first. */
  private place = -1;
  private lastModule: MappedModule | undefined;
  private lastOwner: MappedProcess | undefined;

  constructor(map: GuestMap) {
    this.map = map;
    for (const process of map.processes) this.processes.set(process.key, process);
    for (const thread of map.threads) this.threads.set(thread.key, thread);
  }

  process(key: number): MappedProcess | undefined {
    return this.processes.get(key);
  }

  thread(key: number): MappedThread | undefined {
    return this.threads.get(key);
  }

  /** Who ran at an instruction count. Questions in ascending order are answered at once. */
  threadAt(instruction: number): MappedThread | undefined {
    this.seek(instruction);
    return this.place < 0 ? undefined : this.threads.get(this.map.switches.who[this.place] ?? 0);
  }

  processAt(instruction: number): MappedProcess | undefined {
    const thread = this.threadAt(instruction);
    return thread && this.processes.get(thread.process);
  }

  /** The instruction count up to which, exclusive, what `threadAt` and `processAt` have said last stays true. */
  get until(): number {
    return this.map.switches.at[this.place + 1] ?? Number.POSITIVE_INFINITY;
  }

  private seek(instruction: number): void {
    const { at } = this.map.switches;
    let { place } = this;
    if (place < 0 || at[place]! <= instruction) {
      for (let i = 0; i < STEPS; i++, place++) {
        if (!(at[place + 1]! <= instruction)) {
          this.place = place;
          return;
        }
      }
    }
    this.place = lastNotAbove(at, instruction);
  }

  /** When these processes ran: ascending, without gaps between two that touch. */
  spansOf(processes: ReadonlySet<MappedProcess>): { readonly from: number; readonly to: number }[] {
    const { at, who } = this.map.switches;
    const spans: { from: number; to: number }[] = [];
    for (let i = 0; i < at.length; i++) {
      const process = this.processes.get(this.threads.get(who[i]!)?.process ?? 0);
      if (process === undefined || !processes.has(process)) continue;
      const [from, to] = [at[i]!, at[i + 1] ?? Number.POSITIVE_INFINITY];
      const last = spans.at(-1);
      if (last?.to === from) last.to = to;
      else spans.push({ from, to });
    }
    return spans;
  }

  /** The module of an address at an instruction count: the kernel's modules for the kernel's addresses, else the process's. */
  moduleAt(
    address: number,
    process: MappedProcess | undefined,
    instruction: number,
  ): MappedModule | undefined {
    const isKernel = address >= this.map.kernelStart;
    const owner = isKernel ? undefined : process;
    const { lastModule: last } = this;
    if (last !== undefined && this.lastOwner === owner && isIn(last, address, instruction)) return last;
    const modules = isKernel ? this.map.kernelModules : process?.modules;
    if (modules === undefined) return undefined;
    for (const module of modules) {
      if (!isIn(module, address, instruction)) continue;
      this.lastModule = module;
      this.lastOwner = owner;
      return module;
    }
    return undefined;
  }

  /** The name of an address; undefined where it is in no module, or in no function that has a name. */
  symbolAt(address: number, process: MappedProcess | undefined, instruction: number): PlaceName | undefined {
    const module = this.moduleAt(address, process, instruction);
    return module && this.symbolIn(module, address - module.base);
  }

  /** The name of a place in a module. @param place bytes from its base */
  symbolIn(module: MappedModule, place: number): PlaceName | undefined {
    const table = this.symbolsOf(module);
    const index = table === undefined ? -1 : symbolIndex(table, place);
    if (table === undefined || index < 0) return undefined;
    return { module: module.name, name: table.names[index]!, offset: place - table.offsets[index]! };
  }

  /** The names in a module. */
  symbolsOf({ symbols }: MappedModule): ModuleSymbols | undefined {
    return symbols === undefined ? undefined : this.map.symbols[symbols];
  }

  /**
   * The functions that a pattern names, as hooks do: `sys_read`, `nt!Nt*`, `libc.so.6!read`, `libc!read`. Without a module,
   * the kernel's are meant. One for each stay of a module in a process.
   */
  symbols(pattern: string): FoundSymbol[] {
    const { module: modulePattern, name } = parsePattern(pattern);
    const found: FoundSymbol[] = [];
    const { kernelModules, processes } = this.map;
    for (const module of kernelModules)
      if (modulePattern === undefined ? module === kernelModules[0] : this.isMeant(modulePattern, module))
        this.collect(module, undefined, name, found);
    if (modulePattern === undefined) return found;
    for (const process of processes) {
      for (const module of process.modules)
        if (isModuleMeant(modulePattern, module.name)) this.collect(module, process, name, found);
      if (found.length >= MOST_FOUND) break;
    }
    return found;
  }

  /** Whether a module is meant, the kernel also by its other names. @param pattern in lower case */
  isMeant(pattern: string, { name }: MappedModule): boolean {
    const isKernel = name === this.map.kernelModules[0]?.name;
    return isModuleMeant(pattern, name) || (isKernel && KERNEL_PATTERNS.includes(pattern));
  }

  private collect(
    module: MappedModule,
    process: MappedProcess | undefined,
    pattern: string,
    found: FoundSymbol[],
  ): void {
    const table = this.symbolsOf(module);
    if (table === undefined) return;
    for (const index of this.fitting(table, pattern)) {
      const address = module.base + table.offsets[index]!;
      const size = symbolSize(table, index, module.size);
      found.push({ name: table.names[index]!, address, size, module, process });
    }
  }

  private readonly answers = new Map<string, WeakMap<ModuleSymbols, readonly number[]>>();

  /** Many processes have the same library. */
  private fitting(table: ModuleSymbols, pattern: string): readonly number[] {
    const known = this.answers.get(pattern) ?? new WeakMap<ModuleSymbols, readonly number[]>();
    this.answers.set(pattern, known);
    const before = known.get(table);
    if (before !== undefined) return before;
    const indices = table.names.flatMap((name, index) => (matches(pattern, name) ? index : []));
    known.set(table, indices);
    return indices;
  }
}

const isIn = ({ base, size, from, to }: MappedModule, address: number, instruction: number): boolean =>
  address >= base && address < base + size && instruction >= from && instruction < to;

/** Whether a module is meant: by its name, or that without `.so.6`, `.exe`, `.dll`, `.sys`. @param pattern in lower case */
function isModuleMeant(pattern: string, name: string): boolean {
  const lower = name.toLowerCase();
  return matches(pattern, lower) || matches(pattern, lower.replace(/(\.so(\.\d+)*|\.exe|\.dll|\.sys)$/, ''));
}

/** The index of the function that a place in a module is in; -1 if it is in none. */
export function symbolIndex({ offsets, sizes }: ModuleSymbols, place: number): number {
  let index = lastNotAbove(offsets, place);
  for (let tries = 0; index >= 0 && tries < NESTED; tries++) {
    // The first of several names of one place.
    while (index > 0 && offsets[index - 1] === offsets[index]) index--;
    const size = sizes[index]!;
    if (size === 0 || place < offsets[index]! + size) return index;
    index--;
  }
  return -1;
}

/** Bytes of a function: up to the next, where its own size is not known. */
export function symbolSize({ offsets, sizes }: ModuleSymbols, index: number, moduleSize: number): number {
  const own = sizes[index]!;
  if (own !== 0) return own;
  const start = offsets[index]!;
  let next = index + 1;
  while (next < offsets.length && offsets[next] === start) next++;
  return Math.max(1, (offsets[next] ?? moduleSize) - start);
}

/** The index of the last of some ascending numbers that is not above another one; -1 if all are. */
export function lastNotAbove(numbers: ArrayLike<number>, value: number): number {
  let low = 0;
  let high = numbers.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (numbers[middle]! <= value) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
