/**
 * Splices probes into the CPU half of v86: replaces a handful of its functions by wrappers around them. Nothing of the
 * guest's state, and no decision of the JIT compiler, depends on a probe: an instrumented engine executes a recording of
 * the plain one, and ends in the same state.
 *
 * - In the interpreter: before every instruction.
 * - In generated code: before every basic block and every call instruction, and before any instruction that is armed when
 *   the code is generated. The check is emitted into the code by v86's own emitters: a load, a mask, a load, a branch.
 * - Around interrupts, IRET, SYSENTER, SYSEXIT, and moves to control registers.
 */
import { RebekError } from '../../base/errors.ts';
import { Code, i32 } from '../../wasm/code.ts';
import { WasmModule } from '../../wasm/module.ts';
import { beginsBlock, blockLength, CpuContext, JitContext, WasmBuilder } from '../generated-block.ts';
import { At, TABLE_JIT, TABLE_RESERVED } from '../layout.ts';
import { Area, HIT_NAME, MAP_BITS, ProbeEvent } from './area.ts';

/** Exported globals of an instrumented engine: where the area and guest RAM begin in linear memory. */
export const AREA_GLOBAL = 'rebek_area';
export const RAM_GLOBAL = 'rebek_ram';
/** Instruction count behind the instruction that was interpreted last. The host sets it where the engine's counter is exact. */
export const NEXT_GLOBAL = 'rebek_next';

/** Slots of the function table that the host's functions are put into, behind those of generated code. */
export const Slot = {
  /** (address, instruction count) */
  hit: TABLE_RESERVED + TABLE_JIT,
  /** (event, argument, argument) */
  event: TABLE_RESERVED + TABLE_JIT + 1,
} as const;
/** Slots of a table that has room for them. */
export const TABLE_PROBED = TABLE_RESERVED + TABLE_JIT + 2;

const MAP_MASK = (1 << MAP_BITS) - 1;
const PAGE_MASK = 0xfff;

/** `FunctionType::FN2` (wasm_builder.rs): two i32, no result. */
const FN2 = 2;

/** v86's emitters and functions that are wrapped, by the tail of their names, with the types they must have. */
const FUNCTIONS = {
  generate: ['3gen3jit3jit', 3],
  interpret: ['3gen11interpreter3run', 1],
  interrupt: ['3cpu3cpu21call_interrupt_vector', 4],
  iret: ['3cpu3cpu4iret', 1],
  constant: ['11WasmBuilder9const_i32', 2],
  load32: ['11WasmBuilder14load_fixed_i32', 2],
  and: ['11WasmBuilder7and_i32', 1],
  minus: ['11WasmBuilder7sub_i32', 1],
  localGet: ['11WasmBuilder9get_local', 2],
  when: ['11WasmBuilder7if_void', 1],
  end: ['11WasmBuilder9block_end', 1],
  call: ['11WasmBuilder7call_fn', 4],
  spill: ['7codegen40gen_move_registers_from_locals_to_memory', 2],
} as const;
type Functions = Record<keyof typeof FUNCTIONS, number>;

/**
 * The engine with probes in it.
 * @throws RebekError ERR_ENGINE_PROBES if it is not built as this build of Rebek expects
 */
export function instrument(engine: Uint8Array): Uint8Array {
  try {
    const module = new WasmModule(engine);
    const functions = findFunctions(module);
    const globals = {
      area: module.addGlobal(AREA_GLOBAL, 0),
      ram: module.addGlobal(RAM_GLOBAL, 0),
      // What follows is known between two instructions only: the wrappers' own bookkeeping.
      next: module.addGlobal(NEXT_GLOBAL, 0),
      left: module.addGlobal('rebek_left', 0),
      emitted: module.addGlobal('rebek_emitted', -1),
    };
    wrapInterpreter(module, functions, globals);
    wrapGenerator(module, functions, globals);
    wrapEvents(module, functions, globals.area);
    return module.write();
  } catch (cause) {
    if (!(cause instanceof RebekError)) throw cause;
    throw new RebekError('ERR_ENGINE_PROBES', `no probes can be put into this engine: ${cause.message}`, {
      hint: 'replay it without hooks, or with the release of Rebek that recorded it',
      cause,
    });
  }
}

function findFunctions(module: WasmModule): Functions {
  const found = Object.entries(FUNCTIONS).map(([key, [tail, parameters]]) => {
    const index = module.find(tail);
    const type = module.typeOf(index);
    if (type.parameters.length !== parameters || type.results.length !== 0) {
      throw new RebekError('ERR_WASM_NAME', `${tail} has another type than expected`);
    }
    return [key, index];
  });
  return Object.fromEntries(found) as Functions;
}

interface Globals {
  readonly area: number;
  readonly ram: number;
  /** The instruction count that the interpreter's next instruction has if no generated code comes between. */
  readonly next: number;
  readonly left: number;
  readonly emitted: number;
}

