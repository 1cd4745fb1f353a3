/** Values that have names: one of several, or bits. */
import { hex, named, type Shown } from './decode-shown.ts';

/** How a word is shown by name. */
export type Naming = (word: number) => Shown;

/** `first` and the numbers after it, by name; `-` is a number without one. */
export function counted(first: number, names: string, prefix = '', suffix = ''): Naming {
  const known = names.trim().split(/\s+/);
  return (word) => {
    const name = known[word - first];
    return named(name === undefined || name === '-' ? hex(word) : `${prefix}${name}${suffix}`);
  };
}

/** Pairs of a value and its name, joined by `=`. */
function parsePairs(pairs: string): readonly (readonly [number, string])[] {
  return pairs
    .trim()
    .split(/\s+/)
    .map((pair) => {
      const [value, name] = pair.split('=');
      return [Number(value), name!] as const;
    });
}

/** One of several values: `0x1=NAME 0x5=OTHER`. */
export function oneOf(pairs: string): Naming {
  const known = new Map(parsePairs(pairs));
  return (word) => named(known.get(word) ?? hex(word));
}

/** Bits: `0x1=NAME 0x2=OTHER`. Names of several bits stand before those of one of them; 0 can have a name. */
export function bits(pairs: string): Naming {
  const known = parsePairs(pairs);
  const none = known.find(([value]) => value === 0)?.[1] ?? '0';
  return (word) => {
    if (word === 0) return named(none);
    const names: string[] = [];
    let left = word;
    for (const [value, name] of known) {
      // Two names may share a bit: KEY_READ and KEY_WRITE.
      if ((word & value) >>> 0 !== value || (left & value) === 0) continue;
      names.push(name);
      left = (left & ~value) >>> 0;
    }
    if (left !== 0) names.push(hex(left));
    return named(names.join('|'));
  };
}

/** ntifs.h, wdm.h, winnt.h; for REG_… and KEY_… winnt.h. */
export const SHARE_ACCESS = bits('0x1=FILE_SHARE_READ 0x2=FILE_SHARE_WRITE 0x4=FILE_SHARE_DELETE');
export const CREATE_DISPOSITION = counted(0, 'SUPERSEDE OPEN CREATE OPEN_IF OVERWRITE OVERWRITE_IF', 'FILE_');
export const CREATE_OPTIONS = bits(`
  0x1=FILE_DIRECTORY_FILE 0x2=FILE_WRITE_THROUGH 0x4=FILE_SEQUENTIAL_ONLY 0x8=FILE_NO_INTERMEDIATE_BUFFERING
  0x10=FILE_SYNCHRONOUS_IO_ALERT 0x20=FILE_SYNCHRONOUS_IO_NONALERT 0x40=FILE_NON_DIRECTORY_FILE
  0x80=FILE_CREATE_TREE_CONNECTION 0x100=FILE_COMPLETE_IF_OPLOCKED 0x200=FILE_NO_EA_KNOWLEDGE
  0x400=FILE_OPEN_FOR_RECOVERY 0x800=FILE_RANDOM_ACCESS 0x1000=FILE_DELETE_ON_CLOSE 0x2000=FILE_OPEN_BY_FILE_ID
  0x4000=FILE_OPEN_FOR_BACKUP_INTENT 0x8000=FILE_NO_COMPRESSION 0x100000=FILE_RESERVE_OPFILTER
  0x200000=FILE_OPEN_REPARSE_POINT 0x400000=FILE_OPEN_NO_RECALL 0x800000=FILE_OPEN_FOR_FREE_SPACE_QUERY`);
export const FILE_ATTRIBUTES = bits(`
  0x1=FILE_ATTRIBUTE_READONLY 0x2=FILE_ATTRIBUTE_HIDDEN 0x4=FILE_ATTRIBUTE_SYSTEM 0x10=FILE_ATTRIBUTE_DIRECTORY
  0x20=FILE_ATTRIBUTE_ARCHIVE 0x40=FILE_ATTRIBUTE_DEVICE 0x80=FILE_ATTRIBUTE_NORMAL 0x100=FILE_ATTRIBUTE_TEMPORARY
  0x200=FILE_ATTRIBUTE_SPARSE_FILE 0x400=FILE_ATTRIBUTE_REPARSE_POINT 0x800=FILE_ATTRIBUTE_COMPRESSED
  0x1000=FILE_ATTRIBUTE_OFFLINE 0x2000=FILE_ATTRIBUTE_NOT_CONTENT_INDEXED 0x4000=FILE_ATTRIBUTE_ENCRYPTED`);
