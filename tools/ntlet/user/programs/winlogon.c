/* Logging on at a console: asks who it is, and runs the shell for those who know their password. */
#include "../user.h"

#include "../sm.h"

#define SAM "C:\\WINNT\\system32\\config\\sam"
#define SHELL "C:\\WINNT\\system32\\cmd.exe"
#define FAILURES_BEFORE_PAUSE 3

static void SetEcho(HANDLE console, u32 on) {
  DeviceControl(console, IOCTL_CONSOLE_ECHO, &on, sizeof on, NULL, 0, NULL);
}

/*
 * Looks for the line "user:password". The user's name is not case-sensitive; it is copied as the file has it.
 * Returns 1 if the password is right.
 */
static u8 CheckPassword(const char *user, const char *password, char *name, u32 capacity) {
  char sam[1024], *line, *next, *separator;
  u32 length;
  HANDLE file;
  NTSTATUS status = OpenPath(SAM, GENERIC_READ, FILE_OPEN, FILE_SYNCHRONOUS_IO_NONALERT, &file);

  if (status < 0) return 0;
  ReadSome(file, sam, sizeof sam - 1, &length);
  NtClose(file);
  sam[length] = 0;
  for (line = sam; *line; line = next) {
    for (next = line; *next && *next != '\r' && *next != '\n'; next++) {}
    while (*next == '\r' || *next == '\n') *next++ = 0;
    separator = strchr(line, ':');
    if (!separator) continue;
    *separator = 0;
    if (!stricmp(line, user) && !strcmp(separator + 1, password)) {
      Format(name, capacity, "%s", line);
      return 1;
    }
  }
  return 0;
}

/* Tells smss; returns the number of this logon, 0 if smss does not answer. */
static u32 ReportLogon(u32 console, const char *user) {
  struct logon_message message;
  /* Impersonation, dynamic tracking, effective rights only: what nearly everybody asks for. */
  SECURITY_QUALITY_OF_SERVICE quality = {sizeof quality, 2, 1, 1};
  UNICODE_STRING name;
  HANDLE port;
  u32 limit;
  NTSTATUS status;

  RtlInitUnicodeString(&name, SM_PORT);
  if (NtConnectPort(&port, &name, &quality, NULL, NULL, &limit, NULL, NULL) < 0) return 0;
  memset(&message, 0, sizeof message);
  message.Header.TotalLength = sizeof message;
  message.Header.DataLength = sizeof message - sizeof message.Header;
  message.Console = console;
  Format(message.User, sizeof message.User, "%s", user);
  status = NtRequestWaitReplyPort(port, &message.Header, &message.Header);
  NtClose(port);
  return status < 0 ? 0 : message.Count;
}

static void RunShell(HANDLE console, u32 number, const char *user) {
  char commandLine[64];
  HANDLE shell;
  NTSTATUS status;

  Print(console, "Welcome, %s. This is logon %u since the system has started.\r\n", user, ReportLogon(number, user));
  Format(commandLine, sizeof commandLine, "cmd.exe %s", user);
  status = RunProgram(SHELL, commandLine, NULL, &shell, NULL);
  if (status < 0) PrintStatus(console, SHELL, status);
  else WaitForProcess(shell);
}

/*
 * One line of input; an empty one if it is too long. Ends the program if the console is gone: smss makes a
 * new one.
 */
static void Ask(HANDLE console, const char *prompt, char *answer, u32 capacity) {
  i32 length;

  Print(console, prompt);
  length = ReadLine(console, answer, capacity);
  if (length == LINE_FAILED) NtTerminateProcess(NtCurrentProcess(), STATUS_UNSUCCESSFUL);
  if (length < 0) answer[0] = 0;
}

i32 program_main(const char *commandLine) {
  HANDLE console = StandardInput();
  char user[64], password[64], name[32], arguments[64], *rest = arguments, *word;
  u32 number = 0, failures = 0;

  Format(arguments, sizeof arguments, "%s", commandLine);
  NextWord(&rest);
  word = NextWord(&rest);
  if (word) ParseNumber(word, &number);
  for (;;) {
    if (!failures) Print(console, "\r\nntlet 5.1.2600 on console %u\r\n", number);
    do {
      SetEcho(console, 1); /* whoever was here before may have left it off */
      Ask(console, "login: ", user, sizeof user);
    } while (!user[0]);
    SetEcho(console, 0);
    Ask(console, "password: ", password, sizeof password);
    SetEcho(console, 1);
    if (CheckPassword(user, password, name, sizeof name)) {
      failures = 0;
      RunShell(console, number, name);
      continue;
    }
    Print(console, "Logon failure: unknown user name or bad password.\r\n");
    if (++failures % FAILURES_BEFORE_PAUSE == 0) Sleep(1000);
  }
}
