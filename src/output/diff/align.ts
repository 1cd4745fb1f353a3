/**
 * Aligns the findings of two replays of one recording. Both are of the same execution, so that instruction counts tell exactly
 * which finding of one side is which of the other: a call's by its entry and function, another one's by its own moment.
 */
import { type FindingColumns, NONE, type SharedNames } from './columns.ts';
import { Identities } from './identities.ts';
import type { FindingsSide } from './read.ts';

/** Which of two findings' parts differ: bits, in the order in which they are told. */
export const FIELDS = {
  /** How the call ended. */
  outcome: 1,
  /** What it returned. */
  result: 2,
  /** The thread that it ended in, or another finding's thread. */
  owner: 4,
  /** The thread that made the call. */
  caller: 8,
  /** Instruction count of the call's end. */
  end: 16,
  /** The call that it was made from. */
  parent: 32,
  /** The interrupted call that it goes on with. */
  restartOf: 64,
  /** What is told of the process: its name, its parent, its user. */
  process: 128,
  /** What the hook has given: arguments, texts. */
  data: 256,
} as const;
export type FieldName = keyof typeof FIELDS;
export const FIELD_NAMES = Object.keys(FIELDS) as FieldName[];

/** What has been aligned. */
export type Alignment = Omit<Aligner, 'run'>;

/** Matchers that do not know from which call a call was made: see src/hooks/match. */
const WITHOUT_PARENTS: ReadonlySet<string> = new Set(['return-address', 'single-slot']);

export function align(a: FindingsSide, b: FindingsSide, names: SharedNames): Alignment {
  const [one, other] = [a.header.matcher, b.header.matcher];
  const parents = one === other || !(WITHOUT_PARENTS.has(one) || WITHOUT_PARENTS.has(other));
  return new Aligner(a, b, names, parents).run();
}

class Aligner {
  readonly a: FindingsSide;
  readonly b: FindingsSide;
  /** By the index of a finding of A, its partner's in B, or NONE; and the other way round. */
  readonly partnerOfA: Int32Array;
  readonly partnerOfB: Int32Array;
  /** By the index of a finding of A that has a partner: bits of {@link FIELDS}. */
  readonly fields: Int16Array;
  readonly threads: Identities;
  readonly processes: Identities;
  /** Parents are compared: both matchers tell of them. */
  readonly parents: boolean;
  private readonly names: SharedNames;
  private readonly x: FindingColumns;
  private readonly y: FindingColumns;
  private readonly callsOfA: Map<number, number>;
  private readonly callsOfB: Map<number, number>;

  constructor(a: FindingsSide, b: FindingsSide, names: SharedNames, parents: boolean) {
    this.a = a;
    this.b = b;
    this.names = names;
    this.parents = parents;
    this.x = a.findings;
    this.y = b.findings;
    this.partnerOfA = new Int32Array(this.x.count).fill(NONE);
    this.partnerOfB = new Int32Array(this.y.count).fill(NONE);
    this.fields = new Int16Array(this.x.count);
    this.threads = new Identities(names.threads, 'tid');
    this.processes = new Identities(names.processes, 'pid');
    this.callsOfA = callsByNumber(this.x);
    this.callsOfB = callsByNumber(this.y);
  }

  run(): Alignment {
    const [orderA, orderB] = [sorted(this.x), sorted(this.y)];
    const several = this.pairSingles(orderA, orderB);
    this.vote();
    for (const [fromA, toA, fromB, toB] of several) {
      this.pairSeveral([...orderA.subarray(fromA, toA)], [...orderB.subarray(fromB, toB)]);
    }
    for (let i = 0; i < this.x.count; i++) {
      const partner = this.partnerOfA[i]!;
      if (partner !== NONE) this.fields[i] = this.compare(i, partner);
    }
    return this;
  }

  /** Pairs what is alone with its key on both sides; returns where there is more. */
  private pairSingles(orderA: Int32Array, orderB: Int32Array): [number, number, number, number][] {
    const { x, y } = this;
    const several: [number, number, number, number][] = [];
    for (let i = 0, j = 0; i < orderA.length && j < orderB.length; ) {
      const order = compareKeys(x, orderA[i]!, y, orderB[j]!);
      if (order < 0) i++;
      else if (order > 0) j++;
      else {
        const endA = groupEnd(x, orderA, i);
        const endB = groupEnd(y, orderB, j);
        if (endA - i === 1 && endB - j === 1) this.pair(orderA[i]!, orderB[j]!);
        else several.push([i, endA, j, endB]);
        i = endA;
        j = endB;
      }
    }
    return several;
  }

  private pair(i: number, j: number): void {
    this.partnerOfA[i] = j;
    this.partnerOfB[j] = i;
  }

  private vote(): void {
    const { x, y, partnerOfA, threads, processes } = this;
    for (let i = 0; i < x.count; i++) {
      const j = partnerOfA[i]!;
      if (j === NONE) continue;
      // A call is entered by one thread; what has no call is of its own moment.
      threads.vote(x.caller[i]!, y.caller[j]!);
      if (x.instruction[i] === y.instruction[j]) processes.vote(x.process[i]!, y.process[j]!);
    }
    threads.settle();
    processes.settle();
  }

