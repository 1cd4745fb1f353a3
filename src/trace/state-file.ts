/** Saved machine states: one file, kind STAT, with what the writer says about the state and the state's bytes. */
import { ChunkType } from './chunk-types.ts';
import { openContainer } from './container-reader.ts';
import { ContainerWriter, type FinishedFile } from './container-writer.ts';
import { traceError } from './errors.ts';
import { FileKind } from './file-header.ts';
import type { Body } from './pack.ts';
import { decodeImage, encodeImage } from './pages.ts';

/** The greatest state that is read: what a 32-bit machine can have, with its devices. */
const maxStateSize = 5 * 2 ** 30;
const formatVersion = 1;
const image = 'state';
const start = { instruction: 0, wallNs: 0 };

/**
 * Writes a state.
 * @param meta plain values (see `PlainValue`) that tell which machine and engine the state belongs to
 * @throws {RebekError} ERR_TRACE_EXISTS, ERR_TRACE_WRITE; nothing is left behind then
 */
export function writeStateFile(
  path: string,
  meta: object,
  state: ArrayBuffer | Uint8Array,
  options: { readonly overwrite?: boolean } = {},
): FinishedFile {
  const bytes = state instanceof Uint8Array ? state : new Uint8Array(state);
  const writer = ContainerWriter.create(path, FileKind.state, options);
  try {
    writer.write(ChunkType.metadata, { format: formatVersion, size: bytes.length, meta }, start);
    encodeImage(image, bytes, (body) => writer.write(ChunkType.page, body, start));
    return writer.close();
  } catch (error) {
    // half a state is of no use
    writer.discard();
    throw error;
  }
}

/**
 * Reads and checks a state.
 * @throws {RebekError} the errors of `openContainer`; ERR_TRACE_INCOMPLETE; ERR_TRACE_DAMAGED; ERR_TRACE_BODY
 */
export function readStateFile(path: string): { meta: Record<string, unknown>; state: ArrayBuffer } {
  const reader = openContainer(path, { kind: FileKind.state });
  try {
    if (reader.incomplete !== undefined) throw reader.incomplete.error;
    const chunks = reader.chunks();
    const head = chunks.next();
    if (head.done || head.value.entry.type !== ChunkType.metadata)
      throw traceError('ERR_TRACE_BODY', 'the saved state does not begin with a META chunk', { file: path });
    const { body } = head.value;
    const format = body.integer('format');
    if (format !== formatVersion) body.wrong('format', String(formatVersion), format);
    const meta = body.map('meta').raw();
    const state = allocate(body);
    decodeImage(chunks, new Uint8Array(state), image, { targetIsZero: true });
    return { meta, state };
  } finally {
    reader.close();
  }
}

function allocate(body: Body): ArrayBuffer {
  const size = body.integer('size', 0, maxStateSize);
  try {
    return new ArrayBuffer(size);
  } catch {
    return body.wrong('size', 'a size that the memory of this machine allows', size);
  }
}
