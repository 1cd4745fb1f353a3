import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { rebek, script, workplace } from './support.ts';

const experiment = 'wait "probe ready\\r\\n"\nsend "s"\nwait /^s: [0-9a-f]{8}/m\nlog "it is done"\nend\n';

test('a script drives the guest; summary, info, replay and verify agree about the trace', async (t) => {
  const { folder, machine } = workplace(t);
  const file = join(folder, 'a.rebek');
  const run = await rebek([
    'record',
    machine,
    '-o',
    file,
    '--json',
    '--script',
    script(folder, `${experiment}send "never"\n`),
  ]);
  t.is(run.code, 0, run.stderr);
  t.regex(run.stderr, /^ {2}it is done$/m);
  t.regex(run.stderr, /^ {2}replay it +.*main\.js replay .*a\.rebek$/m);
  t.false(existsSync(`${file}.partial`));
  const summary = JSON.parse(run.stdout);
  t.like(summary, { file, end: 'script', script: { finished: true, line: 5 } });
  t.is(summary.bytes, statSync(file).size);
  t.true(summary.instructions > 50_000 && summary.events > 20 && summary.outputs > 10);
  t.false('error' in summary);

  const info = JSON.parse((await rebek(['info', file, '--json'])).stdout);
  t.like(info, { complete: true, size: summary.bytes, chain: summary.chain });
  const { instructions, events, outputs, final, end, note } = summary;
  t.like(info.summary, { instructions, events, outputs, final, end, note, console: summary.consoleBytes });
  t.is(info.meta.machine.name, 'probe');

  const replay = await rebek(['replay', file, '--json']);
  t.is(replay.code, 0, replay.stderr);
  t.like(JSON.parse(replay.stdout), {
    file,
    complete: true,
    finalChecked: true,
    instructions,
    events,
    outputs,
    final,
    end,
    note,
  });
  const verified = await rebek(['verify', file, '--json']);
  t.is(verified.code, 0, verified.stderr);
  t.like(JSON.parse(verified.stdout), {
    file,
    complete: true,
    integrity: { bytes: summary.bytes, chain: summary.chain },
    replay: { instructions, finalChecked: true },
  });
});

test('--until ends at what the console says; --echo shows it; piped input is typed at the guest', async (t) => {
  const { folder, machine } = workplace(t);
  const file = join(folder, 'u.rebek');
  const run = await rebek(['record', machine, '-o', file, '--echo', '--until', 's: [0-9a-f]{8}'], {
    input: 's',
  });
  t.is(run.code, 0, run.stderr);
  t.regex(run.stdout, /^probe ready\r\ns: [0-9a-f]{8}/);
  t.regex(run.stderr, /^ {2}end +console 0 said "s: [0-9a-f]{8}"$/m);
  const said = await rebek(['dump', file, '--stream', 'console', '--raw']);
  t.true(run.stdout.startsWith(said.stdout.slice(0, 23)));
  const { summary } = JSON.parse((await rebek(['info', file, '--json'])).stdout);
  t.is(summary.end, 'until');
});

test('--duration ends in time; the trace is named after the guest and the time', async (t) => {
  const { folder, machine } = workplace(t);
  const run = await rebek(['record', machine, '--duration', '0.4', '--json'], { cwd: folder });
  t.is(run.code, 0, run.stderr);
  const { file, wallMs, end, consoleBytes } = JSON.parse(run.stdout);
  t.regex(file, /^probe-\d{8}-\d{6}\.rebek$/);
  t.deepEqual(
    readdirSync(folder).filter((name) => name.includes('rebek')),
    [file],
  );
  t.is(end, 'duration');
  t.is(consoleBytes, 'probe ready\r\n'.length);
  t.true(wallMs >= 390 && wallMs < 5000, `${wallMs} ms`);
});

test('a script without `end` leaves the end to --duration', async (t) => {
  const { folder, machine } = workplace(t);
  const steps = script(folder, 'wait "probe ready"\nsend "s"\n');
  const run = await rebek(['record', machine, '--script', steps, '--duration', '1', '--json'], {
    cwd: folder,
  });
  t.is(run.code, 0, run.stderr);
  t.like(JSON.parse(run.stdout), { end: 'duration', script: { finished: true, line: 2 } });
});

