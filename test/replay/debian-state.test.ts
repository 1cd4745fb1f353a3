import { join } from 'node:path';
import test from 'ava';
import { replayTrace } from '../../src/replay/replay.ts';
import { describeTrace } from '../../src/trace/info.ts';
import { bootPc, debianGuest } from '../support/debian.ts';
import { temporaryFolder } from '../support/probe.ts';
import { recordGuest, replayElsewhere } from '../support/record-guest.ts';

test('two recordings from one saved state start at once, and replay', async (t) => {
  t.timeout(500_000);
  const folder = temporaryFolder(t);
  const { machine, images } = await debianGuest();

  const boot = await bootPc(machine, images);
  t.teardown(() => boot.pc.destroy());
  await boot.console.waitFor(/login: $/);
  const state = await boot.pc.saveState();
  await boot.pc.stop();

  const finals = [];
  for (const name of ['first', 'second']) {
    const trace = join(folder, `${name}.rebek`);
    const started = performance.now();
    const from = { name: 'at-login', state: state.slice(0) };
    const { console, finish } = await recordGuest(t, { machine, images, output: trace, from });
    console.type('\n');
    await console.waitFor(/login: $/);
    const answered = performance.now() - started;
    t.true(answered < 30_000, `the guest answered after ${answered} ms`);
    console.type('\n');
    await console.logIn();
    t.is(await console.run('md5sum < /bin/busybox | cut -c33-'), '  -');
    t.regex(await console.run('ping -c1 192.168.86.1'), /1 packets received, 0% packet loss/);
    console.type('poweroff\n');
    const result = await finish({ atEnd: true });
    t.is(result.end, 'halt');
    t.log(
      `${name}: first answer after ${Math.round(answered)} ms, ${result.bytes} bytes, state ${state.byteLength}`,
    );

    const { meta } = describeTrace(trace);
    t.like(meta.start, { state: 'at-login' });
    const replay = await replayTrace(trace);
    t.true(replay.finalChecked);
    t.deepEqual(replay.final, result.final);
    t.is(replay.instructions, result.instructions);
    t.is(replay.outputs, result.outputs);
    const apart = await replayElsewhere(trace);
    t.deepEqual(apart.final, result.final!);
    finals.push(meta.initial);
  }
  t.deepEqual(finals[0], finals[1], 'both begin with the same machine');
});