/** IO_STATUS_BLOCK.Information of a file that has been opened. */
export const FILE_OPENED = counted(0, 'SUPERSEDED OPENED CREATED OVERWRITTEN EXISTS DOES_NOT_EXIST', 'FILE_');
export const FILE_NOTIFY = bits(`
  0x1=FILE_NOTIFY_CHANGE_FILE_NAME 0x2=FILE_NOTIFY_CHANGE_DIR_NAME 0x4=FILE_NOTIFY_CHANGE_ATTRIBUTES
  0x8=FILE_NOTIFY_CHANGE_SIZE 0x10=FILE_NOTIFY_CHANGE_LAST_WRITE 0x20=FILE_NOTIFY_CHANGE_LAST_ACCESS
  0x40=FILE_NOTIFY_CHANGE_CREATION 0x80=FILE_NOTIFY_CHANGE_EA 0x100=FILE_NOTIFY_CHANGE_SECURITY
  0x200=FILE_NOTIFY_CHANGE_STREAM_NAME 0x400=FILE_NOTIFY_CHANGE_STREAM_SIZE 0x800=FILE_NOTIFY_CHANGE_STREAM_WRITE`);
export const PIPE_TYPE = counted(0, 'BYTE_STREAM_TYPE MESSAGE_TYPE', 'FILE_PIPE_');
export const PIPE_READ_MODE = counted(0, 'BYTE_STREAM_MODE MESSAGE_MODE', 'FILE_PIPE_');
export const PIPE_COMPLETION_MODE = counted(0, 'QUEUE_OPERATION COMPLETE_OPERATION', 'FILE_PIPE_');
export const PIPE_CONFIGURATION = counted(0, 'INBOUND OUTBOUND FULL_DUPLEX', 'FILE_PIPE_');
export const PIPE_STATE = counted(
  1,
  'DISCONNECTED_STATE LISTENING_STATE CONNECTED_STATE CLOSING_STATE',
  'FILE_PIPE_',
);
export const PIPE_END = counted(0, 'CLIENT_END SERVER_END', 'FILE_PIPE_');

export const OBJECT_FLAGS = bits(`
  0x2=OBJ_INHERIT 0x10=OBJ_PERMANENT 0x20=OBJ_EXCLUSIVE 0x40=OBJ_CASE_INSENSITIVE 0x80=OBJ_OPENIF 0x100=OBJ_OPENLINK
  0x200=OBJ_KERNEL_HANDLE 0x400=OBJ_FORCE_ACCESS_CHECK`);
export const DUPLICATE_OPTIONS = bits(
  '0x1=DUPLICATE_CLOSE_SOURCE 0x2=DUPLICATE_SAME_ACCESS 0x4=DUPLICATE_SAME_ATTRIBUTES',
);
export const SECURITY_INFORMATION = bits(`
  0x1=OWNER_SECURITY_INFORMATION 0x2=GROUP_SECURITY_INFORMATION 0x4=DACL_SECURITY_INFORMATION
  0x8=SACL_SECURITY_INFORMATION`);

/** ntmmapi.h of Process Hacker, winnt.h. */
export const PAGE_PROTECTION = bits(`
  0x1=PAGE_NOACCESS 0x2=PAGE_READONLY 0x4=PAGE_READWRITE 0x8=PAGE_WRITECOPY 0x10=PAGE_EXECUTE 0x20=PAGE_EXECUTE_READ
  0x40=PAGE_EXECUTE_READWRITE 0x80=PAGE_EXECUTE_WRITECOPY 0x100=PAGE_GUARD 0x200=PAGE_NOCACHE 0x400=PAGE_WRITECOMBINE`);
export const ALLOCATION_TYPE = bits(`
  0x1000=MEM_COMMIT 0x2000=MEM_RESERVE 0x4000=MEM_DECOMMIT 0x8000=MEM_RELEASE 0x10000=MEM_FREE 0x20000=MEM_PRIVATE
  0x40000=MEM_MAPPED 0x80000=MEM_RESET 0x100000=MEM_TOP_DOWN 0x200000=MEM_WRITE_WATCH 0x400000=MEM_PHYSICAL
  0x1000000=MEM_IMAGE 0x20000000=MEM_LARGE_PAGES`);
