/** What a handler may emit, and what becomes of it: JSON that fits the schema, or a problem. */
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { findingLine, findingsSchema, plain, toFinding, toProblem } from '../../src/hooks/findings.ts';
import { messageOf } from '../../src/hooks/problems.ts';
import type { RawFinding } from '../../src/hooks/session-host.ts';

const raw = (data: unknown): RawFinding => ({
  hook: 'h',
  type: 'x',
  instruction: 7,
  time: Date.UTC(2026, 0, 2, 3, 4, 5, 6),
  thread: undefined,
  process: undefined,
  call: undefined,
  data: data as Record<string, unknown>,
});

/** As it is read again from the file. */
const written = (value: unknown): unknown => JSON.parse(JSON.stringify(plain(value)));

test('what JSON has not is written as text or as a list', (t) => {
  const bytes = Uint8Array.of(0, 1, 2, 0xff, 4);
  t.is(written(bytes), 'AAEC/wQ=');
  t.is(written(bytes.subarray(1, 3)), 'AQI=', 'only the part that it shows');
  t.is(written(Buffer.from('hi')), 'aGk=');
  t.is(written(new DataView(bytes.buffer, 3)), '/wQ=');
  t.is(written(bytes.buffer), 'AAEC/wQ=');
  t.is(written(Uint32Array.of(1)), 'AQAAAA==');
  t.is(written(2n ** 64n - 1n), '18446744073709551615');
  t.deepEqual(
    written(
      new Map<unknown, unknown>([
        ['a', 1],
        [2n, undefined],
      ]),
    ),
    [
      ['a', 1],
      ['2', null],
    ],
  );
  t.deepEqual(written(new Set([1, 'b'])), [1, 'b']);
  t.is(written(new Date(0)), '1970-01-01T00:00:00.000Z');
  t.deepEqual(written([Number.NaN, Infinity, -Infinity, undefined]), ['NaN', 'Infinity', '-Infinity', null]);
  t.deepEqual(written({ a: undefined, b: null, c: [{ d: undefined }] }), { b: null, c: [{}] });
  t.deepEqual(written({ toJSON: () => ({ told: 1n }) }), { told: '1' });
  class Thing {
    readonly own = 1;
    get derived(): number {
      return 2;
    }
  }
  t.deepEqual(written(new Thing()), { own: 1 });
});

test('what is JSON comes out as it is', (t) => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => {
      t.deepEqual(written(value), JSON.parse(JSON.stringify(value)));
    }),
  );
});

const refused = (t: ExecutionContext, value: unknown, message: RegExp): void => {
  t.throws(() => plain(value), { instanceOf: TypeError, message });
};

test('what cannot be written is refused, and soon', (t) => {
  refused(t, { handler: () => 1 }, /cannot hold a function/);
  refused(t, [Symbol('s')], /cannot hold a symbol/);
  t.throws(() => plain(new Date(Number.NaN)), { instanceOf: RangeError });
  const circle: Record<string, unknown> = {};
  circle['left'] = { deep: [circle] };
  refused(t, circle, /contains itself/);
  const map = new Map<string, unknown>();
  map.set('map', map);
  refused(t, map, /contains itself/);
  let deep: unknown = 1;
  for (let i = 0; i < 40; i++) deep = [deep];
  refused(t, deep, /nested too deeply/);
  // Each level holds the one below twice: 2^30 values, none within itself.
  let wide: unknown = 1;
  for (let i = 0; i < 30; i++) wide = [wide, wide];
  refused(t, wide, /too many values/);
  refused(t, [new Uint8Array(9 << 20), new Uint8Array(9 << 20)], /more than 16 MiB/);
});

test('the same object twice is not a circle', (t) => {
  const one = { x: 1 };
  t.deepEqual(written({ a: one, b: [one] }), { a: one, b: [one] });
});

test('data that is no object is refused, also what becomes of it', (t) => {
  for (const data of [null, 5, 'text', [1], new Map([['a', 1]]), new Uint8Array(1), { toJSON: () => 'x' }])
    t.throws(() => toFinding(raw(data)), { instanceOf: TypeError, message: /must be an object/ });
});

test('a finding without a thread, and a problem, fit the schema', (t) => {
  const finding = toFinding(raw({ a: 1 }));
  t.deepEqual(findingLine.parse(JSON.parse(JSON.stringify(finding))), finding);
  t.like(finding, { time: '2026-01-02T03:04:05.006Z', process: null, thread: null, data: { a: 1 } });
  t.false('call' in finding);
  const problem = toProblem({ hook: 'h', instruction: 3, call: 'NtClose', error: new Error('no') });
  t.deepEqual(findingLine.parse(problem), problem);
  t.throws(() => findingLine.parse({ ...finding, more: 1 }), undefined, 'nothing that is not described');
  t.throws(() => findingLine.parse({ ...finding, instruction: -1 }));
});

test('anything can be thrown, and is told', (t) => {
  t.is(messageOf(new Error('one')), 'one');
  t.is(messageOf('two'), 'two');
  t.is(messageOf(undefined), 'undefined');
  t.is(messageOf(Object.create(null)), 'something that has no text was thrown');
});

test('the schema that is published names every kind of line and all of its fields', (t) => {
  const schema = findingsSchema() as {
    readonly oneOf: readonly { readonly properties: Record<string, { const?: string }> }[];
  };
  const kinds = schema.oneOf.map(({ properties }) => properties['kind']?.const);
  t.deepEqual(kinds, ['header', 'system', 'finding', 'problem', 'end']);
  for (const [i, option] of findingLine.options.entries())
    t.deepEqual(Object.keys(schema.oneOf[i]!.properties), Object.keys(option.shape));
  t.notThrows(() => JSON.stringify(schema));
});
