/** What a check of ntlet's ground truth found, as text. */
import type { TruthReport } from '../guest/ntlet/truth-report.ts';
import { visible } from '../record/script-text.ts';
import { formatExact, plural } from './format.ts';

/** Functions and problems that are listed. */
const MOST_FUNCTIONS = 20;
const MOST_PROBLEMS = 20;

/** The rows of a table. */
export function truthRows(report: TruthReport): [string, string][] {
  const { threads, processes, calls, outcomes, open, overlapped, unknown } = report;
  const ended = Object.entries(outcomes)
    .filter(([, count]) => count > 0)
    .map(([outcome, count]) => `${formatExact(count)} ${outcome}`);
  const rows: [string, string][] = [
    ['records', formatExact(report.records)],
    [
      'threads',
      `${formatExact(threads)} started, in ${plural(processes, 'process', 'processes')} that started`,
    ],
    ['switches', formatExact(report.switches)],
    ['calls', `${formatExact(calls)}, up to ${report.deepest} open in one thread at once`],
    ['ended', [...ended, `${formatExact(open)} open at the end`].join(', ')],
    ['overlapped', `${formatExact(overlapped)} calls, during which another thread entered the same function`],
  ];
  if (unknown !== undefined) {
    const { threads: t, processes: p, calls: c } = unknown;
    const found = `${plural(t, 'thread')}, ${plural(p, 'process', 'processes')}, ${plural(c, 'call')}`;
    rows.push(['before', `it begins with a saved state; from before are ${found}`]);
  }
  return rows;
}

/** The most called functions: calls, those overlapped, name. */
export function functionTable({ functions }: TruthReport): string {
  const shown = functions.slice(0, MOST_FUNCTIONS);
  const rows = shown.map((f) => [formatExact(f.calls), formatExact(f.overlapped), visible(f.name)] as const);
  const all = [['calls', 'overlapped', 'function'] as const, ...rows];
  const width = [0, 1].map((i) => Math.max(...all.map((row) => row[i]!.length)));
  const lines = all.map(
    ([calls, overlapped, name]) =>
      `  ${calls.padStart(width[0]!)}  ${overlapped.padStart(width[1]!)}  ${name}`,
  );
  if (functions.length > shown.length)
    lines.push(`  … and ${functions.length - shown.length} more functions`);
  return lines.join('\n');
}

/** One a line, with where they are. */
export function problemLines({ problems, problemCount }: TruthReport): string[] {
  const lines = problems
    .slice(0, MOST_PROBLEMS)
    .map(
      ({ rule, sequence, instruction, text }) =>
        `record ${sequence}, instruction ${formatExact(instruction)} (${rule}): ${visible(text)}`,
    );
  if (problemCount > lines.length) lines.push(`… and ${formatExact(problemCount - lines.length)} more`);
  return lines;
}

/** In words, for people who have just seen it recorded. */
export function truthStatement(report: TruthReport): string {
  const { calls, threads, switches, functions } = report;
  const overlaps = functions
    .filter(({ overlapped }) => overlapped > 0)
    .sort((a, b) => b.overlapped - a.overlapped)
    .slice(0, 2)
    .map(({ name, overlapped }) => `${plural(overlapped, 'call')} of ${visible(name)}`);
  const meanwhile =
    overlaps.length === 0
      ? ''
      : `
During ${overlaps.join(' and ')}, another thread entered the same function.`;
  return `The guest's kernel itself told of ${plural(calls, 'call')} in ${plural(threads, 'thread')}, and of ${plural(switches, 'context switch', 'context switches')}.${meanwhile}
What it told is kept beside the log, and nothing in it contradicts itself.`;
}
