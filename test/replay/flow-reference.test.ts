/** The control-flow log against a slow reference: the address of every single instruction that a replay executes. */
import { join } from 'node:path';
import test from 'ava';
import { FlowKind, KIND_SHIFT } from '../../src/engine/flow/area.ts';
import { replayTrace } from '../../src/replay/replay.ts';
import { TraceFile } from '../../src/trace/trace-file.ts';
import { compareFlow } from '../support/flow-reference.ts';
import { recordNtlet } from '../support/ntlet.ts';
import { recordProbe, temporaryFolder } from '../support/probe.ts';

for (const jit of [true, false]) {
  test.serial(
    `ntlet, ${jit ? 'compiled' : 'interpreted'}: each instruction is the next of a logged block`,
    async (t) => {
      const guest = await recordNtlet(t, { jit, flow: true });
      await guest.booted();
      await guest.logIn(0, 'Administrator', 'honey');
      await guest.run('stress 1 4');
      const result = await guest.finish();
      const tally = await compareFlow(guest.path);
      t.log(JSON.stringify(tally));
      t.is(tally.instructions + tally.cutInstructions, result.instructions);
      t.true(tally.instructions > 1_000_000);
      t.is(tally.interpreted < tally.blocks, jit);
      t.true(tally.interpreted > 0 && tally.repeated > 0);
      t.true(tally.interrupts > 100 && tally.returns > 1000 && tally.addressSpaces > 10);
      t.true(tally.branches > 100_000 && tally.notTaken > 10_000);
      t.true(tally.reads > 100 && tally.between > 20 && tally.pushed > 100);
      t.true(tally.chunks > 0);
    },
  );
}

for (const jit of [true, false]) {
  test.serial(`what recorders get wrong, ${jit ? 'compiled' : 'interpreted'}: likewise`, async (t) => {
    const folder = temporaryFolder(t);
    const output = join(folder, 'probe.rebek');
    // Self-modifying code, faults in compiled code, device memory, interrupts of an idle guest.
    const { result } = await recordProbe(folder, 'svbwfht', { output, machine: { jit } });
    const tally = await compareFlow(output);
    t.log(JSON.stringify(tally));
    t.is(tally.interpreted < tally.blocks, jit);
    // Compiled blocks that a fault has left in the middle; those of the interpreter end there.
    t.is(tally.cut > 100, jit);
    t.true(tally.interrupts > 100);
    t.true(tally.branches > 100_000 && tally.notTaken > 10_000);
    // Ports, planar VGA memory, RDTSC.
    t.true(tally.reads > 100_000 && tally.values > 10_000 && tally.between > 50 && tally.pushed > 100);
    t.true(tally.instructions > 1_000_000 && tally.instructions <= result.instructions);
  });
}

test.serial('hooks on the first instructions of blocks miss none that the log has', async (t) => {
  const folder = temporaryFolder(t);
  const output = join(folder, 'probe.rebek');
  await recordProbe(folder, 'svbwfht', { output });
  const entered = new Map<number, number>();
  /** Compiled blocks of one instruction: where that leaves generated code, it is the odd one. */
  let single = 0;
  const trace = TraceFile.open(output);
  for (const { words, count } of trace.flow()) {
    for (let i = 0; i < 2 * count; i += 2) {
      const [address, info] = [words[i]!, words[i + 1]!];
      if (info >>> KIND_SHIFT > FlowKind.interpreted) continue;
      entered.set(address, (entered.get(address) ?? 0) + 1);
      if (info === ((FlowKind.block << KIND_SHIFT) | 1)) single++;
    }
  }
  trace.close();
  const hits = new Map<number, number>();
  await replayTrace(output, {
    probe: {
      handler: { hit: (address) => void hits.set(address, (hits.get(address) ?? 0) + 1), event() {} },
      opened: ({ probes }) => {
        for (const address of entered.keys()) probes!.arm(address, 'block');
      },
      ended() {},
    },
  });
  // In the interpreter they are also hit in the middle of a longer block.
  const missed = [...entered].filter(([address, times]) => (hits.get(address) ?? 0) < times);
  t.deepEqual(missed, []);
  t.log(`${entered.size} addresses, ${single} times a compiled block of one instruction`);
  t.true(entered.size > 50 && single > 100);
});
