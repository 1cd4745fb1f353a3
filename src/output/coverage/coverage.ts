/**
 * Which code was executed: the basic blocks of the control-flow log by process and module, through the guest map. Blocks are
 * the engine's: where it was interrupted in the middle of one, or begins to interpret there, another begins.
 */
import type { TraceFile } from '../../trace/trace-file.ts';
import type { GuestMap, MappedModule, MappedProcess } from '../map/guest-map.ts';
import { type Counted, type CountOptions, countBlocks, type Owner } from './count.ts';

/** Blocks in one place, in the order of their offsets: columns of equal length. */
export interface Blocks {
  /** Bytes from the module's base; addresses, outside of any module. */
  readonly offsets: Uint32Array;
  readonly executions: Float64Array;
  /** Instructions of all executions. */
  readonly instructions: Float64Array;
}

export interface CoveredModule {
  /** The last stay of it, where there were several; undefined: code outside of any module. */
  readonly module: MappedModule | undefined;
  /** Whether its addresses are the kernel's. */
  readonly kernel: boolean;
  readonly blocks: Blocks;
}

export interface CoveredProcess {
  /** Undefined: what ran with this CR3 while nobody is known. */
  readonly process: MappedProcess | undefined;
  readonly asid: number | undefined;
  readonly modules: readonly CoveredModule[];
}

export interface Coverage {
  readonly processes: readonly CoveredProcess[];
  /** Executions of blocks that there was no place for. */
  readonly unlisted: number;
}

/**
 * @param trace open, and remains so
 * @throws RebekError ERR_TRACE_…; ERR_ABORTED
 */
export async function measureCoverage(
  trace: TraceFile,
  map: GuestMap,
  options: CountOptions = {},
): Promise<Coverage> {
  const counted = await countBlocks(trace, map, options);
  return { processes: new Sorter(map, counted).processes(), unlisted: counted.counts.unlisted };
}

interface Place {
  module: MappedModule | undefined;
  readonly kernel: boolean;
  /** Numbers of blocks. */
  readonly blocks: number[];
  /** Beside each, where it is. */
  readonly offsets: number[];
}

/** Where blocks of one owner are. */
class Places {
  private readonly byKey = new Map<string, Place>();
  private readonly byModule = new Map<MappedModule | boolean, Place>();

  /** @param kernel whether the address is the kernel's */
  of(module: MappedModule | undefined, kernel: boolean): Place {
    const known = this.byModule.get(module ?? kernel);
    if (known !== undefined) return known;
    const key = module === undefined ? `\0${kernel}` : moduleKey(module, kernel);
    const place = this.byKey.get(key) ?? { module, kernel, blocks: [], offsets: [] };
    this.byKey.set(key, place);
    this.byModule.set(module ?? kernel, place);
    if (module !== undefined && module.from > (place.module?.from ?? 0)) place.module = module;
    return place;
  }

  all(): Iterable<Place> {
    return this.byKey.values();
  }
}

/** Puts counted blocks where they belong. */
class Sorter {
  private readonly map: GuestMap;
  private readonly counted: Counted;

  constructor(map: GuestMap, counted: Counted) {
    this.map = map;
    this.counted = counted;
  }

  processes(): CoveredProcess[] {
    const { counts, owners } = this.counted;
    const byOwner = new Map<MappedProcess | number, Places>();
    const lookUp = owners.map(() => undefined as ModulesAt | undefined);
    for (let i = 0; i < counts.count; i++) {
      const group = counts.blocks[2 * i + 1]!;
      const owner = owners[group]!;
      const whose = owner.stretch?.process ?? owner.asid!;
      const places = byOwner.get(whose) ?? new Places();
      byOwner.set(whose, places);
      lookUp[group] ??= new ModulesAt(this.map, owner);
      const address = counts.blocks[2 * i]! >>> 0;
      const module = lookUp[group].find(address);
      const { blocks, offsets } = places.of(module, address >= this.map.kernelStart);
      blocks.push(i);
      offsets.push(module === undefined ? address : address - module.base);
    }
    return [...byOwner].map(([whose, places]) => ({
      process: typeof whose === 'number' ? undefined : whose,
      asid: typeof whose === 'number' ? whose : whose.asid,
      modules: [...places.all()].map((place) => this.covered(place)).sort(inOrder),
    }));
  }

  /** One module, whose blocks may have been counted at several places and times. */
  private covered({ module, kernel, blocks, offsets }: Place): CoveredModule {
    const { totals } = this.counted.counts;
    const order = Uint32Array.from(offsets, (_, i) => i).sort((a, b) => offsets[a]! - offsets[b]!);
    const sorted = new Uint32Array(order.length);
    const executions = new Float64Array(order.length);
    const instructions = new Float64Array(order.length);
    let count = 0;
    for (const i of order) {
      if (count === 0 || sorted[count - 1] !== offsets[i]) sorted[count++] = offsets[i]!;
      executions[count - 1]! += totals[2 * blocks[i]!]!;
      instructions[count - 1]! += totals[2 * blocks[i]! + 1]!;
    }
    return {
      module,
      kernel,
      blocks: {
        offsets: sorted.subarray(0, count),
        executions: executions.subarray(0, count),
        instructions: instructions.subarray(0, count),
      },
    };
  }
}

/** What a module is known by when it comes and goes, and in other processes. */
export const moduleKey = ({ path, name }: MappedModule, kernel: boolean): string =>
  `${kernel ? 'kernel' : 'user'}\0${(path ?? name).toLowerCase()}`;

/** The program's before the kernel's; what is in a module before what is in none. */
function inOrder(a: CoveredModule, b: CoveredModule): number {
  if (a.kernel !== b.kernel) return a.kernel ? 1 : -1;
  if ((a.module === undefined) !== (b.module === undefined)) return a.module === undefined ? 1 : -1;
  return (a.module?.base ?? 0) - (b.module?.base ?? 0);
}

/** The modules that an owner has had. Several of them may have been at one place, the kernel's over all that time: the last. */
class ModulesAt {
  private readonly modules: readonly MappedModule[];
  private last: MappedModule | undefined;

  constructor({ kernelModules }: GuestMap, { stretch }: Owner) {
    const { from, to } = stretch ?? { from: Number.NEGATIVE_INFINITY, to: Number.POSITIVE_INFINITY };
    const own = stretch?.process.modules ?? [];
    this.modules = [...own, ...kernelModules]
      .filter((module) => module.from < to && module.to > from)
      .reverse();
  }

  find(address: number): MappedModule | undefined {
    const isIn = ({ base, size }: MappedModule): boolean => address >= base && address < base + size;
    if (this.last === undefined || !isIn(this.last)) this.last = this.modules.find(isIn);
    return this.last;
  }
}
