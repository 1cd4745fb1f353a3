/**
 * How each basic block that was executed ends, from the guest's code. A block is known by its physical address and its
 * number of instructions, so that programs share what they share in memory; its bytes are compared again once in each
 * `main_loop` in which it is executed.
 */
import type { PhysicalMemory, VirtualMemory } from '../../guest/memory.ts';
import { type BlockDecoder, BlockEnd } from './block-end.ts';
import { CodePages } from './code-pages.ts';

const PAGE = 4096;
/** Bytes that are looked at of a block: it ends with its page, but for its last instruction. */
const LONGEST = PAGE + 16;
const FIRST_SLOTS = 1 << 16;
const MOST_SLOTS = 1 << 21;

/** Asked when a block is decoded: about the functions of the guest. */
export interface FunctionsOfCode {
  /** Where the function begins that an address is in; -1 if that is not known. */
  functionOf(address: number): number;
  /** Whether a jump there, out of another function, is taken for a call. */
  isTailTarget(address: number): boolean;
}

export class CodeTable {
  /** By slot. How the block ends. */
  ends: Uint8Array = new Uint8Array(FIRST_SLOTS);
  /** Its bytes. */
  lengths: Uint16Array = new Uint16Array(FIRST_SLOTS);
  /** Where its last instruction begins, from its beginning. */
  lasts: Uint16Array = new Uint16Array(FIRST_SLOTS);
  /** Where it branches to, from its beginning. */
  targets: Int32Array = new Int32Array(FIRST_SLOTS);
  /** The `main_loop` in which it was compared last. */
  moments: Uint32Array = new Uint32Array(FIRST_SLOTS);

  readonly pages: CodePages;
  private addresses = new Uint32Array(FIRST_SLOTS);
  /** Instructions; 0: nothing here. */
  private counts = new Uint16Array(FIRST_SLOTS);
  private hashes = new Int32Array(FIRST_SLOTS);
  private mask = FIRST_SLOTS - 1;
  private used = 0;

  private readonly physical: PhysicalMemory;
  private readonly decoder: BlockDecoder;
  private readonly functions: FunctionsOfCode;
  private readonly buffer = new Uint8Array(LONGEST);

  constructor(memory: VirtualMemory, decoder: BlockDecoder, functions: FunctionsOfCode) {
    this.physical = memory.physical;
    this.pages = new CodePages(memory);
    this.decoder = decoder;
    this.functions = functions;
  }

  /** The slot of a block; -1 if it is not known. @param place its physical address */
  find(place: number, count: number): number {
    const { addresses, counts, mask } = this;
    let slot = firstSlot(place, count) & mask;
    while (counts[slot] !== 0) {
      if (addresses[slot] === place && counts[slot] === count) return slot;
      slot = (slot + 1) & mask;
    }
    return -1;
  }

  /** Whether what a block was decoded from is still there. Counts as compared in this `main_loop`. */
  compare(slot: number, address: number, cr3: number, moment: number): boolean {
    if (this.ends[slot] === BlockEnd.unknown) return false;
    const length = this.lengths[slot]!;
    const place = this.addresses[slot]!;
    const at = this.physical.offset(place, length);
    let hash: number;
    if ((place & (PAGE - 1)) + length <= PAGE) {
      if (at < 0) return false;
      hash = hashOf(this.physical.linearBytes, at, length);
    } else {
      if (this.read(place, address, length, cr3, moment) < length) return false;
      hash = hashOf(this.buffer, 0, length);
    }
    if (hash !== this.hashes[slot]) return false;
    this.moments[slot] = moment;
    return true;
  }

  /**
   * Decodes a block from what is in memory now.
   * @param slot where it is, if it is known
   * @param next the address of the block that was executed next, -1 if that does not follow from its end
   * @param bits of the code segment now: the other kind of code is tried if this does not lead to `next`
   * @returns its slot
   */
  learn(
    slot: number,
    place: number,
    address: number,
    count: number,
    cr3: number,
    moment: number,
    next: number,
    bits: 16 | 32,
  ): number {
    if (slot < 0) slot = this.insert(place, count);
    this.moments[slot] = moment;
    this.ends[slot] = BlockEnd.unknown;
    this.lengths[slot] = this.lasts[slot] = this.targets[slot] = 0;
    const { decoder, buffer } = this;
    const have = this.read(place, address, Math.min(LONGEST, 15 * count), cr3, moment);
    if (have === 0) return slot;
    const code = buffer.subarray(0, have);
    let good = decoder.decode(code, count, bits);
    if (!good || !this.leads(address, next)) {
      const good16 = decoder.decode(code, count, bits === 32 ? 16 : 32) && next >= 0;
      if (!good16 || !this.leads(address, next)) good = decoder.decode(code, count, bits);
      else good = true;
    }
    if (!good) return slot;
    this.ends[slot] = this.refined(address);
    this.lengths[slot] = decoder.bytes;
    this.lasts[slot] = decoder.last;
    this.targets[slot] = decoder.target;
    this.hashes[slot] = hashOf(buffer, 0, decoder.bytes);
    return slot;
  }