test('the script can come on standard input', async (t) => {
  const { folder, machine } = workplace(t);
  const run = await rebek(['record', machine, '-o', 's.rebek', '--script', '-', '--json'], {
    cwd: folder,
    input: experiment,
  });
  t.is(run.code, 0, run.stderr);
  t.like(JSON.parse(run.stdout), { end: 'script', note: 'the script <stdin> came to its end' });
});

test('an existing trace is only replaced with --force', async (t) => {
  const { folder, machine } = workplace(t);
  const args = ['record', machine, '-o', 'x.rebek', '--duration', '0.2'];
  t.is((await rebek(args, { cwd: folder })).code, 0);
  const before = readFileSync(join(folder, 'x.rebek'));
  const again = await rebek([...args, '--json'], { cwd: folder });
  t.is(again.code, 2);
  t.like(JSON.parse(again.stdout), { error: { code: 'ERR_TRACE_EXISTS', details: { file: 'x.rebek' } } });
  t.regex(again.stderr, /^rebek: x\.rebek already exists \[ERR_TRACE_EXISTS\]\n {2}hint: .*--force\n$/);
  t.deepEqual(readFileSync(join(folder, 'x.rebek')), before);
  t.is((await rebek([...args, '--force'], { cwd: folder })).code, 0);
  t.notDeepEqual(readFileSync(join(folder, 'x.rebek')), before);
  t.is((await rebek(['verify', 'x.rebek'], { cwd: folder })).code, 0);
});

test('a wait that times out ends the recording with exit code 2, and the trace is complete', async (t) => {
  const { folder, machine } = workplace(t);
  const steps = script(folder, 'wait "probe ready"\nsend "s"\ntimeout 0.5\nwait "never"\n');
  const run = await rebek(['record', machine, '-o', 'x.rebek', '--script', steps, '--json'], { cwd: folder });
  t.is(run.code, 2, run.stderr);
  t.true(run.stderr.includes(`${steps}:4: "never" did not come at console 0 within 0.5 s`), run.stderr);
  t.regex(run.stderr, /\[ERR_SCRIPT_TIMEOUT\]:\n {4}.*s: [0-9a-f]{8}/);
  t.regex(run.stderr, /hint: .*timeout SECONDS/);
  const summary = JSON.parse(run.stdout);
  t.like(summary, { file: 'x.rebek', script: { finished: false, line: 4 } });
  t.is(summary.note, `the script failed: ${steps}:4: "never" did not come at console 0 within 0.5 s`);
  t.like(summary.error, { code: 'ERR_SCRIPT_TIMEOUT', details: { line: 4, seconds: 0.5 } });
  const verified = await rebek(['verify', 'x.rebek', '--json'], { cwd: folder });
  t.is(verified.code, 0, verified.stderr);
  t.is(JSON.parse(verified.stdout).replay.instructions, summary.instructions);
});

test('what a guest says just before it halts still counts', async (t) => {
  const { folder, machine } = workplace(t);
  const steps = script(folder, 'wait "probe ready"\nsend "x"\nwait "x: bye"\nend\n');
  const args = ['record', machine, '-o', 'x.rebek', '--json', '--script', steps];
  const run = await rebek(args, { cwd: folder });
  t.is(run.code, 0, run.stderr);
  t.like(JSON.parse(run.stdout), { end: 'script', script: { finished: true } });
});

for (const [letter, reason, note] of [
  ['x', 'halt', 'the guest halted with interrupts off'],
  ['r', 'reset', 'the guest reset the machine'],
] as const) {
  test(`a guest that ends by itself (${reason}) ends the recording, and the script is told as unfinished`, async (t) => {
    const { folder, machine } = workplace(t);
    const steps = script(folder, `wait "probe ready"\nsend "${letter}"\nwait "never"\n`);
    const run = await rebek(['record', machine, '-o', 'x.rebek', '--script', steps, '--json'], {
      cwd: folder,
    });
    t.is(run.code, 0, run.stderr);
    t.like(JSON.parse(run.stdout), { end: reason, note, script: { finished: false, line: 3 } });
    t.regex(run.stderr, /^ {2}script +not finished: it was at line 3$/m);
    t.is((await rebek(['verify', 'x.rebek'], { cwd: folder })).code, 0);
  });
}
