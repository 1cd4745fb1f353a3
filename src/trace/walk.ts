/**
 * Walks a file from its first chunk to where it stops being good, checking everything, and says how it ends; the
 * rules are those of FORMAT.md, "Complete, incomplete, damaged". Needs the memory of one chunk and one index.
 */
import { RebekError } from '../base/errors.ts';
import { sha256 } from './checksum.ts';
import {
  type ChunkEntry,
  ChunkFlag,
  checkTornHeader,
  chunkHeaderLength,
  decodePayload,
  isFlaw,
  nextChain,
  parseChunkHeader,
} from './chunk.ts';
import { ChunkType } from './chunk-types.ts';
import { activeCodec } from './codec.ts';
import { damagedChunk, type Flaw, type TraceErrorCode, traceError } from './errors.ts';
import { compareFooter, encodeFooter, fileHeaderLength, footerLength } from './file-header.ts';
import { decodeEarlier, type EarlierIndex, IndexColumns, maxIndexed } from './index-columns.ts';
import { MessagePackError } from './msgpack-check.ts';
import { type Body, decodeBody } from './pack.ts';
import type { RawFile } from './raw-file.ts';

/** A good chunk. */
export interface WalkedChunk {
  readonly entry: ChunkEntry;
  /** Chain value, 32 bytes. */
  readonly chain: Uint8Array;
  readonly body: Body;
}

/** How the walk ended, and the index of everything before. */
export interface WalkEnd {
  /** Undefined: the file is complete and good to its last byte. */
  readonly error: RebekError | undefined;
  /** File offset behind the last good chunk. */
  readonly offset: number;
  /** Good chunks, index chunks included. */
  readonly chunks: number;
  /** The chain value of the last good chunk. */
  readonly chain: Uint8Array;
  /** Index chunks passed. */
  readonly indexes: readonly EarlierIndex[];
  /** The chunks behind the last index chunk. */
  readonly tail: IndexColumns;
}

/** Yields every good chunk in order, index chunks included. @throws {RebekError} only ERR_TRACE_READ */
export function* walk(file: RawFile): Generator<WalkedChunk, WalkEnd> {
  const codec = activeCodec();
  let chain = sha256(file.read(0, fileHeaderLength));
  let offset = fileHeaderLength;
  let sequence = 0;
  let tail = new IndexColumns(0, offset);
  const indexes: EarlierIndex[] = [];
  /** Where the zeros begin that reach to the end of the file; looked for when it matters. */
  let zeros: number | undefined;
  let buffer = Buffer.allocUnsafeSlow(1 << 20);
  const end = (error?: RebekError): WalkEnd => ({ error, offset, chunks: sequence, chain, indexes, tail });

  for (;;) {
    const remaining = file.size - offset;
    const stop = (reason: string) => end(incomplete(file, offset, sequence, reason));
    if (remaining === 0) return stop('it ends behind a whole chunk, without index and footer');
    /** The chunk is not good; a tail of zeros excuses it if it begins before `chunkEnd`. */
    const bad = (flaw: Flaw, chunkEnd: number, type?: string): WalkEnd => {
      zeros ??= zeroTail(file, fileHeaderLength);
      if (zeros <= offset) return stop(`its last ${remaining} bytes are zero`);
      if (zeros < chunkEnd && file.size - zeros >= 64)
        return stop(`its last ${file.size - zeros} bytes are zero`);
      return end(
        damagedChunk(file.path, { offset, sequence, ...(type === undefined ? {} : { type }) }, flaw),
      );
    };

    if (remaining < chunkHeaderLength) {
      const flaw = checkTornHeader(file.read(offset, remaining), sequence);
      return flaw === undefined ? stop('it ends inside a chunk header') : bad(flaw, file.size);
    }
    const head = file.read(offset, chunkHeaderLength);
    const header = parseChunkHeader(head, sequence);
    if (isFlaw(header)) return bad(header, offset + chunkHeaderLength);
    const chunkEnd = offset + chunkHeaderLength + header.encodedLength;
    if (chunkEnd > file.size) {
      return stop(
        `it ends inside the payload of chunk ${sequence} (${header.type}), ${chunkEnd - file.size} bytes too early`,
      );
    }
    if (buffer.length < header.encodedLength) buffer = Buffer.allocUnsafeSlow(header.encodedLength);
    const payload = buffer.subarray(0, header.encodedLength);
    file.readInto(payload, offset + chunkHeaderLength);

    const plain = decodePayload(codec, header, payload);
    if (!(plain instanceof Uint8Array)) return bad(plain, chunkEnd, header.type);
    const chained = nextChain(chain, head, payload);
    if (!header.chain.equals(chained))
      return bad(
        { field: 'chain', at: 48, what: 'its chain value does not follow from what stands before it' },
        0,
        header.type,
      );
    const { payloadCrc: _payload, plainCrc: _plain, chain: _chain, ...fields } = header;
    const entry: ChunkEntry = { ...fields, offset };
    const place = { file: file.path, offset, chunk: sequence, type: header.type };
    let body: Body;
    let last = false;
    try {
      body = decodeBody(plain, place);
      if (entry.type === ChunkType.index) last = checkIndex(body, entry, tail, indexes);
      else if (tail.length >= maxIndexed)
        body.wrong('type', `an index after ${maxIndexed} chunks`, entry.type);
    } catch (error) {
      return bad(bodyFlaw(error), 0, entry.type);
    }
    chain = chained;
    offset = chunkEnd;
    sequence++;
    if (entry.type === ChunkType.index) {
      indexes.push({ first: tail.first, start: tail.start, offset: entry.offset });
      tail = new IndexColumns(sequence, offset);
    } else tail.push(entry);
    yield { entry, chain, body };
    if (last) return end(judgeFooter(file, offset, sequence, entry.offset, chain));
  }
}