  /** Whether the decoded block can have been followed by another. */
  private leads(address: number, next: number): boolean {
    if (next < 0) return true;
    const { end, bytes, last, target } = this.decoder;
    const behind = next === (address + bytes) >>> 0;
    const there = next === (address + target) >>> 0;
    switch (end) {
      case BlockEnd.next:
        return behind || next === (address + last) >>> 0;
      case BlockEnd.branch:
        return behind || there;
      case BlockEnd.jump:
      case BlockEnd.call:
        return there;
      default:
        return true;
    }
  }

  /** Jumps out of a function, and calls that stay in it. */
  private refined(address: number): BlockEnd {
    const { end, target } = this.decoder;
    const to = (address + target) >>> 0;
    const { functions } = this;
    if (end === BlockEnd.jump || end === BlockEnd.branch) {
      if (functions.functionOf(to) !== to || functions.functionOf(address) === to) return end;
      if (!functions.isTailTarget(to)) return end;
      return end === BlockEnd.jump ? BlockEnd.tailJump : BlockEnd.tailBranch;
    }
    if (end === BlockEnd.call) {
      const own = functions.functionOf(address);
      if (own >= 0 && own !== to && own === functions.functionOf(to)) return BlockEnd.innerCall;
    }
    return end;
  }

  /** Reads code into the buffer; it may go on in the next page. @returns how many bytes are there */
  private read(place: number, address: number, length: number, cr3: number, moment: number): number {
    const { physical, buffer } = this;
    const here = Math.min(length, PAGE - (place & (PAGE - 1)));
    const part = physical.bytes(place, here);
    buffer.set(part);
    if (part.length < here || here === length) return part.length;
    const next = this.pages.frame(cr3, ((address >>> 12) + 1) & 0xfffff, moment);
    if (next < 0) return here;
    const rest = physical.bytes(next, length - here);
    buffer.set(rest, here);
    return here + rest.length;
  }

  private insert(place: number, count: number): number {
    if (this.used >= this.counts.length / 2) this.grow();
    const { addresses, counts, mask } = this;
    let slot = firstSlot(place, count) & mask;
    while (counts[slot] !== 0) slot = (slot + 1) & mask;
    addresses[slot] = place;
    counts[slot] = count;
    this.used++;
    return slot;
  }

  private grow(): void {
    const { addresses, counts, ends, lengths, lasts, targets, moments, hashes } = this;
    const slots = Math.min(MOST_SLOTS, 2 * counts.length);
    const begun = slots === counts.length;
    this.addresses = new Uint32Array(slots);
    this.counts = new Uint16Array(slots);
    this.ends = new Uint8Array(slots);
    this.lengths = new Uint16Array(slots);
    this.lasts = new Uint16Array(slots);
    this.targets = new Int32Array(slots);
    this.moments = new Uint32Array(slots);
    this.hashes = new Int32Array(slots);
    this.mask = slots - 1;
    this.used = 0;
    if (begun) return;
    for (let i = 0; i < counts.length; i++) {
      if (counts[i] === 0) continue;
      const slot = this.insert(addresses[i]!, counts[i]!);
      this.ends[slot] = ends[i]!;
      this.lengths[slot] = lengths[i]!;
      this.lasts[slot] = lasts[i]!;
      this.targets[slot] = targets[i]!;
      this.moments[slot] = moments[i]!;
      this.hashes[slot] = hashes[i]!;
    }
  }
}

const firstSlot = (place: number, count: number): number =>
  Math.imul(place ^ (count << 22), 0x9e3779b1) >>> 8;

function hashOf(bytes: Uint8Array, at: number, length: number): number {
  let hash = length;
  for (const end = at + length; at < end; at++) hash = Math.imul(hash ^ bytes[at]!, 0x01000193);
  return hash;
}
