/** Finds bytes that entered the guest, in the log of a trace and beside it, without replaying it. */
import { setImmediate as breathe } from 'node:timers/promises';
import { RebekError } from '../../base/errors.ts';
import { ChunkType } from '../../trace/chunk-types.ts';
import { chunksBetween } from '../../trace/chunks-between.ts';
import { decodeEvents } from '../../trace/events.ts';
import { decodeStream } from '../../trace/stream.ts';
import { TraceFile } from '../../trace/trace-file.ts';
import { WallClock } from '../../trace/wall-clock.ts';
import { Feed } from './feed.ts';
import { type ChannelKind, type Match, Matches } from './match.ts';
import type { Pattern } from './pattern.ts';

export type { ChannelKind, Match };

export const CHANNELS = ['port', 'mmio', 'dma', 'console', 'net'] as const satisfies readonly ChannelKind[];

/** Between two looks at what else there is to do, such as a signal. */
const BREATH_MS = 50;

export interface FindOptions {
  readonly pattern: Pattern;
  /** All of them unless said otherwise. */
  readonly channels?: Iterable<ChannelKind>;
  /** Only this I/O port. */
  readonly port?: number;
  /** Also what left the guest: console output and frames. */
  readonly out?: boolean;
  /** First and last instruction count, inclusive: what is outside is as if it were not there. */
  readonly from?: number;
  readonly to?: number;
  /** The first so many. */
  readonly limit?: number;
  /** Bytes before and after each match. */
  readonly context?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: FindProgress) => void;
}

export interface FindProgress {
  /** Instruction counts: searched up to here, from here, to there. */
  readonly instruction: number;
  readonly from: number;
  readonly to: number;
}

/** A match with its times in milliseconds since 1970, UTC. */
export interface TimedMatch extends Match {
  readonly firstTime: number;
  readonly lastTime: number;
}

/**
 * The matches in a trace, by when they were complete; but for those, where there are more than some thousand, that are
 * found late because little happens on their channel. Memory does not grow with the trace. Where it ends early, by an error
 * or `signal`, what was found up to there comes first.
 * @param source a trace that is open, and remains so; or its file's name
 * @throws RebekError ERR_TRACE_… with exit code 4; ERR_ABORTED if `signal` says so
 */
export async function* findBytes(
  source: TraceFile | string,
  options: FindOptions,
): AsyncGenerator<TimedMatch> {
  const trace = typeof source === 'string' ? TraceFile.open(source) : source;
  try {
    const { limit = Number.POSITIVE_INFINITY } = options;
    const timed = timer(trace);
    let left = limit;
    for await (const match of search(trace, options, new Matches(limit))) {
      if (left-- <= 0) return;
      yield timed(match);
    }
  } finally {
    if (trace !== source) trace.close();
  }
}

async function* search(trace: TraceFile, options: FindOptions, matches: Matches): AsyncGenerator<Match> {
  const { from = 0, to = Number.POSITIVE_INFINITY, signal, onProgress } = options;
  const kinds = new Set(options.port === undefined ? (options.channels ?? CHANNELS) : (['port'] as const));
  const feed = new Feed({
    pattern: options.pattern,
    context: options.context ?? 0,
    kinds,
    port: options.port,
    out: options.out ?? false,
    from,
    to,
    ramBytes: trace.meta.layout.ramBytes,
    onMatch: (match) => matches.add(match),
    full: () => matches.full,
  });
  const last = Math.min(to, trace.lastKnownInstruction);
  let failure: { readonly error: unknown } | undefined;
  let breath = performance.now();
  try {
    for (const { entry, body } of chunksBetween(trace.reader, chunkTypes(kinds), from, to)) {
      const steps =
        entry.type === ChunkType.events
          ? feed.events(decodeEvents(body))
          : feed.records(entry.type === ChunkType.console ? 'console' : 'net', decodeStream(body));
      for (const _ of steps) yield* matches.takeHalf();
      if (performance.now() - breath < BREATH_MS) continue;
      onProgress?.({ instruction: entry.instruction, from, to: last });
      await breathe();
      breath = performance.now();
      if (signal?.aborted)
        throw new RebekError('ERR_ABORTED', 'given up; what was found so far has been told');
    }
  } catch (error) {
    failure = { error };
  }
  for (const _ of feed.finish()) yield* matches.takeHalf();
  yield* matches.takeAll();
  if (failure !== undefined) throw failure.error;
}

function chunkTypes(kinds: ReadonlySet<ChannelKind>): string[] {
  const types: string[] = [];
  if (kinds.has('port') || kinds.has('mmio') || kinds.has('dma')) types.push(ChunkType.events);
  if (kinds.has('console')) types.push(ChunkType.console);
  if (kinds.has('net')) types.push(ChunkType.frames);
  return types;
}

function timer(trace: TraceFile): (match: Match) => TimedMatch {
  // A clock each: one that is asked for counts that grow does not look back.
  const first = new WallClock(trace);
  const last = new WallClock(trace);
  return (match) => ({
    ...match,
    firstTime: first.at(match.first.instruction),
    lastTime: last.at(match.last.instruction),
  });
}
