/**
 * The recording boundary: stands between the CPU half (WASM) and the device half (JavaScript) of a v86
 * machine, passes every call on and logs what the CPU half cannot know by itself.
 *
 * Three things enter the CPU half: results of the functions that it imports, calls of its exports, and direct
 * stores of the device half into its memory. The last are seen because the device half is given a stand-in
 * for the memory object: v86 takes `memory.buffer` anew for every access.
 */
import { RebekError } from '../base/errors.ts';
import { instrumentFlow } from '../engine/flow/instrument.ts';
import { InputLocator } from '../engine/flow/locator.ts';
import { FlowTap } from '../engine/flow/tap.ts';
import { fold, foldRegisters } from '../engine/fold.ts';
import type { GuestLayout } from '../engine/guest-state.ts';
import { type EngineExports, JitHost } from '../engine/jit-host.ts';
import { BIOS_WINDOW_START, CPU_BLOCK, VBE_DATA_PORT, VGA_WINDOW } from '../engine/layout.ts';
import { NESTED, Op, type OpName, opInfo } from '../trace/ops.ts';
import { EventLog } from './event-log.ts';

type Fn = (...args: number[]) => number;
type Imports = Record<string, Fn> & { __indirect_function_table: WebAssembly.Table };

/** Exports that only read the state: calls need not be repeated by a replay. */
const PURE = new Set(
  (
    'get_eflags getiopl in_mapped_range is_memory_zeroed get_seg_cs get_real_eip get_pic_addr_master ' +
    'get_pic_addr_slave get_apic_addr get_ioapic_addr'
  ).split(' '),
);

export interface BoundaryEvents {
  /** After every `main_loop`, when no call is open: the place to flush and to hash. */
  onLoop(): void;
  /** In the middle of a `main_loop`: the engine's flow log has little room left. */
  onFlow(): void;
  /** The engine failed (a WASM trap, or an exception in a device): the machine is dead. */
  onCrash(error: unknown): void;
}

export class RecordingBoundary {
  log!: EventLog;
  raw!: EngineExports;
  jit!: JitHost;
  /** The engine's flow log, if it writes one. */
  flow: FlowTap | undefined;
  /** What the engine printed through its panic handler. */
  readonly messages: string[] = [];

  private readonly module: WebAssembly.Module;
  private readonly batchEvents: number;
  private readonly withFlow: boolean;
  private locator: InputLocator | undefined;
  private events: BoundaryEvents = { onLoop() {}, onFlow() {}, onCrash() {} };
  private active = false;
  private crashed = false;
  /**
   * The guest is idle (hlt) and no timer is due before this time (ms), unless a device calls. v86 asks again
   * many thousand times a second in the last millisecond of a wait; that needs no crossing and no event.
   */
  private idleUntil = 0;
  private layoutFound = { ramStart: 0, ramBytes: 0, vgaStart: 0, vgaBytes: 0 };

  /** The device half took the memory's buffer since the last crossing; `shadow` holds the CPU block from before. */
  private touched = false;
  private readonly shadow = new Int32Array((CPU_BLOCK.end - CPU_BLOCK.start) >> 2);
  /** DMA announced since the last crossing: its bytes are in memory only afterwards. */
  private readonly dma: { address: number; bytes: number; blob: number }[] = [];

  /** @param withFlow the engine is to write down what it executes */
  constructor(engine: Uint8Array, batchEvents: number, withFlow: boolean) {
    this.module = new WebAssembly.Module(withFlow ? instrumentFlow(engine) : engine);
    this.withFlow = withFlow;
    this.batchEvents = batchEvents;
  }

  get layout(): GuestLayout {
    return this.layoutFound;
  }

  /** v86's constructor option `wasm_fn`. */
  readonly wasmFn = async (env: unknown): Promise<Record<string, unknown>> => {
    const device = (env as { env: Imports }).env;
    const table = device.__indirect_function_table;
    this.jit = new JitHost(table);
    const instance = new WebAssembly.Instance(this.module, { env: this.wrapImports(device, table) });
    this.raw = instance.exports as unknown as EngineExports;
    if (this.withFlow) {
      this.flow = new FlowTap(this.raw);
      this.locator = new InputLocator(this.flow, () => this.events.onFlow());
    }
    this.jit.attach(this.raw);
    this.log = new EventLog(this.raw.memory, this.batchEvents);
    return this.wrapExports();
  };

