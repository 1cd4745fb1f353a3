/** `rebek coverage`, and the names in `rebek dump --stream flow`, on a recording of ntlet. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { readDrcov } from '../output/coverage/read-drcov.ts';
import { recordNtlet } from '../support/ntlet.ts';
import { root, temporaryFolder } from '../support/probe.ts';
import { type Result, rebek, refused } from './support.ts';

const folder = mkdtempSync(join(tmpdir(), 'rebek-coverage-'));
const env = { REBEK_CACHE: join(folder, 'cache') };
let trace: string;
const after: (() => unknown)[] = [];
test.after.always(async () => {
  for (const one of after) await one();
  rmSync(folder, { recursive: true, force: true });
});
const run = (command: string, ...args: string[]): Promise<Result> => rebek([command, ...args], { env });

test.before(async (t) => {
  t.timeout(120_000);
  const context = { teardown: (one: () => unknown) => void after.push(one) };
  const recording = await recordNtlet(context as typeof t, { flow: true, name: 'coverage' });
  await recording.booted();
  await recording.logIn(0, 'guest', 'guest');
  await recording.run('echo one');
  await recording.run('type C:\\boot.ini');
  trace = recording.path;
  await recording.finish();
});

interface Told {
  system: string;
  drcov?: { file: string; blocks: number; left: number }[];
  processes: {
    pid?: number;
    name?: string;
    blocks: number;
    executions: number;
    instructions: number;
    modules: {
      name: string | null;
      kernel: boolean;
      blocks: number;
      executions: number;
      instructions: number;
      functions?: { name?: string; blocks: number; executions: number; entered: number }[];
    }[];
  }[];
}

const json = (result: Result): Told => JSON.parse(result.stdout) as Told;

test('all instructions are accounted for, by process and module, as text and as JSON', async (t) => {
  const found = json(await run('coverage', trace, '--json'));
  t.is(found.system, 'NT 5.1 build 2600');
  const info = JSON.parse((await run('info', trace, '--json')).stdout) as { instructions: number };
  t.is(
    found.processes.reduce((sum, { instructions }) => sum + instructions, 0),
    info.instructions,
  );
  const shell = found.processes.find(({ name }) => name === 'cmd.exe')!;
  const names = shell.modules.map(({ name, kernel }) => `${kernel ? 'kernel' : 'user'} ${name}`);
  t.deepEqual(names, ['user cmd.exe', 'user ntdll.dll', 'kernel ntoskrnl.exe']);
  for (const { blocks, executions, instructions } of shell.modules)
    t.true(blocks > 10 && executions >= blocks && instructions >= executions);

  const text = await run('coverage', trace, '--process', 'cmd.exe');
  t.is(text.code, 0, text.stderr);
  const [, user] = /^ {2}user +([\d,]+) /m.exec(text.stdout) ?? [];
  const expected = shell.modules.filter(({ kernel }) => !kernel).reduce((sum, { blocks }) => sum + blocks, 0);
  t.is(Number(user?.replaceAll(',', '')), expected);
  t.regex(text.stdout, /^ {4}ntdll\.dll /m);
  t.notRegex(text.stdout, /smss/);
});

test('functions by name, in one module', async (t) => {
  const args = ['--process', 'cmd.exe', '--module', 'nt', '--functions'];
  const found = json(await run('coverage', trace, ...args, '--json'));
  t.is(found.processes.length, 1);
  const [kernel, more] = found.processes[0]!.modules;
  t.is(more, undefined);
  t.is(kernel?.name, 'ntoskrnl.exe');
  const functions = kernel!.functions!;
  t.is(
    functions.reduce((sum, { blocks }) => sum + blocks, 0),
    kernel!.blocks,
  );
  // `type` opens its file once; each line and each piece of the file is read by a call.
  const calls = (name: string): number => functions.find((fn) => fn.name === name)?.entered ?? 0;
  t.true(calls('NtReadFile') > 1);
  const lines = (await run('dump', trace, '--stream', 'truth', '--json')).stdout.split('\n');
  const told = lines.filter((line) => /"kind":"enter"/.test(line)).map((line) => JSON.parse(line));
  const names = new Map<number, string>();
  for (const line of lines) {
    if (!/"kind":"function"/.test(line)) continue;
    const { function: number, name } = JSON.parse(line) as { function: number; name: string };
    names.set(number, name);
  }
  for (const name of ['NtReadFile', 'NtOpenFile', 'NtCreateFile', 'NtWriteFile', 'NtClose']) {
    const entered = told.filter(
      (call) => names.get(call.function) === name && call.names.processName === 'cmd.exe',
    );
    t.is(calls(name), entered.length, name);
  }
  const limited = await run('coverage', trace, ...args, '--limit', '3');
  t.is(limited.stdout.split('\n').filter((line) => /^ {6}\S/.test(line)).length, 3);
});

test('two halves have together what the whole has', async (t) => {
  const executions = async (...args: string[]): Promise<number> =>
    json(await run('coverage', trace, '--json', ...args)).processes.reduce(
      (sum, one) => sum + one.executions,
      0,
    );
  const whole = await executions();
  t.is((await executions('--to', '250000')) + (await executions('--from', '250001')), whole);
  t.true((await executions('--from', '50%')) < whole);
});

test('drcov files: one for a process, or one for each in a folder; none is replaced without being asked', async (t) => {
  const out = join(temporaryFolder(t), 'cmd.drcov');
  const args = ['coverage', trace, '--process', 'cmd.exe', '--drcov', out] as const;
  const written = json(await run(...args, '--json')).drcov!;
  t.is(written[0]?.file, out);
  const { modules, blocks } = readDrcov(readFileSync(out));
  t.deepEqual(
    modules.map(({ base, path }) => `${base.toString(16)} ${path.replace(/^.*\\/, '')}`),
    ['400000 cmd.exe', '7c900000 ntdll.dll', '80400000 ntoskrnl.exe'],
  );
  t.is(blocks.length, written[0]!.blocks);
  refused(t, await run(...args), 2, 'ERR_OUTPUT_EXISTS');
  t.is((await run(...args, '--force')).code, 0);

  const all = join(temporaryFolder(t), 'all');
  const several = await run('coverage', trace, '--drcov', all);
  t.is(several.code, 0, several.stderr);
  const files = readdirSync(all);
  t.true(files.some((name) => /^drcov\.cmd\.exe\.\d{5}\.\d{4}\.proc\.log$/.test(name)));
  for (const name of files) t.true(readDrcov(readFileSync(join(all, name))).blocks.length > 0);
});

test('a comparison tells what is only on one side', async (t) => {
  const args = ['coverage', trace, '--process', 'cmd.exe', '--against-process', 'smss.exe'];
  interface Diff {
    modules: { name: string | null; both: number; onlyHere: number[]; onlyThere: number[] }[];
  }
  const found = JSON.parse((await run(args[0]!, ...args.slice(1), '--json')).stdout) as Diff;
  const of = (name: string) => found.modules.find((one) => one.name?.toLowerCase() === name);
  t.is(of('cmd.exe')?.both, 0);
  t.is(of('smss.exe')?.onlyHere.length, 0);
  t.true((of('ntdll.dll')?.both ?? 0) > 0 && (of('ntoskrnl.exe')?.onlyHere.length ?? 0) > 0);
  const same = await run('coverage', trace, '--diff', trace);
  t.regex(same.stdout, /no difference/);
  const text = await run(args[0]!, ...args.slice(1));
  t.regex(text.stdout, /^ {2}< NtOpenFile|^ {2}< NtCreateFile/m);
});

test('records of the flow by process and function, with names', async (t) => {
  const dump = (...args: string[]) => run('dump', trace, '--stream', 'flow', ...args);
  const parse = ({ stdout }: Result) =>
    stdout
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as { address: number; process: { name: string }; symbol: string });
  const found = parse(await dump('--process', 'cmd.exe', '--symbol', 'NtReadFile', '--names', '--json'));
  t.true(found.length > 4);
  for (const { process, symbol } of found) {
    t.is(process.name, 'cmd.exe');
    t.regex(symbol, /^ntoskrnl\.exe!NtReadFile(\+0x[\da-f]+)?$/);
  }
  const entries = found.filter(({ symbol }) => symbol === 'ntoskrnl.exe!NtReadFile');
  const counted = json(
    await run('coverage', trace, '--process', 'cmd.exe', '--module', 'nt', '--functions', '--json'),
  );
  const functions = counted.processes[0]!.modules[0]!.functions!;
  t.is(functions.find(({ name }) => name === 'NtReadFile')?.entered, entries.length);
  const user = parse(await dump('--symbol', 'ntdll!NtReadFile', '--names', '--json'));
  t.true(user.length > 0 && user.every(({ symbol }) => symbol.startsWith('ntdll.dll!NtReadFile')));
  const text = await dump('--process', 'cmd.exe', '--names', '--kind', 'block', '--limit', '200');
  t.regex(text.stdout, /block at 0x[\da-f]+ of .* {2}\d+ cmd\.exe {2}ntoskrnl\.exe!/);
  // Without --names, lines are what they are otherwise.
  const plain = await dump('--process', 'cmd.exe', '--limit', '5');
  const all = new Set((await dump('--kind', 'block,cr3')).stdout.split('\n'));
  for (const line of plain.stdout.split('\n')) t.true(all.has(line), line);
});

test('mistakes are told', async (t) => {
  refused(t, await run('coverage', join(root, 'traces/probe.rebek')), 2, 'ERR_TRACE_NO_FLOW');
  refused(t, await run('coverage', trace, '--process', 'explorer.exe'), 2, 'ERR_NO_PROCESS');
  refused(t, await run('coverage', trace, '--drcov', 'x', '--diff', trace), 2, 'ERR_USAGE');
  refused(t, await run('coverage', trace, '--force'), 2, 'ERR_USAGE');
  refused(
    t,
    await run('coverage', trace, '--module', 'nothing.dll', '--drcov', 'x'),
    2,
    'ERR_COVERAGE_EMPTY',
  );
  refused(t, await run('dump', trace, '--stream', 'net', '--names'), 2, 'ERR_USAGE');
  refused(t, await run('dump', trace, '--stream', 'flow', '--symbol', 'NtNothing'), 2, 'ERR_NO_SYMBOL');
});
