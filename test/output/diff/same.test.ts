/** Findings that were changed in known ways: the diff tells these changes, and nothing else. */
import test from 'ava';
import fc from 'fast-check';
import type { Finding } from '../../../src/hooks/findings.ts';
import type { FieldName } from '../../../src/output/diff/align.ts';
import { temporaryFolder } from '../../support/probe.ts';
import { diffFiles, inOrder, LAST, make, process, renumbered, thread, whole, write } from './made.ts';

/** What a finding is known by in these files, whatever else was changed. */
const identity = ({ call, instruction, data }: Finding): string =>
  call === undefined ? `${instruction}/${String(data['n'])}` : `call ${call.entered}`;

type Change = (finding: Finding) => { readonly to: Finding[]; readonly fields: FieldName[] | 'a' | 'b' };

const inCall = (finding: Finding, more: Partial<NonNullable<Finding['call']>>): Finding => ({
  ...finding,
  call: { ...finding.call!, ...more },
});
const anotherThread = (finding: Finding): number => (finding.thread!.key % 4) + 1;

const ofAny: Change[] = [
  () => ({ to: [], fields: 'a' }),
  (finding) => ({ to: [finding, finding], fields: 'b' }),
  (finding) => ({ to: [{ ...finding, data: { ...finding.data, more: 1 } }], fields: ['data'] }),
  (finding) => ({ to: [{ ...finding, process: { ...finding.process!, name: 'x' } }], fields: ['process'] }),
];
const ofCalls: Change[] = [
  (finding) => ({ to: [inCall(finding, { outcome: 'killed' })], fields: ['outcome'] }),
  (finding) => ({ to: [inCall(finding, { result: 77_777 })], fields: ['result'] }),
  (finding) => ({ to: [{ ...finding, instruction: finding.instruction + 1 }], fields: ['end'] }),
  (finding) => {
    const key = anotherThread(finding);
    const moved = { ...finding, thread: thread(key), process: process(key) };
    return { to: [inCall(moved, { caller: finding.thread! })], fields: ['owner'] };
  },
  (finding) => {
    const key = anotherThread(finding);
    return { to: [inCall(finding, { caller: thread(key) })], fields: ['caller'] };
  },
  (finding) => {
    const { parent: _, ...call } = finding.call!;
    if (finding.call!.parent === undefined)
      return { to: [inCall(finding, { parent: 1 })], fields: ['parent'] };
    return { to: [{ ...finding, call }], fields: ['parent'] };
  },
  (finding) => ({ to: [inCall(finding, { restartOf: 1 })], fields: ['restartOf'] }),
  (finding) => {
    const { result: _, ...call } = finding.call!;
    const lost = { ...finding, instruction: LAST, call: { ...call, outcome: 'open' as const } };
    const fields: FieldName[] =
      finding.call!.result === undefined ? ['outcome', 'end'] : ['outcome', 'result', 'end'];
    return { to: [lost], fields };
  },
];

const seeds = fc.array(fc.nat({ max: 1_000_000 }), { minLength: 40, maxLength: 120 });

test('what was changed is told, and nothing else', async (t) => {
  const folder = temporaryFolder(t);
  const changes = fc.uniqueArray(fc.tuple(fc.nat({ max: 1000 }), fc.nat({ max: 1000 })), {
    maxLength: 8,
    selector: ([at]) => at,
  });
  let told = 0;
  await fc.assert(
    fc.asyncProperty(seeds, changes, fc.nat({ max: 3 }), async (numbers, chosen, turn) => {
      const findings = make(numbers);
      const expected = new Map<string, string>();
      const changedAt = new Set<number>();
      const changed = findings.map((finding): Finding[] => [finding]);
      for (const [at, which] of chosen) {
        const i = at % findings.length;
        const finding = findings[i]!;
        // Of several at one moment no more than one: which of them is which would be anybody's guess.
        if (changedAt.has(finding.instruction)) continue;
        changedAt.add(finding.instruction);
        const list = finding.call === undefined ? ofAny : [...ofAny, ...ofCalls];
        const { to, fields } = list[which % list.length]!(finding);
        changed[i] = to;
        expected.set(identity(finding), String(fields));
      }
      const key = (one: number): number => ((one + turn) % 50) + 1;
      const a = write(folder, 'a.jsonl', whole(findings));
      const b = write(folder, 'b.jsonl', whole(inOrder(renumbered(changed.flat(), key))));
      const { differences, equal, onlyA, onlyB, different, causes } = await diffFiles(a, b);
      const found = differences.map(({ a: one, b: other, fields }) => [
        identity((one ?? other)!.finding),
        one === undefined ? 'b' : other === undefined ? 'a' : String(fields),
      ]);
      t.deepEqual(found.toSorted(), [...expected].toSorted());
      t.is(onlyA + onlyB + different, expected.size);
      t.is(equal + onlyA + different, findings.length);
      t.is(causes.length === 0, expected.size === 0);
      told += found.length;
    }),
    { numRuns: 400 },
  );
  t.true(told > 500, String(told));
});

