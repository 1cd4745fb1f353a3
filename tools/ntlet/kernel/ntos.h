/*
 * The kernel's own structures, laid out as in Windows XP SP3 (NT 5.1, i386) wherever an analyst's tool would look.
 * What is ntlet's own stands behind NT's fields. Offsets: the public symbols of XP SP3's ntoskrnl.
 */
#ifndef NTOS_H
#define NTOS_H
#include "nt.h"

#define KERNEL_BASE 0x80400000u
#define KSEG0 0x80000000u /* physical memory is mapped from here on */
#define KPCR_ADDRESS 0xffdff000u
#define KERNEL_SHARED_DATA 0xffdf0000u
#define PDE_BASE 0xc0300000u
#define PAGE 4096u
#define TICK_MS 4u /* the clock's period; a tick */
#define FOREVER 0xffffffffu

#define R0_CODE 0x08u
#define R0_DATA 0x10u
#define R3_CODE 0x1bu
#define R3_DATA 0x23u
#define R0_PCR 0x30u
#define R3_TEB 0x3bu

enum { KernelMode, UserMode };
/* KTHREAD.State */
enum { Initialized, Ready, Running, Standby, Terminated, Waiting };
/* DISPATCHER_HEADER.Type */
enum { NotificationEvent = 0, SynchronizationEvent = 1, ProcessObject = 3, ThreadObject = 6 };

typedef struct {
  u8 Type, Absolute, Size, Inserted;
  i32 SignalState;
  LIST_ENTRY WaitListHead;
} DISPATCHER_HEADER;
typedef DISPATCHER_HEADER KEVENT;

typedef struct {
  LIST_ENTRY WaitListEntry;
  struct ETHREAD *Thread;
  DISPATCHER_HEADER *Object;
  void *NextWaitBlock;
  u16 WaitKey, WaitType;
} KWAIT_BLOCK;

typedef struct {
  LIST_ENTRY ApcListHead[2];
  struct EPROCESS *Process;
  u8 KernelApcInProgress, KernelApcPending, UserApcPending, Pad;
} KAPC_STATE;

typedef struct {
  u16 Type, Size;
  u32 Spare0;
  struct ETHREAD *Thread;
  LIST_ENTRY ApcListEntry;
  void *KernelRoutine, *RundownRoutine;
  PKNORMAL_ROUTINE NormalRoutine;
  void *NormalContext, *SystemArgument1, *SystemArgument2;
  u8 ApcStateIndex, ApcMode, Inserted;
} KAPC;

/* What the processor and the entry code leave on the kernel stack. Dr0-Dr3 are unused; the dispatcher keeps notes
   there. */
typedef struct KTRAP_FRAME {
  u32 DbgEbp, DbgEip, DbgArgMark, DbgArgPointer, TempSegCs, TempEsp;
  u32 OpenCalls, HeldObjects, Door, Dr3, Dr6, Dr7; /* Dr0-Dr2: see above */
  u32 SegGs, SegEs, SegDs, Edx, Ecx, Eax, PreviousPreviousMode, ExceptionList, SegFs;
  u32 Edi, Esi, Ebx, Ebp, ErrCode, Eip, SegCs, EFlags, HardwareEsp, HardwareSegSs;
  u32 V86Es, V86Ds, V86Fs, V86Gs;
} KTRAP_FRAME;
ASSERT_OFFSET(KTRAP_FRAME, Edx, 0x3c);
ASSERT_OFFSET(KTRAP_FRAME, ExceptionList, 0x4c);
ASSERT_OFFSET(KTRAP_FRAME, Eip, 0x68);
_Static_assert(sizeof(KTRAP_FRAME) == 0x8c, "KTRAP_FRAME");
#define NPX_AREA 0x210u /* at the top of every kernel stack NT keeps the FPU's state; ntlet has none */

/* A call that is open in a thread: the ground truth's shadow stack. */
struct open_call {
  u32 Number, Function, Esp;
  u8 Stack, SharesReturn;
};
#define OPEN_CALLS 48
#define HELD_OBJECTS 12

