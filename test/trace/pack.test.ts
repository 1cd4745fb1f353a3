import test from 'ava';
import fc from 'fast-check';
import { Packr } from 'msgpackr';
import { RebekError } from '../../src/base/errors.ts';
import { crc32, hasGoodCrc, locateChangedByte, putCrc } from '../../src/trace/checksum.ts';
import { checkMessagePack, MessagePackError } from '../../src/trace/msgpack-check.ts';
import { type Body, decodeBody, encodeBody } from '../../src/trace/pack.ts';

const place = { file: 'f.rbk', offset: 64, chunk: 3, type: 'EVTS' };
const roundTrip = (body: object): Body => decodeBody(Uint8Array.from(encodeBody(body)), place);

const key = fc.string({ maxLength: 40 }).filter((k) => k !== '__proto__' && !/\p{Surrogate}/u.test(k));
const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 5 },
    fc.constant(null),
    fc.boolean(),
    fc.double(),
    fc.integer(),
    fc.maxSafeInteger(),
    fc.string({ unit: 'grapheme', maxLength: 300 }),
    fc.uint8Array({ maxLength: 300 }),
    fc.array(tie('value'), { maxLength: 20 }),
    fc.dictionary(key, tie('value'), { maxKeys: 20, noNullPrototype: true }),
  ),
}));
const body = fc.dictionary(key, value, { maxKeys: 20, noNullPrototype: true });

/** -0 loses its sign, and bytes come back as a Buffer. */
function normal(v: unknown): unknown {
  if (v instanceof Uint8Array) return `bytes ${Buffer.from(v).toString('hex')}`;
  if (Array.isArray(v)) return v.map(normal);
  if (typeof v === 'object' && v !== null)
    return Object.entries(v)
      .map(([k, item]) => [k, normal(item)])
      .sort(([a], [b]) => ((a as string) < (b as string) ? -1 : 1));
  return v === 0 ? 0 : v;
}

test('every plain map comes back as it was', (t) => {
  fc.assert(
    fc.property(body, (map) => {
      t.deepEqual(normal(roundTrip(map).raw()), normal(map));
    }),
    { numRuns: 300 },
  );
});

test('columns of every type come back, at any alignment', (t) => {
  const check = (
    name: string,
    column: Uint8Array | Uint16Array | Uint32Array | Int32Array | Float64Array,
  ) => {
    for (let pad = 0; pad < 9; pad++) {
      const read = roundTrip({ pad: 'x'.repeat(pad), column }).column('column', name as 'u32', column.length);
      t.deepEqual([...read], [...column]);
      t.is(read.constructor, column.constructor);
    }
  };
  const size = { maxLength: 50 };
  fc.assert(
    fc.property(
      fc.uint8Array(size),
      fc.uint16Array(size),
      fc.uint32Array(size),
      fc.int32Array(size),
      fc.float64Array(size),
      (u8, u16, u32, i32, f64) => {
        check('u8', u8);
        check('u16', u16);
        check('u32', u32);
        check('i32', i32);
        check('f64', f64);
      },
    ),
    { numRuns: 40 },
  );
  // a view of a part, and bytes in the order that the format fixes
  check('u32', new Uint32Array([1, 2, 3, 4, 5]).subarray(1, 4));
  t.deepEqual([...roundTrip({ c: Uint32Array.of(0x04030201) }).bin('c')], [1, 2, 3, 4]);
});

test('what the format does not know is refused when it is written', (t) => {
  for (const bad of [1n, () => 0, Symbol('s'), new Date(), new Map(), new Set(), /x/, new Error('e')])
    t.throws(() => encodeBody({ a: { list: [bad] } }), { instanceOf: TypeError, message: /a\.list\[0\]/ });
  t.throws(() => encodeBody([]), { instanceOf: TypeError });
  t.throws(() => encodeBody(JSON.parse('{"__proto__": 1}') as object), { instanceOf: TypeError });
  const cycle: Record<string, unknown> = {};
  cycle['self'] = cycle;
  t.throws(() => encodeBody(cycle), { instanceOf: TypeError });
  t.deepEqual(roundTrip({ a: undefined, b: 1 }).names(), ['b']);
  t.is(roundTrip({ half: 'a\ud800b' }).string('half'), 'a\ufffdb');
});

