/** Probes on real guests: what they report, and that the guest does the same with them. */
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { hashState } from '../../src/engine/guest-state.ts';
import type { ProbeEventName } from '../../src/engine/probes/area.ts';
import { instrument } from '../../src/engine/probes/instrument.ts';
import type { ProbeHandler, Probes } from '../../src/engine/probes/probes.ts';
import { GuestCpu } from '../../src/guest/cpu.ts';
import { readTruth } from '../../src/guest/ntlet/truth.ts';
import { readEngineBinary } from '../../src/machine/engine-binary.ts';
import { openReplayer } from '../../src/replay/replay.ts';
import type { Replayer } from '../../src/replay/replayer.ts';
import { TraceFile } from '../../src/trace/trace-file.ts';
import { root } from '../support/probe.ts';

const stress = join(root, 'traces/ntlet-stress.rebek');
const attack = join(root, 'traces/ntlet-attack.rebek');

/** Replays a trace with probes; the final state must be the recording's. */
function replayProbed(
  t: ExecutionContext,
  path: string,
  prepare: (probes: Probes, replayer: Replayer) => Partial<ProbeHandler>,
): void {
  const trace = TraceFile.open(path);
  let handler: Partial<ProbeHandler> = {};
  const replayer = openReplayer(trace, undefined, {
    hit: (address, counter) => handler.hit?.(address, counter),
    event: (event, a, b, counter) => handler.event?.(event, a, b, counter),
  });
  handler = prepare(replayer.probes!, replayer);
  while (replayer.run(100));
  t.deepEqual(hashState(replayer.raw, replayer.layout), trace.summary?.final as never);
  t.is(replayer.instruction, trace.summary?.instructions as number);
  trace.close();
}

/** Addresses of the kernel functions that the ground truth names, with how often each was entered. */
function kernelFunctions(path: string): Map<number, { name: string; calls: number }> {
  const functions = new Map<number, { name: string; address: number; calls: number }>();
  const reader = readTruth(path);
  for (const record of reader) {
    if (record.kind === 'function') functions.set(record.function, { ...record, calls: 0 });
    else if (record.kind === 'enter') functions.get(record.function)!.calls++;
  }
  reader.close();
  return new Map([...functions].filter(([number]) => number < 0x2000).map(([, one]) => [one.address, one]));
}

test('each service that was entered is hit as often, in the interpreter and in generated code', (t) => {
  for (const path of [attack, stress]) {
    const functions = kernelFunctions(path);
    const hits = new Map<number, number>();
    let last = 0;
    replayProbed(t, path, (probes, replayer) => {
      for (const address of functions.keys()) probes.arm(address);
      const cpu = new GuestCpu(replayer.raw.memory, replayer.layout);
      return {
        hit: (address, counter) => {
          hits.set(address, (hits.get(address) ?? 0) + 1);
          const now = replayer.instructionAt(counter);
          t.true(now >= last);
          last = now;
          // The registers are those at the entry: ESP points at an address in the kernel, to which it returns.
          t.true((cpu.memory.u32(cpu.esp) ?? 0) >>> 24 === 0x80);
        },
      };
    });
    for (const [address, { name, calls }] of functions) t.is(hits.get(address) ?? 0, calls, name);
  }
});

test('nothing armed, everything armed, every instruction probed: the guest does the same', (t) => {
  replayProbed(t, stress, () => ({ hit: () => t.fail(), event: () => t.fail() }));
  const events = new Map<ProbeEventName, number>();
  replayProbed(t, stress, (probes) => {
    for (const event of ['interrupt', 'iret', 'sysenter', 'sysexit', 'controlRegister'] as const) {
      probes.want(event, true);
    }
    return { event: (event) => events.set(event, (events.get(event) ?? 0) + 1) };
  });
  for (const count of events.values()) t.true(count > 100);
  t.is(events.size, 5);
  replayProbed(t, attack, (probes) => {
    probes.probeEveryInstruction();
    return {};
  });
});

test('an address in the middle of a block is hit each time that the block is executed', (t) => {
  const [[address]] = [...kernelFunctions(stress)].filter(([, { name }]) => name === 'NtClose') as [
    [number, unknown],
  ];
  // Every instruction of the function, found by stepping through it in the interpreter.
  const offsets = new Map<number, number>();
  replayProbed(t, stress, (probes) => {
    for (let i = 0; i < 24; i++) probes.arm(address + i, 'instruction', -1);
    return { hit: (at) => offsets.set(at - address, (offsets.get(at - address) ?? 0) + 1) };
  });
  const entries = offsets.get(0)!;
  t.true(entries > 800);
  const whole = [...offsets].filter(([, count]) => count === entries);
  t.true(whole.length >= 4, JSON.stringify([...offsets]));
});

test('hooks can be armed and disarmed while one runs', (t) => {
  const functions = [...kernelFunctions(stress)]
    .filter(([, { calls }]) => calls > 50)
    .map(([address]) => address);
  let at = 0;
  let hits = 0;
  replayProbed(t, stress, (probes) => {
    probes.arm(functions[0]!);
    return {
      hit: (address) => {
        hits++;
        t.is(address, functions[at]!);
        probes.disarm(address);
        at = (at + 1) % functions.length;
        probes.arm(functions[at]!);
        t.true(probes.isArmed(functions[at]!));
        t.is(probes.isArmed(address), functions.length === 1);
      },
    };
  });
  t.true(hits > functions.length);
});

test('addresses that share their low bits are told apart', (t) => {
  const [address, { calls }] = [...kernelFunctions(stress)].find(([, { name }]) => name === 'NtClose')!;
  let hits = 0;
  replayProbed(t, stress, (probes) => {
    for (let high = 0; high < 1024; high += 3) probes.arm((address + high * 2 ** 22) >>> 0);
    for (let high = 3; high < 1024; high += 3) probes.disarm((address + high * 2 ** 22) >>> 0);
    return {
      hit: (found) => {
        t.is(found, address);
        hits++;
      },
    };
  });
  t.is(hits, calls);
});

test('another engine than the expected one is refused', (t) => {
  const engine = readEngineBinary().bytes.slice();
  const name = Buffer.from('11WasmBuilder9const_i32');
  const at = Buffer.from(engine).indexOf(name);
  t.true(at > 0);
  engine[at + 3] = 0x78;
  t.throws(() => instrument(engine), { code: 'ERR_ENGINE_PROBES' });
});
