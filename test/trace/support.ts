/** What the tests of the container share: temporary folders, a small file with everything in it, and ways to harm it. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { RebekError } from '../../src/base/errors.ts';
import { putCrc } from '../../src/trace/checksum.ts';
import { openContainer } from '../../src/trace/container-reader.ts';
import { ContainerWriter } from '../../src/trace/container-writer.ts';
import { verifyIntegrity } from '../../src/trace/integrity.ts';
import { RawFile } from '../../src/trace/raw-file.ts';
import { walk } from '../../src/trace/walk.ts';

/** A folder that is removed when the test has ended. */
export function scratch(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'rebek-test-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A reproducible sequence of bytes without any pattern. */
export function noise(length: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = seed;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

export interface PlacedChunk {
  readonly sequence: number;
  readonly type: string;
  readonly offset: number;
  /** Behind the payload. */
  readonly end: number;
  /** The decoded map as JSON. */
  readonly content: string;
}

export interface Sample {
  readonly path: string;
  readonly bytes: Buffer;
  /** All chunks, index chunks included. */
  readonly chunks: readonly PlacedChunk[];
}

/** JSON of a decoded map, bytes as hexadecimal. */
export function contentOf(map: Readonly<Record<string, unknown>>): string {
  return JSON.stringify(map, (_, value) =>
    value?.type === 'Buffer' ? Buffer.from(value.data).toString('hex') : value,
  );
}

/**
 * A complete trace of some 2 KB: compressed, stored and optional chunks, and an index after every third chunk.
 * 0 META · 1 EVTS · 2 EVTS (stored) · 3 INDX · 4 ZOPT (optional, unknown) · 5 EVTS · 6 INDX
 */
export function writeSample(folder: string): Sample {
  const path = join(folder, 'sample.rbk');
  const writer = ContainerWriter.create(path, 'TRCE', { chunksPerIndex: 3, created: 1e12 });
  writer.write('META', { name: 'sample', text: 'very '.repeat(40) }, { instruction: 0, wallNs: 0 });
  writer.write('EVTS', { count: 100, op: new Uint32Array(100).fill(7) }, { instruction: 10, wallNs: 1e9 });
  writer.write('EVTS', { data: noise(200) }, { instruction: 2 ** 40, wallNs: 2e9 });
  writer.write('ZOPT', { what: 'to come' }, { instruction: 2 ** 40, wallNs: 3e9, optional: true });
  writer.write('EVTS', { count: 1, op: new Uint32Array(60) }, { instruction: 2 ** 41, wallNs: 4e9 });
  writer.close();
  const file = new RawFile(path);
  const chunks: PlacedChunk[] = [];
  for (const { entry, body } of walk(file)) {
    const { sequence, type, offset } = entry;
    chunks.push({
      sequence,
      type,
      offset,
      end: offset + 84 + entry.encodedLength,
      content: contentOf(body.raw()),
    });
  }
  file.close();
  return { path, bytes: readFileSync(path), chunks };
}

/** What became of reading a file in a certain way. */
export interface Outcome {
  readonly error: RebekError | undefined;
  /** Chunks that were handed out before. */
  readonly read: number;
  readonly complete: boolean | undefined;
}

/**
 * Reads everything that the reader gives, and insists that each chunk is one of the sample's, unharmed, at its place.
 * Anything thrown that is not a RebekError fails the test.
 */
export function readAll(t: ExecutionContext, path: string, sample: Sample, salvage = false): Outcome {
  let read = 0;
  let complete: boolean | undefined;
  try {
    const reader = openContainer(path, { kind: 'TRCE', salvage });
    try {
      complete = reader.complete;
      for (const entry of reader.entries()) {
        const { body } = reader.readChunk(entry);
        const original = sample.chunks[entry.sequence];
        if (original?.type !== entry.type || original.content !== contentOf(body.raw()))
          t.fail(`chunk ${entry.sequence} is not what was written`);
        read++;
      }
    } finally {
      reader.close();
    }
    return { error: undefined, read, complete };
  } catch (error) {
    if (!(error instanceof RebekError)) throw error;
    return { error, read, complete };
  }
}

/** The error of `verifyIntegrity`, which must be a RebekError. */
export function verifyError(path: string): RebekError | undefined {
  try {
    verifyIntegrity(path);
    return undefined;
  } catch (error) {
    if (error instanceof RebekError) return error;
    throw error;
  }
}

/** Writes a harmed copy. */
export function writeHarmed(folder: string, bytes: Uint8Array, name = 'harmed.rbk'): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

/** A copy in which one byte is XORed. */
export function flip(bytes: Buffer, at: number, mask = 0xff): Buffer {
  const copy = Buffer.from(bytes);
  copy[at]! ^= mask;
  return copy;
}

/** A copy in which a chunk header (84 bytes from `offset`) is changed and its CRC made right again. */
export function forgeHeader(bytes: Buffer, offset: number, change: (header: Buffer) => void): Buffer {
  const copy = Buffer.from(bytes);
  const header = copy.subarray(offset, offset + 84);
  change(header);
  putCrc(header);
  return copy;
}

/** The fields of the tables in FORMAT.md: name, first byte, byte behind the last. */
export const headerFields: [string, number, number][] = [
  ['magic', 0, 8],
  ['major version', 8, 10],
  ['minor version', 10, 12],
  ['kind', 12, 16],
  ['id', 16, 32],
  ['created', 32, 40],
  ['reserved', 40, 60],
  ['header crc', 60, 64],
];
export const chunkFields: [string, number, number][] = [
  ['magic', 0, 4],
  ['type', 4, 8],
  ['flags', 8, 12],
  ['sequence', 12, 16],
  ['encoded length', 16, 20],
  ['plain length', 20, 24],
  ['instruction', 24, 32],
  ['wall', 32, 40],
  ['payload crc', 40, 44],
  ['plain crc', 44, 48],
  ['chain', 48, 80],
  ['header crc', 80, 84],
];
export const footerFields: [string, number, number][] = [
  ['magic', 0, 8],
  ['index offset', 8, 16],
  ['file length', 16, 24],
  ['chain', 24, 56],
  ['reserved', 56, 60],
  ['footer crc', 60, 64],
];

export interface ExpectedDamage {
  code: string;
  offset: number;
  field: string;
  chunk?: number;
  type?: string;
}

/** Both ways of reading must report it: verifying, and reading chunk by chunk. */
export function expectDamage(
  t: ExecutionContext,
  path: string,
  sample: Sample,
  expected: ExpectedDamage,
): void {
  const { code, ...details } = expected;
  const text = JSON.stringify(expected);
  for (const error of [verifyError(path), readAll(t, path, sample).error]) {
    t.is(error?.code, code, text);
    t.like(error?.details, { file: path, ...details }, text);
    t.is(error?.exitCode, 4);
    if (expected.chunk !== undefined)
      t.true(error?.message.includes(`chunk ${expected.chunk}`), error?.message);
  }
}