test('ends that were shifted within a thread: one run, from the right call on', async (t) => {
  const folder = temporaryFolder(t);
  await fc.assert(
    fc.asyncProperty(seeds, fc.nat({ max: 3 }), fc.nat(), async (numbers, which, start) => {
      const findings = make(
        numbers.map((seed) => seed * 7 + 1 + (seed % 5)).filter((seed) => seed % 5 !== 0),
      );
      const calls = findings.filter(({ call, thread: by }) => call !== undefined && by!.key === which + 1);
      if (calls.length < 6) return;
      const first = start % (calls.length - 4);
      const shifted = new Map<Finding, Finding>();
      for (let k = calls.length - 1; k > first; k--) {
        const [own, before] = [calls[k]!, calls[k - 1]!];
        const { result, outcome } = before.call!;
        const given = { ...own.call!, outcome, ...(result !== undefined && { result }) };
        shifted.set(own, { ...own, instruction: before.instruction, call: given });
      }
      const { result: _, ...open } = calls[first]!.call!;
      shifted.set(calls[first]!, { ...calls[first]!, instruction: LAST, call: { ...open, outcome: 'open' } });
      const b = inOrder(findings.map((finding) => shifted.get(finding) ?? finding));
      const diff = await diffFiles(
        write(folder, 'a.jsonl', whole(findings)),
        write(folder, 'b.jsonl', whole(b)),
      );
      const [run, lost, ...rest] = diff.causes;
      t.deepEqual(rest, []);
      t.like(run, {
        kind: 'shifted',
        side: 'b',
        shift: 1,
        from: calls[first + 1]!.call!.entered,
        to: calls.at(-1)!.call!.entered,
      });
      t.deepEqual({ ...run!.thread }, { key: which + 1, id: thread(which + 1).tid });
      t.is(run!.members.length, calls.length - first - 1);
      t.like(lost, { kind: 'lost', side: 'b', from: calls[first]!.call!.entered });
      t.is(lost!.members.length, 1);
    }),
    { numRuns: 200 },
  );
});

test('lines in another form of JSON are the same findings', async (t) => {
  const folder = temporaryFolder(t);
  await fc.assert(
    fc.asyncProperty(seeds, async (numbers) => {
      const findings = make(numbers);
      const other = findings.map((finding, i) => {
        const { kind, data, ...rest } = finding;
        // Other order, other whitespace, other escapes.
        const text = JSON.stringify(i % 2 === 0 ? { data, kind, ...rest } : finding).replaceAll(
          'ü',
          '\\u00fc',
        );
        return i % 3 === 0 ? text.replace(/^\{/, '{ ') : text.replace(/\}$/, ' }\t');
      });
      const diff = await diffFiles(
        write(folder, 'a.jsonl', whole(findings)),
        write(folder, 'b.jsonl', whole(other)),
      );
      t.is(diff.equal, findings.length);
      t.deepEqual(diff.causes, []);
    }),
    { numRuns: 50 },
  );
});

test('hooks, types and functions of one side only are one cause each; so is what is beyond its end', async (t) => {
  const folder = temporaryFolder(t);
  const findings = make(Array.from({ length: 60 }, (_, i) => i * 13 + 1));
  const path = (name: string, list: readonly Finding[], hooks = ['h']): string =>
    write(folder, name, whole(list, { hooks }));
  const a = path('a.jsonl', findings);
  const kinds = async (list: readonly Finding[], hooks?: string[]) =>
    (await diffFiles(a, path('b.jsonl', list, hooks))).causes.map(({ kind, side, members }) => [
      kind,
      side,
      members.length,
    ]);
  const notes = findings.filter(({ type }) => type === 'note').length;
  const reads = findings.filter(({ call }) => call?.name === 'NtReadFile').length;
  t.true(notes > 3 && reads > 3);
  t.deepEqual(await kinds(findings.filter(({ type }) => type !== 'note')), [['type', 'a', notes]]);
  t.deepEqual(await kinds(findings.filter(({ call }) => call?.name !== 'NtReadFile')), [
    ['function', 'a', reads],
  ]);
  const more = findings.map((finding) => ({ ...finding, hook: 'other' }));
  t.deepEqual(await kinds(inOrder([...findings, ...more]), ['h', 'other']), [['hook', 'b', findings.length]]);
  const part = findings.slice(0, 20);
  const cut = write(folder, 'cut.jsonl', [whole(part)[0], ...part]);
  const { causes, notes: said } = await diffFiles(a, cut);
  t.deepEqual(
    causes.map(({ kind, side, members }) => [kind, side, members.length]),
    [['span', 'a', findings.length - 20]],
  );
  t.true(
    said.some((note) => note.includes('side B has no end')),
    said.join('\n'),
  );
});

test('parents are compared where both matchers know them only', async (t) => {
  const folder = temporaryFolder(t);
  const findings = make(
    Array.from({ length: 60 }, (_, i) => i * 11 + 1).map((seed, i) => seed + 10 * (i % 2)),
  );
  const without = findings.map((finding): Finding => {
    if (finding.call === undefined) return finding;
    const { parent: _, ...call } = finding.call;
    return { ...finding, call };
  });
  const a = write(folder, 'a.jsonl', whole(findings));
  const same = await diffFiles(a, write(folder, 'b.jsonl', whole(without)));
  t.true(same.fields.parent > 0);
  const other = await diffFiles(a, write(folder, 'b.jsonl', whole(without, { matcher: 'single-slot' })));
  t.is(other.fields.parent, 0);
  t.deepEqual(other.causes, []);
  t.regex(other.notes[0]!, /not compared/);
});
