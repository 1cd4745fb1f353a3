/** A trace as its readers see it: what it is of, what a replay starts from, and its events, chunk by chunk. */
import { createHash } from 'node:crypto';
import { RebekError } from '../base/errors.ts';
import { ChunkType } from './chunk-types.ts';
import { type ContainerReader, type Incomplete, openContainer } from './container-reader.ts';
import { decodeEvents, type EventBatch } from './events.ts';
import { type FlowChunk, FlowReader } from './flow.ts';
import { parseMeta, parseSummary, type TraceMeta, type TraceSummary } from './meta.ts';
import { decodeImage } from './pages.ts';
import { decodeStream, type StreamRecord, type StreamType } from './stream.ts';

export class TraceFile {
  readonly reader: ContainerReader;
  readonly meta: TraceMeta;
  /**
   * What the guest had written to I/O port 0xE9 before the saved state that the recording began from; undefined where
   * that is not known, and where it began at power-on.
   */
  readonly debugBefore: Uint8Array | undefined;
  /** Undefined in an incomplete trace that ends before it. */
  readonly summary: TraceSummary | undefined;

  /**
   * @param onProgress told while a file without a good footer is read, once from end to end; in bytes
   * @throws RebekError ERR_TRACE_… with exit code 4: no trace, another version, damaged; ERR_TRACE_READ
   */
  static open(path: string, onProgress?: (done: number, total: number) => void): TraceFile {
    return new TraceFile(openContainer(path, { kind: 'TRCE', ...(onProgress && { onProgress }) }));
  }

  private constructor(reader: ContainerReader) {
    this.reader = reader;
    try {
      const meta = this.single(ChunkType.metadata);
      this.meta = parseMeta(meta?.raw());
      this.debugBefore = meta?.raw()['debug'] === undefined ? undefined : meta.bin('debug');
      const summary = this.single(ChunkType.summary);
      this.summary = summary === undefined ? undefined : parseSummary(summary.raw());
    } catch (error) {
      reader.close();
      throw error;
    }
  }

  get path(): string {
    return this.reader.path;
  }

  get incomplete(): Incomplete | undefined {
    return this.reader.incomplete;
  }

  /** Instruction count at the beginning of the last event chunk: known without reading the log. */
  get lastKnownInstruction(): number {
    let last = 0;
    for (const entry of this.reader.entries([ChunkType.events])) last = entry.instruction;
    return this.summary?.instructions ?? last;
  }

  /**
   * The engine's binary.
   * @throws RebekError ERR_TRACE_ENGINE if its hash is not the one that META names; ERR_TRACE_INCOMPLETE if the
   *   file ends inside it
   */
  engine(): Uint8Array {
    const parts: Uint8Array[] = [];
    for (const { body } of this.reader.chunks([ChunkType.engine])) parts.push(body.bin('data'));
    const bytes = Buffer.concat(parts);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const { engine } = this.meta;
    if (sha256 === engine.sha256) return bytes;
    if (this.incomplete !== undefined && bytes.length < engine.bytes) {
      const { offset, chunk } = this.incomplete;
      throw new RebekError(
        'ERR_TRACE_INCOMPLETE',
        `${this.path}: it ends inside the engine, at offset ${offset}, before the first instruction: there is nothing to replay`,
        { exitCode: 4, details: { file: this.path, offset, chunk } },
      );
    }
    throw new RebekError(
      'ERR_TRACE_ENGINE',
      `${this.path}: its engine has SHA-256 ${sha256}, its metadata say ${engine.sha256}`,
      { exitCode: 4, details: { file: this.path, found: sha256, expected: engine.sha256 } },
    );
  }

  /** Fills `memory` with the initial image. */
  restoreImage(memory: Uint8Array): void {
    decodeImage(this.reader.chunks([ChunkType.page]), memory, 'memory');
  }

  /** The log. Reads one chunk at a time. */
  *events(): Generator<EventBatch> {
    let next = 0;
    for (const { entry, body } of this.reader.chunks([ChunkType.events])) {
      const batch = decodeEvents(body);
      if (batch.first !== next) {
        throw new RebekError(
          'ERR_TRACE_EVENTS',
          `${this.path}: chunk ${entry.sequence} at offset ${entry.offset} begins with event ${batch.first}, expected ${next}`,
          { exitCode: 4, details: { file: this.path, offset: entry.offset, chunk: entry.sequence } },
        );
      }
      next += batch.count;
      yield batch;
    }
  }

  /** The control-flow log. Reads one chunk at a time. */
  *flow(): Generator<FlowChunk> {
    const reader = new FlowReader();
    for (const { entry, body } of this.reader.chunks([ChunkType.flow]))
      yield reader.decode(body, entry.instruction);
  }

  /** The records of a side stream. Reads one chunk at a time. */
  *stream(type: StreamType): Generator<StreamRecord> {
    for (const { body } of this.reader.chunks([type])) yield* decodeStream(body);
  }

  close(): void {
    this.reader.close();
  }

  private single(type: string) {
    for (const { body } of this.reader.chunks([type])) return body;
    return undefined;
  }
}
