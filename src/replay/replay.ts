/** Replays and verifies whole traces. */
import { setImmediate } from 'node:timers/promises';
import { ExitCode, RebekError } from '../base/errors.ts';
import { hashState, readRegisters, type StateHash } from '../engine/guest-state.ts';
import { ENGINE_VERSION } from '../engine/layout.ts';
import type { ProbeHandler } from '../engine/probes/probes.ts';
import { verifyIntegrity } from '../trace/integrity.ts';
import { TraceFile } from '../trace/trace-file.ts';
import { DebugCheck, type DebugComparison } from './debug-check.ts';
import { divergence } from './divergence.ts';
import { FlowCheck, type FlowComparison } from './flow-check.ts';
import type { FlowSink, ReplayObserver } from './observer.ts';
import { Replayer } from './replayer.ts';

/** Milliseconds of replaying between two looks at the rest of the process (progress, Ctrl-C). */
const SLICE_MS = 50;

export interface ReplayProgress {
  /** Guest instructions executed. */
  readonly instruction: number;
  /** … of how many; in an incomplete trace, up to its last chunk. */
  readonly instructions: number | undefined;
  readonly events: number;
  readonly wallMs: number;
}

/** Where an incomplete trace stops being a trace. */
export interface IncompleteInfo {
  readonly reason: string;
  /** File offset, bytes. */
  readonly offset: number;
  readonly chunk: number;
}

export interface ReplayResult {
  /** False if the file is only the good prefix of a trace; all of that was replayed. */
  readonly complete: boolean;
  readonly incomplete?: IncompleteInfo;
  readonly instructions: number;
  readonly events: number;
  readonly outputs: number;
  /** Guest state hashes in the log that the replay reproduced. */
  readonly hashesChecked: number;
  readonly compiled: number;
  readonly wallMs: number;
  /** State at the end of the replay. */
  readonly final: StateHash;
  /** True if the trace says what the final state was, and it is this. */
  readonly finalChecked: boolean;
  /** Why the recording ended, and what it noted about that. */
  readonly end: string;
  readonly note: string;
  /** Only with `debugPort`, and only if the trace keeps what the guest wrote to I/O port 0xE9. */
  readonly debug?: DebugComparison;
  /** Only with `controlFlow`, and only if the trace has such a log. */
  readonly flow?: FlowComparison;
}

export interface ReplayOptions {
  /** Also compare what the guest writes to I/O port 0xE9 with what was recorded of it. */
  readonly debugPort?: boolean;
  /** Also compare what the guest executes, block by block, with the control-flow log. Not together with `probe`. */
  readonly controlFlow?: boolean;
  /** Gets the control flow. Not together with `controlFlow` or `probe`. */
  readonly flow?: FlowSink;
  /** Who looks into the guest on the way. Its observer is not asked together with `debugPort`. */
  readonly probe?: ReplayProbe;
  /** The replay goes on when what it returns has come true. */
  readonly onProgress?: (progress: ReplayProgress) => void | Promise<void>;
  readonly signal?: AbortSignal;
}

/** Looks into a replay. The engine then runs with probes in it; what the guest does is the same. */
export interface ReplayProbe {
  readonly handler: ProbeHandler;
  /** Its methods may come and go on the way. */
  readonly observer?: ReplayObserver;
  /** The guest is about to execute its first instruction. */
  opened(replayer: Replayer, trace: TraceFile): void;
  /** The log is over; the guest is as it was then. */
  ended(instruction: number): void;
}

/**
 * Replays a trace to its end.
 * @throws RebekError ERR_REPLAY_DIVERGENCE, ERR_REPLAY_DEBUG_STREAM, ERR_TRACE_…; ERR_ABORTED if `signal` says so
 */
