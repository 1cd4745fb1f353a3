/**
 * The kernel's functions by name, and its system calls as `sys_…`, whatever the kernel calls them itself: `__ia32_sys_read` with
 * one parameter, the registers (since 5.7: arch/x86/include/asm/syscall_wrapper.h), or `sys_read`, which takes its
 * arguments from the stack (`asmlinkage`).
 */

import type { GuestFunction, Signature } from '../os.ts';
import { matches } from '../pattern.ts';
import type { KernelMemory } from './kernel-memory.ts';
import { PtRegs } from './pt-regs.ts';
import type { KernelSymbols } from './symbols.ts';
import { type SystemCall, systemCalls } from './syscalls.ts';

export const KERNEL = 'vmlinux';

/** Prefixes of system calls' functions; the first ones take the registers. */
const WRAPPED = ['__ia32_sys_', '__ia32_compat_sys_'] as const;
const PLAIN = ['sys_', 'SyS_', 'compat_sys_'] as const;
/** The first entries of the table, by their numbers from 0 (arch/x86/entry/syscalls/syscall_32.tbl). */
const FIRST = ['restart_syscall', 'exit', 'fork', 'read', 'write', 'open', 'close'] as const;
const MOST_NUMBERS = 600;
/** What the entries for `int 0x80` and SYSENTER call. */
const SYSENTER_DOOR = 'do_fast_syscall_32';
const DOORS = ['do_int80_syscall_32', SYSENTER_DOOR] as const;
/** Bytes of the kernel's image that are searched for the table. */
const MOST_IMAGE = 32 << 20;

const neverReturn = new Set(['exit', 'exit_group', 'sigreturn', 'rt_sigreturn']);
const neverReturnInKernel = new Set(['do_exit', 'do_group_exit', 'make_task_dead', 'do_task_dead']);
/** System calls, and functions of the kernel, that end whoever calls them. */
const endsItsCaller = new Set(['sys_exit', 'sys_exit_group', ...neverReturnInKernel]);

/** Whether a function ends its own caller, by its name. */
export const endsCaller = (name: string): boolean =>
  endsItsCaller.has(name.replace(/^__ia32_sys_|^SyS_/, 'sys_').replace(/^.*!/, ''));

const regparm: Signature = { convention: 'regparm', parameters: undefined, words: undefined };

export class KernelFunctions {
  private readonly memory: KernelMemory;
  private readonly symbols: KernelSymbols;
  /** Whether system calls take the registers. */
  private readonly wrapped: boolean;
  /** By number; undefined if the table was not found. */
  private readonly table: readonly number[] | undefined;
  /** By address: the one with the lowest number. */
  private readonly calls = new Map<number, SystemCall>();

  constructor(memory: KernelMemory, symbols: KernelSymbols) {
    this.memory = memory;
    this.symbols = symbols;
    this.wrapped = symbols.address(`${WRAPPED[0]}read`) !== undefined;
    this.table = this.findTable(memory);
    const nothing = this.implementation('ni_syscall');
    for (const call of systemCalls()) {
      const address = this.table === undefined ? this.implementation(call.entry) : this.table[call.number];
      if (address === undefined || address === nothing || this.calls.has(address)) continue;
      this.calls.set(address, call);
    }
  }

  /** What is not known, for people. */
  get notes(): readonly string[] {
    if (this.table !== undefined) return [];
    return ["system calls by the names of the kernel's functions: its table of them was not found"];
  }

