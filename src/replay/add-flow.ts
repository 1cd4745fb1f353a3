/** Gives a trace that was recorded without a control-flow log the one that it would have: a replay makes it again. */
import { ExitCode, RebekError } from '../base/errors.ts';
import type { FlowTap } from '../engine/flow/tap.ts';
import { type ChunkEntry, ChunkFlag } from '../trace/chunk.ts';
import { ChunkType } from '../trace/chunk-types.ts';
import { ContainerWriter, type FinishedFile } from '../trace/container-writer.ts';
import { encodeFlow, FlowPace } from '../trace/flow.ts';
import { FlowEncoder } from '../trace/flow-codec.ts';
import { createFlowBuffers, type FlowBuffers, FlowLog } from '../trace/flow-log.ts';
import { TraceFile } from '../trace/trace-file.ts';
import { WallClock } from '../trace/wall-clock.ts';
import type { FlowSink } from './observer.ts';
import { type ReplayOptions, type ReplayResult, replayTrace } from './replay.ts';

export interface AddFlowOptions extends Pick<ReplayOptions, 'onProgress' | 'signal'> {
  /** Replace an existing output file. */
  readonly overwrite?: boolean;
}

export interface AddFlowResult {
  readonly replay: ReplayResult;
  readonly file: FinishedFile;
  /** Chunks and records of the new log. */
  readonly chunks: number;
  readonly records: number;
}

/**
 * Copies a trace, chunk by chunk, and puts the control-flow log where a recorder would have: the same chunks with the same
 * records. Only their wall-clock times can differ, where a chunk was closed because it was full. Everything is compared as
 * in any replay; if something is not as recorded, no output is left.
 * @throws RebekError as `replayTrace` does; ERR_TRACE_HAS_FLOW; ERR_TRACE_INCOMPLETE; ERR_TRACE_EXISTS, ERR_TRACE_WRITE
 */
export async function addFlow(
  path: string,
  output: string,
  options: AddFlowOptions = {},
): Promise<AddFlowResult> {
  const trace = TraceFile.open(path);
  try {
    refuse(trace);
    const writer = ContainerWriter.create(output, 'TRCE', {
      overwrite: options.overwrite ?? false,
      created: trace.reader.header.created,
    });
    try {
      const copy = new FlowCopy(trace, writer);
      const replay = await replayTrace(path, { ...options, debugPort: true, flow: copy });
      copy.end();
      const { chunks, records } = copy;
      return { replay, file: writer.close(), chunks, records };
    } catch (error) {
      writer.discard();
      throw error;
    }
  } finally {
    trace.close();
  }
}

function refuse(trace: TraceFile): void {
  const { path, incomplete } = trace;
  if (incomplete !== undefined)
    throw new RebekError('ERR_TRACE_INCOMPLETE', `${path} is incomplete: ${incomplete.reason}`, {
      exitCode: ExitCode.damaged,
      hint: 'a copy would look like a whole trace; record with the control-flow log, or analyse what is there with hooks',
      details: { file: path, offset: incomplete.offset, chunk: incomplete.chunk },
    });
  for (const { sequence } of trace.reader.entries([ChunkType.flow]))
    throw new RebekError('ERR_TRACE_HAS_FLOW', `${path} has a control-flow log already`, {
      exitCode: ExitCode.usage,
      hint: 'rebek verify compares it with what is executed',
      details: { file: path, chunk: sequence },
    });
}

/** What stands before everything that happens. */
const BEGINNING: ReadonlySet<string> = new Set([ChunkType.metadata, ChunkType.engine, ChunkType.page]);

/** Follows a replay of the trace that it copies. */
class FlowCopy implements FlowSink {
  chunks = 0;
  records = 0;
  private readonly trace: TraceFile;
  private readonly writer: ContainerWriter;
  private readonly entries: readonly ChunkEntry[];
  /** The next chunk to be copied. */
  private next = 0;
  private readonly encoder = new FlowEncoder();
  private readonly pace = new FlowPace();
  private readonly clock: WallClock;
  private spare: FlowBuffers = createFlowBuffers();
  private log: FlowLog | undefined;

  constructor(trace: TraceFile, writer: ContainerWriter) {
    this.trace = trace;
    this.writer = writer;
    this.clock = new WallClock(trace);
    this.entries = [...trace.reader.entries()];
  }

  attach(tap: FlowTap): void {
    this.log = new FlowLog(tap);
    while (BEGINNING.has(this.entries[this.next]?.type ?? '')) this.copy();
  }

  press(): void {
    this.log?.press();
  }

  loopEnded(instruction: number, event: number): void {
    const { log, clock, trace } = this;
    if (log === undefined) return;
    log.loopEnded(instruction, event);
    if (log.full) this.flush(Math.round((clock.at(instruction) - trace.meta.started) * 1e6));
  }

  /** A recorder writes the control flow, then what else happened, then the events. */
  batchEnded(): void {
    const { entries } = this;
    let events = this.next;
    while (events < entries.length && entries[events]!.type !== ChunkType.events) events++;
    if (events === entries.length) return;
    const { wallNs } = entries[events]!;
    if (this.pace.due(wallNs)) this.flush(wallNs);
    while (this.next <= events) this.copy();
  }

  /** The replay is over. */
  end(): void {
    this.batchEnded();
    this.flush(this.trace.summary?.wallNs ?? 0);
    while (this.next < this.entries.length) this.copy();
  }

  private copy(): void {
    const { entry, body } = this.trace.reader.readChunk(this.entries[this.next++]!);
    const { type, instruction, wallNs, flags } = entry;
    const optional = (flags & ChunkFlag.optional) !== 0;
    this.writer.write(type, body.raw(), { instruction, wallNs, optional });
  }

  private flush(wallNs: number): void {
    const { log, writer, encoder } = this;
    if (log === undefined || log.empty) return;
    const { start } = log;
    const flow = log.swap(this.spare);
    this.spare = flow;
    const body = encodeFlow(encoder, flow, start);
    writer.write(ChunkType.flow, body, { instruction: start.instruction, wallNs, optional: true });
    this.chunks++;
    this.records += flow.count;
  }
}
