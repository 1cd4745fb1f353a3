/**
 * The modules that the kernel has loaded. The list's head is no symbol that every kernel has; but nothing else in its data is
 * a list of structures outside of low memory in which the list is preceded by a small state and followed by a name (Linux:
 * include/linux/module.h, struct module).
 */
import type { ModuleInfo } from '../os.ts';
import type { KernelMemory } from './kernel-memory.ts';
import type { KernelSymbols } from './symbols.ts';

const MOST_MODULES = 4096;
/** MODULE_NAME_LEN on 32 bits. */
const NAME_LENGTH = 60;
const STATES = 4;
/** struct module: state, list, name. */
const LIST = 4;
const NAME = 12;
/** Bytes of a struct module that are searched for where the module is. */
const MODULE_BYTES = 512;
const LARGEST = 64 << 20;
/** Searches that naming an address may cost before there is a module. */
const MOST_ATTEMPTS = 16;
/** Bytes of the kernel's data that are searched. */
const MOST_DATA = 32 << 20;

export class KernelModules {
  private readonly memory: KernelMemory;
  private readonly symbols: KernelSymbols;
  /** Of `modules`; 0 until it is found, which takes a module. */
  private head = 0;
  /** Searches that were made. */
  private attempts = 0;
  /** Of the module's base in its structure, which its size follows. */
  private layout: number | undefined;

  constructor(memory: KernelMemory, symbols: KernelSymbols) {
    this.memory = memory;
    this.symbols = symbols;
  }

  /** Which module an address is in. */
  at(address: number): ModuleInfo | undefined {
    const inside = ({ base, size }: ModuleInfo): boolean => address >= base && address < base + size;
    return this.head === 0 && this.attempts >= MOST_ATTEMPTS ? undefined : this.list().find(inside);
  }

  /** In the order of loading, the last one first. */
  list(): ModuleInfo[] {
    if (this.head === 0) {
      this.attempts++;
      this.find();
    }
    const found = this.head === 0 ? undefined : this.follow(this.head);
    if (found === undefined || found.length === 0) return [];
    this.layout ??= this.findLayout(found);
    const { memory, layout } = this;
    if (layout === undefined) return [];
    return found.map((module) => ({
      name: memory.cString(module + NAME, NAME_LENGTH) ?? '',
      base: memory.u32(module + layout) ?? 0,
      size: memory.u32(module + layout + 4) ?? 0,
      path: undefined,
    }));
  }

  /** The modules of a list; undefined if it is none. */
  private follow(head: number): number[] | undefined {
    const { memory } = this;
    const found: number[] = [];
    let node = head;
    for (;;) {
      const next = memory.u32(node);
      if (!memory.isPointer(next) || memory.u32(next + 4) !== node || found.length > MOST_MODULES)
        return undefined;
      if (next === head) return found;
      const name = memory.cString(next - LIST + NAME, NAME_LENGTH);
      if (name === undefined || !/^[\w-]+$/.test(name) || (memory.u32(next - LIST) ?? STATES) >= STATES)
        return undefined;
      found.push(next - LIST);
      node = next;
    }
  }

  private find(): void {
    const { memory, symbols } = this;
    const end = memory.u32(symbols.address('high_memory') ?? 0) ?? 0;
    if (end === 0) return;
    const size = Math.min(symbols.last + (4 << 20) - symbols.first, MOST_DATA);
    const words = memory.words(symbols.first, size >> 2);
    for (let i = 0; i + 1 < words.length; i++) {
      const [next = 0, previous = 0] = [words[i], words[i + 1]];
      if (next < end || previous < end || (next & 3) !== 0) continue;
      const head = symbols.first + 4 * i;
      if (memory.u32(next + 4) !== head || (this.follow(head)?.length ?? 0) === 0) continue;
      this.head = head;
      return;
    }
  }

  /** A module's structure is a part of the module: base and size that have it in them, in all of them. */
  private findLayout(modules: readonly number[]): number | undefined {
    for (let offset = NAME + NAME_LENGTH; offset < MODULE_BYTES; offset += 4) {
      const fits = modules.every((module) => {
        const base = this.memory.u32(module + offset) ?? 0;
        const size = this.memory.u32(module + offset + 4) ?? 0;
        return base % 4096 === 0 && size > 0 && size < LARGEST && base <= module && module < base + size;
      });
      if (fits) return offset;
    }
    return undefined;
  }
}
