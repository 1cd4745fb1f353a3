/**
 * What a service of NT was asked and what it answered, in words: inputs at the entry, outputs at the end, when it has
 * filled them in. Texts are `Name=value`. In a value, `@0x12ff70` is the address of what has not been read.
 *
 * An input that was not in memory at the entry is read at the end, when the kernel has needed it and has brought it in.
 */
import type { VirtualMemory } from '../memory.ts';
import type { Parameter } from '../os.ts';
import { Call, type ObjectOf } from './decode-call.ts';
import { ruleOf } from './decode-rules.ts';
import { hex, type Shown, unread } from './decode-shown.ts';
import { isErrorStatus, statusText } from './status.ts';

/** A call that has begun: plain data, to be kept until it ends. */
export interface NtEntry {
  readonly name: string;
  readonly parameters: readonly Parameter[];
  readonly words: readonly number[];
  /** In the order of the parameters; null for what is read only at the end, and for words that could not be read. */
  readonly inputs: readonly (Shown | null)[];
}

export interface NtArgument {
  readonly name: string;
  readonly type: string;
  /** A number, a name, or what a structure or buffer holds; of what goes in and comes out, `{ in, out }`. */
  readonly value: unknown;
  /** `FileHandle=0x8 \Device\Console0` */
  readonly text: string;
}

export interface NtCall {
  readonly arguments: readonly NtArgument[];
  /** `STATUS_SUCCESS`; `?` if it did not return. */
  readonly resultText: string;
}

/** No service has more parameters than 17; more than so many words are none. */
const MOST_WORDS = 32;

/** Parameters, and one for each word beyond those known. */
function allParameters(parameters: readonly Parameter[], words: readonly number[]): readonly Parameter[] {
  const rest = words.slice(parameters.length, MOST_WORDS);
  return [
    ...parameters.slice(0, MOST_WORDS),
    ...rest.map((_, i) => ({ name: `arg${parameters.length + i}`, type: 'ULONG' })),
  ];
}

/**
 * A call at its entry.
 * @param words of its arguments; those that could not be read are left out at the end
 * @param memory the caller's
 * @param object what is behind a handle of the caller, now
 */
export function beginNtCall(
  name: string,
  parameters: readonly Parameter[],
  words: readonly number[],
  memory: VirtualMemory,
  object: ObjectOf,
): NtEntry {
  const all = allParameters(parameters, words);
  const call = new Call(name, all, words, memory, object);
  const inputs = all.map((parameter, i) => {
    const { when, show } = ruleOf(name, parameter);
    const word = words[i];
    return word === undefined || when === 'out' ? null : show(call, word >>> 0);
  });
  return { name, parameters: all, words: [...words], inputs };
}

/** STATUS_USER_APC to STATUS_PENDING: a wait that has ended without what was waited for, or work that goes on. */
const UNFINISHED: ReadonlySet<number> = new Set([0xc0, 0x100, 0x101, 0x102, 0x103]);

/** Whether a service with this result has filled in its outputs. */
function hasOutputs(result: number | undefined): boolean {
  return result !== undefined && !isErrorStatus(result) && !UNFINISHED.has(result >>> 0);
}

/**
 * The call at its end.
 * @param result EAX; undefined if it has not returned: only what went in is shown then
 */
export function finishNtCall(
  entry: NtEntry,
  result: number | undefined,
  memory: VirtualMemory,
  object: ObjectOf,
): NtCall {
  const { name, parameters, words, inputs } = entry;
  const call = new Call(name, parameters, words, memory, object);
  const filled = hasOutputs(result);
  const shown = parameters.map((parameter, i): NtArgument => {
    const { text, value } = argument(
      call,
      parameter,
      words[i],
      inputs[i] ?? null,
      filled,
      result !== undefined,
    );
    return { name: parameter.name, type: parameter.type, value, text: `${parameter.name}=${text}` };
  });
  return { arguments: shown, resultText: resultText(name, result) };
}

const MISSING: Shown = { text: '?', value: null };

function argument(
  call: Call,
  parameter: Parameter,
  word: number | undefined,
  before: Shown | null,
  filled: boolean,
  returned: boolean,
): Shown {
  if (word === undefined) return MISSING;
  const { when, show } = ruleOf(call.name, parameter);
  const at = word >>> 0;
  if (when === 'in') return before?.absent && returned ? show(call, at) : (before ?? MISSING);
  const after = filled ? show(call, at) : undefined;
  if (when === 'out' || before === null) return after ?? unread(at);
  if (after === undefined || at === 0)
    return { text: before.text, value: at === 0 ? null : { in: before.value } };
  // What it was is gone by now, if it was not to be read then.
  const text = after.text === before.text ? before.text : `${before.text} → ${after.text}`;
  return { text, value: { in: before.value, out: after.value } };
}

/** Services whose result is a number of the object that a wait has ended for. */
const WAITS: ReadonlySet<string> = new Set([
  'NtSignalAndWaitForSingleObject',
  'NtWaitForMultipleObjects',
  'NtWaitForSingleObject',
]);
/** What the windowing system's services give is no status; nor is what these do. */
const NO_STATUS = /^Nt(?:User|Gdi)|^NtIsSystemResumeAutomatic$|^NtGetTickCount$/;

function resultText(name: string, result: number | undefined): string {
  if (result === undefined) return '?';
  if (NO_STATUS.test(name)) return hex(result >>> 0);
  return result === 0 && WAITS.has(name) ? 'STATUS_WAIT_0' : statusText(result);
}
