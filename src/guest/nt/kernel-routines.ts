/**
 * Routines that the kernel exports besides its services, with their parameters as Microsoft's driver kit documents them, and
 * how they are called where that is not stdcall. Written as {@link XP_SERVICES} is, with a type for each parameter.
 */

/** Arguments on the stack, popped by the routine. */
export const STDCALL_ROUTINES = `
ExAllocatePool POOL_TYPE PoolType, ULONG NumberOfBytes
ExAllocatePoolWithTag POOL_TYPE PoolType, ULONG NumberOfBytes, ULONG Tag
ExFreePool PVOID P
ExFreePoolWithTag PVOID P, ULONG Tag
ExRaiseStatus NTSTATUS Status
IoAllocateIrp CCHAR StackSize, BOOLEAN ChargeQuota
IoAttachDeviceToDeviceStack PDEVICE_OBJECT SourceDevice, PDEVICE_OBJECT TargetDevice
IoCancelIrp PIRP Irp
IoCreateDevice PDRIVER_OBJECT DriverObject, ULONG DeviceExtensionSize, PUNICODE_STRING DeviceName, ULONG DeviceType, ULONG DeviceCharacteristics, BOOLEAN Exclusive, PDEVICE_OBJECT *DeviceObject
IoCreateSymbolicLink PUNICODE_STRING SymbolicLinkName, PUNICODE_STRING DeviceName
IoDeleteDevice PDEVICE_OBJECT DeviceObject
IoFreeIrp PIRP Irp
IoFreeMdl PMDL Mdl
KeBugCheck ULONG BugCheckCode
KeBugCheckEx ULONG BugCheckCode, ULONG BugCheckParameter1, ULONG BugCheckParameter2, ULONG BugCheckParameter3, ULONG BugCheckParameter4
KeDelayExecutionThread KPROCESSOR_MODE WaitMode, BOOLEAN Alertable, PLARGE_INTEGER Interval
KeInsertQueueApc PKAPC Apc, PVOID SystemArgument1, PVOID SystemArgument2, KPRIORITY Increment
KeReleaseMutex PKMUTEX Mutex, BOOLEAN Wait
KeReleaseSemaphore PKSEMAPHORE Semaphore, KPRIORITY Increment, LONG Adjustment, BOOLEAN Wait
KeSetEvent PKEVENT Event, KPRIORITY Increment, BOOLEAN Wait
KeStackAttachProcess PKPROCESS Process, PKAPC_STATE ApcState
KeUnstackDetachProcess PKAPC_STATE ApcState
KeUserModeCallback ULONG ApiNumber, PVOID InputBuffer, ULONG InputLength, PVOID *OutputBuffer, PULONG OutputLength
KeWaitForMultipleObjects ULONG Count, PVOID *Object, WAIT_TYPE WaitType, KWAIT_REASON WaitReason, KPROCESSOR_MODE WaitMode, BOOLEAN Alertable, PLARGE_INTEGER Timeout, PKWAIT_BLOCK WaitBlockArray
KeWaitForSingleObject PVOID Object, KWAIT_REASON WaitReason, KPROCESSOR_MODE WaitMode, BOOLEAN Alertable, PLARGE_INTEGER Timeout
MmProbeAndLockPages PMDL MemoryDescriptorList, KPROCESSOR_MODE AccessMode, LOCK_OPERATION Operation
MmUnlockPages PMDL MemoryDescriptorList
ObInsertObject PVOID Object, PACCESS_STATE PassedAccessState, ACCESS_MASK DesiredAccess, ULONG ObjectPointerBias, PVOID *NewObject, PHANDLE Handle
ObOpenObjectByPointer PVOID Object, ULONG HandleAttributes, PACCESS_STATE PassedAccessState, ACCESS_MASK DesiredAccess, POBJECT_TYPE ObjectType, KPROCESSOR_MODE AccessMode, PHANDLE Handle
ObReferenceObjectByHandle HANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_TYPE ObjectType, KPROCESSOR_MODE AccessMode, PVOID *Object, POBJECT_HANDLE_INFORMATION HandleInformation
PsCreateSystemThread PHANDLE ThreadHandle, ULONG DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes, HANDLE ProcessHandle, PCLIENT_ID ClientId, PKSTART_ROUTINE StartRoutine, PVOID StartContext
PsConvertToGuiThread
PsLookupProcessByProcessId HANDLE ProcessId, PEPROCESS *Process
PsLookupThreadByThreadId HANDLE ThreadId, PETHREAD *Thread
PsSetCreateProcessNotifyRoutine PCREATE_PROCESS_NOTIFY_ROUTINE NotifyRoutine, BOOLEAN Remove
PsSetCreateThreadNotifyRoutine PCREATE_THREAD_NOTIFY_ROUTINE NotifyRoutine
PsSetLoadImageNotifyRoutine PLOAD_IMAGE_NOTIFY_ROUTINE NotifyRoutine
PsTerminateSystemThread NTSTATUS ExitStatus
RtlFillMemoryUlong PVOID Destination, ULONG Length, ULONG Pattern
RtlInitUnicodeString PUNICODE_STRING DestinationString, PCWSTR SourceString
`;

