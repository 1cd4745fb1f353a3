/**
 * Raw LZ4 blocks, by whichever library loads: `lz4` is a native addon that npm compiles at install time, and may
 * not be there; `lz4-napi` comes prebuilt. Both write the same format; `lz4-napi` alone puts the plain length
 * (u32le) in front of the block, which is added and removed here.
 *
 * Neither detects damage: a flipped bit usually decodes to something. Callers check a CRC of the plain bytes.
 */
import { createRequire } from 'node:module';
import { RebekError } from '../base/errors.ts';

/** Compresses and expands raw LZ4 blocks. */
export interface BlockCodec {
  readonly name: CodecName;
  /** @returns a fresh raw LZ4 block; it can be longer than `plain` (by 1/255 + 16 bytes at most) */
  encode(plain: Uint8Array): Uint8Array;
  /**
   * Expands `block` into exactly `plainLength` bytes; allocates only these.
   * @param plainLength bytes, at most 2^31 - 1; check it before: it is allocated
   * @throws {CodecError} the block does not decode to exactly that length
   */
  decode(block: Uint8Array, plainLength: number): Uint8Array;
}

/** The npm packages that can be used, the preferred one first. */
export const codecNames = ['lz4', 'lz4-napi'] as const;
export type CodecName = (typeof codecNames)[number];

/** A block that is no LZ4 or has another length: damage, to be reported with its place by the caller. */
export class CodecError extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'CodecError';
  }
}

/** LZ4 spends at least one byte on 255. A longer plain length is a lie, told before anything is allocated. */
export const maxExpansion = 255;

const require = createRequire(import.meta.url);

interface NativeLz4 {
  encodeBound(length: number): number;
  encodeBlock(input: Uint8Array, output: Uint8Array): number;
  decodeBlock(input: Uint8Array, output: Uint8Array): number;
}

function openLz4(): BlockCodec {
  const native = require('lz4') as NativeLz4;
  let scratch = new Uint8Array(0);
  return {
    name: 'lz4',
    encode(plain) {
      const bound = native.encodeBound(plain.length);
      if (scratch.length < bound) scratch = Buffer.allocUnsafeSlow(bound);
      const length = native.encodeBlock(plain, scratch);
      if (length <= 0) throw new CodecError(`LZ4 could not encode ${plain.length} bytes`);
      return Uint8Array.prototype.slice.call(scratch, 0, length);
    },
    decode: checked((block, plainLength) => {
      const plain = Buffer.allocUnsafeSlow(plainLength);
      const length = native.decodeBlock(block, plain);
      if (length < 0) throw new CodecError(`no LZ4 block: it breaks near byte ${-length - 1}`);
      return length === plainLength ? plain : plain.subarray(0, length);
    }),
  };
}

interface Lz4Napi {
  compressSync(data: Uint8Array): Buffer;
  uncompressSync(data: Uint8Array): Buffer;
}

function openLz4Napi(): BlockCodec {
  const napi = require('lz4-napi') as Lz4Napi;
  return {
    name: 'lz4-napi',
    // compressSync insists on a Buffer. What it returns is freed only when the event loop turns (its issue 678): code
    // that encodes without end must let go of the thread now and then, as a worker does that is driven by messages.
    encode: (plain) =>
      napi.compressSync(Buffer.from(plain.buffer, plain.byteOffset, plain.length)).subarray(4),
    decode: checked((block, plainLength) => {
      const prefixed = Buffer.allocUnsafeSlow(4 + block.length);
      prefixed.writeUInt32LE(plainLength, 0);
      prefixed.set(block, 4);
      try {
        return napi.uncompressSync(prefixed);
      } catch (error) {
        throw new CodecError(`no LZ4 block: ${(error as Error).message}`, error);
      }
    }),
  };
}

/** The checks that both need: lengths that cannot be, the empty block, and a result of another length. */
function checked(decode: (block: Uint8Array, plainLength: number) => Uint8Array): BlockCodec['decode'] {
  return (block, plainLength) => {
    if (!Number.isInteger(plainLength) || plainLength < 0 || plainLength > 0x7fffffff)
      throw new CodecError(`a plain length of ${plainLength} bytes cannot be`);
    if (plainLength > block.length * maxExpansion)
      throw new CodecError(`${block.length} bytes of LZ4 cannot expand to ${plainLength}`);
    if (plainLength === 0) {
      if (block.length === 1 && block[0] === 0) return new Uint8Array(0);
      throw new CodecError('the LZ4 block should be empty and is not');
    }
    const plain = decode(block, plainLength);
    if (plain.length !== plainLength)
      throw new CodecError(`the LZ4 block decodes to ${plain.length} bytes, not ${plainLength}`);
    return plain;
  };
}

const openers: Record<CodecName, () => BlockCodec> = { lz4: openLz4, 'lz4-napi': openLz4Napi };

/**
 * Loads one library and tries it on a small block.
 * @throws whatever its loading throws, if it is not there or not for this machine
 */
export function loadCodec(name: CodecName): BlockCodec {
  const codec = openers[name]();
  const sample = new Uint8Array(300).fill(7);
  const back = codec.decode(codec.encode(sample), sample.length);
  if (Buffer.compare(back, sample) !== 0) throw new Error(`${name} does not give back what it was given`);
  return codec;
}

/** Which codec is in use and why. */
export interface CodecChoice {
  readonly codec: BlockCodec;
  /** A sentence for `rebek info`. */
  readonly reason: string;
}

let choice: CodecChoice | undefined;

/**
 * The codec of this process: the first of `codecNames` that loads, or the one that the environment variable
 * REBEK_CODEC names. Chosen at the first call and kept.
 * @throws {RebekError} ERR_CODEC: REBEK_CODEC names no codec, or none loads
 */
export function codecChoice(): CodecChoice {
  choice ??= chooseCodec(process.env['REBEK_CODEC']);
  return choice;
}

/** `codecChoice().codec`. */
export function activeCodec(): BlockCodec {
  return codecChoice().codec;
}

/** `codecChoice` without the memory, for a given value of REBEK_CODEC. */
export function chooseCodec(wanted: string | undefined): CodecChoice {
  if (wanted !== undefined && wanted !== '') {
    const name = codecNames.find((candidate) => candidate === wanted);
    if (name === undefined)
      throw new RebekError(
        'ERR_CODEC',
        `the environment variable REBEK_CODEC is '${wanted}', which is no codec`,
        {
          hint: `Set it to ${codecNames.join(' or ')}, or unset it.`,
        },
      );
    try {
      return { codec: loadCodec(name), reason: 'the environment variable REBEK_CODEC asks for it' };
    } catch (error) {
      throw new RebekError(
        'ERR_CODEC',
        `REBEK_CODEC asks for '${name}', which does not load: ${firstLine(error)}`,
        {
          hint: 'Unset REBEK_CODEC to let Rebek choose.',
          cause: error,
        },
      );
    }
  }
  const failures: string[] = [];
  for (const name of codecNames) {
    try {
      const codec = loadCodec(name);
      return { codec, reason: failures.length === 0 ? 'preferred, and it loads' : failures.join('; ') };
    } catch (error) {
      failures.push(`${name} does not load: ${firstLine(error)}`);
    }
  }
  throw new RebekError('ERR_CODEC', `no LZ4 library loads: ${failures.join('; ')}`, {
    hint: 'Run `npm ci` again on this machine.',
  });
}

function firstLine(error: unknown): string {
  return String((error as Error).message ?? error).split('\n', 1)[0]!;
}
