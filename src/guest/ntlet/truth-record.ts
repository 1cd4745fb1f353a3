/** The records of ntlet's ground truth, as TRUTH.md has them: names, types, and one record from its words. */
import { ExitCode, RebekError } from '../../base/errors.ts';

/** Kinds by their numbers, and how many words a record has: exactly, or at least where text or arguments follow. */
export const KINDS = [
  { kind: 'boot', code: 1, words: 6, open: false },
  { kind: 'function', code: 2, words: 6, open: true },
  { kind: 'process-start', code: 3, words: 8, open: true },
  { kind: 'process-end', code: 4, words: 5, open: false },
  { kind: 'thread-start', code: 5, words: 9, open: false },
  { kind: 'thread-end', code: 6, words: 4, open: false },
  { kind: 'switch', code: 7, words: 5, open: false },
  { kind: 'enter', code: 8, words: 8, open: true },
  { kind: 'leave', code: 9, words: 6, open: false },
  { kind: 'complete', code: 10, words: 6, open: false },
  { kind: 'again', code: 11, words: 5, open: false },
  { kind: 'assert', code: 12, words: 4, open: true },
  { kind: 'mark', code: 13, words: 4, open: true },
  { kind: 'event', code: 14, words: 6, open: false },
  { kind: 'halt', code: 15, words: 4, open: false },
] as const;
export type TruthKind = (typeof KINDS)[number]['kind'];

/** How a call ended; the first has the number 1. */
export const OUTCOMES = ['returned', 'unwound', 'noreturn', 'killed', 'pending'] as const;
export type TruthOutcome = (typeof OUTCOMES)[number];
/** How a call was made, from 0. */
export const DOORS = ['direct', 'sysenter', 'int2e', 'dispatcher', 'jump'] as const;
export type TruthDoor = (typeof DOORS)[number];
/** From 0. */
export const CONVENTIONS = ['stdcall', 'cdecl', 'fastcall'] as const;
/** From 1. */
export const EVENTS = ['apc', 'exception', 'kernel-stack', 'callback', 'fiber'] as const;

/** What a function takes, and where it is. */
export interface FunctionShape {
  /** 32-bit words. */
  readonly arguments: number;
  readonly convention: (typeof CONVENTIONS)[number];
  readonly mode: 'kernel' | 'user';
}

interface Common {
  readonly sequence: number;
  /** Guest instructions executed when its first byte was written; -1 if that was before the recording began. */
  readonly instruction: number;
  /** Generation of the thread that it is about; 0 before the first. */
  readonly thread: number;
}
/** What is particular to each kind. Threads and processes are generations; all numbers are unsigned. */
interface Fields {
  readonly boot: { readonly version: number; readonly base: number; readonly size: number };
  readonly function: {
    readonly function: number;
    readonly address: number;
    readonly shape: FunctionShape;
    readonly name: string;
  };
  readonly 'process-start': {
    readonly process: number;
    readonly processId: number;
    readonly cr3: number;
    /** 0 if it has none. */
    readonly parent: number;
    /** Address of its EPROCESS. */
    readonly object: number;
    readonly name: string;
  };
  readonly 'process-end': { readonly process: number; readonly status: number };
  readonly 'thread-start': {
    readonly process: number;
    readonly threadId: number;
    /** Address of its ETHREAD. */
    readonly object: number;
    /** Top of its kernel stack. */
    readonly stackTop: number;
    readonly teb: number;
    readonly start: number;
  };
  readonly 'thread-end': { readonly status: number };
  readonly switch: { readonly before: number; readonly cr3: number };
  readonly enter: {
    readonly call: number;
    readonly function: number;
    /** Call number; 0 if there is none. */
    readonly parent: number;
    readonly door: TruthDoor;
    /** 0: the thread's own; otherwise the number of the fiber. */
    readonly stack: number;
    /** Address of the return address. */
    readonly esp: number;
    readonly arguments: readonly number[];
  };
  readonly leave: { readonly call: number; readonly outcome: TruthOutcome; readonly result: number };
  readonly complete: { readonly call: number; readonly status: number; readonly bytes: number };
  readonly again: { readonly call: number; readonly result: number };
  readonly assert: { readonly line: number; readonly text: string };
  readonly mark: { readonly number: number; readonly text: string };
  readonly event: {
    readonly what: (typeof EVENTS)[number];
    readonly values: readonly [number, number];
  };
  readonly halt: { readonly reason: number };
  /** A kind that this reader does not know. */
  readonly unknown: { readonly code: number; readonly words: readonly number[] };
}

/** A record of one kind. */
export type TruthRecordOf<Kind extends keyof Fields> = {
  [K in Kind]: { readonly kind: K } & Common & Fields[K];
}[Kind];
/** Any record; `kind` tells which. */
export type TruthRecord = TruthRecordOf<keyof Fields>;

const byCode = new Map<number, (typeof KINDS)[number]>(KINDS.map((known) => [known.code, known]));
/** The mark in the upper half of a record's first word: `NT`. */
export const MARK = 0x544e;
/** Words of the shortest record. */
export const SHORTEST = 3;

