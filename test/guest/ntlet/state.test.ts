/** The ground truth of recordings that begin with a saved state: what was told before is in the state, and in the trace. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { readTruth } from '../../../src/guest/ntlet/truth.ts';
import { checkTruth } from '../../../src/guest/ntlet/truth-check.ts';
import { readStateFile, writeStateFile } from '../../../src/trace/state-file.ts';
import { rebek, script } from '../../cli/support.ts';
import { temporaryFolder } from '../../support/probe.ts';

const steps = `
send "guest\\n"
wait "password: "
send "guest\\n"
wait "C:\\\\> "
send "stress 1 4\\n"
wait "stress: done"
end
`;

test.serial('names, threads and processes from before a saved state are known', async (t) => {
  const cwd = temporaryFolder(t);
  const booted = await rebek(['guest', 'boot', 'ntlet', '--save', 'ready.state', '--json'], { cwd });
  t.is(booted.code, 0, booted.stderr);
  t.false('debug' in JSON.parse(booted.stdout), 'what a state keeps for itself is not printed');
  const record = async (state: string, file: string) => {
    const args = ['record', 'ntlet', '--from', state, '--script', script(cwd, steps), '-o', file];
    const run = await rebek(args, { cwd });
    t.is(run.code, 0, run.stderr);
    t.is((await rebek(['verify', file], { cwd })).code, 0);
    const truth = readTruth(join(cwd, file));
    const records = [...truth];
    truth.close();
    return { records, report: checkTruth(records) };
  };
  const whole = await record('ready.state', 'whole.rebek');
  t.deepEqual(whole.report.problems, []);
  t.is(whole.report.unknown, undefined);
  t.is(whole.records[0]?.kind, 'boot');
  t.true(whole.report.functions.some(({ name }) => name === 'NtReadFile'));
  const before = whole.records.filter(({ instruction }) => instruction === -1).length;
  t.true(before > 100 && before < whole.records.length, `${before}`);

  // The dump begins with the recording, and has the names.
  const dump = await rebek(['dump', 'whole.rebek', '--stream', 'truth', '--limit', '40'], { cwd });
  t.regex(dump.stdout, /^ +\d[\d,]* {2}t\d+ pid \d+ winlogon\.exe +… NtReadFile = 0x00000000 returned/m);
  t.notRegex(dump.stdout, / boot | -1 /);
  const info = JSON.parse((await rebek(['info', 'whole.rebek', '--json'], { cwd })).stdout);
  t.false('debug' in info.meta);

  // A state that does not know (another program's, or one that was told too much): numbers for names, no contradiction.
  const { meta, state } = readStateFile(join(cwd, 'ready.state'));
  const { debug, ...rest } = meta;
  t.is(typeof debug, 'string');
  writeStateFile(join(cwd, 'silent.state'), rest, state);
  const part = await record('silent.state', 'part.rebek');
  t.deepEqual(part.report.problems, []);
  t.true((part.report.unknown?.threads ?? 0) > 0);
  t.true(readFileSync(join(cwd, 'part.rebek')).length > 0);
});
