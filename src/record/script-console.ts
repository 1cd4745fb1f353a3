/** What a guest printed at one console since the last wait that matched, ready to be searched. */

import type { Pattern } from './script.ts';
import { ByteDecoder } from './script-text.ts';

/** Characters kept of output that nobody has waited for. */
const LIMIT = 1 << 20;
/** Characters kept for messages, whether waited for or not. */
const RECENT = 400;

export class ConsoleBuffer {
  private readonly decoder = new ByteDecoder();
  /** Bytes that have come since the last look; decoding them one at a time would be slow. */
  private arrived: Uint8Array[] = [];
  private text = '';
  private recentText = '';
  /** Where the next search for `searchedFor` begins: what stands before cannot match any more. */
  private searched = 0;
  private searchedFor: Pattern | undefined;

  add(bytes: Uint8Array): void {
    this.arrived.push(bytes.slice());
    // Nobody waits: decode now and then all the same, so that only LIMIT is ever kept.
    if (this.arrived.length >= 4096) this.decode();
  }

  /** If the pattern is in the output, takes everything up to its end out and returns what matched. */
  take(pattern: Pattern): string | undefined {
    this.decode();
    const found = pattern.kind === 'text' ? this.findText(pattern, pattern.text) : this.findRegex(pattern);
    if (found === undefined) return undefined;
    this.text = this.text.slice(found.end);
    this.searchedFor = undefined;
    return found.match;
  }

  /** The end of the output, waited for or not. */
  get recent(): string {
    this.decode();
    return this.recentText;
  }

  private findText(pattern: Pattern, text: string): { match: string; end: number } | undefined {
    const from = this.searchedFor === pattern ? this.searched : 0;
    const index = this.text.indexOf(text, from);
    this.searchedFor = pattern;
    this.searched = Math.max(0, this.text.length - text.length + 1);
    return index < 0 ? undefined : { match: text, end: index + text.length };
  }

  private findRegex(pattern: Pattern & { kind: 'regex' }): { match: string; end: number } | undefined {
    const match = new RegExp(pattern.source, pattern.flags).exec(this.text);
    return match === null ? undefined : { match: match[0], end: match.index + match[0].length };
  }

  private decode(): void {
    if (this.arrived.length === 0) return;
    const fresh = this.decoder.push(Buffer.concat(this.arrived));
    this.arrived = [];
    this.recentText = (this.recentText + fresh).slice(-RECENT);
    const text = this.text + fresh;
    // Cut well below the limit, so that a long output is not copied at every look.
    const dropped = text.length > LIMIT ? text.length - LIMIT / 2 : 0;
    this.text = dropped === 0 ? text : text.slice(dropped);
    this.searched = Math.max(0, this.searched - dropped);
  }
}
