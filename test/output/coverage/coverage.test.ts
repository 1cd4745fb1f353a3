/** Counting blocks, and what is made of the counts, against the simplest way to do the same. */
import test from 'ava';
import fc from 'fast-check';
import { BlockCounts } from '../../../src/output/coverage/block-counts.ts';
import type { CoveredModule } from '../../../src/output/coverage/coverage.ts';
import { diffCoverage } from '../../../src/output/coverage/diff.ts';
import { blockSizes, drcovFile } from '../../../src/output/coverage/drcov.ts';
import { coveredFunctions } from '../../../src/output/coverage/functions.ts';
import { Timeline } from '../../../src/output/coverage/timeline.ts';
import type { GuestMap, MappedModule } from '../../../src/output/map/guest-map.ts';
import { readDrcov } from './read-drcov.ts';

test('every block is counted, whatever its address and group', (t) => {
  const counts = new BlockCounts();
  const expected = new Map<string, [number, number]>();
  // A few that come often, many that come once, and addresses on both sides of 2^31.
  let seed = 1;
  const random = (): number => (seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0);
  for (let i = 0; i < 400_000; i++) {
    const address = random() % 3 === 0 ? random() | 0 : (0xc0000000 + (random() % 500)) | 0;
    const group = random() % 5;
    const instructions = random() % 50;
    counts.add(address, group, instructions);
    const key = `${address} ${group}`;
    const [executions, total] = expected.get(key) ?? [0, 0];
    expected.set(key, [executions + 1, total + instructions]);
  }
  t.is(counts.count, expected.size);
  t.true(counts.count > 100_000);
  for (let i = 0; i < counts.count; i++) {
    const key = `${counts.blocks[2 * i]} ${counts.blocks[2 * i + 1]}`;
    const found = [counts.totals[2 * i], counts.totals[2 * i + 1]];
    if (String(found) !== String(expected.get(key))) t.deepEqual(found, expected.get(key), key);
  }
  t.is(counts.unlisted, 0);
});

test('blocks beyond the bound are counted as such, and those before go on', (t) => {
  const counts = new BlockCounts(1000);
  for (let round = 0; round < 2; round++) for (let i = 0; i < 1500; i++) counts.add(i * 16, 0, 1);
  t.is(counts.count, 1000);
  t.is(counts.unlisted, 1000);
  t.true(counts.totals.subarray(0, 2000).every((total) => total === 2));
});

const moduleAt = (name: string, base: number, from: number, to: number): MappedModule => ({
  name,
  path: `/bin/${name}`,
  base,
  size: 0x1000,
  from,
  to,
  symbols: undefined,
});

test('a process that exchanges its program is in another stretch from then on, and only then', (t) => {
  const process = (key: number, modules: MappedModule[]) => ({
    key,
    pid: key,
    ppid: 0,
    name: 'p',
    commandLine: undefined,
    asid: undefined,
    from: 0,
    to: 1000,
    modules,
  });
  const map: GuestMap = {
    system: 'Test',
    kernelStart: 2 ** 31,
    instructions: 1000,
    processes: [
      process(1, [
        moduleAt('sh', 0x1000, 0, 150),
        moduleAt('ls', 0x1000, 150, 350),
        moduleAt('id', 0x1000, 350, 1000),
      ]),
      process(2, [moduleAt('sh', 0x1000, 0, 1000)]),
    ],
    threads: [
      { key: 1, tid: 1, process: 1 },
      { key: 2, tid: 2, process: 2 },
    ],
    kernelModules: [],
    symbols: [],
    switches: { at: Float64Array.of(100, 200, 300, 400, 500), who: Uint32Array.of(1, 2, 1, 0, 2) },
  };
  const timeline = new Timeline(map);
  const told = (instruction: number): string => {
    const stretch = timeline.stretches[timeline.stretchAt(instruction)];
    return stretch === undefined
      ? '-'
      : `${stretch.process.key} ${stretch.from} ${stretch.to} until ${timeline.until}`;
  };
  const expected: [number, string][] = [
    [99, '-'],
    [100, '1 -Infinity 150 until 150'],
    [149, '1 -Infinity 150 until 150'],
    [150, '1 150 350 until 200'],
    [200, '2 -Infinity Infinity until 300'],
    [300, '1 150 350 until 350'],
    [350, '1 350 Infinity until 400'],
    [400, '-'],
    [500, '2 -Infinity Infinity until Infinity'],
    [5000, '2 -Infinity Infinity until Infinity'],
  ];
  for (const [instruction, answer] of expected) t.is(told(instruction), answer, `${instruction}`);
  for (const [instruction, answer] of expected.toReversed())
    t.is(told(instruction), answer, `back at ${instruction}`);
});

