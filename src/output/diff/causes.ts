/** Groups what two sides of one recording disagree about by what it comes from, as far as that can be told. */
import { type Alignment, FIELD_NAMES, FIELDS, type FieldName } from './align.ts';
import {
  type FindingColumns,
  fromPair,
  NONE,
  OUTCOMES,
  type OutcomeName,
  type SharedNames,
} from './columns.ts';
import type { Identity } from './identities.ts';

export type SideName = 'a' | 'b';

export type CauseKind =
  /** A hook that only one side had. */
  | 'hook'
  /** Findings from beyond the end of the other side. */
  | 'span'
  /** A type of findings, or a function, of which the other side has nothing at all. */
  | 'type'
  | 'function'
  /** Findings that only one side has. */
  | 'only'
  /** A side knows no end of calls that ended, according to the other. */
  | 'lost'
  /** A side gives a run of a thread's calls the ends of those before, or behind. */
  | 'shifted'
  /** A side gives calls the ends that are other calls' according to the other side. */
  | 'foreign'
  /** Both have the finding, and tell other things. */
  | 'fields';

export interface Cause {
  readonly kind: CauseKind;
  /** The side that has the findings, has lost the ends, or has taken other ends; undefined with `fields`. */
  readonly side: SideName | undefined;
  readonly hook: string;
  readonly type: string;
  /** Undefined if it is about several, or none. */
  readonly module: string | undefined;
  readonly function: string | undefined;
  /** With `shifted`: the thread, by its key on side A. */
  readonly thread: Identity | undefined;
  /** With `shifted`: 1 if each call has the end of the one before it. */
  readonly shift: number | undefined;
  /** With `foreign`: calls that have got the end of another thread's. */
  readonly threads: number | undefined;
  /** What differs in all of them. */
  readonly fields: readonly FieldName[];
  /** With `fields`, where outcomes differ: those of A and B. */
  readonly outcomes: readonly [OutcomeName, OutcomeName] | undefined;
  /** Instruction counts: the entry, or moment, of the first and the last one. */
  readonly from: number;
  readonly to: number;
  /** The findings, in order: an index of side A's, or {@link onlyB} of one of side B's. */
  readonly members: readonly number[];
}

/** How a member of a cause stands for a finding that only side B has. */
export const onlyB = (index: number): number => -1 - index;

/** Fewer calls than that are no run. */
const RUN = 3;
const FIRST: readonly CauseKind[] = ['hook', 'span', 'type', 'function'];

export function findCauses(alignment: Alignment, names: SharedNames): Cause[] {
  return new Causes(alignment, names).find();
}

/** A call with the end of another one. */
interface Foreign {
  readonly side: SideName;
  readonly i: number;
  /** The index on side A of the call whose end that is. */
  readonly of: number;
}

interface Group {
  readonly kind: CauseKind;
  readonly side: SideName | undefined;
  readonly shift?: number;
  elsewhere?: number;
  readonly members: number[];
}

class Causes {
  private readonly alignment: Alignment;
  private readonly names: SharedNames;
  private readonly x: FindingColumns;
  private readonly y: FindingColumns;
  private readonly groups = new Map<string, Group>();
  private readonly foreign: Foreign[] = [];

  constructor(alignment: Alignment, names: SharedNames) {
    this.alignment = alignment;
    this.names = names;
    this.x = alignment.a.findings;
    this.y = alignment.b.findings;
  }

  find(): Cause[] {
    const { x, y, alignment } = this;
    for (let i = 0; i < x.count; i++) if (alignment.partnerOfA[i] === NONE) this.only('a', i);
    for (let j = 0; j < y.count; j++) if (alignment.partnerOfB[j] === NONE) this.only('b', j);
    this.pairs();
    this.takenEnds();
    const causes = [...this.groups.values()].map((group) => this.cause(group));
    const rank = ({ kind }: Cause): number => (FIRST.includes(kind) ? FIRST.indexOf(kind) : FIRST.length);
    return causes.sort((p, q) => rank(p) - rank(q) || q.members.length - p.members.length || p.from - q.from);
  }

  private add(key: string, group: Omit<Group, 'members'>, member: number): Group {
    const known = this.groups.get(key) ?? { ...group, members: [] };
    this.groups.set(key, known);
    known.members.push(member);
    return known;
  }

