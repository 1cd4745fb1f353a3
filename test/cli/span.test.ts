/** `--from` and `--to`: what may be typed, and what it is in a trace. */
import { copyFileSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { RebekError } from '../../src/base/errors.ts';
import { type Bound, bound, resolveSpan, type Span } from '../../src/cli/span.ts';
import { TraceFile } from '../../src/trace/trace-file.ts';
import { root, temporaryFolder } from '../support/probe.ts';
import { rebek, refused } from './support.ts';

const attack = join(root, 'traces/ntlet-attack.rebek');
const from = bound('from');
const to = bound('to');

/** Without what was typed. */
function plain({ text: _, ...rest }: Bound): object {
  return rest;
}

const at = (iso: string): number => Date.parse(iso);
const counted = (count: number) => ({ kind: 'count', count });
const accepted: [string, object][] = [
  ['0', counted(0)],
  ['123456', counted(123_456)],
  ['1_234_567', counted(1_234_567)],
  ['1,234,567', counted(1_234_567)],
  ['12,000', counted(12_000)],
  ['10k', counted(10_000)],
  ['10K', counted(10_000)],
  ['200M', counted(2e8)],
  ['1.5G', counted(1.5e9)],
  ['1.1G', counted(1.1e9)],
  ['1.123456789G', counted(1_123_456_789)],
  ['7.43 G', counted(7.43e9)],
  ['2T', counted(2e12)],
  ['2e9', counted(2e9)],
  ['1.5e3', counted(1500)],
  ['0x100', counted(256)],
  ['0%', { kind: 'share', share: 0 }],
  ['25%', { kind: 'share', share: 0.25 }],
  ['12.5 %', { kind: 'share', share: 0.125 }],
  ['100%', { kind: 'share', share: 1 }],
  ['+0s', { kind: 'elapsed', ms: 0 }],
  ['+12.5s', { kind: 'elapsed', ms: 12_500 }],
  ['+3m', { kind: 'elapsed', ms: 180_000 }],
  ['+250ms', { kind: 'elapsed', ms: 250 }],
  ['+1h2m3.5s', { kind: 'elapsed', ms: 3_723_500 }],
  ['01:14', { kind: 'time', ms: 4_440_000, unit: 60_000 }],
  ['01:14:02', { kind: 'time', ms: 4_442_000, unit: 1000 }],
  ['01:14:02.5', { kind: 'time', ms: 4_442_500, unit: 100 }],
  ['23:59:59.999Z', { kind: 'time', ms: 86_399_999, unit: 1 }],
  ['2026-11-25T01:14:02Z', { kind: 'date', ms: at('2026-11-25T01:14:02Z'), unit: 1000 }],
  ['2026-11-25T01:14:02.587Z', { kind: 'date', ms: at('2026-11-25T01:14:02.587Z'), unit: 1 }],
  ['2026-11-25 01:14:02', { kind: 'date', ms: at('2026-11-25T01:14:02Z'), unit: 1000 }],
  ['2026-11-25T01:14', { kind: 'date', ms: at('2026-11-25T01:14:00Z'), unit: 60_000 }],
  ['2026-11-25T01:14:02+01:30', { kind: 'date', ms: at('2026-11-24T23:44:02Z'), unit: 1000 }],
  ['2026-11-25T23:14:02-0200', { kind: 'date', ms: at('2026-11-26T01:14:02Z'), unit: 1000 }],
  ['2026-11-25', { kind: 'date', ms: at('2026-11-25T00:00:00Z'), unit: 86_400_000 }],
  ['2028-02-29', { kind: 'date', ms: at('2028-02-29T00:00:00Z'), unit: 86_400_000 }],
];

test('what may be typed', (t) => {
  for (const [typed, expected] of accepted) {
    t.deepEqual(plain(from(typed)), expected, typed);
    t.is(to(typed).text, typed);
  }
});

const nothing =
  'one -1 1.5 1.2345k 12,3456 1,23,456 ,123 1,234,567, 1,5G 1. .5 1__000 _1 1_ 200m 5g 1e400 9007199254740993 0x NaN Infinity 101% -5% % + +s +1 +5x -5s +1s2m 24:00 01:60 01:14:60 1:14 01:14:02. 01:14:02+01:00 2026-02-30 2026-13-01 2026-00-10 0026-01-01 2026-11-31T01:14:02Z 2026-11-25T25:00:00Z 20261125T011402Z 2026-11-25T tomorrow';

test('what may not is refused, and told what is expected', (t) => {
  for (const word of ['', ' ', ...nothing.split(' ')]) {
    const error = t.throws(() => from(word), { instanceOf: RebekError }, word);
    t.is(error.code, 'ERR_USAGE');
    t.true(error.message.startsWith('--from: expected an instruction count'), error.message);
    t.true(error.message.endsWith(`, found '${word}'`), error.message);
  }
  t.throws(() => to('x'), { message: /^--to: expected .*100%.*01:14:02.*\+12\.5s.*, found 'x'$/ });
});

test('every count, as it is printed', (t) => {
  const counts = fc.nat({ max: Number.MAX_SAFE_INTEGER });
  fc.assert(
    fc.property(counts, (count) => {
      const grouped = count.toLocaleString('en-US');
      const thousandths = `${Math.floor(count / 1000)}.${String(count % 1000).padStart(3, '0')}k`;
      for (const typed of [String(count), grouped, grouped.replaceAll(',', '_'), thousandths])
        t.deepEqual(plain(from(typed)), counted(count), typed);
    }),
  );
});

test('every time, as it is printed', (t) => {
  fc.assert(
    fc.property(
      fc.date({ min: new Date(0), max: new Date(Date.UTC(9999, 11, 31)), noInvalidDate: true }),
      (date) => {
        const iso = date.toISOString();
        t.deepEqual(plain(from(iso)), { kind: 'date', ms: date.getTime(), unit: 1 });
        const ms = date.getTime() % 86_400_000;
        t.like(plain(from(iso.slice(11, -1))), { kind: 'time', unit: 1 });
        t.true(Math.abs((from(iso.slice(11)) as { ms: number }).ms - ms) < 1e-6);
      },
    ),
  );
});

const STARTED = Date.UTC(2026, 10, 25, 23, 59, 58, 500);

interface Chunk {
  readonly instruction: number;
  readonly wallNs: number;
}
interface Made {
  readonly events: readonly Chunk[];
  readonly flow?: readonly Chunk[];
  readonly end?: { readonly instructions: number; readonly wallNs: number };
}

/** A trace of which only its chunks, and when they were written, are known. */
function traceOf({ events, flow = [], end }: Made): TraceFile {
  const entries = (types?: readonly string[]) =>
    [
      ...(types?.includes('EVTS') !== false ? events : []),
      ...(types?.includes('FLOW') !== false ? flow : []),
    ].values();
  const incomplete = end === undefined ? { reason: 'it was cut' } : undefined;
  const lastKnownInstruction = end?.instructions ?? events.at(-1)?.instruction ?? 0;
  return {
    reader: { entries },
    summary: end,
    incomplete,
    lastKnownInstruction,
    meta: { started: STARTED },
  } as never;
}

const span = (trace: TraceFile | string, first?: string, last?: string): Span =>
  resolveSpan(trace, {
    from: first === undefined ? undefined : from(first),
    to: last === undefined ? undefined : to(last),
  });

/** Four seconds, over midnight: a second each of 1000 instructions, but nothing was written in the third. */
const chunks = [
  { instruction: 0, wallNs: 1e9 },
  { instruction: 1000, wallNs: 2e9 },
  { instruction: 2000, wallNs: 4e9 },
];
const whole = traceOf({ events: chunks, end: { instructions: 4000, wallNs: 4e9 } });
const cut = traceOf({ events: chunks });

test('counts and shares', (t) => {
  t.deepEqual(span(whole), {});
  t.deepEqual(span(whole, '17'), { from: 17 });
  t.deepEqual(span(whole, '17', '1k'), { from: 17, to: 1000 });
  t.deepEqual(span(whole, undefined, '1G'), { to: 1e9 });
  t.deepEqual(span(whole, '25%', '50%'), { from: 1000, to: 2000 });
  t.deepEqual(span(whole, '0.01%', '0.01%'), { from: 0, to: 1 });
  t.deepEqual(span(whole, '50%', '100%'), { from: 2000 });
  t.deepEqual(span(cut, '50%', '50%'), { from: 1000, to: 1000 }, 'of what is known of it');
});

test('times: not too late, and not too early', (t) => {
  t.deepEqual(span(whole, '+0s', '+0s'), { from: 0, to: 1000 });
  t.deepEqual(span(whole, '+0.9s', '+1.1s'), { from: 0, to: 2000 });
  t.deepEqual(span(whole, '+1.1s'), { from: 1000 });
  t.deepEqual(span(whole, '+2.5s', '+3.9s'), { from: 2000, to: 4000 });
  t.deepEqual(span(whole, '23:59:59.6', '2026-11-25T23:59:59.6Z'), { from: 1000, to: 2000 });
  t.deepEqual(span(whole, '23:59:58', '23:59:58'), { from: 0, to: 1000 }, 'the second in which it begins');
  t.deepEqual(
    span(whole, '00:00:01'),
    { from: 2000 },
    'the first time that it is this late is after midnight',
  );
  t.deepEqual(span(whole, '23:59:59', '00:00:01'), { from: 0, to: 4000 });
  t.deepEqual(span(whole, '2026-11-25', '2026-11-25'), { from: 0, to: 2000 });
  t.deepEqual(span(cut, '+3s', '+4s'), { from: 2000 }, 'how far it went on is not known');
  const flow = [0.25, 0.5, 0.75, 1, 1.25].map((s, i) => ({ instruction: i * 250, wallNs: s * 1e9 }));
  const fine = traceOf({ events: chunks, flow, end: { instructions: 4000, wallNs: 4e9 } });
  t.deepEqual(span(fine, '+0.3s', '+0.6s'), { from: 250, to: 750 }, 'the control-flow log is finer');
});

const wrong: [trace: TraceFile, first: string | undefined, last: string | undefined, said: string][] = [
  [whole, '8', '7', '--from 8 lies behind --to 7'],
  [whole, '75%', '50%', '--from 75% lies behind --to 50%'],
  [whole, '+3s', '+2s', '--from +3s lies behind --to +2s'],
  [whole, '75%', '2k', '--from 75% (instruction 3,000) lies behind --to 2k (instruction 2,000)'],
  [
    whole,
    '00:00:01',
    '23:59:59',
    '--from 00:00:01 (2026-11-26T00:00:01.000Z) lies behind --to 23:59:59 (2026-11-25T23:59:59.000Z)',
  ],
  [whole, '3999', '+1.5s', '--from 3999 lies behind --to +1.5s (instruction 2,000)'],
  [whole, '4001', undefined, '--from 4001 lies behind the end of the recording: it has 4,000 instructions'],
  [
    whole,
    '23:59:57',
    undefined,
    '--from 23:59:57 is after the recording ended: it goes from 2026-11-25T23:59:58.500Z to 2026-11-26T00:00:02.500Z (4.0 s)',
  ],
  [
    whole,
    undefined,
    '2026-11-25T23:59:57Z',
    '--to 2026-11-25T23:59:57Z is before the recording began: it goes from 2026-11-25T23:59:58.500Z to 2026-11-26T00:00:02.500Z (4.0 s)',
  ],
  [whole, '+4.1s', undefined, '--from +4.1s is after the recording ended: it goes from'],
  [cut, undefined, '+4.1s', '--to +4.1s is after the recording ended: it goes, as far as it is there, from'],
];

test('what is no span of the recording is refused', (t) => {
  for (const [trace, first, last, said] of wrong) {
    const error = t.throws(() => span(trace, first, last), { instanceOf: RebekError, code: 'ERR_USAGE' });
    t.true(error.message.startsWith(said), error.message);
  }
  t.deepEqual(span(cut, '4001'), { from: 4001 }, 'it may have gone on for so long');
});

test('whatever happens at a time lies in the span of that time, and between the flushes around it', (t) => {
  const step = fc.record({
    ms: fc.nat(900),
    instructions: fc.oneof(fc.constant(0), fc.nat(1e6)),
    events: fc.boolean(),
    flow: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), fc.nat(1000), fc.boolean(), (steps, part, complete) => {
      /** When something was written, and how far the guest was then. */
      const written: { ms: number; instruction: number }[] = [];
      const path = [{ ms: 0, instruction: 0 }];
      const logs = { events: [] as Chunk[], flow: [] as Chunk[] };
      const last = { events: 0, flow: 0 };
      for (const { ms, instructions, ...writes } of steps) {
        const before = path.at(-1)!;
        const now = { ms: before.ms + ms, instruction: before.instruction + instructions };
        path.push(now);
        for (const log of ['events', 'flow'] as const) {
          if (!writes[log]) continue;
          logs[log].push({ instruction: last[log], wallNs: now.ms * 1e6 });
          last[log] = now.instruction;
          written.push(now);
        }
      }
      const end = path.at(-1)!;
      const known = complete ? end.ms : Math.max(0, ...written.map(({ ms }) => ms));
      const trace = traceOf({
        ...logs,
        ...(complete && { end: { instructions: end.instruction, wallNs: end.ms * 1e6 } }),
      });
      const ms = Math.floor((known * part) / 1000);
      const iso = new Date(STARTED + ms).toISOString();
      const { from: first = 0, to: final = Number.POSITIVE_INFINITY } = span(trace, iso, iso);
      // Within a step the guest goes on evenly.
      for (let i = 1; i < path.length; i++) {
        const [a, b] = [path[i - 1]!, path[i]!];
        if (a.ms > ms || b.ms < ms) continue;
        const share = b.ms === a.ms ? 1 : (ms - a.ms) / (b.ms - a.ms);
        const instruction = a.instruction + share * (b.instruction - a.instruction);
        t.true(first <= instruction && instruction <= final, `${first} ${instruction} ${final}`);
      }
      const clear = complete ? [...written, end] : [];
      for (const one of clear) {
        if (laterIsUnknown(one, logs)) continue;
        if (one.ms < ms) t.true(first >= one.instruction);
        if (one.ms > ms + 2) t.true(final <= one.instruction);
      }
    }),
    { numRuns: 500 },
  );
});

