/** Records ntlet in a test: its two consoles, its shell, and the ground truth of what it did. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { readTruth } from '../../src/guest/ntlet/truth.ts';
import { checkTruth } from '../../src/guest/ntlet/truth-check.ts';
import type { TruthRecord } from '../../src/guest/ntlet/truth-record.ts';
import type { TruthReport } from '../../src/guest/ntlet/truth-report.ts';
import { loadImages } from '../../src/machine/images.ts';
import { loadMachine } from '../../src/machine/machine.ts';
import type { RecordingResult } from '../../src/record/recording.ts';
import { verifyTrace } from '../../src/replay/replay.ts';
import { root, temporaryFolder } from './probe.ts';
import { type GuestRecording, recordGuest } from './record-guest.ts';

export const PROMPT = /C:\\> $/;

export interface NtletRecording extends GuestRecording {
  readonly path: string;
  /** Waits for the login prompts of both consoles. */
  booted(): Promise<void>;
  logIn(port: number, user: string, password: string): Promise<void>;
  /** Types a line at the shell; what it said, without the line itself and the next prompt, with `\n` line ends. */
  run(line: string, options?: { port?: number; seconds?: number }): Promise<string>;
}

/** Starts a recording of ntlet from power-on. */
export async function recordNtlet(
  t: ExecutionContext,
  { jit = true, name = 'ntlet', flow = false }: { jit?: boolean; name?: string; flow?: boolean } = {},
): Promise<NtletRecording> {
  const machine = { ...(await loadMachine('ntlet')), jit };
  const path = join(temporaryFolder(t), `${name}.rebek`);
  const recorded = await recordGuest(t, { machine, images: await loadImages(machine), output: path, flow });
  const { console } = recorded;
  const run: NtletRecording['run'] = async (line, { port = 0, seconds = 60 } = {}) => {
    console.type(`${line}\n`, port);
    const text = (await console.waitFor(PROMPT, { port, seconds })).replaceAll('\r\n', '\n');
    return text.slice(text.indexOf('\n') + 1).replace(PROMPT, '');
  };
  return Object.assign(recorded, {
    path,
    run,
    booted: async () => {
      for (const port of [0, 1]) await console.waitFor(/login: $/, { port, seconds: 20 });
    },
    logIn: async (port: number, user: string, password: string) => {
      console.type(`${user}\n`, port);
      await console.waitFor(/password: $/, { port });
      console.type(`${password}\n`, port);
      await console.waitFor(PROMPT, { port });
    },
  });
}

/** The parts of a verified recording. */
export interface Verified {
  readonly result: RecordingResult;
  readonly records: readonly TruthRecord[];
  readonly report: TruthReport;
}

/**
 * Ends a recording, replays it with everything compared, what went to port 0xE9 included, and checks that the ground truth
 * has no contradiction in it and no assert of the kernel's or a program's.
 */
export async function finishAndVerify(t: ExecutionContext, recording: NtletRecording): Promise<Verified> {
  const result = await recording.finish();
  const { complete, replay } = await verifyTrace(recording.path);
  t.true(complete);
  t.true(replay?.finalChecked);
  t.deepEqual(replay?.final, result.final ?? undefined);
  t.is(replay?.debug?.bytes, result.debug);
  const truth = readTruth(recording.path);
  const records = [...truth];
  truth.close();
  const report = checkTruth(records);
  t.deepEqual(report.problems, []);
  t.is(report.problemCount, 0);
  return { result, records, report };
}

/** The kernel's image as it is committed: its bytes are those from 0x80400000 on. */
export const kernelImage = (): Buffer => readFileSync(join(root, 'src/machine/ntlet/ntlet.bin'));
