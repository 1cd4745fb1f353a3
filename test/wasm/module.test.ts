import test from 'ava';
import fc from 'fast-check';
import { RebekError } from '../../src/base/errors.ts';
import { readEngineBinary } from '../../src/machine/engine-binary.ts';
import { Code, i32 } from '../../src/wasm/code.ts';
import { signed, unsigned } from '../../src/wasm/leb128.ts';
import { WasmModule } from '../../src/wasm/module.ts';

const engine = readEngineBinary().bytes;

/** (module (global i32 7) (func (export "twice") (param i32) (result i32) local.get 0 local.get 0 i32.add)), with a name. */
const small = Uint8Array.from([
  ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
  ...[1, 6, 1, 0x60, 1, 0x7f, 1, 0x7f],
  ...[2, 1, 0],
  ...[3, 2, 1, 0],
  ...[6, 6, 1, 0x7f, 0, 0x41, 7, 0x0b],
  ...[7, 9, 1, 5, 0x74, 0x77, 0x69, 0x63, 0x65, 0, 0],
  ...[10, 9, 1, 7, 0, 0x20, 0, 0x20, 0, 0x6a, 0x0b],
  ...[0, 16, 4, 0x6e, 0x61, 0x6d, 0x65, 1, 9, 1, 0, 6, 0x5f, 0x74, 0x77, 0x69, 0x63, 0x65],
]);

test('what is read and written without a change is the same bytes', (t) => {
  for (const bytes of [small, engine]) t.true(Buffer.from(new WasmModule(bytes).write()).equals(bytes));
});

test('a function that was replaced is called by all, and can call the original', (t) => {
  const module = new WasmModule(small);
  const twice = module.exportedFunction('twice');
  t.is(module.find('twice'), twice);
  const global = module.addGlobal('calls', 40);
  // calls += 1; return twice(x) + 1
  module.replace(twice, (original) =>
    new Code()
      .globalGet(global)
      .constant(1)
      .plus()
      .globalSet(global)
      .localGet(0)
      .call(original)
      .constant(1)
      .plus()
      .body(),
  );
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module.write()), {});
  const call = exports['twice'] as (x: number) => number;
  t.is(call(20), 41);
  t.is(call(-1), -1);
  t.is((exports['calls'] as { value: number }).value, 42);
});

test('a function can be added, and a type found by its shape', (t) => {
  const module = new WasmModule(small);
  const type = module.typeIndex([i32], [i32]);
  t.deepEqual(module.types[type], { parameters: [i32], results: [i32] });
  const added = module.add(type, new Code().localGet(0).constant(100).minus().body());
  module.replace(module.find('twice'), () => new Code().localGet(0).call(added).body());
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module.write()), {});
  t.is((exports['twice'] as (x: number) => number)(7), -93);
  const missing = t.throws(() => module.typeIndex([i32, i32, i32], []), { instanceOf: RebekError });
  t.is(missing?.code, 'ERR_WASM_NAME');
});

test('names that are not there, or there more than once, are refused', (t) => {
  const module = new WasmModule(engine);
  for (const name of ['no such function', 'drop_in_place']) {
    const error = t.throws(() => module.find(name), { instanceOf: RebekError });
    t.is(error?.code, 'ERR_WASM_NAME');
  }
});

test('cut or damaged binaries: an error with the offset, never another one', (t) => {
  for (let length = 0; length < small.length; length++) {
    try {
      new WasmModule(small.subarray(0, length));
    } catch (error) {
      t.true(error instanceof RebekError, `${length}: ${error}`);
      if (error instanceof RebekError) t.regex(error.message, /^byte \d+ of the WebAssembly module/);
    }
  }
  fc.assert(
    fc.property(fc.nat(small.length - 1), fc.integer({ min: 0, max: 255 }), (at, byte) => {
      const damaged = small.slice();
      damaged[at] = byte;
      try {
        new WasmModule(damaged).write();
      } catch (error) {
        t.true(error instanceof RebekError, String(error));
      }
    }),
    { numRuns: 2000 },
  );
});

test('LEB128: what V8 reads is what was written', (t) => {
  // A module whose only function returns the constant.
  const read = (value: number): number => {
    const body = [0, 0x41, ...signed(value), 0x0b];
    const code = [1, ...unsigned(body.length), ...body];
    const bytes = [
      ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
      ...[1, 5, 1, 0x60, 0, 1, 0x7f],
      ...[3, 2, 1, 0],
      ...[7, 5, 1, 1, 0x66, 0, 0],
      ...[10, ...unsigned(code.length), ...code],
    ];
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(Uint8Array.from(bytes)), {});
    return (exports['f'] as () => number)();
  };
  fc.assert(fc.property(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), (value) => read(value) === value));
  for (const value of [0, -1, 63, 64, -64, -65, 127, 128, 2 ** 31 - 1, -(2 ** 31)]) t.is(read(value), value);
  t.deepEqual(unsigned(0xffffffff), [0xff, 0xff, 0xff, 0xff, 0x0f]);
});
