/** Where NT's kernel is in memory: its processor control region, its image, its version. */
import type { GuestCpu } from '../cpu.ts';
import type { VirtualMemory } from '../memory.ts';
import { isKernelAddress } from './list.ts';
import { exportedModuleName, findExport, findImageBelow, type PeImage, readPeImage } from './pe.ts';

const PAGE = 4096;
/** KGDT_R0_PCR: the selector of the KPCR in the kernel, on all i386 builds. */
const PCR_SELECTOR = 0x30;
/** Where the KPCR is on a single processor up to NT 5.2. */
const PCR_ADDRESS = 0xffdf_f000;
/** The kernel's view of KUSER_SHARED_DATA. */
const SHARED_DATA = 0xffdf_0000;
/** The kernel's names: with one processor or more, without PAE or with it. */
const KERNEL_NAMES: ReadonlySet<string> = new Set([
  'ntoskrnl.exe',
  'ntkrnlmp.exe',
  'ntkrnlpa.exe',
  'ntkrpamp.exe',
]);
/** Pages to go down from an address inside the kernel: more than the largest i386 kernel has. */
const KERNEL_PAGES = 4096;
/** Where the boot loader puts the kernel: nowhere else, if it is nowhere here. */
const SCAN = { start: 0x8000_0000, end: 0x9000_0000 } as const;

export interface NtKernel {
  /** KPCR of the processor. */
  readonly pcr: number;
  readonly image: PeImage;
  readonly name: string;
  readonly major: number;
  readonly minor: number;
  readonly build: number;
  /** DBGKD_GET_VERSION64, if the kernel has one. */
  readonly versionBlock: number | undefined;
}

/** Offsets in the KPCR, the same on all i386 builds (KPRCB at 0x120). */
export const Pcr = { self: 0x1c, versionBlock: 0x34, currentThread: 0x124, idleThread: 0x12c } as const;
/** Offsets in DBGKD_GET_VERSION64 (wdbgexts.h); pointers there are sign-extended to 64 bits. */
const Version = { minor: 2, machine: 8, kernelBase: 0x10, modules: 0x18 } as const;

/** The processor's KPCR; undefined if there is none, which is found out in a few reads. */
function findPcr(cpu: GuestCpu): number | undefined {
  const { memory } = cpu;
  const { base, limit } = cpu.gdt;
  if (limit >= PCR_SELECTOR + 7) {
    // Segment descriptor: Intel SDM 3A, 3.4.5.
    const low = memory.u32(base + PCR_SELECTOR);
    const high = memory.u32(base + PCR_SELECTOR + 4);
    if (low !== undefined && high !== undefined) {
      const pcr = ((low >>> 16) | ((high & 0xff) << 16) | (high & 0xff00_0000)) >>> 0;
      if (isPcr(memory, pcr)) return pcr;
    }
  }
  return isPcr(memory, PCR_ADDRESS) ? PCR_ADDRESS : undefined;
}

function isPcr(memory: VirtualMemory, pcr: number): boolean {
  return isKernelAddress(pcr) && memory.u32(pcr + Pcr.self) === pcr;
}

/**
 * The kernel, if one runs. Without paging or a KPCR the answer comes at once; else the image is looked for from where the
 * debugger's data, SYSENTER and the interrupt handlers point to, and only then page by page.
 */
export function findKernel(cpu: GuestCpu): NtKernel | undefined {
  if (!cpu.paging) return undefined;
  const pcr = findPcr(cpu);
  if (pcr === undefined) return undefined;
  const { memory } = cpu;
  // Before the first thread there is nothing to be found out.
  if (!isKernelAddress(memory.u32(pcr + Pcr.currentThread))) return undefined;
  const versionBlock = findVersionBlock(memory, pcr);
  const image = findImage(cpu, versionBlock);
  if (image === undefined) return undefined;
  const name = exportedModuleName(memory, image) ?? 'ntoskrnl.exe';
  const number = findExport(memory, image, 'NtBuildNumber');
  const build = number === undefined ? undefined : memory.u32(number);
  const major = memory.u32(SHARED_DATA + 0x26c);
  const minor = memory.u32(SHARED_DATA + 0x270);
  if (build === undefined || major === undefined || minor === undefined) return undefined;
  // The upper bits say whether it is a free or a checked build.
  return { pcr, image, name, major, minor, build: build & 0xffff, versionBlock };
}

/** Whether the clock has ticked: structures that make no sense after that, never will. */
export function clockRuns(memory: VirtualMemory): boolean {
  // KUSER_SHARED_DATA: TickCountLow (up to NT 5.1), InterruptTime, TickCount (from NT 5.2 on).
  return [0, 8, 0x320].some((offset) => (memory.u32(SHARED_DATA + offset) ?? 0) !== 0);
}

function findVersionBlock(memory: VirtualMemory, pcr: number): number | undefined {
  const block = memory.u32(pcr + Pcr.versionBlock);
  if (!isKernelAddress(block)) return undefined;
  return memory.u16(block + Version.machine) === 0x14c ? block : undefined;
}

/** The head of the list of the kernel's modules, as its debugger's data have it. */
export function loadedModuleList(memory: VirtualMemory, kernel: NtKernel): number | undefined {
  const { versionBlock } = kernel;
  const head =
    versionBlock === undefined
      ? findExport(memory, kernel.image, 'PsLoadedModuleList')
      : memory.u32(versionBlock + Version.modules);
  return isKernelAddress(head) ? head : undefined;
}

function findImage(cpu: GuestCpu, versionBlock: number | undefined): PeImage | undefined {
  const { memory } = cpu;
  const isKernel = (image: PeImage): boolean =>
    KERNEL_NAMES.has((exportedModuleName(memory, image) ?? '').toLowerCase());
  const base = versionBlock === undefined ? undefined : memory.u32(versionBlock + Version.kernelBase);
  if (isKernelAddress(base)) {
    const image = readPeImage(memory, base);
    if (image && isKernel(image)) return image;
  }
  for (const address of entryPoints(cpu)) {
    const image = findImageBelow(memory, address, KERNEL_PAGES, isKernel);
    if (image) return image;
  }
  for (let at = SCAN.start; at < SCAN.end; at += PAGE) {
    const image = readPeImage(memory, at);
    if (image && isKernel(image)) return image;
  }
  return undefined;
}

/** Addresses in the kernel's code: SYSENTER's, `int 2Eh`'s and the page fault handler's. */
function entryPoints(cpu: GuestCpu): number[] {
  const { base, limit } = cpu.idt;
  const handler = (vector: number): number | undefined => {
    if (limit < 8 * vector + 7) return undefined;
    const low = cpu.memory.u16(base + 8 * vector);
    const high = cpu.memory.u16(base + 8 * vector + 6);
    return low === undefined || high === undefined ? undefined : ((high << 16) | low) >>> 0;
  };
  return [cpu.sysenterEip, handler(0x2e), handler(0x0e)].filter(isKernelAddress);
}
