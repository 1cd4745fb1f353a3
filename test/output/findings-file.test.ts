import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { RebekError } from '../../src/base/errors.ts';
import type { FindingLine } from '../../src/hooks/findings.ts';
import { FindingsWriter } from '../../src/output/findings-file.ts';
import { temporaryFolder } from '../support/probe.ts';

const line = (message: string): FindingLine => ({ kind: 'problem', hook: 'h', instruction: 1, message });
const messages = (path: string): string[] =>
  readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .map((text) => JSON.parse(text).message);

test('the file has its name only when it is complete', (t) => {
  const path = join(temporaryFolder(t), 'f.jsonl');
  const writer = new FindingsWriter(path);
  writer.line(line('a'));
  writer.line(line('two\nlines \u2028 ü'));
  t.false(existsSync(path));
  t.is(writer.finish(true), path);
  t.deepEqual(messages(path), ['a', 'two\nlines \u2028 ü']);
  t.false(existsSync(`${path}.partial`));
});

test('what is not complete keeps another name', (t) => {
  const path = join(temporaryFolder(t), 'f.jsonl');
  const writer = new FindingsWriter(path);
  writer.line(line('a'));
  t.is(writer.finish(false), `${path}.partial`);
  t.false(existsSync(path));
  t.deepEqual(messages(`${path}.partial`), ['a']);
});

test('of nothing nothing is left', (t) => {
  const path = join(temporaryFolder(t), 'f.jsonl');
  t.is(new FindingsWriter(path).finish(false), undefined);
  t.false(existsSync(`${path}.partial`));
});

test('much is written as it comes', (t) => {
  const path = join(temporaryFolder(t), 'f.jsonl');
  const writer = new FindingsWriter(path);
  const long = 'x'.repeat(1000);
  for (let i = 0; i < 1000; i++) writer.line(line(`${i} ${long}`));
  t.true(readFileSync(`${path}.partial`).length > 500_000);
  writer.finish(true);
  t.deepEqual(
    messages(path).map((text) => Number(text.split(' ')[0])),
    Array.from({ length: 1000 }, (_, i) => i),
  );
});

test('a file that exists is left alone, unless it is to be replaced; then to the end', (t) => {
  const path = join(temporaryFolder(t), 'f.jsonl');
  writeFileSync(path, 'precious');
  const error = t.throws(() => new FindingsWriter(path), {
    instanceOf: RebekError,
    code: 'ERR_OUTPUT_EXISTS',
  });
  t.regex(error!.hint ?? '', /--force/);
  t.false(existsSync(`${path}.partial`));
  const writer = new FindingsWriter(path, true);
  writer.line(line('new'));
  t.is(readFileSync(path, 'utf8'), 'precious');
  writer.finish(true);
  t.deepEqual(messages(path), ['new']);
});

test('a place where nothing can be written is an error at once, without a promise of a part', (t) => {
  const path = join(temporaryFolder(t), 'none', 'f.jsonl');
  const error = t.throws(() => new FindingsWriter(path), {
    instanceOf: RebekError,
    code: 'ERR_OUTPUT_WRITE',
  });
  t.is(error!.exitCode, 2);
  t.is(error!.hint, undefined);
});

test('a name that cannot be given is an error, and the lines stay', (t) => {
  const path = join(temporaryFolder(t), 'f.jsonl');
  const writer = new FindingsWriter(path);
  writer.line(line('a'));
  mkdirSync(path);
  const error = t.throws(() => writer.finish(true), { instanceOf: RebekError, code: 'ERR_OUTPUT_WRITE' });
  t.true(error!.hint?.includes(`${path}.partial`));
  t.deepEqual(messages(`${path}.partial`), ['a']);
});
