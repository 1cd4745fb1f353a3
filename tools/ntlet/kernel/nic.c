/*
 * The network driver. The card is an NE2000: National's DP8390 (registers, ring and remote DMA are as in its
 * data sheet) behind a 16-bit data port. Emulated ones move a word within the port access and send a frame
 * within the write of the command, so nothing here waits for the card; and as each port access takes the
 * emulator out of the guest's code, an idle poll is one read, and frames move by words.
 */
#include "nic.h"

extern volatile u32 KeTickCount;
void KiSleep(u32 ticks);
void *memcpy(void *to, const void *from, u32 length);
void *memset(void *to, int value, u32 length);
int memcmp(const void *left, const void *right, u32 length);

#ifndef NIC_PORTS
static inline u8 NicIn8(u16 port) {
  u8 value;
  __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}
static inline u16 NicIn16(u16 port) {
  u16 value;
  __asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}
static inline void NicOut8(u16 port, u8 value) { __asm__ volatile("outb %0, %1" ::"a"(value), "Nd"(port)); }
static inline void NicOut16(u16 port, u16 value) { __asm__ volatile("outw %0, %1" ::"a"(value), "Nd"(port)); }
#endif

/* Ports. On page 1 of the registers the address, PAR0 to PAR5, is from NIC_PSTART on, and CURR at NIC_ISR. */
enum {
  NIC_CR = 0x300, NIC_PSTART, NIC_PSTOP, NIC_BNRY, NIC_TPSR, NIC_TBCR, NIC_ISR = 0x307, NIC_RSAR,
  NIC_RBCR = 0x30a, NIC_RCR = 0x30c, NIC_TCR, NIC_DCR, NIC_IMR, NIC_DATA
};
/* Commands. All but the two that start a remote DMA end it. */
enum {
  CR_STOP = 0x21, CR_STOP_PAGE1 = 0x61, CR_START = 0x22, CR_START_PAGE1 = 0x62, CR_TRANSMIT = 0x26,
  CR_REMOTE_READ = 0x0a, CR_REMOTE_WRITE = 0x12
};
enum { ISR_RECEIVED = 0x01, ISR_OVERWRITE = 0x10 };
/* The card's 16 KB of memory in pages of 256 bytes: one frame to send, then the ring. */
enum { PAGE_TRANSMIT = 0x40, PAGE_START = 0x46, PAGE_STOP = 0x80 };

#define NIC_WAITERS 8u
#define NIC_TRIES 3
#define NIC_TRY_TICKS 250u /* 1 s */
#define FRAME_MINIMUM 60u  /* without the FCS */
#define FRAME_MAXIMUM 1514u
#define IP_OFFSET 14u
#define PAYLOAD_OFFSET 34u /* in what we send: no IP options */
#define UDP_MAXIMUM 1472u
#define PROTOCOL_ICMP 1
#define PROTOCOL_UDP 17
#define DNS_PORT 53
#define DNS_NAME_MAXIMUM 255u /* RFC 1035 2.3.4: lengths, labels and the root */

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
} NIC_WAITER;

static const u8 NicAddress[4] = {192, 168, 86, 100}, NicGateway[4] = {192, 168, 86, 1};
static u8 NicPresent, NicNextPage, NicGatewayKnown;
static u8 NicMac[6], NicGatewayMac[6];
static u16 NicIdentification, NicQuestion;
static u32 NicSequence;
static NIC_WAITER NicWaiters[NIC_WAITERS];
/* Even sizes, for they move by words. Neither is in use across a sleep. */
static u8 NicReceived[FRAME_MAXIMUM], NicFrame[FRAME_MAXIMUM];

static u32 NicGet16(const u8 *at) { return (u32)(at[0] << 8 | at[1]); }
static void NicPut16(u8 *at, u32 value) {
  at[0] = (u8)(value >> 8);
  at[1] = (u8)value;
}

