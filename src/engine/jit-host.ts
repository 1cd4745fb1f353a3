/**
 * Links the code that the CPU half generates. v86's own host compiles in the background, so the moment at
 * which new code takes over depends on the machine; here it is compiled at once and reported finished at the
 * top of the next `main_loop`, which makes the JIT a function of the guest's execution alone.
 *
 * `codegen_finalize_finished` must not be called from inside the import: the CPU half then holds a lock and
 * panics.
 */
import { TABLE_RESERVED } from './layout.ts';

/** The raw exports of an engine instance. */
export type EngineExports = Record<string, (...args: number[]) => number> & { memory: WebAssembly.Memory };

export class JitHost {
  private readonly table: WebAssembly.Table;
  private raw: EngineExports | undefined;
  private imports: Record<string, WebAssembly.ImportValue> = {};
  private readonly finished: [index: number, start: number, flags: number][] = [];
  /** Modules compiled so far. */
  compiled = 0;

  constructor(table: WebAssembly.Table) {
    this.table = table;
  }

  /**
   * Must be called once, with the instance's own exports: generated code calls them by name.
   * @param more what else generated code may import
   */
  attach(raw: EngineExports, more: Readonly<Record<string, WebAssembly.ImportValue>> = {}): void {
    this.raw = raw;
    // What generated modules import: all but host-side helpers, as in v86's create_jit_imports.
    const imports: Record<string, WebAssembly.ImportValue> = Object.create(null);
    imports['m'] = raw.memory;
    for (const [name, value] of Object.entries(raw)) {
      if (typeof value === 'function' && !/^_|^zstd|_js$/.test(name)) imports[name] = value;
    }
    this.imports = Object.assign(imports, more);
  }

  /** The import `codegen_finalize`. */
  readonly codegenFinalize = (
    index: number,
    start: number,
    flags: number,
    at: number,
    length: number,
  ): void => {
    const code = new Uint8Array(this.raw!.memory.buffer, at >>> 0, length >>> 0);
    const instance = new WebAssembly.Instance(new WebAssembly.Module(code), { e: this.imports });
    this.table.set(index + TABLE_RESERVED, instance.exports['f'] as () => void);
    this.finished.push([index, start, flags]);
    this.compiled++;
  };

  /** The import `jit_clear_func`. */
  readonly clearFunction = (index: number): void => {
    this.table.set(index + TABLE_RESERVED, null);
  };

  /** Reports finished modules. Call it at the top of `main_loop`, nowhere else. */
  reportFinished(): void {
    if (this.finished.length === 0) return;
    for (const args of this.finished.splice(0)) this.raw!['codegen_finalize_finished']!(...args);
  }
}
