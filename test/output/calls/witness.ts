/**
 * An independent witness of calls: hooks on the first instructions of functions, with the return address that is on the guest's
 * own stack at that moment. It knows nothing of blocks, of their code, or of returns.
 */
import { defineHooks } from '../../../src/hooks/api.ts';
import { analyse } from '../../../src/output/analysis.ts';
import { NodeKind } from '../../../src/output/calls/call-tree.ts';
import type { TracedCalls } from '../../../src/output/calls/trace-calls.ts';
import type { GuestPlaces } from '../../../src/output/map/places.ts';

/** `callee` and `caller < callee`, and how often. */
export type Tally = Map<string, number>;

const add = (tally: Tally, key: string, times: number): void => {
  tally.set(key, (tally.get(key) ?? 0) + times);
};

/** Kernel functions that an interrupt or system call enters have no return address. */
const isKernel = (places: GuestPlaces, address: number): boolean => address >= places.map.kernelStart;

const nameOf = (places: GuestPlaces, address: number): string => {
  const { kernelModules } = places.map;
  const since = Math.max(...kernelModules.map(({ from }) => from));
  return (isKernel(places, address) && places.symbolAt(address, undefined, since)?.name) || '?';
};

/** What hooks on these kernel addresses see between two instruction counts, both inclusive. */
export async function hookedEntries(
  path: string,
  places: GuestPlaces,
  addresses: readonly number[],
  from = 0,
  to = Number.POSITIVE_INFINITY,
): Promise<Tally> {
  const tally: Tally = new Map();
  const callers = new Map<number, string>();
  const file = defineHooks('witness', ({ address }) => {
    for (const place of addresses) {
      const callee = nameOf(places, place);
      address(place, ({ cpu, instruction }) => {
        if (instruction < from || instruction > to) return;
        add(tally, callee, 1);
        // The call is the instruction before the one that it returns to.
        const back = ((cpu.memory.u32(cpu.esp) ?? 0) - 1) >>> 0;
        let caller = callers.get(back);
        if (caller === undefined) {
          caller = nameOf(places, back);
          callers.set(back, caller);
        }
        add(tally, `${caller} < ${callee}`, 1);
      });
    }
  });
  await analyse(path, { hooks: [file], onLine() {}, strict: true });
  return tally;
}

/** The same from a tree of calls, for the same addresses. */
export function tracedEntries({ tree, names, places }: TracedCalls, addresses: readonly number[]): Tally {
  const wanted = new Set(addresses.map((address) => nameOf(places, address)));
  /** `module!name`, or `module!name+0x12`: the function's name in the kernel. */
  const kernel = places.map.kernelModules.map(({ name }) => `${name}!`);
  const functionName = (place: number): string => {
    const name = names.nameOf(names.functionOfPlace(place));
    const module = kernel.find((prefix) => name.startsWith(prefix));
    return module === undefined ? '?' : name.slice(module.length);
  };
  const tally: Tally = new Map();
  for (let node = 0; node < tree.count; node++) {
    const place = tree.subjects[node]!;
    const times = tree.calls[node]!;
    if (tree.kinds[node] !== NodeKind.function || times === 0) continue;
    const callee = functionName(place);
    if (names.functionOfPlace(place) !== place || !wanted.has(callee)) continue;
    add(tally, callee, times);
    const parent = tree.parents[node]!;
    const kind = tree.kinds[parent];
    if (kind !== NodeKind.function && kind !== NodeKind.running) continue;
    add(tally, `${functionName(tree.subjects[parent]!)} < ${callee}`, times);
  }
  return tally;
}
