/** A value of a call in its two forms: a text for people, and data for JSON. */

/** What JSON can say. 64-bit numbers that a double cannot hold are decimal strings. */
export type Json = number | string | boolean | null | readonly Json[] | { readonly [name: string]: Json };

export interface Shown {
  readonly text: string;
  readonly value: Json;
  /** Something that it is made of was not in memory. */
  readonly absent?: true;
}

/** Elements of an array in a text; its data has more. */
const TEXT_ELEMENTS = 8;
/** Characters of a name in a text: paths are to be seen whole. */
const TEXT_NAME = 256;
/** Bytes of a buffer in a text. */
const TEXT_BYTES = 32;

export const NULL: Shown = { text: 'NULL', value: null };

export function hex(value: number | bigint): string {
  return `0x${value.toString(16)}`;
}

/** A word that nothing is known of. */
export function hexadecimal(word: number): Shown {
  return { text: hex(word), value: word };
}

export function decimal(value: number | bigint): Shown {
  return { text: value.toString(), value: plain(value) };
}

/** A number as JSON can hold it. */
export function plain(value: number | bigint): number | string {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value.toString();
}

/** A name for a value is both its text and its data. */
export function named(name: string): Shown {
  return { text: name, value: name };
}

/** The address of what has not been read: the call has not filled it in, or it is not in memory. */
export function unread(address: number, absent = false): Shown {
  if (address === 0) return NULL;
  const shown = { text: `@${hex(address)}`, value: { address } };
  return absent ? { ...shown, absent } : shown;
}

/** `{name: text, …}`. Fields that are undefined are left out. */
export function structure(fields: Readonly<Record<string, Shown | undefined>>): Shown {
  const there = Object.entries(fields).filter((field): field is [string, Shown] => field[1] !== undefined);
  return combined(
    `{${there.map(([name, { text }]) => `${name}: ${text}`).join(', ')}}`,
    Object.fromEntries(there.map(([name, { value }]) => [name, value])),
    there.map(([, shown]) => shown),
  );
}

/** `[text, …]`; with `more`, elements follow that have not been read. */
export function list(items: readonly Shown[], more = false): Shown {
  const texts = items.slice(0, TEXT_ELEMENTS).map(({ text }) => text);
  if (more || items.length > TEXT_ELEMENTS) texts.push('…');
  return combined(
    `[${texts.join(', ')}]`,
    items.map(({ value }) => value),
    items,
  );
}

function combined(text: string, value: Json, parts: readonly Shown[]): Shown {
  return parts.some(({ absent }) => absent) ? { text, value, absent: true } : { text, value };
}

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['\t', '\\t'],
  ['\n', '\\n'],
  ['\r', '\\r'],
  ['"', '\\"'],
  ['\\', '\\\\'],
]);

/** What nobody sees as it is: control and format characters (some turn the direction of the text), unassigned ones. */
export const UNSEEN = /[\p{C}\p{Zl}\p{Zp}]/u;

function escaped(text: string): string {
  let out = '';
  for (const character of text) {
    const known = ESCAPES.get(character);
    if (known !== undefined) out += known;
    else if (UNSEEN.test(character)) {
      for (let i = 0; i < character.length; i++)
        out += `\\u${character.charCodeAt(i).toString(16).padStart(4, '0')}`;
    } else out += character;
  }
  return out;
}

/** Whole or its first characters, in quotation marks with C's escapes. */
export function quoted(text: string, most = TEXT_NAME): string {
  return text.length <= most ? `"${escaped(text)}"` : `"${escaped(text.slice(0, most))}"…`;
}

/** Code units of UTF-16, as they are: what is no text is not mended. */
export function fromUtf16(bytes: Uint8Array): string {
  let text = '';
  for (let i = 0; i + 1 < bytes.length; i += 2) text += String.fromCharCode(bytes[i]! | (bytes[i + 1]! << 8));
  return text;
}

function escapedBytes(bytes: Uint8Array): string {
  let out = '';
  for (const byte of bytes) {
    const character = String.fromCharCode(byte);
    out +=
      ESCAPES.get(character) ??
      (byte >= 0x20 && byte < 0x7f ? character : `\\x${byte.toString(16).padStart(2, '0')}`);
  }
  return out;
}

const isPlain = (unit: number): boolean => (unit >= 0x20 && unit < 0x7f) || (unit >= 9 && unit <= 13);

/** The text that bytes are in UTF-8; undefined if they are none, or if control characters show that they are data. */
function asUtf8(bytes: Uint8Array, cut: boolean): string | undefined {
  for (const byte of bytes)
    if (byte < 0x80 && !isPlain(byte) && byte !== 0x1b && byte !== 8) return undefined;
  try {
    // A character may be cut at the end.
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes, { stream: cut });
  } catch {
    return undefined;
  }
}

/** Fewer characters may be anything: 40 00 00 00 is a number. */
const LEAST_WIDE = 3;

/** Whether bytes are UTF-16 that everyone would call text: ASCII characters, and zero bytes between them. */
function isWideText(bytes: Uint8Array): boolean {
  const ended = bytes.length >= 2 && bytes.at(-1) === 0 && bytes.at(-2) === 0;
  const characters = bytes.length / 2 - (ended ? 1 : 0);
  if (!Number.isInteger(characters) || characters < LEAST_WIDE) return false;
  for (let i = 0; i < characters; i++) if (bytes[2 * i + 1] !== 0 || !isPlain(bytes[2 * i]!)) return false;
  return true;
}

/**
 * Bytes of a buffer: as text if they are one, with C's escapes; `L"…"` is UTF-16. The data has their text and, if they are
 * none in UTF-8, all of them in base64.
 * @param bytes those that have been read, of `length`
 */
export function buffer(bytes: Uint8Array, length: number): Shown {
  const cut = bytes.length < length;
  const more = bytes.length > TEXT_BYTES || cut ? '…' : '';
  const kept: Record<string, Json> = { length };
  if (cut) kept['read'] = bytes.length;
  const base64 = () => Buffer.from(bytes).toString('base64');
  if (isWideText(bytes)) {
    const text = fromUtf16(bytes);
    return { text: `L${quoted(text, TEXT_BYTES)}`, value: { ...kept, text, base64: base64() } };
  }
  const first = `"${escapedBytes(bytes.subarray(0, TEXT_BYTES))}"${more}`;
  const utf8 = asUtf8(bytes, cut);
  if (utf8 !== undefined) return { text: first, value: { ...kept, text: utf8 } };
  return { text: first, value: { ...kept, text: escapedBytes(bytes), base64: base64() } };
}
