/** Probes at work: an instrumented engine's hooks are armed here, and what they report comes out here. */
import { RebekError } from '../../base/errors.ts';
import type { GuestLayout } from '../guest-state.ts';
import type { EngineExports } from '../jit-host.ts';
import { At } from '../layout.ts';
import { AREA_BYTES, Area, HIT_NAME, MAP_BITS, ProbeEvent, type ProbeEventName } from './area.ts';
import { AREA_GLOBAL, NEXT_GLOBAL, RAM_GLOBAL, Slot } from './instrument.ts';

const EIP = At.instructionPointer >> 2;
const COUNTER = At.instructionCounter >> 2;
const MAP_MASK = (1 << MAP_BITS) - 1;
/** Instructions that generated code may execute before it stores the counter, with a wide margin. */
const UNSTORED = 1 << 24;
const EVENTS = Object.keys(ProbeEvent) as readonly ProbeEventName[];

/** Told of what the guest does. It may read the guest and arm hooks; what it throws ends the replay. */
export interface ProbeHandler {
  /**
   * An armed address is about to be executed.
   * @param address guest virtual, unsigned
   * @param counter the engine's instruction counter (u32) at this instruction
   */
  hit(address: number, counter: number): void;
  /** What a probe around an event reports: interrupt (vector, from software), controlRegister (source, number). */
  event(event: ProbeEventName, a: number, b: number, counter: number): void;
}

/** What an armed address is: where probes must be for it. */
export type ArmKind =
  /** The start of a basic block or a call instruction: functions, return addresses, call sites. */
  | 'block'
  /** Any instruction. */
  | 'instruction';

export class Probes {
  /** `instruction` addresses that were armed when code of their page had been compiled without a probe for them. */
  late = 0;

  private readonly memory: WebAssembly.Memory;
  private readonly handler: ProbeHandler;
  private readonly area: number;
  private readonly next: { value: number };
  private readonly armed = new Map<number, number>();
  private words: Int32Array;
  private bytes: Uint8Array;

  /**
   * Grows the memory by the area: views taken before are dead afterwards.
   * @param raw exports of an engine that `instrument` has made
   */
  constructor(raw: EngineExports, layout: GuestLayout, table: WebAssembly.Table, handler: ProbeHandler) {
    this.memory = raw.memory;
    this.handler = handler;
    this.area = grow(raw.memory);
    this.words = new Int32Array(this.memory.buffer);
    this.bytes = new Uint8Array(this.memory.buffer);
    this.bytes.set(new TextEncoder().encode(HIT_NAME), this.area + Area.hitName);
    const globals = raw as unknown as Record<string, { value: number }>;
    globals[AREA_GLOBAL]!.value = this.area;
    globals[RAM_GLOBAL]!.value = layout.ramStart;
    this.next = globals[NEXT_GLOBAL]!;
    const { hit, event } = trampolines(this.interpreted, this.reported);
    table.set(Slot.hit, hit);
    table.set(Slot.event, event);
  }

  /** What generated code imports, by name. */
  get imports(): Readonly<Record<string, WebAssembly.ImportValue>> {
    return { [HIT_NAME]: this.generated };
  }

  /**
   * Arms an address: the handler is told each time that it is about to be executed. Counted: as many calls of `disarm` end
   * it.
   * @param physical where the address is now in RAM, if it is: for `instruction`
   */
  arm(address: number, kind: ArmKind = 'block', physical = -1): void {
    address >>>= 0;
    const count = this.armed.get(address) ?? 0;
    this.armed.set(address, count + 1);
    this.renew();
    if (count === 0) this.bytes[this.area + Area.map + (address & MAP_MASK)] = 1;
    if (kind === 'instruction') this.armInside(address, physical);
  }

  private armInside(address: number, physical: number): void {
    const { area, bytes } = this;
    if (physical < 0) bytes[area + Area.low + (address & 0xfff)] = 1;
    else bytes[area + Area.physical + (physical & 0xfffff)] = 1;
    if (physical >= 0 && bytes[area + Area.pages + (physical >>> 12)] === 1) this.late++;
  }

