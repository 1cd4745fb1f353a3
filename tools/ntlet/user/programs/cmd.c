/*
 * The shell: reads lines and does what they say. Its commands are in the folder cmd/. Whatever is typed must
 * not end it: it is what an intruder sees.
 */
#include "cmd/cmd.h"

static char User[32];
static u8 Leaving;

char *Require(char **arguments, const char *what) {
  char *word = NextWord(arguments);

  if (!word) Print(StandardOutput(), "The command needs %s.\r\n", what);
  return word;
}

static void Echo(char *arguments) { Print(StandardOutput(), "%s\r\n", arguments); }

static void WhoAmI(char *arguments) { Print(StandardOutput(), "ntlet\\%s\r\n", User); }

static void Version(char *arguments) { Print(StandardOutput(), "ntlet [Version 5.1.2600]\r\n"); }

static void ShowTime(char *arguments) {
  LARGE_INTEGER time;
  TIME_FIELDS fields;

  NtQuerySystemTime(&time);
  RtlTimeToTimeFields(&time, &fields);
  Print(StandardOutput(), "%04u-%02u-%02u %02u:%02u:%02u.%03u\r\n", fields.Year, fields.Month, fields.Day, fields.Hour,
        fields.Minute, fields.Second, fields.Milliseconds);
}

static void Leave(char *arguments) { Leaving = 1; }

static void ShutDown(char *arguments) {
  NTSTATUS status;

  Print(StandardOutput(), "The system is shutting down.\r\n");
  status = NtShutdownSystem(ShutdownPowerOff);
  if (status < 0) PrintStatus(StandardOutput(), "shutdown", status);
}

static void Help(char *arguments);

static const struct command {
  const char *Name, *Alias, *Usage;
  void (*Run)(char *arguments);
} Commands[] = {
    {"help", "?", "", Help},
    {"list", "dir", "[PATH]", ListFiles},
    {"type", "cat", "FILE", TypeFile},
    {"write", NULL, "FILE TEXT...", WriteText},
    {"append", NULL, "FILE TEXT...", AppendText},
    {"copy", "cp", "FROM TO", CopyFile},
    {"del", "erase", "FILE", DeleteFile},
    {"run", NULL, "PROGRAM [ARGUMENTS]", RunCommand},
    {"start", NULL, "PROGRAM [ARGUMENTS]", StartCommand},
    {"ps", "tasklist", "", ListProcesses},
    {"kill", "taskkill", "PID|NAME", KillProcess},
    {"fetch", NULL, "HOST [PATH] [FILE]", FetchCommand},
    {"echo", NULL, "TEXT...", Echo},
    {"whoami", NULL, "", WhoAmI},
    {"ver", NULL, "", Version},
    {"time", NULL, "", ShowTime},
    {"exit", "logoff", "", Leave},
    {"shutdown", NULL, "", ShutDown},
};

static void Help(char *arguments) {
  u32 i;

  for (i = 0; i < COUNT(Commands); i++) {
    Print(StandardOutput(), "%-10s%-10s%s\r\n", Commands[i].Name, Commands[i].Alias ? Commands[i].Alias : "",
          Commands[i].Usage);
  }
}

/* What is no command is a program. */
static void RunLine(char *line) {
  char *name = NextWord(&line);
  u32 i;

  if (!name || !*name) return;
  for (i = 0; i < COUNT(Commands); i++) {
    if (!stricmp(name, Commands[i].Name) || (Commands[i].Alias && !stricmp(name, Commands[i].Alias))) {
      Commands[i].Run(line);
      return;
    }
  }
  if (!RunByName(name, line, 0)) {
    Print(StandardOutput(), "'%s' is not recognized as an internal or external command.\r\n", name);
  }
}

/* winlogon gives the user's name as the argument. */
i32 program_main(const char *commandLine) {
  static char line[LINE_LENGTH];
  char *rest = line, *word;
  i32 length;

  Format(line, sizeof line, "%s", commandLine);
  NextWord(&rest);
  word = NextWord(&rest);
  Format(User, sizeof User, "%s", word ? word : "nobody");
  while (!Leaving) {
    Print(StandardOutput(), "C:\\> ");
    length = ReadLine(StandardInput(), line, sizeof line);
    if (length == LINE_FAILED) break;
    if (length == LINE_TOO_LONG) Print(StandardOutput(), "The input line is too long.\r\n");
    else RunLine(line);
  }
  return 0;
}
