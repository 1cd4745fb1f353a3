/** Checks every byte of a file without interpreting it. */
import { hex } from './checksum.ts';
import { chunkHeaderLength } from './chunk.ts';
import { type FileHeader, type FileKind, fileHeaderLength, parseFileHeader } from './file-header.ts';
import { RawFile } from './raw-file.ts';
import { walk } from './walk.ts';

/** What was found in a file all of whose bytes are good. */
export interface Integrity {
  readonly header: FileHeader;
  /** Length of the file in bytes. */
  readonly size: number;
  /** Bytes up to the end of the last good chunk, or of the footer: `size` if the file is complete. */
  readonly goodBytes: number;
  /** Chunks, index chunks included. */
  readonly chunks: number;
  /** Chunks by type, in the order of their first appearance. */
  readonly byType: Readonly<Record<string, TypeTotal>>;
  /** Sum of the decoded payloads in bytes. */
  readonly plainBytes: number;
  /** The chain value of the last good chunk in hexadecimal. */
  readonly chain: string;
  /** False only with `allowIncomplete`. */
  readonly complete: boolean;
}

/** Of all chunks of one type. */
export interface TypeTotal {
  chunks: number;
  /** Bytes in the file, headers included. */
  fileBytes: number;
  /** Bytes of the decoded payloads. */
  plainBytes: number;
}

export interface IntegrityOptions {
  readonly kind?: FileKind;
  /** Told after every chunk, in bytes. */
  readonly onProgress?: (done: number, total: number) => void;
  /** Return what is good of an incomplete file instead of throwing. */
  readonly allowIncomplete?: boolean;
}

/**
 * Reads the file once from end to end and checks the header, every chunk (header, lengths, LZ4, CRC, MessagePack,
 * sequence, SHA-256 chain), every index against the chunks that are there, the footer, and that nothing lies between
 * or behind them.
 * @throws {RebekError} ERR_TRACE_OPEN, _READ, _NOT_A_TRACE, _HEADER, _VERSION, _KIND, _DAMAGED, _FOOTER, _TRAILING;
 *   _INCOMPLETE unless allowed
 */
export function verifyIntegrity(path: string, options: IntegrityOptions = {}): Integrity {
  const file = new RawFile(path);
  try {
    const head = file.read(0, Math.min(file.size, fileHeaderLength));
    const header = parseFileHeader(head, path, options.kind);
    const byType: Record<string, TypeTotal> = {};
    let plainBytes = 0;
    const walker = walk(file);
    let step = walker.next();
    for (; !step.done; step = walker.next()) {
      const { entry } = step.value;
      const end = entry.offset + chunkHeaderLength + entry.encodedLength;
      byType[entry.type] ??= { chunks: 0, fileBytes: 0, plainBytes: 0 };
      const total = byType[entry.type]!;
      total.chunks++;
      total.fileBytes += end - entry.offset;
      total.plainBytes += entry.plainLength;
      plainBytes += entry.plainLength;
      options.onProgress?.(end, file.size);
    }
    const { error, chunks, chain, offset } = step.value;
    if (error !== undefined && !(options.allowIncomplete && error.code === 'ERR_TRACE_INCOMPLETE'))
      throw error;
    const complete = error === undefined;
    return {
      header,
      size: file.size,
      goodBytes: complete ? file.size : offset,
      chunks,
      byType,
      plainBytes,
      chain: hex(chain),
      complete,
    };
  } finally {
    file.close();
  }
}
