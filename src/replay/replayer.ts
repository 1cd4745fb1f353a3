/**
 * The replayer: the CPU half alone, fed from the log. No device, disk, network or clock is asked; every call
 * that the CPU half makes is compared with what the log says it made, and answered from there.
 */
import { RebekError } from '../base/errors.ts';
import { instrumentFlow } from '../engine/flow/instrument.ts';
import { InputLocator } from '../engine/flow/locator.ts';
import { FlowTap } from '../engine/flow/tap.ts';
import { fold, foldRegisters } from '../engine/fold.ts';
import { type GuestLayout, hashCpu, hashRam, readRegisters } from '../engine/guest-state.ts';
import { type EngineExports, JitHost } from '../engine/jit-host.ts';
import { At, TABLE_JIT, TABLE_RESERVED } from '../engine/layout.ts';
import { instrument, TABLE_PROBED } from '../engine/probes/instrument.ts';
import { type ProbeHandler, Probes } from '../engine/probes/probes.ts';
import { createBatch, type EventBatch } from '../trace/events.ts';
import { NESTED, Op, type OpName, opInfo, STATE_HASH_BYTES } from '../trace/ops.ts';
import { divergence, type Position } from './divergence.ts';
import type { FlowSink, ReplayObserver } from './observer.ts';
import { describe, hex, PORT_WRITES, READS } from './op-tables.ts';

const COUNTER = At.instructionCounter >> 2;
const TABLE_PLAIN = TABLE_RESERVED + TABLE_JIT;
type Fn = (...args: number[]) => number;

/** Gives the next batch of the log, or undefined at its end. Called synchronously, in the middle of the guest. */
export type BatchSource = () => EventBatch | undefined;

export class Replayer {
  readonly raw: EngineExports;
  readonly layout: GuestLayout;
  /** Hooks are armed here, if there is a handler for them. */
  readonly probes: Probes | undefined;
  /** Guest instructions executed so far. */
  instruction = 0;
  /** Guest state hashes that have been compared. */
  hashesChecked = 0;
  /** Output calls that the guest has made. */
  outputs = 0;

  private readonly jit: JitHost;
  private readonly source: BatchSource;
  private readonly observer: ReplayObserver | undefined;
  private readonly flow: FlowSink | undefined;
  private readonly locator: InputLocator | undefined;
  private words: Int32Array;
  private counter: number;
  private quiet = 0;
  private check = 0;
  private ended = false;

  private batch: EventBatch = createBatch(0);
  private at = 0;
  private atArg = 0;
  private atValue = 0;
  private atTick = 0;
  private atFloat = 0;
  private atCheck = 0;
  private atBlob = 0;

  /**
   * @param engine the engine's binary from the trace
   * @param memoryBytes size of linear memory at the start of the recording
   * @param restore fills linear memory with the initial image
   * @param handler for hooks: the engine then runs with probes in it
   * @param flow gets the control flow
   */
  constructor(
    engine: Uint8Array,
    memoryBytes: number,
    layout: GuestLayout,
    source: BatchSource,
    restore: (memory: Uint8Array) => void,
    observer?: ReplayObserver,
    handler?: ProbeHandler,
    flow?: FlowSink,
  ) {
    this.flow = flow;
    this.observer = observer;
    this.layout = layout;
    this.source = source;
    const probed = handler !== undefined;
    const kind = probed ? instrument : flow === undefined ? (plain: Uint8Array) => plain : instrumentFlow;
    const module = new WebAssembly.Module(kind(engine));
    const table = new WebAssembly.Table({ element: 'anyfunc', initial: probed ? TABLE_PROBED : TABLE_PLAIN });
    this.jit = new JitHost(table);
    const instance = new WebAssembly.Instance(module, { env: this.imports(module, table) });
    this.raw = instance.exports as unknown as EngineExports;
    const memory = this.raw.memory;
    const missing = memoryBytes - memory.buffer.byteLength;
    if (missing < 0) {
      throw new RebekError(
        'ERR_TRACE_META',
        `the trace's memory of ${memoryBytes} bytes is smaller than its engine's`,
        {
          exitCode: 4,
        },
      );
    }
    if (missing > 0) grow(memory, missing);
    // Behind the guest's memory and the engine's, which are then where the recording had them.
    this.probes = probed ? new Probes(this.raw, layout, table, handler) : undefined;
    let tap: FlowTap | undefined;
    if (flow !== undefined) {
      tap = new FlowTap(this.raw);
      this.locator = new InputLocator(tap, () => flow.press());
    }
    this.jit.attach(this.raw, this.probes?.imports);
    restore(new Uint8Array(memory.buffer, 0, memoryBytes));
    if (tap !== undefined) flow?.attach(tap);
    this.words = new Int32Array(memory.buffer);
    this.counter = this.words[COUNTER]!;
  }

