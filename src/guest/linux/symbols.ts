/** The kernel's symbols by name and by address. */
import type { Kallsyms } from './kallsyms.ts';

/** Past the last symbol's start, an address is nobody's. */
const LAST_SYMBOL = 4096;

export class KernelSymbols {
  /** Of the symbols. */
  readonly first: number;
  readonly last: number;
  private readonly table: Kallsyms;
  private readonly exports: ReadonlyMap<string, number>;
  private readonly byName = new Map<string, number>();

  /** @param exports what kallsyms need not have: variables */
  constructor(table: Kallsyms, exports: ReadonlyMap<string, number>) {
    this.table = table;
    this.exports = exports;
    this.first = table.addresses[0] ?? 0;
    this.last = table.addresses.at(-1) ?? 0;
    // Of several static functions of one name the first is meant, as in the kernel's own look-up.
    for (const [i, name] of table.names.entries()) if (!this.byName.has(name)) this.byName.set(name, i);
  }

  get count(): number {
    return this.table.names.length;
  }

  /** Of a function or a variable. */
  address(name: string): number | undefined {
    const index = this.byName.get(name);
    return index === undefined ? this.exports.get(name) : this.table.addresses[index];
  }

  /** The first of these that is there. */
  addressOf(...names: readonly string[]): number | undefined {
    for (const name of names) {
      const address = this.address(name);
      if (address !== undefined) return address;
    }
    return undefined;
  }

  /** The functions that `wanted` accepts, in the order of their addresses. */
  *functions(wanted: (name: string) => boolean): Generator<{ name: string; address: number }> {
    const { names, addresses } = this.table;
    for (const [i, name] of names.entries()) {
      if (this.isCode(i) && wanted(name)) yield { name, address: addresses[i] ?? 0 };
    }
  }

  /** The symbol that an address belongs to, and how far in it is. */
  at(address: number): { readonly name: string; readonly offset: number } | undefined {
    const { addresses, names } = this.table;
    let low = 0;
    let high = addresses.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((addresses[middle] ?? 0) <= address) low = middle + 1;
      else high = middle;
    }
    if (low === 0 || (low === addresses.length && address - this.last >= LAST_SYMBOL)) return undefined;
    let index = low - 1;
    const start = addresses[index] ?? 0;
    // The first of several names of one place.
    while (index > 0 && addresses[index - 1] === start) index--;
    return { name: names[index] ?? '', offset: address - start };
  }

  /** Whether an address is in the kernel's code, as far as its symbols say. */
  isText(address: number): boolean {
    return address >= this.first && address < this.last + LAST_SYMBOL;
  }

  /** nm: `t`, `T` code; `w`, `W` weak. */
  private isCode(index: number): boolean {
    const type = (this.table.types[index] ?? 0) | 0x20;
    return type === 0x74 || type === 0x77;
  }
}
