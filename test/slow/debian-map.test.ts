/** The guest map and the coverage of a recorded Debian, against what that Debian said of itself, and a program known by its bytes. */
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { writeCpio } from '../../src/machine/cpio.ts';
import { measureCoverage } from '../../src/output/coverage/coverage.ts';
import { coveredFunctions } from '../../src/output/coverage/functions.ts';
import type { GuestMap, MappedProcess } from '../../src/output/map/guest-map.ts';
import { guestMap } from '../../src/output/map/make-map.ts';
import { GuestPlaces } from '../../src/output/map/places.ts';
import { selectProcesses } from '../../src/output/map/select.ts';
import { TraceFile } from '../../src/trace/trace-file.ts';
import { bootPc, debianGuest } from '../support/debian.ts';
import { LOOP_BASE, loopBlocks, loopProgram } from '../support/loop-program.ts';
import { recordGuest } from '../support/record-guest.ts';

const ROUNDS = 54_321;
const folder = mkdtempSync(join(tmpdir(), 'rebek-debian-map-'));
const path = join(folder, 'map.rebek');
const after: (() => unknown)[] = [];
test.after.always(async () => {
  for (const one of after) await one();
  rmSync(folder, { recursive: true });
});

let map: GuestMap;
let places: GuestPlaces;
/** What the guest said: maps of a server, symbols and modules of its kernel. */
let said: { maps: string; kallsyms: string; modules: string; pids: string };

test.before(async (t) => {
  t.timeout(400_000);
  const { machine, images } = await debianGuest();
  const initrd = images.initrd!;
  const more = writeCpio([{ kind: 'file', name: 'bin/loop', mode: 0o755, data: loopProgram(ROUNDS) }]);
  const data = new Uint8Array(initrd.size + more.length);
  data.set(new Uint8Array(initrd.data));
  data.set(more, initrd.size);
  const sha256 = createHash('sha256').update(data).digest('hex');
  const withLoop = { ...images, initrd: { ...initrd, size: data.length, sha256, data: data.buffer } };
  const boot = await bootPc(machine, withLoop);
  const context = { teardown: (one: () => unknown) => void after.push(one) };
  context.teardown(() => boot.pc.destroy());
  await boot.console.logIn();
  const state = await boot.pc.saveState();
  await boot.pc.stop();
  const { console, finish } = await recordGuest(context, {
    machine,
    images: withLoop,
    output: path,
    flow: true,
    from: { name: 'logged-in', state },
  });
  const kallsyms = await console.run("grep -E ' [tT] (__ia32_sys_[a-p]|do_exit$|schedule)' /proc/kallsyms");
  const maps = await console.run('dropbear -R -F -p 2222 2>/dev/null & sleep 2; cat /proc/$!/maps; kill $!');
  const modules = await console.run('cat /proc/modules');
  const pids = await console.run(`loop; loop; sh -c 'echo $$; exec loop'`);
  await finish();
  said = { maps, kallsyms, modules, pids };
  map = await guestMap(path, { cache: false });
  places = new GuestPlaces(map);
});

const only = (wanted: string): MappedProcess => [...selectProcesses(map, wanted)].at(-1)!;

test('the server has the files mapped that /proc/PID/maps tells', (t) => {
  const expected = new Map<string, { base: number; end: number }>();
  for (const line of said.maps.split('\n')) {
    const [, first, end, file] = /^([\da-f]+)-([\da-f]+) \S+ \S+ \S+ \d+ +(\/\S+)$/.exec(line) ?? [];
    if (file === undefined) continue;
    const [base, to] = [Number.parseInt(first!, 16), Number.parseInt(end!, 16)];
    expected.set(file, { base: expected.get(file)?.base ?? base, end: to });
  }
  t.true(expected.size >= 7, said.maps);
  const process = [...selectProcesses(map, 'dropbear')].find(({ from }) => from > 0)!;
  const last = process.modules.filter(({ to }) => to === process.to);
  t.deepEqual(
    last.map(({ path: file, base }) => [file, base]).sort(),
    [...expected].map(([file, { base }]) => [file, base]).sort(),
  );
  for (const { path: file, base, size } of last) {
    // The loader maps what a library needs in one piece, and makes the end of that memory without a file.
    const { end } = expected.get(file!)!;
    t.true(base + size >= end && base + size <= end + 0x10000, file);
  }
  t.is(process.commandLine, 'dropbear -R -F -p 2222');
  // Before, it was the shell that it is a copy of.
  const [shell] = process.modules;
  t.is(shell?.path, '/bin/busybox');
  t.true(shell!.to < process.to);
  t.true(process.to < map.instructions);
  const libc = last.find(({ name }) => name === 'libc.so.6')!;
  for (const name of ['read', 'malloc', 'fork'])
    t.true(
      places.symbols(`libc.so.6!${name}`).some(({ address }) => address > libc.base),
      name,
    );
});

