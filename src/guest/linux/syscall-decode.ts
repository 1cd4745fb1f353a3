/**
 * What a system call was asked and what it answered, decoded from its words and the caller's memory: inputs at the entry,
 * outputs at the end. The texts are those of strace 6.1 with its default options (`-s 32`).
 *
 * What cannot be read is shown as its address, as strace does. strace, however, can have pages brought in that are not
 * present; here an input that was absent at the entry is read again at the end, when the kernel itself has needed it.
 */
import type { VirtualMemory } from '../memory.ts';
import { Call, type DecodedArgument, type Kept, type ResultKind } from './abi/call.ts';
import { errorName, errorOf, errorText } from './abi/errno.ts';
import { DEFAULT_LIMITS, type Limits, Reader } from './abi/reader.ts';
import { hexText, mode } from './abi/shown.ts';
import { ipcCall, type SystemCall, socketCall, systemCallByNumber } from './syscalls.ts';

export interface DecodeOptions {
  readonly limits?: Partial<Limits>;
  /** The program's stack pointer at the entry: sigreturn's frame is there. */
  readonly stack?: number;
  /** The name of the call that restart_syscall goes on with. */
  readonly interrupted?: string;
}

/** A call that has begun: plain data, to be kept until it ends. */
export interface DecodedEntry {
  readonly number: number;
  /** For socketcall and ipc: which call within it. */
  readonly within: number | undefined;
  readonly words: readonly number[];
  /** In the order of the plan; null for what is read only at the end. Calls with a decoder of their own have no nulls. */
  readonly arguments: readonly (DecodedArgument | null)[];
  readonly kept: Kept;
  readonly options: DecodeOptions;
}

export interface DecodedCall {
  /** strace's name: for socketcall and ipc, that of the call within. */
  readonly name: string;
  readonly arguments: readonly DecodedArgument[];
  /** EAX, signed; undefined if the call did not return. */
  readonly result: number | undefined;
  /** As strace prints it after the equals sign. */
  readonly resultText: string;
  /** `ENOENT`, where the result is an error. */
  readonly errno?: string;
}

const SOCKETCALL = 102;
const IPC = 117;
const EXECVE = 11;
const EXECVEAT = 358;

/** Words that each of socketcall's calls reads from the caller's array (net/socket.c). */
const SOCKET_WORDS = [0, 3, 3, 3, 2, 3, 3, 3, 4, 4, 4, 6, 6, 2, 5, 5, 3, 3, 4, 5, 4];

/** Calls that never fail: what looks like an error is a result. */
const NEVER_FAIL = new Set([
  20, 24, 47, 49, 50, 60, 64, 65, 136, 138, 139, 199, 200, 201, 202, 215, 216, 224,
]);

interface Resolved {
  readonly call: SystemCall | undefined;
  readonly within: number | undefined;
  readonly words: readonly number[];
}

/** The call within socketcall or ipc, with its own words. */
function resolve(call: SystemCall, words: readonly number[], reader: Reader): Resolved {
  const plain = { call, within: undefined, words };
  const first = (words[0] ?? 0) >>> 0;
  if (call.number === SOCKETCALL) {
    const within = socketCall(first);
    const count = SOCKET_WORDS[first] ?? 0;
    const at = (words[1] ?? 0) >>> 0;
    const s = within === undefined || at === 0 ? undefined : reader.structure(at, 4 * count);
    if (s === undefined) return plain;
    return { call: within, within: first, words: Array.from({ length: count }, (_, i) => s.u32(4 * i)) };
  }
  if (call.number === IPC) {
    const within = ipcCall(first & 0xffff);
    if (within === undefined) return plain;
    // The version comes after the five words.
    return { call: within, within: first & 0xffff, words: [...words.slice(1, 6), first >>> 16] };
  }
  return plain;
}

function callOf(entry: DecodedEntry): SystemCall | undefined {
  if (entry.within === undefined) return systemCallByNumber(entry.number);
  return entry.number === SOCKETCALL ? socketCall(entry.within) : ipcCall(entry.within);
}

function newReader(memory: VirtualMemory, options: DecodeOptions): Reader {
  return new Reader(memory, { ...DEFAULT_LIMITS, ...options.limits });
}

/** The pass at the entry: each argument, or null for one that is read only later. */
function enter(call: SystemCall, decoding: Call): (DecodedArgument | null)[] {
  const { reader } = decoding;
  reader.absent = false;
  if (call.decodeCall !== undefined) {
    call.decodeCall(decoding);
    return [...decoding.shown];
  }
  return call.plan.map(({ name, type, index, when, decode }) => {
    if (when === 'end') return null;
    const shown = decode(decoding, decoding.word(index), index);
    if (when === 'both') {
      reader.absent = false;
      return null;
    }
    decoding.show(name, type, shown);
    return decoding.shown.pop() ?? null;
  });
}

/**
 * A call at its entry.
 * @param what the call, or a number that is not in use
 * @param words EBX, ECX, EDX, ESI, EDI, EBP of the caller
 */
