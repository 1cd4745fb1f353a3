/*
 * The session manager, the first process. It starts a winlogon on each console, and again when one has died,
 * and keeps the count of logons, which it serves on an LPC port.
 */
#include "../user.h"

#include "../sm.h"

#define WINLOGON "C:\\WINNT\\system32\\winlogon.exe"

struct console {
  const char *Device, *CommandLine;
  HANDLE Logon;
  CLIENT_ID LogonId;
};
static struct console Consoles[] = {
    {.Device = "\\Device\\Serial0", .CommandLine = "winlogon.exe 0"},
    {.Device = "\\Device\\Serial1", .CommandLine = "winlogon.exe 1"},
};

/*
 * The console is opened anew each time, so that nothing of what a dead winlogon did to its handle remains. It
 * gets the same number in the child, since it can be inherited.
 */
static NTSTATUS StartLogon(struct console *console) {
  struct native_path path;
  HANDLE standard[3];
  IO_STATUS_BLOCK io;
  NTSTATUS status = NativePath(console->Device, &path);

  if (status < 0) return status;
  path.Attributes.Attributes |= OBJ_INHERIT;
  status = NtOpenFile(&standard[0], GENERIC_READ | GENERIC_WRITE | SYNCHRONIZE, &path.Attributes, &io, FILE_SHARE_ALL,
                      FILE_SYNCHRONOUS_IO_NONALERT);
  if (status < 0) return status;
  standard[1] = standard[2] = standard[0];
  status = RunProgram(WINLOGON, console->CommandLine, standard, &console->Logon, &console->LogonId);
  NtClose(standard[0]);
  return status;
}

/*
 * Ends the shell that a dead winlogon has left behind: it and the next winlogon would both read the console.
 * What the shell has started may go on. Nobody else can have the winlogon's id yet, for its handle is still
 * open.
 */
static void EndSession(const struct console *console) {
  static u8 list[COUNT(Consoles)][0x2000];
  const u8 *at = list[console - Consoles];
  const SYSTEM_PROCESS_INFORMATION *process;
  OBJECT_ATTRIBUTES attributes;
  HANDLE handle;

  if (NtQuerySystemInformation(SystemProcessInformation, (void *)at, sizeof list[0], NULL) < 0) return;
  InitializeObjectAttributes(&attributes, NULL, 0);
  for (;; at += process->NextEntryOffset) {
    CLIENT_ID id = {0, 0};

    process = (const SYSTEM_PROCESS_INFORMATION *)at;
    id.UniqueProcess = process->UniqueProcessId;
    if (process->InheritedFromUniqueProcessId == console->LogonId.UniqueProcess &&
        NtOpenProcess(&handle, PROCESS_TERMINATE, &attributes, &id) >= 0) {
      NtTerminateProcess(handle, STATUS_CONTROL_C_EXIT);
      NtClose(handle);
    }
    if (!process->NextEntryOffset) return;
  }
}

/* One such thread for each console. */
static u32 NTAPI WatchConsole(void *argument) {
  struct console *console = argument;

  for (;;) {
    if (console->Logon) {
      NtWaitForSingleObject(console->Logon, 0, NULL);
      EndSession(console);
      NtClose(console->Logon);
      console->Logon = NULL;
    }
    Sleep(1000); /* if it dies at once, let it not do so all the time */
    StartLogon(console);
  }
  return 0;
}

static void ServePort(HANDLE port) {
  union {
    struct logon_message Logon;
    u8 Space[PORT_MAXIMUM_MESSAGE];
  } message;
  PORT_MESSAGE *reply = NULL;
  u32 count = 0;

  for (;;) {
    if (NtReplyWaitReceivePort(port, NULL, reply, &message.Logon.Header) < 0) {
      /* The client that the reply was for is gone; or the port, and then this must not go round and round. */
      reply = NULL;
      Sleep(100);
      continue;
    }
    switch (message.Logon.Header.Type) {
    case LPC_PORT_CLOSED:
    case LPC_CLIENT_DIED:
    case LPC_CONNECTION_REQUEST: reply = NULL; break;
    default: message.Logon.Count = ++count; reply = &message.Logon.Header;
    }
  }
}

i32 program_main(const char *commandLine) {
  OBJECT_ATTRIBUTES attributes;
  UNICODE_STRING name;
  HANDLE port;
  NTSTATUS status;
  u32 i;

  RtlInitUnicodeString(&name, SM_PORT);
  InitializeObjectAttributes(&attributes, &name, OBJ_CASE_INSENSITIVE);
  status = NtCreatePort(&port, &attributes, 0, PORT_MAXIMUM_MESSAGE, 0);
  if (status < 0) return status;
  for (i = 0; i < COUNT(Consoles); i++) {
    status = StartLogon(&Consoles[i]);
    /* A machine may have one serial port only: then there is no second console. */
    if (status >= 0) { status = RtlCreateUserThread(NtCurrentProcess(), 0, 0, WatchConsole, &Consoles[i], NULL, NULL); }
    if (status < 0) {
      wchar text[64];
      char line[64];

      Format(line, sizeof line, "smss: no logon on %s (0x%08x)\r\n", Consoles[i].Device, status);
      AsciiToWide(line, text, COUNT(text));
      RtlInitUnicodeString(&name, text);
      NtDisplayString(&name);
    }
  }
  ServePort(port);
  return STATUS_SUCCESS;
}
