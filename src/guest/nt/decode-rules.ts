/** What is known of a service's parameters: by its own name, by that of the parameter, by the type. */
import type { Parameter } from '../os.ts';
import { accessOf, anyAccess } from './decode-access.ts';
import { bufferOf } from './decode-buffers.ts';
import type { Call } from './decode-call.ts';
import { INFORMATION_CLASSES } from './decode-classes.ts';
import { exitStatus, information } from './decode-information.ts';
import { controlCode } from './decode-ioctl.ts';
import * as names from './decode-names.ts';
import { decimal, hex, hexadecimal, NULL, named, type Shown } from './decode-shown.ts';
import * as structures from './decode-structures.ts';
import { fileOffset, moment, size, timeout } from './decode-times.ts';
import { CURRENT_PROCESS } from './objects.ts';
import { statusText } from './status.ts';

export interface Rule {
  /** When it is read: at the entry, at the end if the call has filled it in, or both. */
  readonly when: 'in' | 'out' | 'both';
  readonly show: (call: Call, word: number) => Shown;
}

type Show = Rule['show'];

const of = (show: (word: number) => Shown): Show => {
  return (_, word) => show(word);
};
const input = (show: Show): Rule => ({ when: 'in', show });
const output = (show: Show): Rule => ({ when: 'out', show });
const both = (show: Show): Rule => ({ when: 'both', show });

/** What a pointer to a value points to. */
function pointee(bytes: 1 | 2 | 4 | 8, show: Show): Show {
  return (call, address) =>
    call.reader.at(address, bytes, (view) =>
      show(
        call,
        bytes === 1 ? view.getUint8(0) : bytes === 2 ? view.getUint16(0, true) : view.getUint32(0, true),
      ),
    );
}

function large(show: (value: bigint) => Shown): Show {
  return (call, address) => call.reader.at(address, 8, (view) => show(view.getBigInt64(0, true)));
}

const hexWord: Show = of(hexadecimal);
const decimalWord: Show = of(decimal);
/** A BOOLEAN is a byte; nobody says what the rest of its word is. */
const boolean: Show = of((word) => {
  const value = (word & 0xff) !== 0;
  return { text: value ? 'TRUE' : 'FALSE', value };
});
const handle: Show = (call, word) => call.handle(word);
/** A handle of the process that another argument leads to; nothing is known of other processes' handles. */
function handleOf(process: string): Show {
  return (call, word) =>
    call.word(process) === CURRENT_PROCESS || word === 0
      ? call.handle(word)
      : { text: hex(word), value: { handle: word } };
}
const status: Show = of((word) => named(statusText(word)));
const signed: Show = of((word) => decimal(word | 0));
const word16: Show = of((word) => decimal(word & 0xffff));
const hexPointee = pointee(4, hexWord);
const decimalPointee = pointee(4, decimalWord);

const BY_TYPE: Readonly<Record<string, Rule>> = {
  HANDLE: input(handle),
  PHANDLE: output(pointee(4, handle)),
  BOOLEAN: input(boolean),
  PBOOLEAN: output(pointee(1, boolean)),
  NTSTATUS: input(status),
  PNTSTATUS: output(pointee(4, status)),
  LONG: input(signed),
  PLONG: output(pointee(4, signed)),
  PULONG: output(hexPointee),
  USHORT: input(word16),
  PUSHORT: output(pointee(2, decimalWord)),
  'PVOID *': both(hexPointee),
  ACCESS_MASK: input((call, word) => accessOf(call.name)(word)),
  PACCESS_MASK: output(pointee(4, of(anyAccess))),
  PUNICODE_STRING: input(structures.unicodeString),
  POBJECT_ATTRIBUTES: input(structures.objectAttributes),
  PIO_STATUS_BLOCK: output(structures.ioStatusBlock),
  PCLIENT_ID: input(structures.clientId),
  PCONTEXT: input(structures.context),
  PEXCEPTION_RECORD: input(structures.exceptionRecord),
  PINITIAL_TEB: input(structures.initialTeb),
  PPORT_MESSAGE: input(structures.portMessage),
  PTOKEN_PRIVILEGES: input(structures.tokenPrivileges),
  PPRIVILEGE_SET: input(structures.privilegeSet),
  PLARGE_INTEGER: input(large(size)),
  PULARGE_INTEGER: output(large(size)),
  PLUID: output(large(size)),
  RTL_ATOM: input(of((word) => hexadecimal(word & 0xffff))),
  PRTL_ATOM: output(pointee(2, hexWord)),
  PLCID: output(hexPointee),
  PLANGID: output(pointee(2, hexWord)),
  LANGID: input(of((word) => hexadecimal(word & 0xffff))),
  PFILE_BASIC_INFORMATION: output((call, at) => information(call, 'FileBasicInformation', at, 40)),
  PFILE_NETWORK_OPEN_INFORMATION: output((call, at) =>
    information(call, 'FileNetworkOpenInformation', at, 56),
  ),
  SECURITY_INFORMATION: input(of(names.SECURITY_INFORMATION)),
  SECTION_INHERIT: input(of(names.SECTION_INHERIT)),
  EVENT_TYPE: input(of(names.EVENT_TYPE)),
  TIMER_TYPE: input(of(names.TIMER_TYPE)),
  WAIT_TYPE: input(of(names.WAIT_TYPE)),
  TOKEN_TYPE: input(of(names.TOKEN_TYPE)),
  SHUTDOWN_ACTION: input(of(names.SHUTDOWN_ACTION)),
  EXECUTION_STATE: input(of(names.EXECUTION_STATE)),
};

