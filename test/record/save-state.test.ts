/** Saving the state of a machine that is being recorded: an analyst may want to go on from there later. */
import { join } from 'node:path';
import test from 'ava';
import { loadImages } from '../../src/machine/images.ts';
import { loadMachine } from '../../src/machine/machine.ts';
import { Recording } from '../../src/record/recording.ts';
import { verifyTrace } from '../../src/replay/replay.ts';
import { probeMachine, temporaryFolder } from '../support/probe.ts';

/** Types one experiment's letter and waits for its answer. */
function experiment(recording: Recording, letter: string): Promise<string> {
  let said = '';
  return new Promise((resolve) => {
    const off = recording.pc.onSerial((_port, byte) => {
      said += String.fromCharCode(byte);
      if (!said.endsWith('\n') || !said.includes(`${letter}: `)) return;
      off();
      resolve(said);
    });
    recording.sendSerial(0, new TextEncoder().encode(letter));
  });
}

test('a state saved in the middle of a recording leaves the trace whole, and can be recorded from', async (t) => {
  const folder = temporaryFolder(t);
  const machine = await loadMachine(probeMachine(folder));
  const output = join(folder, 'first.rebek');
  const first = await Recording.start({ machine, images: await loadImages(machine), output });
  await experiment(first, 't');
  await first.pc.stop();
  const state = await first.pc.saveState();
  first.pc.run();
  await experiment(first, 'm');
  const whole = await first.finish('script', 'done');
  const verified = await verifyTrace(output);
  t.true(verified.complete);
  t.deepEqual(verified.replay?.final, whole.final ?? undefined);

  const second = await Recording.start({
    machine,
    images: await loadImages(machine),
    output: join(folder, 'second.rebek'),
    from: { name: 'saved', state },
  });
  t.regex(await experiment(second, 'm'), /m: [0-9a-f]{8}/);
  const later = await second.finish('script', 'done');
  t.true((await verifyTrace(later.path)).replay?.finalChecked);
});
