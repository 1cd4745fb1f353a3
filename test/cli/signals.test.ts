import { existsSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { describeTrace } from '../../src/trace/info.ts';
import { logWritten, noStack, type Running, rebek, script, start, workplace } from './support.ts';

/** Starts a recording of an hour, and waits until some of it is in the file. */
async function recordForAnHour(t: ExecutionContext): Promise<{ file: string; recorder: Running }> {
  const { folder, machine } = workplace(t);
  const file = join(folder, 'long.rebek');
  const args = ['record', machine, '-o', file, '--duration', '3600', '--echo'];
  const recorder = start(t, args, { input: 's' });
  await recorder.says('s: ');
  await logWritten(`${file}.partial`);
  return { file, recorder };
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  test.serial(`${signal} completes the trace; that is a good end (exit code 0)`, async (t) => {
    const { file, recorder } = await recordForAnHour(t);
    recorder.child.kill(signal);
    const { code, stderr } = await recorder.result;
    t.is(code, 0, stderr);
    t.regex(stderr, new RegExp(`^ {2}end +ended by ${signal}$`, 'm'));
    t.false(existsSync(`${file}.partial`));
    const { complete, summary } = describeTrace(file);
    t.true(complete);
    t.like(summary, { end: 'signal', note: `ended by ${signal}` });
    const verified = await rebek(['verify', file, '--json']);
    t.is(verified.code, 0, verified.stderr);
    t.like(JSON.parse(verified.stdout).replay, {
      instructions: summary?.instructions,
      finalChecked: true,
    });
  });
}

test.serial('a second signal gives up at once (exit code 130) and leaves what was written', async (t) => {
  const { file, recorder } = await recordForAnHour(t);
  // Both at the same moment: closing the trace takes only milliseconds. Two of a kind would become one.
  for (const signal of ['SIGSTOP', 'SIGTERM', 'SIGINT', 'SIGCONT'] as const) recorder.child.kill(signal);
  const run = await recorder.result;
  t.is(run.code, 130, run.stderr);
  t.true(run.stderr.includes(`rebek: given up; what was written is in ${file}.partial,`), run.stderr);
  noStack(t, run);
  t.false(existsSync(file));
  const strict = await rebek(['verify', `${file}.partial`]);
  t.is(strict.code, 4);
  const verified = await rebek(['verify', `${file}.partial`, '--allow-incomplete', '--json']);
  t.is(verified.code, 0, verified.stderr);
  const { complete, replay } = JSON.parse(verified.stdout);
  t.false(complete);
  t.true(replay.instructions > 50_000);
});

test.serial('SIGKILL leaves a beginning that replays, and every command says INCOMPLETE', async (t) => {
  const { file, recorder } = await recordForAnHour(t);
  recorder.child.kill('SIGKILL');
  t.is((await recorder.result).signal, 'SIGKILL');
  t.false(existsSync(file));
  const partial = `${file}.partial`;
  const incomplete =
    /long\.rebek\.partial is INCOMPLETE: .* \(good up to offset \d+, chunk \d+ is missing\)\n$/;

  const replay = await rebek(['replay', partial, '--json']);
  t.is(replay.code, 4);
  t.regex(replay.stderr, incomplete);
  const result = JSON.parse(replay.stdout);
  t.like(result, { complete: false, finalChecked: false, end: 'incomplete' });
  t.true(result.instructions > 50_000 && result.incomplete.offset > 600_000);
  const allowed = await rebek(['replay', partial, '--allow-incomplete']);
  t.is(allowed.code, 0);
  t.regex(allowed.stderr, incomplete);
  t.regex(allowed.stdout, /replayed as far as it goes/);

  const info = await rebek(['info', partial, '--json']);
  t.is(info.code, 0);
  t.regex(info.stderr, incomplete);
  t.false(JSON.parse(info.stdout).complete);
  for (const [more, code] of [
    [[], 4],
    [['--allow-incomplete'], 0],
  ] as const) {
    const dump = await rebek(['dump', partial, '--stream', 'console', ...more]);
    t.is(dump.code, code);
    t.regex(dump.stderr, incomplete);
    t.regex(dump.stdout, /> {2}s: [0-9a-f]{8}/);
  }

  const { folder, machine } = { folder: join(file, '..'), machine: join(file, '../probe.json') };
  const again = await rebek(['record', machine, '-o', 'long.rebek', '--duration', '1'], { cwd: folder });
  t.is(again.code, 2);
  t.regex(again.stderr, /long\.rebek\.partial already exists \[ERR_TRACE_EXISTS\]\n.*earlier recording/);
  t.true(existsSync(partial));
});

test.serial('a boot that is given up saves nothing and exits with 130', async (t) => {
  const { folder, machine } = workplace(t);
  const state = join(folder, 'never.state');
  const steps = script(folder, 'wait "probe ready"\nlog "it runs"\nwait "never"\n');
  const boot = start(t, ['guest', 'boot', machine, '--save', state, '--script', steps, '--json']);
  await boot.says('it runs');
  boot.child.kill('SIGINT');
  const run = await boot.result;
  t.is(run.code, 130, run.stderr);
  t.like(JSON.parse(run.stdout), { error: { code: 'ERR_ABORTED' } });
  noStack(t, run);
  t.false(existsSync(state));
});
