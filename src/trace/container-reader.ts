/**
 * Reads a container file: by its index if it is complete, up to where it is good if not. Memory does not grow with
 * the file: one or two index chunks and one chunk are held at a time.
 */
import type { RebekError } from '../base/errors.ts';
import {
  type ChunkEntry,
  ChunkFlag,
  chunkHeaderLength,
  decodePayload,
  isFlaw,
  type ParsedChunkHeader,
  parseChunkHeader,
} from './chunk.ts';
import { ChunkType, knownChunkTypes } from './chunk-types.ts';
import { activeCodec, type BlockCodec } from './codec.ts';
import { damagedChunk, describePlace, traceError } from './errors.ts';
import {
  type FileHeader,
  type FileKind,
  fileHeaderLength,
  footerLength,
  parseFileHeader,
  parseFooter,
} from './file-header.ts';
import { decodeEarlier, type EarlierIndex, IndexColumns } from './index-columns.ts';
import { MessagePackError } from './msgpack-check.ts';
import { type Body, decodeBody } from './pack.ts';
import { RawFile } from './raw-file.ts';
import { walk } from './walk.ts';

export interface OpenOptions {
  /** Refuse files of another kind. */
  readonly kind?: FileKind;
  /** Open a damaged file, too, with the chunks before the damage. */
  readonly salvage?: boolean;
  /** Types that `chunks()` gives out; others are skipped if they are optional and refused if not. */
  readonly knownTypes?: ReadonlySet<string>;
  /** Told while a file without a good footer is searched; in bytes. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** Why, and from where on, a file is not complete. */
export interface Incomplete {
  /** ERR_TRACE_INCOMPLETE, or with `salvage` the damage. */
  readonly code: string;
  /** A sentence. */
  readonly reason: string;
  /** File offset behind the last good chunk. */
  readonly offset: number;
  /** Sequence number of the first chunk that is not there. */
  readonly chunk: number;
  /** To be thrown or printed by whoever needs a complete file. */
  readonly error: RebekError;
}

/** A chunk that was read and checked. */
export interface Chunk {
  readonly entry: ChunkEntry;
  readonly body: Body;
}

/** The chunks that one index chunk lists. */
interface Segment {
  readonly first: number;
  /** Where its index chunk lies; undefined for the chunks behind the last index of an incomplete file. */
  readonly index: { readonly offset: number; readonly sequence: number } | undefined;
  columns: IndexColumns | undefined;
}

/**
 * Opens a file. A complete one is known by its last 64 bytes; any other is read once from end to end here.
 * @throws {RebekError} ERR_TRACE_OPEN, _READ, _NOT_A_TRACE, _HEADER, _VERSION, _KIND; unless `salvage` is set also
 *   _DAMAGED, _FOOTER, _TRAILING. An incomplete file is no error: see `incomplete`
 */
export function openContainer(path: string, options: OpenOptions = {}): ContainerReader {
  const file = new RawFile(path);
  try {
    const head = file.read(0, Math.min(file.size, fileHeaderLength));
    const header = parseFileHeader(head, path, options.kind);
    const known = options.knownTypes ?? knownChunkTypes;
    const complete = readLastIndex(file);
    if (complete !== undefined) return new ContainerReader(file, header, known, complete);

    const walker = walk(file);
    let step = walker.next();
    for (; !step.done; step = walker.next()) options.onProgress?.(step.value.entry.offset, file.size);
    const { error, offset, chunks, indexes, tail } = step.value;
    if (error !== undefined && error.code !== 'ERR_TRACE_INCOMPLETE' && !options.salvage) throw error;
    const segments = toSegments(indexes, tail.first);
    segments.push({ first: tail.first, index: undefined, columns: tail });
    const incomplete = error && {
      code: error.code,
      reason: String(error.details['reason'] ?? error.message),
      offset,
      chunk: chunks,
      error,
    };
    return new ContainerReader(file, header, known, { segments, chunks, incomplete });
  } catch (error) {
    file.close();
    throw error;
  }
}

function toSegments(indexes: readonly EarlierIndex[], end: number): Segment[] {
  return indexes.map(({ first, offset }, i) => ({
    first,
    index: { offset, sequence: (indexes[i + 1]?.first ?? end) - 1 },
    columns: undefined,
  }));
}

interface Content {
  readonly segments: Segment[];
  /** Index chunks included. */
  readonly chunks: number;
  readonly incomplete?: Incomplete | undefined;
  readonly chain?: Buffer;
}

/** The index by way of the footer, or undefined if anything is wrong with either: then the file is walked. */
function readLastIndex(file: RawFile): Content | undefined {
  if (file.size < fileHeaderLength + chunkHeaderLength + footerLength) return undefined;
  const end = file.size - footerLength;
  const footer = parseFooter(file.read(end, footerLength), file.size);
  if (footer === undefined || footer.indexOffset + chunkHeaderLength > end) return undefined;
  const offset = footer.indexOffset;
  const sequence = file.read(offset, chunkHeaderLength).readUInt32LE(12);
  try {
    const { entry, header, body } = readAt(file, activeCodec(), offset, sequence);
    if (entry.type !== ChunkType.index || !body.boolean('last')) return undefined;
    if (offset + chunkHeaderLength + entry.encodedLength !== end) return undefined;
    if (!header.chain.equals(footer.chain)) return undefined;
    const columns = IndexColumns.fromBody(body, entry);
    const segments = toSegments(decodeEarlier(body, columns), columns.first);
    segments.push({ first: columns.first, index: { offset, sequence }, columns });
    return { segments, chunks: sequence + 1, chain: footer.chain };
  } catch (error) {
    const { code } = error as RebekError;
    if (code === 'ERR_TRACE_DAMAGED' || code === 'ERR_TRACE_BODY') return undefined;
    throw error;
  }
}

/** Reads and checks the chunk at `offset`, which must have this number. @throws {RebekError} ERR_TRACE_DAMAGED */
function readAt(
  file: RawFile,
  codec: BlockCodec,
  offset: number,
  sequence: number,
  expected?: ChunkEntry,
): { entry: ChunkEntry; header: ParsedChunkHeader; body: Body } {
  // header and payload in one read if the length is known
  const bytes = file.read(offset, chunkHeaderLength + (expected?.encodedLength ?? 0));
  const header = parseChunkHeader(bytes.subarray(0, chunkHeaderLength), sequence);
  if (isFlaw(header)) throw damagedChunk(file.path, expected ?? { offset, sequence }, header);
  const entry: ChunkEntry = {
    sequence,
    offset,
    type: header.type,
    flags: header.flags,
    encodedLength: header.encodedLength,
    plainLength: header.plainLength,
    instruction: header.instruction,
    wallNs: header.wallNs,
  };
  const fail = (field: string, at: number, what: string) =>
    damagedChunk(file.path, entry, { field, at, what });
  if (expected !== undefined) {
    for (const name of ['type', 'flags', 'encodedLength', 'plainLength', 'instruction', 'wallNs'] as const)
      if (entry[name] !== expected[name])
        throw fail('index', 0, `its ${name} is ${entry[name]}, but ${expected[name]} in the index`);
  }
  if (offset + chunkHeaderLength + header.encodedLength > file.size)
    throw fail('encoded length', 16, 'the file ends inside its payload');
  const payload =
    expected === undefined
      ? file.read(offset + chunkHeaderLength, header.encodedLength)
      : bytes.subarray(chunkHeaderLength);
  const plain = decodePayload(codec, header, payload);
  if (!(plain instanceof Uint8Array)) throw damagedChunk(file.path, entry, plain);
  try {
    const place = { file: file.path, offset, chunk: sequence, type: header.type };
    return { entry, header, body: decodeBody(plain, place) };
  } catch (error) {
    if (!(error instanceof MessagePackError)) throw error;
    throw fail('MessagePack', chunkHeaderLength, `its map is not well-formed: ${error.message}`);
  }
}

/** An open file; made by `openContainer`. */
export class ContainerReader {
  readonly header: FileHeader;
  /** Length of the file in bytes when it was opened. */
  readonly size: number;
  /** Number of chunks that can be read, index chunks not included. */
  readonly chunkCount: number;
  /** Undefined if the file is complete. */
  readonly incomplete: Incomplete | undefined;
  /** The last chunk's chain value according to the footer, in hexadecimal, of a complete file; not verified. */
  readonly chain: string | undefined;
  readonly #file: RawFile;
  readonly #known: ReadonlySet<string>;
  readonly #codec = activeCodec();
  readonly #segments: readonly Segment[];
  /** Segments whose columns can be dropped and read again, the last used one at the end. */
  #loaded: Segment[] = [];

