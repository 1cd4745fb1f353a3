/** What a recording or a boot starts from: a machine, its images, and perhaps a saved state. */
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { RebekError } from '../base/errors.ts';
import { type Images, loadImages } from '../machine/images.ts';
import { loadMachine, type Machine } from '../machine/machine.ts';
import type { RecordingOptions } from '../record/recording.ts';
import { readStateFile } from '../trace/state-file.ts';
import type { ShownBefore } from './console-tap.ts';
import { usageError } from './errors.ts';
import { checkStateMeta } from './state-meta.ts';

export interface GuestSource {
  readonly machine: Machine;
  readonly images: Images;
  readonly from?: RecordingOptions['from'];
  /** What the consoles showed when the state was saved; nothing at power-on. */
  readonly shown: readonly ShownBefore[];
}

export interface SourceOptions {
  readonly guest: string;
  readonly jit: boolean;
  /** The serial port that the command is about. */
  readonly console: number;
  /** Path of a saved state. */
  readonly from?: string | undefined;
}

/** @throws RebekError of the machine file, the images, the state; ERR_USAGE where there is no such serial port */
export async function loadSource(options: SourceOptions): Promise<GuestSource> {
  const described = await loadMachine(options.guest);
  const machine = options.jit ? described : { ...described, jit: false };
  if (options.console >= machine.serial) {
    const ports = machine.serial === 1 ? 'only serial port 0' : `serial ports 0 to ${machine.serial - 1}`;
    throw usageError(
      `--console ${options.console}: ${machine.name} has ${ports}`,
      'its machine file sets `serial`',
    );
  }
  const images = await loadImages(machine);
  if (options.from === undefined) return { machine, images, shown: [] };
  const { meta, state } = readStateFile(options.from);
  const { shown, debug } = checkStateMeta(options.from, meta, machine, images);
  return { machine, images, shown, from: { name: basename(options.from), state, debug } };
}

/**
 * Whether a file can be written: told before the guest is started, not by the writer later.
 * @param option that names the file
 * @throws RebekError ERR_TRACE_EXISTS; ERR_USAGE for what no file can replace: a folder, a device
 */
export async function checkTarget(option: string, file: string, overwrite: boolean): Promise<void> {
  if (file === '-') throw usageError(`--${option} -: it cannot be written to standard output`, 'name a file');
  const found = await stat(file).catch(() => undefined);
  if (found !== undefined && !found.isFile()) {
    const what = found.isDirectory() ? 'a folder' : 'not a regular file';
    throw usageError(`--${option}: ${file} is ${what}`, 'name a file in a folder');
  }
  if (overwrite) return;
  if (found !== undefined) throw exists(file, 'choose another name, or replace it with --force');
  const partial = `${file}.partial`;
  if ((await stat(partial).catch(() => undefined)) === undefined) return;
  throw exists(
    partial,
    'an earlier recording left it, or one is running; choose another name, or replace it with --force',
  );
}

const exists = (file: string, hint: string): RebekError =>
  new RebekError('ERR_TRACE_EXISTS', `${file} already exists`, { hint, details: { file } });