  get position(): Position {
    return { sequence: this.batch.first + this.at, instruction: this.instruction };
  }

  /** Modules that the JIT has compiled. */
  get compiled(): number {
    return this.jit.compiled;
  }

  /**
   * Executes top-level events until `ms` milliseconds have passed or the log ends.
   * @returns false at the end of the log
   * @throws RebekError ERR_REPLAY_DIVERGENCE
   */
  run(ms: number): boolean {
    try {
      return this.runEvents(ms);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      const { sequence, instruction } = this.position;
      const what = `the event before ${sequence} (instruction ${instruction}) does not fit the machine: ${error.message}`;
      throw new RebekError('ERR_TRACE_EVENTS', what, {
        exitCode: 4,
        details: { ...this.position },
        cause: error,
      });
    }
  }

  private runEvents(ms: number): boolean {
    const until = performance.now() + ms;
    do {
      for (let i = 0; i < 16; i++) {
        const op = this.peek();
        if (this.ended) return false;
        this.perform(op & ~NESTED);
      }
    } while (performance.now() < until);
    return true;
  }

  private get linear(): Int32Array {
    if (this.words.length === 0) this.words = new Int32Array(this.raw.memory.buffer);
    return this.words;
  }

  /** Guest instructions executed up to now, in the middle of a call too. */
  private get now(): number {
    return this.instructionAt(this.linear[COUNTER]!);
  }

  /** The guest instruction count when the engine's counter (u32) was `counter`, since the last event. */
  instructionAt(counter: number): number {
    return this.instruction + ((counter - this.counter) >>> 0);
  }

  private diverge(expected: string, found: string, cause?: unknown): never {
    const at = { sequence: this.position.sequence, instruction: this.now };
    throw divergence(at, readRegisters(this.raw), expected, found, cause);
  }

  /** The op byte of the next event; 0 at the end of the log. */
  private peek(): number {
    while (this.at === this.batch.count) {
      const next = this.ended ? undefined : this.source();
      if (next === undefined) {
        this.ended = true;
        return 0;
      }
      if (this.batch.count > 0) this.flow?.batchEnded?.();
      this.batch = next;
      this.at = this.atArg = this.atValue = this.atTick = this.atFloat = this.atCheck = this.atBlob = 0;
    }
    return this.batch.op[this.at]!;
  }

  /** Consumes the next event, which must be `op`, here and now. Returns whether events follow inside it. */
  private take(op: number): boolean {
    const byte = this.peek();
    if ((byte & ~NESTED) !== op) this.diverge(describe(byte), describe(op));
    const batch = this.batch;
    const at = this.at;
    const counter = this.linear[COUNTER]!;
    const elapsed = (counter - this.counter) >>> 0;
    if (elapsed !== batch.instructions[at]) {
      this.diverge(
        `${describe(op)} after ${batch.instructions[at]} instructions`,
        `it came after ${elapsed} instructions`,
      );
    }
    if (this.quiet !== batch.quiet[at]) {
      this.diverge(`${batch.quiet[at]} output calls before ${describe(op)}`, `${this.quiet} output calls`);
    }
    this.counter = counter;
    this.instruction += elapsed;
    this.quiet = 0;
    this.at = at + 1;
    return byte > NESTED;
  }

  private takeArg(op: number, found: number): void {
    const expected = this.batch.arg[this.atArg++]!;
    if (expected !== (found | 0)) {
      this.diverge(`${describe(op)} of ${hex(expected)}`, `${describe(op)} of ${hex(found)}`);
    }
  }

