/** Where the pages of code that a guest executes are in its RAM, in every address space. */
import type { VirtualMemory } from '../../guest/memory.ts';

const PAGE_BITS = 12;
/** Slots; a power of two. A guest with more pages of code at a time makes the table begin anew. */
const SLOTS = 1 << 17;
const MOST_PAGES = SLOTS / 2;
/** Address spaces that are remembered. */
const MOST_SPACES = 1024;

export class CodePages {
  private readonly memory: VirtualMemory;
  private readonly spaces = new Map<number, VirtualMemory>();
  private readonly cr3s = new Uint32Array(SLOTS);
  /** Page number plus 1; 0: nothing. */
  private readonly pages = new Uint32Array(SLOTS);
  /** Number of the physical page; -1: none was ever there. */
  private readonly frames = new Int32Array(SLOTS);
  private readonly checked = new Uint32Array(SLOTS);
  private count = 0;

  /** @param memory of the guest */
  constructor(memory: VirtualMemory) {
    this.memory = memory;
  }

  /**
   * The physical address of a page, -1 if there is none. One that was there before and is not now is where it was: its address
   * space may be gone by the time that what ran in it is looked at.
   * @param moment a number above 0 that changes whenever the guest has gone on
   */
  frame(cr3: number, page: number, moment: number): number {
    const { cr3s, pages } = this;
    let slot = (Math.imul(page ^ (cr3 >>> 5), 0x9e3779b1) >>> 8) & (SLOTS - 1);
    for (; pages[slot] !== 0; slot = (slot + 1) & (SLOTS - 1)) {
      if (pages[slot] !== page + 1 || cr3s[slot] !== cr3) continue;
      if (this.checked[slot] !== moment) this.check(slot, moment);
      return this.frames[slot]! * 4096;
    }
    if (this.count === MOST_PAGES) {
      pages.fill(0);
      this.count = 0;
      return this.frame(cr3, page, moment);
    }
    this.count++;
    pages[slot] = page + 1;
    cr3s[slot] = cr3;
    this.frames[slot] = -1;
    this.check(slot, moment);
    return this.frames[slot]! * 4096;
  }

  private check(slot: number, moment: number): void {
    this.checked[slot] = moment;
    const found = this.space(this.cr3s[slot]!).translate(((this.pages[slot]! - 1) << PAGE_BITS) >>> 0);
    if (found >= 0) this.frames[slot] = found >>> PAGE_BITS;
  }

  private space(cr3: number): VirtualMemory {
    let space = this.spaces.get(cr3);
    if (space === undefined) {
      if (this.spaces.size === MOST_SPACES) this.spaces.clear();
      space = this.memory.in(cr3);
      this.spaces.set(cr3, space);
    }
    return space;
  }
}
