/** A hooked call, from its entry to its end, as handlers see it. */
import type { GuestCpu } from '../guest/cpu.ts';
import { PtRegs } from '../guest/linux/pt-regs.ts';
import type { VirtualMemory } from '../guest/memory.ts';
import type { GuestFunction, GuestOs } from '../guest/os.ts';
import type {
  CallHandlers,
  CallOutcome,
  DescribedArgument,
  HookCall,
  HookProcess,
  HookThread,
  StackEntry,
} from './api.ts';
import { backtrace } from './backtrace.ts';
import type { Frame, MatchedFunction } from './match/matcher.ts';
import type { TrackedThread } from './threads.ts';

/** The file number of hooks that are Rebek's own. */
export const OWN = -1;

/** A hook of a hook file on functions. */
export interface CallHook {
  /** Index of the hook file. */
  readonly file: number;
  readonly where: string | number;
  readonly handlers: CallHandlers;
  /** Index among all call hooks: that of its state in a call. */
  readonly index: number;
}

/** A function that is hooked, or watched by the session itself. */
export interface HookedFunction extends MatchedFunction {
  readonly fn: GuestFunction;
  /** Another list when there is one more. */
  hooks: readonly CallHook[];
  /** Words of arguments to keep. */
  readonly words: number;
  /** Whether a call in this address space is meant: libraries and programs. */
  readonly inside: ((asid: number) => boolean) | undefined;
}

/** A call in words. */
export interface Description {
  /** As people know it: `openat`, `NtReadFile`. */
  readonly name: string;
  readonly arguments: readonly DescribedArgument[];
  readonly resultText: string;
}

/** What a call needs of the session: the moment, and how arguments are read and described. */
export interface CallContext {
  readonly cpu: GuestCpu;
  readonly instruction: number;
  readonly current: TrackedThread | undefined;
  readonly os: GuestOs | undefined;
  timeAt(instruction: number): number;
  /** Index of the hook whose handler runs. */
  readonly hookIndex: number;
  describe(call: CallRecord): Description;
}

export class CallRecord implements HookCall {
  readonly frame: Frame<HookedFunction>;
  /** The hooks that see it: one that is added while it is open sees the next one. */
  readonly hooks: readonly CallHook[];
  readonly words: readonly number[];
  readonly systemCall: number | undefined;
  /** EAX at the entry. */
  readonly accumulator: number;
  readonly caller: TrackedThread | undefined;
  outcome: CallOutcome = 'open';
  result: number | undefined;
  again = false;
  restartOf: CallRecord | undefined;
  /** For describers: what they have read at the entry. */
  described: unknown;

  private readonly context: CallContext;
  private states: unknown[] | undefined;
  private named: Readonly<Record<string, number>> | undefined;

  constructor(
    frame: Frame<HookedFunction>,
    words: readonly number[],
    systemCall: number | undefined,
    context: CallContext,
  ) {
    this.frame = frame;
    this.words = words;
    this.systemCall = systemCall;
    this.accumulator = context.cpu.eax;
    this.context = context;
    this.hooks = frame.fn.hooks;
    this.caller = context.current;
  }

  get number(): number {
    return this.frame.call;
  }
  get name(): string {
    const { fn } = this.frame.fn;
    // Several numbers can share a function, and all that are not implemented do.
    if (this.systemCall === fn.systemCall || this.systemCall === undefined) return fn.name;
    return this.context.os?.systemCallName?.(this.systemCall) ?? fn.name;
  }
  get module(): string {
    return this.frame.fn.fn.module;
  }
  get address(): number {
    return this.frame.fn.address;
  }
  get esp(): number {
    return this.frame.esp;
  }
  get returnAddress(): number {
    return this.frame.returnAddress;
  }
  get entered(): number {
    return this.frame.entered;
  }
  get enteredTime(): number {
    return this.context.timeAt(this.frame.entered);
  }
  get instruction(): number {
    return this.context.instruction;
  }
  get time(): number {
    return this.context.timeAt(this.context.instruction);
  }
  get thread(): HookThread | undefined {
    return this.context.current;
  }
  get process(): HookProcess | undefined {
    return this.context.current?.process;
  }
  get memory(): VirtualMemory {
    return this.context.cpu.memory;
  }
  get cpu(): GuestCpu {
    return this.context.cpu;
  }
  get parent(): HookCall | undefined {
    let { parent } = this.frame;
    // Functions that nobody else has hooked are not to be seen.
    while (parent?.fn.hooks.every(({ file }) => file === OWN)) parent = parent.parent;
    return parent?.data as CallRecord | undefined;
  }