export function beginSystemCall(
  what: SystemCall | number,
  words: readonly number[],
  memory: VirtualMemory,
  options: DecodeOptions = {},
): DecodedEntry {
  const call = typeof what === 'number' ? systemCallByNumber(what) : what;
  if (call === undefined) {
    return { number: Number(what), within: undefined, words, arguments: [], kept: {}, options };
  }
  const reader = newReader(memory, options);
  const resolved = resolve(call, words, reader);
  const { stack, interrupted } = options;
  const target = resolved.call ?? call;
  const decoding = new Call(resolved.words, reader, {
    entering: true,
    kind: target.result,
    stack,
    interrupted,
  });
  return {
    number: call.number,
    within: resolved.within,
    words: resolved.words,
    arguments: enter(target, decoding),
    kept: decoding.kept,
    options,
  };
}

/** Inputs that were absent at the entry, as they are now. */
function again(entry: DecodedEntry, call: SystemCall, memory: VirtualMemory): DecodedEntry['arguments'] {
  if (!entry.arguments.some((argument) => argument?.absent === true)) return entry.arguments;
  const { stack, interrupted } = entry.options;
  const reader = newReader(memory, entry.options);
  const now = enter(
    call,
    new Call(entry.words, reader, { entering: true, kind: call.result, stack, interrupted }),
  );
  return entry.arguments.map((before, i) => {
    const after = now[i];
    return before?.absent === true && after?.name === before.name ? after : before;
  });
}

function isExec(number: number): boolean {
  return number === EXECVE || number === EXECVEAT;
}

/**
 * The call at its end.
 * @param result EAX; undefined if the call never returned: its outputs are shown as addresses then
 */
export function finishSystemCall(
  entry: DecodedEntry,
  result: number | undefined,
  memory: VirtualMemory,
): DecodedCall {
  let begun = entry;
  let call = callOf(entry);
  const original = systemCallByNumber(entry.number);
  if (
    original !== undefined &&
    (entry.number === SOCKETCALL || entry.number === IPC) &&
    entry.within === undefined
  ) {
    // The caller's words may have been absent then.
    begun = beginSystemCall(original, entry.words, memory, entry.options);
    call = callOf(begun);
  }
  if (call === undefined) return unknown(entry, result);

  const error = result === undefined || NEVER_FAIL.has(entry.number) ? 0 : errorOf(result);
  const inputs = isExec(entry.number) && error === 0 ? begun.arguments : again(begun, call, memory);
  const reader = newReader(memory, entry.options);
  const decoding = new Call(begun.words, reader, {
    entering: false,
    result: (result ?? 0) >>> 0,
    // Of a call that has not returned, nothing has been written.
    error: result === undefined ? 1 : error,
    kind: call.result,
    kept: begun.kept,
    stack: entry.options.stack,
  });
  if (call.decodeCall !== undefined) {
    decoding.shown.push(...inputs.filter((argument) => argument !== null));
    call.decodeCall(decoding);
  } else {
    call.plan.forEach(({ name, type, index, when, decode }, i) => {
      const input = inputs[i];
      if (when !== 'entry') decoding.show(name, type, decode(decoding, decoding.word(index), index));
      else if (input !== null && input !== undefined) decoding.shown.push(input);
    });
  }
  if (result === undefined) return { name: call.name, arguments: decoding.shown, result, resultText: '?' };
  call.decodeResult?.(decoding);
  const text = error === 0 ? resultText(decoding.kind, decoding.stored ?? result) : errorText(error);
  const decoded = {
    name: call.name,
    arguments: decoding.shown,
    result: result | 0,
    resultText: decoding.suffix === undefined ? text : `${text} (${decoding.suffix})`,
  };
  const name = error === 0 ? undefined : errorName(error);
  return name === undefined ? decoded : { ...decoded, errno: name };
}

function resultText(kind: ResultKind, result: number): string {
  switch (kind) {
    case 'none':
      return '?';
    case 'address':
      return hexText(result >>> 0);
    case 'octal':
      return mode(result >>> 0).text;
    default:
      return String(result >>> 0);
  }
}

/** A number that is not in use: strace shows six words. */
function unknown(entry: DecodedEntry, result: number | undefined): DecodedCall {
  const { words } = entry;
  return {
    name: `syscall_${hexText(entry.number)}`,
    arguments: words.map((word, i) => ({
      name: `arg${i + 1}`,
      type: 'unsigned long',
      value: word >>> 0,
      text: hexText(word >>> 0),
    })),
    result: result === undefined ? undefined : result | 0,
    resultText:
      result === undefined ? '?' : errorOf(result) === 0 ? String(result >>> 0) : errorText(errorOf(result)),
  };
}

/** A line as strace prints it, with one space before the equals sign where strace fills up to a column. */
export function formatSystemCall(call: DecodedCall): string {
  return `${call.name}(${call.arguments.map(({ text }) => text).join(', ')}) = ${call.resultText}`;
}
