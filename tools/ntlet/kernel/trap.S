/*
 * The ways into the kernel and out of it: exceptions, interrupts, `int 2Eh`, SYSENTER, and Zw calls from the kernel
 * itself. Each builds a KTRAP_FRAME on the kernel stack, with its address in EBP, and all leave through KiTrapExit.
 */
#define FRAME_DOOR 0x20
#define FRAME_EDX 0x3c
#define FRAME_EAX 0x44
#define FRAME_MODE 0x48
#define FRAME_EXCEPTION_LIST 0x4c
#define FRAME_EDI 0x54
#define FRAME_ESI 0x58
#define FRAME_EBX 0x5c
#define FRAME_EBP 0x60
#define FRAME_EIP 0x68
#define FRAME_CS 0x6c
#define FRAME_EFLAGS 0x70
#define FRAME_ESP 0x74
#define KTHREAD_SERVICE_TABLE 0xe0
#define KTHREAD_TRAP_FRAME 0x134
#define KTHREAD_PREVIOUS_MODE 0x140
#define ETHREAD_DOOR 0x261
#define CALLBACK_SAVE 32
#define PCR_THREAD %fs:0x124

/* The rest of a trap frame, from the error code (already pushed) on; EBP is then the frame. */
.macro BUILD_FRAME user_fs=0
  push %ebp
  push %ebx
  push %esi
  push %edi
.if \user_fs
  push $0x3b
.else
  push %fs
.endif
  mov $0x30, %ebx
  mov %bx, %fs
  push %fs:0
  movl $-1, %fs:0
  push $-1
  push %eax
  push %ecx
  push %edx
  push %ds
  push %es
  push %gs
  mov $0x23, %ebx
  mov %bx, %ds
  mov %bx, %es
  sub $0x30, %esp
  mov %esp, %ebp
  cld
.endm

.text
.global KiBadArguments, KiTrapTable, KiSystemService, KiFastCallEntry, KiSystemServiceCopyArguments, KiServiceExit
.global KiExitToFrame, KiServiceAbort, KiThreadStartup, KiSwapContext

/* ---- Exceptions and interrupts: vectors 0 to 0x3f, one stub each ---- */
KiCommonTrap:
  BUILD_FRAME
  mov KiVector, %eax
  push %eax
  push %ebp
  call KiTrap
  add $8, %esp
KiTrapExit:
  cli
  testb $1, FRAME_CS(%ebp)
  jz 1f
  push %ebp
  call KiReturnToUser
  add $4, %esp
1:mov FRAME_EXCEPTION_LIST(%ebp), %eax
  mov %eax, %fs:0
  lea 0x30(%ebp), %esp
  pop %gs
  pop %es
  pop %ds
  pop %edx
  pop %ecx
  pop %eax
  add $8, %esp
  pop %fs
  pop %edi
  pop %esi
  pop %ebx
  pop %ebp
  add $4, %esp
  iret

/* Interrupts are off on the way in, so one word can hold the vector until the frame is built. By SS: it is the kernel's
   already, while DS is whatever the program has loaded into it. */
.macro TRAP vector
  .balign 32
  .if !(\vector == 8 || (\vector >= 10 && \vector <= 14) || \vector == 17)
    push $0
  .endif
  movl $\vector, %ss:KiVector
  jmp KiCommonTrap
.endm
.balign 32
KiTrapTable:
.set vector, 0
.rept 0x40
  TRAP vector
  .set vector, vector + 1
.endr

/* ---- System services ---- */

/* `int 2Eh` from user mode, and called by the Zw stubs with EFLAGS and CS below the return address: number in EAX,
   arguments at EDX. */
KiSystemService:
  push $0
  BUILD_FRAME
  movl $2, FRAME_DOOR(%ebp)
  testb $1, FRAME_CS(%ebp)
  jnz KiService
  movl $3, FRAME_DOOR(%ebp)
  jmp KiService

/* SYSENTER: ESP is the little stack of the MSR, EDX the user's ESP: return addresses of ntdll's stub and of its caller,
   then the arguments. The frame is made to look like that of an interrupt. */
