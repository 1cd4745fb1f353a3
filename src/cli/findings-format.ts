/** Findings as lines of text. What comes from the guest is escaped. */
import type { Finding, FindingLine } from '../hooks/findings.ts';
import { visible } from '../record/script-text.ts';
import { formatExact } from './format.ts';
import { style } from './style.ts';

const INSTRUCTION_WIDTH = 15;
const WHO_WIDTH = 24;

/** `     12,345,678  40/44 cmd.exe   read   "dir"`; undefined for lines that say nothing of the guest. */
export function formatFinding(line: FindingLine): string | undefined {
  if (line.kind === 'system') {
    return `${formatExact(line.instruction).padStart(INSTRUCTION_WIDTH)}  ${style(process.stdout, 'dim', line.version)}`;
  }
  if (line.kind !== 'finding') return undefined;
  const at = formatExact(line.instruction).padStart(INSTRUCTION_WIDTH);
  return `${at}  ${who(line).padEnd(WHO_WIDTH)}  ${what(line)}`;
}

/** Process and thread by their ids; a process with one thread has one number. */
function who({ process, thread }: Finding): string {
  if (process === null) return '-';
  const tid = thread === null || thread.tid === process.pid ? '' : `/${thread.tid}`;
  return `${process.pid}${tid} ${visible(process.name)}`;
}

function what({ type, data }: Finding): string {
  const { text, ...rest } = data;
  const shown = typeof text === 'string' ? visible(text) : '';
  // What a pack has put into words needs no more; other data is shown as it is.
  if (shown !== '' && data['line'] === true) return shown;
  const fields = Object.entries(rest).map(([name, value]) => `${name}=${visible(field(value))}`);
  return [
    style(process.stdout, 'bold', type),
    ...fields,
    ...(shown === '' ? [] : [JSON.stringify(shown)]),
  ].join('  ');
}

const field = (value: unknown): string => (typeof value === 'string' ? value : (JSON.stringify(value) ?? ''));