function bodyFlaw(error: unknown): Flaw {
  const { message } = error as Error;
  if (error instanceof MessagePackError)
    return { field: 'MessagePack', at: chunkHeaderLength, what: `its map is not well-formed: ${message}` };
  if (!(error instanceof RebekError)) throw error;
  const { field, expected, found } = error.details;
  const what = `it does not list the chunks that are there: ${field}: expected ${expected}, found ${found}`;
  return { field: 'index', at: chunkHeaderLength, what };
}

/** Compares an index chunk with the chunks that were really there. @returns its `last` */
function checkIndex(
  body: Body,
  entry: ChunkEntry,
  actual: IndexColumns,
  indexes: readonly EarlierIndex[],
): boolean {
  const listed = IndexColumns.fromBody(body, entry);
  if (listed.first !== actual.first) body.wrong('first', String(actual.first), listed.first);
  if (listed.start !== actual.start) body.wrong('start', String(actual.start), listed.start);
  const [found, expected] = [listed.toBody(), actual.toBody()];
  for (const name of ['type', 'flags', 'instruction', 'wall', 'encoded', 'plain']) {
    const [a, b] = [found[name] as Float64Array, expected[name] as Float64Array];
    const i = a.findIndex((value, at) => value !== b[at]);
    if (i >= 0) body.wrong(name, `${b[i]} for chunk ${actual.first + i}`, a[i]);
  }
  const earlier = decodeEarlier(body, listed);
  if (
    earlier.length !== indexes.length ||
    earlier.some((e, i) => e.offset !== indexes[i]!.offset || e.first !== indexes[i]!.first)
  )
    body.wrong('earlier', `the ${indexes.length} index chunks before`, earlier.length);
  if (entry.flags & ChunkFlag.optional) body.wrong('flags', 'an index that is not optional', entry.flags);
  return body.boolean('last');
}

/** Behind the last index chunk: is the footer the one that must follow? */
function judgeFooter(
  file: RawFile,
  offset: number,
  chunks: number,
  indexOffset: number,
  chain: Uint8Array,
): RebekError | undefined {
  const expected = encodeFooter(indexOffset, offset + footerLength, chain);
  const remaining = file.size - offset;
  const found = file.read(offset, Math.min(remaining, footerLength));
  if (remaining === 0) return incomplete(file, offset, chunks, 'it ends behind its index, without footer');
  const difference = compareFooter(found, expected);
  const fail = (code: TraceErrorCode, what: string, at: number, field: string) =>
    traceError(code, what, { file: file.path, offset: at, field });
  if (difference !== undefined) {
    const zeros = zeroTail(file, offset);
    if (zeros === offset || (zeros <= offset + difference.at && file.size - zeros >= 64))
      return incomplete(file, offset, chunks, `its last ${file.size - zeros} bytes are zero`);
    const at = offset + difference.at;
    return fail(
      'ERR_TRACE_FOOTER',
      `the footer is damaged: offset ${at} (${difference.field})`,
      at,
      difference.field,
    );
  }
  if (remaining < footerLength)
    return incomplete(file, offset, chunks, 'it ends inside its footer; all chunks are there');
  if (remaining > footerLength) {
    const at = offset + footerLength;
    return fail(
      'ERR_TRACE_TRAILING',
      `${file.size - at} bytes follow the footer, from offset ${at} on`,
      at,
      'trailing',
    );
  }
  return undefined;
}

function incomplete(file: RawFile, offset: number, chunk: number, reason: string): RebekError {
  return traceError(
    'ERR_TRACE_INCOMPLETE',
    `the file is incomplete: ${reason}; ${chunk} chunks up to offset ${offset} are good`,
    { file: file.path, offset, chunk },
    { details: { reason } },
  );
}

/** Offset from which on the file is zero to its end; at least `from`. */
function zeroTail(file: RawFile, from: number): number {
  const block = 64 * 1024;
  for (let end = file.size; end > from; ) {
    const begin = Math.max(from, end - block);
    const bytes = file.read(begin, end - begin);
    for (let i = bytes.length - 1; i >= 0; i--) if (bytes[i] !== 0) return begin + i + 1;
    end = begin;
  }
  return from;
}
