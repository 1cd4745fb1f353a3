/**
 * The tree of calls: a node for every function in every place that it was called from, as arrays of numbers. Counts what
 * happened in it.
 */

/** What a node stands for: what its `subject` is. */
export const NodeKind = {
  /** A program. A number of a name, as that of the next ones. */
  root: 0,
  /** A function, or the place that was called. */
  function: 1,
  /** A function that was running when it was first seen: nobody knows who called it. */
  running: 2,
  /** An interrupt or exception: the vector, and {@link SOFTWARE} and {@link REAL_MODE}. */
  interrupt: 3,
  /** SYSENTER. */
  sysenter: 4,
  /** Behind the last node that there is room for. */
  more: 5,
} as const;
export type NodeKind = (typeof NodeKind)[keyof typeof NodeKind];

/** Of an interrupt node's subject: an instruction asked for it. */
export const SOFTWARE = 0x100;
/** … the processor was in real mode, where the vectors are others. */
export const REAL_MODE = 0x200;

const FIRST_NODES = 1 << 12;
const MOST_NODES = 1 << 20;

export class CallTree {
  /** Nodes that there are. */
  count = 0;
  /** There was no room for all of them. */
  full = false;

  /** By node. */
  parents: Int32Array = new Int32Array(FIRST_NODES);
  kinds: Uint8Array = new Uint8Array(FIRST_NODES);
  subjects: Uint32Array = new Uint32Array(FIRST_NODES);
  /** The number of its function; of others, the subject. */
  functions: Uint32Array = new Uint32Array(FIRST_NODES);
  /** Times that it was entered in the span. */
  calls: Float64Array = new Float64Array(FIRST_NODES);
  /** Instructions executed in it, in the span. */
  own: Float64Array = new Float64Array(FIRST_NODES);

  /** Node plus 1 by a hash of parent, kind and subject. */
  private table = new Uint32Array(2 * FIRST_NODES);
  private readonly most: number;
  private readonly functionOf: (place: number) => number;

  /** @param functionOf the function of a place: another number, or the same */
  constructor(functionOf: (place: number) => number, most = MOST_NODES) {
    this.functionOf = functionOf;
    this.most = most;
  }

  /** A node's child; it is made if there is none. @param parent -1 for roots */
  child(parent: number, kind: NodeKind, subject: number): number {
    const { table, parents, kinds, subjects } = this;
    const mask = table.length - 1;
    let slot = hashOf(parent, kind, subject) & mask;
    while (table[slot] !== 0) {
      const node = table[slot]! - 1;
      if (parents[node] === parent && subjects[node] === subject && kinds[node] === kind) return node;
      slot = (slot + 1) & mask;
    }
    return this.make(parent, kind, subject, slot);
  }

  private make(parent: number, kind: NodeKind, subject: number, slot: number): number {
    // Each node may have one of these, so that what is behind it has its place.
    if (this.count >= this.most && parent >= 0) {
      this.full = true;
      if (kind !== NodeKind.more) {
        if (this.kinds[parent] === NodeKind.more) return parent;
        return this.child(parent, NodeKind.more, 0);
      }
      if (this.count >= 2 * this.most) return parent;
    }
    const node = this.count++;
    if (node === this.parents.length) this.grow();
    this.parents[node] = parent;
    this.kinds[node] = kind;
    this.subjects[node] = subject;
    const isPlace = kind === NodeKind.function || kind === NodeKind.running;
    this.functions[node] = isPlace ? this.functionOf(subject) : subject;
    if (2 * this.count > this.table.length) this.rehash();
    else this.table[slot] = node + 1;
    return node;
  }

  private grow(): void {
    const size = 2 * this.parents.length;
    const larger = <A extends Int32Array | Uint32Array | Uint8Array | Float64Array>(old: A, fresh: A): A => {
      fresh.set(old);
      return fresh;
    };
    this.parents = larger(this.parents, new Int32Array(size));
    this.kinds = larger(this.kinds, new Uint8Array(size));
    this.subjects = larger(this.subjects, new Uint32Array(size));
    this.functions = larger(this.functions, new Uint32Array(size));
    this.calls = larger(this.calls, new Float64Array(size));
    this.own = larger(this.own, new Float64Array(size));
  }

  private rehash(): void {
    const table = new Uint32Array(2 * this.table.length);
    const mask = table.length - 1;
    for (let node = 0; node < this.count; node++) {
      let slot = hashOf(this.parents[node]!, this.kinds[node]!, this.subjects[node]!) & mask;
      while (table[slot] !== 0) slot = (slot + 1) & mask;
      table[slot] = node + 1;
    }
    this.table = table;
  }
}

function hashOf(parent: number, kind: number, subject: number): number {
  let hash = Math.imul(parent + 1, 0x9e3779b1) ^ Math.imul(subject + kind, 0x85ebca6b);
  hash ^= hash >>> 15;
  return Math.imul(hash, 0xc2b2ae35) >>> 7;
}
