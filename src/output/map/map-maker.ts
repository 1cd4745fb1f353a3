/** The hooks that make a guest map during a replay: what happens to threads, and the calls that map images or take them away. */
import type { GuestOs } from '../../guest/os.ts';
import { defineHooks, type HookCall, type HookFile, type HookProcess, type Hooks } from '../../hooks/api.ts';
import type { HookSession } from '../../hooks/session.ts';
import type { TrackedProcess, TrackedThread } from '../../hooks/threads.ts';
import type { GuestMap, MappedProcess } from './guest-map.ts';
import { Images } from './images.ts';
import { ModuleTimes } from './module-times.ts';
import { SwitchList } from './switch-list.ts';

/** A guest can make as many processes and threads as it likes; those after these are nobody's. */
const MOST_PROCESSES = 1 << 17;
const MOST_THREADS = 1 << 19;
/** Linux: PROT_EXEC (include/uapi/asm-generic/mman-common.h). */
const PROT_EXEC = 4;
/** NT: looks into a process at its next calls after it has mapped something, until its loader has added that to its list. */
const LOADER_CALLS = 4;

interface Draft {
  readonly process: TrackedProcess;
  name: string;
  ppid: number | undefined;
  commandLine: string | undefined;
  readonly from: number;
  to: number;
  readonly modules: ModuleTimes;
  /** NT: calls at which it is still to be looked at. */
  expecting: number;
}

export class MapMaker {
  readonly file: HookFile;
  /** Set before the first instruction. */
  session: HookSession | undefined;
  private readonly drafts = new Map<number, Draft>();
  private readonly threads = new Map<number, TrackedThread>();
  private readonly switches = new SwitchList();
  private readonly kernel = new ModuleTimes(true);
  private readonly names = new Map<string, string>();
  private images: Images | undefined;
  private running: TrackedThread | undefined;
  private seesSwitches = false;

  constructor() {
    this.file = defineHooks('map', (hooks) => this.hook(hooks));
  }

  private hook(hooks: Hooks): void {
    const sample = () => this.sampleCurrent();
    hooks.contextSwitch(() => this.ran());
    hooks.process({
      start: ({ process }) => this.started(process as TrackedProcess),
      exec: ({ process }) => this.sample(process),
      end: ({ process }) => this.ended(process),
    });
    hooks.thread({ start: ({ thread }) => this.sees(thread as TrackedThread) });
    hooks.end(() => this.last());
    // Linux: what maps code, takes it away, or loads modules; `do_exit` (kernel/exit.c) while the memory is still there;
    // `do_init_module` (kernel/module/main.c) before a module's own code runs.
    hooks.call('sys_mmap2', { post: (call) => this.mapped(call, call.word(2)) });
    hooks.call('sys_mmap', { post: sample });
    hooks.call('sys_munmap', { post: (call) => this.unmapped(call) });
    hooks.call('do_exit', { pre: () => this.exits() });
    hooks.call('do_init_module', { pre: () => this.sampleKernel() });
    for (const name of ['sys_init_module', 'sys_finit_module', 'sys_delete_module'])
      hooks.call(name, { post: () => this.sampleKernel() });
    // NT: a mapped image is a module when the loader of the process has put it into its list, which it does before it goes on to
    // one of these calls; a new thread's loader ends with NtContinue.
    hooks.call('NtMapViewOfSection', { post: () => this.expect() });
    for (const name of ['NtClose', 'NtProtectVirtualMemory', 'NtContinue', 'NtTestAlert'])
      hooks.call(name, { pre: () => this.loaded() });
    hooks.call('NtUnmapViewOfSection', { post: sample });
    for (const name of ['NtTerminateProcess', 'NtTerminateThread']) hooks.call(name, { pre: sample });
    for (const name of ['NtLoadDriver', 'NtUnloadDriver', 'NtSetSystemInformation'])
      hooks.call(name, { post: () => this.sampleKernel() });
  }

  private get now(): number {
    return this.session!.instruction;
  }

  private get os(): GuestOs | undefined {
    return this.session?.os;
  }

  /** The current thread, which may be seen for the first time. */
  private ran(): void {
    const { session } = this;
    const thread = session?.current;
    if (session === undefined || thread === this.running) return;
    this.running = thread;
    if (thread !== undefined) this.sees(thread);
    if (this.seesSwitches) this.switches.add(session.instruction, this.isKnown(thread) ? thread.key : 0);
  }

  private isKnown(thread: TrackedThread | undefined): thread is TrackedThread {
    return thread !== undefined && this.threads.has(thread.key);
  }

  private sees(thread: TrackedThread): void {
    if (this.threads.size >= MOST_THREADS || !this.drafts.has(thread.process.key)) return;
    this.threads.set(thread.key, thread);
  }

