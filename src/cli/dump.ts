/** `rebek dump FILE --stream …`: the events of a trace, one a line. */
import type { CommandModule } from 'yargs';
import { ExitCode, RebekError } from '../base/errors.ts';
import { type DumpedEvent, dumpEvents } from '../trace/dump.ts';
import { describeTrace, type TraceInfo } from '../trace/info.ts';
import { allowIncompleteOption, count, jsonOption, valueOption } from './arguments.ts';
import { address32, addressRange, type FlowArguments, flowKindNames, flowLines } from './dump-flow.ts';
import { formatInput, formatRecord, joinText, toJson } from './dump-format.ts';
import { truthLines } from './dump-truth.ts';
import { usageError } from './errors.ts';
import { output, say } from './output.ts';
import { tellIncomplete } from './trace-report.ts';

const streams = ['input', 'console', 'net', 'debug', 'truth', 'flow'] as const;
type Stream = (typeof streams)[number];
interface Arguments extends FlowArguments {
  file: string;
  stream: Stream;
  from: number | undefined;
  to: number | undefined;
  limit: number | undefined;
  port: number | undefined;
  json: boolean;
  raw: boolean;
  'allow-incomplete': boolean;
}

/** Characters collected before they are written. */
const BATCH = 1 << 16;

export const dumpCommand: CommandModule<object, Arguments> = {
  command: 'dump <file>',
  describe: 'print the events of a trace',
  builder: (yargs) =>
    yargs
      .usage(
        '$0 dump FILE --stream STREAM\n\nPrints what went into the guest, what its consoles said, its network frames, what it ' +
          'reported through I/O port 0xE9, or what was executed.',
      )
      .positional('file', { type: 'string', demandOption: true, describe: 'the trace' })
      .option('stream', {
        choices: streams,
        demandOption: true,
        requiresArg: true,
        describe:
          'input: the log of all that the guest could not know; console: serial ports; net: Ethernet frames; ' +
          'debug: the bytes written to I/O port 0xE9; truth: the same decoded, what ntlet tells of its system calls; ' +
          'flow: basic blocks, interrupts, and changes of the address space (CR3), each with the CR3 it ran with',
      })
      .option('from', valueOption('first guest instruction', count('from')))
      .option('to', valueOption('last guest instruction', count('to')))
      .option('limit', valueOption('so many lines at most', count('limit')))
      .option('port', valueOption('only this serial port or NIC, from 0', count('port', 3)))
      .option('asid', valueOption('flow: only what ran with this CR3', address32('asid')))
      .option(
        'address',
        valueOption(
          'flow: only basic blocks that begin here, or in FIRST-LAST, both inclusive',
          addressRange,
        ),
      )
      .option('kind', { choices: flowKindNames, requiresArg: true, describe: 'flow: only these records' })
      .option('json', {
        ...jsonOption,
        describe: 'one JSON object a line, each event exactly as it is in the trace',
      })
      .option('raw', {
        type: 'boolean',
        default: false,
        describe:
          'console and debug: the bytes that the guest wrote, as they are (it may send your terminal commands)',
      })
      .option('allow-incomplete', allowIncompleteOption)
      .example('$0 dump night.rebek --stream console', 'the session, readable')
      .example('$0 dump night.rebek --stream console --raw > session.txt', 'the bytes')
      .example('$0 dump night.rebek --stream input --from 2e9 --limit 20', 'where it becomes interesting')
      .example('$0 dump night.rebek --stream net --json | jq .bytes', 'frames in hexadecimal')
      .example('$0 dump demo.rebek --stream truth --limit 40', 'what really happened in ntlet, call by call')
      .example(
        '$0 dump night.rebek --stream flow --address 0x80401000-0x80401fff',
        'who ran this page, and when',
      ),
  handler: async (args) => {
    process.exitCode = await dump(args);
  },
};

