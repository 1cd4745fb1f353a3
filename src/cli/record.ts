/** `rebek record [GUEST]`: runs a guest and writes down all that it cannot know by itself. */
import { basename, extname } from 'node:path';
import type { CommandModule } from 'yargs';
import { ExitCode } from '../base/errors.ts';
import { DEFAULT_GUEST } from '../machine/builtin.ts';
import type { Pattern } from '../record/script.ts';
import { count, jsonOption, pattern, seconds, text, valueOption } from './arguments.ts';
import { errorJson, tell, usageError } from './errors.ts';
import { output, say } from './output.ts';
import { recordGuest } from './record-guest.ts';
import { sessionJson, sessionSummary } from './record-report.ts';
import { readScript } from './script-file.ts';

interface Arguments {
  guest: string;
  output: string | undefined;
  script: string | undefined;
  until: Pattern | undefined;
  duration: number | undefined;
  from: string | undefined;
  force: boolean;
  echo: boolean;
  console: number | undefined;
  jit: boolean;
  flow: boolean;
  json: boolean;
  verbose: boolean;
}

const description = [
  'Runs a guest and records it into one self-contained trace file.',
  "With a terminal and none of --script, --until, --duration, --echo, --json, this terminal is the guest's serial " +
    'console: every key goes to the guest, and Ctrl-] ends the recording. Otherwise Ctrl-C ends it; and standard ' +
    'input, where it is a pipe or a file and there is no --script, is typed at the console.',
  'While it runs, the trace is FILE.partial; when it ends, by Ctrl-C too, the trace is completed and renamed. A second ' +
    'Ctrl-C leaves FILE.partial as it is.',
].join('\n\n');

export const recordCommand: CommandModule<object, Arguments> = {
  command: 'record [guest]',
  describe: 'run a guest and record it',
  builder: (yargs) =>
    yargs
      .usage(`$0 record [GUEST] [-o FILE]\n\n${description}`)
      .positional('guest', {
        type: 'string',
        default: DEFAULT_GUEST,
        describe: 'a built-in guest (see `rebek guest list`) or the path of a machine file',
      })
      .option('output', {
        alias: 'o',
        ...valueOption('the trace; default GUEST-DATE-TIME.rebek', text('output')),
      })
      .option(
        'script',
        valueOption('drive the console with this script (- is standard input)', text('script')),
      )
      .option('until', valueOption('end when the console says this (a regular expression)', pattern('until')))
      .option('duration', valueOption('end after so many seconds', seconds('duration')))
      .option('from', valueOption('begin with this saved state instead of power-on', text('from')))
      .option('console', valueOption('the serial port to use, from 0 [default: 0]', count('console', 3)))
      .option('echo', { type: 'boolean', default: false, describe: 'copy the console to standard output' })
      .option('force', { type: 'boolean', default: false, describe: 'replace an existing file' })
      .option('jit', {
        type: 'boolean',
        default: true,
        describe: 'compile hot guest code; --no-jit only interprets',
      })
      .option('flow', {
        type: 'boolean',
        default: true,
        describe: 'log what is executed, block by block (control flow); --no-flow leaves it out',
      })
      .option('json', { ...jsonOption, describe: 'print the summary as JSON on standard output' })
      .option('verbose', {
        type: 'boolean',
        default: false,
        describe: 'without a terminal: a status line every 10 s',
      })
      .example('$0 record', 'use the guest ntlet by hand; log in as guest, password guest')
      .example('$0 record debian --script attack.script -o attack.rebek', 'an attack from a script')
      .example('$0 record debian --from ready.state --duration 3600', 'an hour, beginning at the prompt')
      .example('echo id | $0 record shop.yaml --until "uid="', 'a machine of your own')
      .epilogue(
        'A script has one step a line: wait "text" or /regex/ · send "text\\n" · sleep SECONDS · timeout SECONDS (for the ' +
          'waits that follow) · console PORT · log "text" · end · # comment',
      ),
  handler: async (args) => {
    process.exitCode = await record(args);
  },
};

async function record(args: Arguments): Promise<ExitCode> {
  if (args.json && args.echo)
    throw usageError('--json and --echo both want standard output', 'drop one of them');
  const script = args.script === undefined ? undefined : await readScript(args.script);
  const planned = script !== undefined || args.until !== undefined || args.duration !== undefined;
  const terminal = Boolean(process.stdin.isTTY && process.stdout.isTTY);
  const result = await recordGuest({
    source: { guest: args.guest, jit: args.jit, console: args.console ?? 0, from: args.from },
    file: args.output ?? defaultName(args.guest, new Date()),
    overwrite: args.force,
    flow: args.flow,
    script,
    until: args.until,
    duration: args.duration,
    interactive: terminal && !planned && !args.json && !args.echo,
    stdin: script === undefined && !process.stdin.isTTY,
    echo: args.echo,
    verbose: args.verbose,
  });
  say(sessionSummary(result));
  const { failure } = result.end;
  if (args.json) await output.json({ ...sessionJson(result), ...(failure && { error: errorJson(failure) }) });
  if (failure === undefined) return ExitCode.ok;
  tell(failure);
  return failure.exitCode;
}

/** `debian-20240501-183000.rebek`, in local time: it is what the clock on the wall says. */
export function defaultName(guest: string, now: Date): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  const date = `${now.getFullYear()}${two(now.getMonth() + 1)}${two(now.getDate())}`;
  const time = `${two(now.getHours())}${two(now.getMinutes())}${two(now.getSeconds())}`;
  return `${basename(guest, extname(guest))}-${date}-${time}.rebek`;
}
