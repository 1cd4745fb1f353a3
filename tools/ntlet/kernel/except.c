/*
 * Exceptions: what the processor or a program raises, and who handles it. In user mode ntdll's dispatcher looks for a
 * handler; in the kernel KiTry marks a place to come back to, as __try does in NT.
 */
#include "ke.h"

#define NO_HANDLER ((struct seh_frame *)0xffffffffu)
#define PAGE_FAULT 14
#define DEBUG_SERVICE 0x2d
#define FIRST_IRQ 0x30

extern const u8 KiSystemServiceCopyArguments[], KiBadArguments[];

void KeBugCheck(u32 code, u32 a) {
  static const char text[] = "\r\n*** STOP: ntlet\r\n";
  TruthEvent(EventException, code, a);
  TruthHalt(code);
  ConWrite(0, text, sizeof text - 1);
  for (;;) __asm__ volatile("cli; hlt");
}

/* ---- In the kernel ---- */

/* KiTry, after it has saved the registers: what else to come back to. */
void KiNoteTry(struct seh_frame *frame) {
  const ETHREAD *thread = CurrentThread();
  frame->OpenCalls = thread->OpenCount;
  frame->HeldObjects = thread->HeldCount;
  frame->TrapFrame = thread->TrapFrame;
  frame->PreviousMode = thread->PreviousMode;
}

static struct seh_frame *Handlers(void) { return Pcr->NtTib.ExceptionList; }

void KiEndTry(struct seh_frame *frame) { Pcr->NtTib.ExceptionList = frame->Next; }

/* KiUnwindTo, before it jumps: the calls between here and there are passed over, and this is who says so. */
void KiUnwindNote(struct seh_frame *frame) {
  ETHREAD *thread = CurrentThread();
  if (CurrentSpace() != thread->ThreadsProcess) MmDetach(thread->ThreadsProcess);
  KiCallUnwind(frame->OpenCalls);
  ObReleaseTo(thread, frame->HeldObjects);
  thread->TrapFrame = frame->TrapFrame;
  thread->PreviousMode = (u8)frame->PreviousMode;
  Pcr->NtTib.ExceptionList = frame->Next;
}

/*
 * The innermost handler gets it, also one that lies beyond services that the kernel has called through the dispatcher.
 * Where there is none, it ends the service that came from user mode, which fails with the code.
 */
static NORETURN void Raise(struct seh_frame *handler, NTSTATUS code, u32 address) {
  ETHREAD *thread = CurrentThread();
  KTRAP_FRAME *service = thread->TrapFrame;
  TruthEvent(EventException, (u32)code, address);
  for (; handler == NO_HANDLER && service && !(service->SegCs & 1); service = (KTRAP_FRAME *)service->Edx)
    handler = (struct seh_frame *)service->ExceptionList;
  if (handler != NO_HANDLER) KiUnwindTo(handler, code);
  if (service == NULL) KeBugCheck(0x1e, address); /* KMODE_EXCEPTION_NOT_HANDLED */
  if (CurrentSpace() != thread->ThreadsProcess) MmDetach(thread->ThreadsProcess);
  KiCallUnwind(service->OpenCalls);
  ObReleaseTo(thread, service->HeldObjects);
  KiServiceAbort(service, code);
}

void ExRaiseStatus(NTSTATUS status) { Raise(Handlers(), status, (u32)__builtin_return_address(0)); }

/* The dispatcher has built a service's frame. */
void KiNoteService(KTRAP_FRAME *frame) {
  const ETHREAD *thread = CurrentThread();
  frame->OpenCalls = thread->OpenCount;
  frame->HeldObjects = thread->HeldCount;
}

/* ---- In user mode ---- */

void KiFrameToContext(const KTRAP_FRAME *frame, CONTEXT *context) {
  memset(context, 0, sizeof *context);
  context->ContextFlags = CONTEXT_FULL;
  context->SegFs = R3_TEB;
  context->SegEs = context->SegDs = context->SegSs = R3_DATA;
  context->SegCs = R3_CODE;
  context->Edi = frame->Edi, context->Esi = frame->Esi, context->Ebx = frame->Ebx;
  context->Edx = frame->Edx, context->Ecx = frame->Ecx, context->Eax = frame->Eax;
  context->Ebp = frame->Ebp, context->Eip = frame->Eip, context->EFlags = frame->EFlags,
  context->Esp = frame->HardwareEsp;
}

/* Only into the frame of a service that leaves by KiExitToFrame, which fetches EDX from where this puts it. */
void KiContextToFrame(const CONTEXT *context, KTRAP_FRAME *frame) {
  frame->Edi = context->Edi, frame->Esi = context->Esi, frame->Ebx = context->Ebx;
  frame->Dr3 = context->Edx, frame->Ecx = context->Ecx, frame->Eax = context->Eax;
  frame->Ebp = context->Ebp, frame->Eip = context->Eip, frame->HardwareEsp = context->Esp;
  frame->EFlags = (context->EFlags & 0xdd5) | 0x202;
  frame->SegCs = R3_CODE, frame->HardwareSegSs = R3_DATA, frame->SegFs = R3_TEB;
  frame->SegDs = frame->SegEs = R3_DATA, frame->SegGs = 0;
}

