/** Writes ntlet's ground truth, as TRUTH.md describes it, for the tests of those who read it. */
import type { TruthRecord, TruthRecordOf } from '../../src/guest/ntlet/truth-record.ts';

type Kind = TruthRecord['kind'];
type Without<R> = R extends TruthRecord ? Omit<R, 'sequence' | 'instruction'> : never;
/** A record before it has a place in a stream. */
export type Spec = Without<TruthRecord>;
export type SpecOf<K extends Kind> = Without<TruthRecordOf<K>>;

const kinds: Record<Exclude<Kind, 'unknown'>, number> = {
  boot: 1,
  function: 2,
  'process-start': 3,
  'process-end': 4,
  'thread-start': 5,
  'thread-end': 6,
  switch: 7,
  enter: 8,
  leave: 9,
  complete: 10,
  again: 11,
  assert: 12,
  mark: 13,
  event: 14,
  halt: 15,
};
const doors = ['direct', 'sysenter', 'int2e', 'dispatcher', 'jump'];
const outcomes = ['', 'returned', 'unwound', 'noreturn', 'killed', 'pending'];
const events = ['', 'apc', 'exception', 'kernel-stack', 'callback', 'fiber'];
const conventions = ['stdcall', 'cdecl', 'fastcall'];

function text(value: string): number[] {
  const words = new Array<number>(Math.ceil(value.length / 4)).fill(0);
  for (let i = 0; i < value.length; i++) words[i >> 2]! |= value.charCodeAt(i) << (8 * (i & 3));
  return words;
}

/** Words from the third on. */
function fields(r: Spec): number[] {
  switch (r.kind) {
    case 'boot':
      return [r.version, r.base, r.size];
    case 'function': {
      const { arguments: count, convention, mode } = r.shape;
      const shape = count | (conventions.indexOf(convention) << 8) | (mode === 'user' ? 0x1_0000 : 0);
      return [r.function, r.address, shape, ...text(r.name)];
    }
    case 'process-start':
      return [r.process, r.processId, r.cr3, r.parent, r.object, ...text(r.name)];
    case 'process-end':
      return [r.process, r.status];
    case 'thread-start':
      return [r.process, r.threadId, r.object, r.stackTop, r.teb, r.start];
    case 'thread-end':
      return [r.status];
    case 'switch':
      return [r.before, r.cr3];
    case 'enter': {
      const how = doors.indexOf(r.door) | (r.stack << 8);
      return [r.call, r.function, r.parent, how, r.esp, ...r.arguments];
    }
    case 'leave':
      return [r.call, outcomes.indexOf(r.outcome), r.result];
    case 'complete':
      return [r.call, r.status, r.bytes];
    case 'again':
      return [r.call, r.result];
    case 'assert':
      return [r.line, ...text(r.text)];
    case 'mark':
      return [r.number, ...text(r.text)];
    case 'event':
      return [events.indexOf(r.what), ...r.values];
    case 'halt':
      return [r.reason];
    case 'unknown':
      return [...r.words];
  }
}

/** One record's bytes. */
export function encodeRecord(spec: Spec, sequence: number): Uint8Array {
  const rest = fields(spec);
  const code = spec.kind === 'unknown' ? spec.code : kinds[spec.kind];
  const words = [code | ((rest.length + 3) << 8) | (0x544e << 16), sequence, spec.thread, ...rest];
  return new Uint8Array(Uint32Array.from(words).buffer);
}

/** All of them, one after the other. */
export function encodeTruth(specs: readonly Spec[], first = 0): Uint8Array {
  return Buffer.concat(specs.map((spec, i) => encodeRecord(spec, first + i)));
}

/** The records as a reader must find them, each at an instruction count of its own. */
export function placed(specs: readonly Spec[], first = 0): TruthRecord[] {
  return specs.map((spec, i) => ({ ...spec, sequence: first + i, instruction: 10 * i }) as TruthRecord);
}

/** Records with everything that does not matter filled in. */
export const make = {
  boot: (): Spec => ({ kind: 'boot', thread: 0, version: 1, base: 0x8040_0000, size: 4096 }),
  function: (thread: number, number: number, name: string): Spec => ({
    kind: 'function',
    thread,
    function: number,
    address: 0x8040_1000 + number,
    shape: { arguments: 2, convention: 'stdcall', mode: number < 0x2_0000 ? 'kernel' : 'user' },
    name,
  }),
  /** Process id 4 × generation, CR3 0x1000 × generation. */
  process: (thread: number, process: number, more: Partial<SpecOf<'process-start'>> = {}): Spec => ({
    kind: 'process-start',
    thread,
    process,
    processId: 4 * process,
    cr3: 0x1000 * process,
    parent: 0,
    object: 0x8100_0000,
    name: `p${process}.exe`,
    ...more,
  }),
  processEnd: (thread: number, process: number): Spec => ({
    kind: 'process-end',
    thread,
    process,
    status: 0,
  }),
  thread: (thread: number, process: number, threadId = 1000 + thread): Spec => ({
    kind: 'thread-start',
    thread,
    process,
    threadId,
    object: 0x8200_0000,
    stackTop: 0x8300_0000,
    teb: 0x7ffd_f000,
    start: 0x40_1000,
  }),
  threadEnd: (thread: number): Spec => ({ kind: 'thread-end', thread, status: 0 }),
  switch: (before: number, thread: number, process: number): Spec => ({
    kind: 'switch',
    thread,
    before,
    cr3: 0x1000 * process,
  }),
  enter: (
    thread: number,
    call: number,
    parent: number,
    number = 0x47,
    more: Partial<SpecOf<'enter'>> = {},
  ): Spec => ({
    kind: 'enter',
    thread,
    call,
    function: number,
    parent,
    door: 'sysenter',
    stack: 0,
    esp: 0x8300_0f00,
    arguments: [0x14, 0],
    ...more,
  }),
  leave: (
    thread: number,
    call: number,
    outcome: TruthRecordOf<'leave'>['outcome'] = 'returned',
    result = 0,
  ): Spec => ({ kind: 'leave', thread, call, outcome, result }),
  complete: (thread: number, call: number): Spec => ({ kind: 'complete', thread, call, status: 0, bytes: 7 }),
  again: (thread: number, call: number): Spec => ({ kind: 'again', thread, call, result: 0 }),
  mark: (thread: number, words: string): Spec => ({ kind: 'mark', thread, number: 1, text: words }),
  assert: (thread: number): Spec => ({ kind: 'assert', thread, line: 12, text: 'ke.c: x' }),
} as const;

/** Boot, two processes with two threads each; thread 1 runs. */
export const start: readonly Spec[] = [
  make.boot(),
  make.function(0, 0x47, 'NtReadFile'),
  make.process(0, 1),
  make.thread(1, 1),
  make.process(1, 2),
  make.thread(2, 1),
  make.thread(3, 2),
  make.thread(4, 2),
];
