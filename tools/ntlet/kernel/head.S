/*
 * The beginning of the image: PE headers that name it ntoskrnl.exe, the Multiboot header (in the place of a PE's DOS
 * stub) by which an emulator or GRUB loads it, and the way from there into paged memory.
 */
#define PHYSICAL(address) (address - 0x80000000)
#define PE_BASE 0x80400000
#define PE_ENTRY KiSystemStartup
#define PE_DLL 1
#define PE_NAME "ntoskrnl.exe"
#define PE_EXPORTS "../kernel/exports.h"
#define MULTIBOOT_FLAGS 0x00010003
#define PE_STUB                                                                          \
  .balign 4;                                                                             \
multiboot_header:                                                                        \
  .long 0x1badb002, MULTIBOOT_FLAGS, -(0x1badb002 + MULTIBOOT_FLAGS);                    \
  .long PHYSICAL(multiboot_header), PHYSICAL(image_start), PHYSICAL(load_end);           \
  .long PHYSICAL(image_end), PHYSICAL(start);
#include "pe.inc"

.text
.global start, KiBootDirectory, KiBootStack
start:
  cli
  cld
  /* 4 MiB pages: physical memory at 0 for the next few instructions, and at 0x80000000 for good (SDM 3A 4.3). */
  mov $PHYSICAL(KiBootDirectory), %edi
  mov $0x83, %eax
  mov $8, %ecx
1: mov %eax, (%edi)
  mov %eax, 0x800(%edi)
  add $0x400000, %eax
  add $4, %edi
  loop 1b
  mov $PHYSICAL(KiBootDirectory), %eax
  mov %eax, %cr3
  mov %cr4, %eax
  or $0x10, %eax
  mov %eax, %cr4
  mov %cr0, %eax
  or $0x80000000, %eax
  mov %eax, %cr0
  mov $2f, %eax
  jmp *%eax
2: mov $KiBootStack, %esp
  xor %ebp, %ebp
  call KiSystemStartup
3: cli
  hlt
  jmp 3b

.bss
.balign 4096
KiBootDirectory: .skip 4096
.skip 8192
KiBootStack:
