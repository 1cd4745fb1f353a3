/** The 84 bytes in front of every payload; FORMAT.md, "Chunk". */
import { crc32, hasGoodCrc, locateChangedByte, putCrc, sha256 } from './checksum.ts';
import { type BlockCodec, CodecError, maxExpansion } from './codec.ts';
import type { Flaw } from './errors.ts';

export const chunkHeaderLength = 84;
/** The greatest encoded and plain length of a payload, in bytes. */
export const maxPayloadLength = 64 * 1024 * 1024;
/** Header bytes that the chain covers. */
const chainedLength = 48;

export const ChunkFlag = {
  /** A reader that does not know the type skips the chunk. */
  optional: 1,
  /** The payload is not compressed. */
  stored: 2,
} as const;
const allFlags = ChunkFlag.optional | ChunkFlag.stored;

const magic = Buffer.from('\xf1CHK', 'latin1');

/** The header's fields that do not depend on the chain. */
export interface ChunkHeader {
  /** 4 ASCII characters. */
  readonly type: string;
  /** Bits of `ChunkFlag`. */
  readonly flags: number;
  /** Position among all chunks of the file, from 0. */
  readonly sequence: number;
  /** Bytes of payload in the file. */
  readonly encodedLength: number;
  /** Bytes of payload when decoded. */
  readonly plainLength: number;
  /** Instruction count at the chunk's beginning. */
  readonly instruction: number;
  /** Nanoseconds since the recording began. */
  readonly wallNs: number;
}

/** A chunk and where it lies. */
export interface ChunkEntry extends ChunkHeader {
  /** File offset of the chunk header. */
  readonly offset: number;
}

/** A header as it was read. */
export interface ParsedChunkHeader extends ChunkHeader {
  /** CRC-32 of the payload as it is in the file. */
  readonly payloadCrc: number;
  /** CRC-32 of the decoded payload. */
  readonly plainCrc: number;
  /** 32 bytes. */
  readonly chain: Buffer;
}

export function isChunkType(type: string): boolean {
  return /^[A-Z][A-Z0-9]{3}$/.test(type);
}

/**
 * Makes a chunk header.
 * @param payload as it is to be stored
 * @param plain the same, decoded
 * @param previousChain 32 bytes
 */
export function encodeChunkHeader(
  header: Omit<ChunkHeader, 'encodedLength' | 'plainLength'>,
  payload: Uint8Array,
  plain: Uint8Array,
  previousChain: Uint8Array,
): Buffer {
  const bytes = Buffer.allocUnsafeSlow(chunkHeaderLength);
  magic.copy(bytes);
  bytes.write(header.type, 4, 'latin1');
  bytes.writeUInt32LE(header.flags, 8);
  bytes.writeUInt32LE(header.sequence, 12);
  bytes.writeUInt32LE(payload.length, 16);
  bytes.writeUInt32LE(plain.length, 20);
  bytes.writeDoubleLE(header.instruction, 24);
  bytes.writeDoubleLE(header.wallNs, 32);
  bytes.writeUInt32LE(crc32(payload), 40);
  bytes.writeUInt32LE(crc32(plain), 44);
  bytes.set(nextChain(previousChain, bytes, payload), chainedLength);
  putCrc(bytes);
  return bytes;
}

/** The chain value in the bytes of a header, as a view. */
export function chainOf(header: Buffer): Buffer {
  return header.subarray(chainedLength, chainedLength + 32);
}

/** The chain value of a chunk, from the one before it; 32 bytes. */
export function nextChain(previous: Uint8Array, header: Uint8Array, payload: Uint8Array): Uint8Array {
  return sha256(previous, header.subarray(0, chainedLength), payload);
}

const fields: readonly [end: number, name: string][] = [
  [4, 'magic'],
  [8, 'type'],
  [12, 'flags'],
  [16, 'sequence'],
  [20, 'encoded length'],
  [24, 'plain length'],
  [32, 'instruction'],
  [40, 'wall'],
  [44, 'payload crc'],
  [48, 'plain crc'],
  [80, 'chain'],
  [84, 'header crc'],
];

/**
 * Checks the 84 bytes of a header and reads them. The returned lengths are safe to allocate.
 * @returns the header, or what is wrong with it
 */
export function parseChunkHeader(bytes: Buffer, sequence: number): ParsedChunkHeader | Flaw {
  if (!hasGoodCrc(bytes)) {
    const at = locateChangedByte(bytes);
    if (at !== undefined) {
      const field = fields.find(([end]) => at < end)![1];
      return { field, at, what: `byte ${at} of its header (${field}) was changed` };
    }
    return bytes.subarray(0, 4).equals(magic)
      ? { field: 'header crc', at: 80, what: "its header's CRC is wrong" }
      : { field: 'magic', at: 0, what: 'no chunk begins here' };
  }
  const flaw = checkBeginning(bytes, sequence);
  if (flaw !== undefined) return flaw;
  const header: ParsedChunkHeader = {
    type: bytes.toString('latin1', 4, 8),
    flags: bytes.readUInt32LE(8),
    sequence,
    encodedLength: bytes.readUInt32LE(16),
    plainLength: bytes.readUInt32LE(20),
    instruction: bytes.readDoubleLE(24),
    wallNs: bytes.readDoubleLE(32),
    payloadCrc: bytes.readUInt32LE(40),
    plainCrc: bytes.readUInt32LE(44),
    chain: chainOf(bytes),
  };
  return checkLengths(header) ?? checkTimes(header) ?? header;
}

