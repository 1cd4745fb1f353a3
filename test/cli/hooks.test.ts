/** `rebek replay --hooks`: hook files as people write them, findings where they want them, and mistakes in a few lines. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { z } from 'zod';
import { RebekError } from '../../src/base/errors.ts';
import { loadHooks } from '../../src/cli/hook-files.ts';
import { type Finding, type FindingLine, findingLine, findingsSchema } from '../../src/hooks/findings.ts';
import { analyse } from '../../src/output/analysis.ts';
import { ContainerWriter } from '../../src/trace/container-writer.ts';
import { decodeEvents, encodeEvents } from '../../src/trace/events.ts';
import { TraceFile } from '../../src/trace/trace-file.ts';
import { root, temporaryFolder } from '../support/probe.ts';
import { rewriteTrace } from '../support/rewrite.ts';
import { noStack, type Result, rebek, refused, start } from './support.ts';

const ATTACK = join(root, 'traces/ntlet-attack.rebek');
const PROBE = join(root, 'traces/probe.rebek');

/** Hook files in a folder of their own. */
function files(t: ExecutionContext, contents: Readonly<Record<string, string>>): string {
  const folder = temporaryFolder(t);
  for (const [name, text] of Object.entries(contents)) writeFileSync(join(folder, name), text);
  return folder;
}

const closes = `
  import { defineHooks, type HookCall } from 'rebek';
  import { shown, type Shown } from './sibling.ts';

  interface State { readonly handle: number }
  const state = (call: HookCall): State => call.state as State;

  export default defineHooks('closes', ({ call, emit }) => {
    call('NtClose', {
      pre(close: HookCall): void { close.state = { handle: close.args['Handle']! } satisfies State; },
      post(close) { const data: Shown = shown(state(close).handle); emit('close', { ...data, result: close.resultText }); },
    });
  });
`;
const sibling = `
  export type Shown = { readonly handle: string };
  export const shown = (handle: number): Shown => ({ handle: '0x' + handle.toString(16) });
`;
/** As JavaScript. */
const hooks = (name: string, body: string): string =>
  `import { defineHooks } from 'rebek';\nexport default defineHooks('${name}', (hooks) => {${body}});\n`;

const parse = (text: string): FindingLine[] =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => findingLine.parse(JSON.parse(line)));
const findings = (lines: readonly FindingLine[]): Finding[] =>
  lines.filter((line): line is Finding => line.kind === 'finding');
const replay = (args: readonly string[], cwd?: string): Promise<Result> =>
  rebek(['replay', ...args], cwd === undefined ? {} : { cwd });

test('a hook file in TypeScript, with types and a sibling: findings as JSON lines on a pipe', async (t) => {
  const folder = files(t, { 'closes.ts': closes, 'sibling.ts': sibling });
  const run = await replay([ATTACK, '--hooks', 'closes.ts'], folder);
  t.is(run.code, 0, run.stderr);
  const lines = parse(run.stdout);
  t.deepEqual([lines[0]!.kind, lines[1]!.kind, lines.at(-1)!.kind], ['header', 'system', 'end']);
  t.like(lines[0], { hooks: ['closes'], matcher: 'thread-stack', trace: { name: 'ntlet-attack.rebek' } });
  t.like(lines.at(-1), { complete: true, findings: findings(lines).length, problems: 0, missing: [] });
  const [first] = findings(lines);
  t.is(first!.hook, 'closes');
  t.regex(String(first!.data['handle']), /^0x[0-9a-f]+$/);
  t.is(first!.data['result'], 'STATUS_SUCCESS');
  t.true(findings(lines).length > 20);
  t.regex(run.stderr, /ntlet-attack\.rebek: replayed to its end\n/);
  t.regex(run.stderr, /^ {2}system +NT 5\.1 build 2600$/m);
  t.regex(run.stderr, new RegExp(`^ {2}findings +${findings(lines).length}$`, 'm'));
});

