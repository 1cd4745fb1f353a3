/** Takes the bytes out of the log and the side streams, and sorts them into channels. */
import { RebekError } from '../../base/errors.ts';
import { VGA_WINDOW } from '../../engine/layout.ts';
import type { EventBatch } from '../../trace/events.ts';
import { argCount, NESTED, Op, resultKind, STATE_HASH_BYTES } from '../../trace/ops.ts';
import type { StreamRecord } from '../../trace/stream.ts';
import { Channel, type Search } from './channel.ts';
import type { ChannelKind, Source } from './match.ts';

/** Ports, pages and lines that are followed at once; a PC has some dozens. */
const MOST_CHANNELS = 512;
const PAGE_SHIFT = 12;

export interface FeedOptions extends Search {
  readonly kinds: ReadonlySet<ChannelKind>;
  /** Only this I/O port. */
  readonly port: number | undefined;
  /** Also what left the guest. */
  readonly out: boolean;
  /** First and last instruction count. */
  readonly from: number;
  readonly to: number;
  readonly ramBytes: number;
  /** Whether matches must be taken away before there are more. */
  readonly full: () => boolean;
}

/** Bytes of a value that the log has as the result or the argument of an op; 0: of none. */
const width = new Uint8Array(128);
for (const op of [Op.io_port_read8, Op.mmap_read8, Op.write8]) width[op] = 1;
for (const op of [Op.io_port_read16, Op.write16]) width[op] = 2;
for (const op of [Op.io_port_read32, Op.mmap_read32, Op.write32]) width[op] = 4;
/** 1: the op takes a value from the batch's `value`. */
const hasValue = Uint8Array.from(resultKind, (kind) => (kind[0] === 'v' ? 1 : 0));

/** Its generators yield nothing; they stop where matches must be taken away. */
export class Feed {
  private readonly options: FeedOptions;
  private readonly channels = new Map<number | string, Channel>();
  private readonly stores: Channel;
  private readonly writes: Channel;

  constructor(options: FeedOptions) {
    this.options = options;
    const dma = (by: 'store' | 'write'): Channel =>
      new Channel({ kind: 'dma', direction: 'in', by }, options);
    this.stores = dma('store');
    this.writes = dma('write');
  }

  /** @throws RebekError ERR_TRACE_EVENTS: its bytes are fewer than its events say */
  *events(batch: EventBatch): Generator<undefined> {
    const { op, arg, value, instructions, count } = batch;
    const { from, to, kinds, full } = this.options;
    const dma = kinds.has('dma');
    /** Of the open events: code, argument, instruction count, sequence number. */
    const open: number[] = [];
    let { instruction } = batch;
    let arguments_ = 0;
    let values = 0;
    let blob = 0;
    for (let i = 0; i < count; i++) {
      const byte = op[i]!;
      const code = byte & ~NESTED;
      instruction += instructions[i]!;
      const first = arg[arguments_]!;
      const second = arg[arguments_ + 1]!;
      arguments_ += argCount[code]!;
      const inside = instruction >= from && instruction <= to;
      if (code === Op.end) {
        // What an event with others inside has returned stands here; it is told with its own place.
        const sequence = open.pop()!;
        const at = open.pop()!;
        const address = open.pop()!;
        const ended = open.pop()!;
        if (hasValue[ended]! === 1) this.read(ended, address, value[values++]!, at, sequence);
      } else if ((byte & NESTED) !== 0) {
        open.push(code, first, instruction, batch.first + i);
      } else if (hasValue[code]! === 1) {
        this.read(code, first, value[values++]!, instruction, batch.first + i);
      }
      if (code === Op.dma) {
        const bytes = second >>> 0;
        const data = batch.blob.subarray(blob, blob + bytes);
        if (data.length < bytes) throw tooFew(batch.first + i);
        blob += bytes;
        if (dma && inside && bytes > 0) yield* this.store(data, first >>> 0, instruction, batch.first + i);
      } else if (code === Op.state_hash) blob += STATE_HASH_BYTES;
      else if (code >= Op.write8 && code <= Op.write32 && dma && inside) {
        this.write(first >>> 0, second, width[code]!, instruction, batch.first + i);
      }
      if (full()) yield;
    }
  }

