/**
 * Event chunks (`EVTS`): a batch of events as raw typed arrays, as the recorder fills and the replayer reads
 * them, and its columnar form in the file. FORMAT.md specifies the columns.
 */
import { RebekError } from '../base/errors.ts';
import { VarintReader, VarintWriter } from '../base/varint.ts';
import { argCount, f64ArgCount, NESTED, Op, type ResultKind, resultKind } from './ops.ts';

/**
 * Events in order. Each array has its own fill level; `op` says which of them an event takes values from.
 * A batch begins and ends at top level: no call is open across its borders.
 */
export interface EventBatch {
  /** Index of the first event in the whole trace. */
  first: number;
  /** Guest instruction count before the first event. */
  instruction: number;
  count: number;
  op: Uint8Array;
  /** Instructions executed since the event before (u32). */
  instructions: Uint32Array;
  /** Quiet output calls since the event before. */
  quiet: Uint32Array;
  args: number;
  arg: Int32Array;
  values: number;
  value: Int32Array;
  ticks: number;
  /** Results of `microtick`, in ms. */
  tick: Float64Array;
  floats: number;
  float: Float64Array;
  checks: number;
  check: Uint32Array;
  blobBytes: number;
  blob: Uint8Array;
}

export function createBatch(capacity: number): EventBatch {
  return {
    first: 0,
    instruction: 0,
    count: 0,
    op: new Uint8Array(capacity),
    instructions: new Uint32Array(capacity),
    quiet: new Uint32Array(capacity),
    args: 0,
    // No event has more than two arguments or two values in any other column.
    arg: new Int32Array(capacity * 2),
    values: 0,
    value: new Int32Array(capacity),
    ticks: 0,
    tick: new Float64Array(capacity),
    floats: 0,
    float: new Float64Array(capacity * 2),
    checks: 0,
    check: new Uint32Array(capacity),
    blobBytes: 0,
    blob: new Uint8Array(1 << 16),
  };
}

/** Calls `visit` with the result kind of every value that the batch's events return, in order. */
function eachResult(op: Uint8Array, count: number, visit: (kind: ResultKind) => void): void {
  const open: ResultKind[] = [];
  for (let i = 0; i < count; i++) {
    const byte = op[i]!;
    const code = byte & ~NESTED;
    if (code === Op.end) {
      const kind = open.pop();
      if (kind === undefined) throw new RangeError(`event ${i} ends a call that is not open`);
      visit(kind);
    } else if (byte & NESTED) open.push(resultKind[code]!);
    else visit(resultKind[code]!);
  }
  if (open.length > 0) throw new RangeError(`${open.length} calls are still open at the end of the chunk`);
}

/** The `EVTS` chunk's map. */
export function encodeEvents(batch: EventBatch): Record<string, unknown> {
  const { count } = batch;
  const instructions = new VarintWriter(count * 2);
  const quiet = new VarintWriter(count);
  for (let i = 0; i < count; i++) {
    instructions.push(batch.instructions[i]!);
    quiet.push(batch.quiet[i]!);
  }
  const arg = new VarintWriter(batch.args * 2);
  let previous = 0;
  for (let i = 0; i < batch.args; i++) {
    const value = batch.arg[i]!;
    arg.pushSigned(value - previous);
    previous = value;
  }
  const v8 = new Uint8Array(batch.values);
  const v16 = new Uint16Array(batch.values);
  const v32 = new Int32Array(batch.values);
  let n8 = 0;
  let n16 = 0;
  let n32 = 0;
  let at = 0;
  eachResult(batch.op, count, (kind) => {
    if (kind === 'v8') v8[n8++] = batch.value[at++]!;
    else if (kind === 'v16') v16[n16++] = batch.value[at++]!;
    else if (kind === 'v32') v32[n32++] = batch.value[at++]!;
  });
  return {
    first: batch.first,
    instruction: batch.instruction,
    count,
    op: batch.op.slice(0, count),
    ins: instructions.finish(),
    quiet: quiet.finish(),
    args: batch.args,
    arg: arg.finish(),
    v8: v8.subarray(0, n8),
    v16: littleEndian(v16.subarray(0, n16)),
    v32: littleEndian(v32.subarray(0, n32)),
    ...encodeTicks(batch.tick.subarray(0, batch.ticks)),
    f64: littleEndian(batch.float.subarray(0, batch.floats)),
    check: littleEndian(batch.check.subarray(0, batch.checks)),
    blob: batch.blob.subarray(0, batch.blobBytes),
  };
}

/**
 * Node's clock counts whole nanoseconds and gives milliseconds: dividing back is exact, so most chunks hold
 * differences of integers. One value that is not exact turns the chunk's column into plain doubles.
 */
function encodeTicks(ticks: Float64Array): Record<string, unknown> {
  const deltas = new VarintWriter(ticks.length * 3);
  let previous = 0;
  for (const ms of ticks) {
    const ns = Math.round(ms * 1e6);
    if (ns / 1e6 !== ms || !Number.isSafeInteger(ns)) return { tick: littleEndian(ticks), tickUnit: 'ms' };
    deltas.pushSigned(ns - previous);
    previous = ns;
  }
  return { tick: deltas.finish(), ticks: ticks.length, tickUnit: 'ns' };
}

/** A chunk's fields, already checked to be of these types by the reader. */
export interface EventFields {
  number(name: string): number;
  string(name: string): string;
  bin(name: string): Uint8Array;
}