const UNKNOWN_POINTER = input(of((word) => (word === 0 ? NULL : hexadecimal(word))));
const interval = input(large(timeout));
const date = output(large(moment));
const message = output(structures.portMessage);
const inOutHex = both(hexPointee);
const inOutCount = both(decimalPointee);

/** By the parameter, or by the service and the parameter. */
const BY_NAME: readonly (readonly [rule: Rule, names: string])[] = [
  [input(of(names.SHARE_ACCESS)), 'ShareAccess'],
  [input(of(names.CREATE_DISPOSITION)), 'CreateDisposition'],
  [input(of(names.CREATE_OPTIONS)), 'CreateOptions OpenOptions'],
  [input(of(names.FILE_ATTRIBUTES)), 'FileAttributes'],
  [input(of(names.FILE_NOTIFY)), 'NtNotifyChangeDirectoryFile.CompletionFilter'],
  [input(of(names.REGISTRY_NOTIFY)), 'CompletionFilter'],
  [input(of(names.REGISTRY_OPTIONS)), 'NtCreateKey.CreateOptions'],
  [output(pointee(4, of(names.REGISTRY_DISPOSITION))), 'NtCreateKey.Disposition'],
  [input(of(names.REGISTRY_TYPE)), 'NtSetValueKey.Type'],
  [input(of(names.PIPE_TYPE)), 'NamedPipeType'],
  [input(of(names.PIPE_READ_MODE)), 'ReadMode'],
  [input(of(names.PIPE_COMPLETION_MODE)), 'CompletionMode'],
  [input(of(names.PAGE_PROTECTION)), 'Protect NewProtect Win32Protect SectionPageProtection'],
  [output(pointee(4, of(names.PAGE_PROTECTION))), 'OldProtect'],
  [input(of(names.ALLOCATION_TYPE)), 'AllocationType FreeType'],
  [input(of(names.SECTION_ATTRIBUTES)), 'AllocationAttributes'],
  [input(of(names.DUPLICATE_OPTIONS)), 'NtDuplicateObject.Options'],
  [input(handleOf('SourceProcessHandle')), 'NtDuplicateObject.SourceHandle'],
  [output(pointee(4, handleOf('TargetProcessHandle'))), 'NtDuplicateObject.TargetHandle'],
  [input(of(names.OBJECT_FLAGS)), 'HandleAttributes'],
  [input(controlCode), 'IoControlCode FsControlCode'],
  [input(of(exitStatus)), 'ExitStatus NtCallbackReturn.Status'],
  [
    output(decimalPointee),
    `ReturnLength ResultLength NumberOfBytesRead NumberOfBytesWritten PreviousSuspendCount HandleCount ReturnedLength
    LengthNeeded RequiredBufferLength NtConnectPort.MaxMessageLength NtSecureConnectPort.MaxMessageLength`,
  ],
  [output(pointee(2, decimalWord)), 'NtQuerySystemEnvironmentValue.ReturnLength'],
  [
    inOutCount,
    `NtAllocateUserPhysicalPages.NumberOfPages NtFreeUserPhysicalPages.NumberOfPages PrivilegeSetLength BootOptionsLength OutputFilePathLength EntriesInUserAddressArray
    ConnectionInformationLength NtEnumerateBootEntries.BufferLength NtQueryBootEntryOrder.Count
    NtEnumerateSystemEnvironmentValuesEx.BufferLength NtQueryMultipleValueKey.BufferLength
    NtQuerySystemEnvironmentValueEx.ValueLength`,
  ],
  [
    inOutHex,
    `NtAllocateVirtualMemory.RegionSize NtFreeVirtualMemory.RegionSize NtProtectVirtualMemory.RegionSize
    NtFlushVirtualMemory.RegionSize NtLockVirtualMemory.RegionSize NtUnlockVirtualMemory.RegionSize
    ViewSize NtQueryDirectoryObject.Context`,
  ],
  [output(hexPointee), 'KeyContext'],
  [output(hexPointee), 'NtReplyWaitReceivePort.PortContext NtReplyWaitReceivePortEx.PortContext'],
  [output(hexPointee), 'NtRemoveIoCompletion.ApcContext'],
  // Pointers to arrays, and to what nothing is known of here.
  [
    UNKNOWN_POINTER,
    `UserAddressArray VirtualAddresses UserPfnArray NtSetBootEntryOrder.Ids NtQueryBootEntryOrder.Ids
    NtCreateProfile.Buffer`,
  ],
  [input(decimalPointee), 'NtQueryEaFile.EaIndex'],
  [input(hexPointee), 'NtReadFile.Key NtWriteFile.Key NtReadFileScatter.Key NtWriteFileGather.Key'],
  [input(hexWord), 'NtLockFile.Key NtUnlockFile.Key'],
  [input(structures.handles), 'NtWaitForMultipleObjects.Handles NtCompactKeys.KeyArray'],
  [input(structures.wordsCounted('NumberOfParameters')), 'NtRaiseHardError.Parameters'],
  [interval, 'DelayInterval Timeout DueTime ReadTimeout DefaultTimeout'],
  [input(large(fileOffset)), 'ByteOffset'],
  [both(large(fileOffset)), 'NtMapViewOfSection.SectionOffset'],
  [date, 'NtQuerySystemTime.SystemTime NtSetSystemTime.PreviousTime NtAllocateUuids.Time'],
  [input(large(moment)), 'NtSetSystemTime.SystemTime NtCreateToken.ExpirationTime'],
  [output(large(size)), 'PerformanceCounter PerformanceFrequency'],
  [input(large(size)), 'NtCreateToken.AuthenticationId'],
  [output(structures.unicodeString), 'NtQuerySymbolicLinkObject.LinkTarget'],
  [output(structures.context), 'NtGetContextThread.ThreadContext'],
  [output(structures.clientId), 'NtCreateThread.ClientId'],
  [output(structures.tokenPrivileges), 'NtAdjustPrivilegesToken.PreviousState'],
  [output(structures.privilegeSet), 'PrivilegeSet'],
  [message, 'NtListenPort.ConnectionRequest NtRequestWaitReplyPort.ReplyMessage ReceiveMessage'],
  [both(structures.portMessage), 'NtReplyWaitReplyPort.ReplyMessage'],
];

