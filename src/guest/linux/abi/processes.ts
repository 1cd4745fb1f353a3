/** Calls that make, wait for and describe processes: clone, wait, limits, names of the machine. */
import type { Call, CallDecoder, Decoder } from './call.ts';
import { flags, flagsAfter, named, nameIn } from './constants.ts';
import { quote, readable, untilZero } from './quote.ts';
import type { Structure } from './reader.ts';
import {
  address,
  decimal,
  type Field,
  hexadecimal,
  hexText,
  identity,
  list,
  number,
  paddedHex,
  pointee,
  type Shown,
  structure,
} from './shown.ts';
import { signal, signalName } from './signals.ts';

const cloneFlags = flags('clone_flags');
const clone3Flags = flags('clone_flags', 'clone3_flags');
const CSIGNAL = 0xff;
const CLONE_PIDFD = 0x1000;
const CLONE_SETTLS = 0x80000;
const CLONE_PARENT_SETTID = 0x100000;
const CLONE_CHILD_CLEARTID = 0x200000;
const CLONE_CHILD_SETTID = 0x1000000;
const CLONE_INTO_CGROUP = 0x200000000n;

const DESCRIPTOR_BYTES = 16;

/** `struct user_desc` (arch/x86/include/uapi/asm/ldt.h): a segment. */
function segment(s: Structure): Shown {
  const bits = s.u32(12);
  const bit = (i: number): Shown => number((bits >>> i) & 1);
  return structure([
    ['entry_number', identity(s.u32(0))],
    ['base_addr', paddedHex(s.u32(4), 4)],
    ['limit', paddedHex(s.u32(8), 4)],
    ['seg_32bit', bit(0)],
    ['contents', number((bits >>> 1) & 3)],
    ['read_exec_only', bit(3)],
    ['limit_in_pages', bit(4)],
    ['seg_not_present', bit(5)],
    ['useable', bit(6)],
  ]);
}

function segmentAt(call: Call, at: number): Shown {
  return call.at(at, DESCRIPTOR_BYTES, segment);
}

function labelled(label: string, { text, value }: Shown): Shown {
  return { text: `${label}=${text}`, value };
}

const clone: CallDecoder = (call) => {
  const word = call.word(0);
  const set = (word & ~CSIGNAL) >>> 0;
  if (call.entering) {
    call.show('child_stack', 'unsigned long', labelled('child_stack', address(call.word(1))));
    const at = word & CSIGNAL;
    const parts = set === 0 ? [] : [cloneFlags(set).text];
    if (set === 0 || at !== 0) parts.push(signal(at).text);
    call.show('flags', 'unsigned long', { text: `flags=${parts.join('|')}`, value: word });
    return;
  }
  if (set & (CLONE_PARENT_SETTID | CLONE_PIDFD)) {
    const shown = call.at(call.word(2), 4, (s) => pointee(decimal(s.u32(0))));
    call.show('parent_tid', 'int *', labelled('parent_tid', shown));
  }
  if (set & CLONE_SETTLS)
    call.show('tls', 'struct user_desc *', labelled('tls', segmentAt(call, call.word(3))));
  if (set & (CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID)) {
    call.show('child_tidptr', 'int *', labelled('child_tidptr', address(call.word(4))));
  }
};

/** Up to and with `tls` (include/uapi/linux/sched.h); the longest version that is known. */
const CLONE_ARGS_LEAST = 64;
const CLONE_ARGS_MOST = 88;

function cloneArguments(call: Call, s: Structure, size: number): Shown {
  const set = s.u64(0);
  const has = (bits: number): boolean => (set & BigInt(bits)) !== 0n;
  const fields: Field[] = [['flags', clone3Flags(set)]];
  if (has(CLONE_PIDFD)) fields.push(['pidfd', address(s.u64(8))]);
  if (has(CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID)) fields.push(['child_tid', address(s.u64(16))]);
  if (has(CLONE_PARENT_SETTID)) fields.push(['parent_tid', address(s.u64(24))]);
  const exit = s.u64(32);
  fields.push(['exit_signal', exit < 0x7fffffffn ? signal(Number(exit)) : number(exit)]);
  fields.push(['stack', address(s.u64(40))], ['stack_size', hexadecimal(s.u64(48))]);
  if (has(CLONE_SETTLS)) {
    const tls = s.u64(56);
    fields.push(['tls', tls > 0xffffffffn ? address(tls) : segmentAt(call, Number(tls))]);
  }
  if (s.u64(64) !== 0n || s.u64(72) !== 0n) {
    fields.push(['set_tid', address(s.u64(64))], ['set_tid_size', number(s.u64(72))]);
  }
  if (size > 80 && (s.u64(80) !== 0n || (set & CLONE_INTO_CGROUP) !== 0n))
    fields.push(['cgroup', number(s.u64(80))]);
  return structure(fields);
}