  /** Several findings of a hook at one moment: first those that are equal, then those of one thread, then as they come. */
  private pairSeveral(left: number[], right: number[]): void {
    const { x, y, threads, processes } = this;
    const who = (name: number, identities: Identities, onA: boolean): string => {
      if (name === NONE) return '-';
      const { key, id } = identities.of(name);
      return `${onA ? key : identities.keyOnA(name)}/${id}`;
    };
    const thread = (c: FindingColumns, i: number, onA: boolean): string => who(c.thread[i]!, threads, onA);
    const process = (c: FindingColumns, i: number, onA: boolean): string =>
      who(c.process[i]!, processes, onA);
    const ended = (c: FindingColumns, i: number): string =>
      `${c.instruction[i]},${c.outcome[i]},${c.result[i]}`;
    const data = (c: FindingColumns, i: number): string => `${c.dataLow[i]},${c.dataHigh[i]}`;
    const keys = [
      (c: FindingColumns, i: number, onA: boolean) =>
        `${ended(c, i)},${data(c, i)},${thread(c, i, onA)},${process(c, i, onA)}`,
      (c: FindingColumns, i: number, onA: boolean) => `${ended(c, i)},${data(c, i)},${thread(c, i, onA)}`,
      (c: FindingColumns, i: number) => `${ended(c, i)},${data(c, i)}`,
      (c: FindingColumns, i: number, onA: boolean) => `${ended(c, i)},${thread(c, i, onA)}`,
      (c: FindingColumns, i: number, onA: boolean) => `${data(c, i)},${thread(c, i, onA)}`,
      (c: FindingColumns, i: number, onA: boolean) => `${c.instruction[i]},${thread(c, i, onA)}`,
      () => '',
    ];
    for (const key of keys) {
      const waiting = new Map<string, number[]>();
      // In reverse: the first one is taken from the end of the list.
      for (const j of right.toReversed()) {
        const text = key(y, j, false);
        const list = waiting.get(text);
        if (list === undefined) waiting.set(text, [j]);
        else list.push(j);
      }
      left = left.filter((i) => {
        const j = waiting.get(key(x, i, true))?.pop();
        if (j !== undefined) this.pair(i, j);
        return j === undefined;
      });
      right = right.filter((j) => this.partnerOfB[j] === NONE);
      if (left.length === 0 || right.length === 0) return;
    }
  }

  private compare(i: number, j: number): number {
    const { x, y, threads } = this;
    let fields = 0;
    const sameEnd = x.instruction[i] === y.instruction[j];
    if (x.outcome[i] !== y.outcome[j]) fields |= FIELDS.outcome;
    if (x.result[i] !== y.result[j]) fields |= FIELDS.result;
    if (!threads.same(x.thread[i]!, y.thread[j]!)) fields |= FIELDS.owner;
    else if (!this.processes.same(x.process[i]!, y.process[j]!)) fields |= FIELDS.owner;
    // Its name, parent and user can be others by the time of another end.
    else if (sameEnd && !this.sameProcess(x.process[i]!, y.process[j]!)) fields |= FIELDS.process;
    if (x.fn[i] !== NONE) {
      if (!threads.same(x.caller[i]!, y.caller[j]!)) fields |= FIELDS.caller;
      if (!sameEnd) fields |= FIELDS.end;
      if (this.parents && !this.sameCall(x.parent[i]!, y.parent[j]!)) fields |= FIELDS.parent;
      if (!this.sameCall(x.restartOf[i]!, y.restartOf[j]!)) fields |= FIELDS.restartOf;
    }
    if (x.dataLow[i] !== y.dataLow[j] || x.dataHigh[i] !== y.dataHigh[j]) fields |= FIELDS.data;
    return fields;
  }

  /** All but the keys, which are the sides' own. */
  private sameProcess(a: number, b: number): boolean {
    if (a === b) return true;
    if (a === NONE || b === NONE) return false;
    const rest = (name: number): string => this.names.processes.text(name).replace(/^\{"key":\d+,/, '');
    return rest(a) === rest(b);
  }

  /** Calls are numbered by side. Where one has no finding, nothing is known of it but that it was. */
  private sameCall(a: number, b: number): boolean {
    if (a === NONE || b === NONE) return a === b;
    const { x, y } = this;
    const [i, j] = [this.callsOfA.get(a), this.callsOfB.get(b)];
    if (i === undefined || j === undefined) return true;
    return x.entered[i] === y.entered[j] && x.fn[i] === y.fn[j];
  }
}

/** Only calls that others were made from, or go on with. */
function callsByNumber(columns: FindingColumns): Map<number, number> {
  const wanted = new Set<number>();
  for (let i = 0; i < columns.count; i++) {
    if (columns.parent[i] !== NONE) wanted.add(columns.parent[i]!);
    if (columns.restartOf[i] !== NONE) wanted.add(columns.restartOf[i]!);
  }
  const calls = new Map<number, number>();
  if (wanted.size === 0) return calls;
  for (let i = 0; i < columns.count; i++) {
    const number = columns.number[i]!;
    if (wanted.has(number)) calls.set(number, i);
  }
  return calls;
}

/** Findings in the order of what they are aligned by; those that have it all in common stay in the file's order. */
function sorted(columns: FindingColumns): Int32Array {
  const order = Int32Array.from({ length: columns.count }, (_, i) => i);
  return order.sort((i, j) => compareKeys(columns, i, columns, j) || i - j);
}

function groupEnd(columns: FindingColumns, order: Int32Array, from: number): number {
  let to = from + 1;
  while (to < order.length && compareKeys(columns, order[from]!, columns, order[to]!) === 0) to++;
  return to;
}

function compareKeys(x: FindingColumns, i: number, y: FindingColumns, j: number): number {
  return x.when(i) - y.when(j) || x.kind[i]! - y.kind[j]! || x.fn[i]! - y.fn[j]! || x.again[i]! - y.again[j]!;
}
