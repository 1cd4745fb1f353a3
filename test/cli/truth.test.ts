/** `dump --stream truth` and `--stream debug`, `truth`, and what `info` and `verify` say of I/O port 0xE9. */
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { debugMachine, recordDebugGuest } from '../support/debug-guest.ts';
import { temporaryFolder } from '../support/probe.ts';
import { rewriteTrace } from '../support/rewrite.ts';
import { encodeTruth, make, type Spec, start } from '../support/truth.ts';
import { noStack, rebek, recordSample, refused, workplace } from './support.ts';

const calls: readonly Spec[] = [
  ...start,
  make.enter(1, 1, 0),
  make.enter(1, 2, 1, 0x99),
  make.switch(1, 3, 2),
  make.enter(3, 3, 0, 0x47, { door: 'int2e', stack: 2 }),
  make.leave(3, 3, 'unwound'),
  make.switch(3, 1, 1),
  make.leave(1, 2),
  make.leave(1, 1, 'pending', 0x103),
  make.complete(1, 1),
  make.mark(1, 'case \x1b[31m'),
];

/** Records a guest that writes this, and nothing but this: the rest is taken out again. */
async function told(t: ExecutionContext, bytes: Uint8Array, name = 'told') {
  const folder = temporaryFolder(t);
  const recorded = await recordDebugGuest(folder, { first: bytes, second: new Uint8Array(0) });
  const file = join(folder, `${name}.rebek`);
  rewriteTrace(recorded.path, file, (type, body) => {
    if (type === 'SUMM') return { ...body, debug: bytes.length };
    if (type !== 'DBUG') return body;
    const ins = Buffer.from(body['ins'] as Uint8Array);
    return {
      ...body,
      records: 1,
      ins: ins.subarray(0, 1),
      chan: Buffer.alloc(1),
      len: varint(bytes.length),
      data: bytes,
    };
  });
  return { file, folder };
}

function varint(value: number): Uint8Array {
  return value < 128 ? Uint8Array.of(value) : Uint8Array.of((value & 127) | 128, ...varint(value >>> 7));
}

const lines = (text: string): string[] => text.trimEnd().split('\n');

test('the ground truth is printed call by call, nested, named, and harmless', async (t) => {
  const { file } = await told(t, encodeTruth(calls));
  const dump = (...args: string[]) => rebek(['dump', file, '--stream', 'truth', ...args]);
  const { code, stdout, stderr } = await dump();
  t.is(code, 0, stderr);
  t.is(stderr, '');
  const found = lines(stdout).map((line) => line.replace(/^ +\d+ {2}/, ''));
  t.is(found.length, calls.length);
  t.deepEqual(
    found
      .slice(start.length)
      .map((line) => line.replace(/ {2,}(?=\S)/g, (gap) => (gap.length > 8 ? ' | ' : gap))),
    [
      't1 pid 4 p1.exe | NtReadFile(0x14, 0x0)   call 1, by sysenter',
      't1 pid 4 p1.exe | 0x99(0x14, 0x0)   call 2, by sysenter',
      't3 pid 8 p2.exe | switch from t1, CR3 0x00002000',
      't3 pid 8 p2.exe | NtReadFile(0x14, 0x0)   call 3, by int2e, on fiber 2',
      't3 pid 8 p2.exe | … NtReadFile unwound   call 3',
      't1 pid 4 p1.exe | switch from t3, CR3 0x00001000',
      't1 pid 4 p1.exe | … 0x99 = 0x00000000 returned   call 2',
      't1 pid 4 p1.exe | … NtReadFile = 0x00000103 pending   call 1',
      't1 pid 4 p1.exe | NtReadFile completes: 0x00000000, 7 bytes   call 1',
      't1 pid 4 p1.exe | mark 1: case \\x1b[31m',
    ],
  );
  const indents = found.slice(start.length).map((line) => /^.{26} {2}( *)/.exec(line)?.[1]?.length);
  t.deepEqual(indents, [0, 2, 0, 0, 0, 4, 2, 0, 0, 0]);

  const json = lines((await dump('--json')).stdout).map((line) => JSON.parse(line));
  t.is(json.length, calls.length);
  for (const [i, spec] of calls.entries()) t.like(json[i], { ...spec, sequence: i } as object);
  t.like(json[start.length + 1], {
    kind: 'enter',
    call: 2,
    arguments: [0x14, 0],
    names: { function: '0x99', threadId: 1001, processId: 4, processName: 'p1.exe', depth: 1 },
  });
  t.is(
    (await dump('--limit', '3')).stdout,
    lines(stdout)
      .slice(0, 3)
      .map((line) => `${line}\n`)
      .join(''),
  );
  t.is((await dump('--from', '1e9')).stdout, '');
  const { instruction } = json.at(-1);
  t.is((await dump('--from', `${instruction}`, '--to', `${instruction}`)).stdout, stdout);
});

test('the check says what there was, and that it is consistent', async (t) => {
  const { file } = await told(t, encodeTruth(calls));
  const people = await rebek(['truth', file]);
  t.is(people.code, 0, people.stderr);
  t.regex(people.stdout, /told\.rebek: consistent\n/);
  t.regex(people.stdout, /^ {2}threads +4 started, in 2 processes that started$/m);
  t.regex(people.stdout, /^ {2}ended +1 returned, 1 unwound, 1 pending, 0 open at the end$/m);
  t.regex(people.stdout, /^ +2 +1 {2}NtReadFile$/m);
  const { file: name, problems, ...report } = JSON.parse((await rebek(['truth', file, '--json'])).stdout);
  t.is(name, file);
  t.deepEqual(problems, []);
  t.like(report, { cut: 0, calls: 3, overlapped: 1, deepest: 2, switches: 2, open: 0, problemCount: 0 });
});

