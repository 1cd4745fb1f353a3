/* Commands for processes. */
#include "cmd.h"

/* A file without an extension is a program of the system's folder. */
static void ProgramPath(const char *name, char *path, u32 capacity) {
  const char *extension = strchr(name, '.') ? "" : ".exe";
  u8 isPath = strchr(name, '\\') || strchr(name, '/') || strchr(name, ':');

  Format(path, capacity, "%s%s%s", isPath ? "" : PROGRAMS, name, extension);
}

u8 RunByName(char *name, const char *arguments, u8 background) {
  char path[PATH_LENGTH + 32], commandLine[LINE_LENGTH];
  HANDLE output = StandardOutput(), process;
  CLIENT_ID id;
  NTSTATUS status;

  ProgramPath(name, path, sizeof path);
  Format(commandLine, sizeof commandLine, *arguments ? "%s %s" : "%s", name, arguments);
  status = RunProgram(path, commandLine, NULL, &process, &id);
  if (status == STATUS_OBJECT_NAME_NOT_FOUND || status == STATUS_OBJECT_PATH_NOT_FOUND ||
      status == STATUS_OBJECT_NAME_INVALID || status == STATUS_NO_SUCH_DEVICE) {
    return 0;
  }
  if (status < 0) {
    PrintStatus(output, name, status);
  } else if (background) {
    Print(output, "pid %u\r\n", id.UniqueProcess);
    NtClose(process);
  } else {
    status = WaitForProcess(process);
    if (status < 0) Print(output, "%s has ended with 0x%08x.\r\n", name, status);
  }
  return 1;
}

static void RunWord(char *arguments, u8 background) {
  char *name = Require(&arguments, "a program");

  if (name && !RunByName(name, arguments, background)) {
    PrintStatus(StandardOutput(), name, STATUS_OBJECT_NAME_NOT_FOUND);
  }
}

void RunCommand(char *arguments) { RunWord(arguments, 0); }
void StartCommand(char *arguments) { RunWord(arguments, 1); }
void FetchCommand(char *arguments) { RunByName("fetch", arguments, 0); }

#define FIRST_LIST 0x2000u
#define LARGEST_LIST 0x40000u

/* How much there is to say changes meanwhile: more memory until it fits. */
void ListProcesses(char *arguments) {
  const SYSTEM_PROCESS_INFORMATION *process;
  HANDLE output = StandardOutput();
  void *list;
  const u8 *at;
  u32 size, region;
  NTSTATUS status;

  for (size = FIRST_LIST;; size *= 2) {
    list = NULL;
    region = size;
    status = NtAllocateVirtualMemory(NtCurrentProcess(), &list, 0, &region, MEM_RESERVE | MEM_COMMIT,
                                     PAGE_READWRITE);
    if (status < 0) break;
    status = NtQuerySystemInformation(SystemProcessInformation, list, size, NULL);
    if (status != STATUS_INFO_LENGTH_MISMATCH || size == LARGEST_LIST) break;
    region = 0;
    NtFreeVirtualMemory(NtCurrentProcess(), &list, &region, MEM_RELEASE);
  }
  if (status < 0) {
    PrintStatus(output, "processes", status);
  } else {
    Print(output, "   pid  parent  threads  name\r\n");
    for (at = list;; at += process->NextEntryOffset) {
      process = (const SYSTEM_PROCESS_INFORMATION *)at;
      Print(output, "%6u  %6u  %7u  ", process->UniqueProcessId, process->InheritedFromUniqueProcessId,
            process->NumberOfThreads);
      if (process->ImageName.Buffer) Print(output, "%Z\r\n", &process->ImageName);
      else Print(output, "(system)\r\n");
      if (!process->NextEntryOffset) break;
    }
  }
  if (list) {
    region = 0;
    NtFreeVirtualMemory(NtCurrentProcess(), &list, &region, MEM_RELEASE);
  }
}

void KillProcess(char *arguments) {
  HANDLE output = StandardOutput(), process;
  OBJECT_ATTRIBUTES attributes;
  CLIENT_ID id = {0, 0};
  char *word = Require(&arguments, "a pid");
  NTSTATUS status;

  /* taskkill's switches, /pid and /f, say nothing new here. */
  while (word && word[0] == '/') word = Require(&arguments, "a pid");
  if (!word) return;
  if (!ParseNumber(word, &id.UniqueProcess)) {
    Print(output, "'%s' is not a pid.\r\n", word);
    return;
  }
  InitializeObjectAttributes(&attributes, NULL, 0);
  status = NtOpenProcess(&process, PROCESS_TERMINATE, &attributes, &id);
  if (status >= 0) {
    status = NtTerminateProcess(process, STATUS_CONTROL_C_EXIT);
    NtClose(process);
  }
  if (status < 0) PrintStatus(output, word, status);
  else Print(output, "Process %u has been terminated.\r\n", id.UniqueProcess);
}
