/** Findings files that are made up: threads whose calls take turns, and findings of moments. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Finding } from '../../../src/hooks/findings.ts';
import { sharedNames } from '../../../src/output/diff/columns.ts';
import { Details, type Difference } from '../../../src/output/diff/details.ts';
import { LineSource } from '../../../src/output/diff/lines.ts';
import { type FindingsSide, readFindings } from '../../../src/output/diff/read.ts';
import { diffSame, type SameDiff } from '../../../src/output/diff/same.ts';

const FUNCTIONS = ['NtReadFile', 'NtWriteFile', 'NtClose', 'NtWaitForSingleObject'] as const;
export const LAST = 10_000_000;

export const header = (more: Record<string, unknown> = {}): Record<string, unknown> => ({
  kind: 'header',
  format: 1,
  rebek: '0.1.0',
  trace: { name: 'x.rebek', recording: 'abc', started: '2026-01-02T03:04:05.000Z', machine: 'm' },
  hooks: ['h'],
  matcher: 'thread-stack',
  ...more,
});

export const end = (findings: number, more: Record<string, unknown> = {}): Record<string, unknown> => ({
  kind: 'end',
  complete: true,
  instructions: LAST,
  findings,
  calls: findings,
  problems: 0,
  missing: [],
  notes: [],
  ...more,
});

export const thread = (key: number): NonNullable<Finding['thread']> => ({ key, tid: 100 + 4 * key });
export const process = (key: number): NonNullable<Finding['process']> => ({
  key: Math.ceil(key / 2),
  pid: 100 + 4 * key,
  ppid: 4,
  name: `p}"${key}ü.exe`,
});

/** @param seeds one for each finding: which thread, which function, and whether it is a call */
export function make(seeds: readonly number[], threads = 4): Finding[] {
  const findings: Finding[] = [];
  for (const [i, seed] of seeds.entries()) {
    const key = (seed % threads) + 1;
    const instruction = 1000 * (i + 1) + (seed % 500) + 300;
    const base = { kind: 'finding', hook: 'h', instruction, time: '2026-01-02T03:04:05.678Z' } as const;
    const who = { process: process(key), thread: thread(key) };
    const text = `finding ${i} \u2028 "quoted" \\ ünï`;
    if (seed % 7 === 0) {
      // Several of one hook at one moment.
      for (let n = 0; n <= seed % 3; n++) findings.push({ ...base, type: 'note', ...who, data: { text, n } });
      continue;
    }
    const name = FUNCTIONS[(seed >>> 3) % FUNCTIONS.length]!;
    const result = seed % 5 === 0 ? {} : { result: seed % 3 === 0 ? 0xc0000005 : i };
    findings.push({
      ...base,
      type: 'call',
      ...who,
      call: {
        number: i + 1,
        name,
        module: 'nt',
        entered: 1000 * (i + 1),
        outcome: seed % 5 === 0 ? 'unwound' : 'returned',
        ...result,
        ...(seed % 11 === 0 && i > 0 && { parent: i }),
      },
      data: { text, arguments: [{ name: 'Handle', value: seed }] },
    });
  }
  return findings;
}

/** As a side whose hooks were others would have it: other numbers of calls, other keys. */
export function renumbered(findings: readonly Finding[], key: (key: number) => number): Finding[] {
  return findings.map(({ process, thread, call, ...rest }) => ({
    ...rest,
    process: process && { ...process, key: key(process.key) },
    thread: thread && { ...thread, key: key(thread.key) },
    ...(call && {
      call: {
        ...call,
        number: call.number + 1000,
        ...(call.parent !== undefined && { parent: call.parent + 1000 }),
        ...(call.caller !== undefined && { caller: { ...call.caller, key: key(call.caller.key) } }),
      },
    }),
  }));
}

export const inOrder = (findings: readonly Finding[]): Finding[] =>
  findings.toSorted((a, b) => a.instruction - b.instruction);

export function write(folder: string, name: string, lines: readonly unknown[]): string {
  const path = join(folder, name);
  writeFileSync(
    path,
    lines.map((line) => `${typeof line === 'string' ? line : JSON.stringify(line)}\n`).join(''),
  );
  return path;
}

export const whole = (findings: readonly unknown[], more: Record<string, unknown> = {}): unknown[] => [
  header(more),
  ...findings,
  end(findings.length),
];

export async function read(path: string): Promise<FindingsSide> {
  const source = await LineSource.open(path);
  try {
    return await readFindings(source, { names: sharedNames(), known: new Set() });
  } finally {
    source.close();
  }
}

/** Everything that the diff of two files says. */
export async function diffFiles(a: string, b: string): Promise<SameDiff & { differences: Difference[] }> {
  const names = sharedNames();
  const known = new Set<number>();
  const sources = [await LineSource.open(a), await LineSource.open(b)] as const;
  try {
    const one = await readFindings(sources[0], { names, known });
    const other = await readFindings(sources[1], { names, known });
    const diff = diffSame(one, other, names);
    const details = new Details(diff.alignment, ...sources);
    const members = diff.causes.flatMap((cause) => cause.members);
    return { ...diff, differences: members.map((member) => details.difference(member)) };
  } finally {
    for (const source of sources) source.close();
  }
}
