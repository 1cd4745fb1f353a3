import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { loadImages } from '../../src/machine/images.ts';
import { loadMachine } from '../../src/machine/machine.ts';
import { replayTrace, verifyTrace } from '../../src/replay/replay.ts';
import { describeTrace } from '../../src/trace/info.ts';
import { bootDisk } from '../support/boot-sector.ts';
import { ensureBuilt } from '../support/debian.ts';
import { temporaryFolder } from '../support/probe.ts';
import { recordGuest } from '../support/record-guest.ts';

/** Bytes of the drive: a 1.44 MB floppy; a disk of 16 heads with 63 sectors and 4 cylinders. */
const drives = { floppy: 1440 * 1024, disk: 4 * 16 * 63 * 512 } as const;

test.before(() => ensureBuilt('bios'));

for (const [drive, size] of Object.entries(drives)) {
  for (const jit of [true, false]) {
    test.serial(`a ${drive} booted by SeaBIOS replays, ${jit ? 'compiled' : 'interpreted'}`, async (t) => {
      const folder = temporaryFolder(t);
      const { image, sum, rewritten } = bootDisk(size);
      const path = join(folder, 'drive.img');
      writeFileSync(path, image);
      const file = join(folder, 'machine.json');
      const clock = '2021-03-04T05:06:07Z';
      const boot = { kind: 'bios', [drive]: 'drive.img' };
      writeFileSync(file, JSON.stringify({ name: drive, memory: 16, clock, jit, boot }));
      const machine = await loadMachine(file);
      const output = join(folder, 'bios.rebek');
      const started = performance.now();
      const guest = await recordGuest(t, { machine, images: await loadImages(machine), output });
      await guest.console.waitFor(/done\n/);
      const result = await guest.finish({ atEnd: true });
      t.is(result.end, 'halt');
      const tookSeconds = (performance.now() - started) / 1000;

      // The program saw the disk's bytes, its own write, the machine's clock and a timer that ticks.
      const said = guest.console.output[0]!;
      const lines = /^s(\w{4})\nw(\w{4})\nc(\w{4})\nt(\w{4})\nk(\w{4})\ndone\n$/.exec(said);
      t.truthy(lines, said);
      t.is(lines?.[1], sum);
      t.is(lines?.[2], rewritten);
      const clockSeconds = Number(lines?.[3]?.slice(0, 2)) * 60 + Number(lines?.[3]?.slice(2)) - (6 * 60 + 7);
      t.true(clockSeconds >= 0 && clockSeconds <= tookSeconds, `${clockSeconds} of ${tookSeconds} s`);
      t.not(lines?.[4], '0001', 'turns of the loop while the timer ticked');
      t.is(lines?.[5], '0001', 'no key');
      t.deepEqual(new Uint8Array(readFileSync(path)), image, 'the image file is as it was');
      t.is(result.compiled > 0, jit);

      rmSync(path);
      rmSync(file);
      const replay = await replayTrace(output);
      t.true(replay.finalChecked);
      t.deepEqual(replay.final, result.final);
      t.is(replay.instructions, result.instructions);
      t.is(replay.outputs, result.outputs);
      t.deepEqual((await verifyTrace(output)).replay?.final, result.final);
      const roles = describeTrace(output).meta.images.map(({ role }) => role);
      t.deepEqual([...roles].sort(), ['bios', drive, 'vgaBios'].sort());
    });
  }
}
