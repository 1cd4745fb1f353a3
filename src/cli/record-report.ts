/** What is said while a recording runs and when it is over. */

import type { RecordingStatus } from '../record/recording.ts';
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatExact,
  formatTable,
  mips,
  plural,
} from './format.ts';
import type { SessionResult } from './record-session.ts';
import { quote, self } from './self.ts';
import { style } from './style.ts';

/** Speed over the last seconds, not since the start: a guest that waits executes little. */
export class SpeedMeter {
  private readonly samples = [{ at: 0, instructions: 0 }];

  /** @returns million instructions a second */
  update(instructions: number, at: number): number {
    this.samples.push({ at, instructions });
    while (this.samples.length > 2 && at - this.samples[1]!.at > 2000) this.samples.shift();
    const first = this.samples[0]!;
    return mips(instructions - first.instructions, at - first.at);
  }
}

/** `1:05 min · 512 M instructions · 48.3 MIPS · trace 12.3 MB` */
export function formatStatus(status: RecordingStatus, speed: number): string {
  return [
    formatDuration(status.wallMs),
    `${formatCount(status.instructions)} instructions`,
    `${speed.toFixed(1)} MIPS`,
    `trace ${formatBytes(status.bytes)}`,
  ].join(' · ');
}

/** The facts about a finished recording, for `--json`. */
export function sessionJson({ trace, end, script }: SessionResult): object {
  const wallMs = trace.wallNs / 1e6;
  return {
    file: trace.path,
    bytes: trace.bytes,
    chain: trace.chain,
    instructions: trace.instructions,
    wallMs,
    mips: mips(trace.instructions, wallMs),
    events: trace.events,
    outputs: trace.outputs,
    consoleBytes: trace.console,
    frames: trace.frames,
    debugBytes: trace.debug ?? 0,
    end: end.reason,
    note: end.note,
    final: trace.final,
    ...(script && { script }),
  };
}

/** The same in plain words. */
export function sessionSummary(result: SessionResult): string {
  const { trace, end, script } = result;
  const wallMs = trace.wallNs / 1e6;
  const rows: [string, string][] = [
    ['trace', `${trace.path}, ${formatBytes(trace.bytes)}`],
    [
      'recorded',
      `${formatExact(trace.instructions)} instructions in ${formatDuration(wallMs)} (${mips(trace.instructions, wallMs).toFixed(1)} MIPS)`,
    ],
    [
      'events',
      [
        `${plural(trace.events, 'event')} in the log`,
        plural(trace.console, 'console byte'),
        plural(trace.frames, 'network frame'),
        ...(trace.debug ? [plural(trace.debug, 'debug port byte')] : []),
      ].join(', '),
    ],
  ];
  // A failure is told by itself, after this.
  if (end.failure === undefined) rows.push(['end', end.note]);
  if (script !== undefined && !script.finished && end.failure === undefined) {
    rows.push(['script', `not finished: it was at line ${script.line}`]);
  }
  rows.push(
    ['chain', trace.chain],
    ['replay it', style(process.stderr, 'cyan', `${self()} replay ${quote(trace.path)}`)],
  );
  return formatTable(rows);
}
