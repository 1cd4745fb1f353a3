/* Names: a query to the gateway, and the address in its answer. RFC 1035. */
#include "ke.h"
#include "net.h"
#include "nic.h"

#define DNS_PORT 53
#define DNS_NAME_MAXIMUM 255u /* RFC 1035 2.3.4: lengths, labels and the root */

static u16 DnsQuestion; /* the identifier of the latest query; never 0, which NetAsk takes for none */

/* RFC 1035 4.1.4: labels up to the root or a pointer, which ends a name. 0 if the name leaves the message. */
static u32 DnsSkipName(const u8 *message, u32 length, u32 offset) {
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
NTSTATUS DnsReadAnswer(const u8 *message, u32 length, u32 question, u8 address[4]) {
  if (length < 12 || NetGet16(message) != question || (message[2] & 0xf8) != 0x80) return STATUS_UNSUCCESSFUL;
  if (message[3] & 0x0f) return STATUS_OBJECT_NAME_NOT_FOUND;
  u32 offset = 12;
  for (u32 questions = NetGet16(message + 4); questions; questions--) {
    offset = DnsSkipName(message, length, offset);
    if (!offset || length - offset < 4) return STATUS_UNSUCCESSFUL;
    offset += 4;
  }
  for (u32 answers = NetGet16(message + 6); answers; answers--) {
    offset = DnsSkipName(message, length, offset);
    if (!offset || length - offset < 10) return STATUS_UNSUCCESSFUL;
    static const u8 internet[4] = {0, 1, 0, 1}; /* type A, class IN */
    const u8 *record = message + offset;
    u32 size = NetGet16(record + 8);
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

/* Four decimal numbers up to 255. One that starts with a zero is refused: some read it as octal. */
static u8 DnsReadQuad(const char *name, u8 address[4]) {
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
static u8 DnsIsNameCharacter(char c) {
  return ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

NTSTATUS NicResolve(const char *name, u8 address[4]) {
  /* Identifier, recursion desired, one question: RFC 1035 4.1.1. */
  u8 query[12 + DNS_NAME_MAXIMUM + 4] = {0, 0, 1, 0, 0, 1}, quad[4];
  u32 at = 12, got, numeric = 1;
  if (!NicPresent) return STATUS_NO_SUCH_DEVICE;
  for (const char *rest = name; *rest;) {
    u32 size = 0;
    for (; size < 64 && DnsIsNameCharacter(rest[size]); size++)
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
    if (!DnsReadQuad(name, quad)) return STATUS_INVALID_PARAMETER;
    memcpy(address, quad, 4);
    return STATUS_SUCCESS;
  }
  query[at + 2] = query[at + 4] = 1; /* after the root: type A, class IN */
  if (!++DnsQuestion) DnsQuestion = 1;
  u16 question = DnsQuestion;
  NetPut16(query, question);
  NTSTATUS status = NetAsk(NetGateway, DNS_PORT, question, query, at + 5, quad, 4, &got);
  if (status) return status;
  if (got < 4) return STATUS_OBJECT_NAME_NOT_FOUND;
  memcpy(address, quad, 4);
  return STATUS_SUCCESS;
}
