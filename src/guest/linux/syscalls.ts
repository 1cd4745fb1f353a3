/**
 * The system calls of i386 by number and by name.
 *
 * "fd" and "pid" are results like "int", told apart for whoever follows descriptors and processes.
 */
import type { Parameter } from '../os.ts';
import type { Call, CallDecoder, Decoder, ResultKind } from './abi/call.ts';
import { callDecoderOf, decoderOf, decoderOfType, resultDecoderOf } from './abi/decoders.ts';
import { EARLY_SYSTEM_CALLS } from './syscall-table-early.ts';
import { IPC_CALLS, LATE_SYSTEM_CALLS, SOCKET_CALLS } from './syscall-table-late.ts';

/** One argument as it is decoded. */
export interface ArgumentPlan {
  readonly name: string;
  readonly type: string;
  /** The word that it begins at. */
  readonly index: number;
  /** When it is read: before the call, after it, or before (to keep something) and after. */
  readonly when: 'entry' | 'end' | 'both';
  readonly decode: Decoder;
}

export interface SystemCall {
  readonly number: number;
  /** As programs and strace call it: `read`, `mmap2`, `_llseek`. */
  readonly name: string;
  /** The kernel's function without `sys_`, where that is another name: `mmap_pgoff`, `llseek`, `getuid16`. */
  readonly entry: string;
  /** One for each word; empty where the call has none or never was implemented. */
  readonly parameters: readonly Parameter[];
  readonly result: ResultKind;
  readonly plan: readonly ArgumentPlan[];
  /** Decodes all arguments where they depend on each other. */
  readonly decodeCall: CallDecoder | undefined;
  /** Adds to the result. */
  readonly decodeResult: ((call: Call) => void) | undefined;
}

function broken(line: string, why: string): Error {
  return new Error(`the table of system calls is wrong at "${line}": ${why}`);
}

interface Word extends Parameter {
  readonly index: number;
  readonly decoder: string | undefined;
}

