#!/usr/bin/env node
/** The `rebek` command. */
import yargs, { type CommandModule } from 'yargs';
import { hideBin } from 'yargs/helpers';
import { readPackageVersion } from '../base/version.ts';
import { callsCommand } from './calls.ts';
import { checkCommand } from './check.ts';
import { coverageCommand } from './coverage.ts';
import { demoCommand } from './demo.ts';
import { diffCommand } from './diff.ts';
import { dumpCommand } from './dump.ts';
import { reportError, usageError } from './errors.ts';
import { findCommand } from './find.ts';
import { guestCommand, guestCommands } from './guest.ts';
import { infoCommand } from './info.ts';
// Before anything is written: it takes care of readers that go away.
import './output.ts';
import { recordCommand } from './record.ts';
import { replayCommand } from './replay.ts';
import { self } from './self.ts';
import { truthCommand } from './truth.ts';
import { verifyCommand } from './verify.ts';

// biome-ignore lint/suspicious/noExplicitAny: each command has arguments of its own
const commands: CommandModule<object, any>[] = [
  recordCommand,
  replayCommand,
  verifyCommand,
  infoCommand,
  dumpCommand,
  findCommand,
  coverageCommand,
  callsCommand,
  truthCommand,
  checkCommand,
  diffCommand,
  guestCommand,
  demoCommand,
];

const epilogue = `Data goes to standard output; messages and progress go to standard error.

Exit codes: 0 good, and so is a recording that was ended with Ctrl-C or SIGTERM
            1 a defect in Rebek, or the emulator itself failed; the matcher that check judges was wrong;
              find has found nothing; or what diff compares differs
            2 wrong usage, a script that failed, or something missing (file, tool, permission, space)
            3 the replay diverged from the trace
            4 the trace is damaged, incomplete, or no trace; or what its guest tells contradicts itself
            130 given up with Ctrl-C; while recording, that takes a second one

Environment: REBEK_CACHE the folder of built guests · REBEK_CODEC lz4 or lz4-napi
             REBEK_DEBUG=1 stacks with errors · NO_COLOR=1 no colours`;

const argv = hideBin(process.argv);

function program() {
  return yargs(argv)
    .scriptName('rebek')
    .usage('$0 COMMAND\n\nRecords a whole emulated PC once, and replays it bit for bit as often as you like.')
    .command(commands)
    .demandCommand(1, 1, 'no command was given')
    .strict()
    .parserConfiguration({ 'duplicate-arguments-array': false, 'parse-numbers': false })
    .locale('en')
    .wrap(Math.min(110, process.stdout.columns || 100))
    .alias('h', 'help')
    .version(readPackageVersion())
    .example('$0 demo', 'see it all work once')
    .example('$0 record -o night.rebek', 'record; this terminal is the console')
    .example('$0 verify night.rebek', 'check every byte and every state hash')
    .epilogue(epilogue)
    .exitProcess(false)
    .recommendCommands()
    .fail((message: string | null, error: Error | undefined) => {
      // yargs wraps what an option's own check throws.
      if (error !== undefined && error.name !== 'YError') throw error;
      throw usageError(plainer(error?.message ?? message ?? 'wrong usage'), `see \`${help()}\``);
    });
}

/** yargs' complaints in words that fit the others. */
function plainer(message: string): string {
  if (message.startsWith('Not enough non-option arguments'))
    return 'the name of the file or guest is missing';
  if (message.startsWith('Did you mean')) return `there is no such command. ${message}`;
  const [, what = '', rest = ''] = /^(Unknown|Missing|Not enough|Invalid)[^:]*:\s*(.*)$/s.exec(message) ?? [];
  const names = rest.split(', ');
  if (what === 'Unknown') return names.map((name) => unknown(name)).join(', ');
  if (what === 'Missing') return `${names.map(dashed).join(', ')} is missing`;
  if (what === 'Not enough') return `${dashed(rest)}: its value is missing`;
  const invalid = /^Argument: (\S+), Given: (.*), Choices: (.*)$/.exec(rest);
  if (what !== 'Invalid' || invalid === null) return message;
  const [, name = '', found = '', choices = ''] = invalid;
  const expected = choices.replaceAll('"', '').replace(/, (?=[^,]*$)/, ' or ');
  return `${name === 'guest' ? name : dashed(name)}: expected ${expected}, found ${found.replaceAll('"', "'")}`;
}

/** A word that yargs cannot place: an option's name comes without its dashes. */
function unknown(name: string): string {
  if (!argv.includes(name)) return `there is no option ${dashed(name)}`;
  const at = argv.indexOf(name);
  const command = at === 0 || (at === 1 && argv[0] === 'guest');
  return command ? `there is no command '${name}'` : `'${name}' is one word too many`;
}

const dashed = (name: string): string => (name.length === 1 ? `-${name}` : `--${name}`);

function isNamed(list: readonly { command?: unknown }[], word = ''): boolean {
  return list.some(({ command }) => String(command).split(' ')[0] === word);
}

/** The words of the command line that name the command. */
function commandWords(): readonly string[] {
  if (!isNamed(commands, argv[0])) return [];
  return argv.slice(0, argv[0] === 'guest' && isNamed(guestCommands, argv[1]) ? 2 : 1);
}

const help = (): string => [self(), ...commandWords(), '--help'].join(' ');

try {
  await program().parseAsync();
} catch (error) {
  process.exitCode = await reportError(error, argv.includes('--json'));
}
// Whatever timers the emulator has left running: the command is done.
process.exit();