  /** What is on one side only. */
  private only(side: SideName, index: number): void {
    const [own, other] = side === 'a' ? [this.x, this.y] : [this.y, this.x];
    const kind = own.kind[index]!;
    const fn = own.fn[index]!;
    const [hook] = fromPair(this.names.kinds.text(kind));
    const there = side === 'a' ? this.alignment.b : this.alignment.a;
    const add = (what: CauseKind, ...key: (string | number)[]): unknown =>
      this.add(`${what}/${side}/${key.join('/')}`, { kind: what, side }, side === 'a' ? index : onlyB(index));
    if (!there.header.hooks.includes(hook)) add('hook', hook);
    else if (own.when(index) > this.last(side === 'a' ? 'b' : 'a')) add('span');
    else if (!this.has(other, 'kind').has(kind)) add('type', kind);
    else if (fn !== NONE && !this.has(other, 'fn').has(fn)) add('function', kind, fn);
    else add('only', kind, fn);
  }

  private readonly present = new Map<FindingColumns, Record<'kind' | 'fn', Set<number>>>();
  private has(columns: FindingColumns, what: 'kind' | 'fn'): ReadonlySet<number> {
    let sets = this.present.get(columns);
    if (sets === undefined) {
      const { count, kind, fn } = columns;
      sets = { kind: new Set(kind.subarray(0, count)), fn: new Set(fn.subarray(0, count)) };
      this.present.set(columns, sets);
    }
    return sets[what];
  }

  /** Where a side ends. */
  private last(side: SideName): number {
    const { end, findings } = this.alignment[side];
    if (end !== undefined) return end.instructions;
    return findings.count === 0 ? 0 : findings.instruction[findings.count - 1]!;
  }

  private pairs(): void {
    const { x, y, alignment } = this;
    const open = OUTCOMES.indexOf('open');
    for (let i = 0; i < x.count; i++) {
      const fields = alignment.fields[i]!;
      if (fields === 0) continue;
      const j = alignment.partnerOfA[i]!;
      const kind = x.kind[i]!;
      const fn = x.fn[i]!;
      const [one, other] = [x.outcome[i]!, y.outcome[j]!];
      if (one !== other && (one === open || other === open)) {
        const side = one === open ? 'a' : 'b';
        this.add(`lost/${side}/${kind}/${fn}`, { kind: 'lost', side }, i);
        continue;
      }
      const of = (fields & FIELDS.end) === 0 ? undefined : this.taken(i, j);
      if (of !== undefined) this.foreign.push(of);
      else {
        const outcomes = (fields & FIELDS.outcome) === 0 ? '' : `${one}/${other}`;
        this.add(`fields/${kind}/${fn}/${fields}/${outcomes}`, { kind: 'fields', side: undefined }, i);
      }
    }
  }

  /** Whose end a side has given to a call, according to the other side. */
  private taken(i: number, j: number): Foreign | undefined {
    const { x, y, alignment } = this;
    const ofA = this.endsAt(x, y.instruction[j]!, x.fn[i]!, i);
    if (ofA !== undefined) return { side: 'b', i, of: ofA };
    const ofB = this.endsAt(y, x.instruction[i]!, y.fn[j]!, j);
    const of = ofB === undefined ? NONE : alignment.partnerOfB[ofB]!;
    return of === NONE ? undefined : { side: 'a', i, of };
  }

  private readonly ends = new Map<FindingColumns, Map<number, number[]>>();
  /** The call, another than `self`, that ended at an instruction; of that function rather than of another. */
  private endsAt(columns: FindingColumns, instruction: number, fn: number, self: number): number | undefined {
    let ends = this.ends.get(columns);
    if (ends === undefined) {
      ends = new Map();
      for (let i = 0; i < columns.count; i++) {
        if (columns.fn[i] === NONE || columns.again[i] === 1) continue;
        if (columns.entered[i] === columns.instruction[i]) continue;
        const list = ends.get(columns.instruction[i]!);
        if (list === undefined) ends.set(columns.instruction[i]!, [i]);
        // A thread that is killed ends them all at once: any of them will do.
        else if (list.length < 64) list.push(i);
      }
      this.ends.set(columns, ends);
    }
    const list = ends.get(instruction)?.filter((i) => i !== self) ?? [];
    return list.find((i) => columns.fn[i] === fn) ?? list[0];
  }

