/** Coverage by the functions of a module, as far as they have names. */
import type { ModuleSymbols } from '../map/guest-map.ts';
import { symbolIndex, symbolSize } from '../map/places.ts';
import type { CoveredModule } from './coverage.ts';

export interface CoveredFunction {
  /** Undefined: blocks that are in no function that has a name. */
  readonly name: string | undefined;
  /** Bytes from the module's base. */
  readonly offset: number;
  readonly size: number;
  readonly blocks: number;
  readonly executions: number;
  readonly instructions: number;
  /** Executions of its first block: calls, and jumps back to there. */
  readonly entered: number;
}

/** In the order of their offsets; what has no name comes last. */
export function coveredFunctions(
  { module, blocks }: CoveredModule,
  symbols: ModuleSymbols | undefined,
): CoveredFunction[] {
  const found = new Map<number, { -readonly [K in keyof CoveredFunction]: CoveredFunction[K] }>();
  const { offsets, executions, instructions } = blocks;
  for (let i = 0; i < offsets.length; i++) {
    const place = offsets[i]!;
    const index = symbols === undefined ? -1 : symbolIndex(symbols, place);
    let fn = found.get(index);
    if (fn === undefined) {
      const named = symbols !== undefined && index >= 0;
      fn = {
        name: named ? symbols.names[index] : undefined,
        offset: named ? symbols.offsets[index]! : place,
        size: named ? symbolSize(symbols, index, module?.size ?? 0) : 0,
        blocks: 0,
        executions: 0,
        instructions: 0,
        entered: 0,
      };
      found.set(index, fn);
    }
    fn.blocks++;
    fn.executions += executions[i]!;
    fn.instructions += instructions[i]!;
    if (index >= 0 && place === fn.offset) fn.entered = executions[i]!;
  }
  const unnamed = found.get(-1);
  found.delete(-1);
  return [...found.values(), ...(unnamed === undefined ? [] : [unnamed])];
}