  /** Performs what happened inside a call, up to its end. */
  private inside(): void {
    for (;;) {
      const op = this.peek() & ~NESTED;
      if (op === Op.end) {
        this.take(op);
        return;
      }
      this.perform(op);
    }
  }

  private imports(
    module: WebAssembly.Module,
    table: WebAssembly.Table,
  ): Record<string, WebAssembly.ImportValue> {
    const imports: Record<string, WebAssembly.ImportValue> = { __indirect_function_table: table };
    for (const { name, kind } of WebAssembly.Module.imports(module)) {
      if (kind !== 'function') continue;
      const op = Op[name as OpName];
      const info = op === undefined ? undefined : opInfo.get(op);
      if (name === 'codegen_finalize') imports[name] = this.jit.codegenFinalize as Fn;
      else if (name === 'jit_clear_func') imports[name] = this.jit.clearFunction as Fn;
      else if (info?.class === 'output') imports[name] = this.observed(op, this.output(op, info.args));
      else if (info?.class === 'input') imports[name] = this.input(op);
      else {
        throw new RebekError(
          'ERR_ENGINE_UNKNOWN',
          `the trace's engine imports ${name}, which Rebek does not know`,
          {
            exitCode: 4,
          },
        );
      }
    }
    return imports;
  }

  private input(op: number): Fn {
    if (op === Op.microtick) {
      return () => {
        this.take(op);
        this.locator?.tick();
        const ms = this.batch.tick[this.atTick++]!;
        this.observer?.input?.({ kind: 'clock', ms }, this.instruction);
        return ms;
      };
    }
    if (op === Op.run_hardware_timers) {
      return (acpi) => {
        this.check = fold(fold(this.check, op), acpi!);
        const nested = this.take(op);
        this.locator?.timersBegan();
        if (nested) this.inside();
        this.locator?.timersEnded();
        return 0;
      };
    }
    if (op === Op.get_rand_int) {
      return () => {
        this.take(op);
        this.locator?.input();
        const value = this.batch.value[this.atValue++]!;
        this.observer?.input?.({ kind: 'random', value }, this.instruction);
        return value;
      };
    }
    const [space, bytes] = READS.get(op)!;
    const mask = bytes === 4 ? -1 : 2 ** (8 * bytes) - 1;
    return (address) => {
      const nested = this.take(op);
      this.locator?.input();
      this.takeArg(op, address!);
      if (nested) this.inside();
      const value = this.batch.value[this.atValue++]!;
      this.observer?.read?.(space, address! >>> 0, (value & mask) >>> 0, bytes, this.now);
      return value;
    };
  }

  /** `output` itself, unless somebody wants to know of writes to ports. */
  private observed(op: number, output: Fn): Fn {
    const { observer } = this;
    const bytes = PORT_WRITES.get(op);
    if (observer === undefined || bytes === undefined) return output;
    const mask = bytes === 4 ? -1 : 2 ** (8 * bytes) - 1;
    return (port = 0, value = 0) => {
      observer.portWrite?.(port >>> 0, (value & mask) >>> 0, bytes, this.now);
      return output(port, value);
    };
  }

  private output(op: number, args: number): Fn {
    const message = op === Op.console_log_from_wasm;
    return (a = 0, b = 0, c = 0, d = 0, e = 0) => {
      let check = fold(this.check, op);
      if (args > 0 && !message) {
        check = fold(fold(check, a), b);
        if (op >= Op.mmap_write64) check = fold(fold(fold(check, c), d), e);
      }
      this.check = check;
      this.outputs++;
      this.peek();
      if (this.at < this.batch.count && this.quiet < this.batch.quiet[this.at]!) {
        this.quiet++;
        return 0;
      }
      if (!this.take(op)) this.diverge(`something inside ${describe(op)}`, 'a call with nothing inside');
      if (args > 0) this.takeArg(op, a);
      this.inside();
      return 0;
    };
  }

  /** Does what the device half did: a call of an export, or a store. */
  private perform(op: number): void {
    const info = opInfo.get(op);
    if (info === undefined || (info.class !== 'call' && info.class !== 'store' && op !== Op.state_hash)) {
      this.diverge(describe(op), 'the CPU half makes no such call here');
    }
    const nested = this.take(op);
    if (info.class === 'call') this.call(op, info.name, nested);
    else if (op === Op.state_hash) this.checkState();
    else this.store(op);
  }

