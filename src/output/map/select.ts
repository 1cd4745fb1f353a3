/** The processes that somebody means. */
import { RebekError } from '../../base/errors.ts';
import { matches } from '../../guest/pattern.ts';
import type { GuestMap, MappedProcess } from './guest-map.ts';

/** Names that a hint lists. */
const MOST_LISTED = 40;

/**
 * The processes with a pid, or with a name: that of the kernel (`exe`), or that of the command line (`cat`), in which `*` stands
 * for any characters and case does not matter.
 * @throws RebekError ERR_NO_PROCESS
 */
export function selectProcesses(map: GuestMap, wanted: string): ReadonlySet<MappedProcess> {
  const pattern = wanted.toLowerCase();
  const pid = /^\d+$/.test(wanted) ? Number(wanted) : undefined;
  const found = map.processes.filter(
    (process) => process.pid === pid || namesOf(process).some((name) => matches(pattern, name)),
  );
  if (found.length > 0) return new Set(found);
  const names = [...new Set(map.processes.map(commandName))].sort();
  const listed = names.slice(0, MOST_LISTED).join(', ');
  const hint =
    map.system === undefined
      ? 'no operating system that Rebek knows was found in the guest'
      : `there are ${listed}${names.length > MOST_LISTED ? ' and others' : ''}`;
  throw new RebekError('ERR_NO_PROCESS', `the trace has no process '${wanted}'`, { hint });
}

/** What people call a process: by its command line, where its kernel says only `exe`; else by what its kernel says. */
export function commandName({ name, commandLine }: MappedProcess): string {
  return name === 'exe' ? (firstWord(commandLine) ?? name) : name;
}

function namesOf({ name, commandLine }: MappedProcess): string[] {
  const first = firstWord(commandLine);
  return [name, ...(first === undefined ? [] : [first])].map((one) => one.toLowerCase());
}

/** `cat` of `/bin/cat FILE`; a shell that is logged in is `-sh`. */
function firstWord(commandLine: string | undefined): string | undefined {
  const [, quoted, plain] = /^(?:"([^"]*)"|(\S+))/.exec(commandLine ?? '') ?? [];
  const word = quoted ?? plain;
  return word?.slice(Math.max(word.lastIndexOf('/'), word.lastIndexOf('\\')) + 1).replace(/^-/, '');
}
