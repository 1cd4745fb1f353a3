/** Signals, sets of them, and the structures of the calls on them, as i386 has them. */
import type { Call, Decoder } from './call.ts';
import { flags, named, nameIn } from './constants.ts';
import { errorName } from './errno.ts';
import type { Structure } from './reader.ts';
import {
  address,
  decimal,
  type Field,
  hexadecimal,
  identity,
  number,
  pointee,
  type Shown,
  structure,
} from './shown.ts';
import { clockTicks } from './times.ts';

/** Numbers 1 to 31 (arch/x86/include/uapi/asm/signal.h), then the first real-time signal. */
const NAMES =
  '0 HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS RTMIN'.split(
    ' ',
  );
const FIRST_REALTIME = 32;
const LAST = 64;

/** `SIGTERM`, `SIGRT_3`; undefined if there is no such signal. */
export function signalName(signal: number): string | undefined {
  if (signal <= 0 || signal > LAST) return undefined;
  const name = NAMES[signal];
  return name === undefined ? `SIGRT_${signal - FIRST_REALTIME}` : `SIG${name}`;
}

export function signal(word: number): Shown {
  return { text: signalName(word | 0) ?? String(word | 0), value: word | 0 };
}

/** A set of `bits` signals, shown by those that it lacks where it has two thirds of all or more. */
export function signalSet(mask: bigint, bits: number): Shown {
  const inSet = (n: number, of: bigint): boolean => ((of >> BigInt(n - 1)) & 1n) === 1n;
  const members = (of: bigint): number[] =>
    Array.from({ length: bits }, (_, i) => i + 1).filter((n) => inSet(n, of));
  const present = members(mask);
  const inverted = present.length >= Math.floor((bits * 2) / 3);
  const names = (inverted ? members(~mask) : present).map((n) => NAMES[n] ?? `RT_${n - FIRST_REALTIME}`);
  return { text: `${inverted ? '~' : ''}[${names.join(' ')}]`, value: present };
}

function setOf(bytes: Uint8Array): Shown {
  let mask = 0n;
  bytes.forEach((byte, i) => {
    mask |= BigInt(byte) << BigInt(8 * i);
  });
  // strace counts in whole words.
  return signalSet(mask, 32 * Math.ceil(bytes.length / 4));
}

/** The set at a pointer; the kernel accepts 8 bytes, and strace shows what has at least `least`. */
function setAt(call: Call, at: number, size: number, least: number): Shown {
  if (size < least || size > 8) return address(at);
  return call.at(at, size, ({ bytes }) => setOf(bytes));
}

const sigactFlags = flags('sigact_flags');
const SA_RESTORER = 0x04000000;

function handler(word: number): Shown {
  const name = nameIn('sa_handler_values', word);
  return name === undefined ? address(word) : { text: name, value: word };
}

function action(mask: Shown, at: number, bits: number, restorer: number): Shown {
  const fields: Field[] = [
    ['sa_handler', handler(at)],
    ['sa_mask', mask],
    ['sa_flags', sigactFlags(bits)],
  ];
  if (bits & SA_RESTORER) fields.push(['sa_restorer', address(restorer)]);
  return structure(fields);
}

const codes = named('siginfo_codes');
const CODES_OF_SIGNAL: Readonly<Record<number, string>> = {
  4: 'sigill_codes',
  5: 'sigtrap_codes',
  7: 'sigbus_codes',
  8: 'sigfpe_codes',
  11: 'sigsegv_codes',
  17: 'sigchld_codes',
  29: 'sigpoll_codes',
  31: 'sigsys_codes',
};
const SI_USER = 0;
const SI_TIMER = -2;
const SI_SIGIO = -5;
const SI_TKILL = -6;

function code(info: Structure): Shown {
  const value = info.i32(8);
  const own = CODES_OF_SIGNAL[info.i32(0)];
  const name = nameIn('siginfo_codes', value) ?? (own === undefined ? undefined : nameIn(own, value));
  return { text: name ?? codes(value).text, value };
}

