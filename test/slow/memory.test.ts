import { join } from 'node:path';
import test from 'ava';
import { debianGuest } from '../support/debian.ts';
import { temporaryFolder } from '../support/probe.ts';
import { recordGuest, replayElsewhere } from '../support/record-guest.ts';

/** How long the guest works, and what a replay may have resident beyond the guest's RAM. */
const WORK_MS = 90_000;
const EXTRA_BYTES = 400e6;

test('a replay needs the memory of its guest and 400 MB, however long the trace', async (t) => {
  t.timeout(900_000);
  const { machine, images } = await debianGuest();
  const output = join(temporaryFolder(t), 'long.rebek');
  const { console, finish } = await recordGuest(t, { machine, images, output });
  await console.logIn();
  const end = performance.now() + WORK_MS;
  // New processes make new code to compile; the clock's ports make events; the files fill RAM.
  for (let turn = 0; performance.now() < end; turn++) {
    await console.run(`gzip -c /bin/busybox > /tmp/${turn % 8}; md5sum /tmp/*`);
    await console.run('for i in $(seq 30); do hwclock; done');
    await console.run('seq 1 3000');
  }
  const result = await finish();
  const { checked, final, peakBytes } = await replayElsewhere(output);
  t.true(checked);
  t.deepEqual(final, result.final!);
  t.log(
    `peak ${(peakBytes / 1e6).toFixed(0)} MB; ${result.bytes} bytes of trace, ${result.events} events, ` +
      `${result.instructions} instructions, ${result.compiled} pieces of compiled code`,
  );
  t.true(peakBytes <= machine.memory * 2 ** 20 + EXTRA_BYTES, `${peakBytes} bytes resident`);
});
