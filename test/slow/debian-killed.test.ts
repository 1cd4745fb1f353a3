import { fileURLToPath } from 'node:url';
import test from 'ava';
import { ensureBuilt } from '../support/debian.ts';
import { recordAndKill, replayPrefix } from '../support/killed.ts';
import { temporaryFolder } from '../support/probe.ts';

const program = fileURLToPath(new URL('../support/record-debian-until-killed.js', import.meta.url));

/** How much of the recording's end a kill may cost, ms: a busy machine writes late. */
const LOST_MS = 1500;

test.before(() => ensureBuilt('debian'));

for (let round = 0; round < 5; round++) {
  test.serial(
    `a recorder of Debian killed at a random moment (${round}) leaves what it had recorded`,
    async (t) => {
      t.timeout(300_000);
      // From the first second of the boot on to some time after the login.
      const ms = 1000 + Math.random() * 25_000;
      const { before, partial, lostMs } = await recordAndKill(t, program, temporaryFolder(t), ms);
      t.log(`killed after ${Math.round(before.wallMs)} ms, of which ${Math.round(lostMs)} are lost`);
      t.true(lostMs < LOST_MS, `${lostMs} ms are lost`);
      const { instructions } = await replayPrefix(t, partial);
      t.true(instructions > 0.5 * before.instructions, 'most of it is there');
    },
  );
}
