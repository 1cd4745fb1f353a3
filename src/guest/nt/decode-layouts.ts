/**
 * The structures of information classes, by the class's name: as wdm.h, ntifs.h, winternl.h have them, and ntpsapi.h,
 * ntexapi.h, ntregapi.h of Process Hacker. Fields are aligned to their size as on x86.
 *
 * A line is `Class: type Field, …`. `*` before a class: entries that are linked by their first field, an offset (in the text,
 * they are their `FileName`, `StreamName` or `ImageName`). Types:
 * - `u8 u32 i32 u64`, in hexadecimal `x32`; `bool` is a byte; `gap(25)` are bytes that are left out
 * - `time` a moment, `span` a duration, `wait` a time to wait, each of 64 bits
 * - `handle`, `exit` (a process's or thread's exit status), `unicode` (UNICODE_STRING) and the names of {@link NAMED_FIELDS}
 * - `wide(Length)` characters here, of so many bytes as that field says; `value(Length)` data of a registry value whose
 *   type is the field Type; `value(Length@Offset)` data at an offset
 *
 * Fields with `-` before their name, or for a name, are not shown.
 */
import { anyAccess, fileAccess } from './decode-access.ts';
import * as names from './decode-names.ts';

export const NAMED_FIELDS: Readonly<Record<string, names.Naming>> = {
  access: anyAccess,
  fileaccess: fileAccess,
  allocation: names.ALLOCATION_TYPE,
  attributes: names.FILE_ATTRIBUTES,
  options: names.CREATE_OPTIONS,
  object: names.OBJECT_FLAGS,
  pipetype: names.PIPE_TYPE,
  pipemode: names.PIPE_READ_MODE,
  pipecompletion: names.PIPE_COMPLETION_MODE,
  pipeconfiguration: names.PIPE_CONFIGURATION,
  pipestate: names.PIPE_STATE,
  pipeend: names.PIPE_END,
  protection: names.PAGE_PROTECTION,
  registry: names.REGISTRY_TYPE,
  section: names.SECTION_ATTRIBUTES,
  event: names.EVENT_TYPE,
  token: names.TOKEN_TYPE,
};

const TIMES = 'time CreationTime, time LastAccessTime, time LastWriteTime, time ChangeTime';
const ENTRY = `u32 -, u32 FileIndex, ${TIMES}, u64 EndOfFile, u64 AllocationSize, attributes FileAttributes, u32 -FileNameLength`;
const SHORT = 'u8 -, gap(25) -';
const RENAME =
  'bool ReplaceIfExists, handle RootDirectory, u32 -FileNameLength, wide(FileNameLength) FileName';
const NAME = 'u32 -FileNameLength, wide(FileNameLength) FileName';
const KERNEL_USER = 'time CreateTime, time ExitTime, span KernelTime, span UserTime';
const PROCESS = `u32 -, u32 NumberOfThreads, u64 -, u64 -, u64 -, time CreateTime, span UserTime, span KernelTime,
  unicode ImageName, i32 BasePriority, u32 UniqueProcessId, u32 InheritedFromUniqueProcessId, u32 HandleCount,
  u32 SessionId`;

