/** Where a basic block begins in the code that v86's compiler is generating: what instrumentation has to recognise. */
import type { Code } from '../wasm/code.ts';
import { unsigned } from '../wasm/leb128.ts';
import { At } from './layout.ts';

/** Fields of v86's structures in this build (jit.rs, wasm_builder.rs), byte offsets. */
export const JitContext = { cpu: 32, builder: 36, registerLocals: 40, start: 44, counterLocal: 58 } as const;
export const CpuContext = { eip: 0 } as const;
export const WasmBuilder = { bodyStart: 72, bodyLength: 76 } as const;
const PAGE_MASK = 0xfff;
/** Bytes of the code that v86 generates to store EIP's low bits, if these are below 64; one more if not. */
const STORE_BYTES = 19;

/** Locals of a wrapper around `gen::jit::jit`. */
interface Locals {
  /** The JitContext. */
  readonly context: number;
  /** Free: `beginsBlock` leaves in it where the beginning of a block ends. */
  readonly end: number;
  /** Free. */
  readonly low: number;
}

const byte = (code: Code, end: number, back: number): Code =>
  code.localGet(end).constant(back).minus().load8();

/**
 * Puts on the stack whether the instruction that is about to be generated, the outer entry, is the first of a block. A block
 * begins `local.get c; i32.const N; i32.add; local.set c` with the counter's local c; nothing else sets it.
 */
export function beginsBlock(code: Code, locals: Locals): void {
  const { context, end } = locals;
  const builder = (): Code => code.localGet(context).load32(JitContext.builder);
  builder().load32(WasmBuilder.bodyStart);
  builder().load32(WasmBuilder.bodyLength).plus().localSet(end);
  skipStores(code, locals);
  byte(code, end, 3).constant(0x6a).equal();
  byte(code, end, 2).constant(0x21).equal().and();
  byte(code, end, 1).localGet(context).load8(JitContext.counterLocal).equal().and();
}

/** Behind `beginsBlock`: stores N, the instructions of the block, which are one or two bytes of LEB128. */
export function blockLength(code: Code, end: number, store: (code: Code) => Code): void {
  store(byte(code, end, 4));
  byte(code, end, 5).constant(0x80).and();
  code.when((two) => {
    byte(two, end, 5).constant(0x7f).and();
    store(byte(two, end, 4).constant(7).shiftLeft().or());
  });
}

/**
 * Where the last instruction of a block leaves generated code, two stores come before it (jit_generate_basic_block):
 * previous EIP = page of EIP | its low bits; EIP = page of EIP | low bits of its end. If it is the only one of its block,
 * they come between the counter's addition and it: `end` goes back to before them.
 */
function skipStores(code: Code, { context, end, low }: Locals): void {
  // i32.const address; i32.const EIP; i32.load; i32.const ~0xfff: nothing that the guest's instructions generate.
  const eip = unsigned(At.instructionPointer);
  const begins = (address: number): Int32Array =>
    new Int32Array(
      Uint8Array.of(0x41, ...unsigned(address), 0x41, ...eip, 0x28, 0x02, 0x00, 0x41, 0x80, 0x60).buffer,
    );
  const starts = (c: Code, at: (c: Code) => Code, words: Int32Array): Code => {
    at(c).load32().constant(words[0]!).equal();
    at(c).load32(4).constant(words[1]!).equal().and();
    return at(c).load32(8).constant(words[2]!).equal().and();
  };
  // The length of the first store, whose low bits are known: as an i32.const they take one byte or two.
  code.localGet(context).load32(JitContext.start).constant(PAGE_MASK).and();
  code.constant(64).lessUnsigned().eqz().constant(STORE_BYTES).plus().localSet(low);
  // The second one's low bits are not.
  for (const bytes of [STORE_BYTES, STORE_BYTES + 1]) {
    const second = (c: Code): Code => c.localGet(end).constant(bytes).minus();
    const first = (c: Code): Code => second(c).localGet(low).minus();
    starts(code, second, begins(At.instructionPointer));
    starts(code, first, begins(At.previousIp)).and();
    code.when((both) => first(both).localSet(end));
  }
}
