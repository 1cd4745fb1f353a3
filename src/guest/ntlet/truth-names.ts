/** What the numbers in ntlet's ground truth stand for at each moment: functions, programs, open calls. */
import type { FunctionShape, TruthRecord, TruthRecordOf } from './truth-record.ts';

/** Functions from this number on belong to a program, and their numbers to its process. */
export const FIRST_PROGRAM_FUNCTION = 0x20000;

export interface TruthFunction {
  readonly number: number;
  readonly name: string;
  readonly address: number;
  readonly shape: FunctionShape;
}

/** What is known of a record besides what it says itself. All of it is unknown where a recording begins later. */
export interface TruthNames {
  /** Of the call that it is about. */
  readonly function?: string;
  /** Ids of its thread and of that thread's process, and what that process runs. */
  readonly threadId?: number;
  readonly processId?: number;
  readonly processName?: string;
  /** Calls open around it in its thread. */
  readonly depth: number;
}

interface Process {
  readonly id: number;
  readonly name: string;
  readonly functions: Map<number, TruthFunction>;
}
interface Call {
  readonly function: string;
  readonly thread: number;
  readonly depth: number;
}

/** Calls that are over and may still be spoken of: by `complete` and `again`. */
const REMEMBERED_CALLS = 4096;

/** Follows a stream; knows what is alive, and the last calls that are over. */
export class TruthFollower {
  private readonly functions = new Map<number, TruthFunction>();
  private readonly processes = new Map<number, Process>();
  private readonly threads = new Map<number, { readonly id: number; readonly process: number }>();
  private readonly calls = new Map<number, Call>();
  private readonly over = new Map<number, Call>();
  /** Calls open in each thread, innermost last. */
  private readonly open = new Map<number, number[]>();

  /** Takes the next record into account, and tells what it is about. */
  follow(record: TruthRecord): TruthNames {
    switch (record.kind) {
      case 'function':
        this.declare(record);
        break;
      case 'process-start': {
        const { process, processId: id, name, parent } = record;
        // It may be a copy of its parent.
        const functions = new Map(this.processes.get(parent)?.functions);
        this.processes.set(process, { id, name, functions });
        break;
      }
      case 'thread-start':
        this.threads.set(record.thread, { id: record.threadId, process: record.process });
        break;
      case 'enter':
        return this.enter(record);
      case 'leave':
        return this.leave(record);
      case 'complete':
      case 'again':
        return this.names(record, this.calls.get(record.call) ?? this.over.get(record.call));
      case 'process-end': {
        const names = this.names(record);
        this.processes.delete(record.process);
        return names;
      }
      case 'thread-end': {
        const names = this.names(record);
        this.threads.delete(record.thread);
        for (const call of this.open.get(record.thread) ?? []) this.calls.delete(call);
        this.open.delete(record.thread);
        return names;
      }
    }
    return this.names(record);
  }

  /**
   * The function that has this number.
   * @param thread generation of the thread that calls it: a program's functions are its process's
   */
  functionOf(number: number, thread: number): TruthFunction | undefined {
    if (number < FIRST_PROGRAM_FUNCTION) return this.functions.get(number);
    return this.processOf(thread)?.functions.get(number);
  }

  private processOf(thread: number): Process | undefined {
    const found = this.threads.get(thread);
    return found && this.processes.get(found.process);
  }

  private declare(record: TruthRecordOf<'function'>): void {
    const { function: number, name, address, shape } = record;
    const table = number < FIRST_PROGRAM_FUNCTION ? this.functions : this.processOf(record.thread)?.functions;
    table?.set(number, { number, name, address, shape });
  }

  private enter(record: TruthRecordOf<'enter'>): TruthNames {
    const { call, parent, thread } = record;
    const around = this.calls.get(parent);
    const known = this.functionOf(record.function, thread);
    const opened: Call = {
      function: known?.name ?? `0x${record.function.toString(16)}`,
      thread,
      depth: around === undefined ? 0 : around.depth + 1,
    };
    this.calls.set(call, opened);
    const open = this.open.get(thread);
    if (open === undefined) this.open.set(thread, [call]);
    else open.push(call);
    return this.names(record, opened);
  }

  private leave(record: TruthRecordOf<'leave'>): TruthNames {
    const call = this.calls.get(record.call);
    if (call === undefined) return this.names(record);
    this.calls.delete(record.call);
    const open = this.open.get(call.thread) ?? [];
    const at = open.lastIndexOf(record.call);
    if (at >= 0) open.splice(at, 1);
    this.over.set(record.call, call);
    if (this.over.size > REMEMBERED_CALLS) this.over.delete(this.over.keys().next().value!);
    return this.names(record, call);
  }

  private names({ thread }: TruthRecord, call?: Call): TruthNames {
    const process = this.processOf(thread);
    const threadId = this.threads.get(thread)?.id;
    return {
      ...(call && { function: call.function }),
      ...(threadId !== undefined && { threadId }),
      ...(process && { processId: process.id, processName: process.name }),
      depth: call !== undefined && call.thread === thread ? call.depth : (this.open.get(thread)?.length ?? 0),
    };
  }
}
