/** Decoding ntlet's ground truth: everything round-trips, however it was cut; damage of every kind is told. */
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { RebekError } from '../../../src/base/errors.ts';
import { decodeTruth, type TruthOptions, type TruthPiece } from '../../../src/guest/ntlet/truth.ts';
import {
  CONVENTIONS,
  DOORS,
  EVENTS,
  OUTCOMES,
  type TruthRecord,
} from '../../../src/guest/ntlet/truth-record.ts';
import { encodeRecord, encodeTruth, make, type Spec, start } from '../../support/truth.ts';

const word = fc.integer({ min: 0, max: 0xffff_ffff });
const byte = fc.nat(0xff);
const ascii = fc.string({ unit: 'grapheme-ascii', maxLength: 80 });
const common = { thread: word };
const record = <K extends Spec['kind']>(kind: K, rest: Record<string, fc.Arbitrary<unknown>>) =>
  fc.record({ kind: fc.constant(kind), ...common, ...rest }) as unknown as fc.Arbitrary<Spec>;

const shape = fc.record({
  arguments: byte,
  convention: fc.constantFrom(...CONVENTIONS),
  mode: fc.constantFrom('kernel', 'user'),
});
const spec: fc.Arbitrary<Spec> = fc.oneof(
  record('boot', { version: fc.constant(1), base: word, size: word }),
  record('function', { function: word, address: word, shape, name: ascii }),
  record('process-start', {
    process: word,
    processId: word,
    cr3: word,
    parent: word,
    object: word,
    name: ascii,
  }),
  record('process-end', { process: word, status: word }),
  record('thread-start', {
    process: word,
    threadId: word,
    object: word,
    stackTop: word,
    teb: word,
    start: word,
  }),
  record('thread-end', { status: word }),
  record('switch', { before: word, cr3: word }),
  record('enter', {
    call: word,
    function: word,
    parent: word,
    door: fc.constantFrom(...DOORS),
    stack: byte,
    esp: word,
    arguments: fc.array(word, { maxLength: 247 }),
  }),
  record('leave', { call: word, outcome: fc.constantFrom(...OUTCOMES), result: word }),
  record('complete', { call: word, status: word, bytes: word }),
  record('again', { call: word, result: word }),
  record('assert', { line: word, text: ascii }),
  record('mark', { number: word, text: ascii }),
  record('event', { what: fc.constantFrom(...EVENTS), values: fc.tuple(word, word) }),
  record('halt', { reason: word }),
  record('unknown', { code: fc.integer({ min: 16, max: 255 }), words: fc.array(word, { maxLength: 252 }) }),
);

