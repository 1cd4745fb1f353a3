import test from 'ava';
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatExact,
  formatSpeed,
  formatTable,
  plural,
} from '../../src/cli/format.ts';
import { formatProgress } from '../../src/cli/status-line.ts';

test('numbers have three digits and a unit', (t) => {
  const counts: [number, string][] = [
    [0, '0'],
    [7, '7'],
    [999, '999'],
    [999.6, '1.00 k'],
    [1000, '1.00 k'],
    [9_994, '9.99 k'],
    [9_996, '10.0 k'],
    [99_960, '100 k'],
    [999_499, '999 k'],
    [999_500, '1.00 M'],
    [7_431_244_101, '7.43 G'],
    [2e18, '2000 P'],
  ];
  for (const [value, text] of counts) t.is(formatCount(value), text);
  t.is(formatBytes(0), '0 B');
  t.is(formatBytes(638_744), '639 kB');
  t.is(formatExact(7_431_244_101), '7,431,244,101');
});

test('times carry over into minutes and hours', (t) => {
  const times: [number, string][] = [
    [-5, '0.0 s'],
    [40, '0.0 s'],
    [9_940, '9.9 s'],
    [9_960, '10 s'],
    [59_400, '59 s'],
    [59_600, '1:00 min'],
    [125_000, '2:05 min'],
    [3_599_600, '1:00:00 h'],
    [3_723_000, '1:02:03 h'],
  ];
  for (const [ms, text] of times) t.is(formatDuration(ms), text);
});

test('speeds and counts of nothing are no errors', (t) => {
  t.is(formatSpeed(48_300_000, 1000), '48.3 MIPS');
  t.is(formatSpeed(5, 0), '0.0 MIPS');
  t.is(plural(0, 'frame'), '0 frames');
  t.is(plural(1, 'frame'), '1 frame');
  t.is(plural(12_345, 'frame'), '12.3 k frames');
});

test('progress is never more than all, and estimates only from something', (t) => {
  t.is(formatProgress(1, 4, 100), '25 %');
  t.is(formatProgress(1, 4, 3000), '25 %, 9.0 s left');
  t.is(formatProgress(9, 4, 3000), '100 %, 0.0 s left');
  t.is(formatProgress(0, 4, 3000), '0 %');
  t.is(formatProgress(3, undefined, 3000), '3.0 s');
  t.is(formatProgress(0, 0, 3000), '3.0 s');
});

test('a table keeps values of several lines in their column', (t) => {
  t.is(
    formatTable([
      ['a', 'one'],
      ['long', 'two\nthree'],
    ]),
    '  a     one\n  long  two\n        three',
  );
});
