/** PE images in guest memory: what is there is read, and whatever else is there does no harm. */
import test from 'ava';
import fc from 'fast-check';
import {
  exportedModuleName,
  findExport,
  findImageBelow,
  isCode,
  readExports,
  readPeImage,
} from '../../../src/guest/nt/pe.ts';
import { findSwitchPoints } from '../../../src/guest/nt/switch-points.ts';
import { matches, matchesModule } from '../../../src/guest/pattern.ts';
import { EXPORTS_AT, flatMemory, IMAGE_BYTES, makeImage } from './flat.ts';

const BASE = 0x10_0000;
const { memory, ram } = flatMemory(0x20_0000);
const code = fc.integer({ min: 0x4000, max: IMAGE_BYTES - 1 });
const identifier = fc.stringMatching(/^[A-Za-z_?@][A-Za-z0-9_?@$]{0,30}$/);
const exportsOf = fc.uniqueArray(fc.record({ name: fc.option(identifier, { nil: undefined }), rva: code }), {
  maxLength: 60,
  selector: ({ name, rva }) => name ?? rva,
});

test('every export is found by its name, and in the whole list', (t) => {
  fc.assert(
    fc.property(exportsOf, identifier, (made, absent) => {
      ram.set(makeImage('test.dll', made), BASE);
      const image = readPeImage(memory, BASE)!;
      t.is(image.size, IMAGE_BYTES);
      t.is(exportedModuleName(memory, image), 'test.dll');
      const { module, exports, complete } = readExports(memory, image);
      t.true(complete);
      t.is(module, 'test.dll');
      const expected = made.map(({ name, rva }, i) => ({ name, ordinal: i + 1, address: BASE + rva }));
      const key = (e: { ordinal: number }) => e.ordinal;
      t.deepEqual(
        [...exports].sort((a, b) => key(a) - key(b)),
        expected,
      );
      t.deepEqual(
        exports.map(({ address }) => address),
        exports.map(({ address }) => address).sort((a, b) => a - b),
      );
      for (const { name, rva } of made) if (name) t.is(findExport(memory, image, name), BASE + rva);
      if (!made.some(({ name }) => name === absent)) t.is(findExport(memory, image, absent), undefined);
    }),
    { numRuns: 100 },
  );
});

test('forwarders and empty slots are left out; data is no code', (t) => {
  const made = [
    { name: 'Alloc', rva: EXPORTS_AT + 4 },
    { name: 'Data', rva: 0x100 },
    { name: 'Free', rva: 0x5000 },
    { name: undefined, rva: 0 },
  ];
  ram.set(makeImage('a.dll', made), BASE);
  const image = readPeImage(memory, BASE)!;
  const { exports, complete } = readExports(memory, image);
  t.true(complete);
  t.deepEqual(
    exports.map(({ name }) => name),
    ['Data', 'Free'],
  );
  t.is(findExport(memory, image, 'Alloc'), undefined);
  t.false(isCode(image, BASE + 0x100));
  t.true(isCode(image, BASE + 0x5000));
  t.false(isCode(image, BASE + IMAGE_BYTES));
});

test('corrupted images: nothing is thrown, nothing outside the image comes out, and it ends', (t) => {
  const damage = fc.array(
    fc.record({
      at: fc.oneof(
        fc.integer({ min: 0, max: 0x180 }),
        fc.integer({ min: EXPORTS_AT, max: EXPORTS_AT + 0x400 }),
      ),
      value: fc.oneof(
        fc.integer({ min: 0, max: 0xff }),
        fc.constantFrom(0xffff_ffff, 0x8000_0000, 0x7fff_ffff, 0x10000, 0x1_0001, BASE, EXPORTS_AT, 1),
      ),
      wide: fc.boolean(),
    }),
    { minLength: 1, maxLength: 12 },
  );
  const view = new DataView(ram.buffer, ram.byteOffset, ram.length);
  let survived = 0;
  fc.assert(
    fc.property(exportsOf, damage, (made, changes) => {
      ram.set(makeImage('test.dll', made), BASE);
      for (const { at, value, wide } of changes) {
        if (wide) view.setUint32(BASE + at, value, true);
        else view.setUint8(BASE + at, value);
      }
      const started = performance.now();
      const image = readPeImage(memory, BASE);
      if (image === undefined) return;
      survived++;
      const { exports, module } = readExports(memory, image);
      for (const { name, address } of exports) {
        t.true(address >= BASE && address < BASE + image.size);
        if (name !== undefined) t.regex(name, /^[\x21-\x7e]{1,511}$/);
      }
      if (module !== undefined) t.regex(module, /^[\x21-\x7e]+$/);
      for (const { name } of made) {
        const found = name === undefined ? undefined : findExport(memory, image, name);
        if (found !== undefined) t.true(found >= BASE && found < BASE + image.size);
      }
      for (const { address, size } of image.sections)
        t.true(address >= BASE && address + size <= BASE + image.size);
      t.true(performance.now() - started < 5000);
    }),
    { numRuns: 500 },
  );
  t.true(survived > 100, `${survived}`);
});

