/**
 * Which thread, or process, of one side is which of the other. Keys count threads as they are first seen, which depends on what
 * was hooked: the same thread can have another key on the other side. Findings at one instruction, and calls entered at one,
 * are of the same thread; what most of them say is what counts.
 */
import { type Names, NONE } from './columns.ts';

export interface Identity {
  readonly key: number;
  /** tid or pid. */
  readonly id: number;
}

export class Identities {
  private readonly names: Names;
  private readonly idName: 'tid' | 'pid';
  private readonly read: Identity[] = [];
  private readonly votes = new Map<number, Map<number, number>>();
  private toB = new Map<number, number>();
  private toA = new Map<number, number>();

  constructor(names: Names, idName: 'tid' | 'pid') {
    this.names = names;
    this.idName = idName;
  }

  /** Both are of one moment: numbers of names. */
  vote(a: number, b: number): void {
    if (a === NONE || b === NONE) return;
    let of = this.votes.get(a);
    if (of === undefined) {
      of = new Map();
      this.votes.set(a, of);
    }
    of.set(b, (of.get(b) ?? 0) + 1);
  }

  /** Counts the votes. */
  settle(): void {
    const byKey = new Map<string, { a: number; b: number; votes: number }>();
    for (const [nameA, of] of this.votes) {
      for (const [nameB, votes] of of) {
        const [a, b] = [this.of(nameA).key, this.of(nameB).key];
        const entry = byKey.get(`${a}/${b}`);
        if (entry === undefined) byKey.set(`${a}/${b}`, { a, b, votes });
        else entry.votes += votes;
      }
    }
    const likely = [...byKey.values()].sort(
      (x, y) => y.votes - x.votes || Number(y.a === y.b) - Number(x.a === x.b) || x.a - y.a || x.b - y.b,
    );
    for (const { a, b } of likely) {
      if (this.toB.has(a) || this.toA.has(b)) continue;
      this.toB.set(a, b);
      this.toA.set(b, a);
    }
  }

  of(name: number): Identity {
    let identity = this.read[name];
    if (identity === undefined) {
      const { key, [this.idName]: id } = JSON.parse(this.names.text(name));
      identity = { key, id };
      this.read[name] = identity;
    }
    return identity;
  }

  /** Whether a name of side A and one of side B are of the same thread or process. */
  same(a: number, b: number): boolean {
    if (a === NONE || b === NONE) return a === b;
    const [one, other] = [this.of(a), this.of(b)];
    if (one.id !== other.id) return false;
    const known = this.toB.get(one.key);
    if (known !== undefined) return known === other.key;
    // Nothing tells which one it is: its id has to do.
    return !this.toA.has(other.key);
  }

  /** The key on side A of a thread or process that side B names; its own where that is not known. */
  keyOnA(b: number): number {
    const { key } = this.of(b);
    return this.toA.get(key) ?? key;
  }
}
