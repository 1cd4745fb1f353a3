/**
 * A WebAssembly binary, taken apart as far as it takes to put other functions in place of some of its own: what is not
 * touched is written out byte for byte as it was (core specification, chapter 5).
 *
 * Replacing function f works without moving any index: the original body is appended as a new function and f gets a new
 * body, which may call it. Every caller, export and table entry of f then gets the new one.
 */
import { RebekError } from '../base/errors.ts';
import { signed, unsigned } from './leb128.ts';

const Section = { custom: 0, type: 1, import: 2, function: 3, global: 6, export: 7, code: 10 } as const;
const HEADER = [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0];

/** Reads forwards; every complaint carries the offset. */
class Cursor {
  readonly bytes: Uint8Array;
  at: number;
  readonly end: number;

  constructor(bytes: Uint8Array, at: number, end: number) {
    this.bytes = bytes;
    this.at = at;
    this.end = end;
  }

  fail(expected: string): never {
    throw new RebekError(
      'ERR_WASM_BINARY',
      `byte ${this.at} of the WebAssembly module: expected ${expected}`,
      {
        details: { offset: this.at },
      },
    );
  }

  byte(): number {
    if (this.at >= this.end) this.fail('more bytes');
    return this.bytes[this.at++]!;
  }

  u32(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value > 0xffffffff ? this.fail('a 32-bit number') : value;
    }
    return this.fail('a 32-bit number');
  }

  take(length: number): Uint8Array {
    if (length > this.end - this.at) this.fail(`${length} more bytes`);
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }

  name(): string {
    return new TextDecoder().decode(this.take(this.u32()));
  }

  limits(): void {
    const flags = this.byte();
    this.u32();
    if (flags & 1) this.u32();
  }
}

/** A function's type: its parameters and results, as the value types' bytes. */
export interface FunctionType {
  readonly parameters: readonly number[];
  readonly results: readonly number[];
}

export class WasmModule {
  readonly types: readonly FunctionType[];
  /** Functions that are imported; their indices come first. */
  readonly imported: number;
  /** From the `name` section: function names as the compiler mangled them. */
  readonly names: ReadonlyMap<string, number>;
  private readonly exports: ReadonlyMap<string, { kind: number; index: number }>;
  private readonly sections: { id: number; body: Uint8Array }[] = [];
  private readonly functionTypes: number[] = [];
  private readonly bodies: Uint8Array[] = [];
  private readonly globals: { count: number; bytes: Uint8Array };
  private readonly newGlobals: { name: string; value: number }[] = [];

  /** @throws RebekError ERR_WASM_BINARY with the offset */
  constructor(bytes: Uint8Array) {
    const header = new Cursor(bytes, 0, bytes.length);
    if (!HEADER.every((byte) => byte === header.byte())) header.fail('a WebAssembly binary of version 1');
    const found = new Map<number, Cursor>();
    const names = new Map<string, number>();
    while (header.at < header.end) {
      const id = header.byte();
      const length = header.u32();
      const start = header.at;
      const body = header.take(length);
      this.sections.push({ id, body });
      const cursor = new Cursor(bytes, start, start + length);
      if (id === Section.custom) readNames(cursor, names);
      else found.set(id, cursor);
    }
    const section = (id: number): Cursor => found.get(id) ?? header.fail(`a section ${id}`);
    this.names = names;
    this.types = readTypes(section(Section.type));
    this.imported = countImports(section(Section.import));
    const functions = section(Section.function);
    for (let count = functions.u32(); count > 0; count--) this.functionTypes.push(functions.u32());
    const code = section(Section.code);
    for (let count = code.u32(); count > 0; count--) this.bodies.push(code.take(code.u32()));
    if (this.bodies.length !== this.functionTypes.length) code.fail(`${this.functionTypes.length} functions`);
    const globals = section(Section.global);
    this.globals = { count: globals.u32(), bytes: globals.take(globals.end - globals.at) };
    this.exports = readExports(section(Section.export));
  }

  /**
   * The function whose mangled name ends in `tail`: unlike its index, that stays the same between builds.
   * @throws RebekError ERR_WASM_NAME unless there is exactly one
   */
  find(tail: string): number {
    const found = [...this.names].filter(([name]) => name.endsWith(tail));
    if (found.length === 1) return found[0]![1];
    throw new RebekError(
      'ERR_WASM_NAME',
      `the WebAssembly module has ${found.length} functions whose name ends in ${tail}`,
    );
  }

  /** @throws RebekError ERR_WASM_NAME */
  exportedFunction(name: string): number {
    const found = this.exports.get(name);
    if (found?.kind === 0) return found.index;
    throw new RebekError('ERR_WASM_NAME', `the WebAssembly module exports no function ${name}`);
  }

  /** The type of one of the module's own functions. */
  typeOf(fn: number): FunctionType {
    const type = this.types[this.functionTypes[fn - this.imported] ?? -1];
    if (type === undefined)
      throw new RebekError('ERR_WASM_NAME', `the module has no function ${fn} of its own`);
    return type;
  }