KiFastCallEntry:
  push $0x30
  pop %fs
  mov $0x23, %ecx
  mov %ecx, %ds
  mov %ecx, %es
  mov %fs:0x40, %ecx
  mov 4(%ecx), %esp
  push $0x23
  push %edx
  pushf
  orl $0x200, (%esp)
  push $2 /* SYSENTER has cleared IF only; NT, for one, must not be set when the kernel executes IRET */
  popf
  add $8, %edx
  push $0x1b
  push 0xffdf0304
  push $0
  BUILD_FRAME user_fs=1
  movl $1, FRAME_DOOR(%ebp)

KiService:
  mov PCR_THREAD, %esi
  /* Link to the frame of the service that this one is called from. */
  mov KTHREAD_TRAP_FRAME(%esi), %ebx
  mov %edx, 0x0c(%ebp)
  mov %ebx, FRAME_EDX(%ebp)
  movl $0xbadb0d00, 8(%ebp)
  mov %ebp, KTHREAD_TRAP_FRAME(%esi)
  movzbl KTHREAD_PREVIOUS_MODE(%esi), %ebx
  mov %ebx, FRAME_MODE(%ebp)
  mov FRAME_CS(%ebp), %ebx
  and $1, %ebx
  mov %bl, KTHREAD_PREVIOUS_MODE(%esi)
  push %eax
  push %edx
  push %ebp
  call KiNoteService
  add $4, %esp
  pop %edx
  pop %eax
KiServiceRepeat:
  mov PCR_THREAD, %esi
  mov %eax, %edi
  shr $8, %edi
  and $0x10, %edi
  add KTHREAD_SERVICE_TABLE(%esi), %edi
  mov %eax, %ecx
  and $0xfff, %ecx
  test $0xffffe000, %eax
  jnz KiBadService
  cmp 8(%edi), %ecx
  jae KiUnexpectedRange
  mov (%edi), %ebx
  mov (%ebx,%ecx,4), %ebx
  mov 12(%edi), %edi
  movzbl (%edi,%ecx), %ecx
  sub %ecx, %esp
  shr $2, %ecx
  mov %esp, %edi
  mov %edx, %esi
  testb $1, FRAME_CS(%ebp)
  jz KiSystemServiceCopyArguments
  cmp $0x7fff0000 - 64, %esi
  jae KiBadArguments
KiSystemServiceCopyArguments: /* a page fault here is the caller's fault: see KiTrap */
  rep movsl
  mov PCR_THREAD, %ecx
  mov FRAME_DOOR(%ebp), %edx
  mov %dl, ETHREAD_DOOR(%ecx)
  call *%ebx
KiServiceReturn: /* the one address to which all services return */
  mov %ebp, %esp
KiServiceExit:
  cli
  mov PCR_THREAD, %ecx
  mov FRAME_EDX(%ebp), %edx
  mov %edx, KTHREAD_TRAP_FRAME(%ecx)
  mov FRAME_MODE(%ebp), %edx
  mov %dl, KTHREAD_PREVIOUS_MODE(%ecx)
  mov %eax, FRAME_EAX(%ebp)
  testb $1, FRAME_CS(%ebp)
  jz KiTrapExit
  push %ebp
  call KiReturnToUser
  add $4, %esp
  /* Straight back to where SYSENTER's frame says; if an APC changed that, by IRET. */
  mov FRAME_EIP(%ebp), %edx
  cmp 0xffdf0304, %edx
  jne KiTrapExit
  cmpl $1, FRAME_DOOR(%ebp)
  jne KiTrapExit
  mov FRAME_EXCEPTION_LIST(%ebp), %eax
  mov %eax, %fs:0
  mov FRAME_EFLAGS(%ebp), %eax
  and $0xfffffcff, %eax
  push %eax
  popf
  mov FRAME_EAX(%ebp), %eax
  mov FRAME_EDI(%ebp), %edi
  mov FRAME_ESI(%ebp), %esi
  mov FRAME_EBX(%ebp), %ebx
  mov FRAME_ESP(%ebp), %ecx
  push $0x3b
  pop %fs
  mov FRAME_EBP(%ebp), %ebp
  sti
  sysexit

