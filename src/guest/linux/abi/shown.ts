/**
 * A value of a system call in its two forms: a text as strace 6.1 prints it, for people and for comparison, and data for
 * JSON.
 */

/** What JSON can say. 64-bit numbers that a double cannot hold are decimal strings. */
export type Json = number | string | boolean | null | readonly Json[] | { readonly [name: string]: Json };

export interface Shown {
  readonly text: string;
  readonly value: Json;
}

/** A number as JSON can hold it. */
export function plain(value: number | bigint): number | string {
  if (typeof value === 'number') return value;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value.toString();
}

/** 32 bits as a signed decimal. */
export function decimal(word: number): Shown {
  return { text: String(word | 0), value: word | 0 };
}

/** Any number as it is, in decimal. */
export function number(value: number | bigint): Shown {
  return { text: value.toString(), value: plain(value) };
}

/** In hexadecimal as C's `%#x`: zero has no prefix. */
export function hexadecimal(value: number | bigint): Shown {
  return { text: hexText(value), value: plain(value) };
}

export function hexText(value: number | bigint): string {
  if (typeof value === 'number' && value < 0) value >>>= 0;
  return Number(value) === 0 ? '0' : `0x${value.toString(16)}`;
}

/** In hexadecimal as C's `%#0*x` of a type of `bytes` bytes: strace's form of addresses in structures. */
export function paddedHex(value: number, bytes: number): Shown {
  const digits = value.toString(16);
  const text = value === 0 ? '0'.repeat(2 * bytes) : `0x${digits.padStart(2 * bytes - 2, '0')}`;
  return { text, value };
}

/** An address: zero is NULL. */
export function address(value: number | bigint): Shown {
  return { text: Number(value) === 0 ? 'NULL' : hexText(value), value: plain(value) };
}

/** A user or group: all bits set is -1, "leave it". */
export function identity(word: number, bits: 16 | 32 = 32): Shown {
  const value = bits === 16 ? word & 0xffff : word >>> 0;
  const none = bits === 16 ? 0xffff : 0xffffffff;
  return value === none ? { text: '-1', value: -1 } : number(value);
}

/** Permission bits in octal, at least three digits with the leading zero (C's `%#03o`). */
export function mode(value: number): Shown {
  const digits = value.toString(8);
  return { text: (value === 0 ? '0' : `0${digits}`).padStart(3, '0'), value };
}

/** `[text]`, as strace shows what a pointer points to. */
export function pointee(shown: Shown): Shown {
  return { text: `[${shown.text}]`, value: shown.value };
}

export type Field = readonly [name: string, shown: Shown];

/** `{name=text, …}`; with `more`, three dots for fields that are left out. */
export function structure(fields: readonly Field[], more = false): Shown {
  const texts = fields.map(([name, shown]) => `${name}=${shown.text}`);
  if (more) texts.push('...');
  return {
    text: `{${texts.join(', ')}}`,
    value: Object.fromEntries(fields.map(([name, shown]) => [name, shown.value])),
  };
}

/** `[text, …]`. `end` stands for what is left out. */
export function list(items: readonly Shown[], end?: string, separator = ', '): Shown {
  const texts = items.map((item) => item.text);
  if (end !== undefined) texts.push(end);
  return { text: `[${texts.join(separator)}]`, value: items.map((item) => item.value) };
}
