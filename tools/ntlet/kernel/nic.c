/*
 * The network card, an NE2000: National's DP8390 (registers, ring and remote DMA are as in its data sheet) behind
 * a 16-bit data port. Emulated ones move a word within the port access and send a frame within the write of the
 * command, so nothing here waits for the card; and as each port access takes the emulator out of the guest's
 * code, an idle poll is one read, and frames move by words.
 */
#include "nic.h"
#include "ke.h"
#include "net.h"

static inline u16 inw(u16 port) {
  u16 v;
  __asm__ volatile("inw %1, %0" : "=a"(v) : "Nd"(port));
  return v;
}
static inline void outw(u16 port, u16 value) { __asm__ volatile("outw %0, %1" ::"a"(value), "Nd"(port)); }

/* Ports. On page 1 of the registers the address, PAR0 to PAR5, is from NIC_PSTART on, and CURR at NIC_ISR. */
enum {
  NIC_CR = 0x300,
  NIC_PSTART,
  NIC_PSTOP,
  NIC_BNRY,
  NIC_TPSR,
  NIC_TBCR,
  NIC_ISR = 0x307,
  NIC_RSAR,
  NIC_RBCR = 0x30a,
  NIC_RCR = 0x30c,
  NIC_TCR,
  NIC_DCR,
  NIC_IMR,
  NIC_DATA
};
/* Commands. All but the two that start a remote DMA end it. */
enum {
  CR_STOP = 0x21,
  CR_STOP_PAGE1 = 0x61,
  CR_START = 0x22,
  CR_START_PAGE1 = 0x62,
  CR_TRANSMIT = 0x26,
  CR_REMOTE_READ = 0x0a,
  CR_REMOTE_WRITE = 0x12
};
enum { ISR_RECEIVED = 0x01, ISR_OVERWRITE = 0x10 };
/* The card's 16 KB of memory in pages of 256 bytes: one frame to send, then the ring. */
enum { PAGE_TRANSMIT = 0x40, PAGE_START = 0x46, PAGE_STOP = 0x80 };

#define FRAME_MINIMUM 60u /* without the FCS */

u8 NicPresent, NicMac[6];
static u8 NicNextPage;
/* Even sizes, for they move by words. */
u8 NicFrame[FRAME_MAXIMUM];
static u8 NicReceived[FRAME_MAXIMUM];

static void NicRemote(u8 command, u32 address, u32 length) {
  outb(NIC_RSAR, (u8)address);
  outb(NIC_RSAR + 1, (u8)(address >> 8));
  outb(NIC_RBCR, (u8)length);
  outb(NIC_RBCR + 1, (u8)(length >> 8));
  outb(NIC_CR, command);
}

void NicTransmit(u32 length) {
  if (length < FRAME_MINIMUM) {
    memset(NicFrame + length, 0, FRAME_MINIMUM - length);
    length = FRAME_MINIMUM;
  }
  NicRemote(CR_REMOTE_WRITE, PAGE_TRANSMIT << 8, (length + 1) & ~1u);
  for (u32 i = 0; i < length; i += 2) outw(NIC_DATA, (u16)(NicFrame[i] | NicFrame[i + 1] << 8));
  outb(NIC_TPSR, PAGE_TRANSMIT);
  outb(NIC_TBCR, (u8)length);
  outb(NIC_TBCR + 1, (u8)(length >> 8));
  outb(NIC_CR, CR_TRANSMIT);
}

static u32 NicPages(u32 from, u32 to) { return to >= from ? to - from : to + PAGE_STOP - PAGE_START - from; }

/*
 * An empty ring. BNRY stays a page behind the next one to read: where it is equal to CURR, the card takes the
 * ring for empty, and would fill it a second time.
 */
static void NicStart(void) {
  outb(NIC_CR, CR_STOP);
  outb(NIC_PSTART, PAGE_START);
  outb(NIC_PSTOP, PAGE_STOP);
  outb(NIC_BNRY, PAGE_START);
  outb(NIC_ISR, 0xff);
  outb(NIC_CR, CR_STOP_PAGE1);
  for (u16 i = 0; i < 6; i++) outb(NIC_PSTART + i, NicMac[i]);
  NicNextPage = PAGE_START + 1;
  outb(NIC_ISR, NicNextPage);
  outb(NIC_CR, CR_START);
  outb(NIC_TCR, 0);
  outb(NIC_RCR, 0x04); /* frames to our address and to everybody's */
}

void NicInit(void) {
  u8 prom[16];
  outb(NIC_CR, CR_STOP);
  if (inb(NIC_CR) != CR_STOP) return; /* 0xff: no device there */
  outb(NIC_DCR, 0x49);                /* by words, not in loopback, FIFO threshold of 8 bytes */
  outb(NIC_RCR, 0x20);                /* nothing is stored, and nothing leaves, while the PROM is read */
  outb(NIC_TCR, 0x02);
  outb(NIC_IMR, 0);
  outb(NIC_PSTOP, PAGE_STOP);
  /* 16 bytes, each in the low half of a word; the last two say "16 bits" with 'W'. */
  NicRemote(CR_REMOTE_READ, 0, 32);
  for (u32 i = 0; i < 16; i++) prom[i] = (u8)inw(NIC_DATA);
  if (prom[14] != 'W' || prom[15] != 'W') return;
  memcpy(NicMac, prom, 6);
  NicStart();
  NicPresent = 1;
}

void NicPoll(void) {
  if (!NicPresent) return;
  u8 events = inb(NIC_ISR);
  if (!(events & (ISR_RECEIVED | ISR_OVERWRITE))) return;
  if (events & ISR_OVERWRITE) return NicStart();
  /* First the event, then the page: a frame that comes between the two is seen now or next time. */
  outb(NIC_ISR, ISR_RECEIVED);
  outb(NIC_CR, CR_START_PAGE1);
  u8 current = inb(NIC_ISR);
  outb(NIC_CR, CR_START);
  if (current < PAGE_START || current >= PAGE_STOP) return NicStart();
  while (NicNextPage != current) {
    /* Four bytes of the card's, then the frame, all in one transfer; the next command ends it. */
    NicRemote(CR_REMOTE_READ, (u32)NicNextPage << 8, 4 + FRAME_MAXIMUM);
    u32 status = inw(NIC_DATA), count = inw(NIC_DATA), next = status >> 8;
    /* `count` is with the FCS. Cards differ in whether the page count is that of the bytes or one more. */
    u32 pages = NicPages(NicNextPage, next);
    u8 sane = next >= PAGE_START && next < PAGE_STOP && pages - 1 - (count >> 8) <= 1 &&
              pages <= NicPages(NicNextPage, current);
    u8 fits = sane && status & 1 && count >= FRAME_MINIMUM + 4 && count <= FRAME_MAXIMUM + 4;
    for (u32 i = 0; fits && i < count - 4; i += 2) {
      u16 word = inw(NIC_DATA);
      NicReceived[i] = (u8)word;
      NicReceived[i + 1] = (u8)(word >> 8);
    }
    outb(NIC_CR, CR_START);
    if (!sane) return NicStart(); /* the ring's links are lost */
    NicNextPage = (u8)next;
    outb(NIC_BNRY, next == PAGE_START ? PAGE_STOP - 1 : (u8)(next - 1));
    if (fits) NetReceive(NicReceived, count - 4);
  }
}
