/** LEB128 variable-length integers over byte arrays; values up to 2^53-1. */

/** A growing byte buffer that varints are appended to. */
export class VarintWriter {
  private bytes: Uint8Array;
  private length = 0;

  constructor(capacity = 4096) {
    this.bytes = new Uint8Array(Math.max(capacity, 16));
  }

  /** Appends an unsigned integer, 0 … 2^53-1. */
  push(value: number): void {
    if (this.length + 10 > this.bytes.length) this.grow();
    const bytes = this.bytes;
    let at = this.length;
    while (value > 0x7fffffff) {
      bytes[at++] = (value % 128) | 0x80;
      value = Math.floor(value / 128);
    }
    while (value > 127) {
      bytes[at++] = (value & 127) | 128;
      value >>>= 7;
    }
    bytes[at++] = value;
    this.length = at;
  }

  /** Appends a signed integer, zigzag coded: 0, -1, 1, -2 … become 0, 1, 2, 3 … */
  pushSigned(value: number): void {
    this.push(value < 0 ? -2 * value - 1 : 2 * value);
  }

  /** The bytes written so far (a view, valid until the next push). */
  finish(): Uint8Array {
    return this.bytes.subarray(0, this.length);
  }

  private grow(): void {
    const bytes = new Uint8Array(this.bytes.length * 2);
    bytes.set(this.bytes);
    this.bytes = bytes;
  }
}

/** Reads varints one after the other. A varint that runs past the end throws RangeError. */
export class VarintReader {
  at = 0;
  private readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  get done(): boolean {
    return this.at >= this.bytes.length;
  }

  next(): number {
    const bytes = this.bytes;
    let byte = bytes[this.at++];
    if (byte === undefined) throw new RangeError('varint past the end of its column');
    if (byte < 128) return byte;
    let value = byte & 127;
    let scale = 128;
    do {
      byte = bytes[this.at++];
      if (byte === undefined || scale > 2 ** 49) throw new RangeError('varint past the end of its column');
      value += (byte & 127) * scale;
      scale *= 128;
    } while (byte >= 128);
    return value;
  }

  nextSigned(): number {
    const value = this.next();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }
}
