/** A recording under way: a live PC whose boundary is logged, side streams, state hashes, and the writer. */
import { createHash } from 'node:crypto';
import { RebekError } from '../base/errors.ts';
import { readPackageVersion } from '../base/version.ts';
import { hashCpu, hashRam, hashState } from '../engine/guest-state.ts';
import { ENGINE_VERSION } from '../engine/layout.ts';
import { createPc, type Pc } from '../engine/pc.ts';
import { type EngineBinary, readEngineBinary } from '../machine/engine-binary.ts';
import type { Images } from '../machine/images.ts';
import type { Machine } from '../machine/schema.ts';
import { activeCodec } from '../trace/codec.ts';
import { createBatch } from '../trace/events.ts';
import { FlowPace } from '../trace/flow.ts';
import { createFlowBuffers, FlowLog } from '../trace/flow-log.ts';
import type { TraceMeta, TraceSummary } from '../trace/meta.ts';
import { Op, STATE_HASH_BYTES } from '../trace/ops.ts';
import { pageBatches } from '../trace/pages.ts';
import { INTO_GUEST, StreamBatch } from '../trace/stream.ts';
import { WriterThread } from '../trace/writer-thread.ts';
import { RecordingBoundary } from './boundary.ts';
import { clearBatch } from './event-log.ts';
import { machineForTrace } from './provenance.ts';

/** Events in a chunk, about; a chunk is also closed after FLUSH_MS, so that a crash costs less than a second. */
const BATCH_EVENTS = 32_768;
const FLUSH_MS = 400;
/** Bytes of DMA in a chunk, about. */
const BATCH_BLOB = 4 << 20;
/** Bytes and records of a side stream in a chunk, about: a reader holds a whole one. */
const STREAM_BYTES = 1 << 20;
const STREAM_RECORDS = 1 << 16;
/** A slice of RAM is hashed after so many instructions; RAM is covered once every HASH_SLICES. */
const HASH_INSTRUCTIONS = 2 ** 28;
const HASH_SLICES = 16;
const PAGE = 4096;

export interface RecordingOptions {
  readonly machine: Machine;
  readonly images: Images;
  /** The trace's path; it is `${output}.partial` until it is complete. */
  readonly output: string;
  /** Also log what is executed, block by block: control flow. True unless said otherwise. */
  readonly flow?: boolean;
  /** Replace an existing file. */
  readonly overwrite?: boolean;
  /** Go on from a saved state. */
  readonly from?: {
    readonly name: string;
    readonly state: ArrayBuffer;
    /** What the guest had written to I/O port 0xE9 before the state was saved, if that is known. */
    readonly debug?: Uint8Array | undefined;
  };
}

/** Why a recording came to an end by itself. */
export type SelfEnd =
  | { readonly reason: 'halt' | 'reset'; readonly note: string }
  | { readonly reason: 'crash'; readonly note: string; readonly error: unknown }
  | { readonly reason: 'write'; readonly note: string; readonly error: RebekError };

export interface RecordingStatus {
  /** Guest instructions so far. */
  readonly instructions: number;
  /** Wall time since the first instruction, ms. */
  readonly wallMs: number;
  readonly events: number;
  readonly outputs: number;
  /** Bytes in the trace so far. */
  readonly bytes: number;
}

export interface RecordingResult extends TraceSummary {
  readonly path: string;
  readonly bytes: number;
  readonly chain: string;
}

export class Recording {
  readonly pc: Pc;
  /** Resolves when the guest or the recorder can go no further; `finish` is then still to be called. */
  readonly ended: Promise<SelfEnd>;

  private readonly boundary: RecordingBoundary;
  private readonly writer: WriterThread;
  private readonly console = new StreamBatch();
  private readonly frames = new StreamBatch();
  private readonly debug = new StreamBatch();
  private readonly started = performance.now();
  private flow: FlowLog | undefined;
  private lastFlush = this.started;
  private readonly flowPace = new FlowPace();
  private lastHash = 0;
  private hashSlice = 0;
  private consoleBytes = 0;
  private frameCount = 0;
  private debugBytes = 0;
  private crashed = false;
  private end!: (end: SelfEnd) => void;

