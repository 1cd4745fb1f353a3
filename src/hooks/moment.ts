/** The guest at the moment of an event: filled anew for each, so that an event allocates nothing. */
import type { GuestCpu } from '../guest/cpu.ts';
import type { GuestOs, StackRange } from '../guest/os.ts';
import type { Moment } from './match/matcher.ts';
import type { ThreadTable, TrackedThread } from './threads.ts';

export class EventMoment implements Moment {
  instruction = 0;
  asid = 0;
  cpl = 0;
  esp = 0;
  ebp = 0;
  eax = 0;
  current: TrackedThread | undefined;

  private readonly cpu: GuestCpu;
  private os: GuestOs | undefined;
  private threads: ThreadTable | undefined;
  private kernel: StackRange | undefined;
  private user: StackRange | undefined;
  private stacksOf = -1;

  constructor(cpu: GuestCpu) {
    this.cpu = cpu;
  }

  /** From now on the system is known. */
  know(os: GuestOs, threads: ThreadTable): void {
    this.os = os;
    this.threads = threads;
  }

  fill(instruction: number): void {
    const { cpu } = this;
    cpu.memory.standStill();
    this.instruction = instruction;
    this.asid = cpu.cr3;
    this.cpl = cpu.cpl;
    this.esp = cpu.esp;
    this.ebp = cpu.ebp;
    this.eax = cpu.eax;
    this.current = this.threads?.current(instruction);
    this.stacksOf = -1;
  }

  get thread(): number {
    return this.current?.key ?? 0;
  }

  get kernelStack(): StackRange | undefined {
    if (this.stacksOf !== this.thread) this.readStacks();
    return this.kernel;
  }

  get userStack(): StackRange | undefined {
    if (this.stacksOf !== this.thread) this.readStacks();
    return this.user;
  }

  get userEsp(): number | undefined {
    const { current } = this;
    return current === undefined || this.cpl === 3 ? undefined : this.os?.userEsp?.(current.address);
  }

  private readStacks(): void {
    const address = this.current?.address;
    this.kernel = address === undefined ? undefined : this.os?.kernelStack(address);
    this.user = address === undefined ? undefined : this.os?.userStack(address);
    this.stacksOf = this.thread;
  }

  word(address: number): number | undefined {
    return this.cpu.memory.u32(address);
  }
}