/**
 * `interpreter::run(opcode)` executes one instruction. It is entered again for what follows a prefix; at the outer entry
 * the opcode's byte is all that has been fetched.
 */
function wrapInterpreter(module: WasmModule, { interpret }: Functions, globals: Globals): void {
  const hitType = module.typeIndex([i32, i32], []);
  module.replace(interpret, (original) => {
    const code = new Code();
    const [opcode, pc] = [0, 1];
    code.constant(0).load32(At.previousIp).localTee(pc).constant(1).plus();
    code.constant(0).load32(At.instructionPointer).equal();
    code.when((outer) => {
      // The engine's counter is stored at the end of a run of instructions, and STI runs the next one inside its own run: go on
      // counting, unless generated code has come between and the counter is ahead.
      const stored = (c: Code): Code => c.constant(0).load32(At.instructionCounter);
      stored(outer.globalGet(globals.next)).minus().constant(31).shiftRight();
      outer.when((ahead) => stored(ahead).globalSet(globals.next));
      outer.globalGet(globals.next).constant(1).plus().globalSet(globals.next);
      outer.globalGet(globals.area).localGet(pc).constant(MAP_MASK).and().plus().load8(Area.map);
      outer.when((armed) =>
        armed
          .localGet(pc)
          .globalGet(globals.next)
          .constant(1)
          .minus()
          .constant(Slot.hit)
          .callIndirect(hitType),
      );
    });
    code.localGet(opcode).call(original);
    return code.body(1);
  });
}

/**
 * `gen::jit::jit(opcode, context, flags)` generates the code of one instruction, after a prefix again, like the above.
 */
function wrapGenerator(module: WasmModule, functions: Functions, globals: Globals): void {
  const probe = module.add(module.typeIndex([i32, i32], []), emitProbe(functions, globals));
  const note = module.add(module.typeIndex([i32, i32], []), emitCount(functions, globals));
  module.replace(functions.generate, (original) => {
    const code = new Code();
    const [opcode, context, flags, start, eip, end, wanted, bits] = [0, 1, 2, 3, 4, 5, 6, 7];
    const low = (c: Code): Code => c.localGet(opcode).constant(0xff).and();
    /** The byte after the opcode. */
    const next = (c: Code): Code => c.globalGet(globals.ram).localGet(eip).plus().load8();
    code.localGet(context).load32(JitContext.start).localSet(start);
    code.localGet(context).load32(JitContext.cpu).load32(CpuContext.eip).localSet(eip);
    code
      .localGet(eip)
      .localGet(start)
      .minus()
      .constant(1)
      .equal()
      .when((outer) => {
        outer.constant(-1).globalSet(globals.emitted);
        beginsBlock(outer, { context, end, low: bits });
        outer.localTee(wanted).when(
          (block) => blockLength(block, end, (c) => c.globalSet(globals.left)),
          (inside) => inside.globalGet(globals.left).constant(1).minus().globalSet(globals.left),
        );
        outer.globalGet(globals.area).localGet(start).constant(12).shiftRight().plus();
        outer.constant(1).store8(Area.pages);
        const armed = (c: Code, mask: number, map: number): Code =>
          c.globalGet(globals.area).localGet(start).constant(mask).and().plus().load8(map).or();
        outer.localGet(wanted);
        armed(outer, (1 << 20) - 1, Area.physical);
        armed(outer, PAGE_MASK, Area.low);
        outer.globalGet(globals.area).load8(Area.everyInstruction).or().localSet(wanted);
      });
    // CALL: E8, 9A, FF /2, FF /3. A call instruction shows that control is back in the caller of a call before.
    low(code).constant(0xe8).equal();
    low(code).constant(0x9a).equal().or();
    low(code).constant(0xff).equal();
    next(code).constant(0x30).and().constant(0x10).equal().and().or();
    code.localGet(wanted).or();
    code.globalGet(globals.emitted).localGet(start).equal().eqz().and();
    code.when((yes) => {
      yes.localGet(start).globalSet(globals.emitted);
      yes.localGet(context).localGet(start).call(probe);
    });
    // What may bring about an event: INT3, INT, INTO, IRET; MOV to a control register, SYSENTER, SYSEXIT.
    low(code).constant(0xcc).minus().constant(4).lessUnsigned();
    low(code).constant(0x0f).equal();
    next(code).constant(0x22).equal();
    next(code).constant(0xfe).and().constant(0x34).equal().or().and().or();
    code.when((event) => event.localGet(context).localGet(start).call(note));
    code.localGet(opcode).localGet(context).localGet(flags).call(original);
    return code.body(5);
  });
}

/**
 * A function (context, start) that emits, into the code being generated,
 * `if (map[virtual address]) { registers to memory; hit(low 12 bits of the address, instructions since) }`.
 */
function emitProbe(functions: Functions, globals: Globals): Uint8Array {
  const code = new Code();
  const [context, start, builder, at] = [0, 1, 2, 3];
  const emit = (name: 'constant' | 'load32', value: (c: Code) => Code): void => {
    value(code.localGet(builder)).call(functions[name]);
  };
  code.localGet(context).load32(JitContext.builder).localSet(builder);
  // The page of the instruction pointer in memory is that of the code; its low bits are not up to date.
  emit('load32', (c) => c.constant(At.instructionPointer));
  emit('constant', (c) => c.constant(MAP_MASK & ~PAGE_MASK));
  code.localGet(builder).call(functions.and);
  emitAccess(code, functions, { builder, at }, 0x2d, (c) =>
    c.globalGet(globals.area).localGet(start).constant(PAGE_MASK).and().plus().constant(Area.map).plus(),
  );
  code.localGet(builder).call(functions.when);
  code.localGet(builder).localGet(context).load32(JitContext.registerLocals).call(functions.spill);
  emit('constant', (c) => c.localGet(start).constant(PAGE_MASK).and());
  code.localGet(builder).localGet(context).load8(JitContext.counterLocal).call(functions.localGet);
  emit('constant', (c) => c.globalGet(globals.left));
  code.localGet(builder).call(functions.minus);
  code.localGet(builder).globalGet(globals.area).constant(Area.hitName).plus();
  code.constant(HIT_NAME.length).constant(FN2).call(functions.call);
  code.localGet(builder).call(functions.end);
  return code.body(2);
}

/** A function (context, start) that emits a store of the instruction count into the area. */
function emitCount(functions: Functions, globals: Globals): Uint8Array {
  const code = new Code();
  const [context, , builder, at] = [0, 1, 2, 3];
  code.localGet(context).load32(JitContext.builder).localSet(builder);
  code.localGet(builder).constant(0).call(functions.constant);
  code.localGet(builder).constant(At.instructionCounter).call(functions.load32);
  code.localGet(builder).globalGet(globals.left).call(functions.constant);
  code.localGet(builder).localGet(context).load8(JitContext.counterLocal).call(functions.localGet);
  code.localGet(builder).call(functions.minus);
  code.localGet(builder).call(functions.minus);
  emitAccess(code, functions, { builder, at }, 0x36, (c) =>
    c.globalGet(globals.area).constant(Area.count).plus(),
  );
  return code.body(2);
}

/**
 * Emits a load or store whose static offset is `offset`; its dynamic one is on the stack of the generated code. v86 has no
 * emitter for it: two constants make room for the bytes, and are written over.
 */
function emitAccess(
  code: Code,
  functions: Functions,
  { builder, at }: { builder: number; at: number },
  opcode: number,
  offset: (c: Code) => Code,
): void {
  code.localGet(builder).load32(WasmBuilder.bodyLength).localSet(at);
  for (let i = 0; i < 2; i++) code.localGet(builder).constant(0x7fffffff).call(functions.constant);
  // The opcode, an alignment of 2^0, and the offset as LEB128 of full length.
  code.localGet(builder).localGet(at).constant(7).plus().store32(WasmBuilder.bodyLength);
  code.localGet(builder).load32(WasmBuilder.bodyStart).localGet(at).plus().localSet(at);
  code.localGet(at).constant(opcode).store8();
  code.localGet(at).constant(0).store8(1);
  for (let i = 0; i < 5; i++) {
    offset(code.localGet(at))
      .constant(7 * i)
      .shiftRight()
      .constant(0x7f)
      .and();
    if (i < 4) code.constant(0x80).or();
    code.store8(2 + i);
  }
}

/** Calls the host around what is rare enough for a call: `event(number, argument, argument)`. */
function wrapEvents(module: WasmModule, functions: Functions, area: number): void {
  const type = module.typeIndex([i32, i32, i32], []);
  const tell = (code: Code, event: number, argument: (c: Code) => Code): void => {
    code.globalGet(area).load8(Area.events + event);
    code.when((wanted) => argument(wanted.constant(event)).constant(Slot.event).callIndirect(type));
  };
  const none = (c: Code): Code => c.constant(0).constant(0);
  // (vector, software, has an error code, error code)
  module.replace(functions.interrupt, (original) => {
    const code = new Code();
    tell(code, ProbeEvent.interrupt, (c) => c.localGet(0).localGet(1));
    return code.localGet(0).localGet(1).localGet(2).localGet(3).call(original).body();
  });
  const after = (fn: number, event: number, parameters: number): void =>
    module.replace(fn, (original) => {
      const code = new Code();
      for (let i = 0; i < parameters; i++) code.localGet(i);
      code.call(original);
      tell(code, event, parameters === 2 ? (c) => c.localGet(0).localGet(1) : none);
      return code.body();
    });
  after(functions.iret, ProbeEvent.iret, 1);
  after(module.exportedFunction('instr_0F34'), ProbeEvent.sysenter, 0);
  after(module.exportedFunction('instr_0F35'), ProbeEvent.sysexit, 0);
  after(module.exportedFunction('instr_0F22'), ProbeEvent.controlRegister, 2);
}
