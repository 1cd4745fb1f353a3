/*
 * What kernel and programs share: NT's basic types, status codes and the structures that cross between them. Layouts
 * are those of Windows XP SP3 on i386.
 */
#ifndef NT_H
#define NT_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef int i32;
typedef long long i64;
typedef u16 wchar;
typedef i32 NTSTATUS;
typedef void *HANDLE;

#define NTAPI __attribute__((stdcall))
#define NORETURN __attribute__((noreturn))
#define NULL ((void *)0)
#define offsetof(type, field) __builtin_offsetof(type, field)
#define CONTAINER(pointer, type, field) ((type *)((u8 *)(pointer)-offsetof(type, field)))
#define ASSERT_OFFSET(type, field, offset)                                                                             \
  _Static_assert(offsetof(type, field) == (offset), #type "." #field " is not where XP SP3 has it")

#define STATUS_SUCCESS ((NTSTATUS)0x00000000)
#define STATUS_USER_APC ((NTSTATUS)0x000000c0)
#define STATUS_KERNEL_APC ((NTSTATUS)0x00000100)
#define STATUS_ALERTED ((NTSTATUS)0x00000101)
#define STATUS_TIMEOUT ((NTSTATUS)0x00000102)
#define STATUS_PENDING ((NTSTATUS)0x00000103)
#define STATUS_PROCESS_CLONED ((NTSTATUS)0x00000129)
#define STATUS_NO_YIELD_PERFORMED ((NTSTATUS)0x40000024)
#define STATUS_NO_MORE_FILES ((NTSTATUS)0x80000006)
#define STATUS_BUFFER_OVERFLOW ((NTSTATUS)0x80000005)
#define STATUS_BREAKPOINT ((NTSTATUS)0x80000003)
#define STATUS_SINGLE_STEP ((NTSTATUS)0x80000004)
#define STATUS_UNSUCCESSFUL ((NTSTATUS)0xc0000001)
#define STATUS_NOT_IMPLEMENTED ((NTSTATUS)0xc0000002)
#define STATUS_INVALID_INFO_CLASS ((NTSTATUS)0xc0000003)
#define STATUS_INFO_LENGTH_MISMATCH ((NTSTATUS)0xc0000004)
#define STATUS_ACCESS_VIOLATION ((NTSTATUS)0xc0000005)
#define STATUS_IN_PAGE_ERROR ((NTSTATUS)0xc0000006)
#define STATUS_INVALID_HANDLE ((NTSTATUS)0xc0000008)
#define STATUS_INVALID_CID ((NTSTATUS)0xc000000b)
#define STATUS_NO_SUCH_DEVICE ((NTSTATUS)0xc000000e)
#define STATUS_INVALID_PARAMETER ((NTSTATUS)0xc000000d)
#define STATUS_INVALID_DEVICE_REQUEST ((NTSTATUS)0xc0000010)
#define STATUS_END_OF_FILE ((NTSTATUS)0xc0000011)
#define STATUS_NO_MEMORY ((NTSTATUS)0xc0000017)
#define STATUS_CONFLICTING_ADDRESSES ((NTSTATUS)0xc0000018)
#define STATUS_INVALID_SYSTEM_SERVICE ((NTSTATUS)0xc000001c)
#define STATUS_ILLEGAL_INSTRUCTION ((NTSTATUS)0xc000001d)
#define STATUS_ACCESS_DENIED ((NTSTATUS)0xc0000022)
#define STATUS_OBJECT_TYPE_MISMATCH ((NTSTATUS)0xc0000024)
#define STATUS_OBJECT_NAME_INVALID ((NTSTATUS)0xc0000033)
#define STATUS_OBJECT_NAME_NOT_FOUND ((NTSTATUS)0xc0000034)
#define STATUS_OBJECT_NAME_COLLISION ((NTSTATUS)0xc0000035)
#define STATUS_PORT_DISCONNECTED ((NTSTATUS)0xc0000037)
#define STATUS_THREAD_IS_TERMINATING ((NTSTATUS)0xc000004b)
#define STATUS_SUSPEND_COUNT_EXCEEDED ((NTSTATUS)0xc000004a)
#define STATUS_SHARING_VIOLATION ((NTSTATUS)0xc0000043)
#define STATUS_PROCESS_IS_TERMINATING ((NTSTATUS)0xc000010a)
#define STATUS_INVALID_IMAGE_FORMAT ((NTSTATUS)0xc000007b)
#define STATUS_DISK_FULL ((NTSTATUS)0xc000007f)
#define STATUS_INTEGER_DIVIDE_BY_ZERO ((NTSTATUS)0xc0000094)
#define STATUS_PRIVILEGED_INSTRUCTION ((NTSTATUS)0xc0000096)
#define STATUS_INSUFFICIENT_RESOURCES ((NTSTATUS)0xc000009a)
#define STATUS_IO_TIMEOUT ((NTSTATUS)0xc00000b5)
#define STATUS_FILE_IS_A_DIRECTORY ((NTSTATUS)0xc00000ba)
#define STATUS_CANCELLED ((NTSTATUS)0xc0000120)
#define STATUS_NO_CALLBACK_ACTIVE ((NTSTATUS)0xc0000258)
#define STATUS_CONNECTION_REFUSED ((NTSTATUS)0xc0000236)
#define STATUS_HOST_UNREACHABLE ((NTSTATUS)0xc000023d)
#define STATUS_CONTROL_C_EXIT ((NTSTATUS)0xc000013a)
#define STATUS_STACK_OVERFLOW ((NTSTATUS)0xc00000fd)

#define NtCurrentProcess() ((HANDLE)-1)
#define NtCurrentThread() ((HANDLE)-2)

typedef struct {
  u16 Length, MaximumLength;
  wchar *Buffer;
} UNICODE_STRING;
typedef struct {
  u32 Length;
  HANDLE RootDirectory;
  UNICODE_STRING *ObjectName;
  u32 Attributes;
  void *SecurityDescriptor, *SecurityQualityOfService;
} OBJECT_ATTRIBUTES;
#define OBJ_INHERIT 2u
#define OBJ_CASE_INSENSITIVE 0x40u
typedef struct {
  NTSTATUS Status;
  u32 Information;
} IO_STATUS_BLOCK;
typedef struct {
  u32 UniqueProcess, UniqueThread;
} CLIENT_ID;
typedef struct LIST_ENTRY {
  struct LIST_ENTRY *Flink, *Blink;
} LIST_ENTRY;
typedef i64 LARGE_INTEGER; /* 100 ns; negative: from now on */

/* NtCreateFile */
#define FILE_SUPERSEDE 0
#define FILE_OPEN 1
#define FILE_CREATE 2
#define FILE_OPEN_IF 3
#define FILE_OVERWRITE_IF 5
#define FILE_DIRECTORY_FILE 1
#define FILE_SYNCHRONOUS_IO_NONALERT 0x20
#define GENERIC_READ 0x80000000u
#define GENERIC_WRITE 0x40000000u
#define SYNCHRONIZE 0x100000u

/* NtQueryDirectoryFile, class 1 */
typedef struct {
  u32 NextEntryOffset, FileIndex;
  LARGE_INTEGER CreationTime, LastAccessTime, LastWriteTime, ChangeTime, EndOfFile, AllocationSize;
  u32 FileAttributes, FileNameLength;
  wchar FileName[1];
} FILE_DIRECTORY_INFORMATION;
/* NtQueryInformationFile, class 5 */
typedef struct {
  LARGE_INTEGER AllocationSize, EndOfFile;
  u32 NumberOfLinks;
  u8 DeletePending, Directory;
} FILE_STANDARD_INFORMATION;
/* NtQueryInformationProcess, class 0 */
typedef struct {
  NTSTATUS ExitStatus;
  void *PebBaseAddress;
  u32 AffinityMask;
  i32 BasePriority;
  u32 UniqueProcessId, InheritedFromUniqueProcessId;
} PROCESS_BASIC_INFORMATION;
/* NtQueryInformationThread, class 0 */
typedef struct {
  NTSTATUS ExitStatus;
  void *TebBaseAddress;
  CLIENT_ID ClientId;
  u32 AffinityMask;
  i32 Priority, BasePriority;
} THREAD_BASIC_INFORMATION;
/* NtQuerySystemInformation, class 5: SYSTEM_PROCESS_INFORMATION up to what XP has before the threads (0xb8 bytes) */
typedef struct {
  u32 NextEntryOffset, NumberOfThreads;
  u32 Reserved1[6];
  LARGE_INTEGER CreateTime, UserTime, KernelTime;
  UNICODE_STRING ImageName;
  i32 BasePriority;
  u32 UniqueProcessId, InheritedFromUniqueProcessId, HandleCount;
  u32 Rest[26];
} SYSTEM_PROCESS_INFORMATION;
ASSERT_OFFSET(SYSTEM_PROCESS_INFORMATION, ImageName, 0x38);
ASSERT_OFFSET(SYSTEM_PROCESS_INFORMATION, UniqueProcessId, 0x44);
_Static_assert(sizeof(SYSTEM_PROCESS_INFORMATION) == 0xb8, "SYSTEM_PROCESS_INFORMATION");

#define MEM_COMMIT 0x1000u
#define MEM_RESERVE 0x2000u
#define MEM_RELEASE 0x8000u
#define PAGE_READWRITE 4u

/* A thread's user-mode registers (winnt.h, i386): 0x2cc bytes with the floating point area. */
typedef struct {
  u32 ContextFlags;
  u32 Dr0, Dr1, Dr2, Dr3, Dr6, Dr7;
  u8 FloatSave[112];
  u32 SegGs, SegFs, SegEs, SegDs;
  u32 Edi, Esi, Ebx, Edx, Ecx, Eax;
  u32 Ebp, Eip, SegCs, EFlags, Esp, SegSs;
  u8 ExtendedRegisters[512];
} CONTEXT;
ASSERT_OFFSET(CONTEXT, Edi, 0x9c);
ASSERT_OFFSET(CONTEXT, Eip, 0xb8);
ASSERT_OFFSET(CONTEXT, Esp, 0xc4);
_Static_assert(sizeof(CONTEXT) == 0x2cc, "CONTEXT");
#define CONTEXT_FULL 0x10007u

typedef struct {
  void *OldStackBase, *OldStackLimit, *StackBase, *StackLimit, *StackAllocationBase;
} INITIAL_TEB;

typedef struct EXCEPTION_RECORD {
  NTSTATUS ExceptionCode;
  u32 ExceptionFlags;
  struct EXCEPTION_RECORD *ExceptionRecord;
  void *ExceptionAddress;
  u32 NumberParameters;
  u32 ExceptionInformation[15];
} EXCEPTION_RECORD;
#define EXCEPTION_NONCONTINUABLE 1u
#define EXCEPTION_UNWINDING 2u

/* The head of every KPCR and TEB; FS:0 in both modes. */
typedef struct NT_TIB {
  void *ExceptionList, *StackBase, *StackLimit, *SubSystemTib, *FiberData, *ArbitraryUserPointer;
  struct NT_TIB *Self;
} NT_TIB;

typedef struct {
  u32 MaximumLength, Length, Flags, DebugFlags;
  HANDLE ConsoleHandle;
  u32 ConsoleFlags;
  HANDLE StandardInput, StandardOutput, StandardError;
  UNICODE_STRING CurrentDirectory;
  HANDLE CurrentDirectoryHandle;
  UNICODE_STRING DllPath, ImagePathName, CommandLine;
  void *Environment;
} RTL_USER_PROCESS_PARAMETERS;
ASSERT_OFFSET(RTL_USER_PROCESS_PARAMETERS, StandardInput, 0x18);
ASSERT_OFFSET(RTL_USER_PROCESS_PARAMETERS, ImagePathName, 0x38);
ASSERT_OFFSET(RTL_USER_PROCESS_PARAMETERS, CommandLine, 0x40);

typedef struct {
  LIST_ENTRY InLoadOrderLinks, InMemoryOrderLinks, InInitializationOrderLinks;
  void *DllBase, *EntryPoint;
  u32 SizeOfImage;
  UNICODE_STRING FullDllName, BaseDllName;
  u32 Flags;
  u16 LoadCount, TlsIndex;
  LIST_ENTRY HashLinks;
  u32 TimeDateStamp;
} LDR_DATA_TABLE_ENTRY;
ASSERT_OFFSET(LDR_DATA_TABLE_ENTRY, DllBase, 0x18);
ASSERT_OFFSET(LDR_DATA_TABLE_ENTRY, BaseDllName, 0x2c);

typedef struct {
  u32 Length;
  u8 Initialized;
  void *SsHandle;
  LIST_ENTRY InLoadOrderModuleList, InMemoryOrderModuleList, InInitializationOrderModuleList;
} PEB_LDR_DATA;

typedef struct {
  u8 InheritedAddressSpace, ReadImageFileExecOptions, BeingDebugged, BitField;
  HANDLE Mutant;
  void *ImageBaseAddress;
  PEB_LDR_DATA *Ldr;
  RTL_USER_PROCESS_PARAMETERS *ProcessParameters;
  void *SubSystemData, *ProcessHeap, *FastPebLock, *FastPebLockRoutine, *FastPebUnlockRoutine;
  u32 EnvironmentUpdateCount;
  void **KernelCallbackTable;
} PEB;
ASSERT_OFFSET(PEB, ProcessParameters, 0x10);
ASSERT_OFFSET(PEB, KernelCallbackTable, 0x2c);

typedef struct {
  NT_TIB NtTib;
  void *EnvironmentPointer;
  CLIENT_ID ClientId;
  void *ActiveRpcHandle, *ThreadLocalStoragePointer;
  PEB *ProcessEnvironmentBlock;
  u32 LastErrorValue;
} TEB;
ASSERT_OFFSET(TEB, ClientId, 0x20);
ASSERT_OFFSET(TEB, ProcessEnvironmentBlock, 0x30);

/* LPC: a header of 24 bytes, then data. */
typedef struct {
  u16 DataLength, TotalLength, Type, DataInfoOffset;
  CLIENT_ID ClientId;
  u32 MessageId, CallbackId;
} PORT_MESSAGE;
_Static_assert(sizeof(PORT_MESSAGE) == 24, "PORT_MESSAGE");
#define PORT_MAXIMUM_MESSAGE 128u

typedef void(NTAPI *PKNORMAL_ROUTINE)(void *context, void *argument1, void *argument2);

/* User-mode addresses, as XP has them. */
#define USER_IMAGE_BASE 0x00400000u
#define NTDLL_BASE 0x7c900000u
#define PEB_ADDRESS 0x7ffdf000u
#define USER_SHARED_DATA 0x7ffe0000u
#define MM_USER_PROBE_ADDRESS 0x7fff0000u
/* Offsets in KUSER_SHARED_DATA: where ntdll finds the way into the kernel, and where SYSEXIT returns to. */
#define SHARED_TICK_COUNT 0x000u
#define SHARED_SYSTEM_TIME 0x014u
#define SHARED_SYSTEM_CALL 0x300u
#define SHARED_SYSTEM_CALL_RETURN 0x304u

/*
 * Device controls. The serial console: echo what is typed (1) or not (0). The network: see net.c and dns.c. The stress device:
 * see stress.c in the kernel.
 */
#define IOCTL_CONSOLE_ECHO 0x001b0004u
#define IOCTL_NET_RESOLVE 0x00012003u  /* in: host name; out: 4 bytes of address */
#define IOCTL_NET_EXCHANGE 0x0001201fu /* in: 4 bytes address, 2 port (big-endian), data; out: the answer's data */
#define IOCTL_STRESS_UNWIND 0x00222003u
#define IOCTL_STRESS_LONGJMP 0x00222007u
#define IOCTL_STRESS_NESTED 0x0022200bu
#define IOCTL_STRESS_RESTART 0x0022200fu
#define IOCTL_STRESS_CDECL 0x00222013u
#define IOCTL_STRESS_DITHER 0x0022201bu

/*
 * `int 2Dh`, the debug service: here the door by which a program tells the ground truth of itself. Command in EAX,
 * operands in ECX, EDX, EBX; the result comes back in EAX. It is not a system service, and no call of its own.
 */
#define TRUTH_DOOR_FUNCTION 0x4e540001u /* ECX: struct truth_function*; EAX: function number */
#define TRUTH_DOOR_ENTER                                                                                               \
  0x4e540002u /* ECX: function number; EDX: ESP at the entry (points to the return address); EAX: call */
#define TRUTH_DOOR_LEAVE 0x4e540003u  /* ECX: call; EDX: result */
#define TRUTH_DOOR_UNWIND 0x4e540004u /* ECX: every open call of the program with ESP below this is passed over */
#define TRUTH_DOOR_FIBER 0x4e540005u  /* ECX: number of the fiber that the thread goes on with, 0 its own stack */
#define TRUTH_DOOR_MARK 0x4e540006u   /* ECX: number; EDX: text, zero-terminated */
#define TRUTH_DOOR_AGAIN 0x4e540007u  /* ECX: call; EDX: result */
#define TRUTH_DOOR_ASSERT 0x4e540008u /* ECX: line; EDX: text */
struct truth_function {
  const void *address;
  u32 shape;
  const char *name;
};
#define SHAPE_STDCALL(words) (0x010000u | (words))
#define SHAPE_CDECL(words) (0x010100u | (words))
#endif
