/** What the demos say, and the demo of ntlet from its start to its end. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { conclusion, demos } from '../../src/cli/demo-script.ts';
import { truthStatement } from '../../src/cli/truth-report.ts';
import { checkTruth } from '../../src/guest/ntlet/truth-check.ts';
import { builtins } from '../../src/machine/builtin.ts';
import { parseScript } from '../../src/record/script.ts';
import { temporaryFolder } from '../support/probe.ts';
import { make, placed, start } from '../support/truth.ts';
import { rebek } from './support.ts';

for (const [guest, demo] of Object.entries(demos)) {
  test(`the demo of ${guest}: its script parses and ends, its guest is built in, its texts name the trace`, (t) => {
    const { steps } = parseScript(demo.script, 'demo.script');
    t.is(steps.at(-1)?.kind, 'end');
    const builtin = builtins.find(({ name }) => name === guest);
    t.truthy(builtin?.machine);
    t.is('build' in demo, builtin?.builder !== undefined);
    t.true(conclusion('x.rebek').includes('x.rebek'));
    t.true(demo.next("'a b'").every(([command]) => /'a b'|^(record|demo) ?/.test(command)));
  });
}

test('what the ground truth comes to, in words', (t) => {
  const calls = [
    make.enter(1, 1, 0),
    make.switch(1, 3, 2),
    make.enter(3, 2, 0),
    make.leave(3, 2),
    make.switch(3, 1, 1),
    make.leave(1, 1),
  ];
  const statement = truthStatement(checkTruth(placed([...start, ...calls])));
  t.regex(statement, /told of 2 calls in 4 threads, and of 2 context switches\./);
  t.regex(statement, /During 1 call of NtReadFile, another thread entered the same function\./);
  t.notRegex(truthStatement(checkTruth(placed(start))), /During/);
});

test('the demo without a name is that of ntlet: records, replays, verifies, and checks the truth', async (t) => {
  const file = join(temporaryFolder(t), 'demo.rebek');
  const { code, stdout, stderr } = await rebek(['demo', '-o', file]);
  t.is(code, 0, stderr);
  for (const said of [
    /Welcome, guest\./,
    /Administrator:honey/,
    /Process \d+ has been terminated\./,
    /bytes written to C:\\stage2\.cfg/,
    /instructions, the same number as recorded/,
    /bytes at port 0xE9: the same/,
    /another thread entered the same function\.\nWhat it told is kept beside the log, and nothing in it contradicts itself\./,
  ])
    t.regex(stdout.replaceAll('\r', ''), said);
  t.true(readFileSync(file).length < 2_000_000);
  // An earlier demo is replaced; any other file is not.
  t.is((await rebek(['record', '--duration', '1', '-o', file])).code, 2);
});
