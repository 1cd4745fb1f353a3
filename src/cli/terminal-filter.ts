/**
 * Guest output for a terminal that only shows it. Control sequences are left out: a guest could retitle the
 * window, write to the clipboard, or ask the terminal something, whose answer then arrives as if it had been typed.
 */
import { ByteDecoder } from '../record/script-text.ts';

type State = 'text' | 'escape' | 'sequence' | 'string' | 'string escape';

export class TerminalFilter {
  private readonly decoder = new ByteDecoder();
  private state: State = 'text';
  /** The cursor is at the beginning of a line, as far as can be told. */
  atLineStart = true;

  /** The next bytes of a console, made harmless. */
  push(bytes: Uint8Array): string {
    let shown = '';
    for (const char of this.decoder.push(bytes)) shown += this.step(char);
    if (shown !== '') this.atLineStart = /[\r\n]$/.test(shown);
    return shown;
  }

  /** ECMA-48: ESC, then `[` with parameters and a final byte, a string up to BEL or ESC `\`, or a short sequence. */
  private step(char: string): string {
    const code = char.codePointAt(0)!;
    switch (this.state) {
      case 'text':
        if (code === 0x1b) this.state = 'escape';
        return show(char, code);
      case 'escape':
        if (code === 0x1b) return '';
        this.state =
          char === '['
            ? 'sequence'
            : /[\]PX^_]/.test(char)
              ? 'string'
              : /[ -/]/.test(char)
                ? 'escape'
                : 'text';
        return '';
      case 'sequence':
        if (code === 0x1b) this.state = 'escape';
        // A control character inside is carried out as if it came before.
        else if (code < 0x20) return show(char, code);
        else if (code >= 0x40) this.state = 'text';
        return '';
      case 'string':
        if (code === 0x07) this.state = 'text';
        if (code === 0x1b) this.state = 'string escape';
        return '';
      case 'string escape':
        this.state = char === '\\' ? 'text' : code === 0x1b ? 'string escape' : 'string';
        return '';
    }
  }
}

function show(char: string, code: number): string {
  if (char === '\n' || char === '\r' || char === '\t' || char === '\b') return char;
  if (code < 0x20 || (code >= 0x7f && code < 0xa0)) return '';
  // A byte that is not part of UTF-8.
  return code >= 0xd800 && code <= 0xdfff ? '\ufffd' : char;
}
