/** Coverage as text and as JSON. */

import { hex32 } from '../base/hex.ts';
import type { CoveredModule, CoveredProcess } from '../output/coverage/coverage.ts';
import type { DiffedModule } from '../output/coverage/diff.ts';
import { type CoveredFunction, coveredFunctions } from '../output/coverage/functions.ts';
import type { GuestPlaces } from '../output/map/places.ts';
import { commandName } from '../output/map/select.ts';
import { visible } from '../record/script-text.ts';
import { formatExact } from './format.ts';
import { style } from './style.ts';

const NAME_WIDTH = 34;
const WIDTHS = [9, 16, 18] as const;

export interface CoverageFormat {
  readonly functions: boolean;
  /** Functions of each module. */
  readonly limit: number;
}

interface Sums {
  blocks: number;
  executions: number;
  instructions: number;
}

const sumOf = (numbers: Float64Array): number => numbers.reduce((sum, number) => sum + number, 0);

export function sums(modules: readonly CoveredModule[]): Sums {
  const all = { blocks: 0, executions: 0, instructions: 0 };
  for (const { blocks } of modules) {
    all.blocks += blocks.offsets.length;
    all.executions += sumOf(blocks.executions);
    all.instructions += sumOf(blocks.instructions);
  }
  return all;
}

/** `122 sh`, with the command line; or `CR3 0x00123000` of what ran while nobody is known. */
export function whoOf({ process, asid }: CoveredProcess): string {
  if (process === undefined) return `CR3 ${hex32(asid ?? 0)} (who ran is not known)`;
  const line = process.commandLine;
  const name = `${process.pid} ${commandName(process)}`;
  return visible(line === undefined || line === commandName(process) ? name : `${name}: ${line}`);
}

export const heading = (): string => row('', ['blocks', 'executions', 'instructions']);

function row(name: string, cells: readonly string[]): string {
  const start = name.length > NAME_WIDTH ? `${name}\n${' '.repeat(NAME_WIDTH)}` : name.padEnd(NAME_WIDTH);
  return start + cells.map((cell, i) => cell.padStart(WIDTHS[i]!)).join('');
}

const numbers = ({ blocks, executions, instructions }: Sums): string[] =>
  [blocks, executions, instructions].map(formatExact);

/** A process: what its program, libraries and the kernel on its behalf have executed. */
export function processLines(
  covered: CoveredProcess,
  places: GuestPlaces,
  { functions, limit }: CoverageFormat,
): string[] {
  const lines = ['', style(process.stdout, 'bold', whoOf(covered))];
  for (const kernel of [false, true]) {
    const modules = covered.modules.filter((one) => one.kernel === kernel);
    if (modules.length === 0) continue;
    const side = kernel ? 'kernel' : covered.process === undefined ? 'other' : 'user';
    lines.push(row(`  ${side}`, numbers(sums(modules))));
    for (const one of modules) {
      const name = one.module === undefined ? 'outside any module' : visible(one.module.name);
      lines.push(row(`    ${name}`, numbers(sums([one]))));
      if (!functions || one.module === undefined) continue;
      const all = coveredFunctions(one, places.symbolsOf(one.module));
      for (const fn of mostExecuted(all, limit)) lines.push(row(`      ${functionName(fn)}`, numbers(fn)));
    }
  }
  return lines;
}

const functionName = ({ name }: { name: string | undefined }): string =>
  name === undefined ? '(no name)' : visible(name);

const mostExecuted = (all: readonly CoveredFunction[], limit: number): CoveredFunction[] =>
  [...all].sort((a, b) => b.instructions - a.instructions).slice(0, limit);

/** One process as JSON. */
export function processToJson(
  covered: CoveredProcess,
  places: GuestPlaces,
  { functions, limit }: CoverageFormat,
): object {
  const { process, asid, modules } = covered;
  const { key, pid, ppid, commandLine, from, to } = process ?? {};
  return {
    ...(process && { key, pid, ppid, name: commandName(process), commandLine, from, to }),
    asid,
    ...sums(modules),
    modules: modules.map((one) => ({
      ...moduleToJson(one),
      ...sums([one]),
      ...(functions &&
        one.module !== undefined && {
          functions: mostExecuted(coveredFunctions(one, places.symbolsOf(one.module)), limit),
        }),
    })),
  };
}

function moduleToJson({ module, kernel }: Pick<CoveredModule, 'module' | 'kernel'>): object {
  const { name = null, path, base, size } = module ?? {};
  return { name, path, base, size, kernel };
}

export interface DiffNames {
  readonly here: string;
  readonly there: string;
}

/** Only modules in which something differs. */
export function diffLines(all: readonly DiffedModule[], names: DiffNames, limit: number): string[] {
  const lines = [
    `< only in ${visible(names.here)}`,
    `> only in ${visible(names.there)}`,
    '',
    row('', ['<', '>', 'both']),
  ];
  for (const one of all) {
    const { module, kernel, here, there, both } = one;
    if (here.length + there.length === 0) continue;
    const name = module === undefined ? 'outside any module' : visible(module.name);
    const counts = [here.length, there.length, both].map(formatExact);
    lines.push(
      style(
        process.stdout,
        'bold',
        row(`${name}${kernel && module === undefined ? ' (kernel)' : ''}`, counts),
      ),
    );
    const weight = (fn: DiffedModule['functions'][number]): number =>
      (fn.both > 0 ? 0 : 1e9) + fn.here + fn.there;
    const functions = [...one.functions].sort((a, b) => weight(b) - weight(a)).slice(0, limit);
    for (const fn of functions) {
      const whole = fn.both > 0 ? '' : fn.there === 0 ? '<' : fn.here === 0 ? '>' : '';
      lines.push(
        row(`  ${whole.padEnd(1)} ${functionName(fn)}`, [fn.here, fn.there, fn.both].map(formatExact)),
      );
    }
  }
  if (lines.length === 4) lines.push('no difference');
  return lines;
}

export function diffToJson(all: readonly DiffedModule[], names: DiffNames): object {
  return {
    ...names,
    modules: all.map((one) => ({
      ...moduleToJson(one),
      both: one.both,
      onlyHere: one.here,
      onlyThere: one.there,
      functions: one.functions.map(({ name = null, here, there, both }) => ({ name, here, there, both })),
    })),
  };
}
