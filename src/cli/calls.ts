/** `rebek calls FILE`: who called whom, and how much was executed where. */
import type { CommandModule } from 'yargs';
import { ExitCode, RebekError } from '../base/errors.ts';
import { matches } from '../guest/pattern.ts';
import { type CallProfile, foldedStacks, profileOf, type TreeCut } from '../output/calls/call-profile.ts';
import { type CallOptions, type TracedCalls, traceCalls } from '../output/calls/trace-calls.ts';
import type { GuestMap, MappedProcess, MappedThread } from '../output/map/guest-map.ts';
import { GuestPlaces } from '../output/map/places.ts';
import { describeTrace } from '../trace/info.ts';
import type { TraceFile } from '../trace/trace-file.ts';
import { allowIncompleteOption, count, jsonOption, profileOption, text, valueOption } from './arguments.ts';
import { notes, treeLines } from './calls-format.ts';
import { usageError, warn } from './errors.ts';
import { plural } from './format.ts';
import { loadMap } from './load-map.ts';
import { openTrace } from './open-trace.ts';
import { output } from './output.ts';
import { loadProfile } from './profile-file.ts';
import { showProgress } from './replay-progress.ts';
import { interruptible } from './signals.ts';
import { resolveSpan, type SpanArguments, spanOptions } from './span.ts';
import { StatusLine } from './status-line.ts';
import { style } from './style.ts';
import { tellIncomplete } from './trace-report.ts';

const DEPTH = 24;
const MIN_PERCENT = 1;
/** Characters collected before they are written. */
const BATCH = 1 << 16;

interface Arguments extends SpanArguments {
  file: string;
  folded: boolean;
  process: string | undefined;
  thread: number | undefined;
  symbol: string | undefined;
  kernel: boolean;
  user: boolean;
  depth: number | undefined;
  min: number | undefined;
  profile: string | undefined;
  json: boolean;
  'allow-incomplete': boolean;
}

export const callsCommand: CommandModule<object, Arguments> = {
  command: 'calls <file>',
  describe: 'who called whom, and how much was executed where: a tree, or stacks for a flame graph',
  builder: (yargs) =>
    yargs
      .usage(
        '$0 calls FILE\n\nReplays a trace, and follows every call and return, interrupt and system call in every thread. ' +
          'Counts are exact: each instruction of the span is in one place of the tree, and nothing is sampled.',
      )
      .positional('file', { type: 'string', demandOption: true, describe: 'the trace' })
      .option('folded', {
        type: 'boolean',
        default: false,
        describe: 'a stack a line with its instructions, `program;module!f;module!g 123`: for flame graphs',
      })
      .options(spanOptions)
      .option(
        'process',
        valueOption(
          'only this process: its number, or its name (`*` for any characters)',
          text('process', 'a name'),
        ),
      )
      .option('thread', valueOption('only the thread with this number', count('thread')))
      .option(
        'symbol',
        valueOption(
          'only what happens in a function: sys_read, nt!Nt*, libc.so.6!read; without a module, one of the kernel’s',
          text('symbol', 'a name'),
        ),
      )
      .option('kernel', { type: 'boolean', default: false, describe: 'count only what the kernel executes' })
      .option('user', { type: 'boolean', default: false, describe: 'count only what programs execute' })
      .option(
        'depth',
        valueOption(
          `so many levels below a process; ${DEPTH} if not given, all with --folded and --json`,
          count('depth'),
        ),
      )
      .option(
        'min',
        valueOption(
          `leave out what has less percent of all: ${MIN_PERCENT} if not given, 0 with --folded and --json; in folded stacks it then counts ` +
            'for its caller',
          percent,
        ),
      )
      .option('profile', profileOption)
      .option('json', { ...jsonOption, describe: 'the tree as JSON' })
      .option('allow-incomplete', allowIncompleteOption)
      .example('$0 calls night.rebek --min 5', 'where the time went')
      .example(
        '$0 calls night.rebek --process sshd --from +10s --to +12s',
        'what it did in these two seconds',
      )
      .example(
        '$0 calls night.rebek --symbol sys_execve --depth 6',
        'what the kernel does to start a program',
      )
      .example('$0 calls night.rebek --folded --min 0.01 > night.folded', 'then drop it on speedscope.app')
      .epilogue(
        'A jump to where another function begins counts as a call by the caller of the function that jumps. Processes with the ' +
          'same name are put together. “own” and “total” are instructions.',
      ),
  handler: async (args) => {
    process.exitCode = await calls(args);
  },
};

async function calls(args: Arguments): Promise<ExitCode> {
  const { file, folded, json, symbol } = args;
  checkUsage(args);
  const trace = openTrace(file);
  try {
    const { incomplete } = describeTrace(trace);
    const traced = await interruptible((signal) => follow(trace, args, signal));
    const result = profileOf(traced, symbol);
    if (folded) await write(foldedStacks(result, args));
    else if (json) await output.json(toJson(args, traced, result));
    else await writeTree(args, traced, result);
    if (folded) for (const note of notes(traced)) warn(note);
    if (traced.incomplete === undefined || incomplete === undefined) return ExitCode.ok;
    return tellIncomplete(file, incomplete, args['allow-incomplete']);
  } finally {
    trace.close();
  }
}

