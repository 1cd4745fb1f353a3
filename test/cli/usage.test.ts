import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { probeMachine } from '../support/probe.ts';
import { noStack, rebek, refused, script, workplace } from './support.ts';

const commands = [
  'record',
  'replay',
  'verify',
  'info',
  'dump',
  'find',
  'truth',
  'guest',
  'guest list',
  'guest build',
  'guest boot',
  'demo',
];

for (const command of commands) {
  test(`\`${command} --help\` explains the command, with examples`, async (t) => {
    const { code, stdout, stderr } = await rebek([...command.split(' '), '--help']);
    t.is(code, 0);
    t.is(stderr, '');
    t.true(stdout.startsWith(`rebek ${command}`), stdout);
    t.regex(stdout, new RegExp(`\nExamples:\n(.*\n)*? .*rebek ${command} .*\\S`));
    for (const line of stdout.split('\n')) t.true(line.length <= 110, line);
  });
}

test('`--help` names every command, and the exit codes that it can leave with', async (t) => {
  const { code, stdout } = await rebek(['--help']);
  t.is(code, 0);
  for (const name of commands.filter((command) => !command.includes(' ')))
    t.true(stdout.includes(`rebek ${name}`), name);
  const codes = stdout.slice(stdout.indexOf('Exit codes:')).match(/(?<=^Exit codes: |^ {12})\d+(?= )/gm);
  t.deepEqual(codes, ['0', '1', '2', '3', '4', '130']);
});

