/**
 * Lines from the keys that a program has read from its terminal. A terminal in canonical mode hands out lines that are edited
 * already (termios(3)); in raw mode, as shells with line editing have it, each key arrives, and editing is done here again.
 */

/** Keys of one line that are kept. A program that takes keys without Enter (an editor) gets lines of this length. */
const LONGEST = 1024;

/** Why a line is over: Enter, Ctrl-C, end of file, too long, or the program ran another, ended, or was not ready at the end. */
export type LineEnd = 'enter' | 'interrupt' | 'eof' | 'full' | 'exec' | 'exit' | 'open';

interface TypedLine {
  /** As it was when it was sent. Keys that the program answers in its own way (history, completion) are named: `<Up>`, `<Tab>`. */
  readonly typed: string;
  /** All keys, with those that were taken back. */
  readonly keys: Uint8Array;
  /** Instruction counts at which the first and the last key had been read. */
  readonly first: number;
  readonly last: number;
  readonly ended: LineEnd;
}

/** Final bytes of the sequences that begin with `ESC [` or `ESC O` (ECMA-48; xterm's keys). */
const ARROWS: Readonly<Record<string, string>> = {
  A: 'Up',
  B: 'Down',
  C: 'Right',
  D: 'Left',
  H: 'Home',
  F: 'End',
};
/** Parameters of `ESC [ … ~` (VT220). */
const NUMBERED: Readonly<Record<string, string>> = {
  1: 'Home',
  2: 'Insert',
  3: 'Delete',
  4: 'End',
  5: 'PageUp',
  6: 'PageDown',
  7: 'Home',
  8: 'End',
};
const CONTROL: Readonly<Record<number, string>> = { 1: 'Home', 2: 'Left', 5: 'End', 6: 'Right', 9: 'Tab' };
const ESC = 0x1b;
/** What comes after ESC: all of a sequence. */
const SEQUENCE = /^(?:[[O]([0-9;?]*)([@-~])|[^[O])$/;
const LONGEST_SEQUENCE = 16;

export class KeyLine {
  private keys: number[] = [];
  private first = 0;
  private last = 0;
  /** What is on the line: characters, as the bytes that they are made of, and named keys. */
  private cells: number[][] = [];
  private cursor = 0;
  /** What has come after ESC. */
  private escape: string | undefined;
  private afterReturn = false;

  /** A key has been read. Says when that ends the line: {@link take} it then. */
  key(byte: number, instruction: number): LineEnd | undefined {
    // Carriage return and line feed are one Enter.
    const second = this.afterReturn && byte === 0x0a;
    this.afterReturn = byte === 0x0d;
    if (second) return undefined;
    if (this.keys.length === 0) this.first = instruction;
    this.last = instruction;
    this.keys.push(byte);
    return this.edit(byte) ?? (this.keys.length >= LONGEST ? 'full' : undefined);
  }

  /** The line, and an empty one instead; undefined if no key was pressed. */
  take(ended: LineEnd): TypedLine | undefined {
    const { keys, first, last } = this;
    if (keys.length === 0) return undefined;
    const typed = new TextDecoder().decode(Uint8Array.from(this.cells.flat()));
    this.keys = [];
    this.cells = [];
    this.cursor = 0;
    this.escape = undefined;
    return { typed, keys: Uint8Array.from(keys), first, last, ended };
  }

  private edit(byte: number): LineEnd | undefined {
    if (byte === ESC) {
      this.escape = '';
      return undefined;
    }
    if (this.escape !== undefined) {
      this.sequence(byte);
      return undefined;
    }
    switch (byte) {
      case 0x0a:
      case 0x0d:
        return 'enter';
      case 0x03:
        return 'interrupt';
      case 0x04:
        if (this.cells.length === 0) return 'eof';
        this.named('Delete');
        return undefined;
      case 0x08:
      case 0x7f:
        this.erase(Math.max(0, this.cursor - 1), this.cursor);
        return undefined;
      case 0x15: // Ctrl-U
        this.erase(0, this.cursor);
        return undefined;
      case 0x0b: // Ctrl-K
        this.erase(this.cursor, this.cells.length);
        return undefined;
      case 0x17: // Ctrl-W
        this.erase(this.wordBefore(), this.cursor);
        return undefined;
    }
    const name = CONTROL[byte];
    if (name !== undefined) this.named(name);
    else if (byte >= 0x80 && byte < 0xc0 && this.cursor > 0) this.cells[this.cursor - 1]!.push(byte);
    else if (byte >= 0x20) this.insert([byte]);
    return undefined;
  }

  private sequence(byte: number): void {
    this.escape += String.fromCharCode(byte);
    const [whole, parameter = '', final = ''] = SEQUENCE.exec(this.escape!) ?? [];
    if (whole === undefined && this.escape!.length < LONGEST_SEQUENCE) return;
    this.escape = undefined;
    const name = final === '~' ? NUMBERED[parameter] : ARROWS[final];
    if (name !== undefined) this.named(name);
  }

  private named(name: string): void {
    if (name === 'Left') this.cursor = Math.max(0, this.cursor - 1);
    else if (name === 'Right') this.cursor = Math.min(this.cells.length, this.cursor + 1);
    else if (name === 'Home') this.cursor = 0;
    else if (name === 'End') this.cursor = this.cells.length;
    else if (name === 'Delete') this.erase(this.cursor, this.cursor + 1);
    else this.insert([...new TextEncoder().encode(`<${name}>`)]);
  }

  private insert(cell: number[]): void {
    this.cells.splice(this.cursor++, 0, cell);
  }

  private erase(from: number, to: number): void {
    this.cells.splice(from, to - from);
    this.cursor = from;
  }

  private wordBefore(): number {
    let at = this.cursor;
    const isSpace = (cell: readonly number[] | undefined): boolean => cell?.[0] === 0x20;
    while (at > 0 && isSpace(this.cells[at - 1])) at--;
    while (at > 0 && !isSpace(this.cells[at - 1])) at--;
    return at;
  }
}
