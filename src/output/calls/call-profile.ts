/** The tree of calls by name: what people and flame graphs get. */
import { NodeKind } from './call-tree.ts';
import { NodeNames } from './node-names.ts';
import type { TracedCalls } from './trace-calls.ts';

/** A function in a place that it was called from; a process or an interrupt. */
export interface CallNode {
  readonly name: string;
  /** Times that it was entered. */
  calls: number;
  /** Instructions executed in it, without and with what it called. */
  own: number;
  total: number;
  /** The one with the most instructions first. */
  readonly children: CallNode[];
}

export interface CallProfile {
  /** Processes; or the function that was asked for. */
  readonly roots: readonly CallNode[];
  /** Instructions in the roots. */
  readonly instructions: number;
}

/**
 * Puts together what has the same name and the same callers.
 * @param symbol only what happens in functions that this pattern names, the outermost of them at the root
 */
export function profileOf(traced: TracedCalls, symbol?: string): CallProfile {
  const { tree } = traced;
  const names = new NodeNames(tree, traced.names);
  const isMeant = symbol === undefined ? undefined : meant(traced, symbol);
  const roots: CallNode[] = [];
  /** Of the tree's node: where it went. */
  const merged: (CallNode | undefined)[] = new Array(tree.count);
  const byName = new Map<CallNode | undefined, Map<string, CallNode>>();
  const all: CallNode[] = [];
  const used = usedNodes(traced);
  // A parent comes before its children.
  for (let node = 0; node < tree.count; node++) {
    const parent = tree.parents[node]!;
    if (used[node] === 0) continue;
    const above = parent < 0 ? undefined : merged[parent];
    if (isMeant !== undefined && above === undefined && !isMeant(node)) continue;
    let siblings = byName.get(above);
    if (siblings === undefined) {
      siblings = new Map();
      byName.set(above, siblings);
    }
    const name = names.nameOf(node);
    let found = siblings.get(name);
    if (found === undefined) {
      found = { name, calls: 0, own: 0, total: 0, children: [] };
      siblings.set(name, found);
      (above?.children ?? roots).push(found);
      all.push(found);
    }
    found.calls += tree.calls[node]!;
    found.own += tree.own[node]!;
    merged[node] = found;
  }
  for (let i = all.length - 1; i >= 0; i--) {
    const node = all[i]!;
    node.total = node.own;
    for (const child of node.children) node.total += child.total;
    node.children.sort(byTotal);
  }
  roots.sort(byTotal);
  return { roots, instructions: roots.reduce((sum, { total }) => sum + total, 0) };
}

const byTotal = (a: CallNode, b: CallNode): number => b.total - a.total || b.calls - a.calls;

/** Nodes in which, or below which, something happened in the span. */
function usedNodes({ tree }: TracedCalls): Uint8Array {
  const used = new Uint8Array(tree.count);
  for (let node = tree.count - 1; node >= 0; node--) {
    if (tree.own[node] !== 0 || tree.calls[node] !== 0) used[node] = 1;
    const parent = tree.parents[node]!;
    if (used[node] === 1 && parent >= 0) used[parent] = 1;
  }
  return used;
}

/** Which nodes a pattern names. */
function meant({ tree, names, places }: TracedCalls, pattern: string): (node: number) => boolean {
  const wanted = new Set<string>();
  for (const { module, address } of places.symbols(pattern)) {
    // Of several names of one place, the one that places have.
    const found = places.symbolIn(module, address - module.base);
    if (found?.offset === 0) wanted.add(`${found.module}!${found.name}`);
  }
  return (node) => {
    const kind = tree.kinds[node];
    const isFunction = kind === NodeKind.function || kind === NodeKind.running;
    return isFunction && wanted.has(names.nameOf(tree.subjects[node]!));
  };
}

/** What is left out of a tree. */
export interface TreeCut {
  /** Levels below a process; without it, all. */
  readonly depth?: number | undefined;
  /** Percent of all instructions: what has less is left out. */
  readonly min?: number | undefined;
}

/**
 * Folded stacks, as flame graphs take them: `cmd.exe;ntdll.dll!NtReadFile;[syscall] 123` for whatever executed instructions.
 * They add up to those of the profile: what is left out counts for its caller.
 */
export function* foldedStacks({ roots, instructions }: CallProfile, cut: TreeCut = {}): Generator<string> {
  const { depth = Number.POSITIVE_INFINITY, min = 0 } = cut;
  const least = (min / 100) * instructions;
  const path: string[] = [];
  const open: { readonly children: readonly CallNode[]; next: number }[] = [{ children: roots, next: 0 }];
  for (let level = open.at(-1); level !== undefined; level = open.at(-1)) {
    const node = level.children[level.next++];
    if (node === undefined) {
      open.pop();
      path.pop();
      continue;
    }
    path.push(plain(node.name));
    let weight = node.own;
    const children: CallNode[] = [];
    for (const child of node.children) {
      if (path.length <= depth && child.total >= least) children.push(child);
      else weight += child.total;
    }
    if (weight !== 0) yield `${path.join(';')} ${weight}`;
    open.push({ children, next: 0 });
  }
}

/** A guest gives its processes any names: none may end a frame, or a line. */
const plain = (name: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  name.replace(/[\x00-\x1f\x7f-\x9f\u2028\u2029]/g, '?').replaceAll(';', ':');