  word(index: number): number | undefined {
    return this.words[index];
  }

  stack(most?: number): readonly StackEntry[] {
    const { cpu, os, current } = this.context;
    // At the entry ESP is where the return address is; later the caller's frames are all there is.
    const esp = this.outcome === 'open' && cpu.esp === this.esp ? this.esp : undefined;
    return backtrace(cpu, os, current?.process, esp, most);
  }

  get args(): Readonly<Record<string, number>> {
    if (this.named !== undefined) return this.named;
    const named: Record<string, number> = {};
    const parameters = this.frame.fn.fn.signature?.parameters;
    for (const [i, word] of this.words.entries()) {
      const name = parameters === undefined ? `arg${i}` : parameters[i]?.name;
      if (name !== undefined) named[name] = word;
    }
    this.named = named;
    return named;
  }

  describe(): readonly DescribedArgument[] {
    return this.context.describe(this).arguments;
  }
  get text(): string {
    const { name, arguments: words, resultText } = this.context.describe(this);
    return `${name}(${words.map(({ text }) => text).join(', ')}) = ${resultText}`;
  }
  get resultText(): string {
    return this.context.describe(this).resultText;
  }

  get state(): unknown {
    return this.states?.[this.context.hookIndex];
  }
  set state(value: unknown) {
    this.states ??= [];
    this.states[this.context.hookIndex] = value;
  }

  /** For findings that hold a call. */
  toJSON(): unknown {
    const { number, name, module, entered, args, outcome, result } = this;
    return { number, name, module, entered, args, outcome, result };
  }
}

/** The arguments' byte offsets in Linux's `struct pt_regs`: bx, cx, dx, si, di, bp. */
const PT_REGS = [0, 4, 8, 12, 16, 20] as const;

/** The number that a system call was made by, where its function is told. */
export function readNumber(cpu: GuestCpu, fn: HookedFunction): number | undefined {
  const { signature, systemCall } = fn.fn;
  if (signature?.convention !== 'pt_regs') return systemCall;
  return cpu.memory.u32(cpu.eax + PtRegs.origAx) ?? systemCall;
}

/**
 * The argument words of a function that is about to be entered. Words in absent pages are left out from there on.
 * @param esp address of the return address
 */
export function readWords(cpu: GuestCpu, fn: HookedFunction, esp: number): readonly number[] {
  const words: number[] = [];
  const convention = fn.fn.signature?.convention;
  const { memory } = cpu;
  for (let i = 0; i < fn.words; i++) {
    let word: number | undefined;
    if (convention === 'pt_regs') word = i < 6 ? registerWord(cpu, i, fn.fn.lastWordAt) : undefined;
    else if (convention === 'regparm') {
      word = i === 0 ? cpu.eax : i === 1 ? cpu.edx : i === 2 ? cpu.ecx : memory.u32(esp + 4 * (i - 2));
    } else if (convention === 'fastcall') {
      word = i === 0 ? cpu.ecx : i === 1 ? cpu.edx : memory.u32(esp + 4 * (i - 1));
    } else word = memory.u32(esp + 4 + 4 * i);
    if (word === undefined) break;
    words.push(word);
  }
  return words;
}

function registerWord({ memory, eax }: GuestCpu, i: number, lastAt: number | undefined): number | undefined {
  if (i < 5 || lastAt === undefined) return memory.u32(eax + PT_REGS[i]!);
  const at = memory.u32(eax + lastAt);
  return at === undefined ? undefined : memory.u32(at);
}

/** Words that a function of this kind pops from the stack when it returns; undefined if nobody knows. */
export function wordsPopped(fn: GuestFunction): number | undefined {
  const { signature } = fn;
  if (signature === undefined) return undefined;
  const { convention, words } = signature;
  if (convention === 'stdcall') return words;
  if (convention === 'fastcall') return words === undefined ? undefined : Math.max(0, words - 2);
  return 0;
}
