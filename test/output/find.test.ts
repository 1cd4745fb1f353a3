/** Searching a log: against the simplest search of what is known to be in it. */
import test from 'ava';
import fc from 'fast-check';
import { Matches } from '../../src/output/find/match.ts';
import { bytesPattern, regexPattern, textPattern } from '../../src/output/find/pattern.ts';
import type { StreamRecord } from '../../src/trace/stream.ts';
import { Log, naive, places, type Step, searchLog, sorted, stepsOf, told } from './find-log.ts';

const [a, b] = [0x61, 0x62];
const read = (at: number, ...bytes: number[]): Step => ({
  op: bytes.length === 1 ? 'io_port_read8' : bytes.length === 2 ? 'io_port_read16' : 'io_port_read32',
  at,
  bytes,
  inside: [],
});
const store = (at: number, text: string): Step => ({
  op: 'dma',
  at,
  bytes: [...Buffer.from(text)],
  inside: [],
});

function logOf(...batches: Step[][]): Log {
  const log = new Log();
  for (const steps of batches) log.add(steps);
  return log;
}

test('in any log, what is found is what a simple search of each channel finds', (t) => {
  let found = 0;
  const property = fc.property(
    fc.array(stepsOf([a, b]), { minLength: 1, maxLength: 4 }),
    fc.array(fc.constantFrom(a, b), { minLength: 1, maxLength: 6 }),
    fc.nat(5),
    fc.integer({ min: 1, max: 40 }),
    (batches, needle, context, block) => {
      const log = logOf(...batches);
      const pattern = bytesPattern(Uint8Array.from(needle));
      const matches = searchLog(log.batches, { pattern, context, block });
      const expected = naive(log.stretches, context, (text) => places(text, Uint8Array.from(needle)));
      t.deepEqual(sorted(matches.map(told)), sorted(expected));
      const last = matches.map((match) => match.last.instruction);
      t.deepEqual(
        last,
        last.toSorted((x, y) => x - y),
      );
      found += matches.length;
    },
  );
  fc.assert(property, { numRuns: 200 });
  t.true(found > 1000, `${found} matches`);
});

test('a needle planted across events of interleaved channels is found where it was planted, and nowhere else', (t) => {
  const noise = fc.integer({ min: 0, max: 0x7f });
  // No byte of it is in the noise, and none is in it twice: it cannot begin inside itself.
  const needle = [0x80, 0x91, 0xa2, 0xb3, 0xc4, 0xd5, 0xe6];
  const channel = fc.record({
    before: fc.array(noise, { maxLength: 300, size: 'max' }),
    between: fc.array(noise, { minLength: 1, maxLength: 100, size: 'max' }),
    planted: fc.integer({ min: 0, max: 3 }),
    widths: fc.array(fc.constantFrom(1, 2, 4), { minLength: 1, maxLength: 10 }),
  });
  const property = fc.property(
    fc.array(channel, { minLength: 2, maxLength: 5 }),
    fc.infiniteStream(fc.nat(100)),
    fc.integer({ min: 1, max: 64 }),
    (channels, turns, block) => {
      const queues = channels.map(({ before, between, planted }) => [
        ...before,
        ...Array.from({ length: planted }, () => [...needle, ...between]).flat(),
      ]);
      const log = new Log();
      const taken = channels.map(() => 0);
      const steps: Step[] = [];
      while (queues.some((queue) => queue.length > 0)) {
        const left = queues.flatMap((queue, i) => (queue.length > 0 ? [i] : []));
        const i = left[turns.next().value % left.length]!;
        const { widths } = channels[i]!;
        const width = widths[taken[i]!++ % widths.length]!;
        steps.push(read(0x300 + i, ...queues[i]!.splice(0, queues[i]!.length < width ? 1 : width)));
      }
      while (steps.length > 0) log.add(steps.splice(0, 50));
      const pattern = bytesPattern(Uint8Array.from(needle));
      const matches = searchLog(log.batches, { pattern, block }).map(told);
      const expected = channels.flatMap(({ before, between, planted }, i) => {
        const { bytes } = log.stretches.find(({ name }) => name === `port ${0x300 + i}`) ?? { bytes: [] };
        return Array.from({ length: planted }, (_, nth) => {
          const at = before.length + nth * (needle.length + between.length);
          const [first, last] = [bytes[at]!, bytes[at + needle.length - 1]!];
          return [`port ${0x300 + i}`, first.instruction, first.sequence, last.instruction, last.sequence];
        });
      });
      const key = (one: unknown) => JSON.stringify(one);
      t.deepEqual(
        matches.map(({ name, first, last }) => key([name, ...first, ...last])).sort(),
        expected.map(key).sort(),
      );
    },
  );
  fc.assert(property, { numRuns: 100 });
});

