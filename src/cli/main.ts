#!/usr/bin/env node
/** The `rebek` command. */
import yargs, { type CommandModule } from 'yargs';
import { hideBin } from 'yargs/helpers';
import { readPackageVersion } from '../base/version.ts';
import { demoCommand } from './demo.ts';
import { dumpCommand } from './dump.ts';
import { reportError, usageError } from './errors.ts';
import { guestCommand } from './guest.ts';
import { infoCommand } from './info.ts';
// Before anything is written: it takes care of readers that go away.
import './output.ts';
import { recordCommand } from './record.ts';
import { replayCommand } from './replay.ts';
import { verifyCommand } from './verify.ts';

// biome-ignore lint/suspicious/noExplicitAny: each command has arguments of its own
const commands: CommandModule<object, any>[] = [
  recordCommand,
  replayCommand,
  verifyCommand,
  infoCommand,
  dumpCommand,
  guestCommand,
  demoCommand,
];

const epilogue = `Data goes to standard output; messages and progress go to standard error.

Exit codes: 0 good · 2 wrong usage, or something is missing (file, tool, permission, space)
            3 the replay diverged from the trace · 4 the trace is damaged or incomplete
            1 a defect in Rebek · 130 ended by Ctrl-C

Environment: REBEK_CACHE the folder of built guests · REBEK_CODEC lz4 or lz4-napi
             REBEK_DEBUG=1 stacks with errors · NO_COLOR=1 no colours`;

function program(argv: readonly string[]) {
  return yargs(argv)
    .scriptName('rebek')
    .usage('$0 COMMAND\n\nRecords a whole emulated PC once, and replays it bit for bit as often as you like.')
    .command(commands)
    .demandCommand(1, 1, 'no command was given')
    .strict()
    .parserConfiguration({ 'duplicate-arguments-array': false, 'parse-numbers': false })
    .locale('en')
    .wrap(Math.min(110, process.stdout.columns ?? 100))
    .alias('h', 'help')
    .version(readPackageVersion())
    .example('$0 demo', 'see it all work once')
    .example('$0 record debian -o night.rebek', 'record; this terminal is the console')
    .example('$0 verify night.rebek', 'check every byte and every state hash')
    .epilogue(epilogue)
    .exitProcess(false)
    .recommendCommands()
    .fail((message: string | null, error: Error | undefined) => {
      // yargs wraps what an option's own check throws.
      if (error !== undefined && error.name !== 'YError') throw error;
      throw usageError(plainer(error?.message ?? message ?? 'wrong usage'), `see \`${helpFor(argv)}\``);
    });
}

/** yargs' complaints in words that fit the others. */
function plainer(message: string): string {
  if (message.startsWith('Not enough non-option arguments'))
    return 'the name of the file or guest is missing';
  if (message.startsWith('Did you mean')) return `there is no such command. ${message}`;
  return message.replace(
    /^Invalid values:\s*Argument: (\S+), Given: (.*), Choices: (.*)$/s,
    '$1: expected one of $3, found $2',
  );
}

function helpFor(argv: readonly string[]): string {
  const named = commands.some(({ command }) => String(command).split(' ')[0] === argv[0]);
  return named ? `rebek ${argv[0]} --help` : 'rebek --help';
}

const argv = hideBin(process.argv);
try {
  await program(argv).parseAsync();
} catch (error) {
  process.exitCode = await reportError(error, argv.includes('--json'));
}
// Whatever timers the emulator has left running: the command is done.
process.exit();