async function follow(trace: TraceFile, args: Arguments, signal: AbortSignal): Promise<TracedCalls> {
  const span = resolveSpan(trace, args);
  const profile = args.profile === undefined ? undefined : loadProfile(args.profile);
  const map = await loadMap(trace, { profile, signal });
  const status = new StatusLine({ plain: true });
  const options: CallOptions = {
    ...span,
    ...whoOf(args, map),
    ...(args.kernel && { mode: 'kernel' }),
    ...(args.user && { mode: 'user' }),
    signal,
    onProgress: (progress) => showProgress(status, progress),
  };
  try {
    return await traceCalls(args.file, map, options);
  } finally {
    status.clear();
  }
}

function checkUsage({ folded, json, kernel, user }: Arguments): void {
  if (folded && json) throw usageError('--folded and --json exclude each other');
  if (kernel && user) throw usageError('--kernel and --user exclude each other');
}

/** @throws RebekError ERR_CALLS_PROCESS, ERR_CALLS_THREAD, ERR_CALLS_SYMBOL: there is none; ERR_CALLS_SYSTEM: nobody is known */
function whoOf(args: Arguments, map: GuestMap): Pick<CallOptions, 'isWanted'> {
  const { file, process: wanted, thread, symbol, kernel, user } = args;
  const given = Object.entries({ process: wanted, thread, symbol, kernel, user });
  const [needs] = given.find(([, value]) => value !== undefined && value !== false) ?? [];
  if (needs !== undefined && map.system === undefined) {
    throw new RebekError('ERR_CALLS_SYSTEM', `${file}: no operating system that Rebek knows was found`, {
      hint: `leave --${needs} out; --profile names what is known of a kernel`,
      details: { file },
    });
  }
  const isProcess = ({ pid, name }: MappedProcess): boolean =>
    wanted === undefined || String(pid) === wanted || matches(wanted, name);
  if (wanted !== undefined && !map.processes.some(isProcess)) {
    const names = [...new Set(map.processes.map(({ name }) => name))].slice(0, 20);
    throw new RebekError('ERR_CALLS_PROCESS', `no process in ${file} is ${wanted}`, {
      hint: `there are ${names.join(', ')}`,
      details: { file, process: wanted },
    });
  }
  if (symbol !== undefined && new GuestPlaces(map).symbols(symbol).length === 0) {
    throw new RebekError('ERR_CALLS_SYMBOL', `no function is called ${symbol} in ${file}`, {
      hint: 'functions of programs and libraries need their module: libc.so.6!read, ntdll.dll!Nt*',
      details: { file, symbol },
    });
  }
  if (thread !== undefined && !map.threads.some(({ tid }) => tid === thread)) {
    throw new RebekError('ERR_CALLS_THREAD', `no thread in ${file} has the number ${thread}`, {
      details: { file, thread },
    });
  }
  if (wanted === undefined && thread === undefined) return {};
  return {
    isWanted: (process: MappedProcess | undefined, who: MappedThread | undefined) =>
      process !== undefined && isProcess(process) && (thread === undefined || who?.tid === thread),
  };
}

const cutOf = ({ depth = DEPTH, min = MIN_PERCENT }: Arguments): TreeCut => ({ depth, min });

async function writeTree(args: Arguments, traced: TracedCalls, result: CallProfile): Promise<void> {
  const { executed, places } = traced;
  const about = [plural(executed, 'instruction'), places.map.system ?? 'unknown system'];
  await output.line(`${style(process.stdout, 'bold', args.file)}: ${about.join(', ')}\n`);
  await write(treeLines(result, cutOf(args)));
  const more = notes(traced);
  if (more.length > 0) await output.line(`\n${more.join('\n')}`);
}

async function write(lines: Iterable<string>): Promise<void> {
  let pending = '';
  for (const line of lines) {
    pending += `${line}\n`;
    if (pending.length < BATCH) continue;
    await output.write(pending);
    pending = '';
    if (output.closed) return;
  }
  await output.write(pending);
}

function toJson({ file, depth, min }: Arguments, traced: TracedCalls, result: CallProfile): object {
  const { executed, doubts, places } = traced;
  const { instructions } = result;
  const least = ((min ?? 0) / 100) * instructions;
  const cut = (nodes: CallProfile['roots'], level: number): object[] =>
    nodes
      .filter(({ total }) => total >= least)
      .map(({ name, calls, own, total, children }) => {
        const below = level < (depth ?? Number.POSITIVE_INFINITY) ? cut(children, level + 1) : [];
        return { name, calls, own, total, ...(below.length > 0 && { children: below }) };
      });
  return { file, system: places.map.system, executed, instructions, doubts, tree: cut(result.roots, 0) };
}

function percent(typed: string): number {
  const value = Number(typed.replace(/ ?%$/, ''));
  if (typed.trim() !== '' && value >= 0 && value <= 100) return value;
  throw usageError(`--min: expected a percentage, 0 to 100, found '${typed}'`);
}
