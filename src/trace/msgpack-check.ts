/**
 * Checks that bytes are one MessagePack map of the kind that FORMAT.md ("Payload") allows, before a library sees
 * them: libraries accept more than that (extensions, even ones that generate code; repeated keys; absurd counts),
 * and do not say at which byte something is wrong. Costs a step per value; a column is one value.
 */
import { isUtf8 } from 'node:buffer';

/** What is wrong at which byte of the plain payload. */
export class MessagePackError extends Error {
  readonly offset: number;

  constructor(what: string, offset: number) {
    super(`${what} at byte ${offset}`);
    this.name = 'MessagePackError';
    this.offset = offset;
  }
}

const maxDepth = 32;

/** @throws {MessagePackError} */
export function checkMessagePack(bytes: Uint8Array): void {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const lead = buffer[0];
  if (lead === undefined || !((lead & 0xf0) === 0x80 || lead === 0xde || lead === 0xdf))
    throw new MessagePackError('no map', 0);
  const end = new Checker(buffer).value(0, 0);
  if (end !== buffer.length) throw new MessagePackError(`${buffer.length - end} bytes behind the map`, end);
}

class Checker {
  readonly #bytes: Buffer;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** Checks the value at `at` and returns where the next one begins. */
  value(at: number, depth: number): number {
    this.#need(at, 1);
    const lead = this.#bytes[at]!;
    if (lead < 0x80 || lead >= 0xe0) return at + 1; // small integers
    if (lead < 0x90) return this.#map(at + 1, lead & 0x0f, depth);
    if (lead < 0xa0) return this.#array(at + 1, lead & 0x0f, depth);
    if (lead < 0xc0) return this.#string(at + 1, lead & 0x1f);
    switch (lead) {
      case 0xc0: // nil
      case 0xc2: // false
      case 0xc3: // true
        return at + 1;
      case 0xc4:
      case 0xc5:
      case 0xc6: {
        const width = 1 << (lead - 0xc4);
        return this.#skip(at + 1 + width, this.#unsigned(at + 1, width));
      }
      case 0xca: // float 32
      case 0xce: // uint 32
      case 0xd2: // int 32
        return this.#skip(at + 1, 4);
      case 0xcb: // float 64
        return this.#skip(at + 1, 8);
      case 0xcc: // uint 8
      case 0xd0: // int 8
        return this.#skip(at + 1, 1);
      case 0xcd: // uint 16
      case 0xd1: // int 16
        return this.#skip(at + 1, 2);
      case 0xd9:
      case 0xda:
      case 0xdb: {
        const width = 1 << (lead - 0xd9);
        return this.#string(at + 1 + width, this.#unsigned(at + 1, width));
      }
      case 0xdc:
        return this.#array(at + 3, this.#unsigned(at + 1, 2), depth);
      case 0xdd:
        return this.#array(at + 5, this.#unsigned(at + 1, 4), depth);
      case 0xde:
        return this.#map(at + 3, this.#unsigned(at + 1, 2), depth);
      case 0xdf:
        return this.#map(at + 5, this.#unsigned(at + 1, 4), depth);
      case 0xcf:
      case 0xd3:
        throw new MessagePackError('a 64-bit integer', at);
      case 0xc1:
        throw new MessagePackError('the byte 0xc1, which MessagePack never uses,', at);
      default:
        throw new MessagePackError('an extension type', at);
    }
  }

  #map(at: number, count: number, depth: number): number {
    if (depth >= maxDepth) throw new MessagePackError(`maps nested more than ${maxDepth} deep`, at);
    const keys = new Set<string>();
    for (let i = 0; i < count; i++) {
      const begin = at;
      this.#need(at, 1);
      const lead = this.#bytes[at]!;
      if (!((lead >= 0xa0 && lead < 0xc0) || (lead >= 0xd9 && lead <= 0xdb)))
        throw new MessagePackError('a key that is no string', at);
      at = this.value(at, depth + 1);
      const head = lead < 0xc0 ? 1 : 1 + (1 << (lead - 0xd9));
      const key = this.#bytes.toString('utf8', begin + head, at);
      if (key === '__proto__' || keys.has(key))
        throw new MessagePackError(
          `${keys.has(key) ? 'a second' : 'a forbidden'} key ${JSON.stringify(key)}`,
          begin,
        );
      keys.add(key);
      at = this.value(at, depth + 1);
    }
    return at;
  }

  #array(at: number, count: number, depth: number): number {
    if (depth >= maxDepth) throw new MessagePackError(`arrays nested more than ${maxDepth} deep`, at);
    // each element takes a byte at least: a false count is found before a library allocates for it
    this.#need(at, count);
    for (let i = 0; i < count; i++) at = this.value(at, depth + 1);
    return at;
  }

  #string(at: number, length: number): number {
    this.#need(at, length);
    if (!isUtf8(this.#bytes.subarray(at, at + length)))
      throw new MessagePackError('a string that is not UTF-8', at);
    return at + length;
  }

  #skip(at: number, length: number): number {
    this.#need(at, length);
    return at + length;
  }

  #unsigned(at: number, width: number): number {
    this.#need(at, width);
    return this.#bytes.readUIntBE(at, width);
  }

  #need(at: number, length: number): void {
    if (at + length > this.#bytes.length)
      throw new MessagePackError('the map ends too early: something is missing', this.#bytes.length);
  }
}
