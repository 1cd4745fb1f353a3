/* Memory, text, lists, numbers: what the rest of the kernel is written with. */
#include "ke.h"

void *memcpy(void *to, const void *from, u32 bytes) {
  u8 *t = to;
  const u8 *f = from;
  __asm__ volatile("rep movsb" : "+D"(t), "+S"(f), "+c"(bytes)::"memory");
  return to;
}

void *memmove(void *to, const void *from, u32 bytes) {
  u8 *t = to;
  const u8 *f = from;
  if (t <= f || t >= f + bytes) return memcpy(to, from, bytes);
  while (bytes-- > 0) t[bytes] = f[bytes];
  return to;
}

void *memset(void *to, int value, u32 bytes) {
  u8 *t = to;
  __asm__ volatile("rep stosb" : "+D"(t), "+c"(bytes) : "a"(value) : "memory");
  return to;
}

int memcmp(const void *a, const void *b, u32 bytes) {
  const u8 *x = a, *y = b;
  for (; bytes > 0; bytes--, x++, y++)
    if (*x != *y) return *x - *y;
  return 0;
}

u32 strlen(const char *text) {
  u32 n = 0;
  while (text[n]) n++;
  return n;
}

int strcmp(const char *a, const char *b) {
  while (*a && *a == *b) a++, b++;
  return (u8)*a - (u8)*b;
}

static char Lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c; }

/* What follows a prefix, letters in either case; NULL if the text does not begin with it. */
const char *SkipPrefix(const char *text, const char *prefix) {
  for (; *prefix; text++, prefix++)
    if (Lower(*text) != Lower(*prefix)) return NULL;
  return text;
}

int SameName(const char *a, const char *b) {
  while (*a && Lower(*a) == Lower(*b)) a++, b++;
  return *a == 0 && *b == 0;
}

void strlcpy(char *to, const char *from, u32 room) {
  u32 i = 0;
  for (; from[i] && i + 1 < room; i++) to[i] = from[i];
  to[i] = 0;
}

void InitializeListHead(LIST_ENTRY *head) { head->Flink = head->Blink = head; }

void InsertTailList(LIST_ENTRY *head, LIST_ENTRY *entry) {
  entry->Flink = head;
  entry->Blink = head->Blink;
  head->Blink->Flink = entry;
  head->Blink = entry;
}

void RemoveEntryList(LIST_ENTRY *entry) {
  entry->Blink->Flink = entry->Flink;
  entry->Flink->Blink = entry->Blink;
  entry->Flink = entry->Blink = entry;
}

int IsListEmpty(const LIST_ENTRY *head) { return head->Flink == head; }

/* xorshift32 (Marsaglia 2003), begun with the time stamp counter: no two runs are alike, a replay is. */
u32 Random(void) {
  static u32 state;
  if (state == 0) state = rdtsc() | 1;
  state ^= state << 13;
  state ^= state >> 17;
  state ^= state << 5;
  return state;
}

/* NT's debug output, a cdecl function with any number of arguments. Here it only counts what it would print. */
u32 DbgPrint(const char *format, ...) {
  u32 *const entry = (u32 *)__builtin_frame_address(0) + 1;
  const u32 call = KiCallEnter(FnDbgPrint, entry, 2, entry + 1);
  return (u32)KiCallLeave(call, (NTSTATUS)strlen(format));
}
