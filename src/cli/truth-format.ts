/** Records of ntlet's ground truth as lines of text. Its texts come from the guest: they are escaped. */
import { hex32 } from '../base/hex.ts';
import type { TruthNames } from '../guest/ntlet/truth-names.ts';
import type { TruthRecord, TruthRecordOf } from '../guest/ntlet/truth-record.ts';
import { visible } from '../record/script-text.ts';
import { formatExact, plural } from './format.ts';
import { style } from './style.ts';

const INSTRUCTION_WIDTH = 15;
const WHO_WIDTH = 26;

/** `     12,345,678  t7 pid 12 cmd.exe   NtReadFile(0x14, 0x0)   call 812, by sysenter` */
export function formatTruth(record: TruthRecord, names: TruthNames): string {
  const at = formatExact(record.instruction).padStart(INSTRUCTION_WIDTH);
  const indent = '  '.repeat(names.depth);
  return `${at}  ${who(record, names).padEnd(WHO_WIDTH)}  ${indent}${look(record, describe(record, names))}`;
}

/** Thread by its generation, process by its id. */
function who({ thread }: TruthRecord, { processId, processName }: TruthNames): string {
  if (thread === 0) return '-';
  if (processId === undefined) return `t${thread}`;
  return `t${thread} pid ${processId} ${visible(processName ?? '')}`.trimEnd();
}

function look(record: TruthRecord, text: string): string {
  const out = process.stdout;
  switch (record.kind) {
    case 'switch':
    case 'function':
      return style(out, 'dim', text);
    case 'mark':
      return style(out, 'bold', text);
    case 'assert':
    case 'halt':
      return style(out, 'red', text);
    case 'leave':
      if (record.outcome === 'pending') return style(out, 'cyan', text);
      return record.outcome === 'returned' ? text : style(out, 'yellow', text);
    default:
      return text;
  }
}

function describe(record: TruthRecord, names: TruthNames): string {
  switch (record.kind) {
    case 'boot':
      return `boot: kernel at ${hex32(record.base)}, ${plural(record.size, 'byte')}; truth version ${record.version}`;
    case 'function': {
      const { shape, function: number, name, address } = record;
      const takes = `${plural(shape.arguments, 'word')}, ${shape.convention}, ${shape.mode}`;
      return `function ${hex(number)} is ${visible(name)}, at ${hex32(address)} (${takes})`;
    }
    case 'process-start': {
      const { process, processId, name, cr3, parent, object } = record;
      const made = parent === 0 ? '' : `, made by process ${parent}`;
      return `process ${process} starts: pid ${processId}, ${visible(name)}, CR3 ${hex32(cr3)}, EPROCESS ${hex32(object)}${made}`;
    }
    case 'process-end':
      return `process ${record.process} ends: ${hex32(record.status)}`;
    case 'thread-start': {
      const { thread, threadId, process, object, stackTop, teb, start } = record;
      const places = `ETHREAD ${hex32(object)}, stack below ${hex32(stackTop)}, TEB ${hex32(teb)}, from ${hex32(start)}`;
      return `thread ${thread} starts: tid ${threadId} in process ${process}, ${places}`;
    }
    case 'thread-end':
      return `thread ${record.thread} ends: ${hex32(record.status)}`;
    case 'switch':
      return `switch from t${record.before}, CR3 ${hex32(record.cr3)}`;
    case 'enter':
      return describeEnter(record, names);
    case 'leave': {
      const { call, outcome, result } = record;
      const value = outcome === 'unwound' || outcome === 'noreturn' ? '' : ` = ${hex32(result)}`;
      return `… ${called(names)}${value} ${outcome}   call ${call}`;
    }
    case 'complete': {
      const { call, status, bytes } = record;
      return `${called(names)} completes: ${hex32(status)}, ${plural(bytes, 'byte')}   call ${call}`;
    }
    case 'again':
      return `… ${called(names)} = ${hex32(record.result)} once more   call ${record.call}`;
    case 'assert':
      return `ASSERT line ${record.line}: ${visible(record.text)}`;
    case 'mark':
      return `mark ${record.number}: ${visible(record.text)}`;
    case 'event':
      return describeEvent(record);
    case 'halt':
      return record.reason === 0 ? 'halt: shut down' : `halt: stop code ${hex32(record.reason)}`;
    case 'unknown':
      return `a record of the unknown kind ${record.code}: ${record.words.map(hex).join(' ')}`;
  }
}

function describeEnter(record: TruthRecordOf<'enter'>, names: TruthNames): string {
  const { call, door, stack } = record;
  const how = [
    `call ${call}`,
    ...(door === 'direct' ? [] : [`by ${door}`]),
    ...(stack === 0 ? [] : [`on fiber ${stack}`]),
  ];
  return `${called(names)}(${record.arguments.map(hex).join(', ')})   ${how.join(', ')}`;
}

function describeEvent({ what, values: [a, b] }: TruthRecordOf<'event'>): string {
  switch (what) {
    case 'apc':
      return `a user APC is delivered: ${hex32(a)}(${hex(b)})`;
    case 'exception':
      return `an exception is raised: ${hex32(a)} at ${hex32(b)}`;
    case 'kernel-stack':
      return `the kernel stack is exchanged: below ${hex32(b)}, before ${hex32(a)}`;
    case 'callback':
      return `a user-mode callback begins: number ${a}, argument ${hex(b)}`;
    case 'fiber':
      return a === 0 ? 'the thread goes on with its own stack' : `the thread goes on with fiber ${a}`;
  }
}

/** A call whose beginning was before the recording has no name. */
const called = ({ function: name }: TruthNames): string => (name === undefined ? '?' : visible(name));
const hex = (value: number): string => `0x${value.toString(16)}`;
