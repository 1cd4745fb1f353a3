/** Guest maps in the cache folder: what is there is only ever taken if it is whole and of this version. */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { Packr } from 'msgpackr';
import type { GuestProfile } from '../../guest/profile.ts';
import { cacheFolder } from '../../machine/cache.ts';
import type { TraceFile } from '../../trace/trace-file.ts';
import { recordingId } from '../analysis.ts';
import type { GuestMap } from './guest-map.ts';

/** Of the maps: another number wherever one made now would be another than one made before. */
const VERSION = 1;
/** Bytes, unpacked. */
const LARGEST = 1 << 30;
const DIGEST_BYTES = 32;

const packr = new Packr({ useRecords: false });

/** What a trace's map is kept under: the recording, how far the file goes, and the profile. */
export function mapKey(trace: TraceFile, profile: GuestProfile | undefined): string {
  const { reader } = trace;
  const hash = createHash('sha256').update(`${VERSION}\0${reader.chain ?? ''}\0`);
  if (reader.chain === undefined) {
    let [chunks, last] = [0, 0];
    for (const { instruction } of reader.entries()) {
      chunks++;
      last = instruction;
    }
    hash.update(`${chunks}\0${last}`);
  }
  if (profile !== undefined) hash.update(JSON.stringify(profile, plain));
  return `${recordingId(trace)}-${hash.digest('hex').slice(0, 16)}`;
}

const plain = (_: string, value: unknown): unknown => (value instanceof Map ? [...value] : value);

const fileOf = (key: string): string => join(cacheFolder(), 'maps', `${key}.map`);

/** Undefined if there is none, or none that can be used. */
export function cachedMap(key: string): GuestMap | undefined {
  try {
    const bytes = gunzipSync(readFileSync(fileOf(key)), { maxOutputLength: LARGEST });
    const content = bytes.subarray(DIGEST_BYTES);
    if (!digest(content).equals(bytes.subarray(0, DIGEST_BYTES))) return undefined;
    const { version, map } = packr.unpack(content) as { version: number; map: PackedMap };
    return version === VERSION ? unpack(map) : undefined;
  } catch {
    return undefined;
  }
}

/** Leaves a map for later; if that cannot be done, the next question takes another replay, and that is all. */
export function cacheMap(key: string, map: GuestMap): void {
  const path = fileOf(key);
  const scratch = `${path}.${process.pid}.tmp`;
  try {
    mkdirSync(dirname(path), { recursive: true });
    const content = packr.pack({ version: VERSION, map: pack(map) });
    writeFileSync(scratch, gzipSync(Buffer.concat([digest(content), content]), { level: 1 }));
    renameSync(scratch, path);
  } catch {
    try {
      rmSync(scratch, { force: true });
    } catch {
      // It is not even there.
    }
  }
}

const digest = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();

/** Numbers side by side are bytes. */
type PackedMap = Omit<GuestMap, 'symbols' | 'switches'> & {
  readonly symbols: readonly { offsets: Uint8Array; sizes: Uint8Array; names: string }[];
  readonly switches: { at: Uint8Array; who: Uint8Array };
};

function pack(map: GuestMap): PackedMap {
  const { symbols, switches } = map;
  return {
    ...map,
    symbols: symbols.map(({ offsets, sizes, names }) => ({
      offsets: bytesOf(offsets),
      sizes: bytesOf(sizes),
      names: names.join('\0'),
    })),
    switches: { at: bytesOf(switches.at), who: bytesOf(switches.who) },
  };
}

function unpack({ symbols, switches, ...rest }: PackedMap): GuestMap {
  return {
    ...rest,
    symbols: symbols.map(({ offsets, sizes, names }) => ({
      offsets: new Uint32Array(aligned(offsets)),
      sizes: new Uint32Array(aligned(sizes)),
      names: names.split('\0'),
    })),
    switches: { at: new Float64Array(aligned(switches.at)), who: new Uint32Array(aligned(switches.who)) },
  };
}

const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

const aligned = (bytes: Uint8Array): ArrayBuffer => Uint8Array.from(bytes).buffer;
