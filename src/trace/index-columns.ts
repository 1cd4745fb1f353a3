/** The list of chunks in an index chunk; FORMAT.md, "Index". The writer fills one, the reader looks into it. */
import {
  type ChunkEntry,
  ChunkFlag,
  chunkHeaderLength,
  isChunkType,
  isTime,
  maxPayloadLength,
} from './chunk.ts';
import { ChunkType } from './chunk-types.ts';
import type { Body, PlainMap } from './pack.ts';

/** The most chunks that one index chunk lists. */
export const maxIndexed = 65_536;

/** Chunks in a row, 40 bytes each. */
export class IndexColumns {
  /** Sequence number of the first chunk. */
  readonly first: number;
  /** File offset of the first chunk. */
  readonly start: number;
  #length = 0;
  #type: Uint32Array = new Uint32Array(16);
  #flags: Uint32Array = new Uint32Array(16);
  #offset: Float64Array = new Float64Array(16);
  #instruction: Float64Array = new Float64Array(16);
  #wallNs: Float64Array = new Float64Array(16);
  #encoded: Uint32Array = new Uint32Array(16);
  #plain: Uint32Array = new Uint32Array(16);

  constructor(first: number, start: number) {
    this.first = first;
    this.start = start;
  }

  /** Number of chunks. */
  get length(): number {
    return this.#length;
  }

  /** File offset behind the last chunk. */
  get end(): number {
    const last = this.#length - 1;
    return last < 0 ? this.start : this.#offset[last]! + chunkHeaderLength + this.#encoded[last]!;
  }

