/** Arguments that are buffers: how long they are, and what says what is in them. */
import type { Call } from './decode-call.ts';
import { INFORMATION_CLASSES } from './decode-classes.ts';
import { information } from './decode-information.ts';
import { registryData } from './decode-registry.ts';
import { list, NULL, type Shown, structure, unread } from './decode-shown.ts';

export interface BufferRule {
  readonly direction: 'in' | 'out';
  readonly show: (call: Call, address: number) => Shown;
}

/**
 * A line is: direction, service, parameter, that of its length (`*Length` points to it), for an output that which says how
 * much has been written (`IoStatusBlock`: its Information; the others point to a word), and for information that of its
 * class with its type. `-` stands for none.
 */
const BUFFERS = `
out NtReadFile Buffer Length IoStatusBlock
in  NtWriteFile Buffer Length
in  NtDeviceIoControlFile InputBuffer InputBufferLength
out NtDeviceIoControlFile OutputBuffer OutputBufferLength IoStatusBlock
in  NtFsControlFile InputBuffer InputBufferLength
out NtFsControlFile OutputBuffer OutputBufferLength IoStatusBlock
in  NtCreateFile EaBuffer EaLength
out NtQueryEaFile Buffer Length IoStatusBlock
in  NtSetEaFile Buffer Length
out NtQueryDirectoryFile FileInformation Length IoStatusBlock FileInformationClass FILE_INFORMATION_CLASS
out NtQueryInformationFile FileInformation Length IoStatusBlock FileInformationClass FILE_INFORMATION_CLASS
in  NtSetInformationFile FileInformation Length - FileInformationClass FILE_INFORMATION_CLASS
out NtQueryVolumeInformationFile FsInformation Length IoStatusBlock FsInformationClass FS_INFORMATION_CLASS
in  NtSetVolumeInformationFile FsInformation Length - FsInformationClass FS_INFORMATION_CLASS
out NtQueryInformationProcess ProcessInformation ProcessInformationLength ReturnLength ProcessInformationClass PROCESSINFOCLASS
in  NtSetInformationProcess ProcessInformation ProcessInformationLength - ProcessInformationClass PROCESSINFOCLASS
out NtQueryInformationThread ThreadInformation ThreadInformationLength ReturnLength ThreadInformationClass THREADINFOCLASS
in  NtSetInformationThread ThreadInformation ThreadInformationLength - ThreadInformationClass THREADINFOCLASS
out NtQuerySystemInformation SystemInformation SystemInformationLength ReturnLength SystemInformationClass SYSTEM_INFORMATION_CLASS
in  NtSetSystemInformation SystemInformation SystemInformationLength - SystemInformationClass SYSTEM_INFORMATION_CLASS
out NtQueryInformationToken TokenInformation TokenInformationLength ReturnLength TokenInformationClass TOKEN_INFORMATION_CLASS
in  NtSetInformationToken TokenInformation TokenInformationLength - TokenInformationClass TOKEN_INFORMATION_CLASS
out NtQueryInformationJobObject JobObjectInformation JobObjectInformationLength ReturnLength JobObjectInformationClass JOBOBJECTINFOCLASS
in  NtSetInformationJobObject JobObjectInformation JobObjectInformationLength - JobObjectInformationClass JOBOBJECTINFOCLASS
out NtQueryObject ObjectInformation ObjectInformationLength ReturnLength ObjectInformationClass OBJECT_INFORMATION_CLASS
in  NtSetInformationObject ObjectInformation ObjectInformationLength - ObjectInformationClass OBJECT_INFORMATION_CLASS
out NtQueryKey KeyInformation Length ResultLength KeyInformationClass KEY_INFORMATION_CLASS
out NtEnumerateKey KeyInformation Length ResultLength KeyInformationClass KEY_INFORMATION_CLASS
in  NtSetInformationKey KeySetInformation KeySetInformationLength - KeySetInformationClass KEY_SET_INFORMATION_CLASS
out NtQueryValueKey KeyValueInformation Length ResultLength KeyValueInformationClass KEY_VALUE_INFORMATION_CLASS
out NtEnumerateValueKey KeyValueInformation Length ResultLength KeyValueInformationClass KEY_VALUE_INFORMATION_CLASS
out NtQueryVirtualMemory MemoryInformation MemoryInformationLength ReturnLength MemoryInformationClass MEMORY_INFORMATION_CLASS
out NtQuerySection SectionInformation SectionInformationLength ReturnLength SectionInformationClass SECTION_INFORMATION_CLASS
out NtQueryEvent EventInformation EventInformationLength ReturnLength EventInformationClass EVENT_INFORMATION_CLASS
out NtQueryMutant MutantInformation MutantInformationLength ReturnLength MutantInformationClass MUTANT_INFORMATION_CLASS
out NtQuerySemaphore SemaphoreInformation SemaphoreInformationLength ReturnLength SemaphoreInformationClass SEMAPHORE_INFORMATION_CLASS
out NtQueryTimer TimerInformation TimerInformationLength ReturnLength TimerInformationClass TIMER_INFORMATION_CLASS
out NtQueryIoCompletion IoCompletionInformation IoCompletionInformationLength ReturnLength IoCompletionInformationClass IO_COMPLETION_INFORMATION_CLASS
out NtReadVirtualMemory Buffer BufferSize NumberOfBytesRead
in  NtWriteVirtualMemory Buffer BufferSize
out NtReadRequestData Buffer BufferSize NumberOfBytesRead
in  NtWriteRequestData Buffer BufferSize
in  NtConnectPort ConnectionInformation *ConnectionInformationLength
in  NtSecureConnectPort ConnectionInformation *ConnectionInformationLength
in  NtCallbackReturn OutputBuffer OutputLength
in  NtPowerInformation InputBuffer InputBufferLength
in  NtSystemDebugControl InputBuffer InputBufferLength
out NtSystemDebugControl OutputBuffer OutputBufferLength ReturnLength
in  NtPlugPlayControl PnPControlData PnPControlDataLength
in  NtTraceEvent Fields FieldSize
`;

