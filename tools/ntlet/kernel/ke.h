/*
 * What the kernel's files offer each other.
 *
 * Locking is simple: kernel code runs with interrupts off. It lets others run only in KiSwapThread (to wait) and in
 * KiPreemptionPoint, which stands where a service is entered and left. So a thread can be preempted and killed inside
 * any service, but never in the middle of a change to kernel data.
 */
#ifndef KE_H
#define KE_H
#include "ntos.h"

/* Single instructions */
static inline void outb(u16 port, u8 value) { __asm__ volatile("outb %0, %1" ::"a"(value), "Nd"(port)); }
static inline u8 inb(u16 port) {
  u8 v;
  __asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
  return v;
}
static inline u32 rdtsc(void) {
  u32 a, d;
  __asm__ volatile("rdtsc" : "=a"(a), "=d"(d));
  return a;
}
static inline void invlpg(u32 address) { __asm__ volatile("invlpg (%0)" ::"r"(address) : "memory"); }
static inline u32 ReadCr2(void) {
  u32 v;
  __asm__ volatile("mov %%cr2, %0" : "=r"(v));
  return v;
}
static inline u32 ReadCr3(void) {
  u32 v;
  __asm__ volatile("mov %%cr3, %0" : "=r"(v));
  return v;
}
static inline void WriteCr3(u32 v) { __asm__ volatile("mov %0, %%cr3" ::"r"(v) : "memory"); }

/* rtl.c */
void *memcpy(void *to, const void *from, u32 bytes);
void *memmove(void *to, const void *from, u32 bytes);
void *memset(void *to, int value, u32 bytes);
int memcmp(const void *a, const void *b, u32 bytes);
u32 strlen(const char *text);
int strcmp(const char *a, const char *b);
const char *SkipPrefix(const char *text, const char *prefix);
int SameName(const char *a, const char *b); /* letters in either case */
void strlcpy(char *to, const char *from, u32 room);
void InitializeListHead(LIST_ENTRY *head);
void InsertTailList(LIST_ENTRY *head, LIST_ENTRY *entry);
void RemoveEntryList(LIST_ENTRY *entry);
int IsListEmpty(const LIST_ENTRY *head);
u32 Random(void);
u32 DbgPrint(const char *format, ...);

/* truth.c: see src/guest/ntlet/TRUTH.md */
enum { OutcomeReturned = 1, OutcomeUnwound, OutcomeNoReturn, OutcomeKilled, OutcomePending };
enum { DoorDirect, DoorSysenter, DoorInt2e, DoorZw, DoorJump };
enum { EventApc = 1, EventException, EventStackSwitch, EventCallback, EventFiber };
enum {
  FnPsConvertToGuiThread = 0x10000,
  FnKeUserModeCallback,
  FnDbgPrint,
  FnInterlockedExchange,
  FnRtlFillMemoryUlong
};
void TruthBoot(void);
void TruthProcessStart(EPROCESS *process, u32 parent);
void TruthProcessEnd(EPROCESS *process);
void TruthThreadStart(ETHREAD *thread);
void TruthThreadEnd(ETHREAD *thread);
void TruthSwitch(ETHREAD *from, ETHREAD *to);
void TruthComplete(u32 generation, u32 call, NTSTATUS status, u32 information);
void TruthEvent(u32 what, u32 a, u32 b);
void TruthHalt(u32 reason);
void TruthAssert(u32 line, const char *text);
u32 TruthDoor(KTRAP_FRAME *frame);
u32 KiCallEnter(u32 function, u32 *entry, u32 words, const u32 *arguments);
NTSTATUS KiCallLeave(u32 call, NTSTATUS result);
void KiCallEnd(u32 call, u32 outcome, u32 result);
void KiCallUnwind(u32 depth);
void KiCallsKilled(ETHREAD *thread);
#define ASSERT(what) ((what) ? (void)0 : TruthAssert(__LINE__, __FILE__ ": " #what))