/** The structure at the entry and, after an arrow, what the kernel has stored where it says. */
const clone3: CallDecoder = (call) => {
  const at = call.word(0);
  const size = call.word(1);
  const least = Math.min(size, CLONE_ARGS_MOST);
  if (call.entering) {
    const s = size < CLONE_ARGS_LEAST || at === 0 ? undefined : call.reader.structure(at, least);
    const shown = s === undefined ? address(at) : cloneArguments(call, s, least);
    call.show('uargs', 'struct clone_args *', shown);
    call.show('size', 'size_t', number(size));
    if (s !== undefined) call.kept['read'] = true;
    return;
  }
  const s = call.kept['read'] === true && !call.failed ? call.reader.structure(at, least) : undefined;
  const first = call.shown[0];
  if (s === undefined || first === undefined) return;
  const set = s.u32(0);
  const results: Field[] = [];
  const stored = (offset: number): Shown =>
    call.at(s.u64(offset) > 0xffffffffn ? 0 : s.u32(offset), 4, (word) => pointee(decimal(word.u32(0))));
  if (set & CLONE_PIDFD) results.push(['pidfd', stored(8)]);
  if (set & CLONE_PARENT_SETTID) results.push(['parent_tid', stored(24)]);
  if (results.length > 0) call.shown[0] = { ...first, text: `${first.text} => ${structure(results).text}` };
};

const events = named('ptrace_events');

/** The status word of a child that goes on after a stop. */
const CONTINUED = 0xffff;

/** The status word of wait(2), as strace writes it. */
function waitStatus(word: number): Shown {
  if (word === CONTINUED) return { text: '[{WIFCONTINUED(s)}]', value: word };
  const low = word & 0x7f;
  let rest: number;
  let text: string;
  if ((word & 0xff) === 0x7f) {
    const stop = (word >>> 8) & 0xff;
    text = `{WIFSTOPPED(s) && WSTOPSIG(s) == ${signalName(stop & 0x7f) ?? stop & 0x7f}${stop & 0x80 ? ' | 0x80' : ''}}`;
    rest = word & ~0xffff;
  } else if (low !== 0 && low !== 0x7f) {
    text = `{WIFSIGNALED(s) && WTERMSIG(s) == ${signalName(low) ?? low}${word & 0x80 ? ' && WCOREDUMP(s)' : ''}}`;
    rest = word & ~0xff;
  } else if (low === 0) {
    text = `{WIFEXITED(s) && WEXITSTATUS(s) == ${(word >>> 8) & 0xff}}`;
    rest = word & ~0xff00;
  } else {
    return pointee({ text: hexText(word), value: word });
  }
  const event = rest >>> 16;
  if (event !== 0) {
    text += `|${events(event).text}<<16`;
    rest &= 0xffff;
  }
  if (rest !== 0) text += `|${hexText(rest)}`;
  return { text: `[${text}]`, value: word };
}

function limit(value: bigint, bits: 32 | 64): Shown {
  const infinite = value === (1n << BigInt(bits)) - 1n;
  if (infinite) return { text: bits === 64 ? 'RLIM64_INFINITY' : 'RLIM_INFINITY', value: 'infinity' };
  if (value > 1024n && value % 1024n === 0n)
    return { text: `${value / 1024n}*1024`, value: number(value).value };
  return number(value);
}

function limits(bits: 32 | 64): Decoder {
  const bytes = bits / 8;
  return (call, word) =>
    call.at(word, 2 * bytes, (s) =>
      structure([
        ['rlim_cur', limit(bits === 64 ? s.u64(0) : BigInt(s.u32(0)), bits)],
        ['rlim_max', limit(bits === 64 ? s.u64(bytes) : BigInt(s.u32(bytes)), bits)],
      ]),
    );
}

/** A fixed field of a structure that holds a string. */
export function fixedString(bytes: Uint8Array): Shown {
  const name = untilZero(bytes);
  const cut = name.length === bytes.length;
  const shown = cut ? name.subarray(0, bytes.length - 1) : name;
  return {
    text: quote(shown) + (cut ? '...' : ''),
    value: readable(shown) ?? Buffer.from(shown).toString('base64'),
  };
}

const UTS_FIELD = 65;

function machineNames(s: Structure): Shown {
  const field = (i: number): Shown => fixedString(s.bytes.subarray(UTS_FIELD * i, UTS_FIELD * (i + 1)));
  const { text } = structure(
    [
      ['sysname', field(0)],
      ['nodename', field(1)],
    ],
    true,
  );
  const names = ['sysname', 'nodename', 'release', 'version', 'machine', 'domainname'];
  return { text, value: Object.fromEntries(names.map((name, i) => [name, field(i).value])) };
}

