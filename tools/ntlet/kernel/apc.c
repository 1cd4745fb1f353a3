/*
 * On the way back to user mode: whoever was told to end, ends; whoever is suspended, waits; a user APC is delivered.
 * And callbacks, in which the kernel calls user mode and comes back.
 */
#include "ke.h"

void KiInsertUserApc(ETHREAD *thread, PKNORMAL_ROUTINE routine, void *context, void *a1, void *a2) {
  KAPC *apc = ExAllocatePool(sizeof *apc);
  if (apc == NULL) return;
  apc->Type = 0x12;
  apc->Size = sizeof *apc;
  apc->Thread = thread;
  apc->NormalRoutine = routine;
  apc->NormalContext = context;
  apc->SystemArgument1 = a1;
  apc->SystemArgument2 = a2;
  apc->ApcMode = UserMode;
  apc->Inserted = 1;
  InsertTailList(&thread->ApcState.ApcListHead[UserMode], &apc->ApcListEntry);
  if (thread->State == Waiting && thread->Alertable) KiUnwaitThread(thread, STATUS_USER_APC);
}

/* The thread will run KiUserApcDispatcher, which calls the routine and goes back to where it is now by NtContinue. */
static void Deliver(ETHREAD *thread, KTRAP_FRAME *frame) {
  struct {
    PKNORMAL_ROUTINE Routine;
    void *Context, *Argument1, *Argument2;
    CONTEXT TheContext;
  } * on;
  KAPC *apc = CONTAINER(thread->ApcState.ApcListHead[UserMode].Flink, KAPC, ApcListEntry);
  RemoveEntryList(&apc->ApcListEntry);
  thread->ApcState.UserApcPending = 0;
  on = (void *)((frame->HardwareEsp - sizeof *on) & ~3u);
  if (!MmProbe(on, sizeof *on)) {
    ExFreePool(apc);
    PspExitThread(STATUS_STACK_OVERFLOW);
  }
  KiFrameToContext(frame, &on->TheContext);
  on->Routine = apc->NormalRoutine;
  on->Context = apc->NormalContext;
  on->Argument1 = apc->SystemArgument1;
  on->Argument2 = apc->SystemArgument2;
  TruthEvent(EventApc, (u32)apc->NormalRoutine, (u32)apc->NormalContext);
  ExFreePool(apc);
  frame->HardwareEsp = (u32)on;
  frame->Eip = KiUserApcDispatcher;
}

void KiReturnToUser(KTRAP_FRAME *frame) {
  ETHREAD *thread = CurrentThread();
  ASSERT(thread->HeldCount == 0 || thread->CallbackStack != 0);
  for (;;) {
    if (thread->Terminating == 1) PspExitThread(thread->TerminateStatus);
    if (thread->SuspendCount == 0) break;
    KiWaitForResume();
  }
  if (thread->ApcState.UserApcPending) {
    if (IsListEmpty(&thread->ApcState.ApcListHead[UserMode])) thread->ApcState.UserApcPending = 0;
    else Deliver(thread, frame);
  }
}

NTSTATUS NTAPI NtQueueApcThread(HANDLE ThreadHandle, PKNORMAL_ROUTINE Routine, void *Context, void *Argument1,
                                void *Argument2) {
  ENTER(NtQueueApcThread);
  ETHREAD *thread;
  NTSTATUS status = ObReferenceByHandle(ThreadHandle, PsThreadType, (void **)&thread);
  if (status != STATUS_SUCCESS) LEAVE(status);
  if (thread->State == Terminated || thread->Terminating) status = STATUS_UNSUCCESSFUL;
  else KiInsertUserApc(thread, Routine, Context, Argument1, Argument2);
  ObDone(thread);
  LEAVE(status);
}

NTSTATUS NTAPI NtTestAlert(void) {
  ENTER(NtTestAlert);
  ETHREAD *thread = CurrentThread();
  NTSTATUS status = STATUS_SUCCESS;
  if (thread->Alerted[UserMode]) thread->Alerted[UserMode] = 0, status = STATUS_ALERTED;
  if (!IsListEmpty(&thread->ApcState.ApcListHead[UserMode])) thread->ApcState.UserApcPending = 1;
  LEAVE(status);
}

/* ---- Callbacks ---- */

/* What KiCallUserMode keeps on the stack, below the registers. */
struct callback_save {
  u32 InitialStack, CallbackStack, TrapFrame, OpenCalls, HeldObjects, Unused[3];
};
_Static_assert(sizeof(struct callback_save) == 32, "CALLBACK_SAVE in trap.S");

/* KiCallUserMode: the rest of this kernel stack serves the callback as if it were a whole one. Returns its trap
   frame. */
