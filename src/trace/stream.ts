/**
 * Side streams: what people would look at first, kept beside the log with its instruction counts. A replay
 * does not need them, so their chunks are optional.
 */
import { RebekError } from '../base/errors.ts';
import { VarintReader, VarintWriter } from '../base/varint.ts';
import type { EventFields } from './events.ts';

/** `CONS`: bytes on serial consoles. `NETF`: Ethernet frames. `DBUG`: bytes written to I/O port 0xE9. */
export type StreamType = 'CONS' | 'NETF' | 'DBUG';

/** Bit 0 of a record's channel: 1 if it went into the guest. The bits above are the port's number. */
export const INTO_GUEST = 1;

/** One record of a side stream. */
export interface StreamRecord {
  /** Guest instructions executed when it happened. */
  readonly instruction: number;
  /** Port number (serial port or NIC), from 0. */
  readonly port: number;
  readonly direction: 'in' | 'out';
  readonly bytes: Uint8Array;
}

/** Collects records; typed at keyboard speed or at line rate, it allocates only when its buffer grows. */
export class StreamBatch {
  records = 0;
  private instructions = new VarintWriter(1024);
  private channels = new VarintWriter(256);
  private lengths = new VarintWriter(256);
  private buffer = new Uint8Array(4096);
  private size = 0;
  private last = 0;
  private first = 0;
  /** Bytes so far of a record that `put` may still add to; -1 if there is none. */
  private open = -1;

  /** A record of its own. */
  add(instruction: number, channel: number, bytes: ArrayLike<number>): void {
    this.begin(instruction, channel);
    this.lengths.push(bytes.length);
    this.reserve(bytes.length);
    this.buffer.set(bytes, this.size);
    this.size += bytes.length;
  }

  /**
   * The lowest `bytes` bytes of `value`, the lowest first, on channel 0. What is put at the same instruction becomes
   * one record.
   */
  put(instruction: number, value: number, bytes: 1 | 2 | 4): void {
    if (this.open < 0 || instruction !== this.last) {
      this.begin(instruction, 0);
      this.open = 0;
    }
    this.reserve(bytes);
    for (let i = 0; i < bytes; i++) this.buffer[this.size++] = value >>> (8 * i);
    this.open += bytes;
  }

  private begin(instruction: number, channel: number): void {
    this.finishRecord();
    if (this.records === 0) this.first = this.last = instruction;
    this.records++;
    this.instructions.push(instruction - this.last);
    this.last = instruction;
    this.channels.push(channel);
  }

  private finishRecord(): void {
    if (this.open >= 0) this.lengths.push(this.open);
    this.open = -1;
  }

  private reserve(bytes: number): void {
    if (this.size + bytes <= this.buffer.length) return;
    const buffer = new Uint8Array(Math.max(this.buffer.length * 2, this.size + bytes));
    buffer.set(this.buffer.subarray(0, this.size));
    this.buffer = buffer;
  }

  get bytes(): number {
    return this.size;
  }

  /** A copy of the bytes of all records, one after the other. */
  get data(): Uint8Array {
    return this.buffer.slice(0, this.size);
  }

  /** Instruction count of the first record. */
  get instruction(): number {
    return this.first;
  }

  /** The chunk's map; the batch is empty afterwards. */
  take(): Record<string, unknown> {
    this.finishRecord();
    const body = {
      records: this.records,
      instruction: this.first,
      ins: this.instructions.finish().slice(),
      chan: this.channels.finish().slice(),
      len: this.lengths.finish().slice(),
      data: this.data,
    };
    this.records = this.size = 0;
    this.instructions = new VarintWriter(1024);
    this.channels = new VarintWriter(256);
    this.lengths = new VarintWriter(256);
    return body;
  }
}

/** @throws RebekError ERR_TRACE_STREAM if the columns do not fit each other. */
export function decodeStream(fields: EventFields): StreamRecord[] {
  const damaged = (what: string): RebekError =>
    new RebekError('ERR_TRACE_STREAM', `a side stream's chunk contradicts itself: ${what}`, { exitCode: 4 });
  try {
    const count = fields.number('records');
    const [ins, chan, len] = ['ins', 'chan', 'len'].map((name) => new VarintReader(fields.bin(name)));
    const data = fields.bin('data');
    const out: StreamRecord[] = [];
    let instruction = fields.number('instruction');
    let at = 0;
    for (let i = 0; i < count; i++) {
      instruction += ins!.next();
      const channel = chan!.next();
      const from = at;
      at += len!.next();
      if (at > data.length) throw damaged('its records are longer than its data');
      const direction = channel & INTO_GUEST ? 'in' : 'out';
      out.push({ instruction, port: channel >> 1, direction, bytes: data.subarray(from, at) });
    }
    if (at !== data.length || !ins!.done || !chan!.done || !len!.done)
      throw damaged('its columns differ in length');
    return out;
  } catch (error) {
    if (error instanceof RangeError) throw damaged(error.message);
    throw error;
  }
}
