/*
 * Structured exception handling: FS:[0] leads a chain of registrations on the stack, the innermost first. An
 * exception asks one after the other; one that takes it has all inside it unwound first.
 */
#include "../user.h"

/*
 * Whether something that claims to be a registration can be one: on the stack, aligned, its handler
 * elsewhere.
 */
static u8 IsFrameSound(const EXCEPTION_REGISTRATION_RECORD *frame) {
  const NT_TIB *tib = &NtCurrentTeb()->NtTib;
  u32 base = (u32)tib->StackBase, limit = (u32)tib->StackLimit, address = (u32)frame;

  if (address < limit || address + sizeof *frame > base || address & 3) return 0;
  return (u32)frame->Handler < limit || (u32)frame->Handler >= base;
}

/*
 * Called by KiUserExceptionDispatcher. 1: the thread goes on with the context, which the handler may have
 * changed. 0: nobody wants the exception. A handler that unwinds does not return here at all.
 */
u8 NTAPI RtlDispatchException(EXCEPTION_RECORD *Record, CONTEXT *Context) {
  EXCEPTION_REGISTRATION_RECORD *frame = NtCurrentTeb()->NtTib.ExceptionList;

  for (; frame != EXCEPTION_CHAIN_END; frame = frame->Next) {
    if (!IsFrameSound(frame)) {
      Record->ExceptionFlags |= EXCEPTION_STACK_INVALID;
      return 0;
    }
    switch (frame->Handler(Record, frame, Context, NULL)) {
    case ExceptionContinueExecution:
      if (Record->ExceptionFlags & EXCEPTION_NONCONTINUABLE) RtlRaiseStatus(STATUS_NONCONTINUABLE_EXCEPTION);
      return 1;
    case ExceptionContinueSearch:
    case ExceptionNestedException: break;
    default: RtlRaiseStatus(STATUS_INVALID_DISPOSITION);
    }
  }
  return 0;
}

/*
 * Tells every registration inside TargetFrame (NULL: all) that it is being passed over, and takes it off the
 * chain. On i386 NT does not use TargetIp: control goes on behind the call of RtlUnwind, with ReturnValue in
 * EAX.
 */
void *NTAPI RtlUnwind(void *TargetFrame, void *TargetIp, EXCEPTION_RECORD *Record, void *ReturnValue) {
  NT_TIB *tib = &NtCurrentTeb()->NtTib;
  EXCEPTION_REGISTRATION_RECORD *frame;
  EXCEPTION_RECORD own;

  if (!Record) {
    memset(&own, 0, sizeof own);
    own.ExceptionCode = STATUS_UNWIND;
    own.ExceptionAddress = __builtin_return_address(0);
    Record = &own;
  }
  Record->ExceptionFlags |= EXCEPTION_UNWINDING;
  while ((frame = tib->ExceptionList) != EXCEPTION_CHAIN_END && frame != TargetFrame) {
    if (!IsFrameSound(frame) || (TargetFrame && (void *)frame > TargetFrame)) {
      RtlRaiseStatus(STATUS_INVALID_UNWIND_TARGET);
    }
    frame->Handler(Record, frame, NULL, NULL);
    tib->ExceptionList = frame->Next;
  }
  return ReturnValue;
}

/* Raises an exception that cannot be continued from: does not return. */
void NTAPI NORETURN RtlRaiseStatus(NTSTATUS Status) {
  EXCEPTION_RECORD record;

  memset(&record, 0, sizeof record);
  record.ExceptionCode = Status;
  record.ExceptionFlags = EXCEPTION_NONCONTINUABLE;
  for (;;) RtlRaiseException(&record);
}

/*
 * The handler of TryBegin's registrations takes every exception: it jumps back to TryBegin, which returns a
 * second time with the exception's code. The jump tells the truth door, and takes the registration off.
 */
EXCEPTION_DISPOSITION RtlpTryHandler(EXCEPTION_RECORD *Record, EXCEPTION_REGISTRATION_RECORD *Frame, CONTEXT *Context,
                                     void *DispatcherContext) {
  if (Record->ExceptionFlags & EXCEPTION_UNWINDING) return ExceptionContinueSearch;
  RtlUnwind(Frame, NULL, Record, NULL);
  LongJump(&CONTAINER(Frame, struct try_frame, Registration)->Jump, Record->ExceptionCode);
}

/* After an exception the registration is off already. */
void TryEnd(struct try_frame *frame) {
  NT_TIB *tib = &NtCurrentTeb()->NtTib;

  if (tib->ExceptionList == &frame->Registration) tib->ExceptionList = frame->Registration.Next;
}