  /** @internal */
  constructor(file: RawFile, header: FileHeader, known: ReadonlySet<string>, content: Content) {
    this.#file = file;
    this.#known = known;
    this.#segments = content.segments;
    this.header = header;
    this.size = file.size;
    this.incomplete = content.incomplete;
    this.chain = content.chain?.toString('hex');
    this.chunkCount = content.chunks - content.segments.filter((s) => s.index !== undefined).length;
  }

  get path(): string {
    return this.#file.path;
  }

  /** True if footer and index are there and good. */
  get complete(): boolean {
    return this.incomplete === undefined;
  }

  /**
   * The index, in file order, without index chunks; reads no other chunk.
   * @param types only these
   */
  *entries(types?: Iterable<string>): Generator<ChunkEntry> {
    const wanted = types === undefined ? undefined : new Set(types);
    for (const segment of this.#segments) {
      const columns = this.#load(segment);
      for (let i = 0; i < columns.length; i++) {
        const entry = columns.entry(i);
        if (wanted === undefined || wanted.has(entry.type)) yield entry;
      }
    }
  }

  /**
   * The entry of the chunk with this sequence number.
   * @throws {RangeError} there is none, or it is an index chunk
   */
  entry(sequence: number): ChunkEntry {
    const segment = this.#segments.findLast((candidate) => candidate.first <= sequence);
    const columns = segment && Number.isInteger(sequence) ? this.#load(segment) : undefined;
    if (columns === undefined || sequence - columns.first >= columns.length)
      throw new RangeError(`no chunk ${sequence}, or it is an index`);
    return columns.entry(sequence - columns.first);
  }

