/** What is mapped into a process, and the functions in it. */

import type { GuestFunction, ModuleInfo, ProcessInfo } from '../os.ts';
import { matches } from '../pattern.ts';
import { type ElfFunctions, type ElfSymbol, elfFunctions, type Mapping } from './elf.ts';
import type { Files } from './files.ts';
import type { KernelMemory } from './kernel-memory.ts';
import type { Layout } from './layout.ts';
import type { Tasks } from './tasks.ts';

/** Whether a module is meant: `libc.so.6`, `libc`, `lib*`. @param pattern in lower case */
function isMeant(pattern: string, name: string): boolean {
  const lower = name.toLowerCase();
  return matches(pattern, lower) || matches(pattern, lower.replace(/\.so(\.\d+)*$/, ''));
}

/** A file that is mapped. */
interface MappedFile {
  readonly path: string;
  /** The address of its inode in the kernel. */
  readonly inode: number;
  readonly base: number;
  end: number;
}

/** Processes whose memory is looked into for pages of a module that one does not have. */
const MOST_OTHERS = 64;
/** Processes of which it is looked at whether they have the module: the youngest. */
const MOST_TRIED = 512;

export class ProcessModules {
  private readonly memory: KernelMemory;
  private readonly layout: Layout;
  private readonly files: Files;
  private readonly tasks: Tasks;
  /** Modules whose symbols were not all in memory when they were asked for. */
  readonly incomplete = new Set<string>();

  constructor(memory: KernelMemory, layout: Layout, files: Files, tasks: Tasks) {
    this.memory = memory;
    this.layout = layout;
    this.files = files;
    this.tasks = tasks;
  }

  private mapped(space: number): MappedFile[] {
    const fileAt = this.layout.offsets['vma.vm_file'];
    const areas = fileAt === undefined ? undefined : this.layout.areas(space);
    if (fileAt === undefined || areas === undefined) return [];
    const found: MappedFile[] = [];
    for (const { address, start, end } of areas) {
      const file = this.memory.u32(address + fileAt);
      const inode = this.memory.isPointer(file) ? this.files.inode(file) : undefined;
      if (inode === undefined || !this.memory.isPointer(file)) continue;
      const last = found.at(-1);
      if (last?.inode === inode) {
        last.end = end;
        continue;
      }
      const described = this.files.describe(file);
      if (described?.kind !== 'file' || described.name === undefined) continue;
      found.push({ path: described.name, inode, base: start, end });
    }
    return found;
  }

  /** The files that are mapped, each from its first to its last byte, in the order of addresses. */
  list(space: number): ModuleInfo[] {
    return this.mapped(space).map(asModule);
  }

  /** @param modulePattern in lower case; undefined: all */
  functions(
    process: ProcessInfo,
    space: number,
    modulePattern: string | undefined,
    namePattern: string,
  ): GuestFunction[] {
    const found = new Map<number, GuestFunction>();
    for (const file of this.mapped(space)) {
      const module = asModule(file);
      if (modulePattern !== undefined && !isMeant(modulePattern, module.name)) continue;
      for (const { name, offset } of this.symbols(process, file).functions) {
        const address = (module.base + offset) >>> 0;
        if (!matches(namePattern, name) || found.has(address)) continue;
        found.set(address, {
          name,
          address,
          module: module.name,
          signature: { convention: 'cdecl', parameters: undefined, words: undefined },
          systemCall: undefined,
          neverReturns: false,
          asid: process.asid,
        });
      }
    }
    return [...found.values()];
  }

  private symbols({ asid }: ProcessInfo, file: MappedFile): ElfFunctions {
    if (asid === undefined) return { functions: [], complete: false };
    const own = { memory: this.memory.cpu.memory.in(asid), base: file.base };
    const found = elfFunctions([own]);
    if (found.complete) return found;
    const all = elfFunctions([own, ...this.others(asid, file)]);
    if (!all.complete) this.incomplete.add(file.path);
    return all;
  }

  /** The functions of a module that `list` has. */
  moduleSymbols(
    process: ProcessInfo,
    space: number,
    module: ModuleInfo,
  ): { symbols: readonly ElfSymbol[]; complete: boolean } {
    const file = this.mapped(space).find(({ base, path }) => base === module.base && path === module.path);
    if (file === undefined) return { symbols: [], complete: false };
    const { functions, complete } = this.symbols(process, file);
    return { symbols: functions, complete };
  }

  /** Where else a file is mapped. */
  private others(asid: number, { inode }: MappedFile): Mapping[] {
    const found: Mapping[] = [];
    for (const leader of this.tasks.leaders().slice(-MOST_TRIED)) {
      const space = this.tasks.space(leader);
      const other = this.tasks.asid(leader);
      if (space === undefined || other === undefined || other === asid) continue;
      const same = this.mapped(space).find((file) => file.inode === inode);
      if (same !== undefined) found.push({ memory: this.memory.cpu.memory.in(other), base: same.base });
      if (found.length >= MOST_OTHERS) break;
    }
    return found;
  }

  symbolAt(
    process: ProcessInfo,
    space: number,
    address: number,
  ): { module: string; name: string } | undefined {
    const file = this.mapped(space).find(({ base, end }) => address >= base && address < end);
    if (file === undefined) return undefined;
    const place = address - file.base;
    let nearest: ElfSymbol | undefined;
    for (const symbol of this.symbols(process, file).functions) {
      const { offset, size } = symbol;
      if (offset <= place && place < offset + Math.max(size, 1) && offset >= (nearest?.offset ?? 0)) {
        nearest = symbol;
      }
    }
    return {
      module: asModule(file).name,
      name: withOffset(nearest?.name ?? '', place - (nearest?.offset ?? 0)),
    };
  }
}

const asModule = ({ path, base, end }: MappedFile): ModuleInfo => ({
  name: path.slice(path.lastIndexOf('/') + 1),
  base,
  size: end - base,
  path,
});

/** `name+0x12`, or `name`; `+0x12` in a module where nothing has a name. */
export const withOffset = (name: string, offset: number): string =>
  offset === 0 && name !== '' ? name : `${name}+0x${offset.toString(16)}`;
