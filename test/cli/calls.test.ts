/** `rebek calls` on traces that are in the repository. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { root } from '../support/probe.ts';
import { noStack, type Result, rebek, refused, start } from './support.ts';

const attack = join(root, 'traces/ntlet-attack.rebek');
const probe = join(root, 'traces/probe.rebek');
const calls = (...args: string[]): Promise<Result> => rebek(['calls', ...args]);

interface Node {
  name: string;
  calls: number;
  own: number;
  total: number;
  children?: Node[];
}
interface Told {
  system?: string;
  executed: number;
  instructions: number;
  doubts: Record<string, unknown>;
  tree: Node[];
}

test.serial('a tree for people: who called whom, the most first', async (t) => {
  const run = await calls(attack, '--min', '0.01', '--depth', '40', '--to', '5M');
  t.is(run.code, 0, run.stderr);
  t.regex(run.stdout, /^\S+ntlet-attack\.rebek: 5\.00 M instructions, NT 5\.1 build 2600\n/);
  t.regex(run.stdout, /\n +total +% +own +calls\n/);
  t.regex(run.stdout, /\n +[\d,]+ +\d+\.\d +[\d,]+ +[\d,]+ +ntdll\.dll!Nt\w+\n/);
  t.regex(run.stdout, /\[irq 0x30\]|\[syscall\]/);
  const less = await calls(attack, '--min', '20', '--depth', '2', '--to', '5M');
  t.true(less.stdout.split('\n').length < run.stdout.split('\n').length / 2);
});

test.serial('folded stacks add up to the span, and to the tree in JSON', async (t) => {
  const span = ['--from', '1000000', '--to', '8_000_000'];
  const folded = await calls(attack, '--folded', ...span);
  t.is(folded.code, 0, folded.stderr);
  const lines = folded.stdout.trimEnd().split('\n');
  for (const line of lines) t.regex(line, /^[^;]+(;[^;]+)* \d+$/);
  const sum = lines.reduce((all, line) => all + Number(line.slice(line.lastIndexOf(' '))), 0);
  t.is(sum, 7_000_001);
  const cut = await calls(attack, '--folded', '--min', '1', '--depth', '5', ...span);
  const few = cut.stdout.trimEnd().split('\n');
  t.true(few.length < lines.length / 5);
  t.true(few.every((line) => line.split(';').length <= 6));
  t.is(
    few.reduce((all, line) => all + Number(line.slice(line.lastIndexOf(' '))), 0),
    sum,
  );
  const json = await calls(attack, '--json', ...span);
  const told = JSON.parse(json.stdout) as Told;
  t.is(told.system, 'NT 5.1 build 2600');
  t.is(told.executed, sum);
  t.is(told.instructions, sum);
  const own = (nodes: Node[]): number =>
    nodes.reduce((all, { own: n, children = [] }) => all + n + own(children), 0);
  t.is(own(told.tree), sum);
  t.is(
    told.tree.reduce((all, { total }) => all + total, 0),
    sum,
  );
  t.is(told.doubts['contradicted'], 0);
});

test.serial('one process, one thread, one function', async (t) => {
  const one = async (...args: string[]): Promise<Told> => {
    const run = await calls(attack, '--json', '--to', '8M', ...args);
    t.is(run.code, 0, run.stderr);
    return JSON.parse(run.stdout) as Told;
  };
  const shell = await one('--process', 'cmd.exe');
  t.deepEqual(
    shell.tree.map(({ name }) => name),
    ['cmd.exe'],
  );
  t.true(shell.instructions > 0 && shell.instructions < shell.executed);
  const pid = await one('--process', '40');
  const thread = await one('--thread', '44');
  t.true(thread.instructions > 0 && thread.instructions <= pid.instructions);
  t.true(pid.instructions <= shell.instructions);
  const kernel = await one('--process', '40', '--kernel');
  const user = await one('--process', '40', '--user');
  t.is(kernel.instructions + user.instructions, pid.instructions);
  const read = await one('--symbol', 'NtReadFile');
  t.deepEqual(
    read.tree.map(({ name }) => name),
    ['ntoskrnl.exe!NtReadFile'],
  );
  t.true(read.tree[0]!.calls > 1);
});

test.serial('where nothing is known of a system: by CR3, and said so', async (t) => {
  const run = await calls(probe, '--to', '1M');
  t.is(run.code, 0, run.stderr);
  t.regex(run.stdout, /cr3 0x[0-9a-f]{8}\n/);
  t.regex(run.stdout, /no known operating system was found/);
  refused(t, await calls(probe, '--process', 'init'), 2, 'ERR_CALLS_SYSTEM');
  refused(t, await calls(probe, '--symbol', 'sys_read'), 2, 'ERR_CALLS_SYSTEM');
});

test.serial('what is not there, and what does not go together', async (t) => {
  refused(t, await calls(attack, '--process', 'sshd'), 2, 'ERR_CALLS_PROCESS');
  refused(t, await calls(attack, '--thread', '4711'), 2, 'ERR_CALLS_THREAD');
  refused(t, await calls(attack, '--symbol', 'NtNothing'), 2, 'ERR_CALLS_SYMBOL');
  refused(t, await calls(attack, '--folded', '--json'), 2, 'ERR_USAGE');
  refused(t, await calls(attack, '--kernel', '--user'), 2, 'ERR_USAGE');
  refused(t, await calls(attack, '--min', '101'), 2, 'ERR_USAGE');
  refused(t, await calls(attack, '--from', '5M', '--to', '4M'), 2, 'ERR_USAGE');
});

test.serial('given up with Ctrl-C', async (t) => {
  // On a busy machine it takes a while until it listens.
  for (const delay of [1000, 2000, 4000, 8000]) {
    const running = start(t, ['calls', attack]);
    await sleep(delay);
    running.child.kill('SIGINT');
    const run = await running.result;
    if (run.signal === 'SIGINT') continue;
    t.is(run.code, 130, run.stderr);
    noStack(t, run);
    return;
  }
  t.fail('it never listened');
});
