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

/* All processes; FreeList when done. How much there is to say changes meanwhile: more memory until it fits. */
static NTSTATUS GetList(void **list) {
  u32 size, region;
  NTSTATUS status;

  for (size = FIRST_LIST;; size *= 2) {
    *list = NULL;
    region = size;
    status = NtAllocateVirtualMemory(NtCurrentProcess(), list, 0, &region, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    if (status < 0) return status;
    status = NtQuerySystemInformation(SystemProcessInformation, *list, size, NULL);
    if (status >= 0) return status;
    region = 0;
    NtFreeVirtualMemory(NtCurrentProcess(), list, &region, MEM_RELEASE);
    if (status != STATUS_INFO_LENGTH_MISMATCH || size == LARGEST_LIST) return status;
  }
}

static void FreeList(void *list) {
  u32 region = 0;

  NtFreeVirtualMemory(NtCurrentProcess(), &list, &region, MEM_RELEASE);
}

static const SYSTEM_PROCESS_INFORMATION *Next(const SYSTEM_PROCESS_INFORMATION *process) {
  return process->NextEntryOffset ? (const void *)((const u8 *)process + process->NextEntryOffset) : NULL;
}

void ListProcesses(char *arguments) {
  const SYSTEM_PROCESS_INFORMATION *process;
  HANDLE output = StandardOutput();
  void *list;
  NTSTATUS status = GetList(&list);

  if (status < 0) {
    PrintStatus(output, "processes", status);
    return;
  }
  Print(output, "   pid  parent  threads  name\r\n");
  for (process = list; process; process = Next(process)) {
    Print(output, "%6u  %6u  %7u  ", process->UniqueProcessId, process->InheritedFromUniqueProcessId,
          process->NumberOfThreads);
    if (process->ImageName.Buffer) Print(output, "%Z\r\n", &process->ImageName);
    else Print(output, "(system)\r\n");
  }
  FreeList(list);
}

/* The id of the first process of that name; 0 if there is none. */
static u32 FindByName(const char *name) {
  const SYSTEM_PROCESS_INFORMATION *process;
  char text[32];
  void *list;
  u32 id = 0;

  if (GetList(&list) < 0) return 0;
  for (process = list; process && !id; process = Next(process)) {
    if (!process->ImageName.Buffer) continue;
    WideToAscii(&process->ImageName, text, sizeof text);
    if (!stricmp(text, name)) id = process->UniqueProcessId;
  }
  FreeList(list);
  return id;
}

void KillProcess(char *arguments) {
  HANDLE output = StandardOutput(), process;
  OBJECT_ATTRIBUTES attributes;
  CLIENT_ID id = {0, 0};
  char *word = Require(&arguments, "a pid or a name");
  NTSTATUS status;

  /* taskkill's switches, /pid, /im and /f, say nothing new here. */
  while (word && word[0] == '/') word = Require(&arguments, "a pid or a name");
  if (!word) return;
  if (!ParseNumber(word, &id.UniqueProcess) && !(id.UniqueProcess = FindByName(word))) {
    Print(output, "'%s' is neither a pid nor the name of a process.\r\n", word);
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
