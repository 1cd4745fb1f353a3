/** Hashes of what findings hold: 64 bits, seeded anew in each process, so that no guest can make two that are equal. */
import { randomBytes } from 'node:crypto';

const [SEED_LOW, SEED_HIGH] = new Int32Array(new Uint8Array(randomBytes(8)).buffer) as unknown as [
  number,
  number,
];
/** Odd multipliers of MurmurHash3 (Austin Appleby, public domain). */
const C1 = 0xcc9e2d51 | 0;
const C2 = 0x1b873593;
const C3 = 0x85ebca6b | 0;
const C4 = 0xc2b2ae35 | 0;

export class DataHash {
  low = 0;
  high = 0;
  private bytes = new Uint8Array(1 << 16);
  private words = new Int32Array(this.bytes.buffer);

  /** Hashes bytes `from` to `to`; the hash is in `low` and `high`. */
  update(buffer: Buffer, from: number, to: number): void {
    const length = to - from;
    const padded = (length + 3) & ~3;
    if (padded > this.bytes.length) {
      this.bytes = new Uint8Array(Math.max(padded, 2 * this.bytes.length));
      this.words = new Int32Array(this.bytes.buffer, 0, this.bytes.length >>> 2);
    }
    // Words are read four bytes at a time from where they are aligned.
    buffer.copy(this.bytes, 0, from, to);
    for (let i = length; i < padded; i++) this.bytes[i] = 0;
    const { words } = this;
    const count = padded >>> 2;
    let low = SEED_LOW ^ length;
    let high = SEED_HIGH;
    for (let i = 0; i < count; i++) {
      const word = words[i]!;
      low ^= Math.imul(word, C1);
      low = Math.imul((low << 13) | (low >>> 19), 5) + C3;
      high ^= Math.imul((word << 15) | (word >>> 17), C2);
      high = Math.imul((high << 17) | (high >>> 15), 9) + C4 + low;
    }
    low ^= high >>> 16;
    low = Math.imul(low, C3);
    high ^= low >>> 13;
    high = Math.imul(high, C4);
    this.low = low ^ (high >>> 15);
    this.high = high ^ (low >>> 16);
  }

  /** The hash as one number of 53 bits. */
  get number(): number {
    return (this.high >>> 0) * 0x200000 + (this.low >>> 11);
  }
}
