/*
 * The way into the kernel. A service's stub loads its number and calls through a pointer in
 * KUSER_SHARED_DATA, so that one ntdll serves processors with and without SYSENTER; byte for byte what XP SP3
 * has. The kernel fills the pointer in with KiFastSystemCall, and the next one with KiFastSystemCallRet,
 * where SYSEXIT returns to.
 */
#define SHARED_SYSTEM_CALL_POINTER 0x7ffe0300 /* USER_SHARED_DATA + SHARED_SYSTEM_CALL */

.text

#define SERVICE(number, name, words) service_stub name, number, words;

/* The callee takes its arguments from the stack, as stdcall has it. */
.macro return words
  .if \words
    ret $4 * \words
  .else
    ret
  .endif
.endm

.macro service_stub name, number, words
  .balign 16, 0x90
  .global \name
\name:
  mov $\number, %eax
  mov $SHARED_SYSTEM_CALL_POINTER, %edx
  call *(%edx)
  return \words
.endm

#include "services.h"
#include "shadow.h"

/*
 * The kernel takes the arguments from above the two return addresses that EDX points to: that into the stub,
 * and that of the stub's caller.
 */
.balign 16, 0x90
.global KiFastSystemCall
KiFastSystemCall:
  {load} mov %esp, %edx         /* 8b d4, of the two encodings that there are */
  sysenter
.global KiFastSystemCallRet
KiFastSystemCallRet:
  ret

/* The way of processors without SYSENTER, and of NT until 2000. EDX points to the arguments themselves. */
.balign 16, 0x90
.global KiIntSystemCall
KiIntSystemCall:
  lea 8(%esp), %edx
  int $0x2e
  ret

/* A few services once more by that way, so that both doors are in use. */
.macro interrupt_stub name, number, words
  .balign 16, 0x90
  .global \name
\name:
  mov $\number, %eax
  call KiIntSystemCall
  return \words
.endm

interrupt_stub Int2eReadFile, 0x0b7, 9
interrupt_stub Int2eWriteFile, 0x112, 9
interrupt_stub Int2eClose, 0x019, 1
interrupt_stub Int2eDelayExecution, 0x03b, 2
interrupt_stub Int2eYieldExecution, 0x116, 0
