import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { replayTrace, verifyTrace } from '../../src/replay/replay.ts';
import { describeTrace } from '../../src/trace/info.ts';
import { TraceFile } from '../../src/trace/trace-file.ts';
import { temporaryFolder } from '../support/probe.ts';

const child = fileURLToPath(new URL('../support/record-until-killed.js', import.meta.url));

/** Records for about `ms`, kills the recorder with SIGKILL, and returns the last thing it said. */
async function recordAndKill(t: ExecutionContext, folder: string, ms: number) {
  const recorder = spawn(process.execPath, [child, folder], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(() => recorder.kill('SIGKILL'));
  let said = '';
  recorder.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  await once(recorder.stdout, 'data');
  await new Promise((resolve) => setTimeout(resolve, ms));
  recorder.kill('SIGKILL');
  await once(recorder, 'close');
  const line = said.split('\n').at(-2)!;
  return JSON.parse(line) as { wallMs: number; instructions: number };
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

for (let round = 0; round < 5; round++) {
  test.serial(
    `a recorder killed at a random moment (${round}) leaves a trace that replays to its end`,
    async (t) => {
      const folder = temporaryFolder(t);
      const before = await recordAndKill(t, folder, 300 + Math.random() * 2500);
      t.false(existsSync(join(folder, 'killed.rebek')));
      const partial = join(folder, 'killed.rebek.partial');
      const kept = wallOfLastChunk(partial);
      t.true(
        kept > before.wallMs - 1000,
        `the trace reaches ${kept} ms, the recorder had reached ${before.wallMs} ms`,
      );
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
    },
  );
}
