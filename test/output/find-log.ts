/** Logs made up for searching, and what a search must find in them, by the simplest means. */
import fc from 'fast-check';
import { Feed, type FeedOptions } from '../../src/output/find/feed.ts';
import { CHANNELS } from '../../src/output/find/find.ts';
import { type Match, Matches } from '../../src/output/find/match.ts';
import type { Pattern } from '../../src/output/find/pattern.ts';
import { createBatch, type EventBatch } from '../../src/trace/events.ts';
import { NESTED, Op, type OpName, opInfo, STATE_HASH_BYTES } from '../../src/trace/ops.ts';
import type { StreamRecord } from '../../src/trace/stream.ts';

/** An event; `bytes` are what it brings, if it brings any. */
export interface Step {
  readonly op: OpName;
  /** Port or address. */
  readonly at: number;
  readonly bytes: readonly number[];
  readonly inside: readonly Step[];
}

export interface ByteModel {
  readonly byte: number;
  readonly sequence: number;
  readonly instruction: number;
  readonly address: number;
}

/** Bytes that follow on one another, and how their channel is called. */
export interface Stretch {
  readonly name: string;
  readonly bytes: ByteModel[];
}

export const RAM_BYTES = 1 << 20;

/** Puts steps into batches, and takes down what is in them. */
export class Log {
  readonly batches: EventBatch[] = [];
  readonly stretches: Stretch[] = [];
  private readonly current = new Map<string, Stretch>();
  private instruction = 1000;
  private sequence = 0;

  add(steps: readonly Step[]): void {
    const batch = createBatch(2 * sizeOf(steps));
    batch.first = this.sequence;
    batch.instruction = this.instruction;
    for (const step of steps) this.step(batch, step);
    this.batches.push(batch);
  }

  private step(batch: EventBatch, { op, at, bytes, inside }: Step): void {
    const info = opInfo.get(Op[op])!;
    const nested = inside.length > 0;
    this.event(batch, Op[op] | (nested ? NESTED : 0));
    const place = { sequence: this.sequence - 1, instruction: this.instruction };
    const value = bytes.reduceRight((all, byte) => (all << 8) | byte, 0);
    if (info.args > 0) batch.arg[batch.args++] = at;
    if (info.args > 1) batch.arg[batch.args++] = op === 'dma' ? bytes.length : value;
    if (op === 'dma') putBlob(batch, bytes);
    // Hashes look like transferred bytes, and are none.
    if (op === 'state_hash') putBlob(batch, new Uint8Array(STATE_HASH_BYTES).fill(bytes[0]!));
    if (info.f64Args > 0) batch.float[batch.floats++] = 1.5;
    for (const one of inside) this.step(batch, one);
    if (nested) this.event(batch, Op.end);
    if (info.result === 'tick') batch.tick[batch.ticks++] = 1;
    else if (info.result === 'check') batch.check[batch.checks++] = 1;
    else if (info.result !== 'none') batch.value[batch.values++] = value;
    if (op.startsWith('io_port_read')) this.bytes(`port ${at}`, bytes, at, place, true);
    else if (op.startsWith('mmap_read')) this.bytes(`mmio ${at >>> 12}`, bytes, at, place, true);
    else if (op === 'dma') this.bytes('store', bytes, at, place, false);
    else if (op.startsWith('write')) {
      const end = at + bytes.length;
      const video = end > 0xa0000 && at < 0xc0000;
      if (end <= RAM_BYTES && !video) this.bytes('write', bytes, at, place, false);
    }
  }

  private event(batch: EventBatch, byte: number): void {
    const ahead = (this.sequence * 7) % 13;
    batch.op[batch.count] = byte;
    batch.instructions[batch.count] = ahead;
    batch.quiet[batch.count++] = 0;
    this.instruction += ahead;
    this.sequence++;
  }

  private bytes(
    name: string,
    bytes: readonly number[],
    address: number,
    place: { sequence: number; instruction: number },
    always: boolean,
  ): void {
    if (bytes.length === 0) return;
    let stretch = this.current.get(name);
    const last = stretch?.bytes.at(-1);
    if (stretch === undefined || (!always && last?.address !== address - 1)) {
      stretch = { name, bytes: [] };
      this.current.set(name, stretch);
      this.stretches.push(stretch);
    }
    bytes.forEach((byte, i) => {
      stretch.bytes.push({ byte, address: address + i, ...place });
    });
  }
}

const sizeOf = (steps: readonly Step[]): number =>
  steps.reduce((size, { inside }) => size + 1 + sizeOf(inside), 0);

function putBlob(batch: EventBatch, bytes: ArrayLike<number>): void {
  const blob = new Uint8Array(batch.blobBytes + bytes.length);
  blob.set(batch.blob.subarray(0, batch.blobBytes));
  blob.set(bytes, batch.blobBytes);
  batch.blob = blob;
  batch.blobBytes = blob.length;
}

/** What of a match is compared. */
export interface Told {
  readonly name: string;
  readonly first: readonly [instruction: number, sequence: number];
  readonly last: readonly [instruction: number, sequence: number];
  readonly address?: number;
  readonly bytes: string;
  readonly before: string;
  readonly after: string;
}

