/**
 * The areas of an address space. `struct vm_area_struct` begins with `vm_start` and `vm_end` in all versions. Up to 6.0 it goes
 * on with `vm_next` and `vm_prev`, a list in the order of addresses; since 6.1 the areas are in a maple tree (Linux:
 * include/linux/maple_tree.h, lib/maple_tree.c), whose sizes here are those of 32-bit kernels.
 */
import type { KernelMemory } from './kernel-memory.ts';

export interface VirtualArea {
  /** Of the vm_area_struct. */
  readonly address: number;
  readonly start: number;
  /** Past its last byte. */
  readonly end: number;
}

/** More than a kernel allows by itself (vm.max_map_count). */
const MOST_AREAS = 1 << 17;
const PAGE = 4096;

function areaAt(memory: KernelMemory, address: number): VirtualArea | undefined {
  const start = memory.u32(address);
  const end = memory.u32(address + 4);
  if (start === undefined || end === undefined || start >= end || end > memory.pageOffset) return undefined;
  return start % PAGE === 0 && end % PAGE === 0 ? { address, start, end } : undefined;
}

/** @param head the address of the pointer to the first area; undefined if it is not a list of areas */
export function listAreas(memory: KernelMemory, head: number): VirtualArea[] | undefined {
  const found: VirtualArea[] = [];
  let last = 0;
  for (let at = memory.u32(head); at !== 0; at = memory.u32((at ?? 0) + 8)) {
    if (!memory.isPointer(at) || found.length >= MOST_AREAS) return undefined;
    const area = areaAt(memory, at);
    const before = found.at(-1);
    if (area === undefined || area.start < last || memory.u32(at + 12) !== (before?.address ?? 0))
      return undefined;
    found.push(area);
    last = area.end;
  }
  return found;
}

const NODE = 256;
const ROOT_MARK = 2;
/** Bits 3 to 6 of a pointer to a node. */
const typeOf = (node: number): number => (node >>> 3) & 0xf;
const LEAF_64 = 1;
const RANGE_64 = 2;
const ARANGE_64 = 3;
/** `slot`s of a node; there is one `pivot` less. The parent comes first. */
const slotsOf: Readonly<Record<number, number>> = { [LEAF_64]: 32, [RANGE_64]: 32, [ARANGE_64]: 21 };
const DEEPEST = 10;
/** More than as many areas need as there may be. */
const MOST_NODES = 1 << 14;

/** @param tree the address of a `struct maple_tree`: a lock, the root, flags; undefined if it is none of areas */
export function treeAreas(memory: KernelMemory, tree: number): VirtualArea[] | undefined {
  const root = memory.u32(tree + 4);
  if (root === undefined || root < memory.pageOffset || (root & 3) !== ROOT_MARK) return undefined;
  // The root's parent is the tree, with a mark.
  if (((memory.u32((root & -NODE) >>> 0) ?? 0) & ~1) >>> 0 !== tree) return undefined;
  const walk = new TreeWalk(memory);
  return walk.node(root, 0, 0xffffffff, DEEPEST) ? walk.found : undefined;
}

class TreeWalk {
  readonly found: VirtualArea[] = [];
  private readonly memory: KernelMemory;
  private nodes = 0;

  constructor(memory: KernelMemory) {
    this.memory = memory;
  }

  /** Collects the areas below a node, which has the addresses from `low` up to and with `high`; false if it is none. */
  node(node: number, low: number, high: number, depth: number): boolean {
    const type = typeOf(node);
    const slots = slotsOf[type];
    const at = (node & -NODE) >>> 0;
    if (slots === undefined || depth === 0 || at < this.memory.pageOffset || ++this.nodes > MOST_NODES)
      return false;
    const words = this.memory.words(at, NODE / 4);
    for (let i = 0; i < slots && low <= high; i++) {
      const pivot = i < slots - 1 ? (words[1 + i] ?? 0) : high;
      // A node that is not full ends with a pivot of 0, or of what its parent has as its end.
      const end = (pivot === 0 && i > 0) || pivot > high ? high : pivot;
      const slot = words[slots + i] ?? 0;
      const fits = type === LEAF_64 ? this.area(slot, low, end) : this.node(slot, low, end, depth - 1);
      if (!fits) return false;
      low = end + 1;
    }
    return true;
  }

  /** What a leaf says of some addresses: nothing, or an area that has exactly these. */
  private area(slot: number, low: number, high: number): boolean {
    if (slot === 0) return true;
    const area = this.memory.isPointer(slot) ? areaAt(this.memory, slot) : undefined;
    if (area?.start !== low || area.end - 1 !== high) return false;
    this.found.push(area);
    return this.found.length <= MOST_AREAS;
  }
}
