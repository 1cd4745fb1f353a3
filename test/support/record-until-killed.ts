/**
 * `record-until-killed.js FOLDER`: records the probe guest, busy and idle in turns, and says every 50 ms how far
 * it is. For tests that kill it.
 */
import { join } from 'node:path';
import { loadImages } from '../../src/machine/images.ts';
import { loadMachine } from '../../src/machine/machine.ts';
import { Recording } from '../../src/record/recording.ts';
import { probeMachine } from './probe.ts';

const folder = process.argv[2]!;
const machine = await loadMachine(probeMachine(folder));
const output = join(folder, 'killed.rebek');
const recording = await Recording.start({ machine, images: await loadImages(machine), output });
let next = 0;
recording.pc.onSerial((_port, byte) => {
  if (byte === 10) recording.sendSerial(0, Uint8Array.of('pvcsh'.charCodeAt(next++ % 5)));
});
setInterval(() => {
  const { wallMs, instructions } = recording.status();
  console.log(JSON.stringify({ wallMs, instructions }));
}, 50);