KiBadArguments:
  mov $0xc0000005, %eax
  jmp KiServiceReturn
KiBadService:
  mov $0xc000001c, %eax
  jmp KiServiceReturn
/* A service of the windowing system, from a thread that has not used it yet: make it one that has, then again. */
KiUnexpectedRange:
  test $0x1000, %eax
  jz KiBadService
  mov PCR_THREAD, %esi
  cmpl $KeServiceDescriptorTable, KTHREAD_SERVICE_TABLE(%esi)
  jne KiBadService
  testb $1, FRAME_CS(%ebp)
  jz KiBadService
  push %eax
  push %edx
  call PsConvertToGuiThread
  mov %eax, %ecx
  pop %edx
  pop %eax
  test %ecx, %ecx
  jz KiServiceRepeat
  mov %ecx, %eax
  jmp KiServiceReturn

/* NTSTATUS PsConvertToGuiThread(void): exchanges the small kernel stack for a large one while it runs. EBP is the trap
   frame, the only pointer into the stack that is in use; KiExchangeStack copies the stack and says how far it moved. */
.global PsConvertToGuiThread
PsConvertToGuiThread:
  mov %esp, %eax
  push %ebp
  push %eax
  call KiExchangeStack
  add $8, %esp
  test %eax, %eax
  jz 1f
  add %eax, %esp
  add %eax, %ebp
1:push %eax
  call KiExchangedStack
  add $4, %esp
  ret

/* void KiExitToFrame(KTRAP_FRAME *): leaves the kernel with all registers from a service's frame (NtContinue). */
KiExitToFrame:
  cli
  mov 4(%esp), %ebp
  mov %ebp, %esp
  mov PCR_THREAD, %ecx
  mov FRAME_EDX(%ebp), %edx
  mov %edx, KTHREAD_TRAP_FRAME(%ecx)
  mov FRAME_MODE(%ebp), %edx
  mov %dl, KTHREAD_PREVIOUS_MODE(%ecx)
  /* KiContextToFrame has put the caller's EDX here, in place of the link. */
  mov 0x24(%ebp), %edx
  mov %edx, FRAME_EDX(%ebp)
  jmp KiTrapExit

/* void KiServiceAbort(KTRAP_FRAME *, NTSTATUS): ends the service of that frame from the outside. */
KiServiceAbort:
  mov 8(%esp), %eax
  mov 4(%esp), %ebp
  mov %ebp, %esp
  jmp KiServiceExit

/* ---- Threads ---- */

/* void KiSwapContext(ETHREAD *from, ETHREAD *to) */
KiSwapContext:
  mov 4(%esp), %eax
  mov 8(%esp), %edx
  push %ebp
  push %ebx
  push %esi
  push %edi
  push %fs:0
  mov %esp, 0x28(%eax)
  mov 0x28(%edx), %esp
  pop %fs:0
  pop %edi
  pop %esi
  pop %ebx
  pop %ebp
  ret

/* Where a new thread is switched to first; EBP is its trap frame. */
KiThreadStartup:
  call PspThreadStartup
  jmp KiTrapExit

/* NTSTATUS KiCallUserMode(u32 userEsp): keeps what is needed to come back, and leaves for user mode with a new frame
   below; NtCallbackReturn comes back through KiLeaveCallback. */
.global KiCallUserMode, KiLeaveCallback
KiCallUserMode:
  mov 4(%esp), %eax
  push %ebp
  push %ebx
  push %esi
  push %edi
  push %fs:0
  sub $CALLBACK_SAVE, %esp
  mov %esp, %ecx
  push %eax
  push %ecx
  call KiEnterCallback
  mov %eax, %ebp
  mov %eax, %esp
  jmp KiTrapExit
KiLeaveCallback:
  mov 8(%esp), %eax
  mov 4(%esp), %esp
  add $CALLBACK_SAVE, %esp
  pop %fs:0
  pop %edi
  pop %esi
  pop %ebx
  pop %ebp
  ret

.bss
.balign 4
KiVector: .skip 4