/** The first two arguments in ECX and EDX. */
export const FASTCALL_ROUTINES = `
ExfInterlockedInsertHeadList PLIST_ENTRY ListHead, PLIST_ENTRY ListEntry, PKSPIN_LOCK Lock
ExfInterlockedInsertTailList PLIST_ENTRY ListHead, PLIST_ENTRY ListEntry, PKSPIN_LOCK Lock
ExfInterlockedRemoveHeadList PLIST_ENTRY ListHead, PKSPIN_LOCK Lock
InterlockedCompareExchange PLONG Destination, LONG Exchange, LONG Comperand
InterlockedDecrement PLONG Addend
InterlockedExchange PLONG Target, LONG Value
InterlockedExchangeAdd PLONG Addend, LONG Value
InterlockedIncrement PLONG Addend
IofCallDriver PDEVICE_OBJECT DeviceObject, PIRP Irp
IofCompleteRequest PIRP Irp, CCHAR PriorityBoost
KefAcquireSpinLockAtDpcLevel PKSPIN_LOCK SpinLock
KefReleaseSpinLockFromDpcLevel PKSPIN_LOCK SpinLock
ObfDereferenceObject PVOID Object
ObfReferenceObject PVOID Object
`;

/** Arguments on the stack, popped by the caller; what is printed by a format has more of them than are listed. */
export const CDECL_ROUTINES = `
DbgPrint PCSTR Format, ...
DbgPrintEx ULONG ComponentId, ULONG Level, PCSTR Format, ...
memcmp PVOID Buffer1, PVOID Buffer2, ULONG Length
memcpy PVOID Destination, PVOID Source, ULONG Length
memmove PVOID Destination, PVOID Source, ULONG Length
memset PVOID Destination, int Value, ULONG Length
strchr PCSTR String, int Character
strcmp PCSTR String1, PCSTR String2
strlen PCSTR String
wcslen PCWSTR String
`;

