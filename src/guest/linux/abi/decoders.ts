/** All decoders by the names that the tables of system calls use. */
import type { Call, CallDecoder, Decoder } from './call.ts';
import { constantsKind, flags, flagsAfter, named, nameIn } from './constants.ts';
import {
  descriptorCalls,
  descriptorDecoders,
  descriptorDecodersWith,
  descriptorResults,
} from './descriptors.ts';
import { fileDecoders, fileDecodersWith, mountFlagsText } from './files.ts';
import { ioctlCalls } from './ioctls.ts';
import { ipcCalls, ipcDecoders, ipcDecodersWith, ipcResults } from './ipc.ts';
import { mappingCalls, mappingDecoders, mappingDecodersWith } from './mappings.ts';
import { messageDecoders, messageDecodersWith } from './messages.ts';
import { optionCalls } from './options.ts';
import { processCalls, processDecoders, processDecodersWith, processResults } from './processes.ts';
import { address, hexText, number, type Shown, structure } from './shown.ts';
import { signalDecoders, signalName, signalSet, sizedSet } from './signals.ts';
import { socketCalls, socketDecoders, socketDecodersWith } from './sockets.ts';
import { dateText, remainingTime, TIMES, time, timeDecoders } from './times.ts';
import { valueDecoders, valueDecodersWith } from './values.ts';

const MFD_HUGE_SHIFT = 26;
const memfdFlags = flags('memfd_create_flags');

function memfd(word: number): Shown {
  const huge = (word >>> MFD_HUGE_SHIFT) & 0x3f;
  const set = (word & ~(0x3f << MFD_HUGE_SHIFT)) >>> 0;
  const parts = set === 0 && huge !== 0 ? [] : [memfdFlags(set).text];
  if (huge !== 0) parts.push(`${huge}<<MFD_HUGE_SHIFT`);
  return { text: parts.join('|'), value: word };
}

const simple: Readonly<Record<string, Decoder>> = {
  ...valueDecoders,
  ...fileDecoders,
  ...descriptorDecoders,
  ...mappingDecoders,
  ...messageDecoders,
  ...processDecoders,
  ...signalDecoders,
  ...socketDecoders,
  ...timeDecoders,
  ...ipcDecoders,
  mounting: (_, word) => mountFlagsText(word),
  memfd_flags: (_, word) => memfd(word),
  landlock_flags: (_, word) =>
    word === 1
      ? { text: 'LANDLOCK_CREATE_RULESET_VERSION', value: 1 }
      : word === 0
        ? number(0)
        : { text: `${hexText(word)} /* LANDLOCK_CREATE_RULESET_??? */`, value: word },
  remaining32: remainingTime(32),
  /** Shown as part of its neighbour, or not at all. */
  '-': () => undefined,
};

const withNumbers: Readonly<Record<string, (...numbers: number[]) => Decoder>> = {
  ...valueDecodersWith,
  ...fileDecodersWith,
  ...descriptorDecodersWith,
  ...mappingDecodersWith,
  ...messageDecodersWith,
  ...processDecodersWith,
  ...socketDecodersWith,
  ...ipcDecodersWith,
  string: (most) => (call, word) => call.string(word, most),
  sigset: (sizeIndex) => sizedSet(sizeIndex!, 4),
  pending_sigset: (sizeIndex) => sizedSet(sizeIndex!, 1),
  remaining32: (flagsIndex) => remainingTime(32, flagsIndex),
  remaining64: (flagsIndex) => remainingTime(64, flagsIndex),
};

/**
 * The decoder of a name, with what was in its parentheses: indices of other words, or plain numbers. The name of a table
 * of constants is a decoder, too. Throws for a name that is none: an error in a table.
 */
export function decoderOf(name: string, numbers: readonly number[]): Decoder {
  const found = numbers.length === 0 ? simple[name] : withNumbers[name]?.(...numbers);
  if (found !== undefined) return found;
  const kind = numbers.length === 0 ? constantsKind(name) : undefined;
  if (kind === undefined) throw new Error(`no decoder is called ${name}`);
  const naming = kind === 'flags' ? flags(name) : named(name);
  return (_, word) => naming(word);
}

/** What a type is shown as where the table names no decoder. */
export function decoderOfType(type: string, name: string): Decoder {
  const own = TYPES[type];
  if (own !== undefined) return decoderOf(own, []);
  if (type.endsWith('*')) return decoderOf('address', []);
  return decoderOf(
    /^unsigned|^u32$|^u64$/.test(type) && !/^(fd|fildes|oldfd|newfd)$/.test(name) ? 'u' : 'd',
    [],
  );
}

