/** `rebek dump FILE --stream …`: the events of a trace, one a line. */
import type { CommandModule } from 'yargs';
import { ExitCode } from '../base/errors.ts';
import { ChunkType } from '../trace/chunk-types.ts';
import { type DumpedEvent, type DumpOptions, eventParts, type SideStream } from '../trace/dump.ts';
import { describeTrace, type TraceInfo } from '../trace/info.ts';
import type { InputKind, NumberRange } from '../trace/input-scan.ts';
import type { TraceFile } from '../trace/trace-file.ts';
import { allowIncompleteOption, count, jsonOption, repeated, valueOption } from './arguments.ts';
import { address32, addressRange, type FlowArguments, flowKindNames, flowLines } from './dump-flow.ts';
import { formatInput, formatRecord, joinText, toJson } from './dump-format.ts';
import { inputKindNames, inputQuery, portRange } from './dump-input.ts';
import { type FlowNames, loadNames, type NameArguments } from './dump-names.ts';
import { truthLines } from './dump-truth.ts';
import { usageError } from './errors.ts';
import { LongOutput } from './long-output.ts';
import { openTrace } from './open-trace.ts';
import { say } from './output.ts';
import { requireFlow } from './require-flow.ts';
import { interruptible } from './signals.ts';
import { checkSpan, resolveSpan, type SpanArguments, spanOptions } from './span.ts';
import { tellIncomplete } from './trace-report.ts';

const streams = ['input', 'console', 'net', 'debug', 'truth', 'flow'] as const;
type Stream = (typeof streams)[number];
interface Arguments extends Pick<FlowArguments, 'asid' | 'address'>, NameArguments, SpanArguments {
  file: string;
  stream: Stream;
  limit: number | undefined;
  port: NumberRange | undefined;
  kind: string[] | undefined;
  eip: boolean;
  json: boolean;
  raw: boolean;
  'allow-incomplete': boolean;
}

/** Serial ports, and NICs. */
const MOST_PORTS = 4;

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
      .options(spanOptions)
      .option('limit', valueOption('so many lines at most', count('limit')))
      .option(
        'port',
        valueOption(
          'console, net: only this serial port or NIC, from 0; input: only this I/O port, or FIRST-LAST',
          portRange,
        ),
      )
      .option(
        'asid',
        valueOption('flow: only what ran with this CR3; input: only what came in with it', address32('asid')),
      )
      .option('eip', {
        type: 'boolean',
        default: true,
        describe:
          'input: tell the instruction that took it in, and CR3, from the control-flow log; reading that takes time, and ' +
          '--no-eip leaves it out',
      })
      .option(
        'address',
        valueOption(
          'flow: only basic blocks that begin here, or in FIRST-LAST, both inclusive; input: only accesses to this ' +
            'guest-physical address by MMIO or DMA',
          addressRange,
        ),
      )
      .option('process', valueOption('flow: only what this process ran, by name or pid', name('process')))
      .option(
        'symbol',
        valueOption('flow: only blocks in this function: sys_read, libc.so.6!read, nt!Nt*', name('symbol')),
      )
      .option('names', {
        type: 'boolean',
        default: false,
        describe: 'flow: tell who ran, and the function that a block is in',
      })
      .option('kind', {
        type: 'string',
        requiresArg: true,
        describe: `only these, with commas or again and again; flow: ${flowKindNames.join(', ')}; input: ${inputKindNames.join(', ')}`,
        coerce: kinds,
      })
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
      .example('$0 dump night.rebek --stream input --from 2G --limit 20', 'where it becomes interesting')
      .example(
        '$0 dump night.rebek --stream input --kind port --port 0x3f8',
        'COM1’s registers as it read them',
      )
      .example('$0 dump night.rebek --stream input --asid 0x00415000', 'what this address space took in')
      .example('$0 dump night.rebek --stream net --from 01:14:02 --to 01:15', 'in these two minutes, UTC')
      .example('$0 dump night.rebek --stream net --json | jq .bytes', 'frames in hexadecimal')
      .example('$0 dump demo.rebek --stream truth --limit 40', 'what really happened in ntlet, call by call')
      .example(
        '$0 dump night.rebek --stream flow --address 0x80401000-0x80401fff',
        'who ran this page, and when',
      )
      .example(
        '$0 dump night.rebek --stream flow --process httpd --symbol sys_openat --names',
        'each time it opened a file',
      ),
  handler: async (args) => {
    process.exitCode = await dump(args);
  },
};

