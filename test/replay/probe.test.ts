import { join } from 'node:path';
import test from 'ava';
import { replayTrace, verifyTrace } from '../../src/replay/replay.ts';
import { recordProbe, temporaryFolder } from '../support/probe.ts';

const experiments = {
  t: 'time stamp counter, PIT and CMOS clock',
  c: 'compiled code',
  s: 'self-modifying code',
  p: 'a million port reads',
  v: 'a million planar VGA accesses',
  b: 'a frame buffer that a device clears',
  w: 'a device that writes CPU registers',
  f: 'faults in compiled code',
  h: 'an idle guest',
  m: 'memory',
};

for (const [letter, what] of Object.entries(experiments)) {
  test(`replay reproduces ${what}`, async (t) => {
    const folder = temporaryFolder(t);
    const { result, console } = await recordProbe(folder, letter);
    t.regex(console, new RegExp(`${letter}: [0-9a-f]{8}\r\n$`));
    const replay = await replayTrace(result.path);
    t.true(replay.complete);
    t.true(replay.finalChecked);
    t.deepEqual(replay.final, result.final);
    t.is(replay.instructions, result.instructions);
    t.is(replay.outputs, result.outputs);
  });
}

test('replay reproduces all of it in one run, twice, with and without the JIT', async (t) => {
  const folder = temporaryFolder(t);
  for (const jit of [true, false]) {
    const output = join(folder, `${jit}.rebek`);
    const { result } = await recordProbe(folder, 'tspvbwfhmt', { output, machine: { jit } });
    t.is(result.compiled > 0, jit);
    const first = await verifyTrace(output);
    const second = await verifyTrace(output);
    t.true(first.complete);
    t.deepEqual(first.replay?.final, result.final);
    t.deepEqual(second.replay?.final, result.final);
    t.is(first.integrity.chain, result.chain);
  }
});

test('a guest that halts and one that resets end the recording', async (t) => {
  const folder = temporaryFolder(t);
  const halted = await recordProbe(folder, 'x', { output: join(folder, 'halt.rebek') });
  t.is(halted.result.end, 'halt');
  t.true((await replayTrace(halted.result.path)).finalChecked);
  const reset = await recordProbe(folder, 'r', { output: join(folder, 'reset.rebek') });
  t.is(reset.result.end, 'reset');
  t.true((await replayTrace(reset.result.path)).finalChecked);
});
