/** Recording a guest in a test: the recorder, and a console that types through it, as `rebek record` does. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { ExecutionContext } from 'ava';
import type { StateHash } from '../../src/engine/guest-state.ts';
import { Recording, type RecordingOptions, type RecordingResult } from '../../src/record/recording.ts';
import { TestConsole } from './debian.ts';

export interface GuestRecording {
  readonly recording: Recording;
  readonly console: TestConsole;
  /** All that was typed at each port. */
  readonly typed: string[];
  /** Closes the trace, now or, with `atEnd`, when the guest has halted or reset by itself. */
  finish(options?: { atEnd: boolean }): Promise<RecordingResult>;
}

/**
 * Starts a recording, given up at the end of a test that fails before it is finished. The console misses nothing,
 * since no guest code runs before the caller waits for something. Control flow is logged only on request.
 */
export async function recordGuest(
  t: Pick<ExecutionContext, 'teardown'>,
  options: RecordingOptions,
): Promise<GuestRecording> {
  const recording = await Recording.start({ flow: false, ...options });
  const typed = ['', '', '', ''];
  const console = new TestConsole({
    onSerial: (callback) => recording.pc.onSerial(callback),
    // Past `pc`, so that what is typed is in the trace's console stream too.
    sendSerial: (port, bytes) => {
      typed[port] += new TextDecoder('latin1').decode(bytes);
      recording.sendSerial(port, bytes);
    },
  });
  let finished = false;
  t.teardown(() => (finished ? undefined : recording.abort()));
  const finish: GuestRecording['finish'] = async ({ atEnd } = { atEnd: false }) => {
    const { reason, note } = atEnd ? await recording.ended : { reason: 'script', note: 'the test is done' };
    finished = true;
    return recording.finish(reason, note);
  };
  return { recording, console, typed, finish };
}

/** What a replay in a process of its own found. */
export interface ChildReplay {
  readonly final: StateHash;
  readonly instructions: number;
  readonly checked: boolean;
  readonly complete: boolean;
  /** The most memory that the process ever had resident, bytes. */
  readonly peakBytes: number;
}

const child = fileURLToPath(new URL('./replay-once.js', import.meta.url));

/** Verifies a trace in another process. */
export async function replayElsewhere(
  trace: string,
  { cwd, args = [], env = {} }: { cwd?: string; args?: string[]; env?: Record<string, string> } = {},
): Promise<ChildReplay> {
  const { stdout } = await promisify(execFile)(process.execPath, [...args, child, trace], {
    cwd,
    env: { ...process.env, ...env },
  });
  return JSON.parse(stdout) as ChildReplay;
}
