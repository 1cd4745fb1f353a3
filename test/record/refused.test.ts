import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { temporaryFolder } from '../support/probe.ts';

const library = new URL('../../src/index.js', import.meta.url).href;

test('a recording that cannot begin leaves nothing running, and the file that is there as it is', async (t) => {
  const path = join(temporaryFolder(t), 'there.rebek');
  writeFileSync(path, 'mine');
  const program = `
    import { loadImages, loadMachine, Recording } from '${library}';
    const machine = await loadMachine('ntlet');
    const images = await loadImages(machine);
    await Recording.start({ machine, images, output: ${JSON.stringify(path)} }).catch((error) => console.log(error.code));
  `;
  const script = join(path, '../begin.mjs');
  writeFileSync(script, program);
  const { stdout } = await promisify(execFile)(process.execPath, [script], { timeout: 60_000 });
  t.is(stdout, 'ERR_TRACE_EXISTS\n');
  t.is(readFileSync(path, 'utf8'), 'mine');
});
