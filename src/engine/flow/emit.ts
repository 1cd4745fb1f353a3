/** Puts instructions into the code that v86's compiler is generating. */
import type { Code } from '../../wasm/code.ts';
import { unsigned } from '../../wasm/leb128.ts';
import { JitContext, WasmBuilder } from '../generated-block.ts';
import { At } from '../layout.ts';

/** Bytes of generated code that are known when it is generated only: a number, as LEB128 of full length. */
export interface Hole {
  readonly bytes: number;
  /** Leaves the number on the stack: small enough for the sign bit of its LEB128 to be 0. */
  readonly value: (code: Code) => Code;
}

const PAGE_MASK = 0xfff;

/**
 * Instructions that leave the address of the instruction that is being generated on the stack: the page of EIP in memory is that
 * of the code; its low bits are not up to date.
 * @param context the local of the function that emits which has the JitContext
 */
export function eip(context: number): readonly (number | Hole)[] {
  const low: Hole = {
    bytes: 2,
    value: (c) => c.localGet(context).load32(JitContext.start).constant(PAGE_MASK).and(),
  };
  // i32.const 0; i32.load EIP; i32.const ~0xfff; i32.and; i32.const low; i32.or
  return [
    0x41,
    0x00,
    0x28,
    0x02,
    ...unsigned(At.instructionPointer),
    0x41,
    0x80,
    0x60,
    0x71,
    0x41,
    low,
    0x72,
  ];
}

/** Of the function that emits. */
interface Emitter {
  /** Local: the JitContext. */
  readonly context: number;
  /** Free locals. */
  readonly builder: number;
  readonly at: number;
  /** `WasmBuilder::const_i32`. */
  readonly reserve: number;
}

/**
 * Appends `pieces` to the body that is being generated. They go into room that constants have made: v86 has no emitters for
 * stores.
 */
export function emit(code: Code, emitter: Emitter, pieces: readonly (number | Hole)[]): void {
  const { context, builder, at, reserve } = emitter;
  const length = pieces.reduce<number>(
    (sum, piece) => sum + (typeof piece === 'number' ? 1 : piece.bytes),
    0,
  );
  code.localGet(context).load32(JitContext.builder).localSet(builder);
  code.localGet(builder).load32(WasmBuilder.bodyLength).localSet(at);
  // `i32.const` and five bytes each.
  for (let room = 0; room < length; room += 6) code.localGet(builder).constant(0x7fffffff).call(reserve);
  code.localGet(builder).localGet(at).constant(length).plus().store32(WasmBuilder.bodyLength);
  code.localGet(builder).load32(WasmBuilder.bodyStart).localGet(at).plus().localSet(at);
  let offset = 0;
  for (const piece of pieces) {
    if (typeof piece === 'number') {
      code.localGet(at).constant(piece).store8(offset++);
      continue;
    }
    for (let i = 0; i < piece.bytes; i++) {
      piece
        .value(code.localGet(at))
        .constant(7 * i)
        .shiftRight()
        .constant(0x7f)
        .and();
      if (i < piece.bytes - 1) code.constant(0x80).or();
      code.store8(offset++);
    }
  }
}