typedef struct ETHREAD {
  /* KTHREAD */
  DISPATCHER_HEADER Header;
  LIST_ENTRY MutantListHead;
  u32 InitialStack, StackLimit;
  TEB *Teb;
  void *TlsArray;
  u32 KernelStack;
  u8 DebugActive, State, Alerted[2], Iopl, NpxState, Saturation, Priority;
  KAPC_STATE ApcState;
  u32 ContextSwitches;
  u8 IdleSwapBlock, Spare0[3];
  NTSTATUS WaitStatus;
  u8 WaitIrql, WaitMode, WaitNext, WaitReason;
  KWAIT_BLOCK *WaitBlockList;
  LIST_ENTRY WaitListEntry; /* also the link of the ready queue */
  u32 WaitTime;
  u8 BasePriority, DecrementCount, PriorityDecrement, Quantum;
  KWAIT_BLOCK WaitBlock[4];
  void *LegoData;
  u32 KernelApcDisable, UserAffinity;
  u8 SystemAffinityActive, PowerState, NpxIrql, InitialNode;
  struct KSERVICE_TABLE_DESCRIPTOR *ServiceTable;
  u8 QueueToTimer[0x11c - 0xe4];
  u8 Pad11c[0x12c - 0x11c];
  u32 CallbackStack;
  void *Win32Thread;
  KTRAP_FRAME *TrapFrame;
  void *ApcStatePointer[2];
  u8 PreviousMode, EnableStackSwap, LargeStack, ResourceIndex;
  u32 KernelTime, UserTime;
  u8 SavedApcState[0x18];
  u8 Alertable, ApcStateIndex, ApcQueueable, AutoAlignment;
  u32 StackBase;
  u8 SuspendApcAndSemaphore[0x1b0 - 0x16c];
  LIST_ENTRY ThreadListEntry;
  u8 FreezeCount, SuspendCount, IdealProcessor, DisableBoost;
  u32 Pad1bc;
  /* ETHREAD */
  LARGE_INTEGER CreateTime, ExitTime;
  NTSTATUS ExitStatus;
  u8 Pad1d4[0x1ec - 0x1d4];
  CLIENT_ID Cid;
  u8 Pad1f4[0x210 - 0x1f4];
  LIST_ENTRY IrpList;
  u8 Pad218[0x220 - 0x218];
  struct EPROCESS *ThreadsProcess;
  void *StartAddress, *Win32StartAddress;
  LIST_ENTRY EThreadListEntry;
  u8 Pad234[0x248 - 0x234];
  u32 CrossThreadFlags;
  u8 Pad24c[0x258 - 0x24c];
  /* ntlet's own */
  u32 Generation;
  u32 WakeTick;                        /* FOREVER: not before it is signalled */
  u8 Terminating, Door, Fiber, Pad263; /* Door: see truth.c; Fiber: the stack that the program says it is on */
  NTSTATUS TerminateStatus;
  u32 OpenCount, HeldCount;
  struct open_call Open[OPEN_CALLS];
  void *Held[HELD_OBJECTS];
  u32 UserStack;                /* goes when the thread ends */
  struct port_request *Request; /* LPC: what this thread waits for an answer to */
} ETHREAD;
ASSERT_OFFSET(ETHREAD, KernelStack, 0x28);
ASSERT_OFFSET(ETHREAD, State, 0x2d);
ASSERT_OFFSET(ETHREAD, ApcState, 0x34);
ASSERT_OFFSET(ETHREAD, ContextSwitches, 0x4c);
ASSERT_OFFSET(ETHREAD, WaitListEntry, 0x60);
ASSERT_OFFSET(ETHREAD, WaitBlock, 0x70);
ASSERT_OFFSET(ETHREAD, ServiceTable, 0xe0);
ASSERT_OFFSET(ETHREAD, CallbackStack, 0x12c);
ASSERT_OFFSET(ETHREAD, TrapFrame, 0x134);
ASSERT_OFFSET(ETHREAD, PreviousMode, 0x140);
ASSERT_OFFSET(ETHREAD, StackBase, 0x168);
ASSERT_OFFSET(ETHREAD, ThreadListEntry, 0x1b0);
ASSERT_OFFSET(ETHREAD, CreateTime, 0x1c0);
ASSERT_OFFSET(ETHREAD, Cid, 0x1ec);
ASSERT_OFFSET(ETHREAD, ThreadsProcess, 0x220);
ASSERT_OFFSET(ETHREAD, StartAddress, 0x224);
ASSERT_OFFSET(ETHREAD, EThreadListEntry, 0x22c);
ASSERT_OFFSET(ETHREAD, CrossThreadFlags, 0x248);
ASSERT_OFFSET(ETHREAD, Generation, 0x258);
ASSERT_OFFSET(ETHREAD, Door, 0x261);