test('the kernel’s functions are where /proc/kallsyms says, and known by other names of calls', (t) => {
  const lines = said.kallsyms.split('\n').filter((line) => line !== '');
  t.true(lines.length > 150);
  for (const line of lines) {
    const [address, , name] = line.split(' ');
    const at = Number.parseInt(address!, 16);
    t.true(
      places.symbols(name!).some((symbol) => symbol.address === at),
      line,
    );
    const found = places.symbolAt(at, undefined, 1000);
    t.is(found?.module, 'vmlinux');
    t.is(found?.offset, 0, line);
  }
  const [byCall] = places.symbols('sys_close');
  t.is(byCall?.address, places.symbols('__ia32_sys_close')[0]?.address);
  t.true(byCall !== undefined);
});

test('its modules are those of /proc/modules', (t) => {
  const expected = said.modules.split('\n').flatMap((line) => {
    const [name, size] = line.split(' ');
    return size === undefined ? [] : [`${name} ${size}`];
  });
  t.true(expected.length > 1);
  const found = map.kernelModules.slice(1).map(({ name, size }) => `${name} ${size}`);
  t.deepEqual(found.sort(), expected.sort());
});

test('a loop of known length is executed so often, in each of three processes', async (t) => {
  const runs = selectProcesses(map, 'loop');
  t.is(runs.size, 3);
  t.true([...runs].some(({ pid }) => said.pids.split('\n').includes(String(pid))));
  const trace = TraceFile.open(path);
  t.teardown(() => trace.close());
  const { processes, unlisted } = await measureCoverage(trace, map, { processes: runs });
  t.is(unlisted, 0);
  t.is(processes.length, 3);
  for (const { process, modules } of processes) {
    const { module, blocks } = modules.find((one) => one.module?.path === '/bin/loop')!;
    t.is(module!.base, LOOP_BASE);
    const found = [...blocks.offsets].map((offset, i) => [
      offset,
      blocks.executions[i],
      blocks.instructions[i]! / blocks.executions[i]!,
    ]);
    const expected = loopBlocks(ROUNDS).find(([first]) => first![2] === found[0]![2]);
    t.deepEqual(found, expected, `${process?.pid}`);
    // It exits once, by a call, and before was a shell.
    const kernel = modules.find((one) => one.module?.name === 'vmlinux')!;
    const functions = coveredFunctions(kernel, places.symbolsOf(kernel.module!));
    t.is(functions.find(({ name }) => name === '__ia32_sys_exit')?.entered, 1);
    t.true(modules.some((one) => one.module?.path === '/bin/busybox'));
  }
});

test('all instructions of the recording are somebody’s', async (t) => {
  const trace = TraceFile.open(path);
  t.teardown(() => trace.close());
  const { processes } = await measureCoverage(trace, map);
  let [known, nobody, executed] = [0, 0, 0];
  for (const { process, modules } of processes)
    for (const { blocks } of modules) {
      const instructions = blocks.instructions.reduce((sum, each) => sum + each, 0);
      executed += blocks.executions.reduce((sum, each) => sum + each, 0);
      if (process === undefined) nobody += instructions;
      else known += instructions;
    }
  t.is(known + nobody, map.instructions);
  t.true(nobody < map.instructions / 1000, `${nobody}`);
  const half = Math.floor(map.instructions / 2);
  const count = async (span: { from?: number; to?: number }): Promise<number> => {
    const parts = await measureCoverage(trace, map, span);
    return parts.processes
      .flatMap(({ modules }) => modules)
      .reduce((sum, { blocks }) => sum + blocks.executions.reduce((a, b) => a + b, 0), 0);
  };
  t.is((await count({ to: half })) + (await count({ from: half + 1 })), executed);
  t.is(only('loop').name, 'loop');
});
