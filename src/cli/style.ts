/** Colours: only on a terminal, and not where NO_COLOR (no-color.org) asks for none. */
import { styleText } from 'node:util';

type Look = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';

export function hasColor(stream: NodeJS.WriteStream): boolean {
  return Boolean(stream.isTTY) && !process.env['NO_COLOR'] && process.env['TERM'] !== 'dumb';
}

/** `text` in a colour if `stream`, which it is written to, shows colours. */
export function style(stream: NodeJS.WriteStream, look: Look, text: string): string {
  return hasColor(stream) ? styleText(look, text) : text;
}
