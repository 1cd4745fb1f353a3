/**
 * A finding's line made a row. Lines as Rebek writes them, nearly all there are, are taken apart by one expression; any other
 * is parsed and checked against the schema, and gives the same row.
 */
import { type Finding, type FindingLine, findingLine } from '../../hooks/findings.ts';
import { NONE, OUTCOMES, pairOf, type Row, type SharedNames } from './columns.ts';
import { DataHash } from './data-hash.ts';

const TEXT = String.raw`"(?:[^"\\\x00-\x1f]|\\.)*"`;
/** Up to 15 digits: always a safe integer. */
const COUNT = String.raw`(?:0|[1-9]\d{0,14})`;
const OBJECT = String.raw`\{(?:[^"{}]|${TEXT})*\}`;
const CALL = [
  String.raw`\{"number":(${COUNT}),"name":(${TEXT}),"module":(${TEXT}),"entered":(${COUNT})`,
  `,"outcome":"(${OUTCOMES.join('|')})"(?:,"result":(${COUNT}))?(?:,"parent":(${COUNT}))?`,
  String.raw`(?:,"restartOf":(${COUNT}))?(,"again":true)?(?:,"caller":(${OBJECT}))?\}`,
].join('');
/** All but the data, which comes last. */
const HEAD = new RegExp(
  String.raw`^\{"kind":"finding","hook":(${TEXT}),"type":(${TEXT}),"instruction":(${COUNT}),"time":"[^"\\\x00-\x1f]*"` +
    `,"process":(null|${OBJECT}),"thread":(null|${OBJECT})(?:,"call":${CALL})?,"data":$`,
);
const DATA = Buffer.from(',"data":{');
/** The head of a line is shorter, unless names are absurd: those lines go the long way. */
const LONGEST_HEAD = 4096;
/** Data whose JSON was found good: by hash. Beyond that, each is parsed. */
const MOST_KNOWN = 3_000_000;

/** A line that is not what it should be. */
export class LineFault extends Error {}

export class FindingLines {
  private readonly names: SharedNames;
  private readonly hash = new DataHash();
  /** What the other side has is mostly the same, and need not be parsed again. */
  private readonly known: Set<number>;
  private readonly kinds = new Map<string, number>();
  private readonly functions = new Map<string, number>();
  private readonly threads = new Map<string, number>();
  private readonly processes = new Map<string, number>();
  readonly row: Row = {
    kind: 0,
    instruction: 0,
    thread: NONE,
    process: NONE,
    fn: NONE,
    entered: NONE,
    number: NONE,
    outcome: NONE,
    result: NONE,
    parent: NONE,
    restartOf: NONE,
    again: false,
    caller: NONE,
    dataLow: 0,
    dataHigh: 0,
    offset: 0,
    length: 0,
    line: 0,
  };

  constructor(names: SharedNames, known: Set<number>) {
    this.names = names;
    this.known = known;
  }

  /**
   * Fills {@link row}, all but where the line is.
   * @returns the line, parsed, if it is another kind than a finding
   * @throws LineFault
   */
  parse(buffer: Buffer, from: number, to: number): Exclude<FindingLine, Finding> | undefined {
    const data = buffer.subarray(from, Math.min(to, from + LONGEST_HEAD)).indexOf(DATA);
    if (data >= 0) {
      const start = from + data + DATA.length - 1;
      const match = HEAD.exec(buffer.toString('utf8', from, start));
      if (match !== null && this.quick(match) && buffer[to - 1] === 0x7d) {
        this.data(buffer, start, to - 1);
        return undefined;
      }
    }
    return this.slow(buffer.toString('utf8', from, to));
  }

  /** @returns whether all the parts are as the schema has them */
  private quick(match: RegExpExecArray): boolean {
    const [, hook, type, instruction, process, thread, number, name, module] = match;
    const [entered, outcome, result, parent, restartOf, again, caller] = match.slice(9);
    const { row } = this;
    const kind = numberOf(this.kinds, `${hook}${type}`, () =>
      this.names.kinds.number(pairOf(JSON.parse(hook!), JSON.parse(type!))),
    );
    const runs = this.thread(thread!);
    const owner = this.process(process!);
    if (kind === undefined || runs === undefined || owner === undefined) return false;
    row.kind = kind;
    row.thread = runs;
    row.process = owner;
    row.instruction = Number(instruction);
    if (number === undefined) {
      this.noCall();
      return true;
    }
    const fn = numberOf(this.functions, `${module}${name}`, () =>
      this.names.functions.number(pairOf(JSON.parse(module!), JSON.parse(name!))),
    );
    const maker = caller === undefined ? runs : this.thread(caller);
    if (fn === undefined || maker === undefined) return false;
    row.fn = fn;
    row.caller = maker;
    row.number = Number(number);
    row.entered = Number(entered);
    row.outcome = OUTCOMES.indexOf(outcome as (typeof OUTCOMES)[number]);
    row.result = optional(result);
    row.parent = optional(parent);
    row.restartOf = optional(restartOf);
    row.again = again !== undefined;
    return row.result <= 0xffffffff;
  }