test('every line of a run with all packs and a problem fits the schema', async (t) => {
  const folder = files(t, {
    'wrong.mjs': hooks('wrong', "hooks.call('NtClose', { pre() { throw new Error('no'); } });"),
  });
  const packs = ['sebek', 'syscalls', 'processes', 'seed'].flatMap((name) => ['--hooks', `pack:${name}`]);
  const run = await replay([ATTACK, ...packs, '--hooks', 'wrong.mjs'], folder);
  t.is(run.code, 0, run.stderr);
  const lines = parse(run.stdout);
  const schema = z.fromJSONSchema(findingsSchema() as never);
  for (const line of run.stdout.trimEnd().split('\n'))
    t.notThrows(() => schema.parse(JSON.parse(line)), line);
  t.deepEqual([...new Set(lines.map(({ kind }) => kind))].sort(), [
    'end',
    'finding',
    'header',
    'problem',
    'system',
  ]);
  const problems = lines.filter(({ kind }) => kind === 'problem');
  // The first ones are told, the rest counted.
  t.is(
    run.stderr.match(/wrong: a handler threw at instruction [\d,]+, NtClose: no \[ERR_HOOKS_HANDLER\]/g)
      ?.length,
    5,
  );
  t.regex(run.stderr, /further ones are in the findings only/);
  t.regex(run.stderr, new RegExp(`^ {2}problems +${problems.length}: handlers that threw$`, 'm'));
  noStack(t, run);
});

test('with REBEK_DEBUG=1 the stack of a handler that throws is shown', async (t) => {
  const folder = files(t, {
    'wrong.mjs': hooks('wrong', "hooks.end(() => { throw new Error('no'); });"),
  });
  const run = await rebek(['replay', PROBE, '--hooks', 'wrong.mjs'], {
    cwd: folder,
    env: { REBEK_DEBUG: '1' },
  });
  t.is(run.code, 0, run.stderr);
  t.regex(run.stderr, /^ +at .*wrong\.mjs/m);
});

test('text for people; what comes from the guest is harmless', async (t) => {
  const folder = files(t, {
    'say.mjs': hooks(
      'say',
      "hooks.call('NtClose', { pre(c) { hooks.emit('close', { text: 'red \\x1b[31m', handle: c.args.Handle }); } });",
    ),
  });
  const run = await replay([ATTACK, '--hooks', 'say.mjs', '--format', 'text'], folder);
  t.is(run.code, 0, run.stderr);
  const lines = run.stdout.trimEnd().split('\n');
  t.regex(lines[0]!, /^ +[\d,]+ {2}NT 5\.1 build 2600$/);
  t.regex(lines[1]!, /^ +[\d,]+ {2}\d+\/\d+ \w+\.exe +close {2}handle=\d+ {2}"red .*\[31m"$/);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what must not be there
  t.notRegex(run.stdout, /\x1b/);
});

test('into a file: its name only when it is complete, a summary or JSON on standard output', async (t) => {
  const folder = files(t, { 'closes.ts': closes, 'sibling.ts': sibling });
  const args = [ATTACK, '--hooks', 'closes.ts', '-o', 'found.jsonl'];
  const run = await replay(args, folder);
  t.is(run.code, 0, run.stderr);
  const written = readFileSync(join(folder, 'found.jsonl'), 'utf8');
  const lines = parse(written);
  t.regex(run.stdout, new RegExp(`^ {2}findings +${findings(lines).length} in found\\.jsonl$`, 'm'));
  t.false(existsSync(join(folder, 'found.jsonl.partial')));
  const again = await replay(args, folder);
  refused(t, again, 2, 'ERR_OUTPUT_EXISTS');
  t.regex(again.stderr, /hint: .*--force/);
  t.is(readFileSync(join(folder, 'found.jsonl'), 'utf8'), written);
  const forced = await replay([...args, '--force', '--json'], folder);
  t.is(forced.code, 0, forced.stderr);
  t.like(JSON.parse(forced.stdout), {
    file: ATTACK,
    output: 'found.jsonl',
    findings: findings(lines).length,
    problems: 0,
    system: 'NT 5.1 build 2600',
    replay: { finalChecked: true, complete: true },
  });
  t.is(readFileSync(join(folder, 'found.jsonl'), 'utf8'), written, 'the same, byte for byte');
});

