/** Calls on descriptors whose arguments depend on a command: fcntl; and those that wait for several: poll, select, epoll. */
import { arrayAt, type Call, type CallDecoder, type Decoder } from './call.ts';
import { flags, flagsAfter, named, nameIn } from './constants.ts';
import { openFlags } from './files.ts';
import { address, decimal, type Field, hexadecimal, number, type Shown, structure } from './shown.ts';
import { signal, signalName } from './signals.ts';
import { TIMES, time } from './times.ts';

const commands = named('fcntlcmds');
const lockTypes = named('lockfcmds');
const whence = named('whence_codes');
const ownerTypes = named('f_owner_types');
const descriptorFlags = flags('fdflags');
const notifications = flags('notifyflags');
const seals = flags('f_seals');

/** `struct flock` or `struct flock64` of i386. */
function lockAt(call: Call, at: number, wide: boolean, withOwner: boolean): Shown {
  return call.at(at, wide ? 24 : 16, (s) => {
    const fields: Field[] = [
      ['l_type', lockTypes(s.u16(0))],
      ['l_whence', whence(s.u16(2))],
      ['l_start', number(wide ? s.i64(4) : s.i32(4))],
      ['l_len', number(wide ? s.i64(12) : s.i32(8))],
    ];
    if (withOwner) fields.push(['l_pid', decimal(s.u32(wide ? 20 : 12))]);
    return structure(fields);
  });
}

function ownerAt(call: Call, at: number): Shown {
  return call.at(at, 8, (s) =>
    structure([
      ['type', ownerTypes(s.u32(0))],
      ['pid', decimal(s.u32(4))],
    ]),
  );
}

/** How the third argument of each command is shown at the entry. */
const COMMANDS_IN: Readonly<Record<number, (call: Call, word: number) => Shown>> = {
  0: (_, word) => decimal(word), // F_DUPFD
  2: (_, word) => descriptorFlags(word), // F_SETFD
  4: (_, word) => openFlags(word), // F_SETFL
  6: (call, word) => lockAt(call, word, false, false), // F_SETLK
  7: (call, word) => lockAt(call, word, false, false), // F_SETLKW
  8: (_, word) => decimal(word), // F_SETOWN
  10: (_, word) => signal(word), // F_SETSIG
  15: (call, word) => ownerAt(call, word), // F_SETOWN_EX
  37: (call, word) => lockAt(call, word, true, false), // F_OFD_SETLK
  38: (call, word) => lockAt(call, word, true, false), // F_OFD_SETLKW
  1024: (_, word) => lockTypes(word), // F_SETLEASE
  1026: (_, word) => notifications(word), // F_NOTIFY
  1030: (_, word) => decimal(word), // F_DUPFD_CLOEXEC
  1031: (_, word) => decimal(word), // F_SETPIPE_SZ
  1033: (_, word) => seals(word), // F_ADD_SEALS
};

/** The same at the end. */
const COMMANDS_OUT: Readonly<Record<number, (call: Call, word: number) => Shown>> = {
  5: (call, word) => lockAt(call, word, false, true), // F_GETLK
  16: (call, word) => ownerAt(call, word), // F_GETOWN_EX
  36: (call, word) => lockAt(call, word, true, true), // F_OFD_GETLK
};

/** The commands that only fcntl64 knows. */
const COMMANDS_64: Readonly<Record<number, 'in' | 'out'>> = { 12: 'out', 13: 'in', 14: 'in' };

/** What a result means, where it is no plain number. */
function describeResult(call: Call, command: number): void {
  const { result } = call;
  if (call.failed) return;
  if (command === 1 && result !== 0) call.suffix = flagsAfter('flags ', 'fdflags', result);
  else if (command === 3) call.suffix = `flags ${openFlags(result).text}`;
  else if (command === 1025) call.suffix = nameIn('lockfcmds', result);
  else if (command === 1034 && result !== 0) call.suffix = flagsAfter('seals ', 'f_seals', result);
  else if (command === 11 && result !== 0) {
    call.suffix = signalName(result);
    return;
  }
  if (call.suffix !== undefined) call.kind = 'address';
}