async function dump(args: Arguments): Promise<ExitCode> {
  checkUsage(args);
  const { file, stream, limit } = args;
  const trace = openTrace(file);
  try {
    const info = describeTrace(trace);
    const span = resolveSpan(trace, args);
    if (stream === 'debug' || stream === 'truth') tellIfSilent(info);
    if (stream === 'flow' || (stream === 'input' && args.asid !== undefined)) requireFlow(info);
    const eip = args.eip && info.chunks[ChunkType.flow] !== undefined;
    const named = await interruptible((signal) => loadNames(trace, args, signal));
    await print(first(limit, pieces(trace, { ...args, ...span, from: span.from, to: span.to, named, eip })), {
      // What numbers stand for is told only once: of the truth, all is read.
      from: stream === 'truth' ? 0 : (span.from ?? 0),
      to: Math.min(span.to ?? info.instructions, info.instructions),
    });
    const { incomplete } = info;
    return incomplete === undefined
      ? ExitCode.ok
      : tellIncomplete(file, incomplete, args['allow-incomplete']);
  } finally {
    trace.close();
  }
}

/** Prints lines; numbers among them are the instruction count up to which has been read. */
async function print(all: Iterable<string | Uint8Array | number>, span: { from: number; to: number }) {
  const output = new LongOutput(span);
  try {
    for (const piece of all) {
      if (typeof piece === 'number') await output.turn(piece);
      else if (output.add(piece)) await output.turn();
      if (output.closed) return;
    }
  } finally {
    // What comes before damage, or before it was given up, is good.
    await output.end();
  }
}

/** @throws RebekError ERR_USAGE: options that do not go together */
function checkUsage(args: Arguments): void {
  const { stream, limit, port, raw, json, asid, address, kind } = args;
  if (raw && json) throw usageError('--raw and --json exclude each other');
  if (raw && stream !== 'console' && stream !== 'debug')
    throw usageError('--raw goes with --stream console or debug only');
  if (port !== undefined && stream !== 'console' && stream !== 'net' && stream !== 'input')
    throw usageError('--port goes with --stream console, net or input only');
  if (port !== undefined && stream !== 'input' && (port.first !== port.last || port.last >= MOST_PORTS))
    throw usageError(`--port: with --stream ${stream}, expected a number from 0 to ${MOST_PORTS - 1}`);
  if (asid !== undefined && stream !== 'flow' && stream !== 'input')
    throw usageError('--asid goes with --stream flow or input only');
  if (asid !== undefined && stream === 'input' && !args.eip)
    throw usageError('--asid and --no-eip exclude each other');
  for (const [name, value] of Object.entries({ address, kind }))
    if (value !== undefined && stream !== 'flow' && stream !== 'input')
      throw usageError(`--${name} goes with --stream flow or input only`);
  if ((args.process ?? args.symbol ?? (args.names || undefined)) !== undefined && stream !== 'flow')
    throw usageError('--process, --symbol and --names go with --stream flow only');
  if (args.symbol !== undefined && address !== undefined)
    throw usageError('--symbol and --address exclude each other');
  if (args.symbol !== undefined && kind !== undefined && !kind.includes('block'))
    throw usageError('--symbol goes with --kind block only');
  if (kind !== undefined) checkKinds(kind, stream === 'flow' ? flowKindNames : inputKindNames);
  if (stream === 'flow' && address !== undefined && kind !== undefined && !kind.includes('block'))
    throw usageError('with --stream flow, --address goes with --kind block only');
  if (stream === 'input') inputOptions(args);
  if (raw && limit !== undefined)
    throw usageError('--raw and --limit exclude each other', 'end it with `| head -c BYTES`');
  checkSpan(args);
}

