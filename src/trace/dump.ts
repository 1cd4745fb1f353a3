/** The events of a trace as plain objects, one at a time, without replaying. */
import { ChunkType } from './chunk-types.ts';
import { chunksBetween, type Part } from './chunks-between.ts';
import { decodeEvents } from './events.ts';
import { InputPlaces } from './input-places.ts';
import { type InputEvent, type InputQuery, InputScan } from './input-scan.ts';
import { decodeStream, type StreamRecord } from './stream.ts';
import { TraceFile } from './trace-file.ts';

/** `debug`: what the guest wrote to I/O port 0xE9. */
export type SideStream = 'console' | 'net' | 'debug';

const chunkType = {
  console: ChunkType.console,
  net: ChunkType.frames,
  debug: ChunkType.debug,
} as const satisfies Record<SideStream, string>;

/** `kinds`, `ports` and `addresses` are about `input`. */
export interface DumpOptions extends InputQuery {
  readonly stream: 'input' | SideStream;
  /** Also tell where the CPU was, if the trace has a control-flow log, which is read for it. */
  readonly places?: boolean;
}

export interface StreamEvent extends Omit<StreamRecord, 'bytes'> {
  readonly bytes: Uint8Array;
}

export type { InputEvent };
export type DumpedEvent = InputEvent | StreamEvent;

/**
 * @param source a trace that is open, and remains so; or its file's name
 * @throws RebekError ERR_TRACE_… with exit code 4
 */
export function* dumpEvents(source: TraceFile | string, options: DumpOptions): Generator<DumpedEvent> {
  for (const { events } of eventParts(source, options)) for (const event of events) yield event;
}

/** {@link dumpEvents}, chunk by chunk. */
export function* eventParts(source: TraceFile | string, options: DumpOptions): Generator<Part<DumpedEvent>> {
  const trace = typeof source === 'string' ? TraceFile.open(source) : source;
  const { stream, from = 0, to = Number.POSITIVE_INFINITY } = options;
  try {
    const type = stream === 'input' ? ChunkType.events : chunkType[stream];
    const places = options.places && stream === 'input' ? InputPlaces.of(trace, from) : undefined;
    const scan = new InputScan(options, places);
    const first = Math.min(from, (places?.instruction ?? from) - 1);
    for (const { entry, body } of chunksBetween(trace.reader, [type], first, to)) {
      const { instruction } = entry;
      if (stream === 'input') {
        scan.begin(decodeEvents(body));
        yield { instruction, events: found(scan) };
      } else {
        const wanted = (record: StreamRecord): boolean =>
          record.instruction >= from && record.instruction <= to;
        yield { instruction, events: decodeStream(body).filter(wanted) };
      }
    }
  } finally {
    if (trace !== source) trace.close();
  }
}

function* found(scan: InputScan): Generator<InputEvent> {
  for (let event = scan.next(); event !== undefined; event = scan.next()) yield event;
}
