/**
 * A slow reference for the control-flow log: the trace is replayed with the probes of hooks, one before every instruction,
 * and each instruction's address must be the one that the logged blocks say comes next.
 *
 * Both logs know an instruction's page from the engine. What neither has made is the guest's code: where a block ends with
 * a relative branch, the next one must be where the branch's bytes say; and an interrupt's location is what the engine has pushed.
 */
import { FlowKind, INSTRUCTIONS_MASK } from '../../src/engine/flow/area.ts';
import { At } from '../../src/engine/layout.ts';
import { Area, MAP_BITS, type ProbeEventName } from '../../src/engine/probes/area.ts';
import type { Probes } from '../../src/engine/probes/probes.ts';
import { GuestCpu } from '../../src/guest/cpu.ts';
import type { ReplayInput } from '../../src/replay/observer.ts';
import { replayTrace } from '../../src/replay/replay.ts';
import type { Replayer } from '../../src/replay/replayer.ts';
import { TraceFile } from '../../src/trace/trace-file.ts';
import { Log } from './flow-walk.ts';

/** What was compared. */
interface FlowTally {
  /** Instructions that the probes reported, each the next of a logged block. */
  instructions: number;
  /** Blocks, of both kinds. */
  blocks: number;
  interpreted: number;
  interrupts: number;
  /** IRET, SYSENTER, SYSEXIT. */
  returns: number;
  addressSpaces: number;
  /** Blocks that were left before their last instruction: an exception in one of them. */
  cut: number;
  /** The instructions that they did not execute. */
  cutInstructions: number;
  /** Instructions at the address of the one before, each the first of a block: a string instruction that goes on. */
  repeated: number;
  /** Relative branches at the ends of blocks, and those of them that were not taken. */
  branches: number;
  notTaken: number;
  adjustments: number;
  chunks: number;
  /** Locations: of reads of devices, of clock values and random numbers that instructions asked for, … */
  reads: number;
  values: number;
  /** … of DMA and interrupt lines, in an instruction, and between two. */
  inside: number;
  between: number;
  /** Interrupts whose location was found on the stack: those with 32-bit frames. */
  pushed: number;
}

/** Vectors below are the processor's own. */
const EXCEPTIONS = 32;
const RETURNS: Partial<Record<ProbeEventName, number>> = {
  iret: FlowKind.iret,
  sysenter: FlowKind.sysenter,
  sysexit: FlowKind.sysexit,
};
/** LOCK, REP, segment overrides, operand and address size. */
const PREFIXES = new Set([0xf0, 0xf2, 0xf3, 0x2e, 0x36, 0x3e, 0x26, 0x64, 0x65, 0x66, 0x67]);
const hex = (value: number): string => `0x${(value >>> 0).toString(16)}`;

class Reference {
  readonly tally: FlowTally = {
    instructions: 0,
    blocks: 0,
    interpreted: 0,
    interrupts: 0,
    returns: 0,
    addressSpaces: 0,
    cut: 0,
    cutInstructions: 0,
    repeated: 0,
    branches: 0,
    notTaken: 0,
    adjustments: 0,
    chunks: 0,
    reads: 0,
    values: 0,
    inside: 0,
    between: 0,
    pushed: 0,
  };
  private readonly log: Log;
  private cpu: GuestCpu | undefined;
  /** Instructions of the current block that are still to come, and the address of the last one. */
  private left = 0;
  /** The next one's instruction count. */
  private count = 0;
  private last = -1;
  /** No event since `last`. */
  private straight = false;
  /** A return instruction is logged before it is executed, and reported by the probe after. */
  private pending = -1;
  /** Where the last instruction, a relative branch, leads; and what follows it, if it is conditional. */
  private target = -1;
  private behind = -1;
  /** Where the next instruction must be: something came in before it. */
  private ahead = -1;
  /** The interrupt that has just been delivered pushed this, or something not far behind if an instruction asked for it. */
  private frame = -1;
  private software = false;
  /** The last instruction has read the clock. */
  private ticked = false;

  constructor(trace: TraceFile) {
    this.log = new Log(trace);
  }

  attach(cpu: GuestCpu): void {
    this.cpu = cpu;
  }

