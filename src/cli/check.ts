/** `rebek check FILE`: how well calls are matched with their ends, against what the guest itself knows. */
import type { CommandModule } from 'yargs';
import { ExitCode } from '../base/errors.ts';
import { DEFAULT_MATCHER, MATCHERS } from '../hooks/match/matchers.ts';
import { type CheckReport, checkMatching } from '../output/check/check.ts';
import {
  type Counts,
  type Disagreement,
  FAULTS,
  type Fault,
  type MatcherReport,
  precision,
  recall,
} from '../output/check/tally.ts';
import { allowIncompleteOption, hooksOption, jsonOption, profileOption } from './arguments.ts';
import { warn } from './errors.ts';
import { formatExact, plural } from './format.ts';
import { loadHooks } from './hook-files.ts';
import { output, say } from './output.ts';
import { loadProfile } from './profile-file.ts';
import { showProgress } from './replay-progress.ts';
import { interruptible } from './signals.ts';
import { StatusLine } from './status-line.ts';
import { style } from './style.ts';
import { tellIncomplete } from './trace-report.ts';

/** The chosen matcher was wrong. */
const WRONG = 1;
/** Disagreements that are shown of each matcher. */
const SHOWN = 5;

interface Arguments {
  file: string;
  /** Undefined without the option. */
  hooks: string[] | undefined;
  matcher: string;
  by: 'function' | 'outcome' | undefined;
  truth: boolean;
  profile: string | undefined;
  json: boolean;
  'allow-incomplete': boolean;
}

export const checkCommand: CommandModule<object, Arguments> = {
  command: 'check <file>',
  describe: 'check how calls are matched with their returns: all matchers side by side',
  builder: (yargs) =>
    yargs
      .usage(
        '$0 check FILE\n\nReplays a trace once with all matchers side by side, and compares each call that they report with ' +
          'what the guest itself says of it (ntlet does), or, in other guests, with the chosen matcher. Exit code 1 if the ' +
          'chosen one is wrong.',
      )
      .positional('file', { type: 'string', demandOption: true, describe: 'the trace' })
      .option(
        'hooks',
        hooksOption('check the calls that these hook files or packs hook; their handlers do not run'),
      )
      .option('matcher', {
        choices: MATCHERS.map(({ name }): string => name),
        default: DEFAULT_MATCHER as string,
        requiresArg: true,
        describe: 'the matcher that is judged',
      })
      .option('by', {
        choices: ['function', 'outcome'] as const,
        requiresArg: true,
        describe: 'also by function, or by how calls ended',
      })
      .option('truth', { type: 'boolean', default: true, describe: 'use what the guest says, if it does' })
      .option('profile', profileOption)
      .option('json', jsonOption)
      .option('allow-incomplete', allowIncompleteOption)
      .example('$0 check traces/ntlet-stress.rebek', 'every way in which a call can end')
      .example(
        '$0 check traces/ntlet-stress.rebek --by outcome --matcher single-slot',
        'what one variable gets wrong',
      )
      .example('$0 check night.rebek --hooks ./mine.ts --json', 'any guest: where the matchers differ'),
  handler: async (args) => {
    process.exitCode = await check(args);
  },
};

async function check(args: Arguments): Promise<number> {
  const { file, matcher } = args;
  const hooks = await loadHooks(args.hooks ?? []);
  const profile = args.profile === undefined ? undefined : loadProfile(args.profile);
  const matchers = [matcher, ...MATCHERS.map(({ name }) => name).filter((name) => name !== matcher)];
  const status = new StatusLine({ plain: true });
  let report: CheckReport;
  try {
    report = await interruptible((signal) =>
      checkMatching(file, {
        matchers,
        hooks,
        truth: args.truth,
        ...(profile && { profile }),
        signal,
        onProgress: (progress) => showProgress(status, progress),
      }),
    );
  } finally {
    status.clear();
  }
  if (args.json) await output.json({ file, ...report });
  else await output.line(describe(args, report));
  if (report.missing.length > 0) warn(`nothing of these names was found: ${report.missing.join(', ')}`);
  const { replay } = report;
  if (!replay.complete) {
    const code = tellIncomplete(file, replay.incomplete, args['allow-incomplete']);
    if (code !== ExitCode.ok) return code;
  }
  return isWrong(report.matchers[0]!) ? WRONG : ExitCode.ok;
}

