/**
 * The numbers of information classes: wdm.h, ntifs.h, winternl.h and, for those that are in none, ntpsapi.h, ntexapi.h and
 * others of Process Hacker. Those that came after NT 6.0 are left out.
 */
import { counted, type Naming } from './decode-names.ts';

/** By the type of the parameter. */
export const INFORMATION_CLASSES: Readonly<Record<string, Naming>> = {
  FILE_INFORMATION_CLASS: counted(
    1,
    `Directory FullDirectory BothDirectory Basic Standard Internal Ea Access Name Rename Link Names Disposition Position
    FullEa Mode Alignment All Allocation EndOfFile AlternateName Stream Pipe PipeLocal PipeRemote MailslotQuery
    MailslotSet Compression ObjectId Completion MoveCluster Quota ReparsePoint NetworkOpen AttributeTag Tracking
    IdBothDirectory IdFullDirectory ValidDataLength ShortName IoCompletionNotification IoStatusBlockRange
    IoPriorityHint SfioReserve SfioVolume HardLink ProcessIdsUsingFile NormalizedName`,
    'File',
    'Information',
  ),
  FS_INFORMATION_CLASS: counted(
    1,
    'Volume Label Size Device Attribute Control FullSize ObjectId DriverPath',
    'FileFs',
    'Information',
  ),
  PROCESSINFOCLASS: counted(
    0,
    `BasicInformation QuotaLimits IoCounters VmCounters Times BasePriority RaisePriority DebugPort ExceptionPort
    AccessToken LdtInformation LdtSize DefaultHardErrorMode IoPortHandlers PooledUsageAndLimits WorkingSetWatch
    UserModeIOPL EnableAlignmentFaultFixup PriorityClass Wx86Information HandleCount AffinityMask PriorityBoost
    DeviceMap SessionInformation ForegroundInformation Wow64Information ImageFileName LUIDDeviceMapsEnabled
    BreakOnTermination DebugObjectHandle DebugFlags HandleTracing IoPriority ExecuteFlags ResourceManagement Cookie
    ImageInformation CycleTime PagePriority InstrumentationCallback`,
    'Process',
  ),
  THREADINFOCLASS: counted(
    0,
    `BasicInformation Times Priority BasePriority AffinityMask ImpersonationToken DescriptorTableEntry
    EnableAlignmentFaultFixup EventPair QuerySetWin32StartAddress ZeroTlsCell PerformanceCount AmILastThread
    IdealProcessor PriorityBoost SetTlsArrayAddress IsIoPending HideFromDebugger BreakOnTermination
    SwitchLegacyState IsTerminated LastSystemCall IoPriority CycleTime PagePriority ActualBasePriority
    TebInformation`,
    'Thread',
  ),
  SYSTEM_INFORMATION_CLASS: counted(
    0,
    `Basic Processor Performance TimeOfDay Path Process CallCount Device ProcessorPerformance Flags CallTime Module
    Locks StackTrace PagedPool NonPagedPool Handle Object PageFile VdmInstemul VdmBop FileCache PoolTag Interrupt
    DpcBehavior FullMemory LoadGdiDriver UnloadGdiDriver TimeAdjustment SummaryMemory MirrorMemory PerformanceTrace
    - Exception CrashDumpState KernelDebugger ContextSwitch RegistryQuota ExtendServiceTable - VerifierAddDriver
    VerifierRemoveDriver ProcessorIdle LegacyDriver CurrentTimeZone Lookaside - - - Session RangeStart Verifier -
    SessionProcess - - Prefetcher ExtendedProcess - - - ProcessorPower EmulationBasic EmulationProcessor
    ExtendedHandle LostDelayedWrite BigPool SessionPoolTag SessionMappedView Hotpatch - - WatchdogTimer
    LogicalProcessor - - FirmwareTable`,
    'System',
    'Information',
  ),
  KEY_INFORMATION_CLASS: counted(0, 'Basic Node Full Name Cached Flags', 'Key', 'Information'),
  KEY_VALUE_INFORMATION_CLASS: counted(
    0,
    `BasicInformation FullInformation PartialInformation FullInformationAlign64 PartialInformationAlign64`,
    'KeyValue',
  ),
  KEY_SET_INFORMATION_CLASS: counted(0, 'KeyWriteTimeInformation'),
  MEMORY_INFORMATION_CLASS: counted(0, 'Basic WorkingSet MappedFilename', 'Memory', 'Information'),
  SECTION_INFORMATION_CLASS: counted(0, 'Basic Image', 'Section', 'Information'),
  OBJECT_INFORMATION_CLASS: counted(0, 'Basic Name Type Types HandleFlag', 'Object', 'Information'),
  TOKEN_INFORMATION_CLASS: counted(
    1,
    `User Groups Privileges Owner PrimaryGroup DefaultDacl Source Type ImpersonationLevel Statistics RestrictedSids
    SessionId GroupsAndPrivileges SessionReference SandBoxInert AuditPolicy Origin`,
    'Token',
  ),
  EVENT_INFORMATION_CLASS: counted(0, 'EventBasicInformation'),
  MUTANT_INFORMATION_CLASS: counted(0, 'MutantBasicInformation'),
  SEMAPHORE_INFORMATION_CLASS: counted(0, 'SemaphoreBasicInformation'),
  TIMER_INFORMATION_CLASS: counted(0, 'TimerBasicInformation'),
  IO_COMPLETION_INFORMATION_CLASS: counted(0, 'IoCompletionBasicInformation'),
  PORT_INFORMATION_CLASS: counted(0, 'PortBasicInformation'),
  ATOM_INFORMATION_CLASS: counted(0, 'AtomBasicInformation AtomTableInformation'),
  DEBUGOBJECTINFOCLASS: counted(1, 'DebugObjectKillProcessOnExitInformation'),
  JOBOBJECTINFOCLASS: counted(
    1,
    `BasicAccountingInformation BasicLimitInformation BasicProcessIdList BasicUIRestrictions SecurityLimitInformation
    EndOfJobTimeInformation AssociateCompletionPortInformation BasicAndIoAccountingInformation
    ExtendedLimitInformation JobSetInformation`,
    'JobObject',
  ),
};