/** include/uapi/linux/sysinfo.h. */
function systemInfo(s: Structure): Shown {
  const at = (offset: number): Shown => number(s.u32(offset));
  return structure([
    ['uptime', at(0)],
    ['loads', list([at(4), at(8), at(12)])],
    ...['totalram', 'freeram', 'sharedram', 'bufferram', 'totalswap', 'freeswap'].map(
      (name, i): Field => [name, at(16 + 4 * i)],
    ),
    ['procs', number(s.u16(40))],
    ['totalhigh', at(44)],
    ['freehigh', at(48)],
    ['mem_unit', at(52)],
  ]);
}

function processors(call: Call, at: number, length: number): Shown {
  if (at === 0 || call.failed) return address(at);
  if (length === 0) return { text: '[]', value: [] };
  const size = Math.min(length, 128);
  const bytes = call.reader.bytes(at, size);
  if (bytes === undefined) return address(at);
  const found: number[] = [];
  for (let i = 0; i < 8 * size; i++) {
    if ((bytes[i >> 3]! >> (i & 7)) & 1) found.push(i);
  }
  const texts = [...found.map(String), ...(size < length ? ['...'] : [])];
  return { text: `[${texts.join(' ')}]`, value: found };
}

const personalities = named('personality_types');

function personality(word: number): Shown {
  if (word === 0xffffffff) return hexadecimal(word);
  const rest = word & ~0xff;
  const name = personalities(word & 0xff).text;
  return {
    text: rest === 0 ? name : `${name}${flagsAfter('|', 'personality_flags', rest >>> 0)}`,
    value: word,
  };
}

function priorityText(word: number): string {
  const names = ['IOPRIO_CLASS_NONE', 'IOPRIO_CLASS_RT', 'IOPRIO_CLASS_BE', 'IOPRIO_CLASS_IDLE'];
  const kind = word >>> 13;
  return `IOPRIO_PRIO_VALUE(${names[kind] ?? `${hexText(kind)} /* IOPRIO_CLASS_??? */`}, ${word & 0x1fff})`;
}

const LINUX_REBOOT_CMD_RESTART2 = 0xa1b2c3d4;
const SWAP_PRIORITY = 0x7fff;
const swapFlags = flags('swap_flags');

export const processCalls: Readonly<Record<string, CallDecoder>> = { clone, clone3 };

export const processDecoders: Readonly<Record<string, Decoder>> = {
  /** Zero as a result says that there is none. */
  wait_status: (call, word) => {
    if (call.result === 0) return address(word);
    return call.at(word, 4, (s) => waitStatus(s.u32(0)));
  },
  rlimit: limits(32),
  rlimit64: limits(64),
  utsname: (call, word) => call.at(word, 6 * UTS_FIELD, machineNames),
  sysinfo: (call, word) => call.at(word, 64, systemInfo),
  user_desc: segmentAt,
  cpu_set_read: (call, word) => processors(call, word, call.result),
  personality: (_, word) => personality(word),
  ioprio: (_, word) => ({ text: priorityText(word), value: word }),
  swap: (_, word) => {
    const set = (word & ~SWAP_PRIORITY) >>> 0;
    const text = `${set === 0 ? '' : `${swapFlags(set).text}|`}${word & SWAP_PRIORITY}`;
    return { text, value: word };
  },
};

export const processDecodersWith: Readonly<Record<string, (...indices: number[]) => Decoder>> = {
  cpu_set: (lengthIndex) => (call, word) => processors(call, word, call.word(lengthIndex!)),
  user_desc_if: (lengthIndex) => (call, word) =>
    call.word(lengthIndex!) === DESCRIPTOR_BYTES ? segmentAt(call, word) : address(word),
  restart_argument: (commandIndex) => (call, word) =>
    call.word(commandIndex!) === LINUX_REBOOT_CMD_RESTART2 ? call.string(word, 255) : undefined,
  /** KCMP_FILE and KCMP_EPOLL_TFD compare descriptors; others have no more arguments. */
  kcmp_index: (typeIndex) => (call, word) => {
    const type = call.word(typeIndex!);
    if (type === 0) return decimal(word);
    return type > 7 ? hexadecimal(word) : undefined;
  },
};

export const processResults: Readonly<Record<string, (call: Call) => void>> = {
  personality: (call) => {
    if (!call.failed) call.suffix = personality(call.result).text;
  },
  ioprio: (call) => {
    if (!call.failed) call.suffix = priorityText(call.result);
  },
  scheduler: (call) => {
    if (!call.failed) call.suffix = nameIn('schedulers', call.result);
  },
  thread_area: (call) => {
    const entry = call.failed ? undefined : call.reader.u32(call.word(0));
    if (entry !== undefined) call.suffix = `entry_number=${entry}`;
  },
};