/** Cuts bytes at some places; each piece has an instruction count of its own. */
function cut(bytes: Uint8Array, cuts: readonly number[]): TruthPiece[] {
  const ends = [...cuts.map((at) => at % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  let from = 0;
  return ends.map((to, i) => {
    const piece = { instruction: 7 * i, bytes: bytes.subarray(from, to) };
    from = to;
    return piece;
  });
}

test('records round-trip, wherever the stream was cut, at the instruction of their first byte', (t) => {
  const first = fc.nat(1000);
  fc.assert(
    fc.property(fc.array(spec, { maxLength: 12 }), fc.array(fc.nat()), first, (specs, cuts, from) => {
      const pieces = cut(encodeTruth(specs, from), cuts);
      let offset = 0;
      const expected = specs.map((one, i) => {
        let piece = 0;
        for (let end = pieces[0]!.bytes.length; end <= offset; ) end += pieces[++piece]!.bytes.length;
        offset += encodeRecord(one, from + i).length;
        return { ...one, sequence: from + i, instruction: pieces[piece]!.instruction };
      });
      t.deepEqual([...decodeTruth(pieces)], expected as TruthRecord[]);
    }),
  );
});

const whole = (bytes: Uint8Array): TruthPiece[] => [{ instruction: 100, bytes }];
const decode = (bytes: Uint8Array, options?: TruthOptions) => [...decodeTruth(whole(bytes), options)];

/** The third record was harmed by `change`; the two before it must have come out. */
function damaged(
  t: ExecutionContext,
  code: string,
  change: (third: Uint32Array, all: Uint8Array) => Uint8Array | undefined,
  expected: Record<string, unknown> = {},
): void {
  const all = encodeTruth(start);
  const at = encodeTruth(start.slice(0, 2)).length;
  const third = new Uint32Array(all.buffer, all.byteOffset + at, 10);
  const bytes = change(third, all) ?? all;
  let count = 0;
  const error = t.throws(
    () => {
      for (const _ of decodeTruth(whole(bytes), { fromStart: true })) count++;
    },
    { instanceOf: RebekError, code },
  );
  t.is(count, 2, code);
  t.is(error.exitCode, 4);
  t.like(error.details, { sequence: 2, offset: at, instruction: 100, ...expected }, error.message);
  for (const part of ['record 2', `byte ${at}`, 'instruction 100', 'expected:', 'found:'])
    t.true(error.message.includes(part), error.message);
}

test('a wrong mark', (t) => {
  damaged(t, 'ERR_TRUTH_MARK', (third) => {
    third[0]! ^= 0x10000;
    return undefined;
  });
});

test('a length that no record has, and one that its kind does not have', (t) => {
  damaged(t, 'ERR_TRUTH_LENGTH', (third) => {
    third[0] = (third[0]! & ~0xff00) | 0x200;
    return undefined;
  });
  damaged(
    t,
    'ERR_TRUTH_LENGTH',
    (third) => {
      // A process-end of ten words.
      third[0] = (third[0]! & ~0xff) | 4;
      return undefined;
    },
    { expected: '5 words of a process-end record', found: '10' },
  );
  damaged(t, 'ERR_TRUTH_LENGTH', (third) => {
    // Shorter than its fixed part.
    third[0] = (third[0]! & ~0xff00) | 0x700;
    return undefined;
  });
});

test('a record that is missing, and one that is there twice', (t) => {
  damaged(
    t,
    'ERR_TRUTH_SEQUENCE',
    (third) => {
      third[1] = 3;
      return undefined;
    },
    { expected: 'record 2', found: 'record 3' },
  );
  damaged(t, 'ERR_TRUTH_SEQUENCE', (third) => {
    third[1] = 1;
    return undefined;
  });
  const later = encodeTruth(start, 5);
  t.is(decode(later)[0]!.sequence, 5);
  const error = t.throws(() => decode(later, { fromStart: true }), { code: 'ERR_TRUTH_SEQUENCE' });
  t.regex(error!.message, /expected: record 0\n {2}found: {4}record 5/);
});

test('a stream that ends inside a record, in its first word and later', (t) => {
  const before = encodeTruth(start.slice(0, 2)).length;
  for (const length of [1, 3, 4, 8, 39]) {
    damaged(t, 'ERR_TRUTH_TRUNCATED', (_, all) => all.subarray(0, before + length), {
      found: `${length} bytes, and the stream ends`,
    });
    const bytes = encodeTruth(start).subarray(0, before + length);
    const records = decodeTruth(whole(bytes), { incomplete: true });
    let step = records.next();
    while (!step.done) step = records.next();
    t.deepEqual(step.value, { records: 2, cut: length });
  }
});

test('numbers that mean nothing', (t) => {
  const cases: [Spec, number, number, string][] = [
    [make.enter(1, 1, 0), 6, 5, 'ERR_TRUTH_VALUE'],
    [make.leave(1, 1), 4, 0, 'ERR_TRUTH_VALUE'],
    [make.leave(1, 1), 4, 6, 'ERR_TRUTH_VALUE'],
    [make.function(0, 1, 'x'), 5, 0x302, 'ERR_TRUTH_VALUE'],
    [make.function(0, 1, 'x'), 5, 0x2_0000, 'ERR_TRUTH_VALUE'],
    [{ kind: 'event', thread: 1, what: 'apc', values: [0, 0] }, 3, 6, 'ERR_TRUTH_VALUE'],
    [make.boot(), 3, 2, 'ERR_TRUTH_VERSION'],
  ];
  for (const [good, index, value, code] of cases) {
    const bytes = encodeRecord(good, 0);
    t.is(decode(bytes).length, 1);
    new Uint32Array(bytes.buffer)[index] = value;
    const error = t.throws(() => decode(bytes), { code, instanceOf: RebekError });
    t.is(error!.exitCode, 4);
  }
});

test('text is no ground truth, and the hint says so', (t) => {
  const error = t.throws(() => decode(Buffer.from('Hello from the kernel\n')), { instanceOf: RebekError });
  t.is(error!.code, 'ERR_TRUTH_MARK');
  t.regex(error!.hint ?? '', /something else/);
  t.deepEqual(decode(new Uint8Array(0)), []);
});

test('no damage of bytes brings anything but an error with a code', (t) => {
  const good = encodeTruth(start);
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(good.length - 1), byte), { minLength: 1, maxLength: 4 }),
      (changes) => {
        const bytes = good.slice();
        for (const [at, value] of changes) bytes[at] = value;
        try {
          decode(bytes);
        } catch (error) {
          t.true(error instanceof RebekError && error.code.startsWith('ERR_TRUTH_'), `${error}`);
        }
        t.pass();
      },
    ),
  );
});