KTRAP_FRAME *KiEnterCallback(struct callback_save *save, u32 userEsp) {
  ETHREAD *thread = CurrentThread();
  save->InitialStack = thread->InitialStack;
  save->CallbackStack = thread->CallbackStack;
  save->TrapFrame = (u32)thread->TrapFrame;
  save->OpenCalls = thread->OpenCount;
  save->HeldObjects = thread->HeldCount;
  thread->CallbackStack = (u32)save;
  /* Below this function's own frame: room for what is still to be called on the way out. */
  thread->InitialStack = ((u32)save - 512) & ~15u;
  KiSetKernelStack(thread);
  KTRAP_FRAME *frame = (KTRAP_FRAME *)(thread->InitialStack - NPX_AREA - sizeof *frame);
  *frame = *thread->TrapFrame;
  frame->Eip = KiUserCallbackDispatcher;
  frame->HardwareEsp = userEsp;
  frame->EFlags = 0x202;
  thread->TrapFrame = NULL;
  return frame;
}

/* Calls routine `api` of the program's callback table with a copy of the input, and waits until NtCallbackReturn. */
NTSTATUS NTAPI KeUserModeCallback(u32 api, const void *input, u32 length, void **output, u32 *outputLength) {
  u32 *const entry = (u32 *)__builtin_frame_address(0) + 1;
  const u32 call = KiCallEnter(FnKeUserModeCallback, entry, 5, entry + 1);
  ETHREAD *thread = CurrentThread();
  u32 data = (thread->TrapFrame->HardwareEsp - length) & ~3u, *on = (u32 *)(data - 16);
  if (length > 4096 || (u32)&data < thread->StackLimit + 0x2000) return KiCallLeave(call, STATUS_STACK_OVERFLOW);
  if (!MmProbe(on, 16 + length)) return KiCallLeave(call, STATUS_ACCESS_VIOLATION);
  memcpy((void *)data, input, length);
  on[0] = 0;
  on[1] = api;
  on[2] = data;
  on[3] = length;
  TruthEvent(EventCallback, api, data);
  NTSTATUS status = KiCallUserMode((u32)on);
  if (output) *output = NULL;
  if (outputLength) *outputLength = 0;
  return KiCallLeave(call, status);
}

NTSTATUS NTAPI NtCallbackReturn(void *Output, u32 OutputLength, NTSTATUS Status) {
  ENTER(NtCallbackReturn);
  ETHREAD *thread = CurrentThread();
  if (thread->CallbackStack == 0 || thread->PreviousMode == KernelMode) LEAVE(STATUS_NO_CALLBACK_ACTIVE);
  struct callback_save *save = (struct callback_save *)thread->CallbackStack;
  KiCallEnd(call_, OutcomeNoReturn, 0);
  KiCallUnwind(save->OpenCalls);
  ObReleaseTo(thread, save->HeldObjects);
  u32 stack = thread->CallbackStack;
  thread->InitialStack = save->InitialStack;
  thread->CallbackStack = save->CallbackStack;
  thread->TrapFrame = (KTRAP_FRAME *)save->TrapFrame;
  thread->PreviousMode = UserMode;
  KiSetKernelStack(thread);
  KiLeaveCallback(stack, Status);
}

/* The one service here that calls back: routine 0 of the table, with the parameter. */
NTSTATUS NTAPI NtUserCallOneParam(u32 Param, u32 Routine) {
  ENTER(NtUserCallOneParam);
  u32 input[2] = {Param, Routine};
  LEAVE(KeUserModeCallback(0, input, sizeof input, NULL, NULL));
}

NTSTATUS NTAPI NtGdiFlush(void) {
  ENTER(NtGdiFlush);
  LEAVE(STATUS_SUCCESS);
}

/* ---- PsConvertToGuiThread: see trap.S ---- */

static u32 ConversionCall(ETHREAD *thread) {
  return thread->OpenCount ? thread->Open[thread->OpenCount - 1].Number : 0;
}

/* Copies the stack from `esp` up to a large one, and makes that the thread's. Returns how far it has moved, 0: not
   at all. */
u32 KiExchangeStack(u32 esp, KTRAP_FRAME *frame) {
  ETHREAD *thread = CurrentThread();
  KiCallEnter(FnPsConvertToGuiThread, (u32 *)esp, 0, NULL);
  u32 top = thread->LargeStack || thread->CallbackStack ? 0 : MmAllocateStack(1), old = thread->StackBase,
      used = old - esp;
  if (top == 0) return 0;
  memcpy((void *)(top - used), (void *)esp, used);
  thread->TrapFrame = (KTRAP_FRAME *)((u32)frame + (top - old));
  thread->InitialStack = thread->StackBase = top;
  thread->StackLimit = top - MmStackSize(1);
  thread->LargeStack = 1;
  Pcr->NtTib.StackBase = (void *)thread->StackBase;
  Pcr->NtTib.StackLimit = (void *)thread->StackLimit;
  KiSetKernelStack(thread);
  TruthEvent(EventStackSwitch, old, top);
  thread->Win32Thread = (void *)old;
  return top - old;
}

/* On the new stack: the old one is free now. */
NTSTATUS KiExchangedStack(u32 moved) {
  ETHREAD *thread = CurrentThread();
  NTSTATUS status = STATUS_NO_MEMORY;
  if (moved) {
    MmFreeStack((u32)thread->Win32Thread, 0);
    thread->ServiceTable = KeServiceDescriptorTableShadow;
    status = STATUS_SUCCESS;
  }
  return KiCallLeave(ConversionCall(thread), status);
}
