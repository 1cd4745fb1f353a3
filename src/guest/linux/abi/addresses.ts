/** Socket addresses (include/uapi/linux/{in,in6,un,netlink,if_packet}.h). */
import type { Call } from './call.ts';
import { named } from './constants.ts';
import { quote, quoteHex, readable, untilZero } from './quote.ts';
import { Structure } from './reader.ts';
import {
  address,
  decimal,
  type Field,
  hexadecimal,
  type Json,
  list,
  number,
  paddedHex,
  type Shown,
  structure,
} from './shown.ts';

const families = named('addrfams');
const ethernet = named('ethernet_protocols');
const hardware = named('arp_hardware_types');
const packets = named('af_packet_types');

const AF_UNIX = 1;
const AF_INET = 2;
const AF_INET6 = 10;
const AF_NETLINK = 16;
const AF_PACKET = 17;

/** Bytes of `struct sockaddr_storage`: no address is longer. */
const MOST = 128;

/** A number in network byte order. */
export function netShort(s: Structure, at: number): number {
  return (s.u8(at) << 8) | s.u8(at + 1);
}

/** `192.0.2.1`. */
export function inet4(s: Structure, at: number): string {
  return [0, 1, 2, 3].map((i) => s.u8(at + i)).join('.');
}

/** As inet_ntop writes it: the longest run of zeros as `::`, IPv4 in dots where it is mapped or compatible. */
export function inet6(s: Structure, at: number): string {
  const groups = Array.from({ length: 8 }, (_, i) => netShort(s, at + 2 * i));
  let start = -1;
  let length = 1;
  for (let i = 0; i < 8; i++) {
    let end = i;
    while (end < 8 && groups[end] === 0) end++;
    if (end - i > length) {
      start = i;
      length = end - i;
    }
  }
  const hex = (part: number[]): string => part.map((group) => group.toString(16)).join(':');
  if (start < 0) return hex(groups);
  // 5: mapped (then ffff); 6: compatible; 7 would be ::n.
  if (start === 0 && (length === 6 || (length === 5 && groups[5] === 0xffff))) {
    return `::${length === 5 ? 'ffff:' : ''}${inet4(s, at + 12)}`;
  }
  return `${hex(groups.slice(0, start))}::${hex(groups.slice(start + length))}`;
}

/** `sin_addr=inet_addr("192.0.2.1")`. */
export function inet4Shown(s: Structure, at: number): Shown {
  const value = inet4(s, at);
  return { text: `inet_addr("${value}")`, value };
}

function port(s: Structure): Shown {
  const value = netShort(s, 2);
  return { text: `htons(${value})`, value };
}

function unix(s: Structure, length: number): Field[] {
  const path = s.bytes.subarray(2, Math.min(length, 110));
  if (path[0] === 0) {
    // An abstract name: all of its bytes count, strace shows the first zero byte as @.
    const rest = path.subarray(1);
    const value: Json = `@${readable(rest) ?? Buffer.from(rest).toString('base64')}`;
    return [['sun_path', { text: `@${quote(rest)}`, value }]];
  }
  const name = untilZero(path);
  return [['sun_path', { text: quote(name), value: readable(name) ?? Buffer.from(name).toString('base64') }]];
}

/** Its fields; sin6_addr has a notation of its own. */
function inet6Shown(s: Structure, length: number): Shown {
  const scope = s.u32(24);
  const host = inet6(s, 8);
  const flow = (s.u8(4) * 2 ** 24 + (s.u8(5) << 16)) | (s.u8(6) << 8) | s.u8(7);
  const text =
    `sa_family=AF_INET6, sin6_port=${port(s).text}, sin6_flowinfo=htonl(${flow >>> 0}), ` +
    `inet_pton(AF_INET6, "${host}", &sin6_addr)${length > 24 ? `, sin6_scope_id=${scope}` : ''}`;
  return {
    text: `{${text}}`,
    value: { sa_family: AF_INET6, sin6_port: port(s).value, sin6_addr: host, sin6_scope_id: scope },
  };
}

function packet(s: Structure, length: number): Field[] {
  const count = s.u8(11);
  const protocol = netShort(s, 2);
  const fields: Field[] = [
    ['sll_protocol', { text: `htons(${ethernet(protocol).text})`, value: protocol }],
    ['sll_ifindex', number(s.u32(4))],
    ['sll_hatype', hardware(s.u16(8))],
    ['sll_pkttype', packets(s.u8(10))],
    ['sll_halen', number(count)],
  ];
  if (count > 0) {
    const there = Math.min(count, Math.max(0, length - 12));
    const bytes = Array.from({ length: there }, (_, i) => s.u8(12 + i));
    const shown = list(
      bytes.map((byte) => paddedHex(byte, 1)),
      there < count ? '...' : undefined,
    );
    fields.push(['sll_addr', shown]);
  }
  return fields;
}

/** An address of a known length. */
export function socketAddress(s: Structure, length: number): Shown {
  const family = s.u16(0);
  const rest: Field[] = [];
  if (family === AF_INET6 && length >= 24) return inet6Shown(s, length);
  if (length > 2) {
    if (family === AF_UNIX) rest.push(...unix(s, length));
    else if (family === AF_INET && length >= 16) {
      rest.push(['sin_port', port(s)], ['sin_addr', inet4Shown(s, 4)]);
    } else if (family === AF_NETLINK && length >= 12) {
      if (s.u16(2) !== 0) rest.push(['nl_pad', hexadecimal(s.u16(2))]);
      rest.push(['nl_pid', decimal(s.u32(4))], ['nl_groups', paddedHex(s.u32(8), 4)]);
    } else if (family === AF_PACKET && length >= 20) rest.push(...packet(s, length));
    else {
      const data = s.bytes.subarray(2, length);
      rest.push(['sa_data', { text: quote(data), value: quoteHex(data).slice(1, -1) }]);
    }
  }
  return structure([['sa_family', families(family)], ...rest]);
}

/** An address at a pointer. */
export function socketAddressAt(call: Call, at: number, length: number): Shown {
  if ((length | 0) < 2) return address(at);
  const size = Math.min(length, MOST);
  return call.at(at, size, (s) => {
    // What the structure of the family has beyond it reads as zero.
    const whole = new Uint8Array(MOST + 1);
    whole.set(s.bytes);
    return socketAddress(new Structure(whole), size);
  });
}
