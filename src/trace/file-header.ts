/** The first and the last 64 bytes of a file; FORMAT.md, "Header" and "Footer". */
import { randomBytes } from 'node:crypto';
import { hasGoodCrc, hex, locateChangedByte, putCrc } from './checksum.ts';
import { type TraceErrorCode, traceError } from './errors.ts';

export const fileHeaderLength = 64;
export const footerLength = 64;
export const formatMajor = 1;
export const formatMinor = 0;

/** What a file of this format holds. */
export const FileKind = {
  /** A recording. */
  trace: 'TRCE',
  /** A saved machine state to start from. */
  state: 'STAT',
} as const;
export type FileKind = (typeof FileKind)[keyof typeof FileKind];

const kindNames: Record<string, string> = { TRCE: 'a trace', STAT: 'a saved machine state' };

const headerMagic = Buffer.from('\x89RBK\r\n\x1a\n', 'latin1');
const footerMagic = Buffer.from('RBKINDEX', 'latin1');

/** The header of a file. */
export interface FileHeader {
  readonly major: number;
  readonly minor: number;
  readonly kind: FileKind;
  /** 16 random bytes in hexadecimal. */
  readonly id: string;
  /** Milliseconds since 1970 by the clock of the recording host. */
  readonly created: number;
}

/** Makes the 64 header bytes of a new file. */
export function encodeFileHeader(kind: FileKind, created = Date.now(), id = randomBytes(16)): Buffer {
  const bytes = Buffer.alloc(fileHeaderLength);
  headerMagic.copy(bytes);
  bytes.writeUInt16LE(formatMajor, 8);
  bytes.writeUInt16LE(formatMinor, 10);
  bytes.write(kind, 12, 'latin1');
  bytes.set(id, 16);
  bytes.writeDoubleLE(created, 32);
  putCrc(bytes);
  return bytes;
}

const headerFields: readonly [end: number, name: string][] = [
  [8, 'magic'],
  [10, 'major version'],
  [12, 'minor version'],
  [16, 'kind'],
  [32, 'id'],
  [40, 'created'],
  [60, 'reserved'],
  [64, 'header crc'],
];

/**
 * Reads and checks the header.
 * @param bytes the first 64 bytes of the file, or all if it has fewer
 * @param wanted the kind that the caller can use; any if undefined
 * @throws {RebekError} ERR_TRACE_NOT_A_TRACE, _HEADER, _VERSION, _KIND
 */
export function parseFileHeader(bytes: Buffer, file: string, wanted?: FileKind): FileHeader {
  const fail = (code: TraceErrorCode, what: string, field: string, offset = 0, hint?: string) =>
    traceError(code, what, { file, offset, field }, hint === undefined ? {} : { hint });
  const good = bytes.length === fileHeaderLength && hasGoodCrc(bytes);
  const magic = bytes.subarray(0, 8);
  if (!magic.equals(headerMagic)) {
    // one changed byte is damage; a transfer in text mode keeps the first four bytes and changes the line ends
    const at = bytes.length === fileHeaderLength && !good ? locateChangedByte(bytes) : undefined;
    if (at !== undefined && at < 8)
      throw fail('ERR_TRACE_HEADER', `the file header is damaged: byte ${at} (magic)`, 'magic', at);
    if (magic.length === 8 && magic.subarray(0, 4).equals(headerMagic.subarray(0, 4)))
      throw fail(
        'ERR_TRACE_HEADER',
        'the file header is damaged: its first bytes look like those of a trace copied as text',
        'magic',
        4,
        'Copy the file again, in binary mode.',
      );
    throw fail('ERR_TRACE_NOT_A_TRACE', 'not a Rebek file: it does not begin as one', 'magic');
  }
  if (bytes.length < fileHeaderLength)
    throw fail(
      'ERR_TRACE_HEADER',
      `the file ends inside its header, after ${bytes.length} of ${fileHeaderLength} bytes`,
      'length',
      bytes.length,
    );
  if (!good) {
    const at = locateChangedByte(bytes);
    const field = at === undefined ? 'header crc' : headerFields.find(([end]) => at < end)![1];
    const where = at === undefined ? 'its CRC is wrong' : `byte ${at} (${field})`;
    throw fail('ERR_TRACE_HEADER', `the file header is damaged: ${where}`, field, at ?? 0);
  }
  const major = bytes.readUInt16LE(8);
  const minor = bytes.readUInt16LE(10);
  if (major !== formatMajor)
    throw fail(
      'ERR_TRACE_VERSION',
      `format version ${major}.${minor}; this Rebek reads version ${formatMajor}`,
      'major version',
      8,
      `Use the release of Rebek that wrote it${major > formatMajor ? ', or a newer one' : ''}.`,
    );
  if (minor <= formatMinor && bytes.subarray(40, 60).some((byte) => byte !== 0))
    throw fail('ERR_TRACE_HEADER', 'the file header is damaged: reserved bytes are not zero', 'reserved', 40);
  const kind = bytes.toString('latin1', 12, 16);
  if (kindNames[kind] === undefined || (wanted !== undefined && kind !== wanted))
    throw fail(
      'ERR_TRACE_KIND',
      `the file holds ${kindNames[kind] ?? `something else (kind ${JSON.stringify(kind)})`}${
        wanted === undefined ? '' : `, not ${kindNames[wanted]}`
      }`,
      'kind',
      12,
    );
  return {
    major,
    minor,
    kind: kind as FileKind,
    id: hex(bytes.subarray(16, 32)),
    created: bytes.readDoubleLE(32),
  };
}

/** Makes the footer that belongs behind the last index chunk. */
export function encodeFooter(indexOffset: number, fileLength: number, chain: Uint8Array): Buffer {
  const bytes = Buffer.alloc(footerLength);
  footerMagic.copy(bytes);
  bytes.writeDoubleLE(indexOffset, 8);
  bytes.writeDoubleLE(fileLength, 16);
  bytes.set(chain, 24);
  putCrc(bytes);
  return bytes;
}

/**
 * The index offset and chain in a footer, if it is a good one of a file of `fileLength` bytes. It is no error if
 * not: only what stands before it tells an incomplete file from a damaged one.
 */
export function parseFooter(
  bytes: Buffer,
  fileLength: number,
): { indexOffset: number; chain: Buffer } | undefined {
  if (!hasGoodCrc(bytes) || !bytes.subarray(0, 8).equals(footerMagic)) return undefined;
  const indexOffset = bytes.readDoubleLE(8);
  if (bytes.readDoubleLE(16) !== fileLength || bytes.readUInt32LE(56) !== 0) return undefined;
  if (!Number.isInteger(indexOffset) || indexOffset < fileHeaderLength) return undefined;
  return indexOffset > fileLength - footerLength ? undefined : { indexOffset, chain: bytes.subarray(24, 56) };
}

const footerFields: readonly [end: number, name: string][] = [
  [8, 'magic'],
  [16, 'index offset'],
  [24, 'file length'],
  [56, 'chain'],
  [60, 'reserved'],
  [64, 'footer crc'],
];

/** Where a footer first differs from the one that should be there, and in which field. */
export function compareFooter(found: Buffer, expected: Buffer): { at: number; field: string } | undefined {
  for (let at = 0; at < Math.min(found.length, footerLength); at++)
    if (found[at] !== expected[at]) return { at, field: footerFields.find(([end]) => at < end)![1] };
  return undefined;
}
