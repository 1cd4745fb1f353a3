/** Parts of the guest map on their own: symbols by address, modules that come and go, and bounds that no guest gets beyond. */
import test from 'ava';
import fc from 'fast-check';
import type { GuestMap, MappedModule, MappedProcess } from '../../../src/output/map/guest-map.ts';
import { ModuleTimes } from '../../../src/output/map/module-times.ts';
import { GuestPlaces, symbolIndex } from '../../../src/output/map/places.ts';
import { SwitchList } from '../../../src/output/map/switch-list.ts';

test('of functions in functions, the innermost that an address is in is found; beyond all, none', (t) => {
  const symbol = fc.record({ offset: fc.nat(400), size: fc.nat(60) });
  const property = fc.property(fc.array(symbol, { maxLength: 6 }), fc.nat(500), (all, place) => {
    const sorted = all.toSorted((a, b) => a.offset - b.offset);
    const table = {
      offsets: Uint32Array.from(sorted, ({ offset }) => offset),
      sizes: Uint32Array.from(sorted, ({ size }) => size),
      names: sorted.map((_, i) => `f${i}`),
    };
    const found = symbolIndex(table, place);
    const fits = (i: number): boolean => {
      const { offset, size } = sorted[i]!;
      return offset <= place && (size === 0 || place < offset + size);
    };
    // The first of those that begin at one place stands for all of them.
    const heads = sorted.map((_, i) => i).filter((i) => sorted[i - 1]?.offset !== sorted[i]!.offset);
    t.is(found, heads.findLast(fits) ?? -1);
  });
  fc.assert(property, { numRuns: 2000 });
});

test('who ran is found in any order of questions', (t) => {
  const gaps = fc.array(fc.tuple(fc.integer({ min: 1, max: 50 }), fc.nat(3)), { maxLength: 40 });
  const property = fc.property(gaps, fc.array(fc.nat(1500), { maxLength: 60 }), (steps, questions) => {
    const list = new SwitchList();
    const told: { at: number; who: number }[] = [];
    let now = 0;
    for (const [gap, who] of steps) {
      now += gap;
      list.add(now, who);
      told.push({ at: now, who });
    }
    const places = new GuestPlaces(mapWith({ switches: list.done() }));
    for (const question of questions) {
      const expected = told.findLast(({ at }) => at <= question)?.who ?? 0;
      t.is(places.threadAt(question)?.key ?? 0, expected);
      const { until } = places;
      t.true(until > question);
      for (const { at, who } of told) if (at > question && at < until) t.is(who, expected);
    }
  });
  fc.assert(property, { numRuns: 500 });
});

test('a list of switches that is full says that nobody is known', (t) => {
  const list = new SwitchList(3);
  for (let i = 0; i < 10; i++) list.add(i * 10, 1 + (i & 1));
  t.deepEqual([...list.done().at], [0, 10, 20]);
  t.deepEqual([...list.done().who], [1, 2, 0]);
});

test('modules stay as long as they are seen; another one at the same place is another stay', (t) => {
  const times = new ModuleTimes(false);
  const libc = { name: 'libc.so.6', path: '/lib/libc.so.6', base: 0x1000, size: 0x100 };
  const program = { name: 'sh', path: '/bin/sh', base: 0x8000, size: 0x100 };
  times.sample([program], 10);
  times.sample([program, libc], 20);
  t.true(times.overlaps(0x10ff, 0x2000));
  t.false(times.overlaps(0x1100, 0x8000));
  times.sample(
    [
      { ...program, path: '/bin/ls', name: 'ls' },
      { ...libc, size: 0x200 },
    ],
    30,
  );
  times.sample([libc], 40);
  times.end(50);
  const done = times.done([], 100).map(({ name, from, to, size }) => [name, from, to, size]);
  t.deepEqual(done, [
    ['sh', 10, 30, 0x100],
    ['libc.so.6', 20, 50, 0x200],
    ['ls', 30, 40, 0x100],
  ]);
});

