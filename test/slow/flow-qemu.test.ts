/**
 * The control-flow log against another emulator: what Debian's programs execute in the recorded guest is, to the last instruction,
 * what QEMU executes of them. QEMU shares nothing with the engine: not its decoder, not its compiler, not its blocks.
 */
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { FlowKind, INSTRUCTIONS_MASK, KIND_SHIFT } from '../../src/engine/flow/area.ts';
import type { FlowChunk } from '../../src/trace/flow.ts';
import { TraceFile } from '../../src/trace/trace-file.ts';
import { bootPc } from '../support/debian.ts';
import { comparePath, type PathTally } from '../support/qemu-compare.ts';
import { qemuGuest, qemuPrograms } from '../support/qemu-packages.ts';
import { type QemuPath, qemuPath } from '../support/qemu-path.ts';
import { recordGuest } from '../support/record-guest.ts';

const folder = mkdtempSync(join(tmpdir(), 'rebek-qemu-'));
const paths = new Map<string, QemuPath>();
let guest: Awaited<ReturnType<typeof qemuGuest>>;
let state: ArrayBuffer;

test.before('QEMU runs the programs; Debian boots to the prompt', async (t) => {
  t.timeout(900_000);
  const { qemu, programs } = await qemuPrograms();
  for (const program of programs) {
    const path = await qemuPath(qemu, program, folder);
    t.log(`${program.name}: ${path.addresses.length} instructions, at ${path.instructions.size} addresses`);
    paths.set(program.name, path);
  }
  guest = await qemuGuest(programs);
  const { pc, console } = await bootPc(guest.machine, guest.images);
  await console.logIn();
  // Their addresses are fixed, but for the stack's.
  await console.run('echo 0 > /proc/sys/kernel/randomize_va_space');
  state = await pc.saveState();
  await pc.stop();
  pc.destroy();
});

test.after.always(() => rmSync(folder, { recursive: true, force: true }));

const traceOf = (jit: boolean): string => join(folder, `${jit ? 'compiled' : 'interpreted'}.rebek`);

/** Compares the log, or what a test has made of it. */
function compare(
  jit: boolean,
  path: QemuPath,
  change?: (flow: Iterable<FlowChunk>) => Iterable<FlowChunk>,
): PathTally {
  const trace = TraceFile.open(traceOf(jit));
  try {
    return comparePath(change?.(trace.flow()) ?? trace.flow(), path);
  } finally {
    trace.close();
  }
}

