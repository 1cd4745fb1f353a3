/* Between the card (nic.c), the protocols (net.c) and names (dns.c). For everybody else there is nic.h. */
#ifndef NET_H
#define NET_H
#include "nt.h"

#define FRAME_MAXIMUM 1514u /* without the FCS */

/* nic.c. NicFrame is what is sent next; nobody leaves anything in it across a sleep. */
extern u8 NicPresent, NicMac[6], NicFrame[FRAME_MAXIMUM];
void NicTransmit(u32 length); /* pads what is too short */

/* net.c */
extern const u8 NetGateway[4];
void NetReceive(const u8 *frame, u32 length); /* from NicPoll: 60 bytes to FRAME_MAXIMUM, padding and all */
/*
 * Sends a datagram up to three times and waits for one back, as NicExchange does. With a `question`, a DNS
 * query's identifier, only an answer to that is taken, and what comes out is an IPv4 address, or no bytes.
 */
NTSTATUS NetAsk(const u8 address[4], u16 port, u16 question, const u8 *data, u32 length, u8 *answer, u32 capacity,
                u32 *got);

/* dns.c. STATUS_OBJECT_NAME_NOT_FOUND: no address. STATUS_UNSUCCESSFUL: damaged, or not this query's answer. */
NTSTATUS DnsReadAnswer(const u8 *message, u32 length, u32 question, u8 address[4]);

/* The network's byte order, at any alignment. */
static inline u32 NetGet16(const u8 *at) { return (u32)(at[0] << 8 | at[1]); }
static inline void NetPut16(u8 *at, u32 value) {
  at[0] = (u8)(value >> 8);
  at[1] = (u8)value;
}
#endif
