/** A program for Linux whose execution is known instruction by instruction, made of bytes. */

/** Where its one part is mapped, and where its code begins, bytes from there. */
export const LOOP_BASE = 0x08048000;
export const LOOP_CODE = 0x54;

/**
 * A 32-bit ELF executable (System V ABI: ELF header, one program header) with this code:
 *
 *         mov  ecx, rounds
 *   next: dec  ecx
 *         jnz  next
 *         xor  ebx, ebx
 *         xor  eax, eax
 *         inc  eax
 *         int  0x80          ; exit(0)
 */
export function loopProgram(rounds: number): Uint8Array {
  const code = [0xb9, 0, 0, 0, 0, 0x49, 0x75, 0xfd, 0x31, 0xdb, 0x31, 0xc0, 0x40, 0xcd, 0x80];
  const bytes = new Uint8Array(LOOP_CODE + code.length);
  const view = new DataView(bytes.buffer);
  const words = (at: number, ...values: number[]): void => {
    for (const [i, value] of values.entries()) view.setUint32(at + 4 * i, value, true);
  };
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 1, 1, 1]);
  // ET_EXEC and EM_386, version, entry, program headers, section headers, flags.
  words(0x10, 0x0003_0002, 1, LOOP_BASE + LOOP_CODE, 0x34, 0, 0);
  // Sizes of this header and of a program header, which there is one of.
  words(0x28, 0x0020_0034, 1, 0);
  // PT_LOAD: offset, virtual and physical address, size in file and memory, read and execute, alignment.
  words(0x34, 1, 0, LOOP_BASE, LOOP_BASE, bytes.length, bytes.length, 5, 0x1000);
  bytes.set(code, LOOP_CODE);
  view.setUint32(LOOP_CODE + 1, rounds, true);
  return bytes;
}

/**
 * What may be seen of one run: offsets from the base, executions, instructions of each. The interpreter goes on to the next
 * branch; compiled code has a block wherever a branch leads.
 */
export const loopBlocks = (
  rounds: number,
): readonly [offset: number, executions: number, instructions: number][][] => [
  [
    [LOOP_CODE, 1, 3],
    [LOOP_CODE + 5, rounds - 1, 2],
    [LOOP_CODE + 8, 1, 4],
  ],
  [
    [LOOP_CODE, 1, 1],
    [LOOP_CODE + 5, rounds, 2],
    [LOOP_CODE + 8, 1, 4],
  ],
];
