/*
 * What is spoken over the card: ARP, IPv4, ICMP's echo, UDP, and the table of those who wait for an answer. There
 * are no timers: who waits sends again himself.
 */
#include "net.h"
#include "ke.h"
#include "nic.h"

#define NET_WAITERS 8u
#define NET_TRIES 3
#define NET_TRY_TICKS 250u /* 1 s */
#define IP_OFFSET 14u
#define PAYLOAD_OFFSET 34u /* in what we send: no IP options */
#define UDP_MAXIMUM 1472u
#define PROTOCOL_ICMP 1
#define PROTOCOL_UDP 17

enum { WAITER_FREE, WAITER_MAC, WAITER_ANSWER, WAITER_DONE };
/*
 * Who waits, and what came for him. A thread that is ended in its sleep never comes back, so nothing of this
 * is on its stack, and the entry falls free at Expiry; Sequence tells one that slept past it that it is lost.
 */
typedef struct {
  u32 Sequence, Expiry, Length;
  u16 LocalPort, RemotePort;
  u16 Question; /* the identifier of a DNS query, or 0: any datagram will do */
  u8 State, Remote[4], Hop[4], Mac[6];
  u8 Data[UDP_MAXIMUM];
} NET_WAITER;

static const u8 NetAddress[4] = {192, 168, 86, 100};
const u8 NetGateway[4] = {192, 168, 86, 1};
static u8 NetGatewayKnown, NetGatewayMac[6];
static u16 NetIdentification;
static u32 NetSequence;
static NET_WAITER NetWaiters[NET_WAITERS];

/* RFC 1071: the ones' complement sum, not yet complemented; over data with its right checksum, 0xffff. */
static u32 NetSum(const u8 *data, u32 length, u32 sum) {
  for (; length > 1; length -= 2, data += 2) sum += NetGet16(data);
  if (length) sum += (u32)data[0] << 8;
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return sum;
}

static void NetEthernet(const u8 mac[6], u32 type) {
  memcpy(NicFrame, mac, 6);
  memcpy(NicFrame + 6, NicMac, 6);
  NetPut16(NicFrame + 12, type);
}