const isWrong = ({ total }: MatcherReport): boolean =>
  total.right < total.calls || Object.values(total.faults).some((count) => count > 0);

function describe(args: Arguments, report: CheckReport): string {
  const { reference, matchers, system, functions, before } = report;
  const calls = matchers[0]!.total.calls;
  const against =
    reference === 'truth' ? 'what the guest says of them' : `what ${matchers[0]!.matcher} says of them`;
  const lines = [
    `${style(process.stdout, 'bold', args.file)}: ${plural(calls, 'call')} of ${plural(functions, 'function')}, compared with ${against}`,
    `${system ?? 'no operating system that Rebek knows'}${before > 0 ? `; ${plural(before, 'call')} from before the recording left out` : ''}`,
    '',
    ...table(matchers.map((one) => [one.matcher, one.total])),
  ];
  if (args.by !== undefined) {
    for (const one of matchers) {
      const groups = args.by === 'function' ? one.functions : one.outcomes;
      lines.push('', style(process.stdout, 'bold', one.matcher), ...table(Object.entries(groups)));
    }
  }
  for (const one of matchers) {
    if (one.first.length === 0) continue;
    lines.push('', `${style(process.stdout, 'bold', one.matcher)}, the first disagreements`);
    for (const disagreement of one.first.slice(0, SHOWN)) lines.push(...tell(disagreement));
  }
  const first = matchers.find(({ first: list }) => list.length > 0)?.first[0];
  if (first !== undefined && reference === 'truth') {
    const from = Math.max(0, first.instruction - 1000);
    say(`where to look: rebek dump ${args.file} --stream truth --from ${from} --limit 40`);
  }
  return lines.join('\n');
}

const SHOWN_FAULTS = [
  'missed',
  'lost',
  'outcome',
  'owner',
  'result',
  'arguments',
  'parent',
  'again',
  'spurious',
] as const satisfies readonly Fault[];

/** Columns that are 0 everywhere say nothing, but for the main ones. */
function table(rows: readonly (readonly [string, Counts])[]): string[] {
  const main = new Set<Fault>(['lost', 'outcome', 'owner', 'result']);
  const faults = SHOWN_FAULTS.filter(
    (name) => main.has(name) || rows.some(([, { faults }]) => faults[name] > 0),
  );
  const head = [
    '',
    'calls',
    'recall',
    'precision',
    ...faults.map((name) =>
      name === 'outcome' ? 'wrong end' : name === 'owner' || name === 'result' ? `wrong ${name}` : name,
    ),
  ];
  const body = rows.map(([name, counts]) => [
    name,
    formatExact(counts.calls),
    percent(recall(counts)),
    percent(precision(counts)),
    ...faults.map((fault) => formatExact(counts.faults[fault])),
  ]);
  const widths = head.map((text, i) => Math.max(text.length, ...body.map((row) => row[i]!.length)));
  return [head, ...body].map((row) =>
    `  ${row.map((text, i) => (i === 0 ? text.padEnd(widths[i]!) : text.padStart(widths[i]!))).join('  ')}`.trimEnd(),
  );
}

/** 100 % only if it is all of them. */
function percent(part: number): string {
  if (part === 1) return '100 %';
  return `${(Math.floor(part * 10_000) / 100).toFixed(2)} %`;
}

function tell({ fault, function: name, instruction, threadId, expected, found }: Disagreement): string[] {
  const who = threadId === undefined ? '' : `, thread ${threadId}`;
  return [
    `  ${name} at instruction ${formatExact(instruction)}${who}: ${FAULTS[fault]}`,
    `    expected ${expected}, found ${found}`,
  ];
}
