import test from 'ava';
import fc from 'fast-check';
import { createBatch, decodeEvents, type EventBatch, encodeEvents } from '../../src/trace/events.ts';
import { NESTED, Op, opInfo } from '../../src/trace/ops.ts';
import { decodeBody, encodeBody } from '../../src/trace/pack.ts';

interface Call {
  op: number;
  inside: Call[];
  numbers: number[];
  tick: number;
}
const plainOps = [...opInfo.keys()].filter((op) => op !== Op.end);
const number = fc.oneof(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), fc.constantFrom(0, 0x1f0, -1));
/** Whole nanoseconds, as Node's clock has them; sometimes not. */
const tick = fc.oneof(
  fc.nat(2 ** 40).map((ns) => ns / 1e6),
  fc.double({ noNaN: true, min: 0, max: 1e9 }),
);
const call: fc.Memo<Call> = fc.memo((depth) =>
  fc.record({
    op: fc.constantFrom(...plainOps),
    inside: depth > 1 ? fc.array(call(depth - 1), { maxLength: 3 }) : fc.constant([]),
    numbers: fc.array(number, { minLength: 8, maxLength: 8 }),
    tick,
  }),
);

function append(batch: EventBatch, { op, inside, numbers, tick }: Call): void {
  const info = opInfo.get(op)!;
  const event = (byte: number): void => {
    batch.op[batch.count] = byte;
    batch.instructions[batch.count] = numbers[0]! >>> 0;
    batch.quiet[batch.count++] = numbers[1]! >>> 0;
  };
  const result = (): void => {
    if (info.result === 'tick') batch.tick[batch.ticks++] = tick;
    else if (info.result === 'check') batch.check[batch.checks++] = numbers[2]! >>> 0;
    else if (info.result === 'v8') batch.value[batch.values++] = numbers[3]! & 0xff;
    else if (info.result === 'v16') batch.value[batch.values++] = numbers[3]! & 0xffff;
    else if (info.result === 'v32') batch.value[batch.values++] = numbers[3]!;
  };
  event(inside.length > 0 ? op | NESTED : op);
  for (let i = 0; i < info.args; i++) batch.arg[batch.args++] = numbers[4 + i]!;
  for (let i = 0; i < info.f64Args; i++) batch.float[batch.floats++] = numbers[6]! / 3;
  for (const nested of inside) append(batch, nested);
  if (inside.length > 0) event(Op.end);
  result();
}

function batchOf(calls: Call[], blob: Uint8Array): EventBatch {
  const batch = createBatch(4096);
  batch.first = 1e12;
  batch.instruction = 2 ** 40 + 1;
  for (const each of calls) append(batch, each);
  batch.blob = blob;
  batch.blobBytes = blob.length;
  return batch;
}

/** Only the used part of each array. */
function used(batch: EventBatch): unknown {
  const { count, args, values, ticks, floats, checks, blobBytes } = batch;
  return {
    ...{ first: batch.first, instruction: batch.instruction, count },
    op: [...batch.op.subarray(0, count)],
    instructions: [...batch.instructions.subarray(0, count)],
    quiet: [...batch.quiet.subarray(0, count)],
    arg: [...batch.arg.subarray(0, args)],
    value: [...batch.value.subarray(0, values)],
    tick: [...batch.tick.subarray(0, ticks)],
    float: [...batch.float.subarray(0, floats)],
    check: [...batch.check.subarray(0, checks)],
    blob: [...batch.blob.subarray(0, blobBytes)],
  };
}

const pack = (fields: Record<string, unknown>) => decodeBody(encodeBody(fields), { type: 'EVTS' });

test('any tree of calls round-trips through the columns and MessagePack', (t) => {
  fc.assert(
    fc.property(fc.array(call(4), { maxLength: 20 }), fc.uint8Array({ maxLength: 100 }), (calls, blob) => {
      const batch = batchOf(calls, blob);
      t.deepEqual(used(decodeEvents(pack(encodeEvents(batch)))), used(batch));
    }),
    { numRuns: 300 },
  );
});

test('columns that do not fit each other are told, whichever it is', (t) => {
  fc.assert(
    fc.property(
      fc.array(call(3), { minLength: 1, maxLength: 10 }),
      fc.constantFrom('op', 'ins', 'quiet', 'arg', 'v8', 'v16', 'v32', 'tick', 'f64', 'check'),
      fc.boolean(),
      (calls, column, longer) => {
        const fields = encodeEvents(batchOf(calls, new Uint8Array(4)));
        const bytes = fields[column] as Uint8Array;
        if (!longer && bytes.length === 0) return;
        const wrong = longer ? Uint8Array.of(...bytes, 1) : bytes.slice(0, -1);
        t.throws(() => decodeEvents(pack({ ...fields, [column]: wrong })), { code: 'ERR_TRACE_EVENTS' });
      },
    ),
  );
});

test('unknown ops and calls that do not end are told', (t) => {
  const call = { inside: [], numbers: [1, 2, 3, 4, 5, 6, 7, 8], tick: 1 };
  const fields = encodeEvents(batchOf([{ op: Op.dma, ...call }], new Uint8Array(0)));
  for (const op of [0, 127, Op.dma | NESTED, Op.end]) {
    const wrong = { ...fields, op: Uint8Array.of(op) };
    t.throws(() => decodeEvents(pack(wrong)), { code: 'ERR_TRACE_EVENTS' }, `op ${op}`);
  }
});
