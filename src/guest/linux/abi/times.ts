/** Times and clocks: `struct timespec` and its relatives with 32 and with 64 bits (include/uapi/linux/time_types.h). */
import type { Call, Decoder } from './call.ts';
import { named } from './constants.ts';
import type { Structure } from './reader.ts';
import { address, decimal, type Field, list, number, pointee, type Shown, structure } from './shown.ts';

/** USER_HZ of i386: the ticks per second in which programs are told of processor time. */
const USER_HZ = 100;

/** Two numbers: seconds signed, parts of one unsigned. */
type Pair = (s: Structure, at: number) => { seconds: number | bigint; part: number | bigint };

const pair32: Pair = (s, at) => ({ seconds: s.i32(at), part: s.u32(at + 4) });
const pair64: Pair = (s, at) => ({ seconds: s.i64(at), part: s.u64(at + 8) });

/** One kind of time: its size in memory and the name of its second field. */
interface Kind {
  readonly bytes: number;
  readonly pair: Pair;
  readonly part: string;
}

const timespec32: Kind = { bytes: 8, pair: pair32, part: 'tv_nsec' };
const timespec64: Kind = { bytes: 16, pair: pair64, part: 'tv_nsec' };
const timeval: Kind = { bytes: 8, pair: pair32, part: 'tv_usec' };

export const TIMES = { timespec32, timespec64, timeval } as const;

/** A time of that kind within a structure. */
export function time(s: Structure, at: number, kind: Kind): Shown {
  const { seconds, part } = kind.pair(s, at);
  return structure([
    ['tv_sec', number(seconds)],
    [kind.part, number(part)],
  ]);
}

/** `2024-05-01T10:00:00+0000`; undefined for what strace does not write so: the epoch itself, or no valid time. */
export function dateText(
  seconds: number | bigint,
  part: number | bigint,
  digits: 0 | 6 | 9,
): string | undefined {
  const whole = Number(seconds);
  const rest = Number(part);
  if ((whole === 0 && rest === 0) || rest >= 10 ** digits) return undefined;
  const date = new Date(whole * 1000);
  if (Number.isNaN(date.getTime()) || Math.abs(whole) > 2 ** 36) return undefined;
  const fraction = rest > 0 ? `.${String(rest).padStart(digits, '0')}` : '';
  return `${date.toISOString().slice(0, -5)}${fraction}+0000`;
}

function dated(shown: Shown, date: string | undefined): Shown {
  return date === undefined ? shown : { text: `${shown.text} /* ${date} */`, value: shown.value };
}

/** `12345 /* 123.45 s *​/`: processor time in ticks. */
export function clockTicks(ticks: number): Shown {
  if (ticks === 0) return number(0);
  return { text: `${ticks} /* ${(ticks / USER_HZ).toFixed(2)} s */`, value: ticks };
}

/** A time at a pointer. */
export function timeAt(call: Call, at: number, kind: Kind): Shown {
  return call.at(at, kind.bytes, (s) => time(s, 0, kind));
}

/** An interval and the time left. */
function timerAt(call: Call, at: number, kind: Kind): Shown {
  return call.at(at, 2 * kind.bytes, (s) =>
    structure([
      ['it_interval', time(s, 0, kind)],
      ['it_value', time(s, kind.bytes, kind)],
    ]),
  );
}

const UTIME_NOW = 0x3fffffff;
const UTIME_OMIT = 0x3ffffffe;

/** Times of access and of change, for utimensat and its relatives. */
function pairAt(call: Call, at: number, kind: Kind): Shown {
  return call.at(at, 2 * kind.bytes, (s) =>
    list(
      [0, kind.bytes].map((offset) => {
        const shown = time(s, offset, kind);
        const { seconds, part } = kind.pair(s, offset);
        if (kind !== timeval && Number(part) === UTIME_NOW) return { text: 'UTIME_NOW', value: shown.value };
        if (kind !== timeval && Number(part) === UTIME_OMIT)
          return { text: 'UTIME_OMIT', value: shown.value };
        return dated(shown, dateText(seconds, part, kind === timeval ? 6 : 9));
      }),
    ),
  );
}

