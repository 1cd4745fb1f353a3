/** Reads the ground truth that ntlet reports through I/O port 0xE9 (TRUTH.md), a record at a time. */
import { hex32 } from '../../base/hex.ts';
import { ChunkType } from '../../trace/chunk-types.ts';
import type { StreamRecord } from '../../trace/stream.ts';
import { TraceFile } from '../../trace/trace-file.ts';
import { decodeRecord, MARK, SHORTEST, type TruthRecord, truthError } from './truth-record.ts';

/** A piece of what was written to the port, and when its first byte was. Where pieces end means nothing. */
export type TruthPiece = Pick<StreamRecord, 'instruction' | 'bytes'>;

export interface TruthOptions {
  /** The guest was recorded from power-on: the first record must have the number 0. */
  readonly fromStart?: boolean;
  /** What is there may end inside a record: the recorder was killed. */
  readonly incomplete?: boolean;
}

/** How a stream ended. */
export interface TruthEnd {
  readonly records: number;
  /** Bytes of a last record that was cut off; only where that is allowed. */
  readonly cut: number;
}

/** The instruction count of what was told before the recording began, which a saved state has kept. */
const BEFORE = -1;
/** Bytes of the longest record. */
const LONGEST = 255 * 4;

/**
 * Decodes records one at a time; holds one record's bytes.
 * @throws RebekError, with exit code 4, whose details name record, byte offset and instruction: ERR_TRUTH_MARK,
 *   ERR_TRUTH_LENGTH, ERR_TRUTH_SEQUENCE (a record is missing or twice there), ERR_TRUTH_TRUNCATED (it ends inside a
 *   record), ERR_TRUTH_VALUE (a number that means nothing), ERR_TRUTH_VERSION
 */
export function* decodeTruth(
  pieces: Iterable<TruthPiece>,
  options: TruthOptions = {},
): Generator<TruthRecord, TruthEnd> {
  const words = new Uint32Array(LONGEST / 4);
  const record = new Uint8Array(words.buffer);
  /** Bytes of the record so far, and in all as far as that is known. */
  let filled = 0;
  let wanted = 4;
  /** Of the record's first byte. */
  let offset = 0;
  let instruction = 0;
  let records = 0;
  let next = 0;
  const place = () => ({ sequence: next, offset, instruction });
  for (const piece of pieces) {
    const { bytes } = piece;
    for (let at = 0; at < bytes.length; ) {
      if (filled === 0) instruction = piece.instruction;
      const taken = Math.min(wanted - filled, bytes.length - at);
      record.set(bytes.subarray(at, at + taken), filled);
      at += taken;
      filled += taken;
      if (filled < wanted) break;
      if (wanted === 4) {
        wanted = lengthOf(words[0]!, place()) * 4;
        continue;
      }
      const sequence = words[1]!;
      if (records === 0 && !options.fromStart) next = sequence;
      if (sequence !== next)
        throw truthError('ERR_TRUTH_SEQUENCE', place(), `record ${next}`, `record ${sequence}`);
      yield decodeRecord(words, wanted / 4, place());
      records++;
      next = (next + 1) >>> 0;
      offset += wanted;
      filled = 0;
      wanted = 4;
    }
  }
  if (filled > 0 && !options.incomplete) {
    const expected = wanted === 4 ? 'a whole record' : `${wanted} bytes of a record`;
    throw truthError('ERR_TRUTH_TRUNCATED', place(), expected, `${filled} bytes, and the stream ends`);
  }
  return { records, cut: filled };
}

/** Length in words of the record that begins with this word. */
function lengthOf(word: number, place: Parameters<typeof truthError>[1]): number {
  if (word >>> 16 !== MARK) {
    const shown = hex32(word >>> 0);
    const hint =
      place.offset > 0 ? undefined : 'This guest seems to write something else to port 0xE9 than records.';
    throw truthError('ERR_TRUTH_MARK', place, 'a record, whose first word is 0x544e….', shown, hint);
  }
  const length = (word >>> 8) & 0xff;
  if (length >= SHORTEST) return length;
  throw truthError('ERR_TRUTH_LENGTH', place, `at least ${SHORTEST} words`, `${length}`);
}

/** The ground truth of a trace; made by {@link readTruth}. */
export class TruthReader implements Iterable<TruthRecord> {
  /** The trace holds something that the guest wrote to the port. */
  readonly present: boolean;
  /** Guest instructions that the trace is known to hold, for progress. */
  readonly instructions: number;
  /** How the stream ended; undefined while it has not been read to its end. */
  end: TruthEnd | undefined;
  private readonly trace: TraceFile;

  /** @internal */
  constructor(trace: TraceFile) {
    this.trace = trace;
    this.present = !trace.reader.entries([ChunkType.debug]).next().done;
    this.instructions = trace.lastKnownInstruction;
  }

  /**
   * All records, from the first. Reads a chunk at a time.
   * @throws RebekError ERR_TRUTH_…, ERR_TRACE_…
   */
  *[Symbol.iterator](): Generator<TruthRecord> {
    const { meta, incomplete, summary, debugBefore } = this.trace;
    this.end = yield* decodeTruth(this.pieces(), {
      fromStart: meta.start === 'power-on' || debugBefore !== undefined,
      // An emulator that crashes may do so inside a record, too.
      incomplete: incomplete !== undefined || summary?.final === null,
    });
  }

  private *pieces(): Generator<TruthPiece> {
    const { debugBefore } = this.trace;
    if (debugBefore !== undefined) yield { instruction: BEFORE, bytes: debugBefore };
    yield* this.trace.stream(ChunkType.debug);
  }

  close(): void {
    this.trace.close();
  }
}

/**
 * Opens the ground truth of a trace; `close` it when it is no longer needed.
 * @throws RebekError ERR_TRACE_…
 */
export function readTruth(path: string): TruthReader {
  return new TruthReader(TraceFile.open(path));
}
