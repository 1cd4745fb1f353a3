/** Where functions begin, from the guest map, for whoever asks often. */
import type { MappedProcess } from '../map/guest-map.ts';
import type { GuestPlaces } from '../map/places.ts';
import type { FunctionsOfCode } from './code-table.ts';

/** Answers that are kept; a power of two. */
const SLOTS = 1 << 15;

export class Functions implements FunctionsOfCode {
  /** Whose addresses are asked about, and when. */
  process: MappedProcess | undefined;
  cr3 = 0;
  now = 0;
  /** Changes now and then: what had no name may have one later. */
  moment = 0;

  private readonly places: GuestPlaces;
  private readonly kernelStart: number;
  private readonly addresses = new Uint32Array(SLOTS);
  /** CR3, or 0 for the kernel's addresses. */
  private readonly spaces = new Uint32Array(SLOTS);
  private readonly asked = new Uint32Array(SLOTS).fill(0xffffffff);
  private readonly answers = new Float64Array(SLOTS).fill(-1);

  constructor(places: GuestPlaces) {
    this.places = places;
    this.kernelStart = places.map.kernelStart;
  }

  functionOf(address: number): number {
    const space = address >= this.kernelStart ? 0 : this.cr3;
    const slot = (Math.imul(address ^ space, 0x9e3779b1) >>> 8) & (SLOTS - 1);
    if (this.addresses[slot] === address && this.spaces[slot] === space) {
      const answer = this.answers[slot]!;
      if (answer >= 0 || this.asked[slot] === this.moment) return answer;
    }
    const found = this.places.symbolAt(address, this.process, this.now);
    const answer = found === undefined ? -1 : address - found.offset;
    this.addresses[slot] = address;
    this.spaces[slot] = space;
    this.asked[slot] = this.moment;
    this.answers[slot] = answer;
    return answer;
  }

  /** GCC moves what is rarely executed out of a function, and calls that `name.cold`. */
  isTailTarget(address: number): boolean {
    const found = this.places.symbolAt(address, this.process, this.now);
    return found !== undefined && found.offset === 0 && !/\.cold(\.\d+)?$/.test(found.name);
  }

  /** The base of the module that an address is in; 0 if it is in none. */
  moduleOf(address: number): number {
    return this.places.moduleAt(address, this.process, this.now)?.base ?? 0;
  }
}