test('a trace that is not there leaves no file behind', async (t) => {
  const folder = temporaryFolder(t);
  const run = await replay(['none.rebek', '--hooks', 'pack:seed', '-o', 'found.jsonl'], folder);
  refused(t, run, 2, 'ERR_TRACE_OPEN');
  t.false(existsSync(join(folder, 'found.jsonl')) || existsSync(join(folder, 'found.jsonl.partial')));
  refused(t, await replay([PROBE, '--hooks', 'pack:seed', '-o', 'no/where'], folder), 2, 'ERR_OUTPUT_WRITE');
});

const mistakes: readonly [string, Readonly<Record<string, string>>, string, RegExp][] = [
  ['bad.ts', { 'bad.ts': "import { x } from 'rebek';\n\nconst a = ;\n" }, 'ERR_HOOKS_FILE', /bad\.ts:3:\d+/],
  ['throws.ts', { 'throws.ts': "throw new Error('at load');" }, 'ERR_HOOKS_FILE', /throws\.ts: .*at load/],
  ['lost.ts', { 'lost.ts': "import './not-there.ts';" }, 'ERR_HOOKS_FILE', /lost\.ts: .*not-there\.ts/],
  ['none.ts', {}, 'ERR_HOOKS_FILE', /none\.ts: there is no such file/],
  ['.', {}, 'ERR_HOOKS_FILE', /it is no file/],
  ['empty.ts', { 'empty.ts': '' }, 'ERR_HOOKS_FILE', /empty\.ts: its default export is no hook file/],
  ['other.ts', { 'other.ts': 'export default 5;' }, 'ERR_HOOKS_FILE', /its default export is no hook file/],
  ['named.ts', { 'named.ts': 'export const a = 1;' }, 'ERR_HOOKS_FILE', /hint: export default defineHooks/],
  [
    'setup.mjs',
    { 'setup.mjs': hooks('s', 'JSON.parse("{")') },
    'ERR_HOOKS_FILE',
    /s: its set-up function threw/,
  ],
  [
    'where.mjs',
    { 'where.mjs': hooks('w', 'hooks.portIO(1e9, () => {})') },
    'ERR_HOOKS_WHERE',
    /w: .*I\/O port/,
  ],
  ['pack:nothing', {}, 'ERR_HOOKS_PACK', /there is no pack 'nothing'/],
  ['pack:', {}, 'ERR_HOOKS_PACK', /hint: there are pack:sebek/],
];
for (const [name, contents, code, message] of mistakes) {
  test(`a hook file that is none is refused: ${name}`, async (t) => {
    const folder = files(t, contents);
    const load = async () => {
      const loaded = await loadHooks([name.startsWith('pack:') ? name : join(folder, name)]);
      await analyse(PROBE, { hooks: loaded, onLine: () => {} });
    };
    const error = await t.throwsAsync(load, { instanceOf: RebekError, code });
    t.is(error!.exitCode, 2);
    const said = `${error!.message}\nhint: ${error!.hint}`;
    t.regex(said, message);
    t.true(said.split('\n').length <= 7, said);
    t.notRegex(said, /^ +at /m);
  });
}

test('and told in a few lines, without a stack, where the file is wrong', async (t) => {
  const folder = files(t, {
    'bad.ts': mistakes[0]![1]['bad.ts']!,
    'setup.mjs': hooks('s', 'JSON.parse("{")'),
  });
  for (const name of ['bad.ts', 'setup.mjs', 'pack:nothing']) {
    const run = await replay([PROBE, '--hooks', name, '--json'], folder);
    refused(t, run, 2, name.startsWith('pack:') ? 'ERR_HOOKS_PACK' : 'ERR_HOOKS_FILE');
    t.true(run.stderr.split('\n').length <= 9, run.stderr);
    const last = JSON.parse(run.stdout.trimEnd().split('\n').at(-1)!) as { error: { code: string } };
    t.regex(last.error.code, /^ERR_HOOKS_/);
    if (name === 'bad.ts') t.regex(run.stderr, /bad\.ts:3:\d+/);
  }
});

