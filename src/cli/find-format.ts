/** Matches as lines of text, and as JSON. What they hold is escaped: it could otherwise command the terminal. */
import { hex32 } from '../base/hex.ts';
import type { Match, TimedMatch } from '../output/find/find.ts';
import { decodeBytes, printable } from '../record/script-text.ts';
import { formatExact } from './format.ts';
import { style } from './style.ts';

const INSTRUCTION_WIDTH = 15;
const NAME_WIDTH = 14;
/** Of a longer match, the beginning and the end are shown. */
const LONGEST_TEXT = 120;

/** `port 0x3f8`, `MMIO 0xfee00020`, `DMA 0x01234000`, `write 0x01234000`, `console 0 in`, `net in`. */
export function channelName({ source, address = 0 }: Match): string {
  const { kind, port = 0, direction, by } = source;
  switch (kind) {
    case 'port':
      return `port 0x${port.toString(16)}`;
    case 'mmio':
      return `MMIO ${hex32(address)}`;
    case 'dma':
      return `${by === 'write' ? 'write' : 'DMA'} ${hex32(address)}`;
    case 'console':
      return `console ${port} ${direction}`;
    case 'net':
      return port === 0 ? `net ${direction}` : `net ${port} ${direction}`;
  }
}

/** One match as `--json` has it; bytes are hexadecimal. */
export function matchToJson(match: TimedMatch): object {
  const { source, address, first, last, firstTime, lastTime, encoding, bytes, before, after } = match;
  const { kind, port, direction, by } = source;
  return {
    name: channelName(match),
    channel: kind,
    ...(port !== undefined && { port }),
    ...(by !== undefined && { by }),
    direction,
    ...(address !== undefined && { address }),
    first: { ...first, time: new Date(firstTime).toISOString() },
    last: { ...last, time: new Date(lastTime).toISOString() },
    ...(encoding !== undefined && { encoding }),
    text: plain(match),
    bytes: toHex(bytes),
    before: toHex(before),
    after: toHex(after),
  };
}

const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/**
 * A line, and below it one with what stood around the match, if anything did:
 * `        485,516  2026-11-25T01:14:01.603Z  port 0x2f8      "honey"  to 486,120; events 3,120-3,158`
 */
export function formatMatch(match: TimedMatch): string {
  const { first, last, firstTime, bytes, before, after } = match;
  const at = formatExact(first.instruction).padStart(INSTRUCTION_WIDTH);
  const name = style(process.stdout, 'cyan', channelName(match).padEnd(NAME_WIDTH));
  const text = `"${style(process.stdout, 'bold', shorter(plain(match)))}"`;
  const details: string[] = [];
  if (match.encoding === 'utf-16le') details.push('UTF-16');
  if (last.instruction !== first.instruction) details.push(`to ${formatExact(last.instruction)}`);
  const events = eventsOf(match);
  if (events !== undefined) details.push(events);
  const time = new Date(firstTime).toISOString();
  const line = `${at}  ${time}  ${name}  ${text}${details.length > 0 ? `  ${details.join('; ')}` : ''}\n`;
  if (before.length + after.length === 0) return line;
  const dim = (part: Uint8Array): string => style(process.stdout, 'dim', escaped(part));
  const middle = style(process.stdout, 'bold', shorter(escaped(bytes)));
  return `${line}${' '.repeat(INSTRUCTION_WIDTH + 2)}${dim(before)}[${middle}]${dim(after)}\n`;
}

function eventsOf({ first, last }: Match): string | undefined {
  if (first.sequence === undefined || last.sequence === undefined) return undefined;
  if (first.sequence === last.sequence) return `event ${formatExact(first.sequence)}`;
  return `events ${formatExact(first.sequence)}-${formatExact(last.sequence)}`;
}

const escaped = (bytes: Uint8Array): string => printable(decodeBytes(bytes));

const plain = ({ bytes, encoding }: Match): string =>
  encoding === 'utf-16le' ? printable(Buffer.from(bytes).toString('utf16le')) : escaped(bytes);

function shorter(text: string): string {
  if (text.length <= LONGEST_TEXT) return text;
  const half = LONGEST_TEXT / 2;
  return `${text.slice(0, half)}…${text.slice(-half)}`;
}
