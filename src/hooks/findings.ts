/**
 * Findings as JSON lines: the first line says of what they are, the last that they are complete. FINDINGS.md beside this file
 * has the meaning of the fields; the schema here is what is published and what readers check against.
 */
import { z } from 'zod';
import type { CallRecord } from './call-record.ts';
import type { HookProblem } from './problems.ts';
import { messageOf } from './problems.ts';
import type { RawFinding } from './session-host.ts';

const count = z.number().int().nonnegative();
const word = z.number().int().min(0).max(0xffffffff);
const outcome = z.enum(['returned', 'unwound', 'noreturn', 'killed', 'pending', 'open']);

const header = z.strictObject({
  kind: z.literal('header'),
  format: z.literal(1),
  rebek: z.string(),
  trace: z.strictObject({
    name: z.string(),
    /** The same for every copy of a recording. */
    recording: z.string(),
    started: z.string(),
    machine: z.string(),
  }),
  hooks: z.array(z.string()),
  matcher: z.string(),
});

const system = z.strictObject({
  kind: z.literal('system'),
  instruction: count,
  family: z.enum(['nt', 'linux']),
  version: z.string(),
});

const finding = z.strictObject({
  kind: z.literal('finding'),
  hook: z.string(),
  type: z.string(),
  instruction: count,
  time: z.string(),
  process: z
    .strictObject({ key: count, pid: count, ppid: count.optional(), name: z.string(), uid: count.optional() })
    .nullable(),
  thread: z.strictObject({ key: count, tid: count }).nullable(),
  call: z
    .strictObject({
      number: count,
      name: z.string(),
      module: z.string(),
      entered: count,
      outcome,
      result: word.optional(),
      parent: count.optional(),
      restartOf: count.optional(),
      again: z.literal(true).optional(),
      /** The thread that made the call, if it is another than the one it came back in. */
      caller: z.strictObject({ key: count, tid: count }).optional(),
    })
    .optional(),
  data: z.record(z.string(), z.unknown()),
});

const problem = z.strictObject({
  kind: z.literal('problem'),
  hook: z.string(),
  instruction: count,
  call: z.string().optional(),
  message: z.string(),
});

const end = z.strictObject({
  kind: z.literal('end'),
  /** The trace was replayed to its end, and is whole. */
  complete: z.boolean(),
  instructions: count,
  findings: count,
  /** Calls of hooked functions that have ended, `open` ones included. */
  calls: count,
  problems: count,
  /** Names that were hooked and never found. */
  missing: z.array(z.string()),
  /** What is not known of the guest's system, for people. */
  notes: z.array(z.string()),
});

export const findingLine = z.discriminatedUnion('kind', [header, system, finding, problem, end]);
export type FindingLine = z.infer<typeof findingLine>;
export type Finding = z.infer<typeof finding>;
export type FindingsHeader = z.infer<typeof header>;
export type FindingsEnd = z.infer<typeof end>;

/** The JSON Schema of a line. */
export function findingsSchema(): Record<string, unknown> {
  const title = 'A line of a findings file of Rebek, format 1';
  return { title, ...z.toJSONSchema(findingLine, { unrepresentable: 'throw' }) };
}

const iso = (ms: number): string => new Date(ms).toISOString();

function callFields(call: CallRecord): NonNullable<Finding['call']> {
  const { number, name, module, entered, outcome, result, parent, restartOf, again, caller, thread } = call;
  return {
    number,
    name,
    module,
    entered,
    outcome,
    ...(result !== undefined && { result }),
    ...(parent !== undefined && { parent: parent.number }),
    ...(restartOf !== undefined && { restartOf: restartOf.number }),
    ...(again && { again: true as const }),
    ...(caller !== undefined && caller !== thread && { caller: { key: caller.key, tid: caller.tid } }),
  };
}

/**
 * A finding as a line has it. What `data` holds is made JSON by {@link plain}.
 * @throws TypeError as `plain` does, and for data that is no object
 */
export function toFinding(raw: RawFinding): Finding {
  const { hook, type, instruction, time, process, thread, call } = raw;
  const data = plain(raw.data);
  if (typeof data !== 'object' || data === null || Array.isArray(data)) {
    throw new TypeError('the data of a finding must be an object');
  }
  return {
    kind: 'finding',
    hook,
    type,
    instruction,
    time: iso(time),
    process: process === undefined ? null : (process.toJSON() as Finding['process']),
    thread: thread === undefined ? null : { key: thread.key, tid: thread.tid },
    ...(call !== undefined && { call: callFields(call) }),
    data: data as Record<string, unknown>,
  };
}

export function toProblem({ hook, instruction, call, error }: HookProblem): FindingLine {
  return {
    kind: 'problem',
    hook,
    instruction,
    ...(call !== undefined && { call }),
    message: messageOf(error),
  };
}

/** Levels of nesting that are followed. */
const DEPTH = 32;
/** Most that one finding may hold: values in it, and bytes of typed arrays. */
const MOST_VALUES = 1_000_000;
const MOST_BYTES = 16 << 20;

/**
 * Makes JSON of what a hook has put into its data: bytes become base64, bigints decimal texts, maps and sets arrays.
 * @throws TypeError for functions, symbols, what contains itself, and more than a finding may hold
 */
export function plain(value: unknown): unknown {
  return new Maker().make(value);
}

class Maker {
  private readonly around: object[] = [];
  private values = 0;
  private bytes = 0;

  make(value: unknown): unknown {
    if (++this.values > MOST_VALUES) throw new TypeError('the data of a finding holds too many values');
    if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
    if (typeof value === 'number') return Number.isFinite(value) ? value : String(value);
    if (typeof value === 'bigint') return value.toString();
    if (typeof value === 'function' || typeof value === 'symbol') {
      throw new TypeError(`the data of a finding cannot hold a ${typeof value}`);
    }
    if (typeof value !== 'object') return undefined;
    const { around } = this;
    if (around.includes(value)) throw new TypeError('the data of a finding contains itself');
    if (around.length > DEPTH) throw new TypeError('the data of a finding is nested too deeply');
    around.push(value);
    const made = this.object(value);
    around.pop();
    return made;
  }

  private object(value: object): unknown {
    if (value instanceof ArrayBuffer) return this.base64(new Uint8Array(value));
    if (ArrayBuffer.isView(value)) return this.base64(value);
    if (Array.isArray(value) || value instanceof Map || value instanceof Set) {
      return [...value].map((one) => this.make(one) ?? null);
    }
    if (value instanceof Date) return value.toISOString();
    const { toJSON } = value as { toJSON?: () => unknown };
    if (typeof toJSON === 'function') return this.make(toJSON.call(value));
    const entries = Object.entries(value).map(([key, one]) => [key, this.make(one)] as const);
    return Object.fromEntries(entries.filter(([, one]) => one !== undefined));
  }

  private base64({ buffer, byteOffset, byteLength }: ArrayBufferView): string {
    this.bytes += byteLength;
    if (this.bytes > MOST_BYTES) throw new TypeError('the data of a finding holds more than 16 MiB');
    return Buffer.from(buffer, byteOffset, byteLength).toString('base64');
  }
}
