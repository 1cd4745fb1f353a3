/*
 * Where the kernel enters user mode on its own account: for an APC, an exception, a callback, a new thread.
 * None of these is called: the kernel has put the arguments on the user stack and ESP on them, and there is
 * no return address. Each leaves by a system service that does not return.
 */
.text

/*
 * ESP -> NormalRoutine, NormalContext, SystemArgument1, SystemArgument2, CONTEXT.
 * Popping the routine leaves its three arguments just where a stdcall function wants them.
 */
.global KiUserApcDispatcher
KiUserApcDispatcher:
  lea 16(%esp), %edi
  pop %eax
  call *%eax
  push $1                       /* TestAlert: further APCs come before the thread goes on */
  push %edi
  call NtContinue
  jmp RtlpDispatcherFailed

/* ESP -> EXCEPTION_RECORD*, CONTEXT*, and the two. */
.global KiUserExceptionDispatcher
KiUserExceptionDispatcher:
  mov (%esp), %ebx
  mov 4(%esp), %edi
  push %edi
  push %ebx
  call RtlDispatchException
  test %al, %al
  jz 1f
  push $0
  push %edi
  call NtContinue
  jmp RtlpDispatcherFailed
1:push $0                       /* second chance: no handler wants it, and the process will end */
  push %edi
  push %ebx
  call NtRaiseException
  jmp RtlpDispatcherFailed

/*
 * ESP -> 0, ApiNumber, Argument, ArgumentLength: again two arguments for stdcall, once the first two words
 * are gone.
 */
.global KiUserCallbackDispatcher
KiUserCallbackDispatcher:
  add $4, %esp
  pop %edx
  mov %fs:0x18, %eax
  mov 0x30(%eax), %eax          /* TEB.ProcessEnvironmentBlock */
  mov 0x2c(%eax), %eax          /* PEB.KernelCallbackTable */
  call *(%eax, %edx, 4)
  push %eax
  push $0
  push $0
  call NtCallbackReturn

/* A service that should not return has: its status becomes that of the process. */
RtlpDispatcherFailed:
  push %eax
  push $-1
  call NtTerminateProcess
  hlt                           /* not allowed in user mode: an exception rather than whatever comes next */

/* A thread's first instruction: EAX start routine, EBX argument, as XP's thread contexts have them. */
.global RtlUserThreadStart
RtlUserThreadStart:
  xor %ebp, %ebp                /* the end of the chain of frames, for debuggers */
  push %ebx
  push %eax
  push $0                       /* no return address */
  jmp RtlpThreadStart

/*
 * RtlRaiseException(EXCEPTION_RECORD *Record): raises it as if the caller's call instruction had; with a
 * CONTEXT as it will be after the return from here, so that a handler may have the caller go on.
 */
#define CONTEXT_SIZE 0x2cc
.macro save_segment segment, offset
  mov \segment, %eax
  mov %eax, \offset(%esp)
.endm
.global RtlRaiseException
RtlRaiseException:
  pushf
  sub $CONTEXT_SIZE, %esp
  movl $0x10007, (%esp)         /* CONTEXT_FULL */
  mov %eax, 0xb0(%esp)
  mov %ecx, 0xac(%esp)
  mov %edx, 0xa8(%esp)
  mov %ebx, 0xa4(%esp)
  mov %esi, 0xa0(%esp)
  mov %edi, 0x9c(%esp)
  mov %ebp, 0xb4(%esp)
  save_segment %gs, 0x8c
  save_segment %fs, 0x90
  save_segment %es, 0x94
  save_segment %ds, 0x98
  save_segment %cs, 0xbc
  save_segment %ss, 0xc8
  mov CONTEXT_SIZE(%esp), %eax
  mov %eax, 0xc0(%esp)          /* flags */
  mov CONTEXT_SIZE + 4(%esp), %edx
  mov %edx, 0xb8(%esp)          /* Eip: the return address */
  lea CONTEXT_SIZE + 12(%esp), %eax
  mov %eax, 0xc4(%esp)          /* Esp: with return address and argument popped */
  mov CONTEXT_SIZE + 8(%esp), %ecx
  mov %edx, 12(%ecx)            /* Record->ExceptionAddress */
  mov %esp, %eax
  push $1                       /* first chance */
  push %eax
  push %ecx
  call NtRaiseException
  jmp RtlpDispatcherFailed