function lengthOf(call: Call, name: string): number | undefined {
  return name.startsWith('*') ? call.pointed(name.slice(1)) : call.word(name);
}

/** Bytes that have been written: what the call says, but never more than there was room for. */
function writtenOf(call: Call, length: number, name: string): number {
  if (name === 'IoStatusBlock') return Math.min(length, call.information() ?? 0);
  // Without the pointer nobody is told; the room is what can be said then.
  return call.word(name) === 0 ? length : Math.min(length, call.pointed(name) ?? 0);
}

function parseBuffers(): ReadonlyMap<string, BufferRule> {
  const rules = new Map<string, BufferRule>();
  for (const line of BUFFERS.trim().split('\n')) {
    const [direction, service, parameter, length, written, of, type] = line.split(/\s+/);
    const naming = type === undefined ? undefined : INFORMATION_CLASSES[type]!;
    const show: BufferRule['show'] = (call, address) => {
      if (address === 0) return NULL;
      const room = lengthOf(call, length!);
      if (room === undefined) return unread(address);
      const bytes = direction === 'in' ? room : writtenOf(call, room, written!);
      const word = of === undefined ? undefined : call.word(of);
      if (word === undefined || naming === undefined) return call.reader.buffer(address, bytes);
      return information(call, naming(word).text, address, bytes);
    };
    rules.set(`${service}.${parameter}`, { direction: direction as 'in' | 'out', show });
  }
  return rules;
}

/** Entries of a directory of objects that are shown. */
const MOST_ENTRIES = 256;
/** OBJECT_DIRECTORY_INFORMATION: Name, TypeName; one that is zero is after the last. */
const ENTRY = 16;

/** What NtQueryDirectoryObject gives. */
function directory(call: Call, address: number): Shown {
  if (address === 0) return NULL;
  const room = call.word('Length') ?? 0;
  const entries: Shown[] = [];
  for (let at = 0; at + ENTRY <= room && entries.length < MOST_ENTRIES; at += ENTRY) {
    const view = call.reader.view(address + at, ENTRY);
    if (view === undefined) return entries.length === 0 ? unread(address, true) : list(entries, true);
    if (view.getUint32(4, true) === 0) return list(entries);
    const Name = call.reader.unicodeString(address + at);
    const TypeName = call.reader.unicodeString(address + at + 8);
    entries.push({ ...structure({ Name, TypeName }), text: Name.text });
  }
  return list(entries, true);
}

let rules: Map<string, BufferRule> | undefined;

/** Undefined for what is not known to be a buffer. */
export function bufferOf(service: string, parameter: string): BufferRule | undefined {
  if (rules === undefined) {
    rules = new Map(parseBuffers());
    rules.set('NtQueryDirectoryObject.Buffer', { direction: 'out', show: directory });
    rules.set('NtSetValueKey.Data', {
      direction: 'in',
      show: (call, address) => registryData(call, address, call.word('DataSize') ?? 0, call.word('Type')),
    });
    for (const service of ['NtAddAtom', 'NtFindAtom']) {
      rules.set(`${service}.AtomName`, {
        direction: 'in',
        show: (call, address) =>
          address === 0 ? NULL : call.reader.utf16(address, call.word('Length') ?? 0),
      });
    }
  }
  return rules.get(`${service}.${parameter}`);
}
