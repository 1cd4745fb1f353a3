import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { findingsSchema } from '../../src/hooks/findings.ts';
import { root } from '../support/probe.ts';

test('the published schema of findings is that of the code', (t) => {
  const published = readFileSync(join(root, 'src/hooks/findings.schema.json'), 'utf8');
  t.deepEqual(JSON.parse(published), JSON.parse(JSON.stringify(findingsSchema())));
});
