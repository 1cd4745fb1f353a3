/*
 * RtlCloneUserProcess(HANDLE *Process, HANDLE *Thread): all that has to be the same in both processes waits
 * on the stack while process.c makes the copy; and since the copy of the address space has the copy of the
 * stack, the new thread needs no more than this ESP to return from here, too, with the other result in EAX.
 */
.text
.global RtlCloneUserProcess
RtlCloneUserProcess:
  push %ebp
  push %ebx
  push %esi
  push %edi
  pushl %fs:0                   /* the copy has a new TEB, whose exception list is empty */
  mov %esp, %eax
  push %eax
  pushl 28(%eax)                /* Thread */
  pushl 24(%eax)                /* Process */
  call RtlpCloneProcess
.global RtlpCloneReturn
RtlpCloneReturn:
  popl %fs:0
  pop %edi
  pop %esi
  pop %ebx
  pop %ebp
  ret $8
