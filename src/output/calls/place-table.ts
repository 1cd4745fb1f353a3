/**
 * The functions that addresses are in, from the guest map, for whoever asks often; and a number for each name. Processes that
 * have the same program at other addresses have the same numbers.
 */
import { hex32 } from '../../base/hex.ts';
import type { VirtualMemory } from '../../guest/memory.ts';
import type { MappedProcess } from '../map/guest-map.ts';
import type { GuestPlaces } from '../map/places.ts';
import type { FunctionNames } from './call-stacks.ts';
import type { FunctionsOfCode } from './code-table.ts';

/** Answers that are kept; a power of two. */
const SLOTS = 1 << 15;
/** Names; whatever comes then has none. */
const MOST_NAMES = 1 << 20;
const NOWHERE = '?';
/** The image that Linux puts into every program, at another address each time (arch/x86/entry/vdso, SONAME). */
const VDSO = 'linux-gate.so.1';
const PAGE = 4096;

export class PlaceTable implements FunctionsOfCode, FunctionNames {
  /** When addresses are asked about. */
  now = 0;
  /** Changes now and then: what an address is called may be something else later. */
  moment = 0;

  /** The guest's memory. */
  memory: VirtualMemory | undefined;

  /** Whose they are. A process exchanges its program and then has another CR3, which others had before it. */
  private owner: MappedProcess | undefined;
  private cr3 = 0;
  private space = 0;

  readonly guest: GuestPlaces;
  private readonly kernelStart: number;
  private readonly kernelFrom: number;
  /** By slot: an address, whose (0: the kernel's), and what was found. */
  private readonly addresses = new Uint32Array(SLOTS);
  private readonly spaces = new Float64Array(SLOTS);
  private readonly asked = new Uint32Array(SLOTS).fill(0xffffffff);
  /** Where its function begins; -1: it is in none that has a name. */
  private readonly starts = new Float64Array(SLOTS).fill(-1);
  private readonly places = new Uint32Array(SLOTS);

  private readonly names: string[] = [NOWHERE];
  /** By place: that of its function. */
  private readonly functions: number[] = [0];
  private readonly numbers = new Map<string, number>([[NOWHERE, 0]]);

  constructor(guest: GuestPlaces) {
    this.guest = guest;
    this.kernelStart = guest.map.kernelStart;
    this.kernelFrom = guest.map.kernelModules[0]?.from ?? 0;
  }

  /** Whose addresses are asked about from here on. */
  enter(owner: MappedProcess | undefined, cr3: number): void {
    this.owner = owner;
    this.cr3 = cr3;
    this.space = cr3 * 2 ** 21 + ((owner?.key ?? 0) % 2 ** 21);
  }

  get process(): MappedProcess | undefined {
    return this.owner;
  }

  functionOf(address: number): number {
    return this.starts[this.find(address)]!;
  }

  placeOf(address: number): number {
    return this.places[this.find(address)]!;
  }

  runningIn(address: number): number {
    const slot = this.find(address);
    if (this.starts[slot]! >= 0) return this.functions[this.places[slot]!]!;
    const module = this.guest.moduleAt(address, this.owner, this.since(address));
    return module === undefined ? 0 : this.number(`${module.name}+?`);
  }

  /** A place's function: another place, or the same. */
  functionOfPlace(place: number): number {
    return this.functions[place]!;
  }

  nameOf(place: number): string {
    return this.names[place]!;
  }

  /** The number of any other name. */
  number(name: string, functionPlace?: number): number {
    const known = this.numbers.get(name);
    if (known !== undefined) return known;
    const number = this.names.length;
    if (number === MOST_NAMES) return 0;
    this.names.push(name);
    this.functions.push(functionPlace ?? number);
    this.numbers.set(name, number);
    return number;
  }

  /** GCC moves what is rarely executed out of a function, and calls that `name.cold`. */
  isTailTarget(address: number): boolean {
    const found = this.guest.symbolAt(address, this.owner, this.since(address));
    return found !== undefined && found.offset === 0 && !/\.cold(\.\d+)?$/.test(found.name);
  }

  /** Of an address that is in no module. */
  private bareName(address: number): string {
    const { guest, cr3, memory } = this;
    if (address < this.kernelStart && memory !== undefined && guest.map.system?.startsWith('Linux')) {
      const base = address - (address % PAGE);
      const page = memory.in(cr3).bytes(base, PAGE);
      if (Buffer.from(page.buffer, page.byteOffset, page.length).includes(`\0${VDSO}\0`, 0, 'latin1'))
        return `${VDSO}+${hex(address - base)}`;
    }
    return hex32(address);
  }

  /** The kernel was where it is before it was found there. */
  private since(address: number): number {
    return address >= this.kernelStart ? Math.max(this.now, this.kernelFrom) : this.now;
  }

  private find(address: number): number {
    const space = address >= this.kernelStart ? 0 : this.space;
    const slot = (Math.imul(address ^ space, 0x9e3779b1) >>> 8) & (SLOTS - 1);
    const isSame = this.addresses[slot] === address && this.spaces[slot] === space;
    if (isSame && this.asked[slot] === this.moment) return slot;
    this.addresses[slot] = address;
    this.spaces[slot] = space;
    this.asked[slot] = this.moment;
    const { guest, owner } = this;
    const module = guest.moduleAt(address, owner, this.since(address));
    const found = module && guest.symbolIn(module, address - module.base);
    if (module === undefined || found === undefined) {
      this.starts[slot] = -1;
      const name =
        module === undefined ? this.bareName(address) : `${module.name}+${hex(address - module.base)}`;
      this.places[slot] = this.number(name);
      return slot;
    }
    const { offset } = found;
    const name = `${found.module}!${found.name}`;
    const start = this.number(name);
    this.starts[slot] = address - offset;
    this.places[slot] = offset === 0 ? start : this.number(`${name}+${hex(offset)}`, start);
    return slot;
  }
}

const hex = (value: number): string => `0x${value.toString(16)}`;