/** Bytes without a pattern, the same each time. */
function noise(length: number, alphabet: string): number[] {
  let state = 7;
  return Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return alphabet.charCodeAt((state >>> 16) % alphabet.length);
  });
}

for (const source of ['ab+c', '(?<=ca)b', '^a', 'b$', '\\bab', '(a|b)\\1', 'a.c', '[^a]{3,70}', 'a*', 'A']) {
  test(`a regular expression sees no border of what is searched at once: ${source}`, (t) => {
    const bytes = noise(30_000, 'abc\n ');
    const log = new Log();
    for (let at = 0; at < bytes.length; at += 2000)
      log.add([...Array(2000).keys()].map((i) => read(0x3f8, bytes[at + i]!)));
    const expected = naive(log.stretches, 3, (text) =>
      [...text.toString('latin1').matchAll(new RegExp(source, 'gsm'))]
        .filter(([match]) => match !== '')
        .map(({ index, 0: match }) => [index, index + match.length] as const),
    );
    const found = searchLog(log.batches, { pattern: regexPattern(source, false), context: 3, block: 100 });
    t.is(expected.length > 0, source !== 'A');
    t.deepEqual(found.map(told), expected);
    const upper = searchLog(log.batches, {
      pattern: regexPattern(
        source.replace(/^\w/, (x) => x.toUpperCase()),
        true,
      ),
    });
    t.true(upper.length > 0);
  });
}

test('a match is 4 KiB at most', (t) => {
  const log = logOf([store(0, 'a'.repeat(5000)), store(5000, 'z')]);
  const lengths = (source: string) =>
    searchLog(log.batches, { pattern: regexPattern(source, false) }).map(({ bytes }) => bytes.length);
  t.deepEqual(lengths('a+'), [4096, 904]);
  t.deepEqual(lengths('a.*z'), [4096]);
  t.throws(() => bytesPattern(new Uint8Array(4097)), { code: 'ERR_FIND_PATTERN' });
  t.throws(() => bytesPattern(new Uint8Array(0)), { code: 'ERR_FIND_PATTERN' });
  t.throws(() => regexPattern('(', false), { code: 'ERR_FIND_PATTERN', message: /Unterminated group/ });
  t.throws(() => regexPattern('ŵ', false), { code: 'ERR_FIND_PATTERN', message: /Latin-1/ });
});

test('a text is found in UTF-8 and UTF-16, in upper and lower case', (t) => {
  const utf16 = Buffer.from('Größe ', 'utf16le');
  const log = logOf([store(0, 'größe GRöße '), { op: 'dma', at: 0x5000, bytes: [...utf16], inside: [] }]);
  const find = (text: string, options: Partial<{ utf16: boolean; ignoreCase: boolean }> = {}) =>
    searchLog(log.batches, {
      pattern: textPattern(text, { utf16: true, ignoreCase: false, ...options }),
    }).map(({ address, encoding }) => [address, encoding]);
  t.deepEqual(find('größe'), [[0, 'utf-8']]);
  t.deepEqual(find('Größe'), [[0x5000, 'utf-16le']]);
  t.deepEqual(find('Größe', { utf16: false }), []);
  const all = [
    [0, 'utf-8'],
    [8, 'utf-8'],
    [0x5000, 'utf-16le'],
  ];
  t.deepEqual(find('gRößE', { ignoreCase: true }), all);
  t.deepEqual(find('gRÖßE', { ignoreCase: true }), [], 'only of ASCII letters');
  // U+4161 differs from U+6161 in the bit that is the case of a letter.
  const other = logOf([{ op: 'dma', at: 0, bytes: [0x61, 0x41], inside: [] }]);
  const pattern = textPattern('\u6161', { utf16: true, ignoreCase: true });
  t.deepEqual(searchLog(other.batches, { pattern }), []);
  // One letter is found once.
  t.is(find('G').length, 2);
});

test('transfers that go on where the last one ended are one stretch; others are not', (t) => {
  const log = logOf([store(0x1000, 'ho'), read(0x3f8, a), store(0x1002, 'ney')], [store(0x2000, 'ho')]);
  log.add([store(0x3000, 'ney')]);
  const found = searchLog(log.batches, { pattern: bytesPattern(Buffer.from('honey')), context: 8 });
  t.is(found.length, 1);
  t.like(found[0], { address: 0x1000, first: { sequence: 0 }, last: { sequence: 2 } });
  t.is(found[0]?.after.length, 0);
});

