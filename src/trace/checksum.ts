/** CRC-32, SHA-256, and which byte a wrong CRC points to. */
import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';

export { crc32 };

/** SHA-256 of several byte arrays in a row; 32 bytes. */
export function sha256(...parts: Uint8Array[]): Uint8Array {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
}

/** True if the last four bytes of `bytes` are the CRC-32 (u32le) of those before. */
export function hasGoodCrc(bytes: Uint8Array): boolean {
  const end = bytes.length - 4;
  return crc32(bytes.subarray(0, end)) === readU32(bytes, end);
}

/** Puts the CRC-32 of all but the last four bytes into the last four. */
export function putCrc(bytes: Uint8Array): void {
  const end = bytes.length - 4;
  const crc = crc32(bytes.subarray(0, end));
  for (let i = 0; i < 4; i++) bytes[end + i] = crc >>> (8 * i);
}

function readU32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}

/**
 * Finds the one byte whose change explains a wrong CRC at the end of `bytes` (a header or footer of at most a
 * hundred bytes). CRC-32 is linear: the difference between the right and the wrong CRC depends on the change alone,
 * so eight CRCs a byte (one per bit) give those of all 255 changes.
 * @returns its index, or undefined if more than one byte must have changed
 */
export function locateChangedByte(bytes: Uint8Array): number | undefined {
  const end = bytes.length - 4;
  const difference = (crc32(bytes.subarray(0, end)) ^ readU32(bytes, end)) >>> 0;
  for (let i = 0; i < 4; i++) if ((difference & ~(0xff << (8 * i))) === 0) return end + i;
  const probe = new Uint8Array(end);
  const zero = crc32(probe);
  for (let at = 0; at < end; at++) {
    const bits: number[] = [];
    for (let bit = 0; bit < 8; bit++) {
      probe[at] = 1 << bit;
      bits.push((crc32(probe) ^ zero) >>> 0);
    }
    probe[at] = 0;
    for (let change = 1; change < 256; change++) {
      let effect = 0;
      for (let bit = 0; bit < 8; bit++) if (change & (1 << bit)) effect ^= bits[bit]!;
      if (effect >>> 0 === difference) return at;
    }
  }
  return undefined;
}

/** The hexadecimal text of bytes. */
export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');
}
