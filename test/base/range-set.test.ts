import test from 'ava';
import fc from 'fast-check';
import { RangeSet } from '../../src/base/range-set.ts';

test('it holds what was added, and nothing else', (t) => {
  fc.assert(
    fc.property(fc.array(fc.nat(40)), (values) => {
      const ranges = new RangeSet();
      const plain = new Set<number>();
      for (const value of values) {
        t.is(ranges.add(value), !plain.has(value));
        plain.add(value);
      }
      for (let value = -1; value < 43; value++) t.is(ranges.has(value), plain.has(value), `${value}`);
    }),
  );
});

test('a run takes no more memory than a number', (t) => {
  const ranges = new RangeSet();
  for (let value = 1; value < 5_000; value++) t.true(ranges.add(value));
  t.is((ranges as unknown as { runs: unknown[] }).runs.length, 1);
});
