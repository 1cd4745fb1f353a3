/** Wall-clock time by instruction count: from what the recorder flushed and when, and against the guest's own clock reads. */
import { join } from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { openReplayer } from '../../src/replay/replay.ts';
import { TraceFile } from '../../src/trace/trace-file.ts';
import { WallClock } from '../../src/trace/wall-clock.ts';
import { root } from '../support/probe.ts';

const TRACES = ['ntlet-attack.rebek', 'ntlet-stress.rebek', 'probe.rebek'].map((file) =>
  join(root, 'traces', file),
);
const STARTED = Date.UTC(2026, 0, 1);

interface Chunk {
  readonly instruction: number;
  readonly wallNs: number;
}

/** A trace of which only the chunks of its log are known. */
function traceOf(chunks: readonly Chunk[], end?: { instructions: number; wallNs: number }): TraceFile {
  const reader = { entries: () => chunks.values() };
  return { reader, summary: end, meta: { started: STARTED } } as unknown as TraceFile;
}

test('between two flushes time passes evenly; a chunk begins when the one before it was flushed', (t) => {
  const trace = traceOf(
    [
      { instruction: 0, wallNs: 500e6 },
      { instruction: 1000, wallNs: 1500e6 },
      { instruction: 5000, wallNs: 2000e6 },
    ],
    { instructions: 9000, wallNs: 3000e6 },
  );
  const clock = new WallClock(trace);
  const after = (instruction: number): number => clock.at(instruction) - STARTED;
  t.is(after(0), 0);
  t.is(after(500), 250);
  t.is(after(1000), 500);
  t.is(after(3000), 1000);
  t.is(after(5000), 1500);
  t.is(after(7000), 2250);
  t.is(after(9000), 3000);
  t.is(after(10_000), 3000, 'behind the end it stands still');
  t.is(after(500), 250, 'and back');
});

test('chunks that begin at the same instruction, and a trace without any or without an end', (t) => {
  const same = [
    { instruction: 0, wallNs: 100e6 },
    { instruction: 0, wallNs: 200e6 },
    { instruction: 10, wallNs: 300e6 },
    { instruction: 10, wallNs: 400e6 },
  ];
  const clock = new WallClock(traceOf(same));
  for (const instruction of [0, 5, 10, 11, 1e9]) t.true(Number.isFinite(clock.at(instruction)));
  t.is(clock.at(1e9) - STARTED, 300, 'the last that is known');
  t.is(new WallClock(traceOf([])).at(77), STARTED);
});

test('it never goes back, and does not depend on what was asked before', (t) => {
  const steps = fc.array(fc.record({ instructions: fc.nat(50), ns: fc.nat(1000) }), { maxLength: 20 });
  fc.assert(
    fc.property(steps, fc.array(fc.nat(1200), { minLength: 1 }), (parts, asked) => {
      let instruction = 0;
      let wallNs = 0;
      const chunks = parts.map((part) => {
        wallNs += part.ns * 1e6;
        const chunk = { instruction, wallNs };
        instruction += part.instructions;
        return chunk;
      });
      const trace = traceOf(chunks, { instructions: instruction, wallNs });
      const clock = new WallClock(trace);
      const times = asked.map((one) => ({ one, at: clock.at(one) }));
      for (const { one, at } of times) t.is(new WallClock(trace).at(one), at);
      times.sort((a, b) => a.one - b.one);
      for (let i = 1; i < times.length; i++) t.true(times[i]!.at >= times[i - 1]!.at);
    }),
  );
});

for (const path of TRACES) {
  test(`${path.slice(root.length)}: from its start to its end, and within half a second of the guest's clock`, (t) => {
    const trace = TraceFile.open(path);
    const { started } = trace.meta;
    const { instructions, wallNs } = trace.summary!;
    const clock = new WallClock(trace);
    t.is(clock.at(0), started);
    t.is(clock.at(instructions), started + wallNs / 1e6);
    // What the guest has read from the host's clock is in the log: an independent measure of the time that passed.
    const differences: number[] = [];
    const replayer = openReplayer(trace, {
      input: (input, instruction) => {
        if (input.kind === 'clock') differences.push(clock.at(instruction) - input.ms);
      },
    });
    while (replayer.run(1000));
    trace.close();
    t.true(differences.length > 100, `${differences.length} clock reads`);
    t.true(Math.max(...differences) - Math.min(...differences) < 500);
  });
}
