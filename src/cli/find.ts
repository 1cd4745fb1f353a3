/** `rebek find FILE --text TEXT`: where bytes entered the guest. */
import { setFlagsFromString } from 'node:v8';
import type { CommandModule } from 'yargs';
import { ExitCode, RebekError } from '../base/errors.ts';
import { CHANNELS, type ChannelKind, type FindOptions, findBytes } from '../output/find/find.ts';
import { bytesPattern, type Pattern, regexPattern, textPattern } from '../output/find/pattern.ts';
import { describeTrace } from '../trace/info.ts';
import type { TraceFile } from '../trace/trace-file.ts';
import { allowIncompleteOption, count, jsonOption, repeated, valueOption } from './arguments.ts';
import { usageError } from './errors.ts';
import { formatMatch, matchToJson } from './find-format.ts';
import { openTrace } from './open-trace.ts';
import { output } from './output.ts';
import { interruptible } from './signals.ts';
import { checkSpan, resolveSpan, type SpanArguments, spanOptions } from './span.ts';
import { formatProgress, StatusLine } from './status-line.ts';
import { tellIncomplete } from './trace-report.ts';

/** Nothing was found: what grep says. */
const NOTHING = 1;
/** Characters collected before they are written. */
const BATCH = 1 << 16;
/** Bytes around a match. */
const CONTEXT = 16;
const MOST_CONTEXT = 4096;

interface Arguments extends SpanArguments {
  file: string;
  text: string | undefined;
  hex: Uint8Array | undefined;
  regex: string | undefined;
  'ignore-case': boolean;
  utf16: boolean;
  channel: ChannelKind[] | undefined;
  port: number | undefined;
  out: boolean;
  limit: number | undefined;
  context: number | undefined;
  json: boolean;
  'allow-incomplete': boolean;
}

export const findCommand: CommandModule<object, Arguments> = {
  command: 'find <file>',
  describe: 'find bytes that entered the guest: when, through what, and to where',
  builder: (yargs) =>
    yargs
      .usage(
        '$0 find FILE --text TEXT\n\nSearches what entered the guest, without replaying it, and tells of each match when it came, ' +
          'through what, and to where. The bytes of a match may come one by one: what is read from one port, or from one ' +
          '4 KiB page of a device’s memory, is one sequence, and so are DMA transfers that go on where the last one ended, and what ' +
          'is typed at one console. A match in network frames lies within one frame. What is typed at a serial console ' +
          'is found there (when it was typed), and at the port (when it was read). What the guest had in its memory, or on ' +
          'an initial RAM disk, when the recording began is not searched.',
      )
      .positional('file', { type: 'string', demandOption: true, describe: 'the trace' })
      .option('text', {
        type: 'string',
        requiresArg: true,
        describe: 'this text, in UTF-8 and in UTF-16 (little-endian, as NT has it)',
      })
      .option('hex', valueOption('these bytes, in hexadecimal: 7f454c46', hexBytes))
      .option('regex', {
        type: 'string',
        requiresArg: true,
        describe:
          'what this regular expression matches, at most 4 KiB; bytes are characters (Latin-1, \\xNN), and `.`, ' +
          '`^`, `$` as with the flags s and m',
      })
      .option('ignore-case', {
        type: 'boolean',
        default: false,
        describe: 'upper or lower case; with --text, of ASCII letters',
      })
      .option('utf16', { type: 'boolean', default: true, describe: 'look for a text in UTF-16, too' })
      .option('channel', {
        type: 'string',
        requiresArg: true,
        describe: `only these, with commas or again and again: ${CHANNELS.join(', ')}`,
        coerce: channels,
      })
      .option('port', valueOption('only what was read from this I/O port: 0x3f8', count('port', 0xffff)))
      .option('out', {
        type: 'boolean',
        default: false,
        describe: 'also what left the guest: console output and frames',
      })
      .options(spanOptions)
      .option('limit', valueOption('the first so many matches', count('limit')))
      .option('context', valueOption('bytes shown before and after a match, 16 if not given', contextBytes))
      .option('json', { ...jsonOption, describe: 'one JSON object a line' })
      .option('allow-incomplete', {
        ...allowIncompleteOption,
        describe: 'do not exit with 4 if all there is of an incomplete trace is good',
      })
      .example('$0 find night.rebek --text honey', 'who typed or received this, and when')
      .example(
        '$0 find night.rebek --hex 7f454c46 --channel dma,net',
        'ELF programs from a disk or the network',
      )
      .example(String.raw`$0 find night.rebek --regex 'GET \S+'`, 'requests to its web server')
      .example('$0 find night.rebek --text root --port 0x3f8', 'as the guest read it')
      .example('$0 find night.rebek --text wget --from 01:14 --to 01:20', 'in these minutes (UTC)')
      .epilogue(
        'Matches of one needle do not overlap; they come by when their last byte did, but for late ones where there are ' +
          'more than some thousand. Exit code: 0 found, 1 nothing found.',
      ),
  handler: async (args) => {
    process.exitCode = await find(args);
  },
};