  /** @param instruction the count that the probe tells */
  hit(address: number, instruction: number): void {
    const { log, tally } = this;
    const distance = address - this.last;
    tally.instructions++;
    if (this.frame >= 0) this.checkFrame();
    if (this.ahead >= 0 && this.ahead !== address)
      this.fail(`${hex(address)} after an input before ${hex(this.ahead)}`);
    this.ahead = -1;
    this.ticked = false;
    if (this.left > 0) {
      if (distance < 1 || distance > 15) this.fail(`${hex(address)} inside a block`);
      this.left--;
    } else {
      if (log.over || log.kind > FlowKind.interpreted || log.value !== address) {
        this.fail(`${hex(address)} at the end of a block`);
      }
      if (log.locations.length > 0) this.fail(`${hex(address)} before inputs at ${log.locations.map(hex)}`);
      if (this.straight && this.target >= 0) this.branch(address);
      else if (this.straight && distance === 0) this.repeat(address);
      this.left = (log.info & INSTRUCTIONS_MASK) - 1;
      if (this.left < 0) this.fail('a block without instructions');
      this.count = log.sum;
      tally.blocks++;
      if (log.kind === FlowKind.interpreted) tally.interpreted++;
      log.next();
    }
    if (instruction !== this.count++)
      this.fail(`instruction ${instruction} at ${hex(address)}, not ${this.count - 1}`);
    this.last = address;
    this.straight = true;
    this.target = -1;
    if (this.left === 0) this.decode(address);
  }

  /** Notes where the instruction may lead, if it is a relative branch of 32-bit code. */
  private decode(address: number): void {
    const { memory, physical } = this.cpu!;
    if (physical.linear.getUint8(At.is32) === 0) return;
    const first = memory.u8(address) ?? 0;
    const second = memory.u8(address + 1) ?? 0;
    const near = first === 0x0f && second >>> 4 === 8 ? 2 : 1;
    let bytes: number;
    if (first === 0xe8 || first === 0xe9 || near === 2) bytes = near + 4;
    else if (first === 0xeb || first >>> 4 === 7 || (first >= 0xe0 && first <= 0xe3)) bytes = 2;
    else return;
    const offset = bytes === 2 ? (second << 24) >> 24 : (memory.i32(address + near) ?? 0);
    this.behind = first === 0xe8 || first === 0xe9 || first === 0xeb ? -1 : (address + bytes) >>> 0;
    this.target = (address + bytes + offset) >>> 0;
  }

  /** Only a string instruction goes on where it began. */
  private repeat(address: number): void {
    const { memory } = this.cpu!;
    let at = address;
    while (PREFIXES.has(memory.u8(at) ?? -1)) at++;
    const bytes = Array.from({ length: at - address }, (_, i) => memory.u8(address + i) as number);
    if (!bytes.some((byte) => byte === 0xf2 || byte === 0xf3)) this.fail(`${hex(address)} again`);
    this.tally.repeated++;
  }

  private branch(address: number): void {
    this.tally.branches++;
    if (address === this.behind) this.tally.notTaken++;
    else if (address !== this.target) this.fail(`${hex(address)} after a branch to ${hex(this.target)}`);
  }

  event(event: ProbeEventName, a: number, b: number): void {
    const { log, tally } = this;
    if (event === 'interrupt') {
      this.cut(a, b);
      this.enter();
      this.locateInterrupt(b !== 0);
      const value = (b << 8) | a;
      if (log.over || log.kind !== FlowKind.interrupt || log.value !== value)
        this.fail(`interrupt ${hex(value)}`);
      tally.interrupts++;
      log.next();
    } else if (event === 'controlRegister') {
      if (b !== 3) return;
      if (log.over || log.kind !== FlowKind.addressSpace || log.value !== this.cpu!.cr3) {
        this.fail(`CR3 ${hex(this.cpu!.cr3)}`);
      }
      tally.addressSpaces++;
      log.next();
    } else {
      this.enter();
      if (this.pending !== RETURNS[event]) this.fail(event);
      this.pending = -1;
    }
    this.straight = false;
  }

  /** The last location is the interrupt's; those before it are of what came in just before. */
  private locateInterrupt(software: boolean): void {
    const location = this.log.locations.pop() ?? this.fail('an interrupt without a location');
    if (this.log.locations.length > 0)
      this.fail(`an interrupt before inputs at ${this.log.locations.map(hex)}`);
    if (this.ahead >= 0 && this.ahead !== location)
      this.fail(`an interrupt at ${hex(location)} after an input before ${hex(this.ahead)}`);
    this.ahead = -1;
    if (software && location !== this.last) this.fail(`INT at ${hex(location)}`);
    this.frame = location;
    this.software = software;
  }

  /** At a handler's first instruction: the stack has EIP, perhaps behind an error code (Intel SDM 3A, 6.12.1). */
  private checkFrame(): void {
    const { memory, physical, esp } = this.cpu!;
    const { frame } = this;
    this.frame = -1;
    // Gates of 16 bits push words.
    if (physical.linear.getUint8(At.is32) === 0 || physical.linear.getUint8(At.protectedMode) === 0) return;
    const words = [memory.u32(esp), memory.u32(esp + 4)];
    const fits = (word: number | undefined): boolean =>
      word !== undefined && (this.software ? word - frame >= 1 && word - frame <= 15 : word === frame);
    if (!words.some(fits))
      this.fail(`an interrupt at ${hex(frame)} that pushed ${words.map((w) => hex(w ?? 0))}`);
    this.tally.pushed++;
  }