  private constructor(pc: Pc, boundary: RecordingBoundary, writer: WriterThread) {
    this.pc = pc;
    this.boundary = boundary;
    this.writer = writer;
    this.ended = new Promise((resolve) => {
      this.end = resolve;
    });
    writer.failed.catch((error: RebekError) => this.end({ reason: 'write', note: error.message, error }));
    pc.onHalt((reason) => {
      const note = reason === 'halt' ? 'the guest halted with interrupts off' : 'the guest reset the machine';
      this.end({ reason, note });
    });
    pc.onSerial((port, byte) => this.noteConsole(port << 1, [byte]));
    pc.onFrame((direction, frame) => {
      this.frameCount++;
      this.frames.add(boundary.log.now, direction === 'in' ? INTO_GUEST : 0, frame);
    });
    pc.onDebugPort((value, bytes) => {
      this.debugBytes += bytes;
      this.debug.put(boundary.log.now, value, bytes);
    });
  }

  /**
   * Builds the machine, writes what a replay starts from, and runs the guest.
   * @throws RebekError ERR_ENGINE_…, ERR_TRACE_WRITE…
   */
  static async start(options: RecordingOptions): Promise<Recording> {
    const engine = readEngineBinary();
    if (engine.version !== ENGINE_VERSION) {
      throw new RebekError(
        'ERR_ENGINE_VERSION',
        `v86 ${engine.version} is installed, Rebek records with ${ENGINE_VERSION}`,
        {
          hint: 'run `npm ci`',
        },
      );
    }
    const boundary = new RecordingBoundary(engine.bytes, BATCH_EVENTS, options.flow ?? true);
    const wasmFn = boundary.wasmFn;
    const initialState = options.from?.state;
    const fromState =
      options.from === undefined
        ? 'power-on'
        : {
            state: options.from.name,
            sha256: createHash('sha256').update(new Uint8Array(options.from.state)).digest('hex'),
          };
    const writer = new WriterThread(options.output, options.overwrite ?? false);
    let pc: Pc | undefined;
    try {
      await writer.opened;
      pc = await createPc(
        options.machine,
        options.images,
        initialState ? { wasmFn, initialState } : { wasmFn },
      );
      writeStart(writer, boundary, engine, options, fromState);
    } catch (error) {
      await writer.discard();
      await pc?.destroy();
      throw error;
    }
    const recording = new Recording(pc, boundary, writer);
    recording.beginFlow();
    boundary.start({
      onLoop: () => recording.onLoop(),
      onFlow: () => recording.flow?.press(),
      onCrash: (error) => recording.onCrash(error),
    });
    pc.run();
    return recording;
  }

  private beginFlow(): void {
    const { flow } = this.boundary;
    if (flow !== undefined) this.flow = new FlowLog(flow);
  }

  /** Types bytes at a serial port of the guest. */
  sendSerial(port: number, bytes: Uint8Array): void {
    this.noteConsole((port << 1) | INTO_GUEST, bytes);
    this.pc.sendSerial(port, bytes);
  }

  status(): RecordingStatus {
    const { log } = this.boundary;
    return {
      instructions: log.instructions,
      wallMs: performance.now() - this.started,
      events: log.events + log.batch.count,
      outputs: log.outputs,
      bytes: this.writer.bytesWritten,
    };
  }

  /**
   * Stops the guest, writes what is left and closes the trace.
   * @param reason for the summary: `user`, `script`, `until`, `duration`, `signal`, or a {@link SelfEnd} reason
   */
  async finish(reason: string, note: string): Promise<RecordingResult> {
    if (!this.crashed) await this.pc.stop();
    const { boundary, writer } = this;
    boundary.stop();
    this.flush(performance.now());
    const wallNs = this.wallNs(performance.now());
    this.flushFlow(wallNs);
    const { log } = boundary;
    const summary: TraceSummary = {
      end: reason,
      note,
      events: log.events,
      outputs: log.outputs,
      instructions: log.instructions,
      wallNs,
      compiled: boundary.jit.compiled,
      console: this.consoleBytes,
      frames: this.frameCount,
      debug: this.debugBytes,
      final: this.crashed ? null : hashState(boundary.raw, boundary.layout),
    };
    writer.send({
      kind: 'map',
      type: 'SUMM',
      time: { instruction: log.instructions, wallNs },
      body: { ...summary },
    });
    try {
      return { ...summary, ...(await writer.close()) };
    } finally {
      await this.destroyPc();
    }
  }

  /** Gives up: the `.partial` file keeps what was handed to the writer. */
  async abort(): Promise<void> {
    if (!this.crashed) await this.pc.stop();
    this.boundary.stop();
    await this.writer.abort();
    await this.destroyPc();
  }

  private async destroyPc(): Promise<void> {
    await this.pc.destroy();
  }

  private wallNs(now: number): number {
    return Math.round((now - this.started) * 1e6);
  }

  private noteConsole(channel: number, bytes: ArrayLike<number>): void {
    this.consoleBytes += bytes.length;
    this.console.add(this.boundary.log.now, channel, bytes);
  }

