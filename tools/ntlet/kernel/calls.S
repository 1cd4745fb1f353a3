/*
 * Services and functions whose machine code matters: the Zw forms, a tail call, entries that are passed more than once, and
 * the kernel's structured exceptions.
 */
.text

/* The Zw form of each service: through the dispatcher, with the kernel as the caller. */
#define ZW(number, name, words) ZW_STUB number, name, words;
.macro ZW_STUB number, name, words
.global Zw\name
Zw\name:
  mov $\number, %eax
  lea 4(%esp), %edx
  pushf
  push $8
  call KiSystemService
  ret $4 * \words
.endm
#include "zw.h" /* made of services.h by build.sh: there the names begin with Nt */

/* NtAlertResumeThread(thread, previous count) alerts, then goes on as NtResumeThread by a jump: two calls share one
   return address and one set of arguments. */
.global NtAlertResumeThread
NtAlertResumeThread:
  mov %esp, %eax
  push %eax
  call KiAlertResumeBegin
  add $4, %esp
  jmp NtResumeThread

/* u32 InterlockedExchange(u32 *target, u32 value), fastcall: its first instruction can fault, and is then begun again. */
.global InterlockedExchange
InterlockedExchange:
  xchg %edx, (%ecx)
  mov %edx, %eax
  ret

/* void RtlFillMemoryUlong(void *destination, u32 length, u32 pattern): a loop back to its first instruction, with the
   arguments as its variables: the entry is passed again and again with the same ESP. */
.global RtlFillMemoryUlong
RtlFillMemoryUlong:
  cmpl $4, 8(%esp)
  jb 1f
  mov 4(%esp), %ecx
  mov 12(%esp), %eax
  mov %eax, (%ecx)
  addl $4, 4(%esp)
  subl $4, 8(%esp)
  jmp RtlFillMemoryUlong
1:ret $12

/* u32 KiTrackedCall(number, function, words, arguments, ecx, edx): calls a function that cannot tell the truth about
   itself, and does it in its place. With no words on the stack it is a fastcall one. */
.global KiTrackedCall
KiTrackedCall:
  push %ebp
  mov %esp, %ebp
  push %ebx
  push %esi
  push %edi
  mov 16(%ebp), %ecx
  mov %ecx, %eax
  shl $2, %eax
  sub %eax, %esp
  mov %esp, %edi
  mov 20(%ebp), %esi
  rep movsl
  lea -4(%esp), %eax
  /* What it is told to have for arguments: those on the stack, or for fastcall ECX and EDX. */
  mov 20(%ebp), %ecx
  mov 16(%ebp), %edx
  test %edx, %edx
  jnz 1f
  lea 24(%ebp), %ecx
  mov $2, %edx
1:push %ecx
  push %edx
  push %eax
  push 8(%ebp)
  call KiCallEnter
  add $16, %esp
  mov %eax, %ebx
  mov 24(%ebp), %ecx
  mov 28(%ebp), %edx
  call *12(%ebp)
  push %eax
  push %ebx
  call KiCallLeave
  lea -12(%ebp), %esp
  pop %edi
  pop %esi
  pop %ebx
  pop %ebp
  ret

/* NTSTATUS KiTry(struct seh_frame *), KiUnwindTo(struct seh_frame *, NTSTATUS): see except.c */
.global KiTry, KiUnwindTo
KiTry:
  mov 4(%esp), %eax
  mov %fs:0, %ecx
  mov %ecx, 0(%eax)
  movl $KiUnwindTo, 4(%eax)
  mov %ebx, 8(%eax)
  mov %esi, 12(%eax)
  mov %edi, 16(%eax)
  mov %ebp, 20(%eax)
  lea 4(%esp), %ecx
  mov %ecx, 24(%eax)
  mov (%esp), %ecx
  mov %ecx, 28(%eax)
  mov %eax, %fs:0
  push %eax
  call KiNoteTry
  add $4, %esp
  xor %eax, %eax
  ret
KiUnwindTo:
  push 4(%esp)
  call KiUnwindNote
  add $4, %esp
  mov 4(%esp), %ecx
  mov 8(%esp), %eax
  mov 8(%ecx), %ebx
  mov 12(%ecx), %esi
  mov 16(%ecx), %edi
  mov 20(%ecx), %ebp
  mov 28(%ecx), %edx
  mov 24(%ecx), %esp
  jmp *%edx
