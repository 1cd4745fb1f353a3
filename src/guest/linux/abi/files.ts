/** Files and file systems: the structures of the calls on them, as i386 has them (arch/x86/include/uapi/asm/stat.h). */
import type { Call, Decoder } from './call.ts';
import { flags, named, nameIn } from './constants.ts';
import { untilZero } from './quote.ts';
import type { Structure } from './reader.ts';
import {
  address,
  type Field,
  hexadecimal,
  hexText,
  type Json,
  mode,
  number,
  type Shown,
  structure,
} from './shown.ts';

const S_IFMT = 0o170000;
const S_IFCHR = 0o020000;
const S_IFBLK = 0o060000;
const O_CREAT = 0o100;
const O_TMPFILE = 0o20000000;
const AT_FDCWD = -100;

const openModes = flags('open_mode_flags');
const ACCESS_MODES = ['O_RDONLY', 'O_WRONLY', 'O_RDWR', 'O_ACCMODE'];

/** The flags of open(2), beginning with the access mode. */
export function openFlags(value: number | bigint): Shown {
  const low = Number(BigInt(value) & 3n);
  const rest = BigInt(value) & ~3n;
  const access = ACCESS_MODES[low]!;
  const text = rest === 0n ? access : `${access}|${openModes(rest).text.replace(/ \/\*.*$/, '')}`;
  return { text, value: openModes(value).value };
}

/** File type and permissions: `S_IFREG|0644`. */
export function fileMode(value: number): Shown {
  const type = value & S_IFMT;
  const name = type === 0 ? '' : nameIn('modetypes', type);
  if (name === undefined) return mode(value);
  const parts = [
    name,
    value & 0o4000 ? 'S_ISUID' : '',
    value & 0o2000 ? 'S_ISGID' : '',
    value & 0o1000 ? 'S_ISVTX' : '',
  ].filter((part) => part !== '');
  return { text: [...parts, mode(value & ~(S_IFMT | 0o7000)).text].join('|'), value };
}

/** A device number as the kernel gives it to programs (include/linux/kdev_t.h). */
export function device(value: bigint): Shown {
  const major = ((value >> 8n) & 0xfffn) | ((value >> 32n) & 0xfffff000n);
  const minor = (value & 0xffn) | ((value >> 12n) & 0xffffff00n);
  return { text: `makedev(${hexText(major)}, ${hexText(minor)})`, value: hexadecimal(value).value };
}

interface Stat {
  readonly mode: number;
  readonly size: number | bigint;
  readonly rdev: bigint;
  readonly more: Readonly<Record<string, number | bigint>>;
}

/** strace shows type, permissions and size; the data for JSON has owner, inode and times as well. */
function stat({ mode: bits, size, rdev, more }: Stat): Shown {
  const type = bits & S_IFMT;
  const special = type === S_IFCHR || type === S_IFBLK;
  const { text, value } = structure(
    [['st_mode', fileMode(bits)], special ? ['st_rdev', device(rdev)] : ['st_size', number(size)]],
    true,
  );
  const rest = Object.entries(more).map(([name, n]) => [name, number(n).value]);
  return { text, value: { ...(value as object), ...Object.fromEntries(rest) } };
}

function newStat(s: Structure): Shown {
  return stat({
    mode: s.u16(8),
    size: s.u32(20),
    rdev: BigInt(s.u32(16)),
    more: { st_dev: s.u32(0), st_ino: s.u32(4), st_nlink: s.u16(10), st_uid: s.u16(12), st_gid: s.u16(14) },
  });
}

function stat64(s: Structure): Shown {
  return stat({
    mode: s.u32(16),
    size: s.u64(44),
    rdev: s.u64(32),
    more: {
      st_dev: s.u64(0),
      st_ino: s.u64(88),
      st_nlink: s.u32(20),
      st_uid: s.u32(24),
      st_gid: s.u32(28),
      st_atime: s.u32(64),
      st_mtime: s.u32(72),
      st_ctime: s.u32(80),
    },
  });
}

function oldStat(s: Structure): Shown {
  return stat({
    mode: s.u16(4),
    size: s.u32(16),
    rdev: BigInt(s.u16(12)),
    more: { st_dev: s.u16(0), st_ino: s.u16(2), st_nlink: s.u16(6), st_uid: s.u16(8), st_gid: s.u16(10) },
  });
}

const statxMask = flags('statx_masks');
const statxAttributes = flags('statx_attrs');

/** include/uapi/linux/stat.h. */
function statx(s: Structure): Shown {
  const mask = s.u32(0);
  const fields: Field[] = [
    ['stx_mask', statxMask(mask)],
    ['stx_attributes', statxAttributes(s.u64(8))],
  ];
  if (mask & 3) fields.push(['stx_mode', fileMode(s.u16(28))]);
  if (mask & 0x200) fields.push(['stx_size', number(s.u64(40))]);
  const { text, value } = structure(fields, true);
  return {
    text,
    value: {
      ...(value as object),
      stx_uid: s.u32(20),
      stx_gid: s.u32(24),
      stx_ino: number(s.u64(32)).value,
      stx_mtime: number(s.i64(112)).value,
    },
  };
}

const syncTypes = flags('at_statx_sync_types');
const atFlags = flags('at_flags');
const AT_STATX_SYNC_TYPE = 0x6000;

function statxFlags(word: number): Shown {
  const sync = syncTypes(word & AT_STATX_SYNC_TYPE).text;
  const rest = (word & ~AT_STATX_SYNC_TYPE) >>> 0;
  const others = rest === 0 ? '' : `|${atFlags(rest).text.replace(/ \/\*.*$/, '')}`;
  return { text: sync + others, value: word };
}

