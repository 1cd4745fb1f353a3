/** `rebek coverage FILE`: which code was executed, by whom, and how often. */
import type { CommandModule } from 'yargs';
import { ExitCode } from '../base/errors.ts';
import type { GuestProfile } from '../guest/profile.ts';
import { type Coverage, type CoveredProcess, measureCoverage } from '../output/coverage/coverage.ts';
import { diffCoverage } from '../output/coverage/diff.ts';
import type { MappedProcess } from '../output/map/guest-map.ts';
import { GuestPlaces } from '../output/map/places.ts';
import { selectProcesses } from '../output/map/select.ts';
import { describeTrace, type TraceInfo } from '../trace/info.ts';
import type { TraceFile } from '../trace/trace-file.ts';
import { allowIncompleteOption, count, jsonOption, profileOption, text, valueOption } from './arguments.ts';
import { writeDrcov } from './coverage-drcov.ts';
import {
  diffLines,
  diffToJson,
  heading,
  processLines,
  processToJson,
  sums,
  whoOf,
} from './coverage-format.ts';
import { usageError } from './errors.ts';
import { formatCount, plural } from './format.ts';
import { loadMap } from './load-map.ts';
import { openTrace } from './open-trace.ts';
import { output } from './output.ts';
import { loadProfile } from './profile-file.ts';
import { requireFlow } from './require-flow.ts';
import { interruptible } from './signals.ts';
import { type Bound, bound, checkSpan, resolveSpan, type SpanArguments, spanOptions } from './span.ts';
import { formatProgress, StatusLine } from './status-line.ts';
import { tellIncomplete } from './trace-report.ts';

interface Arguments extends SpanArguments {
  file: string;
  process: string | undefined;
  module: string | undefined;
  functions: boolean;
  limit: number | undefined;
  drcov: string | undefined;
  force: boolean;
  diff: string | undefined;
  'against-process': string | undefined;
  'against-from': Bound | undefined;
  'against-to': Bound | undefined;
  profile: string | undefined;
  json: boolean;
  'allow-incomplete': boolean;
}

export const coverageCommand: CommandModule<object, Arguments> = {
  command: 'coverage <file>',
  describe: 'which code was executed, by which process and how often',
  builder: (yargs) =>
    yargs
      .usage(
        '$0 coverage FILE\n\nCounts the basic blocks of the control-flow log, by process and module, in the program and in the ' +
          'kernel on its behalf. Blocks are the engine’s: where it was interrupted in the middle of one, another begins there. ' +
          'Who ran when, and which modules a process had, is found by a replay, once for each trace.',
      )
      .positional('file', { type: 'string', demandOption: true, describe: 'the trace' })
      .option(
        'process',
        valueOption(
          'only processes with this name (* stands for anything) or pid',
          text('process', 'a name'),
        ),
      )
      .option(
        'module',
        valueOption(
          'only modules with this name: libc.so.6, libc, ntdll, vmlinux, nt',
          text('module', 'a name'),
        ),
      )
      .options(spanOptions)
      .option('functions', {
        type: 'boolean',
        default: false,
        describe: 'also by function, those with most instructions first',
      })
      .option('limit', valueOption('so many functions of a module at most', count('limit')))
      .option(
        'drcov',
        valueOption(
          'write drcov files (for Lighthouse, drcov2lcov and others): of one process as this file, of several into this folder',
          text('drcov'),
        ),
      )
      .option('force', { type: 'boolean', default: false, describe: 'replace existing drcov files' })
      .option(
        'diff',
        valueOption('compare with another trace, or with this one and --against-…', text('diff')),
      )
      .option(
        'against-process',
        valueOption('--diff: with these processes there', text('against-process', 'a name')),
      )
      .option(
        'against-from',
        valueOption('--diff: with what ran there from here on; like --from', bound('from')),
      )
      .option('against-to', valueOption('--diff: … and up to here, inclusive', bound('to')))
      .option('profile', profileOption)
      .option('json', jsonOption)
      .option('allow-incomplete', allowIncompleteOption)
      .example('$0 coverage night.rebek', 'all processes')
      .example(
        '$0 coverage night.rebek --process dropbear --functions --limit 20',
        'what the SSH server spent its time on',
      )
      .example(
        '$0 coverage night.rebek --process 123 --drcov dropbear.drcov',
        'to look at it in a disassembler',
      )
      .example(
        '$0 coverage bad.rebek --process httpd --diff good.rebek',
        'code that only one of two requests reached',
      )
      .example('$0 coverage night.rebek --to 50% --against-from 50%', 'the first half against the second'),
  handler: async (args) => {
    process.exitCode = await coverage(args);
  },
};

/** One side of a comparison, or all there is without one. */
interface Side {
  readonly info: TraceInfo;
  readonly places: GuestPlaces;
  readonly coverage: Coverage;
}

async function coverage(args: Arguments): Promise<ExitCode> {
  checkUsage(args);
  const profile = args.profile === undefined ? undefined : loadProfile(args.profile);
  return interruptible(async (signal) => {
    const here = await measure(args.file, args, args.process, args.module, profile, signal);
    const other = args.diff ?? (isDiff(args) ? args.file : undefined);
    if (other === undefined) await print(here, args);
    else {
      const span = { from: args['against-from'], to: args['against-to'] };
      const wanted = args['against-process'] ?? args.process;
      const there = await measure(other, span, wanted, args.module, profile, signal);
      await printDiff(here, there, other, args);
    }
    const { incomplete } = here.info;
    if (incomplete === undefined) return ExitCode.ok;
    return tellIncomplete(args.file, incomplete, args['allow-incomplete']);
  });
}

