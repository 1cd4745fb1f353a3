/** Makes the guest map of a trace: by one replay, or from the cache. */
import type { GuestProfile } from '../../guest/profile.ts';
import type { ReplayOptions } from '../../replay/replay.ts';
import { TraceFile } from '../../trace/trace-file.ts';
import { analyse } from '../analysis.ts';
import type { GuestMap } from './guest-map.ts';
import { cachedMap, cacheMap, mapKey } from './map-cache.ts';
import { MapMaker } from './map-maker.ts';

export interface MapOptions extends Pick<ReplayOptions, 'onProgress' | 'signal'> {
  /** Of the guest's kernel, in place of what is known of it. */
  readonly profile?: GuestProfile;
  /** Neither read it from the cache folder nor leave it there. */
  readonly cache?: boolean;
}

/**
 * The guest map of a trace. The first time this replays the trace.
 * @param source a trace that is open, and remains so; or its file's name
 * @throws RebekError as `replayTrace` does
 */
export async function guestMap(source: TraceFile | string, options: MapOptions = {}): Promise<GuestMap> {
  const { profile, cache = true, onProgress, signal } = options;
  const key = cache ? keyOf(source, profile) : undefined;
  const known = key === undefined ? undefined : cachedMap(key);
  if (known !== undefined) return known;
  const maker = new MapMaker();
  const { replay } = await analyse(typeof source === 'string' ? source : source.path, {
    hooks: [maker.file],
    strict: true,
    onLine: () => {},
    onSession: (session) => {
      maker.session = session;
    },
    ...(profile && { profile }),
    ...(onProgress && { onProgress }),
    ...(signal && { signal }),
  });
  const map = maker.done(replay.instructions);
  if (key !== undefined) cacheMap(key, map);
  return map;
}

function keyOf(source: TraceFile | string, profile: GuestProfile | undefined): string {
  if (typeof source !== 'string') return mapKey(source, profile);
  const trace = TraceFile.open(source);
  try {
    return mapKey(trace, profile);
  } finally {
    trace.close();
  }
}
