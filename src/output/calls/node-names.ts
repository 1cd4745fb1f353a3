/** What the nodes of a tree of calls are called. */
import { type CallTree, NodeKind, REAL_MODE, SOFTWARE } from './call-tree.ts';
import type { PlaceTable } from './place-table.ts';

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

/** Names of nodes: `cmd.exe`, `ntdll.dll!NtReadFile`, `[irq 0x30]`. */
export class NodeNames {
  private readonly tree: CallTree;
  private readonly names: PlaceTable;
  private readonly callVector: number;

  constructor(tree: CallTree, names: PlaceTable) {
    this.tree = tree;
    this.names = names;
    const { system = '' } = names.guest.map;
    this.callVector = system.startsWith('Linux') ? LINUX_CALL : system.startsWith('NT') ? NT_CALL : -1;
  }

  nameOf(node: number): string {
    const subject = this.tree.subjects[node]!;
    switch (this.tree.kinds[node]) {
      case NodeKind.interrupt:
        return this.interruptName(subject);
      case NodeKind.sysenter:
        return '[syscall]';
      case NodeKind.more:
        return '[more]';
      default:
        return this.names.nameOf(subject);
    }
  }

  private interruptName(subject: number): string {
    const vector = subject & 0xff;
    if (subject & SOFTWARE) return vector === this.callVector ? '[syscall]' : `[int ${hex(vector)}]`;
    const exception = subject & REAL_MODE ? undefined : EXCEPTIONS[vector];
    return exception === undefined ? `[irq ${hex(vector)}]` : `[${exception}]`;
  }
}

const hex = (value: number): string => `0x${value.toString(16)}`;
