/**
 * The system services of Windows XP SP3 (284, from number 0) with their parameters, as the headers of Microsoft's driver and
 * software development kits have them, and for those that are in neither, Nebbett's “Windows NT/2000 Native API Reference”
 * and the headers of Process Hacker. Every parameter is one word.
 */

/**
 * A line is a service: its name, then its parameters, separated by commas. A parameter whose name has one usual type is
 * written by its name alone ({@link PARAMETER_TYPES}).
 */
export const XP_SERVICES = `
NtAcceptConnectPort PHANDLE PortHandle, PortContext, ConnectionRequest, AcceptConnection, PPORT_VIEW ServerView, PREMOTE_PORT_VIEW ClientView
NtAccessCheck SecurityDescriptor, ClientToken, DesiredAccess, GenericMapping, PPRIVILEGE_SET PrivilegeSet, PrivilegeSetLength, PACCESS_MASK GrantedAccess, AccessStatus
NtAccessCheckAndAuditAlarm SubsystemName, HandleId, ObjectTypeName, ObjectName, SecurityDescriptor, DesiredAccess, GenericMapping, ObjectCreation, PACCESS_MASK GrantedAccess, AccessStatus, PBOOLEAN GenerateOnClose
NtAccessCheckByType SecurityDescriptor, PrincipalSelfSid, ClientToken, DesiredAccess, ObjectTypeList, ObjectTypeListLength, GenericMapping, PPRIVILEGE_SET PrivilegeSet, PrivilegeSetLength, PACCESS_MASK GrantedAccess, AccessStatus
NtAccessCheckByTypeAndAuditAlarm SubsystemName, HandleId, ObjectTypeName, ObjectName, SecurityDescriptor, PrincipalSelfSid, DesiredAccess, AuditType, Flags, ObjectTypeList, ObjectTypeListLength, GenericMapping, ObjectCreation, PACCESS_MASK GrantedAccess, AccessStatus, PBOOLEAN GenerateOnClose
NtAccessCheckByTypeResultList SecurityDescriptor, PrincipalSelfSid, ClientToken, DesiredAccess, ObjectTypeList, ObjectTypeListLength, GenericMapping, PPRIVILEGE_SET PrivilegeSet, PrivilegeSetLength, PACCESS_MASK GrantedAccess, AccessStatus
NtAccessCheckByTypeResultListAndAuditAlarm SubsystemName, HandleId, ObjectTypeName, ObjectName, SecurityDescriptor, PrincipalSelfSid, DesiredAccess, AuditType, Flags, ObjectTypeList, ObjectTypeListLength, GenericMapping, ObjectCreation, PACCESS_MASK GrantedAccess, AccessStatus, PBOOLEAN GenerateOnClose
NtAccessCheckByTypeResultListAndAuditAlarmByHandle SubsystemName, HandleId, ClientToken, ObjectTypeName, ObjectName, SecurityDescriptor, PrincipalSelfSid, DesiredAccess, AuditType, Flags, ObjectTypeList, ObjectTypeListLength, GenericMapping, ObjectCreation, PACCESS_MASK GrantedAccess, AccessStatus, PBOOLEAN GenerateOnClose
NtAddAtom AtomName, Length, PRTL_ATOM Atom
NtAddBootEntry PBOOT_ENTRY BootEntry, PULONG Id
NtAdjustGroupsToken TokenHandle, BOOLEAN ResetToDefault, PTOKEN_GROUPS NewState, BufferLength, PTOKEN_GROUPS PreviousState, ReturnLength
NtAdjustPrivilegesToken TokenHandle, BOOLEAN DisableAllPrivileges, PTOKEN_PRIVILEGES NewState, BufferLength, PTOKEN_PRIVILEGES PreviousState, ReturnLength
NtAlertResumeThread ThreadHandle, PreviousSuspendCount
NtAlertThread ThreadHandle
NtAllocateLocallyUniqueId PLUID Luid
NtAllocateUserPhysicalPages ProcessHandle, PULONG NumberOfPages, UserPfnArray
NtAllocateUuids PULARGE_INTEGER Time, PULONG Range, PULONG Sequence, Seed
NtAllocateVirtualMemory ProcessHandle, PVOID *BaseAddress, ZeroBits, PULONG RegionSize, AllocationType, Protect
NtAreMappedFilesTheSame PVOID File1MappedAsAnImage, PVOID File2MappedAsFile
NtAssignProcessToJobObject JobHandle, ProcessHandle
NtCallbackReturn OutputBuffer, ULONG OutputLength, NTSTATUS Status
NtCancelDeviceWakeupRequest HANDLE Device
NtCancelIoFile FileHandle, IoStatusBlock
NtCancelTimer TimerHandle, PBOOLEAN CurrentState
NtClearEvent EventHandle
NtClose Handle
NtCloseObjectAuditAlarm SubsystemName, HandleId, GenerateOnClose
NtCompactKeys Count, PHANDLE KeyArray
NtCompareTokens HANDLE FirstTokenHandle, HANDLE SecondTokenHandle, PBOOLEAN Equal
NtCompleteConnectPort PortHandle
NtCompressKey HANDLE Key
NtConnectPort PHANDLE PortHandle, PortName, SecurityQos, PPORT_VIEW ClientView, PREMOTE_PORT_VIEW ServerView, PULONG MaxMessageLength, PVOID ConnectionInformation, ConnectionInformationLength
NtContinue ContextRecord, BOOLEAN TestAlert
NtCreateDebugObject PHANDLE DebugObjectHandle, DesiredAccess, ObjectAttributes, Flags
NtCreateDirectoryObject PHANDLE DirectoryHandle, DesiredAccess, ObjectAttributes
NtCreateEvent PHANDLE EventHandle, DesiredAccess, ObjectAttributes, EVENT_TYPE EventType, BOOLEAN InitialState
NtCreateEventPair PHANDLE EventPairHandle, DesiredAccess, ObjectAttributes
NtCreateFile PHANDLE FileHandle, DesiredAccess, ObjectAttributes, IoStatusBlock, PLARGE_INTEGER AllocationSize, ULONG FileAttributes, ShareAccess, CreateDisposition, CreateOptions, PVOID EaBuffer, ULONG EaLength
NtCreateIoCompletion PHANDLE IoCompletionHandle, DesiredAccess, ObjectAttributes, Count
NtCreateJobObject PHANDLE JobHandle, DesiredAccess, ObjectAttributes
NtCreateJobSet ULONG NumJob, PJOB_SET_ARRAY UserJobSet, Flags
NtCreateKey PHANDLE KeyHandle, DesiredAccess, ObjectAttributes, TitleIndex, PUNICODE_STRING Class, CreateOptions, PULONG Disposition
NtCreateMailslotFile PHANDLE FileHandle, DesiredAccess, ObjectAttributes, IoStatusBlock, CreateOptions, ULONG MailslotQuota, ULONG MaximumMessageSize, PLARGE_INTEGER ReadTimeout
NtCreateMutant PHANDLE MutantHandle, DesiredAccess, ObjectAttributes, BOOLEAN InitialOwner
NtCreateNamedPipeFile PHANDLE FileHandle, DesiredAccess, ObjectAttributes, IoStatusBlock, ShareAccess, CreateDisposition, CreateOptions, ULONG NamedPipeType, ULONG ReadMode, ULONG CompletionMode, ULONG MaximumInstances, ULONG InboundQuota, ULONG OutboundQuota, PLARGE_INTEGER DefaultTimeout
NtCreatePagingFile PUNICODE_STRING PageFileName, PLARGE_INTEGER MinimumSize, PLARGE_INTEGER MaximumSize, ULONG Priority
NtCreatePort PHANDLE PortHandle, ObjectAttributes, MaxConnectionInfoLength, ULONG MaxMessageLength, MaxPoolUsage
NtCreateProcess PHANDLE ProcessHandle, DesiredAccess, ObjectAttributes, ParentProcess, BOOLEAN InheritObjectTable, SectionHandle, DebugPort, ExceptionPort
NtCreateProcessEx PHANDLE ProcessHandle, DesiredAccess, ObjectAttributes, ParentProcess, Flags, SectionHandle, DebugPort, ExceptionPort, ULONG JobMemberLevel
NtCreateProfile PHANDLE ProfileHandle, HANDLE Process, PVOID RangeBase, ULONG RangeSize, ULONG BucketSize, PULONG Buffer, ULONG BufferSize, KPROFILE_SOURCE ProfileSource, KAFFINITY Affinity
NtCreateSection PHANDLE SectionHandle, DesiredAccess, ObjectAttributes, PLARGE_INTEGER MaximumSize, ULONG SectionPageProtection, ULONG AllocationAttributes, FileHandle
NtCreateSemaphore PHANDLE SemaphoreHandle, DesiredAccess, ObjectAttributes, LONG InitialCount, LONG MaximumCount
NtCreateSymbolicLinkObject PHANDLE LinkHandle, DesiredAccess, ObjectAttributes, LinkTarget
NtCreateThread PHANDLE ThreadHandle, DesiredAccess, ObjectAttributes, ProcessHandle, ClientId, ThreadContext, PINITIAL_TEB InitialTeb, BOOLEAN CreateSuspended
NtCreateTimer PHANDLE TimerHandle, DesiredAccess, ObjectAttributes, TIMER_TYPE TimerType
NtCreateToken PHANDLE TokenHandle, DesiredAccess, ObjectAttributes, TOKEN_TYPE TokenType, PLUID AuthenticationId, PLARGE_INTEGER ExpirationTime, PTOKEN_USER User, PTOKEN_GROUPS Groups, PTOKEN_PRIVILEGES Privileges, PTOKEN_OWNER Owner, PTOKEN_PRIMARY_GROUP PrimaryGroup, PTOKEN_DEFAULT_DACL DefaultDacl, PTOKEN_SOURCE TokenSource
NtCreateWaitablePort PHANDLE PortHandle, ObjectAttributes, MaxConnectionInfoLength, ULONG MaxMessageLength, MaxPoolUsage
NtDebugActiveProcess ProcessHandle, DebugObjectHandle
NtDebugContinue DebugObjectHandle, ClientId, NTSTATUS ContinueStatus
NtDelayExecution Alertable, PLARGE_INTEGER DelayInterval
NtDeleteAtom RTL_ATOM Atom
NtDeleteBootEntry ULONG Id
NtDeleteFile ObjectAttributes
NtDeleteKey KeyHandle
NtDeleteObjectAuditAlarm SubsystemName, HandleId, GenerateOnClose
NtDeleteValueKey KeyHandle, ValueName
NtDeviceIoControlFile FileHandle, Event, ApcRoutine, ApcContext, IoStatusBlock, IoControlCode, InputBuffer, InputBufferLength, OutputBuffer, OutputBufferLength
NtDisplayString PUNICODE_STRING String
NtDuplicateObject HANDLE SourceProcessHandle, HANDLE SourceHandle, HANDLE TargetProcessHandle, PHANDLE TargetHandle, DesiredAccess, HandleAttributes, ULONG Options
NtDuplicateToken HANDLE ExistingTokenHandle, DesiredAccess, ObjectAttributes, BOOLEAN EffectiveOnly, TOKEN_TYPE TokenType, PHANDLE NewTokenHandle
NtEnumerateBootEntries Buffer, PULONG BufferLength
NtEnumerateKey KeyHandle, ULONG Index, KeyInformationClass, KeyInformation, Length, ResultLength
NtEnumerateSystemEnvironmentValuesEx ULONG InformationClass, Buffer, PULONG BufferLength
NtEnumerateValueKey KeyHandle, ULONG Index, KeyValueInformationClass, KeyValueInformation, Length, ResultLength
NtExtendSection SectionHandle, PLARGE_INTEGER NewSectionSize
NtFilterToken HANDLE ExistingTokenHandle, Flags, PTOKEN_GROUPS SidsToDisable, PTOKEN_PRIVILEGES PrivilegesToDelete, PTOKEN_GROUPS RestrictedSids, PHANDLE NewTokenHandle
NtFindAtom AtomName, Length, PRTL_ATOM Atom
NtFlushBuffersFile FileHandle, IoStatusBlock
NtFlushInstructionCache ProcessHandle, BaseAddress, Length
NtFlushKey KeyHandle
NtFlushVirtualMemory ProcessHandle, PVOID *BaseAddress, PULONG RegionSize, PIO_STATUS_BLOCK IoStatus
NtFlushWriteBuffer
NtFreeUserPhysicalPages ProcessHandle, PULONG NumberOfPages, UserPfnArray
NtFreeVirtualMemory ProcessHandle, PVOID *BaseAddress, PULONG RegionSize, ULONG FreeType
NtFsControlFile FileHandle, Event, ApcRoutine, ApcContext, IoStatusBlock, ULONG FsControlCode, InputBuffer, InputBufferLength, OutputBuffer, OutputBufferLength
NtGetContextThread ThreadHandle, ThreadContext
NtGetDevicePowerState HANDLE Device, PDEVICE_POWER_STATE State
NtGetPlugPlayEvent EventHandle, PVOID Context, PPLUGPLAY_EVENT_BLOCK EventBlock, ULONG EventBufferSize
NtGetWriteWatch ProcessHandle, Flags, BaseAddress, ULONG RegionSize, PVOID *UserAddressArray, PULONG EntriesInUserAddressArray, PULONG Granularity
NtImpersonateAnonymousToken ThreadHandle
NtImpersonateClientOfPort PortHandle, Message
NtImpersonateThread HANDLE ServerThreadHandle, HANDLE ClientThreadHandle, SecurityQos
NtInitializeRegistry USHORT BootCondition
NtInitiatePowerAction SystemAction, MinSystemState, Flags, BOOLEAN Asynchronous
NtIsProcessInJob ProcessHandle, JobHandle
NtIsSystemResumeAutomatic
NtListenPort PortHandle, ConnectionRequest
NtLoadDriver DriverServiceName
NtLoadKey TargetKey, SourceFile
NtLoadKey2 TargetKey, SourceFile, Flags
NtLockFile FileHandle, Event, ApcRoutine, ApcContext, IoStatusBlock, ByteOffset, PLARGE_INTEGER Length, ULONG Key, BOOLEAN FailImmediately, BOOLEAN ExclusiveLock
NtLockProductActivationKeys PULONG PrivateVersion, PULONG SafeMode
NtLockRegistryKey KeyHandle
NtLockVirtualMemory ProcessHandle, PVOID *BaseAddress, PULONG RegionSize, MapType
NtMakePermanentObject Handle
NtMakeTemporaryObject Handle
NtMapUserPhysicalPages PVOID VirtualAddress, ULONG NumberOfPages, UserPfnArray
NtMapUserPhysicalPagesScatter PVOID *VirtualAddresses, ULONG NumberOfPages, UserPfnArray
NtMapViewOfSection SectionHandle, ProcessHandle, PVOID *BaseAddress, ZeroBits, ULONG CommitSize, PLARGE_INTEGER SectionOffset, PULONG ViewSize, SECTION_INHERIT InheritDisposition, AllocationType, ULONG Win32Protect
NtModifyBootEntry PBOOT_ENTRY BootEntry
NtNotifyChangeDirectoryFile FileHandle, Event, ApcRoutine, ApcContext, IoStatusBlock, Buffer, Length, CompletionFilter, WatchTree
NtNotifyChangeKey KeyHandle, Event, ApcRoutine, ApcContext, IoStatusBlock, CompletionFilter, WatchTree, Buffer, ULONG BufferSize, BOOLEAN Asynchronous
NtNotifyChangeMultipleKeys HANDLE MasterKeyHandle, Count, POBJECT_ATTRIBUTES SlaveObjects, Event, ApcRoutine, ApcContext, IoStatusBlock, CompletionFilter, WatchTree, Buffer, ULONG BufferSize, BOOLEAN Asynchronous
NtOpenDirectoryObject PHANDLE DirectoryHandle, DesiredAccess, ObjectAttributes
NtOpenEvent PHANDLE EventHandle, DesiredAccess, ObjectAttributes
NtOpenEventPair PHANDLE EventPairHandle, DesiredAccess, ObjectAttributes
NtOpenFile PHANDLE FileHandle, DesiredAccess, ObjectAttributes, IoStatusBlock, ShareAccess, ULONG OpenOptions
NtOpenIoCompletion PHANDLE IoCompletionHandle, DesiredAccess, ObjectAttributes
NtOpenJobObject PHANDLE JobHandle, DesiredAccess, ObjectAttributes
NtOpenKey PHANDLE KeyHandle, DesiredAccess, ObjectAttributes
NtOpenMutant PHANDLE MutantHandle, DesiredAccess, ObjectAttributes
NtOpenObjectAuditAlarm SubsystemName, HandleId, ObjectTypeName, ObjectName, SecurityDescriptor, ClientToken, DesiredAccess, ACCESS_MASK GrantedAccess, PPRIVILEGE_SET Privileges, ObjectCreation, AccessGranted, PBOOLEAN GenerateOnClose
NtOpenProcess PHANDLE ProcessHandle, DesiredAccess, ObjectAttributes, ClientId
NtOpenProcessToken ProcessHandle, DesiredAccess, PHANDLE TokenHandle
NtOpenProcessTokenEx ProcessHandle, DesiredAccess, HandleAttributes, PHANDLE TokenHandle
NtOpenSection PHANDLE SectionHandle, DesiredAccess, ObjectAttributes
NtOpenSemaphore PHANDLE SemaphoreHandle, DesiredAccess, ObjectAttributes
NtOpenSymbolicLinkObject PHANDLE LinkHandle, DesiredAccess, ObjectAttributes
NtOpenThread PHANDLE ThreadHandle, DesiredAccess, ObjectAttributes, ClientId
NtOpenThreadToken ThreadHandle, DesiredAccess, OpenAsSelf, PHANDLE TokenHandle
NtOpenThreadTokenEx ThreadHandle, DesiredAccess, OpenAsSelf, HandleAttributes, PHANDLE TokenHandle
NtOpenTimer PHANDLE TimerHandle, DesiredAccess, ObjectAttributes
NtPlugPlayControl PLUGPLAY_CONTROL_CLASS PnPControlClass, PVOID PnPControlData, ULONG PnPControlDataLength
NtPowerInformation POWER_INFORMATION_LEVEL InformationLevel, InputBuffer, InputBufferLength, OutputBuffer, OutputBufferLength
NtPrivilegeCheck ClientToken, PPRIVILEGE_SET RequiredPrivileges, PBOOLEAN Result
NtPrivilegeObjectAuditAlarm SubsystemName, HandleId, ClientToken, DesiredAccess, PPRIVILEGE_SET Privileges, AccessGranted
NtPrivilegedServiceAuditAlarm SubsystemName, PUNICODE_STRING ServiceName, ClientToken, PPRIVILEGE_SET Privileges, AccessGranted
NtProtectVirtualMemory ProcessHandle, PVOID *BaseAddress, PULONG RegionSize, ULONG NewProtect, PULONG OldProtect
NtPulseEvent EventHandle, PreviousState
NtQueryAttributesFile ObjectAttributes, PFILE_BASIC_INFORMATION FileInformation
NtQueryBootEntryOrder PULONG Ids, PULONG Count
NtQueryBootOptions PBOOT_OPTIONS BootOptions, PULONG BootOptionsLength
NtQueryDebugFilterState ULONG ComponentId, ULONG Level
NtQueryDefaultLocale BOOLEAN UserProfile, PLCID DefaultLocaleId
NtQueryDefaultUILanguage PLANGID DefaultUILanguageId
NtQueryDirectoryFile FileHandle, Event, ApcRoutine, ApcContext, IoStatusBlock, FileInformation, Length, FileInformationClass, ReturnSingleEntry, PUNICODE_STRING FileName, RestartScan
NtQueryDirectoryObject DirectoryHandle, Buffer, Length, ReturnSingleEntry, RestartScan, PULONG Context, ReturnLength
NtQueryEaFile FileHandle, IoStatusBlock, Buffer, Length, ReturnSingleEntry, PVOID EaList, ULONG EaListLength, PULONG EaIndex, RestartScan
NtQueryEvent EventHandle, EVENT_INFORMATION_CLASS EventInformationClass, PVOID EventInformation, ULONG EventInformationLength, ReturnLength
NtQueryFullAttributesFile ObjectAttributes, PFILE_NETWORK_OPEN_INFORMATION FileInformation
NtQueryInformationAtom RTL_ATOM Atom, ATOM_INFORMATION_CLASS AtomInformationClass, PVOID AtomInformation, ULONG AtomInformationLength, ReturnLength
NtQueryInformationFile FileHandle, IoStatusBlock, FileInformation, Length, FileInformationClass
NtQueryInformationJobObject JobHandle, JobObjectInformationClass, JobObjectInformation, JobObjectInformationLength, ReturnLength
NtQueryInformationPort PortHandle, PORT_INFORMATION_CLASS PortInformationClass, PVOID PortInformation, Length, ReturnLength
NtQueryInformationProcess ProcessHandle, ProcessInformationClass, ProcessInformation, ProcessInformationLength, ReturnLength
NtQueryInformationThread ThreadHandle, ThreadInformationClass, ThreadInformation, ThreadInformationLength, ReturnLength
NtQueryInformationToken TokenHandle, TokenInformationClass, TokenInformation, TokenInformationLength, ReturnLength
NtQueryInstallUILanguage PLANGID InstallUILanguageId
NtQueryIntervalProfile KPROFILE_SOURCE ProfileSource, PULONG Interval
NtQueryIoCompletion IoCompletionHandle, IO_COMPLETION_INFORMATION_CLASS IoCompletionInformationClass, PVOID IoCompletionInformation, ULONG IoCompletionInformationLength, ReturnLength
NtQueryKey KeyHandle, KeyInformationClass, KeyInformation, Length, ResultLength
NtQueryMultipleValueKey KeyHandle, PKEY_VALUE_ENTRY ValueEntries, ULONG EntryCount, PVOID ValueBuffer, PULONG BufferLength, PULONG RequiredBufferLength
NtQueryMutant MutantHandle, MUTANT_INFORMATION_CLASS MutantInformationClass, PVOID MutantInformation, ULONG MutantInformationLength, ReturnLength
NtQueryObject Handle, ObjectInformationClass, ObjectInformation, ObjectInformationLength, ReturnLength
NtQueryOpenSubKeys TargetKey, PULONG HandleCount
NtQueryPerformanceCounter PLARGE_INTEGER PerformanceCounter, PLARGE_INTEGER PerformanceFrequency
NtQueryQuotaInformationFile FileHandle, IoStatusBlock, Buffer, Length, ReturnSingleEntry, PVOID SidList, ULONG SidListLength, PSID StartSid, RestartScan
NtQuerySection SectionHandle, SECTION_INFORMATION_CLASS SectionInformationClass, PVOID SectionInformation, ULONG SectionInformationLength, ReturnLength
NtQuerySecurityObject Handle, SecurityInformation, SecurityDescriptor, Length, PULONG LengthNeeded
NtQuerySemaphore SemaphoreHandle, SEMAPHORE_INFORMATION_CLASS SemaphoreInformationClass, PVOID SemaphoreInformation, ULONG SemaphoreInformationLength, ReturnLength
NtQuerySymbolicLinkObject LinkHandle, LinkTarget, PULONG ReturnedLength
NtQuerySystemEnvironmentValue VariableName, PWSTR VariableValue, USHORT ValueLength, PUSHORT ReturnLength
NtQuerySystemEnvironmentValueEx VariableName, LPGUID VendorGuid, PVOID Value, PULONG ValueLength, PULONG Attributes
NtQuerySystemInformation SystemInformationClass, SystemInformation, SystemInformationLength, ReturnLength
NtQuerySystemTime PLARGE_INTEGER SystemTime
NtQueryTimer TimerHandle, TIMER_INFORMATION_CLASS TimerInformationClass, PVOID TimerInformation, ULONG TimerInformationLength, ReturnLength
NtQueryTimerResolution PULONG MaximumTime, PULONG MinimumTime, PULONG CurrentTime
NtQueryValueKey KeyHandle, ValueName, KeyValueInformationClass, KeyValueInformation, Length, ResultLength
NtQueryVirtualMemory ProcessHandle, BaseAddress, MEMORY_INFORMATION_CLASS MemoryInformationClass, PVOID MemoryInformation, ULONG MemoryInformationLength, ReturnLength
NtQueryVolumeInformationFile FileHandle, IoStatusBlock, FsInformation, Length, FsInformationClass
NtQueueApcThread ThreadHandle, PPS_APC_ROUTINE ApcRoutine, PVOID ApcArgument1, PVOID ApcArgument2, PVOID ApcArgument3
NtRaiseException PEXCEPTION_RECORD ExceptionRecord, ContextRecord, BOOLEAN FirstChance
NtRaiseHardError NTSTATUS ErrorStatus, ULONG NumberOfParameters, ULONG UnicodeStringParameterMask, PULONG Parameters, ULONG ValidResponseOptions, PULONG Response
NtReadFile FileHandle, Event, ApcRoutine, ApcContext, IoStatusBlock, Buffer, Length, ByteOffset, Key
NtReadFileScatter FileHandle, Event, ApcRoutine, ApcContext, IoStatusBlock, SegmentArray, Length, ByteOffset, Key
NtReadRequestData PortHandle, Message, ULONG DataEntryIndex, Buffer, ULONG BufferSize, PULONG NumberOfBytesRead
NtReadVirtualMemory ProcessHandle, BaseAddress, Buffer, ULONG BufferSize, PULONG NumberOfBytesRead
NtRegisterThreadTerminatePort PortHandle
NtReleaseMutant MutantHandle, PreviousCount
NtReleaseSemaphore SemaphoreHandle, LONG ReleaseCount, PreviousCount
NtRemoveIoCompletion IoCompletionHandle, PVOID *KeyContext, PVOID *ApcContext, IoStatusBlock, Timeout
NtRemoveProcessDebug ProcessHandle, DebugObjectHandle
NtRenameKey KeyHandle, PUNICODE_STRING NewName
NtReplaceKey POBJECT_ATTRIBUTES NewFile, HANDLE TargetHandle, POBJECT_ATTRIBUTES OldFile
NtReplyPort PortHandle, ReplyMessage
NtReplyWaitReceivePort PortHandle, PVOID *PortContext, ReplyMessage, ReceiveMessage
NtReplyWaitReceivePortEx PortHandle, PVOID *PortContext, ReplyMessage, ReceiveMessage, Timeout
NtReplyWaitReplyPort PortHandle, ReplyMessage
NtRequestDeviceWakeup HANDLE Device
NtRequestPort PortHandle, RequestMessage
NtRequestWaitReplyPort PortHandle, RequestMessage, ReplyMessage
NtRequestWakeupLatency LATENCY_TIME Latency
NtResetEvent EventHandle, PreviousState
NtResetWriteWatch ProcessHandle, BaseAddress, ULONG RegionSize
NtRestoreKey KeyHandle, FileHandle, Flags
NtResumeProcess ProcessHandle
NtResumeThread ThreadHandle, PreviousSuspendCount
NtSaveKey KeyHandle, FileHandle
NtSaveKeyEx KeyHandle, FileHandle, ULONG Format
NtSaveMergedKeys HANDLE HighPrecedenceKeyHandle, HANDLE LowPrecedenceKeyHandle, FileHandle
NtSecureConnectPort PHANDLE PortHandle, PortName, SecurityQos, PPORT_VIEW ClientView, PSID RequiredServerSid, PREMOTE_PORT_VIEW ServerView, PULONG MaxMessageLength, PVOID ConnectionInformation, ConnectionInformationLength
NtSetBootEntryOrder PULONG Ids, Count
NtSetBootOptions PBOOT_OPTIONS BootOptions, ULONG FieldsToChange
NtSetContextThread ThreadHandle, ThreadContext
NtSetDebugFilterState ULONG ComponentId, ULONG Level, BOOLEAN State
NtSetDefaultHardErrorPort HANDLE DefaultHardErrorPort
NtSetDefaultLocale BOOLEAN UserProfile, LCID DefaultLocaleId
NtSetDefaultUILanguage LANGID DefaultUILanguageId
NtSetEaFile FileHandle, IoStatusBlock, Buffer, Length
NtSetEvent EventHandle, PreviousState
NtSetEventBoostPriority EventHandle
NtSetHighEventPair EventPairHandle
NtSetHighWaitLowEventPair EventPairHandle
NtSetInformationDebugObject DebugObjectHandle, DEBUGOBJECTINFOCLASS DebugObjectInformationClass, PVOID DebugInformation, ULONG DebugInformationLength, ReturnLength
NtSetInformationFile FileHandle, IoStatusBlock, FileInformation, Length, FileInformationClass
NtSetInformationJobObject JobHandle, JobObjectInformationClass, JobObjectInformation, JobObjectInformationLength
NtSetInformationKey KeyHandle, KEY_SET_INFORMATION_CLASS KeySetInformationClass, PVOID KeySetInformation, ULONG KeySetInformationLength
NtSetInformationObject Handle, ObjectInformationClass, ObjectInformation, ObjectInformationLength
NtSetInformationProcess ProcessHandle, ProcessInformationClass, ProcessInformation, ProcessInformationLength
NtSetInformationThread ThreadHandle, ThreadInformationClass, ThreadInformation, ThreadInformationLength
NtSetInformationToken TokenHandle, TokenInformationClass, TokenInformation, TokenInformationLength
NtSetIntervalProfile ULONG Interval, KPROFILE_SOURCE Source
NtSetIoCompletion IoCompletionHandle, PVOID KeyContext, ApcContext, NTSTATUS IoStatus, ULONG IoStatusInformation
NtSetLdtEntries ULONG Selector0, ULONG Entry0Low, ULONG Entry0Hi, ULONG Selector1, ULONG Entry1Low, ULONG Entry1Hi
NtSetLowEventPair EventPairHandle
NtSetLowWaitHighEventPair EventPairHandle
NtSetQuotaInformationFile FileHandle, IoStatusBlock, Buffer, Length
NtSetSecurityObject Handle, SecurityInformation, SecurityDescriptor
NtSetSystemEnvironmentValue VariableName, PUNICODE_STRING VariableValue
NtSetSystemEnvironmentValueEx VariableName, LPGUID VendorGuid, PVOID Value, ULONG ValueLength, ULONG Attributes
NtSetSystemInformation SystemInformationClass, SystemInformation, SystemInformationLength
NtSetSystemPowerState SystemAction, MinSystemState, Flags
NtSetSystemTime PLARGE_INTEGER SystemTime, PLARGE_INTEGER PreviousTime
NtSetThreadExecutionState EXECUTION_STATE Flags, PEXECUTION_STATE PreviousFlags
NtSetTimer TimerHandle, PLARGE_INTEGER DueTime, PTIMER_APC_ROUTINE TimerApcRoutine, PVOID TimerContext, BOOLEAN WakeTimer, LONG Period, PBOOLEAN PreviousState
NtSetTimerResolution ULONG DesiredTime, BOOLEAN SetResolution, PULONG ActualTime
NtSetUuidSeed Seed
NtSetValueKey KeyHandle, ValueName, TitleIndex, ULONG Type, PVOID Data, ULONG DataSize
NtSetVolumeInformationFile FileHandle, IoStatusBlock, FsInformation, Length, FsInformationClass
NtShutdownSystem SHUTDOWN_ACTION Action
NtSignalAndWaitForSingleObject HANDLE SignalHandle, HANDLE WaitHandle, Alertable, Timeout
NtStartProfile ProfileHandle
NtStopProfile ProfileHandle
NtSuspendProcess ProcessHandle
NtSuspendThread ThreadHandle, PreviousSuspendCount
NtSystemDebugControl SYSDBG_COMMAND Command, InputBuffer, InputBufferLength, OutputBuffer, OutputBufferLength, ReturnLength
NtTerminateJobObject JobHandle, ExitStatus
NtTerminateProcess ProcessHandle, ExitStatus
NtTerminateThread ThreadHandle, ExitStatus
NtTestAlert
NtTraceEvent HANDLE TraceHandle, Flags, ULONG FieldSize, PVOID Fields
NtTranslateFilePath PFILE_PATH InputFilePath, ULONG OutputType, PFILE_PATH OutputFilePath, PULONG OutputFilePathLength
NtUnloadDriver DriverServiceName
NtUnloadKey TargetKey
NtUnloadKeyEx TargetKey, Event
NtUnlockFile FileHandle, IoStatusBlock, ByteOffset, PLARGE_INTEGER Length, ULONG Key
NtUnlockVirtualMemory ProcessHandle, PVOID *BaseAddress, PULONG RegionSize, MapType
NtUnmapViewOfSection ProcessHandle, BaseAddress
NtVdmControl VDMSERVICECLASS Service, PVOID ServiceData
NtWaitForDebugEvent DebugObjectHandle, Alertable, Timeout, PDBGUI_WAIT_STATE_CHANGE WaitStateChange
NtWaitForMultipleObjects Count, PHANDLE Handles, WAIT_TYPE WaitType, Alertable, Timeout
NtWaitForSingleObject Handle, Alertable, Timeout
NtWaitHighEventPair EventPairHandle
NtWaitLowEventPair EventPairHandle
NtWriteFile FileHandle, Event, ApcRoutine, ApcContext, IoStatusBlock, Buffer, Length, ByteOffset, Key
NtWriteFileGather FileHandle, Event, ApcRoutine, ApcContext, IoStatusBlock, SegmentArray, Length, ByteOffset, Key
NtWriteRequestData PortHandle, Message, ULONG DataEntryIndex, Buffer, ULONG BufferSize, PULONG NumberOfBytesWritten
NtWriteVirtualMemory ProcessHandle, BaseAddress, Buffer, ULONG BufferSize, PULONG NumberOfBytesWritten
NtYieldExecution
NtCreateKeyedEvent PHANDLE KeyedEventHandle, DesiredAccess, ObjectAttributes, Flags
NtOpenKeyedEvent PHANDLE KeyedEventHandle, DesiredAccess, ObjectAttributes
NtReleaseKeyedEvent KeyedEventHandle, KeyValue, Alertable, Timeout
NtWaitForKeyedEvent KeyedEventHandle, KeyValue, Alertable, Timeout
NtQueryPortInformationProcess
`;

