/**
 * The script that drives a guest's console, in the manner of expect(1). One step a line:
 *
 *     wait "login: "       until this text has come            wait /[#$] $/m    … or this regular expression
 *     send "root\n"        types it                            sleep 1.5         seconds
 *     timeout 60           how long the waits that follow may take, in seconds
 *     console 1            the serial port that the lines that follow talk to (0 at first)
 *     log "text"           says something to the person who watches
 *     end                  ends the session here               # a comment
 *
 * Strings have JSON's escapes, and `\xHH` for a byte and `\e` for ESC; text is sent as UTF-8.
 */
import { RebekError } from '../base/errors.ts';
import { decodeBytes, encodeText, printable, visible } from './script-text.ts';

/** What a wait waits for. */
export type Pattern =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'regex'; readonly source: string; readonly flags: string };

/** Texts are in the lossless form of `decodeBytes`. */
export type Action =
  | { readonly kind: 'wait'; readonly pattern: Pattern }
  | { readonly kind: 'send' | 'log'; readonly text: string }
  | { readonly kind: 'sleep' | 'timeout'; readonly seconds: number }
  | { readonly kind: 'console'; readonly port: number }
  | { readonly kind: 'end' };

/** An action and the line that it stands on, from 1. */
export type Step = Action & { readonly line: number };

export interface Script {
  /** Names the script in messages. */
  readonly file: string;
  readonly steps: readonly Step[];
}

const LONGEST_SECONDS = 1_000_000;
const PORTS = 4;
/** With every wrong line of some other kind of file, the list would say nothing more. */
const MOST_PROBLEMS = 10;

/** @throws RebekError ERR_SCRIPT_SYNTAX: each wrong line, as `file:line:column: expected …, found …` */
export function parseScript(text: string, file: string): Script {
  const steps: Step[] = [];
  const problems: string[] = [];
  for (const [index, line] of text
    .replace(/^\ufeff/, '')
    .split(/\r?\n/)
    .entries()) {
    try {
      const action = new LineParser(line).parse();
      if (action !== undefined) steps.push({ ...action, line: index + 1 });
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      problems.push(
        `${file}:${index + 1}:${error.column + 1}: expected ${error.expected}, found ${error.found}`,
      );
    }
  }
  if (problems.length === 0) return { file, steps };
  const shown = problems.slice(0, MOST_PROBLEMS);
  if (problems.length > shown.length) shown.push(`… and ${problems.length - shown.length} more`);
  throw new RebekError('ERR_SCRIPT_SYNTAX', shown.join('\n'), {
    hint: 'a script has one step a line: wait, send, sleep, timeout, console, log, end',
    details: { file, problems },
  });
}

/** The text of a script that parses to the same steps. */
export function printScript(script: { readonly steps: readonly Action[] }): string {
  return script.steps.map((step) => `${printAction(step)}\n`).join('');
}

/** One step as it stands in a script. */
export function printAction(action: Action): string {
  switch (action.kind) {
    case 'wait':
      return `wait ${printPattern(action.pattern)}`;
    case 'send':
    case 'log':
      return `${action.kind} "${printable(action.text)}"`;
    case 'sleep':
    case 'timeout':
      return `${action.kind} ${action.seconds}`;
    case 'console':
      return `console ${action.port}`;
    case 'end':
      return 'end';
  }
}

export function printPattern(pattern: Pattern): string {
  return pattern.kind === 'text' ? `"${printable(pattern.text)}"` : `/${pattern.source}/${pattern.flags}`;
}

class Problem extends Error {
  readonly column: number;
  readonly expected: string;
  readonly found: string;

  constructor(column: number, expected: string, found: string) {
    super();
    this.column = column;
    this.expected = expected;
    this.found = found;
  }
}

const simple: Record<string, string> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  e: '\x1b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
};

class LineParser {
  private readonly line: string;
  private at = 0;

  constructor(line: string) {
    this.line = line;
  }