async function dump(args: Arguments): Promise<ExitCode> {
  checkUsage(args);
  const { file, stream, limit, raw } = args;
  const info = describeTrace(file);
  if (stream === 'debug' || stream === 'truth') tellIfSilent(info);
  if (stream === 'flow') requireFlow(info);
  let pending: (string | Uint8Array)[] = [];
  let size = 0;
  const flush = async (): Promise<void> => {
    const all = raw ? Buffer.concat(pending as Uint8Array[]) : pending.join('');
    pending = [];
    size = 0;
    await output.write(all);
  };
  try {
    for (const piece of first(limit, pieces(args))) {
      pending.push(piece);
      size += piece.length;
      if (size >= BATCH) await flush();
      if (output.closed) return ExitCode.ok;
    }
  } finally {
    // What comes before damage is good.
    await flush();
  }
  const { incomplete } = info;
  return incomplete === undefined ? ExitCode.ok : tellIncomplete(file, incomplete, args['allow-incomplete']);
}

/** @throws RebekError ERR_USAGE: options that do not go together */
function checkUsage({ stream, from, to, limit, port, raw, json, asid, address, kind }: Arguments): void {
  if (raw && json) throw usageError('--raw and --json exclude each other');
  if (raw && stream !== 'console' && stream !== 'debug')
    throw usageError('--raw goes with --stream console or debug only');
  if (port !== undefined && stream !== 'console' && stream !== 'net')
    throw usageError('--port goes with --stream console or net only');
  for (const [name, value] of Object.entries({ asid, address, kind }))
    if (value !== undefined && stream !== 'flow') throw usageError(`--${name} goes with --stream flow only`);
  if (address !== undefined && kind !== undefined && kind !== 'block')
    throw usageError('--address goes with --kind block only');
  if (raw && limit !== undefined)
    throw usageError('--raw and --limit exclude each other', 'end it with `| head -c BYTES`');
  if (from !== undefined && to !== undefined && from > to)
    throw usageError(`--from ${from} lies behind --to ${to}`);
}

/** @throws RebekError ERR_TRACE_NO_FLOW */
function requireFlow({ file, chunks, instructions, complete }: TraceInfo): void {
  if (chunks['FLOW'] !== undefined || instructions === 0) return;
  const killed = complete ? '' : 'its recorder may have been killed before it wrote any; or ';
  throw new RebekError('ERR_TRACE_NO_FLOW', `${file} has no control-flow log`, {
    hint: `${killed}it was recorded with --no-flow, or by an older version; record it again without --no-flow`,
    details: { file },
  });
}

function tellIfSilent({ file, chunks, summary }: TraceInfo): void {
  if (chunks['DBUG'] !== undefined) return;
  const kept = summary === undefined || summary.debug !== undefined;
  const why = kept ? 'its guest wrote nothing to it' : 'its recorder did not keep what went there';
  say(`${file} has nothing from I/O port 0xE9: ${why}`);
}

/** What is printed, bit by bit. */
function pieces(args: Arguments): Iterable<string | Uint8Array> {
  const { file, stream, from, to } = args;
  if (stream === 'truth') return truthLines(file, args);
  if (stream === 'flow') return flowLines(file, args);
  const range = { ...(from !== undefined && { from }), ...(to !== undefined && { to }) };
  return render(filter(dumpEvents(file, { stream, ...range }), args), stream, args);
}

function* first<T>(limit: number | undefined, all: Iterable<T>): Generator<T> {
  let left = limit ?? Number.POSITIVE_INFINITY;
  if (left === 0) return;
  for (const one of all) {
    yield one;
    if (--left === 0) return;
  }
}

function* filter(events: Iterable<DumpedEvent>, { port, raw }: Arguments): Generator<DumpedEvent> {
  for (const event of events) {
    if ('port' in event && port !== undefined && event.port !== port) continue;
    if (raw && 'direction' in event && event.direction === 'in') continue;
    yield event;
  }
}

/** Each event as it is written. */
function* render(
  events: Iterable<DumpedEvent>,
  stream: Exclude<Stream, 'truth' | 'flow'>,
  { json, raw }: Arguments,
): Generator<string | Uint8Array> {
  if (json) for (const event of events) yield `${JSON.stringify(toJson(event))}\n`;
  else if (raw) for (const event of events) yield 'bytes' in event ? event.bytes : '';
  else if (stream === 'console' || stream === 'debug')
    for (const record of joinText(events)) yield `${formatRecord(record, stream)}\n`;
  else
    for (const event of events)
      yield `${'bytes' in event ? formatRecord(event, 'net') : formatInput(event)}\n`;
}
