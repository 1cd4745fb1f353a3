import { join } from 'node:path';
import test from 'ava';
import { verifyTrace } from '../../src/replay/replay.ts';
import { debianGuest } from '../support/debian.ts';
import { temporaryFolder } from '../support/probe.ts';
import { recordGuest } from '../support/record-guest.ts';

test('Debian under the interpreter alone boots, works and replays', async (t) => {
  t.timeout(1_200_000);
  const { machine, images } = await debianGuest();
  const output = join(temporaryFolder(t), 'interpreted.rebek');
  const plain = { ...machine, jit: false };
  const { console, finish } = await recordGuest(t, { machine: plain, images, output });
  // Everything takes ten times as long as compiled.
  await console.waitFor(/login: $/, { seconds: 600 });
  console.type('\n');
  await console.logIn();
  t.is(await console.run('seq 1 300 | sort -r | uniq | wc -l'), '300');
  t.regex(await console.run('md5sum /bin/busybox > /tmp/sum; md5sum -c /tmp/sum'), /: OK$/);
  t.regex(await console.run('ping -c1 192.168.86.1'), /1 packets received/);
  console.type('poweroff\n');
  const result = await finish({ atEnd: true });
  t.is(result.end, 'halt');
  t.is(result.compiled, 0);
  t.log(`recorded in ${(result.wallNs / 1e9).toFixed(1)} s, ${result.instructions} instructions`);

  const { complete, replay } = await verifyTrace(output);
  t.true(complete);
  t.true(replay?.finalChecked);
  t.deepEqual(replay?.final, result.final);
  t.is(replay?.instructions, result.instructions);
  t.is(replay?.compiled, 0);
  t.log(`replayed in ${((replay?.wallMs ?? 0) / 1000).toFixed(1)} s`);
});