  /** The last instruction has read a device. */
  read(): void {
    this.tally.reads++;
    this.atLast('a read');
  }

  input(input: ReplayInput): void {
    if (input.kind === 'random') {
      this.tally.values++;
      this.atLast('a random number');
    } else if (input.kind === 'clock') {
      if (this.ticked || !this.readsClock()) return;
      this.ticked = true;
      this.tally.values++;
      this.atLast('a clock value');
    } else if (input.kind === 'dma' || input.raised) {
      const location = this.log.locations.shift() ?? this.fail(`${input.kind} without a location`);
      // In an instruction, one that writes to a port; or between two of them.
      if (location === this.last) this.tally.inside++;
      else {
        if (this.ahead >= 0 && this.ahead !== location)
          this.fail(`inputs before ${hex(this.ahead)} and ${hex(location)}`);
        this.ahead = location;
        this.tally.between++;
      }
    }
  }

  private atLast(what: string): void {
    const location = this.log.locations.shift();
    if (location !== this.last)
      this.fail(`${what} at ${location === undefined ? 'no location' : hex(location)}`);
  }

  /** RDTSC. */
  private readsClock(): boolean {
    const { memory } = this.cpu!;
    return this.last >= 0 && memory.u8(this.last) === 0x0f && memory.u8(this.last + 1) === 0x31;
  }

  /** A return instruction's record, if it is the next one: it is under way. */
  private enter(): void {
    const { log, tally } = this;
    if (log.over || log.kind < FlowKind.iret || log.kind > FlowKind.sysexit) return;
    if (this.pending >= 0) this.fail('two return instructions at once');
    this.pending = log.kind;
    tally.returns++;
    log.next();
  }

  /** Compiled blocks are logged whole, and an exception may leave one; nothing else does. */
  private cut(vector: number, software: number): void {
    if (this.left === 0) return;
    if (software !== 0 || vector >= EXCEPTIONS) this.fail(`interrupt ${hex(vector)} inside a block`);
    this.tally.cut++;
    this.tally.cutInstructions += this.left;
    this.left = 0;
  }

  end(instructions: number): FlowTally {
    const { log, tally } = this;
    if (this.left > 0) this.fail(`the end, ${this.left} instructions before that of a block`);
    if (!log.over) this.fail('the end');
    if (log.sum !== instructions) this.fail(`${log.sum} instructions in all, not ${instructions}`);
    return Object.assign(tally, { adjustments: log.adjustments, chunks: log.chunks });
  }

  private fail(what: string): never {
    const { log, left, last, tally } = this;
    const next = log.over
      ? 'nothing more'
      : `kind ${log.kind}, ${hex(log.value)}, ${log.info & INSTRUCTIONS_MASK}`;
    throw new Error(
      `${what}: after ${tally.instructions} instructions, the last at ${hex(last)}, with ${left} left in its block; ` +
        `the log has ${next}; ${JSON.stringify(tally)}`,
    );
  }
}

/** Everything is armed. */
function armAll(probes: Probes): void {
  for (const event of ['interrupt', 'iret', 'sysenter', 'sysexit', 'controlRegister'] as const) {
    probes.want(event, true);
  }
  probes.probeEveryInstruction();
  const inside = probes as unknown as { memory: WebAssembly.Memory; area: number; armed: object };
  new Uint8Array(inside.memory.buffer, inside.area + Area.map, 1 << MAP_BITS).fill(1);
  inside.armed = { has: () => true };
}

/** Replays a trace, and compares every instruction with its control-flow log. Throws at the first difference. */
export async function compareFlow(path: string): Promise<FlowTally> {
  const trace = TraceFile.open(path);
  const reference = new Reference(trace);
  let tally: FlowTally | undefined;
  let replayed: Replayer | undefined;
  try {
    await replayTrace(path, {
      probe: {
        handler: {
          hit: (address, counter) => reference.hit(address, replayed!.instructionAt(counter)),
          event: (event, a, b) => reference.event(event, a, b),
        },
        observer: {
          read: () => reference.read(),
          input: (input) => reference.input(input),
        },
        opened: (replayer) => {
          replayed = replayer;
          reference.attach(new GuestCpu(replayer.raw.memory, replayer.layout));
          armAll(replayer.probes!);
        },
        ended: (instructions) => {
          tally = reference.end(instructions);
        },
      },
    });
  } finally {
    trace.close();
  }
  return tally!;
}
