/** One system call while it is being decoded: first at its entry, then again at its end. */
import { isRestart } from './errno.ts';
import { quote, quoteHex, readable } from './quote.ts';
import type { Limits, Reader, Structure } from './reader.ts';
import { address, type Json, type Shown } from './shown.ts';

/** How strace writes a result that is no error. */
export type ResultKind = 'int' | 'fd' | 'pid' | 'address' | 'octal' | 'none';

/** What the decoding at the entry leaves for that at the end: plain data. */
export type Kept = Record<string, Json>;

export interface DecodedArgument {
  readonly name: string;
  readonly type: string;
  readonly value: Json;
  /** As strace prints it. */
  readonly text: string;
  /** It points to a page that is not in memory (not now, or not at all), so that it is shown as an address. */
  readonly absent?: true;
}

/** Decodes one argument from its word; the call tells the rest. Undefined: strace does not show the argument. */
export type Decoder = (call: Call, word: number, index: number) => Shown | undefined;

/** Decodes all arguments of a call, in two passes: with `call.entering`, and without. */
export type CallDecoder = (call: Call) => void;

export class Call {
  readonly words: readonly number[];
  readonly reader: Reader;
  readonly kept: Kept;
  /** The arguments that have been shown, in strace's order. */
  readonly shown: DecodedArgument[] = [];
  /** This is the pass at the entry. */
  readonly entering: boolean;
  /** The result, unsigned; 0 at the entry. */
  readonly result: number;
  /** The error that it is, or 0. */
  readonly error: number;
  kind: ResultKind;
  /** What strace adds to the result in parentheses. */
  suffix: string | undefined;
  /** A result that is not in EAX but in memory. */
  stored: number | undefined;
  /** The stack pointer of the program at its entry, for sigreturn. */
  readonly stack: number | undefined;
  /** The name of the call that restart_syscall goes on with. */
  readonly interrupted: string | undefined;

  constructor(
    words: readonly number[],
    reader: Reader,
    now: {
      entering: boolean;
      result?: number;
      error?: number;
      kind: ResultKind;
      kept?: Kept;
      stack?: number | undefined;
      interrupted?: string | undefined;
    },
  ) {
    this.words = words;
    this.reader = reader;
    this.entering = now.entering;
    this.result = now.result ?? 0;
    this.error = now.error ?? 0;
    this.kind = now.kind;
    this.kept = now.kept ?? {};
    this.stack = now.stack;
    this.interrupted = now.interrupted;
  }

  get limits(): Limits {
    return this.reader.limits;
  }

  get failed(): boolean {
    return this.error !== 0;
  }

  get interruptedNow(): boolean {
    return isRestart(this.error);
  }

  /** An argument's word, unsigned. */
  word(index: number): number {
    return (this.words[index] ?? 0) >>> 0;
  }

  /** Two words, the lower one first. */
  wide(index: number): bigint {
    return (BigInt(this.word(index + 1)) << 32n) | BigInt(this.word(index));
  }

  /** Adds an argument to what is shown. */
  show(name: string, type: string, shown: Shown | undefined): void {
    const { absent } = this.reader;
    this.reader.absent = false;
    if (shown === undefined) return;
    const { text, value } = shown;
    this.shown.push(absent ? { name, type, value, text, absent } : { name, type, value, text });
  }

  /** The bytes at a pointer, unless it is NULL, the call has failed (so that nothing was written), or they are absent. */
  read(at: number, length: number): Structure | undefined {
    return at === 0 || this.failed ? undefined : this.reader.structure(at, length);
  }

  /** What `show` makes of the bytes at a pointer, or the pointer. */
  at(at: number, length: number, show: (structure: Structure) => Shown): Shown {
    const structure = this.read(at, length);
    return structure === undefined ? address(at) : show(structure);
  }

  /** A path: all of it, whatever the limit of texts. */
  path(at: number, most = 4095): Shown {
    if (at === 0) return address(0);
    const string = this.reader.string(at, most + 1);
    if (string === undefined) return address(at);
    const bytes = string.terminated ? string.bytes : string.bytes.subarray(0, most);
    return { text: quote(bytes) + (string.terminated ? '' : '...'), value: this.textOf(bytes) };
  }

  /** A string up to a zero byte, shortened to the limit of texts; `most` is what the kernel would read of it. */
  string(at: number, most = Number.POSITIVE_INFINITY): Shown {
    if (at === 0) return address(0);
    const { text, data } = this.limits;
    const limit = Math.min(text, most);
    const string = this.reader.string(at, Math.min(text + 1, most));
    if (string === undefined) return address(at);
    const whole = string.terminated ? string.bytes : (this.reader.string(at, data)?.bytes ?? string.bytes);
    const cut = !string.terminated && string.bytes.length >= limit;
    return {
      text: quote(string.bytes.subarray(0, limit)) + (cut ? '...' : ''),
      value: this.textOf(whole),
    };
  }

  private textOf(bytes: Uint8Array): Json {
    return readable(bytes) ?? { length: bytes.length, base64: Buffer.from(bytes).toString('base64') };
  }

  /** A buffer of a known length, shortened to the limit of texts. The pointer itself is not judged by `failed`. */
  data(at: number, length: number, hex = false): Shown {
    if (at === 0) return address(0);
    const limit = this.limits.text;
    const bytes = this.reader.bytes(at, Math.min(length, limit + 1));
    if (bytes === undefined) return address(at);
    const more = Math.min(length, this.limits.data);
    const whole = more > bytes.length ? (this.reader.some(at, more) ?? bytes) : bytes;
    const part = bytes.subarray(0, limit);
    return {
      text: (hex ? quoteHex(part) : quote(part)) + (length > limit ? '...' : ''),
      value: bufferValue(whole.subarray(0, more), length),
    };
  }
}

/** A buffer for JSON: its whole length, and what has been read of it as text if it is text. */
export function bufferValue(bytes: Uint8Array, length: number): Json {
  const text = readable(bytes);
  const cut = bytes.length < length ? { truncated: true } : {};
  return text === undefined
    ? { length, base64: Buffer.from(bytes).toString('base64'), ...cut }
    : { length, text, ...cut };
}

/** An array at a pointer, at most as many elements as the limit of texts says: strace's `print_array`. */
export function arrayAt(
  call: Call,
  at: number,
  count: number,
  size: number,
  show: (element: Structure, index: number) => Shown,
  ignoreFailure = false,
): Shown {
  if (at === 0) return address(0);
  if (count === 0) return { text: '[]', value: [] };
  if (at + count * size >= 2 ** 32 || (call.failed && !ignoreFailure)) return address(at);
  const texts: string[] = [];
  const values: Json[] = [];
  for (let i = 0; i < count; i++) {
    const where = at + i * size;
    if (i >= call.limits.text) {
      texts.push('...');
      break;
    }
    const element = call.reader.structure(where, size);
    if (element === undefined) {
      if (i === 0) return address(at);
      texts.push(`... /* ${address(where).text} */`);
      break;
    }
    const shown = show(element, i);
    texts.push(shown.text);
    values.push(shown.value);
  }
  return { text: `[${texts.join(', ')}]`, value: values };
}