/** A line is a type, then the names of the parameters that usually have it. */
export const PARAMETER_TYPES = `
ACCESS_MASK DesiredAccess
AUDIT_EVENT_TYPE AuditType
BOOLEAN AcceptConnection AccessGranted Alertable GenerateOnClose ObjectCreation OpenAsSelf RestartScan ReturnSingleEntry WatchTree
FILE_INFORMATION_CLASS FileInformationClass
FS_INFORMATION_CLASS FsInformationClass
HANDLE ClientToken DebugObjectHandle DebugPort DirectoryHandle Event EventHandle EventPairHandle ExceptionPort FileHandle Handle IoCompletionHandle JobHandle KeyHandle KeyedEventHandle LinkHandle MutantHandle ParentProcess PortHandle ProcessHandle ProfileHandle SectionHandle SemaphoreHandle ThreadHandle TimerHandle TokenHandle
JOBOBJECTINFOCLASS JobObjectInformationClass
KEY_INFORMATION_CLASS KeyInformationClass
KEY_VALUE_INFORMATION_CLASS KeyValueInformationClass
NTSTATUS ExitStatus
OBJECT_INFORMATION_CLASS ObjectInformationClass
PCLIENT_ID ClientId
PCONTEXT ContextRecord ThreadContext
PFILE_SEGMENT_ELEMENT SegmentArray
PGENERIC_MAPPING GenericMapping
PIO_APC_ROUTINE ApcRoutine
PIO_STATUS_BLOCK IoStatusBlock
PLARGE_INTEGER ByteOffset Timeout
PLONG PreviousCount PreviousState
PNTSTATUS AccessStatus
POBJECT_ATTRIBUTES ObjectAttributes SourceFile TargetKey
POBJECT_TYPE_LIST ObjectTypeList
POWER_ACTION SystemAction
PPORT_MESSAGE ConnectionRequest Message ReceiveMessage ReplyMessage RequestMessage
PROCESSINFOCLASS ProcessInformationClass
PSECURITY_DESCRIPTOR SecurityDescriptor
PSECURITY_QUALITY_OF_SERVICE SecurityQos
PSID PrincipalSelfSid
PUCHAR Seed
PULONG ConnectionInformationLength Key PreviousSuspendCount PrivilegeSetLength ResultLength ReturnLength UserPfnArray
PUNICODE_STRING DriverServiceName LinkTarget ObjectName ObjectTypeName PortName SubsystemName ValueName VariableName
PVOID ApcContext BaseAddress Buffer FileInformation FsInformation HandleId InputBuffer JobObjectInformation KeyInformation KeyValue KeyValueInformation ObjectInformation OutputBuffer PortContext ProcessInformation SystemInformation ThreadInformation TokenInformation
PWSTR AtomName
SECURITY_INFORMATION SecurityInformation
SYSTEM_INFORMATION_CLASS SystemInformationClass
SYSTEM_POWER_STATE MinSystemState
THREADINFOCLASS ThreadInformationClass
TOKEN_INFORMATION_CLASS TokenInformationClass
ULONG AllocationType BufferLength CompletionFilter Count CreateDisposition CreateOptions Flags HandleAttributes InputBufferLength IoControlCode JobObjectInformationLength Length MapType MaxConnectionInfoLength MaxPoolUsage ObjectInformationLength ObjectTypeListLength OutputBufferLength ProcessInformationLength Protect ShareAccess SystemInformationLength ThreadInformationLength TitleIndex TokenInformationLength ZeroBits
`;
