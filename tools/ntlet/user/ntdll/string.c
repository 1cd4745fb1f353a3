/* Memory, strings, numbers and words. Short rather than fast: nothing here is ever long. */
#include "../user.h"

void *memcpy(void *to, const void *from, u32 length) {
  void *end = to;

  __asm__ volatile("rep movsb" : "+D"(end), "+S"(from), "+c"(length) : : "memory");
  return to;
}

void *memmove(void *to, const void *from, u32 length) {
  u8 *target = to;
  const u8 *source = from;

  if (target <= source) return memcpy(to, from, length);
  while (length--) target[length] = source[length];
  return to;
}

void *memset(void *to, i32 value, u32 length) {
  void *end = to;

  __asm__ volatile("rep stosb" : "+D"(end), "+c"(length) : "a"(value) : "memory");
  return to;
}

i32 memcmp(const void *left, const void *right, u32 length) {
  const u8 *a = left, *b = right;

  for (; length; length--, a++, b++) {
    if (*a != *b) return *a - *b;
  }
  return 0;
}

u32 strlen(const char *text) {
  u32 length = 0;

  while (text[length]) length++;
  return length;
}

u32 wcslen(const wchar *text) {
  u32 length = 0;

  while (text[length]) length++;
  return length;
}

char ToLower(char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; }

i32 strcmp(const char *left, const char *right) {
  while (*left && *left == *right) left++, right++;
  return (u8)*left - (u8)*right;
}

i32 strnicmp(const char *left, const char *right, u32 length) {
  for (; length; length--, left++, right++) {
    i32 difference = (u8)ToLower(*left) - (u8)ToLower(*right);

    if (difference || !*left) return difference;
  }
  return 0;
}

i32 stricmp(const char *left, const char *right) { return strnicmp(left, right, 0xffffffff); }

char *strchr(const char *text, char wanted) {
  for (; *text; text++) {
    if (*text == wanted) return (char *)text;
  }
  return NULL;
}

void NTAPI RtlInitUnicodeString(UNICODE_STRING *DestinationString, const wchar *SourceString) {
  u32 length = SourceString ? wcslen(SourceString) * 2 : 0;

  DestinationString->Buffer = (wchar *)SourceString;
  DestinationString->Length = length;
  DestinationString->MaximumLength = SourceString ? length + 2 : 0;
}

void InitializeObjectAttributes(OBJECT_ATTRIBUTES *attributes, UNICODE_STRING *name, u32 flags) {
  memset(attributes, 0, sizeof *attributes);
  attributes->Length = sizeof *attributes;
  attributes->ObjectName = name;
  attributes->Attributes = flags;
}

void AsciiToWide(const char *text, wchar *wide, u32 capacity) {
  while (*text && --capacity) *wide++ = (u8)*text++;
  *wide = 0;
}

void WideToAscii(const UNICODE_STRING *string, char *text, u32 capacity) {
  u32 i, length = string->Length / 2;

  if (length > capacity - 1) length = capacity - 1;
  for (i = 0; i < length; i++) text[i] = string->Buffer[i] < 0x80 ? string->Buffer[i] : '?';
  text[length] = 0;
}

u8 ParseNumber(const char *text, u32 *value) {
  u32 base = 10;
  u64 result = 0;

  if (text[0] == '0' && ToLower(text[1]) == 'x') {
    base = 16;
    text += 2;
  }
  if (!*text) return 0;
  for (; *text; text++) {
    char c = ToLower(*text);
    u32 digit = c >= 'a' ? c - 'a' + 10u : (u32)(c - '0');

    if (digit >= base) return 0;
    result = result * base + digit;
    if (result >> 32) return 0;
  }
  *value = result;
  return 1;
}

static u8 IsSpace(char c) { return c == ' ' || c == '\t'; }

char *NextWord(char **rest) {
  char *at = *rest, *word;
  u8 quoted;

  while (IsSpace(*at)) at++;
  quoted = *at == '"';
  word = at += quoted;
  while (*at && (quoted ? *at != '"' : !IsSpace(*at))) at++;
  if (at == word && !quoted) {
    *rest = at;
    return NULL;
  }
  if (*at) *at++ = 0;
  while (IsSpace(*at)) at++;
  *rest = at;
  return word;
}
