import { fileURLToPath } from 'node:url';
import test from 'ava';
import { recordAndKill, replayPrefix } from '../support/killed.ts';
import { temporaryFolder } from '../support/probe.ts';

const program = fileURLToPath(new URL('../support/record-until-killed.js', import.meta.url));

for (let round = 0; round < 5; round++) {
  test.serial(
    `a recorder killed at a random moment (${round}) leaves a trace that replays to its end`,
    async (t) => {
      const killed = await recordAndKill(t, program, temporaryFolder(t), 300 + Math.random() * 2500);
      t.true(killed.lostMs < 1000, `${killed.lostMs} ms are lost`);
      await replayPrefix(t, killed.partial);
    },
  );
}