export function isFlaw(result: ParsedChunkHeader | Flaw): result is Flaw {
  return 'what' in result;
}

/**
 * Says why these bytes, fewer than 84, cannot be the beginning of the chunk header with this sequence number.
 * @returns undefined if they can: then the file just ends here
 */
export function checkTornHeader(bytes: Buffer, sequence: number): Flaw | undefined {
  // the missing bytes are made such that they raise no complaint
  const whole = Buffer.alloc(chunkHeaderLength);
  magic.copy(whole);
  whole.write('ZZZZ', 4, 'latin1');
  whole.writeUInt32LE(sequence, 12);
  bytes.copy(whole);
  const flaw = checkBeginning(whole, sequence);
  if (flaw !== undefined || bytes.length < 24) return flaw;
  return checkLengths({
    flags: whole.readUInt32LE(8),
    encodedLength: whole.readUInt32LE(16),
    plainLength: whole.readUInt32LE(20),
  });
}

function checkBeginning(bytes: Buffer, sequence: number): Flaw | undefined {
  if (!bytes.subarray(0, 4).equals(magic)) return { field: 'magic', at: 0, what: 'no chunk begins here' };
  const type = bytes.toString('latin1', 4, 8);
  if (!isChunkType(type))
    return { field: 'type', at: 4, what: `its type ${JSON.stringify(type)} cannot be one` };
  const flags = bytes.readUInt32LE(8);
  if ((flags & ~allFlags) !== 0)
    return { field: 'flags', at: 8, what: `it has unknown flags (0x${flags.toString(16)})` };
  const found = bytes.readUInt32LE(12);
  if (found !== sequence)
    return { field: 'sequence', at: 12, what: `it has the number ${found} instead of ${sequence}` };
  return undefined;
}

function checkLengths(
  header: Pick<ChunkHeader, 'flags' | 'encodedLength' | 'plainLength'>,
): Flaw | undefined {
  const { encodedLength, plainLength } = header;
  const lie = (field: string, at: number, what: string): Flaw => ({ field, at, what });
  if (encodedLength < 1 || encodedLength > maxPayloadLength)
    return lie('encoded length', 16, `an encoded length of ${encodedLength} bytes is not allowed`);
  if (plainLength < 1 || plainLength > maxPayloadLength)
    return lie('plain length', 20, `a plain length of ${plainLength} bytes is not allowed`);
  const stored = (header.flags & ChunkFlag.stored) !== 0;
  if (
    stored
      ? encodedLength !== plainLength
      : encodedLength >= plainLength || plainLength > encodedLength * maxExpansion
  )
    return lie(
      'plain length',
      20,
      `${encodedLength} bytes ${stored ? 'stored' : 'of LZ4'} cannot hold ${plainLength}`,
    );
  return undefined;
}

function checkTimes(header: ChunkHeader): Flaw | undefined {
  if (!isTime(header.instruction))
    return {
      field: 'instruction',
      at: 24,
      what: `an instruction count of ${header.instruction} is not allowed`,
    };
  if (!isTime(header.wallNs))
    return { field: 'wall', at: 32, what: `a wall time of ${header.wallNs} is not allowed` };
  return undefined;
}

/** Finite and not negative: what an instruction count or a wall time must be. */
export function isTime(value: number): boolean {
  return value >= 0 && value < Number.POSITIVE_INFINITY;
}

/**
 * Decodes a payload and checks it against its header.
 * @param payload as stored; its length is the header's
 * @returns fresh plain bytes, or what is wrong
 */
export function decodePayload(
  codec: BlockCodec,
  header: ParsedChunkHeader,
  payload: Uint8Array,
): Uint8Array | Flaw {
  const flaw = (what: string): Flaw => ({ field: 'payload', at: chunkHeaderLength, what });
  if (crc32(payload) !== header.payloadCrc) return flaw('its payload is damaged (its CRC is wrong)');
  let plain: Uint8Array;
  if (header.flags & ChunkFlag.stored) plain = Uint8Array.prototype.slice.call(payload);
  else {
    try {
      plain = codec.decode(payload, header.plainLength);
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
      return flaw(`its payload does not decode (${error.message})`);
    }
  }
  if (crc32(plain) !== header.plainCrc)
    return flaw('its payload does not decode to what was written (the CRC of the plain bytes is wrong)');
  return plain;
}