  /** Console bytes or frames. */
  *records(kind: 'console' | 'net', records: Iterable<StreamRecord>): Generator<undefined> {
    const { from, to, out, full } = this.options;
    for (const { instruction, port, direction, bytes } of records) {
      if (instruction < from || instruction > to || (direction === 'out' && !out)) continue;
      const channel = this.channel(`${kind} ${port} ${direction}`, () => ({ kind, direction, port }));
      yield* this.pushAll(channel, bytes, 0, instruction, -1);
      // A frame is whole; what follows is another one.
      if (kind === 'net') channel.finish();
      if (full()) yield;
    }
  }

  /** Nothing comes any more. */
  *finish(): Generator<undefined> {
    for (const channel of [this.stores, this.writes, ...this.channels.values()]) {
      channel.finish();
      if (this.options.full()) yield;
    }
  }

  private read(code: number, argument: number, value: number, instruction: number, sequence: number): void {
    const { kinds, port, from, to } = this.options;
    if (instruction < from || instruction > to || width[code] === 0) return;
    const address = argument >>> 0;
    if (code >= Op.mmap_read8) {
      if (!kinds.has('mmio')) return;
      const page = address >>> PAGE_SHIFT;
      // Ports are the keys below.
      const channel = this.channel(0x10000 + page, () => ({ kind: 'mmio', direction: 'in' }));
      channel.pushValue(value, width[code]!, address, instruction, sequence);
    } else if (kinds.has('port') && (port === undefined || port === address)) {
      const channel = this.channel(address & 0xffff, () => ({
        kind: 'port',
        direction: 'in',
        port: address,
      }));
      channel.pushValue(value, width[code]!, address, instruction, sequence);
    }
  }

  /** One store goes on where the last one ended, or begins a stretch of its own. */
  private *store(
    data: Uint8Array,
    address: number,
    instruction: number,
    sequence: number,
  ): Generator<undefined> {
    if (this.stores.next !== address) this.stores.finish();
    yield* this.pushAll(this.stores, data, address, instruction, sequence);
  }

  private write(address: number, value: number, bytes: number, instruction: number, sequence: number): void {
    const end = address + bytes;
    // Elsewhere it is a device's register, or video memory.
    if (end > this.options.ramBytes || (end > VGA_WINDOW.start && address < VGA_WINDOW.end)) return;
    if (this.writes.next !== address) this.writes.finish();
    this.writes.pushValue(value, bytes, address, instruction, sequence);
  }

  private *pushAll(
    channel: Channel,
    data: Uint8Array,
    address: number,
    instruction: number,
    sequence: number,
  ): Generator<undefined> {
    for (let from = 0; from < data.length; ) {
      from += channel.push(data, from, address, instruction, sequence);
      if (this.options.full()) yield;
    }
  }

  private channel(key: number | string, source: () => Source): Channel {
    let channel = this.channels.get(key);
    if (channel === undefined) {
      if (this.channels.size >= MOST_CHANNELS) this.endHalf();
      channel = new Channel(source(), this.options);
      this.channels.set(key, channel);
    }
    return channel;
  }

  /** Ends the channels on which nothing has happened for longest. */
  private endHalf(): void {
    const all = [...this.channels].sort(([, a], [, b]) => a.lastUsed - b.lastUsed);
    for (const [key, channel] of all.slice(0, all.length >> 1)) {
      channel.finish();
      this.channels.delete(key);
    }
  }
}

function tooFew(sequence: number): RebekError {
  return new RebekError(
    'ERR_TRACE_EVENTS',
    `an event chunk contradicts itself: the bytes of event ${sequence} are not all there`,
    { exitCode: 4, details: { event: sequence } },
  );
}