test('two hooks with one name are refused, the same pack twice as well', async (t) => {
  const folder = files(t, { 'a.mjs': hooks('one', ''), 'b.mjs': hooks('one', '') });
  for (const names of [['a.mjs', 'b.mjs'].map((name) => join(folder, name)), ['pack:seed', 'pack:seed']])
    await t.throwsAsync(loadHooks(names), {
      code: 'ERR_HOOKS_FILE',
      message: /two of the hooks are named '(one|seed)'/,
    });
  const twice = await replay([PROBE, '--hooks', 'a.mjs', '--hooks', 'b.mjs'], folder);
  refused(t, twice, 2, 'ERR_HOOKS_FILE');
});

const usage: readonly [string, RegExp][] = [
  ['-o x.jsonl --matcher single-slot', /--matcher goes with --hooks only/],
  ['--strict', /--strict goes with --hooks only/],
  ['--hooks', /--hooks: its value is missing/],
  ['--hooks pack:seed --matcher best', /--matcher: expected .*single-slot.*, found 'best'/],
];
for (const [typed, message] of usage) {
  test(`wrong usage: rebek replay FILE ${typed}`, async (t) => {
    const folder = temporaryFolder(t);
    const run = await replay([PROBE, ...typed.split(' ')], folder);
    refused(t, run, 2, 'ERR_USAGE');
    t.regex(run.stderr, message);
    t.is(run.stdout, '');
    t.false(existsSync(join(folder, 'x.jsonl')));
  });
}

test('--strict: the first handler that throws ends it, with exit code 2 and what was found', async (t) => {
  const body = `
    hooks.call('NtClose', { pre() { hooks.emit('close'); } });
    hooks.call('NtClose', { post() { throw new Error('no'); } });`;
  const folder = files(t, { 'strict.mjs': hooks('strict', body) });
  const run = await replay([ATTACK, '--hooks', 'strict.mjs', '--strict', '-o', 'f.jsonl', '--json'], folder);
  refused(t, run, 2, 'ERR_HOOKS_HANDLER');
  t.regex(run.stderr, /the findings so far are in f\.jsonl\.partial/);
  t.like(JSON.parse(run.stdout).error, {
    code: 'ERR_HOOKS_HANDLER',
    details: { hook: 'strict', call: 'NtClose' },
  });
  t.false(existsSync(join(folder, 'f.jsonl')));
  const lines = parse(readFileSync(join(folder, 'f.jsonl.partial'), 'utf8'));
  t.deepEqual(lines.map(({ kind }) => kind).slice(-3), ['finding', 'problem', 'end']);
  t.like(lines.at(-1), { complete: false, findings: 1, problems: 1 });
});

test('names that are nowhere, and a trace of no known system, are warned of', async (t) => {
  const folder = files(t, { 'a.mjs': hooks('a', "hooks.call('NtNothing', {}); hooks.call('*!Foo', {});") });
  const run = await replay([ATTACK, '--hooks', 'a.mjs'], folder);
  t.is(run.code, 0);
  t.regex(run.stderr, /nothing of these names was found: NtNothing, \*!Foo$/m);
  const probe = await replay([PROBE, '--hooks', 'pack:processes'], folder);
  t.is(probe.code, 0);
  t.regex(probe.stderr, /^ {2}system +none that Rebek knows/m);
  t.false(parse(probe.stdout).some(({ kind }) => kind === 'system'));
});

test('Ctrl-C: exit code 130, what was found stays under another name', async (t) => {
  const folder = files(t, {
    // Slow enough to be interrupted.
    'slow.mjs': hooks(
      'slow',
      "hooks.portIO('all', () => { for (const e = Date.now() + 5; Date.now() < e; ); hooks.emit('port'); });",
    ),
  });
  const running = start(t, ['replay', ATTACK, '--hooks', 'slow.mjs', '-o', 'f.jsonl'], { cwd: folder });
  await running.says('replaying:');
  running.child.kill('SIGINT');
  const run = await running.result;
  t.is(run.code, 130, run.stderr);
  t.regex(run.stderr, /the findings so far are in f\.jsonl\.partial/);
  noStack(t, run);
  t.false(existsSync(join(folder, 'f.jsonl')));
  const lines = parse(readFileSync(join(folder, 'f.jsonl.partial'), 'utf8'));
  t.like(lines.at(-1), { kind: 'end', complete: false, findings: findings(lines).length });
  t.true(findings(lines).length > 0);
});