export async function replayTrace(path: string, options: ReplayOptions = {}): Promise<ReplayResult> {
  const trace = TraceFile.open(path);
  try {
    const check = options.debugPort ? DebugCheck.of(trace) : undefined;
    const { probe } = options;
    const flow = options.controlFlow && probe === undefined ? FlowCheck.of(trace) : undefined;
    const observer = check?.observer ?? probe?.observer;
    const replayer = openReplayer(trace, observer, probe?.handler, flow ?? options.flow);
    probe?.opened(replayer, trace);
    const result = await runToEnd(trace, replayer, options);
    probe?.ended(result.instructions);
    return { ...result, ...(check && { debug: check.end() }), ...(flow && { flow: flow.end() }) };
  } catch (error) {
    throw explain(error, trace);
  } finally {
    trace.close();
  }
}

/**
 * @throws RebekError ERR_TRACE_ENGINE: the state layout of the trace's engine is not known. Its binary is in the
 *   trace, but to replay it one must know where it keeps what.
 */
function checkEngine({ path, meta: { engine } }: TraceFile): void {
  if (engine.name === 'v86' && engine.version === ENGINE_VERSION) return;
  const found = `${engine.name} ${engine.version}`;
  throw new RebekError(
    'ERR_TRACE_ENGINE',
    `${path} was recorded with ${found}; this Rebek replays v86 ${ENGINE_VERSION}`,
    {
      exitCode: ExitCode.damaged,
      hint: `use the release of Rebek that recorded it`,
      details: { file: path, found, expected: `v86 ${ENGINE_VERSION}` },
    },
  );
}

/** A replayer at the first instruction of a trace, whose initial state has been compared. */
export function openReplayer(
  trace: TraceFile,
  observer?: ReplayObserver,
  handler?: ProbeHandler,
  flow?: FlowSink,
): Replayer {
  const { meta } = trace;
  checkEngine(trace);
  const events = trace.events();
  const source = () => events.next().value ?? undefined;
  const restore = (memory: Uint8Array) => trace.restoreImage(memory);
  const replayer = new Replayer(
    trace.engine(),
    meta.memory,
    meta.layout,
    source,
    restore,
    observer,
    handler,
    flow,
  );
  compareState(replayer, meta.initial);
  return replayer;
}

/**
 * Names the file in an error about its replay; and the processor, if it may be the cause: WebAssembly leaves the bits
 * of a NaN to it, so that between two kinds of them a replay may differ.
 */
export function explain(error: unknown, { path, meta: { host } }: TraceFile): unknown {
  if (!(error instanceof RebekError)) return error;
  const { code, message, exitCode, hint, details } = error;
  const foreign = exitCode === ExitCode.divergence && host.arch !== process.arch;
  const advice = foreign
    ? `it was recorded on ${host.arch}, this is ${process.arch}: replay it on ${host.arch} to be sure`
    : hint;
  if (message.includes(path) && !foreign) return error;
  return new RebekError(code as `ERR_${string}`, message.includes(path) ? message : `${path}: ${message}`, {
    exitCode,
    ...(advice !== undefined && { hint: advice }),
    details: { file: path, ...details },
    cause: error,
  });
}

function compareState(replayer: Replayer, expected: StateHash): StateHash {
  const found = hashState(replayer.raw, replayer.layout);
  for (const part of ['cpu', 'ram', 'vga'] as const) {
    if (found[part] === expected[part]) continue;
    const registers = readRegisters(replayer.raw);
    throw divergence(replayer.position, registers, `${part} state ${expected[part]}`, found[part]);
  }
  return found;
}

/**
 * Executes, and lets the rest of the process have its turn now and then.
 * @param instructions as far as it goes, for people
 * @param done asked now and then: enough
 * @throws RebekError as `replayTrace` does, without the file's name: see {@link explain}
 */
