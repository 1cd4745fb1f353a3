/** `rebek replay FILE`: executes a trace again, with hooks if some are named. */
import type { CommandModule } from 'yargs';
import { ExitCode } from '../base/errors.ts';
import { MATCHERS } from '../hooks/match/matchers.ts';
import {
  allowIncompleteOption,
  hooksOption,
  jsonOption,
  profileOption,
  text,
  valueOption,
} from './arguments.ts';
import { usageError } from './errors.ts';
import { formatTable } from './format.ts';
import { output } from './output.ts';
import { replayAddingFlow } from './replay-add-flow.ts';
import { type ReplayArguments, replayWithHooks } from './replay-hooks.ts';
import { replayWithProgress } from './replay-progress.ts';
import { style } from './style.ts';
import { replayRows, tellIncomplete } from './trace-report.ts';

export const replayCommand: CommandModule<object, ReplayArguments> = {
  command: 'replay <file>',
  describe: 'execute a trace again, exactly as it was; with hooks, and what they find',
  builder: (yargs) =>
    yargs
      .usage(
        '$0 replay FILE [--hooks …]\n\nExecutes the same instructions as the recording, from the trace file alone: no guest ' +
          'files, no devices, no network. Whatever does not come out as recorded stops it, with exit code 3 and the place. ' +
          'With --hooks, what happens in the guest is looked at on the way: a finding a line.',
      )
      .positional('file', { type: 'string', demandOption: true, describe: 'the trace' })
      .option(
        'hooks',
        hooksOption('a hook file (TypeScript or JavaScript), or pack:NAME; as often as you like'),
      )
      .option('matcher', {
        choices: MATCHERS.map(({ name }): string => name),
        requiresArg: true,
        describe: 'how returns are matched with calls (thread-stack, unless you want to see others fail)',
      })
      .option('output', {
        alias: 'o',
        ...valueOption(
          'findings into this file, as JSON lines, and a summary on standard output',
          text('output'),
        ),
      })
      .option('format', {
        choices: ['text', 'jsonl'] as const,
        requiresArg: true,
        describe: 'of findings on standard output: text (on a terminal) or jsonl (elsewhere)',
      })
      .option('strict', { type: 'boolean', default: false, describe: 'end at the first handler that throws' })
      .option('every-instruction', {
        type: 'boolean',
        default: false,
        describe: 'look at every instruction for hooks on addresses: slower; needed only if it is said so',
      })
      .option('profile', profileOption)
      .option('add-flow', {
        type: 'boolean',
        default: false,
        describe:
          'write a copy of the trace, named by --output, with the control-flow log that it was recorded without',
      })
      .option('force', { type: 'boolean', default: false, describe: 'replace an existing output file' })
      .option('json', jsonOption)
      .option('allow-incomplete', allowIncompleteOption)
      .example('$0 replay night.rebek', 'with progress')
      .example('$0 replay night.rebek --hooks pack:sebek', 'keystrokes, files, sockets, processes')
      .example(
        '$0 replay night.rebek --hooks pack:syscalls --hooks ./mine.ts -o night.jsonl',
        'your own hooks as well',
      )
      .example('$0 replay night.rebek --add-flow -o flow.rebek', 'recorded with --no-flow? Have it now')
      .example('$0 replay night.rebek.partial --allow-incomplete', 'what a crash has left'),
  handler: async (args) => {
    process.exitCode = await replay(args);
  },
};

async function replay(args: ReplayArguments): Promise<ExitCode> {
  const { file, json, hooks, 'allow-incomplete': allowIncomplete } = args;
  if (args['add-flow']) {
    if (hooks !== undefined) throw usageError('--add-flow and --hooks do not go together: replay twice');
    for (const name of ['matcher', 'format', 'profile'] as const)
      if (args[name] !== undefined) throw usageError(`--${name} goes with --hooks only`);
    return replayAddingFlow(args);
  }
  if (hooks !== undefined) return replayWithHooks(args);
  for (const name of ['matcher', 'output', 'format', 'profile'] as const) {
    if (args[name] !== undefined) throw usageError(`--${name} goes with --hooks only`);
  }
  for (const name of ['strict', 'every-instruction', 'force'] as const) {
    if (args[name]) throw usageError(`--${name} goes with --hooks only`);
  }
  const result = await replayWithProgress(file);
  if (json) await output.json({ file, ...result });
  else {
    const verdict = result.complete ? 'replayed to its end' : 'replayed as far as it goes';
    await output.line(
      `${style(process.stdout, 'bold', file)}: ${verdict}\n${formatTable(replayRows(result))}`,
    );
  }
  return result.complete ? ExitCode.ok : tellIncomplete(file, result.incomplete, allowIncomplete);
}
