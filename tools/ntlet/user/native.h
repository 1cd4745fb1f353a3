/*
 * The native API: prototypes of the system services in include/services.h and include/shadow.h, with NT's
 * argument lists. What each does is in the Windows driver kit's documentation (as Zw…) or, for the
 * undocumented ones, in Nebbett's "Windows NT/2000 Native API Reference".
 */
#ifndef NATIVE_H
#define NATIVE_H

#define STATUS_OBJECT_PATH_NOT_FOUND ((NTSTATUS)0xc000003a)
#define STATUS_NOT_A_DIRECTORY ((NTSTATUS)0xc0000103)

/* Access rights and options that nt.h has no need of in the kernel's part. */
#define PROCESS_TERMINATE 1u
#define PROCESS_ALL_ACCESS 0x1f0fffu
#define THREAD_ALL_ACCESS 0x1f03ffu
#define SECTION_ALL_ACCESS 0xf001fu
#define EVENT_ALL_ACCESS 0x1f0003u
#define FILE_EXECUTE 0x20u
#define FILE_SHARE_ALL 7u /* read, write and delete */
#define FILE_ATTRIBUTE_DIRECTORY 0x10u
#define FILE_ATTRIBUTE_NORMAL 0x80u
#define PAGE_EXECUTE 0x10u
#define SEC_IMAGE 0x1000000u

/* Information classes */
#define SystemProcessInformation 5u
#define ProcessBasicInformation 0u
#define FileDirectoryInformation 1u
#define FileStandardInformation 5u

/* NtCreateEvent */
#define NotificationEvent 0u    /* stays set until it is reset */
#define SynchronizationEvent 1u /* lets one waiter through */

/* NtShutdownSystem */
#define ShutdownNoReboot 0u
#define ShutdownReboot 1u
#define ShutdownPowerOff 2u

/* PORT_MESSAGE.Type */
#define LPC_REQUEST 1
#define LPC_PORT_CLOSED 5
#define LPC_CLIENT_DIED 6
#define LPC_CONNECTION_REQUEST 10

typedef struct {
  u32 Length, ImpersonationLevel;
  u8 ContextTrackingMode, EffectiveOnly;
} SECURITY_QUALITY_OF_SERVICE;
typedef struct {
  u32 Length;
  HANDLE SectionHandle;
  u32 SectionOffset, ViewSize;
  void *ViewBase, *ViewRemoteBase;
} PORT_VIEW;
typedef struct {
  u32 Length, ViewSize;
  void *ViewBase;
} REMOTE_PORT_VIEW;
typedef void(NTAPI *PIO_APC_ROUTINE)(void *ApcContext, IO_STATUS_BLOCK *IoStatusBlock, u32 Reserved);

/* Processes and threads */
NTSTATUS NTAPI NtCreateProcess(HANDLE *ProcessHandle, u32 DesiredAccess, OBJECT_ATTRIBUTES *ObjectAttributes,
                               HANDLE ParentProcess, u8 InheritObjectTable, HANDLE SectionHandle, HANDLE DebugPort,
                               HANDLE ExceptionPort);
NTSTATUS NTAPI NtOpenProcess(HANDLE *ProcessHandle, u32 DesiredAccess, OBJECT_ATTRIBUTES *ObjectAttributes,
                             CLIENT_ID *ClientId);
NTSTATUS NTAPI NtTerminateProcess(HANDLE ProcessHandle, NTSTATUS ExitStatus);
NTSTATUS NTAPI NtQueryInformationProcess(HANDLE ProcessHandle, u32 ProcessInformationClass, void *Information,
                                         u32 Length, u32 *ReturnLength);
NTSTATUS NTAPI NtQueryInformationThread(HANDLE ThreadHandle, u32 ThreadInformationClass, void *Information, u32 Length,
                                        u32 *ReturnLength);
NTSTATUS NTAPI NtCreateThread(HANDLE *ThreadHandle, u32 DesiredAccess, OBJECT_ATTRIBUTES *ObjectAttributes,
                              HANDLE ProcessHandle, CLIENT_ID *ClientId, CONTEXT *ThreadContext,
                              INITIAL_TEB *InitialTeb, u8 CreateSuspended);
NTSTATUS NTAPI NtOpenThread(HANDLE *ThreadHandle, u32 DesiredAccess, OBJECT_ATTRIBUTES *ObjectAttributes,
                            CLIENT_ID *ClientId);
