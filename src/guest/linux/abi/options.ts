/** Calls whose arguments depend on an option: prctl, arch_prctl, ptrace, syslog. */
import type { Call, CallDecoder } from './call.ts';
import { flags, flagsAfter, named, nameIn } from './constants.ts';
import { address, decimal, hexadecimal, number, pointee, type Shown } from './shown.ts';
import { SIGINFO_BYTES, signal, signalAt, signalInfo, signalSet } from './signals.ts';

const options = named('prctl_options');
const dumpable = named('pr_dumpable');
const capability = named('cap');
const ambient = named('pr_cap_ambient');
const seccompMode = named('seccomp_mode');
const secureBits = flags('secbits');

/** The words from an index on as plain numbers, as strace shows what an option does not use. */
function rest(call: Call, from: number): Shown[] {
  return [1, 2, 3, 4].filter((i) => i >= from).map((i) => hexadecimal(call.word(i)));
}

function unsignedAt(call: Call, at: number): Shown {
  return call.at(at, 4, (s) => pointee(number(s.u32(0))));
}

/** Options with nothing after them: PR_GET_KEEPCAPS, PR_GET_SECCOMP, PR_GET_TIMERSLACK, PR_GET_DUMPABLE and the like. */
const ALONE = new Set([3, 7, 13, 21, 27, 30, 31, 32]);
/** Options with one number: PR_SET_KEEPCAPS, PR_SET_TIMING, PR_SET_CHILD_SUBREAPER and the like. */
const WITH_NUMBER = new Set([8, 10, 12, 14, 20, 36]);
/** Options that store a number: PR_GET_FPEMU, PR_GET_FPEXC, PR_GET_ENDIAN, PR_GET_CHILD_SUBREAPER. */
const STORING_NUMBER = new Set([9, 11, 19, 37]);
/** Those and PR_GET_PDEATHSIG, PR_GET_NAME, PR_GET_TID_ADDRESS. */
const STORING = new Set([...STORING_NUMBER, 2, 16, 40]);

/** PR_SET_NAME takes 16 bytes with the zero byte. */
const NAME_BYTES = 16;

/** The arguments after the option. */
function prctlEntry(call: Call, option: number): readonly Shown[] {
  const word = call.word(1);
  switch (option) {
    case 1: // PR_SET_PDEATHSIG
      return [word > 128 ? number(word) : signal(word)];
    case 4: // PR_SET_DUMPABLE
      return [dumpable(word)];
    case 15: // PR_SET_NAME
      return [call.string(word, NAME_BYTES - 1)];
    case 22: // PR_SET_SECCOMP
      if (word === 1) return [seccompMode(word)];
      return [seccompMode(word), ...(word === 2 ? [address(call.word(2))] : rest(call, 2))];
    case 23: // PR_CAPBSET_READ
    case 24: // PR_CAPBSET_DROP
      return [capability(word)];
    case 28: // PR_SET_SECUREBITS
      return [secureBits(word)];
    case 29: // PR_SET_TIMERSLACK
      return [decimal(word)];
    case 38: // PR_SET_NO_NEW_PRIVS
    case 41: // PR_SET_THP_DISABLE
    case 57: // PR_SET_IO_FLUSHER
      return [number(word), ...rest(call, 2)];
    case 47: // PR_CAP_AMBIENT
      if (word < 1 || word > 3) return [ambient(word), ...rest(call, 2)];
      return [ambient(word), capability(call.word(2)), ...rest(call, 3)];
    case 0x53564d41: // PR_SET_VMA
      return nameMapping(call, word);
    case 0x59616d61: // PR_SET_PTRACER
      return [(word | 0) === -1 ? { text: 'PR_SET_PTRACER_ANY', value: -1 } : decimal(word)];
    default:
      if (WITH_NUMBER.has(option)) return [number(word)];
      if (ALONE.has(option) || STORING.has(option)) return [];
      return rest(call, 1);
  }
}

