/** Whatever a guest has in its registers and its memory, decoding ends soon and throws nothing. */
import test from 'ava';
import fc from 'fast-check';
import {
  beginSystemCall,
  finishSystemCall,
  formatSystemCall,
} from '../../../src/guest/linux/syscall-decode.ts';
import { systemCalls } from '../../../src/guest/linux/syscalls.ts';
import { FakeProgram } from './syscall-guest.ts';

const BASE = 0x08048000;
const PAGES = 16;

/** Pages of noise in which many words are pointers into the same pages, and others small numbers. */
function noise(seed: number, pointers: boolean): FakeProgram {
  const program = new FakeProgram(64);
  let state = seed >>> 0 || 1;
  const random = (): number => {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) >>> 0;
    state = (state + 0x9e3779b9) >>> 0;
    return state;
  };
  const words = new Uint32Array((PAGES * 4096) / 4);
  for (let i = 0; i < words.length; i++) {
    const kind = random() % 4;
    if (pointers && kind < 2) words[i] = BASE + (random() % (PAGES * 4096));
    else words[i] = kind === 2 ? random() % 64 : random();
  }
  program.put(BASE, new Uint8Array(words.buffer));
  return program;
}

const programs = Array.from({ length: 12 }, (_, i) => noise(i + 1, i % 2 === 0));

const word = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: BASE, max: BASE + PAGES * 4096 }) },
  { weight: 2, arbitrary: fc.integer({ min: 0, max: 300 }) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 0xffffffff }) },
  { weight: 1, arbitrary: fc.constantFrom(0, 0xffffffff, 0x7fffffff, 0x80000000, 0xfffff000) },
);
const result = fc.oneof(
  fc.integer({ min: 0, max: 5000 }),
  fc.constantFrom(undefined, 0, 0xffffffff, 0xfffffffe, 0xfffffe00, 0xfffffdfc, 0x7fffffff, 0x80000000),
  word,
);

test('no words and no memory make it throw, or take long, or say what JSON cannot', (t) => {
  const calls = systemCalls();
  let longest = 0;
  fc.assert(
    fc.property(
      fc.constantFrom(...calls),
      fc.array(word, { minLength: 6, maxLength: 6 }),
      result,
      fc.constantFrom(...programs),
      (call, words, answer, program) => {
        const start = performance.now();
        const entry = beginSystemCall(call, words, program.memory, { stack: words[0]! });
        // It is plain data.
        const kept = JSON.parse(JSON.stringify(entry));
        const decoded = finishSystemCall(kept, answer, program.memory);
        const line = formatSystemCall(decoded);
        longest = Math.max(longest, performance.now() - start);
        return (
          line.includes(') = ') &&
          !/undefined|NaN|\[object/.test(line) &&
          decoded.arguments.every(({ value }) => JSON.stringify(value) !== undefined) &&
          JSON.stringify(decoded).length < 2_000_000
        );
      },
    ),
    { numRuns: 5000 },
  );
  t.true(longest < 1000, `${longest} ms`);
});

test('each call with every pointer absent, and with every word zero', (t) => {
  const program = new FakeProgram(16);
  for (const call of systemCalls()) {
    for (const fill of [0, 0x40000000, 0xfffffffc]) {
      const words = Array.from({ length: 6 }, () => fill);
      const entry = beginSystemCall(call, words, program.memory);
      for (const answer of [undefined, 0, 1, 0xffffffea, 0x40000000]) {
        t.regex(formatSystemCall(finishSystemCall(entry, answer, program.memory)), /^\w+\(.*\) = \S/s);
      }
    }
  }
});