  /**
   * Reads one chunk and checks its header, that it is the one in the index, its payload and its CRC.
   * @throws {RebekError} ERR_TRACE_DAMAGED, ERR_TRACE_READ
   */
  readChunk(entry: ChunkEntry): Chunk {
    const { body } = readAt(this.#file, this.#codec, entry.offset, entry.sequence, entry);
    return { entry, body };
  }

  /**
   * Reads the chunks in file order, one at a time. Unknown optional chunks are skipped.
   * @param types only these, which need not be among the known ones
   * @throws {RebekError} ERR_TRACE_UNKNOWN_CHUNK: a chunk of an unknown type that is not optional, wanted or not
   */
  *chunks(types?: Iterable<string>): Generator<Chunk> {
    const wanted = types === undefined ? undefined : new Set(types);
    for (const entry of this.entries()) {
      if (wanted?.has(entry.type)) yield this.readChunk(entry);
      else if (!this.#known.has(entry.type)) {
        if ((entry.flags & ChunkFlag.optional) === 0) throw this.#unknown(entry);
      } else if (wanted === undefined) yield this.readChunk(entry);
    }
  }

  close(): void {
    this.#file.close();
  }

  #load(segment: Segment): IndexColumns {
    const { index } = segment;
    if (index !== undefined && this.#loaded.at(-1) !== segment) {
      this.#loaded = [...this.#loaded.filter((other) => other !== segment), segment];
      if (this.#loaded.length > 2) this.#loaded.shift()!.columns = undefined;
    }
    segment.columns ??= this.#readColumns(segment, index!);
    return segment.columns;
  }

  #readColumns(segment: Segment, index: { offset: number; sequence: number }): IndexColumns {
    const { entry, body } = readAt(this.#file, this.#codec, index.offset, index.sequence);
    const fail = (what: string) =>
      damagedChunk(this.path, entry, { field: 'index', at: chunkHeaderLength, what });
    if (entry.type !== ChunkType.index) throw fail('it should be an index');
    const columns = IndexColumns.fromBody(body, entry);
    if (columns.first !== segment.first) throw fail(`it lists chunks from ${columns.first} on`);
    return columns;
  }

  #unknown(entry: ChunkEntry): RebekError {
    const place = { file: this.path, offset: entry.offset, chunk: entry.sequence, type: entry.type };
    return traceError(
      'ERR_TRACE_UNKNOWN_CHUNK',
      `${describePlace({ ...place })} is of a type that this Rebek does not know and must understand`,
      place,
      { hint: 'Use a newer release of Rebek.' },
    );
  }
}