/**
 * The reverse of {@link encodeEvents}.
 * @throws RebekError ERR_TRACE_EVENTS if the columns do not fit each other or an op is unknown.
 */
export function decodeEvents(fields: EventFields): EventBatch {
  try {
    return decode(fields);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new RebekError('ERR_TRACE_EVENTS', `an event chunk contradicts itself: ${error.message}`, {
      exitCode: 4,
      cause: error,
    });
  }
}

function decode(fields: EventFields): EventBatch {
  const count = fields.number('count');
  const op = fields.bin('op');
  expectLength('op', op.length, count);
  let args = 0;
  let floats = 0;
  let checks = 0;
  for (let i = 0; i < count; i++) {
    const code = op[i]! & ~NESTED;
    if (argCount[code] === 255) throw new RangeError(`event ${i} has the unknown op ${code}`);
    args += argCount[code]!;
    floats += f64ArgCount[code]!;
  }
  let values = 0;
  const kinds: number[] = [0, 0, 0];
  let ticks = 0;
  const value = new Int32Array(count);
  const v8 = fields.bin('v8');
  const v16 = asUint16(fields.bin('v16'));
  const v32 = asInt32(fields.bin('v32'));
  eachResult(op, count, (kind) => {
    switch (kind) {
      case 'v8':
        value[values++] = v8[kinds[0]!++]!;
        break;
      case 'v16':
        value[values++] = v16[kinds[1]!++]!;
        break;
      case 'v32':
        value[values++] = v32[kinds[2]!++]!;
        break;
      case 'tick':
        ticks++;
        break;
      case 'check':
        checks++;
        break;
      case 'none':
        break;
    }
  });
  expectLength('v8', v8.length, kinds[0]!);
  expectLength('v16', v16.length, kinds[1]!);
  expectLength('v32', v32.length, kinds[2]!);
  const float = asFloat64(fields.bin('f64'));
  expectLength('f64', float.length, floats);
  const check = asUint32(fields.bin('check'));
  expectLength('check', check.length, checks);
  const blob = fields.bin('blob');
  return {
    first: fields.number('first'),
    instruction: fields.number('instruction'),
    count,
    op,
    instructions: decodeUnsigned('ins', fields, count),
    quiet: decodeUnsigned('quiet', fields, count),
    args,
    arg: decodeArgs(fields, args),
    values,
    value,
    ticks,
    tick: decodeTicks(fields, ticks),
    floats,
    float,
    checks,
    check,
    blobBytes: blob.length,
    blob,
  };
}

function decodeUnsigned(name: string, fields: EventFields, count: number): Uint32Array {
  const reader = new VarintReader(fields.bin(name));
  const out = new Uint32Array(count);
  for (let i = 0; i < count; i++) out[i] = reader.next();
  if (!reader.done) throw new RangeError(`column ${name} is longer than its ${count} events`);
  return out;
}

function decodeArgs(fields: EventFields, args: number): Int32Array {
  expectLength('arg', fields.number('args'), args);
  const reader = new VarintReader(fields.bin('arg'));
  const out = new Int32Array(args);
  let previous = 0;
  for (let i = 0; i < args; i++) {
    previous += reader.nextSigned();
    out[i] = previous;
  }
  if (!reader.done) throw new RangeError(`column arg is longer than its ${args} values`);
  return out;
}

function decodeTicks(fields: EventFields, ticks: number): Float64Array {
  if (fields.string('tickUnit') === 'ms') {
    const plain = asFloat64(fields.bin('tick'));
    expectLength('tick', plain.length, ticks);
    return plain;
  }
  expectLength('tick', fields.number('ticks'), ticks);
  const reader = new VarintReader(fields.bin('tick'));
  const out = new Float64Array(ticks);
  let ns = 0;
  for (let i = 0; i < ticks; i++) {
    ns += reader.nextSigned();
    out[i] = ns / 1e6;
  }
  if (!reader.done) throw new RangeError(`column tick is longer than its ${ticks} values`);
  return out;
}

function expectLength(column: string, found: number, expected: number): void {
  if (found !== expected) throw new RangeError(`column ${column} has ${found} values, expected ${expected}`);
}

/** The bytes of a column. Every platform that Node 20 runs on is little-endian but s390x, which is refused. */
export function littleEndian(
  array: Uint16Array | Int32Array | Uint32Array | Float64Array | Uint8Array,
): Uint8Array {
  if (!isLittleEndian)
    throw new RebekError('ERR_HOST_BIG_ENDIAN', 'this machine is big-endian: not supported');
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}
const isLittleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/** An aligned buffer of a column whose bytes may lie anywhere; its length must be a multiple of the item's. */
function aligned(bytes: Uint8Array, itemBytes: number): ArrayBuffer {
  if (bytes.length % itemBytes !== 0) {
    throw new RangeError(`a column of ${itemBytes}-byte values has ${bytes.length} bytes`);
  }
  littleEndian(bytes);
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
}
const asUint16 = (bytes: Uint8Array): Uint16Array => new Uint16Array(aligned(bytes, 2));
const asInt32 = (bytes: Uint8Array): Int32Array => new Int32Array(aligned(bytes, 4));
const asUint32 = (bytes: Uint8Array): Uint32Array => new Uint32Array(aligned(bytes, 4));
const asFloat64 = (bytes: Uint8Array): Float64Array => new Float64Array(aligned(bytes, 8));