/** F_GETFD, F_GETFL, F_GETOWN, F_GETSIG, F_GETLEASE, F_GETPIPE_SZ, F_GET_SEALS: no third argument. */
const WITHOUT_ARGUMENT = new Set([1, 3, 9, 11, 1025, 1032, 1034]);

function fcntl(call: Call, wide: boolean): void {
  const command = call.word(1);
  const word = call.word(2);
  const is64 = wide ? COMMANDS_64[command] : undefined;
  if (call.entering) {
    call.show('fd', 'unsigned int', decimal(call.word(0)));
    call.show('cmd', 'unsigned int', commands(command));
    if (is64 === 'in') call.show('arg', 'struct flock64 *', lockAt(call, word, true, false));
    else if (is64 === undefined && !(command in COMMANDS_OUT) && !WITHOUT_ARGUMENT.has(command)) {
      const show = COMMANDS_IN[command];
      call.show('arg', 'unsigned long', show === undefined ? hexadecimal(word) : show(call, word));
    }
    return;
  }
  if (is64 === 'out') call.show('arg', 'struct flock64 *', lockAt(call, word, true, true));
  const show = COMMANDS_OUT[command];
  if (is64 === undefined && show !== undefined) call.show('arg', 'unsigned long', show(call, word));
  describeResult(call, command);
}

const pollEvents = flags('pollflags');

function pollfds(call: Call, at: number, count: number): Shown {
  return arrayAt(call, at, count, 8, (s) => {
    const fields: Field[] = [['fd', decimal(s.u32(0))]];
    if (s.i32(0) >= 0) fields.push(['events', pollEvents(s.u16(4))]);
    return structure(fields);
  });
}

type Kind = (typeof TIMES)[keyof typeof TIMES];

/** A time that the kernel has counted down, as strace adds it to a result. */
function left(call: Call, at: number, kind: Kind): string {
  const s = call.reader.structure(at, kind.bytes);
  return s === undefined ? address(at).text : time(s, 0, kind).text;
}

/** Which descriptors poll found ready: `[{fd=3, revents=POLLIN}]`. */
function polled(call: Call, timeout?: Kind): void {
  if (call.failed) return;
  if (call.result === 0) {
    call.suffix = 'Timeout';
    return;
  }
  const at = call.word(0);
  const count = call.word(1);
  if (at === 0 || count === 0 || at + 8 * count > 2 ** 32) return;
  const ready: string[] = [];
  for (let i = 0; i < count; i++) {
    const s = call.reader.structure(at + 8 * i, 8);
    if (s === undefined) {
      ready.push(address(at + 8 * i).text);
      break;
    }
    if (s.u16(6) === 0) continue;
    if (ready.length >= call.limits.text) {
      ready.push('...');
      break;
    }
    ready.push(`{fd=${s.i32(0)}, revents=${pollEvents(s.u16(6)).text}}`);
  }
  const parts = ready.length === 0 ? [] : [`[${ready.join(', ')}]`];
  if (timeout !== undefined && call.word(2) !== 0) parts.push(`left ${left(call, call.word(2), timeout)}`);
  if (parts.length > 0) call.suffix = parts.join(', ');
}

/** The kernel takes no more (strace likewise). */
const MOST_DESCRIPTORS = 1024 * 1024;

/** The members of an fd_set of `count` descriptors; undefined if it is not there. */
function members(call: Call, at: number, count: number): number[] | undefined {
  const n = Math.min(Math.max(count | 0, 0), MOST_DESCRIPTORS);
  const bytes = call.reader.bytes(at, 4 * Math.ceil(n / 32));
  if (bytes === undefined) return undefined;
  const found: number[] = [];
  for (let i = 0; i < n; i++) {
    if ((bytes[i >> 3]! >> (i & 7)) & 1) found.push(i);
  }
  return found;
}