/** Copies a trace one of whose last events comes an instruction later. */
function diverge(from: string, to: string): void {
  const trace = TraceFile.open(from);
  const last = [...trace.reader.entries(['EVTS'])].at(-1)!.sequence;
  const out = ContainerWriter.create(to, 'TRCE');
  for (const { entry, body } of trace.reader.chunks()) {
    const { type, instruction, wallNs, flags } = entry;
    const place = { instruction, wallNs, optional: (flags & 1) !== 0 };
    if (entry.sequence !== last) {
      out.write(type, { ...body.raw() }, place);
      continue;
    }
    const batch = decodeEvents(body);
    batch.instructions[batch.count >> 1]! += 1;
    out.write(type, encodeEvents(batch), place);
  }
  out.close();
  trace.close();
}

test('a replay that diverges: exit code 3, and the findings before it', async (t) => {
  const folder = files(t, { 'a.mjs': hooks('a', "hooks.input(() => hooks.emit('input'));") });
  const changed = join(folder, 'changed.rebek');
  diverge(PROBE, changed);
  const run = await replay([changed, '--hooks', 'a.mjs', '-o', 'f.jsonl'], folder);
  t.is(run.code, 3, run.stderr);
  t.regex(run.stderr, /^rebek: .*changed\.rebek: the replay diverged .*\[ERR_REPLAY_DIVERGENCE\]/m);
  t.regex(run.stderr, /the findings so far are in f\.jsonl\.partial/);
  noStack(t, run);
  t.false(existsSync(join(folder, 'f.jsonl')));
  const lines = parse(readFileSync(join(folder, 'f.jsonl.partial'), 'utf8'));
  t.like(lines.at(-1), { kind: 'end', complete: false });
  t.true(findings(lines).length > 0);
});

test('an incomplete trace: what there is of it, exit code 4 unless that is allowed', async (t) => {
  const folder = temporaryFolder(t);
  const whole = join(folder, 'cut.rebek');
  const partial = rewriteTrace(PROBE, whole, (type, body) => (type === 'SUMM' ? undefined : body), false);
  const run = await replay([partial, '--hooks', 'pack:processes']);
  t.is(run.code, 4);
  t.regex(run.stderr, /INCOMPLETE/);
  t.like(parse(run.stdout).at(-1), { kind: 'end', complete: false });
  const allowed = await replay([partial, '--hooks', 'pack:processes', '--allow-incomplete']);
  t.is(allowed.code, 0, allowed.stderr);
});

test('a reader that goes away ends it well', async (t) => {
  const through = ['bash', '-c', 'set -o pipefail; "$@" | head -n 3; exit $PIPESTATUS', 'bash'];
  const run = await rebek(['replay', ATTACK, '--hooks', 'pack:syscalls'], { through });
  t.is(run.code, 0, run.stderr);
  t.is(parse(run.stdout).length, 3);
  t.notRegex(run.stderr, /EPIPE|rebek: unexpected/);
  noStack(t, run);
});

test('a disk that is full is an error, not a handler’s', async (t) => {
  const folder = temporaryFolder(t);
  mkdirSync(join(folder, 'out'));
  const run = await rebek(['replay', ATTACK, '--hooks', 'pack:syscalls', '-o', join(folder, 'out/f.jsonl')], {
    // Node ignores SIGXFSZ: writing fails with EFBIG, as it does with ENOSPC on a full disk.
    through: ['bash', '-c', 'ulimit -f 64; exec "$@"', 'bash'],
  });
  refused(t, run, 2, 'ERR_OUTPUT_WRITE');
  t.regex(run.stderr, /cannot write .*f\.jsonl: EFBIG/);
  t.notRegex(run.stderr, /a handler threw/);
  t.false(existsSync(join(folder, 'out/f.jsonl')));
});