  /** Begins to log. The linear memory as it is now is the initial image. Call it before the first `main_loop`. */
  start(events: BoundaryEvents): void {
    this.events = events;
    this.log = new EventLog(this.raw.memory, this.batchEvents);
    this.active = true;
    this.touched = false;
  }

  /** Stops logging; what the device half does from here on is not part of the trace. */
  stop(): void {
    if (this.active) this.settle();
    this.active = false;
  }

  /** Logs what the device half has stored directly since the last crossing. */
  private settle(): void {
    const log = this.log;
    for (const { address, bytes, blob } of this.dma) {
      const at = this.layout.ramStart + address;
      log.batch.blob.set(new Uint8Array(this.raw.memory.buffer, at, bytes), blob);
    }
    this.dma.length = 0;
    if (!this.touched) return;
    this.touched = false;
    const words = log.linear;
    const first = CPU_BLOCK.start >> 2;
    for (let i = 0; i < this.shadow.length; i++) {
      if (words[first + i] !== this.shadow[i]) this.logPatch(first + i);
    }
  }

  private logPatch(word: number): void {
    this.log.begin(Op.patch);
    this.log.arg(word * 4);
    this.log.arg(this.log.linear[word]!);
  }

  private logEnd(): void {
    this.log.begin(Op.end);
  }

  private wrapImports(device: Imports, table: WebAssembly.Table): Record<string, WebAssembly.ImportValue> {
    const wrapped: Record<string, WebAssembly.ImportValue> = { __indirect_function_table: table };
    for (const { name, kind } of WebAssembly.Module.imports(this.module)) {
      if (kind !== 'function') continue;
      const fn = device[name];
      if (name === 'codegen_finalize') wrapped[name] = this.jit.codegenFinalize as Fn;
      else if (name === 'jit_clear_func') wrapped[name] = this.jit.clearFunction as Fn;
      else if (name === 'console_log_from_wasm') wrapped[name] = this.wrapMessage();
      else if (fn === undefined)
        throw unknownBoundary(`the engine imports ${name}, which its device half lacks`);
      else wrapped[name] = this.wrapImport(name, fn);
    }
    return wrapped;
  }

  private wrapImport(name: string, fn: Fn): Fn {
    const op = Op[name as OpName];
    const info = op === undefined ? undefined : opInfo.get(op);
    if (info?.class === 'output') return this.wrapOutput(op, info.args, fn);
    if (info?.class !== 'input')
      throw unknownBoundary(`the engine imports ${name}, which Rebek does not know`);
    if (name === 'microtick') return this.wrapTick(op, fn);
    if (name === 'run_hardware_timers') return this.wrapTimers(op, fn);
    return info.args === 0 ? this.wrapRandom(op, fn) : this.wrapRead(op, fn);
  }

  private wrapTick(op: number, fn: Fn): Fn {
    return () => {
      const ms = fn();
      if (!this.active) return ms;
      this.log.begin(op);
      this.locator?.tick();
      const batch = this.log.batch;
      batch.tick[batch.ticks++] = ms;
      return ms;
    };
  }

  private wrapRandom(op: number, fn: Fn): Fn {
    return () => {
      const value = fn() | 0;
      if (!this.active) return value;
      this.log.begin(op);
      this.locator?.input();
      const batch = this.log.batch;
      batch.value[batch.values++] = value;
      return value;
    };
  }

  private wrapTimers(op: number, fn: Fn): Fn {
    return (acpi, now) => {
      if (!this.active) return fn(acpi!, now!);
      const log = this.log;
      log.check = fold(fold(log.check, op), acpi!);
      const index = log.begin(op);
      this.locator?.timersBegan();
      const due = +fn(acpi!, now!);
      this.locator?.timersEnded();
      if (this.touched || this.dma.length > 0) this.settle();
      if (log.batch.count !== index + 1) {
        log.batch.op[index]! |= NESTED;
        this.logEnd();
      }
      return due;
    };
  }

