/** A recording from its start to its end: who types, what ends it, and what is kept when something goes wrong. */
import { ExitCode, RebekError } from '../base/errors.ts';
import type { Recording, RecordingResult } from '../record/recording.ts';
import type { Pattern, Script } from '../record/script.ts';
import { runScript, type ScriptTarget, waitForOutput } from '../record/script-runner.ts';
import { printable } from '../record/script-text.ts';
import { describeTrace } from '../trace/info.ts';
import { quote, self } from './self.ts';
import type { Signals } from './signals.ts';

const LAST_LOOK_MS = 50;

/** What may end a session, besides the guest, the writer and signals. */
export interface SessionPlan {
  readonly file: string;
  /** The serial port that the script begins with and `until` listens to. */
  readonly console: number;
  readonly script?: Script | undefined;
  readonly until?: Pattern | undefined;
  /** Wall-clock seconds. */
  readonly duration?: number | undefined;
  /** Resolves when the user asks for the end (Ctrl-]). */
  readonly userEnd?: Promise<void> | undefined;
  readonly signals: Signals;
  readonly onLog: (text: string) => void;
}

/** The guest's consoles. */
export interface Consoles {
  /** What they say from now on. */
  readonly tap: ScriptTarget;
  /** The same, beginning with what they showed when the state was saved that the recording goes on from. */
  readonly target: ScriptTarget;
}

/** Why a session came to its end. */
export interface SessionEnd {
  /** As in the trace's summary. */
  readonly reason: string;
  readonly note: string;
  /** The trace is good, but not what was asked for. */
  readonly failure?: RebekError;
}

export interface SessionResult {
  readonly end: SessionEnd;
  readonly trace: RecordingResult;
  /** How far the script came; undefined without one. */
  readonly script?: { readonly finished: boolean; readonly line: number };
}

/**
 * Drives a recording until something ends it, then closes the trace.
 * @throws RebekError if the trace could not be closed; it says what was kept
 */
export async function runSession(
  recording: Recording,
  consoles: Consoles,
  plan: SessionPlan,
): Promise<SessionResult> {
  const abort = new AbortController();
  const progress = { finished: false, line: 0 };
  const racers: Promise<SessionEnd>[] = [
    guestEnd(recording),
    plan.signals.first.then((signal) => ({ reason: 'signal', note: `ended by ${signal}` })),
  ];
  const { script, until, duration } = plan;
  if (script !== undefined) racers.push(scriptEnd(script, consoles.target, plan, progress, abort.signal));
  if (until !== undefined) {
    const options = { signal: abort.signal };
    const found = waitForOutput(consoles.tap, plan.console, until, options);
    racers.push(
      found.then((match) => ({
        reason: 'until',
        note: `console ${plan.console} said "${printable(match)}"`,
      })),
    );
  }
  if (duration !== undefined) racers.push(durationEnd(duration, abort.signal));
  if (plan.userEnd !== undefined) {
    racers.push(plan.userEnd.then(() => ({ reason: 'user', note: 'ended by the user' })));
  }
  // The losers are aborted; nobody waits for their complaints.
  for (const racer of racers) racer.catch(() => {});
  let end: SessionEnd;
  try {
    end = await Promise.race(racers);
  } catch (error) {
    await recording.abort();
    throw error;
  } finally {
    abort.abort();
  }
  const trace = await closeTrace(recording, end, plan.file);
  return { end, trace, ...(script !== undefined && { script: progress }) };
}

async function guestEnd(recording: Recording): Promise<SessionEnd> {
  const end = await recording.ended;
  if (end.reason === 'write') return { ...end, failure: end.error };
  if (end.reason !== 'crash') {
    // What it printed last may be what a script or `until` waits for: let them look.
    await new Promise((resolve) => setTimeout(resolve, LAST_LOOK_MS));
    return end;
  }
  const failure = new RebekError('ERR_ENGINE_CRASH', end.note, {
    exitCode: ExitCode.internal,
    hint: 'the trace up to there is good and replays; please report this with it',
    cause: end.error,
  });
  return { reason: end.reason, note: end.note, failure };
}

async function scriptEnd(
  script: Script,
  target: ScriptTarget,
  plan: SessionPlan,
  progress: { finished: boolean; line: number },
  signal: AbortSignal,
): Promise<SessionEnd> {
  let how: string;
  try {
    how = await runScript(script, target, {
      signal,
      console: plan.console,
      onLog: plan.onLog,
      onStep: ({ line }) => {
        progress.line = line;
      },
    });
  } catch (error) {
    if (!(error instanceof RebekError)) throw error;
    // Without what the guest printed last: that is in the trace.
    const what = error.message.split('\n')[0]?.replace(/; [^;]*:$/, '');
    return { reason: 'script', note: `the script failed: ${what}`, failure: error };
  }
  progress.finished = true;
  // A script without `end` may only log in; the other conditions then decide.
  if (how !== 'end' && (plan.until !== undefined || plan.duration !== undefined))
    return new Promise(() => {});
  return { reason: 'script', note: `the script ${script.file} came to its end` };
}

function durationEnd(seconds: number, signal: AbortSignal): Promise<SessionEnd> {
  const end = performance.now() + seconds * 1000;
  return new Promise((resolve) => {
    let timer: NodeJS.Timeout | undefined;
    const wait = (): void => {
      const left = end - performance.now();
      if (left <= 0) resolve({ reason: 'duration', note: `${seconds} s were over` });
      // A timer of more than 2^31 ms would fire at once.
      else timer = setTimeout(wait, Math.min(left, 2 ** 31 - 1));
    };
    wait();
    signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
  });
}

async function closeTrace(recording: Recording, end: SessionEnd, file: string): Promise<RecordingResult> {
  const { bytes } = recording.status();
  try {
    if (end.reason === 'write') {
      await recording.abort();
      throw end.failure;
    }
    return await recording.finish(end.reason, end.note);
  } catch (error) {
    if (!(error instanceof RebekError) || bytes === 0) throw error;
    throw new RebekError(error.code as `ERR_${string}`, `${error.message}\nso the recording ended here`, {
      exitCode: error.exitCode,
      // The writer's hint says what was kept.
      hint: [error.hint, salvage(`${file}.partial`)].join(' ').trimStart(),
      details: { ...error.details, kept: `${file}.partial` },
      cause: error,
    });
  }
}

/** What can be done with a file that was not completed. */
function salvage(partial: string): string {
  try {
    const { chunks, complete } = describeTrace(partial);
    if (chunks['EVTS'] === undefined) return 'It ends before the guest did anything.';
    const allow = complete ? '' : ' --allow-incomplete';
    return `Replay it with \`${self()} replay ${quote(partial)}${allow}\`.`;
  } catch {
    return 'It ends before there was anything to replay.';
  }
}
