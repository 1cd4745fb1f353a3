/**
 * What runs inside the guest, as far as it can be read from outside: threads, processes, modules, functions by name.
 *
 * An implementation reads the guest's own structures ({@link GuestCpu}); it keeps nothing that the guest can change, other
 * than by remembering what it has found (symbols, offsets). All methods may be called at any instruction, so that a
 * structure may be half written: what cannot be read, or contradicts itself, is `undefined`.
 */

/** A thread, as it is at this moment. */
export interface ThreadInfo {
  /** Guest virtual address of the kernel's object: NT's ETHREAD, Linux's task_struct. */
  readonly address: number;
  /** The kernel's number for it (NT: thread id; Linux: `pid` of the task). */
  readonly tid: number;
  readonly process: ProcessInfo;
}

/** A process (Linux: thread group), as it is at this moment. */
export interface ProcessInfo {
  /** NT: EPROCESS; Linux: the group leader's task_struct. */
  readonly address: number;
  readonly pid: number;
  readonly ppid: number | undefined;
  /** NT: the image's file name (at most 15 characters); Linux: `comm` of the task that was asked about. */
  readonly name: string;
  /** CR3 of its address space; undefined for kernel threads. */
  readonly asid: number | undefined;
  /** Linux: effective user id. */
  readonly uid: number | undefined;
}

/** What can be read only with some work, from the memory of the process itself. */
export interface ProcessDetails {
  readonly imagePath: string | undefined;
  /** NT: as one string; Linux: the words, quoted where they need to be. */
  readonly commandLine: string | undefined;
  readonly arguments: readonly string[] | undefined;
  readonly environment: readonly string[] | undefined;
}

/** A loaded image: the kernel, a driver, a program or a library. */
export interface ModuleInfo {
  readonly name: string;
  readonly base: number;
  readonly size: number;
  readonly path: string | undefined;
}

/** A named place in a module. */
export interface ModuleSymbol {
  readonly name: string;
  /** Bytes from the module's base. */
  readonly offset: number;
  /** Bytes; 0 if nobody says. */
  readonly size: number;
}

/** How a function takes its arguments and gives them back. */
export type Convention =
  /** Arguments on the stack; the function pops them. */
  | 'stdcall'
  /** Arguments on the stack; the caller pops them. */
  | 'cdecl'
  /** The first two in ECX and EDX, the rest as in stdcall. */
  | 'fastcall'
  /** Linux's kernel: the first three in EAX, EDX, ECX, the rest as in cdecl. */
  | 'regparm'
  /** A Linux system call whose one parameter, in EAX, is a `struct pt_regs *`: EBX, ECX, EDX, ESI, EDI, EBP of the caller. */
  | 'pt_regs';

export interface Parameter {
  readonly name: string;
  /** A C type as the system's headers have it: `HANDLE`, `char *`, `PUNICODE_STRING`, `int`, … */
  readonly type: string;
}

export interface Signature {
  readonly convention: Convention;
  /** Undefined if nothing is known of them but the words. */
  readonly parameters: readonly Parameter[] | undefined;
  /** Words (32 bits) of arguments; undefined if not known. */
  readonly words: number | undefined;
}

/** A function that can be hooked. */
export interface GuestFunction {
  /** As the analyst names it: `NtReadFile`, `sys_read`, `do_exit`. */
  readonly name: string;
  readonly address: number;
  /** `ntoskrnl.exe`, `vmlinux`, `ntdll.dll`, … */
  readonly module: string;
  readonly signature: Signature | undefined;
  /** The number by which programs call it. */
  readonly systemCall: number | undefined;
  /** Does not return to its caller when it succeeds: NtContinue, exit, sigreturn. */
  readonly neverReturns: boolean;
  /** For a function of a program or library: the address space that it is in; undefined for the kernel's. */
  readonly asid: number | undefined;
  /** Whether the call that is about to begin is meant; all are, without it. */
  only?(): boolean;
  /** Its result is not in EAX, but so many bytes into what the word in EAX at its entry points to. */
  readonly resultAt?: number;
  /** Its last word is not among the registers yet, but in memory, where the register so many bytes into them points. */
  readonly lastWordAt?: number;
}

