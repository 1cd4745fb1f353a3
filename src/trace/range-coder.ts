/**
 * An adaptive binary arithmetic coder: every bit has a context, and a context's probability follows the bits that it
 * has seen. FORMAT.md, "Flow data", specifies it. Encoder and decoder share one interface, so that a model is
 * written once for both: it hands in what it would write and goes on with what it gets back.
 */
import { ExitCode, RebekError } from '../base/errors.ts';

/** How fast a probability follows the bits: by 1/32 of the distance. */
const RATE = 5;
/** Contexts that {@link BitCoder.number} uses: a tree of 64 classes, and for each up to 3 bits below the highest. */
export const NUMBER_CONTEXTS = 64 + 33 * 8;
/** Contexts that {@link BitCoder.byte} uses. */
export const BYTE_CONTEXTS = 256;

/** @throws RebekError ERR_TRACE_FLOW always: bytes that no encoder writes. */
export function damagedFlow(what: string): never {
  throw new RebekError('ERR_TRACE_FLOW', `a control-flow chunk contradicts itself: ${what}`, {
    exitCode: ExitCode.damaged,
  });
}

/** What encoder and decoder have in common: the contexts, and numbers made of bits. */
export abstract class BitCoder {
  /** The interval that is left, both ends included; u32 kept as i32. */
  protected low = 0;
  protected high = -1;
  /** Of each context the probability that the next bit is 1, in 1/65536. */
  protected readonly probability: Uint16Array;

  constructor(contexts: number) {
    this.probability = new Uint16Array(contexts);
  }

  protected clear(): void {
    this.low = 0;
    this.high = -1;
    this.probability.fill(1 << 15);
  }

  /** Where the interval is divided: bit 1 gets the part up to it, itself included; bit 0 gets the rest. */
  protected divide(probability: number): number {
    const range = (this.high - this.low) | 0;
    return (
      (this.low + Math.imul(range >>> 16, probability) + (Math.imul(range & 0xffff, probability) >>> 16)) | 0
    );
  }

  /**
   * One bit.
   * @param bit 0 or 1; a decoder ignores it
   * @returns the bit that was written or read
   */
  abstract bit(context: number, bit: number): number;

  /** A byte, in {@link BYTE_CONTEXTS} contexts from `context` on. */
  byte(context: number, value: number): number {
    let node = 1;
    for (let i = 7; i >= 0; i--) node = (node << 1) | this.bit(context + node, (value >>> i) & 1);
    return node & 0xff;
  }

  /** A u32 (also as i32), small ones short, in {@link NUMBER_CONTEXTS} contexts from `context` on. Returns an i32. */
  number(context: number, value: number): number {
    const length = 32 - Math.clz32(value);
    let node = 1;
    for (let i = 5; i >= 0; i--) node = (node << 1) | this.bit(context + node, (length >>> i) & 1);
    const bits = node & 63;
    if (bits < 2) return bits;
    if (bits > 32) damagedFlow(`a number of ${bits} bits`);
    let result = 1;
    const top = context + 64 + bits * 8;
    for (let i = bits - 2; i >= 0; i--) {
      const bit = (value >>> i) & 1;
      // Only the three bits below the highest have contexts that learn; the others are as good as random.
      const coded = result < 8 ? this.bit(top + result, bit) : this.even(bit);
      result = (result << 1) | coded;
    }
    return result;
  }

  /** A bit that is 1 as often as 0. */
  protected abstract even(bit: number): number;
}

/** Writes bits. */
export class BitEncoder extends BitCoder {
  private bytes = new Uint8Array(1 << 16);
  private length = 0;

  reset(): void {
    this.clear();
    this.length = 0;
  }

  override bit(context: number, bit: number): number {
    const p = this.probability[context]!;
    const middle = this.divide(p);
    if (bit !== 0) {
      this.high = middle;
      this.probability[context] = p + ((65536 - p) >> RATE);
    } else {
      this.low = (middle + 1) | 0;
      this.probability[context] = p - (p >> RATE);
    }
    if (((this.low ^ this.high) & 0xff000000) === 0) this.shift();
    return bit;
  }

  protected override even(bit: number): number {
    const middle = this.divide(1 << 15);
    if (bit !== 0) this.high = middle;
    else this.low = (middle + 1) | 0;
    if (((this.low ^ this.high) & 0xff000000) === 0) this.shift();
    return bit;
  }

  private shift(): void {
    do {
      this.put(this.high >>> 24);
      this.low <<= 8;
      this.high = (this.high << 8) | 0xff;
    } while (((this.low ^ this.high) & 0xff000000) === 0);
  }

  private put(byte: number): void {
    if (this.length === this.bytes.length) {
      const grown = new Uint8Array(this.length * 2);
      grown.set(this.bytes);
      this.bytes = grown;
    }
    this.bytes[this.length++] = byte;
  }

  /** All bytes; a view that the next {@link reset} makes invalid. */
  finish(): Uint8Array {
    const { low } = this;
    for (let i = 24; i >= 0; i -= 8) this.put((low >>> i) & 0xff);
    return this.bytes.subarray(0, this.length);
  }
}

/** Reads what {@link BitEncoder} wrote. Never reads beyond the bytes: throws ERR_TRACE_FLOW instead. */
export class BitDecoder extends BitCoder {
  private bytes: Uint8Array = new Uint8Array(0);
  private at = 0;
  /** The next 32 bits; lies between `low` and `high`. */
  private code = 0;

  reset(bytes: Uint8Array): void {
    this.clear();
    this.bytes = bytes;
    this.at = 0;
    for (let i = 0; i < 4; i++) this.code = (this.code << 8) | this.next();
  }

  override bit(context: number, _bit: number): number {
    const p = this.probability[context]!;
    const middle = this.divide(p);
    let bit: number;
    if (this.code >>> 0 <= middle >>> 0) {
      bit = 1;
      this.high = middle;
      this.probability[context] = p + ((65536 - p) >> RATE);
    } else {
      bit = 0;
      this.low = (middle + 1) | 0;
      this.probability[context] = p - (p >> RATE);
    }
    if (((this.low ^ this.high) & 0xff000000) === 0) this.shift();
    return bit;
  }

  protected override even(_bit: number): number {
    const middle = this.divide(1 << 15);
    const bit = this.code >>> 0 <= middle >>> 0 ? 1 : 0;
    if (bit !== 0) this.high = middle;
    else this.low = (middle + 1) | 0;
    if (((this.low ^ this.high) & 0xff000000) === 0) this.shift();
    return bit;
  }

  private shift(): void {
    do {
      this.low <<= 8;
      this.high = (this.high << 8) | 0xff;
      this.code = (this.code << 8) | this.next();
    } while (((this.low ^ this.high) & 0xff000000) === 0);
  }

  private next(): number {
    if (this.at >= this.bytes.length) damagedFlow('a stream ends too early');
    return this.bytes[this.at++]!;
  }

  /** Whether all bytes have been read, as is the case after the last bit. */
  get done(): boolean {
    return this.at === this.bytes.length;
  }
}