export async function execute(
  replayer: Replayer,
  instructions: number,
  { onProgress, signal }: Pick<ReplayOptions, 'onProgress' | 'signal'>,
  done = (): boolean => false,
): Promise<void> {
  const started = performance.now();
  while (replayer.run(SLICE_MS) && !done()) {
    await onProgress?.({
      instruction: replayer.instruction,
      instructions,
      events: replayer.position.sequence,
      wallMs: performance.now() - started,
    });
    await setImmediate();
    if (signal?.aborted) throw new RebekError('ERR_ABORTED', 'stopped on request');
  }
}

async function runToEnd(trace: TraceFile, replayer: Replayer, options: ReplayOptions): Promise<ReplayResult> {
  const started = performance.now();
  await execute(replayer, trace.lastKnownInstruction, options);
  const { summary, incomplete } = trace;
  const wallMs = performance.now() - started;
  const expected = summary?.final ?? undefined;
  const final =
    expected === undefined ? hashState(replayer.raw, replayer.layout) : compareState(replayer, expected);
  if (summary !== undefined && summary.outputs !== replayer.outputs) {
    const found = `${replayer.outputs} output calls`;
    throw divergence(
      replayer.position,
      readRegisters(replayer.raw),
      `${summary.outputs} output calls in all`,
      found,
    );
  }
  const end =
    summary ?? ({ end: 'incomplete', note: incomplete?.reason ?? 'the trace has no summary' } as const);
  return {
    complete: incomplete === undefined && summary !== undefined,
    ...(incomplete && {
      incomplete: { reason: incomplete.reason, offset: incomplete.offset, chunk: incomplete.chunk },
    }),
    instructions: replayer.instruction,
    events: replayer.position.sequence,
    outputs: replayer.outputs,
    hashesChecked: replayer.hashesChecked,
    compiled: replayer.compiled,
    wallMs,
    final,
    finalChecked: expected !== undefined,
    end: end.end,
    note: end.note,
  };
}

export interface VerifyProgress {
  readonly phase: 'integrity' | 'replay';
  /** Bytes of the file, or guest instructions. */
  readonly done: number;
  readonly total: number | undefined;
  readonly instruction: number;
  readonly wallMs: number;
}

export interface VerifyOptions {
  /** Check the file's bytes only, without executing anything. */
  readonly integrityOnly?: boolean;
  readonly onProgress?: (progress: VerifyProgress) => void;
  readonly signal?: AbortSignal;
}

export interface VerifyResult {
  /** The file is a whole trace, not a prefix of one. */
  readonly complete: boolean;
  readonly integrity: { readonly chunks: number; readonly bytes: number; readonly chain: string };
  readonly replay?: ReplayResult;
}

/**
 * Checks every byte of a trace, then re-executes it against every state hash in it, and against what the recorder kept
 * of the guest's writes to I/O port 0xE9, and of its control flow.
 * @throws RebekError ERR_TRACE_…, ERR_REPLAY_DIVERGENCE, ERR_REPLAY_DEBUG_STREAM, ERR_REPLAY_FLOW, ERR_ABORTED
 */
export async function verifyTrace(path: string, options: VerifyOptions = {}): Promise<VerifyResult> {
  const { onProgress, signal } = options;
  const started = performance.now();
  const wallMs = () => performance.now() - started;
  const found = verifyIntegrity(path, {
    kind: 'TRCE',
    allowIncomplete: true,
    onProgress: (done, total) =>
      onProgress?.({ phase: 'integrity', done, total, instruction: 0, wallMs: wallMs() }),
  });
  const integrity = { chunks: found.chunks, bytes: found.goodBytes, chain: found.chain };
  if (options.integrityOnly) return { complete: found.complete, integrity };
  const replay = await replayTrace(path, {
    debugPort: true,
    controlFlow: true,
    onProgress: ({ instruction, instructions }) =>
      onProgress?.({
        phase: 'replay',
        done: instruction,
        total: instructions,
        instruction,
        wallMs: wallMs(),
      }),
    ...(signal && { signal }),
  });
  return { complete: found.complete && replay.complete, integrity, replay };
}
