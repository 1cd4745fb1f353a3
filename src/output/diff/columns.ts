/**
 * Findings of one file in columns: what is compared, in numbers, and where in the file the rest is. A million of them take
 * some 100 MB. What stands in texts is numbered by {@link Names}, which both sides share.
 */

/** Numbers for texts: the same number for the same text. */
export class Names {
  private readonly numbers = new Map<string, number>();
  private readonly texts: string[] = [];

  number(text: string): number {
    let number = this.numbers.get(text);
    if (number === undefined) {
      number = this.texts.length;
      this.numbers.set(text, number);
      this.texts.push(text);
    }
    return number;
  }

  text(number: number): string {
    return this.texts[number] ?? '';
  }

  get count(): number {
    return this.texts.length;
  }
}

/** The names that both sides of a comparison share. */
export interface SharedNames {
  /** Hook and type: {@link pairOf}. */
  readonly kinds: Names;
  /** Module and name of a function: {@link pairOf}. */
  readonly functions: Names;
  /** A thread's, as JSON: `{"key":7,"tid":44}`. */
  readonly threads: Names;
  /** A process', as JSON. */
  readonly processes: Names;
}

export const sharedNames = (): SharedNames => ({
  kinds: new Names(),
  functions: new Names(),
  threads: new Names(),
  processes: new Names(),
});

/** Two texts in one. */
export const pairOf = (a: string, b: string): string => JSON.stringify([a, b]);
export const fromPair = (text: string): readonly [string, string] => JSON.parse(text) as [string, string];

export const OUTCOMES = ['returned', 'unwound', 'noreturn', 'killed', 'pending', 'open'] as const;
export type OutcomeName = (typeof OUTCOMES)[number];

/** A number that is not there: of a name, a result, a call. */
export const NONE = -1;

/** One finding, before it becomes a row. Numbers are {@link NONE} for what is not there. */
export interface Row {
  kind: number;
  instruction: number;
  thread: number;
  process: number;
  /** Of a call's finding; `fn` is NONE for others. */
  fn: number;
  entered: number;
  number: number;
  /** Index in {@link OUTCOMES}. */
  outcome: number;
  result: number;
  parent: number;
  restartOf: number;
  again: boolean;
  /** The thread that made the call: `thread` where the finding names no other. */
  caller: number;
  /** Hash of the data. */
  dataLow: number;
  dataHigh: number;
  /** Where the line is in its file: byte offset, bytes, number from 1. */
  offset: number;
  length: number;
  line: number;
}

type Column = Float64Array | Int32Array | Int8Array;

function grown<T extends Column>(column: T, size: number): T {
  const larger = new (column.constructor as new (size: number) => T)(size);
  larger.set(column as never);
  return larger;
}

export class FindingColumns {
  count = 0;
  instruction = new Float64Array(1024);
  entered = new Float64Array(1024);
  number = new Float64Array(1024);
  parent = new Float64Array(1024);
  restartOf = new Float64Array(1024);
  result = new Float64Array(1024);
  offset = new Float64Array(1024);
  kind = new Int32Array(1024);
  thread = new Int32Array(1024);
  process = new Int32Array(1024);
  fn = new Int32Array(1024);
  caller = new Int32Array(1024);
  dataLow = new Int32Array(1024);
  dataHigh = new Int32Array(1024);
  length = new Int32Array(1024);
  line = new Int32Array(1024);
  outcome = new Int8Array(1024);
  again = new Int8Array(1024);

  add(row: Row): void {
    const i = this.count;
    if (i === this.instruction.length) this.grow();
    this.instruction[i] = row.instruction;
    this.entered[i] = row.entered;
    this.number[i] = row.number;
    this.parent[i] = row.parent;
    this.restartOf[i] = row.restartOf;
    this.result[i] = row.result;
    this.offset[i] = row.offset;
    this.kind[i] = row.kind;
    this.thread[i] = row.thread;
    this.process[i] = row.process;
    this.fn[i] = row.fn;
    this.caller[i] = row.caller;
    this.dataLow[i] = row.dataLow;
    this.dataHigh[i] = row.dataHigh;
    this.length[i] = row.length;
    this.line[i] = row.line;
    this.outcome[i] = row.outcome;
    this.again[i] = row.again ? 1 : 0;
    this.count++;
  }

  private grow(): void {
    // By half: at a million rows doubling would hold two spare copies' worth of memory.
    const size = Math.ceil(this.instruction.length * 1.5);
    for (const name of COLUMNS) this[name] = grown(this[name], size) as never;
  }

  /** What the finding is about happened then: a call at its entry. */
  when(i: number): number {
    return this.fn[i] === NONE ? this.instruction[i]! : this.entered[i]!;
  }
}

const COLUMNS = [
  'instruction',
  'entered',
  'number',
  'parent',
  'restartOf',
  'result',
  'offset',
  'kind',
  'thread',
  'process',
  'fn',
  'caller',
  'dataLow',
  'dataHigh',
  'length',
  'line',
  'outcome',
  'again',
] as const satisfies readonly (keyof FindingColumns)[];