  /**
   * The index of a function type.
   * @throws RebekError ERR_WASM_NAME if the module has none like it
   */
  typeIndex(parameters: readonly number[], results: readonly number[]): number {
    const wanted = JSON.stringify({ parameters, results });
    const index = this.types.findIndex((type) => JSON.stringify(type) === wanted);
    if (index >= 0) return index;
    throw new RebekError('ERR_WASM_NAME', `the WebAssembly module has no function type ${wanted}`);
  }

  /** Puts a new body in place of function `fn`. `write` gets the index under which the original goes on. */
  replace(fn: number, write: (original: number) => Uint8Array): void {
    const own = fn - this.imported;
    const original = this.bodies[own];
    const type = this.functionTypes[own];
    if (original === undefined || type === undefined) {
      throw new RebekError('ERR_WASM_NAME', `the module has no function ${fn} of its own`);
    }
    const index = this.imported + this.bodies.length;
    this.bodies.push(original);
    this.functionTypes.push(type);
    this.bodies[own] = write(index);
  }

  /** Adds a function; its index. */
  add(type: number, body: Uint8Array): number {
    this.bodies.push(body);
    this.functionTypes.push(type);
    return this.imported + this.bodies.length - 1;
  }

  /** Adds a mutable i32 global, exported as `name`; its index. */
  addGlobal(name: string, value: number): number {
    this.newGlobals.push({ name, value });
    return this.globals.count + this.newGlobals.length - 1;
  }

  /** The binary. Without changes: what was read. */
  write(): Uint8Array {
    const parts: Uint8Array[] = [Uint8Array.from(HEADER)];
    for (const { id, body } of this.sections) {
      const content = this.section(id, body);
      parts.push(Uint8Array.from([id, ...unsigned(content.length)]), content);
    }
    return concat(parts);
  }

  private section(id: number, body: Uint8Array): Uint8Array {
    const added = this.newGlobals.length;
    if (id === Section.function) {
      return Uint8Array.from([
        ...unsigned(this.functionTypes.length),
        ...this.functionTypes.flatMap(unsigned),
      ]);
    }
    if (id === Section.code) {
      const count = Uint8Array.from(unsigned(this.bodies.length));
      return concat([
        count,
        ...this.bodies.flatMap((code) => [Uint8Array.from(unsigned(code.length)), code]),
      ]);
    }
    if (id === Section.global && added > 0) {
      const more = this.newGlobals.flatMap(({ value }) => [0x7f, 1, 0x41, ...signed(value), 0x0b]);
      const count = Uint8Array.from(unsigned(this.globals.count + added));
      return concat([count, this.globals.bytes, Uint8Array.from(more)]);
    }
    if (id === Section.export && added > 0) {
      const cursor = new Cursor(body, 0, body.length);
      const count = cursor.u32();
      const more = this.newGlobals.flatMap(({ name }, i) => {
        const text = new TextEncoder().encode(name);
        return [...unsigned(text.length), ...text, 3, ...unsigned(this.globals.count + i)];
      });
      return concat([
        Uint8Array.from(unsigned(count + added)),
        body.subarray(cursor.at),
        Uint8Array.from(more),
      ]);
    }
    return body;
  }
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

function readTypes(cursor: Cursor): FunctionType[] {
  return Array.from({ length: cursor.u32() }, () => {
    if (cursor.byte() !== 0x60) cursor.fail('a function type');
    return { parameters: [...cursor.take(cursor.u32())], results: [...cursor.take(cursor.u32())] };
  });
}

function countImports(cursor: Cursor): number {
  let functions = 0;
  for (let count = cursor.u32(); count > 0; count--) {
    cursor.name();
    cursor.name();
    const kind = cursor.byte();
    if (kind === 0) {
      cursor.u32();
      functions++;
    } else if (kind === 1) {
      cursor.byte();
      cursor.limits();
    } else if (kind === 2) cursor.limits();
    else if (kind === 3) cursor.take(2);
    else cursor.fail('an import of a known kind');
  }
  return functions;
}

function readExports(cursor: Cursor): Map<string, { kind: number; index: number }> {
  const found = new Map<string, { kind: number; index: number }>();
  for (let count = cursor.u32(); count > 0; count--) {
    found.set(cursor.name(), { kind: cursor.byte(), index: cursor.u32() });
  }
  return found;
}

/** Function names, if this custom section is the `name` section (core specification, appendix 7.4). */
function readNames(cursor: Cursor, names: Map<string, number>): void {
  if (cursor.name() !== 'name') return;
  while (cursor.at < cursor.end) {
    const id = cursor.byte();
    const length = cursor.u32();
    const end = cursor.at + length;
    if (id === 1) {
      for (let count = cursor.u32(); count > 0; count--) {
        const index = cursor.u32();
        names.set(cursor.name(), index);
      }
    }
    cursor.at = end;
  }
}
