/**
 * `node dist/tools/bench/diff.js [FINDINGS]`: how long `rebek diff` takes for two files of that many findings (a million), in
 * which one in a hundred differs, and the memory that it needs. The files are made up, and taken away again.
 */
import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, statSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const count = Number(process.argv[2] ?? 1_000_000);
const folder = mkdtempSync(join(tmpdir(), 'rebek-bench-'));
const last = 1000 * count + 10_000;

function finding(i: number, other: boolean): unknown {
  const key = (i % 64) + 1;
  const text = `NtReadFile(FileHandle=0x${(i % 4096).toString(16)}, Length=${i}) = STATUS_SUCCESS`;
  const named = (name: string, value: number) => ({ name, type: 'ULONG', value, text: `${name}=${value}` });
  return {
    kind: 'finding',
    hook: 'syscalls',
    type: 'syscall',
    instruction: 1000 * i + 700 + (other && i % 100 === 0 ? 7 : 0),
    time: new Date(1.7e12 + i).toISOString(),
    process: { key: Math.ceil(key / 2), pid: 4 * key, ppid: 4, name: 'cmd.exe' },
    thread: { key, tid: 4 * key },
    call: {
      number: i + 1,
      name: 'NtReadFile',
      module: 'ntoskrnl.exe',
      entered: 1000 * i,
      outcome: 'returned',
      result: 0,
    },
    data: {
      line: true,
      text,
      arguments: [named('FileHandle', i % 4096), named('Length', i)],
      resultText: 'STATUS_SUCCESS',
    },
  };
}

function write(name: string, other: boolean): string {
  const path = join(folder, name);
  const file = openSync(path, 'w');
  const trace = { name: 'x.rebek', recording: 'abc', started: '2026-01-02T03:04:05.000Z', machine: 'm' };
  const header = {
    kind: 'header',
    format: 1,
    rebek: '0',
    trace,
    hooks: ['syscalls'],
    matcher: 'thread-stack',
  };
  writeSync(file, `${JSON.stringify(header)}\n`);
  for (let i = 0; i < count; ) {
    const lines: string[] = [];
    for (const to = Math.min(count, i + 10_000); i < to; i++) lines.push(JSON.stringify(finding(i, other)));
    writeSync(file, `${lines.join('\n')}\n`);
  }
  const counts = { instructions: last, findings: count, calls: count, problems: 0 };
  writeSync(file, `${JSON.stringify({ kind: 'end', complete: true, ...counts, missing: [], notes: [] })}\n`);
  closeSync(file);
  return path;
}

try {
  const [a, b] = [write('a.jsonl', false), write('b.jsonl', true)];
  const main = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));
  const measured = `process.on('exit', () => console.error('peak', process.resourceUsage().maxRSS >> 10));`;
  const began = performance.now();
  const run = spawnSync(
    process.execPath,
    ['--import', `data:text/javascript,${encodeURIComponent(measured)}`, main, 'diff', a, b, '--limit', '1'],
    { encoding: 'utf8' },
  );
  const seconds = (performance.now() - began) / 1000;
  if (run.status !== 1) throw new Error(`diff ended with ${run.status}: ${run.stderr}`);
  const peak = /peak (\d+)/.exec(run.stderr)?.[1];
  const bytes = statSync(a).size / count;
  console.log(
    `${count.toLocaleString('en-US')} findings of ${bytes.toFixed(0)} bytes a side: ${seconds.toFixed(1)} s, ${peak} MiB`,
  );
  console.log(run.stdout.split('\n').slice(2, 3).join('\n'));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