export const SECTION_ATTRIBUTES = bits(`
  0x200000=SEC_BASED 0x400000=SEC_NO_CHANGE 0x800000=SEC_FILE 0x1000000=SEC_IMAGE 0x4000000=SEC_RESERVE
  0x8000000=SEC_COMMIT 0x10000000=SEC_NOCACHE`);
export const SECTION_INHERIT = counted(1, 'ViewShare ViewUnmap');

export const EVENT_TYPE = counted(0, 'NotificationEvent SynchronizationEvent');
export const TIMER_TYPE = counted(0, 'NotificationTimer SynchronizationTimer');
export const WAIT_TYPE = counted(0, 'WaitAll WaitAny');
export const TOKEN_TYPE = counted(1, 'TokenPrimary TokenImpersonation');
export const SHUTDOWN_ACTION = counted(0, 'ShutdownNoReboot ShutdownReboot ShutdownPowerOff');
export const EXECUTION_STATE = bits(`
  0x1=ES_SYSTEM_REQUIRED 0x2=ES_DISPLAY_REQUIRED 0x4=ES_USER_PRESENT 0x80000000=ES_CONTINUOUS`);

export const REGISTRY_TYPE = counted(
  0,
  `NONE SZ EXPAND_SZ BINARY DWORD DWORD_BIG_ENDIAN LINK MULTI_SZ RESOURCE_LIST FULL_RESOURCE_DESCRIPTOR
  RESOURCE_REQUIREMENTS_LIST QWORD`,
  'REG_',
);
export const REGISTRY_OPTIONS = bits(`
  0x0=REG_OPTION_NON_VOLATILE 0x1=REG_OPTION_VOLATILE 0x2=REG_OPTION_CREATE_LINK 0x4=REG_OPTION_BACKUP_RESTORE
  0x8=REG_OPTION_OPEN_LINK`);
export const REGISTRY_DISPOSITION = counted(1, 'REG_CREATED_NEW_KEY REG_OPENED_EXISTING_KEY');
export const REGISTRY_NOTIFY = bits(`
  0x1=REG_NOTIFY_CHANGE_NAME 0x2=REG_NOTIFY_CHANGE_ATTRIBUTES 0x4=REG_NOTIFY_CHANGE_LAST_SET
  0x8=REG_NOTIFY_CHANGE_SECURITY`);

/** ntlpcapi.h of Process Hacker. */
export const MESSAGE_TYPE = counted(
  1,
  'REQUEST REPLY DATAGRAM LOST_REPLY PORT_CLOSED CLIENT_DIED EXCEPTION DEBUG_EVENT ERROR_EVENT CONNECTION_REQUEST',
  'LPC_',
);
/** Of a CONTEXT on x86 (winnt.h). */
export const CONTEXT_FLAGS = bits(`
  0x1003f=CONTEXT_ALL 0x10007=CONTEXT_FULL 0x10001=CONTEXT_CONTROL 0x10002=CONTEXT_INTEGER 0x10004=CONTEXT_SEGMENTS
  0x10008=CONTEXT_FLOATING_POINT 0x10010=CONTEXT_DEBUG_REGISTERS 0x10020=CONTEXT_EXTENDED_REGISTERS`);
/** By the low part of their LUIDs (ntseapi.h of Process Hacker; the names are winnt.h's). */
export const PRIVILEGE = counted(
  2,
  `CreateToken AssignPrimaryToken LockMemory IncreaseQuota MachineAccount Tcb Security TakeOwnership LoadDriver
  SystemProfile Systemtime ProfileSingleProcess IncreaseBasePriority CreatePagefile CreatePermanent Backup Restore
  Shutdown Debug Audit SystemEnvironment ChangeNotify RemoteShutdown Undock SyncAgent EnableDelegation ManageVolume
  Impersonate CreateGlobal TrustedCredManAccess Relabel IncreaseWorkingSet TimeZone CreateSymbolicLink`,
  'Se',
  'Privilege',
);
export const PRIVILEGE_ATTRIBUTES = bits(`
  0x1=SE_PRIVILEGE_ENABLED_BY_DEFAULT 0x2=SE_PRIVILEGE_ENABLED 0x4=SE_PRIVILEGE_REMOVED
  0x80000000=SE_PRIVILEGE_USED_FOR_ACCESS`);