test('NT tells paths later: that is the same module', (t) => {
  const times = new ModuleTimes(false);
  times.sample([{ name: 'LONGPROGRAMNAME', path: undefined, base: 0x400000, size: 0x5000 }], 10);
  times.sample([{ name: 'LongProgramName.exe', path: 'C:\\x', base: 0x400000, size: 0x5000 }], 20);
  t.deepEqual(
    times.done([], 100).map(({ name, path, from, to }) => ({ name, path, from, to })),
    [{ name: 'LongProgramName.exe', path: 'C:\\x', from: 10, to: 100 }],
  );
});

test('modules that come and go without end are kept up to a bound', (t) => {
  const times = new ModuleTimes(false);
  for (let i = 0; i < 20_000; i++)
    times.sample([{ name: `m${i}`, path: undefined, base: 0x1000, size: 1 }], i);
  t.is(times.done([], 1e6).length, 1 << 14);
});

test('names with and without their module, at the addresses of every process that has it', (t) => {
  const lib = (base: number, from: number, to: number): MappedModule => ({
    name: 'libc.so.6',
    path: '/lib/libc.so.6',
    base,
    size: 0x1000,
    from,
    to,
    symbols: 1,
  });
  const kernel = { ...lib(0xc0000000, 0, 1000), name: 'vmlinux', path: undefined, symbols: 0 };
  const map = mapWith({
    kernelModules: [kernel],
    processes: [
      processOf(1, [lib(0x1000, 0, 50), lib(0x5000, 50, 100)]),
      processOf(2, [lib(0x3000, 0, 100)]),
    ],
    symbols: [
      {
        offsets: Uint32Array.of(0, 0, 0x40),
        sizes: new Uint32Array(3),
        names: ['__ia32_sys_read', 'sys_read', 'end'],
      },
      { offsets: Uint32Array.of(0x10, 0x20), sizes: Uint32Array.of(8, 0), names: ['read', 'write'] },
    ],
  });
  const places = new GuestPlaces(map);
  const found = (pattern: string) =>
    places.symbols(pattern).map(({ name, address, size, process }) => [name, address, size, process?.key]);
  t.deepEqual(found('sys_read'), [['sys_read', 0xc0000000, 0x40, undefined]]);
  t.deepEqual(found('vmlinux!end'), [['end', 0xc0000040, 0xfc0, undefined]]);
  t.deepEqual(found('read'), [], 'without a module, the kernel is meant');
  for (const pattern of ['libc.so.6!read', 'libc!re*', 'lib*!read'])
    t.deepEqual(found(pattern), [
      ['read', 0x1010, 8, 1],
      ['read', 0x5010, 8, 1],
      ['read', 0x3010, 8, 2],
    ]);
  const [first] = map.processes;
  t.deepEqual(places.symbolAt(0x1017, first, 49), { module: 'libc.so.6', name: 'read', offset: 7 });
  t.is(places.symbolAt(0x1017, first, 50), undefined, 'it is somewhere else now');
  t.is(places.symbolAt(0x1018, first, 49), undefined, 'behind its end');
  t.is(places.symbolAt(0x5fff, first, 50)?.offset, 0xfdf);
  t.is(places.symbolAt(0xc0000000, first, 50)?.name, '__ia32_sys_read');
});

const processOf = (key: number, modules: readonly MappedModule[]): MappedProcess => ({
  key,
  pid: key * 10,
  ppid: undefined,
  name: 'p',
  commandLine: undefined,
  asid: undefined,
  from: 0,
  to: 1000,
  modules,
});

function mapWith(parts: Partial<GuestMap>): GuestMap {
  return {
    system: 'Test',
    kernelStart: 0xc0000000,
    instructions: 1000,
    processes: [],
    threads: [1, 2, 3].map((key) => ({ key, tid: key, process: key })),
    kernelModules: [],
    symbols: [],
    switches: { at: new Float64Array(0), who: new Uint32Array(0) },
    ...parts,
  };
}
