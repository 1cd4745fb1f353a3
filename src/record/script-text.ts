/**
 * Console bytes as text, without loss: UTF-8 where it is valid; any other byte becomes a lone surrogate, 0xE9
 * U+DCE9 (Python's "surrogateescape"). Patterns can then be compared with what a guest prints in any encoding,
 * and what was printed can be shown, and sent again, byte for byte.
 */

/** What byte 0x80 becomes where it is not part of UTF-8; the others follow. */
const ESCAPED = 0xdc00;

/** Turns bytes into text piece by piece; a character that is cut by the end of a piece waits for its rest. */
export class ByteDecoder {
  private tail: Uint8Array = new Uint8Array(0);

  push(bytes: Uint8Array): string {
    const all = this.tail.length === 0 ? bytes : concat(this.tail, bytes);
    const { text, used } = decode(all, false);
    this.tail = all.slice(used);
    return text;
  }
}

/** All of `bytes` as text. */
export function decodeBytes(bytes: Uint8Array): string {
  return decode(bytes, true).text;
}

/** The bytes of a text that `decodeBytes` made, or of any other text in UTF-8. */
export function encodeText(text: string): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const run of text.split(/((?<![\ud800-\udbff])[\udc80-\udcff]+)/)) {
    const first = run.charCodeAt(0);
    const escaped = first > ESCAPED + 0x7f && first <= ESCAPED + 0xff;
    parts.push(
      escaped ? Uint8Array.from(run, (char) => char.charCodeAt(0) - ESCAPED) : Buffer.from(run, 'utf8'),
    );
  }
  return new Uint8Array(Buffer.concat(parts));
}

/**
 * Text with everything that does not print written as an escape (`\n`, `\x1b`, `\u200b`), as it would stand
 * between quotes in a script. Safe to show in a terminal.
 */
export function printable(text: string): string {
  return text.replace(/[\\"\p{C}\p{Zl}\p{Zp}]/gu, escapeCharacter);
}

/** The same with quotes and backslashes as they are: for messages, not for scripts. */
export function visible(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, escapeCharacter);
}

const short: Record<string, string> = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '\\': '\\\\', '"': '\\"' };

function escapeCharacter(char: string): string {
  const known = short[char];
  if (known !== undefined) return known;
  const code = char.codePointAt(0)!;
  if (code < 0x80) return `\\x${hex(code, 2)}`;
  if (char.length === 1 && code >= ESCAPED + 0x80 && code <= ESCAPED + 0xff)
    return `\\x${hex(code - ESCAPED, 2)}`;
  return Array.from({ length: char.length }, (_, i) => `\\u${hex(char.charCodeAt(i), 4)}`).join('');
}

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0');

function decode(bytes: Uint8Array, final: boolean): { text: string; used: number } {
  const units: number[] = [];
  let text = '';
  let at = 0;
  while (at < bytes.length) {
    if (units.length > 8192) {
      text += String.fromCharCode(...units);
      units.length = 0;
    }
    const byte = bytes[at]!;
    const length = byte < 0x80 ? 1 : character(bytes, at);
    if (length === 1) {
      units.push(byte);
      at++;
    } else if (length > 1) {
      for (const char of Buffer.from(bytes.subarray(at, at + length)).toString('utf8'))
        for (let i = 0; i < char.length; i++) units.push(char.charCodeAt(i));
      at += length;
    } else if (length === CUT && !final) {
      break;
    } else {
      units.push(ESCAPED + byte);
      at++;
    }
  }
  return { text: text + String.fromCharCode(...units), used: at };
}

const INVALID = 0;
/** Valid so far, and the bytes end. */
const CUT = -1;

/** Length of the multi-byte character at `at`, or INVALID, or CUT (Unicode 15, table 3-7). */
function character(bytes: Uint8Array, at: number): number {
  const first = bytes[at]!;
  const length = first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
  if (length === 0) return INVALID;
  for (let i = 1; i < length; i++) {
    const byte = bytes[at + i];
    if (byte === undefined) return CUT;
    const low = i > 1 ? 0x80 : first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
    const high = i > 1 ? 0xbf : first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
    if (byte < low || byte > high) return INVALID;
  }
  return length;
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array {
  const all = new Uint8Array(a.length + b.length);
  all.set(a);
  all.set(b, a.length);
  return all;
}