let byName: ReadonlyMap<string, Rule> | undefined;

function namedRules(): ReadonlyMap<string, Rule> {
  byName ??= new Map(
    BY_NAME.flatMap(([rule, list]) => list.split(/\s+/).map((name): [string, Rule] => [name, rule])),
  );
  return byName;
}

/** Of type ULONG: what people count. */
const COUNT = /(?:Length|Size|Quota|Usage)$|^(?:Count|Index|ZeroBits|TitleIndex|MaximumInstances)$|^NumberOf/;
const COUNTED = input(decimalWord);
const UNKNOWN = input(hexWord);
/** Types of pointers, and none of those that begin with a P by chance. */
const POINTER = /^(?!PLUGPLAY_|PORT_|POWER_|PROCESS)L?P[A-Z]|\*$/;

/** The rule for a parameter of a service; what nothing is known of is shown in hexadecimal. */
export function ruleOf(service: string, { name, type }: Parameter): Rule {
  const buffer = bufferOf(service, name);
  if (buffer !== undefined) return { when: buffer.direction, show: buffer.show };
  const classes = Object.hasOwn(INFORMATION_CLASSES, type) ? INFORMATION_CLASSES[type] : undefined;
  const rules = namedRules();
  return (
    rules.get(`${service}.${name}`) ??
    (classes && input(of(classes))) ??
    rules.get(name) ??
    (type === 'ULONG' && COUNT.test(name) ? COUNTED : undefined) ??
    (Object.hasOwn(BY_TYPE, type) ? BY_TYPE[type] : undefined) ??
    (POINTER.test(type) ? UNKNOWN_POINTER : UNKNOWN)
  );
}
