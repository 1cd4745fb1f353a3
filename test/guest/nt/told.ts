/** What ntlet's ground truth tells of its threads and processes, over the time of a trace. */
import { readTruth } from '../../../src/guest/ntlet/truth.ts';
import type { TruthRecord } from '../../../src/guest/ntlet/truth-record.ts';
import { root } from '../../support/probe.ts';

export const TRACES = ['traces/ntlet-attack.rebek', 'traces/ntlet-stress.rebek'].map((file) => ({
  file,
  path: `${root}/${file}`,
}));

export interface ToldThread {
  /** Its generation, and that of its process. */
  readonly thread: number;
  readonly process: number;
  readonly threadId: number;
  readonly object: number;
  readonly stackTop: number;
  readonly teb: number;
}

export interface ToldProcess {
  readonly process: number;
  readonly processId: number;
  readonly cr3: number;
  readonly parent: number;
  readonly object: number;
  readonly name: string;
}

export function truthOf(path: string): readonly TruthRecord[] {
  const truth = readTruth(path);
  const records = [...truth];
  truth.close();
  return records;
}

/** Goes through the records of a trace; everything is by generation. */
export class Told {
  readonly records: readonly TruthRecord[];
  readonly threads = new Map<number, ToldThread>();
  readonly processes = new Map<number, ToldProcess>();
  readonly alive = { threads: new Set<number>(), processes: new Set<number>() };
  current = 0;
  private next = 0;

  constructor(records: readonly TruthRecord[]) {
    this.records = records;
    for (const r of records) {
      if (r.kind === 'thread-start') this.threads.set(r.thread, r);
      if (r.kind === 'process-start') this.processes.set(r.process, r);
    }
  }

  /** Takes in all that was told up to an instruction count. */
  advance(instruction: number): void {
    for (; this.next < this.records.length; this.next++) {
      const record = this.records[this.next]!;
      if (record.instruction > instruction) return;
      this.take(record);
    }
  }

  /** Takes in one record. */
  take(record: TruthRecord): void {
    const { alive } = this;
    if (record.kind === 'process-start') alive.processes.add(record.process);
    if (record.kind === 'process-end') alive.processes.delete(record.process);
    if (record.kind === 'thread-start') {
      alive.threads.add(record.thread);
      this.current ||= record.thread;
    }
    if (record.kind === 'thread-end') alive.threads.delete(record.thread);
    if (record.kind === 'switch') this.current = record.thread;
  }

  /**
   * Whether threads or processes come, go or change between two instruction counts: what is told and what is in memory then
   * differ for some instructions.
   */
  quiet(from: number, to: number): boolean {
    const { records } = this;
    let low = 0;
    let high = records.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (records[middle]!.instruction < from) low = middle + 1;
      else high = middle;
    }
    for (; low < records.length && records[low]!.instruction <= to; low++)
      if (/^(process|thread)-(start|end)$|^switch$/.test(records[low]!.kind)) return false;
    return true;
  }
}
