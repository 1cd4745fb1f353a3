/** `rebek dump --stream flow` on a recording of ntlet, and on a trace made up to have every kind of record. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { openContainer } from '../../src/trace/container-reader.ts';
import { ContainerWriter } from '../../src/trace/container-writer.ts';
import { FlowEncoder } from '../../src/trace/flow-codec.ts';
import { dumpFlow, type FlowQuery } from '../../src/trace/flow-dump.ts';
import { describeTrace } from '../../src/trace/info.ts';
import { TraceFile } from '../../src/trace/trace-file.ts';
import { recordNtlet } from '../support/ntlet.ts';
import { root, temporaryFolder } from '../support/probe.ts';
import { rewriteTrace } from '../support/rewrite.ts';
import { type Result, rebek, refused } from './support.ts';

const probe = join(root, 'traces/probe.rebek');
const dump = (file: string, ...args: string[]) => rebek(['dump', file, '--stream', 'flow', ...args]);

interface Told {
  instruction: number;
  asid: number;
  kind: string | number;
  address?: number;
  instructions?: number;
  compiled?: boolean;
  vector?: number;
  software?: boolean;
  value?: number;
}

const lines = ({ stdout }: Result): string[] => stdout.split('\n').filter((line) => line !== '');
const parse = (run: Result): Told[] => lines(run).map((line) => JSON.parse(line) as Told);

/** A record: kind, value, instructions. */
type Made = readonly [kind: number, value: number, instructions?: number];

/** The probe's trace with these FLOW chunks. */
function made(t: ExecutionContext, chunks: { instruction: number; asid: number; records: Made[] }[]): string {
  const path = join(temporaryFolder(t), 'made.rebek');
  const reader = openContainer(probe, { kind: 'TRCE' });
  const writer = ContainerWriter.create(path, 'TRCE');
  const encoder = new FlowEncoder();
  for (const { entry, body } of reader.chunks()) {
    if (entry.type === 'SUMM')
      for (const { instruction, asid, records } of chunks) {
        const words = Uint32Array.from(
          records.flatMap(([kind, value, instructions = 0]) => [value, (kind << 16) | instructions]),
        );
        const data = encoder.encode(words, records.length);
        const map = { records: records.length, asid, event: 0, data };
        writer.write('FLOW', map, { instruction, wallNs: entry.wallNs, optional: true });
      }
    writer.write(entry.type, { ...body.raw() }, { instruction: entry.instruction, wallNs: entry.wallNs });
  }
  reader.close();
  writer.close();
  return path;
}

/** Every kind; the first chunk's blocks have more instructions than the engine counted. */
const everything = [
  {
    instruction: 0,
    asid: 0x1000,
    records: [
      [1, 0x80401000, 40],
      [2, 0x10e],
      [3, 0],
      [6, 0xfffff000],
      [0, 0xfffffff0, 1],
      [4, 0],
      [5, 0],
      [2, 0xe],
      [1, 0x80402000, 1000],
      [1, 0x80401000, 7],
      [7, -48],
    ],
  },
  {
    instruction: 1000,
    asid: 0x2000,
    records: [
      [0, 0x80400fff, 2],
      [9, 5, 3],
      [7, 1],
      [0, 0x80401000, 0xffff],
    ],
  },
] as { instruction: number; asid: number; records: Made[] }[];

test('every kind of record as a line, with its instruction count and address space', async (t) => {
  const run = await dump(made(t, everything));
  t.is(run.code, 0, run.stderr);
  t.is(run.stderr, '');
  t.deepEqual(
    lines(run).map((line) => line.trimStart()),
    [
      '0  0x00001000  block at 0x80401000 of 40 instructions, interpreted',
      '40  0x00001000  software interrupt 0x0e',
      '40  0x00001000  IRET',
      '40  0x00001000  CR3 = 0xfffff000',
      '40  0xfffff000  block at 0xfffffff0 of 1 instruction, compiled',
      '41  0xfffff000  SYSENTER',
      '41  0xfffff000  SYSEXIT',
      '41  0xfffff000  interrupt 0x0e',
      '41  0xfffff000  block at 0x80402000 of 1000 instructions, interpreted',
      '1,041  0xfffff000  block at 0x80401000 of 7 instructions, interpreted',
      '1,048  0xfffff000  adjustment of -48 instructions',
      '1,000  0x00002000  block at 0x80400fff of 2 instructions, compiled',
      '1,002  0x00002000  record of kind 9',
      '1,002  0x00002000  adjustment of 1 instruction',
      '1,003  0x00002000  block at 0x80401000 of 65535 instructions, compiled',
    ],
  );
});

