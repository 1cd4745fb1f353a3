/*
 * The network: an NE2000 at I/O 0x300, polled, with as much of ARP, IPv4, ICMP and UDP as IOCTL_NET_RESOLVE
 * and IOCTL_NET_EXCHANGE need. We are 192.168.86.100/24; the gateway and name server is 192.168.86.1.
 */
#ifndef NIC_H
#define NIC_H
#include "nt.h"

#define NIC_MAXIMUM_SEND 1400u

/* Finds the card, or notes that there is none. No interrupts: everything that arrives waits for NicPoll. */
void NicInit(void);
/* From the clock interrupt, interrupts off. */
void NicPoll(void);
/*
 * Both block, in a thread's context, with interrupts off. `port` is in the processor's byte order. An answer
 * that is longer than `capacity` is cut, and `*got` is what was stored. STATUS_NO_SUCH_DEVICE,
 * STATUS_INVALID_PARAMETER, STATUS_HOST_UNREACHABLE, STATUS_IO_TIMEOUT; NicResolve also
 * STATUS_OBJECT_NAME_NOT_FOUND. A thread may be ended while it sleeps in either.
 */
NTSTATUS NicResolve(const char *name, u8 address[4]);
NTSTATUS NicExchange(const u8 address[4], u16 port, const u8 *data, u32 length, u8 *answer, u32 capacity, u32 *got);
#endif
