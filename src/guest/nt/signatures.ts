/** How the functions of NT's kernel take their arguments. */
import type { Convention, Parameter, Signature } from '../os.ts';
import {
  CDECL_ROUTINES,
  FASTCALL_NAMES,
  FASTCALL_PREFIXES,
  FASTCALL_ROUTINES,
  STDCALL_ROUTINES,
  UNUSUAL_NAMES,
} from './kernel-routines.ts';
import { PARAMETER_TYPES, XP_SERVICES } from './xp-services.ts';

/** A line of one of the tables. */
interface Entry {
  readonly name: string;
  readonly parameters: readonly Parameter[];
  /** There may be more arguments. */
  readonly open: boolean;
}

function parseTypes(): ReadonlyMap<string, string> {
  const types = new Map<string, string>();
  for (const line of PARAMETER_TYPES.trim().split('\n')) {
    const [type, ...names] = line.split(' ');
    for (const name of names) types.set(name, type!);
  }
  return types;
}

function parseTable(table: string): readonly Entry[] {
  const types = parseTypes();
  return table
    .trim()
    .split('\n')
    .map((line) => {
      const space = line.indexOf(' ');
      if (space < 0) return { name: line, parameters: [], open: false };
      const parameters: Parameter[] = [];
      let open = false;
      for (const text of line.slice(space + 1).split(', ')) {
        if (text === '...') {
          open = true;
          continue;
        }
        const [, type, stars, name] = /^(?:(\w+) )?(\**)(\w+)$/.exec(text)!;
        const known = type ?? types.get(name!) ?? 'ULONG';
        parameters.push({ name: name!, type: stars ? `${known} ${stars}` : known });
      }
      return { name: line.slice(0, space), parameters, open };
    });
}

/** XP's services in the order of their numbers. */
let xpServices: readonly Entry[] | undefined;
function services(): readonly Entry[] {
  xpServices ??= parseTable(XP_SERVICES);
  return xpServices;
}

/** The names of XP's services, by number. */
export function xpServiceNames(): readonly string[] {
  return services().map(({ name }) => name);
}

let byName: ReadonlyMap<string, Signature> | undefined;
/** The signatures that the tables have. */
function known(): ReadonlyMap<string, Signature> {
  if (byName === undefined) {
    const all = new Map<string, Signature>();
    const add = (entries: readonly Entry[], convention: Convention): void => {
      for (const { name, parameters, open } of entries)
        all.set(name, { convention, parameters, words: open ? undefined : parameters.length });
    };
    add(services(), 'stdcall');
    add(parseTable(STDCALL_ROUTINES), 'stdcall');
    add(parseTable(FASTCALL_ROUTINES), 'fastcall');
    add(parseTable(CDECL_ROUTINES), 'cdecl');
    byName = all;
  }
  return byName;
}

/**
 * The signature of a system service, by the name that begins with `Nt`.
 * @param words what the kernel's argument table says; undefined if that is not to be had
 */
export function serviceSignature(name: string | undefined, words: number | undefined): Signature {
  const found = name === undefined ? undefined : known().get(name);
  if (words === undefined) return found ?? { convention: 'stdcall', parameters: undefined, words: undefined };
  // The guest's table decides; parameters that do not fit it are those of another version.
  const parameters = found?.parameters?.length === words ? found.parameters : undefined;
  return { convention: 'stdcall', parameters, words };
}

/** The signature of an export of the kernel that is no service. */
export function routineSignature(name: string): Signature | undefined {
  const found = known().get(name);
  if (found !== undefined) return found;
  if (UNUSUAL_NAMES.test(name)) return undefined;
  if (FASTCALL_NAMES.has(name) || FASTCALL_PREFIXES.test(name))
    return { convention: 'fastcall', parameters: undefined, words: undefined };
  // The C library that the kernel carries.
  if (/^(?!vDbgPrint)[a-z_]|^DbgPrint|^WmiTraceMessage$/.test(name))
    return { convention: 'cdecl', parameters: undefined, words: undefined };
  return { convention: 'stdcall', parameters: undefined, words: undefined };
}

/** Services and routines that do not return to their caller when they succeed. */
const NEVER_RETURN: ReadonlySet<string> = new Set([
  'NtCallbackReturn',
  'NtContinue',
  'NtRaiseException',
  'NtTerminateProcess',
  'NtTerminateThread',
  'PsTerminateSystemThread',
]);

export function neverReturns(name: string): boolean {
  return NEVER_RETURN.has(name);
}
