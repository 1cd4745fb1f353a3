import { type ChildProcess, spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { replayTrace } from '../../src/replay/replay.ts';
import { debianGuest } from '../support/debian.ts';
import { temporaryFolder } from '../support/probe.ts';
import { recordGuest } from '../support/record-guest.ts';

/** Two busy processes for each processor: this one gets about a third of one, at moments it does not choose. */
function burn(): ChildProcess[] {
  return Array.from({ length: 2 * availableParallelism() }, () =>
    spawn(process.execPath, ['-e', 'for(;;);'], { stdio: 'ignore' }),
  );
}

const stop = (burners: ChildProcess[]): void => {
  for (const burner of burners.splice(0)) burner.kill('SIGKILL');
};

test('what was recorded on a loaded machine replays on an idle one, and the other way round', async (t) => {
  t.timeout(900_000);
  const folder = temporaryFolder(t);
  const { machine, images } = await debianGuest();
  for (const loaded of ['recording', 'replay'] as const) {
    const burners: ChildProcess[] = [];
    t.teardown(() => stop(burners));
    if (loaded === 'recording') burners.push(...burn());
    const output = join(folder, `${loaded}.rebek`);
    const { console, finish } = await recordGuest(t, { machine, images, output });
    await console.waitFor(/login: $/, { seconds: 300 });
    console.type('\n');
    await console.logIn();
    t.regex(await console.run('ping -c3 192.168.86.1'), /3 packets received/);
    t.is(await console.run('for i in $(seq 20); do busybox true; done; echo $i'), '20');
    const result = await finish();
    if (loaded === 'recording') stop(burners);
    else burners.push(...burn());
    const replay = await replayTrace(output);
    stop(burners);
    t.true(replay.finalChecked);
    t.deepEqual(replay.final, result.final);
    t.is(replay.instructions, result.instructions);
    const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
    t.log(`loaded ${loaded}: recorded ${seconds(result.wallNs / 1e6)}, replayed ${seconds(replay.wallMs)}`);
  }
});
