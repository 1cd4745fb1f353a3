/** Differences of two findings files as text, in the manner of unified diffs. What comes from the guest is escaped. */

import type { Finding } from '../hooks/findings.ts';
import type { Cause, SideName } from '../output/diff/causes.ts';
import type { Difference, Shown } from '../output/diff/details.ts';
import type { FindingsSide } from '../output/diff/read.ts';
import type { SameDiff } from '../output/diff/same.ts';
import { visible } from '../record/script-text.ts';
import { formatFinding } from './findings-format.ts';
import { formatExact, plural } from './format.ts';
import { style } from './style.ts';

const out = process.stdout;
const letter = (side: SideName | undefined): string => `side ${(side ?? '').toUpperCase()}`;

/** Head and summary. */
export function formatSummary(diff: SameDiff): string {
  const { alignment, equal, different, onlyA, onlyB, fields, notes, causes } = diff;
  const { a, b } = alignment;
  const lines = [
    style(out, 'red', `--- ${side(a)}`),
    style(out, 'green', `+++ ${side(b)}`),
    `${plural(equal, 'finding')} the same, ${formatExact(different)} different, ` +
      `${formatExact(onlyA)} on side A only, ${formatExact(onlyB)} on side B only` +
      (causes.length === 0 ? '' : `; ${plural(causes.length, 'cause')}`),
  ];
  const counts = Object.entries(fields).filter(([, count]) => count > 0);
  if (counts.length > 0)
    lines.push(`  different: ${counts.map(([name, count]) => `${name} ${formatExact(count)}`).join(', ')}`);
  for (const note of notes) lines.push(style(out, 'dim', `  ${note}`));
  return `${lines.join('\n')}\n`;
}

function side({ name, header, count }: FindingsSide): string {
  const parts = [name, header.trace.name, header.matcher, header.hooks.join(', ')];
  return `${parts.map(visible).join('  ')}  ${plural(count, 'finding')}`;
}

/** `@@ 1,234-5,678 … @@`. */
export function formatCause(cause: Cause): string {
  const { from, to } = cause;
  const span = from === to ? formatExact(from) : `${formatExact(from)}-${formatExact(to)}`;
  return `\n${style(out, 'cyan', `@@ ${span} @@`)} ${style(out, 'bold', causeText(cause))}\n`;
}

/** A cause in words. */
export function causeText(cause: Cause): string {
  const { kind, side: which, hook, type, shift, thread, threads, from, fields, outcomes } = cause;
  const count = cause.members.length;
  const who = letter(which);
  const other = letter(which === 'a' ? 'b' : 'a');
  const name = cause.function === undefined ? undefined : visible(cause.function);
  const calls = name === undefined ? plural(count, 'call') : `${plural(count, 'call')} of ${name}`;
  const findings = name === undefined ? `${plural(count, 'finding')} ${visible(type)}` : calls;
  switch (kind) {
    case 'hook':
      return `only ${who} has the hook ${visible(hook)}: ${plural(count, 'finding')}`;
    case 'span':
      return `${other} has ended before: ${plural(count, 'finding')}`;
    case 'type':
      return `only ${who} has findings ${visible(type)} of ${visible(hook)}: ${formatExact(count)}`;
    case 'function':
      return `only ${who} has calls of ${name}: ${formatExact(count)}`;
    case 'only':
      return `only ${who} has ${findings}`;
    case 'lost':
      return `${who} has lost the ${count === 1 ? 'end' : 'ends'} of ${calls}`;
    case 'shifted': {
      const by = Math.abs(shift ?? 0);
      const where = (shift ?? 0) > 0 ? 'before' : 'behind';
      const whose = by === 1 ? `the one ${where}` : `the one ${by} ${where}`;
      const at = thread === undefined ? 'a thread' : `thread ${thread.id}`;
      return `${at}: from ${formatExact(from)} on, ${who} gives ${calls} each the end of ${whose}`;
    }
    case 'foreign': {
      const elsewhere =
        threads === count ? ' in other threads' : threads ? `, ${formatExact(threads)} in other threads` : '';
      return `${who} gives ${calls} the ${count === 1 ? 'end of another call' : 'ends of other calls'}${elsewhere}`;
    }
    case 'fields': {
      const ends = outcomes === undefined ? '' : ` (${outcomes.join(' / ')})`;
      return `${findings}: other ${fields.join(', ')}${ends}`;
    }
  }
}

/** Context, then what each side says. */
export function formatDifference(difference: Difference, context: readonly Shown[]): string {
  const { a, b, fields, data } = difference;
  const lines = context.map(({ finding }) => style(out, 'dim', `  ${row(finding)}`));
  const changed = fields.map((field) =>
    field === 'data' && data.length > 0 ? `data.${data.join(', data.')}` : field,
  );
  const call = (a ?? b)!.finding.call;
  const about = [
    ...(call === undefined ? [] : [`entered ${formatExact(call.entered)}`]),
    ...(changed.length === 0 ? [] : [`other ${visible(changed.join(', '))}`]),
  ];
  const lineNumbers = [a && `A:${a.line}`, b && `B:${b.line}`].filter((text) => text !== undefined).join(' ');
  lines.push(style(out, 'dim', `  ${[lineNumbers, ...about].join('  ')}`));
  if (a !== undefined) lines.push(style(out, 'red', `- ${row(a.finding)}`));
  if (b !== undefined) lines.push(style(out, 'green', `+ ${row(b.finding)}`));
  return `${lines.join('\n')}\n`;
}

function row(finding: Finding): string {
  const { call, data } = finding;
  const shown = formatFinding(finding) ?? '';
  // The pack's line tells all of a call; what other hooks say does not tell how it ended.
  if (call === undefined || (data['line'] === true && typeof data['text'] === 'string')) return shown;
  const result = call.result === undefined ? '' : ` 0x${call.result.toString(16)}`;
  return `${shown}  ${visible(call.name)}: ${call.outcome}${result}`;
}

/** A cause as JSON has it. */
export function causeToJson(cause: Cause, number: number): Record<string, unknown> {
  const { members, thread, threads, kind: why, ...rest } = cause;
  return {
    kind: 'cause',
    cause: number,
    why,
    ...rest,
    ...(thread && { thread: { key: thread.key, tid: thread.id } }),
    ...(threads !== undefined && { otherThreads: threads }),
    count: members.length,
    text: causeText(cause),
  };
}
