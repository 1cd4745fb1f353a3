/** `rebek dump --stream input`: choosing among its events, on traces in the repository and on one made up. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { dumpEvents } from '../../src/trace/dump.ts';
import { type InputEvent, type InputQuery, InputScan, inputKinds } from '../../src/trace/input-scan.ts';
import { Op, type OpName } from '../../src/trace/ops.ts';
import { TraceFile } from '../../src/trace/trace-file.ts';
import { Log, type Step } from '../output/find-log.ts';
import { traceOf } from '../support/made-trace.ts';
import { root, temporaryFolder } from '../support/probe.ts';
import { type Result, rebek, refused } from './support.ts';

const attack = join(root, 'traces/ntlet-attack.rebek');

const dump = (file: string, ...args: string[]) => rebek(['dump', file, '--stream', 'input', ...args]);
const parse = ({ stdout }: Result): InputEvent[] =>
  stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as InputEvent);
const all = (file: string): InputEvent[] => [...dumpEvents(file, { stream: 'input' })] as InputEvent[];
const sequences = (events: readonly InputEvent[]): number[] => events.map(({ sequence }) => sequence);

test('every op but `end` is of one kind', (t) => {
  const listed = Object.values(inputKinds).flat() as number[];
  const ops = Object.values(Op).filter((op) => op !== Op.end);
  t.deepEqual(
    listed.toSorted((a, b) => a - b),
    ops.toSorted((a, b) => a - b),
  );
});

/** By names alone; the end of an event is wanted if the event is. */
function plainly(events: readonly InputEvent[], wanted: (event: InputEvent) => boolean): InputEvent[] {
  const open: boolean[] = [];
  return events.filter((event, i) => {
    if (event.op.startsWith('end of ')) return open.pop();
    const is = wanted(event);
    if ((events[i + 1]?.depth ?? 0) > event.depth) open.push(is);
    // Nothing inside of it, but its end.
    else if (events[i + 1]?.op === `end of ${event.op}` && events[i + 1]?.depth === event.depth)
      open.push(is);
    return is;
  });
}

test('by kind and by port: what a look at each event finds', async (t) => {
  const events = all(attack);
  const isPort = ({ op }: InputEvent): boolean => op.startsWith('io_port_');
  const expected: [string, InputEvent[]][] = [
    ['--kind port', plainly(events, isPort)],
    ['--kind irq', plainly(events, ({ op }) => op.endsWith('_irq') || op === 'handle_irqs')],
    ['--kind clock', plainly(events, ({ op }) => op === 'microtick')],
    [
      '--kind clock,random --kind run',
      plainly(events, ({ op }) => /^(microtick|get_rand_int|main_loop)$/.test(op)),
    ],
    ['--port 0x2f8', plainly(events, (event) => isPort(event) && event.args?.[0] === 0x2f8)],
    [
      '--port 0x3f8-0x3ff --kind port,irq',
      plainly(events, (event) => isPort(event) && event.args![0]! >= 0x3f8 && event.args![0]! <= 0x3ff),
    ],
    [
      '--port 760 --from 485,597 --limit 3',
      plainly(events, (event) => isPort(event) && event.args?.[0] === 0x2f8)
        .filter(({ instruction }) => instruction >= 485_597)
        .slice(0, 3),
    ],
    ['--kind vga', []],
  ];
  for (const [typed, wanted] of expected) {
    const run = await dump(attack, '--json', ...typed.split(' '));
    t.deepEqual([run.code, run.stderr], [0, '']);
    t.is(wanted.length > 0, typed !== '--kind vga', typed);
    t.true(wanted.length < events.length);
    t.deepEqual(sequences(parse(run)), sequences(wanted), typed);
  }
  const [, irqs] = expected[1]!;
  t.is((await dump(attack, '--kind', 'irq')).stdout.split('\n').length, irqs.length + 1);
});

const step = (op: OpName, at: number, bytes: number[], inside: Step[] = []): Step => ({
  op,
  at,
  bytes,
  inside,
});

