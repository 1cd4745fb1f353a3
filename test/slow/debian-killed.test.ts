import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { replayTrace, verifyTrace } from '../../src/replay/replay.ts';
import { describeTrace } from '../../src/trace/info.ts';
import { TraceFile } from '../../src/trace/trace-file.ts';
import { ensureBuilt } from '../support/debian.ts';
import { temporaryFolder } from '../support/probe.ts';

const child = fileURLToPath(new URL('../support/record-debian-until-killed.js', import.meta.url));

/** How much of the recording's end a kill may cost, ms. */
const LOST_MS = 1500;

/** Records Debian for about `ms`, kills the recorder with SIGKILL, and returns the last thing it said. */
async function recordAndKill(t: ExecutionContext, folder: string, ms: number) {
  const recorder = spawn(process.execPath, [child, folder], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(() => recorder.kill('SIGKILL'));
  let said = '';
  recorder.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  await once(recorder.stdout, 'data');
  await sleep(ms);
  recorder.kill('SIGKILL');
  await once(recorder, 'close');
  const line = said.split('\n').at(-2)!;
  return JSON.parse(line) as { wallMs: number; instructions: number };
}

/** Wall time of the last chunk of the log, ms. */
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

test.before(() => ensureBuilt('debian'));

for (let round = 0; round < 5; round++) {
  test.serial(
    `a recorder of Debian killed at a random moment (${round}) leaves what it had recorded`,
    async (t) => {
      t.timeout(300_000);
      const folder = temporaryFolder(t);
      // From the first second of the boot on to some time after the login.
      const before = await recordAndKill(t, folder, 1000 + Math.random() * 25_000);
      const partial = join(folder, 'killed.rebek.partial');
      t.false(existsSync(join(folder, 'killed.rebek')));
      const lost = before.wallMs - wallOfLastChunk(partial);
      t.log(`killed after ${Math.round(before.wallMs)} ms, of which ${Math.round(lost)} are lost`);
      t.true(lost < LOST_MS, `${lost} ms are lost`);
      const info = describeTrace(partial);
      t.false(info.complete);
      const replay = await replayTrace(partial);
      t.false(replay.complete);
      t.false(replay.finalChecked);
      t.is(replay.end, 'incomplete');
      t.true(replay.instructions >= info.instructions);
      t.true(replay.instructions > 0.5 * before.instructions, 'most of it is there');
      const verified = await verifyTrace(partial);
      t.false(verified.complete);
      t.deepEqual(verified.replay?.final, replay.final);
      t.is(verified.replay?.instructions, replay.instructions);
    },
  );
}
