/* Programs: their parameters, and starting others. */
#include "../user.h"

/* The first process has no parent that could give it parameters. */
RTL_USER_PROCESS_PARAMETERS *ProcessParameters(void) {
  static RTL_USER_PROCESS_PARAMETERS none;
  RTL_USER_PROCESS_PARAMETERS *parameters = NtCurrentPeb()->ProcessParameters;

  return parameters ? parameters : &none;
}

#define COMMAND_LINE_LENGTH 1024u

const char *CommandLineText(void) {
  static char text[COMMAND_LINE_LENGTH];

  WideToAscii(&ProcessParameters()->CommandLine, text, sizeof text);
  return text;
}

NTSTATUS RunProgram(const char *path, const char *commandLine, const HANDLE *standard, HANDLE *process,
                    CLIENT_ID *clientId) {
  wchar wideLine[COMMAND_LINE_LENGTH];
  UNICODE_STRING line;
  struct native_path native;
  HANDLE thread;
  NTSTATUS status = NativePath(path, &native);

  if (status < 0) return status;
  AsciiToWide(commandLine, wideLine, COUNT(wideLine));
  RtlInitUnicodeString(&line, wideLine);
  status = RtlCreateUserProcess(&native.Name, &line, 1, standard ? standard : &ProcessParameters()->StandardInput,
                                process, &thread, clientId);
  if (status >= 0) NtClose(thread);
  return status;
}

NTSTATUS WaitForProcess(HANDLE process) {
  PROCESS_BASIC_INFORMATION information;
  NTSTATUS status = NtWaitForSingleObject(process, 0, NULL);

  if (status >= 0) {
    status = NtQueryInformationProcess(process, ProcessBasicInformation, &information, sizeof information, NULL);
    if (status >= 0) status = information.ExitStatus;
  }
  NtClose(process);
  return status;
}

void Sleep(u32 milliseconds) {
  LARGE_INTEGER interval = -MILLISECONDS(milliseconds);

  NtDelayExecution(0, &interval);
}