test('by guest-physical address: of device memory and of DMA, where it touches the range', async (t) => {
  const file = traceOf(t, [
    step('dma', 0x1000, new Array<number>(0x100).fill(7)),
    step('mmap_read32', 0xfee00020, [1, 2, 3, 4], [step('dma', 0x2000, [1])]),
    step('mmap_read8', 0xfee00024, [5]),
    step('write32', 0xffe, [1, 2, 3, 4]),
    step('io_port_read8', 0x1000, [0x10]),
    step('state_hash', 0x1000, [3]),
    step('mmap_write128', 0x10f8, [], [step('device_raise_irq', 4, [])]),
  ]);
  const ops = async (...args: string[]) => parse(await dump(file, '--json', ...args)).map(({ op }) => op);
  t.deepEqual(await ops('--address', '0x1000'), ['dma', 'write32']);
  t.deepEqual(await ops('--address', '0x10ff'), ['dma', 'mmap_write128', 'end of mmap_write128']);
  t.deepEqual(await ops('--address', '0x1100-0x1107'), ['mmap_write128', 'end of mmap_write128']);
  t.deepEqual(await ops('--address', '0x1108-0x1fff'), []);
  t.deepEqual(await ops('--address', '0xfee00023'), ['mmap_read32', 'end of mmap_read32']);
  t.deepEqual(await ops('--address', '0-0xffffffff', '--kind', 'mmio'), [
    'mmap_read32',
    'end of mmap_read32',
    'mmap_read8',
    'mmap_write128',
    'end of mmap_write128',
  ]);
  t.deepEqual(await ops('--address', '0-0x1fff', '--kind', 'dma,irq'), ['dma', 'write32']);
  t.deepEqual(await ops('--kind', 'irq,hash'), ['device_raise_irq', 'state_hash'].toReversed());
  const [end] = parse(await dump(file, '--json', '--address', '0xfee00020')).slice(1);
  t.is(end?.result, 0x04030201, 'the result is still that of the event');
  const text = await dump(file, '--address', '0x2000');
  t.regex(text.stdout, /^ +[\d,]+ +2 .* dma\(0x2000, 1\) 01( .*)?\n$/);
});

test('what is skipped does not change what is found', (t) => {
  const names = [
    'io_port_read8',
    'mmap_read32',
    'dma',
    'write16',
    'state_hash',
    'microtick',
    'apic_timer',
    'main_loop',
  ] as const;
  const width = { io_port_read8: 1, mmap_read32: 4, write16: 2, state_hash: 1 } as const;
  const stepsWith = (within: fc.Arbitrary<Step[]>): fc.Arbitrary<Step[]> => {
    const one = fc
      .record({ op: fc.constantFrom(...names), at: fc.nat(20), size: fc.nat(9), inside: within })
      .map(({ op, at, size, inside }): Step => {
        const bytes = new Array<number>(op in width ? width[op as keyof typeof width] : size).fill(at);
        return step(op, at, bytes, op === 'dma' || op === 'state_hash' ? [] : inside);
      });
    return fc.array(one, { maxLength: 5 });
  };
  const steps = stepsWith(stepsWith(stepsWith(fc.constant([]))));
  const range = fc.tuple(fc.nat(25), fc.nat(5)).map(([first, more]) => ({ first, last: first + more }));
  const query: fc.Arbitrary<InputQuery> = fc.oneof(
    fc.record({ kinds: fc.subarray(Object.keys(inputKinds) as (keyof typeof inputKinds)[]) }),
    fc.record({ ports: range }),
    fc.record({ addresses: range }),
    fc.record({ from: fc.nat(2000), to: fc.nat(4000) }),
  );
  const scan = (batch: Parameters<InputScan['begin']>[0], wanted: InputQuery): InputEvent[] => {
    const scanner = new InputScan(wanted);
    scanner.begin(batch);
    const found: InputEvent[] = [];
    for (let event = scanner.next(); event; event = scanner.next()) found.push(event);
    return found;
  };
  fc.assert(
    fc.property(steps, query, (made, wanted) => {
      const log = new Log();
      log.add(made);
      const events = scan(log.batches[0]!, {});
      t.deepEqual(
        sequences(events),
        events.map((_, i) => i),
      );
      const { kinds, ports, addresses, from = 0, to = Number.POSITIVE_INFINITY } = wanted;
      const fits = plainly(events, ({ op, kind, args: [at = 0, bytes = 0] = [] }) => {
        if (kinds !== undefined) return kinds.includes(kind);
        if (ports !== undefined) return kind === 'port' && at >= ports.first && at <= ports.last;
        if (addresses === undefined) return true;
        const size = op === 'dma' ? Math.max(1, bytes) : op === 'mmap_read32' ? 4 : 2;
        return (
          /^(dma|mmap_read32|write16)$/.test(op) && at <= addresses.last && at + size - 1 >= addresses.first
        );
      });
      t.deepEqual(
        scan(log.batches[0]!, wanted),
        fits.filter(({ instruction }) => instruction >= from && instruction <= to),
      );
    }),
    { numRuns: 500 },
  );
});

test('--limit stops reading: damage behind the last wanted line is not met', async (t) => {
  const trace = TraceFile.open(attack);
  const last = [...trace.reader.entries(['EVTS'])].at(-1)!;
  trace.close();
  const bytes = readFileSync(attack);
  bytes[last.offset + 200]! ^= 1;
  const file = join(temporaryFolder(t), 'damaged.rebek');
  writeFileSync(file, bytes);
  const before = all(attack).filter(({ instruction }) => instruction < last.instruction).length;
  const some = await dump(file, '--limit', `${before - 10}`);
  t.deepEqual([some.code, some.stderr], [0, '']);
  t.is(some.stdout.split('\n').length - 1, before - 10);
  refused(t, await dump(file), 4, 'ERR_TRACE_DAMAGED');
});
