/** Who ran when, in stretches in which an address of a process does not change its meaning. */
import type { GuestMap, MappedModule, MappedProcess } from '../map/guest-map.ts';
import { lastNotAbove } from '../map/places.ts';

/** Times of modules that went, of one process or of the kernel, that begin a new stretch; later ones do not. */
const MOST_CHANGES = 1 << 10;

/** A process between two moments in which modules of it went: it has ended one program, say, and begun another. */
export interface Stretch {
  readonly process: MappedProcess;
  readonly from: number;
  /** Exclusive. */
  readonly to: number;
}

export class Timeline {
  readonly stretches: readonly Stretch[];
  /** From `at[i]` on stretch `which[i]` ran; -1 where nobody is known. */
  private readonly at: readonly number[];
  private readonly which: readonly number[];
  /** Of the last answer; -1 before the first. */
  private place = -1;

  constructor(map: GuestMap) {
    const { switches, threads, kernelModules } = map;
    const ofThread = new Map<number, number>(threads.map(({ key, process }) => [key, process]));
    const kernel = departures(kernelModules);
    const stretches: Stretch[] = [];
    const ofProcess = new Map<number, { first: number; ends: readonly number[] }>();
    for (const process of map.processes) {
      const ends = [...new Set([...departures(process.modules), ...kernel])]
        .filter((end) => end > process.from && end < process.to)
        .sort((a, b) => a - b);
      ofProcess.set(process.key, { first: stretches.length, ends });
      const bounds = [Number.NEGATIVE_INFINITY, ...ends, Number.POSITIVE_INFINITY];
      for (let i = 0; i + 1 < bounds.length; i++)
        stretches.push({ process, from: bounds[i]!, to: bounds[i + 1]! });
    }
    const at: number[] = [];
    const which: number[] = [];
    for (let i = 0; i < switches.at.length; i++) {
      const own = ofProcess.get(ofThread.get(switches.who[i]!) ?? 0);
      const [begin, end] = [switches.at[i]!, switches.at[i + 1] ?? Number.POSITIVE_INFINITY];
      const passed = own === undefined ? 0 : lastNotAbove(own.ends, begin) + 1;
      at.push(begin);
      which.push(own === undefined ? -1 : own.first + passed);
      for (let j = passed; own !== undefined && j < own.ends.length && own.ends[j]! < end; j++) {
        at.push(own.ends[j]!);
        which.push(own.first + j + 1);
      }
    }
    this.stretches = stretches;
    this.at = at;
    this.which = which;
  }

  /** The number of the stretch that ran at an instruction count; -1 if nobody is known. */
  stretchAt(instruction: number): number {
    const { at } = this;
    let { place } = this;
    // Mostly it is the next one.
    if (place + 1 < at.length && at[place + 1]! <= instruction) place++;
    const isRight =
      place >= 0 && at[place]! <= instruction && !(place + 1 < at.length && at[place + 1]! <= instruction);
    this.place = isRight ? place : lastNotAbove(at, instruction);
    return this.which[this.place] ?? -1;
  }

  /** The instruction count up to which, exclusive, the last answer stays true. */
  get until(): number {
    return this.at[this.place + 1] ?? Number.POSITIVE_INFINITY;
  }
}

/** When modules went, in ascending order. */
function departures(modules: readonly MappedModule[]): number[] {
  return [...new Set(modules.map(({ to }) => to))].sort((a, b) => a - b).slice(0, MOST_CHANGES);
}