/** What follows the first three fields of a siginfo_t, by who made it (include/uapi/asm-generic/siginfo.h). */
function origin(info: Structure): Field[] {
  const sender: Field[] = [
    ['si_pid', decimal(info.u32(12))],
    ['si_uid', identity(info.u32(16))],
  ];
  const value = (at: number): Field[] => [
    ['si_int', decimal(info.u32(at))],
    ['si_ptr', address(info.u32(at))],
  ];
  const how = info.i32(8);
  if (how <= 0) {
    if (how === SI_USER || how === SI_TKILL) return sender;
    if (how === SI_TIMER) {
      return [['si_timerid', hexadecimal(info.u32(12))], ['si_overrun', decimal(info.u32(16))], ...value(20)];
    }
    if (how === SI_SIGIO) {
      return [
        ['si_band', decimal(info.u32(12))],
        ['si_fd', decimal(info.u32(16))],
      ];
    }
    return info.u32(20) === 0 ? sender : [...sender, ...value(20)];
  }
  switch (info.i32(0)) {
    case 17:
      return [
        ...sender,
        ['si_status', how === 1 ? decimal(info.u32(20)) : signal(info.u32(20))],
        ['si_utime', clockTicks(info.u32(24))],
        ['si_stime', clockTicks(info.u32(28))],
      ];
    case 4:
    case 5:
    case 7:
    case 8:
    case 11:
      return [['si_addr', address(info.u32(12))]];
    case 29:
      return [
        ['si_band', decimal(info.u32(12))],
        ['si_fd', decimal(info.u32(16))],
      ];
    case 31:
      return [
        ['si_call_addr', address(info.u32(12))],
        ['si_syscall', number(info.u32(16))],
        ['si_arch', hexadecimal(info.u32(20))],
      ];
    default:
      return info.u32(20) === 0 ? sender : [...sender, ...value(20)];
  }
}

/** A siginfo_t. */
export function signalInfo(info: Structure): Shown {
  if (info.u32(0) === 0) return { text: '{}', value: {} };
  const fields: Field[] = [
    ['si_signo', signal(info.u32(0))],
    ['si_code', code(info)],
  ];
  const error = info.u32(4);
  if (error !== 0) fields.push(['si_errno', { text: errorName(error) ?? String(error), value: error }]);
  fields.push(...origin(info));
  return structure(fields);
}

export const SIGINFO_BYTES = 128;

const stackFlags = flags('sigaltstack_flags');
const notify = named('sigev_value');

function event(call: Call, at: number): Shown {
  return call.at(at, 64, (s) => {
    const fields: Field[] = [];
    if (s.u32(0) !== 0) {
      fields.push([
        'sigev_value',
        structure([
          ['sival_int', decimal(s.u32(0))],
          ['sival_ptr', address(s.u32(0))],
        ]),
      ]);
    }
    const how = s.i32(8);
    fields.push(
      ['sigev_signo', how === 1 ? number(s.u32(4)) : signal(s.u32(4))],
      ['sigev_notify', notify(how)],
    );
    if (how === 4) fields.push(['sigev_notify_thread_id', decimal(s.u32(12))]);
    if (how === 2) {
      fields.push(
        ['sigev_notify_function', address(s.u32(12))],
        ['sigev_notify_attributes', address(s.u32(16))],
      );
    }
    return structure(fields);
  });
}

export const signalDecoders: Readonly<Record<string, Decoder>> = {
  signal: (_, word) => signal(word),
  handler: (_, word) => handler(word),
  /** A set of 32 signals in the word itself. */
  sigmask32: (_, word) => signalSet(BigInt(word), 32),
  sigset32: (call, word) => setAt(call, word, 4, 4),
  sigaction: (call, word) =>
    call.at(word, 20, (s) => action(signalSet(s.u64(12), 64), s.u32(0), s.u32(4), s.u32(8))),
  old_sigaction: (call, word) =>
    call.at(word, 16, (s) => action(signalSet(BigInt(s.u32(4)), 32), s.u32(0), s.u32(8), s.u32(12))),
  siginfo: (call, word) => call.at(word, SIGINFO_BYTES, signalInfo),
  stack: (call, word) =>
    call.at(word, 12, (s) =>
      structure([
        ['ss_sp', address(s.u32(0))],
        ['ss_flags', stackFlags(s.u32(4))],
        ['ss_size', number(s.u32(8))],
      ]),
    ),
  sigevent: event,
  /** pselect6's last parameter: a pointer to a pointer and a size. */
  sigset_with_size: (call, word) =>
    call.at(word, 8, (s) =>
      structure([
        ['sigmask', setAt(call, s.u32(0), s.u32(4), 4)],
        ['sigsetsize', number(s.u32(4))],
      ]),
    ),
};

/** A set whose size is another word. */
export function sizedSet(sizeIndex: number, least: number): Decoder {
  return (call, word) => setAt(call, word, call.word(sizeIndex), least);
}

/** `[SIGTERM]` at a pointer to a number. */
export function signalAt(call: Call, at: number): Shown {
  return call.at(at, 4, (s) => pointee(signal(s.u32(0))));
}