/** Fastcall by the beginning of the name (ntoskrnl's import library: `@IofCallDriver@8` and the like). */
export const FASTCALL_PREFIXES = /^(Interlocked|Exf|Iof|Obf|Kef|Kf)(?=[A-Z])/;
/** Fastcall, and named as if they were not. */
export const FASTCALL_NAMES: ReadonlySet<string> = new Set(
  (
    'ExAcquireFastMutex ExAcquireFastMutexUnsafe ExAcquireRundownProtection ' +
    'ExAcquireRundownProtectionCacheAware ExAcquireRundownProtectionCacheAwareEx ' +
    'ExAcquireRundownProtectionEx ExEnterCriticalRegionAndAcquireFastMutexUnsafe ' +
    'ExInitializeRundownProtection ExInterlockedAddLargeStatistic ExInterlockedCompareExchange64 ' +
    'ExInterlockedFlushSList ExInterlockedPopEntrySList ExInterlockedPushEntrySList ' +
    'ExReInitializeRundownProtection ExReInitializeRundownProtectionCacheAware ExReleaseFastMutex ' +
    'ExReleaseFastMutexUnsafe ExReleaseFastMutexUnsafeAndLeaveCriticalRegion ' +
    'ExReleaseResourceAndLeaveCriticalRegion ExReleaseResourceLite ExReleaseRundownProtection ' +
    'ExReleaseRundownProtectionCacheAware ExReleaseRundownProtectionCacheAwareEx ' +
    'ExReleaseRundownProtectionEx ExRundownCompleted ExRundownCompletedCacheAware ExTryToAcquireFastMutex ' +
    'ExWaitForRundownProtectionRelease ExWaitForRundownProtectionReleaseCacheAware ExiAcquireFastMutex ' +
    'ExiReleaseFastMutex ExiTryToAcquireFastMutex HalExamineMBR IoAssignDriveLetters ' +
    'IoGetPagingIoPriority IoReadPartitionTable IoSetPartitionInformation IoWritePartitionTable ' +
    'KeAcquireGuardedMutex KeAcquireGuardedMutexUnsafe KeAcquireInStackQueuedSpinLock ' +
    'KeAcquireInStackQueuedSpinLockAtDpcLevel KeAcquireInStackQueuedSpinLockForDpc ' +
    'KeAcquireQueuedSpinLock KeAcquireSpinLockForDpc KeInitializeGuardedMutex KeReleaseGuardedMutex ' +
    'KeReleaseGuardedMutexUnsafe KeReleaseInStackQueuedSpinLock KeReleaseInStackQueuedSpinLockForDpc ' +
    'KeReleaseInStackQueuedSpinLockFromDpcLevel KeReleaseQueuedSpinLock KeSetTimeUpdateNotifyRoutine ' +
    'KiAcquireSpinLock KiReleaseSpinLock RtlPrefetchMemoryNonTemporal RtlUlongByteSwap ' +
    'RtlUlonglongByteSwap RtlUshortByteSwap'
  ).split(' '),
);
/** Helpers of the compiler, which take their arguments in ways of their own. */
export const UNUSUAL_NAMES = /^_(a(ll|ull)|chkstk|alloca|ftol|SEH|EH|CI)/;

/** Variables among the kernel's exports: nothing that can be called. */
export const KERNEL_VARIABLES: ReadonlySet<string> = new Set(
  (
    'CcFastMdlReadWait CcFastReadNotPossible CcFastReadWait ExDesktopObjectType ExEventObjectType ' +
    'ExSemaphoreObjectType ExWindowStationObjectType FsRtlLegalAnsiCharacterArray HalDispatchTable ' +
    'HalPrivateDispatchTable InitSafeBootMode IoAdapterObjectType IoDeviceHandlerObjectSize ' +
    'IoDeviceHandlerObjectType IoDeviceObjectType IoDriverObjectType IoFileObjectType IoReadOperationCount ' +
    'IoReadTransferCount IoStatisticsLock IoWriteOperationCount IoWriteTransferCount KdDebuggerEnabled ' +
    'KdDebuggerNotPresent KdEnteredDebugger KeDcacheFlushCount KeI386MachineType KeIcacheFlushCount ' +
    'KeLoaderBlock KeNumberProcessors KeServiceDescriptorTable KeTickCount KiBugCheckData LpcPortObjectType ' +
    'MmBadPointer MmHighestUserAddress MmSectionObjectType MmSystemRangeStart MmUserProbeAddress NlsAnsiCodePage ' +
    'NlsLeadByteInfo NlsMbCodePageTag NlsMbOemCodePageTag NlsOemCodePage NlsOemLeadByteInfo NtBuildNumber ' +
    'NtGlobalFlag POGOBuffer PsInitialSystemProcess PsJobType PsLoadedModuleList PsProcessType PsThreadType ' +
    'SeExports SePublicDefaultDacl SeSystemDefaultDacl SeTokenObjectType'
  ).split(' '),
);