async function find(args: Arguments): Promise<number> {
  const { file, json } = args;
  const options = optionsOf(args);
  const trace = openTrace(file);
  try {
    const found = await search(trace, { ...options, ...resolveSpan(trace, args) }, json);
    if (output.closed) return ExitCode.ok;
    const { incomplete } = describeTrace(trace);
    if (incomplete !== undefined) {
      const code = tellIncomplete(file, incomplete, args['allow-incomplete']);
      if (code !== ExitCode.ok) return code;
    }
    return found > 0 ? ExitCode.ok : NOTHING;
  } finally {
    trace.close();
  }
}

/** Prints the matches, and returns how many there were. */
async function search(trace: TraceFile, options: FindOptions, json: boolean): Promise<number> {
  const status = new StatusLine({ plain: true });
  const began = performance.now();
  let found = 0;
  let pending = '';
  const flush = async (): Promise<void> => {
    status.clear();
    const all = pending;
    pending = '';
    await output.write(all);
  };
  const run = async (signal: AbortSignal): Promise<void> => {
    const matches = findBytes(trace, {
      ...options,
      signal,
      onProgress: ({ instruction, from, to }) => {
        const progress = formatProgress(
          Math.max(0, instruction - from),
          to - from,
          performance.now() - began,
        );
        status.update(() => `searching: ${progress}`);
      },
    });
    for await (const match of matches) {
      found++;
      pending += json ? `${JSON.stringify(matchToJson(match))}\n` : formatMatch(match);
      if (pending.length >= BATCH) await flush();
      if (output.closed) break;
    }
  };
  try {
    await interruptible(run);
  } finally {
    // What comes before damage, or before it was given up, is good.
    await flush();
  }
  return found;
}

function optionsOf(args: Arguments): FindOptions {
  const { port, channel, limit, out, context = CONTEXT } = args;
  checkSpan(args);
  if (port !== undefined && channel?.some((kind) => kind !== 'port'))
    throw usageError('--port is an I/O port: it goes with --channel port only');
  return {
    pattern: patternOf(args),
    ...(channel !== undefined && { channels: channel }),
    ...(port !== undefined && { port }),
    ...(limit !== undefined && { limit }),
    context,
    out,
  };
}

function patternOf({ text, hex, regex, utf16, 'ignore-case': ignoreCase }: Arguments): Pattern {
  const given = [text !== undefined && 'text', hex !== undefined && 'hex', regex !== undefined && 'regex'];
  const [name, another] = given.filter((one) => one !== false);
  if (name === undefined) throw usageError('what to look for is missing: --text, --hex or --regex');
  if (another !== undefined) throw usageError(`--${name} and --${another} exclude each other`);
  if (hex !== undefined && ignoreCase) throw usageError('--ignore-case goes with --text or --regex only');
  try {
    if (hex !== undefined) return bytesPattern(hex);
    if (text !== undefined) return textPattern(text, { utf16, ignoreCase });
    // An expression that would take forever, such as (a+)+$, is then matched by V8's engine that takes linear time.
    setFlagsFromString('--enable-experimental-regexp-engine-on-excessive-backtracks');
    return regexPattern(regex!, ignoreCase);
  } catch (error) {
    if (!(error instanceof RebekError)) throw error;
    throw usageError(`--${name}: ${error.message}`);
  }
}

function hexBytes(text: string): Uint8Array {
  const digits = text.replace(/^0x|[\s:]+/gi, '');
  if (/^([0-9a-f]{2})+$/i.test(digits)) return Buffer.from(digits, 'hex');
  throw usageError(`--hex: expected pairs of hexadecimal digits, found '${text}'`);
}

function contextBytes(text: string): number {
  const value = count('context')(text);
  if (value <= MOST_CONTEXT) return value;
  throw usageError(`--context: expected ${MOST_CONTEXT} bytes at most, found '${text}'`);
}

function channels(last: string | undefined): ChannelKind[] | undefined {
  if (last === undefined) return undefined;
  const names = repeated('channel').flatMap((value) => value.split(','));
  for (const name of names)
    if (!(CHANNELS as readonly string[]).includes(name))
      throw usageError(`--channel: expected ${CHANNELS.join(', ')}, found '${name}'`);
  return names as ChannelKind[];
}