test('random bytes and the end of memory', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 64, maxLength: 4096 }), (bytes) => {
      const at = ram.length - bytes.length;
      ram.set(bytes, at);
      ram.set([0x4d, 0x5a], at);
      const image = readPeImage(memory, at);
      if (image) readExports(memory, image);
    }),
    { numRuns: 300 },
  );
  ram.fill(0);
  // An image of which only the beginning is there: half its names.
  const made = Array.from({ length: 200 }, (_, i) => ({ name: `Function${i}`, rva: 0x4000 + i }));
  const image = makeImage('cut.dll', made);
  const at = ram.length - 0x2000;
  ram.set(image.subarray(0, 0x2000), at);
  const header = readPeImage(memory, at)!;
  const { exports, complete } = readExports(memory, header);
  t.false(complete);
  t.true(exports.length > 0 && exports.length < 200);
  t.is(readPeImage(memory, ram.length - 1), undefined);
});

test('an image is found from an address in it, and not from one behind it', (t) => {
  ram.fill(0);
  ram.set(makeImage('b.dll', []), BASE);
  t.is(findImageBelow(memory, BASE + 0x7abc, 16, () => true)?.base, BASE);
  t.is(
    findImageBelow(memory, BASE + 0x7abc, 4, () => true),
    undefined,
    'not that far',
  );
  t.is(
    findImageBelow(memory, BASE + IMAGE_BYTES, 16, () => true),
    undefined,
  );
  t.is(
    findImageBelow(memory, BASE + 0x10, 16, () => false),
    undefined,
  );
});

test('stores to KPCR.CurrentThread, in the forms that kernels have', (t) => {
  ram.fill(0x90);
  ram.set(makeImage('ntoskrnl.exe', []), BASE);
  const pcr = 0xffdf_f000;
  const put = (rva: number, ...bytes: number[]): number => {
    ram.set(bytes, BASE + rva);
    return BASE + rva + bytes.length;
  };
  const stores = [
    put(0x3000, 0x89, 0xb3, 0x24, 1, 0, 0), // mov [ebx+124h], esi
    put(0x3ffd, 0x89, 0xb3, 0x24, 1, 0, 0), // the same across a page boundary
    put(0x4100, 0x64, 0xa3, 0x24, 1, 0, 0), // mov fs:[124h], eax
    put(0x4200, 0x64, 0x89, 0x0d, 0x24, 1, 0, 0), // mov fs:[124h], ecx
    put(0x4300, 0xa3, 0x24, 0xf1, 0xdf, 0xff), // mov [0ffdff124h], eax
    put(0x4400, 0x89, 0x1d, 0x24, 0xf1, 0xdf, 0xff), // mov [0ffdff124h], ebx
  ];
  put(0x5000, 0x8b, 0xb3, 0x24, 1, 0, 0); // mov esi, [ebx+124h]
  put(0x5100, 0x64, 0xa1, 0x24, 1, 0, 0); // mov eax, fs:[124h]
  put(0x5200, 0x8b, 0x1d, 0x24, 0xf1, 0xdf, 0xff); // mov ebx, [0ffdff124h]
  put(0x5300, 0x89, 0x0d, 0x24, 1, 0, 0); // mov [124h], ecx
  put(0x5400, 0xa3, 0x24, 1, 0, 0); // mov [124h], eax
  t.deepEqual(findSwitchPoints(memory, readPeImage(memory, BASE)!, pcr), stores);
});

test('patterns', (t) => {
  t.true(matches('*', ''));
  t.true(matches('Nt*File', 'NtReadFile'));
  t.true(matches('*a*a*', 'banana'));
  t.false(matches('Nt*File', 'NtReadFileScatter'));
  t.false(matches('', 'x'));
  t.true(matchesModule('ntdll', 'ntdll.dll'));
  t.true(matchesModule('win32k.sys', 'WIN32K.SYS'));
  t.false(matchesModule('nt', 'ntdll.dll'));
  fc.assert(
    fc.property(fc.stringMatching(/^[ab*]{0,12}$/), fc.stringMatching(/^[ab]{0,16}$/), (pattern, text) => {
      const expected = new RegExp(`^${pattern.replaceAll('*', '.*')}$`).test(text);
      t.is(matches(pattern, text), expected, `${pattern} ${text}`);
    }),
  );
  const started = performance.now();
  t.false(matches(`${'*a'.repeat(200)}b`, 'a'.repeat(20_000)));
  t.true(performance.now() - started < 2000);
});
