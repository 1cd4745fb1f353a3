import { createHash } from 'node:crypto';
import { join } from 'node:path';
import test from 'ava';
import { replayTrace } from '../../src/replay/replay.ts';
import { dumpEvents, type StreamEvent } from '../../src/trace/dump.ts';
import { debianGuest } from '../support/debian.ts';
import { temporaryFolder } from '../support/probe.ts';
import { recordGuest, replayElsewhere } from '../support/record-guest.ts';
import { askOverTcp } from '../support/v86-inner.ts';

/** Bytes that the guest serves: some hundreds of full TCP segments. */
const FILE_BYTES = 512 * 1024;

for (const model of ['virtio', 'ne2k'] as const) {
  test.serial(
    `a ${model} card under TCP, UDP, ICMP and ARP traffic, with two consoles busy, replays`,
    async (t) => {
      t.timeout(600_000);
      const debian = await debianGuest();
      const machine = { ...debian.machine, serial: 2, nic: { ...debian.machine.nic, model } };
      const output = join(temporaryFolder(t), 'network.rebek');
      const guest = await recordGuest(t, { machine, images: debian.images, output });
      const { console, recording, finish } = guest;
      await console.logIn();
      await console.logIn('user', 1);

      t.regex(await console.run('ping -c3 -s 1400 192.168.86.1'), /3 packets received, 0% packet loss/);
      t.regex(await console.run('arping -c2 192.168.86.1'), /Received 2 response/);
      t.regex(await console.run('nslookup rebek.example 192.168.86.1'), /Name:\s+rebek\.example/);
      t.regex(await console.run('wget -O - http://192.168.86.1/'), /refused/);

      // Real TCP, from outside into the guest's web server, while the second console is written to.
      const path = '/var/www/html/big';
      await console.run(`dd if=/dev/urandom of=${path} bs=1k count=${FILE_BYTES / 1024} 2>/dev/null`);
      console.type('seq 1 2000\n', 1);
      const answer = await askOverTcp(recording.pc, 80, 'GET /big HTTP/1.0\r\n\r\n', FILE_BYTES - 8192);
      const body = answer.subarray(answer.indexOf('\r\n\r\n') + 4);
      const part = (await console.run(`head -c ${body.length} ${path} | md5sum`)).slice(0, 32);
      t.is(createHash('md5').update(body).digest('hex'), part, 'what arrived is what the guest has');
      await console.waitFor(/\n2000\r\n/, { port: 1 });
      t.is(await console.run('id -un', 1), 'user');
      const result = await finish();
      t.true(result.frames > FILE_BYTES / 1460, `${result.frames} frames`);
      t.log(`${result.bytes} bytes, ${result.frames} frames, ${result.instructions} instructions`);

      const ports = ['', ''];
      for (const event of dumpEvents(output, { stream: 'console' }) as Iterable<StreamEvent>) {
        if (event.direction === 'out') ports[event.port] += Buffer.from(event.bytes).toString('latin1');
      }
      t.deepEqual(ports, console.output.slice(0, 2));

      const replay = await replayTrace(output);
      t.true(replay.finalChecked);
      t.deepEqual(replay.final, result.final);
      t.is(replay.instructions, result.instructions);
      t.deepEqual((await replayElsewhere(output)).final, result.final!);
    },
  );
}
