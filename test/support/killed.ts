/** Kills recorders, and looks at what they leave. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ExecutionContext } from 'ava';
import { replayTrace, verifyTrace } from '../../src/replay/replay.ts';
import { describeTrace } from '../../src/trace/info.ts';
import { TraceFile } from '../../src/trace/trace-file.ts';

interface Killed {
  /** What the recorder said last, shortly before. */
  readonly before: { readonly wallMs: number; readonly instructions: number };
  readonly partial: string;
  /** How much of the recording is not in the file, ms. */
  readonly lostMs: number;
}

/**
 * Runs a recorder for about `ms`, then kills it with SIGKILL.
 * @param program records into `killed.rebek` in the folder it is given, and prints a line of JSON now and then
 */
export async function recordAndKill(
  t: ExecutionContext,
  program: string,
  folder: string,
  ms: number,
): Promise<Killed> {
  const recorder = spawn(process.execPath, [program, folder], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(() => recorder.kill('SIGKILL'));
  let said = '';
  recorder.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  await once(recorder.stdout, 'data');
  await sleep(ms);
  recorder.kill('SIGKILL');
  await once(recorder, 'close');
  const before = JSON.parse(said.split('\n').at(-2)!) as Killed['before'];
  t.false(existsSync(join(folder, 'killed.rebek')));
  const partial = join(folder, 'killed.rebek.partial');
  return { before, partial, lostMs: before.wallMs - wallOfLastChunk(partial) };
}

/** Wall time up to which the trace holds the log, ms. */
function wallOfLastChunk(path: string): number {
  const trace = TraceFile.open(path);
  try {
    let last = 0;
    for (const entry of trace.reader.entries(['EVTS'])) last = entry.wallNs / 1e6;
    return last;
  } finally {
    trace.close();
  }
}

/** Replays and verifies what is there; the same comes out of both. */
export async function replayPrefix(t: ExecutionContext, partial: string): Promise<{ instructions: number }> {
  const info = describeTrace(partial);
  t.false(info.complete);
  t.is(info.summary, undefined);
  const replay = await replayTrace(partial);
  t.false(replay.complete);
  t.false(replay.finalChecked);
  t.is(replay.end, 'incomplete');
  t.true(replay.instructions >= info.instructions);
  const verified = await verifyTrace(partial);
  t.false(verified.complete);
  t.deepEqual(verified.replay?.final, replay.final);
  t.is(verified.replay?.instructions, replay.instructions);
  return replay;
}
