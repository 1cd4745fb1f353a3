/*
 * The beginning of every program: its PE header, and the entry point, which runs program_main and ends the
 * process.
 */
#define PE_BASE 0x400000
#define PE_ENTRY start
#define PE_DLL 0
#define PE_NAME "program.exe"
#define PE_EXPORTS "../user/program-exports.h"
#define PE_STUB
#include "pe.inc"

.text
/*
 * start(PEB*): the start routine of the first thread. The whole process ends with it, whatever threads
 * there are.
 */
.global start
start:
  call CommandLineText
  push %eax
  call program_main
  push %eax
  push $-1                      /* NtCurrentProcess() */
  call NtTerminateProcess
