/** `rebek check`: what it says of the matchers, to people and as JSON, and its exit codes. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import type { CheckReport } from '../../src/output/check/check.ts';
import { root, temporaryFolder } from '../support/probe.ts';
import { rewriteTrace } from '../support/rewrite.ts';
import { noStack, rebek, refused } from './support.ts';

const ATTACK = join(root, 'traces/ntlet-attack.rebek');
const PROBE = join(root, 'traces/probe.rebek');

const report = (stdout: string): CheckReport & { file: string } => JSON.parse(stdout);

test('the default matcher is right: exit code 0, and the others beside it', async (t) => {
  const run = await rebek(['check', ATTACK, '--by', 'function']);
  t.is(run.code, 0, run.stderr);
  const lines = run.stdout.trimEnd().split('\n');
  t.regex(
    lines[0]!,
    /ntlet-attack\.rebek: 4\d\d calls of \d+ functions, compared with what the guest says of them$/,
  );
  t.is(lines[1], 'NT 5.1 build 2600');
  t.regex(run.stdout, /^ {2}thread-stack +\d+ +100 % +100 % +0 +0 +0 +0$/m);
  t.regex(run.stdout, /^ {2}return-address +\d+ +\d\d\.\d\d % +100 %/m);
  t.regex(run.stdout, /^ {2}single-slot +\d+ +\d\d\.\d\d % +\d\d\.\d\d %/m);
  t.regex(run.stdout, /^ {2}NtReadFile +\d+ +100 % +100 %/m);
  t.regex(run.stdout, /^ {2}NtContinue +\d+ +0\.00 %/m);
  t.notRegex(run.stdout, /^thread-stack, the first disagreements$/m);
  t.regex(run.stdout, /^single-slot, the first disagreements$/m);
  t.regex(
    run.stdout,
    /NtContinue at instruction [\d,]+, thread \d+: it ended in another way\n {4}expected noreturn/,
  );
  // The place is one that the command it names shows.
  const [, from] =
    /where to look: rebek dump \S+ --stream truth --from (\d+) --limit 40/.exec(run.stderr) ?? [];
  const dump = await rebek(['dump', ATTACK, '--stream', 'truth', '--from', from!, '--limit', '40']);
  t.regex(dump.stdout, /NtContinue/);
});

test('a matcher that is judged and errs: exit code 1; by outcome', async (t) => {
  const run = await rebek(['check', ATTACK, '--matcher', 'single-slot', '--by', 'outcome']);
  t.is(run.code, 1, run.stderr);
  t.regex(run.stdout, /^ {2}single-slot .*\n {2}thread-stack .*\n {2}return-address /m, 'it comes first');
  for (const outcome of ['killed', 'noreturn', 'open', 'returned'])
    t.is(run.stdout.match(new RegExp(`^ {2}${outcome} +\\d`, 'gm'))?.length, 3, outcome);
  t.regex(run.stdout, /^return-address\n.*\n {2}killed +1 +0\.00 %/m);
  noStack(t, run);
});

test('as JSON: all that the text says, and more', async (t) => {
  const run = await rebek(['check', ATTACK, '--json']);
  t.is(run.code, 0, run.stderr);
  const { file, reference, matchers, replay, system, functions, missing, before } = report(run.stdout);
  t.is(file, ATTACK);
  t.is(reference, 'truth');
  t.deepEqual(
    matchers.map(({ matcher }) => matcher),
    ['thread-stack', 'return-address', 'single-slot'],
  );
  t.true(replay.finalChecked);
  t.is(system, 'NT 5.1 build 2600');
  t.true(functions > 40);
  t.deepEqual(missing, []);
  t.is(before, 0);
  t.true(matchers[2]!.total.right < matchers[2]!.total.calls);
  const { total, outcomes } = matchers[0]!;
  t.is(
    Object.values(outcomes).reduce((sum, { calls }) => sum + calls, 0),
    total.calls,
  );
});

test('hook files say which calls are checked', async (t) => {
  const folder = temporaryFolder(t);
  const hooks = `
    import { defineHooks } from 'rebek';
    export default defineHooks('reads', ({ call }) => {
      call('NtReadFile', { pre() { throw new Error('it ran'); } });
      call('NtNothing', {});
    });`;
  writeFileSync(join(folder, 'reads.ts'), hooks);
  const run = await rebek(['check', ATTACK, '--hooks', 'reads.ts', '--json'], { cwd: folder });
  t.is(run.code, 0, run.stderr);
  const { matchers, functions, missing, reference } = report(run.stdout);
  t.is(reference, 'truth');
  t.is(functions, 1);
  t.deepEqual(Object.keys(matchers[0]!.functions), ['NtReadFile']);
  t.deepEqual(missing, ['NtNothing']);
  t.regex(run.stderr, /nothing of these names was found: NtNothing/);
  t.notRegex(run.stderr, /it ran/);
});

test('without the truth, or where there is none, the judged matcher is what the others are compared with', async (t) => {
  const without = await rebek(['check', ATTACK, '--no-truth', '--json']);
  t.is(without.code, 0, without.stderr);
  t.is(report(without.stdout).reference, 'matcher');
  t.true(report(without.stdout).matchers[2]!.total.right < report(without.stdout).matchers[2]!.total.calls);
  const none = await rebek(['check', PROBE]);
  t.is(none.code, 0, none.stderr);
  t.regex(none.stdout, /probe\.rebek: 0 calls of 0 functions, compared with what thread-stack says of them/);
  t.regex(none.stdout, /no operating system that Rebek knows/);
});

test('an incomplete trace: exit code 4 unless that is allowed', async (t) => {
  const folder = temporaryFolder(t);
  const whole = join(folder, 'cut.rebek');
  const partial = rewriteTrace(PROBE, whole, (type, body) => (type === 'SUMM' ? undefined : body), false);
  const run = await rebek(['check', partial]);
  t.is(run.code, 4, run.stderr);
  t.regex(run.stderr, /INCOMPLETE/);
  t.regex(run.stdout, /thread-stack +0 +100 %/);
  t.is((await rebek(['check', partial, '--allow-incomplete'])).code, 0);
});

const usage: readonly [string, string, RegExp][] = [
  ['', 'ERR_USAGE', /the name of the file or guest is missing/],
  [`${PROBE} --by thread`, 'ERR_USAGE', /--by: expected function or outcome, found 'thread'/],
  [`${PROBE} --hooks none.ts`, 'ERR_HOOKS_FILE', /none\.ts: there is no such file/],
  ['none.rebek', 'ERR_TRACE_OPEN', /none\.rebek/],
];
for (const [typed, code, message] of usage) {
  test(`wrong usage: rebek check ${typed.replace(PROBE, 'FILE')}`, async (t) => {
    const run = await rebek(['check', ...typed.split(' ').filter((word) => word !== '')], {
      cwd: temporaryFolder(t),
    });
    refused(t, run, 2, code);
    t.regex(run.stderr, message);
    t.is(run.stdout, '');
  });
}
