/** Finds the functions that hooks name, and arms them: when the system is found, and again when there is more to find. */
import type { VirtualMemory } from '../guest/memory.ts';
import type { GuestFunction, GuestOs } from '../guest/os.ts';
import type { HookProcess } from './api.ts';
import { type CallHook, type HookedFunction, OWN, wordsPopped } from './call-record.ts';
import type { Points } from './points.ts';

interface Searching {
  readonly instruction: number;
  readonly asid: number;
  readonly current: { readonly process: HookProcess } | undefined;
}

/** Words of arguments to keep where nobody knows how many there are. */
const UNKNOWN_WORDS = 6;
/** Instructions between two looks into the modules of one process, at least. */
const SEARCH_SPACING = 200_000;

/** System calls as the two families name them. */
const LINUX_NAMES = /^sys_/;
const NT_NAMES = /^(nt!|ntdll(\.dll)?!)?(Nt|Zw)[A-Z*]/;

/** A name that is not resolved yet, or that another process may have as well. */
interface Open {
  readonly pattern: string;
  readonly found: (fn: GuestFunction) => void;
  /** Of a process: looked for in each. */
  readonly everywhere: boolean;
  count: number;
}

export class Functions {
  private readonly points: Points;
  private readonly session: { readonly memory: VirtualMemory; readonly os: GuestOs | undefined };
  private readonly open: Open[] = [];
  /** By address, and address space where there is one. */
  private readonly hooked = new Map<string, HookedFunction>();
  /** By process: when its modules were last looked through. */
  private readonly looked = new Map<number, number>();

  constructor(points: Points, session: { readonly memory: VirtualMemory; readonly os: GuestOs | undefined }) {
    this.points = points;
    this.session = session;
  }

  /** Whether there are names to look for in processes. */
  get searching(): boolean {
    return this.open.some(({ everywhere }) => everywhere);
  }

  /** Names that nothing was found for. Hooks for several systems name what only one of them has: that is not missed. */
  get missing(): readonly string[] {
    const family = this.session.os?.family;
    const foreign = family === 'nt' ? LINUX_NAMES : family === 'linux' ? NT_NAMES : undefined;
    const missed = this.open.filter(({ count, pattern }) => count === 0 && !foreign?.test(pattern));
    return missed.map(({ pattern }) => pattern);
  }

  /** Functions that somebody hooks. */
  get count(): number {
    return [...this.hooked.values()].filter(isSomebodys).length;
  }

  /** Whether somebody hooks the function at an address. */
  isHooked(address: number): boolean {
    for (const fn of this.hooked.values()) {
      if (fn.address === address && isSomebodys(fn)) return true;
    }
    return false;
  }

  add(hook: CallHook): void {
    if (typeof hook.where === 'number') {
      const { os } = this.session;
      this.hook((os && functionAt(os, hook.where)) ?? unnamed(hook.where), hook);
      return;
    }
    this.look(hook.where, (fn) => this.hook(fn, hook));
  }

  /** A function of which more is known than a name: for those who have other sources. */
  addFunction(fn: GuestFunction, hook: CallHook, inside?: (asid: number) => boolean): HookedFunction {
    return this.hook(fn, hook, inside);
  }

  /** Calls `found` with the address of `name+offset`. */
  locate(where: string | number, found: (address: number) => void): void {
    if (typeof where === 'number') {
      found(where);
      return;
    }
    const [, name = where, offset = '0'] = /^(.*?)\+(0x[0-9a-f]+|\d+)$/i.exec(where) ?? [];
    const seen = new Set<number>();
    this.look(name, ({ address }) => {
      const at = (address + Number(offset)) >>> 0;
      if (!seen.has(at)) found(at);
      seen.add(at);
    });
  }

  private look(pattern: string, found: (fn: GuestFunction) => void): void {
    const open = { pattern, found, everywhere: ofProcess(pattern), count: 0 };
    this.open.push(open);
    const { os } = this.session;
    if (os !== undefined) this.resolve(os, open);
  }

  /** The system is known now. */
  found(os: GuestOs, at: Searching): void {
    for (const one of this.hooked.values()) {
      const fn = isNamed(one) ? undefined : functionAt(os, one.address);
      if (fn !== undefined) Object.assign(one, shapeOf(fn));
    }
    for (const open of [...this.open]) this.resolve(os, open);
    this.search(os, at);
  }

  /** Looks through the current process, if it may have modules that were not seen before. */
  search(os: GuestOs, { current, instruction }: Searching): void {
    const process = current?.process;
    if (process === undefined || !this.searching) return;
    const last = this.looked.get(process.key);
    if (last !== undefined && instruction < last + SEARCH_SPACING) return;
    this.looked.set(process.key, instruction);
    for (const open of this.open) {
      if (open.everywhere) this.resolve(os, open, process);
    }
  }

  private resolve(os: GuestOs, open: Open, process?: HookProcess): void {
    for (const fn of os.functions(open.pattern, process)) {
      open.count++;
      open.found(fn);
    }
  }

  private hook(fn: GuestFunction, hook: CallHook, inside?: (asid: number) => boolean): HookedFunction {
    // Of some functions only certain calls are meant, under another name: for who hooks the function itself, all are.
    const key = `${fn.address}/${fn.asid ?? ''}/${fn.only === undefined ? '' : fn.name}`;
    let hooked = this.hooked.get(key);
    if (hooked === undefined) {
      const { asid, address } = fn;
      const here = inside ?? (asid === undefined ? undefined : (now: number) => now >>> 12 === asid >>> 12);
      hooked = { address, ...shapeOf(fn), hooks: [], inside: here };
      this.hooked.set(key, hooked);
      this.points.addFunction(address, hooked);
    } else if (!isNamed(hooked)) Object.assign(hooked, shapeOf(fn));
    if (!hooked.hooks.includes(hook)) hooked.hooks = [...hooked.hooks, hook];
    return hooked;
  }
}

/** What a hooked function is, besides its place. */
function shapeOf(fn: GuestFunction): Pick<HookedFunction, 'fn' | 'pops' | 'neverReturns' | 'words'> {
  const { neverReturns, signature } = fn;
  let words = signature?.words ?? signature?.parameters?.length ?? UNKNOWN_WORDS;
  // There may be more than are named: DbgPrint's.
  if (signature?.convention === 'cdecl') words = Math.max(words, UNKNOWN_WORDS);
  return { fn, pops: wordsPopped(fn), neverReturns, words };
}

/** The kernel's function that begins at an address. */
function functionAt(os: GuestOs, address: number): GuestFunction | undefined {
  const name = os.symbolAt(address)?.name;
  return name === undefined
    ? undefined
    : os.functions(name).find((fn) => fn.address === address && fn.only === undefined);
}

const isSomebodys = ({ hooks }: HookedFunction): boolean => hooks.some(({ file }) => file !== OWN);

/** It is more than an address. */
const isNamed = ({ fn }: HookedFunction): boolean => fn.module !== '';

/** `module!name` with a module that is not the kernel. */
function ofProcess(pattern: string): boolean {
  const [, module] = /^([^!]+)!/.exec(pattern) ?? [];
  return module !== undefined && !/^(nt|ntoskrnl(\.exe)?|vmlinux|kernel)$/i.test(module);
}

function unnamed(address: number): GuestFunction {
  const name = `0x${address.toString(16)}`;
  const rest = { signature: undefined, systemCall: undefined, neverReturns: false, asid: undefined };
  return { name, address, module: '', ...rest };
}
