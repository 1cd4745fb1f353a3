/** An Ethernet frame in a line: who to whom, what kind. Enough to see what a guest is up to. */

const ETHER_HEADER = 14;
const protocols: Record<number, string> = { 1: 'ICMP', 6: 'TCP', 17: 'UDP' };
const icmpTypes: Record<number, string> = {
  0: 'echo reply',
  3: 'unreachable',
  8: 'echo request',
  11: 'time exceeded',
};
const tcpFlags = ['FIN', 'SYN', 'RST', 'PSH', 'ACK', 'URG'] as const;

export function describeFrame(bytes: Uint8Array): string {
  const size = `${bytes.length} bytes`;
  if (bytes.length < ETHER_HEADER) return `${size}, shorter than an Ethernet header`;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const type = view.getUint16(12);
  const packet = bytes.subarray(ETHER_HEADER);
  const what =
    type === 0x0806
      ? arp(packet)
      : type === 0x0800
        ? ipv4(packet)
        : type === 0x86dd
          ? 'IPv6'
          : `type 0x${hex(type, 4)}`;
  return `${size.padStart(10)}  ${mac(bytes, 6)} → ${mac(bytes, 0)}  ${what}`;
}

function arp(packet: Uint8Array): string {
  if (packet.length < 28) return 'ARP, cut short';
  const [sender, target] = [address(packet, 14), address(packet, 24)];
  return packet[7] === 1 ? `ARP who has ${target}? tell ${sender}` : `ARP ${sender} is at ${mac(packet, 8)}`;
}

function ipv4(packet: Uint8Array): string {
  const header = ((packet[0] ?? 0) & 15) * 4;
  if (packet.length < 20 || header < 20 || packet.length < header + 4) return 'IPv4, cut short';
  const protocol = packet[9]!;
  const name = protocols[protocol] ?? `protocol ${protocol}`;
  const [from, to] = [address(packet, 12), address(packet, 16)];
  const segment = packet.subarray(header);
  const view = new DataView(segment.buffer, segment.byteOffset, segment.byteLength);
  const fragment = (((packet[6]! << 8) | packet[7]!) & 0x1fff) !== 0;
  if (fragment) return `${name} ${from} → ${to} (a later fragment)`;
  if (protocol === 1) return `ICMP ${from} → ${to} ${icmpTypes[segment[0]!] ?? `type ${segment[0]}`}`;
  if (protocol !== 6 && protocol !== 17) return `${name} ${from} → ${to}`;
  const ports = `${name} ${from}:${view.getUint16(0)} → ${to}:${view.getUint16(2)}`;
  if (protocol === 17 || segment.length < 20) return ports;
  const flags = tcpFlags.filter((_, bit) => segment[13]! & (1 << bit));
  const total = (packet[2]! << 8) | packet[3]!;
  const data = Math.max(0, Math.min(total, packet.length) - header - (segment[12]! >> 4) * 4);
  return `${ports} ${flags.join(' ')}${data > 0 ? `, ${data} bytes of data` : ''}`;
}

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0');
const mac = (bytes: Uint8Array, at: number): string =>
  Array.from(bytes.subarray(at, at + 6), (b) => hex(b, 2)).join(':');
const address = (bytes: Uint8Array, at: number): string => bytes.subarray(at, at + 4).join('.');
