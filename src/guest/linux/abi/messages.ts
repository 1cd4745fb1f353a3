/** Vectors of buffers and messages: `struct iovec`, `struct msghdr` and what they point to (include/linux/socket.h). */
import { inet4Shown, socketAddress, socketAddressAt } from './addresses.ts';
import { arrayAt, type Call, type Decoder } from './call.ts';
import { flags, named } from './constants.ts';
import { Structure } from './reader.ts';
import {
  address,
  decimal,
  type Field,
  hexadecimal,
  identity,
  list,
  number,
  type Shown,
  structure,
} from './shown.ts';
import { TIMES, time } from './times.ts';

/** The kernel takes no more elements (UIO_MAXIOV). */
const MOST_VECTORS = 1024;

const messageFlags = flags('msg_flags');
const levels = named('socketlayers');
const controlTypes = named('scmvals');
const ipControlTypes = named('ip_cmsg_types');

/**
 * A vector of buffers. `filled` is how many bytes of all of them count; undefined: all. With `pointers`, strace shows
 * addresses instead of what is there.
 */
export function vector(
  call: Call,
  at: number,
  count: number,
  filled: number | undefined,
  pointers: boolean,
): Shown {
  let left = filled ?? Number.POSITIVE_INFINITY;
  return arrayAt(
    call,
    at,
    count,
    8,
    (s) => {
      const base = s.u32(0);
      const length = s.u32(4);
      const part = Math.min(length, left);
      left -= part;
      return structure([
        ['iov_base', pointers ? address(base) : call.data(base, part)],
        ['iov_len', number(length)],
      ]);
    },
    true,
  );
}

/** Data of a control message, by its level and type. */
function controlData(level: number, type: number, data: Structure): Shown | undefined {
  const { length } = data.bytes;
  const words = (show: (word: number) => Shown): Shown =>
    list(Array.from({ length: Math.min(Math.floor(length / 4), 256) }, (_, i) => show(data.u32(4 * i))));
  if (level === 1) {
    if (type === 1 && length >= 4) return words(decimal);
    if (type === 2 && length >= 12) {
      return structure([
        ['pid', decimal(data.u32(0))],
        ['uid', identity(data.u32(4))],
        ['gid', identity(data.u32(8))],
      ]);
    }
    if (type === 29 && length >= 8) return time(data, 0, TIMES.timeval);
    if (type === 35 && length >= 8) return time(data, 0, TIMES.timespec32);
    if (type === 64 && length >= 16) return time(data, 0, TIMES.timespec64);
  }
  if (level === 0) {
    if (type === 8 && length >= 12) {
      return structure([
        ['ipi_ifindex', number(data.u32(0))],
        ['ipi_spec_dst', inet4Shown(data, 4)],
        ['ipi_addr', inet4Shown(data, 8)],
      ]);
    }
    if ((type === 2 || type === 23) && length >= 4) return words((word) => number(word));
    if (type === 1 && length >= 1) {
      return list(Array.from(data.bytes.subarray(0, 32), (byte) => hexadecimal(byte)));
    }
    if (type === 20 && length >= 16) return socketAddress(data, length);
  }
  return undefined;
}

function controlType(level: number, type: number): Shown {
  if (level === 1) return controlTypes(type);
  return level === 0 ? ipControlTypes(type) : hexadecimal(type);
}

/** The kernel's limit of what one message can carry beside its data (net.core.optmem_max's default is below). */
const MOST_CONTROL = 20480;

function controls(call: Call, at: number, length: number): Shown {
  const size = Math.min(length, MOST_CONTROL);
  const buffer = size < 12 || at === 0 ? undefined : call.reader.structure(at, size);
  if (buffer === undefined) return address(at);
  const items: Shown[] = [];
  let offset = 0;
  let end: string | undefined;
  while (offset + 12 <= size) {
    const own = buffer.u32(offset);
    const level = buffer.i32(offset + 4);
    const type = buffer.i32(offset + 8);
    const reach = Math.min(own, size - offset);
    const fields: Field[] = [
      ['cmsg_len', number(own)],
      ['cmsg_level', levels(level)],
      ['cmsg_type', controlType(level, type)],
    ];
    const body = new Structure(buffer.bytes.subarray(offset + 12, offset + Math.max(12, reach)));
    const data = controlData(level, type, body);
    if (data !== undefined) fields.push(['cmsg_data', data]);
    items.push(structure(fields));
    if (reach < 12) {
      offset += 12;
      break;
    }
    offset += (own + 3) & ~3;
    if (own > size) break;
  }
  if (offset < size) end = `... /* ${address(at + offset).text} */`;
  else if (size < length) end = '...';
  return list(items, end);
}

