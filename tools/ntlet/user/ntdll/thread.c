/* Threads: a stack, a context that begins at RtlUserThreadStart, and the way out. */
#include "internal.h"

void RtlpInitializeContext(CONTEXT *context, u32 eip, u32 esp) {
  memset(context, 0, sizeof *context);
  context->ContextFlags = CONTEXT_FULL;
  context->SegCs = 0x1b;
  context->SegDs = context->SegEs = context->SegSs = 0x23;
  context->SegFs = 0x3b;
  context->EFlags = 0x202; /* interrupts on */
  context->Eip = eip;
  context->Esp = esp;
}

/* The stack is reserved as a whole; pages come into being when they are first touched. */
NTSTATUS NTAPI RtlCreateUserThread(HANDLE Process, u8 CreateSuspended, u32 StackReserve, PTHREAD_START_ROUTINE Start,
                                   void *Argument, HANDLE *Thread, CLIENT_ID *ClientId) {
  INITIAL_TEB initialTeb;
  CONTEXT context;
  CLIENT_ID id;
  HANDLE handle;
  void *stack = NULL;
  u32 size = StackReserve ? StackReserve : DEFAULT_STACK;
  NTSTATUS status;

  status = NtAllocateVirtualMemory(Process, &stack, 0, &size, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
  if (status < 0) return status;
  memset(&initialTeb, 0, sizeof initialTeb);
  initialTeb.StackAllocationBase = initialTeb.StackLimit = stack;
  initialTeb.StackBase = (u8 *)stack + size;
  RtlpInitializeContext(&context, (u32)RtlUserThreadStart, (u32)initialTeb.StackBase);
  context.Eax = (u32)Start;
  context.Ebx = (u32)Argument;
  status = NtCreateThread(&handle, THREAD_ALL_ACCESS, NULL, Process, &id, &context, &initialTeb, CreateSuspended);
  if (status < 0) {
    size = 0;
    NtFreeVirtualMemory(Process, &stack, &size, MEM_RELEASE);
    return status;
  }
  if (ClientId) *ClientId = id;
  if (Thread) *Thread = handle;
  else NtClose(handle);
  return status;
}

void NTAPI NORETURN RtlExitUserThread(NTSTATUS ExitStatus) {
  for (;;) NtTerminateThread(NtCurrentThread(), ExitStatus);
}

/* The outermost handler of every thread: what nobody else wanted ends the process. */
static EXCEPTION_DISPOSITION LastChanceHandler(EXCEPTION_RECORD *record, EXCEPTION_REGISTRATION_RECORD *frame,
                                               CONTEXT *context, void *dispatcherContext) {
  if (!(record->ExceptionFlags & EXCEPTION_UNWINDING)) {
    NtTerminateProcess(NtCurrentProcess(), record->ExceptionCode);
  }
  return ExceptionContinueSearch;
}

/* Goes on from RtlUserThreadStart (dispatch.S). */
void NTAPI NORETURN RtlpThreadStart(PTHREAD_START_ROUTINE start, void *argument) {
  NT_TIB *tib = &NtCurrentTeb()->NtTib;
  EXCEPTION_REGISTRATION_RECORD registration = {tib->ExceptionList, LastChanceHandler};

  tib->ExceptionList = &registration;
  RtlExitUserThread(start(argument));
}
