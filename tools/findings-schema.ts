/** `node dist/tools/findings-schema.js`: writes the JSON Schema of findings files, src/hooks/findings.schema.json. */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { findingsSchema } from '../src/hooks/findings.ts';

const path = fileURLToPath(new URL('../../src/hooks/findings.schema.json', import.meta.url));
writeFileSync(path, `${JSON.stringify(findingsSchema(), undefined, 2)}\n`);
