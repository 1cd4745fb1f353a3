/** Writes function bodies: the few WebAssembly instructions that Rebek splices into an engine (core specification, 5.4). */
import { signed, unsigned } from './leb128.ts';

export const i32 = 0x7f;

/** Instructions, appended in order. Offsets and constants are 32-bit; memory accesses are unaligned ones. */
export class Code {
  readonly bytes: number[] = [];

  private add(...bytes: number[]): this {
    this.bytes.push(...bytes);
    return this;
  }

  localGet(index: number): this {
    return this.add(0x20, ...unsigned(index));
  }
  localSet(index: number): this {
    return this.add(0x21, ...unsigned(index));
  }
  localTee(index: number): this {
    return this.add(0x22, ...unsigned(index));
  }
  globalGet(index: number): this {
    return this.add(0x23, ...unsigned(index));
  }
  globalSet(index: number): this {
    return this.add(0x24, ...unsigned(index));
  }
  constant(value: number): this {
    return this.add(0x41, ...signed(value));
  }
  load32(offset = 0): this {
    return this.add(0x28, 0, ...unsigned(offset));
  }
  load8(offset = 0): this {
    return this.add(0x2d, 0, ...unsigned(offset));
  }
  store32(offset = 0): this {
    return this.add(0x36, 0, ...unsigned(offset));
  }
  store8(offset = 0): this {
    return this.add(0x3a, 0, ...unsigned(offset));
  }
  eqz(): this {
    return this.add(0x45);
  }
  equal(): this {
    return this.add(0x46);
  }
  lessUnsigned(): this {
    return this.add(0x49);
  }
  plus(): this {
    return this.add(0x6a);
  }
  minus(): this {
    return this.add(0x6b);
  }
  and(): this {
    return this.add(0x71);
  }
  or(): this {
    return this.add(0x72);
  }
  shiftLeft(): this {
    return this.add(0x74);
  }
  shiftRight(): this {
    return this.add(0x76);
  }
  call(fn: number): this {
    return this.add(0x10, ...unsigned(fn));
  }
  /** Through table 0; the slot is on the stack. */
  callIndirect(type: number): this {
    return this.add(0x11, ...unsigned(type), 0);
  }
  /** Runs `body` if the number on the stack is not 0. */
  when(body: (code: this) => void, otherwise?: (code: this) => void): this {
    this.add(0x04, 0x40);
    body(this);
    if (otherwise !== undefined) {
      this.add(0x05);
      otherwise(this);
    }
    return this.add(0x0b);
  }

  /** A function's body, without its size: `locals` i32 locals beyond the parameters, and the instructions. */
  body(locals = 0): Uint8Array {
    const declared = locals === 0 ? [0] : [1, ...unsigned(locals), i32];
    return Uint8Array.from([...declared, ...this.bytes, 0x0b]);
  }
}
