/** Words and memory that nobody has meant to be read: no call may throw, take long, or grow without bounds. */
import test from 'ava';
import fc from 'fast-check';
import { beginNtCall, finishNtCall } from '../../../src/guest/nt/decode.ts';
import { serviceSignature, xpServiceNames } from '../../../src/guest/nt/signatures.ts';
import { ABSENT, Caller, RAM_BYTES } from './decode-memory.ts';

const none = () => undefined;
/** Types whose names begin with a P. */
const NO_POINTERS = new Set([
  'PLUGPLAY_CONTROL_CLASS',
  'PORT_INFORMATION_CLASS',
  'POWER_ACTION',
  'POWER_INFORMATION_LEVEL',
  'PROCESSINFOCLASS',
]);
const isPointer = (type: string) => /^L?P[A-Z]|\*$/.test(type) && !NO_POINTERS.has(type);
const parametersOf = (service: string) => serviceSignature(service, undefined).parameters ?? [];

test('a pointer that is NULL is NULL, whatever it is called and points to', (t) => {
  const caller = new Caller();
  for (const service of xpServiceNames()) {
    const done = caller.call(
      service,
      parametersOf(service).map(() => 0),
    );
    for (const { name, type } of parametersOf(service))
      if (isPointer(type)) t.is(done[name]!.text, `${name}=NULL`, `${service}: ${type}`);
  }
});

test('what is no pointer is not followed', (t) => {
  const caller = new Caller();
  for (const service of xpServiceNames()) {
    const done = caller.call(
      service,
      parametersOf(service).map(() => ABSENT),
    );
    for (const { name, type } of parametersOf(service))
      if (!isPointer(type)) t.notRegex(done[name]!.text, /@/, `${service}: ${type}`);
  }
});

/** Words as programs have them, and as they do not. */
const word = fc.oneof(
  fc.constantFrom(0, 1, 2, 3, 4, 5, 9, 27, 0x10_0000, 0x7fff_fffe, 0x8000_0000, 0xffff_fffe, 0xffff_ffff),
  fc.integer({ min: 0, max: RAM_BYTES + 16 }),
  fc.integer({ min: 0, max: 0xffff_ffff }),
);
const result = fc.constantFrom<number | undefined>(0, 0x8000_0005, 0x103, 0xc000_0005, undefined);

test('any words and memory: no call throws, and each has its bounds', (t) => {
  const caller = new Caller();
  const bytes = caller.memory.physical.bytes(0, RAM_BYTES);
  let slowest = 0;
  let longest = 0;
  const property = fc.property(
    fc.constantFrom(...xpServiceNames()),
    fc.array(word, { minLength: 0, maxLength: 20 }),
    fc.array(fc.tuple(fc.nat(RAM_BYTES / 4 - 1), word), { maxLength: 50 }),
    fc.nat(255),
    result,
    (service, words, cells, filling, status) => {
      bytes.fill(filling);
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
      for (const [cell, value] of cells) view.setUint32(4 * cell, value, true);
      // What the words point to points on.
      for (const [i, at] of words.entries())
        if (at + 32 < RAM_BYTES)
          for (let j = 0; j < 8; j++) view.setUint32(at + 4 * j, words[(i + j + 1) % words.length]!, true);
      const started = performance.now();
      const entry = beginNtCall(service, parametersOf(service), words, caller.memory, none);
      const done = finishNtCall(entry, status, caller.memory, none);
      slowest = Math.max(slowest, performance.now() - started);
      const json = JSON.stringify(done);
      longest = Math.max(longest, json.length);
      const count = Math.max(words.length, parametersOf(service).length);
      if (done.arguments.length !== count) throw new Error(`${done.arguments.length} arguments`);
      for (const { name, text } of done.arguments)
        if (text.length > 20_000) throw new Error(`${name}: ${text.length}`);
    },
  );
  t.notThrows(() => fc.assert(property, { numRuns: 3000 }));
  t.log(`slowest ${slowest.toFixed(1)} ms, longest ${longest} characters of JSON`);
  t.true(slowest < 500);
  t.true(longest < 4_000_000);
});

test('a list made to cost the most costs little', (t) => {
  const caller = new Caller(0x4_0000);
  const bytes = caller.memory.physical.bytes(0, 0x4_0000);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  // FileDirectoryInformation: entries of 64 bytes, each with a name as long as all that follows.
  for (let at = 0x1_0000; at < 0x2_0000; at += 64) {
    view.setUint32(at, 64, true);
    view.setUint32(at + 60, 0xffff_ffff, true);
  }
  view.setUint32(0x100 + 4, 0x1_0000, true);
  const started = performance.now();
  const done = caller.call('NtQueryDirectoryFile', [8, 0, 0, 0, 0x100, 0x1_0000, 0xffff_ffff, 1, 0, 0, 0]);
  const took = performance.now() - started;
  t.true(JSON.stringify(done).length < 4_000_000);
  t.true(took < 500, `${took} ms`);
  t.true((done['FileInformation']!.value as unknown[]).length >= 1000);
});