const isDiff = (args: Arguments): boolean =>
  (args.diff ?? args['against-process'] ?? args['against-from'] ?? args['against-to']) !== undefined;

/** @throws RebekError ERR_USAGE: options that do not go together */
function checkUsage(args: Arguments): void {
  checkSpan(args);
  checkSpan({ from: args['against-from'], to: args['against-to'] });
  if (isDiff(args) && args.drcov !== undefined) throw usageError('--drcov and --diff exclude each other');
  if (args.force && args.drcov === undefined) throw usageError('--force goes with --drcov only');
}

async function measure(
  file: string,
  span: SpanArguments,
  wanted: string | undefined,
  module: string | undefined,
  profile: GuestProfile | undefined,
  signal: AbortSignal,
): Promise<Side> {
  const trace = openTrace(file);
  try {
    const info = describeTrace(trace);
    requireFlow(info);
    const resolved = resolveSpan(trace, span);
    const map = await loadMap(trace, { profile, signal });
    const processes = wanted === undefined ? undefined : selectProcesses(map, wanted);
    const places = new GuestPlaces(map);
    const all = await counted(trace, info, places, resolved, processes, signal);
    return { info, places, coverage: module === undefined ? all : ofModule(all, module, places) };
  } finally {
    trace.close();
  }
}

async function counted(
  trace: TraceFile,
  info: TraceInfo,
  { map }: GuestPlaces,
  span: { readonly from?: number; readonly to?: number },
  processes: ReadonlySet<MappedProcess> | undefined,
  signal: AbortSignal,
): Promise<Coverage> {
  const status = new StatusLine({ plain: true });
  const began = performance.now();
  const { from = 0, to = info.instructions } = span;
  try {
    return await measureCoverage(trace, map, {
      ...span,
      ...(processes && { processes }),
      signal,
      onProgress: (instruction) =>
        status.update(() => {
          const done = Math.max(0, instruction - from);
          return `counting: ${formatProgress(done, to - from, performance.now() - began)}`;
        }),
    });
  } finally {
    status.clear();
  }
}

function ofModule({ processes, unlisted }: Coverage, wanted: string, places: GuestPlaces): Coverage {
  const isMeant = ({ module }: CoveredProcess['modules'][number]): boolean =>
    module !== undefined && places.isMeant(wanted.toLowerCase(), module);
  return {
    processes: processes
      .map((one) => ({ ...one, modules: one.modules.filter(isMeant) }))
      .filter(({ modules }) => modules.length > 0),
    unlisted,
  };
}

async function print({ info, places, coverage }: Side, args: Arguments): Promise<void> {
  const { processes, unlisted } = coverage;
  const written = args.drcov === undefined ? undefined : writeDrcov(args.drcov, processes, args.force);
  const format = { functions: args.functions, limit: args.limit ?? Number.POSITIVE_INFINITY };
  const { system } = places.map;
  if (args.json) {
    const { from, to } = args;
    await output.json({
      file: info.file,
      system,
      ...(from && { from: from.text }),
      ...(to && { to: to.text }),
      unlisted,
      ...(written && { drcov: written }),
      processes: processes.map((one) => processToJson(one, places, format)),
    });
    return;
  }
  const all = sums(processes.flatMap(({ modules }) => modules));
  const blocks = plural(all.blocks, 'basic block');
  await output.line(
    `${info.file}: ${blocks}, executed ${formatCount(all.executions)} times: ${formatCount(all.instructions)} instructions`,
  );
  await output.line(system ?? 'no operating system that Rebek knows');
  if (unlisted > 0)
    await output.line(`${formatCount(unlisted)} executions more are of blocks that there was no place for`);
  if (written !== undefined) {
    for (const { file, name, pid, blocks: count, left } of written) {
      const rest = left === 0 ? '' : `; ${plural(left, 'block')} outside any module left out`;
      await output.line(`  ${file}: ${plural(count, 'block')} of ${pid} ${name}${rest}`);
    }
    return;
  }
  await output.line(`\n${heading()}`);
  for (const one of processes) {
    await output.write(`${processLines(one, places, format).join('\n')}\n`);
    if (output.closed) return;
  }
}

async function printDiff(here: Side, there: Side, other: string, args: Arguments): Promise<void> {
  const side = ({ places, coverage }: Side) => ({
    processes: coverage.processes,
    symbolsOf: places.symbolsOf.bind(places),
  });
  const found = diffCoverage(side(here), side(there));
  const names = {
    here: nameOf(args.file, here, args.process, args),
    there: nameOf(other, there, args['against-process'] ?? args.process, {
      from: args['against-from'],
      to: args['against-to'],
    }),
  };
  if (args.json) await output.json(diffToJson(found, names));
  else {
    const limit = args.limit ?? Number.POSITIVE_INFINITY;
    await output.line(diffLines(found, names, limit).join('\n'));
  }
}

/** `night.rebek, 123 httpd: httpd -p 80, from 50%`. */
function nameOf(
  file: string,
  { coverage }: Side,
  wanted: string | undefined,
  { from, to }: SpanArguments,
): string {
  const parts = [file];
  const [only, more] = coverage.processes;
  if (wanted !== undefined) parts.push(only !== undefined && more === undefined ? whoOf(only) : wanted);
  if (from !== undefined) parts.push(`from ${from.text}`);
  if (to !== undefined) parts.push(`to ${to.text}`);
  return parts.join(', ');
}
