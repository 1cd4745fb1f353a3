/** Calls of a part of a trace, found by replaying it up to there. */
import { GuestCpu } from '../../guest/cpu.ts';
import { execute, explain, openReplayer, type ReplayOptions } from '../../replay/replay.ts';
import { TraceFile } from '../../trace/trace-file.ts';
import type { GuestMap, MappedProcess, MappedThread } from '../map/guest-map.ts';
import { GuestPlaces } from '../map/places.ts';
import { BlockDecoder } from './block-end.ts';
import { type CallDoubts, CallTracer } from './call-tracer.ts';
import type { CallTree } from './call-tree.ts';
import type { PlaceTable } from './place-table.ts';

export interface CallOptions extends Pick<ReplayOptions, 'onProgress' | 'signal'> {
  /** Instruction counts, both inclusive; left out: from the first, to the last. */
  readonly from?: number;
  readonly to?: number;
  /** Count only what the kernel executes, or only what programs do; needs a known system. */
  readonly mode?: 'kernel' | 'user';
  /** Of whom; without it, of all. */
  readonly isWanted?: (process: MappedProcess | undefined, thread: MappedThread | undefined) => boolean;
}

export interface TracedCalls {
  readonly tree: CallTree;
  /** Of the tree's nodes. */
  readonly names: PlaceTable;
  readonly places: GuestPlaces;
  /** Instructions in the tree: those of the span, of who is wanted. */
  readonly instructions: number;
  /** Executed in the span by anybody. */
  readonly executed: number;
  readonly doubts: CallDoubts;
  /** Why the trace ends before its recording did. */
  readonly incomplete: string | undefined;
}

/**
 * @param map of the same trace
 * @throws RebekError as `replayTrace` does; ERR_ABORTED if `signal` says so
 */
export async function traceCalls(path: string, map: GuestMap, options: CallOptions): Promise<TracedCalls> {
  const { from = 0, to = Number.POSITIVE_INFINITY, mode, isWanted } = options;
  const places = new GuestPlaces(map);
  const tracer = new CallTracer(
    places,
    {
      from,
      to,
      addresses: {
        first: mode === 'kernel' ? map.kernelStart : 0,
        last: mode === 'user' ? map.kernelStart - 1 : 0xffffffff,
      },
      isWanted: (thread) => isWanted?.(thread && places.process(thread.process), thread) ?? true,
    },
    await BlockDecoder.create(),
  );
  const trace = TraceFile.open(path);
  try {
    const replayer = openReplayer(trace, undefined, undefined, tracer);
    tracer.open(new GuestCpu(replayer.raw.memory, replayer.layout));
    const instructions = Math.min(to, trace.lastKnownInstruction);
    const onProgress = options.onProgress;
    await execute(
      replayer,
      instructions,
      {
        ...options,
        ...(onProgress && {
          onProgress: (progress) =>
            onProgress({ ...progress, instruction: Math.min(progress.instruction, instructions) }),
        }),
      },
      () => tracer.done,
    );
    const end = Math.min(replayer.instruction, to + 1);
    return {
      tree: tracer.tree,
      names: tracer.names,
      places,
      instructions: tracer.attributed,
      executed: Math.max(0, end - from),
      doubts: tracer.doubts,
      incomplete: tracer.done ? undefined : trace.incomplete?.reason,
    };
  } catch (error) {
    throw explain(error, trace);
  } finally {
    trace.close();
  }
}
