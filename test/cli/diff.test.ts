import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { header, LAST, make, whole, write } from '../output/diff/made.ts';
import { temporaryFolder } from '../support/probe.ts';
import { rebek, refused } from './support.ts';

const findings = make(Array.from({ length: 40 }, (_, i) => i * 13 + 1));
const lost = findings.map((finding) => {
  if (finding.call?.name !== 'NtReadFile') return finding;
  const { result: _, ...call } = finding.call;
  return { ...finding, instruction: LAST, call: { ...call, outcome: 'open' as const } };
});
const reads = findings.filter(({ call }) => call?.name === 'NtReadFile');

test('`diff --help` explains the command, with examples', async (t) => {
  const { code, stdout } = await rebek(['diff', '--help']);
  t.is(code, 0);
  t.true(stdout.startsWith('rebek diff A B'), stdout);
  for (const line of stdout.split('\n')) t.true(line.length <= 110, line);
});

test('the same: 0; different: 1, by cause; standard input on either side', async (t) => {
  const folder = temporaryFolder(t);
  const a = write(folder, 'a.jsonl', whole(findings));
  const b = write(folder, 'b.jsonl', whole(lost));
  const same = await rebek(['diff', a, a]);
  t.is(same.code, 0, same.stderr);
  t.regex(same.stdout, /^--- .*a\.jsonl .*\n\+\+\+ .*\n\d+ findings the same, 0 different/);
  const run = await rebek(['diff', a, b, '--limit', '2']);
  t.is(run.code, 1, run.stderr);
  t.is(run.stderr, '');
  t.true(run.stdout.includes(`side B has lost the ends of ${reads.length} calls of NtReadFile`), run.stdout);
  t.is(run.stdout.match(/^- /gm)?.length, 2);
  t.is(run.stdout.match(/^\+ .* NtReadFile: open/gm)?.length, 2);
  t.true(run.stdout.includes(`… and ${reads.length - 2} more`));
  t.false(run.stdout.includes('\u2028'), 'what comes from the guest is escaped');
  t.false(run.stdout.includes('\x1b'), 'no colours but on a terminal');
  const piped = await rebek(['diff', a, '-'], { input: readFileSync(b, 'utf8') });
  t.is(piped.code, 1, piped.stderr);
  const back = await rebek(['diff', '-', a, '--limit', '0'], { input: readFileSync(b, 'utf8') });
  t.is(back.code, 1, back.stderr);
  t.true(back.stdout.includes('side A has lost'), back.stdout);
  t.notRegex(back.stdout, /^- /m);
});

test('--json: a summary, then causes with their differences; --only', async (t) => {
  const folder = temporaryFolder(t);
  const a = write(folder, 'a.jsonl', whole(findings));
  const b = write(folder, 'b.jsonl', whole(lost));
  const run = await rebek(['diff', a, b, '--json']);
  t.is(run.code, 1, run.stderr);
  const [summary, cause, ...differences] = run.stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  t.like(summary, { kind: 'summary', same: false, causes: 1, counts: { different: reads.length, onlyA: 0 } });
  t.like(cause, {
    kind: 'cause',
    cause: 1,
    why: 'lost',
    side: 'b',
    function: 'NtReadFile',
    count: reads.length,
  });
  t.deepEqual(
    differences.map(({ kind, instruction }) => [kind, instruction]),
    reads.map(({ call }) => ['difference', call!.entered]),
  );
  t.deepEqual(differences[0].a.finding, reads[0]);
  t.is(
    JSON.parse(readFileSync(a, 'utf8').split('\n')[differences[0].a.line - 1]!).call.number,
    reads[0]!.call!.number,
  );
  t.is(differences[0].b.finding.call.outcome, 'open');
  const notes = await rebek(['diff', a, b, '--only', 'note']);
  t.is(notes.code, 0, notes.stdout);
});

test('trouble: 2', async (t) => {
  const folder = temporaryFolder(t);
  const a = write(folder, 'a.jsonl', whole(findings));
  const part = write(folder, 'part.jsonl', [header(), ...findings]);
  refused(t, await rebek(['diff', a, join(folder, 'none')]), 2, 'ERR_FINDINGS_READ');
  refused(t, await rebek(['diff', '-', '-']), 2, 'ERR_USAGE');
  refused(t, await rebek(['diff', a, part]), 2, 'ERR_FINDINGS_INCOMPLETE');
  const allowed = await rebek(['diff', a, part, '--allow-incomplete']);
  t.is(allowed.code, 0, allowed.stderr);
  t.regex(allowed.stderr, /part\.jsonl has no end/);
  const broken = await rebek(['diff', a, write(folder, 'c.jsonl', [header(), '{'])]);
  refused(t, broken, 2, 'ERR_FINDINGS_LINE');
  t.regex(broken.stderr, /c\.jsonl, line 2: /);
});
