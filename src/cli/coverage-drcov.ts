/** Writes coverage as drcov files. */
import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { RebekError } from '../base/errors.ts';
import type { CoveredProcess } from '../output/coverage/coverage.ts';
import { drcovFile } from '../output/coverage/drcov.ts';
import { commandName } from '../output/map/select.ts';

export interface WrittenDrcov {
  readonly file: string;
  readonly pid: number;
  readonly name: string;
  readonly blocks: number;
  /** Blocks in no module, which the format has no place for. */
  readonly left: number;
}

/**
 * One process as the file `out`; several, or if `out` is a folder, as a file each in there.
 * @throws RebekError ERR_OUTPUT_EXISTS, ERR_OUTPUT_WRITE, ERR_COVERAGE_EMPTY
 */
export function writeDrcov(
  out: string,
  covered: readonly CoveredProcess[],
  force: boolean,
): readonly WrittenDrcov[] {
  const known = covered.filter(({ modules }) => modules.some(({ module }) => module !== undefined));
  if (known.length === 0)
    throw new RebekError('ERR_COVERAGE_EMPTY', 'nothing that was chosen has executed code of a known module');
  const isFolder = existsSync(out) && statSync(out).isDirectory();
  if (known.length === 1 && !isFolder && !out.endsWith('/')) return [write(out, known[0]!, force)];
  if (existsSync(out) && !isFolder)
    throw new RebekError('ERR_OUTPUT_EXISTS', `${out} is a file, and there are ${known.length} processes`, {
      hint: 'name a folder, or one process with --process',
    });
  tried(out, () => mkdirSync(out, { recursive: true }));
  return known.map((one) => write(join(out, fileName(one)), one, force));
}

/** As DynamoRIO names them: drcov.NAME.PID.NUMBER.proc.log. */
function fileName({ process, asid = 0 }: CoveredProcess): string {
  if (process === undefined) return `drcov.cr3-${asid.toString(16)}.proc.log`;
  const name = commandName(process).replace(/[^\w.-]/g, '_');
  return `drcov.${name}.${String(process.pid).padStart(5, '0')}.${String(process.key).padStart(4, '0')}.proc.log`;
}

function write(file: string, covered: CoveredProcess, force: boolean): WrittenDrcov {
  if (!force && existsSync(file))
    throw new RebekError('ERR_OUTPUT_EXISTS', `${file} exists`, {
      hint: 'name another file, or add --force',
    });
  const { bytes, blocks, left } = drcovFile(covered);
  tried(file, () => writeFileSync(file, bytes));
  const { process } = covered;
  return {
    file,
    pid: process?.pid ?? 0,
    name: process === undefined ? '' : commandName(process),
    blocks,
    left,
  };
}

function tried(file: string, action: () => void): void {
  try {
    action();
  } catch (error) {
    const { message } = error as Error;
    throw new RebekError('ERR_OUTPUT_WRITE', `cannot write ${file}: ${message}`, { cause: error });
  }
}
