/** The events of the input log that somebody wants. */
import type { EventBatch } from './events.ts';
import type { InputPlaces } from './input-places.ts';
import {
  argCount,
  f64ArgCount,
  NESTED,
  Op,
  type OpClass,
  opInfo,
  resultKind,
  STATE_HASH_BYTES,
} from './ops.ts';

/**
 * What an event is about, by name. `port`, `mmio`, `dma`: I/O ports, memory of devices, and devices that access the guest’s
 * memory; `irq`: interrupt lines; `clock`: times that the CPU half got; `timer`: when it was told to look at its timers;
 * `random`; `run`: the CPU half executes; `cpu`: it halts, is woken up or reset, its state or its caches are changed; `vga`;
 * `hash`: hashes of the guest’s state.
 */
export const inputKinds = {
  port: [
    Op.io_port_read8,
    Op.io_port_read16,
    Op.io_port_read32,
    Op.io_port_write8,
    Op.io_port_write16,
    Op.io_port_write32,
  ],
  mmio: [
    Op.mmap_read8,
    Op.mmap_read32,
    Op.mmap_write8,
    Op.mmap_write16,
    Op.mmap_write32,
    Op.mmap_write64,
    Op.mmap_write128,
  ],
  dma: [Op.dma, Op.write8, Op.write16, Op.write32, Op.zero_memory, Op.read8, Op.read16, Op.read32s],
  irq: [Op.device_raise_irq, Op.device_lower_irq, Op.handle_irqs],
  clock: [Op.microtick, Op.set_tsc, Op.store_current_tsc],
  timer: [Op.run_hardware_timers, Op.apic_timer],
  random: [Op.get_rand_int],
  run: [Op.main_loop],
  cpu: [
    Op.stop_idling,
    Op.cpu_event_halt,
    Op.console_log_from_wasm,
    Op.reset_cpu,
    Op.update_state_flags,
    Op.clear_tlb,
    Op.full_clear_tlb,
    Op.jit_clear_cache_js,
    Op.patch,
  ],
  vga: [Op.vga_clear, Op.svga_mark_dirty, Op.svga_fill_pixel_buffer, Op.svga_allocate_dest_buffer],
  hash: [Op.state_hash],
} as const satisfies Record<string, readonly Op[]>;
export type InputKind = keyof typeof inputKinds;

/** Both inclusive, `first` not above `last`. */
export interface NumberRange {
  readonly first: number;
  readonly last: number;
}

/** What is wanted: all that fits everything given here. The end of an event goes with its beginning. */
export interface InputQuery {
  /** First and last guest instruction count, inclusive. */
  readonly from?: number;
  readonly to?: number;
  readonly kinds?: readonly InputKind[];
  /** Only accesses to these I/O ports. */
  readonly ports?: NumberRange;
  /** Only accesses to device memory (`mmio`) or by devices (`dma`) that touch these guest-physical addresses. */
  readonly addresses?: NumberRange;
}

/** One event of the nondeterministic log. Numbers that are addresses, ports or bit patterns are unsigned. */
export interface InputEvent {
  readonly sequence: number;
  /**
   * Guest instructions executed. In a call from generated code: up to where the CPU half entered that code, so
   * a few thousand too low at most.
   */
  readonly instruction: number;
  /** How deep inside other calls, 0 at top level. */
  readonly depth: number;
  readonly op: string;
  readonly class: OpClass;
  readonly kind: InputKind;
  /** Output calls since the event before that had nothing inside. */
  readonly quiet: number;
  /**
   * Where the CPU was when it came in, if that is known (it is in the control-flow log): the address of the instruction that
   * asked for it, or, if it came between two of them, of the next one. Virtual; and CR3.
   */
  readonly eip?: number;
  readonly asid?: number;
  readonly args?: readonly number[];
  /** What an input returned; with events inside, it stands at the `end`. Ticks are ms. */
  readonly result?: number;
  /** Bytes of a DMA transfer, or the hashes of a `state_hash`, hexadecimal. */
  readonly data?: string;
}

/** Of an access, in bytes; those of the others stand in their second argument. */
const WIDTHS: ReadonlyMap<number, number> = new Map([
  [Op.mmap_read8, 1],
  [Op.mmap_read32, 4],
  [Op.mmap_write8, 1],
  [Op.mmap_write16, 2],
  [Op.mmap_write32, 4],
  [Op.mmap_write64, 8],
  [Op.mmap_write128, 16],
  [Op.write8, 1],
  [Op.write16, 2],
  [Op.write32, 4],
  [Op.read8, 1],
  [Op.read16, 2],
  [Op.read32s, 4],
]);

const kindOf = new Map<number, InputKind>(
  (Object.keys(inputKinds) as InputKind[]).flatMap((kind) =>
    inputKinds[kind].map((op): [number, InputKind] => [op, kind]),
  ),
);

/** Columns that an event's result can be in. */
const [NONE, TICK, VALUE, CHECK] = [0, 1, 2, 3];
const columnOf = Uint8Array.from(resultKind, (kind) => {
  if (kind === 'none') return NONE;
  return kind === 'tick' ? TICK : kind === 'check' ? CHECK : VALUE;
});