/** @param each the matches in the text of one stretch: [start, end) */
export function naive(
  stretches: readonly Stretch[],
  context: number,
  each: (text: Buffer) => (readonly [number, number])[],
): Told[] {
  return stretches.flatMap(({ name, bytes }) => {
    const text = Buffer.from(bytes.map(({ byte }) => byte));
    const place = (at: number) => [bytes[at]!.instruction, bytes[at]!.sequence] as const;
    const part = (from: number, to: number) => text.toString('hex', Math.max(0, from), to);
    return each(text).map(([start, end]) => ({
      name,
      first: place(start),
      last: place(end - 1),
      ...(!name.startsWith('port') && { address: bytes[start]!.address }),
      bytes: part(start, end),
      before: part(start - context, start),
      after: part(end, end + context),
    }));
  });
}

/** All places of a needle in a text that do not overlap. */
export function places(text: Buffer, needle: Uint8Array): (readonly [number, number])[] {
  const found: [number, number][] = [];
  for (let at = text.indexOf(needle); at >= 0; at = text.indexOf(needle, at + needle.length))
    found.push([at, at + needle.length]);
  return found;
}

export function told({ source, first, last, address, bytes, before, after }: Match): Told {
  const { kind, port, by } = source;
  const names = { port: `port ${port}`, mmio: `mmio ${(address ?? 0) >>> 12}`, dma: String(by) };
  const hex = (part: Uint8Array) => Buffer.from(part).toString('hex');
  return {
    name: kind === 'console' || kind === 'net' ? kind : names[kind],
    first: [first.instruction, first.sequence ?? -1],
    last: [last.instruction, last.sequence ?? -1],
    ...(address !== undefined && { address }),
    bytes: hex(bytes),
    before: hex(before),
    after: hex(after),
  };
}

/** In one order, whatever it was. */
export const sorted = (all: readonly Told[]): string[] => all.map((one) => JSON.stringify(one)).sort();

export interface SearchOptions extends Partial<FeedOptions> {
  readonly pattern: Pattern;
  readonly records?: readonly StreamRecord[];
  readonly matches?: Matches;
}

/** Searches batches and console records, in the order in which matches are told. */
export function searchLog(batches: readonly EventBatch[], options: SearchOptions): Match[] {
  const { matches = new Matches(), records = [] } = options;
  const feed = new Feed({
    context: 0,
    kinds: new Set(CHANNELS),
    port: undefined,
    out: false,
    from: 0,
    to: Number.POSITIVE_INFINITY,
    ramBytes: RAM_BYTES,
    onMatch: (match) => matches.add(match),
    full: () => matches.full,
    ...options,
  });
  const all: Match[] = [];
  for (const batch of batches) for (const _ of feed.events(batch)) all.push(...matches.takeHalf());
  for (const kind of ['console', 'net'] as const)
    for (const _ of feed.records(kind, records)) all.push(...matches.takeHalf());
  for (const _ of feed.finish()) all.push(...matches.takeHalf());
  return [...all, ...matches.takeAll()];
}

const reads = {
  io_port_read8: 1,
  io_port_read16: 2,
  io_port_read32: 4,
  mmap_read8: 1,
  mmap_read32: 4,
} as const;
const writes = { write8: 1, write16: 2, write32: 4 } as const;
const others = [
  'microtick',
  'get_rand_int',
  'device_raise_irq',
  'io_port_write8',
  'state_hash',
  'patch',
] as const;

/** Steps whose bytes are of a small alphabet, so that needles nearly match at every turn. */
export function stepsOf(alphabet: readonly number[]): fc.Arbitrary<Step[]> {
  const byte = fc.constantFrom(...alphabet);
  const bytes = (count: number) => fc.array(byte, { minLength: count, maxLength: count });
  const read = (inside: fc.Arbitrary<Step[]>): fc.Arbitrary<Step> =>
    fc.constantFrom(...(Object.keys(reads) as (keyof typeof reads)[])).chain((op) =>
      fc.record({
        op: fc.constant(op),
        at: op.startsWith('io') ? fc.constantFrom(0x60, 0x3f8) : fc.constantFrom(0xfee00ffc, 0xfee01000),
        bytes: bytes(reads[op]),
        inside,
      }),
    );
  const plain = fc.constant<Step[]>([]);
  const store = fc.record({
    op: fc.constant('dma' as const),
    at: fc.constantFrom(0, 4, 8, 12, 0x9000),
    bytes: fc.oneof(bytes(4), fc.array(byte, { maxLength: 9 })),
    inside: plain,
  });
  const write = fc.constantFrom(...(Object.keys(writes) as (keyof typeof writes)[])).chain((op) =>
    fc.record({
      op: fc.constant(op),
      at: fc.constantFrom(0, 1, 2, 4, 6, 0xa0000, RAM_BYTES - 2, RAM_BYTES),
      bytes: bytes(writes[op]),
      inside: plain,
    }),
  );
  const other = fc.record({
    op: fc.constantFrom(...others),
    at: fc.constantFrom(0, 0x3f8),
    // A random number looks like a read, and is none.
    bytes: bytes(4),
    inside: plain,
  });
  const leaf = fc.oneof(read(plain), store, write, other);
  const inside = fc.oneof(
    { weight: 3, arbitrary: plain },
    { weight: 1, arbitrary: fc.array(leaf, { maxLength: 2 }) },
  );
  const loop = fc.record({
    op: fc.constant('main_loop' as const),
    at: fc.constant(0),
    bytes: fc.constant<number[]>([]),
    inside: fc.array(fc.oneof(read(inside), store), { minLength: 1, maxLength: 6 }),
  });
  return fc.array(fc.oneof(leaf, read(inside), loop), { maxLength: 60, size: 'max' });
}