/* Sends the thread to KiUserExceptionDispatcher with the record and the context in which it happened. 0: no stack. */
int KiDispatchUserException(KTRAP_FRAME *frame, const EXCEPTION_RECORD *record, const CONTEXT *context) {
  struct {
    EXCEPTION_RECORD *Record;
    CONTEXT *Context;
    EXCEPTION_RECORD TheRecord;
    CONTEXT TheContext;
  } * on;
  u32 esp = context ? context->Esp : frame->HardwareEsp;
  on = (void *)((esp - sizeof *on) & ~3u);
  TruthEvent(EventException, (u32)record->ExceptionCode, (u32)record->ExceptionAddress);
  if (!MmProbe(on, sizeof *on)) return 0;
  on->Record = &on->TheRecord;
  on->Context = &on->TheContext;
  on->TheRecord = *record;
  if (context) on->TheContext = *context;
  else KiFrameToContext(frame, &on->TheContext);
  frame->HardwareEsp = (u32)on;
  frame->Eip = KiUserExceptionDispatcher;
  frame->SegCs = R3_CODE, frame->HardwareSegSs = R3_DATA, frame->SegFs = R3_TEB;
  frame->SegDs = frame->SegEs = R3_DATA;
  frame->EFlags = (frame->EFlags & 0xdd5 & ~0x500u) | 0x202;
  return 1;
}

static NTSTATUS CodeOf(u32 vector) {
  switch (vector) {
  case 0: return STATUS_INTEGER_DIVIDE_BY_ZERO;
  case 1: return STATUS_SINGLE_STEP;
  case 3: return STATUS_BREAKPOINT;
  case 6: return STATUS_ILLEGAL_INSTRUCTION;
  case 13: return STATUS_PRIVILEGED_INSTRUCTION;
  default: return STATUS_ACCESS_VIOLATION;
  }
}

/* Every exception and interrupt; the frame is complete, interrupts are off. */
void KiTrap(KTRAP_FRAME *frame, u32 vector) {
  u32 user = frame->SegCs & 1, address = vector == PAGE_FAULT ? ReadCr2() : 0;
  if (vector >= FIRST_IRQ) {
    KiInterrupt(frame, vector - FIRST_IRQ);
    return;
  }
  if (vector == PAGE_FAULT && address < KSEG0 && !(frame->ErrCode & 1) && MmFault(address)) return;
  if (!user) {
    if (vector != PAGE_FAULT || address >= MM_USER_PROBE_ADDRESS) {
      ASSERT(!"an exception in the kernel");
      KeBugCheck(vector, frame->Eip);
    }
    if (frame->Eip == (u32)KiSystemServiceCopyArguments) {
      frame->Eip = (u32)KiBadArguments;
      return;
    }
    Raise((struct seh_frame *)frame->ExceptionList, STATUS_ACCESS_VIOLATION, frame->Eip);
  }
  if (vector == DEBUG_SERVICE) {
    frame->Eax = TruthDoor(frame);
    return;
  }
  EXCEPTION_RECORD record = {.ExceptionCode = CodeOf(vector), .ExceptionAddress = (void *)frame->Eip};
  if (vector == PAGE_FAULT) {
    record.NumberParameters = 2;
    record.ExceptionInformation[0] = frame->ErrCode >> 1 & 1;
    record.ExceptionInformation[1] = address;
  }
  if (!KiDispatchUserException(frame, &record, NULL))
    PspTerminateProcess(CurrentThread()->ThreadsProcess, record.ExceptionCode);
}

/* ---- Services ---- */

NTSTATUS NTAPI NtContinue(CONTEXT *Context, u8 TestAlert) {
  ENTER(NtContinue);
  ETHREAD *thread = CurrentThread();
  if (thread->PreviousMode == KernelMode) LEAVE(STATUS_INVALID_PARAMETER);
  if (!MmProbe(Context, sizeof *Context)) LEAVE(STATUS_ACCESS_VIOLATION);
  KTRAP_FRAME *frame = thread->TrapFrame;
  KiContextToFrame(Context, frame);
  if (TestAlert && !IsListEmpty(&thread->ApcState.ApcListHead[UserMode])) thread->ApcState.UserApcPending = 1;
  KiCallEnd(call_, OutcomeNoReturn, 0);
  KiExitToFrame(frame);
}

NTSTATUS NTAPI NtRaiseException(EXCEPTION_RECORD *Record, CONTEXT *Context, u8 FirstChance) {
  ENTER(NtRaiseException);
  ETHREAD *thread = CurrentThread();
  if (thread->PreviousMode == KernelMode) LEAVE(STATUS_INVALID_PARAMETER);
  if (!MmProbe(Record, sizeof *Record) || !MmProbe(Context, sizeof *Context)) LEAVE(STATUS_ACCESS_VIOLATION);
  KTRAP_FRAME *frame = thread->TrapFrame;
  EXCEPTION_RECORD record = *Record;
  if (!FirstChance || !KiDispatchUserException(frame, &record, Context)) {
    PspTerminateProcess(thread->ThreadsProcess, record.ExceptionCode);
    PspExitThread(record.ExceptionCode);
  }
  frame->Dr3 = frame->Edx;
  KiCallEnd(call_, OutcomeNoReturn, 0);
  KiExitToFrame(frame);
}
