/** Ends of blocks, from their bytes. */
import test from 'ava';
import { BlockDecoder, BlockEnd } from '../../../src/output/calls/block-end.ts';

type Case = readonly [code: string, end: keyof typeof BlockEnd, target?: number];

const cases: Readonly<Record<16 | 32, readonly Case[]>> = {
  32: [
    ['90', 'next'],
    ['f3a4', 'next'],
    ['f4', 'next'],
    ['75fe', 'branch', 0],
    ['0f8510000000', 'branch', 0x16],
    ['e2f0', 'branch', -14],
    ['e3f0', 'branch', -14],
    ['ebfe', 'jump', 0],
    ['e9fbffff7f', 'jump', -0x80000000],
    ['ffe0', 'indirectJump'],
    ['ff2401', 'indirectJump'],
    ['ea112233445566', 'indirectJump'],
    ['e8fbffffff', 'call', 0],
    ['ffd0', 'indirectCall'],
    ['ff1512345678', 'indirectCall'],
    ['9a112233445566', 'indirectCall'],
    ['c3', 'return'],
    ['f3c3', 'return'],
    ['c20400', 'return'],
    ['cb', 'return'],
    ['ca0400', 'return'],
    ['cd80', 'interrupt'],
    ['cc', 'interrupt'],
    ['ce', 'interrupt'],
    ['cf', 'leave'],
    ['66cf', 'leave'],
    ['0f34', 'sysenter'],
    ['0f35', 'leave'],
    ['0f0b', 'next'],
  ],
  16: [
    ['75fe', 'branch', 0],
    ['e81000', 'call', 0x13],
    ['e9fdff', 'jump', 0],
    ['66e810000000', 'call', 0x16],
    ['cd10', 'interrupt'],
    ['c3', 'return'],
    ['cb', 'return'],
    ['9a11223344', 'indirectCall'],
    ['cf', 'leave'],
  ],
};

for (const bits of [32, 16] as const) {
  test(`ends of blocks of ${bits}-bit code, with an instruction before them and bytes behind`, async (t) => {
    const decoder = await BlockDecoder.create();
    for (const [code, end, target = 0] of cases[bits]) {
      const bytes = Buffer.from(`40${code}cccccccc`, 'hex');
      t.true(decoder.decode(bytes, 2, bits), code);
      t.is(decoder.end, BlockEnd[end], code);
      t.is(decoder.last, 1, code);
      t.is(decoder.bytes, 1 + code.length / 2, code);
      if (end === 'branch' || end === 'jump' || end === 'call') t.is(decoder.target, (target + 1) | 0, code);
    }
  });
}

test('what is no block is none', async (t) => {
  const decoder = await BlockDecoder.create();
  const decode = (code: string, count: number): boolean =>
    decoder.decode(Buffer.from(code, 'hex'), count, 32);
  t.false(decode('c390', 2), 'a return in the middle');
  t.false(decode('7400c3', 2), 'a branch');
  t.false(decode('e80000', 1), 'it is cut off');
  t.is(decoder.end, BlockEnd.unknown);
  t.false(decode('', 1));
  t.true(decode('0f0b', 1), 'UD2 makes an exception');
});
