/** What the control-flow log costs: in time while recording, in bits, and to read. */

import type { Measure } from './hooks.ts';
import type { Measured } from './once.ts';

export interface FlowCost {
  readonly workload: string;
  readonly plainSeconds: number;
  readonly recordSeconds: number;
  readonly flowSeconds: number;
  readonly replaySeconds: number;
  readonly compareSeconds: number;
  readonly records: number;
  readonly bitsPerInstruction: number;
  readonly bitsPerRecord: number;
  /** Records read a second, millions. */
  readonly decodeM: number;
  readonly peakMiB: number;
}

const MODES = ['plain', 'record', 'replay', 'recordFlow', 'replayFlow', 'decode'] as const;

/** The best of some rounds, all modes in turn in each. */
export function benchFlow(measure: Measure, workload: string, rounds: number): FlowCost {
  const runs = MODES.map((): Measured[] => []);
  for (let round = 0; round < rounds; round++) {
    for (const [i, mode] of MODES.entries()) runs[i]!.push(measure(mode, workload));
  }
  const best = (mode: (typeof MODES)[number]): number =>
    Math.min(...runs[MODES.indexOf(mode)]!.map(({ seconds }) => seconds));
  const [recorded, decoded] = [
    runs[MODES.indexOf('recordFlow')]!.at(-1)!,
    runs[MODES.indexOf('decode')]!.at(-1)!,
  ];
  const bits = 8 * (recorded.flowBytes ?? 0);
  const records = decoded.flowRecords ?? 0;
  return {
    workload,
    plainSeconds: best('plain'),
    recordSeconds: best('record'),
    flowSeconds: best('recordFlow'),
    replaySeconds: best('replay'),
    compareSeconds: best('replayFlow'),
    records,
    bitsPerInstruction: bits / recorded.instructions,
    bitsPerRecord: bits / records,
    decodeM: records / best('decode') / 1e6,
    peakMiB: Math.max(...runs[MODES.indexOf('recordFlow')]!.map(({ peakMiB }) => peakMiB)),
  };
}

/** As a Markdown table. */
export function flowTable(cost: FlowCost, what: string): string {
  const { plainSeconds: plain } = cost;
  const time = (seconds: number): string =>
    `${seconds.toFixed(1)} s (${(seconds / plain).toFixed(2)} × plain)`;
  const rows = [
    ['', what],
    ['---', '---'],
    ['plain v86', `${plain.toFixed(1)} s`],
    ['recording without control flow', time(cost.recordSeconds)],
    ['recording with it', time(cost.flowSeconds)],
    ['replaying without it', time(cost.replaySeconds)],
    ['replaying and comparing it', time(cost.compareSeconds)],
    ['records', `${(cost.records / 1e9).toFixed(2)} G`],
    [
      'in the trace',
      `${cost.bitsPerInstruction.toFixed(3)} bit/instruction, ${cost.bitsPerRecord.toFixed(2)} bit/record`,
    ],
    ['reading it', `${cost.decodeM.toFixed(0)} M records/s`],
    ['peak memory of recording with it', `${cost.peakMiB.toFixed(0)} MiB`],
  ];
  return rows.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
