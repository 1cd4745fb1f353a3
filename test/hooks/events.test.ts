/** Hooks on what happens besides calls: each kind against the guest's own word, or against what the trace keeps of it. */
import test from 'ava';
import type { TruthRecordOf } from '../../src/guest/ntlet/truth-record.ts';
import { defineHooks } from '../../src/hooks/api.ts';
import { dumpEvents, type StreamEvent } from '../../src/trace/dump.ts';
import { truthOf } from '../guest/nt/told.ts';
import { ATTACK, runHooks, STRESS } from './run.ts';
import { once, sameState } from './told-calls.ts';

/** Where a UART has its line control register, whose highest bit makes the first port the clock's divisor. */
const LINE_CONTROL = 3;
const DIVISOR_LATCH = 0x80;

interface Seen {
  readonly switches: { readonly from: number | undefined; readonly to: number | undefined }[];
  readonly vectors: Map<string, number>;
  readonly one: number[];
  readonly threads: { readonly started: string[]; readonly ended: string[] };
  readonly processes: { readonly started: string[]; readonly ended: string[] };
  readonly written: Map<number, number[]>;
  readonly inputs: Map<string, number>;
  readonly ends: { readonly instruction: number; readonly time: number }[];
  readonly order: number[];
}

async function watch(path: string) {
  const seen: Seen = {
    switches: [],
    vectors: new Map(),
    one: [],
    threads: { started: [], ended: [] },
    processes: { started: [], ended: [] },
    written: new Map(),
    inputs: new Map(),
    ends: [],
    order: [],
  };
  const count = (map: Map<string, number>, key: string) => map.set(key, (map.get(key) ?? 0) + 1);
  const hooks = defineHooks('watch', ({ contextSwitch, interrupt, thread, process, portIO, input, end }) => {
    contextSwitch(({ from, thread: to, instruction }) => {
      seen.switches.push({ from: from?.tid, to: to?.tid });
      seen.order.push(instruction);
    });
    interrupt('all', ({ vector, software }) =>
      count(seen.vectors, `${vector}${software ? ' by software' : ''}`),
    );
    interrupt(0x2e, ({ vector }) => seen.one.push(vector));
    thread({
      start: ({ thread: one }) =>
        seen.threads.started.push(`${one!.tid} ${one!.address} in ${one!.process.pid}`),
      end: ({ thread: one }) => seen.threads.ended.push(`${one!.tid}`),
    });
    process({
      start: ({ process: one }) => seen.processes.started.push(`${one!.pid} ${one!.name}`),
      end: ({ process: one }) => seen.processes.ended.push(`${one!.pid} ${one!.name}`),
    });
    for (const base of [0x3f8, 0x2f8]) {
      let divisor = false;
      portIO(base + LINE_CONTROL, ({ write, value }) => {
        if (write) divisor = (value & DIVISOR_LATCH) !== 0;
      });
      portIO(base, ({ write, value, bytes, port }) => {
        if (!write || divisor) return;
        if (bytes !== 1 || port !== base) throw new Error('no byte');
        const list = seen.written.get(base) ?? [];
        list.push(value);
        seen.written.set(base, list);
      });
    }
    input(({ input: what }) => count(seen.inputs, what.kind));
    end(({ instruction, time }) => seen.ends.push({ instruction, time }));
  });
  const ran = await runHooks(path, hooks, { strict: true });
  return { seen, ran, path, truth: truthOf(path), found: ran.of('system')[0]!.instruction };
}

const traces = [
  ['attack', once(() => watch(ATTACK))],
  ['stress', once(() => watch(STRESS))],
] as const;

