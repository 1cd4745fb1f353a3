/** The traces in the repository were recorded by earlier builds, perhaps on other machines: they must go on to replay. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { readTruth } from '../../src/guest/ntlet/truth.ts';
import { checkTruth } from '../../src/guest/ntlet/truth-check.ts';
import { verifyTrace } from '../../src/replay/replay.ts';
import { describeTrace } from '../../src/trace/info.ts';
import { root } from '../support/probe.ts';

const folder = join(root, 'traces');
const samples = readdirSync(folder).filter((name) => name.endsWith('.rebek'));

test('there are sample traces, all of them small, with the hashes that are written beside them', (t) => {
  t.deepEqual(samples.sort(), ['ntlet-attack.rebek', 'ntlet-stress.rebek', 'probe.rebek']);
  const readme = readFileSync(join(folder, 'README.md'), 'utf8');
  for (const name of samples) {
    const path = join(folder, name);
    t.true(statSync(path).size < 2_000_000, name);
    const hash = createHash('sha256').update(readFileSync(path)).digest('hex');
    t.true(readme.includes(`${hash}  ${name}`), name);
  }
});

for (const name of samples) {
  test(`traces/${name} replays to the state that it was recorded with`, async (t) => {
    const path = join(folder, name);
    const { complete, replay } = await verifyTrace(path);
    t.true(complete);
    t.true(replay?.finalChecked);
    const { summary } = describeTrace(path);
    t.deepEqual(replay?.final, summary?.final ?? undefined);
    t.is(replay?.debug?.bytes, summary?.debug);
  });
}

for (const [name, outcomes] of [
  ['ntlet-attack.rebek', ['returned', 'noreturn', 'killed']],
  ['ntlet-stress.rebek', ['returned', 'unwound', 'noreturn', 'killed', 'pending']],
] as const) {
  test(`traces/${name} has a ground truth without a contradiction`, (t) => {
    const truth = readTruth(join(folder, name));
    const report = checkTruth(truth);
    truth.close();
    t.deepEqual(report.problems, []);
    const found = Object.entries(report.outcomes).filter(([, count]) => count > 0);
    t.deepEqual(
      found.map(([outcome]) => outcome),
      [...outcomes],
    );
    // Two sessions are inside NtReadFile at once.
    const reads = report.functions.find((called) => called.name === 'NtReadFile');
    t.true((reads?.overlapped ?? 0) > 0);
    t.true(report.open > 0, 'calls that are open when the trace ends');
  });
}
