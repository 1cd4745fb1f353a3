/** The events of a trace as plain objects, one at a time, without replaying. */
import { ChunkType } from './chunk-types.ts';
import type { Chunk, ContainerReader } from './container-reader.ts';
import { decodeEvents, type EventBatch } from './events.ts';
import { NESTED, Op, type OpClass, opInfo, STATE_HASH_BYTES } from './ops.ts';
import { decodeStream, type StreamRecord } from './stream.ts';
import { TraceFile } from './trace-file.ts';

/** `debug`: what the guest wrote to I/O port 0xE9. */
export type SideStream = 'console' | 'net' | 'debug';

const chunkType = {
  console: ChunkType.console,
  net: ChunkType.frames,
  debug: ChunkType.debug,
} as const satisfies Record<SideStream, string>;

export interface DumpOptions {
  readonly stream: 'input' | SideStream;
  /** First and last guest instruction count, inclusive. */
  readonly from?: number;
  readonly to?: number;
}

/** One event of the nondeterministic log. Numbers that are addresses, ports or bit patterns are unsigned. */
export interface InputEvent {
  readonly sequence: number;
  /**
   * Guest instructions executed. In a call from generated code: up to where the CPU half entered that code, so
   * a few thousand too low at most.
   */
  readonly instruction: number;
  /** How deep inside other calls, 0 at top level. */
  readonly depth: number;
  readonly op: string;
  readonly class: OpClass;
  /** Output calls since the event before that had nothing inside. */
  readonly quiet: number;
  readonly args?: readonly number[];
  /** What an input returned; with events inside, it stands at the `end`. Ticks are ms. */
  readonly result?: number;
  /** Bytes of a DMA transfer, or the hashes of a `state_hash`, hexadecimal. */
  readonly data?: string;
}

export interface StreamEvent extends Omit<StreamRecord, 'bytes'> {
  readonly bytes: Uint8Array;
}

export type DumpedEvent = InputEvent | StreamEvent;

/** @throws RebekError ERR_TRACE_… with exit code 4 */
export function* dumpEvents(path: string, options: DumpOptions): Generator<DumpedEvent> {
  const trace = TraceFile.open(path);
  const { from = 0, to = Number.POSITIVE_INFINITY } = options;
  const wanted = (event: DumpedEvent): boolean => event.instruction >= from && event.instruction <= to;
  try {
    if (options.stream === 'input') {
      for (const batch of eventsFrom(trace.reader, from, to)) {
        for (const event of dumpBatch(batch)) if (wanted(event)) yield event;
      }
      return;
    }
    for (const { body } of chunksBetween(trace.reader, [chunkType[options.stream]], from, to)) {
      for (const record of decodeStream(body)) if (wanted(record)) yield record;
    }
  } finally {
    trace.close();
  }
}

function* eventsFrom(reader: ContainerReader, from: number, to: number): Generator<EventBatch> {
  for (const { body } of chunksBetween(reader, [ChunkType.events], from, to)) yield decodeEvents(body);
}

/** Chunks of these types that can hold something of the span: by the index, without reading the others. */
export function* chunksBetween(
  reader: ContainerReader,
  types: readonly string[],
  from: number,
  to: number,
): Generator<Chunk> {
  const before = new Map<string, Chunk['entry']>();
  for (const entry of reader.entries(types)) {
    // A chunk reaches up to where the next one of its type begins.
    const previous = before.get(entry.type);
    if (previous !== undefined && entry.instruction >= from && previous.instruction <= to) {
      yield reader.readChunk(previous);
    }
    before.set(entry.type, entry);
  }
  for (const previous of before.values()) {
    if (previous.instruction <= to) yield reader.readChunk(previous);
  }
}

function* dumpBatch(batch: EventBatch): Generator<InputEvent> {
  const open: number[] = [];
  const at = { instruction: batch.instruction, arg: 0, value: 0, tick: 0, float: 0, check: 0, blob: 0 };
  const result = (code: number): { result?: number } => {
    switch (opInfo.get(code)!.result) {
      case 'none':
        return {};
      case 'tick':
        return { result: batch.tick[at.tick++]! };
      case 'check':
        return { result: batch.check[at.check++]! };
      default:
        return { result: batch.value[at.value++]! >>> 0 };
    }
  };
  const hex = (bytes: number): { data: string } => {
    const from = at.blob;
    at.blob += bytes;
    return { data: Buffer.from(batch.blob.subarray(from, at.blob)).toString('hex') };
  };
  for (let i = 0; i < batch.count; i++) {
    const byte = batch.op[i]!;
    const code = byte & ~NESTED;
    at.instruction += batch.instructions[i]!;
    const info = opInfo.get(code)!;
    const ends = code === Op.end ? open.pop()! : undefined;
    const args = Array.from({ length: info.args }, () => batch.arg[at.arg++]! >>> 0);
    const floats = Array.from({ length: info.f64Args }, () => batch.float[at.float++]!);
    const depth = open.length;
    if (byte & NESTED) open.push(code);
    yield {
      sequence: batch.first + i,
      instruction: at.instruction,
      depth,
      op: ends === undefined ? info.name : `end of ${opInfo.get(ends)!.name}`,
      class: info.class,
      quiet: batch.quiet[i]!,
      ...(args.length + floats.length > 0 && { args: [...args, ...floats] }),
      ...(ends !== undefined ? result(ends) : byte & NESTED ? {} : result(code)),
      ...(code === Op.dma ? hex(args[1]!) : code === Op.state_hash ? hex(STATE_HASH_BYTES) : {}),
    };
  }
}