test('every kind of record as JSON', async (t) => {
  const asid = 0xfffff000;
  t.deepEqual(parse(await dump(made(t, everything), '--json')), [
    {
      instruction: 0,
      asid: 0x1000,
      kind: 'block',
      address: 0x80401000,
      instructions: 40,
      compiled: false,
    },
    { instruction: 40, asid: 0x1000, kind: 'interrupt', vector: 14, software: true },
    { instruction: 40, asid: 0x1000, kind: 'iret' },
    { instruction: 40, asid: 0x1000, kind: 'cr3', value: asid },
    { instruction: 40, asid, kind: 'block', address: 0xfffffff0, instructions: 1, compiled: true },
    { instruction: 41, asid, kind: 'sysenter' },
    { instruction: 41, asid, kind: 'sysexit' },
    { instruction: 41, asid, kind: 'interrupt', vector: 14, software: false },
    { instruction: 41, asid, kind: 'block', address: 0x80402000, instructions: 1000, compiled: false },
    { instruction: 1041, asid, kind: 'block', address: 0x80401000, instructions: 7, compiled: false },
    { instruction: 1048, asid, kind: 'adjustment', instructions: -48 },
    {
      instruction: 1000,
      asid: 0x2000,
      kind: 'block',
      address: 0x80400fff,
      instructions: 2,
      compiled: true,
    },
    { instruction: 1002, asid: 0x2000, kind: 9, value: 5 },
    { instruction: 1002, asid: 0x2000, kind: 'adjustment', instructions: 1 },
    {
      instruction: 1003,
      asid: 0x2000,
      kind: 'block',
      address: 0x80401000,
      instructions: 65535,
      compiled: true,
    },
  ]);
});

test('only what was asked for', async (t) => {
  const file = made(t, everything);
  const all = [...dumpFlow(file, {})];
  t.is(all.length, 15);
  const numbers = (query: FlowQuery): number[] =>
    [...dumpFlow(file, query)].map((event) => all.findIndex((other) => isDeepStrictEqual(event, other)));
  // The last records of the first chunk have higher counts than the second chunk begins with.
  t.deepEqual(numbers({ from: 1001, to: 1041 }), [9, 12, 13, 14]);
  t.deepEqual(numbers({ from: 1041 }), [9, 10]);
  t.deepEqual(numbers({ from: 40, to: 40 }), [1, 2, 3, 4]);
  t.deepEqual(numbers({ to: 39 }), [0]);
  t.deepEqual(numbers({ address: { first: 0x80401000, last: 0x80401000 } }), [0, 9, 14]);
  t.deepEqual(numbers({ address: { first: 0x80400fff, last: 0x80401000 } }), [0, 9, 11, 14]);
  t.deepEqual(numbers({ address: { first: 0x80401001, last: 0x80401fff } }), []);
  t.deepEqual(numbers({ address: { first: 0xfffffff0, last: 0xffffffff } }), [4]);
  t.deepEqual(numbers({ address: { first: 0, last: 0xffffffff } }), [0, 4, 8, 9, 11, 14]);
  t.deepEqual(numbers({ asid: 0x1000 }), [0, 1, 2, 3]);
  t.deepEqual(numbers({ asid: 0xfffff000 }), [4, 5, 6, 7, 8, 9, 10]);
  t.deepEqual(numbers({ kind: 'block' }), [0, 4, 8, 9, 11, 14]);
  t.deepEqual(numbers({ kind: 'interrupt' }), [1, 7]);
  t.deepEqual(numbers({ kind: 'iret' }), [2]);
  t.deepEqual(numbers({ kind: 'cr3' }), [3]);
  t.deepEqual(numbers({ kind: 'sysenter' }), [5]);
  t.deepEqual(numbers({ kind: 'sysexit' }), [6]);
  t.deepEqual(numbers({ kind: 'adjustment' }), [10, 13]);
});

test('options ask for it', async (t) => {
  const file = made(t, everything);
  const all = lines(await dump(file));
  for (const [typed, wanted] of [
    ['--from 41 --limit 2', [5, 6]],
    ['--address 0x80400fff-0x80401000 --to 1000', [0, 11]],
    ['--address 0x80401000 --asid 0x2000 --kind block', [14]],
    ['--kind cr3,iret --kind sysexit', [2, 3, 6]],
    ['--kind block,iret --address 0x80400fff', [11]],
  ] as const) {
    const run = await dump(file, ...typed.split(' '));
    t.deepEqual([run.code, run.stderr], [0, '']);
    t.deepEqual(
      lines(run),
      wanted.map((i) => all[i]),
    );
  }
});

test('chunks before the span are not decoded', async (t) => {
  const block: Made = [0, 0x80403000, 0xffff];
  const last = { instruction: 5e6, asid: 0x3000, records: Array.from({ length: 20 }, () => block) };
  const good = made(t, [...everything, last]);
  const damaged = join(temporaryFolder(t), 'damaged.rebek');
  let chunks = 0;
  rewriteTrace(good, damaged, (type, body) =>
    type === 'FLOW' && chunks++ < 2 ? { ...body, data: new Uint8Array(3) } : body,
  );
  const run = await dump(damaged, '--from', '6245165');
  t.deepEqual([run.code, run.stderr], [0, '']);
  t.is(
    run.stdout.trimStart(),
    '6,245,165  0x00003000  block at 0x80403000 of 65535 instructions, compiled\n',
  );
  const all = await dump(damaged);
  refused(t, all, 4, 'ERR_TRACE_FLOW');
  t.is(all.stdout, '');
});

