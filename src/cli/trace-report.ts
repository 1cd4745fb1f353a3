/** What several commands say about a replayed trace. */
import { ExitCode } from '../base/errors.ts';
import type { IncompleteInfo, ReplayResult } from '../replay/replay.ts';
import { warn } from './errors.ts';
import { formatCount, formatDuration, formatExact, formatSpeed, plural } from './format.ts';

/** Says that a trace is only a beginning, and returns the exit code for that. */
export function tellIncomplete(
  file: string,
  incomplete: IncompleteInfo | undefined,
  allowed: boolean,
): ExitCode {
  const where =
    incomplete === undefined
      ? 'it has no summary'
      : `${incomplete.reason} (good up to offset ${incomplete.offset}, chunk ${incomplete.chunk} is missing)`;
  warn(`${file} is INCOMPLETE: ${where}`);
  return allowed ? ExitCode.ok : ExitCode.damaged;
}

/** What was compared of the bytes at I/O port 0xE9; nothing where there were none. */
function debugRows({ debug }: ReplayResult): [string, string][] {
  if (debug === undefined || debug.bytes + debug.beyond === 0) return [];
  const same = `${plural(debug.bytes, 'byte')} in ${plural(debug.records, 'record')}, written again at the same instructions`;
  const beyond = debug.beyond === 0 ? '' : `; ${plural(debug.beyond, 'byte')} lie behind the end of the log`;
  return [['debug port', `${same}${beyond}`]];
}

/** What was compared of the control-flow log; nothing where there is none. */
function flowRows({ flow }: ReplayResult): [string, string][] {
  if (flow === undefined) return [];
  const beyond = flow.beyond === 0 ? '' : `; ${plural(flow.beyond, 'record')} lie behind the end of the log`;
  return [['control flow', `${formatExact(flow.blocks)} basic blocks, in the order of the log${beyond}`]];
}

/** The rows of a table about a replay. */
export function replayRows(result: ReplayResult): [string, string][] {
  const { instructions, wallMs } = result;
  const final = result.finalChecked
    ? 'registers, RAM and video memory are those of the recording'
    : 'not compared: the trace does not tell';
  return [
    [
      'executed',
      `${formatExact(instructions)} instructions in ${formatDuration(wallMs)} (${formatSpeed(instructions, wallMs)})`,
    ],
    ['from the log', `${formatExact(result.events)} events; ${formatCount(result.outputs)} outputs compared`],
    [
      'state hashes',
      result.hashesChecked === 0 ? 'none in so short a log' : `${result.hashesChecked}, all as recorded`,
    ],
    ...debugRows(result),
    ...flowRows(result),
    ['final state', final],
    ['end', `${result.end}: ${result.note}`],
  ];
}
