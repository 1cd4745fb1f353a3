/* What C cannot say in busy.c: the two doors into the kernel, vfork, clone, setjmp and stack switching. */
.text
.global _start, sys_int, sys_enter, vfork_exec, clone_thread, set_jump, long_jump, switch_stack, restore_rt, restore
_start:
  mov %esp, %eax
  mov $main_region + 0x10000, %esp
  push %eax
  call start

/* int sys_int(int number, int a, b, c, d, e, f): by int 0x80. */
sys_int:
  push %ebp
  push %ebx
  push %esi
  push %edi
  mov 20(%esp), %eax
  mov 24(%esp), %ebx
  mov 28(%esp), %ecx
  mov 32(%esp), %edx
  mov 36(%esp), %esi
  mov 40(%esp), %edi
  mov 44(%esp), %ebp
  int $0x80
  jmp 1f
/* The same by the vDSO's __kernel_vsyscall: SYSENTER where the CPU has it. */
sys_enter:
  push %ebp
  push %ebx
  push %esi
  push %edi
  mov 20(%esp), %eax
  mov 24(%esp), %ebx
  mov 28(%esp), %ecx
  mov 32(%esp), %edx
  mov 36(%esp), %esi
  mov 40(%esp), %edi
  mov 44(%esp), %ebp
  call *vsyscall
1: pop %edi
  pop %esi
  pop %ebx
  pop %ebp
  ret

/* int vfork_exec(int by_sysenter, path, argv, envp): the child runs on the parent's stack, but below what is there. */
vfork_exec:
  push %ebp
  push %ebx
  push %esi
  push %edi
  mov $190, %eax
  cmpl $0, 20(%esp)
  jne 2f
  int $0x80
  jmp 3f
2: call *vsyscall
3: test %eax, %eax
  jnz 1b
  mov %esp, %ebp
  sub $512, %esp
  mov 24(%ebp), %ebx
  mov 28(%ebp), %ecx
  mov 32(%ebp), %edx
  mov $11, %eax
  call *vsyscall
  mov $127, %ebx
  mov $252, %eax
  int $0x80

/* int clone_thread(int by_sysenter, flags, stack_top, entry, argument, tid_pointer) */
clone_thread:
  push %ebp
  push %ebx
  push %esi
  push %edi
  mov 24(%esp), %ebx
  mov 28(%esp), %ecx
  mov 40(%esp), %edx        /* parent_tid */
  mov %edx, %edi            /* child_tid */
  xor %esi, %esi            /* tls */
  mov 36(%esp), %eax
  mov %eax, -4(%ecx)
  mov 32(%esp), %eax
  mov %eax, -8(%ecx)
  lea -8(%ecx), %ecx
  mov $120, %eax
  cmpl $0, 20(%esp)
  jne 4f
  int $0x80
  jmp 5f
  /* The vDSO's landing pad pops EBP, EDX and ECX off the stack, the child's too, and returns. */
4: movl $5f, -4(%ecx)
  lea -16(%ecx), %ecx
  call *vsyscall
5: test %eax, %eax
  jnz 1b
  xor %ebp, %ebp
  pop %eax                  /* entry; its argument is above */
  call *%eax
  hlt

/* int set_jump(int buffer[6]); long_jump(buffer, value) comes back out of it. */
set_jump:
  mov 4(%esp), %edx
  mov %ebx, (%edx)
  mov %esi, 4(%edx)
  mov %edi, 8(%edx)
  mov %ebp, 12(%edx)
  lea 4(%esp), %ecx
  mov %ecx, 16(%edx)
  mov (%esp), %ecx
  mov %ecx, 20(%edx)
  xor %eax, %eax
  ret
long_jump:
  mov 4(%esp), %edx
  mov 8(%esp), %eax
  mov (%edx), %ebx
  mov 4(%edx), %esi
  mov 8(%edx), %edi
  mov 12(%edx), %ebp
  mov 16(%edx), %esp
  jmp *20(%edx)

/* switch_stack(int *save, int load): leaves this stack at *save and goes on where `load` was left. */
switch_stack:
  mov 4(%esp), %eax
  mov 8(%esp), %edx
  push %ebp
  push %ebx
  push %esi
  push %edi
  mov %esp, (%eax)
  mov %edx, %esp
  pop %edi
  pop %esi
  pop %ebx
  pop %ebp
  ret

/* SA_RESTORER targets; without them the kernel uses the vDSO's. */
restore_rt:
  mov $173, %eax
  int $0x80
restore:
  pop %eax
  mov $119, %eax
  int $0x80

.section .note.GNU-stack, "", @progbits
