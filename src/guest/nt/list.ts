/** NT's doubly linked lists (LIST_ENTRY: Flink, Blink) in guest memory that may be garbage. */
import type { VirtualMemory } from '../memory.ts';

/** Whether an address can be one of the kernel's objects. */
export function isKernelAddress(address: number | undefined): address is number {
  return address !== undefined && address >= 0x8000_0000 && address <= 0xffff_fff0;
}

/**
 * The addresses of the links of a list, from the one after `head`, forwards until the head comes again. Ends early at an
 * absent page, at a link that was there before, and after `most`.
 */
export function* walkList(memory: VirtualMemory, head: number, most: number): Generator<number> {
  const seen = new Set<number>([head]);
  let link = memory.u32(head);
  while (link !== undefined && link !== 0 && !seen.has(link) && seen.size <= most) {
    seen.add(link);
    yield link;
    link = memory.u32(link);
  }
}