  disarm(address: number): void {
    address >>>= 0;
    const count = this.armed.get(address);
    if (count === undefined) return;
    if (count > 1) {
      this.armed.set(address, count - 1);
      return;
    }
    this.armed.delete(address);
    this.renew();
    this.bytes[this.area + Area.map + (address & MAP_MASK)] = 0;
    this.restore(address);
  }

  /** Another armed address may have the same low bits. */
  private restore(address: number): void {
    const low = address & MAP_MASK;
    for (let high = 0; high < 1 << (32 - MAP_BITS); high++) {
      if (!this.armed.has(high * (MAP_MASK + 1) + low)) continue;
      this.bytes[this.area + Area.map + low] = 1;
      return;
    }
  }

  isArmed(address: number): boolean {
    return this.armed.has(address >>> 0);
  }

  /** Generates code with a probe before every instruction from now on: slow, and misses nothing. */
  probeEveryInstruction(): void {
    this.renew();
    this.bytes[this.area + Area.everyInstruction] = 1;
  }

  /** No guest code is running: the engine's counter is exact. */
  settle(): void {
    this.renew();
    this.next.value = this.words[COUNTER]!;
  }

  /** Asks for events of a kind, or no longer. */
  want(event: ProbeEventName, on: boolean): void {
    this.renew();
    this.bytes[this.area + Area.events + ProbeEvent[event]] = on ? 1 : 0;
  }

  private renew(): void {
    if (this.words.length !== 0) return;
    this.words = new Int32Array(this.memory.buffer);
    this.bytes = new Uint8Array(this.memory.buffer);
  }

  /** From the interpreter. */
  private readonly interpreted = (address: number, counter: number): void => {
    if (!this.armed.has(address >>> 0)) return;
    this.renew();
    this.handler.hit(address >>> 0, counter);
  };

  /** From generated code; registers have been stored. */
  private readonly generated = (low: number, since: number): void => {
    this.renew();
    const address = ((this.words[EIP]! & ~0xfff) | low) >>> 0;
    if (this.armed.has(address)) this.handler.hit(address, this.words[COUNTER]! + since);
  };

  private readonly reported = (event: number, a: number, b: number): void => {
    this.renew();
    const stored = this.words[COUNTER]!;
    const count = this.words[(this.area + Area.count) >> 2]!;
    // Of the interpreter's last instruction: it may be what the event is in.
    const interpreted = this.next.value - 1;
    let counter = (count - stored) >>> 0 < UNSTORED ? count : stored;
    if ((interpreted - counter) >>> 0 < UNSTORED) counter = interpreted | 0;
    this.handler.event(EVENTS[event]!, a, b, counter);
  };
}

function grow(memory: WebAssembly.Memory): number {
  try {
    return memory.grow(AREA_BYTES / 65536) * 65536;
  } catch (cause) {
    throw new RebekError('ERR_REPLAY_MEMORY', `this machine cannot give ${AREA_BYTES} bytes for hooks`, {
      cause,
    });
  }
}

/** A table holds WebAssembly functions only: a module that does nothing but pass two JavaScript functions on. */
function trampolines(
  hit: (address: number, since: number) => void,
  event: (event: number, a: number, b: number) => void,
): { hit: () => void; event: () => void } {
  const name = (text: string): number[] => [text.length, ...new TextEncoder().encode(text)];
  const section = (id: number, body: number[]): number[] => [id, body.length, ...body];
  const i32 = 0x7f;
  const module = new WebAssembly.Module(
    Uint8Array.from([
      ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
      ...section(1, [2, 0x60, 2, i32, i32, 0, 0x60, 3, i32, i32, i32, 0]),
      ...section(2, [2, ...name('e'), ...name('hit'), 0, 0, ...name('e'), ...name('event'), 0, 1]),
      ...section(7, [2, ...name('hit'), 0, 0, ...name('event'), 0, 1]),
    ]),
  );
  return new WebAssembly.Instance(module, { e: { hit, event } }).exports as ReturnType<typeof trampolines>;
}
