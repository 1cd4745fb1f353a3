/** `--from` and `--to`: a part of a recording, by instruction count, share, wall clock, or time since its start. */
import { TraceFile } from '../trace/trace-file.ts';
import { instructionsAt, recordedTime } from '../trace/wall-clock.ts';
import { valueOption } from './arguments.ts';
import { usageError } from './errors.ts';
import { formatDuration, formatExact } from './format.ts';

/** Where a span begins or ends, as it was typed. */
export type Bound = { readonly text: string } & (
  | { readonly kind: 'count'; readonly count: number }
  /** Of the trace's instructions, 0 to 1. */
  | { readonly kind: 'share'; readonly share: number }
  /** Milliseconds since the recording began. */
  | { readonly kind: 'elapsed'; readonly ms: number }
  /**
   * Milliseconds since 1970 or since midnight, UTC, and those that the last digit stands for: `01:14` is all of that minute,
   * so that a time that was printed, and so cut off, can be given again.
   */
  | { readonly kind: 'date' | 'time'; readonly ms: number; readonly unit: number }
);

/** What yargs makes of {@link spanOptions}. */
export interface SpanArguments {
  from: Bound | undefined;
  to: Bound | undefined;
}

/** Guest instruction counts, both inclusive; left out: from the first, to the last. */
export interface Span {
  readonly from?: number;
  readonly to?: number;
}

/** For `.options()` of every command that looks at a part of a trace. */
export const spanOptions = {
  from: valueOption(
    'only from here on: an instruction count (1.5G), a share of all instructions (25%), when it was (01:14:02 or ' +
      '2026-11-25T01:14:02Z, UTC), or since the recording began (+12.5s)',
    bound('from'),
  ),
  to: valueOption('only up to here, inclusive; like --from', bound('to')),
};

const EXPECTED =
  'an instruction count (1500000, 1.5M), a percentage (0% to 100%), a time (01:14:02, 2026-11-25T01:14:02Z) or seconds since the ' +
  'recording began (+12.5s)';

const DAY = 86_400_000;

/** @throws RebekError ERR_USAGE */
export function bound(option: 'from' | 'to'): (text: string) => Bound {
  return (text) => {
    const typed = text.trim();
    const found = share(typed) ?? elapsed(typed) ?? date(typed) ?? time(typed) ?? count(typed);
    if (found !== undefined) return found;
    throw usageError(`--${option}: expected ${EXPECTED}, found '${text}'`);
  };
}

function share(text: string): Bound | undefined {
  const [, digits] = /^(\d+(?:\.\d+)?) ?%$/.exec(text) ?? [];
  const percent = Number(digits);
  return digits !== undefined && percent <= 100 ? { kind: 'share', text, share: percent / 100 } : undefined;
}

/** `+90s`, `+1h2m3.5s`, `+250ms`. */
function elapsed(text: string): Bound | undefined {
  const number = String.raw`(\d+(?:\.\d+)?)`;
  const parts = new RegExp(`^\\+(?:${number}h)?(?:${number}m)?(?:${number}s)?(?:${number}ms)?$`).exec(text);
  if (parts === null || text === '+') return undefined;
  const [h, m, s, ms] = parts.slice(1).map((part = '0') => Number(part)) as [number, number, number, number];
  return { kind: 'elapsed', text, ms: h * 3_600_000 + m * 60_000 + s * 1000 + ms };
}

const CLOCK = String.raw`([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d)(?:[.,](\d{1,9}))?)?`;

function time(text: string): Bound | undefined {
  const parts = new RegExp(`^${CLOCK}Z?$`).exec(text);
  return parts === null ? undefined : { kind: 'time', text, ...clock(parts.slice(1)) };
}

/** ISO 8601; without an offset, UTC. */
function date(text: string): Bound | undefined {
  const day = String.raw`(\d{4})-(\d\d)-(\d\d)`;
  const parts = new RegExp(`^${day}(?:[T ]${CLOCK}(?:Z|([+-])(\\d\\d):?(\\d\\d))?)?$`, 'i').exec(text);
  if (parts === null) return undefined;
  const [year, month, date] = parts.slice(1, 4).map(Number) as [number, number, number];
  const midnight = Date.UTC(year, month - 1, date);
  // 30 February would be 2 March.
  if (!new Date(midnight).toISOString().startsWith(parts[0].slice(0, 10))) return undefined;
  if (parts[4] === undefined) return { kind: 'date', text, ms: midnight, unit: DAY };
  const { ms, unit } = clock(parts.slice(4, 8));
  const [sign, hours = '0', minutes = '0'] = parts.slice(8);
  const offset = (Number(hours) * 60 + Number(minutes)) * 60_000 * (sign === '-' ? -1 : 1);
  return { kind: 'date', text, ms: midnight + ms - offset, unit };
}

function clock([h, m, s, fraction = '']: (string | undefined)[]): { ms: number; unit: number } {
  const minutes = (Number(h) * 60 + Number(m)) * 60_000;
  if (s === undefined) return { ms: minutes, unit: 60_000 };
  return { ms: minutes + Number(`${s}.${fraction}`) * 1000, unit: 1000 / 10 ** fraction.length };
}

const powers: Readonly<Record<string, number>> = { k: 3, K: 3, M: 6, G: 9, T: 12 };

