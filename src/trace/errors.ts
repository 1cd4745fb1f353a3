/** Errors of trace files: every one names the file, the offset and, where there is one, the chunk. */
import { ExitCode, RebekError } from '../base/errors.ts';

/** What can be wrong with a trace file as a whole; FORMAT.md, "Complete, incomplete, damaged". */
export type TraceErrorCode =
  | 'ERR_TRACE_NOT_A_TRACE'
  | 'ERR_TRACE_HEADER'
  | 'ERR_TRACE_VERSION'
  | 'ERR_TRACE_KIND'
  | 'ERR_TRACE_INCOMPLETE'
  | 'ERR_TRACE_DAMAGED'
  | 'ERR_TRACE_FOOTER'
  | 'ERR_TRACE_TRAILING'
  | 'ERR_TRACE_UNKNOWN_CHUNK'
  | 'ERR_TRACE_BODY';

/** Where in which file; becomes part of the message and of `details`. */
export interface Place {
  readonly file?: string;
  /** File offset in bytes. */
  readonly offset?: number;
  /** Chunk sequence number. */
  readonly chunk?: number;
  /** Chunk type, 4 characters. */
  readonly type?: string;
  /** The field of the header, chunk header, footer or body. */
  readonly field?: string;
}

/** `"chunk 3 (EVTS) at offset 4711"`, as far as it is known. */
export function describePlace(place: Place): string {
  const chunk =
    place.chunk === undefined
      ? undefined
      : `chunk ${place.chunk}${place.type === undefined ? '' : ` (${place.type})`}`;
  const offset = place.offset === undefined ? undefined : `offset ${place.offset}`;
  return chunk === undefined ? (offset ?? 'an unknown place') : offset ? `${chunk} at ${offset}` : chunk;
}

const hints: Partial<Record<TraceErrorCode, string>> = {
  ERR_TRACE_FOOTER:
    'Compare the file with another copy. All chunks before the footer are good: without its last 64 bytes the file replays as an incomplete trace.',
  ERR_TRACE_TRAILING: 'The trace itself is good; something was appended to the file.',
  ERR_TRACE_INCOMPLETE: 'The recording did not end properly. What is there is good and can be replayed.',
};

/**
 * Makes a RebekError about the content of a file, with exit code 4.
 * @param what the complaint, a clause without the file's name
 */
export function traceError(
  code: TraceErrorCode,
  what: string,
  place: Place,
  more: { hint?: string; details?: Record<string, unknown>; cause?: unknown } = {},
): RebekError {
  const hint = more.hint ?? hints[code];
  return new RebekError(code, place.file === undefined ? what : `${place.file}: ${what}`, {
    exitCode: ExitCode.damaged,
    ...(hint === undefined ? {} : { hint }),
    ...(more.cause === undefined ? {} : { cause: more.cause }),
    details: { ...place, ...more.details },
  });
}

/** What is wrong with the bytes of a chunk. */
export interface Flaw {
  /** Which field, as in FORMAT.md. */
  readonly field: string;
  readonly what: string;
  /** Offset from the beginning of the chunk. */
  readonly at: number;
}

/**
 * ERR_TRACE_DAMAGED for a chunk.
 * @param chunk its offset and, if they can be trusted, its number and type
 */
export function damagedChunk(
  file: string,
  chunk: { offset: number; sequence: number; type?: string },
  flaw: Flaw,
): RebekError {
  const { offset, sequence, type } = chunk;
  const place: Place = type === undefined ? { chunk: sequence } : { chunk: sequence, type };
  return traceError(
    'ERR_TRACE_DAMAGED',
    `${describePlace({ ...place, offset })} is damaged: ${flaw.what}`,
    { file, ...place, offset: offset + flaw.at, field: flaw.field },
    {
      hint: `Compare the file with another copy. What lies before the damage is good: cut off there (head -c ${offset} FILE > FILE.partial) it replays as an incomplete trace.`,
      details: { chunkOffset: offset },
    },
  );
}

/** The text of an operating system error, such as `"no space left on device (ENOSPC)"`. */
export function osReason(error: unknown): string {
  const { message, code } = error as NodeJS.ErrnoException;
  if (code === undefined) return String(message ?? error);
  // Node's message is "CODE: text, call 'path'"
  const text = /^[A-Z0-9]+: ([^,]+)/.exec(message)?.[1] ?? message;
  return `${text} (${code})`;
}
