/** ACCESS_MASK: bits that mean the same for all objects, and bits that depend on the object's type (winnt.h, ntifs.h). */
import { bits, type Naming } from './decode-names.ts';

const GENERIC =
  '0x80000000=GENERIC_READ 0x40000000=GENERIC_WRITE 0x20000000=GENERIC_EXECUTE 0x10000000=GENERIC_ALL';
const STANDARD = `
  0x10000=DELETE 0x20000=READ_CONTROL 0x40000=WRITE_DAC 0x80000=WRITE_OWNER 0x100000=SYNCHRONIZE
  0x1000000=ACCESS_SYSTEM_SECURITY 0x2000000=MAXIMUM_ALLOWED`;

/** Those of XP, where Vista's …_ALL_ACCESS of processes and threads have more bits. */
const SPECIFIC: Readonly<Record<string, string>> = {
  File: `0x1f01ff=FILE_ALL_ACCESS 0x1=FILE_READ_DATA 0x2=FILE_WRITE_DATA 0x4=FILE_APPEND_DATA 0x8=FILE_READ_EA
    0x10=FILE_WRITE_EA 0x20=FILE_EXECUTE 0x40=FILE_DELETE_CHILD 0x80=FILE_READ_ATTRIBUTES 0x100=FILE_WRITE_ATTRIBUTES`,
  Process: `0x1f0fff=PROCESS_ALL_ACCESS 0x1=PROCESS_TERMINATE 0x2=PROCESS_CREATE_THREAD 0x4=PROCESS_SET_SESSIONID
    0x8=PROCESS_VM_OPERATION 0x10=PROCESS_VM_READ 0x20=PROCESS_VM_WRITE 0x40=PROCESS_DUP_HANDLE
    0x80=PROCESS_CREATE_PROCESS 0x100=PROCESS_SET_QUOTA 0x200=PROCESS_SET_INFORMATION
    0x400=PROCESS_QUERY_INFORMATION 0x800=PROCESS_SUSPEND_RESUME 0x1000=PROCESS_QUERY_LIMITED_INFORMATION`,
  Thread: `0x1f03ff=THREAD_ALL_ACCESS 0x1=THREAD_TERMINATE 0x2=THREAD_SUSPEND_RESUME 0x4=THREAD_ALERT
    0x8=THREAD_GET_CONTEXT 0x10=THREAD_SET_CONTEXT 0x20=THREAD_SET_INFORMATION 0x40=THREAD_QUERY_INFORMATION
    0x80=THREAD_SET_THREAD_TOKEN 0x100=THREAD_IMPERSONATE 0x200=THREAD_DIRECT_IMPERSONATION`,
  Key: `0xf003f=KEY_ALL_ACCESS 0x20019=KEY_READ 0x20006=KEY_WRITE 0x1=KEY_QUERY_VALUE 0x2=KEY_SET_VALUE
    0x4=KEY_CREATE_SUB_KEY 0x8=KEY_ENUMERATE_SUB_KEYS 0x10=KEY_NOTIFY 0x20=KEY_CREATE_LINK`,
  Section: `0xf001f=SECTION_ALL_ACCESS 0x1=SECTION_QUERY 0x2=SECTION_MAP_WRITE 0x4=SECTION_MAP_READ
    0x8=SECTION_MAP_EXECUTE 0x10=SECTION_EXTEND_SIZE`,
  Event: '0x1f0003=EVENT_ALL_ACCESS 0x1=EVENT_QUERY_STATE 0x2=EVENT_MODIFY_STATE',
  Mutant: '0x1f0001=MUTANT_ALL_ACCESS 0x1=MUTANT_QUERY_STATE',
  Semaphore: '0x1f0003=SEMAPHORE_ALL_ACCESS 0x1=SEMAPHORE_QUERY_STATE 0x2=SEMAPHORE_MODIFY_STATE',
  Timer: '0x1f0003=TIMER_ALL_ACCESS 0x1=TIMER_QUERY_STATE 0x2=TIMER_MODIFY_STATE',
  IoCompletion:
    '0x1f0003=IO_COMPLETION_ALL_ACCESS 0x1=IO_COMPLETION_QUERY_STATE 0x2=IO_COMPLETION_MODIFY_STATE',
  DirectoryObject: `0xf000f=DIRECTORY_ALL_ACCESS 0x1=DIRECTORY_QUERY 0x2=DIRECTORY_TRAVERSE
    0x4=DIRECTORY_CREATE_OBJECT 0x8=DIRECTORY_CREATE_SUBDIRECTORY`,
  SymbolicLinkObject: '0xf0001=SYMBOLIC_LINK_ALL_ACCESS 0x1=SYMBOLIC_LINK_QUERY',
  Token: `0xf01ff=TOKEN_ALL_ACCESS 0x1=TOKEN_ASSIGN_PRIMARY 0x2=TOKEN_DUPLICATE 0x4=TOKEN_IMPERSONATE 0x8=TOKEN_QUERY
    0x10=TOKEN_QUERY_SOURCE 0x20=TOKEN_ADJUST_PRIVILEGES 0x40=TOKEN_ADJUST_GROUPS 0x80=TOKEN_ADJUST_DEFAULT
    0x100=TOKEN_ADJUST_SESSIONID`,
};

/** Services whose name does not say it by its end. */
const OF_SERVICES: Readonly<Record<string, string>> = {
  NtCreateNamedPipeFile: 'File',
  NtCreateMailslotFile: 'File',
  NtCreateProcessEx: 'Process',
  NtOpenProcessToken: 'Token',
  NtOpenProcessTokenEx: 'Token',
  NtOpenThreadToken: 'Token',
  NtOpenThreadTokenEx: 'Token',
  NtDuplicateToken: 'Token',
};

const namings = new Map<string, Naming>();

/** The names of a mask's bits for the objects that a service makes or opens; only the common ones if that is not evident. */
export function accessOf(service: string): Naming {
  const kind = OF_SERVICES[service] ?? /^Nt(?:Create|Open)(\w+)$/.exec(service)?.[1] ?? '';
  return accessTo(Object.hasOwn(SPECIFIC, kind) ? kind : '');
}

function accessTo(kind: string): Naming {
  let naming = namings.get(kind);
  if (naming === undefined) {
    naming = bits(`${GENERIC} ${SPECIFIC[kind] ?? ''} ${STANDARD}`);
    namings.set(kind, naming);
  }
  return naming;
}

export const fileAccess: Naming = (word) => accessTo('File')(word);
export const anyAccess: Naming = (word) => accessTo('')(word);
