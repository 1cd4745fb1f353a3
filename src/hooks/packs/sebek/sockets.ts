/** Socket calls and addresses, as Sebek's records number and Linux and NT lay them out. */
import type { VirtualMemory } from '../../../guest/memory.ts';

/** By the numbers that socketcall(2) has for them (include/uapi/linux/net.h), which Sebek's records use too. */
export const SOCKET_CALLS = {
  socket: 1,
  bind: 2,
  connect: 3,
  listen: 4,
  accept: 5,
  getsockname: 6,
  getpeername: 7,
  send: 9,
  recv: 10,
  sendto: 11,
  recvfrom: 12,
  sendmsg: 16,
  recvmsg: 17,
  accept4: 18,
  recvmmsg: 19,
  sendmmsg: 20,
} as const;
export type SocketCallName = keyof typeof SOCKET_CALLS;

/** One end of a connection. */
export interface Endpoint {
  readonly family: 'inet' | 'inet6' | 'unix' | number;
  /** Of the Internet: in dots or colons; `unix`: the path, an abstract one with `@` in front. */
  readonly address?: string;
  readonly port?: number;
}

/** What is known of a socket, from the calls that were made with it. */
export interface SocketFacts {
  /** IPPROTO_…: 6 TCP, 17 UDP. */
  protocol?: number;
  local?: Endpoint;
  remote?: Endpoint;
}

const AF_UNIX = 1;
const AF_INET = 2;
/** Linux, and NT. */
const AF_INET6: readonly number[] = [10, 23];
const LONGEST = 128;

/**
 * A `struct sockaddr`, from its family on; NT's TA_ADDRESS is the same after its length.
 * @param length bytes, as the caller said; undefined in the result for what is too short or absent
 */
export function endpointAt(memory: VirtualMemory, address: number, length: number): Endpoint | undefined {
  if (address === 0 || length < 2) return undefined;
  const bytes = memory.bytes(address, Math.min(length, LONGEST));
  const view = new DataView(bytes.buffer);
  if (bytes.length < 2) return undefined;
  const family = view.getUint16(0, true);
  if (family === AF_UNIX) return { family: 'unix', address: unixPath(bytes.subarray(2)) };
  if (family === AF_INET && bytes.length >= 8) {
    return { family: 'inet', address: bytes.subarray(4, 8).join('.'), port: view.getUint16(2) };
  }
  if (AF_INET6.includes(family) && bytes.length >= 24) {
    const groups = Array.from({ length: 8 }, (_, i) => view.getUint16(8 + 2 * i).toString(16));
    return { family: 'inet6', address: shorten(groups.join(':')), port: view.getUint16(2) };
  }
  return { family };
}

function unixPath(bytes: Uint8Array): string {
  const decode = (part: Uint8Array): string => new TextDecoder().decode(part);
  if (bytes[0] === 0) return bytes.length > 1 ? `@${decode(bytes.subarray(1))}` : '';
  const end = bytes.indexOf(0);
  return decode(end < 0 ? bytes : bytes.subarray(0, end));
}

/** The longest run of zeros of an IPv6 address as `::`. */
function shorten(address: string): string {
  const runs = [...address.matchAll(/(?:^|:)0(?::0)+(?:$|:)/g)].map(([run]) => run);
  const longest = runs.sort((a, b) => b.length - a.length)[0];
  return longest === undefined ? address : address.replace(longest, '::');
}

/** `192.0.2.1:80`, `[::1]:80`, a path. */
export function showEndpoint({ family, address, port }: Endpoint): string {
  if (address === undefined) return `family ${family}`;
  if (port === undefined) return address;
  return family === 'inet6' ? `[${address}]:${port}` : `${address}:${port}`;
}

/** The protocol that a socket of the Internet has when none is named: by its type (SOCK_STREAM, SOCK_DGRAM). */
export function protocolOf(family: number, type: number, protocol: number): number | undefined {
  if (family !== AF_INET && !AF_INET6.includes(family)) return undefined;
  if (protocol !== 0) return protocol;
  return { 1: 6, 2: 17 }[type & 0xf];
}
