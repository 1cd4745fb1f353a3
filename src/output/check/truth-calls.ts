/** The calls that ntlet's ground truth tells of, for comparison, and the functions that they are of. */

import { FIRST_PROGRAM_FUNCTION } from '../../guest/ntlet/truth-names.ts';
import type { TruthRecord, TruthRecordOf } from '../../guest/ntlet/truth-record.ts';
import type { GuestFunction } from '../../guest/os.ts';
import type { CheckedCall } from './compare.ts';

interface Thread {
  readonly id: number;
  readonly object: number;
  readonly process: number;
}

/** A program's function, and the processes that have it, by their generations. */
export interface ProgramFunction {
  readonly fn: GuestFunction;
  readonly processes: ReadonlySet<number>;
}

/** Which functions there are, and in which processes: read before the replay. */
export class TruthFunctions {
  /** Of the kernel, by name. */
  readonly kernel: string[] = [];
  readonly programs: ProgramFunction[] = [];
  /** Where functions begin whose calls are told. */
  readonly addresses = new Set<number>();
  /** What was told before the recording began. */
  readonly before: TruthRecord[] = [];
  private readonly parents = new Map<number, number>();
  private readonly threads = new Map<number, number>();

  constructor(records: Iterable<TruthRecord>) {
    const declared: { record: TruthRecordOf<'function'>; process: number }[] = [];
    for (const record of records) {
      if (record.instruction < 0) this.before.push(record);
      if (record.kind === 'function') this.addresses.add(record.address);
      if (record.kind === 'process-start') this.parents.set(record.process, record.parent);
      else if (record.kind === 'thread-start') this.threads.set(record.thread, record.process);
      else if (record.kind === 'function' && record.function < FIRST_PROGRAM_FUNCTION)
        this.kernel.push(record.name);
      else if (record.kind === 'function') {
        declared.push({ record, process: this.threads.get(record.thread) ?? 0 });
      }
    }
    for (const { record, process } of declared) this.programs.push(this.program(record, process));
  }

  private program(record: TruthRecordOf<'function'>, process: number): ProgramFunction {
    const [module = ''] = record.name.split('!');
    const { convention, arguments: words } = record.shape;
    const fn: GuestFunction = {
      name: record.name,
      module: `${module}.exe`,
      address: record.address,
      signature: { convention, words, parameters: undefined },
      systemCall: undefined,
      neverReturns: false,
      asid: undefined,
    };
    return { fn, processes: new Set([...this.parents.keys()].filter((one) => this.isFrom(one, process))) };
  }

  /** The process itself, and those that it has made: they may be copies of it. */
  private isFrom(process: number, ancestor: number): boolean {
    for (let at: number | undefined = process, steps = 0; at !== undefined && steps < 64; steps++) {
      if (at === ancestor) return true;
      at = this.parents.get(at);
    }
    return false;
  }
}

/** How a second return is named on both sides. */
export const againText = (threadId: number | undefined, result: number): string =>
  `0x${result.toString(16)} in thread ${threadId}`;

export interface TruthCallEvents {
  entered(call: CheckedCall): void;
  left(call: CheckedCall): void;
  /** It has returned once more: `text` names the thread and the result. */
  again(call: CheckedCall, text: string): void;
}

/** Follows the records, and makes calls of them. */
export class TruthCalls {
  /** Calls that were entered before the recording began, which nobody can have seen. */
  before = 0;
  private readonly events: TruthCallEvents;
  private readonly functions = new Map<number, { name: string; address: number }>();
  private readonly ofPrograms = new Map<number, Map<number, { name: string; address: number }>>();
  private readonly threads = new Map<number, Thread>();
  /** Processes that are alive, by their address spaces. */
  private readonly asids = new Map<number, number>();
  private readonly open = new Map<number, CheckedCall>();
  /** Calls that have ended, and may yet return in a copy of their caller. */
  private readonly over = new Map<number, CheckedCall>();

  constructor(events: TruthCallEvents) {
    this.events = events;
  }

  /** The process (its generation) that an address space belongs to now. */
  processOf(asid: number): number | undefined {
    return this.asids.get(asid >>> 12);
  }

  follow(record: TruthRecord): void {
    switch (record.kind) {
      case 'process-start':
        this.asids.set(record.cr3 >>> 12, record.process);
        this.ofPrograms.set(record.process, new Map(this.ofPrograms.get(record.parent)));
        break;
      case 'process-end':
        for (const [asid, process] of this.asids) {
          if (process === record.process) this.asids.delete(asid);
        }
        break;
      case 'function': {
        const process = this.threads.get(record.thread)?.process ?? 0;
        const map = record.function < FIRST_PROGRAM_FUNCTION ? this.functions : this.ofPrograms.get(process);
        map?.set(record.function, { name: record.name, address: record.address });
        break;
      }
      case 'thread-start':
        this.threads.set(record.thread, {
          id: record.threadId,
          object: record.object,
          process: record.process,
        });
        break;
      case 'enter':
        this.enter(record);
        break;
      case 'leave':
        this.leave(record);
        break;
      case 'again': {
        const call = this.open.get(record.call) ?? this.over.get(record.call);
        const id = this.threads.get(record.thread)?.id;
        if (call !== undefined) this.events.again(call, againText(id, record.result));
        break;
      }
    }
  }

  private enter(record: TruthRecordOf<'enter'>): void {
    const { call, thread: generation, instruction, parent, esp, arguments: words } = record;
    if (instruction < 0) {
      this.before++;
      return;
    }
    const thread = this.threads.get(generation);
    const map =
      record.function < FIRST_PROGRAM_FUNCTION ? this.functions : this.ofPrograms.get(thread?.process ?? 0);
    const fn = map?.get(record.function) ?? { name: `0x${record.function.toString(16)}`, address: 0 };
    const entered: CheckedCall = {
      number: call,
      function: fn.name,
      address: fn.address,
      thread: thread?.object ?? 0,
      threadId: thread?.id,
      esp,
      instruction,
      arguments: words,
      parent,
      parentName: this.open.get(parent)?.function,
      outcome: 'open',
      result: undefined,
      ended: false,
      elsewhere: false,
    };
    this.open.set(call, entered);
    this.events.entered(entered);
  }

  private leave({ call, outcome, result }: TruthRecordOf<'leave'>): void {
    const left = this.open.get(call);
    if (left === undefined) return;
    this.open.delete(call);
    left.outcome = outcome;
    left.result = outcome === 'returned' || outcome === 'pending' ? result : undefined;
    left.ended = true;
    this.over.set(call, left);
    if (this.over.size > 4096) this.over.delete(this.over.keys().next().value!);
    this.events.left(left);
  }
}
