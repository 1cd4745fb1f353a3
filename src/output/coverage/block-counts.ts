/** How often each basic block was executed: one pass over thousands of millions of records, without an object for any. */

/** Blocks that are told apart; a guest can make as many as it likes. With all that belongs to them they take 260 MB. */
const MOST_BLOCKS = 1 << 23;
const FIRST_BITS = 14;

export class BlockCounts {
  /** Blocks so far. */
  count = 0;
  /** Executions of blocks that are not told apart any more. */
  unlisted = 0;
  /** Address and group of each block, as signed numbers. */
  blocks = new Int32Array(2 << FIRST_BITS);
  /** Executions of each block, and the instructions in all of them. */
  totals = new Float64Array(2 << FIRST_BITS);

  /** Number of a block plus 1; 0 is free. Twice as many as there is place for blocks. */
  private slots = new Int32Array(2 << FIRST_BITS);
  private shift = 32 - FIRST_BITS - 1;
  private readonly most: number;
  /** At random, so that no guest can choose addresses that share a slot. */
  private readonly factor = Math.floor(Math.random() * 2 ** 32) | 1;

  constructor(most = MOST_BLOCKS) {
    this.most = most;
  }

  /** @param address as a signed number; @param group 0 to 2^31 - 1 */
  add(address: number, group: number, instructions: number): void {
    const { slots, blocks, totals } = this;
    const mask = slots.length - 1;
    let slot = this.firstSlot(address, group);
    for (;;) {
      const at = slots[slot]!;
      if (at === 0) break;
      const place = 2 * (at - 1);
      if (blocks[place] === address && blocks[place + 1] === group) {
        totals[place]! += 1;
        totals[place + 1]! += instructions;
        return;
      }
      slot = (slot + 1) & mask;
    }
    this.insert(slot, address, group, instructions);
  }

  private firstSlot(address: number, group: number): number {
    const mixed = Math.imul(address ^ Math.imul(group, 0x85ebca6b), this.factor);
    return Math.imul(mixed ^ (mixed >>> 15), 0x9e3779b1) >>> this.shift;
  }

  private insert(slot: number, address: number, group: number, instructions: number): void {
    if (this.count >= this.most) {
      this.unlisted++;
      return;
    }
    if (2 * this.count === this.blocks.length) {
      this.grow();
      this.add(address, group, instructions);
      return;
    }
    const place = 2 * this.count++;
    this.slots[slot] = this.count;
    this.blocks[place] = address;
    this.blocks[place + 1] = group;
    this.totals[place] = 1;
    this.totals[place + 1] = instructions;
  }

  private grow(): void {
    const { blocks, totals } = this;
    this.blocks = new Int32Array(2 * blocks.length);
    this.totals = new Float64Array(2 * totals.length);
    this.blocks.set(blocks);
    this.totals.set(totals);
    const slots = new Int32Array(2 * this.slots.length);
    this.slots = slots;
    this.shift--;
    const mask = slots.length - 1;
    for (let i = 0; i < this.count; i++) {
      let slot = this.firstSlot(blocks[2 * i]!, blocks[2 * i + 1]!);
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = i + 1;
    }
  }
}