for (const [name, watched] of traces) {
  test(`${name}: threads come on in the order in which the guest says so`, async (t) => {
    const { seen, truth, found, ran, path } = await watched();
    sameState(t, path, ran);
    const tids = new Map<number, number>();
    for (const r of truth) if (r.kind === 'thread-start') tids.set(r.thread, r.threadId);
    const switches = truth.filter((r): r is TruthRecordOf<'switch'> => r.kind === 'switch');
    const after = switches.filter(({ instruction }) => instruction > found);
    t.deepEqual(
      seen.switches.map(({ to }) => to),
      after.map(({ thread }) => tids.get(thread)),
    );
    t.deepEqual(
      seen.switches.slice(1).map(({ from }) => from),
      after.slice(1).map(({ before }) => tids.get(before)),
    );
    // Told just before or just after it is so.
    for (const [i, { instruction }] of after.entries())
      t.true(Math.abs(instruction - seen.order[i]!) < 2000, `${instruction} ${seen.order[i]}`);
  });

  test(`${name}: all threads and processes that ran have started, and those that ended have ended`, async (t) => {
    const { seen, truth } = await watched();
    const of = <K extends 'thread-start' | 'thread-end' | 'process-start' | 'process-end'>(kind: K) =>
      truth.filter((r) => r.kind === kind) as unknown as TruthRecordOf<K>[];
    const processes = new Map(of('process-start').map((r) => [r.process, r]));
    const threads = new Map(of('thread-start').map((r) => [r.thread, r]));
    const ran = new Set([of('thread-start')[0]!.thread]);
    for (const r of truth) if (r.kind === 'switch') ran.add(r.thread);
    const started = of('thread-start').filter(({ thread }) => ran.has(thread));
    const pid = (process: number) => processes.get(process)!.processId;
    t.deepEqual(
      [...seen.threads.started].sort(),
      started.map((r) => `${r.threadId} ${r.object} in ${pid(r.process)}`).sort(),
    );
    t.deepEqual(
      seen.threads.ended,
      of('thread-end').map(({ thread }) => `${threads.get(thread)!.threadId}`),
    );
    const withThreads = new Set(started.map(({ process }) => process));
    const title = (process: number) => `${pid(process)} ${processes.get(process)!.name}`;
    t.deepEqual([...seen.processes.started].sort(), [...withThreads].map(title).sort());
    t.deepEqual(
      [...seen.processes.ended].sort(),
      of('process-end')
        .map(({ process }) => title(process))
        .sort(),
    );
    t.true(seen.processes.ended.length > 0);
  });

  test(`${name}: what is written to the serial ports is what the trace keeps of the consoles`, async (t) => {
    const { seen, path } = await watched();
    for (const [index, base] of [0x3f8, 0x2f8].entries()) {
      const kept: number[] = [];
      for (const record of dumpEvents(path, { stream: 'console' }) as Iterable<StreamEvent>)
        if (record.port === index && record.direction === 'out') kept.push(...record.bytes);
      t.true(kept.length > 20);
      t.is(Buffer.from(seen.written.get(base)!).toString('latin1'), Buffer.from(kept).toString('latin1'));
    }
  });

  test(`${name}: interrupts by software are the doors and the traps that the guest tells of`, async (t) => {
    const { seen, truth } = await watched();
    const doors = truth.filter((r) => r.kind === 'enter' && r.door === 'int2e');
    t.is(seen.vectors.get('46 by software') ?? 0, doors.length);
    t.is(seen.one.length, doors.length);
    const illegal = truth.filter(
      (r) => r.kind === 'event' && r.what === 'exception' && r.values[0] === 0xc000001d,
    );
    t.is(seen.vectors.get('6') ?? 0, illegal.length);
    // int 2Dh, by which programs tell: of calls, of second returns, of where they are, of fibers.
    const told = truth.filter(
      (r) =>
        (r.kind === 'enter' && r.function >= 0x2_0000) ||
        r.kind === 'again' ||
        r.kind === 'mark' ||
        (r.kind === 'function' && r.function >= 0x2_0000),
    );
    t.true((seen.vectors.get('45 by software') ?? 0) >= told.length);
    t.true((seen.vectors.get('48') ?? 0) > 0, 'the clock');
  });

  test(`${name}: all that came in from devices, and one end`, async (t) => {
    const { seen, ran, path } = await watched();
    const ops = new Map<string, number>();
    for (const event of dumpEvents(path, { stream: 'input' }) as Iterable<{ op: string }>)
      ops.set(event.op, (ops.get(event.op) ?? 0) + 1);
    const sum = (...names: readonly string[]) =>
      names.reduce((total, name) => total + (ops.get(name) ?? 0), 0);
    t.deepEqual(Object.fromEntries(seen.inputs), {
      clock: sum('microtick'),
      irq: sum('device_raise_irq', 'device_lower_irq'),
      port: sum('io_port_read8', 'io_port_read16', 'io_port_read32'),
    });
    t.true(sum('microtick') > 0);
    t.is(seen.ends.length, 1);
    t.is(seen.ends[0]!.instruction, ran.end.instructions);
  });
}
