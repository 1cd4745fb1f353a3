/** Findings files that are not what they should be: what is said about them, and of which line. */
import { appendFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { RebekError } from '../../../src/base/errors.ts';
import { temporaryFolder } from '../../support/probe.ts';
import { diffFiles, end, header, make, read, whole, write } from './made.ts';

const findings = make([1, 2, 3, 4, 5]);
const line = JSON.stringify(findings[0]);
const call = { ...findings[0]!.call! };

const wrong: readonly [string, readonly unknown[], string, number, RegExp][] = [
  ['empty', [], 'ERR_FINDINGS_HEADER', 1, /expected a header, found nothing: the file is empty/],
  ['no JSON at all', ['\x89RBK', 'x'], 'ERR_FINDINGS_HEADER', 1, /expected a JSON object/],
  ['no header', findings, 'ERR_FINDINGS_HEADER', 1, /expected a header, found a finding/],
  ['an end first', [end(0)], 'ERR_FINDINGS_HEADER', 1, /expected a header, found an end/],
  ['format 2', [header({ format: 2 })], 'ERR_FINDINGS_FORMAT', 1, /expected format 1, found 2/],
  [
    'no format',
    [header({ format: undefined })],
    'ERR_FINDINGS_FORMAT',
    1,
    /expected format 1, found nothing/,
  ],
  [
    'two versions',
    [header(), findings[0], header({ rebek: '0.2.0' })],
    'ERR_FINDINGS_HEADER',
    3,
    /second header, the first is in line 1, of Rebek 0\.1\.0 and 0\.2\.0/,
  ],
  ['two formats', [header(), header({ format: 2 })], 'ERR_FINDINGS_FORMAT', 2, /expected format 1, found 2/],
  [
    'two files',
    [...whole(findings), header()],
    'ERR_FINDINGS_END',
    8,
    /found a header behind the end in line 7/,
  ],
  ['one lost', [header(), findings[0], end(2)], 'ERR_FINDINGS_END', 3, /counts 2 findings, found 1/],
  ['no object', [header(), '[1]'], 'ERR_FINDINGS_LINE', 2, /expected a JSON object, found \[1\]/],
  ['an empty line', [header(), ''], 'ERR_FINDINGS_LINE', 2, /expected a JSON object/],
  ['half a line', [header(), line.slice(0, 90), line], 'ERR_FINDINGS_LINE', 2, /expected a JSON object/],
  ['data cut', [header(), `${line.slice(0, -9)}}`], 'ERR_FINDINGS_LINE', 2, /expected a JSON object/],
  ['data broken', [header(), line.replace('"data":{', '"data":{,')], 'ERR_FINDINGS_LINE', 2, /JSON object/],
  ['unknown kind', [header(), { kind: 'found' }], 'ERR_FINDINGS_LINE', 2, /kind: expected .*, found "found"/],
  ['no kind', [header(), {}], 'ERR_FINDINGS_LINE', 2, /kind: expected .*, found nothing/],
  [
    'a text for a number',
    [header(), line, { ...findings[1], instruction: '7' }],
    'ERR_FINDINGS_LINE',
    3,
    /instruction: expected number, found "7"/,
  ],
  [
    'an unknown outcome',
    [header(), { ...findings[0], call: { ...call, outcome: 'gone' } }],
    'ERR_FINDINGS_LINE',
    2,
    /call\.outcome: .*"returned".*, found "gone"/,
  ],
  [
    'a result of 33 bits',
    [header(), { ...findings[0], call: { ...call, outcome: 'returned', result: 2 ** 32 } }],
    'ERR_FINDINGS_LINE',
    2,
    /call\.result: .*4294967295.*, found 4294967296/,
  ],
  [
    'no data',
    [header(), { ...findings[0], data: undefined }],
    'ERR_FINDINGS_LINE',
    2,
    /data: .*found nothing/,
  ],
  ['data a list', [header(), { ...findings[0], data: [] }], 'ERR_FINDINGS_LINE', 2, /data: .*found \[\]/],
  ['more than there is', [header(), { ...findings[0], cpu: 1 }], 'ERR_FINDINGS_LINE', 2, /cpu/],
  ['a bad escape', [header(), line.replace('"h"', '"\\q"')], 'ERR_FINDINGS_LINE', 2, /JSON object/],
  [
    'a process without a name',
    [header(), { ...findings[0], process: { key: 1, pid: 2 } }],
    'ERR_FINDINGS_LINE',
    2,
    /process.name: expected string, found nothing/,
  ],
];

for (const [name, lines, code, number, message] of wrong) {
  test(`${name}: ${code} in line ${number}`, async (t) => {
    const path = write(temporaryFolder(t), 'f.jsonl', lines);
    const error = await t.throwsAsync(read(path), { instanceOf: RebekError, code, message });
    t.is(error?.exitCode, 2);
    t.true(error?.message.startsWith(`${path}, line ${number}: `), error?.message);
    t.like(error?.details, { file: path, line: number });
  });
}

test('a file that is cut off says so; one without an end is read, and has none', async (t) => {
  const folder = temporaryFolder(t);
  const path = write(folder, 'f.jsonl', [header(), ...findings]);
  const side = await read(path);
  t.is(side.end, undefined);
  t.is(side.count, findings.length);
  appendFileSync(path, line.slice(0, 100));
  await t.throwsAsync(read(path), { code: 'ERR_FINDINGS_LINE', message: /line 7: it is cut off/ });
  const complete = write(folder, 'g.jsonl', whole(findings));
  writeFileSync(
    join(folder, 'h.jsonl'),
    whole(findings)
      .map((one) => JSON.stringify(one))
      .join('\n'),
  );
  t.deepEqual(await read(join(folder, 'h.jsonl')), {
    ...(await read(complete)),
    name: join(folder, 'h.jsonl'),
  });
});

test('no file, a folder, another recording', async (t) => {
  const folder = temporaryFolder(t);
  await t.throwsAsync(read(join(folder, 'x')), {
    code: 'ERR_FINDINGS_READ',
    message: /there is no such file/,
  });
  await t.throwsAsync(read(folder), { code: 'ERR_FINDINGS_READ', message: /it is a folder/ });
  const trace = { name: 'y.rebek', recording: 'def', started: '', machine: '' };
  const a = write(folder, 'a.jsonl', whole(findings));
  const b = write(folder, 'b.jsonl', whole(findings, { trace }));
  await t.throwsAsync(diffFiles(a, b), {
    code: 'ERR_DIFF_RECORDINGS',
    message: /x\.rebek \(abc\).*y\.rebek \(def\)/,
  });
});
