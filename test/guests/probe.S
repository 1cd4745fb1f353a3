/* Entry of the probe guest: multiboot header with address fields, stack, interrupt stubs. */
.set FLAGS, 0x00010003
.section .multiboot, "ax"
.align 4
header:
  .long 0x1BADB002, FLAGS, -(0x1BADB002 + FLAGS)
  .long header, 0x100000, 0, _end, start
.text
.global start, load_idt, timer_stub, fault_stub, self_modify
start:
  cli
  mov $stack_top, %esp
  lgdt gdt_pointer
  ljmp $8, $1f
1: mov $16, %ax
  mov %ax, %ds
  mov %ax, %es
  mov %ax, %fs
  mov %ax, %gs
  mov %ax, %ss
  call guest_main
2: cli
  hlt
  jmp 2b
timer_stub:
  pusha
  call on_timer
  popa
  iret
fault_stub:
  pusha
  call on_fault
  popa
  iret
/* Adds the byte in its own second instruction, which it changes on every call. */
self_modify:
  mov 4(%esp), %eax
  .global patched
  .byte 0x83, 0xc0
patched:
  .byte 0x01
  incb patched
  ret
.align 8
gdt:
  .quad 0, 0x00cf9b000000ffff, 0x00cf93000000ffff
gdt_pointer:
  .word 23
  .long gdt
.bss
.align 16
.skip 16384
stack_top:
