/** Where the kernel's image is, found without knowing the kernel: from what the processor must know of it. */
import type { GuestCpu } from '../cpu.ts';

/** An image is within this distance of any of its functions; the largest that distributions build are half of it. */
const REACH = 48 << 20;
/** PAGE_OFFSET is a multiple of this, whatever the split of the address space (arch/x86/Kconfig, VMSPLIT_…). */
const SPLIT = 0x8000000;

const PAGE_FAULT = 14;
const GATE_PRESENT = 0x80;

/** RAM around a kernel function, and where the kernel maps it. */
export interface ImageWindow {
  /** Virtual minus physical address. */
  readonly pageOffset: number;
  /** Guest physical address of the first byte. */
  readonly physical: number;
  /** A view, good until the guest goes on. */
  readonly bytes: Uint8Array;
}

/** The page fault handler, from the interrupt descriptor table; 0 if there is none (Intel SDM vol. 3A, 6.11). */
export function pageFaultHandler(cpu: GuestCpu): number {
  const { base, limit } = cpu.idt;
  if (!cpu.paging || base === 0 || limit < 8 * PAGE_FAULT + 7) return 0;
  const low = cpu.memory.u32(base + 8 * PAGE_FAULT);
  const high = cpu.memory.u32(base + 8 * PAGE_FAULT + 4);
  if (low === undefined || high === undefined || ((high >>> 8) & GATE_PRESENT) === 0) return 0;
  return ((high & 0xffff0000) | (low & 0xffff)) >>> 0;
}

/** What is in RAM around a kernel function; undefined if it is not mapped as Linux maps its image. */
export function imageAround(cpu: GuestCpu, handler: number): ImageWindow | undefined {
  const at = cpu.memory.translate(handler);
  if (handler === 0 || at < 0) return undefined;
  const pageOffset = handler - at;
  if (pageOffset < SPLIT || pageOffset % SPLIT !== 0) return undefined;
  const physical = Math.max(0, (at & ~4095) - REACH);
  return { pageOffset, physical, bytes: cpu.physical.bytes(physical, at + REACH - physical) };
}

/** What `linux_banner` (init/version.c) says. */
export interface Banner {
  /** As `uname -r`. */
  readonly release: string;
  /** The whole line, in each form that the image has: one may be without the number of the build. */
  readonly lines: readonly string[];
}

/** Undefined if it is not in these bytes. */
export function kernelBanner(image: Uint8Array): Banner | undefined {
  const bytes = Buffer.from(image.buffer, image.byteOffset, image.byteLength);
  const lines: string[] = [];
  let release: string | undefined;
  for (let at = 0; lines.length < 8; at++) {
    at = bytes.indexOf('Linux version ', at, 'latin1');
    if (at < 0) break;
    const end = bytes.indexOf(0, at);
    if (end < 0 || end - at > 1024) continue;
    const line = bytes.toString('latin1', at, end);
    const found = /^Linux version (\d+\.\d+[^\s%]*) \(.*\n$/.exec(line)?.[1];
    release ??= found;
    if (found !== undefined && found === release) lines.push(line);
  }
  return release === undefined ? undefined : { release, lines };
}
