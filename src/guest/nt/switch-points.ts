/**
 * Where the kernel goes from one thread to another: the instructions that store to KPCR.CurrentThread, found by their machine
 * code. In all i386 builds that is `mov [ebx+124h], esi` in SwapContext; a kernel for one processor may also store by FS or
 * by the KPCR's fixed address.
 */
import type { VirtualMemory } from '../memory.ts';
import { Pcr } from './kernel.ts';
import type { PeImage } from './pe.ts';

/** Code of a kernel: less than this. */
const MOST_BYTES = 0x100_0000;

/**
 * The addresses of the instructions after such stores. There may be some too many among them, of stores to other structures
 * that have a field at that offset: whoever stops there asks who is current.
 */
export function findSwitchPoints(memory: VirtualMemory, image: PeImage, pcr: number): readonly number[] {
  const found = new Set<number>();
  // The switch never waits for a page: it is not in pageable code, nor in what is thrown away after the start.
  const resident = image.sections.filter((s) => s.executable && !/^(PAGE|INIT)/.test(s.name));
  const ranges = resident.length > 0 ? resident : [{ address: image.base, size: image.size }];
  for (const { address, size } of ranges) {
    const end = address + Math.min(size, MOST_BYTES);
    for (let at = address; at < end; ) {
      const code = memory.bytes(at, end - at);
      scan(code, at, pcr, found);
      // Go on behind an absent page.
      at = ((at + code.length + 0x1000) & ~0xfff) >>> 0;
    }
  }
  return [...found].sort((a, b) => a - b);
}

/** Intel SDM 2A, 2.1 and MOV: 89 /r stores a register, A3 stores EAX. */
function scan(code: Uint8Array, base: number, pcr: number, found: Set<number>): void {
  const view = new DataView(code.buffer, code.byteOffset, code.length);
  const field = Pcr.currentThread;
  for (let i = 0; i + 4 <= code.length; i++) {
    const displacement = view.getUint32(i, true);
    if (displacement !== field && displacement !== pcr + field) continue;
    const last = i > 0 ? code[i - 1]! : 0;
    const opcode = i > 1 ? code[i - 2]! : 0;
    const prefix = i > 2 ? code[i - 3]! : 0;
    // ModRM.mod = 00, rm = 101: an absolute address.
    const absolute = last === 0xa3 || (opcode === 0x89 && (last & 0xc7) === 0x05);
    const byFs = last === 0xa3 ? opcode === 0x64 : prefix === 0x64;
    // mod = 10: a register and 32 bits; rm = 100 would have another byte in between.
    const byRegister = opcode === 0x89 && last >>> 6 === 2 && (last & 7) !== 4;
    if (displacement === field ? byRegister || (absolute && byFs) : absolute) found.add(base + i + 4);
  }
}
