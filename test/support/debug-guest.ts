/**
 * A guest that writes to I/O port 0xE9 in every width and manner, as bytes, so that the tests need no assembler: data
 * of the test's choice with one `rep outsd`, single bytes and words, a loop that gets compiled, and the time stamp
 * counter, which no replay could guess. It prints "ready", waits for a key, writes that key and more data, prints
 * "done" and halts.
 *
 *     # as --32 guest.S -o guest.o; ld -m elf_i386 -Ttext 0x100000 --oformat binary guest.o -o guest.bin
 *     .code32
 *     .globl _start
 *     _start:
 *     header:
 *       .long 0x1badb002, 0x10000, -(0x1badb002 + 0x10000)
 *       .long header, header, 0, 0, start
 *     first:  .long 0, 0
 *     second: .long 0, 0
 *     loops:  .long 0
 *     start:
 *       mov $0x200000, %esp
 *       cld
 *       mov $0xe9, %edx
 *       mov first, %esi
 *       mov first + 4, %ecx
 *       rep outsl
 *       mov $0x41, %al
 *       out %al, %dx
 *       mov $0x4342, %ax
 *       out %ax, %dx
 *       mov loops, %ecx
 *     1: mov %ecx, %eax
 *       out %eax, %dx
 *       out %al, %dx
 *       dec %ecx
 *       jns 1b
 *       rdtsc
 *       mov $0xe9, %edx
 *       out %eax, %dx
 *       mov $ready, %esi
 *       call print
 *       mov $0x3fd, %edx
 *     2: in (%dx), %al
 *       test $1, %al
 *       jz 2b
 *       mov $0x3f8, %edx
 *       in (%dx), %al
 *       mov $0xe9, %edx
 *       out %al, %dx
 *       mov second, %esi
 *       mov second + 4, %ecx
 *       rep outsl
 *       mov $done, %esi
 *       call print
 *       cli
 *       hlt
 *     print:
 *       mov $0x3f8, %edx
 *     3: lodsb
 *       out %al, %dx
 *       cmp $10, %al
 *       jne 3b
 *       ret
 *     ready: .ascii "ready\r\n"
 *     done: .ascii "done\r\n"
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadImages } from '../../src/machine/images.ts';
import { loadMachine } from '../../src/machine/machine.ts';
import { Recording, type RecordingResult } from '../../src/record/recording.ts';

const program =
  '02b0ad1b00000100fe4f51e4000010000000100000000000000000003400100000000000000000000000000000000000' +
  '00000000bc00002000fcbae90000008b35200010008b0d24001000f36fb041ee66b8424366ef8b0d3000100089c8efee' +
  '4979f90f31bae9000000efbeb1001000e830000000bafd030000eca80174fbbaf8030000ecbae9000000ee8b35280010' +
  '008b0d2c001000f36fbeb8001000e802000000faf4baf8030000acee3c0a75fac372656164790d0a646f6e650d0a';

const LOAD = 0x10_0000;
/** Where the program looks for what to write. */
const at = { first: 0x20, second: 0x28, loops: 0x30 };

export interface DebugGuest {
  /** Written before "ready"; a whole number of 32-bit words. */
  readonly first?: Uint8Array;
  /** Written after the key. */
  readonly second?: Uint8Array;
  /** Turns of the loop, 1 or more. */
  readonly turns?: number;
}

/** The guest as a Multiboot image. */
export function debugImage({ first = new Uint8Array(0), second = first, turns = 1 }: DebugGuest): Uint8Array {
  const code = Buffer.from(program, 'hex');
  const start = (code.length + 3) & ~3;
  const image = new Uint8Array(start + first.length + second.length);
  image.set(code);
  image.set(first, start);
  image.set(second, start + first.length);
  const view = new DataView(image.buffer);
  view.setUint32(at.first, LOAD + start, true);
  view.setUint32(at.first + 4, first.length / 4, true);
  view.setUint32(at.second, LOAD + start + first.length, true);
  view.setUint32(at.second + 4, second.length / 4, true);
  view.setUint32(at.loops, turns - 1, true);
  return image;
}

/** What the loop writes, five bytes a turn. */
export function loopBytes(turns: number): Uint8Array {
  const bytes = new Uint8Array(5 * turns);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < turns; i++) {
    view.setUint32(5 * i, turns - 1 - i, true);
    bytes[5 * i + 4] = turns - 1 - i;
  }
  return bytes;
}

/** Writes image and machine file, and returns the latter's path. */
export function debugMachine(
  folder: string,
  guest: DebugGuest,
  extra: Record<string, unknown> = {},
  name = 'debug',
): string {
  writeFileSync(join(folder, `${name}.bin`), debugImage(guest));
  const path = join(folder, `${name}.json`);
  const boot = { kind: 'multiboot', image: `${name}.bin` };
  const machine = { name, memory: 32, boot, nic: { model: 'none' }, prompt: 'ready', ...extra };
  writeFileSync(path, JSON.stringify(machine));
  return path;
}

/** Records the guest from power-on until it halts; its key is `k`. */
export async function recordDebugGuest(
  folder: string,
  guest: DebugGuest,
  options: { output?: string; machine?: Record<string, unknown> } = {},
): Promise<RecordingResult> {
  const machine = await loadMachine(debugMachine(folder, guest, options.machine));
  const images = await loadImages(machine);
  const output = options.output ?? join(folder, 'debug.rebek');
  const recording = await Recording.start({ machine, images, output });
  recording.sendSerial(0, Uint8Array.of(0x6b));
  const { reason, note } = await recording.ended;
  return recording.finish(reason, note);
}