  private onLoop(): void {
    const { log } = this.boundary;
    const now = performance.now();
    this.flow?.loopEnded(log.instructions, log.events + log.batch.count);
    if (this.flow?.full) this.flushFlow(this.wallNs(now));
    if (log.instructions - this.lastHash >= HASH_INSTRUCTIONS) this.hashState();
    const full = log.batch.count >= BATCH_EVENTS / 2 || log.batch.blobBytes >= BATCH_BLOB;
    if (
      full ||
      isFull(this.console) ||
      isFull(this.frames) ||
      isFull(this.debug) ||
      now - this.lastFlush >= FLUSH_MS
    )
      this.flush(now);
  }

  private onCrash(error: unknown): void {
    this.crashed = true;
    this.flow?.takeBack();
    const panic = this.boundary.messages.at(-1);
    const what = error instanceof Error ? error.message : String(error);
    this.end({ reason: 'crash', note: `the emulator failed: ${panic ?? what}`, error });
  }

  /** Notes the hash of the registers and of the next slice of RAM, for the replay to compare. */
  private hashState(): void {
    const { log, raw, layout } = this.boundary;
    this.lastHash = log.instructions;
    const pages = layout.ramBytes / PAGE;
    const slice = Math.ceil(pages / HASH_SLICES);
    const first = (this.hashSlice++ % HASH_SLICES) * slice;
    const count = Math.max(0, Math.min(slice, pages - first));
    log.begin(Op.state_hash);
    log.arg(first);
    log.arg(count);
    const at = log.reserveBlob(STATE_HASH_BYTES);
    log.batch.blob.set(hashCpu(raw), at);
    log.batch.blob.set(hashRam(raw, layout, first * PAGE, count * PAGE), at + 32);
  }

  private flushFlow(wallNs: number): void {
    const { flow, writer } = this;
    if (flow === undefined || flow.empty) return;
    const { start } = flow;
    writer.sendFlow(flow.swap(writer.takeSpareFlow() ?? createFlowBuffers()), start, wallNs);
  }

  private flush(now: number): void {
    this.lastFlush = now;
    const wallNs = this.wallNs(now);
    if (this.flowPace.due(wallNs)) this.flushFlow(wallNs);
    const { log } = this.boundary;
    for (const [type, stream] of [
      ['CONS', this.console],
      ['NETF', this.frames],
      ['DBUG', this.debug],
    ] as const) {
      if (stream.records === 0) continue;
      const time = { instruction: stream.instruction, wallNs };
      this.writer.send({ kind: 'stream', type, time, body: stream.take() });
    }
    if (log.batch.count === 0) return;
    const spare = this.writer.takeSpare();
    const full = log.swap(spare === undefined ? createBatch(BATCH_EVENTS) : clearBatch(spare));
    this.writer.sendEvents(full, { instruction: full.instruction, wallNs });
  }
}

const isFull = ({ bytes, records }: StreamBatch): boolean =>
  bytes >= STREAM_BYTES || records >= STREAM_RECORDS;

/** META, the engine's binary and the initial image. */
function writeStart(
  writer: WriterThread,
  boundary: RecordingBoundary,
  engine: EngineBinary,
  options: RecordingOptions,
  start: TraceMeta['start'],
): void {
  const { raw, layout } = boundary;
  const memory = new Uint8Array(raw.memory.buffer);
  const meta: TraceMeta = {
    format: 1,
    recorder: { name: 'rebek', version: readPackageVersion() },
    engine: { name: engine.name, version: engine.version, sha256: engine.sha256, bytes: engine.bytes.length },
    memory: memory.length,
    layout: { ...layout },
    ...machineForTrace(options.machine, options.images),
    start,
    started: Date.now(),
    host: {
      node: process.versions.node,
      v8: process.versions.v8,
      platform: process.platform,
      arch: process.arch,
      codec: activeCodec().name,
    },
    initial: hashState(raw, layout),
  };
  const debug = options.from?.debug;
  const body = debug === undefined ? meta : { ...meta, debug };
  writer.send({ kind: 'map', type: 'META', time: { instruction: 0, wallNs: 0 }, body });
  writer.send({ kind: 'engine', bytes: engine.bytes });
  for (const { pages, data } of pageBatches(memory)) {
    const buffers = [pages.buffer as ArrayBuffer, data.buffer as ArrayBuffer];
    writer.send({ kind: 'pages', size: memory.length, pages, data }, buffers);
  }
  writer.send({ kind: 'imageEnd' });
}
