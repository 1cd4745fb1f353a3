/**
 * `npm run bench [-- --rounds N] [--json] [WORKLOAD …]`: what recording and replaying cost, as ratios to plain
 * v86 on the same machine in the same run. Each measurement is a process of its own; plain, record and replay
 * take turns, so that a machine whose speed drifts favours none of them. Of all rounds the best time counts: what else
 * the machine does only ever adds to it.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { findBuiltin } from '../../src/machine/builtin.ts';
import { benchFlow, flowTable } from './flow.ts';
import { benchHooks, hookTable } from './hooks.ts';
import type { Measured } from './once.ts';
import { workload } from './workloads.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: 'string', default: '4' }, json: { type: 'boolean', default: false } },
});
const rounds = Number(values.rounds);
if (!Number.isInteger(rounds) || rounds < 1) {
  console.error(`--rounds: expected a whole number above 0, found '${values.rounds}'`);
  process.exit(2);
}
const names = positionals.length > 0 ? positionals : ['debian', 'ports', 'vga', 'flow', 'hooks'];
const folder = mkdtempSync(join(tmpdir(), 'rebek-bench-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

const once = fileURLToPath(new URL('./once.js', import.meta.url));
function measure(mode: string, name: string): Measured {
  const run = spawnSync(process.execPath, [once, mode, name, join(folder, `${name}.rebek`)], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (run.status !== 0) throw new Error(`${mode} ${name} failed with status ${run.status}`);
  const measured = JSON.parse(run.stdout) as Measured;
  console.error(`${name} ${mode}: ${measured.seconds.toFixed(1)} s, ${mips(measured).toFixed(0)} MIPS`);
  return measured;
}

const mips = (m: Measured): number => m.instructions / m.seconds / 1e6;
const debian = findBuiltin('debian')!.builder!;
if (
  names.some((name) => ['debian', 'flow', 'hooks'].includes(name)) &&
  (await debian.built()) === undefined
) {
  console.error('building the debian guest first');
  await debian.build();
}

const report = [];
for (const name of names.filter((each) => each !== 'hooks' && each !== 'flow')) {
  const runs: Record<'plain' | 'record' | 'replay', Measured[]> = { plain: [], record: [], replay: [] };
  for (let round = 0; round < rounds; round++) {
    for (const mode of ['plain', 'record', 'replay'] as const) runs[mode].push(measure(mode, name));
  }
  const best = (mode: keyof typeof runs): number => Math.min(...runs[mode].map((m) => m.seconds));
  const [plain, record, replay] = [best('plain'), best('record'), best('replay')];
  const recorded = runs.record[0]!;
  const crossings = recorded.events! + recorded.outputs!;
  report.push({
    workload: name,
    what: workload(name).what,
    instructions: recorded.instructions,
    crossingsPerSecond: crossings / plain,
    plainSeconds: plain,
    recordSeconds: record,
    replaySeconds: replay,
    recordToPlain: record / plain,
    crossingNs: ((record - plain) / crossings) * 1e9,
    replayToRecord: replay / record,
    bitsPerInstruction: recorded.bitsPerInstruction!,
    traceMB: recorded.traceBytes! / 1e6,
    recordPeakMiB: Math.max(...runs.record.map((m) => m.peakMiB)),
    replayPeakMiB: Math.max(...runs.replay.map((m) => m.peakMiB)),
  });
}

const flow = names.includes('flow') ? benchFlow(measure, 'debian', rounds) : undefined;
const hooks = names.includes('hooks') ? benchHooks(measure, rounds) : [];

if (values.json)
  console.log(
    JSON.stringify({ node: process.version, cpu: cpus()[0]?.model, rounds, report, flow, hooks }, null, 2),
  );
else {
  const row = (cells: string[]): string => `| ${cells.join(' | ')} |`;
  console.log(`Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model}, best of ${rounds} rounds\n`);
  const head = [
    'workload',
    'instructions',
    'crossings/s',
    'plain',
    'recording',
    'a crossing costs',
    'replaying',
    'log',
    'trace',
    'peak memory of replay',
  ];
  if (report.length > 0) console.log([row(head), row(head.map(() => '---'))].join('\n'));
  for (const r of report) {
    const cells = [
      r.what,
      `${(r.instructions / 1e9).toFixed(2)} G`,
      `${(r.crossingsPerSecond / 1e6).toFixed(2)} M`,
      `${r.plainSeconds.toFixed(1)} s`,
      `${r.recordSeconds.toFixed(1)} s (${r.recordToPlain.toFixed(2)} × plain)`,
      // Where crossings are rare, the difference is noise.
      r.crossingsPerSecond > 1e6
        ? `${r.crossingNs.toFixed(0)} ns (${(r.crossingNs * 0.2).toFixed(0)} % at 2 M/s)`
        : '',
      `${r.replaySeconds.toFixed(1)} s (${r.replayToRecord.toFixed(2)} × recording)`,
      `${r.bitsPerInstruction.toFixed(4)} bit/instruction`,
      `${r.traceMB.toFixed(1)} MB`,
      `${r.replayPeakMiB.toFixed(0)} MiB`,
    ];
    console.log(row(cells));
  }
  if (flow !== undefined) console.log(`\n${flowTable(flow, workload('debian').what)}`);
  if (hooks.length > 0) console.log(`\n${hookTable(hooks, (name) => workload(name).what)}`);
}
