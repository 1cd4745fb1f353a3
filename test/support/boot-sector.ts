/**
 * A boot sector that uses a PC's BIOS the way old software does, as bytes, so that the tests need no assembler.
 * It reads its disk, writes to it, asks the clock, counts in text mode while the timer ticks, and reports on COM1.
 *
 *     # as --32 boot.S -o boot.o; ld -m elf_i386 -Ttext 0x7c00 --oformat binary boot.o -o boot.bin
 *     .code16
 *     .globl _start
 *     _start:
 *       xor %ax, %ax
 *       mov %ax, %ds
 *       mov %ax, %es
 *       mov %ax, %ss
 *       mov $0x7c00, %sp
 *       mov %dl, drive           # from the BIOS: 0 floppy, 0x80 disk
 *       mov $0x0003, %ax         # 80x25 text
 *       int $0x10
 *       mov $0x0e52, %ax         # 'R' on the screen
 *       int $0x10
 *       mov $0x0208, %ax         # read 8 sectors from cylinder 0, head 0, sector 2 to 0x8000
 *       call disk
 *       xor %bx, %bx             # their 2048 words' sum
 *       mov $0x8000, %si
 *       mov $2048, %cx
 *     1: lodsw
 *       add %ax, %bx
 *       loop 1b
 *       mov $'s', %al
 *       call report
 *       incw 0x8000              # write the first one back, changed, and read it again
 *       mov $0x0301, %ax
 *       call disk
 *       movw $0, 0x8000
 *       mov $0x0201, %ax
 *       call disk
 *       mov 0x8000, %bx
 *       mov $'w', %al
 *       call report
 *       mov $2, %ah              # the CMOS clock: CH hours, CL minutes, DH seconds, BCD
 *       int $0x1a
 *       mov %dh, %bl
 *       mov %cl, %bh
 *       mov $'c', %al
 *       call report
 *       xor %ah, %ah             # 9 ticks of the timer, counting in the screen's top right corner
 *       int $0x1a
 *       mov %dx, %si
 *       xor %edi, %edi
 *       mov $0xb800, %ax
 *       mov %ax, %gs
 *     2: inc %edi
 *       mov %di, %gs:158
 *       xor %ah, %ah
 *       int $0x1a
 *       sub %si, %dx
 *       cmp $9, %dx
 *       jb 2b
 *       mov %di, %bx
 *       mov $'t', %al
 *       call report
 *       mov $1, %ah              # is there a key? ZF: no
 *       int $0x16
 *       sete %bl
 *       xor %bh, %bh
 *       mov $'k', %al
 *       call report
 *       mov $done, %si
 *     3: lodsb
 *       call serial
 *       cmp $10, %al
 *       jne 3b
 *       cli
 *       hlt
 *     disk:                      # AX: function and count
 *       mov $0x8000, %bx
 *       mov $2, %cx
 *       xor %dh, %dh
 *       mov drive, %dl
 *       int $0x13
 *       jnc 4f
 *       mov %ax, %bx
 *       mov $'!', %al
 *     report:                    # AL, four digits of BX, new line
 *       call serial
 *       mov $4, %cx
 *     5: rol $4, %bx
 *       mov %bl, %al
 *       and $15, %al
 *       add $'0', %al
 *       cmp $'9', %al
 *       jbe 6f
 *       add $39, %al
 *     6: call serial
 *       loop 5b
 *       mov $10, %al
 *     serial:
 *       push %dx
 *       mov $0x3f8, %dx
 *       out %al, %dx
 *       pop %dx
 *     4: ret
 *     done: .ascii "done\n"
 *     drive: .byte 0
 *     .org 510
 *     .word 0xaa55
 */
const program =
  '31c08ed88ec08ed0bc007c8816db7cb80300cd10b8520ecd10b80802e8800031dbbe0080b90008ad01c3e2fbb073e882' +
  '00ff060080b80103e86400c70600800000b80102e858008b1e0080b077e86300b402cd1a88f388cfb063e8560030e4cd' +
  '1a89d66631ffb800b88ee8664765893e9e0030e4cd1a29f283fa0972ee89fbb074e82f00b401cd160f94c330ffb06be8' +
  '2100bed67cace836003c0a75f8faf4bb0080b9020030f68a16db7ccd13732689c3b021e81900b90400c1c30488d8240f' +
  '04303c3976020427e80400e2ecb00a52baf803ee5ac3646f6e650a';

const SECTOR = 512;
const WORDS = 2048;

/** A disk of `size` bytes that starts with the program, and what the program must report of the disk. */
export function bootDisk(size: number): { image: Uint8Array; sum: string; rewritten: string } {
  const image = new Uint8Array(size);
  image.set(Buffer.from(program, 'hex'));
  image.set([0x55, 0xaa], 510);
  const view = new DataView(image.buffer);
  let sum = 0;
  for (let i = 0; i < WORDS; i++) {
    const word = (0x1234 + i * 7919) & 0xffff;
    view.setUint16(SECTOR + 2 * i, word, true);
    sum = (sum + word) & 0xffff;
  }
  const hex = (word: number): string => word.toString(16).padStart(4, '0');
  return { image, sum: hex(sum), rewritten: hex(0x1235) };
}
