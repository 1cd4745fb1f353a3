/**
 * Has the CPU half of v86 write down what it executes. As with the probes of hooks, nothing of the guest's state and no
 * decision of the JIT compiler depends on it.
 *
 * - In generated code: at the beginning of every basic block, some instructions that store a record, without a call.
 * - In the interpreter: before every instruction that does not just follow the one before.
 * - Around interrupts, IRET, SYSENTER, SYSEXIT, and moves to CR3.
 *
 * Where generated code does not keep EIP up to date and something may come in, EIP is noted for the host (inputs.ts).
 */
import { RebekError } from '../../base/errors.ts';
import { Code, i32 } from '../../wasm/code.ts';
import { WasmModule } from '../../wasm/module.ts';
import { beginsBlock, blockLength, CpuContext, JitContext } from '../generated-block.ts';
import { At } from '../layout.ts';
import { Area, FlowKind, KIND_SHIFT, NO_EIP, RECORD_BYTES } from './area.ts';
import { eip, emit, type Hole } from './emit.ts';
import { wrapInputs } from './inputs.ts';

/** The exported global that holds where the area begins in linear memory. */
export const FLOW_GLOBAL = 'rebek_flow';
/** Not 0: the interpreter's next instruction begins a block. */
export const FLOW_ENDED_GLOBAL = 'rebek_flow_ended';

/** An instruction has 1 to 15 bytes. */
const LONGEST = 15;

interface Globals {
  readonly area: number;
  /** Interpreter: the cursor behind the record of the block that it is in. */
  readonly mine: number;
  /** … the address at which that block goes on. */
  readonly next: number;
  /** … not 0 if it has ended. */
  readonly ended: number;
}

/**
 * The engine that writes the flow log.
 * @throws RebekError ERR_ENGINE_FLOW if it is not built as this build of Rebek expects
 */
export function instrumentFlow(engine: Uint8Array): Uint8Array {
  try {
    const module = new WasmModule(engine);
    const globals = {
      area: module.addGlobal(FLOW_GLOBAL, 0),
      mine: module.addGlobal('rebek_flow_mine', 0),
      next: module.addGlobal('rebek_flow_next', 0),
      ended: module.addGlobal(FLOW_ENDED_GLOBAL, 0),
    };
    const record = module.add(module.typeIndex([i32, i32], []), storeRecord(globals));
    wrapInterpreter(module, globals, record);
    wrapGenerator(module, globals);
    wrapEvents(module, globals, record);
    wrapInputs(module, globals.area);
    return module.write();
  } catch (cause) {
    if (!(cause instanceof RebekError)) throw cause;
    throw new RebekError('ERR_ENGINE_FLOW', `this engine cannot log its control flow: ${cause.message}`, {
      hint: 'record it without (--no-flow)',
      cause,
    });
  }
}

/** A function (word, word) that appends a record. */
function storeRecord({ area }: Globals): Uint8Array {
  const code = new Code();
  const [value, info, cursor] = [0, 1, 2];
  code.globalGet(area).load32(Area.cursor).localTee(cursor).localGet(value).store32();
  code.localGet(cursor).localGet(info).store32(4);
  code.globalGet(area).localGet(cursor).constant(RECORD_BYTES).plus().store32(Area.cursor);
  return code.body(1);
}

/**
 * `interpreter::run(opcode)` executes one instruction, and is entered again for what follows a prefix; the second byte of
 * two-byte opcodes goes to `interpreter0f::run`. A block ends with whatever may transfer control, and where EIP does not
 * just go on.
 */
function wrapInterpreter(module: WasmModule, { area, mine, next, ended }: Globals, record: number): void {
  const end = (code: Code): Code => code.constant(1).globalSet(ended);
  const among = (code: Code, opcode: number, first: number, count: number): Code =>
    code.localGet(opcode).constant(0xff).and().constant(first).minus().constant(count).lessUnsigned();
  module.replace(module.find('3gen11interpreter3run'), (original) => {
    const code = new Code();
    const [opcode, pc, outer] = [0, 1, 2];
    code.constant(0).load32(At.previousIp).localTee(pc).constant(1).plus();
    code.constant(0).load32(At.instructionPointer).equal().localTee(outer);
    code.when((first) => {
      // In the middle of a block: it is the last record, nothing has ended it, and EIP goes on from there.
      first.globalGet(ended).eqz();
      first.globalGet(area).load32(Area.cursor).globalGet(mine).equal().and();
      first.localGet(pc).globalGet(next).equal().and();
      first.when(
        (same) => {
          same.globalGet(mine).constant(RECORD_BYTES).minus();
          same.globalGet(mine).constant(RECORD_BYTES).minus().load32(4).constant(1).plus().store32(4);
        },
        (other) => {
          other
            .localGet(pc)
            .constant((FlowKind.interpreted << KIND_SHIFT) | 1)
            .call(record);
          other.globalGet(area).load32(Area.cursor).globalSet(mine);
          other.constant(0).globalSet(ended);
        },
      );
    });
    // Jcc; LOOP, JCXZ, and CALL, JMP; CALL and JMP far; RET, near and far, INT, IRET; CALL and JMP by pointers, whose
    // opcode is also that of INC, DEC and PUSH.
    among(code, opcode, 0x70, 16);
    among(code, opcode, 0xe0, 4).or();
    among(code, opcode, 0xe8, 4).or();
    among(code, opcode, 0x9a, 1).or();
    among(code, opcode, 0xc2, 2).or();
    among(code, opcode, 0xca, 6).or();
    among(code, opcode, 0xff, 1).or();
    code.when((branch) => end(branch));
    code.localGet(opcode).call(original);
    code.localGet(outer).when((first) => {
      first.constant(0).load32(At.instructionPointer).globalSet(next);
      const far = (c: Code): Code => c.globalGet(next).localGet(pc).minus().constant(1).minus();
      // Elsewhere, or on another page.
      far(first).constant(LONGEST).lessUnsigned().eqz();
      first
        .globalGet(next)
        .constant(12)
        .shiftRight()
        .localGet(pc)
        .constant(12)
        .shiftRight()
        .equal()
        .eqz()
        .or();
      first.when((gone) => end(gone));
    });
    return code.body(2);
  });
  module.replace(module.find('3gen13interpreter0f3run'), (original) => {
    const code = new Code();
    // Jcc near.
    among(code, 0, 0x80, 16).when((branch) => end(branch));
    return code.localGet(0).call(original).body();
  });
}

/**
 * `gen::jit::jit(opcode, context, flags)` generates the code of one instruction. Where a basic block begins, the code that
 * stores its record is put before.
 */
function wrapGenerator(module: WasmModule, globals: Globals): void {
  const reserve = module.find('11WasmBuilder9const_i32');
  const write = module.add(module.typeIndex([i32, i32], []), emitRecord(globals, reserve));
  module.replace(module.find('3gen3jit3jit'), (original) => {
    const code = new Code();
    const [opcode, context, flags, end, count, low] = [0, 1, 2, 3, 4, 5];
    code.localGet(context).load32(JitContext.cpu).load32(CpuContext.eip);
    code.localGet(context).load32(JitContext.start).minus().constant(1).equal();
    code.when((outer) => {
      beginsBlock(outer, { context, end, low });
      outer.when((block) => {
        blockLength(block, end, (c) => c.localSet(count));
        block.localGet(context).localGet(count).call(write);
      });
    });
    code.localGet(opcode).localGet(context).localGet(flags).call(original);
    return code.body(3);
  });
}

/** A function (context, N) that emits `cursor[0] = page of EIP | low bits; cursor[1] = N; cursor += 8`. */
function emitRecord({ area }: Globals, reserve: number): Uint8Array {
  const [context, count] = [0, 1];
  const cursor: Hole = { bytes: 5, value: (c) => c.globalGet(area).constant(Area.cursor).plus() };
  /** N in the upper half of an `i64.const`, whose LEB128 goes on from four bytes without a bit: they are bits 0 to 27. */
  const instructions: Hole = { bytes: 3, value: (c) => c.localGet(count).constant(4).shiftLeft() };
  const zero = [0x41, 0x00];
  const loadCursor: (number | Hole)[] = [...zero, 0x28, 0x02, cursor];
  const code = new Code();
  emit(code, { context, builder: 2, at: 3, reserve }, [
    ...loadCursor,
    ...eip(context),
    // i64.extend_i32_u; i64.const; i64.or; i64.store: one store for both words.
    ...[0xad, 0x42, 0x80, 0x80, 0x80, 0x80, instructions, 0x84, 0x37, 0x03, 0x00],
    ...zero,
    ...loadCursor,
    ...[0x41, RECORD_BYTES, 0x6a, 0x36, 0x02, cursor],
  ]);
  return code.body(2);
}

function wrapEvents(module: WasmModule, { area }: Globals, record: number): void {
  const store = (code: Code, kind: number, value: (c: Code) => Code): Code =>
    value(code)
      .constant(kind << KIND_SHIFT)
      .call(record);
  // (vector, software, has an error code, error code)
  module.replace(module.find('3cpu3cpu21call_interrupt_vector'), (original) => {
    const code = new Code();
    // An instruction that has failed takes nothing in any more.
    code.globalGet(area).constant(NO_EIP).store32(Area.eip);
    // INT itself; otherwise where the CPU was, which it pushes.
    code.localGet(1);
    code.when(
      (software) => store(software, FlowKind.location, (c) => c.constant(0).load32(At.previousIp)),
      (other) => store(other, FlowKind.location, (c) => c.constant(0).load32(At.instructionPointer)),
    );
    store(code, FlowKind.interrupt, (c) => c.localGet(1).constant(8).shiftLeft().localGet(0).or());
    return code.localGet(0).localGet(1).localGet(2).localGet(3).call(original).body();
  });
  // A fault inside one is the record behind it.
  const before = (fn: number, kind: number, parameters: number): void =>
    module.replace(fn, (original) => {
      const code = store(new Code(), kind, (c) => c.constant(0));
      for (let i = 0; i < parameters; i++) code.localGet(i);
      return code.call(original).body();
    });
  before(module.find('3cpu3cpu4iret'), FlowKind.iret, 1);
  before(module.exportedFunction('instr_0F34'), FlowKind.sysenter, 0);
  before(module.exportedFunction('instr_0F35'), FlowKind.sysexit, 0);
  // (source, control register)
  module.replace(module.exportedFunction('instr_0F22'), (original) => {
    const code = new Code().localGet(0).localGet(1).call(original);
    code.localGet(1).constant(3).equal();
    code.when((cr3) => store(cr3, FlowKind.addressSpace, (c) => c.constant(0).load32(At.cr + 12)));
    return code.body();
  });
}