test('every MessagePack that the format forbids is refused when it is read', (t) => {
  const loose = new Packr({ useRecords: false });
  const cases: [string, Uint8Array, RegExp][] = [
    ['nothing', new Uint8Array(0), /no map at byte 0/],
    ['an array', loose.encode([1]), /no map at byte 0/],
    ['a number', Uint8Array.of(7), /no map at byte 0/],
    ['something behind', Uint8Array.of(0x80, 0xc0), /1 bytes behind the map at byte 1/],
    ['a date', loose.encode({ a: new Date() }), /an extension type at byte 3|at byte 5/],
    ['undefined', loose.encode({ a: undefined, b: [undefined] }), /an extension type/],
    [
      'a record definition',
      Uint8Array.of(0x81, 0xa1, 0x61, 0xd4, 0x72, 0x40, 0x90),
      /extension type at byte 3/,
    ],
    ['int 64', loose.encode({ a: 1n << 40n }), /a 64-bit integer/],
    ['0xc1', Uint8Array.of(0x81, 0xa1, 0x61, 0xc1), /0xc1/],
    ['a key twice', Uint8Array.of(0x82, 0xa1, 0x61, 1, 0xa1, 0x61, 2), /a second key "a" at byte 4/],
    ['a number as key', Uint8Array.of(0x81, 5, 5), /no string at byte 1/],
    ['__proto__', Buffer.from('\x81\xa9__proto__\x01', 'latin1'), /forbidden key/],
    ['no UTF-8', Uint8Array.of(0x81, 0xa1, 0xff, 1), /not UTF-8/],
    ['a huge array', Uint8Array.of(0x81, 0xa1, 0x61, 0xdd, 0x7f, 0xff, 0xff, 0xff), /too early/],
    ['a huge bin', Uint8Array.of(0x81, 0xa1, 0x61, 0xc6, 0x7f, 0xff, 0xff, 0xff), /too early/],
    ['a huge map', Uint8Array.of(0xdf, 0x7f, 0xff, 0xff, 0xff), /too early/],
    [
      'a deep nest',
      Buffer.concat([Uint8Array.of(0x81, 0xa1, 0x61), Buffer.alloc(5000, 0x91), Uint8Array.of(1)]),
      /nested more than 32/,
    ],
  ];
  for (const [what, bytes, message] of cases)
    t.throws(() => decodeBody(bytes, place), { instanceOf: MessagePackError, message }, what);
});

test('a map that was cut anywhere is refused', (t) => {
  const whole = encodeBody({
    a: 1,
    b: 'text',
    c: [1, 2, { d: 1.5 }],
    e: new Float64Array(3),
    f: 'x'.repeat(300),
  });
  checkMessagePack(whole);
  for (let end = 0; end < whole.length; end++)
    t.throws(() => checkMessagePack(whole.subarray(0, end)), { instanceOf: MessagePackError }, String(end));
});

test('garbage is refused or decoded, never anything else', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), fc.integer({ min: 0x80, max: 0x8f }), (bytes, lead) => {
      try {
        decodeBody(Uint8Array.of(lead, ...bytes), place);
        return true;
      } catch (error) {
        return error instanceof MessagePackError;
      }
    }),
    { numRuns: 3000 },
  );
  t.pass();
});

test('a field that is missing, of another type or senseless: the error says which, where, and what it found', (t) => {
  const read = roundTrip({ n: 1.5, s: 'text', b: new Uint8Array(5), m: { inner: 'x' }, a: [1, 2], t: true });
  const cases: [() => unknown, string, string, string][] = [
    [() => read.number('gone'), 'gone', 'a number', 'nothing'],
    [() => read.number('s'), 's', 'a number', '"text"'],
    [() => read.integer('n'), 'n', 'a whole number from 0 to 9007199254740991', '1.5'],
    [() => read.string('n'), 'n', 'a string', '1.5'],
    [() => read.boolean('m'), 'm', 'true or false', 'a map'],
    [() => read.bin('a'), 'a', 'bytes', 'an array of 2'],
    [() => read.bin('b', 4), 'b', '4 bytes', '5 bytes'],
    [() => read.column('b', 'u32'), 'b', 'a u32 column', '5 bytes'],
    [() => read.column('b', 'u8', 4), 'b', 'a u8 column of 4 elements', '5 bytes'],
    [() => read.map('b'), 'b', 'a map', '5 bytes'],
    [() => read.array('t'), 't', 'an array', 'true'],
    [() => read.map('m').number('inner'), 'm.inner', 'a number', '"x"'],
    [() => read.number('constructor'), 'constructor', 'a number', 'nothing'],
  ];
  for (const [access, field, expected, found] of cases) {
    const error = t.throws(access, { instanceOf: RebekError, code: 'ERR_TRACE_BODY' });
    t.is(
      error.message,
      `f.rbk: chunk 3 (EVTS) at offset 64: field ${field}: expected ${expected}, found ${found}`,
    );
    t.like(error.details, { file: 'f.rbk', chunk: 3, type: 'EVTS', offset: 64, field, expected, found });
    t.is(error.exitCode, 4);
  }
});

test('a wrong CRC tells which byte was changed', (t) => {
  t.is(crc32(Buffer.from('123456789')), 0xcbf43926); // the check value that everybody agrees on
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 60, maxLength: 76 }),
      fc.nat(1000),
      fc.integer({ min: 1, max: 255 }),
      (content, where, mask) => {
        const bytes = Uint8Array.of(...content, 0, 0, 0, 0);
        putCrc(bytes);
        t.true(hasGoodCrc(bytes));
        const at = where % bytes.length;
        bytes[at]! ^= mask;
        t.false(hasGoodCrc(bytes));
        t.is(locateChangedByte(bytes), at);
      },
    ),
  );
});