/** What is typed, and what is said about it. */
const mistakes: [string, RegExp][] = [
  ['', /no command was given/],
  ['recrod x', /no such command.*record/s],
  ['zzzzzzzzzzzz', /no command 'zzzzzzzzzzzz'/],
  ['guest zzzzzzzzzzzz', /no command 'zzzzzzzzzzzz'/],
  ['guest', /list, build or boot/],
  ['replay', /name of the file or guest is missing/],
  ['record probe.json --bogus', /no option --bogus/],
  ['record probe.json second.json', /'second\.json' is one word too many/],
  ['record probe.json --duration', /--duration: its value is missing/],
  ['record probe.json --duration x', /--duration: expected a number of seconds above 0, found 'x'/],
  ['record probe.json --duration=-1', /--duration: .* found '-1'/],
  ['record probe.json --until (', /--until: .*Unterminated group/],
  ['record probe.json --until=', /--until: .*it is empty/],
  ['record probe.json --console 4', /--console: .*0 to 3, found '4'/],
  ['record probe.json --console 1', /--console 1: probe has only serial port 0/],
  ['record probe.json --output=', /--output: expected a file's name/],
  ['record probe.json -o -', /--output -: .*standard output/],
  ['record probe.json -o folder --force', /--output: folder is a folder/],
  ['record probe.json -o /dev/null --force', /--output: \/dev\/null is not a regular file/],
  ['record probe.json --json --echo', /--json and --echo both want standard output/],
  ['dump x.rebek', /--stream is missing/],
  ['dump x.rebek --stream all', /--stream: expected input, console, net, debug, truth or flow, found 'all'/],
  ['dump x.rebek --stream input --from one', /--from: expected an instruction count .*, found 'one'/],
  ['dump x.rebek --stream input --from 7 --to 6', /--from 7 lies behind --to 6/],
  ['dump x.rebek --stream input --raw', /--raw goes with --stream console/],
  ['dump x.rebek --stream truth --raw', /--raw goes with --stream console or debug only/],
  ['dump x.rebek --stream truth --port 1', /--port goes with --stream console, net or input only/],
  [
    'dump x.rebek --stream console --port 0x3f8',
    /--port: with --stream console, expected a number from 0 to 3/,
  ],
  ['dump x.rebek --stream input --port 65536', /--port: expected a port such as 0x3f8, .*, found '65536'/],
  ['dump x.rebek --stream input --port 0x3f8-0x3f7', /--port: 0x3f8-0x3f7 ends before it begins/],
  ['dump x.rebek --stream input --port 1 --address 2', /--port and --address exclude each other/],
  [
    'dump x.rebek --stream input --port 1 --kind irq',
    /with --stream input, --port goes with --kind port only/,
  ],
  ['dump x.rebek --stream input --address 1 --kind port', /--address goes with --kind mmio or dma only/],
  ['dump x.rebek --stream input --kind block', /--kind: expected port, mmio, dma, .*, found 'block'/],
  ['dump x.rebek --stream input --kind port,', /--kind: expected port, .*, found ''/],
  ['dump x.rebek --stream net --asid 0x1000', /--asid goes with --stream flow or input only/],
  ['dump x.rebek --stream truth --address 0x1000', /--address goes with --stream flow or input only/],
  ['dump x.rebek --stream net --kind block', /--kind goes with --stream flow or input only/],
  ['dump x.rebek --stream flow --port 1', /--port goes with --stream console, net or input only/],
  ['dump x.rebek --stream flow --raw', /--raw goes with --stream console or debug only/],
  ['dump x.rebek --stream flow --kind call', /--kind: expected block, interrupt, .*, found 'call'/],
  [
    'dump x.rebek --stream flow --kind iret,cr3 --address 1',
    /with --stream flow, --address goes with --kind block only/,
  ],
  ['dump x.rebek --stream flow --asid 0x100000000', /--asid: expected a number of 32 bits/],
  ['dump x.rebek --stream flow --address 0x10-', /--address: expected an address .*, found '0x10-'/],
  ['dump x.rebek --stream flow --address 0x11-0x10', /--address: 0x11-0x10 ends before it begins/],
  ['dump x.rebek --stream console --raw --json', /--raw and --json exclude each other/],
  ['guest boot probe.json', /--save is missing/],
  ['demo toaster', /guest: expected ntlet or debian, found 'toaster'/],
];

for (const [typed, said] of mistakes) {
  test(`a wrong command line is told in a line: rebek ${typed}`, async (t) => {
    const { folder } = workplace(t);
    mkdirSync(join(folder, 'folder'));
    const run = await rebek(
      typed.split(' ').filter((word) => word !== ''),
      { cwd: folder },
    );
    refused(t, run, 2, 'ERR_USAGE');
    t.regex(run.stderr.split('\n')[0] ?? '', said);
    t.true(run.stderr.split('\n').length <= 3, run.stderr);
    if (typed.includes('--json')) t.is(JSON.parse(run.stdout).error.code, 'ERR_USAGE');
    else t.is(run.stdout, '');
    t.false(readdirSync(folder).some((name) => name.includes('rebek')));
  });
}

test('the hint of a wrong command line names a help page that exists', async (t) => {
  const { stderr } = await rebek(['guest', 'boot']);
  const words = /`node \S+main\.js (.*)`/.exec(stderr)?.[1];
  t.is(words, 'guest boot --help');
});

test('what is missing is named', async (t) => {
  const { folder, machine } = workplace(t);
  const run = (...args: string[]) => rebek(args, { cwd: folder });
  const unknown = await run('record', 'toaster');
  refused(t, unknown, 2, 'ERR_MACHINE_UNKNOWN');
  t.regex(unknown.stderr, /'toaster'.*\n.*debian/);
  const noFile = await run('record', 'toaster.json');
  refused(t, noFile, 2, 'ERR_MACHINE_READ');
  t.true(noFile.stderr.includes('toaster.json: no such file'), noFile.stderr);
  const noScript = await run('record', machine, '--script', 'none.script');
  refused(t, noScript, 2, 'ERR_SCRIPT_READ');
  t.true(noScript.stderr.includes('none.script: no such file'), noScript.stderr);
  const noFolder = await run('record', machine, '-o', 'none/x.rebek', '--duration', '1');
  refused(t, noFolder, 2, 'ERR_TRACE_WRITE');
  t.true(noFolder.stderr.includes('none/x.rebek'), noFolder.stderr);
  refused(t, await run('guest', 'build', 'toaster'), 2, 'ERR_MACHINE_UNKNOWN');
});

test('a wrong machine file is told by field, and with --json as data alone', async (t) => {
  const { folder } = workplace(t);
  const machine = probeMachine(folder, { memory: 'much' });
  const run = await rebek(['record', machine, '--json']);
  refused(t, run, 2, 'ERR_MACHINE_FIELD');
  t.regex(run.stderr, /probe\.json: memory: expected .*MiB.*, found "much"/);
  const { error } = JSON.parse(run.stdout);
  t.is(error.code, 'ERR_MACHINE_FIELD');
  t.regex(error.message, /memory/);
});

test('a wrong script is told by file, line and column, each wrong line', async (t) => {
  const { folder, machine } = workplace(t);
  const file = script(folder, 'wait "a"\n  wiat "b"\nsend c\n');
  const run = await rebek(['record', machine, '--script', file, '-o', 'x.rebek'], { cwd: folder });
  refused(t, run, 2, 'ERR_SCRIPT_SYNTAX');
  t.true(run.stderr.includes(`${file}:2:3: expected wait`), run.stderr);
  t.true(run.stderr.includes(`${file}:3:6: expected a string`), run.stderr);
  writeFileSync(file, Uint8Array.of(0x77, 0xff, 0xfe));
  const binary = await rebek(['record', machine, '--script', file], { cwd: folder });
  refused(t, binary, 2, 'ERR_SCRIPT_READ');
  t.regex(binary.stderr, /not text in UTF-8/);
});

test('`guest list` tells of an empty cache how to fill it', async (t) => {
  const { folder } = workplace(t);
  const env = { REBEK_CACHE: join(folder, 'cache') };
  const people = await rebek(['guest', 'list'], { env });
  t.is(people.code, 0);
  t.regex(people.stdout, /^ntlet .*\n +ready, nothing to build$/m);
  t.regex(people.stdout, /^debian .*\n +not built: .*guest build debian$/m);
  const program = await rebek(['guest', 'list', '--json'], { env });
  const list = JSON.parse(program.stdout);
  t.deepEqual(
    list.map(({ name, ready, built }: Record<string, unknown>) => [name, ready, built]),
    [
      ['ntlet', true, null],
      ['debian', false, null],
      ['bios', false, null],
    ],
  );
  const nothing = await rebek(['guest', 'build', 'ntlet'], { env });
  t.deepEqual([nothing.code, nothing.stdout], [0, 'ntlet is ready, nothing to build\n']);
  const run = await rebek(['record', 'debian', '--duration', '1'], { cwd: folder, env });
  t.is(run.code, 2);
  t.regex(run.stderr, /guest build debian/);
  noStack(t, run);
});

test('`record` without a guest records ntlet', async (t) => {
  const { folder } = workplace(t);
  const run = await rebek(['record', '--duration', '0.2'], { cwd: folder });
  t.regex(run.stderr, /recording ntlet into ntlet-\d{8}-\d{6}\.rebek|ntlet: multiboot/);
  noStack(t, run);
});

test('only REBEK_DEBUG brings a stack', async (t) => {
  const quiet = await rebek(['info', 'none.rebek']);
  refused(t, quiet, 2, 'ERR_TRACE_OPEN');
  const debug = await rebek(['info', 'none.rebek'], { env: { REBEK_DEBUG: '1' } });
  t.is(debug.code, 2);
  t.regex(debug.stderr, /^\s+at .*:\d+/m);
});
