/** Names of flags and numbers, and how strace writes them. */
import { FILE_CONSTANTS } from './constants-files.ts';
import { IPC_CONSTANTS } from './constants-ipc.ts';
import { MEMORY_CONSTANTS } from './constants-memory.ts';
import { PROCESS_CONSTANTS } from './constants-processes.ts';
import { SIGNAL_CONSTANTS } from './constants-signals.ts';
import { SOCKET_CONSTANTS } from './constants-sockets.ts';
import { TERMINAL_CONSTANTS } from './constants-terminals.ts';
import { hexText, plain, type Shown } from './shown.ts';

interface Table {
  readonly kind: 'flags' | 'values';
  /** What strace says in a comment where no name fits. */
  readonly unknown: string | undefined;
  /** In the order in which flags are tried: combinations come before their parts. */
  readonly entries: readonly (readonly [name: string, value: bigint])[];
  /** The first name of each value. */
  readonly names: ReadonlyMap<bigint, string>;
}

/**
 * The notation of the tables: a line `flags NAME COMMENT` or `values NAME COMMENT` begins one; the words of the lines
 * after it, which are indented, are names and values in turn.
 */
export function parseConstants(text: string, into = new Map<string, Table>()): Map<string, Table> {
  let entries: [string, bigint][] = [];
  let names = new Map<bigint, string>();
  for (const line of text.split('\n')) {
    if (!line.startsWith(' ')) {
      const [kind, name, unknown] = line.split(' ');
      if ((kind !== 'flags' && kind !== 'values') || name === undefined) continue;
      entries = [];
      names = new Map();
      into.set(name, { kind, unknown, entries, names });
      continue;
    }
    const words = line.trim().split(' ');
    for (let i = 0; i + 1 < words.length; i += 2) {
      const value = BigInt(words[i + 1]!);
      entries.push([words[i]!, value]);
      if (!names.has(value)) names.set(value, words[i]!);
    }
  }
  return into;
}

const TABLES = new Map<string, Table>();
for (const text of [
  FILE_CONSTANTS,
  IPC_CONSTANTS,
  MEMORY_CONSTANTS,
  PROCESS_CONSTANTS,
  SIGNAL_CONSTANTS,
  SOCKET_CONSTANTS,
  TERMINAL_CONSTANTS,
]) {
  parseConstants(text, TABLES);
}

export type Naming = (value: number | bigint) => Shown;

function wide(value: number | bigint): bigint {
  return BigInt(typeof value === 'number' && value < 0 ? value >>> 0 : value);
}

function tablesOf(names: readonly string[]): Table[] {
  return names.map((name) => {
    const table = TABLES.get(name);
    if (table === undefined) throw new Error(`no table of constants is called ${name}`);
    return table;
  });
}

/** Whether a table of that name exists, and of which kind. */
export function constantsKind(name: string): 'flags' | 'values' | undefined {
  return TABLES.get(name)?.kind;
}

/** The flags that are set, with bars between them; what has no name follows in hexadecimal. */
export function flags(...names: string[]): Naming {
  const tables = tablesOf(names);
  const unknown = tables[0]?.unknown;
  return (value) => {
    const all = wide(value);
    let left = all;
    const found: string[] = [];
    for (const { entries } of tables) {
      for (const [name, bits] of entries) {
        if (left === 0n && found.length > 0) break;
        if (left === bits || (bits !== 0n && (left & bits) === bits)) {
          found.push(name);
          left &= ~bits;
        }
        if (left === 0n) break;
      }
    }
    let text: string;
    if (found.length > 0) text = found.join('|') + (left === 0n ? '' : `|${hexText(left)}`);
    else if (left === 0n) text = unknown === undefined ? '' : '0';
    else text = hexText(left) + (unknown === undefined ? '' : ` /* ${unknown} */`);
    return { text, value: plain(all) };
  };
}

/** The name of a number in the first of the tables that has one. */
export function named(...names: string[]): Naming {
  const tables = tablesOf(names);
  const unknown = tables[0]?.unknown;
  return (value) => {
    const key = wide(value);
    for (const table of tables) {
      const name = table.names.get(key);
      if (name !== undefined) return { text: name, value: plain(value) };
    }
    return { text: hexText(key) + (unknown === undefined ? '' : ` /* ${unknown} */`), value: plain(value) };
  };
}

/** The name of a number, or undefined. */
export function nameIn(table: string, value: number | bigint): string | undefined {
  return TABLES.get(table)?.names.get(wide(value));
}

/** Flags as strace adds them to a result: nothing at all for zero, and no comment. */
export function flagsAfter(prefix: string, table: string, value: number): string | undefined {
  const { text } = flags(table)(value);
  return value === 0 ? undefined : prefix + text.replace(/ \/\*.*$/, '');
}