const TYPES: Readonly<Record<string, string>> = {
  'const char *': 'path',
  size_t: 'u',
  uid_t: 'id',
  gid_t: 'id',
  qid_t: 'id',
  old_uid_t: 'id16',
  old_gid_t: 'id16',
  umode_t: 'mode',
  clockid_t: 'clockid',
  aio_context_t: 'address',
};

function maskShown(mask: Shown): Shown {
  return structure([['mask', mask]]);
}

/** Where the kernel has saved the set of blocked signals, above the stack pointer (arch/x86/include/asm/sigframe_32.h). */
const OLD_FRAME = { low: 80, high: 712 };
const NEW_FRAME = { mask: 248 };

const sigreturn: CallDecoder = (call) => {
  const { stack } = call;
  if (!call.entering || stack === undefined) return;
  const low = call.reader.u32(stack + OLD_FRAME.low);
  const high = call.reader.u32(stack + OLD_FRAME.high);
  const known = low !== undefined && high !== undefined;
  const mask = known ? maskShown(signalSet((BigInt(high) << 32n) | BigInt(low), 64)) : address(stack);
  call.show('frame', 'struct sigframe *', mask);
};

const rtSigreturn: CallDecoder = (call) => {
  const { stack } = call;
  if (!call.entering || stack === undefined) return;
  const at = stack + NEW_FRAME.mask;
  const s = call.reader.structure(at, 8);
  const mask = s === undefined ? address(at) : signalSet(s.u64(0), 64);
  call.show('frame', 'struct rt_sigframe *', maskShown(mask));
};

const restart: CallDecoder = (call) => {
  if (!call.entering) return;
  const name = call.interrupted ?? 'system call';
  call.show('interrupted', 'const char *', { text: `<... resuming interrupted ${name} ...>`, value: name });
};

const calls: Readonly<Record<string, CallDecoder>> = {
  ...descriptorCalls,
  ...ioctlCalls,
  ...ipcCalls,
  ...mappingCalls,
  ...optionCalls,
  ...processCalls,
  ...socketCalls,
  sigreturn,
  rt_sigreturn: rtSigreturn,
  restart_syscall: restart,
};

/** The decoder of all arguments of a call. Throws for a name that is none. */
export function callDecoderOf(name: string): CallDecoder {
  const found = calls[name];
  if (found === undefined) throw new Error(`no decoder of calls is named ${name}`);
  return found;
}

/** strace names the clock's state. */
const CLOCK_STATES = ['TIME_OK', 'TIME_INS', 'TIME_DEL', 'TIME_OOP', 'TIME_WAIT', 'TIME_ERROR'];

function received(call: Call, kind: (typeof TIMES)[keyof typeof TIMES]): void {
  if (call.failed) return;
  if (call.result === 0) {
    call.suffix = 'Timeout';
    return;
  }
  const at = call.word(4);
  const s = at === 0 ? undefined : call.reader.structure(at, kind.bytes);
  if (s !== undefined) call.suffix = `left ${time(s, 0, kind).text}`;
}

function maskResult(prefix: string): (call: Call) => void {
  return (call) => {
    if (!call.failed) call.suffix = `${prefix}${signalSet(BigInt(call.result), 32).text}`;
  };
}

const results: Readonly<Record<string, (call: Call) => void>> = {
  ...descriptorResults,
  ...ipcResults,
  ...processResults,
  time: (call) => {
    if (!call.failed) call.suffix = dateText(call.result | 0, 0, 0);
  },
  signal: (call) => {
    if (!call.failed && call.result !== 0) call.suffix = signalName(call.result);
  },
  old_handler: (call) => {
    if (!call.failed) call.suffix = nameIn('sa_handler_values', call.result);
  },
  mask: maskResult('mask '),
  old_mask: maskResult('old mask '),
  adjtimex: (call) => {
    if (!call.failed) call.suffix = CLOCK_STATES[call.result];
  },
  membarrier: (call) => {
    if (call.failed || call.word(0) !== 0 || call.result === 0) return;
    call.suffix = flagsAfter('', 'membarrier_cmds', call.result);
    call.kind = 'address';
  },
  recvmmsg_time32: (call) => received(call, TIMES.timespec32),
  recvmmsg_time64: (call) => received(call, TIMES.timespec64),
};

/** What adds to a call's result. Throws for a name that is none. */
export function resultDecoderOf(name: string): (call: Call) => void {
  const found = results[name];
  if (found === undefined) throw new Error(`no decoder of results is named ${name}`);
  return found;
}
