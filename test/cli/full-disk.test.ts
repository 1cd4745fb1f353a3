import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { noStack, rebek, recordSample, script, workplace } from './support.ts';

/** Records busily for half a minute, where no file may grow larger than `kib`. */
async function recordInto(t: ExecutionContext, folder: string, machine: string, kib: number) {
  const steps = script(
    folder,
    `wait "probe ready"\nsend "s"\nwait "s: "\nsleep 0.9\nsend "${'t'.repeat(300)}"\nsleep 30\nend\n`,
  );
  const run = await rebek(['record', machine, '-o', 'full.rebek', '--script', steps, '--json'], {
    cwd: folder,
    // Node ignores SIGXFSZ: writing fails with EFBIG, as it does with ENOSPC on a full disk.
    through: ['bash', '-c', `ulimit -f ${kib}; exec "$@"`, 'bash'],
  });
  t.false(existsSync(join(folder, 'full.rebek')));
  t.true(statSync(join(folder, 'full.rebek.partial')).size <= kib * 1024);
  return run;
}

test('where the trace cannot grow, the recording ends with an error, and what was written replays', async (t) => {
  const { folder, machine } = workplace(t);
  const size = statSync(await recordSample(t, folder, machine)).size;
  const run = await recordInto(t, folder, machine, Math.ceil(size / 1024) + 12);
  t.is(run.code, 2, run.stderr);
  t.regex(run.stderr, /^rebek: cannot write .*full\.rebek\.partial.*EFBIG.* \[ERR_TRACE_WRITE\]$/m);
  t.regex(run.stderr, /^ {2}hint: .*replay full\.rebek\.partial --allow-incomplete/m);
  noStack(t, run);
  t.like(JSON.parse(run.stdout).error, {
    code: 'ERR_TRACE_WRITE',
    details: { kept: 'full.rebek.partial', reason: 'EFBIG' },
  });
  const replay = await rebek(['replay', 'full.rebek.partial', '--allow-incomplete', '--json'], {
    cwd: folder,
  });
  t.is(replay.code, 0, replay.stderr);
  const { complete, instructions } = JSON.parse(replay.stdout);
  t.false(complete);
  t.true(instructions > 50_000, `${instructions}`);
});

test('where not even the beginning fits, no replay is promised', async (t) => {
  const { folder, machine } = workplace(t);
  const run = await recordInto(t, folder, machine, 100);
  t.is(run.code, 2, run.stderr);
  t.regex(run.stderr, /\[ERR_TRACE_WRITE\]/);
  t.regex(run.stderr, /It ends before/);
  t.notRegex(run.stderr, /Replay it/);
  noStack(t, run);
});

const onLinux = existsSync('/dev/full') ? test : test.skip;

onLinux('data that standard output does not take is an error, not a stack', async (t) => {
  const { folder, machine } = workplace(t);
  const file = await recordSample(t, folder, machine);
  const run = await rebek(['info', file], { through: ['bash', '-c', 'exec "$@" >/dev/full', 'bash'] });
  t.is(run.code, 2, run.stderr);
  t.regex(run.stderr, /cannot write to standard output: ENOSPC.*\[ERR_OUTPUT\]/);
  noStack(t, run);
});
