/** Arguments of the calls on sockets. */
import { inet4Shown, inet6, socketAddressAt } from './addresses.ts';
import type { Call, CallDecoder, Decoder } from './call.ts';
import { flags, named, nameIn } from './constants.ts';
import { errorName } from './errno.ts';
import { address, decimal, identity, number, pointee, type Shown, structure } from './shown.ts';

const typeFlags = flags('sock_type_flags');
const inetProtocols = named('inet_protocols');
const netlinkProtocols = named('netlink_protocols');
const ethernetProtocols = named('ethernet_protocols');

const AF_INET = 2;
const AF_INET6 = 10;
const AF_NETLINK = 16;
const AF_PACKET = 17;
const TYPE_MASK = 0xf;

function socketType(word: number): Shown {
  const name = nameIn('socktypes', word & TYPE_MASK);
  if (name === undefined) return typeFlags(word);
  const rest = (word & ~TYPE_MASK) >>> 0;
  return { text: rest === 0 ? name : `${name}|${typeFlags(rest).text}`, value: word };
}

function protocol(family: number, word: number): Shown {
  switch (family) {
    case AF_INET:
    case AF_INET6:
      return inetProtocols(word);
    case AF_NETLINK:
      return netlinkProtocols(word);
    case AF_PACKET: {
      const swapped = ((word & 0xff) << 8) | ((word >>> 8) & 0xff);
      return { text: `htons(${ethernetProtocols(swapped).text})`, value: word };
    }
    default:
      return number(word);
  }
}

/** The tables of the options of each level: for both directions, for getting, for setting. */
const OPTIONS: Readonly<Record<number, readonly [both: string, get?: string, set?: string]>> = {
  0: ['sock_ip_options', 'getsock_ip_options', 'setsock_ip_options'],
  1: ['sock_options', 'getsock_options', 'setsock_options'],
  6: ['sock_tcp_options'],
  17: ['sock_udp_options'],
  41: ['sock_ipv6_options', 'getsock_ipv6_options', 'setsock_ipv6_options'],
  255: ['sock_raw_options'],
  263: ['sock_packet_options'],
  270: ['sock_netlink_options'],
};

const UNKNOWN: Readonly<Record<number, string>> = {
  0: 'IP_???',
  1: 'SO_???',
  6: 'TCP_???',
  17: 'UDP_???',
  41: 'IPV6_???',
  255: 'RAW_???',
  263: 'PACKET_???',
  270: 'NETLINK_???',
};

function optionName(level: number, word: number, setting: boolean): Shown {
  const [both, get, set] = OPTIONS[level] ?? [];
  if (both === undefined) return number(word);
  const own = setting ? set : get;
  const name = nameIn(both, word) ?? (own === undefined ? undefined : nameIn(own, word));
  return { text: name ?? `0x${word.toString(16)} /* ${UNKNOWN[level]} */`, value: word };
}

const SOL_IP = 0;
const SOL_SOCKET = 1;
const SOL_IPV6 = 41;
const SOL_NETLINK = 270;
const SO_ERROR = 4;
const SO_LINGER = 13;
const SO_PEERCRED = 17;
/** SO_TYPE, SO_RCVTIMEO, SO_BINDTODEVICE and others that strace does not take for integers. */
const NOT_INTEGERS = new Set([
  3, 4, 13, 17, 20, 21, 22, 23, 24, 25, 26, 28, 31, 38, 39, 47, 48, 50, 51, 52, 55, 57, 59, 61, 62, 66, 67,
  71, 72, 74,
]);

function integerAt(call: Call, at: number): Shown {
  return call.at(at, 4, (s) => pointee(decimal(s.u32(0))));
}

function lingerAt(call: Call, at: number): Shown {
  return call.at(at, 8, (s) =>
    structure([
      ['l_onoff', decimal(s.u32(0))],
      ['l_linger', decimal(s.u32(4))],
    ]),
  );
}

/** An option's value of unknown structure: an integer if it is as long as one, else its bytes. */
function anyOption(call: Call, at: number, length: number): Shown {
  return length === 4 ? integerAt(call, at) : call.data(at, length);
}

function gotten(call: Call, level: number, name: number, at: number, length: number): Shown {
  if (at !== 0 && level === SOL_SOCKET) {
    if (name === SO_LINGER && length >= 8) return lingerAt(call, at);
    if (name === SO_ERROR && length >= 4) {
      return call.at(at, 4, (s) => {
        const error = s.u32(0);
        return pointee({ text: errorName(error) ?? String(error), value: error });
      });
    }
    if (name === SO_PEERCRED && length >= 12) {
      return call.at(at, 12, (s) =>
        structure([
          ['pid', decimal(s.u32(0))],
          ['uid', identity(s.u32(4))],
          ['gid', identity(s.u32(8))],
        ]),
      );
    }
    if (!NOT_INTEGERS.has(name)) return length >= 4 ? integerAt(call, at) : call.data(at, length, true);
  }
  if (at !== 0 && level === SOL_NETLINK) return integerAt(call, at);
  return anyOption(call, at, length);
}

