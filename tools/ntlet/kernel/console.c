/*
 * The two serial consoles. The interrupt only collects what is typed; lines are edited and echoed when somebody
 * reads, so that a password typed ahead is not shown.
 */
#include "ke.h"

#define CONSOLES 2
#define RAW 1024u
#define LINE 512u

static struct console {
  u16 Port;
  u8 Echo, LastWritten, LastRead;
  u32 Head, Tail; /* of Raw: what was typed and nobody has read */
  u32 Length;     /* of Line: being edited */
  u32 Given;      /* of a finished line: given to readers already */
  u8 Finished;
  KEVENT Typed;
  u8 Raw[RAW], Line[LINE];
} consoles[CONSOLES] = {{.Port = 0x3f8}, {.Port = 0x2f8}};

void ConInitialize(void) {
  for (u32 i = 0; i < CONSOLES; i++) {
    struct console *c = &consoles[i];
    c->Echo = 1;
    KeInitializeEvent(&c->Typed, NotificationEvent, 0);
    outb(c->Port + 1, 0);
    outb(c->Port + 3, 0x83); /* 115200 baud, 8N1 */
    outb(c->Port + 0, 1);
    outb(c->Port + 1, 0);
    outb(c->Port + 3, 0x03);
    outb(c->Port + 2, 0x07);
    outb(c->Port + 4, 0x0b);
    outb(c->Port + 1, 0x01); /* interrupt when something has come */
  }
}

void ConInterrupt(u32 port) {
  struct console *c = &consoles[port];
  while (inb(c->Port + 5) & 1) {
    u8 byte = inb(c->Port);
    /* Nobody types so far ahead; what does not fit is lost, as on a real terminal. */
    if (c->Head - c->Tail < RAW) c->Raw[c->Head++ % RAW] = byte;
  }
  KeSetEvent(&c->Typed);
}

static void Put(struct console *c, u8 byte) {
  while (!(inb(c->Port + 5) & 0x20)) {}
  outb(c->Port, byte);
}

/* A new line without its carriage return gets one. */
NTSTATUS ConWrite(u32 port, const void *buffer, u32 length) {
  struct console *c = &consoles[port];
  const u8 *bytes = buffer;
  for (u32 i = 0; i < length; i++) {
    if (bytes[i] == '\n' && c->LastWritten != '\r') Put(c, '\r');
    Put(c, bytes[i]);
    c->LastWritten = bytes[i];
  }
  return STATUS_SUCCESS;
}

void ConEcho(u32 port, int on) { consoles[port].Echo = on != 0; }

static void Rubout(struct console *c) {
  c->Length--;
  if (c->Echo) ConWrite((u32)(c - consoles), "\b \b", 3);
}

/* One typed byte; finishes the line at its end. */
static void Edit(struct console *c, u8 byte) {
  u32 port = (u32)(c - consoles);
  u8 before = c->LastRead;
  c->LastRead = byte;
  if (byte == '\r' || byte == '\n') {
    if (byte == '\n' && before == '\r') return; /* a terminal's CR LF is one */
    ConWrite(port, "\r\n", 2);
    c->Line[c->Length++] = '\n';
    c->Finished = 1;
  } else if (byte == '\b' || byte == 0x7f) {
    if (c->Length > 0) Rubout(c);
  } else if (byte == 0x15 || byte == 0x03) { /* Ctrl-U, Ctrl-C */
    while (c->Length > 0) Rubout(c);
    if (byte == 0x03) {
      ConWrite(port, "^C\r\n", 4);
      c->Line[c->Length++] = '\n';
      c->Finished = 1;
    }
  } else if (byte >= 0x20 && c->Length < LINE - 1) {
    c->Line[c->Length++] = byte;
    if (c->Echo) ConWrite(port, &byte, 1);
  }
}

/* One line, or as much of it as fits; the rest is for the next read. Waits for it. */
NTSTATUS ConRead(u32 port, void *buffer, u32 length, u32 *done) {
  struct console *c = &consoles[port];
  *done = 0;
  if (length == 0) return STATUS_SUCCESS;
  while (!c->Finished) {
    if (c->Head == c->Tail) {
      c->Typed.SignalState = 0;
      KeWaitForSingleObject(&c->Typed, 0, FOREVER);
    } else Edit(c, c->Raw[c->Tail++ % RAW]);
  }
  u32 n = c->Length - c->Given < length ? c->Length - c->Given : length;
  memcpy(buffer, c->Line + c->Given, n);
  c->Given += n;
  if (c->Given == c->Length) c->Length = c->Given = c->Finished = 0;
  *done = n;
  return STATUS_SUCCESS;
}