/** `1234567`, `1_234_567`, `1,234,567`, `1.5G`, `2e9`, `0x100`. */
function count(text: string): Bound | undefined {
  const grouped = /^\d{1,3}(?:,\d{3})+(?![\d,])/.test(text) ? text.replaceAll(',', '') : text;
  const plain = grouped.replace(/(?<=\d)_(?=\d)/g, '');
  const [, whole, fraction = '', prefix] = /^(\d+)(?:\.(\d+))? ?([kKMGT])$/.exec(plain) ?? [];
  let value = Number.NaN;
  if (prefix === undefined) {
    if (/^(\d+|\d+(\.\d+)?e\+?\d+|0x[\da-f]+)$/i.test(plain)) value = Number(plain);
  } else {
    // By its digits: 1.1 * 1e9 is no whole number.
    const zeros = powers[prefix]! - fraction.length;
    if (zeros >= 0) value = Number(`${whole}${fraction}${'0'.repeat(zeros)}`);
  }
  return Number.isSafeInteger(value) ? { kind: 'count', text, count: value } : undefined;
}

/**
 * What needs no trace to be seen as wrong; {@link resolveSpan} asks that as well.
 * @throws RebekError ERR_USAGE
 */
export function checkSpan({ from, to }: SpanArguments): void {
  if (from !== undefined && to !== undefined && size(from) > size(to) && from.kind === to.kind)
    throw usageError(`--from ${from.text} lies behind --to ${to.text}`);
}

function size(bound: Bound): number {
  switch (bound.kind) {
    case 'count':
      return bound.count;
    case 'share':
      return bound.share;
    case 'elapsed':
      return bound.ms;
    default:
      // A time of day may be that of the next day, and 01:14:02.5 lies in 01:14:02.
      return 0;
  }
}

/** A bound in a certain trace. */
interface Place {
  /** Undefined: no limit. */
  readonly instruction: number | undefined;
  /** Of a time: the first and the last millisecond since 1970 that it stands for. */
  readonly ms?: readonly [number, number];
  /** For people: as it was typed, and what that is here: a time, an instruction count. */
  readonly told: string;
  readonly when?: string;
}

/**
 * What `--from` and `--to` are in a trace. A time is known to within the flushes of the log (FORMAT.md: a second at most while
 * the guest runs): `from` is then the last count that is surely not later, `to` the first that is surely not earlier.
 * @param trace its file's name, if it is not open
 * @throws RebekError ERR_USAGE: a time outside of the recording, or `--from` behind `--to`; ERR_TRACE_… with exit code 4
 */
export function resolveSpan(trace: TraceFile | string, { from, to }: SpanArguments): Span {
  if (from === undefined && to === undefined) return {};
  checkSpan({ from, to });
  if (typeof trace === 'string') {
    const opened = TraceFile.open(trace);
    try {
      return resolveSpan(opened, { from, to });
    } finally {
      opened.close();
    }
  }
  const first = from && place(trace, from, 'from');
  const last = to && place(trace, to, 'to');
  if (first !== undefined && last !== undefined && isBehind(first, last)) {
    // Two times in one second may be the same instruction counts.
    const times = first.ms !== undefined && last.ms !== undefined;
    const [one, other] = times ? [first.when, last.when] : [first.told, last.told];
    throw usageError(`--from ${one} lies behind --to ${other}`);
  }
  return {
    ...(first?.instruction !== undefined && { from: first.instruction }),
    ...(last?.instruction !== undefined && { to: last.instruction }),
  };
}

function isBehind(first: Place, last: Place): boolean {
  if (first.ms !== undefined && last.ms !== undefined) {
    const [begins] = first.ms;
    const [from, to] = last.ms;
    return begins > from && begins >= to;
  }
  const { instruction = 0 } = first;
  return last.instruction !== undefined && instruction > last.instruction;
}

function place(trace: TraceFile, typed: Bound, option: 'from' | 'to'): Place {
  const { text } = typed;
  const told = (instruction: number): string => `${text} (instruction ${formatExact(instruction)})`;
  const { lastKnownInstruction: all, incomplete } = trace;
  switch (typed.kind) {
    case 'count': {
      const { count } = typed;
      if (option === 'from' && count > all && incomplete === undefined)
        throw usageError(
          `--from ${text} lies behind the end of the recording: it has ${formatExact(all)} instructions`,
        );
      return { instruction: count, told: text === String(count) ? text : told(count) };
    }
    case 'share': {
      const { share } = typed;
      const instruction = option === 'from' ? Math.floor(all * share) : Math.ceil(all * share);
      // An incomplete trace goes on a little behind the last count that is known.
      return {
        instruction: option === 'to' && share === 1 ? undefined : instruction,
        told: told(instruction),
      };
    }
    default: {
      const ms = times(trace, typed, option);
      const instruction =
        option === 'from' ? instructionsAt(trace, ms[0]).first : instructionsAt(trace, ms[1]).last;
      const when = `${text} (${iso(ms[0])})`;
      return { instruction, ms, when, told: instruction === undefined ? when : told(instruction) };
    }
  }
}

/** @throws RebekError ERR_USAGE: outside of the recording */
function times(
  trace: TraceFile,
  typed: Exclude<Bound, { kind: 'count' | 'share' }>,
  option: 'from' | 'to',
): [first: number, last: number] {
  const { began, ended } = recordedTime(trace);
  const { kind, ms, text } = typed;
  let first = kind === 'elapsed' ? began + ms : ms;
  const unit = kind === 'elapsed' ? 0 : typed.unit;
  if (kind === 'time') {
    first += Math.floor(began / DAY) * DAY;
    if (first + unit <= began) first += DAY;
  }
  // Rounding of what is since 1970.
  const slack = 0.001;
  if (first <= ended + slack && first + unit > began - slack) return [first, first + unit];
  const side = first > ended ? 'after the recording ended' : 'before the recording began';
  const known = trace.summary === undefined ? ', as far as it is there,' : '';
  throw usageError(
    `--${option} ${text} is ${side}: it goes${known} from ${iso(began)} to ${iso(ended)} (${formatDuration(ended - began)})`,
  );
}

/** A trace may say anything about its beginning. */
const iso = (ms: number): string => (Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : `${ms} ms`);