NTSTATUS NTAPI NtTerminateThread(HANDLE ThreadHandle, NTSTATUS ExitStatus);
NTSTATUS NTAPI NtSuspendThread(HANDLE ThreadHandle, u32 *PreviousSuspendCount);
NTSTATUS NTAPI NtResumeThread(HANDLE ThreadHandle, u32 *PreviousSuspendCount);
NTSTATUS NTAPI NtAlertThread(HANDLE ThreadHandle);
NTSTATUS NTAPI NtAlertResumeThread(HANDLE ThreadHandle, u32 *PreviousSuspendCount);
NTSTATUS NTAPI NtTestAlert(void);
NTSTATUS NTAPI NtQueueApcThread(HANDLE ThreadHandle, PKNORMAL_ROUTINE ApcRoutine, void *ApcContext, void *Argument1,
                                void *Argument2);
NTSTATUS NTAPI NtYieldExecution(void);
NTSTATUS NTAPI NtDelayExecution(u8 Alertable, LARGE_INTEGER *DelayInterval);

/* The ways out of the dispatchers (ntdll/dispatch.S) */
NTSTATUS NTAPI NtContinue(CONTEXT *ThreadContext, u8 TestAlert);
NTSTATUS NTAPI NtRaiseException(EXCEPTION_RECORD *ExceptionRecord, CONTEXT *ThreadContext, u8 FirstChance);
NTSTATUS NTAPI NtCallbackReturn(void *OutputBuffer, u32 OutputLength, NTSTATUS Status);

/* Memory */
NTSTATUS NTAPI NtAllocateVirtualMemory(HANDLE ProcessHandle, void **BaseAddress, u32 ZeroBits, u32 *RegionSize,
                                       u32 AllocationType, u32 Protect);
NTSTATUS NTAPI NtFreeVirtualMemory(HANDLE ProcessHandle, void **BaseAddress, u32 *RegionSize, u32 FreeType);
NTSTATUS NTAPI NtReadVirtualMemory(HANDLE ProcessHandle, void *BaseAddress, void *Buffer, u32 Length, u32 *Read);
NTSTATUS NTAPI NtWriteVirtualMemory(HANDLE ProcessHandle, void *BaseAddress, const void *Buffer, u32 Length,
                                    u32 *Written);
NTSTATUS NTAPI NtCreateSection(HANDLE *SectionHandle, u32 DesiredAccess, OBJECT_ATTRIBUTES *ObjectAttributes,
                               LARGE_INTEGER *MaximumSize, u32 PageProtection, u32 AllocationAttributes,
                               HANDLE FileHandle);

/* Files and devices */
NTSTATUS NTAPI NtCreateFile(HANDLE *FileHandle, u32 DesiredAccess, OBJECT_ATTRIBUTES *ObjectAttributes,
                            IO_STATUS_BLOCK *IoStatusBlock, LARGE_INTEGER *AllocationSize, u32 FileAttributes,
                            u32 ShareAccess, u32 CreateDisposition, u32 CreateOptions, void *EaBuffer, u32 EaLength);
NTSTATUS NTAPI NtOpenFile(HANDLE *FileHandle, u32 DesiredAccess, OBJECT_ATTRIBUTES *ObjectAttributes,
                          IO_STATUS_BLOCK *IoStatusBlock, u32 ShareAccess, u32 OpenOptions);
NTSTATUS NTAPI NtReadFile(HANDLE FileHandle, HANDLE Event, PIO_APC_ROUTINE ApcRoutine, void *ApcContext,
                          IO_STATUS_BLOCK *IoStatusBlock, void *Buffer, u32 Length, LARGE_INTEGER *ByteOffset,
                          u32 *Key);
NTSTATUS NTAPI NtWriteFile(HANDLE FileHandle, HANDLE Event, PIO_APC_ROUTINE ApcRoutine, void *ApcContext,
                           IO_STATUS_BLOCK *IoStatusBlock, const void *Buffer, u32 Length, LARGE_INTEGER *ByteOffset,
                           u32 *Key);
NTSTATUS NTAPI NtDeviceIoControlFile(HANDLE FileHandle, HANDLE Event, PIO_APC_ROUTINE ApcRoutine, void *ApcContext,
                                     IO_STATUS_BLOCK *IoStatusBlock, u32 IoControlCode, void *InputBuffer,
                                     u32 InputLength, void *OutputBuffer, u32 OutputLength);
