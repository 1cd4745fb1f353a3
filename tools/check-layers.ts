/**
 * Checks the import layers with dependency-cruiser, and that it really looked: a TypeScript that it cannot
 * load makes it see no module at all and pass, so the number of modules must match the files on disk.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';

const files = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter((name) =>
  name.endsWith('.ts'),
);
const run = spawnSync(
  process.execPath,
  ['node_modules/dependency-cruiser/bin/dependency-cruise.mjs', 'src', '--config', '--output-type', 'json'],
  { encoding: 'utf8', maxBuffer: 1 << 28 },
);
if (!run.stdout.startsWith('{')) {
  console.error(run.stdout + run.stderr);
  process.exit(2);
}
interface Cruise {
  modules: { source: string }[];
  summary: { violations: { from: string; to: string; rule: { name: string; severity: string } }[] };
}
const cruise = JSON.parse(run.stdout) as Cruise;
const seen = cruise.modules.filter((m) => m.source.startsWith('src/') && m.source.endsWith('.ts')).length;
for (const v of cruise.summary.violations) console.error(`${v.rule.name}: ${v.from} imports ${v.to}`);
if (files.length === 0 || seen < files.length) {
  console.error(`layers: saw ${seen} of ${files.length} modules under src/`);
  process.exit(1);
}
console.log(`layers: ${seen} modules, ${cruise.summary.violations.length} violations`);
process.exit(cruise.summary.violations.length === 0 ? 0 : 1);