  /** The line's step; undefined for an empty line or a comment. */
  parse(): Action | undefined {
    this.skipSpace();
    if (this.atEnd()) return undefined;
    const start = this.at;
    const word = this.take(/[^\s"/#]*/y);
    const gap = this.skipSpace();
    const action = this.action(word, start, gap);
    this.skipSpace();
    if (!this.atEnd()) this.fail('nothing more on this line');
    return action;
  }

  private action(word: string, start: number, gap: number): Action {
    const needsGap = ['sleep', 'timeout', 'console'].includes(word);
    if (needsGap && gap === 0 && !this.atEnd()) this.fail('a space');
    switch (word) {
      case 'wait':
        return { kind: 'wait', pattern: this.pattern() };
      case 'send':
      case 'log':
        return { kind: word, text: this.string('a string in double quotes') };
      case 'sleep':
        return { kind: word, seconds: this.seconds('a number of seconds such as 1.5', true) };
      case 'timeout':
        return { kind: word, seconds: this.seconds('a number of seconds above 0', false) };
      case 'console':
        return { kind: word, port: this.port() };
      case 'end':
        return { kind: word };
      default:
        this.at = start;
        return this.fail('wait, send, sleep, timeout, console, log or end');
    }
  }

  private pattern(): Pattern {
    if (this.line[this.at] === '/') return this.regex();
    const start = this.at;
    const text = this.string('"text" or /regular expression/');
    if (text === '') this.fail('some text to wait for', start, 'an empty string');
    return { kind: 'text', text };
  }

  private regex(): Pattern {
    const start = this.at;
    const body = this.take(/\/((?:[^\\/[]|\\.|\[(?:[^\\\]]|\\.)*\])*)\//y);
    if (body === '') this.fail('a regular expression that ends with /', start);
    if (body === '//') this.fail('a regular expression', start, 'an empty one');
    const source = body.slice(1, -1);
    const flagsAt = this.at;
    const flags = this.take(/\w*/y);
    // g, y and d are about repeated matching, which is the wait's own business.
    if (/[^imsuv]/.test(flags)) this.fail('flags out of i, m, s, u and v', flagsAt, flags);
    try {
      new RegExp(source, flags);
    } catch (error) {
      const why = (error as Error).message.replace(/^Invalid regular expression: /, '');
      this.fail('a regular expression', start, `one that JavaScript refuses: ${why}`);
    }
    return { kind: 'regex', source, flags };
  }

  private string(expected: string): string {
    if (this.line[this.at] !== '"') this.fail(expected);
    this.at++;
    const parts: Uint8Array[] = [];
    for (;;) {
      parts.push(encodeText(this.take(/[^"\\]*/y)));
      const char = this.line[this.at];
      if (char === undefined) this.fail('a closing double quote', this.at, 'the end of the line');
      if (char === '"') break;
      parts.push(this.escape());
    }
    this.at++;
    return decodeBytes(Buffer.concat(parts));
  }

  /** An escape sequence's bytes. */
  private escape(): Uint8Array {
    const start = this.at;
    const sequence = this.take(/\\(?:x[0-9a-f]{2}|u[0-9a-f]{4}|["\\/befnrt])/iy);
    const kind = sequence[1];
    if (kind === 'x') return Uint8Array.of(Number.parseInt(sequence.slice(2), 16));
    if (kind === 'u') return this.unicode(start, sequence);
    const found = kind === undefined ? undefined : simple[kind];
    if (found === undefined) {
      const bad = this.line.slice(start, start + 2);
      this.fail(
        'an escape: \\n \\r \\t \\b \\f \\e \\" \\\\ \\/ \\xHH \\uHHHH',
        start,
        bad === '\\' ? 'a lone \\' : bad,
      );
    }
    return encodeText(found);
  }

  private unicode(start: number, sequence: string): Uint8Array {
    const code = Number.parseInt(sequence.slice(2), 16);
    if (code < 0xd800 || code > 0xdfff) return encodeText(String.fromCharCode(code));
    const second = code < 0xdc00 ? this.take(/\\u[d][c-f][0-9a-f]{2}/iy) : '';
    if (second === '') this.fail('a surrogate pair (\\ud83d\\ude00)', start, `half of one, ${sequence}`);
    return encodeText(String.fromCharCode(code, Number.parseInt(second.slice(2), 16)));
  }

  private seconds(expected: string, zero: boolean): number {
    const start = this.at;
    const text = this.take(/\d+(\.\d+)?(e[-+]?\d+)?(?=[\s#]|$)/iy);
    const value = Number(text);
    if (text === '' || (value === 0 && !zero)) this.fail(expected, start);
    if (value > LONGEST_SECONDS) this.fail(`at most ${LONGEST_SECONDS} seconds`, start, text);
    return value;
  }

  private port(): number {
    const start = this.at;
    const text = this.take(/\d+(?=[\s#]|$)/y);
    if (text === '' || Number(text) >= PORTS) this.fail(`a serial port, 0 to ${PORTS - 1}`, start);
    return Number(text);
  }

  private take(pattern: RegExp): string {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.line)?.[0] ?? '';
    this.at += found.length;
    return found;
  }

  private skipSpace(): number {
    return this.take(/\s*/y).length;
  }

  private atEnd(): boolean {
    return this.at >= this.line.length || this.line[this.at] === '#';
  }

  private fail(expected: string, column = this.at, found?: string): never {
    const rest = this.line.slice(column).trimEnd();
    const shown = rest.length > 30 ? `${rest.slice(0, 29)}…` : rest;
    throw new Problem(column, expected, found ?? (rest === '' ? 'the end of the line' : visible(shown)));
  }
}
