/** All about a trace that can be told without replaying it. */

import { chunkHeaderLength } from './chunk.ts';
import { ChunkType } from './chunk-types.ts';
import { type CodecChoice, codecChoice } from './codec.ts';
import type { TraceMeta, TraceSummary } from './meta.ts';
import { TraceFile } from './trace-file.ts';

export interface ChunkStatistics {
  readonly chunks: number;
  /** Bytes in the file, chunk headers included. */
  readonly fileBytes: number;
  /** Bytes before compression. */
  readonly plainBytes: number;
}

export interface TraceInfo {
  readonly file: string;
  /** Bytes. */
  readonly size: number;
  /** The file's random identity, hexadecimal. */
  readonly id: string;
  readonly format: string;
  /** When the file was created, ISO 8601. */
  readonly created: string;
  readonly complete: boolean;
  readonly incomplete?: { readonly reason: string; readonly offset: number; readonly chunk: number };
  /** The last chunk's hash-chain value according to the footer; `rebek verify` checks it. */
  readonly chain: string | undefined;
  readonly meta: TraceMeta;
  /** Undefined in an incomplete trace. */
  readonly summary: TraceSummary | undefined;
  readonly chunks: Readonly<Record<string, ChunkStatistics>>;
  /** Guest instructions up to the last event, or in an incomplete trace up to its last event chunk. */
  readonly instructions: number;
  /** Size of the input log (event chunks as stored) in bits for each guest instruction. */
  readonly logBitsPerInstruction: number | undefined;
  /** The same of the control-flow log; undefined if there is none. */
  readonly flowBitsPerInstruction: number | undefined;
  /** The LZ4 library in use in this process, and why. */
  readonly codec: { readonly name: string; readonly reason: string };
}

/**
 * Reads header, index, metadata and summary.
 * @param source a trace that is open, and remains so; or its file's name
 * @throws RebekError ERR_TRACE_… with exit code 4
 */
export function describeTrace(source: TraceFile | string): TraceInfo {
  const trace = typeof source === 'string' ? TraceFile.open(source) : source;
  try {
    return describe(trace, codecChoice());
  } finally {
    if (trace !== source) trace.close();
  }
}

function describe(trace: TraceFile, choice: CodecChoice): TraceInfo {
  const { reader, meta, summary, incomplete } = trace;
  const chunks: Record<string, { chunks: number; fileBytes: number; plainBytes: number }> = {};
  for (const entry of reader.entries()) {
    chunks[entry.type] ??= { chunks: 0, fileBytes: 0, plainBytes: 0 };
    const statistics = chunks[entry.type]!;
    statistics.chunks++;
    statistics.fileBytes += entry.encodedLength + chunkHeaderLength;
    statistics.plainBytes += entry.plainLength;
  }
  const instructions = trace.lastKnownInstruction;
  const logBytes = chunks[ChunkType.events]?.fileBytes ?? 0;
  const flowBytes = chunks[ChunkType.flow]?.fileBytes;
  const perInstruction = (bytes: number): number | undefined =>
    instructions > 0 ? (bytes * 8) / instructions : undefined;
  const { header } = reader;
  return {
    file: trace.path,
    size: reader.size,
    id: header.id,
    format: `${header.major}.${header.minor}`,
    created: new Date(header.created).toISOString(),
    complete: incomplete === undefined,
    ...(incomplete && {
      incomplete: { reason: incomplete.reason, offset: incomplete.offset, chunk: incomplete.chunk },
    }),
    chain: reader.chain,
    meta,
    summary,
    chunks,
    instructions,
    logBitsPerInstruction: perInstruction(logBytes),
    flowBitsPerInstruction: flowBytes === undefined ? undefined : perInstruction(flowBytes),
    codec: { name: choice.codec.name, reason: choice.reason },
  };
}