/* A range of user addresses. Its pages come into being at the first touch. */
struct region {
  u32 Base, Size;
};
#define REGIONS 192

typedef struct EPROCESS {
  /* KPROCESS */
  DISPATCHER_HEADER Header;
  LIST_ENTRY ProfileListHead;
  u32 DirectoryTableBase[2];
  u8 Pad20[0x50 - 0x20];
  LIST_ENTRY ThreadListHead;
  u8 Pad58[0x6c - 0x58];
  /* EPROCESS */
  u32 ProcessLock;
  LARGE_INTEGER CreateTime, ExitTime;
  u32 RundownProtect, UniqueProcessId;
  LIST_ENTRY ActiveProcessLinks;
  u8 Pad90[0xc4 - 0x90];
  struct HANDLE_TABLE *ObjectTable;
  void *Token;
  u8 Padcc[0x11c - 0xcc];
  void *VadRoot;
  u8 Pad120[0x138 - 0x120];
  void *SectionObject, *SectionBaseAddress;
  u8 Pad140[0x14c - 0x140];
  u32 InheritedFromUniqueProcessId;
  u8 Pad150[0x174 - 0x150];
  char ImageFileName[16];
  u8 Pad184[0x190 - 0x184];
  LIST_ENTRY EThreadListHead;
  u8 Pad198[0x1a0 - 0x198];
  u32 ActiveThreads, GrantedAccess, DefaultHardErrorProcessing;
  NTSTATUS LastThreadExitStatus;
  PEB *Peb;
  u8 Pad1b4[0x248 - 0x1b4];
  u32 Flags;
  NTSTATUS ExitStatus;
  u8 Pad250[0x260 - 0x250];
  /* ntlet's own */
  u32 Generation, NextTeb;
  u8 Exiting;
  struct region Regions[REGIONS];
} EPROCESS;
ASSERT_OFFSET(EPROCESS, DirectoryTableBase, 0x18);
ASSERT_OFFSET(EPROCESS, ThreadListHead, 0x50);
ASSERT_OFFSET(EPROCESS, UniqueProcessId, 0x84);
ASSERT_OFFSET(EPROCESS, ActiveProcessLinks, 0x88);
ASSERT_OFFSET(EPROCESS, ObjectTable, 0xc4);
ASSERT_OFFSET(EPROCESS, SectionBaseAddress, 0x13c);
ASSERT_OFFSET(EPROCESS, InheritedFromUniqueProcessId, 0x14c);
ASSERT_OFFSET(EPROCESS, ImageFileName, 0x174);
ASSERT_OFFSET(EPROCESS, EThreadListHead, 0x190);
ASSERT_OFFSET(EPROCESS, ActiveThreads, 0x1a0);
ASSERT_OFFSET(EPROCESS, Peb, 0x1b0);
ASSERT_OFFSET(EPROCESS, ExitStatus, 0x24c);

