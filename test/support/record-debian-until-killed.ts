/**
 * `record-debian-until-killed.js FOLDER`: boots and records Debian, logs in, works for ever, and says every 50 ms
 * how far it is. For tests that kill it.
 */
import { join } from 'node:path';
import { Recording } from '../../src/record/recording.ts';
import { debianGuest, TestConsole } from './debian.ts';

const { machine, images } = await debianGuest();
const output = join(process.argv[2]!, 'killed.rebek');
const recording = await Recording.start({ machine, images, output });
setInterval(() => {
  const { wallMs, instructions } = recording.status();
  console.log(JSON.stringify({ wallMs, instructions }));
}, 50);
const guest = new TestConsole(recording.pc);
await guest.logIn();
for (;;) {
  await guest.run('md5sum /bin/busybox');
  await guest.run('ping -c1 192.168.86.1');
  await guest.run('gzip -c /bin/busybox | wc -c');
}
