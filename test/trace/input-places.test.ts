/** Where the CPU was when something came in, as `rebek dump --stream input` tells it. */
import test from 'ava';
import { FlowKind, KIND_SHIFT } from '../../src/engine/flow/area.ts';
import { dumpEvents, type InputEvent } from '../../src/trace/dump.ts';
import { TraceFile } from '../../src/trace/trace-file.ts';
import { rebek } from '../cli/support.ts';
import { recordNtlet } from '../support/ntlet.ts';
import { recordProbe, temporaryFolder } from '../support/probe.ts';

const inputs = (path: string, options: object = {}): InputEvent[] =>
  [...dumpEvents(path, { stream: 'input', places: true, ...options })] as InputEvent[];

/** Locations of a log that are no interrupt's: value, then CR3. */
function locations(path: string): [eip: number, asid: number][] {
  const trace = TraceFile.open(path);
  const found: [number, number][] = [];
  for (const { words, count, asid } of trace.flow()) {
    let cr3 = asid;
    for (let i = 0; i < count; i++) {
      const [value, kind] = [words[2 * i]!, words[2 * i + 1]! >>> KIND_SHIFT];
      const next = i + 1 < count ? words[2 * i + 3]! >>> KIND_SHIFT : -1;
      if (kind === FlowKind.addressSpace) cr3 = value;
      if (kind === FlowKind.location && next !== FlowKind.interrupt) found.push([value, cr3]);
    }
  }
  trace.close();
  return found;
}

const READS = new Set(['io_port_read8', 'io_port_read16', 'io_port_read32', 'mmap_read8', 'mmap_read32']);

test('probe guest: each input has the place of its own, from whatever point the reading begins', async (t) => {
  const folder = temporaryFolder(t);
  const { result } = await recordProbe(folder, 'svbwfht');
  const all = inputs(result.path);
  const placed = all.filter(({ eip }) => eip !== undefined);
  const log = locations(result.path);
  t.deepEqual(
    placed.map(({ eip, asid }) => [eip, asid]),
    log.slice(0, placed.length),
  );
  t.is(placed.length, log.length);
  // All of them but what came behind the last loop.
  const last = all.findLastIndex(({ op }) => op === 'end of main_loop');
  for (const { op, class: kind, eip } of all.slice(0, last)) {
    if (READS.has(op) || op === 'dma' || op === 'device_raise_irq' || op === 'get_rand_int')
      t.not(eip, undefined, op);
    else if (kind !== 'input') t.is(eip, undefined, op);
  }
  // RDTSC has a place, the engine's own looks at the clock have none.
  const ticks = all.filter(({ op }) => op === 'microtick');
  t.true(ticks.some(({ eip }) => eip !== undefined) && ticks.some(({ eip }) => eip === undefined));
  t.deepEqual(
    [...new Set(placed.filter(({ op }) => op === 'microtick').map(({ eip }) => eip))].length < 20,
    true,
  );

  const { instructions } = result;
  for (const part of [0.1, 0.5, 0.9, 0.999]) {
    const from = Math.floor(instructions * part);
    const to = from + 100_000;
    t.deepEqual(
      inputs(result.path, { from, to }),
      all.filter(({ instruction }) => instruction >= from && instruction <= to),
      `from ${from}`,
    );
  }
});

test('ntlet: on the command line, with the address spaces', async (t) => {
  const guest = await recordNtlet(t, { flow: true });
  await guest.booted();
  await guest.logIn(0, 'guest', 'guest');
  await guest.run('dir');
  await guest.finish();
  const dump = async (...args: string[]) => {
    const { code, stdout } = await rebek(['dump', guest.path, '--stream', 'input', ...args]);
    t.is(code, 0);
    return stdout.split('\n').slice(0, -1);
  };
  const all = (await dump('--json')).map((line) => JSON.parse(line) as InputEvent);
  const reads = all.filter(({ op, args }) => op === 'io_port_read8' && args?.[0] === 0x3f8);
  t.true(reads.length > 10);
  // One driver reads the serial port, from the kernel's half.
  t.true(reads.every(({ eip }) => eip !== undefined && eip >= 0x80000000));
  t.is(new Set(reads.map(({ eip }) => eip)).size, 1);
  const spaces = new Set(all.filter(({ eip }) => eip !== undefined).map(({ asid }) => asid));
  t.true(spaces.size > 1);
  for (const asid of spaces) {
    const some = await dump('--json', '--asid', String(asid));
    t.deepEqual(
      some.map((line) => JSON.parse(line) as InputEvent),
      all.filter((event) => event.asid === asid),
    );
  }
  const [first] = await dump('--port', '0x71', '--limit', '1');
  t.regex(first!, /^ +[\d,]+ +\d+ {2}0x[89a-f][0-9a-f]{7} 0x[0-9a-f]{8} +io_port_read8\(0x71\) = /);
  const [bare] = await dump('--port', '0x71', '--limit', '1', '--no-eip');
  t.regex(bare!, /^ +[\d,]+ +\d+ +io_port_read8\(0x71\) = /);
});
