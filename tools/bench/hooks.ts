/** What hooks cost: replays of one recording with more and more of them, in turn with replays without. */
import type { Measured } from './once.ts';

/** Measures a mode on a workload once. */
export type Measure = (mode: string, workload: string) => Measured;

interface Row {
  readonly what: string;
  readonly workload: 'debian' | 'calls';
  readonly mode: string;
}

const ROWS: readonly Row[] = [
  { what: 'no probes (`rebek replay`)', workload: 'debian', mode: 'replay' },
  { what: 'probes, no hooks', workload: 'debian', mode: 'probes' },
  { what: '1,000 hooks, cold', workload: 'debian', mode: 'cold1000' },
  { what: '10,000 hooks, cold', workload: 'debian', mode: 'cold10000' },
  { what: 'no probes (`rebek replay`)', workload: 'calls', mode: 'replay' },
  { what: 'probes, no hooks', workload: 'calls', mode: 'probes' },
  { what: '`sys_read`, empty handlers', workload: 'calls', mode: 'hot' },
  { what: '`pack:syscalls`', workload: 'calls', mode: 'syscalls' },
];

export interface HookCost {
  readonly what: string;
  readonly workload: string;
  readonly seconds: number;
  /** Times the replay with probes and no hooks, of the same workload. */
  readonly ratio: number;
  readonly calls: number;
  /** A call's entry and end, µs beyond that replay. */
  readonly callUs: number | undefined;
  readonly peakMiB: number;
}

/** The best of some rounds, each of all rows in turn. */
export function benchHooks(measure: Measure, rounds: number): HookCost[] {
  for (const workload of ['debian', 'calls']) measure('record', workload);
  const runs = ROWS.map((): Measured[] => []);
  for (let round = 0; round < rounds; round++) {
    for (const [i, { mode, workload }] of ROWS.entries()) runs[i]!.push(measure(mode, workload));
  }
  const seconds = runs.map((list) => Math.min(...list.map((one) => one.seconds)));
  return ROWS.map(({ what, workload }, i) => {
    const base = seconds[ROWS.findIndex((row) => row.workload === workload && row.mode === 'probes')]!;
    const calls = runs[i]![0]!.calls ?? 0;
    const callUs = calls > 10_000 ? ((seconds[i]! - base) / calls) * 1e6 : undefined;
    const peakMiB = Math.max(...runs[i]!.map((one) => one.peakMiB));
    return { what, workload, seconds: seconds[i]!, ratio: seconds[i]! / base, calls, callUs, peakMiB };
  });
}

/** As a Markdown table. */
export function hookTable(costs: readonly HookCost[], describe: (workload: string) => string): string {
  const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const head = ['workload', 'hooks', 'replay', 'to no hooks', 'calls', 'an entry and its end', 'peak memory'];
  const lines = costs.map(({ what, workload, seconds, ratio, calls, callUs, peakMiB }) =>
    row([
      describe(workload),
      what,
      `${seconds.toFixed(1)} s`,
      `${ratio.toFixed(2)} ×`,
      calls === 0 ? '' : calls.toLocaleString('en-US'),
      callUs === undefined ? '' : `${callUs.toFixed(2)} µs`,
      `${peakMiB.toFixed(0)} MiB`,
    ]),
  );
  return [row(head), row(head.map(() => '---')), ...lines].join('\n');
}
