/** The engine that writes the control-flow log, and what takes it out. */
import test from 'ava';
import { AREA_BYTES, Area, CAPACITY, RECORD_BYTES } from '../../src/engine/flow/area.ts';
import { FLOW_ENDED_GLOBAL, FLOW_GLOBAL, instrumentFlow } from '../../src/engine/flow/instrument.ts';
import { FlowTap } from '../../src/engine/flow/tap.ts';
import type { EngineExports } from '../../src/engine/jit-host.ts';
import { readEngineBinary } from '../../src/machine/engine-binary.ts';

test('another engine than the expected one is refused', (t) => {
  const { bytes } = readEngineBinary();
  for (const name of ['11WasmBuilder9const_i32', '3gen3jit3jit', '3cpu3cpu4iret', 'instr_0F34']) {
    const engine = Buffer.from(bytes);
    for (let at = engine.indexOf(name); at >= 0; at = engine.indexOf(name))
      engine[at + name.length - 1]! ^= 1;
    const error = t.throws(() => instrumentFlow(engine), { code: 'ERR_ENGINE_FLOW' }, name);
    t.regex(error!.message, /cannot log its control flow: /);
  }
  t.throws(() => instrumentFlow(bytes.subarray(0, 1000)), { code: 'ERR_ENGINE_FLOW' });
  t.throws(() => instrumentFlow(new Uint8Array(100)), { code: 'ERR_ENGINE_FLOW' });
  t.notThrows(() => new WebAssembly.Module(instrumentFlow(bytes)));
});

/** A tap on a memory that the test writes records into, as an engine would. */
function tapped() {
  const memory = new WebAssembly.Memory({ initial: 1 });
  const [area, ended] = [{ value: 0 }, { value: 0 }];
  const raw = { memory, [FLOW_GLOBAL]: area, [FLOW_ENDED_GLOBAL]: ended };
  const tap = new FlowTap(raw as unknown as EngineExports);
  const words = () => new Uint32Array(memory.buffer);
  const write = (value: number, info: number): void => {
    const cursor = words()[(area.value + Area.cursor) >> 2]!;
    words()[cursor >> 2] = value;
    words()[(cursor >> 2) + 1] = info;
    words()[(area.value + Area.cursor) >> 2] = cursor + RECORD_BYTES;
  };
  return { memory, area, ended, tap, words, write };
}

test('the tap gives what was written, and begins anew', (t) => {
  const { memory, area, ended, tap, write } = tapped();
  t.is(area.value, 65536, 'behind what the memory had');
  t.is(memory.buffer.byteLength, 65536 + AREA_BYTES);
  t.is(tap.count, 0);
  t.is(ended.value, 1);
  const target = new Uint32Array(16).fill(9);
  for (const round of [1, 2]) {
    ended.value = 0;
    for (let i = 0; i < 3; i++) write(0xffff0000 + round * 16 + i, i);
    t.is(tap.count, 3);
    t.is(tap.take(target, 4), 3);
    const first = 0xffff0000 + round * 16;
    t.deepEqual([...target.subarray(3, 11)], [9, first, 0, first + 1, 1, first + 2, 2, 9]);
    t.is(tap.count, 0);
    t.is(ended.value, 1, "the interpreter's block is closed");
    t.is(tap.take(target, 0), 0);
    t.is(target[0], 9);
    // Views of the memory are dead after this.
    memory.grow(1);
  }
});

test('the tap presses when half of its room is used, and takes nothing from outside of it', (t) => {
  const { area, tap, words } = tapped();
  const cursor = (records: number): void => {
    words()[(area.value + Area.cursor) >> 2] = area.value + Area.records + records * RECORD_BYTES;
  };
  cursor(CAPACITY / 2);
  t.false(tap.pressing);
  cursor(CAPACITY / 2 + 1);
  t.true(tap.pressing);
  const target = new Uint32Array(2 * CAPACITY);
  for (const records of [-1, CAPACITY + 1]) {
    cursor(records);
    t.throws(() => tap.take(target, 0), { message: /cursor/ });
  }
  cursor(CAPACITY);
  t.is(tap.take(target, 0), CAPACITY);
  t.false(tap.pressing);
});
