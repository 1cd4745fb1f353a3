/**
 * What the code around a return address tells: which instruction may have called, and from where else control can come to it.
 * Nothing here decides a match by itself; it says which addresses are worth watching.
 *
 * Encodings: Intel SDM vol. 2A, CALL (E8, FF /2, 9A, FF /3), JMP (EB, E9), Jcc (70-7F, 0F 80-8F), table 2-2 and 2-3 for the
 * length of ModR/M with 32-bit addresses.
 */

/** Reads a 32-bit word of the current address space. */
export interface CodeReader {
  word(address: number): number | undefined;
}

/** No CALL is longer, but for prefixes. */
const LONGEST = 7;
const PREFIXES = 2;
/** Bytes on each side of a return address in which jumps to it are looked for: what a short jump can cross. */
const REACH = 128;
/** Of the calls before a return address, the nearest so many are taken for possible landing places. */
const MOST_LANDINGS = 6;
const MOST_JUMPS = 4;
/** Bytes before such a jump, and calls in them. */
const JUMP_REACH = 48;
const MOST_BEFORE_JUMP = 2;

const bytes = new Uint8Array(2 * REACH);

/** Fills `bytes` with those from `start` on; 0 (part of no CALL that counts) where a page is absent. */
function read(code: CodeReader, start: number, length: number): void {
  for (let i = 0; i < length; i += 4) {
    const word = code.word((start + i) >>> 0) ?? 0;
    bytes[i] = word;
    bytes[i + 1] = word >>> 8;
    bytes[i + 2] = word >>> 16;
    bytes[i + 3] = word >>> 24;
  }
}

/** Length of the CALL instruction whose opcode is at `bytes[i]`; 0 if there is none. */
function callLength(i: number): number {
  const opcode = bytes[i];
  if (opcode === 0xe8) return 5;
  if (opcode === 0x9a) return 7;
  if (opcode !== 0xff) return 0;
  const modrm = bytes[i + 1]!;
  const operation = (modrm >> 3) & 7;
  if (operation !== 2 && operation !== 3) return 0;
  const rm = modrm & 7;
  const sib = rm === 4 ? 1 : 0;
  switch (modrm >> 6) {
    case 0:
      if (rm === 5) return 6;
      return sib === 1 && (bytes[i + 2]! & 7) === 5 ? 7 : 2 + sib;
    case 1:
      return 3 + sib;
    case 2:
      return 6 + sib;
    default:
      return operation === 2 ? 2 : 0;
  }
}

/** Segment overrides (3E is also CET's `notrack`), operand and address size. */
function isPrefix(byte: number): boolean {
  return byte === 0x2e || byte === 0x36 || byte === 0x3e || byte === 0x26 || (byte >= 0x64 && byte <= 0x67);
}

/**
 * The addresses at which a CALL may begin that returns here. One of them is where it does, if the return address came from
 * a CALL at all; the others are inside of it or of what is before it, and are never reached.
 */
export function callsBefore(returnAddress: number, code: CodeReader): number[] {
  const span = 12;
  const start = returnAddress - span;
  read(code, start, span);
  const found: number[] = [];
  for (let length = 2; length <= LONGEST; length++) {
    const at = span - length;
    if (callLength(at) !== length) continue;
    found.push((start + at) >>> 0);
    for (let prefix = 1; prefix <= PREFIXES && isPrefix(bytes[at - prefix]!); prefix++)
      found.push((start + at - prefix) >>> 0);
  }
  return found;
}

/** Whether the instruction before this address can be a CALL. */
export function isAfterCall(address: number, code: CodeReader): boolean {
  read(code, address - 8, 8);
  for (let length = 2; length <= LONGEST; length++) if (callLength(8 - length) === length) return true;
  return false;
}

/**
 * Where control passes that comes to a return address not by a return but by a jump of the calling function, after a
 * longjmp into it: in `if (setjmp(b) == 0) f();` the code behind is both where `f` returns to and where the condition jumps
 * to. Given are return addresses of calls that the function makes before (setjmp's own is one of them) or just before the
 * jump (those of a `catch`). Empty if nothing near jumps here.
 */
export function landingsNear(returnAddress: number, code: CodeReader): number[] {
  const start = returnAddress - REACH;
  read(code, start, 2 * REACH);
  const found: number[] = [];
  let jumps = 0;
  for (let i = 0; i < 2 * REACH - 6 && jumps < MOST_JUMPS; i++) {
    if (jumpTarget(i) !== REACH) continue;
    if (jumps++ === 0) returnsBefore(REACH, REACH, MOST_LANDINGS, start, found);
    returnsBefore(i, JUMP_REACH, MOST_BEFORE_JUMP, start, found);
  }
  return found;
}

/** Adds where the calls return to that lie in the bytes before an index, the nearest ones. */
function returnsBefore(index: number, reach: number, most: number, start: number, into: number[]): void {
  let count = 0;
  for (let i = index - 2; i >= Math.max(0, index - reach) && count < most; i--) {
    const length = callLength(i);
    // The call that returns to the address itself is none of them.
    if (length === 0 || i + length > index || i + length === REACH) continue;
    count++;
    const address = (start + i + length) >>> 0;
    if (!into.includes(address)) into.push(address);
  }
}

/** The index in `bytes` to which the direct jump at `bytes[i]` goes; -1 if there is none. */
function jumpTarget(i: number): number {
  const opcode = bytes[i]!;
  if (opcode === 0xeb || (opcode & 0xf0) === 0x70) return i + 2 + ((bytes[i + 1]! << 24) >> 24);
  if (opcode === 0xe9) return i + 5 + displacement(i + 1);
  if (opcode === 0x0f && (bytes[i + 1]! & 0xf0) === 0x80) return i + 6 + displacement(i + 2);
  return -1;
}

function displacement(i: number): number {
  return bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24);
}