NTSTATUS NTAPI NtQueryDirectoryFile(HANDLE FileHandle, HANDLE Event, PIO_APC_ROUTINE ApcRoutine, void *ApcContext,
                                    IO_STATUS_BLOCK *IoStatusBlock, void *Buffer, u32 Length, u32 InformationClass,
                                    u8 ReturnSingleEntry, UNICODE_STRING *FileName, u8 RestartScan);
NTSTATUS NTAPI NtQueryInformationFile(HANDLE FileHandle, IO_STATUS_BLOCK *IoStatusBlock, void *Buffer, u32 Length,
                                      u32 InformationClass);
NTSTATUS NTAPI NtDeleteFile(OBJECT_ATTRIBUTES *ObjectAttributes);

/* Objects, events and ports */
NTSTATUS NTAPI NtClose(HANDLE Handle);
NTSTATUS NTAPI NtWaitForSingleObject(HANDLE Handle, u8 Alertable, LARGE_INTEGER *Timeout);
NTSTATUS NTAPI NtCreateEvent(HANDLE *EventHandle, u32 DesiredAccess, OBJECT_ATTRIBUTES *ObjectAttributes, u32 EventType,
                             u8 InitialState);
NTSTATUS NTAPI NtSetEvent(HANDLE EventHandle, i32 *PreviousState);
NTSTATUS NTAPI NtResetEvent(HANDLE EventHandle, i32 *PreviousState);
NTSTATUS NTAPI NtClearEvent(HANDLE EventHandle);
NTSTATUS NTAPI NtCreatePort(HANDLE *PortHandle, OBJECT_ATTRIBUTES *ObjectAttributes, u32 MaxConnectionInfoLength,
                            u32 MaxMessageLength, u32 MaxPoolUsage);
NTSTATUS NTAPI NtConnectPort(HANDLE *PortHandle, UNICODE_STRING *PortName, SECURITY_QUALITY_OF_SERVICE *SecurityQos,
                             PORT_VIEW *ClientView, REMOTE_PORT_VIEW *ServerView, u32 *MaxMessageLength,
                             void *ConnectionInformation, u32 *ConnectionInformationLength);
NTSTATUS NTAPI NtReplyWaitReceivePort(HANDLE PortHandle, void **PortContext, PORT_MESSAGE *ReplyMessage,
                                      PORT_MESSAGE *ReceiveMessage);
NTSTATUS NTAPI NtRequestWaitReplyPort(HANDLE PortHandle, PORT_MESSAGE *RequestMessage, PORT_MESSAGE *ReplyMessage);

/* The system */
NTSTATUS NTAPI NtQuerySystemInformation(u32 SystemInformationClass, void *Information, u32 Length, u32 *ReturnLength);
NTSTATUS NTAPI NtQuerySystemTime(LARGE_INTEGER *SystemTime);
NTSTATUS NTAPI NtQueryPerformanceCounter(LARGE_INTEGER *PerformanceCounter, LARGE_INTEGER *PerformanceFrequency);
NTSTATUS NTAPI NtDisplayString(UNICODE_STRING *String);
NTSTATUS NTAPI NtFlushWriteBuffer(void);
NTSTATUS NTAPI NtShutdownSystem(u32 Action);

/* The windowing system's table */
u32 NTAPI NtGdiFlush(void);
u32 NTAPI NtUserCallOneParam(u32 Param, u32 Routine);

/* The same services by the older door, `int 2Eh` (ntdll/stubs.S). */
NTSTATUS NTAPI Int2eReadFile(HANDLE FileHandle, HANDLE Event, PIO_APC_ROUTINE ApcRoutine, void *ApcContext,
                             IO_STATUS_BLOCK *IoStatusBlock, void *Buffer, u32 Length, LARGE_INTEGER *ByteOffset,
                             u32 *Key);
NTSTATUS NTAPI Int2eWriteFile(HANDLE FileHandle, HANDLE Event, PIO_APC_ROUTINE ApcRoutine, void *ApcContext,
                              IO_STATUS_BLOCK *IoStatusBlock, const void *Buffer, u32 Length, LARGE_INTEGER *ByteOffset,
                              u32 *Key);
NTSTATUS NTAPI Int2eClose(HANDLE Handle);
NTSTATUS NTAPI Int2eDelayExecution(u8 Alertable, LARGE_INTEGER *DelayInterval);
NTSTATUS NTAPI Int2eYieldExecution(void);

#endif
