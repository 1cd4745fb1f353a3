/** What the recording thread and the writer thread say to each other. */
import type { ChunkTime } from './container-writer.ts';
import type { EventBatch } from './events.ts';
import type { FlowRecords, FlowStart } from './flow.ts';
import type { StreamType } from './stream.ts';

export type ToWriter =
  | { kind: 'map'; type: 'META' | 'SUMM'; time: ChunkTime; body: Record<string, unknown> }
  | { kind: 'engine'; bytes: Uint8Array }
  | { kind: 'pages'; size: number; pages: Uint32Array; data: Uint8Array }
  | { kind: 'imageEnd' }
  | { kind: 'events'; batch: EventBatch; time: ChunkTime }
  | { kind: 'flow'; flow: FlowRecords; start: FlowStart; time: ChunkTime }
  | { kind: 'stream'; type: StreamType; body: Record<string, unknown>; time: ChunkTime }
  | { kind: 'close' }
  | { kind: 'abort' }
  | { kind: 'discard' };

export type FromWriter =
  | { kind: 'opened' }
  | { kind: 'batch'; batch: EventBatch }
  | { kind: 'flow'; flow: FlowRecords }
  | { kind: 'closed'; path: string; bytes: number; chain: string }
  | { kind: 'aborted' }
  | {
      kind: 'failed';
      code: `ERR_${string}`;
      message: string;
      hint: string | undefined;
      details: Record<string, unknown>;
      exitCode: number;
    };

export interface WriterData {
  readonly path: string;
  readonly overwrite: boolean;
  /** Shared: [bytes that the writer has not dealt with yet]. */
  readonly pending: Int32Array;
  /** Shared: [bytes written to the file]. */
  readonly written: Float64Array;
}

/** Bytes that a message keeps busy, for the bound on what may be under way. */
export function messageBytes(message: ToWriter): number {
  switch (message.kind) {
    case 'events':
      return message.batch.count * 32 + message.batch.blobBytes;
    case 'flow':
      return 4096 + message.flow.count * 8;
    case 'pages':
      return message.data.length;
    case 'engine':
      return message.bytes.length;
    case 'stream':
      return 4096 + (message.body['data'] as Uint8Array).length;
    default:
      return 4096;
  }
}
