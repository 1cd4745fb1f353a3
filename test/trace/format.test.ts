/** FORMAT.md and the code say the same, and files of earlier builds stay readable. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { knownChunkTypes } from '../../src/trace/chunk-types.ts';
import { openContainer } from '../../src/trace/container-reader.ts';
import { verifyIntegrity } from '../../src/trace/integrity.ts';
import { opInfo } from '../../src/trace/ops.ts';
import { chunkFields, contentOf, footerFields, headerFields } from './support.ts';

/** The project's folder, as seen from the built test. */
const root = new URL('../../../', import.meta.url);
const specification = readFileSync(new URL('src/trace/FORMAT.md', root), 'utf8');

/** Fields of the first table in a section: [name, first byte]. */
function tableOf(section: string): [string, number][] {
  const text = specification.split(`\n## ${section}\n`)[1]?.split('\n## ')[0] ?? '';
  return [...text.matchAll(/^\| +(\d+) \| ([a-z ]+?) +\|/gm)].map((row) => [row[2]!, Number(row[1])]);
}

test('the tables of the specification name the fields that the errors name, at the same offsets', (t) => {
  const begin = (fields: [string, number, number][]) => fields.map(([name, at]) => [name, at]);
  t.deepEqual(tableOf('Header'), begin(headerFields));
  t.deepEqual(tableOf('Chunk'), [...begin(chunkFields), ['payload', 84]]);
  t.deepEqual(tableOf('Footer'), begin(footerFields));
});

test('the specification has a section for every chunk type', (t) => {
  for (const type of knownChunkTypes)
    t.true(new RegExp(`^##+ .*\\b${type}\\b`, 'm').test(specification), type);
});

test('the specification’s table of ops is the code’s', (t) => {
  const rows = specification.matchAll(/^\| +(\d+) \| `(\w+)` +\| (\w+) +\| ([^|]*)\| (\w*) +\|/gm);
  const described = Array.from(rows, ([, op, name, opClass, args, result]) => ({
    op: Number(op),
    name,
    class: opClass,
    args: args!.split(',').filter((arg) => arg.trim() !== '').length,
    result: result || 'none',
  }));
  const known = Array.from(opInfo, ([op, info]) => ({
    op,
    name: info.name as string,
    class: info.class as string,
    args: info.args + info.f64Args,
    result: info.result as string,
  }));
  t.deepEqual(described, known as typeof described);
});

test('a file that was written by the first build is read as it was', (t) => {
  const path = fileURLToPath(new URL('test/trace/vectors/container-1.0.rebek', root));
  const expected = JSON.parse(
    readFileSync(new URL('test/trace/vectors/container-1.0.json', root), 'utf8'),
  ) as { header: object; chain: string; chunks: object[] };
  const reader = openContainer(path, { kind: 'TRCE' });
  t.deepEqual(reader.header, expected.header as typeof reader.header);
  const chunks = [...reader.entries()].map((entry) => {
    const { body } = reader.readChunk(entry);
    return { ...entry, content: JSON.parse(contentOf(body.raw())) };
  });
  reader.close();
  t.deepEqual(chunks, expected.chunks as typeof chunks);
  t.is(verifyIntegrity(path).chain, expected.chain);
});