/** What was left of a sleep: written only if a signal cut it short. */
function remaining(kind: Kind, flagsIndex?: number): Decoder {
  return (call, word) => {
    const absolute = flagsIndex !== undefined && call.word(flagsIndex) !== 0;
    if (!call.interruptedNow || absolute || word === 0) return address(word);
    const s = call.reader.structure(word, kind.bytes);
    return s === undefined ? address(word) : time(s, 0, kind);
  };
}

const clockNames = named('clocknames');

/** Clocks of processes, threads and descriptors have negative numbers (include/linux/posix-timers.h). */
function clock(word: number): Shown {
  const id = word | 0;
  if (id >= 0) return clockNames(id);
  const type = id & 7;
  const subject = ~(id >> 3);
  if (type === 3) return { text: `FD_TO_CLOCKID(${subject})`, value: id };
  const kind = id & 4 ? 'MAKE_THREAD_CPUCLOCK' : 'MAKE_PROCESS_CPUCLOCK';
  const names = ['CPUCLOCK_PROF', 'CPUCLOCK_VIRT', 'CPUCLOCK_SCHED'];
  return { text: `${kind}(${subject}, ${names[id & 3] ?? `${id & 7} /* CPUCLOCK_??? */`})`, value: id };
}

const rusageAt = (call: Call, at: number): Shown =>
  call.at(at, 72, (s) =>
    structure(
      [
        ['ru_utime', time(s, 0, timeval)],
        ['ru_stime', time(s, 8, timeval)],
      ],
      true,
    ),
  );

/** A decoder of a time at a pointer. */
function pointer(kind: Kind): Decoder {
  return (call, word) => timeAt(call, word, kind);
}

export const timeDecoders: Readonly<Record<string, Decoder>> = {
  timespec32: pointer(timespec32),
  timespec64: pointer(timespec64),
  timeval: pointer(timeval),
  itimerval: (call, word) => timerAt(call, word, timeval),
  itimerspec32: (call, word) => timerAt(call, word, timespec32),
  itimerspec64: (call, word) => timerAt(call, word, timespec64),
  timeval_pair: (call, word) => pairAt(call, word, timeval),
  utimes32: (call, word) => pairAt(call, word, timespec32),
  utimes64: (call, word) => pairAt(call, word, timespec64),
  utimbuf32: (call, word) =>
    call.at(word, 8, (s) =>
      structure(
        ['actime', 'modtime'].map((name, i): Field => {
          const seconds = s.i32(4 * i);
          return [name, dated(decimal(seconds), dateText(seconds, 0, 0))];
        }),
      ),
    ),
  time32: (call, word) =>
    call.at(word, 4, (s) => pointee(dated(decimal(s.u32(0)), dateText(s.i32(0), 0, 0)))),
  timezone: (call, word) =>
    call.at(word, 8, (s) =>
      structure([
        ['tz_minuteswest', decimal(s.u32(0))],
        ['tz_dsttime', decimal(s.u32(4))],
      ]),
    ),
  tms: (call, word) =>
    call.at(word, 16, (s) =>
      structure(
        ['tms_utime', 'tms_stime', 'tms_cutime', 'tms_cstime'].map(
          (name, i): Field => [name, clockTicks(s.u32(4 * i))],
        ),
      ),
    ),
  clockid: (_, word) => clock(word),
  rusage: rusageAt,
  /** wait4 fills it in only for a child that it has found. */
  wait_rusage: (call, word) => (call.result > 0 && !call.failed ? rusageAt(call, word) : address(word)),
};

/** What was left of a sleep; with the index of the flags, where those say that it was to be until a certain time. */
export function remainingTime(bits: 32 | 64, flagsIndex?: number): Decoder {
  return remaining(bits === 32 ? timespec32 : timespec64, flagsIndex);
}