function fdSet(call: Call, at: number, count: number): Shown {
  if (at === 0 || (count | 0) <= 0) return address(at);
  const found = members(call, at, count);
  return found === undefined ? address(at) : { text: `[${found.join(' ')}]`, value: found };
}

/** Which descriptors select found ready: `in [3 4], out [5], left {…}`. */
function selected(call: Call, words: readonly number[], timeout: Kind): void {
  if (call.failed) return;
  if (call.result === 0) {
    call.suffix = 'Timeout';
    return;
  }
  const parts: string[] = [];
  let ready = call.result;
  for (const [i, name] of ['in', 'out', 'except'].entries()) {
    const at = words[i + 1] ?? 0;
    if (at === 0 || ready <= 0) continue;
    const found = (members(call, at, words[0] ?? 0) ?? []).slice(0, Math.min(ready, 256));
    if (found.length === 0) continue;
    ready -= found.length;
    parts.push(`${name} [${found.join(' ')}]`);
  }
  const at = words[4] ?? 0;
  if (at !== 0) parts.push(`left ${left(call, at, timeout)}`);
  call.suffix = parts.join(', ');
}

/** The words of a call whose one argument points to them. */
function indirect(call: Call): number[] | undefined {
  const s = call.word(0) === 0 ? undefined : call.reader.structure(call.word(0), 20);
  return s === undefined ? undefined : [0, 1, 2, 3, 4].map((i) => s.u32(4 * i));
}

const oldSelect: CallDecoder = (call) => {
  if (!call.entering) return;
  const words = indirect(call);
  if (words === undefined) {
    call.show('arg', 'struct sel_arg_struct *', address(call.word(0)));
    return;
  }
  call.show('n', 'int', decimal(words[0]!));
  for (const [i, name] of ['inp', 'outp', 'exp'].entries()) {
    call.show(name, 'fd_set *', fdSet(call, words[i + 1]!, words[0]!));
  }
  const { timeval } = TIMES;
  call.show(
    'tvp',
    'struct timeval *',
    call.at(words[4]!, timeval.bytes, (s) => time(s, 0, timeval)),
  );
};

const epollEvents = flags('epollevents');

/** `struct epoll_event`, packed on x86. What a program put into `data` is unknown: strace shows both readings. */
function epollEvent(s: { u32(at: number): number; u64(at: number): bigint }): Shown {
  return structure([
    ['events', epollEvents(s.u32(0))],
    [
      'data',
      structure([
        ['u32', number(s.u32(4))],
        ['u64', number(s.u64(4))],
      ]),
    ],
  ]);
}

const EPOLL_CTL_DEL = 2;

export const descriptorCalls: Readonly<Record<string, CallDecoder>> = {
  fcntl: (call) => fcntl(call, false),
  fcntl64: (call) => fcntl(call, true),
  old_select: oldSelect,
};

export const descriptorDecoders: Readonly<Record<string, Decoder>> = {
  epoll_events: (call, word) => arrayAt(call, word, call.result, 12, epollEvent),
};

export const descriptorDecodersWith: Readonly<Record<string, (...indices: number[]) => Decoder>> = {
  pollfds: (countIndex) => (call, word) => pollfds(call, word, call.word(countIndex!)),
  fd_set: (countIndex) => (call, word) => fdSet(call, word, call.word(countIndex!)),
  epoll_event: (operationIndex) => (call, word) =>
    call.word(operationIndex!) === EPOLL_CTL_DEL ? address(word) : call.at(word, 12, epollEvent),
};

/** What the results of these calls say. */
export const descriptorResults: Readonly<Record<string, (call: Call) => void>> = {
  poll: (call) => polled(call),
  ppoll_time32: (call) => polled(call, TIMES.timespec32),
  ppoll_time64: (call) => polled(call, TIMES.timespec64),
  select: (call) => selected(call, call.words, TIMES.timeval),
  old_select: (call) => selected(call, indirect(call) ?? [], TIMES.timeval),
  pselect6_time32: (call) => selected(call, call.words, TIMES.timespec32),
  pselect6_time64: (call) => selected(call, call.words, TIMES.timespec64),
};
