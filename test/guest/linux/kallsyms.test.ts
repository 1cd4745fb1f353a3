/** Reading the kernel's symbol tables: all layouts, and what is damaged. */
import test from 'ava';
import fc from 'fast-check';
import { findKallsyms } from '../../../src/guest/linux/kallsyms.ts';
import { findExports } from '../../../src/guest/linux/ksymtab.ts';
import { KernelSymbols } from '../../../src/guest/linux/symbols.ts';
import { shapes, type WrittenSymbol, writeKallsyms } from './kallsyms-writer.ts';

const START = 0xc1000000;

function someSymbols(count: number, seed = 1): WrittenSymbol[] {
  let address = START;
  return [...Array(count).keys()].map((i) => {
    address += (i * seed) % 7 === 0 ? 0 : 16 * (1 + ((i * seed) % 40));
    const long = i % 500 === 7 ? '_'.concat('very_long'.repeat(18)) : '';
    return { name: `sys_init${i}_do_${(i * seed) % 13}${long}`, type: 'tTwWdD'[i % 6]!, address };
  });
}

/** The tables somewhere in an image, with other things around them. */
function inImage(tables: Buffer, before: number): Uint8Array {
  const noise = (length: number) => Buffer.from([...Array(length).keys()].map((i) => (i * 37) % 251));
  return Uint8Array.from(Buffer.concat([noise(before * 4), tables, noise(4000)]));
}

for (const shape of shapes) {
  const name = JSON.stringify(shape);
  test(`all symbols are found: ${name}`, (t) => {
    for (const count of [1000, 1024, 3333]) {
      const symbols = someSymbols(count, count);
      const found = findKallsyms(inImage(writeKallsyms(symbols, shape).bytes, count % 50), START);
      t.deepEqual(
        found?.names,
        symbols.map((symbol) => symbol.name),
      );
      t.deepEqual(
        [...(found?.addresses ?? [])],
        symbols.map(({ address }) => address),
      );
      t.is(String.fromCharCode(...(found?.types ?? [])), symbols.map(({ type }) => type).join(''));
    }
  });

  test(`a table that contradicts itself is none: ${name}`, (t) => {
    const symbols = someSymbols(2000);
    const { bytes, parts } = writeKallsyms(symbols, shape);
    const damage = (part: string, at: number, value: number): void => {
      const copy = Buffer.from(bytes);
      copy[parts[part]! + at]! ^= value;
      t.is(findKallsyms(inImage(copy, 3), START), undefined, part);
    };
    damage('num_syms', 0, 1);
    damage('num_syms', 1, 8);
    damage('names', 0, 3);
    damage('markers', 4, 1);
    damage('markers', 4 * 7, 0xff);
    damage('token_index', 2 * 0x31, 1);
    damage('token_index', 500, 4);
    damage('token_table', 0x30, 0x20);
    // An address in the middle that is out of order.
    damage(shape.relative ? 'offsets' : 'addresses', 4 * 1000 + 3, 0x40);
    const cut = bytes.subarray(0, Math.floor(bytes.length * 0.7));
    t.is(findKallsyms(Uint8Array.from(cut), START), undefined);
  });
}

test('whatever is damaged, it ends and does not throw', (t) => {
  const written = shapes.map((shape) => writeKallsyms(someSymbols(1500), shape).bytes);
  fc.assert(
    fc.property(
      fc.nat(written.length - 1),
      fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(255)), {
        minLength: 1,
        maxLength: 20,
      }),
      (which, damages) => {
        const bytes = Uint8Array.from(written[which]!);
        for (const [place, value] of damages) bytes[Math.floor(place * (bytes.length - 1))] = value;
        const found = findKallsyms(bytes, START);
        if (found === undefined) return;
        t.is(found.names.length, found.addresses.length);
        for (let i = 1; i < found.addresses.length; i++)
          if (found.addresses[i]! < found.addresses[i - 1]!) t.fail('out of order');
      },
    ),
    { numRuns: 300 },
  );
  t.is(findKallsyms(new Uint8Array(0), START), undefined);
  t.is(findKallsyms(new Uint8Array(100_000), START), undefined);
  t.is(
    findKallsyms(Buffer.alloc(65536, '0\x001\x002\x003\x004\x005\x006\x007\x008\x009\0'), START),
    undefined,
  );
});

test('symbols by name and by address', (t) => {
  const symbols = someSymbols(1000);
  const table = findKallsyms(inImage(writeKallsyms(symbols, shapes[0]!).bytes, 0), START)!;
  const found = new KernelSymbols(table, new Map([['init_task', 0xc2000000]]));
  for (const { name, address } of symbols) {
    t.is(found.address(name), address);
    const first = symbols.find((symbol) => symbol.address === address)!;
    t.deepEqual(found.at(address), { name: first.name, offset: 0 });
    const isLast = symbols.filter((symbol) => symbol.address > address)[0];
    if (isLast !== undefined) t.deepEqual(found.at(address + 3), { name: first.name, offset: 3 });
  }
  t.is(found.address('init_task'), 0xc2000000);
  t.is(found.address('nothing'), undefined);
  t.is(found.at(START - 1), undefined);
  t.is(found.at(symbols.at(-1)!.address + 0x100000), undefined);
  t.true(
    [...found.functions(() => true)].every(({ name }) =>
      /[tTwW]/.test(symbols.find((s) => s.name === name)!.type),
    ),
  );
});

/** An image with a symbol table for modules: strings, then entries. */
function exportsImage(names: readonly string[], size: 8 | 12, relative: boolean): Uint8Array {
  const strings = Buffer.from(names.map((name) => `${name}\0`).join(''), 'latin1');
  const first = (strings.length + 64 + 3) & ~3;
  const image = Buffer.alloc(first + size * names.length + 64);
  strings.copy(image, 32);
  for (const [i, name] of names.entries()) {
    const at = first + size * i;
    const string = 32 + strings.indexOf(`${name}\0`);
    const value = 4 * i;
    image.writeUInt32LE(relative ? (value - at) >>> 0 : START + value, at);
    image.writeUInt32LE(relative ? (string - at - 4) >>> 0 : START + string, at + 4);
  }
  return Uint8Array.from(image);
}

test('exports, in all their forms', (t) => {
  const names = [...Array(200).keys()].map((i) => (i === 90 ? 'init_task' : `symbol_${1000 + i}`));
  for (const [size, relative] of [
    [12, true],
    [8, true],
    [8, false],
  ] as const) {
    const found = findExports(exportsImage(names, size, relative), START);
    t.is(found.size, names.length);
    for (const [i, name] of names.entries()) t.is(found.get(name), START + 4 * i, name);
  }
  t.is(findExports(exportsImage(names.slice(0, 95), 12, true).subarray(0, 2000), START).size, 0);
  t.is(findExports(exportsImage(names.slice(85, 100), 12, true), START).size, 0, 'too few to be no accident');
  t.is(findExports(new Uint8Array(4096), START).size, 0);
});