enum service_number {
#define SERVICE(number, name, words) Number##name = number,
#include "services.h"
#include "shadow.h"
#undef SERVICE
};
enum service_words {
#define SERVICE(number, name, words) Words##name = words,
#include "services.h"
#include "shadow.h"
#undef SERVICE
};
/* First in a service: tells the truth of it. The frame pointer leads to the return address and the arguments. */
#define ENTER(name)                                                                                                    \
  u32 *const entry_ = (u32 *)__builtin_frame_address(0) + 1;                                                           \
  const u32 call_ = KiCallEnter(Number##name, entry_, Words##name, entry_ + 1)
#define LEAVE(status) return KiCallLeave(call_, (status))
/* What a service writes through a pointer must be in reach before anything is done. */
#define PROBE(pointer)                                                                                                 \
  if (!MmProbe(pointer, sizeof *(pointer))) LEAVE(STATUS_ACCESS_VIOLATION)

/* ke.c: threads, waiting, time */
extern volatile u32 KeTickCount;
extern ETHREAD *KiIdleThread;
extern u32 KiDither;
void KiInitializeClock(void);
void KiReadyThread(ETHREAD *thread);
void KiSwapThread(void);
int KiYield(void);
NORETURN void KiIdleLoop(void);
void KiUnwaitThread(ETHREAD *thread, NTSTATUS status);
void KiPreemptionPoint(void);
void KiSleep(u32 ticks);
void KeInitializeEvent(KEVENT *event, u8 type, i32 state);
void KeSetEvent(KEVENT *event);
NTSTATUS KeWaitForSingleObject(DISPATCHER_HEADER *object, u8 alertable, u32 ticks);
void KiWaitForResume(void);
u32 KiTimeoutTicks(const LARGE_INTEGER *timeout);
void KiClockInterrupt(KTRAP_FRAME *frame);

/* apc.c, except.c */
void KiInsertUserApc(ETHREAD *thread, PKNORMAL_ROUTINE routine, void *context, void *a1, void *a2);
void KiReturnToUser(KTRAP_FRAME *frame);
void KiFrameToContext(const KTRAP_FRAME *frame, CONTEXT *context);
void KiContextToFrame(const CONTEXT *context, KTRAP_FRAME *frame);
int KiDispatchUserException(KTRAP_FRAME *frame, const EXCEPTION_RECORD *record, const CONTEXT *context);
NORETURN void KeBugCheck(u32 code, u32 a);
/* __try in the kernel: KiTry returns 0, and later, if the guarded code raised, the exception's code. */
struct seh_frame {
  struct seh_frame *Next;
  void *Handler;
  u32 Ebx, Esi, Edi, Ebp, Esp, Eip;
  u32 OpenCalls, HeldObjects;
  KTRAP_FRAME *TrapFrame;
  u32 PreviousMode;
};
NTSTATUS KiTry(struct seh_frame *frame) __attribute__((returns_twice));
void KiEndTry(struct seh_frame *frame);
NORETURN void ExRaiseStatus(NTSTATUS status);
NORETURN void KiUnwindTo(struct seh_frame *frame, NTSTATUS value);
NTSTATUS NTAPI KeUserModeCallback(u32 api, const void *input, u32 length, void **output, u32 *outputLength);

/* mm.c */
void MmInitialize(void);
void *ExAllocatePool(u32 bytes); /* zeroed; NULL if there is none */
void ExFreePool(void *block);
u32 MmAllocateStack(int large); /* the stack's top */
void MmFreeStack(u32 top, int large);
u32 MmStackSize(int large);
int MmCreateAddressSpace(EPROCESS *process);
void MmDeleteAddressSpace(EPROCESS *process);
int MmCloneAddressSpace(EPROCESS *from, EPROCESS *to);
u32 MmAddRegion(EPROCESS *process, u32 base, u32 bytes); /* base 0: anywhere; 0 if there is no room */
int MmRemoveRegion(EPROCESS *process, u32 base);
int MmFault(u32 address);                    /* in the current space; 0: no such page */
int MmProbe(const void *address, u32 bytes); /* in the current space */
int MmProbeFor(EPROCESS *process, const void *address, u32 bytes);
EPROCESS *MmAttach(EPROCESS *process); /* its address space until MmDetach(what it returned) */
void MmDetach(EPROCESS *previous);

/* ob.c */
void ObInitialize(void);
void *ObCreateObject(OBJECT_TYPE *type, u32 bytes);
void ObReferenceObject(void *body);
void ObDereferenceObject(void *body);
NTSTATUS ObInsertHandle(EPROCESS *process, void *body, u32 attributes, HANDLE *handle);
/* Held by the current thread until ObDone, or until it is ended or unwound. Type NULL: any. */
NTSTATUS ObReferenceByHandle(HANDLE handle, OBJECT_TYPE *type, void **body);
void ObDone(void *body);
void ObReleaseTo(ETHREAD *thread, u32 held);
NTSTATUS ObCloseHandle(EPROCESS *process, HANDLE handle);
void ObCloseAll(EPROCESS *process);
HANDLE_TABLE *ObCreateHandleTable(EPROCESS *process, EPROCESS *inheritFrom);
NTSTATUS ObCaptureString(const UNICODE_STRING *string, char *name, u32 room);
NTSTATUS ObCaptureName(const OBJECT_ATTRIBUTES *attributes, char *name, u32 room);

/* ps.c */
struct file_node;
extern LIST_ENTRY PsActiveProcessHead;
extern EPROCESS *PsInitialSystemProcess;
extern u32 KiUserApcDispatcher, KiUserExceptionDispatcher, KiUserCallbackDispatcher, LdrInitializeThunk;
void PsInitialize(void);
EPROCESS *PspCreateProcess(EPROCESS *parent, const struct file_node *file, EPROCESS *inheritFrom, NTSTATUS *status);
ETHREAD *PspCreateThread(EPROCESS *process, const CONTEXT *context, const INITIAL_TEB *initial, int suspended);
void PsDeleteProcess(EPROCESS *process);
void PsDeleteThread(ETHREAD *thread);
NORETURN void PspExitThread(NTSTATUS status);
void PspTerminateThread(ETHREAD *thread, NTSTATUS status);
void PspTerminateProcess(EPROCESS *process, NTSTATUS status);
void *PspLookupCid(u32 id, OBJECT_TYPE *type);
void KiReapThread(void);

/* io.c and its devices */
/* A file of the RAM disk. Data is constant (part of the kernel's image) or from the pool, with room for Capacity. */
struct file_node {
  struct file_node *Next;
  char Name[96];
  u8 *Data;
  u32 Size, Capacity, Links;
  LARGE_INTEGER Changed; /* NT's time */
  u8 Constant, Deleted;
};
struct section {
  struct file_node *File;
};
void IoInitialize(void);
void IoCloseFile(FILE_OBJECT *file);
void IoDeleteFile(FILE_OBJECT *file);
void IoCancelThread(ETHREAD *thread);
struct file_node *IoFindFile(const char *path);
void ConInitialize(void);
void ConInterrupt(u32 port);
NTSTATUS ConRead(u32 port, void *buffer, u32 length, u32 *done);
NTSTATUS ConWrite(u32 port, const void *buffer, u32 length);
void ConEcho(u32 port, int on);
void LpcClosePort(void *port);
void LpcDeletePort(void *port);
void LpcCancelThread(ETHREAD *thread);

/* init.c and head.S */
extern const u8 image_start[], image_end[]; /* of the kernel */
extern u8 KiBootDirectory[], KiBootStack[];
extern u32 KiTss[26];
void KiSetTeb(u32 base);
void KiInterrupt(KTRAP_FRAME *frame, u32 irq);

/* Entry points in assembly */
void KiSwapContext(ETHREAD *from, ETHREAD *to);
void KiThreadStartup(void);
NORETURN void KiExitToFrame(KTRAP_FRAME *frame);
NORETURN void KiServiceAbort(KTRAP_FRAME *frame, NTSTATUS status);
NTSTATUS KiCallUserMode(u32 userEsp);
NORETURN void KiLeaveCallback(u32 stack, NTSTATUS status);
u32 KiTrackedCall(u32 number, const void *function, u32 words, const u32 *arguments, u32 ecx, u32 edx);
NTSTATUS PsConvertToGuiThread(void);
u32 InterlockedExchange(volatile u32 *target, u32 value) __attribute__((fastcall));
void NTAPI RtlFillMemoryUlong(void *destination, u32 length, u32 pattern);
void KiSetKernelStack(ETHREAD *thread);
#endif