  private call(op: number, name: OpName, nested: boolean): void {
    const batch = this.batch;
    const info = opInfo.get(op)!;
    const a = info.args > 0 ? batch.arg[this.atArg++]! : 0;
    const b = info.args > 1 ? batch.arg[this.atArg++]! : 0;
    const now = info.f64Args > 0 ? batch.float[this.atFloat++]! : 0;
    if (op === Op.main_loop) {
      this.jit.reportFinished();
      this.probes?.settle();
      this.locator?.loopBegan();
    } else if (op === Op.device_raise_irq || op === Op.device_lower_irq) {
      const raised = op === Op.device_raise_irq;
      if (raised) this.locator?.input();
      this.observer?.input?.({ kind: 'irq', line: a, raised }, this.instruction);
    }
    try {
      if (info.f64Args > 0) this.raw[name]!(now);
      else this.raw[name]!(a, b);
    } catch (error) {
      if (error instanceof RebekError) throw error;
      this.diverge(`${name} returns`, `the engine failed: ${(error as Error).message}`, error);
    }
    if (op === Op.reset_cpu) this.counter = 0;
    if (op === Op.main_loop) this.locator?.loopEnded();
    if (nested) this.take(Op.end);
    if (op !== Op.main_loop) return;
    this.flow?.loopEnded(this.instruction, this.position.sequence);
    const check = foldRegisters(this.check, this.linear) >>> 0;
    const expected = this.batch.check[this.atCheck++]!;
    if (check !== expected) {
      this.diverge(`outputs and registers with check ${hex(expected)}`, `check ${hex(check)}`);
    }
  }

  private takeBlob(bytes: number): Uint8Array {
    const from = this.atBlob;
    this.atBlob += bytes;
    if (bytes < 0 || this.atBlob > this.batch.blobBytes) {
      throw new RebekError(
        'ERR_TRACE_EVENTS',
        `an event wants ${bytes} bytes past the end of its chunk's blob`,
        {
          exitCode: 4,
          details: { ...this.position },
        },
      );
    }
    return this.batch.blob.subarray(from, this.atBlob);
  }

  private store(op: number): void {
    if (op === Op.vga_clear) {
      const { vgaStart, vgaBytes } = this.layout;
      new Uint8Array(this.raw.memory.buffer, vgaStart, vgaBytes).fill(0);
      return;
    }
    const a = this.batch.arg[this.atArg++]!;
    const b = this.batch.arg[this.atArg++]!;
    if (op === Op.patch) {
      this.linear[a >>> 2] = b;
      return;
    }
    this.locator?.input();
    const bytes = this.takeBlob(b);
    this.observer?.input?.({ kind: 'dma', address: a >>> 0, bytes }, this.instruction);
    this.raw['jit_dirty_cache']!(a, a + b);
    new Uint8Array(this.raw.memory.buffer).set(bytes, this.layout.ramStart + (a >>> 0));
  }

  private checkState(): void {
    const start = (this.batch.arg[this.atArg++]! >>> 0) * 4096;
    const bytes = (this.batch.arg[this.atArg++]! >>> 0) * 4096;
    const expected = Buffer.from(this.takeBlob(STATE_HASH_BYTES)).toString('hex');
    const cpu = hashCpu(this.raw).toString('hex');
    if (expected.slice(0, 64) !== cpu) this.diverge(`CPU state ${expected.slice(0, 64)}`, cpu);
    const ram = hashRam(this.raw, this.layout, start, bytes).toString('hex');
    if (expected.slice(64) !== ram) {
      this.diverge(`RAM ${hex(start)}-${hex(start + bytes)} with hash ${expected.slice(64)}`, ram);
    }
    this.hashesChecked++;
  }
}

function grow(memory: WebAssembly.Memory, bytes: number): void {
  try {
    memory.grow(bytes / 65536);
  } catch (cause) {
    throw new RebekError(
      'ERR_REPLAY_MEMORY',
      `this machine cannot give the guest's ${bytes} bytes of memory`,
      {
        hint: 'close other programs, or replay where there is more memory',
        cause,
      },
    );
  }
}