function checkKinds(kinds: readonly string[], names: readonly string[]): void {
  for (const kind of kinds)
    if (!names.includes(kind)) throw usageError(`--kind: expected ${names.join(', ')}, found '${kind}'`);
}

const name =
  (option: string) =>
  (value: string): string => {
    if (value !== '') return value;
    throw usageError(`--${option}: expected a name, found nothing`);
  };

const kinds = (last: string | undefined): string[] | undefined =>
  last === undefined ? undefined : repeated('kind').flatMap((value) => value.split(','));

const inputOptions = ({ port, address, kind }: Pick<Arguments, 'port' | 'address' | 'kind'>) =>
  inputQuery({ kinds: kind as InputKind[] | undefined, ports: port, addresses: address });

function tellIfSilent({ file, chunks, summary }: TraceInfo): void {
  if (chunks['DBUG'] !== undefined) return;
  const kept = summary === undefined || summary.debug !== undefined;
  const why = kept ? 'its guest wrote nothing to it' : 'its recorder did not keep what went there';
  say(`${file} has nothing from I/O port 0xE9: ${why}`);
}

/** Numbers are where the reading is; the others are printed. */
type Piece = string | Uint8Array | number;
type Resolved = Omit<Arguments, 'from' | 'to' | 'names'> & {
  from: number | undefined;
  to: number | undefined;
  named: FlowNames | undefined;
};

/** What is printed, bit by bit. */
function pieces(trace: TraceFile, args: Resolved): Iterable<Piece> {
  const { stream, from, to } = args;
  if (stream === 'truth') return truthLines(trace.path, args);
  if (stream === 'flow') return flowLines(trace, { ...args, kind: args.kind as FlowArguments['kind'] });
  const options: DumpOptions = {
    stream,
    ...(from !== undefined && { from }),
    ...(to !== undefined && { to }),
    ...(stream === 'input' && { ...inputOptions(args), places: args.eip }),
  };
  return render(wanted(trace, options, args), stream, args);
}

function* first(limit: number | undefined, all: Iterable<Piece>): Generator<Piece> {
  let left = limit ?? Number.POSITIVE_INFINITY;
  if (left === 0) return;
  for (const one of all) {
    yield one;
    if (typeof one !== 'number' && --left === 0) return;
  }
}

function* wanted(
  trace: TraceFile,
  options: DumpOptions,
  { port, raw, asid, stream }: Resolved,
): Generator<DumpedEvent | number> {
  let found = 0;
  for (const { instruction, events } of eventParts(trace, options)) {
    yield instruction;
    for (const event of events) {
      if ('port' in event && port !== undefined && event.port !== port.first) continue;
      if (asid !== undefined && stream === 'input' && (!('asid' in event) || event.asid !== asid)) continue;
      if (raw && 'direction' in event && event.direction === 'in') continue;
      yield event;
      if ((++found & 0xfff) === 0) yield event.instruction;
    }
  }
}

/** Each event as it is written. */
function* render(
  events: Iterable<DumpedEvent | number>,
  stream: Exclude<Stream, 'truth' | 'flow'>,
  { json, raw, eip }: Resolved,
): Generator<Piece> {
  const lines = !json && !raw && (stream === 'console' || stream === 'debug');
  for (const event of lines ? joinText(events) : events) {
    if (typeof event === 'number') yield event;
    else if (json) yield `${JSON.stringify(toJson(event))}\n`;
    else if (!('bytes' in event)) yield `${formatInput(event, eip)}\n`;
    else if (raw) yield event.bytes;
    else yield `${formatRecord(event, stream as SideStream)}\n`;
  }
}
