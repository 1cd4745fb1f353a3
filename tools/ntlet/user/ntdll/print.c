/* Formatted output to a handle or into a buffer. */
#include "../user.h"

/*
 * A buffer that is written to the handle whenever it is full; without a handle, what does not fit is dropped.
 */
struct output {
  char *Buffer;
  u32 Used, Capacity;
  HANDLE Handle;
};

static void Flush(struct output *output) {
  WriteAll(output->Handle, output->Buffer, output->Used);
  output->Used = 0;
}

static void Put(struct output *output, char c) {
  if (output->Used == output->Capacity) {
    if (!output->Handle) return;
    Flush(output);
  }
  output->Buffer[output->Used++] = c;
}

static void Fill(struct output *output, char c, u32 length, u32 width) {
  for (; length < width; length++) Put(output, c);
}

/* A number's digits into the end of a buffer; returns their beginning. */
static char *Digits(char *end, u32 value, u32 base) {
  do { *--end = "0123456789abcdef"[value % base]; } while (value /= base);
  return end;
}

static void FormatTo(struct output *output, const char *format, __builtin_va_list arguments) {
  char digits[12]; /* ten and a sign fit */

  for (; *format; format++) {
    const char *text;
    const UNICODE_STRING *string;
    UNICODE_STRING wide;
    u32 length, i, width = 0;
    u8 left = 0, isWide = 0;
    char filler = ' ';

    if (*format != '%') {
      Put(output, *format);
      continue;
    }
    format++;
    if (*format == '-') left = 1, format++;
    if (*format == '0') filler = '0', format++;
    for (; *format >= '0' && *format <= '9'; format++) width = width * 10 + *format - '0';

    text = digits;
    length = 1;
    switch (*format) {
    case 's':
      text = __builtin_va_arg(arguments, const char *);
      if (!text) text = "(null)";
      length = strlen(text);
      break;
    case 'c': digits[0] = __builtin_va_arg(arguments, i32); break;
    case 'd':
    case 'u':
    case 'x': {
      u32 value = __builtin_va_arg(arguments, u32);
      u8 negative = *format == 'd' && (i32)value < 0;
      char *start = Digits(digits + sizeof digits, negative ? -value : value, *format == 'x' ? 16 : 10);

      if (negative) *--start = '-';
      text = start;
      length = digits + sizeof digits - start;
      break;
    }
    case 'S':
    case 'Z':
      if (*format == 'S') {
        RtlInitUnicodeString(&wide, __builtin_va_arg(arguments, const wchar *));
        string = &wide;
      } else {
        string = __builtin_va_arg(arguments, const UNICODE_STRING *);
      }
      text = (const char *)string->Buffer;
      length = string->Length / 2;
      isWide = 1;
      break;
    case 0: return;
    default: digits[0] = *format;
    }

    if (!left) Fill(output, filler, length, width);
    for (i = 0; i < length; i++) {
      wchar c = isWide ? ((const wchar *)text)[i] : (u8)text[i];

      Put(output, c < 0x100 ? c : '?');
    }
    if (left) Fill(output, ' ', length, width);
  }
}

void Print(HANDLE handle, const char *format, ...) {
  char buffer[256];
  struct output output = {buffer, 0, sizeof buffer, handle};
  __builtin_va_list arguments;

  if (!handle) return;
  __builtin_va_start(arguments, format);
  FormatTo(&output, format, arguments);
  __builtin_va_end(arguments);
  Flush(&output);
}

u32 Format(char *buffer, u32 capacity, const char *format, ...) {
  struct output output = {buffer, 0, capacity - 1, NULL};
  __builtin_va_list arguments;

  __builtin_va_start(arguments, format);
  FormatTo(&output, format, arguments);
  __builtin_va_end(arguments);
  buffer[output.Used] = 0;
  return output.Used;
}

/* The words are those of Win32, as far as there are some. */
static const struct {
  NTSTATUS Status;
  const char *Text;
} Messages[] = {
    {STATUS_OBJECT_NAME_NOT_FOUND, "The system cannot find the file specified."},
    {STATUS_OBJECT_PATH_NOT_FOUND, "The system cannot find the path specified."},
    {STATUS_OBJECT_NAME_INVALID, "That is not a valid name."},
    {STATUS_NO_SUCH_DEVICE, "The system cannot find the drive specified."},
    {STATUS_FILE_IS_A_DIRECTORY, "That is a directory."},
    {STATUS_NOT_A_DIRECTORY, "The directory name is invalid."},
    {STATUS_ACCESS_DENIED, "Access is denied."},
    {STATUS_DISK_FULL, "There is not enough space on the disk."},
    {STATUS_NO_MEMORY, "Not enough storage is available."},
    {STATUS_INVALID_IMAGE_FORMAT, "That is not a valid application."},
    {STATUS_INVALID_CID, "There is no such process."},
    {STATUS_IO_TIMEOUT, "There is no answer."},
    {STATUS_HOST_UNREACHABLE, "The host cannot be reached."},
};

void PrintStatus(HANDLE handle, const char *what, NTSTATUS status) {
  const char *text = "The operation failed.";
  u32 i;

  for (i = 0; i < COUNT(Messages); i++) {
    if (Messages[i].Status == status) text = Messages[i].Text;
  }
  Print(handle, "%s: %s (0x%08x)\r\n", what, text, status);
}