/** PR_SET_VMA's only command names a mapping. */
function nameMapping(call: Call, word: number): readonly Shown[] {
  if (word !== 0) {
    return [{ text: `${hexadecimal(word).text} /* PR_SET_VMA_??? */`, value: word }, ...rest(call, 2)];
  }
  return [
    { text: 'PR_SET_VMA_ANON_NAME', value: word },
    address(call.word(2)),
    number(call.word(3)),
    call.string(call.word(4)),
  ];
}

/** What an option stores at its argument. */
function prctlStored(call: Call, option: number): Shown | undefined {
  const word = call.word(1);
  if (STORING_NUMBER.has(option)) return unsignedAt(call, word);
  switch (option) {
    case 2: // PR_GET_PDEATHSIG
      return signalAt(call, word);
    case 16: // PR_GET_NAME
      return call.failed ? address(word) : call.string(word, NAME_BYTES);
    case 40: // PR_GET_TID_ADDRESS
      return call.at(word, 4, (s) => pointee(address(s.u32(0))));
    default:
      return undefined;
  }
}

const PR_GET_DUMPABLE = 3;
const PR_GET_SECUREBITS = 27;

const prctl: CallDecoder = (call) => {
  const option = call.word(0);
  if (call.entering) {
    call.show('option', 'int', options(option));
    prctlEntry(call, option).forEach((shown, i) => {
      call.show(`arg${i + 2}`, 'unsigned long', shown);
    });
    return;
  }
  call.show('arg2', 'unsigned long', prctlStored(call, option));
  if (call.failed) return;
  if (option === PR_GET_DUMPABLE) call.suffix = nameIn('pr_dumpable', call.result);
  if (option === PR_GET_SECUREBITS && call.result !== 0) {
    call.suffix = flagsAfter('', 'secbits', call.result);
    call.kind = 'address';
  }
};

const archOptions = named('archvals');
/** ARCH_GET_FS, ARCH_GET_GS: only 64-bit kernels have them. */
const ARCH_STORING = new Set([0x1003, 0x1004]);
const ARCH_GET_CPUID = 0x1011;

const archPrctl: CallDecoder = (call) => {
  const option = call.word(0);
  const word = call.word(1);
  if (call.entering) {
    call.show('option', 'int', archOptions(option));
    if (!ARCH_STORING.has(option) && option !== ARCH_GET_CPUID)
      call.show('arg2', 'unsigned long', hexadecimal(word));
  } else if (ARCH_STORING.has(option)) {
    call.show(
      'arg2',
      'unsigned long',
      call.at(word, 4, (s) => pointee(address(s.u32(0)))),
    );
  }
};

const requests = named('ptrace_cmds');
const traceOptions = flags('ptrace_setoptions_flags');
const PTRACE_TRACEME = 0;
/** PTRACE_KILL, PTRACE_ATTACH, PTRACE_INTERRUPT, PTRACE_LISTEN: neither address nor data. */
const WITHOUT_DATA = new Set([8, 16, 0x4207, 0x4208]);
/** PTRACE_CONT, PTRACE_SINGLESTEP, PTRACE_DETACH, PTRACE_SYSCALL, PTRACE_SYSEMU…: data is a signal. */
const WITH_SIGNAL = new Set([7, 9, 17, 24, 31, 32, 33]);
/** PTRACE_SETOPTIONS, PTRACE_OLDSETOPTIONS, PTRACE_SEIZE. */
const WITH_OPTIONS = new Set([21, 0x4200, 0x4206]);
/** PTRACE_PEEKTEXT, PTRACE_PEEKDATA, PTRACE_PEEKUSER: the word comes back at `data`. */
const PEEKING = new Set([1, 2, 3]);
const PTRACE_GETEVENTMSG = 0x4201;
const PTRACE_GETSIGINFO = 0x4202;
const PTRACE_SETSIGINFO = 0x4203;
const PTRACE_GETSIGMASK = 0x420a;
const PTRACE_SETSIGMASK = 0x420b;
const TRACE_STORING = new Set([...PEEKING, PTRACE_GETEVENTMSG, PTRACE_GETSIGINFO, PTRACE_GETSIGMASK]);
/** PTRACE_GETREGS, PTRACE_GETFPREGS: the address is ignored, and shown only together with what came back. */
const REGISTERS = new Set([12, 13, 14, 15]);

