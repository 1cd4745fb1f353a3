/*
 * Threads: who runs, who waits for what, and for how long. One processor, one priority, round robin on the clock.
 * A waker makes a thread ready; the thread itself looks whether what it waited for has come.
 */
#include "ke.h"
#include "nic.h"

volatile u32 KeTickCount;
ETHREAD *KiIdleThread;
u32 KiDither;
static LIST_ENTRY readyList = {&readyList, &readyList};
static u8 quantumEnded;
#define QUANTUM 3 /* ticks */

void KiReadyThread(ETHREAD *thread) {
  if (thread == KiIdleThread) return;
  thread->State = Ready;
  InsertTailList(&readyList, &thread->WaitListEntry);
}

/* The kernel stack that the processor takes when it comes from user mode. */
void KiSetKernelStack(ETHREAD *thread) {
  KiTss[1] = thread->InitialStack - NPX_AREA - (sizeof(KTRAP_FRAME) - offsetof(KTRAP_FRAME, V86Es));
}

/* Gives the processor to the next thread. The caller has put the current one where it will be found again. */
void KiSwapThread(void) {
  ETHREAD *from = CurrentThread(), *to = KiIdleThread;
  if (!IsListEmpty(&readyList)) {
    to = CONTAINER(readyList.Flink, ETHREAD, WaitListEntry);
    RemoveEntryList(&to->WaitListEntry);
  }
  to->State = Running;
  to->Quantum = QUANTUM;
  quantumEnded = 0;
  if (to == from) return;
  ASSERT(from->State != Running);
  to->ContextSwitches++;
  Pcr->CurrentThread = to;
  Pcr->NtTib.StackBase = (void *)to->StackBase;
  Pcr->NtTib.StackLimit = (void *)to->StackLimit;
  u32 space = to->ApcState.Process->DirectoryTableBase[0];
  if (space != ReadCr3()) WriteCr3(space);
  KiSetKernelStack(to);
  /* FS in user mode is the thread's TEB: entry 7 of the GDT. */
  KiSetTeb((u32)to->Teb);
  TruthSwitch(from, to);
  KiSwapContext(from, to);
  KiReapThread();
}

/* Ends the time slice. 0: there is nobody else. */
int KiYield(void) {
  ETHREAD *thread = CurrentThread();
  if (IsListEmpty(&readyList)) return 0;
  thread->State = Ready;
  KiReadyThread(thread);
  KiSwapThread();
  return 1;
}

/* What the idle thread does: sleeps until an interrupt makes somebody ready. */
void KiIdleLoop(void) {
  for (;;) {
    if (!KiYield()) __asm__ volatile("sti; hlt; cli" ::: "memory");
  }
}

/* Where others may run although the thread has something to do. With KiDither they often do: the stress program wants
   every order of things. It may not come back, if it is killed meanwhile. */
void KiPreemptionPoint(void) {
  ETHREAD *thread = CurrentThread();
  __asm__ volatile("sti; nop; cli" ::: "memory");
  if (KiDither && (Random() & 7) == 0) KiYield();
  if (thread->Terminating == 1) PspExitThread(thread->TerminateStatus);
}

static void Unlink(ETHREAD *thread) {
  KWAIT_BLOCK *block = &thread->WaitBlock[0];
  if (block->WaitListEntry.Flink) RemoveEntryList(&block->WaitListEntry);
  block->WaitListEntry.Flink = NULL;
}

void KiUnwaitThread(ETHREAD *thread, NTSTATUS status) {
  if (thread->State != Waiting) return;
  Unlink(thread);
  thread->WaitStatus = status;
  KiReadyThread(thread);
}

static NTSTATUS Block(DISPATCHER_HEADER *object, u32 wake) {
  ETHREAD *thread = CurrentThread();
  KWAIT_BLOCK *block = &thread->WaitBlock[0];
  block->Thread = thread;
  block->Object = object;
  block->WaitListEntry.Flink = NULL;
  if (object) InsertTailList(&object->WaitListHead, &block->WaitListEntry);
  thread->WaitBlockList = block;
  thread->WakeTick = wake;
  thread->WaitTime = KeTickCount;
  thread->State = Waiting;
  KiSwapThread();
  if (thread->Terminating == 1) PspExitThread(thread->TerminateStatus);
  return thread->WaitStatus;
}

/* Not alertable; a thread that is killed meanwhile does not come back. */
void KiSleep(u32 ticks) {
  u32 until = KeTickCount + ticks;
  while ((i32)(until - KeTickCount) > 0) Block(NULL, until);
}