  /** Appends a chunk, which must begin at `end`. */
  push(entry: ChunkEntry): void {
    const offset = this.end;
    const i = this.#length;
    if (entry.offset !== offset || entry.sequence !== this.first + i)
      throw new Error(`chunk ${entry.sequence} at ${entry.offset} cannot follow in this index`);
    if (i === this.#type.length) this.#grow();
    this.#type[i] = Buffer.from(entry.type, 'latin1').readUInt32LE();
    this.#flags[i] = entry.flags;
    this.#offset[i] = offset;
    this.#instruction[i] = entry.instruction;
    this.#wallNs[i] = entry.wallNs;
    this.#encoded[i] = entry.encodedLength;
    this.#plain[i] = entry.plainLength;
    this.#length = i + 1;
  }

  /** @param i position in these columns, from 0 to `length` - 1 */
  entry(i: number): ChunkEntry {
    if (!(i >= 0 && i < this.#length)) throw new RangeError(`no entry ${i} of ${this.#length}`);
    return {
      sequence: this.first + i,
      offset: this.#offset[i]!,
      type: typeText(this.#type[i]!),
      flags: this.#flags[i]!,
      encodedLength: this.#encoded[i]!,
      plainLength: this.#plain[i]!,
      instruction: this.#instruction[i]!,
      wallNs: this.#wallNs[i]!,
    };
  }

  /** The body's columns, as views. */
  toBody(): PlainMap {
    const n = this.#length;
    return {
      first: this.first,
      start: this.start,
      type: this.#type.subarray(0, n),
      flags: this.#flags.subarray(0, n),
      instruction: this.#instruction.subarray(0, n),
      wall: this.#wallNs.subarray(0, n),
      encoded: this.#encoded.subarray(0, n),
      plain: this.#plain.subarray(0, n),
    };
  }

  /**
   * Reads the columns of an index chunk and checks that they describe what lies between `start` and that chunk.
   * @param index the index chunk
   * @throws {RebekError} ERR_TRACE_BODY
   */
  static fromBody(body: Body, index: { sequence: number; offset: number }): IndexColumns {
    const first = body.integer('first', 0, index.sequence);
    const n = index.sequence - first;
    if (n > maxIndexed) body.wrong('first', `at most ${maxIndexed} chunks in an index`, n);
    const columns = new IndexColumns(first, body.integer('start'));
    columns.#type = body.column('type', 'u32', n);
    columns.#flags = body.column('flags', 'u32', n);
    columns.#instruction = body.column('instruction', 'f64', n);
    columns.#wallNs = body.column('wall', 'f64', n);
    columns.#encoded = body.column('encoded', 'u32', n);
    columns.#plain = body.column('plain', 'u32', n);
    columns.#offset = new Float64Array(n);
    columns.#length = n;
    let offset = columns.start;
    for (let i = 0; i < n; i++) {
      columns.#offset[i] = offset;
      const encoded = columns.#encoded[i]!;
      const plain = columns.#plain[i]!;
      if (encoded < 1 || encoded > maxPayloadLength)
        body.wrong('encoded', 'lengths from 1 byte to 64 MiB', encoded);
      if (plain < 1 || plain > maxPayloadLength) body.wrong('plain', 'lengths from 1 byte to 64 MiB', plain);
      const type = typeText(columns.#type[i]!);
      if (!isChunkType(type) || type === ChunkType.index)
        body.wrong('type', 'types of chunks that are no index', type);
      if (columns.#flags[i]! > (ChunkFlag.optional | ChunkFlag.stored))
        body.wrong('flags', 'known flags', columns.#flags[i]);
      if (!isTime(columns.#instruction[i]!))
        body.wrong('instruction', 'instruction counts', columns.#instruction[i]);
      if (!isTime(columns.#wallNs[i]!)) body.wrong('wall', 'times', columns.#wallNs[i]);
      offset += chunkHeaderLength + encoded;
    }
    if (offset !== index.offset)
      body.wrong('encoded', `chunks that end at offset ${index.offset}, where the index begins`, offset);
    return columns;
  }

  #grow(): void {
    const double = <T extends Uint32Array | Float64Array>(old: T): T => {
      const grown = new (old.constructor as new (length: number) => T)(old.length * 2);
      grown.set(old);
      return grown;
    };
    this.#type = double(this.#type);
    this.#flags = double(this.#flags);
    this.#offset = double(this.#offset);
    this.#instruction = double(this.#instruction);
    this.#wallNs = double(this.#wallNs);
    this.#encoded = double(this.#encoded);
    this.#plain = double(this.#plain);
  }
}

function typeText(code: number): string {
  return String.fromCharCode(code & 0xff, (code >>> 8) & 0xff, (code >>> 16) & 0xff, code >>> 24);
}

/** An index chunk that another one follows. */
export interface EarlierIndex {
  /** Sequence number of the first chunk that it lists. */
  readonly first: number;
  /** File offset of that chunk. */
  readonly start: number;
  /** File offset of the index chunk. */
  readonly offset: number;
}

export function encodeEarlier(earlier: readonly EarlierIndex[]): PlainMap {
  return {
    first: Uint32Array.from(earlier, (e) => e.first),
    start: Float64Array.from(earlier, (e) => e.start),
    offset: Float64Array.from(earlier, (e) => e.offset),
  };
}

/**
 * Reads the list of earlier index chunks and checks that it is in order and ends before `columns` begin.
 * @throws {RebekError} ERR_TRACE_BODY
 */
export function decodeEarlier(body: Body, columns: IndexColumns): EarlierIndex[] {
  const map = body.map('earlier');
  const first = map.column('first', 'u32');
  const start = map.column('start', 'f64', first.length);
  const offset = map.column('offset', 'f64', first.length);
  const earlier = Array.from(first, (f, i) => ({ first: f, start: start[i]!, offset: offset[i]! }));
  let [sequence, position] = [0, 64];
  for (const [i, e] of earlier.entries()) {
    const next = earlier[i + 1]?.start ?? columns.start;
    if (i === 0 ? e.first !== 0 : e.first <= sequence) map.wrong('first', 'ascending numbers', e.first);
    if (i === 0 ? e.start !== position : e.start <= position)
      map.wrong('start', 'ascending offsets', e.start);
    if (!(Number.isInteger(e.offset) && e.offset >= e.start && e.offset < next))
      map.wrong('offset', `an offset between ${e.start} and ${next}`, e.offset);
    [sequence, position] = [e.first, e.offset];
  }
  const bad = earlier.length === 0 ? columns.first !== 0 || columns.start !== 64 : columns.first <= sequence;
  if (bad) body.wrong('first', 'the chunk that follows the index before this one', columns.first);
  return earlier;
}