/* RFC 1071: the ones' complement sum, not yet complemented; over data with its right checksum, 0xffff. */
static u32 NicSum(const u8 *data, u32 length, u32 sum) {
  for (; length > 1; length -= 2, data += 2) sum += NicGet16(data);
  if (length) sum += (u32)data[0] << 8;
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return sum;
}

static void NicRemote(u8 command, u32 address, u32 length) {
  NicOut8(NIC_RSAR, (u8)address);
  NicOut8(NIC_RSAR + 1, (u8)(address >> 8));
  NicOut8(NIC_RBCR, (u8)length);
  NicOut8(NIC_RBCR + 1, (u8)(length >> 8));
  NicOut8(NIC_CR, command);
}

static void NicTransmit(u32 length) {
  if (length < FRAME_MINIMUM) {
    memset(NicFrame + length, 0, FRAME_MINIMUM - length);
    length = FRAME_MINIMUM;
  }
  NicRemote(CR_REMOTE_WRITE, PAGE_TRANSMIT << 8, (length + 1) & ~1u);
  for (u32 i = 0; i < length; i += 2) NicOut16(NIC_DATA, (u16)(NicFrame[i] | NicFrame[i + 1] << 8));
  NicOut8(NIC_TPSR, PAGE_TRANSMIT);
  NicOut8(NIC_TBCR, (u8)length);
  NicOut8(NIC_TBCR + 1, (u8)(length >> 8));
  NicOut8(NIC_CR, CR_TRANSMIT);
}

static void NicEthernet(const u8 mac[6], u32 type) {
  memcpy(NicFrame, mac, 6);
  memcpy(NicFrame + 6, NicMac, 6);
  NicPut16(NicFrame + 12, type);
}

