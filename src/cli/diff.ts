/** `rebek diff A B`: what one analysis of a recording says that another does not. */
import type { CommandModule } from 'yargs';
import { ExitCode, RebekError } from '../base/errors.ts';
import { sharedNames } from '../output/diff/columns.ts';
import { Details } from '../output/diff/details.ts';
import { LineSource } from '../output/diff/lines.ts';
import { type FindingsSide, readFindings } from '../output/diff/read.ts';
import { diffSame, type SameDiff } from '../output/diff/same.ts';
import { count, jsonOption, repeated, valueOption } from './arguments.ts';
import { causeToJson, formatCause, formatDifference, formatSummary } from './diff-format.ts';
import { usageError, warn } from './errors.ts';
import { plural } from './format.ts';
import { output } from './output.ts';
import { interruptible } from './signals.ts';
import { formatProgress, StatusLine } from './status-line.ts';

/** They are not the same: what diff(1) says. */
const DIFFERENT = 1;
/** Differences shown of each cause. */
const LIMIT = 3;
/** Findings of the thread shown before a difference. */
const CONTEXT = 1;
/** Characters collected before they are written. */
const BATCH = 1 << 16;

interface Arguments {
  a: string;
  b: string;
  only: string[] | undefined;
  limit: number | undefined;
  context: number | undefined;
  json: boolean;
  'allow-incomplete': boolean;
}

export const diffCommand: CommandModule<object, Arguments> = {
  command: 'diff <a> <b>',
  describe: 'compare what two analyses of a recording have found',
  builder: (yargs) =>
    yargs
      .usage(
        '$0 diff A B\n\nCompares two findings files that were made of one recording (rebek replay … -o FILE), with other hooks, ' +
          'packs or matchers. As both are of the same execution, calls and other findings are aligned exactly, by ' +
          'instruction count; what differs is grouped by what it comes from. The numbers of calls and the keys of threads ' +
          'and processes are each side’s own, and are not compared.',
      )
      .positional('a', { type: 'string', demandOption: true, describe: 'findings, or - for standard input' })
      .positional('b', {
        type: 'string',
        demandOption: true,
        describe: 'findings of the same recording, or -',
      })
      .option('only', {
        type: 'string',
        requiresArg: true,
        describe: 'only findings of this type, with commas or again and again',
        coerce: types,
      })
      .option(
        'limit',
        valueOption(
          `differences shown of each cause: ${LIMIT} if not given, with --json all`,
          count('limit'),
        ),
      )
      .option(
        'context',
        valueOption(
          `findings of the thread shown before each: ${CONTEXT} if not given`,
          count('context', 100),
        ),
      )
      .option('json', { ...jsonOption, describe: 'one JSON object a line: a summary, causes, differences' })
      .option('allow-incomplete', {
        type: 'boolean',
        default: false,
        describe: 'compare also what has no end: findings of a replay that was given up',
      })
      .example('$0 diff a.jsonl b.jsonl', 'what differs, by cause')
      .example('$0 diff a.jsonl b.jsonl --limit 0', 'only the causes')
      .example('$0 diff a.jsonl b.jsonl --only syscall --json | jq .text', 'of findings of one type, as data')
      .example('$0 replay f.rebek --hooks pack:syscalls | $0 diff - b.jsonl', 'one side from a replay')
      .epilogue('Exit code: 0 the same, 1 different, 2 trouble.'),
  handler: async (args) => {
    process.exitCode = await diff(args);
  },
};

function types(last: string | undefined): string[] | undefined {
  if (last === undefined) return undefined;
  const names = repeated('only').flatMap((value) => value.split(','));
  if (names.includes('')) throw usageError('--only: expected a type of findings, found nothing');
  return names;
}

async function diff(args: Arguments): Promise<number> {
  const paths = [args.a, args.b].map(sidePath);
  if (paths[0] === '-' && paths[1] === '-') throw usageError('only one side can be standard input');
  const status = new StatusLine({ plain: true });
  const open: LineSource[] = [];
  try {
    return await interruptible(async (signal) => {
      for (const path of paths) open.push(await LineSource.open(path, signal));
      const [a, b] = open as [LineSource, LineSource];
      const found = await compare(a, b, args, status, signal);
      status.clear();
      await print(found, new Details(found.alignment, a, b), args, signal);
      return found.causes.length === 0 ? ExitCode.ok : DIFFERENT;
    });
  } finally {
    status.clear();
    for (const source of open) source.close();
  }
}

