/**
 * What a hook file is written against. A hook file is a module whose default export is made by {@link defineHooks}:
 *
 *     import { defineHooks } from 'rebek';
 *
 *     export default defineHooks('reads', ({ call, emit }) => {
 *       call('NtReadFile', {
 *         pre(read) { read.state = read.args.Buffer; },
 *         post(read) {
 *           if (read.outcome === 'returned') emit('read', { bytes: read.memory.bytes(read.state as number, 16) });
 *         },
 *       });
 *     });
 *
 * Handlers run while the replayed guest stands still; they can read it, and cannot change it.
 */
import type { GuestCpu } from '../guest/cpu.ts';
import type { VirtualMemory } from '../guest/memory.ts';
import type { GuestOs, OpenObject, ProcessDetails, ProcessInfo } from '../guest/os.ts';
import type { Outcome } from './match/matcher.ts';

/** How a call ended: a matcher's outcome, or `pending`: it has returned, and its I/O goes on. */
export type CallOutcome = Outcome | 'pending';

/** Who runs at the moment of an event. */
export interface Where {
  /** Guest instruction count: the time of the trace. */
  readonly instruction: number;
  /** The wall-clock time of the recording, milliseconds since 1970. */
  readonly time: number;
  /** The current thread; undefined while no operating system is known. */
  readonly thread: HookThread | undefined;
  /** Its process, likewise. */
  readonly process: HookProcess | undefined;
  /** The current address space. */
  readonly memory: VirtualMemory;
  readonly cpu: GuestCpu;
  /**
   * Who called whom, the innermost first, by the return addresses on the stack. It goes by frame pointers (EBP), so code
   * without them is left out, or ends it.
   * @param most so many at the most; 16 without it
   */
  stack(most?: number): readonly StackEntry[];
}

export interface StackEntry {
  readonly address: number;
  /** `ntoskrnl.exe!KiServiceReturn+0x3`; undefined where no module with names is. */
  readonly symbol: string | undefined;
}

/** One incarnation of a thread: ids and addresses are used again, `key` is not. */
export interface HookThread {
  /** Counts from 1. */
  readonly key: number;
  readonly tid: number;
  /** Of the kernel's object. */
  readonly address: number;
  readonly process: HookProcess;
}

/** One incarnation of a process. */
export interface HookProcess extends ProcessInfo {
  readonly key: number;
  /** Command line, environment, the image's path: read from the process now, or undefined where that cannot be read. */
  details(): ProcessDetails;
  /** What is behind a handle or file descriptor of it, now. */
  object(handle: number): OpenObject | undefined;
  toJSON(): Readonly<Record<string, unknown>>;
}

/** A call of a hooked function. In `pre`, what is known at its entry. */
export interface HookCall extends Where {
  /** Counts from 1 over all calls that are hooked. */
  readonly number: number;
  /** The function's name and module. */
  readonly name: string;
  readonly module: string;
  readonly address: number;
  /** The number that a system call was made by; undefined for other functions. */
  readonly systemCall: number | undefined;
  /** Address of the return address, and what it is. */
  readonly esp: number;
  readonly returnAddress: number;
  /** The argument words as they were at the entry, by the names of the parameters, unsigned. */
  readonly args: Readonly<Record<string, number>>;
  /** The same by their index. Words beyond those known are undefined. */
  word(index: number): number | undefined;
  /** Arguments for people, with what they point to as far as it is known; results too once the call has returned. */
  describe(): readonly DescribedArgument[];
  /** The call as a line: `openat(AT_FDCWD, "/etc/passwd", O_RDONLY) = 3`. */
  readonly text: string;
  /** The result for people: `3`, `-1 ENOENT (No such file or directory)`, `STATUS_SUCCESS`; `?` if there is none. */
  readonly resultText: string;
  /** The call that was open in the same thread when this one was entered. */
  readonly parent: HookCall | undefined;
  /** Instruction count and time at the entry; those of {@link Where} are of the moment. */
  readonly entered: number;
  readonly enteredTime: number;
  /** The thread that made the call: in `post` the thread that it came back in is `thread`. */
  readonly caller: HookThread | undefined;
  /** For the handlers of one hook: kept from `pre` to `post`. */
  state: unknown;