  private wrapRead(op: number, fn: Fn): Fn {
    return (address) => {
      if (!this.active) return fn(address!);
      const log = this.log;
      const index = log.begin(op);
      this.locator?.input();
      log.batch.arg[log.batch.args++] = address!;
      const value = fn(address!) | 0;
      if (this.touched || this.dma.length > 0) this.settle();
      const batch = log.batch;
      if (batch.count !== index + 1) {
        batch.op[index]! |= NESTED;
        this.logEnd();
      }
      log.batch.value[log.batch.values++] = value;
      return value;
    };
  }

  private wrapOutput(op: number, args: number, fn: Fn): Fn {
    const vbe = op === Op.io_port_write16;
    const mmio = op >= Op.mmap_write8 && op <= Op.mmap_write128;
    return (a = 0, b = 0, c = 0, d = 0, e = 0) => {
      if (!this.active) return fn(a, b, c, d, e);
      const log = this.log;
      let check = fold(log.check, op);
      if (args > 0) {
        check = fold(fold(check, a), b);
        if (op >= Op.mmap_write64) check = fold(fold(fold(check, c), d), e);
      }
      log.check = check;
      log.outputs++;
      log.pendingOp = op;
      log.pendingArg = a;
      fn(a, b, c, d, e);
      if (this.touched || this.dma.length > 0) {
        if (vbe && a === VBE_DATA_PORT && this.touched) this.noteVgaClear();
        if (mmio && a >>> 0 >= BIOS_WINDOW_START) this.noteBiosWrite(a);
        this.settle();
      }
      if (log.pendingOp !== 0) {
        log.pendingOp = 0;
        log.quiet++;
      } else this.logEnd();
      return 0;
    };
  }

  /** Enabling a VBE mode clears the frame buffer by a direct store. Noting an all-zero buffer is harmless. */
  private noteVgaClear(): void {
    const { vgaStart, vgaBytes } = this.layout;
    const words = this.log.linear.subarray(vgaStart >> 2, (vgaStart + vgaBytes) >> 2);
    if (words.every((word) => word === 0)) this.log.begin(Op.vga_clear);
  }

  /** The BIOS's upper image writes through to RAM; a write spans at most 16 bytes. */
  private noteBiosWrite(address: number): void {
    const first = (this.layout.ramStart + (address & 0xfffff)) >> 2;
    for (let word = first; word <= first + 4; word++) this.logPatch(word);
  }

  private wrapMessage(): Fn {
    return (at, length) => {
      const bytes = new Uint8Array(this.raw.memory.buffer, at! >>> 0, length! >>> 0).slice();
      if (this.messages.length < 100) this.messages.push(new TextDecoder().decode(bytes));
      if (this.active) {
        this.log.check = fold(this.log.check, Op.console_log_from_wasm);
        this.log.outputs++;
        this.log.quiet++;
      }
      return 0;
    };
  }

  private wrapExports(): Record<string, unknown> {
    const wrapped: Record<string, unknown> = {};
    for (const [name, value] of Object.entries(this.raw)) {
      wrapped[name] = typeof value === 'function' ? this.wrapExport(name, value) : value;
    }
    wrapped['memory'] = this.memoryForDevices();
    return wrapped;
  }

  private memoryForDevices(): { readonly buffer: ArrayBuffer } {
    const boundary = this;
    return {
      get buffer() {
        if (boundary.active && !boundary.touched) {
          boundary.touched = true;
          const words = boundary.log.linear;
          const first = CPU_BLOCK.start >> 2;
          for (let i = 0; i < boundary.shadow.length; i++) boundary.shadow[i] = words[first + i]!;
        }
        return boundary.raw.memory.buffer;
      },
    };
  }

