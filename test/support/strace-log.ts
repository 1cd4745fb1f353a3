/**
 * Reads the log of `strace -f -o FILE` (strace(1)), with or without `-n` (numbers of calls), `-i` (addresses), `-X raw`
 * and `-e raw=all`: what each thread called, in order. A line that is not understood is an error: nothing is passed over.
 */
import { constants } from 'node:os';

/** How a call ended, as far as the log tells. */
export type StraceOutcome =
  /** The program has the result, which may be an error. */
  | 'returned'
  /** A signal came first; the kernel makes the call again, or turns it into EINTR, once that is handled. */
  | 'restart'
  /** exit and exit_group, which end in `= ?`. */
  | 'noreturn'
  /**
   * The thread died in the call: `= ?` where strace saw it leave, nothing where it did not. The kernel may have been
   * done with the call by then, but the program never got the result.
   */
  | 'killed'
  /** The log ends first. */
  | 'open';

export interface StraceCall {
  /** The thread that made the call. */
  readonly pid: number;
  /** The line of the log that it begins in, from 1. */
  readonly line: number;
  /**
   * With `-n`, as a signed number of 32 bits: EAX. A call of `socketcall` has its number, 102, and the name and arguments of
   * the call that it stands for, where there is one.
   */
  readonly number: number | undefined;
  /** With `-i`: where the program goes on, the address after `int 0x80` or in the vDSO. */
  readonly address: number | undefined;
  readonly name: string;
  /** Between the parentheses; of a call that did not end, what was known at its beginning. */
  args: string;
  outcome: StraceOutcome;
  /** The line that it ends in. */
  endLine: number | undefined;
  /** After the `=`, as it is. */
  result: string | undefined;
  /**
   * EAX as the kernel leaves it, as a signed number of 32 bits: errors are negative (`-2` for ENOENT), ERESTARTSYS and
   * its kind (512 to 516) too. Undefined where there is only a `?`.
   */
  value: number | undefined;
  /** The error's name. */
  errno: string | undefined;
  /** The thread id that execve gave the thread in this call: the leader's. */
  becomes: number | undefined;
}

export interface StraceSignal {
  readonly line: number;
  /** The name (`SIGSEGV`). */
  readonly signal: string;
  /** The `siginfo` with its braces; undefined where the line says that the thread was stopped by the signal. */
  readonly info: string | undefined;
}

export interface StraceEnd {
  readonly line: number;
  /** `exited` by itself or with its group; `superseded` by another thread's execve, which goes on under this id. */
  readonly how: 'exited' | 'killed' | 'superseded';
  /** The exit code, the signal's name, or the other thread's id. */
  readonly value: string;
}

export interface StraceThread {
  readonly pid: number;
  readonly calls: StraceCall[];
  readonly signals: StraceSignal[];
  /** One at most, and before it one for each time that the id was taken over by execve. */
  readonly ends: StraceEnd[];
}

export interface StraceLog {
  /** By thread id, in the order of their first lines. */
  readonly threads: ReadonlyMap<number, StraceThread>;
  /** Of all threads, in the order that they began in. */
  readonly calls: readonly StraceCall[];
}

/** @throws Error where a line is not understood */
export function parseStraceLog(text: string): StraceLog {
  const reader = new Reader();
  for (const [i, line] of text.split('\n').entries()) if (line !== '') reader.line(line, i + 1);
  return { threads: reader.threads, calls: reader.calls };
}

/** Splits arguments at the commas that are not inside strings, brackets or comments. */
export function splitArgs(args: string): string[] {
  if (args.trim() === '') return [];
  const parts: string[] = [];
  let from = 0;
  scan(args, 0, (at, depth) => {
    if (depth === 0 && args[at] === ',') {
      parts.push(args.slice(from, at).trim());
      from = at + 1;
    }
    return false;
  });
  parts.push(args.slice(from).trim());
  return parts;
}

const escapes: Readonly<Record<string, number>> = { n: 10, t: 9, v: 11, f: 12, r: 13 };

/**
 * The bytes of an argument that is a string (`"a\\0b"...`), and whether `-s` cut it. Undefined for any other argument.
 * The log must have been read as latin1.
 */
