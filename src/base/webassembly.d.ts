/**
 * The part of the WebAssembly JavaScript interface that Rebek uses (W3C WebAssembly JS API). TypeScript has
 * these types only in its `dom` library, which would bring a browser's globals along.
 */
declare namespace WebAssembly {
  interface Memory {
    readonly buffer: ArrayBuffer;
    /** Grows by `delta` pages of 64 KiB; every earlier `buffer` is detached. */
    grow(delta: number): number;
  }
  var Memory: new (descriptor: { initial: number }) => Memory;
  interface Table {
    readonly length: number;
    set(index: number, value: unknown): void;
    get(index: number): unknown;
    grow(delta: number): number;
  }
  var Table: new (descriptor: { element: 'anyfunc'; initial: number }) => Table;
  type ImportValue = ((...args: number[]) => unknown) | Memory | Table;
  type Imports = Record<string, Record<string, ImportValue>>;
  type Exports = Record<string, unknown>;
  interface Module {
    readonly brand?: never;
  }
  interface ModuleImport {
    readonly module: string;
    readonly name: string;
    readonly kind: 'function' | 'table' | 'memory' | 'global';
  }
  var Module: {
    new (bytes: Uint8Array): Module;
    imports(module: Module): ModuleImport[];
  };
  interface Instance {
    readonly exports: Record<string, unknown>;
  }
  var Instance: new (module: Module, imports: Imports) => Instance;
  class RuntimeError extends Error {}
}
