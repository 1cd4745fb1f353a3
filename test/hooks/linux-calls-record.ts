/** A recording of the busy program in the Debian guest, and the calls of its functions and of the kernel's that hooks find. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { defineHooks, type HookCall, type Hooks } from '../../src/hooks/api.ts';
import { type AnalysisResult, analyse } from '../../src/output/analysis.ts';
import { bootPc } from '../support/debian.ts';
import { root } from '../support/probe.ts';
import { recordGuest } from '../support/record-guest.ts';
import { straceGuest } from '../support/strace.ts';

export interface Again {
  readonly tid: number;
  readonly pid: number;
  readonly asid: number;
  readonly at: number;
  readonly result: number;
}

/** A call as its handlers have seen it. */
export interface Seen {
  readonly number: number;
  /** The function's name in the program, or the hook's. */
  readonly name: string;
  /** Whether it is a function of the program. */
  readonly user: boolean;
  readonly tid: number;
  readonly pid: number;
  readonly asid: number;
  readonly words: readonly (number | undefined)[];
  readonly entered: number;
  readonly parent: Seen | undefined;
  left: number;
  leftAsid: number;
  outcome: string;
  result: number | undefined;
  restartOf: Seen | undefined;
  readonly again: Again[];
}

export interface LinuxCalls {
  /** The trace. */
  readonly path: string;
  readonly calls: readonly Seen[];
  readonly analysis: AnalysisResult;
  /** What the busy program said. */
  readonly said: string;
  /** Of these names, in order. */
  of(...names: readonly string[]): readonly Seen[];
}

/** Functions of the busy program that are hooked. */
const functions = [
  ...['process', 'sys_int', 'sys_enter', 'vfork_exec', 'set_jump', 'long_jump', 'leap'],
  ...['chatty', 'switch_stack', 'coroutine'],
] as const;

/** What the kernel's entries for INT 0x80 and SYSENTER call (arch/x86/entry/common.c). */
export const doors = ['do_int80_syscall_32', 'do_fast_syscall_32'] as const;

const SYMBOL = 16;
const SHT_SYMTAB = 2;

/** Addresses by name, from the symbol table of a 32-bit ELF file. */
function symbolsOf(file: Buffer): Map<string, number> {
  const found = new Map<string, number>();
  const sections = file.readUInt32LE(32);
  const header = (i: number, field: number): number => file.readUInt32LE(sections + 40 * i + 4 * field);
  for (let i = 0; i < file.readUInt16LE(48); i++) {
    if (header(i, 1) !== SHT_SYMTAB) continue;
    const names = header(header(i, 6), 4);
    for (let at = header(i, 4); at < header(i, 4) + header(i, 5); at += SYMBOL) {
      const name = names + file.readUInt32LE(at);
      found.set(file.toString('latin1', name, file.indexOf(0, name)), file.readUInt32LE(at + 4));
    }
  }
  return found;
}

/** Boots, and records from there on: the busy program, then a sleep that outlasts the recording. */
async function record(t: Pick<ExecutionContext, 'teardown'>, output: string): Promise<string> {
  const { machine, images } = await straceGuest();
  const boot = await bootPc(machine, images);
  t.teardown(() => boot.pc.destroy());
  await boot.console.logIn();
  const state = await boot.pc.saveState();
  await boot.pc.stop();
  const { console, finish } = await recordGuest(t, {
    machine,
    images,
    output,
    flow: true,
    from: { name: 'logged-in', state },
  });
  const said = await console.run('busy 2');
  await console.run('sleep 5000 & sleep 1');
  await finish();
  return said;
}

export async function recordLinuxCalls(
  t: Pick<ExecutionContext, 'teardown'>,
  output: string,
): Promise<LinuxCalls> {
  const said = await record(t, output);
  const symbols = symbolsOf(await readFile(join(root, 'test/guests/busy.bin')));
  const calls: Seen[] = [];
  const file = defineHooks('calls', (hooks) => hookAll(hooks, symbols, calls));
  const analysis = await analyse(output, { hooks: [file], strict: true, onLine: () => {} });
  return {
    path: output,
    calls,
    analysis,
    said,
    of: (...names) => calls.filter(({ name }) => names.includes(name)),
  };
}

function hookAll(hooks: Hooks, symbols: ReadonlyMap<string, number>, calls: Seen[]): void {
  const byNumber = new Map<number, Seen>();
  const addressOf = (name: string): number => {
    const address = symbols.get(name);
    if (address === undefined) throw new Error(`busy.bin has no symbol ${name}`);
    return address;
  };
  /** Other programs have other functions there. */
  const isBusy = ({ process }: HookCall): boolean => process?.details().imagePath === '/bin/busy';
  const vdso = new Set<number>();
  const handlersFor = (name: string | undefined) => ({
    pre(call: HookCall): void {
      if (name !== undefined && !isBusy(call)) return;
      const parent = call.parent === undefined ? undefined : byNumber.get(call.parent.number);
      const seen = seenAt(call, name, parent);
      byNumber.set(call.number, seen);
      calls.push(seen);
      if (name !== 'sys_enter') return;
      // Each program has its vDSO elsewhere.
      const entry = call.memory.u32(addressOf('vsyscall')) ?? 0;
      if (!vdso.has(entry)) hooks.call(entry, handlersFor('__kernel_vsyscall'));
      vdso.add(entry);
    },
    post(call: HookCall): void {
      const seen = byNumber.get(call.number);
      if (seen === undefined) return;
      seen.left = call.instruction;
      seen.leftAsid = call.cpu.cr3;
      seen.outcome = call.outcome;
      seen.result = call.result;
      seen.restartOf = call.restartOf && byNumber.get(call.restartOf.number);
    },
    again(call: HookCall): void {
      const { thread, process, cpu, instruction: at, result = -1 } = call;
      const again = { tid: thread?.tid ?? 0, pid: process?.pid ?? 0, asid: cpu.cr3, at, result };
      byNumber.get(call.number)?.again.push(again);
    },
  });
  hooks.call('sys_*', handlersFor(undefined));
  for (const door of doors) hooks.call(door, handlersFor(undefined));
  for (const name of functions) hooks.call(addressOf(name), handlersFor(name));
}

function seenAt(call: HookCall, user: string | undefined, parent: Seen | undefined): Seen {
  return {
    number: call.number,
    name: user ?? call.name,
    user: user !== undefined,
    tid: call.thread?.tid ?? 0,
    pid: call.process?.pid ?? 0,
    asid: call.cpu.cr3,
    words: [0, 1, 2].map((i) => call.word(i)),
    entered: call.instruction,
    parent,
    left: -1,
    leftAsid: 0,
    outcome: '',
    result: undefined,
    restartOf: undefined,
    again: [],
  };
}
