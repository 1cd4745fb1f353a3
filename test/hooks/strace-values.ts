/**
 * Compares an argument as strace has written it with `-X raw`, numbers in the place of names, with what a hook's `describe` says
 * of it: by its text, or else by its value.
 */
import { splitArgs, stringOf } from '../support/strace-log.ts';
import type { Described } from './strace-calls.ts';

export type Agreement =
  /** The same text. */
  | 'text'
  /** Names here, numbers there; or a string that is cut sooner here: the same value. */
  | 'value'
  /** Of a call that a thread has died in, strace shows only what it saw at the beginning. */
  | 'not in the log';

/** Undefined: they differ. */
export function agreement(logged: string, described: Described): Agreement | undefined {
  if (logged === described.text) return 'text';
  // Nor does it show a part of statx's flags that is zero.
  if (logged === '') return described.value === 0 ? 'value' : 'not in the log';
  // clone's arguments have names.
  const unnamed = logged.replace(/^[a-z_]+=/, '');
  return isValue(unnamed, described.value) ? 'value' : undefined;
}

/** Signals: 1 to 64. */
const MOST_SIGNALS = 64;

function isValue(logged: string, value: unknown): boolean {
  const string = stringOf(logged);
  if (string !== undefined) return isString(string, value);
  const [open] = logged;
  const inner = logged.replace(/^~?./, '').slice(0, -1);
  if (open === '{') return isStructure(splitArgs(inner), value);
  if (open === '[') return isList(listOf(inner), value);
  if (open === '~') {
    const left = listOf(inner).map(Number);
    const all = Array.from({ length: MOST_SIGNALS }, (_, i) => i + 1);
    return JSON.stringify(all.filter((signal) => !left.includes(signal))) === JSON.stringify(value);
  }
  if (logged === 'NULL') return value === 0;
  const number = numberOf(logged);
  return number !== undefined && (value === 'infinity' ? INFINITE.has(number) : isNumber(number, value));
}

const INFINITE: ReadonlySet<bigint> = new Set([0xffffffffn, 0xffffffffffffffffn]);

/** What is in brackets: with commas, or a set, with spaces. */
const listOf = (inner: string): string[] =>
  /^\d+( \d+)*$/.test(inner) ? inner.split(' ') : splitArgs(inner);

/** Flags of several kinds have bars between them, and nothing where a kind has none. */
function numberOf(text: string): bigint | undefined {
  let all = 0n;
  for (const part of text.split('|')) {
    if (!/^(-?\d+|0x[0-9a-f]+)?$/.test(part)) return undefined;
    all |= BigInt(/^0[0-7]+$/.test(part) ? `0o${part.slice(1)}` : part);
  }
  return all;
}

/** The same 32 bits, or the same number. */
function isNumber(number: bigint, value: unknown): boolean {
  if (typeof value !== 'number' && !(typeof value === 'string' && /^-?\d+$/.test(value))) return false;
  const other = BigInt(value);
  return number === other || (number < 2n ** 32n && BigInt.asUintN(32, number) === BigInt.asUintN(32, other));
}

function isString({ bytes, cut }: { bytes: Uint8Array; cut: boolean }, value: unknown): boolean {
  const logged = Buffer.from(bytes);
  // Ports and addresses, which are strings in the log.
  if (typeof value === 'number') return logged.length === 2 && logged.readUInt16BE() === value;
  if (typeof value === 'string' && logged.length === 4 && logged.join('.') === value) return true;
  const { text, base64 } = (typeof value === 'string' ? { text: value } : value) as Record<string, string>;
  const ours = base64 === undefined ? Buffer.from(text ?? '') : Buffer.from(base64, 'base64');
  return logged.equals(cut ? ours.subarray(0, logged.length) : ours);
}

function isStructure(fields: readonly string[], value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return fields.every((field) => {
    const [, name = '', rest = ''] = /^(\w+)=(.*)$/s.exec(field) ?? [];
    return field === '...' || (name in value && isValue(rest, (value as Record<string, unknown>)[name]));
  });
}

function isList(items: readonly string[], value: unknown): boolean {
  // What a pointer points to is in brackets, too.
  if (!Array.isArray(value)) return items.length === 1 && isValue(items[0]!, value);
  return items.length === value.length && items.every((item, i) => isValue(item, value[i]));
}