  /** How it ended; `open` in `pre`. */
  readonly outcome: CallOutcome;
  /** EAX, unsigned; undefined unless it has returned. */
  readonly result: number | undefined;
  /** In `again`: a second return, in a copy of the caller (fork). */
  readonly again: boolean;
  /** The interrupted call that this one goes on with (Linux's restart_syscall). */
  readonly restartOf: HookCall | undefined;
}

export interface DescribedArgument {
  readonly name: string;
  readonly type: string;
  /** A number, a text, or what a structure holds. */
  readonly value: unknown;
  readonly text: string;
}

export interface CallHandlers {
  /** The call is about to begin. */
  pre?(call: HookCall): void;
  /** It has ended, in whichever way: see {@link HookCall.outcome}. */
  post?(call: HookCall): void;
  /** It has returned once more, in a child (fork). Without it, `post` is called with `again` set. */
  again?(call: HookCall): void;
}

/** An executed address. */
export interface HookPoint extends Where {
  readonly address: number;
}

export interface HookInterrupt extends Where {
  readonly vector: number;
  /** INT, INT3 or INTO; otherwise from a device or an exception. */
  readonly software: boolean;
}

export interface HookSwitch extends Where {
  /** The thread that ran before. */
  readonly from: HookThread | undefined;
}

export interface HookPortAccess extends Where {
  readonly port: number;
  readonly write: boolean;
  /** 1, 2 or 4. */
  readonly bytes: number;
  readonly value: number;
}

export interface HookInput extends Where {
  readonly input:
    | {
        readonly kind: 'port' | 'mmio';
        readonly address: number;
        readonly value: number;
        readonly bytes: number;
      }
    | { readonly kind: 'dma'; readonly address: number; readonly bytes: Uint8Array }
    | { readonly kind: 'irq'; readonly line: number; readonly raised: boolean }
    | { readonly kind: 'clock'; readonly ms: number }
    | { readonly kind: 'random'; readonly value: number };
}

export interface LifeHandlers {
  start?(where: Where): void;
  end?(where: Where): void;
}

export interface ProcessHandlers extends LifeHandlers {
  /** Linux: the process has exchanged its program. */
  exec?(where: Where): void;
}

/** What the set-up function of a hook file gets. All of it may be called at any time, in handlers too. */
export interface Hooks {
  /**
   * Hooks functions: by name (`NtReadFile`, `nt!Nt*`, `sys_read`, `do_exit`), `*` standing for any characters; by
   * `module!name` for a library or program of a process; or by address. A name that is not there (yet) is looked for again
   * when there is more to find; one that never was is reported at the end.
   */
  call(where: string | number, handlers: CallHandlers): void;
  /** Hooks an instruction: an address, or a function's name with an offset, such as `NtReadFile+0x12`. */
  address(where: string | number, handler: (at: HookPoint) => void): void;
  /** Hooks an interrupt vector, or `all`. */
  interrupt(vector: number | 'all', handler: (interrupt: HookInterrupt) => void): void;
  /** Another thread runs from here on. */
  contextSwitch(handler: (change: HookSwitch) => void): void;
  /** A process is first seen running, or has ended. The event's `process` is it. */
  process(handlers: ProcessHandlers): void;
  /** The same for threads. */
  thread(handlers: LifeHandlers): void;
  /** Reads and writes of an I/O port, or of all. */
  portIO(port: number | 'all', handler: (access: HookPortAccess) => void): void;
  /** Everything that comes in from devices: port and register reads, DMA, interrupt lines, clocks, random numbers. */
  input(handler: (input: HookInput) => void): void;
  /** The replay is over. */
  end(handler: (where: Where) => void): void;
  /**
   * Makes a finding: of a type of your choice, with any data that JSON can hold (typed arrays become base64). Where, when and
   * by whom is added.
   */
  emit(type: string, data?: Readonly<Record<string, unknown>>): void;
  /** The operating system, once it is known. */
  readonly os: GuestOs | undefined;
}

export interface HookFile {
  readonly name: string;
  readonly setup: (hooks: Hooks) => void;
}

/** Makes a hook file's default export. `name` stands in its findings. */
export function defineHooks(name: string, setup: (hooks: Hooks) => void): HookFile {
  return { name, setup };
}