  private started(process: TrackedProcess): void {
    const { os, drafts } = this;
    if (os === undefined || drafts.size >= MOST_PROCESSES) return;
    if (this.images === undefined) {
      this.images = new Images(os);
      // Without them nobody knows who runs.
      this.seesSwitches = os.watchPoints().some(({ what }) => what === 'switch');
      this.sampleKernel();
    }
    const modules = new ModuleTimes(false);
    const expecting = os.family === 'nt' ? LOADER_CALLS : 0;
    drafts.set(process.key, {
      process,
      name: process.name,
      ppid: process.ppid,
      commandLine: undefined,
      from: this.now,
      to: Infinity,
      modules,
      expecting,
    });
    this.sample(process);
    this.ran();
  }

  private ended(process: HookProcess | undefined): void {
    const draft = process && this.drafts.get(process.key);
    if (draft === undefined) return;
    draft.to = this.now;
    draft.modules.end(this.now);
  }

  private sampleCurrent(): void {
    this.sample(this.session?.process);
  }

  private mapped({ process, result = 0 }: HookCall, protection = 0): void {
    // Results that are not an address are above all others (include/linux/err.h).
    if ((protection & PROT_EXEC) !== 0 && result < 0xfffff000) this.sample(process);
  }

  private unmapped(call: HookCall): void {
    const [first = 0, length = 0] = [call.word(0), call.word(1)];
    const draft = call.process && this.drafts.get(call.process.key);
    if (draft?.modules.overlaps(first, first + length)) this.sample(call.process);
  }

  /** Linux: a thread ends. With the last one, what its process has mapped is gone. */
  private exits(): void {
    const process = this.session?.process;
    if (process !== undefined && process.threads <= 1) this.sample(process);
  }

  private expect(): void {
    const draft = this.drafts.get(this.session?.process?.key ?? 0);
    if (draft !== undefined) draft.expecting = LOADER_CALLS;
  }

  private loaded(): void {
    const draft = this.drafts.get(this.session?.process?.key ?? 0);
    if (draft === undefined || draft.expecting === 0) return;
    draft.expecting--;
    this.sample(draft.process);
  }

  /** Looks at the modules, name and command line of a process as they are now. */
  private sample(process: HookProcess | undefined, last = false): void {
    const { os, images } = this;
    const draft = process && this.drafts.get(process.key);
    if (os === undefined || images === undefined || draft === undefined || draft.to !== Infinity) return;
    this.rename(draft, os);
    const { commandLine } = draft.process.details();
    if (commandLine !== undefined && commandLine !== '') draft.commandLine = this.one(commandLine);
    const { asid } = draft.process;
    const memory = this.session!.cpu.memory;
    const space = asid === undefined ? memory : memory.in(asid);
    const modules = os.modules(draft.process).map((module) => ({
      ...module,
      name: this.one(module.name),
      path: module.path === undefined ? undefined : this.one(module.path),
    }));
    // Nothing to be seen, of a process that has something, is a moment in between.
    if (modules.length === 0 && draft.modules.any && !last) return;
    draft.modules.sample(modules, this.now, (stay, module) =>
      images.look(stay, module, draft.process, space, last),
    );
  }

  /** Linux: a process is called what its first thread is, and a thread can change that. */
  private rename(draft: Draft, os: GuestOs): void {
    const { address, pid } = draft.process;
    const now = os.family === 'linux' ? os.thread(address)?.process : draft.process;
    if (now?.pid !== pid) return;
    draft.name = this.one(now.name);
    draft.ppid = now.ppid;
  }

  private sampleKernel(last = false): void {
    const { os, images, session } = this;
    if (os === undefined || images === undefined || session === undefined) return;
    this.kernel.sample(os.modules(), this.now, (stay, module) =>
      images.look(stay, module, undefined, session.cpu.memory, last),
    );
  }

  private last(): void {
    for (const { process } of this.drafts.values()) this.sample(process, true);
    this.sampleKernel(true);
  }

  /** The same text again is the same string. */
  private one(text: string): string {
    const known = this.names.get(text);
    if (known !== undefined) return known;
    if (this.names.size < MOST_PROCESSES) this.names.set(text, text);
    return text;
  }

  /** @param instructions of the trace */
  done(instructions: number): GuestMap {
    const { os } = this;
    const { symbols = [], places = [] } = this.images?.done() ?? {};
    const processes: MappedProcess[] = [];
    for (const { process, name, ppid, commandLine, from, to, modules } of this.drafts.values()) {
      const { key, pid, asid } = process;
      const end = Math.min(to, instructions);
      const own = modules.done(places, end);
      processes.push({ key, pid, ppid, name, commandLine, asid, from, to: end, modules: own });
    }
    return {
      system: os?.version,
      kernelStart: os?.kernelStart ?? 2 ** 32,
      instructions,
      processes,
      threads: [...this.threads.values()].map(({ key, tid, process }) => ({
        key,
        tid,
        process: process.key,
      })),
      kernelModules: this.kernel.done(places, instructions),
      symbols,
      switches: this.switches.done(),
    };
  }
}
