import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { loadImages } from '../../src/machine/images.ts';
import { loadMachine } from '../../src/machine/machine.ts';
import { verifyTrace } from '../../src/replay/replay.ts';
import { ensureBuilt } from '../support/debian.ts';
import { writeGrubCd } from '../support/grub-cd.ts';
import { temporaryFolder } from '../support/probe.ts';
import { recordGuest, replayElsewhere } from '../support/record-guest.ts';
import { typeKeys, waitForScreen } from '../support/v86-inner.ts';

test('a CD booted by SeaBIOS, used by keyboard and screen, replays', async (t) => {
  t.timeout(600_000);
  await ensureBuilt('bios');
  const folder = temporaryFolder(t);
  const cd = join(folder, 'grub.iso');
  await writeGrubCd(cd);
  const file = join(folder, 'machine.yaml');
  writeFileSync(file, 'name: grub\nmemory: 64\nvgaMemory: 8\nboot: { kind: bios, cdrom: grub.iso }\n');
  const machine = await loadMachine(file);
  const output = join(folder, 'grub.rebek');
  const { recording, console, finish } = await recordGuest(t, {
    machine,
    images: await loadImages(machine),
    output,
  });
  // The menu; from there to GRUB's command line, which is then told to use the serial port.
  await waitForScreen(recording.pc, /`c' for a command-line/);
  await typeKeys(recording.pc, 'c');
  await waitForScreen(recording.pc, /grub> /);
  await typeKeys(recording.pc, 'serial\n');
  await typeKeys(recording.pc, 'terminal_input serial; terminal_output serial\n');
  await console.waitFor(/grub> /);
  t.log(`GRUB answered after ${(recording.status().wallMs / 1000).toFixed(1)} s`);
  console.type('ls\r');
  t.regex(await console.waitFor(/\(cd\S*\)[\s\S]*grub> /), /\(cd\S*\)/);
  console.type('date\r');
  await console.waitFor(/20\d\d-\d\d-\d\d[\s\S]*grub> /);
  console.type('lspci\r');
  await console.waitFor(/8086:1237[\s\S]*grub> /);
  const result = await finish();
  t.log(`${result.bytes} bytes, ${result.instructions} instructions, ${result.wallNs / 1e9} s`);

  rmSync(cd);
  const { complete, replay } = await verifyTrace(output);
  t.true(complete);
  t.true(replay?.finalChecked);
  t.deepEqual(replay?.final, result.final);
  t.is(replay?.instructions, result.instructions);
  t.deepEqual((await replayElsewhere(output)).final, result.final!);
});
