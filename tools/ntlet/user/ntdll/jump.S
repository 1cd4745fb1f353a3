/*
 * SetJump, LongJump and the first half of try … except (see rtl.h). A jump leaves calls open for good, so the
 * truth door hears of it before ESP changes.
 */
#define TRUTH_DOOR_UNWIND 0x4e540004 /* nt.h */

/* struct jump_buffer */
#define JUMP_EBX 0
#define JUMP_ESI 4
#define JUMP_EDI 8
#define JUMP_EBP 12
#define JUMP_ESP 16
#define JUMP_EIP 20
#define JUMP_EXCEPTION_LIST 24

.text

/* Saves in ECX's buffer what a function must preserve, as it will be after this function's return. */
.macro save_registers
  mov %ebx, JUMP_EBX(%ecx)
  mov %esi, JUMP_ESI(%ecx)
  mov %edi, JUMP_EDI(%ecx)
  mov %ebp, JUMP_EBP(%ecx)
  lea 4(%esp), %eax
  mov %eax, JUMP_ESP(%ecx)
  mov (%esp), %eax
  mov %eax, JUMP_EIP(%ecx)
  mov %fs:0, %eax
  mov %eax, JUMP_EXCEPTION_LIST(%ecx)
.endm

.global SetJump
SetJump:
  save_registers
  xor %eax, %eax
  ret

.global LongJump
LongJump:
  mov %ecx, %esi                /* buffer */
  mov %edx, %edi                /* value */
  mov JUMP_ESP(%esi), %ecx
  mov $TRUTH_DOOR_UNWIND, %eax
  int $0x2d
  mov JUMP_EXCEPTION_LIST(%esi), %eax
  mov %eax, %fs:0
  mov %edi, %eax
  test %eax, %eax
  jnz 1f
  inc %eax
1:mov JUMP_EIP(%esi), %ecx
  mov JUMP_EBX(%esi), %ebx
  mov JUMP_EDI(%esi), %edi
  mov JUMP_EBP(%esi), %ebp
  mov JUMP_ESP(%esi), %esp
  mov JUMP_ESI(%esi), %esi
  jmp *%ecx

/* struct try_frame: a registration (next, handler), then a jump_buffer */
#define TRY_HANDLER 4
#define TRY_JUMP 8

/*
 * The buffer gets the exception list as it was before, so that the jump out of the handler takes the
 * registration off the list, too.
 */
.global TryBegin
TryBegin:
  mov %ecx, %edx
  add $TRY_JUMP, %ecx
  save_registers
  mov %eax, (%edx)
  movl $RtlpTryHandler, TRY_HANDLER(%edx)
  mov %edx, %fs:0
  xor %eax, %eax
  ret