  private wrapExport(name: string, fn: Fn): Fn {
    if (PURE.has(name)) return fn;
    if (name === 'main_loop') return this.wrapMainLoop(fn);
    if (name === 'jit_dirty_cache') return this.wrapDma(fn);
    if (name === 'apic_timer') return this.wrapApicTimer(fn);
    if (name === 'allocate_memory' || name === 'svga_allocate_memory') return this.wrapAllocate(name, fn);
    const op = Op[name as OpName];
    const info = op === undefined ? undefined : opInfo.get(op);
    if (info?.class !== 'call') {
      return (...args) => {
        if (this.active) {
          throw unknownBoundary(`the device half called the engine's ${name}, which Rebek does not record`);
        }
        return fn(...args);
      };
    }
    const readOnly = op === Op.read8 || op === Op.read16 || op === Op.read32s;
    return (a = 0, b = 0) => {
      if (!this.active || (readOnly && this.isPlainRam(a))) return fn(a, b);
      this.idleUntil = 0;
      if (this.touched || this.dma.length > 0) this.settle();
      const log = this.log;
      const index = log.begin(op);
      if (op === Op.device_raise_irq) this.locator?.input();
      if (info.args > 0) log.arg(a);
      if (info.args > 1) log.arg(b);
      const result = fn(a, b);
      if (op === Op.reset_cpu) log.counterWasReset();
      if (log.batch.count !== index + 1) {
        log.batch.op[index]! |= NESTED;
        this.logEnd();
      }
      return result;
    };
  }

  /** Reading RAM has no effect. Elsewhere the CPU half may ask a device, through an import. */
  private isPlainRam(address: number): boolean {
    const at = address >>> 0;
    return at + 4 <= this.layout.ramBytes && (at + 4 <= VGA_WINDOW.start || at >= VGA_WINDOW.end);
  }

  private wrapAllocate(name: string, fn: Fn): Fn {
    return (bytes = 0) => {
      if (this.active) throw unknownBoundary(`the device half called the engine's ${name} in mid-life`);
      const start = fn(bytes) >>> 0;
      const found = this.layoutFound;
      if (name === 'allocate_memory') Object.assign(found, { ramStart: start, ramBytes: bytes });
      else Object.assign(found, { vgaStart: start, vgaBytes: bytes });
      return start;
    };
  }

  private wrapApicTimer(fn: Fn): Fn {
    return (now = 0) => {
      if (!this.active) return fn(now);
      if (this.touched || this.dma.length > 0) this.settle();
      const log = this.log;
      const index = log.begin(Op.apic_timer);
      log.batch.float[log.batch.floats++] = now;
      const due = fn(now);
      if (log.batch.count !== index + 1) {
        log.batch.op[index]! |= NESTED;
        this.logEnd();
      }
      return due;
    };
  }

  /** v86 announces every DMA transfer by invalidating generated code for it, then stores the bytes. */
  private wrapDma(fn: Fn): Fn {
    return (start = 0, end = 0) => {
      if (!this.active) return fn(start, end);
      if (this.touched || this.dma.length > 0) this.settle();
      const bytes = end - start;
      const log = this.log;
      log.begin(Op.dma);
      this.locator?.input();
      log.arg(start);
      log.arg(bytes);
      this.dma.push({ address: start >>> 0, bytes, blob: log.reserveBlob(bytes) });
      return fn(start, end);
    };
  }

  private wrapMainLoop(fn: Fn): Fn {
    return () => {
      if (!this.active || this.crashed) return 100;
      if (this.idleUntil > 0) {
        const left = this.idleUntil - performance.now();
        if (left > 0) return left;
        this.idleUntil = 0;
      }
      if (this.touched || this.dma.length > 0) this.settle();
      this.jit.reportFinished();
      const log = this.log;
      const takeBack = log.mark();
      let due: number;
      log.begin(Op.main_loop | NESTED);
      this.locator?.loopBegan();
      try {
        due = fn();
      } catch (error) {
        this.crashed = true;
        this.active = false;
        takeBack();
        this.events.onCrash(error);
        return 100;
      }
      this.locator?.loopEnded();
      this.logEnd();
      const batch = log.batch;
      batch.check[batch.checks++] = foldRegisters(log.check, log.linear);
      this.events.onLoop();
      if (due > 0) this.idleUntil = performance.now() + due;
      return due;
    };
  }
}

function unknownBoundary(message: string): RebekError {
  return new RebekError('ERR_ENGINE_UNRECORDED', message, {
    hint: 'install the exact version of v86 that Rebek names in its package.json',
  });
}