/* RFC 826. A request goes to everybody and has zeros for the address that it asks for. */
static void NetSendArp(const u8 *mac, const u8 address[4]) {
  static const u8 everybody[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
  static const u8 head[6] = {0, 1, 8, 0, 6, 4}; /* Ethernet, IPv4, and the sizes of their addresses */
  NetEthernet(mac ? mac : everybody, 0x806);
  memcpy(NicFrame + 14, head, 6);
  NetPut16(NicFrame + 20, mac ? 2 : 1);
  memcpy(NicFrame + 22, NicMac, 6);
  memcpy(NicFrame + 28, NetAddress, 4);
  memset(NicFrame + 32, 0, 6);
  if (mac) memcpy(NicFrame + 32, mac, 6);
  memcpy(NicFrame + 38, address, 4);
  NicTransmit(42);
}

/* RFC 791. The payload stands at PAYLOAD_OFFSET already. */
static void NetSendIp(const u8 mac[6], const u8 address[4], u8 protocol, u32 length) {
  u8 *ip = NicFrame + IP_OFFSET;
  NetEthernet(mac, 0x800);
  memset(ip, 0, 20);
  ip[0] = 0x45;
  NetPut16(ip + 2, 20 + length);
  NetPut16(ip + 4, ++NetIdentification);
  ip[8] = 64;
  ip[9] = protocol;
  memcpy(ip + 12, NetAddress, 4);
  memcpy(ip + 16, address, 4);
  NetPut16(ip + 10, ~NetSum(ip, 20, 0));
  NicTransmit(PAYLOAD_OFFSET + length);
}

/* RFC 768: the checksum covers a pseudo header too, and a sum that comes to 0 is written as 0xffff. */
static u32 NetUdpSum(const u8 *udp, u32 length, const u8 from[4], const u8 to[4]) {
  return NetSum(udp, length, NetSum(from, 4, 0) + NetSum(to, 4, 0) + PROTOCOL_UDP + length);
}

static void NetSendUdp(const NET_WAITER *waiter, const u8 *data, u32 length) {
  u8 *udp = NicFrame + PAYLOAD_OFFSET;
  NetPut16(udp, waiter->LocalPort);
  NetPut16(udp + 2, waiter->RemotePort);
  NetPut16(udp + 4, 8 + length);
  NetPut16(udp + 6, 0);
  memcpy(udp + 8, data, length);
  u32 sum = ~NetUdpSum(udp, 8 + length, NetAddress, waiter->Remote) & 0xffff;
  NetPut16(udp + 6, sum ? sum : 0xffff);
  NetSendIp(waiter->Mac, waiter->Remote, PROTOCOL_UDP, 8 + length);
}

static void NetReceiveArp(const u8 *arp, u32 length) {
  if (length < 28 || NetGet16(arp) != 1 || NetGet16(arp + 2) != 0x800 || NetGet16(arp + 4) != 0x0604) return;
  const u8 *mac = arp + 8, *address = arp + 14;
  if (memcmp(arp + 24, NetAddress, 4) || !memcmp(address, NetAddress, 4) || mac[0] & 1) return;
  if (NetGet16(arp + 6) == 1) NetSendArp(mac, address);
  else if (NetGet16(arp + 6) != 2) return;
  for (NET_WAITER *waiter = NetWaiters; waiter < NetWaiters + NET_WAITERS; waiter++) {
    if (waiter->State != WAITER_MAC || memcmp(waiter->Hop, address, 4)) continue;
    memcpy(waiter->Mac, mac, 6);
    waiter->State = WAITER_ANSWER;
  }
  if (memcmp(address, NetGateway, 4)) return;
  memcpy(NetGatewayMac, mac, 6);
  NetGatewayKnown = 1;
}

static void NetReceiveUdp(const u8 *udp, u32 length, const u8 from[4]) {
  u8 address[4];
  if (length < 8 || NetGet16(udp + 4) < 8 || NetGet16(udp + 4) > length) return;
  length = NetGet16(udp + 4);
  if (NetGet16(udp + 6) && NetUdpSum(udp, length, from, NetAddress) != 0xffff) return;
  u32 port = NetGet16(udp + 2);
  NET_WAITER *waiter = &NetWaiters[port % NET_WAITERS];
  if (waiter->State != WAITER_ANSWER || waiter->LocalPort != port || waiter->RemotePort != NetGet16(udp) ||
      memcmp(waiter->Remote, from, 4))
    return;
  const u8 *data = udp + 8;
  length -= 8;
  if (waiter->Question) { /* what is handed over is the address, or nothing */
    NTSTATUS status = DnsReadAnswer(data, length, waiter->Question, address);
    if (status == STATUS_UNSUCCESSFUL) return;
    data = address;
    length = status ? 0 : 4;
  }
  memcpy(waiter->Data, data, length);
  waiter->Length = length;
  waiter->State = WAITER_DONE;
}

/* Not nets 0 and 127, multicast and what is above it, our net's own and broadcast address, and ourselves. */
static u8 NetIsPeer(const u8 address[4]) {
  if (!address[0] || address[0] == 127 || address[0] >= 224) return 0;
  return memcmp(address, NetAddress, 3) || (address[3] && address[3] != 255 && address[3] != NetAddress[3]);
}

void NetReceive(const u8 *frame, u32 length) {
  if (frame[6] & 1) return; /* nobody's address */
  if (NetGet16(frame + 12) == 0x806) NetReceiveArp(frame + IP_OFFSET, length - IP_OFFSET);
  if (NetGet16(frame + 12) != 0x800 || memcmp(frame, NicMac, 6)) return;
  const u8 *ip = frame + IP_OFFSET;
  u32 head = (ip[0] & 15) * 4, total = NetGet16(ip + 2);
  if (ip[0] >> 4 != 4 || head < 20 || total < head || total > length - IP_OFFSET) return;
  if (NetSum(ip, head, 0) != 0xffff || memcmp(ip + 16, NetAddress, 4) || !NetIsPeer(ip + 12)) return;
  if (NetGet16(ip + 6) & 0x3fff) return; /* a fragment: more follow, or not the first */
  const u8 *payload = ip + head;
  total -= head;
  if (ip[9] == PROTOCOL_UDP) NetReceiveUdp(payload, total, ip + 12);
  /* RFC 792: an echo, type 8 code 0, is answered by the same with type 0. */
  if (ip[9] != PROTOCOL_ICMP || total < 8 || NetGet16(payload) != 0x800) return;
  if (NetSum(payload, total, 0) != 0xffff) return;
  u8 *reply = NicFrame + PAYLOAD_OFFSET;
  memcpy(reply, payload, total);
  NetPut16(reply, 0);
  NetPut16(reply + 2, 0);
  NetPut16(reply + 2, ~NetSum(reply, total, 0));
  NetSendIp(frame + 6, ip + 12, PROTOCOL_ICMP, total);
}

/* An entry of the table, once there is one. The low bits of its port are its number. */
static NET_WAITER *NetClaim(void) {
  for (u32 i = 0;; i = (i + 1) % NET_WAITERS) {
    NET_WAITER *waiter = &NetWaiters[i];
    if (waiter->State == WAITER_FREE || (i32)(KeTickCount - waiter->Expiry) >= 0) {
      waiter->Sequence = ++NetSequence;
      waiter->LocalPort = (u16)(0xc000 | (NetSequence * NET_WAITERS + i)); /* RFC 6335 6: dynamic ports */
      return waiter;
    }
    if (i == NET_WAITERS - 1) KiSleep(1);
  }
}

NTSTATUS NetAsk(const u8 address[4], u16 port, u16 question, const u8 *data, u32 length, u8 *answer, u32 capacity,
                u32 *got) {
  *got = 0;
  if (!NetIsPeer(address)) return STATUS_HOST_UNREACHABLE;
  NET_WAITER *waiter = NetClaim();
  u32 sequence = waiter->Sequence;
  waiter->RemotePort = port;
  waiter->Question = question;
  memcpy(waiter->Remote, address, 4);
  memcpy(waiter->Hop, memcmp(address, NetAddress, 3) ? NetGateway : address, 4);
  waiter->State = WAITER_MAC;
  if (NetGatewayKnown && !memcmp(waiter->Hop, NetGateway, 4)) {
    memcpy(waiter->Mac, NetGatewayMac, 6);
    waiter->State = WAITER_ANSWER;
  }
  for (u8 state = WAITER_MAC; state < WAITER_DONE; state++) {
    for (u32 tries = 0; waiter->State == state; tries++) {
      if (tries == NET_TRIES) {
        waiter->State = WAITER_FREE;
        if (state == WAITER_MAC) return STATUS_HOST_UNREACHABLE;
        NetGatewayKnown = 0; /* it may have moved */
        return STATUS_IO_TIMEOUT;
      }
      u32 start = KeTickCount;
      waiter->Expiry = start + 2 * NET_TRY_TICKS; /* twice: one that gets the processor late is not gone */
      if (state == WAITER_MAC) NetSendArp(NULL, waiter->Hop);
      else NetSendUdp(waiter, data, length);
      while (waiter->State == state && KeTickCount - start < NET_TRY_TICKS) {
        KiSleep(1);
        if (waiter->Sequence != sequence) return STATUS_IO_TIMEOUT;
      }
    }
  }
  *got = waiter->Length < capacity ? waiter->Length : capacity;
  memcpy(answer, waiter->Data, *got);
  waiter->State = WAITER_FREE;
  return STATUS_SUCCESS;
}

NTSTATUS NicExchange(const u8 address[4], u16 port, const u8 *data, u32 length, u8 *answer, u32 capacity, u32 *got) {
  *got = 0;
  if (!NicPresent) return STATUS_NO_SUCH_DEVICE;
  if (!port || length > NIC_MAXIMUM_SEND) return STATUS_INVALID_PARAMETER;
  return NetAsk(address, port, 0, data, length, answer, capacity, got);
}