export function stringOf(arg: string): { bytes: Uint8Array; cut: boolean } | undefined {
  const match = /^"((?:[^"\\]|\\.)*)"(\.\.\.)?$/.exec(arg);
  if (match === null) return undefined;
  const bytes: number[] = [];
  for (const [piece, octal, hex, char] of (match[1] ?? '').matchAll(
    /\\(?:([0-7]{1,3})|x([0-9a-f]{2})|(.))|[\s\S]/g,
  )) {
    if (octal !== undefined) bytes.push(Number.parseInt(octal, 8));
    else if (hex !== undefined) bytes.push(Number.parseInt(hex, 16));
    else bytes.push(char === undefined ? piece.charCodeAt(0) : (escapes[char] ?? char.charCodeAt(0)));
  }
  return { bytes: Uint8Array.from(bytes), cut: match[2] !== undefined };
}

/** The pid, with `-n` the number, with `-i` the address (question marks where there is no register to read), the rest. */
const linePattern = /^(\d+) +(?:\[ *(\d+|\?+)\] )?(?:\[([0-9a-f]{8,16}|\?+)\] )?(.*)$/;
const resumedPattern = /^<\.\.\. (\w+) resumed>(.*)$/;
const signalPattern = /^--- (?:(SIG\w+) (\{.*\})|stopped by (SIG\w+)) ---$/;
const endPattern =
  /^\+\+\+ (?:(exited) with (\d+)|(killed) by (\w+)(?: \(core dumped\))?|(superseded) by execve in pid (\d+)) \+\+\+$/;
const unfinished = ' <unfinished ...>';

class Reader {
  readonly threads = new Map<number, StraceThread>();
  readonly calls: StraceCall[] = [];
  /** Each thread's call that has not ended. */
  private readonly open = new Map<number, StraceCall>();

  line(text: string, line: number): void {
    const match = linePattern.exec(text);
    if (match === null) throw unknownLine(text, line);
    const [, pidText, number, address, rest = ''] = match;
    const pid = Number(pidText);
    const signal = signalPattern.exec(rest);
    const end = endPattern.exec(rest);
    const resumed = resumedPattern.exec(rest);
    if (signal !== null) {
      const [, name, info, stop] = signal;
      this.thread(pid).signals.push({ line, signal: name ?? stop ?? '', info });
    } else if (end !== null) {
      this.end(pid, line, end);
    } else if (resumed !== null) {
      const [, name, tail = ''] = resumed;
      const call = this.open.get(pid);
      if (call === undefined || call.name !== name) throw unknownLine(text, line);
      this.finish(call, tail, text, line);
      this.open.delete(pid);
    } else {
      this.begin(pid, line, number, address, rest);
    }
  }

  private thread(pid: number): StraceThread {
    let thread = this.threads.get(pid);
    if (thread === undefined) {
      thread = { pid, calls: [], signals: [], ends: [] };
      this.threads.set(pid, thread);
    }
    return thread;
  }

  private begin(
    pid: number,
    line: number,
    number: string | undefined,
    address: string | undefined,
    rest: string,
  ): void {
    const head = /^(\w+)\(/.exec(rest);
    if (head === null || this.open.has(pid)) throw unknownLine(rest, line);
    const call: StraceCall = {
      pid,
      line,
      number: number === undefined ? undefined : callNumber(number, head[1] ?? ''),
      address: address === undefined || address.startsWith('?') ? undefined : Number.parseInt(address, 16),
      name: head[1] ?? '',
      args: '',
      outcome: 'open',
      endLine: undefined,
      result: undefined,
      value: undefined,
      errno: undefined,
      becomes: undefined,
    };
    this.calls.push(call);
    this.thread(pid).calls.push(call);
    const body = rest.slice(head[0].length);
    if (body.endsWith(unfinished)) {
      call.args = body.slice(0, -unfinished.length);
      this.open.set(pid, call);
    } else {
      this.finish(call, body, rest, line);
    }
  }

  /** Takes in the rest of a call: arguments up to the closing parenthesis, then the result. */
  private finish(call: StraceCall, tail: string, text: string, line: number): void {
    // The thread died: strace knows no more of its arguments than at the beginning.
    const dead = `${unfinished}) = ?`;
    if (tail.endsWith(dead)) tail = `${tail.slice(0, -dead.length)}) = ?`;
    // Quotes and brackets never stay open across the two halves of a call.
    const close = scan(tail, 0, (at, depth) => depth === 0 && tail[at] === ')');
    const result = /^\) += (.+)$/.exec(tail.slice(close))?.[1];
    if (close < 0 || result === undefined) throw unknownLine(text, line);
    call.args += tail.slice(0, close);
    call.endLine = line;
    call.result = result;
    const [, value = '', errno] = /^(\S+)(?: (E[A-Z0-9_]+))?/.exec(result) ?? [];
    call.errno = errno;
    call.value = errno === undefined ? numberOf(value) : -errorNumber(errno);
    if (errno?.startsWith('ERESTART')) call.outcome = 'restart';
    else if (result !== '?') call.outcome = 'returned';
    else call.outcome = /^exit(_group)?$/.test(call.name) ? 'noreturn' : 'killed';
  }