/** Something behind a descriptor or handle. */
export interface OpenObject {
  readonly kind:
    | 'file'
    | 'pipe'
    | 'socket'
    | 'device'
    | 'process'
    | 'thread'
    | 'event'
    | 'port'
    | 'section'
    | 'other';
  /** A path, `pipe:[1234]`, `socket:[1234]`, a device's name. */
  readonly name: string | undefined;
  /** Linux: the inode's number; NT: the address of the object. */
  readonly inode: number | undefined;
}

/** Two ends of a stack, addresses: it is [low, high). */
export interface StackRange {
  readonly low: number;
  readonly high: number;
}

/** A place in the kernel where something is known to happen to threads. */
export interface WatchPoint {
  readonly address: number;
  readonly what: /** Another thread runs from here on: the current one. */
    | 'switch'
    /** The current thread ends; no code of it runs after some more in the kernel. */
    | 'thread-end'
    /** A thread has been made by the current one; `subject` says which. */
    | 'thread-start'
    /** The current process has exchanged its program. */
    | 'exec';
  /** The thread's object, for `thread-start`. */
  subject?(): number | undefined;
}

export interface GuestOs {
  readonly family: 'nt' | 'linux';
  /** For people: `Linux 6.1.0-50-686`, `NT 5.1 build 2600`. */
  readonly version: string;
  /** What is not known of this version and why, for people. Grows as things are looked for. */
  readonly notes: readonly string[];
  /** Guest virtual addresses from here on are the kernel's. */
  readonly kernelStart: number;

  /** The current thread's object; 0 if there is none yet. Cheap: it is asked at every hook. */
  currentThread(): number;
  /**
   * A number that tells this incarnation of a thread's object from an earlier one at the same address, as well as the
   * guest's own structures can (ids, creation time). Cheap.
   */
  incarnation(thread: number): number;
  thread(thread: number): ThreadInfo | undefined;
  /** The thread has ended, and its object waits to be freed. */
  hasEnded(thread: number): boolean;
  /** Its kernel stack now (an NT thread can exchange it). Cheap. */
  kernelStack(thread: number): StackRange | undefined;
  /** The user stack that the current thread is on, if the system keeps that up to date (NT: the TEB). Cheap. */
  userStack(thread: number): StackRange | undefined;
  /** The stack pointer in the kernel of a thread that is not running. */
  savedKernelEsp(thread: number): number | undefined;

  /** All processes and threads that the kernel lists now. */
  processes(): readonly ProcessInfo[];
  threads(): readonly ThreadInfo[];
  details(process: ProcessInfo): ProcessDetails;
  /** The kernel's modules, or a process's. */
  modules(process?: ProcessInfo): readonly ModuleInfo[];
  object(process: ProcessInfo, handle: number): OpenObject | undefined;

  /**
   * The functions whose name fits: `NtReadFile`, `nt!Nt*`, `sys_read`, `ntdll.dll!*`. `*` stands for any characters.
   * Without a module, the kernel's functions and system calls are meant. With `process`, also those of its modules.
   */
  functions(pattern: string, process?: ProcessInfo): readonly GuestFunction[];
  /** `name+0x12` and the module of an address of the kernel or of a process; undefined if it is in none. */
  symbolAt(
    address: number,
    process?: ProcessInfo,
  ): { readonly module: string; readonly name: string } | undefined;
  /**
   * The names of the functions in a module, one of `modules(process)`, as far as they can be read now: several may be of one
   * place. `complete` is false if there are more that are not in memory.
   */
  moduleSymbols(
    module: ModuleInfo,
    process?: ProcessInfo,
  ): { readonly symbols: readonly ModuleSymbol[]; readonly complete: boolean };
  /** Where to look for what happens to threads. */
  watchPoints(): readonly WatchPoint[];
  /** How a system call is called by its number, as hooks name it. */
  systemCallName?(number: number): string;
  /** The stack pointer of a thread's program when it entered the kernel, where it is now. */
  userEsp?(thread: number): number | undefined;
  /**
   * Whether a call of a function that never returns is what ended its caller: NtTerminateThread of the calling thread, and
   * not of another. `argument` gives the call's words.
   */
  endsCaller(name: string, thread: number, argument: (index: number) => number | undefined): boolean;
}