/** What was written last in a log is known to have been then only by the chunk that follows. */
function laterIsUnknown({ ms }: { ms: number }, logs: { events: Chunk[]; flow: Chunk[] }): boolean {
  return [logs.events, logs.flow].some((log) => log.at(-1)?.wallNs === ms * 1e6);
}

test('a time that was printed finds again what it was printed for', async (t) => {
  const { stdout } = await rebek(['find', attack, '--text', 'honey']);
  const lines = [...stdout.matchAll(/^ *([\d,]+) {2}(\d{4}-\S+Z)/gm)];
  t.is(lines.length, 4);
  for (const [, count, time = ''] of lines) {
    const instruction = Number(count?.replaceAll(',', ''));
    for (const typed of [time, time.slice(11), time.slice(11, -1)]) {
      const { from: first, to: last } = span(attack, typed, typed);
      t.true(first! <= instruction && instruction <= last!, typed);
    }
  }
});

test('dump and find take what resolveSpan makes of it', async (t) => {
  const events = async (...args: string[]) =>
    (await rebek(['dump', attack, '--stream', 'input', '--json', ...args])).stdout
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => (JSON.parse(line) as { instruction: number }).instruction);
  const all = await events();
  for (const [first, last] of [
    ['25%', '+0.6s'],
    ['48,662,829', '100M'],
  ] as const) {
    const { from: low = 0, to: high = Number.POSITIVE_INFINITY } = span(attack, first, last);
    const wanted = all.filter((instruction) => instruction >= low && instruction <= high);
    t.true(wanted.length > 0 && wanted.length < all.length);
    t.deepEqual(await events('--from', first, '--to', last), wanted);
  }
  for (const words of [
    ['dump', attack, '--stream', 'console'],
    ['find', attack, '--text', 'a'],
  ]) {
    const run = await rebek([...words, '--from', '+5s']);
    refused(t, run, 2, 'ERR_USAGE');
    t.regex(
      run.stderr,
      /--from \+5s is after the recording ended: it goes from 2026-11-25T01:14:01\.584Z to .*Z \(0\.7 s\)/,
    );
    t.is(JSON.parse((await rebek([...words, '--from', '01:13', '--json'])).stdout).error.code, 'ERR_USAGE');
  }
});

test('a trace that was cut off has times and shares as far as it goes', async (t) => {
  const trace = TraceFile.open(attack);
  const last = [...trace.reader.entries(['EVTS'])].at(-1)!;
  const before = [...trace.reader.entries(['EVTS'])].at(-2)!;
  trace.close();
  const file = join(temporaryFolder(t), 'cut.rebek');
  copyFileSync(attack, file);
  truncateSync(file, last.offset + 5);
  t.deepEqual(span(file, '50%'), { from: Math.floor(before.instruction / 2) });
  t.deepEqual(span(file, '01:14:01', '01:14:02'), { from: 0 });
  const run = await rebek(['dump', file, '--stream', 'console', '--from', '+0.5s', '--allow-incomplete']);
  t.is(run.code, 0);
  t.regex(run.stdout, /whoami/);
  t.regex(run.stderr, /INCOMPLETE/);
});