test('what comes before damage is printed', async (t) => {
  const damaged = join(temporaryFolder(t), 'damaged.rebek');
  let chunks = 0;
  rewriteTrace(made(t, everything), damaged, (type, body) =>
    type === 'FLOW' && chunks++ === 1 ? { ...body, data: new Uint8Array(3) } : body,
  );
  const run = await dump(damaged);
  refused(t, run, 4, 'ERR_TRACE_FLOW');
  t.is(lines(run).length, 11);
});

test('a trace without the log is refused, and told how to get one', async (t) => {
  const run = await dump(probe);
  refused(t, run, 2, 'ERR_TRACE_NO_FLOW');
  t.regex(run.stderr, /hint: .*--no-flow/);
  t.is(run.stdout, '');
  const program = await dump(probe, '--json');
  t.is(JSON.parse(program.stdout).error.code, 'ERR_TRACE_NO_FLOW');
});

/** Visits all records of a log, in order. FORMAT.md, "Control flow (FLOW)", says what kinds and counts are. */
function follow(path: string, visit: (told: Told) => void): void {
  const names = [
    'block',
    'block',
    'interrupt',
    'iret',
    'sysenter',
    'sysexit',
    'cr3',
    'adjustment',
    'location',
  ];
  const trace = TraceFile.open(path);
  for (const chunk of trace.flow()) {
    let { instruction, asid } = chunk;
    for (let i = 0; i < chunk.count; i++) {
      const value = chunk.words[2 * i]!;
      const info = chunk.words[2 * i + 1]!;
      const code = info >>> 16;
      const kind = names[code]!;
      const told = { instruction, asid, kind };
      const instructions = kind === 'adjustment' ? value | 0 : info & 0xffff;
      if (kind === 'block') visit({ ...told, address: value, instructions, compiled: code === 0 });
      else if (kind === 'interrupt') visit({ ...told, vector: value & 0xff, software: value > 0xff });
      else if (kind === 'cr3') visit({ ...told, value });
      else if (kind === 'adjustment') visit({ ...told, instructions });
      else if (kind === 'location') visit({ ...told, address: value });
      else visit(told);
      instruction += instructions;
      if (kind === 'cr3') asid = value;
    }
  }
  trace.close();
}

test('ntlet: parts of the dump are parts of the log', async (t) => {
  const recording = await recordNtlet(t, { flow: true });
  await recording.booted();
  // A chunk ends after a second.
  await sleep(1000);
  await recording.logIn(0, 'Administrator', 'honey');
  await recording.run('list Documents');
  await recording.finish();
  const file = recording.path;
  const { instructions, chunks } = describeTrace(file);
  t.true((chunks['FLOW']?.chunks ?? 0) > 1);
  const part = async (...args: string[]): Promise<Told[]> => {
    const run = await dump(file, '--json', ...args);
    t.deepEqual([run.code, run.stderr], [0, '']);
    return parse(run);
  };

  const from = Math.floor(instructions * 0.7);
  const to = from + 20_000;
  const [span, interrupts, moves]: [Told[], Told[], Told[]] = [[], [], []];
  follow(file, (told) => {
    if (told.instruction >= from && told.instruction <= to) span.push(told);
    if (told.kind === 'interrupt') interrupts.push(told);
    if (told.kind === 'cr3') moves.push(told);
  });
  t.true(span.length > 1000 && interrupts.length > 10 && moves.length > 10);
  t.deepEqual(await part('--from', `${from}`, '--to', `${to}`), span);
  t.deepEqual(await part('--kind', 'interrupt'), interrupts);
  t.deepEqual(await part('--kind', 'cr3'), moves);

  // The kernel runs in several address spaces.
  const { asid } = interrupts[0]!;
  const handlers: Told[] = [];
  let handler: number | undefined;
  let interrupted = false;
  follow(file, ({ kind, address }) => {
    if (interrupted && kind === 'block') handler ??= address;
    interrupted = kind === 'interrupt';
  });
  const [first, last] = [handler!, handler! + 0x1f];
  follow(file, (told) => {
    if (told.kind === 'block' && told.address! >= first && told.address! <= last) handlers.push(told);
  });
  t.true(handlers.some((told) => told.asid === asid));
  t.true(handlers.some((told) => told.asid !== asid));
  const range = ['--address', `0x${first.toString(16)}-0x${last.toString(16)}`];
  t.deepEqual(await part(...range), handlers);
  t.deepEqual(
    await part(...range, '--asid', `0x${asid.toString(16)}`),
    handlers.filter((told) => told.asid === asid),
  );
  t.deepEqual(
    await part(...range, '--from', `${from}`, '--limit', '3'),
    handlers.filter(({ instruction }) => instruction >= from).slice(0, 3),
  );
});
