import { copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { probeMachine, root } from '../support/probe.ts';
import { rebek, refused, script, workplace } from './support.ts';

/** Boots the probe until its prompt and saves that. */
async function saved(t: ExecutionContext) {
  const { folder, machine } = workplace(t);
  const state = join(folder, 'ready.state');
  const boot = await rebek(['guest', 'boot', machine, '--save', state]);
  t.is(boot.code, 0, boot.stderr);
  t.regex(boot.stdout, /^ {2}ready +console 0 said "probe ready"$/m);
  t.regex(boot.stdout, /^ {2}use it +.* record .*probe\.json --from .*ready\.state$/m);
  return { folder, machine, state };
}

test('a recording goes on from a saved state, shows its prompt, and its trace needs no state', async (t) => {
  const { folder, machine, state } = await saved(t);
  const file = join(folder, 'from.rebek');
  const args = ['--from', state, '--until', 's: [0-9a-f]{8}', '--echo'];
  const run = await rebek(['record', machine, '-o', file, ...args], { input: 's' });
  t.is(run.code, 0, run.stderr);
  t.regex(run.stdout, /^probe ready\r\ns: [0-9a-f]{8}/);
  writeFileSync(state, '');
  const verified = await rebek(['verify', file, '--json']);
  t.is(verified.code, 0, verified.stderr);
  t.true(JSON.parse(verified.stdout).replay.finalChecked);
  const info = JSON.parse((await rebek(['info', file, '--json'])).stdout);
  t.is(info.meta.start.state, 'ready.state');
  t.regex(info.meta.start.sha256, /^[0-9a-f]{64}$/);
  const console = await rebek(['dump', file, '--stream', 'console', '--raw']);
  t.notRegex(console.stdout, /probe ready/, 'what was shown before is not recorded again');
});

test('a script can wait for the prompt that was shown before the state was saved', async (t) => {
  const { folder, machine, state } = await saved(t);
  const steps = script(folder, 'timeout 5\nwait "probe ready\\r\\n"\nsend "s"\nwait /^s: \\w+/m\nend\n');
  const args = ['-o', 'x.rebek', '--from', state, '--script', steps, '--json'];
  const run = await rebek(['record', machine, ...args], { cwd: folder });
  t.is(run.code, 0, run.stderr);
  t.true(JSON.parse(run.stdout).script.finished);
});

test('readiness can be another word, or the end of a script', async (t) => {
  const { folder, machine } = workplace(t);
  const steps = script(folder, 'wait "ready"\nsend "s"\n');
  const boot = (...args: string[]) => rebek(['guest', 'boot', machine, '--json', '--save', ...args]);
  const until = await boot(join(folder, 'u.state'), '--until', 's: [0-9a-f]{8}', '--script', steps);
  t.is(until.code, 0, until.stderr);
  const { ready, instructions, machine: described } = JSON.parse(until.stdout);
  t.regex(ready, /^console 0 said "s: [0-9a-f]{8}"$/);
  t.true(instructions > 50_000);
  t.is(described.name, 'probe');
  const scripted = await boot(join(folder, 's.state'), '--script', steps);
  t.is(scripted.code, 0, scripted.stderr);
  t.is(JSON.parse(scripted.stdout).ready, `the script ${steps} came to its end`);
});

test('a guest that does not get ready is given up: in time, or when it halts', async (t) => {
  const { folder, machine } = workplace(t);
  const state = join(folder, 'x.state');
  const late = await rebek([
    'guest',
    'boot',
    machine,
    '--save',
    state,
    '--until',
    'never',
    '--timeout',
    '0.5',
  ]);
  refused(t, late, 2, 'ERR_BOOT');
  t.regex(late.stderr, /not ready within 0\.5 s: .*never.*last line is "probe ready"/);
  const steps = script(folder, 'wait "ready"\nsend "x"\nwait "never"\n');
  const halted = await rebek(['guest', 'boot', machine, '--save', state, '--script', steps]);
  refused(t, halted, 2, 'ERR_BOOT');
  t.regex(halted.stderr, /halted before it was ready; .*"x: bye"/);
  t.false(existsSync(state));
});

test('a state is only restored into the machine it was saved from; the difference is named', async (t) => {
  const { folder, machine, state } = await saved(t);
  const from = async (changes: Record<string, unknown>) => {
    probeMachine(folder, { prompt: 'probe ready', ...changes });
    const run = await rebek(['record', machine, '-o', 'no.rebek', '--from', state], { cwd: folder });
    refused(t, run, 2, 'ERR_STATE_MISMATCH');
    t.regex(run.stderr, /hint: .*guest boot .*probe\.json --save .*ready\.state --force/);
    return run.stderr;
  };
  t.regex(await from({ memory: 64 }), /memory: 32 then, 64 now/);
  t.regex(await from({ nic: { model: 'ne2k' } }), /nic\.model: "none" then, "ne2k" now/);
  const image = join(folder, 'probe.bin');
  copyFileSync(join(root, 'test/guests/probe.bin'), image);
  writeFileSync(image, Uint8Array.of(0), { flag: 'a' });
  t.regex(
    await from({ boot: { kind: 'multiboot', image } }),
    /multiboot: probe\.bin \(SHA-256 .*\) then, .* now/,
  );
  t.false(existsSync(join(folder, 'no.rebek.partial')));
  // Names may change.
  probeMachine(folder, { name: 'other', prompt: 'other' });
  const args = ['-o', 'yes.rebek', '--from', state, '--duration', '0.2'];
  const renamed = await rebek(['record', machine, ...args], { cwd: folder });
  t.is(renamed.code, 0, renamed.stderr);
});

test('what is no state, or a damaged one, is refused', async (t) => {
  const { folder, machine, state } = await saved(t);
  const from = (path: string) =>
    rebek(['record', machine, '-o', 'no.rebek', '--from', path], { cwd: folder });
  refused(t, await from(machine), 4, 'ERR_TRACE_NOT_A_TRACE');
  refused(t, await from('none.state'), 2, 'ERR_TRACE_OPEN');
  const bytes = readFileSync(state);
  bytes[bytes.length >> 1] = bytes[bytes.length >> 1]! ^ 1;
  const bad = join(folder, 'bad.state');
  writeFileSync(bad, bytes);
  refused(t, await from(bad), 4, 'ERR_TRACE_DAMAGED');
  const info = await rebek(['info', state]);
  refused(t, info, 4, 'ERR_TRACE_KIND');
  t.regex(info.stderr, /holds a saved machine state, not a trace/);
});

test('an existing state is only replaced with --force', async (t) => {
  const { machine, state } = await saved(t);
  const before = readFileSync(state);
  refused(t, await rebek(['guest', 'boot', machine, '--save', state]), 2, 'ERR_TRACE_EXISTS');
  t.deepEqual(readFileSync(state), before);
  t.is((await rebek(['guest', 'boot', machine, '--save', state, '--force'])).code, 0);
});