test('in a transfer that is longer than what is searched at once, each match has its address', (t) => {
  const bytes = noise(70_000, 'ab');
  const log = logOf([{ op: 'dma', at: 0x10_0000, bytes: bytes.slice(0, 40_000), inside: [] }]);
  log.add([{ op: 'dma', at: 0x10_0000 + 40_000, bytes: bytes.slice(40_000), inside: [] }]);
  const needle = Buffer.from('abbabaab');
  const expected = naive(log.stretches, 7, (text) => places(text, needle));
  t.true(expected.length > 100);
  for (const block of [1000, 16_384])
    t.deepEqual(
      searchLog(log.batches, { pattern: bytesPattern(needle), context: 7, block }).map(told),
      expected,
    );
});

test('only what is asked for: channels, a port, a span of instructions, the first few', (t) => {
  const log = logOf([read(1, a), read(2, a), store(0, 'a'), read(1, a), { ...store(0, 'a'), op: 'write8' }]);
  const pattern = bytesPattern(Uint8Array.of(a));
  const find = (options: Partial<Parameters<typeof searchLog>[1]>) =>
    searchLog(log.batches, { pattern, ...options }).map(({ first }) => first.sequence);
  t.deepEqual(find({}), [0, 1, 2, 3, 4]);
  t.deepEqual(find({ kinds: new Set(['port']) }), [0, 1, 3]);
  t.deepEqual(find({ kinds: new Set(['dma']) }), [2, 4]);
  t.deepEqual(find({ kinds: new Set(['port']), port: 1 }), [0, 3]);
  const at = log.stretches.flatMap(({ bytes }) => bytes).find(({ sequence }) => sequence === 2)!.instruction;
  t.deepEqual(find({ from: at }), [2, 3, 4]);
  t.deepEqual(find({ to: at }), [0, 1, 2]);
  t.deepEqual(find({ matches: new Matches(2) }).slice(0, 2), [0, 1]);
});

test('the console is one sequence in each direction, a frame is whole', (t) => {
  const record = (text: string, direction: 'in' | 'out', instruction: number, port = 0): StreamRecord => ({
    instruction,
    port,
    direction,
    bytes: Buffer.from(text),
  });
  const records = [
    record('ho', 'in', 1),
    record('hon', 'out', 2),
    record('n', 'in', 3, 1),
    record('ney', 'in', 4),
  ];
  records.push(record('ey', 'out', 5), record('ahoney', 'in', 6));
  const find = (out: boolean) =>
    searchLog([], { pattern: bytesPattern(Buffer.from('honey')), records, out }).map(
      ({ source, first, last }) => [source.kind, source.direction, first, last],
    );
  const inward = [
    ['console', 'in', { instruction: 1 }, { instruction: 4 }],
    ['net', 'in', { instruction: 6 }, { instruction: 6 }],
    ['console', 'in', { instruction: 6 }, { instruction: 6 }],
  ];
  t.deepEqual(find(false), inward);
  t.deepEqual(find(true), inward.toSpliced(1, 0, ['console', 'out', { instruction: 2 }, { instruction: 5 }]));
});

test('however many matches and channels there are, few are held', (t) => {
  const log = logOf();
  for (let batch = 0; batch < 20; batch++)
    log.add([...Array(1000).keys()].map((i) => read(batch * 1000 + i, a, a, a, a)));
  const pattern = bytesPattern(Uint8Array.of(a));
  let most = 0;
  class Watched extends Matches {
    private held_ = 0;
    override add(match: Parameters<Matches['add']>[0]): void {
      most = Math.max(most, ++this.held_);
      super.add(match);
    }
    override takeHalf() {
      const half = super.takeHalf();
      this.held_ -= half.length;
      return half;
    }
  }
  const found = searchLog(log.batches, { pattern, matches: new Watched(Number.POSITIVE_INFINITY, 100) });
  t.is(found.length, 80_000);
  t.is(new Set(found.map(({ first, source }) => `${first.sequence} ${source.port}`)).size, 20_000);
  // Half of the channels that are followed may end at once.
  t.true(most < 2000, `${most} at once`);
  const first = searchLog(log.batches, { pattern, matches: new Matches(3) });
  t.true(first.length < 300, 'what lies beyond the limit is forgotten');
  t.deepEqual(
    first.slice(0, 3).map(({ first: { sequence } }) => sequence),
    [0, 0, 0],
  );
});

test('an event chunk with too few bytes for its transfers is told', (t) => {
  const log = logOf([store(0, 'abc')]);
  const [batch] = log.batches;
  const short = { ...batch!, blob: new Uint8Array(2), blobBytes: 2 };
  t.throws(() => searchLog([short], { pattern: bytesPattern(Uint8Array.of(a)) }), {
    code: 'ERR_TRACE_EVENTS',
  });
});