/** Looks for wanted events in a batch. There can be many millions of the others: they cost no call and no object. */
export class InputScan {
  private readonly from: number;
  private readonly to: number;
  /** By op: 1 if it is wanted. */
  private readonly ops = new Uint8Array(NESTED);
  /** Of the first argument, where that is asked for. */
  private readonly range: NumberRange | undefined;

  private batch: EventBatch | undefined;
  /** Of the next event. */
  private at = 0;
  private arg = 0;
  private value = 0;
  private tick = 0;
  private float = 0;
  private check = 0;
  private blob = 0;
  /** Instruction count of the last one. */
  private now = 0;
  /** Events that the next one is inside of: their ops, and whether they are wanted. */
  private readonly open: { code: number; wanted: boolean }[] = [];

  private readonly places: InputPlaces | undefined;

  /** @param places tells where the CPU was; the batches must then begin where it wants */
  constructor(query: InputQuery, places?: InputPlaces) {
    this.places = places;
    const { from = 0, to = Number.POSITIVE_INFINITY, kinds, ports, addresses } = query;
    this.from = from;
    this.to = to;
    this.range = ports ?? addresses;
    let wanted = new Set<InputKind>(kinds ?? kindOf.values());
    if (ports !== undefined) wanted = new Set([...wanted].filter((kind) => kind === 'port'));
    if (addresses !== undefined)
      wanted = new Set([...wanted].filter((kind) => kind === 'mmio' || kind === 'dma'));
    for (const [op, kind] of kindOf) this.ops[op] = wanted.has(kind) ? 1 : 0;
  }

  begin(batch: EventBatch): void {
    this.batch = batch;
    this.at = this.arg = this.value = this.tick = this.float = this.check = this.blob = 0;
    this.now = batch.instruction;
    // A batch begins at top level.
    this.open.length = 0;
  }

  /** The next wanted event of the batch; undefined if there is none. */
  next(): InputEvent | undefined {
    const { batch, open, ops, from, to, places } = this;
    if (batch === undefined) return undefined;
    while (this.at < batch.count) {
      const i = this.at++;
      const byte = batch.op[i]!;
      const code = byte & ~NESTED;
      this.now += batch.instructions[i]!;
      let wanted: boolean;
      let ended: number | undefined;
      if (code === Op.end) {
        const opened = open.pop()!;
        ended = opened.code;
        wanted = opened.wanted;
      } else wanted = ops[code] === 1 && this.touches(batch, code);
      const located = places?.find(batch, i, open) ?? false;
      const depth = open.length;
      if (byte & NESTED) open.push({ code, wanted });
      if (wanted && this.now >= from && this.now <= to)
        return this.take(batch, i, code, ended, depth, located);
      this.skip(batch, byte, ended ?? code);
    }
    return undefined;
  }

  /** Does the access that begins here lie in the range that is asked for? */
  private touches(batch: EventBatch, code: number): boolean {
    const { range } = this;
    if (range === undefined) return true;
    const address = batch.arg[this.arg]! >>> 0;
    if (kindOf.get(code) === 'port') return address >= range.first && address <= range.last;
    const bytes = WIDTHS.get(code) ?? batch.arg[this.arg + 1]! >>> 0;
    return address <= range.last && address + Math.max(1, bytes) > range.first;
  }

  /** @param of the event that has a result here */
  private skip(batch: EventBatch, byte: number, of: number): void {
    const code = byte & ~NESTED;
    this.blob += blobBytes(batch, code, this.arg);
    this.arg += argCount[code]!;
    this.float += f64ArgCount[code]!;
    if (byte & NESTED) return;
    const column = columnOf[of]!;
    if (column === VALUE) this.value++;
    else if (column === TICK) this.tick++;
    else if (column === CHECK) this.check++;
  }

  private take(
    batch: EventBatch,
    i: number,
    code: number,
    ended: number | undefined,
    depth: number,
    located: boolean,
  ): InputEvent {
    const { arg, float, value, tick, check, blob } = this;
    this.skip(batch, batch.op[i]!, ended ?? code);
    const info = opInfo.get(code)!;
    const begun = ended === undefined ? info : opInfo.get(ended)!;
    const args: number[] = [];
    for (let at = arg; at < this.arg; at++) args.push(batch.arg[at]! >>> 0);
    for (let at = float; at < this.float; at++) args.push(batch.float[at]!);
    const result =
      this.value > value
        ? batch.value[value]! >>> 0
        : this.tick > tick
          ? batch.tick[tick]!
          : this.check > check
            ? batch.check[check]!
            : undefined;
    return {
      sequence: batch.first + i,
      instruction: this.now,
      depth,
      op: ended === undefined ? info.name : `end of ${begun.name}`,
      class: info.class,
      kind: kindOf.get(ended ?? code)!,
      quiet: batch.quiet[i]!,
      ...(located && { eip: this.places!.eip, asid: this.places!.asid }),
      ...(args.length > 0 && { args }),
      ...(result !== undefined && { result }),
      ...(this.blob > blob || code === Op.dma
        ? { data: Buffer.from(batch.blob.subarray(blob, this.blob)).toString('hex') }
        : {}),
    };
  }
}

function blobBytes(batch: EventBatch, code: number, arg: number): number {
  if (code === Op.dma) return batch.arg[arg + 1]! >>> 0;
  return code === Op.state_hash ? STATE_HASH_BYTES : 0;
}