const covered = (
  module: MappedModule | undefined,
  blocks: [offset: number, executions: number, each: number][],
) => ({
  module,
  kernel: false,
  blocks: {
    offsets: Uint32Array.from(blocks, ([offset]) => offset),
    executions: Float64Array.from(blocks, ([, executions]) => executions),
    instructions: Float64Array.from(blocks, ([, executions, each]) => executions * each),
  },
});

test('functions have the blocks that begin in them', (t) => {
  const one = covered(moduleAt('sh', 0x8000, 0, 9), [
    [0x10, 3, 2],
    [0x14, 30, 1],
    [0x20, 1, 5],
    [0x90, 2, 2],
  ]);
  const symbols = { offsets: Uint32Array.of(0x10, 0x18), sizes: Uint32Array.of(8, 0x20), names: ['a', 'b'] };
  t.deepEqual(coveredFunctions(one, symbols), [
    { name: 'a', offset: 0x10, size: 8, blocks: 2, executions: 33, instructions: 36, entered: 3 },
    { name: 'b', offset: 0x18, size: 0x20, blocks: 1, executions: 1, instructions: 5, entered: 0 },
    { name: undefined, offset: 0x90, size: 0, blocks: 1, executions: 2, instructions: 4, entered: 0 },
  ]);
  t.is(coveredFunctions(one, undefined).length, 1);
});

test('a comparison goes by offsets, wherever a module was, and tells which side has what', (t) => {
  const here = covered(moduleAt('sh', 0x8000, 0, 9), [
    [0x10, 3, 2],
    [0x20, 1, 5],
  ]);
  const there = covered(moduleAt('sh', 0x18000, 0, 9), [
    [0x10, 1, 2],
    [0x40, 1, 2],
  ]);
  const outside = covered(undefined, [[0x77, 1, 1]]);
  const symbols = {
    offsets: Uint32Array.of(0x10, 0x20, 0x40),
    sizes: new Uint32Array(3),
    names: ['a', 'b', 'c'],
  };
  const side = (...modules: CoveredModule[]) => ({
    processes: [{ process: undefined, asid: 0, modules }],
    symbolsOf: () => symbols,
  });
  const found = diffCoverage(side(here, outside), side(there));
  t.deepEqual(
    found.map(({ module, here: h, there: o, both, functions }) => ({
      name: module?.name,
      h,
      o,
      both,
      functions,
    })),
    [
      {
        name: 'sh',
        h: [0x20],
        o: [0x40],
        both: 1,
        functions: [
          { name: 'b', here: 1, there: 0, both: 0 },
          { name: 'c', here: 0, there: 1, both: 0 },
        ],
      },
      {
        name: undefined,
        h: [0x77],
        o: [],
        both: 0,
        functions: [{ name: undefined, here: 1, there: 0, both: 0 }],
      },
    ],
  );
});

test('a drcov file, read by its format, has every block of every module once', (t) => {
  const block = fc.tuple(fc.nat(0xff0), fc.integer({ min: 1, max: 1e6 }), fc.integer({ min: 1, max: 60 }));
  const list = fc.uniqueArray(block, { selector: ([offset]) => offset, maxLength: 30 });
  const property = fc.property(fc.array(list, { maxLength: 5 }), list, (lists, outside) => {
    const sorted = lists.map((blocks) => blocks.toSorted((a, b) => a[0] - b[0]));
    const modules = sorted.map((blocks, i) => covered(moduleAt(`m${i}\n,x`, 0x10000 * i, 0, 9), blocks));
    const loose = covered(
      undefined,
      outside.toSorted((a, b) => a[0] - b[0]),
    );
    const file = drcovFile({ process: undefined, asid: 0, modules: [...modules, loose] });
    t.is(file.left, outside.length);
    const read = readDrcov(file.bytes);
    t.deepEqual(
      read.modules.map(({ base, end, path }) => ({ base, end, path })),
      modules.map((_, i) => ({ base: 0x10000 * i, end: 0x10000 * i + 0x1000, path: `/bin/m${i}?,x` })),
    );
    t.deepEqual(
      read.blocks.map(({ module, start }) => [module, start]),
      sorted.flatMap((blocks, i) => blocks.map(([offset]) => [i, offset])),
    );
    for (const { size } of read.blocks) t.true(size > 0);
  });
  fc.assert(property, { numRuns: 200 });
});

test('a block ends where the next begins, or after a plausible number of bytes', (t) => {
  const one = covered(moduleAt('sh', 0, 0, 9), [
    [0x10, 2, 3],
    [0x19, 2, 1],
    [0x30, 1, 10],
    [0xffe, 1, 4],
  ]);
  t.deepEqual([...blockSizes(one)], [9, 3, 30, 2]);
  const long = covered(undefined, [[0, 1, 60_000]]);
  t.deepEqual([...blockSizes(long)], [0xffff]);
});