for (const jit of [true, false]) {
  test.serial(`${jit ? 'compiled' : 'interpreted'}: each instruction is QEMU’s next`, async (t) => {
    t.timeout(600_000);
    const { images } = guest;
    const machine = { ...guest.machine, jit };
    const from = { name: 'prompt', state: state.slice(0) };
    const { console, finish } = await recordGuest(t, {
      machine,
      images,
      output: traceOf(jit),
      from,
      flow: true,
    });
    console.type('\n');
    await console.waitFor(/[#$] /);
    // Somebody else, so that the programs are interrupted.
    await console.run('(while :; do :; done) & :');
    for (const [name, { output }] of paths) {
      const said = await console.run(`/reference/run ${name}; md5sum < /tmp/${name}.out`);
      t.is(said, `${createHash('md5').update(output).digest('hex')}  -`);
    }
    const entries = Number(await console.run('wc -c < /proc/self/auxv')) / 8;
    await finish();
    for (const [name, path] of paths) {
      const tally = compare(jit, path);
      t.log(`${name}: ${JSON.stringify(tally)}`);
      const { instructions, iterations, auxiliaryUnderQemu } = tally;
      t.is(instructions + iterations + auxiliaryUnderQemu, path.addresses.length);
      t.is(tally.auxiliaryEntries, entries);
      t.true(tally.instructions > 1_000_000);
      t.is(tally.adjustments, 0);
      t.true(tally.calls > 10 && tally.interrupts > 5 && tally.pageFaults > 10 && tally.resumed > 5);
      t.is(tally.located, tally.calls + tally.interrupts + tally.pageFaults);
      t.true(tally.others > 1000);
      t.true(jit ? tally.interpreted < tally.blocks / 2 : tally.interpreted === tally.blocks);
    }
  });
}

const isBlock = (info: number): boolean => info >>> KIND_SHIFT <= FlowKind.interpreted;
/** A block that another follows directly, and that would not be taken for a REP instruction going on. */
const plain = (words: Uint32Array, at: number, path: QemuPath): boolean =>
  isBlock(words[at + 3] ?? -1) &&
  words[at + 2]! !== words[at]! &&
  [words[at]!, words[at + 2]!].every((address) => path.instructions.get(address)?.rep === false);
const joined = (...parts: readonly ArrayLike<number>[]): Uint32Array =>
  Uint32Array.from(parts.flatMap((part) => Array.from(part)));

/** A mistake that a log could have, from the record at `at` on; and before which records it makes a difference. */
interface Mistake {
  readonly at: (words: Uint32Array, at: number, path: QemuPath) => boolean;
  readonly made: (words: Uint32Array, at: number) => Uint32Array;
}
const changed = (words: Uint32Array, at: number, by: number): Uint32Array => {
  const copy = words.slice();
  copy[at] = copy[at]! + by;
  return copy;
};
/** What a block is interrupted by, behind locations; 0 if it is not. */
const interruptBehind = (words: Uint32Array, at: number): number => {
  let next = at + 2;
  while ((words[next + 1] ?? 0) >>> KIND_SHIFT === FlowKind.location) next += 2;
  return (words[next + 1] ?? 0) >>> KIND_SHIFT === FlowKind.interrupt ? next : 0;
};
const mistakes: Readonly<Record<string, Mistake>> = {
  'an address': { at: plain, made: (words, at) => changed(words, at, 1) },
  'an instruction more': { at: plain, made: (words, at) => changed(words, at + 1, 1) },
  'an instruction less': {
    at: (words, at, path) => plain(words, at, path) && (words[at + 1]! & INSTRUCTIONS_MASK) > 1,
    made: (words, at) => changed(words, at + 1, -1),
  },
  'a block less': { at: plain, made: (words, at) => joined(words.subarray(0, at), words.subarray(at + 2)) },
  'a block twice': { at: plain, made: (words, at) => joined(words.subarray(0, at + 2), words.subarray(at)) },
  'two blocks in the wrong order': {
    at: plain,
    made: (words, at) =>
      joined(
        words.subarray(0, at),
        words.subarray(at + 2, at + 4),
        words.subarray(at, at + 2),
        words.subarray(at + 4),
      ),
  },
  'an address space': {
    at: plain,
    made: (words, at) =>
      joined(words.subarray(0, at), [0x1000, FlowKind.addressSpace << KIND_SHIFT], words.subarray(at)),
  },
  'an interrupt less': {
    at: (words, at) => interruptBehind(words, at) > 0,
    made: (words, at) => {
      const interrupt = interruptBehind(words, at);
      return joined(words.subarray(0, interrupt), words.subarray(interrupt + 2));
    },
  },
  'a location': {
    at: (words, at) => interruptBehind(words, at) > at + 2,
    made: (words, at) => changed(words, interruptBehind(words, at) - 2, 1),
  },
};

/** The log with a mistake in the first fit place from a process's `n`th block on. */
function* withMistake(
  flow: Iterable<FlowChunk>,
  path: QemuPath,
  { space, n, mistake }: { space: number; n: number; mistake: Mistake },
): Generator<FlowChunk> {
  let [seen, cr3, done] = [0, 0, false];
  const place = ({ words, count }: FlowChunk): number => {
    for (let at = 0; at < 2 * count; at += 2) {
      const [value, info] = [words[at]!, words[at + 1]!];
      if (info >>> KIND_SHIFT === FlowKind.addressSpace) cr3 = value;
      if (!isBlock(info) || cr3 !== space || value >= 0xc0000000) continue;
      if (seen === 0 && value !== path.entry) continue;
      if (seen++ >= n && mistake.at(words, at, path)) return at;
    }
    return -1;
  };
  for (const chunk of flow) {
    cr3 = chunk.asid >>> 0;
    const at = done ? -1 : place(chunk);
    if (at < 0) yield chunk;
    else {
      const words = mistake.made(chunk.words.slice(0, 2 * chunk.count), at);
      yield { ...chunk, words, count: words.length / 2 };
      done = true;
    }
  }
  if (!done) throw new Error('no place for the mistake');
}

test.serial('any mistake in the log is found', (t) => {
  const path = paths.get('gzip')!;
  const { space, blocks } = compare(true, path);
  for (const [name, mistake] of Object.entries(mistakes)) {
    for (const n of [0.01, 0.5, 0.95].map((part) => Math.floor(part * blocks))) {
      const change = (flow: Iterable<FlowChunk>) => withMistake(flow, path, { space, n, mistake });
      const error = t.throws(() => compare(true, path, change), { message: /: QEMU has / }, `${name}, ${n}`);
      t.log(`${name}: ${error?.message.replace(/; .*/, '')}`);
    }
  }
  // And in QEMU's path: an instruction left out.
  const addresses = path.addresses.filter((_, i) => i !== path.addresses.length >> 1);
  t.throws(() => compare(true, { ...path, addresses }), { message: /: QEMU has / });
});