/* RFC 826. A request goes to everybody and has zeros for the address that it asks for. */
static void NicSendArp(const u8 *mac, const u8 address[4]) {
  static const u8 everybody[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
  static const u8 head[6] = {0, 1, 8, 0, 6, 4}; /* Ethernet, IPv4, and the sizes of their addresses */
  NicEthernet(mac ? mac : everybody, 0x806);
  memcpy(NicFrame + 14, head, 6);
  NicPut16(NicFrame + 20, mac ? 2 : 1);
  memcpy(NicFrame + 22, NicMac, 6);
  memcpy(NicFrame + 28, NicAddress, 4);
  memset(NicFrame + 32, 0, 6);
  if (mac) memcpy(NicFrame + 32, mac, 6);
  memcpy(NicFrame + 38, address, 4);
  NicTransmit(42);
}

/* RFC 791. The payload stands at PAYLOAD_OFFSET already. */
static void NicSendIp(const u8 mac[6], const u8 address[4], u8 protocol, u32 length) {
  u8 *ip = NicFrame + IP_OFFSET;
  NicEthernet(mac, 0x800);
  memset(ip, 0, 20);
  ip[0] = 0x45;
  NicPut16(ip + 2, 20 + length);
  NicPut16(ip + 4, ++NicIdentification);
  ip[8] = 64;
  ip[9] = protocol;
  memcpy(ip + 12, NicAddress, 4);
  memcpy(ip + 16, address, 4);
  NicPut16(ip + 10, ~NicSum(ip, 20, 0));
  NicTransmit(PAYLOAD_OFFSET + length);
}

/* RFC 768: the checksum covers a pseudo header too, and a sum that comes to 0 is written as 0xffff. */
static u32 NicUdpSum(const u8 *udp, u32 length, const u8 from[4], const u8 to[4]) {
  return NicSum(udp, length, NicSum(from, 4, 0) + NicSum(to, 4, 0) + PROTOCOL_UDP + length);
}

static void NicSendUdp(const NIC_WAITER *waiter, const u8 *data, u32 length) {
  u8 *udp = NicFrame + PAYLOAD_OFFSET;
  NicPut16(udp, waiter->LocalPort);
  NicPut16(udp + 2, waiter->RemotePort);
  NicPut16(udp + 4, 8 + length);
  NicPut16(udp + 6, 0);
  memcpy(udp + 8, data, length);
  u32 sum = ~NicUdpSum(udp, 8 + length, NicAddress, waiter->Remote) & 0xffff;
  NicPut16(udp + 6, sum ? sum : 0xffff);
  NicSendIp(waiter->Mac, waiter->Remote, PROTOCOL_UDP, 8 + length);
}

/* RFC 1035 4.1.4: labels up to the root or a pointer, which ends a name. 0 if the name leaves the message. */
static u32 NicSkipName(const u8 *message, u32 length, u32 offset) {
  while (offset < length) {
    u32 size = message[offset];
    if (size >= 0xc0) return length - offset >= 2 ? offset + 2 : 0;
    if (size > 63) return 0;
    offset += 1 + size;
    if (!size) return offset;
  }
  return 0;
}

/*
 * RFC 1035 4.1. The first address counts, whatever its name: a server that answers with an alias gives the
 * alias's address along. STATUS_UNSUCCESSFUL: damaged, or not an answer to this query.
 */
static NTSTATUS NicReadAnswer(const u8 *message, u32 length, u32 question, u8 address[4]) {
  if (length < 12 || NicGet16(message) != question || (message[2] & 0xf8) != 0x80) return STATUS_UNSUCCESSFUL;
  if (message[3] & 0x0f) return STATUS_OBJECT_NAME_NOT_FOUND;
  u32 offset = 12;
  for (u32 questions = NicGet16(message + 4); questions; questions--) {
    offset = NicSkipName(message, length, offset);
    if (!offset || length - offset < 4) return STATUS_UNSUCCESSFUL;
    offset += 4;
  }
  for (u32 answers = NicGet16(message + 6); answers; answers--) {
    offset = NicSkipName(message, length, offset);
    if (!offset || length - offset < 10) return STATUS_UNSUCCESSFUL;
    static const u8 internet[4] = {0, 1, 0, 1}; /* type A, class IN */
    const u8 *record = message + offset;
    u32 size = NicGet16(record + 8);
    offset += 10;
    if (length - offset < size) return STATUS_UNSUCCESSFUL;
    if (!memcmp(record, internet, 4) && size == 4) {
      memcpy(address, record + 10, 4);
      return STATUS_SUCCESS;
    }
    offset += size;
  }
  return STATUS_OBJECT_NAME_NOT_FOUND;
}

static void NicReceiveArp(const u8 *arp, u32 length) {
  if (length < 28 || NicGet16(arp) != 1 || NicGet16(arp + 2) != 0x800 || NicGet16(arp + 4) != 0x0604) return;
  const u8 *mac = arp + 8, *address = arp + 14;
  if (memcmp(arp + 24, NicAddress, 4) || !memcmp(address, NicAddress, 4) || mac[0] & 1) return;
  if (NicGet16(arp + 6) == 1) NicSendArp(mac, address);
  else if (NicGet16(arp + 6) != 2) return;
  for (NIC_WAITER *waiter = NicWaiters; waiter < NicWaiters + NIC_WAITERS; waiter++) {
    if (waiter->State != WAITER_MAC || memcmp(waiter->Hop, address, 4)) continue;
    memcpy(waiter->Mac, mac, 6);
    waiter->State = WAITER_ANSWER;
  }
  if (memcmp(address, NicGateway, 4)) return;
  memcpy(NicGatewayMac, mac, 6);
  NicGatewayKnown = 1;
}

static void NicReceiveUdp(const u8 *udp, u32 length, const u8 from[4]) {
  u8 address[4];
  if (length < 8 || NicGet16(udp + 4) < 8 || NicGet16(udp + 4) > length) return;
  length = NicGet16(udp + 4);
  if (NicGet16(udp + 6) && NicUdpSum(udp, length, from, NicAddress) != 0xffff) return;
  u32 port = NicGet16(udp + 2);
  NIC_WAITER *waiter = &NicWaiters[port % NIC_WAITERS];
  if (waiter->State != WAITER_ANSWER || waiter->LocalPort != port || waiter->RemotePort != NicGet16(udp) ||
      memcmp(waiter->Remote, from, 4))
    return;
  const u8 *data = udp + 8;
  length -= 8;
  if (waiter->Question) { /* what is handed over is the address, or nothing */
    NTSTATUS status = NicReadAnswer(data, length, waiter->Question, address);
    if (status == STATUS_UNSUCCESSFUL) return;
    data = address;
    length = status ? 0 : 4;
  }
  memcpy(waiter->Data, data, length);
  waiter->Length = length;
  waiter->State = WAITER_DONE;
}

/* Not nets 0 and 127, multicast and what is above it, our net's own and broadcast address, and ourselves. */
static u8 NicIsPeer(const u8 address[4]) {
  if (!address[0] || address[0] == 127 || address[0] >= 224) return 0;
  return memcmp(address, NicAddress, 3) || (address[3] && address[3] != 255 && address[3] != NicAddress[3]);
}

static void NicReceive(const u8 *frame, u32 length) {
  if (frame[6] & 1) return; /* nobody's address */
  if (NicGet16(frame + 12) == 0x806) NicReceiveArp(frame + IP_OFFSET, length - IP_OFFSET);
  if (NicGet16(frame + 12) != 0x800 || memcmp(frame, NicMac, 6)) return;
  const u8 *ip = frame + IP_OFFSET;
  u32 head = (ip[0] & 15) * 4, total = NicGet16(ip + 2);
  if (ip[0] >> 4 != 4 || head < 20 || total < head || total > length - IP_OFFSET) return;
  if (NicSum(ip, head, 0) != 0xffff || memcmp(ip + 16, NicAddress, 4) || !NicIsPeer(ip + 12)) return;
  if (NicGet16(ip + 6) & 0x3fff) return; /* a fragment: more follow, or not the first */
  const u8 *payload = ip + head;
  total -= head;
  if (ip[9] == PROTOCOL_UDP) NicReceiveUdp(payload, total, ip + 12);
  /* RFC 792: an echo, type 8 code 0, is answered by the same with type 0. */
  if (ip[9] != PROTOCOL_ICMP || total < 8 || NicGet16(payload) != 0x800) return;
  if (NicSum(payload, total, 0) != 0xffff) return;
  u8 *reply = NicFrame + PAYLOAD_OFFSET;
  memcpy(reply, payload, total);
  NicPut16(reply, 0);
  NicPut16(reply + 2, 0);
  NicPut16(reply + 2, ~NicSum(reply, total, 0));
  NicSendIp(frame + 6, ip + 12, PROTOCOL_ICMP, total);
}

static u32 NicPages(u32 from, u32 to) { return to >= from ? to - from : to + PAGE_STOP - PAGE_START - from; }

/*
 * An empty ring. BNRY stays a page behind the next one to read: where it is equal to CURR, the card takes the
 * ring for empty, and would fill it a second time.
 */
static void NicStart(void) {
  NicOut8(NIC_CR, CR_STOP);
  NicOut8(NIC_PSTART, PAGE_START);
  NicOut8(NIC_PSTOP, PAGE_STOP);
  NicOut8(NIC_BNRY, PAGE_START);
  NicOut8(NIC_ISR, 0xff);
  NicOut8(NIC_CR, CR_STOP_PAGE1);
  for (u16 i = 0; i < 6; i++) NicOut8(NIC_PSTART + i, NicMac[i]);
  NicNextPage = PAGE_START + 1;
  NicOut8(NIC_ISR, NicNextPage);
  NicOut8(NIC_CR, CR_START);
  NicOut8(NIC_TCR, 0);
  NicOut8(NIC_RCR, 0x04); /* frames to our address and to everybody's */
}

void NicInit(void) {
  u8 prom[16];
  NicOut8(NIC_CR, CR_STOP);
  if (NicIn8(NIC_CR) != CR_STOP) return; /* 0xff: no device there */
  NicOut8(NIC_DCR, 0x49);                /* by words, not in loopback, FIFO threshold of 8 bytes */
  NicOut8(NIC_RCR, 0x20);                /* nothing is stored, and nothing leaves, while the PROM is read */
  NicOut8(NIC_TCR, 0x02);
  NicOut8(NIC_IMR, 0);
  NicOut8(NIC_PSTOP, PAGE_STOP);
  /* 16 bytes, each in the low half of a word; the last two say "16 bits" with 'W'. */
  NicRemote(CR_REMOTE_READ, 0, 32);
  for (u32 i = 0; i < 16; i++) prom[i] = (u8)NicIn16(NIC_DATA);
  if (prom[14] != 'W' || prom[15] != 'W') return;
  memcpy(NicMac, prom, 6);
  NicStart();
  NicPresent = 1;
}

void NicPoll(void) {
  if (!NicPresent) return;
  u8 events = NicIn8(NIC_ISR);
  if (!(events & (ISR_RECEIVED | ISR_OVERWRITE))) return;
  if (events & ISR_OVERWRITE) return NicStart();
  /* First the event, then the page: a frame that comes between the two is seen now or next time. */
  NicOut8(NIC_ISR, ISR_RECEIVED);
  NicOut8(NIC_CR, CR_START_PAGE1);
  u8 current = NicIn8(NIC_ISR);
  NicOut8(NIC_CR, CR_START);
  if (current < PAGE_START || current >= PAGE_STOP) return NicStart();
  while (NicNextPage != current) {
    /* Four bytes of the card's, then the frame, all in one transfer; the next command ends it. */
    NicRemote(CR_REMOTE_READ, (u32)NicNextPage << 8, 4 + FRAME_MAXIMUM);
    u32 status = NicIn16(NIC_DATA), count = NicIn16(NIC_DATA), next = status >> 8;
    /* `count` is with the FCS. Cards differ in whether the page count is that of the bytes or one more. */
    u32 pages = NicPages(NicNextPage, next);
    u8 sane = next >= PAGE_START && next < PAGE_STOP && pages - 1 - (count >> 8) <= 1 &&
              pages <= NicPages(NicNextPage, current);
    u8 fits = sane && status & 1 && count >= FRAME_MINIMUM + 4 && count <= FRAME_MAXIMUM + 4;
    for (u32 i = 0; fits && i < count - 4; i += 2) {
      u16 word = NicIn16(NIC_DATA);
      NicReceived[i] = (u8)word;
      NicReceived[i + 1] = (u8)(word >> 8);
    }
    NicOut8(NIC_CR, CR_START);
    if (!sane) return NicStart(); /* the ring's links are lost */
    NicNextPage = (u8)next;
    NicOut8(NIC_BNRY, next == PAGE_START ? PAGE_STOP - 1 : (u8)(next - 1));
    if (fits) NicReceive(NicReceived, count - 4);
  }
}

/* An entry of the table, once there is one. The low bits of its port are its number. */
static NIC_WAITER *NicClaim(void) {
  for (u32 i = 0;; i = (i + 1) % NIC_WAITERS) {
    NIC_WAITER *waiter = &NicWaiters[i];
    if (waiter->State == WAITER_FREE || (i32)(KeTickCount - waiter->Expiry) >= 0) {
      waiter->Sequence = ++NicSequence;
      waiter->LocalPort = (u16)(0xc000 | (NicSequence * NIC_WAITERS + i)); /* RFC 6335 6: dynamic ports */
      return waiter;
    }
    if (i == NIC_WAITERS - 1) KiSleep(1);
  }
}

static NTSTATUS NicAsk(const u8 address[4], u16 port, u16 question, const u8 *data, u32 length, u8 *answer,
                       u32 capacity, u32 *got) {
  *got = 0;
  if (!NicIsPeer(address)) return STATUS_HOST_UNREACHABLE;
  NIC_WAITER *waiter = NicClaim();
  u32 sequence = waiter->Sequence;
  waiter->RemotePort = port;
  waiter->Question = question;
  memcpy(waiter->Remote, address, 4);
  memcpy(waiter->Hop, memcmp(address, NicAddress, 3) ? NicGateway : address, 4);
  waiter->State = WAITER_MAC;
  if (NicGatewayKnown && !memcmp(waiter->Hop, NicGateway, 4)) {
    memcpy(waiter->Mac, NicGatewayMac, 6);
    waiter->State = WAITER_ANSWER;
  }
  for (u8 state = WAITER_MAC; state < WAITER_DONE; state++) {
    for (u32 tries = 0; waiter->State == state; tries++) {
      if (tries == NIC_TRIES) {
        waiter->State = WAITER_FREE;
        if (state == WAITER_MAC) return STATUS_HOST_UNREACHABLE;
        NicGatewayKnown = 0; /* it may have moved */
        return STATUS_IO_TIMEOUT;
      }
      u32 start = KeTickCount;
      waiter->Expiry = start + 2 * NIC_TRY_TICKS; /* twice: one that gets the processor late is not gone */
      if (state == WAITER_MAC) NicSendArp(NULL, waiter->Hop);
      else NicSendUdp(waiter, data, length);
      while (waiter->State == state && KeTickCount - start < NIC_TRY_TICKS) {
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

NTSTATUS NicExchange(const u8 address[4], u16 port, const u8 *data, u32 length, u8 *answer, u32 capacity,
                     u32 *got) {
  *got = 0;
  if (!NicPresent) return STATUS_NO_SUCH_DEVICE;
  if (!port || length > NIC_MAXIMUM_SEND) return STATUS_INVALID_PARAMETER;
  return NicAsk(address, port, 0, data, length, answer, capacity, got);
}

/* Four decimal numbers up to 255. One that starts with a zero is refused: some read it as octal. */
static u8 NicReadQuad(const char *name, u8 address[4]) {
  for (u32 i = 0; i < 4; i++) {
    u32 value = 0, digits = 0;
    for (; *name >= '0' && *name <= '9'; name++) {
      if (++digits > 3 || (digits > 1 && !value)) return 0;
      value = value * 10 + (u32)(*name - '0');
    }
    if (!digits || value > 255 || *name++ != (i < 3 ? '.' : 0)) return 0;
    address[i] = (u8)value;
  }
  return 1;
}

/* RFC 1035 2.3.1, and the underscore of Windows names. */
static u8 NicIsNameCharacter(char c) {
  return ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

NTSTATUS NicResolve(const char *name, u8 address[4]) {
  /* Identifier, recursion desired, one question: RFC 1035 4.1.1. */
  u8 query[12 + DNS_NAME_MAXIMUM + 4] = {0, 0, 1, 0, 0, 1}, quad[4];
  u32 at = 12, got, numeric = 1;
  if (!NicPresent) return STATUS_NO_SUCH_DEVICE;
  for (const char *rest = name; *rest;) {
    u32 size = 0;
    for (; size < 64 && NicIsNameCharacter(rest[size]); size++)
      if (rest[size] < '0' || rest[size] > '9') numeric = 0;
    if (!size || size > 63 || at + 1 + size + 1 > 12 + DNS_NAME_MAXIMUM) return STATUS_INVALID_PARAMETER;
    query[at] = (u8)size;
    memcpy(query + at + 1, rest, size);
    at += 1 + size;
    rest += size;
    if (*rest == '.') rest++; /* one at the end is allowed: the root's */
    else if (*rest) return STATUS_INVALID_PARAMETER;
  }
  if (numeric) {
    if (!NicReadQuad(name, quad)) return STATUS_INVALID_PARAMETER;
    memcpy(address, quad, 4);
    return STATUS_SUCCESS;
  }
  query[at + 2] = query[at + 4] = 1; /* after the root: type A, class IN */
  if (!++NicQuestion) NicQuestion = 1;
  u16 question = NicQuestion;
  NicPut16(query, question);
  NTSTATUS status = NicAsk(NicGateway, DNS_PORT, question, query, at + 5, quad, 4, &got);
  if (status) return status;
  if (got < 4) return STATUS_OBJECT_NAME_NOT_FOUND;
  memcpy(address, quad, 4);
  return STATUS_SUCCESS;
}