  /** Runs of one thread, and the rest by function. */
  private takenEnds(): void {
    const { x, foreign, alignment } = this;
    if (foreign.length === 0) return;
    const ordinal = this.ordinals();
    const thread = (i: number): number => {
      const name = x.caller[i]!;
      return name === NONE ? NONE : alignment.threads.of(name).key;
    };
    const runs = new Map<string, Foreign[]>();
    for (const one of foreign) {
      const shift = ordinal[one.i]! - ordinal[one.of]!;
      const key = thread(one.i) === thread(one.of) ? `${one.side}/${thread(one.i)}/${shift}` : 'other';
      const list = runs.get(key);
      if (list === undefined) runs.set(key, [one]);
      else list.push(one);
    }
    for (const [key, list] of runs) {
      if (key !== 'other') list.sort((p, q) => ordinal[p.i]! - ordinal[q.i]!);
      for (let from = 0; from < list.length; ) {
        let to = from + 1;
        while (key !== 'other' && to < list.length && ordinal[list[to]!.i] === ordinal[list[to - 1]!.i]! + 1)
          to++;
        const run = list.slice(from, to);
        const { side, i, of } = run[0]!;
        if (run.length >= RUN) {
          const shift = ordinal[i]! - ordinal[of]!;
          this.groups.set(`shifted/${key}/${i}`, {
            kind: 'shifted',
            side,
            shift,
            members: run.map((one) => one.i),
          });
        } else {
          for (const one of run) {
            const key = `foreign/${one.side}/${x.kind[one.i]}/${x.fn[one.i]}`;
            const group = this.add(key, { kind: 'foreign', side: one.side, elsewhere: 0 }, one.i);
            if (thread(one.i) !== thread(one.of)) group.elsewhere!++;
          }
        }
        from = to;
      }
    }
  }

  /** Of side A's calls: each one's place among its thread's, by entry. */
  private ordinals(): Int32Array {
    const { x, alignment } = this;
    const order = Int32Array.from({ length: x.count }, (_, i) => i).sort(
      (i, j) => x.entered[i]! - x.entered[j]! || i - j,
    );
    const counts = new Map<number, number>();
    const last = new Map<number, number>();
    const ordinals = new Int32Array(x.count);
    for (const i of order) {
      if (x.fn[i] === NONE || x.again[i] === 1) continue;
      const name = x.caller[i]!;
      const key = name === NONE ? NONE : alignment.threads.of(name).key;
      // Several findings of one call are one call.
      const same = last.get(key) === x.number[i];
      const count = (counts.get(key) ?? 0) + (same ? 0 : 1);
      counts.set(key, count);
      last.set(key, x.number[i]!);
      ordinals[i] = count;
    }
    return ordinals;
  }

  private cause({ kind, side, shift, elsewhere, members }: Group): Cause {
    const { x, y, alignment, names } = this;
    const columns = (member: number): readonly [FindingColumns, number] =>
      member < 0 ? [y, onlyB(member)] : [x, member];
    const when = (member: number): number => {
      const [of, index] = columns(member);
      return of.when(index);
    };
    members.sort((p, q) => when(p) - when(q) || p - q);
    const [first, index] = columns(members[0]!);
    const [hook, type] = fromPair(names.kinds.text(first.kind[index]!));
    const fn = first.fn[index]!;
    const one = fn !== NONE && members.every((member) => columns(member)[0].fn[columns(member)[1]] === fn);
    const [module, name] = one ? fromPair(names.functions.text(fn)) : [undefined, undefined];
    let fields = -1;
    for (const member of members) fields &= member < 0 ? 0 : alignment.fields[member]!;
    const partner = members[0]! < 0 ? NONE : alignment.partnerOfA[members[0]!]!;
    const differ = kind === 'fields' && (fields & FIELDS.outcome) !== 0;
    return {
      kind,
      side,
      hook,
      type,
      module,
      function: name,
      thread:
        kind === 'shifted' && x.caller[index] !== NONE ? alignment.threads.of(x.caller[index]!) : undefined,
      shift,
      threads: elsewhere,
      fields: FIELD_NAMES.filter((field) => (fields & FIELDS[field]) !== 0),
      outcomes: differ ? [OUTCOMES[x.outcome[index]!]!, OUTCOMES[y.outcome[partner]!]!] : undefined,
      from: when(members[0]!),
      to: when(members.at(-1)!),
      members,
    };
  }
}
