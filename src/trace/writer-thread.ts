/**
 * The writer as the recording thread sees it: chunks are encoded, compressed, hashed and written in a worker.
 * What is under way is bounded: when the disk is slower than the guest, the guest waits.
 */
import { Worker } from 'node:worker_threads';
import { type ExitCode, RebekError } from '../base/errors.ts';
import type { EventBatch } from './events.ts';
import type { FlowRecords, FlowStart } from './flow.ts';
import { type FromWriter, messageBytes, type ToWriter, type WriterData } from './writer-protocol.ts';

/** Bytes that may be on their way to the file before the recording thread waits for the writer. */
const PENDING_LIMIT = 64 << 20;

export interface ClosedTrace {
  readonly path: string;
  readonly bytes: number;
  /** SHA-256 chain value over all chunks, hexadecimal. */
  readonly chain: string;
}

export class WriterThread {
  /** Rejects as soon as the writer fails (a full disk, for one); never resolves. */
  readonly failed: Promise<never>;
  /** Resolves when the file is there to be written to; rejects as `failed` does. */
  readonly opened: Promise<void>;
  private readonly worker: Worker;
  private readonly pending = new Int32Array(new SharedArrayBuffer(4));
  private readonly written = new Float64Array(new SharedArrayBuffer(8));
  private readonly spare: EventBatch[] = [];
  private readonly spareFlow: FlowRecords[] = [];
  private failure: RebekError | undefined;
  private fail!: (error: RebekError) => void;
  private answer: { resolve: (message: FromWriter) => void; reject: (error: RebekError) => void } | undefined;

  constructor(path: string, overwrite: boolean) {
    this.failed = new Promise<never>((_, reject) => {
      this.fail = (error) => {
        if (this.failure !== undefined) return;
        this.failure = error;
        reject(error);
        this.answer?.reject(error);
      };
    });
    this.failed.catch(() => {});
    this.opened = new Promise<void>((resolve, reject) => {
      this.answer = { resolve: () => resolve(), reject };
    });
    const workerData: WriterData = { path, overwrite, pending: this.pending, written: this.written };
    this.worker = new Worker(new URL('./writer-worker.js', import.meta.url), { workerData });
    this.worker.on('message', (message: FromWriter) => this.hear(message));
    this.worker.on('error', (cause) => this.fail(lost(cause)));
    this.worker.on('exit', () => this.fail(lost(undefined)));
  }

  /** Bytes in the file so far. */
  get bytesWritten(): number {
    return this.written[0]!;
  }

  /** Hands a message over. Blocks while too much is under way. */
  send(message: ToWriter, transfer: ArrayBuffer[] = []): void {
    if (this.failure !== undefined) return;
    let waiting = Atomics.load(this.pending, 0);
    // Seconds that this thread was awake and saw no progress: a suspended process has not waited at all.
    for (let idle = 0; waiting > PENDING_LIMIT; idle++) {
      if (idle === 60) {
        this.fail(lost(new Error('no progress for a minute')));
        return;
      }
      Atomics.wait(this.pending, 0, waiting, 1000);
      const now = Atomics.load(this.pending, 0);
      if (now !== waiting) idle = 0;
      waiting = now;
    }
    Atomics.add(this.pending, 0, messageBytes(message));
    this.worker.postMessage(message, transfer);
  }

  sendEvents(batch: EventBatch, time: { instruction: number; wallNs: number }): void {
    const arrays = [
      batch.op,
      batch.instructions,
      batch.quiet,
      batch.arg,
      batch.value,
      batch.tick,
      batch.float,
    ];
    const buffers = [...arrays, batch.check, batch.blob].map((array) => array.buffer as ArrayBuffer);
    this.send({ kind: 'events', batch, time }, buffers);
  }

  sendFlow(flow: FlowRecords, start: FlowStart, wallNs: number): void {
    const buffers = [flow.words, flow.ends, flow.instructions].map(({ buffer }) => buffer as ArrayBuffer);
    this.send({ kind: 'flow', flow, start, time: { instruction: start.instruction, wallNs } }, buffers);
  }

  /** Memory of records that the writer is done with, if there is some. */
  takeSpareFlow(): FlowRecords | undefined {
    return this.spareFlow.pop();
  }

  /** A batch that the writer is done with, if there is one. */
  takeSpare(): EventBatch | undefined {
    return this.spare.pop();
  }

  /** Writes index and footer and gives the file its name. */
  async close(): Promise<ClosedTrace> {
    const message = await this.ask({ kind: 'close' });
    await this.end();
    if (message.kind !== 'closed') throw lost(undefined);
    return { path: message.path, bytes: message.bytes, chain: message.chain };
  }

  /** Leaves the file as it is, incomplete, with all that was handed over. */
  async abort(): Promise<void> {
    if (this.failure === undefined) await this.ask({ kind: 'abort' });
    await this.end();
  }

  /** Nothing was recorded: removes the file again. */
  async discard(): Promise<void> {
    if (this.failure === undefined) await this.ask({ kind: 'discard' });
    await this.end();
  }

  private async end(): Promise<void> {
    this.failure ??= lost(undefined);
    await this.worker.terminate();
  }

  private ask(message: ToWriter): Promise<FromWriter> {
    return new Promise((resolve, reject) => {
      if (this.failure !== undefined) return reject(this.failure);
      this.answer = { resolve, reject };
      this.send(message);
    });
  }

  private hear(message: FromWriter): void {
    if (message.kind === 'batch') {
      if (this.spare.length < 4) this.spare.push(message.batch);
    } else if (message.kind === 'flow') {
      if (this.spareFlow.length < 2) this.spareFlow.push(message.flow);
    } else if (message.kind === 'failed') {
      const { code, hint, details, exitCode } = message;
      const options = { exitCode: exitCode as ExitCode, details };
      this.fail(new RebekError(code, message.message, hint === undefined ? options : { ...options, hint }));
    } else this.answer?.resolve(message);
  }
}

function lost(cause: unknown): RebekError {
  const why = cause instanceof Error ? `: ${cause.message}` : '';
  return new RebekError('ERR_TRACE_WRITER', `the thread that writes the trace stopped${why}`, {
    hint: 'what it had written is in the .partial file and can be replayed',
    cause,
  });
}
