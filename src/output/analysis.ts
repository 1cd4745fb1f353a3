/** Replays a trace under hooks, and passes on what they find as lines of a findings file. */
import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import { readPackageVersion } from '../base/version.ts';
import { GuestCpu } from '../guest/cpu.ts';
import type { GuestProfile } from '../guest/profile.ts';
import type { HookFile } from '../hooks/api.ts';
import { type FindingLine, toFinding, toProblem } from '../hooks/findings.ts';
import { DEFAULT_MATCHER } from '../hooks/match/matchers.ts';
import type { HookProblem } from '../hooks/problems.ts';
import { HookSession } from '../hooks/session.ts';
import type { ReplayObserver } from '../replay/observer.ts';
import { type ReplayOptions, type ReplayResult, replayTrace } from '../replay/replay.ts';
import type { Replayer } from '../replay/replayer.ts';
import type { TraceFile } from '../trace/trace-file.ts';
import { WallClock } from '../trace/wall-clock.ts';

export interface AnalysisOptions extends Pick<ReplayOptions, 'onProgress' | 'signal'> {
  readonly hooks: readonly HookFile[];
  /** `thread-stack` unless said otherwise; or `return-address`, `single-slot`. */
  readonly matcher?: string;
  /** End at the first handler that throws, with ERR_HOOKS_HANDLER. */
  readonly strict?: boolean;
  /** Of the guest's kernel, in place of what is known of it. */
  readonly profile?: GuestProfile;
  /** Generate code with a probe before every instruction: slower, and no hook on an address comes too late. */
  readonly everyInstruction?: boolean;
  /** Gets the lines of the findings file, in order. */
  readonly onLine: (line: FindingLine) => void;
  /** A handler has thrown: with its stack, which the line has not. */
  readonly onProblem?: (problem: HookProblem) => void;
  /** Gets the session before the first instruction. */
  readonly onSession?: (session: HookSession, trace: TraceFile) => void;
}

export interface AnalysisResult {
  readonly replay: ReplayResult;
  readonly findings: number;
  /** Calls of hooked functions. */
  readonly calls: number;
  readonly problems: number;
  /** Names that were hooked and never found. */
  readonly missing: readonly string[];
  readonly system: string | undefined;
  /** Addresses that were hooked only when their code had been compiled: visits to them may be missing. */
  readonly late: number;
}

/** What names a recording, whatever its file is called: the hash of its metadata. */
export function recordingId({ meta }: TraceFile): string {
  return createHash('sha256').update(JSON.stringify(meta)).digest('hex').slice(0, 16);
}

/**
 * Runs hooks over a trace. The last line says whether that is all; it comes also if the replay ends early, by an error.
 * @throws RebekError as `replayTrace` does, and ERR_HOOKS_…
 */
export async function analyse(path: string, options: AnalysisOptions): Promise<AnalysisResult> {
  const { hooks, matcher = DEFAULT_MATCHER, onProblem } = options;
  let session!: HookSession;
  /** The lines have nowhere to go: a handler in which that shows is not at fault, and must not hide it. */
  let failure: { readonly error: unknown } | undefined;
  const onLine = (line: FindingLine): void => {
    try {
      options.onLine(line);
    } catch (error) {
      failure = { error };
      throw error;
    }
  };
  const checkLines = (): void => {
    if (failure !== undefined) throw failure.error;
  };
  const opened = (replayer: Replayer, trace: TraceFile): void => {
    const clock = new WallClock(trace);
    const host = {
      cpu: new GuestCpu(replayer.raw.memory, replayer.layout),
      probes: replayer.probes!,
      instructionAt: (counter: number) => replayer.instructionAt(counter),
      timeAt: (instruction: number) => clock.at(instruction),
    };
    session = new HookSession(host, {
      files: hooks,
      matcher,
      strict: options.strict ?? false,
      ...(options.profile && { profile: options.profile }),
      onSystem: ({ family, version }) => {
        onLine({ kind: 'system', instruction: session.instruction, family, version });
      },
      onFinding: (finding) => onLine(toFinding(finding)),
      onProblem: (problem) => {
        checkLines();
        onLine(toProblem(problem));
        onProblem?.(problem);
      },
    });
    const { meta } = trace;
    onLine({
      kind: 'header',
      format: 1,
      rebek: readPackageVersion(),
      trace: {
        name: basename(path),
        recording: recordingId(trace),
        started: new Date(meta.started).toISOString(),
        machine: String(meta.machine['name'] ?? ''),
      },
      hooks: hooks.map(({ name }) => name),
      matcher,
    });
    if (options.everyInstruction) replayer.probes!.probeEveryInstruction();
    options.onSession?.(session, trace);
    session.start();
  };
  const end = (complete: boolean, instructions: number): void => {
    const { findings, calls, problems, functions, os } = session;
    const [missing, notes] = [[...functions.missing], [...(os?.notes ?? [])]];
    onLine({ kind: 'end', complete, instructions, findings, calls, problems, missing, notes });
  };
  try {
    const replay = await replayTrace(path, {
      ...options,
      probe: {
        handler: {
          hit: (address, counter) => {
            session.hit(address, counter);
            if (failure !== undefined) throw failure.error;
          },
          event: (event, a, b, counter) => {
            session.event(event, a, b, counter);
            if (failure !== undefined) throw failure.error;
          },
        },
        observer: observer(() => session),
        opened,
        ended: (instruction) => {
          session.finish(instruction);
          checkLines();
        },
      },
    });
    end(replay.complete, replay.instructions);
    const { findings, calls, problems, functions, os } = session;
    return {
      replay,
      findings,
      calls,
      problems,
      missing: functions.missing,
      system: os?.version,
      late: session.late,
    };
  } catch (error) {
    checkLines();
    if (session !== undefined) end(false, session.instruction);
    throw error;
  }
}

/** Passes what crosses the boundary on to the hooks that want it; where there are none, it costs nothing. */
function observer(session: () => HookSession): ReplayObserver {
  const portWrite: ReplayObserver['portWrite'] = (port, value, bytes, instruction) =>
    session().portAccess(port, true, bytes, value, instruction);
  const read: ReplayObserver['read'] = (space, address, value, bytes, instruction) => {
    if (space === 'port') session().portAccess(address, false, bytes, value, instruction);
    session().input({ kind: space, address, value, bytes }, instruction);
  };
  const input: ReplayObserver['input'] = (what, instruction) => session().input(what, instruction);
  const registry = () => session().registry;
  return {
    get portWrite() {
      return registry().ports.length > 0 ? portWrite : undefined;
    },
    get read() {
      return registry().ports.length + registry().inputs.length > 0 ? read : undefined;
    },
    get input() {
      return registry().inputs.length > 0 ? input : undefined;
    },
  };
}
