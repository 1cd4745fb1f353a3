/** Records the probe guest (test/guests/probe.c), which does on command what recorders get wrong. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ExecutionContext } from 'ava';
import { loadImages } from '../../src/machine/images.ts';
import { loadMachine } from '../../src/machine/machine.ts';
import { Recording, type RecordingResult } from '../../src/record/recording.ts';

/** The repository's root, from dist/test/support/. */
export const root = fileURLToPath(new URL('../../../', import.meta.url));

/** A folder that is gone when the test is over. */
export function temporaryFolder(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'rebek-test-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Writes a machine file for the probe and returns its path. */
export function probeMachine(folder: string, extra: Record<string, unknown> = {}): string {
  const path = join(folder, 'probe.json');
  const image = join(root, 'test/guests/probe.bin');
  const machine = {
    name: 'probe',
    memory: 32,
    boot: { kind: 'multiboot', image },
    nic: { model: 'none' },
    ...extra,
  };
  writeFileSync(path, JSON.stringify(machine));
  return path;
}

export interface ProbeRun {
  readonly result: RecordingResult;
  /** What the guest wrote to its first serial port. */
  readonly console: string;
}

/** Runs the experiments named by the letters of `commands`, one after the other, and records them. */
export async function recordProbe(
  folder: string,
  commands: string,
  options: { output?: string; machine?: Record<string, unknown> } = {},
): Promise<ProbeRun> {
  const machine = await loadMachine(probeMachine(folder, options.machine));
  const images = await loadImages(machine);
  const output = options.output ?? join(folder, 'probe.rebek');
  const recording = await Recording.start({ machine, images, output });
  let console = '';
  let next = 0;
  const done = new Promise<void>((resolve) => {
    recording.pc.onSerial((_port, byte) => {
      console += String.fromCharCode(byte);
      if (byte !== 10) return;
      if (next < commands.length) recording.sendSerial(0, Uint8Array.of(commands.charCodeAt(next++)));
      else setTimeout(resolve, 20);
    });
  });
  const ended = await Promise.race([done, recording.ended]);
  const result = await recording.finish(ended?.reason ?? 'script', ended?.note ?? 'the probe is done');
  return { result, console };
}