export const LAYOUTS = `
FileBasicInformation: ${TIMES}, attributes FileAttributes
FileStandardInformation: u64 AllocationSize, u64 EndOfFile, u32 NumberOfLinks, bool DeletePending, bool Directory
FileInternalInformation: u64 IndexNumber
FileEaInformation: u32 EaSize
FileAccessInformation: fileaccess AccessFlags
FileNameInformation: ${NAME}
FileAlternateNameInformation: ${NAME}
FileRenameInformation: ${RENAME}
FileLinkInformation: ${RENAME}
FileDispositionInformation: bool DeleteFile
FilePositionInformation: u64 CurrentByteOffset
FileModeInformation: options Mode
FileAllocationInformation: u64 AllocationSize
FileEndOfFileInformation: u64 EndOfFile
FileValidDataLengthInformation: u64 ValidDataLength
FilePipeInformation: pipemode ReadMode, pipecompletion CompletionMode
FilePipeLocalInformation: pipetype NamedPipeType, pipeconfiguration NamedPipeConfiguration, u32 MaximumInstances, u32 CurrentInstances, u32 InboundQuota, u32 ReadDataAvailable, u32 OutboundQuota, u32 WriteQuotaAvailable, pipestate NamedPipeState, pipeend NamedPipeEnd
FileMailslotQueryInformation: u32 MaximumMessageSize, u32 MailslotQuota, u32 NextMessageSize, u32 MessagesAvailable, wait ReadTimeout
FileCompletionInformation: handle Port, x32 Key
FileNetworkOpenInformation: ${TIMES}, u64 AllocationSize, u64 EndOfFile, attributes FileAttributes
FileAttributeTagInformation: attributes FileAttributes, x32 ReparseTag
*FileDirectoryInformation: ${ENTRY}, wide(FileNameLength) FileName
*FileFullDirectoryInformation: ${ENTRY}, u32 EaSize, wide(FileNameLength) FileName
*FileIdFullDirectoryInformation: ${ENTRY}, u32 EaSize, u64 FileId, wide(FileNameLength) FileName
*FileBothDirectoryInformation: ${ENTRY}, u32 EaSize, ${SHORT}, wide(FileNameLength) FileName
*FileIdBothDirectoryInformation: ${ENTRY}, u32 EaSize, ${SHORT}, u64 FileId, wide(FileNameLength) FileName
*FileNamesInformation: u32 -, u32 FileIndex, ${NAME}
*FileStreamInformation: u32 -, u32 -StreamNameLength, u64 StreamSize, u64 StreamAllocationSize, wide(StreamNameLength) StreamName
FileFsVolumeInformation: time VolumeCreationTime, x32 VolumeSerialNumber, u32 -VolumeLabelLength, bool SupportsObjects, wide(VolumeLabelLength) VolumeLabel
FileFsLabelInformation: u32 -VolumeLabelLength, wide(VolumeLabelLength) VolumeLabel
FileFsSizeInformation: u64 TotalAllocationUnits, u64 AvailableAllocationUnits, u32 SectorsPerAllocationUnit, u32 BytesPerSector
FileFsFullSizeInformation: u64 TotalAllocationUnits, u64 CallerAvailableAllocationUnits, u64 ActualAvailableAllocationUnits, u32 SectorsPerAllocationUnit, u32 BytesPerSector
FileFsDeviceInformation: x32 DeviceType, x32 Characteristics
FileFsAttributeInformation: x32 FileSystemAttributes, i32 MaximumComponentNameLength, u32 -FileSystemNameLength, wide(FileSystemNameLength) FileSystemName
ProcessBasicInformation: exit ExitStatus, x32 PebBaseAddress, x32 AffinityMask, i32 BasePriority, u32 UniqueProcessId, u32 InheritedFromUniqueProcessId
ProcessTimes: ${KERNEL_USER}
ProcessBasePriority: i32 BasePriority
ProcessDebugPort: x32 DebugPort
ProcessExceptionPort: handle Port
ProcessAccessToken: handle Token, handle Thread
ProcessDefaultHardErrorMode: x32 Mode
ProcessPriorityClass: bool Foreground, u8 PriorityClass
ProcessHandleCount: u32 HandleCount
ProcessSessionInformation: u32 SessionId
ProcessWow64Information: x32 Wow64
ProcessImageFileName: unicode ImageFileName
ProcessBreakOnTermination: u32 BreakOnTermination
ProcessDebugObjectHandle: handle DebugObject
ProcessDebugFlags: x32 Flags
ProcessExecuteFlags: x32 Flags
ProcessCookie: x32 Cookie
ThreadBasicInformation: exit ExitStatus, x32 TebBaseAddress, u32 UniqueProcess, u32 UniqueThread, x32 AffinityMask, i32 Priority, i32 BasePriority
ThreadTimes: ${KERNEL_USER}
ThreadPriority: i32 Priority
ThreadBasePriority: i32 BasePriority
ThreadAffinityMask: x32 AffinityMask
ThreadImpersonationToken: handle Token
ThreadQuerySetWin32StartAddress: x32 StartAddress
ThreadAmILastThread: u32 LastThread
ThreadIsIoPending: u32 IoPending
SystemBasicInformation: u32 -, u32 TimerResolution, u32 PageSize, u32 NumberOfPhysicalPages, u32 LowestPhysicalPageNumber, u32 HighestPhysicalPageNumber, u32 AllocationGranularity, x32 MinimumUserModeAddress, x32 MaximumUserModeAddress, x32 ActiveProcessorsAffinityMask, u8 NumberOfProcessors
SystemTimeOfDayInformation: time BootTime, time CurrentTime, span TimeZoneBias, u32 TimeZoneId
SystemKernelDebuggerInformation: bool KernelDebuggerEnabled, bool KernelDebuggerNotPresent
*SystemProcessInformation: ${PROCESS}
KeyBasicInformation: time LastWriteTime, u32 TitleIndex, u32 -NameLength, wide(NameLength) Name
KeyNodeInformation: time LastWriteTime, u32 TitleIndex, u32 -, u32 -, u32 -NameLength, wide(NameLength) Name
KeyFullInformation: time LastWriteTime, u32 TitleIndex, u32 -, u32 -ClassLength, u32 SubKeys, u32 MaxNameLen, u32 MaxClassLen, u32 Values, u32 MaxValueNameLen, u32 MaxValueDataLen, wide(ClassLength) Class
KeyNameInformation: u32 -NameLength, wide(NameLength) Name
KeyWriteTimeInformation: time LastWriteTime
KeyValueBasicInformation: u32 TitleIndex, registry Type, u32 -NameLength, wide(NameLength) Name
KeyValueFullInformation: u32 TitleIndex, registry Type, u32 -DataOffset, u32 -DataLength, u32 -NameLength, wide(NameLength) Name, value(DataLength@DataOffset) Data
KeyValuePartialInformation: u32 TitleIndex, registry Type, u32 -DataLength, value(DataLength) Data
MemoryBasicInformation: x32 BaseAddress, x32 AllocationBase, protection AllocationProtect, x32 RegionSize, allocation State, protection Protect, allocation Type
MemoryMappedFilenameInformation: unicode SectionFileName
SectionBasicInformation: x32 BaseAddress, section AllocationAttributes, u64 MaximumSize
SectionImageInformation: x32 TransferAddress, u32 ZeroBits, x32 MaximumStackSize, x32 CommittedStackSize, u32 SubSystemType
ObjectBasicInformation: object Attributes, access GrantedAccess, u32 HandleCount, u32 PointerCount
ObjectNameInformation: unicode Name
ObjectTypeInformation: unicode TypeName, u32 TotalNumberOfObjects, u32 TotalNumberOfHandles
ObjectHandleFlagInformation: bool Inherit, bool ProtectFromClose
TokenType: token TokenType
TokenSessionId: u32 SessionId
EventBasicInformation: event EventType, i32 EventState
MutantBasicInformation: i32 CurrentCount, bool OwnedByCaller, bool AbandonedState
SemaphoreBasicInformation: i32 CurrentCount, i32 MaximumCount
TimerBasicInformation: wait RemainingTime, bool TimerState
IoCompletionBasicInformation: i32 Depth
`;