/** yargs makes an empty text of a lone dash. */
function sidePath(path: string): string {
  if (path !== '') return path;
  if (process.argv.slice(2).includes('-')) return '-';
  throw usageError("expected a file's name, found nothing");
}

async function compare(
  a: LineSource,
  b: LineSource,
  args: Arguments,
  status: StatusLine,
  signal: AbortSignal,
): Promise<SameDiff> {
  const names = sharedNames();
  const known = new Set<number>();
  const began = performance.now();
  const total = a.size + b.size;
  const read = async (source: LineSource, before: number): Promise<FindingsSide> => {
    const side = await readFindings(source, {
      names,
      known,
      ...(args.only && { types: args.only }),
      signal,
      onProgress: (bytes) =>
        status.update(
          () => `reading ${source.name}: ${formatProgress(before + bytes, total, performance.now() - began)}`,
        ),
    });
    checkEnd(side, args['allow-incomplete']);
    return side;
  };
  const one = await read(a, 0);
  const other = await read(b, a.size);
  status.update(() => `comparing ${plural(one.count + other.count, 'finding')}`);
  return diffSame(one, other, names);
}

/** Findings without an end are a part only: what the other side has more may be nothing. */
function checkEnd({ name, end, count: findings }: FindingsSide, allowed: boolean): void {
  if (end !== undefined) return;
  if (!allowed) {
    throw new RebekError(
      'ERR_FINDINGS_INCOMPLETE',
      `${name} has no end, after ${plural(findings, 'finding')}`,
      {
        hint: 'its replay was given up or goes on; --allow-incomplete compares it as far as it goes',
        details: { file: name, findings },
      },
    );
  }
  warn(`${name} has no end: it is compared as far as it goes`);
}

async function print(found: SameDiff, details: Details, args: Arguments, signal: AbortSignal): Promise<void> {
  const { json, context = CONTEXT } = args;
  const limit = args.limit ?? (json ? Infinity : LIMIT);
  let pending = '';
  const flush = async (): Promise<void> => {
    const text = pending;
    pending = '';
    await output.write(text);
    if (signal.aborted)
      throw new RebekError('ERR_ABORTED', 'given up; what was found so far has been printed');
  };
  const line = (value: unknown): void => {
    pending += `${JSON.stringify(value)}\n`;
  };
  if (json) line(summaryToJson(found));
  else pending += formatSummary(found);
  for (const [i, cause] of found.causes.entries()) {
    if (json) line(causeToJson(cause, i + 1));
    else pending += formatCause(cause);
    const shown = cause.members.slice(0, limit);
    for (const member of shown) {
      const difference = details.difference(member);
      if (json) {
        const { a = null, b = null, when, fields, data } = difference;
        line({ kind: 'difference', cause: i + 1, instruction: when, fields, data, a, b });
      } else pending += formatDifference(difference, details.context(member, context));
      if (pending.length >= BATCH) await flush();
      if (output.closed) return;
    }
    const more = cause.members.length - shown.length;
    if (more > 0 && !json && limit > 0) pending += `  … and ${plural(more, 'more', 'more')}\n`;
    if (pending.length >= BATCH) await flush();
    if (output.closed) return;
  }
  await flush();
}

function summaryToJson({
  alignment,
  causes,
  notes,
  equal,
  different,
  onlyA,
  onlyB,
  fields,
}: SameDiff): unknown {
  const side = ({ name, header, system, end, count: findings, problems }: FindingsSide) => ({
    file: name,
    rebek: header.rebek,
    trace: header.trace,
    hooks: header.hooks,
    matcher: header.matcher,
    system: system ?? null,
    complete: end?.complete ?? false,
    findings,
    problems,
  });
  const { a, b } = alignment;
  return {
    kind: 'summary',
    same: causes.length === 0,
    a: side(a),
    b: side(b),
    counts: { equal, different, onlyA, onlyB },
    fields,
    causes: causes.length,
    notes,
  };
}
