/** Events of a trace as lines of text. What the guest printed is escaped: it could otherwise command the terminal. */
import { hex32 } from '../base/hex.ts';
import { decodeBytes, visible } from '../record/script-text.ts';
import type { DumpedEvent, InputEvent, SideStream, StreamEvent } from '../trace/dump.ts';
import { formatExact } from './format.ts';
import { describeFrame } from './frame.ts';

/** Console bytes further apart than this belong to different lines. */
const GAP_INSTRUCTIONS = 5_000_000;
const LONGEST_LINE = 200;
/** Of a DMA transfer's bytes, as hexadecimal digits. */
const LONGEST_DATA = 64;
const INSTRUCTION_WIDTH = 15;
/** Two addresses, and spaces. */
const PLACE_WIDTH = 23;

export function toJson(event: DumpedEvent): object {
  if (!('bytes' in event)) return event;
  const { bytes, ...rest } = event;
  return { ...rest, bytes: Buffer.from(bytes).toString('hex') };
}

/**
 * `      1,234,567        52  0xc0101234 0x00415000  io_port_read8(0x3f8) = 0x41`: with `places`, EIP and CR3.
 */
export function formatInput(event: InputEvent, places: boolean): string {
  const args = event.args === undefined ? '' : `(${event.args.map(number).join(', ')})`;
  const result = event.result === undefined ? '' : ` = ${number(event.result)}`;
  const data =
    event.data === undefined
      ? ''
      : ` ${event.data.length > LONGEST_DATA ? `${event.data.slice(0, LONGEST_DATA)}…` : event.data}`;
  const quiet = event.quiet === 0 ? '' : `   (after ${event.quiet} output${event.quiet === 1 ? '' : 's'})`;
  const indent = '  '.repeat(event.depth);
  const place =
    event.eip === undefined ? ''.padEnd(PLACE_WIDTH) : `${hex32(event.eip)} ${hex32(event.asid ?? 0)}  `;
  return `${at(event.instruction)}  ${String(event.sequence).padStart(9)}  ${places ? place : ''}${indent}${event.op}${args}${result}${data}${quiet}`;
}

/** `      1,234,567  0 <  "root\n"`: `<` into the guest, `>` out of it. */
export function formatRecord(record: StreamEvent, kind: SideStream): string {
  const arrow = record.direction === 'in' ? '<' : '>';
  const what = kind === 'net' ? describeFrame(record.bytes) : visible(decodeBytes(record.bytes));
  const port = kind === 'debug' ? '0xe9' : record.port;
  return `${at(record.instruction)}  ${port} ${arrow}  ${what}`;
}

interface Line {
  readonly record: StreamEvent;
  readonly bytes: number[];
  /** Instruction count of the last byte. */
  last: number;
}

/**
 * Bytes of a text stream that belong together, as one record: up to the end of a line, or a pause. Numbers among the events
 * are passed on.
 */
export function* joinText(events: Iterable<DumpedEvent | number>): Generator<StreamEvent | number> {
  let open: Line | undefined;
  for (const event of events) {
    if (typeof event === 'number') yield event;
    if (typeof event === 'number' || !('bytes' in event)) continue;
    for (const byte of event.bytes) {
      if (open !== undefined && !belongs(event, open)) {
        yield close(open);
        open = undefined;
      }
      open ??= { record: event, bytes: [], last: event.instruction };
      open.bytes.push(byte);
      open.last = event.instruction;
    }
  }
  if (open !== undefined) yield close(open);
}

const close = ({ record, bytes }: Line): StreamEvent => ({ ...record, bytes: Uint8Array.from(bytes) });

function belongs(event: StreamEvent, open: Line): boolean {
  const { port, direction } = open.record;
  return (
    event.port === port &&
    event.direction === direction &&
    open.bytes.at(-1) !== 0x0a &&
    open.bytes.length < LONGEST_LINE &&
    event.instruction - open.last <= GAP_INSTRUCTIONS
  );
}

const at = (instruction: number): string => formatExact(instruction).padStart(INSTRUCTION_WIDTH);

/** Small numbers and times as they are, others in hexadecimal. */
const number = (value: number): string =>
  Number.isInteger(value) && value > 9 && value <= 0xffffffff ? `0x${value.toString(16)}` : String(value);
