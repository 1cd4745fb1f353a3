/**
 * A reader written from FORMAT.md alone: nothing of src/ but this page went into it. It shows that the page says
 * enough, and that the traces are what it says.
 */
import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';

type Value = null | boolean | number | string | Uint8Array | Value[] | { [key: string]: Value };
export type Body = Record<string, Value>;
export interface Chunk {
  readonly type: string;
  readonly flags: number;
  readonly instruction: number;
  readonly body: Body;
}

const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
const ascii = (bytes: Uint8Array): string => String.fromCharCode(...bytes);
function must(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(what);
}

/** "The file", "Header", "Chunk", "Chain", "Footer". */
export function readTrace(file: Uint8Array): { kind: string; chunks: Chunk[]; chain: string } {
  const all = view(file);
  const header = file.subarray(0, 64);
  must(ascii(header.subarray(0, 8)) === '\x89RBK\r\n\x1a\n', 'magic');
  must(all.getUint16(8, true) === 1, 'major version');
  must(all.getUint32(60, true) === crc32(header.subarray(0, 60)), 'header crc');
  const footer = file.length - 64;
  must(ascii(file.subarray(footer, footer + 8)) === 'RBKINDEX', 'footer magic');
  must(all.getUint32(footer + 60, true) === crc32(file.subarray(footer, footer + 60)), 'footer crc');
  must(all.getFloat64(footer + 16, true) === file.length, 'file length');
  let chain = createHash('sha256').update(header).digest();
  const chunks: Chunk[] = [];
  let at = 64;
  for (let n = 0; at < footer; n++) {
    must(ascii(file.subarray(at, at + 4)) === '\xf1CHK', `chunk ${n} magic`);
    must(all.getUint32(at + 80, true) === crc32(file.subarray(at, at + 80)), `chunk ${n} header crc`);
    must(all.getUint32(at + 12, true) === n, `chunk ${n} sequence`);
    const [flags, encoded, plain] = [8, 16, 20].map((o) => all.getUint32(at + o, true)) as [
      number,
      number,
      number,
    ];
    const payload = file.subarray(at + 84, at + 84 + encoded);
    must(all.getUint32(at + 40, true) === crc32(payload), `chunk ${n} payload crc`);
    chain = createHash('sha256')
      .update(chain)
      .update(file.subarray(at, at + 48))
      .update(payload)
      .digest();
    must(chain.equals(file.subarray(at + 48, at + 80)), `chunk ${n} chain`);
    const bytes = flags & 2 ? payload : lz4(payload, plain);
    must(all.getUint32(at + 44, true) === crc32(bytes), `chunk ${n} plain crc`);
    const [body, end] = messagePack(bytes, 0);
    must(end === bytes.length, `chunk ${n} has more than one map`);
    const type = ascii(file.subarray(at + 4, at + 8));
    chunks.push({ type, flags, instruction: all.getFloat64(at + 24, true), body: body as Body });
    if (at + 84 + encoded === footer) must(all.getFloat64(footer + 8, true) === at, 'index offset');
    at += 84 + encoded;
  }
  must(at === footer && chain.equals(file.subarray(footer + 24, footer + 56)), 'chain of the footer');
  return { kind: ascii(header.subarray(12, 16)), chunks, chain: chain.toString('hex') };
}

/** A raw LZ4 block: the LZ4 block format description, lz4/lz4 on GitHub, doc/lz4_Block_format.md. */
function lz4(block: Uint8Array, length: number): Uint8Array {
  const out = new Uint8Array(length);
  let from = 0;
  let to = 0;
  const more = (nibble: number): number => {
    let total = nibble;
    if (nibble === 15) {
      let byte: number;
      do {
        byte = block[from++]!;
        total += byte;
      } while (byte === 255);
    }
    return total;
  };
  while (from < block.length) {
    const token = block[from++]!;
    const literals = more(token >> 4);
    out.set(block.subarray(from, from + literals), to);
    from += literals;
    to += literals;
    if (from >= block.length) break;
    const distance = block[from]! | (block[from + 1]! << 8);
    from += 2;
    for (let left = more(token & 15) + 4; left > 0; left--, to++) out[to] = out[to - distance]!;
  }
  must(to === length, 'plain length');
  return out;
}

/** The part of MessagePack that "Payload" allows. */
function messagePack(bytes: Uint8Array, at: number): [Value, number] {
  const v = view(bytes);
  const byte = bytes[at++]!;
  const sized = (size: number): [number, number] => [
    size === 1 ? v.getUint8(at) : size === 2 ? v.getUint16(at) : v.getUint32(at),
    at + size,
  ];
  const text = ([n, from]: [number, number]): [Value, number] => [
    new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(from, from + n)),
    from + n,
  ];
  const binary = ([n, from]: [number, number]): [Value, number] => [bytes.subarray(from, from + n), from + n];
  const list = ([n, from]: [number, number]): [Value, number] => {
    const items: Value[] = [];
    for (let i = 0; i < n; i++) {
      const [item, next] = messagePack(bytes, from);
      items.push(item);
      from = next;
    }
    return [items, from];
  };
  const map = ([n, from]: [number, number]): [Value, number] => {
    const [items, end] = list([2 * n, from]);
    const pairs = items as Value[];
    return [
      Object.fromEntries(Array.from({ length: n }, (_, i) => [pairs[2 * i] as string, pairs[2 * i + 1]!])),
      end,
    ];
  };
  if (byte < 0x80) return [byte, at];
  if (byte < 0x90) return map([byte & 15, at]);
  if (byte < 0xa0) return list([byte & 15, at]);
  if (byte < 0xc0) return text([byte & 31, at]);
  if (byte >= 0xe0) return [byte - 256, at];
  const rest: Record<number, () => [Value, number]> = {
    192: () => [null, at],
    194: () => [false, at],
    195: () => [true, at],
    196: () => binary(sized(1)),
    197: () => binary(sized(2)),
    198: () => binary(sized(4)),
    202: () => [v.getFloat32(at), at + 4],
    203: () => [v.getFloat64(at), at + 8],
    204: () => sized(1),
    205: () => sized(2),
    206: () => sized(4),
    208: () => [v.getInt8(at), at + 1],
    209: () => [v.getInt16(at), at + 2],
    210: () => [v.getInt32(at), at + 4],
    217: () => text(sized(1)),
    218: () => text(sized(2)),
    219: () => text(sized(4)),
    220: () => list(sized(2)),
    221: () => list(sized(4)),
    222: () => map(sized(2)),
    223: () => map(sized(4)),
  };
  const read = rest[byte];
  must(read !== undefined, `MessagePack byte 0x${byte.toString(16)} is not allowed`);
  return read();
}

/** A column of varints ("Event chunks"). */
export function varints(column: Value): number[] {
  const out: number[] = [];
  let value = 0;
  let scale = 1;
  for (const byte of column as Uint8Array) {
    value += (byte & 127) * scale;
    scale *= 128;
    if (byte >= 128) continue;
    out.push(value);
    value = 0;
    scale = 1;
  }
  must(scale === 1, 'a varint without its end');
  return out;
}