/** `userNameLength`: what the program gave as msg_namelen, where the kernel has put another there. */
function messageHeader(call: Call, s: Structure, userNameLength?: number, filled?: number): Shown {
  const nameLength = s.i32(4);
  const shownLength = userNameLength === undefined ? nameLength : Math.min(nameLength, userNameLength);
  const changed = userNameLength !== undefined && userNameLength !== nameLength;
  const fields: Field[] = [
    ['msg_name', socketAddressAt(call, s.u32(0), shownLength)],
    [
      'msg_namelen',
      { text: changed ? `${userNameLength} => ${nameLength}` : String(nameLength), value: nameLength },
    ],
    ['msg_iov', vector(call, s.u32(8), Math.min(s.u32(12), 0x10000), filled, false)],
    ['msg_iovlen', number(s.u32(12))],
  ];
  if (s.u32(20) !== 0) fields.push(['msg_control', controls(call, s.u32(16), s.u32(20))]);
  fields.push(['msg_controllen', number(s.u32(20))], ['msg_flags', messageFlags(s.u32(24))]);
  return structure(fields);
}

const HEADER_BYTES = 28;
const MULTIPLE_BYTES = 32;

/** What recvmmsg's callers gave as the lengths of the buffers for addresses. */
function keepNameLengths(call: Call, at: number, count: number): void {
  const lengths: number[] = [];
  for (let i = 0; i < Math.min(count, call.limits.text, MOST_VECTORS); i++) {
    const length = call.reader.u32(at + MULTIPLE_BYTES * i + 4);
    if (length === undefined) break;
    lengths.push(length | 0);
  }
  call.kept['lengths'] = lengths;
}

export const messageDecoders: Readonly<Record<string, Decoder>> = {
  msghdr: (call, word) => call.at(word, HEADER_BYTES, (s) => messageHeader(call, s)),
  msghdr_received: (call, word) => {
    if (call.entering) {
      const length = word === 0 ? undefined : call.reader.u32(word + 4);
      if (length !== undefined) call.kept['length'] = length | 0;
      return undefined;
    }
    const length = call.kept['length'];
    if (typeof length !== 'number') return address(word);
    if (call.failed) return structure([['msg_namelen', number(length)]]);
    return call.at(word, HEADER_BYTES, (s) => messageHeader(call, s, length, call.result));
  },
};

export const messageDecodersWith: Readonly<Record<string, (...indices: number[]) => Decoder>> = {
  iovec: (countIndex) => (call, word) => vector(call, word, call.word(countIndex!), undefined, false),
  iovec_addresses: (countIndex) => (call, word) =>
    vector(call, word, call.word(countIndex!), undefined, true),
  iovec_read: (countIndex) => (call, word) =>
    vector(call, word, call.word(countIndex!), call.failed ? 0 : call.result, call.failed),
  mmsghdrs_sent: (countIndex) => (call, word) => {
    if (call.entering) return undefined;
    const sent = call.failed ? 0 : call.result;
    return arrayAt(
      call,
      word,
      call.word(countIndex!),
      MULTIPLE_BYTES,
      (s, i) => {
        const header: Field = ['msg_hdr', messageHeader(call, s)];
        return structure(i < sent ? [header, ['msg_len', number(s.u32(HEADER_BYTES))]] : [header]);
      },
      true,
    );
  },
  mmsghdrs_received: (countIndex) => (call, word) => {
    if (call.entering) {
      keepNameLengths(call, word, call.word(countIndex!));
      return undefined;
    }
    const { lengths } = call.kept;
    return arrayAt(call, word, call.result, MULTIPLE_BYTES, (s, i) => {
      const length = Array.isArray(lengths) ? lengths[i] : undefined;
      const filled = s.u32(HEADER_BYTES);
      return structure([
        ['msg_hdr', messageHeader(call, s, typeof length === 'number' ? length : undefined, filled)],
        ['msg_len', number(filled)],
      ]);
    });
  },
};
