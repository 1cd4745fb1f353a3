/** What the nodes of a tree of calls are called. */
import type { MappedProcess } from '../map/guest-map.ts';
import type { GuestPlaces } from '../map/places.ts';
import { type CallTree, NodeKind, REAL_MODE, SOFTWARE } from './call-tree.ts';

/** Intel SDM vol. 3A, table 6-1. */
const EXCEPTIONS: Readonly<Record<number, string>> = {
  0: '#DE',
  1: '#DB',
  2: 'NMI',
  3: '#BP',
  4: '#OF',
  5: '#BR',
  6: '#UD',
  7: '#NM',
  8: '#DF',
  10: '#TS',
  11: '#NP',
  12: '#SS',
  13: '#GP',
  14: '#PF',
  16: '#MF',
  17: '#AC',
  18: '#MC',
  19: '#XM',
};
/** The vectors of system calls. */
const LINUX_CALL = 0x80;
const NT_CALL = 0x2e;

const hex = (value: number): string => `0x${value.toString(16)}`;
const address = (value: number): string => `0x${value.toString(16).padStart(8, '0')}`;

/** Names of nodes: `cmd.exe`, `ntdll.dll!NtReadFile`, `[irq 0x30]`. */
export class NodeNames {
  private readonly places: GuestPlaces;
  private readonly tree: CallTree;
  private readonly callVector: number;

  constructor(places: GuestPlaces, tree: CallTree) {
    this.places = places;
    this.tree = tree;
    const { system = '' } = places.map;
    this.callVector = system.startsWith('Linux') ? LINUX_CALL : system.startsWith('NT') ? NT_CALL : -1;
  }

  /** @param process whose tree it is in */
  nameOf(node: number, process: MappedProcess | undefined): string {
    const { tree, places } = this;
    const subject = tree.subjects[node]!;
    switch (tree.kinds[node]) {
      case NodeKind.root:
        if (places.map.system === undefined) return `cr3 ${address(subject)}`;
        return process?.name ?? '[unknown]';
      case NodeKind.interrupt:
        return this.interruptName(subject);
      case NodeKind.sysenter:
        return '[syscall]';
      case NodeKind.more:
        return '[more]';
      default:
        return this.functionName(node, subject, process);
    }
  }

  private functionName(node: number, subject: number, process: MappedProcess | undefined): string {
    const { tree, places } = this;
    const since = tree.since[node]!;
    const symbol = places.symbolAt(subject, process, since);
    if (symbol !== undefined) {
      const { module, name, offset } = symbol;
      return `${module}!${name}${offset === 0 ? '' : `+${hex(offset)}`}`;
    }
    const module = places.moduleAt(subject, process, since);
    if (tree.kinds[node] === NodeKind.running) return module === undefined ? '?' : `${module.name}+?`;
    return module === undefined ? address(subject) : `${module.name}+${hex(subject - module.base)}`;
  }

  private interruptName(subject: number): string {
    const vector = subject & 0xff;
    if (subject & SOFTWARE) return vector === this.callVector ? '[syscall]' : `[int ${hex(vector)}]`;
    const exception = subject & REAL_MODE ? undefined : EXCEPTIONS[vector];
    return exception === undefined ? `[irq ${hex(vector)}]` : `[${exception}]`;
  }
}
