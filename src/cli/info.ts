/** `rebek info FILE`: all that a trace tells about itself. */
import type { CommandModule } from 'yargs';
import { describeTrace, type TraceInfo } from '../trace/info.ts';
import { jsonOption } from './arguments.ts';
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatExact,
  formatMemory,
  formatTable,
  mips,
  plural,
} from './format.ts';
import { output } from './output.ts';
import { style } from './style.ts';
import { tellIncomplete } from './trace-report.ts';

interface Arguments {
  file: string;
  json: boolean;
}

export const infoCommand: CommandModule<object, Arguments> = {
  command: 'info <file>',
  describe: 'tell all about a trace without replaying it',
  builder: (yargs) =>
    yargs
      .usage(
        '$0 info FILE\n\nTells what machine was recorded, when, how, how it ended, and what is in the file. That a trace ' +
          'is incomplete is told with a warning; the exit code is 0 all the same.',
      )
      .positional('file', { type: 'string', demandOption: true, describe: 'the trace' })
      .option('json', jsonOption)
      .example('$0 info night.rebek', 'for people')
      .example('$0 info night.rebek --json | jq .meta.machine', 'for programs'),
  handler: async ({ file, json }) => {
    const info = describeTrace(file);
    if (json) await output.json(info);
    else await output.line(describe(info));
    if (info.incomplete !== undefined) tellIncomplete(file, info.incomplete, true);
  },
};

function describe(info: TraceInfo): string {
  const { meta } = info;
  const sections: [string, [string, string][]][] = [
    ['File', fileRows(info)],
    ['Machine', machineRows(info)],
    ['Recording', recordingRows(info)],
  ];
  const parts = sections.map(([name, rows]) => `${heading(name)}\n${formatTable(rows)}`);
  parts.push(`${heading('Images')}\n${meta.images.map(imageLine).join('\n') || '  none'}`);
  parts.push(`${heading('Chunks')}\n${chunkTable(info)}`);
  return parts.join('\n\n');
}

const heading = (text: string): string => style(process.stdout, 'bold', text);

function fileRows(info: TraceInfo): [string, string][] {
  return [
    ['name', info.file],
    ['size', `${formatBytes(info.size)} (${formatExact(info.size)} bytes)`],
    ['format', info.format],
    ['id', info.id],
    ['chain', info.chain ?? 'none: the trace is incomplete'],
    ['complete', info.incomplete === undefined ? 'yes' : `NO: ${info.incomplete.reason}`],
    ['codec here', `${info.codec.name}: ${info.codec.reason}`],
  ];
}

function machineRows({ meta }: TraceInfo): [string, string][] {
  const { machine, engine, layout, start } = meta;
  const boot = machine['boot'] as { kind?: string; cmdline?: string } | undefined;
  const nic = machine['nic'] as { model?: string; mac?: string } | undefined;
  const from = start === 'power-on' ? 'power-on' : `the saved state ${start.state}\nSHA-256 ${start.sha256}`;
  return [
    ['name', `${machine['name']} (${machine['source']})`],
    ['memory', formatMemory(layout.ramBytes)],
    ['boot', [boot?.kind, boot?.cmdline].filter(Boolean).join(': ')],
    ['network', [nic?.model, nic?.mac].filter(Boolean).join(' ')],
    ['starts from', from],
    [
      'engine',
      `${engine.name} ${engine.version}, ${formatBytes(engine.bytes)}, in the trace\nSHA-256 ${engine.sha256}`,
    ],
  ];
}

function recordingRows(info: TraceInfo): [string, string][] {
  const { meta, summary, instructions } = info;
  const { logBitsPerInstruction: bits, flowBitsPerInstruction: flow } = info;
  const { host, recorder } = meta;
  const rows: [string, string][] = [
    ['began', new Date(meta.started).toISOString()],
    [
      'by',
      `${recorder.name} ${recorder.version}, Node ${host.node}, V8 ${host.v8}, ${host.platform} ${host.arch}, ${host.codec}`,
    ],
    ['instructions', `${formatExact(instructions)}${summary === undefined ? ' or more' : ''}`],
    ['log', bits === undefined ? 'empty' : `${bits.toFixed(4)} bit per instruction`],
    ['control flow', flow === undefined ? 'not logged' : `${flow.toFixed(4)} bit per instruction`],
  ];
  if (summary === undefined) return rows;
  const ms = summary.wallNs / 1e6;
  rows.push(
    ['took', `${formatDuration(ms)} (${mips(instructions, ms).toFixed(1)} MIPS)`],
    ['end', `${summary.end}: ${summary.note}`],
    ['events', `${formatExact(summary.events)}, and ${formatCount(summary.outputs)} outputs`],
    ['console', plural(summary.console, 'byte')],
    ['network', plural(summary.frames, 'frame')],
  );
  if (summary.debug) rows.push(['debug port', plural(summary.debug, 'byte')]);
  rows.push(['compiled', `${plural(summary.compiled, 'piece')} of guest code`]);
  if (summary.final !== null)
    rows.push([
      'final state',
      Object.entries(summary.final)
        .map(([k, v]) => `${k} ${v}`)
        .join('\n'),
    ]);
  return rows;
}

const imageLine = ({ role, name, bytes, sha256 }: TraceInfo['meta']['images'][number]): string =>
  `  ${role.padEnd(10)}  ${name}, ${formatBytes(bytes)}\n${' '.repeat(14)}SHA-256 ${sha256}`;

function chunkTable({ chunks, size }: TraceInfo): string {
  const rows = Object.entries(chunks).map(([type, { chunks: number, fileBytes, plainBytes }]) => [
    type,
    formatExact(number),
    formatBytes(fileBytes),
    formatBytes(plainBytes),
    `${((fileBytes / size) * 100).toFixed(1)} %`,
  ]);
  const all = [['type', 'chunks', 'in the file', 'unpacked', 'share'], ...rows];
  const width = all[0]!.map((_, i) => Math.max(...all.map((row) => row[i]!.length)));
  return all
    .map(
      (row) =>
        `  ${row.map((cell, i) => (i === 0 ? cell.padEnd(width[i]!) : cell.padStart(width[i]!))).join('  ')}`,
    )
    .join('\n');
}