test('a contradiction is an error, with its place', async (t) => {
  const { file } = await told(t, encodeTruth([...calls, make.leave(1, 9), make.assert(1)]), 'odd');
  const people = await rebek(['truth', file]);
  refused(t, people, 4, 'ERR_TRUTH_INCONSISTENT');
  t.regex(people.stdout, /odd\.rebek: INCONSISTENT\n/);
  t.regex(people.stderr, /record 18, instruction \d+ \(call-entered\): call 9 has not been entered\n/);
  const run = await rebek(['truth', file, '--json']);
  t.is(run.code, 4);
  const { error, problems } = JSON.parse(run.stdout);
  t.is(error.code, 'ERR_TRUTH_INCONSISTENT');
  t.deepEqual(
    problems.map(({ rule, sequence }: { rule: string; sequence: number }) => [rule, sequence]),
    [
      ['call-entered', 18],
      ['assert', 19],
    ],
  );
});

test('damaged truth is told by record, behind what is good of it', async (t) => {
  const bytes = encodeTruth(calls);
  bytes[encodeTruth(calls.slice(0, 2)).length + 2] = 0;
  const { file } = await told(t, bytes, 'harmed');
  const dump = await rebek(['dump', file, '--stream', 'truth']);
  refused(t, dump, 4, 'ERR_TRUTH_MARK');
  t.is(lines(dump.stdout).length, 2);
  t.regex(dump.stderr, /record 2, byte \d+, instruction \d+/);
  refused(t, await rebek(['truth', file]), 4, 'ERR_TRUTH_MARK');
});

test('an incomplete trace may end inside a record, and says so', async (t) => {
  const bytes = encodeTruth(calls);
  const { file, folder } = await told(t, bytes.subarray(0, bytes.length - 4), 'cut');
  refused(t, await rebek(['truth', file]), 4, 'ERR_TRUTH_TRUNCATED');
  const partial = rewriteTrace(
    file,
    join(folder, 'p.rebek'),
    (type, body) => (type === 'SUMM' ? undefined : body),
    false,
  );
  const run = await rebek(['truth', partial, '--allow-incomplete']);
  t.is(run.code, 0, run.stderr);
  t.regex(run.stderr, /last record is cut off after \d+ bytes/);
  t.regex(run.stderr, /INCOMPLETE/);
  t.is((await rebek(['truth', partial])).code, 4);
});

test('the port as a text console: lines, bytes, hexadecimal; and no ground truth', async (t) => {
  const text = 'hello\n\x1b[31mworld\nno end of it..';
  const { file } = await told(t, Buffer.from(text), 'text');
  const dump = (...args: string[]) => rebek(['dump', file, '--stream', ...args]);
  t.deepEqual(
    lines((await dump('debug')).stdout).map((line) => line.replace(/^ +\d+ {2}/, '')),
    ['0xe9 >  hello\\n', '0xe9 >  \\x1b[31mworld\\n', '0xe9 >  no end of it..'],
  );
  t.is((await dump('debug', '--raw')).stdout, text);
  const json = JSON.parse((await dump('debug', '--json')).stdout);
  t.is(json.bytes, Buffer.from(text).toString('hex'));
  const truth = await dump('truth');
  refused(t, truth, 4, 'ERR_TRUTH_MARK');
  t.is(truth.stdout, '');
  t.regex(truth.stderr, /hint: .*something else/);
});

test('a trace without any says so', async (t) => {
  const { folder, machine } = workplace(t);
  const file = await recordSample(t, folder, machine);
  for (const stream of ['debug', 'truth']) {
    const run = await rebek(['dump', file, '--stream', stream]);
    t.is(run.code, 0);
    t.is(run.stdout, '');
    t.regex(run.stderr, /sample\.rebek has nothing from I\/O port 0xE9: its guest wrote nothing to it/);
  }
  const check = await rebek(['truth', file]);
  refused(t, check, 2, 'ERR_TRUTH_NONE');
  t.notRegex((await rebek(['info', file])).stdout, /debug port/);
  t.notRegex((await rebek(['verify', file])).stdout, /debug port/);
});

test('record, info and verify tell of the bytes', async (t) => {
  const folder = temporaryFolder(t);
  const machine = debugMachine(folder, { first: encodeTruth(start) });
  const file = join(folder, 'd.rebek');
  const run = await rebek(['record', machine, '-o', file, '--json'], { input: 'k' });
  t.is(run.code, 0, run.stderr);
  noStack(t, run);
  const { debugBytes } = JSON.parse(run.stdout);
  t.is(debugBytes, 2 * encodeTruth(start).length + 13);
  t.regex(run.stderr, new RegExp(`${debugBytes} debug port bytes`));
  t.regex((await rebek(['info', file])).stdout, new RegExp(`^ {2}debug port +${debugBytes} bytes$`, 'm'));
  t.is(JSON.parse((await rebek(['info', file, '--json'])).stdout).summary.debug, debugBytes);
  t.regex(
    (await rebek(['verify', file])).stdout,
    new RegExp(
      `^ {2}debug port +${debugBytes} bytes in \\d+ records, written again at the same instructions$`,
      'm',
    ),
  );
  const verified = JSON.parse((await rebek(['verify', file, '--json'])).stdout);
  t.like(verified.replay.debug, { bytes: debugBytes, beyond: 0 });
  const changed = rewriteTrace(file, join(folder, 'c.rebek'), (type, body) =>
    type === 'DBUG' ? { ...body, data: Buffer.from(body['data'] as Uint8Array).fill(1, 8, 9) } : body,
  );
  refused(t, await rebek(['verify', changed]), 3, 'ERR_REPLAY_DEBUG_STREAM');
});
