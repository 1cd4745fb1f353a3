/** What one coverage has and another has not, by module and offset, so that it does not matter where a module was. */
import type { MappedModule, ModuleSymbols } from '../map/guest-map.ts';
import { symbolIndex } from '../map/places.ts';
import { type CoveredProcess, moduleKey } from './coverage.ts';

/** One side: some processes of a trace. */
export interface Side {
  readonly processes: readonly CoveredProcess[];
  symbolsOf(module: MappedModule): ModuleSymbols | undefined;
}

export interface DiffedFunction {
  /** Undefined: blocks in no function that has a name. */
  readonly name: string | undefined;
  /** Numbers of blocks. */
  readonly here: number;
  readonly there: number;
  readonly both: number;
}

export interface DiffedModule {
  /** Undefined: outside of any module. */
  readonly module: MappedModule | undefined;
  readonly kernel: boolean;
  /** Offsets of blocks that are only here, and only there; addresses, outside of any module. */
  readonly here: readonly number[];
  readonly there: readonly number[];
  /** Number of blocks on both sides. */
  readonly both: number;
  readonly functions: readonly DiffedFunction[];
}

interface Gathered {
  readonly module: MappedModule | undefined;
  readonly kernel: boolean;
  readonly offsets: Set<number>;
  symbols: ModuleSymbols | undefined;
}

/** Modules in which nothing differs are there, too. */
export function diffCoverage(here: Side, there: Side): DiffedModule[] {
  const [ours, theirs] = [gather(here), gather(there)];
  return [...new Set([...ours.keys(), ...theirs.keys()])].map((key) =>
    compare(ours.get(key), theirs.get(key)),
  );
}

function gather({ processes, symbolsOf }: Side): Map<string, Gathered> {
  const found = new Map<string, Gathered>();
  for (const { modules } of processes) {
    for (const { module, kernel, blocks } of modules) {
      const key = module === undefined ? `\0${kernel}` : moduleKey(module, kernel);
      const one = found.get(key) ?? { module, kernel, offsets: new Set(), symbols: undefined };
      found.set(key, one);
      if (module !== undefined) one.symbols ??= symbolsOf(module);
      for (const offset of blocks.offsets) one.offsets.add(offset);
    }
  }
  return found;
}

function compare(ours: Gathered | undefined, theirs: Gathered | undefined): DiffedModule {
  const { module, kernel } = (ours ?? theirs)!;
  const [a, b] = [ours?.offsets ?? new Set<number>(), theirs?.offsets ?? new Set<number>()];
  const here = [...a].filter((offset) => !b.has(offset)).sort((x, y) => x - y);
  const there = [...b].filter((offset) => !a.has(offset)).sort((x, y) => x - y);
  const functions = new Map<string | undefined, { here: number; there: number; both: number }>();
  const tally = (offset: number, symbols: ModuleSymbols | undefined, side: 'here' | 'there' | 'both') => {
    const index = symbols === undefined ? -1 : symbolIndex(symbols, offset);
    const name = index < 0 ? undefined : symbols!.names[index];
    const fn = functions.get(name) ?? { here: 0, there: 0, both: 0 };
    functions.set(name, fn);
    fn[side]++;
  };
  const [own, other] = [ours?.symbols ?? theirs?.symbols, theirs?.symbols ?? ours?.symbols];
  for (const offset of a) tally(offset, own, b.has(offset) ? 'both' : 'here');
  for (const offset of there) tally(offset, other, 'there');
  const named = [...functions].map(([name, counts]) => ({ name, ...counts }));
  return {
    module,
    kernel,
    here,
    there,
    both: a.size - here.length,
    functions: named.filter((fn) => fn.here + fn.there > 0),
  };
}