/** The user structure's first words (arch/x86/include/uapi/asm/ptrace-abi.h). */
const USER_WORDS = 'EBX ECX EDX ESI EDI EBP EAX DS ES FS GS ORIG_EAX EIP CS EFL UESP SS'.split(' ');

function userOffset(word: number): Shown {
  const name = word % 4 === 0 ? USER_WORDS[word / 4] : undefined;
  return name === undefined ? hexadecimal(word) : { text: `4*${name}`, value: word };
}

function tracing(call: Call, request: number): Shown | undefined {
  const data = call.word(3);
  if (WITH_SIGNAL.has(request)) return signal(data);
  if (WITH_OPTIONS.has(request)) return traceOptions(data);
  if (request === PTRACE_SETSIGINFO) return call.at(data, SIGINFO_BYTES, signalInfo);
  if (request === PTRACE_SETSIGMASK) return call.at(data, 8, (s) => signalSet(s.u64(0), 64));
  return TRACE_STORING.has(request) ? undefined : address(data);
}

function traced(call: Call, request: number): Shown | undefined {
  const data = call.word(3);
  if (PEEKING.has(request)) return call.at(data, 4, (s) => pointee(address(s.u32(0))));
  if (request === PTRACE_GETEVENTMSG) return unsignedAt(call, data);
  if (request === PTRACE_GETSIGINFO) return call.at(data, SIGINFO_BYTES, signalInfo);
  if (request === PTRACE_GETSIGMASK) return call.at(data, 8, (s) => signalSet(s.u64(0), 64));
  return undefined;
}

const ptrace: CallDecoder = (call) => {
  const request = call.word(0);
  const at = call.word(2);
  if (!call.entering) {
    call.show('data', 'unsigned long', traced(call, request));
    return;
  }
  call.show('request', 'long', requests(request));
  if (request === PTRACE_TRACEME) return;
  call.show('pid', 'long', decimal(call.word(1)));
  if (WITHOUT_DATA.has(request)) return;
  if (REGISTERS.has(request)) {
    call.show('data', 'unsigned long', address(call.word(3)));
    return;
  }
  const sized = request === PTRACE_GETSIGMASK || request === PTRACE_SETSIGMASK;
  const user = request === 3 || request === 6;
  call.show('addr', 'unsigned long', user ? userOffset(at) : sized ? number(at) : address(at));
  call.show('data', 'unsigned long', tracing(call, request));
};

const LOG_LEVELS =
  'LOGLEVEL_EMERG LOGLEVEL_ALERT LOGLEVEL_CRIT LOGLEVEL_ERR LOGLEVEL_WARNING LOGLEVEL_NOTICE LOGLEVEL_INFO LOGLEVEL_DEBUG'.split(
    ' ',
  );

/** SYSLOG_ACTION_READ, _READ_ALL, _READ_CLEAR. */
const READING = new Set([2, 3, 4]);
/** SYSLOG_ACTION_CONSOLE_LEVEL. */
const CONSOLE_LEVEL = 8;

const syslog: CallDecoder = (call) => {
  const type = call.word(0) | 0;
  const buffer = call.word(1);
  const length = call.word(2);
  if (!call.entering) {
    if (!READING.has(type)) return;
    call.show('buf', 'char *', call.failed ? address(buffer) : call.data(buffer, call.result));
    call.show('len', 'int', decimal(length));
    return;
  }
  const name = nameIn('syslog_action_type', type) ?? 'SYSLOG_ACTION_???';
  call.show('type', 'int', { text: `${type} /* ${name} */`, value: type });
  if (READING.has(type)) return;
  const known = nameIn('syslog_action_type', type) !== undefined;
  if (known && type !== CONSOLE_LEVEL) return;
  call.show('buf', 'char *', address(buffer));
  const level = LOG_LEVELS[length] ?? 'LOGLEVEL_???';
  call.show(
    'len',
    'int',
    known ? { text: `${length | 0} /* ${level} */`, value: length | 0 } : decimal(length),
  );
};

export const optionCalls: Readonly<Record<string, CallDecoder>> = {
  prctl,
  arch_prctl: archPrctl,
  ptrace,
  syslog,
};
