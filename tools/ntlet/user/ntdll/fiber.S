/*
 * FiberSwitch(from, to): leaves its caller on one stack and returns to its caller on another. What belongs to
 * a stack (the registers that a function must preserve, and the TEB's exception list and stack bounds) waits
 * on that stack itself; the fiber is no more than where its top is.
 */
#define TRUTH_DOOR_FIBER 0x4e540005 /* nt.h */

/* struct fiber */
#define FIBER_ESP 0
#define FIBER_NUMBER 4

/* TEB */
#define TEB_EXCEPTION_LIST 0x00
#define TEB_STACK_BASE 0x04
#define TEB_STACK_LIMIT 0x08
#define TEB_FIBER_DATA 0x10

.text
.global FiberSwitch
FiberSwitch:
  push %ebp
  push %ebx
  push %esi
  push %edi
  mov 20(%esp), %esi            /* from */
  mov 24(%esp), %edi            /* to */
  pushl %fs:TEB_EXCEPTION_LIST
  pushl %fs:TEB_STACK_BASE
  pushl %fs:TEB_STACK_LIMIT
  mov FIBER_NUMBER(%edi), %ecx
  mov $TRUTH_DOOR_FIBER, %eax
  int $0x2d
  mov %esp, FIBER_ESP(%esi)
  mov FIBER_ESP(%edi), %esp     /* here the thread changes its stack */
  popl %fs:TEB_STACK_LIMIT
  popl %fs:TEB_STACK_BASE
  popl %fs:TEB_EXCEPTION_LIST
  mov %edi, %fs:TEB_FIBER_DATA
  pop %edi
  pop %esi
  pop %ebx
  pop %ebp
  ret $8

/* Where a new fiber's first switch returns to (fiber.c). ESP -> start routine, argument. */
.global RtlpFiberStart
RtlpFiberStart:
  pop %eax
  call *%eax
  push $0
  call RtlExitUserThread
