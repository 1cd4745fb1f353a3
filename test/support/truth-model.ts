/** A model of a kernel that does random things and tells the truth about them. */
import { make, type Spec } from './truth.ts';

interface Thread {
  readonly generation: number;
  readonly process: number;
  fiber: number;
  readonly open: { readonly call: number; readonly stack: number; readonly function: number }[];
}

/** What the records must count up to. */
export interface Counted {
  calls: number;
  switches: number;
  threads: number;
  processes: number;
  open: number;
  overlapped: number;
}

interface Open {
  readonly thread: number;
  overlapped: boolean;
}

/** Turns numbers, which a test draws, into a stream without a contradiction. */
export class KernelModel {
  readonly specs: Spec[] = [];
  readonly counted: Counted = { calls: 0, switches: 0, threads: 0, processes: 0, open: 0, overlapped: 0 };
  private readonly threads: Thread[] = [];
  private readonly pending: { readonly call: number; readonly thread: number }[] = [];
  /** Open calls by function, to find overlaps by looking at each. */
  private readonly byFunction = new Map<string, Map<number, Open>>();
  private running!: Thread;
  private lastCall = 0;
  private lastThread = 0;
  private lastProcess = 0;

  constructor() {
    this.specs.push(make.boot(), make.function(0, 0x47, 'NtReadFile'), make.function(0, 0x48, 'NtWriteFile'));
    this.startProcess();
    this.startThread(1);
    this.running = this.threads[0]!;
  }

  step(action: number, choice: number): void {
    const thread = this.running;
    const innermost = thread.open.findLast(({ stack }) => stack === thread.fiber);
    const other = this.threads[choice % this.threads.length]!;
    const kind = action % 12;
    if (kind === 0) this.startProcess();
    else if (kind === 1) this.startThread(other.process);
    else if (kind < 4) this.switchTo(other);
    else if (kind < 7) this.enter(choice, innermost?.call ?? 0);
    else if (kind < 9) {
      const outcome = (['returned', 'unwound', 'noreturn', 'pending'] as const)[choice % 4]!;
      if (innermost !== undefined) this.leave(thread, innermost.call, outcome);
    } else if (kind === 9) this.complete(choice);
    else if (kind === 10) this.changeFiber(choice % 3);
    else if (this.threads.length > 1 && choice % 3 === 0) this.endThread();
    else if (this.lastCall > 0) this.specs.push(make.again(thread.generation, 1 + (choice % this.lastCall)));
  }

  private complete(choice: number): void {
    const [done] = this.pending.splice(choice % Math.max(1, this.pending.length), 1);
    if (done !== undefined) this.specs.push(make.complete(done.thread, done.call));
  }

  private changeFiber(fiber: number): void {
    this.running.fiber = fiber;
    const { generation: thread } = this.running;
    this.specs.push({ kind: 'event', thread, what: 'fiber', values: [fiber, 0] });
  }

  /** Records that a reader finds who begins somewhere in the middle, and the number of the first. */
  from(part: number): { specs: readonly Spec[]; first: number } {
    const first = Math.floor(this.specs.length * part);
    return { specs: this.specs.slice(first), first };
  }

  private startProcess(): void {
    const process = ++this.lastProcess;
    this.counted.processes++;
    this.specs.push(make.process(this.threads.length === 0 ? 0 : this.running.generation, process));
    if (process > 1) this.startThread(process);
  }

  private startThread(process: number): void {
    const generation = ++this.lastThread;
    this.counted.threads++;
    this.specs.push(make.thread(generation, process));
    this.threads.push({ generation, process, fiber: 0, open: [] });
  }

  private switchTo(next: Thread): void {
    if (next === this.running) return;
    this.counted.switches++;
    this.specs.push(make.switch(this.running.generation, next.generation, next.process));
    this.running = next;
  }

  private enter(choice: number, parent: number): void {
    const thread = this.running;
    const call = ++this.lastCall;
    const number = [0x47, 0x48, 0x2_0001][choice % 3]!;
    this.counted.calls++;
    this.counted.open++;
    const key = this.key(thread, number);
    const open = this.byFunction.get(key) ?? new Map<number, Open>();
    this.byFunction.set(key, open);
    for (const other of open.values()) {
      if (other.thread === thread.generation || other.overlapped) continue;
      other.overlapped = true;
      this.counted.overlapped++;
    }
    open.set(call, { thread: thread.generation, overlapped: false });
    const stack = thread.fiber;
    thread.open.push({ call, stack, function: number });
    this.specs.push(make.enter(thread.generation, call, parent, number, { stack }));
  }

  private leave(
    thread: Thread,
    call: number,
    outcome: 'returned' | 'unwound' | 'noreturn' | 'killed' | 'pending',
  ): void {
    const at = thread.open.findIndex((open) => open.call === call);
    const [left] = thread.open.splice(at, 1);
    this.byFunction.get(this.key(thread, left!.function))!.delete(call);
    this.counted.open--;
    this.specs.push(make.leave(thread.generation, call, outcome));
    if (outcome === 'pending') this.pending.push({ call, thread: thread.generation });
  }

  /** A program's functions are its process's. */
  private key(thread: Thread, number: number): string {
    return number < 0x2_0000 ? `${number}` : `${thread.process}/${number}`;
  }

  /** The running thread ends, its process too if it was the last, and another one runs. */
  private endThread(): void {
    const thread = this.running;
    for (const { call } of [...thread.open].reverse()) this.leave(thread, call, 'killed');
    this.specs.push(make.threadEnd(thread.generation));
    this.threads.splice(this.threads.indexOf(thread), 1);
    if (this.threads.every(({ process }) => process !== thread.process))
      this.specs.push(make.processEnd(thread.generation, thread.process));
    this.switchTo(this.threads[0]!);
  }
}