  private end(pid: number, line: number, [, exited, code, killed, signal, , other]: RegExpExecArray): void {
    const how = exited ? 'exited' : killed ? 'killed' : 'superseded';
    const value = code ?? signal ?? other ?? '';
    this.thread(pid).ends.push({ line, how, value });
    const call = this.open.get(pid);
    if (call !== undefined) {
      call.outcome = 'killed';
      call.endLine = line;
      this.open.delete(pid);
    }
    if (how !== 'superseded') return;
    // The thread that called execve has this id from here on.
    const execve = this.open.get(Number(other));
    if (execve === undefined) return;
    this.open.delete(Number(other));
    this.open.set(pid, execve);
    execve.becomes = pid;
  }
}

/**
 * Goes through `text` outside strings and comments; the first place where `found` says so, or -1. It is given the depth
 * in brackets, in which a closing bracket still counts.
 */
function scan(text: string, from: number, found: (at: number, depth: number) => boolean): number {
  let depth = 0;
  for (let at = from; at < text.length; at++) {
    const char = text[at] ?? '';
    if (char === '"') {
      for (at++; at < text.length && text[at] !== '"'; at++) if (text[at] === '\\') at++;
    } else if (char === '/' && text[at + 1] === '*') {
      const end = text.indexOf('*/', at + 2);
      at = end < 0 ? text.length : end + 1;
    } else {
      if (found(at, depth)) return at;
      if ('([{'.includes(char)) depth++;
      else if (')]}'.includes(char)) depth--;
    }
  }
  return -1;
}

/** strace has no number for -1, but its name is `syscall_0xffffffff`. */
function callNumber(number: string, name: string): number | undefined {
  if (!number.startsWith('?')) return Number(number) | 0;
  const hex = /^syscall_(0x[0-9a-f]+)$/.exec(name)?.[1];
  return hex === undefined ? undefined : Number(hex) | 0;
}

/** Decimal, hexadecimal or, as umask's, octal; undefined for `?`. */
function numberOf(text: string): number | undefined {
  if (/^0x[0-9a-f]+$/.test(text)) return Number(text) | 0;
  if (/^0[0-7]+$/.test(text)) return Number.parseInt(text, 8);
  return /^-?\d+$/.test(text) ? Number(text) | 0 : undefined;
}

/** Errors that never reach a program: include/linux/errno.h. */
const kernelErrors: Readonly<Record<string, number>> = {
  ERESTARTSYS: 512,
  ERESTARTNOINTR: 513,
  ERESTARTNOHAND: 514,
  ENOIOCTLCMD: 515,
  ERESTART_RESTARTBLOCK: 516,
};

/** x86 has Linux's common numbers, whether 32 or 64 bits. */
function errorNumber(name: string): number {
  const number = kernelErrors[name] ?? (constants.errno as Readonly<Record<string, number>>)[name];
  if (number === undefined) throw new Error(`no number is known for the error ${name}`);
  return number;
}

function unknownLine(text: string, line: number): Error {
  return new Error(`line ${line} of the strace log is not understood: ${text}`);
}
