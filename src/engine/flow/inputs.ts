/**
 * Where generated code takes something in. It keeps EIP in memory up to date only where an instruction ends a block, as the
 * accesses to ports do; EIP of others is noted in the flow log's area while they are executed.
 *
 * - Memory accesses off the fast path: MMIO among them. v86 gives them EIP's low bits, for the case of a fault.
 * - RDTSC and RDRAND, in the middle of blocks.
 */
import { Code, i32 } from '../../wasm/code.ts';
import type { WasmModule } from '../../wasm/module.ts';
import { At } from '../layout.ts';
import { Area, NO_EIP } from './area.ts';
import { eip, emit, type Hole } from './emit.ts';

const PAGE_MASK = 0xfff;
/** RDTSC; the group of RDRAND. */
const OPCODES_0F = [0x31, 0xc7];

/** @param area global: where the flow log's area begins */
export function wrapInputs(module: WasmModule, area: number): void {
  for (const size of ['8', '16', '32s', '64s', '128s']) wrapAccess(module, area, `safe_read${size}_slow_jit`);
  for (const size of ['8', '16', '32s', '64']) wrapAccess(module, area, `safe_read_write${size}_slow_jit`);
  for (const size of ['8', '16', '32', '64', '128']) wrapAccess(module, area, `safe_write${size}_slow_jit`);
  wrapGenerator0F(module, area);
}

/** `safe_…_slow_jit(address, …, EIP's low bits and more)`, in page of EIP. */
function wrapAccess(module: WasmModule, area: number, name: string): void {
  const fn = module.exportedFunction(name);
  const { length } = module.typeOf(fn).parameters;
  module.replace(fn, (original) => {
    const code = new Code();
    code.globalGet(area);
    code.constant(0).load32(At.instructionPointer).constant(~PAGE_MASK).and();
    code
      .localGet(length - 1)
      .constant(PAGE_MASK)
      .and()
      .or()
      .store32(Area.eip);
    for (let i = 0; i < length; i++) code.localGet(i);
    code.call(original);
    return code.globalGet(area).constant(NO_EIP).store32(Area.eip).body();
  });
}

/** `gen::jit0f::jit(opcode, context, flags)` generates the code of an instruction whose opcode begins with 0F. */
function wrapGenerator0F(module: WasmModule, area: number): void {
  const reserve = module.find('11WasmBuilder9const_i32');
  const type = module.typeIndex([i32], []);
  const set = module.add(type, emitEip(area, reserve, true));
  const reset = module.add(type, emitEip(area, reserve, false));
  module.replace(module.find('3gen5jit0f3jit'), (original) => {
    const code = new Code();
    const [opcode, context, flags, takes] = [0, 1, 2, 3];
    for (const [i, wanted] of OPCODES_0F.entries()) {
      code.localGet(opcode).constant(0xff).and().constant(wanted).equal();
      if (i > 0) code.or();
    }
    code.localTee(takes);
    code.when((before) => before.localGet(context).call(set));
    code.localGet(opcode).localGet(context).localGet(flags).call(original);
    code.localGet(takes).when((behind) => behind.localGet(context).call(reset));
    return code.body(1);
  });
}

/** A function (context) that emits `area.eip = page of EIP | low bits`, or `area.eip = NO_EIP`. */
function emitEip(area: number, reserve: number, set: boolean): Uint8Array {
  const context = 0;
  const place: Hole = { bytes: 5, value: (c) => c.globalGet(area).constant(Area.eip).plus() };
  const value = set ? eip(context) : [0x41, NO_EIP & 0x7f];
  const code = new Code();
  emit(code, { context, builder: 1, at: 2, reserve }, [0x41, 0x00, ...value, 0x36, 0x02, place]);
  return code.body(2);
}