/** IP_ADD_MEMBERSHIP and IP_DROP_MEMBERSHIP; IPV6_ADD_MEMBERSHIP and the three after it. */
function membership(call: Call, level: number, name: number, at: number, length: number): Shown | undefined {
  if (level === SOL_IP && (name === 35 || name === 36)) {
    if (length < 8) return address(at);
    return call.at(at, 8, (s) =>
      structure([
        ['imr_multiaddr', inet4Shown(s, 0)],
        ['imr_interface', inet4Shown(s, 4)],
      ]),
    );
  }
  if (level === SOL_IPV6 && [20, 21, 27, 28].includes(name)) {
    if (length < 20) return address(at);
    return call.at(at, 20, (s) => {
      const host = inet6(s, 0);
      const index = s.u32(16);
      return {
        text: `{inet_pton(AF_INET6, "${host}", &ipv6mr_multiaddr), ipv6mr_interface=${index}}`,
        value: { ipv6mr_multiaddr: host, ipv6mr_interface: index },
      };
    });
  }
  return undefined;
}

function given(call: Call, level: number, name: number, at: number, length: number): Shown {
  if (at === 0) return address(0);
  if (level === SOL_SOCKET && name === SO_LINGER) return length < 8 ? address(at) : lingerAt(call, at);
  if (level === SOL_NETLINK || (level === SOL_SOCKET && !NOT_INTEGERS.has(name))) {
    return length < 4 ? address(at) : integerAt(call, at);
  }
  return membership(call, level, name, at, length) ?? anyOption(call, at, length);
}

/** A length that the program gives and the kernel changes: what it was. Undefined if it cannot be read. */
function lengthBefore(call: Call): number | undefined {
  const { length } = call.kept;
  return typeof length === 'number' ? length : undefined;
}

function keepLength(call: Call, pointer: number): void {
  const length = pointer === 0 ? undefined : call.reader.u32(pointer);
  if (length !== undefined) call.kept['length'] = length | 0;
}

/** `[16]`, `[128 => 16]`. */
function lengthChanged(call: Call, pointer: number, before: number): Shown {
  const now = call.failed ? undefined : call.reader.u32(pointer);
  if (now === undefined) return pointee(decimal(before));
  const text = (now | 0) === before ? String(before) : `${before} => ${now | 0}`;
  return { text: `[${text}]`, value: now | 0 };
}

/** An address that the kernel fills in, up to the length at another pointer. */
function filledAddress(call: Call, at: number, lengthPointer: number): Shown {
  const before = at === 0 ? undefined : lengthBefore(call);
  const now = call.failed || before === undefined ? undefined : call.reader.u32(lengthPointer);
  return now === undefined || before === undefined
    ? address(at)
    : socketAddressAt(call, at, Math.min(before, now | 0));
}

const SOCKET_CALLS =
  'SOCKET BIND CONNECT LISTEN ACCEPT GETSOCKNAME GETPEERNAME SOCKETPAIR SEND RECV SENDTO RECVFROM SHUTDOWN SETSOCKOPT GETSOCKOPT SENDMSG RECVMSG ACCEPT4 RECVMMSG SENDMMSG'.split(
    ' ',
  );

/** socketcall(2) where the call within it, or its words, cannot be told. */
const socketcall: CallDecoder = (call) => {
  if (!call.entering) return;
  const name = SOCKET_CALLS[call.word(0) - 1];
  call.show(
    'call',
    'int',
    name === undefined ? decimal(call.word(0)) : { text: `SYS_${name}`, value: call.word(0) },
  );
  call.show('args', 'unsigned long *', address(call.word(1)));
};

export const socketCalls: Readonly<Record<string, CallDecoder>> = { socketcall };

export const socketDecoders: Readonly<Record<string, Decoder>> = {
  socket_type: (_, word) => socketType(word),
  option_length_filled: (call, word) => {
    if (call.entering) {
      keepLength(call, word);
      return undefined;
    }
    const before = lengthBefore(call);
    return before === undefined ? address(word) : lengthChanged(call, word, before);
  },
};

export const socketDecodersWith: Readonly<Record<string, (...indices: number[]) => Decoder>> = {
  protocol: (familyIndex) => (call, word) => protocol(call.word(familyIndex!), word),
  sockaddr: (lengthIndex) => (call, word) => socketAddressAt(call, word, call.word(lengthIndex!)),
  sockaddr_filled: (lengthIndex) => (call, word) => {
    if (!call.entering) return filledAddress(call, word, call.word(lengthIndex!));
    if (word !== 0) keepLength(call, call.word(lengthIndex!));
    return undefined;
  },
  length_filled: (addressIndex) => (call, word) => {
    if (call.entering) return undefined;
    const before = lengthBefore(call);
    return before === undefined || call.word(addressIndex!) === 0 || word === 0
      ? address(word)
      : lengthChanged(call, word, before);
  },
  getsockopt_name: (levelIndex) => (call, word) => optionName(call.word(levelIndex!), word, false),
  setsockopt_name: (levelIndex) => (call, word) => optionName(call.word(levelIndex!), word, true),
  getsockopt_value: (level, name, lengthPointer) => (call, word) => {
    if (call.entering) return undefined;
    const before = lengthBefore(call);
    const now = call.failed || before === undefined ? undefined : call.reader.u32(call.word(lengthPointer!));
    if (now === undefined || before === undefined || before <= 0 || (now | 0) <= 0) return address(word);
    return gotten(call, call.word(level!), call.word(name!), word, now);
  },
  setsockopt_value: (level, name, length) => (call, word) =>
    given(call, call.word(level!), call.word(name!), word, call.word(length!)),
};
