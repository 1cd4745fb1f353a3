/** The images that NT has loaded: the kernel's list, a process's (PEB.Ldr), and their exports. */
import type { VirtualMemory } from '../memory.ts';
import type { ModuleInfo } from '../os.ts';
import { walkList } from './list.ts';
import {
  findImageBelow,
  isCode,
  type PeExport,
  type PeExports,
  type PeImage,
  readExports,
  readPeImage,
} from './pe.ts';

const MOST_MODULES = 1024;
/** Bytes of a path that are read. */
const LONGEST_PATH = 2048;
/** Images whose exports are remembered. */
const REMEMBERED = 512;
/** Pages of ntdll below the entry that KUSER_SHARED_DATA tells of. */
const NTDLL_PAGES = 512;

/** Offsets in LDR_DATA_TABLE_ENTRY (KLDR_DATA_TABLE_ENTRY in the kernel), the same in all NT. */
const Entry = { base: 0x18, size: 0x20, path: 0x24, name: 0x2c } as const;
/** Offsets in PEB and PEB_LDR_DATA. */
const Peb = { imageBase: 8, loader: 0xc, loadOrder: 0xc } as const;
/** KUSER_SHARED_DATA.SystemCall, in user space: where ntdll's stubs go. */
const SYSTEM_CALL = 0x7ffe_0300;

/** The modules of a list of LDR_DATA_TABLE_ENTRY, linked by their first field. */
export function* listedModules(memory: VirtualMemory, head: number): Generator<ModuleInfo> {
  for (const entry of walkList(memory, head, MOST_MODULES)) {
    const base = memory.u32(entry + Entry.base);
    const size = memory.u32(entry + Entry.size);
    if (base === undefined || base === 0 || size === undefined || size === 0) continue;
    if (base + size > 2 ** 32) continue;
    const path = text(memory, entry + Entry.path);
    const name = text(memory, entry + Entry.name) ?? path?.slice(path.lastIndexOf('\\') + 1);
    if (name) yield { name, base, size, path };
  }
}

function text(memory: VirtualMemory, at: number): string | undefined {
  if ((memory.u16(at) ?? 0) > LONGEST_PATH) return undefined;
  return memory.unicodeString(at) || undefined;
}

/**
 * The modules of a process in its own address space. Before its loader has made a list: the program, and ntdll by the entry
 * that the kernel has published.
 */
export function processModules(memory: VirtualMemory, peb: number, imageName: string): readonly ModuleInfo[] {
  const loader = memory.u32(peb + Peb.loader);
  if (loader) {
    const listed = [...listedModules(memory, loader + Peb.loadOrder)];
    if (listed.length > 0) return listed;
  }
  const modules: ModuleInfo[] = [];
  const base = memory.u32(peb + Peb.imageBase);
  const program = base === undefined ? undefined : readPeImage(memory, base);
  if (program) modules.push({ name: imageName, base: program.base, size: program.size, path: undefined });
  const entry = memory.u32(SYSTEM_CALL);
  if (entry) {
    const ntdll = findImageBelow(memory, entry, NTDLL_PAGES, () => true);
    const name = ntdll && readExportName(memory, ntdll);
    if (ntdll && name && ntdll.base !== program?.base)
      modules.push({ name, base: ntdll.base, size: ntdll.size, path: undefined });
  }
  return modules;
}

function readExportName(memory: VirtualMemory, image: PeImage): string | undefined {
  return image.exports && readExports(memory, image).module;
}

/** An image and what it exports. */
export interface LoadedImage {
  readonly image: PeImage;
  readonly exports: PeExports;
}

/** The exports of images that have been read; what was not all there is read again. */
export class ExportCache {
  private readonly images = new Map<string, LoadedImage>();

  /** The image of a module in the address space `memory`; undefined if there is none at its base. */
  get(memory: VirtualMemory, module: ModuleInfo): LoadedImage | undefined {
    const image = readPeImage(memory, module.base);
    if (image === undefined) return undefined;
    // The same file is at the same place in many processes; another one there has other headers or another name.
    const key = `${module.name}\0${module.path}\0${module.base}\0${image.identity}`;
    const known = this.images.get(key);
    if (known !== undefined) return known;
    const loaded = { image, exports: readExports(memory, image) };
    if (loaded.exports.complete) {
      if (this.images.size >= REMEMBERED) this.images.clear();
      this.images.set(key, loaded);
    }
    return loaded;
  }
}

/** The last of some functions, sorted by address, that begins at or before an address; of several there the first. */
export function lastAtOrBefore<T extends { readonly address: number }>(
  exports: readonly T[],
  address: number,
): T | undefined {
  let low = 0;
  let high = exports.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (exports[middle]!.address <= address) low = middle + 1;
    else high = middle;
  }
  let index = low - 1;
  while (index > 0 && exports[index - 1]!.address === exports[index]!.address) index--;
  return exports[index];
}

/** The exports with a name that are code. */
export function* namedCode({ image, exports }: LoadedImage): Generator<PeExport & { readonly name: string }> {
  for (const { name, ordinal, address } of exports.exports)
    if (name !== undefined && isCode(image, address)) yield { name, ordinal, address };
}
