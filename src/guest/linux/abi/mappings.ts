/** Calls on memory and futexes (mm/mmap.c, kernel/futex/syscalls.c). */
import type { Call, CallDecoder, Decoder } from './call.ts';
import { flags, named, nameIn } from './constants.ts';
import { address, decimal, hexadecimal, hexText, number, type Shown } from './shown.ts';
import { TIMES, timeAt } from './times.ts';

const PAGE = 4096;
const MAP_TYPE = 0xf;
const HUGE_SHIFT = 26;
const HUGE_MASK = 0x3f;
const MREMAP_BOTH = 3;

const protection = flags('mmap_prot');
const types = named('mmap_flags');
const others = flags('mmap_flags');

/** The type, then the flags, then the size of huge pages. */
function mapFlags(word: number): Shown {
  const huge = (word >>> HUGE_SHIFT) & HUGE_MASK;
  const rest = (word & ~MAP_TYPE & ~(HUGE_MASK << HUGE_SHIFT)) >>> 0;
  const parts = [types(word & MAP_TYPE).text];
  if (rest !== 0) parts.push(others(rest).text.replace(/ \/\*.*$/, ''));
  if (huge !== 0) parts.push(`${huge}<<MAP_HUGE_SHIFT`);
  return { text: parts.join('|'), value: word };
}

/** Number 90: its one argument points to the six words, and the offset counts bytes. */
const oldMmap: CallDecoder = (call) => {
  if (!call.entering) return;
  const s = call.word(0) === 0 ? undefined : call.reader.structure(call.word(0), 24);
  if (s === undefined) {
    call.show('arg', 'struct mmap_arg_struct *', address(call.word(0)));
    return;
  }
  call.show('addr', 'unsigned long', address(s.u32(0)));
  call.show('len', 'unsigned long', number(s.u32(4)));
  call.show('prot', 'unsigned long', protection(s.u32(8)));
  call.show('flags', 'unsigned long', mapFlags(s.u32(12)));
  call.show('fd', 'unsigned long', decimal(s.u32(16)));
  call.show('offset', 'unsigned long', hexadecimal(s.u32(20)));
};

const operations = named('futexops');
const bitsets = named('futexbitset');
const FUTEX_COMMAND = 127;
/** Bit 3 of a FUTEX_WAKE_OP: the argument is the number of a bit. */
const OPARG_SHIFT = 8;

type Show = [name: string, type: string, show: (call: Call) => Shown];

const value: Show = ['val', 'u32', (call) => number(call.word(2))];
const value2: Show = ['val2', 'u32', (call) => number(call.word(3))];
const second: Show = ['uaddr2', 'u32 *', (call) => address(call.word(4))];
const value3: Show = ['val3', 'u32', (call) => number(call.word(5))];
const bitset: Show = ['val3', 'u32', (call) => bitsets(call.word(5))];
const wake: Show = ['val3', 'u32', (call) => wakeOperation(call.word(5))];

function wakeOperation(word: number): Shown {
  const named = (table: string, n: number): string => nameIn(table, n) ?? hexText(n);
  const operation = word >>> 28;
  const comparison = (word >>> 24) & 0xf;
  const unknown = (table: string, n: number, text: string): string =>
    nameIn(table, n) === undefined ? ` /* ${text} */` : '';
  const parts = [
    ...(operation & OPARG_SHIFT ? ['FUTEX_OP_OPARG_SHIFT<<28'] : []),
    `${named('futexwakeops', operation & 7)}<<28${unknown('futexwakeops', operation & 7, 'FUTEX_OP_???')}`,
    `${hexText((word >>> 12) & 0xfff)}<<12`,
    `${named('futexwakecmps', comparison)}<<24${unknown('futexwakecmps', comparison, 'FUTEX_OP_CMP_???')}`,
    hexText(word & 0xfff),
  ];
  return { text: parts.join('|'), value: word };
}

/** The arguments of each command after the first two; those of other commands are shown all. */
function futexArguments(command: number, timeout: Show): readonly Show[] {
  switch (command) {
    case 0: // FUTEX_WAIT
      return [value, timeout];
    case 6: // FUTEX_LOCK_PI
    case 13: // FUTEX_LOCK_PI2
      return [timeout];
    case 9: // FUTEX_WAIT_BITSET
      return [value, timeout, bitset];
    case 10: // FUTEX_WAKE_BITSET
      return [value, bitset];
    case 3: // FUTEX_REQUEUE
      return [value, value2, second];
    case 4: // FUTEX_CMP_REQUEUE
    case 12: // FUTEX_CMP_REQUEUE_PI
      return [value, value2, second, value3];
    case 5: // FUTEX_WAKE_OP
      return [value, value2, second, wake];
    case 11: // FUTEX_WAIT_REQUEUE_PI
      return [value, timeout, second];
    case 1: // FUTEX_WAKE
    case 2: // FUTEX_FD
      return [value];
    case 7: // FUTEX_UNLOCK_PI
    case 8: // FUTEX_TRYLOCK_PI
      return [];
    default:
      return [
        value,
        ['utime', 'unsigned long', (call) => address(call.word(3))],
        second,
        ['val3', 'u32', (call) => hexadecimal(call.word(5))],
      ];
  }
}

function futex(bits: 32 | 64): CallDecoder {
  const kind = bits === 32 ? TIMES.timespec32 : TIMES.timespec64;
  const type = bits === 32 ? 'const struct old_timespec32 *' : 'const struct __kernel_timespec *';
  const timeout: Show = ['utime', type, (call) => timeAt(call, call.word(3), kind)];
  return (call) => {
    if (!call.entering) return;
    call.show('uaddr', 'u32 *', address(call.word(0)));
    call.show('op', 'int', operations(call.word(1)));
    for (const [name, of, show] of futexArguments(call.word(1) & FUTEX_COMMAND, timeout)) {
      call.show(name, of, show(call));
    }
  };
}

export const mappingCalls: Readonly<Record<string, CallDecoder>> = {
  old_mmap: oldMmap,
  futex_time32: futex(32),
  futex_time64: futex(64),
};

export const mappingDecoders: Readonly<Record<string, Decoder>> = {
  map_flags: (_, word) => mapFlags(word),
  /** An offset in pages, shown in bytes. */
  pages: (_, word) => hexadecimal(word * PAGE),
};

export const mappingDecodersWith: Readonly<Record<string, (...indices: number[]) => Decoder>> = {
  new_address: (flagsIndex) => (call, word) =>
    (call.word(flagsIndex!) & MREMAP_BOTH) === MREMAP_BOTH ? address(word) : undefined,
};