  /** Those whose name fits a pattern; each address once. */
  find(pattern: string): GuestFunction[] {
    const found = new Map<number, GuestFunction>();
    const add = (name: string, address: number): void => {
      if (!found.has(address)) found.set(address, this.describe(name, address));
    };
    for (const [address, { name }] of this.calls)
      if (matches(pattern, `sys_${name}`)) add(`sys_${name}`, address);
    if (matches(pattern, 'sys_ni_syscall')) {
      for (const fn of this.notImplemented()) found.set(fn.address, fn);
    }
    const isExact = !pattern.includes('*');
    if (found.size > 0 && isExact) return [...found.values()];
    // Where calls are wrapped, what is named sys_… is something else: it was not meant by `sys_*`.
    const isOther = (name: string): boolean =>
      this.wrapped && !isExact && pattern.startsWith('sys_') && name.startsWith('sys_');
    for (const { name, address } of this.symbols.functions((name) => matches(pattern, name))) {
      if (!isOther(name)) add(name, address);
    }
    if (found.size === 0 && pattern.startsWith('sys_')) {
      // By the kernel's own name: sys_mmap_pgoff for mmap2.
      for (const [address, { name, entry }] of this.calls) {
        if (matches(pattern, `sys_${entry}`)) add(`sys_${name}`, address);
      }
    }
    return [...found.values()];
  }

  private describe(name: string, address: number): GuestFunction {
    const call = this.calls.get(address);
    const common = { name, address, module: KERNEL, asid: undefined };
    if (call === undefined) {
      return {
        ...common,
        signature: regparm,
        systemCall: undefined,
        neverReturns: neverReturnInKernel.has(name),
      };
    }
    const { parameters, number } = call;
    return {
      ...common,
      signature: { convention: this.wrapped ? 'pt_regs' : 'cdecl', parameters, words: parameters.length },
      systemCall: number,
      neverReturns: neverReturn.has(call.name),
    };
  }

  /**
   * Calls by numbers that the kernel has no function for: those in its table lead to one function for all; for those beyond
   * it, the door itself answers (arch/x86/entry/common.c), and is a call of its own here.
   */
  private notImplemented(): GuestFunction[] {
    const common = {
      name: 'sys_ni_syscall',
      module: KERNEL,
      signature: { convention: 'pt_regs' as const, parameters: undefined, words: 6 },
      systemCall: undefined,
      neverReturns: false,
      asid: undefined,
    };
    const { cpu } = this.memory;
    const found: GuestFunction[] = [];
    const address = this.implementation('ni_syscall');
    if (address !== undefined) {
      const signature = this.wrapped
        ? common.signature
        : { ...common.signature, convention: 'cdecl' as const };
      found.push({ ...common, signature, address });
    }
    const { table } = this;
    if (!this.wrapped || table === undefined) return found;
    const only = (): boolean => (cpu.memory.u32(cpu.eax + PtRegs.origAx) ?? 0) >= table.length;
    for (const door of DOORS) {
      const at = this.symbols.address(door);
      // The vDSO keeps EBP, the sixth word, on the program's stack for SYSENTER.
      const stack = door === SYSENTER_DOOR ? { lastWordAt: PtRegs.sp } : {};
      if (at !== undefined) found.push({ ...common, address: at, only, resultAt: PtRegs.ax, ...stack });
    }
    return found;
  }

  /** The address of a system call's function, by its name without `sys_`. */
  private implementation(entry: string): number | undefined {
    const prefixes = this.wrapped ? WRAPPED : PLAIN;
    return this.symbols.addressOf(...prefixes.map((prefix) => prefix + entry));
  }

  /** `sys_call_table`: the only place where the first calls stand side by side. */
  private findTable(memory: KernelMemory): readonly number[] | undefined {
    const { symbols } = this;
    const first = FIRST.map((entry) => this.implementation(entry));
    if (first.includes(undefined)) return undefined;
    const size = Math.min(symbols.last - symbols.first, MOST_IMAGE);
    const words = memory.words(symbols.first, size >> 2);
    for (let i = words.indexOf(first[0] ?? 0); i >= 0; i = words.indexOf(first[0] ?? 0, i + 1)) {
      if (!first.every((address, number) => words[i + number] === address)) continue;
      const table: number[] = [];
      for (const address of words.subarray(i, i + MOST_NUMBERS)) {
        if (!symbols.isText(address) || symbols.at(address)?.offset !== 0) break;
        table.push(address);
      }
      return table;
    }
    return undefined;
  }
}