/* The processor's control region, at FS:0 in the kernel. */
typedef struct {
  NT_TIB NtTib;
  void *SelfPcr, *Prcb;
  u32 Irql, IRR, IrrActive, IDR;
  void *KdVersionBlock, *IDT, *GDT, *TSS;
  u16 MajorVersion, MinorVersion;
  u32 SetMember, StallScaleFactor;
  u8 Pad50[0x120 - 0x50];
  u16 PrcbMinorVersion, PrcbMajorVersion;
  ETHREAD *CurrentThread, *NextThread, *IdleThread;
} KPCR;
ASSERT_OFFSET(KPCR, SelfPcr, 0x1c);
ASSERT_OFFSET(KPCR, KdVersionBlock, 0x34);
ASSERT_OFFSET(KPCR, TSS, 0x40);
ASSERT_OFFSET(KPCR, CurrentThread, 0x124);
#define Pcr ((KPCR *)KPCR_ADDRESS)
#define CurrentThread() (Pcr->CurrentThread)
/* Whose address space is in use: the thread's process, unless it is attached to another. */
#define CurrentSpace() (CurrentThread()->ApcState.Process)

typedef struct KSERVICE_TABLE_DESCRIPTOR {
  const void *const *Base;
  u32 *Count;
  u32 Limit;
  const u8 *Number;
} KSERVICE_TABLE_DESCRIPTOR;
extern KSERVICE_TABLE_DESCRIPTOR KeServiceDescriptorTable[2], KeServiceDescriptorTableShadow[2];

/* Objects: a header of 0x18 bytes, then the body. */
typedef struct OBJECT_TYPE {
  u8 Mutex[0x38];
  LIST_ENTRY TypeList;
  UNICODE_STRING Name;
  void *DefaultObject;
  u32 Index, TotalNumberOfObjects;
} OBJECT_TYPE;
ASSERT_OFFSET(OBJECT_TYPE, Name, 0x40);
typedef struct {
  i32 PointerCount, HandleCount;
  OBJECT_TYPE *Type;
  u8 NameInfoOffset, HandleInfoOffset, QuotaInfoOffset, Flags;
  void *ObjectCreateInfo, *SecurityDescriptor;
} OBJECT_HEADER;
_Static_assert(sizeof(OBJECT_HEADER) == 0x18, "OBJECT_HEADER");
#define OBJECT_OF(body) ((OBJECT_HEADER *)((u8 *)(body) - sizeof(OBJECT_HEADER)))
extern OBJECT_TYPE PsProcessType[1], PsThreadType[1], IoFileObjectType[1], ExEventObjectType[1], LpcPortObjectType[1],
    MmSectionObjectType[1];

typedef struct {
  u32 Object, GrantedAccess;
} HANDLE_TABLE_ENTRY;
typedef struct HANDLE_TABLE {
  HANDLE_TABLE_ENTRY *TableCode;
  EPROCESS *QuotaProcess;
  u32 UniqueProcessId;
  u8 Pad0c[0x3c - 0x0c];
  u32 HandleCount;
} HANDLE_TABLE;
#define HANDLES 512u

typedef struct {
  u16 Type, Size;
  void *DeviceObject, *Vpb, *FsContext, *FsContext2, *SectionObjectPointer, *PrivateCacheMap;
  NTSTATUS FinalStatus;
  void *RelatedFileObject;
  u8 LockOperation, DeletePending, ReadAccess, WriteAccess, DeleteAccess, SharedRead, SharedWrite, SharedDelete;
  u32 Flags;
  UNICODE_STRING FileName;
  LARGE_INTEGER CurrentByteOffset;
  u32 Waiters, Busy;
  void *LastLock;
  u8 Lock[0x10], Event[0x10];
  void *CompletionContext;
} FILE_OBJECT;
ASSERT_OFFSET(FILE_OBJECT, FsContext, 0x0c);
ASSERT_OFFSET(FILE_OBJECT, Flags, 0x2c);
ASSERT_OFFSET(FILE_OBJECT, FileName, 0x30);
_Static_assert(sizeof(FILE_OBJECT) == 0x70, "FILE_OBJECT");
#define FO_SYNCHRONOUS_IO 2u
#endif