  private noCall(): void {
    const { row } = this;
    row.fn = row.entered = row.number = row.outcome = row.result = row.parent = row.restartOf = NONE;
    row.caller = row.thread;
    row.again = false;
  }

  private data(buffer: Buffer, from: number, to: number): void {
    const { hash, known, row } = this;
    hash.update(buffer, from, to);
    if (!known.has(hash.number)) {
      parsed(buffer.toString('utf8', from, to));
      if (known.size < MOST_KNOWN) known.add(hash.number);
    }
    row.dataLow = hash.low;
    row.dataHigh = hash.high;
  }

  private slow(text: string): Exclude<FindingLine, Finding> | undefined {
    const line = checked(parsed(text));
    if (line.kind !== 'finding') return line;
    const { row, names } = this;
    const { hook, type, instruction, thread, process, call, data } = line;
    row.kind = names.kinds.number(pairOf(hook, type));
    row.instruction = instruction;
    row.thread = thread === null ? NONE : names.threads.number(threadText(thread));
    row.process = process === null ? NONE : names.processes.number(processText(process));
    this.noCall();
    if (call !== undefined) {
      row.fn = names.functions.number(pairOf(call.module, call.name));
      row.number = call.number;
      row.entered = call.entered;
      row.outcome = OUTCOMES.indexOf(call.outcome);
      row.result = call.result ?? NONE;
      row.parent = call.parent ?? NONE;
      row.restartOf = call.restartOf ?? NONE;
      row.again = call.again ?? false;
      if (call.caller !== undefined) row.caller = names.threads.number(threadText(call.caller));
    }
    const bytes = Buffer.from(JSON.stringify(data));
    this.hash.update(bytes, 0, bytes.length);
    row.dataLow = this.hash.low;
    row.dataHigh = this.hash.high;
    return undefined;
  }

  private thread(text: string): number | undefined {
    if (text === 'null') return NONE;
    return numberOf(this.threads, text, () => {
      const { success, data } = threadSchema.safeParse(JSON.parse(text));
      return success && data !== null ? this.names.threads.number(threadText(data)) : undefined;
    });
  }

  private process(text: string): number | undefined {
    if (text === 'null') return NONE;
    return numberOf(this.processes, text, () => {
      const { success, data } = processSchema.safeParse(JSON.parse(text));
      return success && data !== null ? this.names.processes.number(processText(data)) : undefined;
    });
  }
}

const finding = findingLine.options[2];
const threadSchema = finding.shape.thread;
const processSchema = finding.shape.process;
const optional = (text: string | undefined): number => (text === undefined ? NONE : Number(text));

type Thread = NonNullable<Finding['thread']>;
type Process = NonNullable<Finding['process']>;
const threadText = ({ key, tid }: Thread): string => JSON.stringify({ key, tid });
const processText = ({ key, pid, ppid, name, uid }: Process): string =>
  JSON.stringify({ key, pid, ppid, name, uid });

/** The number of a text that may have been seen before; undefined, and never kept, if it is not good. */
function numberOf(
  map: Map<string, number>,
  text: string,
  make: () => number | undefined,
): number | undefined {
  const known = map.get(text);
  if (known !== undefined) return known;
  let made: number | undefined;
  try {
    made = make();
  } catch {
    // A text with an escape that JSON has not: the long way says so.
    return undefined;
  }
  if (made !== undefined) map.set(text, made);
  return made;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new LineFault(`expected a JSON object, found what is none: ${(error as Error).message}`);
  }
}

const KINDS: readonly string[] = ['header', 'system', 'finding', 'problem', 'end'];

function checked(value: unknown): FindingLine {
  const shown = (what: unknown): string => {
    const text = what === undefined ? 'nothing' : JSON.stringify(what);
    return text.length > 60 ? `${text.slice(0, 60)}…` : text;
  };
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new LineFault(`expected a JSON object, found ${shown(value)}`);
  const { kind, format } = value as { kind?: unknown; format?: unknown };
  if (typeof kind !== 'string' || !KINDS.includes(kind))
    throw new LineFault(`kind: expected ${KINDS.join(', ')}, found ${shown(kind)}`);
  if (kind === 'header' && format !== 1) throw new FormatFault(`expected format 1, found ${shown(format)}`);
  const { success, data, error } = findingLine.safeParse(value);
  if (success) return data;
  const issue = error.issues[0]!;
  let at: unknown = value;
  for (const step of issue.path) at = (at as Record<PropertyKey, unknown> | undefined)?.[step];
  const where = issue.path.length === 0 ? kind : issue.path.join('.');
  const what = issue.code === 'unrecognized_keys' ? '' : `, found ${shown(at)}`;
  throw new LineFault(`${where}: ${issue.message.replace(/^Invalid input: |, received .*$/g, '')}${what}`);
}

/** A header of a version that is not known. */
export class FormatFault extends LineFault {}