/** `const char *buf #3 @data(count)`. */
function parseWord(text: string, place: number, line: string): Word {
  const [, type, stars, name, at, decoder] =
    /^(.*?)\s*(\**)(\w+)(?: #(\d))?(?: @(\S+))?$/.exec(text.trim()) ?? [];
  if (type === undefined || name === undefined) throw broken(line, `"${text}" is no parameter`);
  return {
    name,
    type: stars === '' ? type : `${type} ${stars}`,
    index: at === undefined ? place : Number(at),
    decoder,
  };
}

const WHEN = { '>': 'end', '+': 'both' } as const;

function planOf(word: Word, words: readonly Word[], line: string): ArgumentPlan | undefined {
  const { name, type, index } = word;
  if (word.decoder === undefined) {
    return { name, type, index, when: 'entry', decode: decoderOfType(type, name) };
  }
  const [, mark, decoder, inner] = /^([>+]?)([\w-]+)(?:\(([\w,]+)\))?$/.exec(word.decoder) ?? [];
  if (decoder === undefined) throw broken(line, `"${word.decoder}" is no decoder`);
  if (decoder === '-') return undefined;
  const numbers = (inner?.split(',') ?? []).map((argument) => {
    if (/^\d+$/.test(argument)) return Number(argument);
    const other = words.find((candidate) => candidate.name === argument);
    if (other === undefined) throw broken(line, `there is no parameter ${argument}`);
    return other.index;
  });
  const when = mark === '>' || mark === '+' ? WHEN[mark] : 'entry';
  const wide = decoder === 'lld' || decoder === 'llu' || decoder === 'llx' || decoder === 'high_low';
  return {
    name: wide ? name.replace(/_(lo|high)$/, '') : name,
    type: wide ? (decoder === 'lld' || decoder === 'high_low' ? 'loff_t' : 'u64') : type,
    index,
    when,
    decode: decoderOf(decoder, numbers),
  };
}

/**
 * The notation of the tables, a line for each call:
 *
 *     NUMBER NAME [KERNEL'S NAME] = RESULT ~RESULT'S DECODER: !CALL'S DECODER TYPE NAME #WORD @DECODER, …
 *
 * Only number and name must be there; without the colon, the call never was implemented. A decoder that begins with `>`
 * reads after the call, one with `+` before and after; what it has in parentheses are names of other parameters, or
 * numbers. `@-` is not shown. Words count from 0 in the order of the parameters, unless `#` says otherwise.
 */
export function parseSystemCalls(table: string): SystemCall[] {
  const found: SystemCall[] = [];
  for (const line of table.split('\n')) {
    if (line === '') continue;
    const colon = line.indexOf(':');
    const head = colon < 0 ? line : line.slice(0, colon);
    const [, number, name, entry, result, after] =
      /^(\d+) (\w+)(?: \[(\w+)\])?(?: = (\w+))?(?: ~(\w+))?$/.exec(head) ?? [];
    if (number === undefined || name === undefined) throw broken(line, 'no number and name');
    const [, whole, list] = /^\s*(?:!(\w+))?\s*(.*)$/.exec(colon < 0 ? '' : line.slice(colon + 1)) ?? [];
    const words =
      list === undefined || list === ''
        ? []
        : list.split(/,(?![^(]*\))/).map((text, i) => parseWord(text, i, line));
    found.push({
      number: Number(number),
      name,
      entry: entry ?? name,
      parameters: words.map(({ name: word, type }) => ({ name: word, type })),
      result: (result ?? 'int') as ResultKind,
      plan:
        whole === undefined
          ? words.map((word) => planOf(word, words, line)).filter((plan) => plan !== undefined)
          : [],
      decodeCall: whole === undefined ? undefined : callDecoderOf(whole),
      decodeResult: after === undefined ? undefined : resultDecoderOf(after),
    });
  }
  return found;
}

const ALL = [...parseSystemCalls(EARLY_SYSTEM_CALLS), ...parseSystemCalls(LATE_SYSTEM_CALLS)];
const BY_NUMBER = new Map(ALL.map((call) => [call.number, call]));
const BY_NAME = new Map(ALL.map((call) => [call.name, call]));
const BY_ENTRY = new Map(ALL.map((call) => [call.entry, call]));

/** All of them, in the order of their numbers. */
export function systemCalls(): readonly SystemCall[] {
  return ALL;
}

/** The call of a number in EAX; undefined for numbers that are not in use. */
export function systemCallByNumber(number: number): SystemCall | undefined {
  return BY_NUMBER.get(number);
}

/** The call that programs name so; leading underscores may be left out. */
export function systemCallByName(name: string): SystemCall | undefined {
  return BY_NAME.get(name) ?? BY_NAME.get(`_${name}`);
}

/**
 * The call that a function of the kernel implements, by the function's name without `sys_`. It is not always what programs
 * call so: `sys_getuid` is getuid32. Since Linux 5.8, functions with 64-bit parameters are `sys_ia32_…`.
 */
export function systemCallByEntry(entry: string): SystemCall | undefined {
  return BY_ENTRY.get(entry.startsWith('ia32_') ? entry.slice(5) : entry);
}

/** Which calls socketcall(2) makes, by its first argument (include/uapi/linux/net.h). */
const SOCKET_NAMES = [
  ...[
    'socket',
    'bind',
    'connect',
    'listen',
    'accept',
    'getsockname',
    'getpeername',
    'socketpair',
    'send',
    'recv',
  ],
  ...[
    'sendto',
    'recvfrom',
    'shutdown',
    'setsockopt',
    'getsockopt',
    'sendmsg',
    'recvmsg',
    'accept4',
    'recvmmsg',
  ],
  'sendmmsg',
];
const SOCKETS = new Map(parseSystemCalls(SOCKET_CALLS).map((call) => [call.number, call]));
const IPC = new Map(parseSystemCalls(IPC_CALLS).map((call) => [call.number, call]));

/** The call that socketcall(2) makes for a first argument. */
export function socketCall(call: number): SystemCall | undefined {
  return SOCKETS.get(call) ?? BY_NAME.get(SOCKET_NAMES[call - 1] ?? '');
}

/** The call that ipc(2) makes for a first argument, without its version. */
export function ipcCall(call: number): SystemCall | undefined {
  return IPC.get(call);
}
