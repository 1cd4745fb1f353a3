/** LARGE_INTEGER: times in 100 ns since 1601, intervals, sizes and places in files. */
import { decimal, hex, named, plain, type Shown } from './decode-shown.ts';

const PER_MS = 10_000n;
/** 1970-01-01 in 100 ns since 1601-01-01. */
const UNIX_EPOCH = 116_444_736_000_000_000n;
/** What a Date can say. */
const LAST_MS = 8_640_000_000_000_000n;
const FOREVER = -(2n ** 63n);

const milliseconds = (units: bigint): number => Number(units) / Number(PER_MS);

/** A moment, such as the time of a file: 0 is none. */
export function moment(time: bigint): Shown {
  const ms = (time - UNIX_EPOCH) / PER_MS;
  if (time <= 0n || ms > LAST_MS || time > 2n ** 63n - 1n)
    return { text: time.toString(), value: plain(time) };
  return named(new Date(Number(ms)).toISOString());
}

/** How long to wait, or until when: negative times are relative (KeDelayExecutionThread in Microsoft's documentation). */
export function timeout(time: bigint): Shown {
  if (time === FOREVER) return { text: 'infinite', value: 'infinite' };
  if (time <= 0n) {
    const ms = milliseconds(-time);
    return { text: `relative ${ms} ms`, value: { relativeMs: ms } };
  }
  const absolute = moment(time);
  return { text: `absolute ${absolute.text}`, value: { absolute: absolute.value } };
}

/** How long something has taken. */
export function duration(time: bigint): Shown {
  const ms = milliseconds(time);
  return { text: `${ms} ms`, value: ms };
}

export const size = (value: bigint): Shown => decimal(value);

/** A place in a file; some negative ones stand for places that the file knows (ntifs.h). */
export function fileOffset(offset: bigint): Shown {
  // HighPart -1; XP looks at nothing but the low part then.
  if (offset === -1n || offset === 0xffff_ffffn - 2n ** 32n) return named('FILE_WRITE_TO_END_OF_FILE');
  if (offset === -2n) return named('FILE_USE_FILE_POINTER_POSITION');
  return { text: offset < 0n ? offset.toString() : hex(offset), value: plain(offset) };
}