const magic = named('fsmagic');
const mountFlags = flags('statfs_flags');
const ST_VALID = 0x20;

/** The fields in order; 64-bit ones are `wide` (include/uapi/asm-generic/statfs.h). */
function statfs(s: Structure, wide: boolean): Shown {
  const count = (i: number): Shown => number(wide ? s.u64(8 + 8 * i) : s.u32(8 + 4 * i));
  const after = wide ? 48 : 28;
  const fsid = [s.u32(after), s.u32(after + 4)];
  const set = s.u32(after + 16);
  const fields: Field[] = [
    ['f_type', magic(s.u32(0))],
    ['f_bsize', number(s.u32(4))],
    ...['f_blocks', 'f_bfree', 'f_bavail', 'f_files', 'f_ffree'].map((name, i): Field => [name, count(i)]),
    ['f_fsid', { text: `{val=[${fsid.map(hexText).join(', ')}]}`, value: { val: fsid } }],
    ['f_namelen', number(s.u32(after + 8))],
    ['f_frsize', number(s.u32(after + 12))],
  ];
  if (set & ST_VALID) fields.push(['f_flags', mountFlags(set)]);
  return structure(fields);
}

/**
 * The names in a buffer of directory entries (include/linux/dirent.h); strace says only how many there are.
 * `lengthAt`: where each entry has its length; `nameAt`: where its name begins.
 */
function entries(lengthAt: number, nameAt: number): Decoder {
  return (call, word) => {
    if (call.failed || call.result > call.word(2)) return address(word);
    const buffer = call.reader.structure(word, call.result);
    if (buffer === undefined) return address(word);
    const names: Json[] = [];
    let count = 0;
    for (let at = 0; at + nameAt <= buffer.bytes.length; count++) {
      const length = buffer.u16(at + lengthAt);
      if (length < nameAt) break;
      if (names.length < call.limits.data / 16) {
        names.push(new TextDecoder().decode(untilZero(buffer.bytes.subarray(at + nameAt, at + length))));
      }
      at += length;
    }
    return { text: `${address(word).text} /* ${count} entries */`, value: { count, names } };
  };
}

const resolve = flags('open_resolve_flags');
const MS_REMOUNT = 0x20;
/** MS_BIND, MS_MOVE, MS_SHARED, MS_PRIVATE, MS_SLAVE, MS_UNBINDABLE: no type and no data. */
const MS_NO_TYPE = 0x1e3000;
const MS_MAGIC = 0xc0ed0000;
const mounting = flags('mount_flags');

function openHow(call: Call, at: number, size: number): Shown {
  if (size < 24) return address(at);
  return call.at(at, 24, (s) => {
    const set = s.u64(0);
    const fields: Field[] = [['flags', openFlags(set)]];
    if (set & BigInt(O_CREAT | (O_TMPFILE & ~0o200000)) || s.u64(8) !== 0n) {
      fields.push(['mode', mode(Number(s.u64(8)))]);
    }
    fields.push(['resolve', resolve(s.u64(16))]);
    return structure(fields);
  });
}

export const fileDecoders: Readonly<Record<string, Decoder>> = {
  dirfd: (_, word) =>
    (word | 0) === AT_FDCWD
      ? { text: 'AT_FDCWD', value: AT_FDCWD }
      : { text: String(word | 0), value: word | 0 },
  open_flags: (_, word) => openFlags(word),
  file_mode: (_, word) => fileMode(word & 0xffff),
  device: (_, word) => device(BigInt(word)),
  old_stat: (call, word) => call.at(word, 32, oldStat),
  stat: (call, word) => call.at(word, 64, newStat),
  stat64: (call, word) => call.at(word, 96, stat64),
  statx: (call, word) => call.at(word, 256, statx),
  statx_flags: (_, word) => statxFlags(word),
  statfs: (call, word) => call.at(word, 64, (s) => statfs(s, false)),
  dirents: entries(8, 10),
  dirents64: entries(16, 19),
};

const STATFS64_BYTES = 84;

/** Decoders that look at other words of the call, given by their indices. */
export const fileDecodersWith: Readonly<Record<string, (...indices: number[]) => Decoder>> = {
  mode_if_creating: (flagsIndex) => (call, word) =>
    call.word(flagsIndex!) & (O_CREAT | 0o20000000) ? mode(word & 0xffff) : undefined,
  device_if_special: (modeIndex) => (call, word) => {
    const type = call.word(modeIndex!) & S_IFMT;
    return type === S_IFCHR || type === S_IFBLK ? device(BigInt(word)) : undefined;
  },
  statfs64: (sizeIndex) => (call, word) =>
    call.word(sizeIndex!) === STATFS64_BYTES
      ? call.at(word, STATFS64_BYTES, (s) => statfs(s, true))
      : address(word),
  open_how: (sizeIndex) => (call, word) => openHow(call, word, call.word(sizeIndex!)),
  mount_type: (flagsIndex) => (call, word) =>
    unmagic(call.word(flagsIndex!)) & (MS_REMOUNT | MS_NO_TYPE) ? address(word) : call.string(word),
  mount_data: (flagsIndex) => (call, word) => {
    const set = unmagic(call.word(flagsIndex!));
    return !(set & MS_REMOUNT) && set & MS_NO_TYPE ? address(word) : call.string(word);
  },
};

/** Old programs put a magic number above the flags. */
function unmagic(word: number): number {
  return (word & 0xffff0000) >>> 0 === MS_MAGIC ? word & 0xffff : word;
}

export function mountFlagsText(word: number): Shown {
  const rest = unmagic(word);
  if (rest === word) return mounting(word);
  return { text: rest === 0 ? 'MS_MGC_VAL' : `MS_MGC_VAL|${mounting(rest).text}`, value: word };
}
