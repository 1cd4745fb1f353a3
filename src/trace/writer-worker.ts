/** The writer thread: turns what the recording thread hands over into chunks. Never touches the guest. */
import { parentPort, workerData } from 'node:worker_threads';
import { RebekError } from '../base/errors.ts';
import { ChunkType } from './chunk-types.ts';
import { ContainerWriter } from './container-writer.ts';
import { type EventBatch, encodeEvents } from './events.ts';
import { encodeFlow, type FlowRecords } from './flow.ts';
import { FlowEncoder } from './flow-codec.ts';
import { ImageEncoder } from './pages.ts';
import { type FromWriter, messageBytes, type ToWriter, type WriterData } from './writer-protocol.ts';

/** The engine's binary is cut into parts of this size, which LZ4 is good at. */
const ENGINE_PART = 1 << 20;
const START = { instruction: 0, wallNs: 0 };

const port = parentPort!;
const { path, overwrite, pending, written } = workerData as WriterData;
let writer: ContainerWriter | undefined;
let image: ImageEncoder | undefined;
let flowEncoder: FlowEncoder | undefined;
let failed = false;

attempt(() => {
  writer = ContainerWriter.create(path, 'TRCE', { overwrite });
  answer({ kind: 'opened' });
});

function answer(message: FromWriter, transfer: ArrayBuffer[] = []): void {
  port.postMessage(message, transfer);
}

/** Does something that can fail, once. After a failure nothing more is written: the file stays good. */
function attempt(work: () => void): void {
  try {
    if (!failed) work();
  } catch (error) {
    failed = true;
    writer?.abort();
    const known = error instanceof RebekError ? error : undefined;
    answer({
      kind: 'failed',
      code: (known?.code ?? 'ERR_TRACE_WRITER') as `ERR_${string}`,
      message: known?.message ?? `the writer of the trace failed: ${(error as Error).stack}`,
      hint: known?.hint,
      details: { ...known?.details },
      exitCode: known?.exitCode ?? 1,
    });
  }
}

function handle(message: ToWriter, out: ContainerWriter): void {
  switch (message.kind) {
    case 'map':
      out.write(message.type, message.body, message.time);
      break;
    case 'engine': {
      const parts = Math.ceil(message.bytes.length / ENGINE_PART);
      for (let part = 0; part < parts; part++) {
        const data = message.bytes.subarray(part * ENGINE_PART, (part + 1) * ENGINE_PART);
        out.write(ChunkType.engine, { part, parts, data }, START);
      }
      break;
    }
    case 'pages':
      image ??= new ImageEncoder('memory', message.size, (body) => out.write(ChunkType.page, body, START));
      image.add(message.pages, message.data);
      break;
    case 'imageEnd':
      image?.end();
      image = undefined;
      break;
    case 'events':
      out.write(ChunkType.events, encodeEvents(message.batch), message.time);
      break;
    case 'flow':
      flowEncoder ??= new FlowEncoder();
      out.write(ChunkType.flow, encodeFlow(flowEncoder, message.flow, message.start), {
        ...message.time,
        optional: true,
      });
      break;
    case 'stream':
      out.write(message.type, message.body, { ...message.time, optional: true });
      break;
    case 'close': {
      const { length, chain } = out.close();
      answer({ kind: 'closed', path, bytes: length, chain });
      break;
    }
    case 'discard':
      out.discard();
      answer({ kind: 'aborted' });
      break;
    case 'abort':
      out.abort();
      answer({ kind: 'aborted' });
      break;
  }
  written[0] = out.bytesWritten;
}

function giveBack(batch: EventBatch): void {
  const arrays = [batch.op, batch.instructions, batch.quiet, batch.arg, batch.value, batch.tick, batch.float];
  answer(
    { kind: 'batch', batch },
    [...arrays, batch.check, batch.blob].map((array) => array.buffer as ArrayBuffer),
  );
}

function giveFlowBack(flow: FlowRecords): void {
  const buffers = [flow.words, flow.ends, flow.instructions].map(({ buffer }) => buffer as ArrayBuffer);
  answer({ kind: 'flow', flow }, buffers);
}

port.on('message', (message: ToWriter) => {
  const bytes = messageBytes(message);
  attempt(() => handle(message, writer!));
  Atomics.sub(pending, 0, bytes);
  Atomics.notify(pending, 0);
  if (message.kind === 'events' && !failed) giveBack(message.batch);
  if (message.kind === 'flow' && !failed) giveFlowBack(message.flow);
});