/* A suspended thread, on its way to user mode: until NtResumeThread. */
void KiWaitForResume(void) { Block(NULL, FOREVER); }

void KeInitializeEvent(KEVENT *event, u8 type, i32 state) {
  event->Type = type;
  event->Size = sizeof *event / 4;
  event->SignalState = state;
  InitializeListHead(&event->WaitListHead);
}

/* Any dispatcher object: its waiters look for themselves. */
void KeSetEvent(KEVENT *object) {
  object->SignalState = 1;
  while (!IsListEmpty(&object->WaitListHead))
    KiUnwaitThread(CONTAINER(object->WaitListHead.Flink, KWAIT_BLOCK, WaitListEntry)->Thread, STATUS_SUCCESS);
}

/*
 * Waits for an object (NULL: for time to pass only), at most so many ticks (FOREVER: without a limit; 0: not at all).
 * Returns STATUS_SUCCESS, STATUS_TIMEOUT, or if alertable STATUS_USER_APC or STATUS_ALERTED.
 */
NTSTATUS KeWaitForSingleObject(DISPATCHER_HEADER *object, u8 alertable, u32 ticks) {
  ETHREAD *thread = CurrentThread();
  u32 until = ticks == FOREVER ? FOREVER : KeTickCount + ticks;
  for (;;) {
    if (object && object->SignalState > 0) {
      if (object->Type == SynchronizationEvent) object->SignalState = 0;
      return STATUS_SUCCESS;
    }
    if (alertable && thread->Alerted[UserMode]) {
      thread->Alerted[UserMode] = 0;
      return STATUS_ALERTED;
    }
    if (alertable && !IsListEmpty(&thread->ApcState.ApcListHead[UserMode])) {
      thread->ApcState.UserApcPending = 1;
      return STATUS_USER_APC;
    }
    if (until != FOREVER && (i32)(until - KeTickCount) <= 0) return STATUS_TIMEOUT;
    thread->Alertable = alertable;
    Block(object, until);
    thread->Alertable = 0;
  }
}

/* A timeout in NT's form (units of 100 ns; negative: from now; NULL: for ever) in ticks, rounded up. Absolute
   times count from the start of the machine. */
u32 KiTimeoutTicks(const LARGE_INTEGER *timeout) {
  if (timeout == NULL) return FOREVER;
  i64 value = *timeout;
  if (value >= 0) return 0;
  u64 units = (u64)-value;
  /* 64-bit division without a library: what is beyond 2^32 units is minutes, cut to 100 s times the high word. */
  u32 high = (u32)(units >> 32), low = (u32)units;
  u32 unit = TICK_MS * 10000u;
  if (high > 1000) return FOREVER - 1 - 0x80000000u;
  return high * (0xffffffffu / unit) + low / unit + (low % unit != 0);
}

/* ---- The clock ---- */

#define PIT_HZ 1193182u

void KiInitializeClock(void) {
  u32 divisor = PIT_HZ * TICK_MS / 1000;
  outb(0x43, 0x34);
  outb(0x40, (u8)divisor);
  outb(0x40, (u8)(divisor >> 8));
}

static void WakeSleepers(void) {
  for (LIST_ENTRY *p = PsActiveProcessHead.Flink; p != &PsActiveProcessHead; p = p->Flink) {
    EPROCESS *process = CONTAINER(p, EPROCESS, ActiveProcessLinks);
    for (LIST_ENTRY *t = process->ThreadListHead.Flink; t != &process->ThreadListHead; t = t->Flink) {
      ETHREAD *thread = CONTAINER(t, ETHREAD, ThreadListEntry);
      if (thread->State == Waiting && thread->WakeTick != FOREVER && (i32)(thread->WakeTick - KeTickCount) <= 0)
        KiUnwaitThread(thread, STATUS_TIMEOUT);
    }
  }
}

static void UpdateSharedData(void) {
  u8 *shared = (u8 *)KERNEL_SHARED_DATA;
  *(u32 *)(shared + SHARED_TICK_COUNT) = KeTickCount;
  *(u64 *)(shared + SHARED_SYSTEM_TIME) += TICK_MS * 10000u;
}

void KiClockInterrupt(KTRAP_FRAME *frame) {
  ETHREAD *thread = CurrentThread();
  KeTickCount++;
  UpdateSharedData();
  NicPoll();
  WakeSleepers();
  if (frame->SegCs & 1) thread->UserTime++;
  else thread->KernelTime++;
  if (thread == KiIdleThread || --thread->Quantum == 0) quantumEnded = 1;
  /* Interrupts come only where a thread may be preempted. */
  if (quantumEnded) KiYield();
}