/** Where a record is, for errors. */
export interface TruthPlace {
  readonly sequence: number;
  readonly offset: number;
  readonly instruction: number;
}

/** @returns an error with exit code 4 whose details hold all that the message says */
export function truthError(
  code: `ERR_TRUTH_${string}`,
  place: TruthPlace,
  expected: string,
  found: string,
  hint?: string,
): RebekError {
  const { sequence, offset, instruction } = place;
  return new RebekError(
    code,
    `the ground truth is damaged at record ${sequence}, byte ${offset}, instruction ${instruction}\n` +
      `  expected: ${expected}\n  found:    ${found}`,
    {
      exitCode: ExitCode.damaged,
      ...(hint !== undefined && { hint }),
      details: { sequence, offset, instruction, expected, found },
    },
  );
}

/**
 * One record from its words.
 * @param words begins with the record's words; nothing of it is kept
 * @param length of the record in words, as word 0 has it
 * @throws RebekError ERR_TRUTH_LENGTH: too short or too long for its kind; ERR_TRUTH_VALUE; ERR_TRUTH_VERSION
 */
export function decodeRecord(words: Uint32Array, length: number, place: TruthPlace): TruthRecord {
  const w = (index: number): number => words[index]!;
  const code = w(0) & 0xff;
  const known = byCode.get(code);
  const { sequence, instruction } = place;
  const common = { sequence, instruction, thread: w(2) };
  const rest = (from: number): number[] => Array.from(words.subarray(from, length));
  if (known === undefined) return { kind: 'unknown', ...common, code, words: rest(SHORTEST) };
  if (length < known.words || (length > known.words && !known.open)) {
    const expected = `${known.open ? 'at least ' : ''}${known.words} words of a ${known.kind} record`;
    throw truthError('ERR_TRUTH_LENGTH', place, expected, `${length}`);
  }
  const pick = <T>(list: readonly T[], number: number, first: number, what: string): T => {
    const found = list[number - first];
    if (found !== undefined) return found;
    const range = `${what} from ${first} to ${first + list.length - 1} (${list.join(', ')})`;
    throw truthError('ERR_TRUTH_VALUE', place, range, `${number}`);
  };
  const text = (from: number): string => toText(rest(from));
  switch (known.kind) {
    case 'boot':
      if (w(3) !== 1) throw truthError('ERR_TRUTH_VERSION', place, 'version 1', `version ${w(3)}`);
      return { kind: 'boot', ...common, version: w(3), base: w(4), size: w(5) };
    case 'function': {
      const shape: FunctionShape = {
        arguments: w(5) & 0xff,
        convention: pick(CONVENTIONS, (w(5) >>> 8) & 0xff, 0, 'a convention'),
        mode: pick(['kernel', 'user'] as const, (w(5) >>> 16) & 0xff, 0, 'a mode'),
      };
      return { kind: 'function', ...common, function: w(3), address: w(4), shape, name: text(6) };
    }
    case 'process-start': {
      const [process, processId, cr3, parent, object] = [w(3), w(4), w(5), w(6), w(7)];
      return { kind: 'process-start', ...common, process, processId, cr3, parent, object, name: text(8) };
    }
    case 'process-end':
      return { kind: 'process-end', ...common, process: w(3), status: w(4) };
    case 'thread-start': {
      const [process, threadId, object, stackTop, teb, start] = [w(3), w(4), w(5), w(6), w(7), w(8)];
      return { kind: 'thread-start', ...common, process, threadId, object, stackTop, teb, start };
    }
    case 'thread-end':
      return { kind: 'thread-end', ...common, status: w(3) };
    case 'switch':
      return { kind: 'switch', ...common, before: w(3), cr3: w(4) };
    case 'enter': {
      const door = pick(DOORS, w(6) & 0xff, 0, 'a door');
      const stack = (w(6) >>> 8) & 0xff;
      const call = { call: w(3), function: w(4), parent: w(5) };
      return { kind: 'enter', ...common, ...call, door, stack, esp: w(7), arguments: rest(8) };
    }
    case 'leave': {
      const outcome = pick(OUTCOMES, w(4), 1, 'an outcome');
      return { kind: 'leave', ...common, call: w(3), outcome, result: w(5) };
    }
    case 'complete':
      return { kind: 'complete', ...common, call: w(3), status: w(4), bytes: w(5) };
    case 'again':
      return { kind: 'again', ...common, call: w(3), result: w(4) };
    case 'assert':
      return { kind: 'assert', ...common, line: w(3), text: text(4) };
    case 'mark':
      return { kind: 'mark', ...common, number: w(3), text: text(4) };
    case 'event': {
      const what = pick(EVENTS, w(3), 1, 'an event');
      return { kind: 'event', ...common, what, values: [w(4), w(5)] };
    }
    case 'halt':
      return { kind: 'halt', ...common, reason: w(3) };
  }
}

/** ASCII, filled up with zero bytes; any other byte becomes the character with its number. */
function toText(words: readonly number[]): string {
  const bytes = words.flatMap((word) => [
    word & 0xff,
    (word >>> 8) & 0xff,
    (word >>> 16) & 0xff,
    word >>> 24,
  ]);
  return String.fromCharCode(...bytes).replace(/\0+$/, '');
}
