/** What the code around a return address says. */
import test from 'ava';
import fc from 'fast-check';
import { callsBefore, isAfterCall, landingsNear } from '../../../src/hooks/match/call-site.ts';

const BASE = 0x40_1000;

/** Code that ends at BASE, between bytes that are no CALL. */
function code(bytes: readonly number[], behind: readonly number[] = []): { word(address: number): number } {
  const all = new Map([...bytes.map((byte, i) => [BASE - bytes.length + i, byte] as const)]);
  behind.forEach((byte, i) => {
    all.set(BASE + i, byte);
  });
  const byte = (address: number): number => all.get(address) ?? 0x90;
  return {
    word: (a) => (byte(a) | (byte(a + 1) << 8) | (byte(a + 2) << 16) | (byte(a + 3) << 24)) >>> 0,
  };
}

const CALLS: readonly (readonly [string, readonly number[]])[] = [
  ['call rel32', [0xe8, 1, 2, 3, 4]],
  ['call *%eax', [0xff, 0xd0]],
  ['call *(%ebx)', [0xff, 0x13]],
  ['call *8(%ebp)', [0xff, 0x55, 0x08]],
  ['call *(%esp)', [0xff, 0x14, 0x24]],
  ['call *8(%esp)', [0xff, 0x54, 0x24, 0x08]],
  ['call *0x12345678', [0xff, 0x15, 0x78, 0x56, 0x34, 0x12]],
  ['call *0x12345678(%ecx)', [0xff, 0x91, 0x78, 0x56, 0x34, 0x12]],
  ['call *0x12345678(,%eax,4)', [0xff, 0x14, 0x85, 0x78, 0x56, 0x34, 0x12]],
  ['call *0x12345678(%eax,%ebx,2)', [0xff, 0x94, 0x58, 0x78, 0x56, 0x34, 0x12]],
  ['lcall $7, $0', [0x9a, 0, 0, 0, 0, 7, 0]],
  ['lcall *(%eax)', [0xff, 0x18]],
  ['call *%gs:0x10', [0x65, 0xff, 0x15, 0x10, 0, 0, 0]],
  ['notrack call *%ebx', [0x3e, 0xff, 0xd3]],
];

test('every form of CALL is found where it begins', (t) => {
  for (const [name, bytes] of CALLS) {
    t.true(callsBefore(BASE, code(bytes)).includes(BASE - bytes.length), name);
    t.true(isAfterCall(BASE, code(bytes)), name);
  }
});

test('what is no CALL is none', (t) => {
  for (const bytes of [
    [0x90],
    [0x0f, 0x34], // sysenter
    [0xcd, 0x80], // int 80h
    [0xff, 0xe0], // jmp *%eax
    [0xff, 0xd8], // lcall of a register: invalid
    [0xff, 0x75, 0x08], // push 8(%ebp)
  ]) {
    t.deepEqual(callsBefore(BASE, code(bytes)), [], bytes.join());
    t.false(isAfterCall(BASE, code(bytes)), bytes.join());
  }
});

test('a page that is not there has no code', (t) => {
  const nothing = { word: () => undefined };
  t.deepEqual(callsBefore(0, nothing), []);
  t.deepEqual(landingsNear(0xffff_ffff, nothing), []);
  t.false(isAfterCall(2, nothing));
});

test('any bytes give few candidates, all before the address', (t) => {
  fc.assert(
    fc.property(fc.array(fc.nat(255), { minLength: 256, maxLength: 256 }), (bytes) => {
      const found = callsBefore(BASE, code(bytes));
      t.true(found.length <= 18);
      for (const address of found) t.true(address < BASE && address >= BASE - 9);
      t.true(landingsNear(BASE, code(bytes)).length <= 14);
    }),
  );
});

test('what jumps to a return address, and the calls before it', (t) => {
  const setjmp = [0xe8, 0, 0, 0, 0, 0x85, 0xc0];
  const call = [0xe8, 0, 0, 0, 0];
  const near = (before: readonly number[], behind: readonly number[] = []): number[] =>
    landingsNear(BASE, code(before, behind));
  t.deepEqual(near([...setjmp, ...call]), [], 'nothing jumps here');
  // The call that returns here is no landing.
  t.deepEqual(near([...setjmp, 0x75, 5, ...call]), [BASE - 9]);
  t.deepEqual(near([...setjmp, 0x0f, 0x85, 5, 0, 0, 0, ...call]), [BASE - 13]);
  t.deepEqual(near([...setjmp, 0x75, 6, ...call]), [], 'it jumps elsewhere');
  // From behind: call __cxa_end_catch; jmp BASE.
  t.deepEqual(near(call, [0x90, ...call, 0xeb, 0xf8]), [BASE + 6]);
  t.deepEqual(near(call, [0x90, ...call, 0xe9, 0xf5, 0xff, 0xff, 0xff]), [BASE + 6]);
});
