/** The traces in the repository were recorded by earlier builds, perhaps on other machines: they must go on to replay. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { verifyTrace } from '../../src/replay/replay.ts';
import { describeTrace } from '../../src/trace/info.ts';
import { root } from '../support/probe.ts';

const folder = join(root, 'traces');
const samples = readdirSync(folder).filter((name) => name.endsWith('.rebek'));

test('there are sample traces', (t) => {
  t.true(samples.includes('probe.rebek'));
});

for (const name of samples) {
  test(`traces/${name} replays to the state that it was recorded with`, async (t) => {
    const path = join(folder, name);
    const { complete, replay } = await verifyTrace(path);
    t.true(complete);
    t.true(replay?.finalChecked);
    t.deepEqual(replay?.final, describeTrace(path).summary?.final ?? undefined);
  });
}
