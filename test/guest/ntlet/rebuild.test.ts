/** The committed ntlet.bin is what its sources make, byte for byte, wherever the compiler is the one that made it. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { kernelImage } from '../../support/ntlet.ts';
import { root, temporaryFolder } from '../../support/probe.ts';

const folder = join(root, 'tools/ntlet');

/** First lines of `--version`; undefined where there is no such program. */
function version(program: string): string | undefined {
  try {
    return execFileSync(program, ['--version'], { encoding: 'utf8' }).split('\n')[0];
  } catch {
    return undefined;
  }
}

test('ntlet.bin is well under 128 KB', (t) => {
  t.true(kernelImage().length < 112 * 1024, `${kernelImage().length}`);
});

test('building ntlet makes the committed binary', (t) => {
  const wanted = readFileSync(join(folder, 'compiler.txt'), 'utf8').trim().split('\n');
  const found = [version('gcc'), version('ld')];
  if (found[0] !== wanted[0] || found[1] !== wanted[1]) {
    t.log(
      `not compared: it was made with ${wanted.join(', ')}; here is ${found.map((f) => f ?? 'nothing').join(', ')}`,
    );
    t.pass();
    return;
  }
  const output = join(temporaryFolder(t), 'ntlet.bin');
  execFileSync('sh', [join(folder, 'build.sh'), output], { stdio: 'pipe' });
  t.true(readFileSync(output).equals(kernelImage()), 'run tools/ntlet/build.sh and commit what it makes');
});
