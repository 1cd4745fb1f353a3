/* The services for processes, threads, and the memory of processes. */
#include "ke.h"

#define REFERENCE(handle, type, body)                                                                                  \
  do {                                                                                                                 \
    NTSTATUS status_ = ObReferenceByHandle(handle, type, (void **)&(body));                                            \
    if (status_ != STATUS_SUCCESS) LEAVE(status_);                                                                     \
  } while (0)
#define Self() (CurrentThread()->ThreadsProcess)

NTSTATUS NTAPI NtCreateProcess(HANDLE *ProcessHandle, u32 Access, OBJECT_ATTRIBUTES *Attributes, HANDLE ParentProcess,
                               u8 InheritObjectTable, HANDLE SectionHandle, HANDLE DebugPort, HANDLE ExceptionPort) {
  ENTER(NtCreateProcess);
  EPROCESS *parent, *process;
  struct section *section = NULL;
  NTSTATUS status;
  PROBE(ProcessHandle);
  REFERENCE(ParentProcess, PsProcessType, parent);
  if (SectionHandle &&
      (status = ObReferenceByHandle(SectionHandle, MmSectionObjectType, (void **)&section)) != STATUS_SUCCESS) {
    ObDone(parent);
    LEAVE(status);
  }
  status = STATUS_PROCESS_IS_TERMINATING;
  process = parent->Exiting
                ? NULL
                : PspCreateProcess(parent, section ? section->File : NULL, InheritObjectTable ? parent : NULL, &status);
  if (section) ObDone(section);
  ObDone(parent);
  if (process == NULL) LEAVE(status);
  status = ObInsertHandle(Self(), process, 0, ProcessHandle);
  ObDereferenceObject(process);
  LEAVE(status);
}

NTSTATUS NTAPI NtCreateThread(HANDLE *ThreadHandle, u32 Access, OBJECT_ATTRIBUTES *Attributes, HANDLE ProcessHandle,
                              CLIENT_ID *ClientId, CONTEXT *ThreadContext, INITIAL_TEB *InitialTeb,
                              u8 CreateSuspended) {
  ENTER(NtCreateThread);
  EPROCESS *process;
  PROBE(ThreadHandle);
  PROBE(ThreadContext);
  PROBE(InitialTeb);
  if (ClientId) PROBE(ClientId);
  CONTEXT context = *ThreadContext;
  INITIAL_TEB initial = *InitialTeb;
  REFERENCE(ProcessHandle, PsProcessType, process);
  ETHREAD *thread = process->Exiting ? NULL : PspCreateThread(process, &context, &initial, CreateSuspended);
  NTSTATUS status = process->Exiting ? STATUS_PROCESS_IS_TERMINATING : STATUS_INSUFFICIENT_RESOURCES;
  ObDone(process);
  if (thread == NULL) LEAVE(status);
  if (ClientId) *ClientId = thread->Cid;
  status = ObInsertHandle(Self(), thread, 0, ThreadHandle);
  ObDereferenceObject(thread);
  LEAVE(status);
}

NTSTATUS NTAPI NtTerminateThread(HANDLE ThreadHandle, NTSTATUS ExitStatus) {
  ENTER(NtTerminateThread);
  ETHREAD *thread = CurrentThread(), *target;
  if (ThreadHandle == NULL) ThreadHandle = NtCurrentThread();
  REFERENCE(ThreadHandle, PsThreadType, target);
  if (target == thread) {
    KiCallEnd(call_, OutcomeNoReturn, 0);
    PspExitThread(ExitStatus);
  }
  NTSTATUS status = target->State == Terminated ? STATUS_THREAD_IS_TERMINATING : STATUS_SUCCESS;
  PspTerminateThread(target, ExitStatus);
  ObDone(target);
  LEAVE(status);
}

/* NULL: all other threads of this process; ProcessHandle -1: the whole of it, and then it does not return. */
NTSTATUS NTAPI NtTerminateProcess(HANDLE ProcessHandle, NTSTATUS ExitStatus) {
  ENTER(NtTerminateProcess);
  ETHREAD *thread = CurrentThread();
  EPROCESS *process;
  if (ProcessHandle == NULL) {
    process = thread->ThreadsProcess;
    for (LIST_ENTRY *t = process->ThreadListHead.Flink; t != &process->ThreadListHead; t = t->Flink) {
      ETHREAD *other = CONTAINER(t, ETHREAD, ThreadListEntry);
      if (other != thread) PspTerminateThread(other, ExitStatus);
    }
    LEAVE(STATUS_SUCCESS);
  }
  REFERENCE(ProcessHandle, PsProcessType, process);
  /* Neither the kernel's own process nor smss, which everything starts from. */
  if (process == PsInitialSystemProcess ||
      process->InheritedFromUniqueProcessId == PsInitialSystemProcess->UniqueProcessId) {
    ObDone(process);
    LEAVE(STATUS_ACCESS_DENIED);
  }
  NTSTATUS status = process->Exiting ? STATUS_PROCESS_IS_TERMINATING : STATUS_SUCCESS;
  PspTerminateProcess(process, ExitStatus);
  if (process == thread->ThreadsProcess) {
    KiCallEnd(call_, OutcomeNoReturn, 0);
    PspExitThread(ExitStatus);
  }
  ObDone(process);
  LEAVE(status);
}

static NTSTATUS OpenById(u32 id, OBJECT_TYPE *type, HANDLE *handle) {
  void *body = PspLookupCid(id, type);
  if (body == NULL) return STATUS_INVALID_CID;
  return ObInsertHandle(Self(), body, 0, handle);
}

NTSTATUS NTAPI NtOpenProcess(HANDLE *ProcessHandle, u32 Access, OBJECT_ATTRIBUTES *Attributes, CLIENT_ID *ClientId) {
  ENTER(NtOpenProcess);
  PROBE(ProcessHandle);
  PROBE(ClientId);
  LEAVE(OpenById(ClientId->UniqueProcess, PsProcessType, ProcessHandle));
}

NTSTATUS NTAPI NtOpenThread(HANDLE *ThreadHandle, u32 Access, OBJECT_ATTRIBUTES *Attributes, CLIENT_ID *ClientId) {
  ENTER(NtOpenThread);
  PROBE(ThreadHandle);
  PROBE(ClientId);
  LEAVE(OpenById(ClientId->UniqueThread, PsThreadType, ThreadHandle));
}

#define MAXIMUM_SUSPEND_COUNT 127

NTSTATUS NTAPI NtSuspendThread(HANDLE ThreadHandle, u32 *PreviousCount) {
  ENTER(NtSuspendThread);
  ETHREAD *target;
  if (PreviousCount) PROBE(PreviousCount);
  REFERENCE(ThreadHandle, PsThreadType, target);
  NTSTATUS status = STATUS_SUCCESS;
  if (target->State == Terminated || target->Terminating) status = STATUS_THREAD_IS_TERMINATING;
  else if (target->SuspendCount == MAXIMUM_SUSPEND_COUNT) status = STATUS_SUSPEND_COUNT_EXCEEDED;
  else {
    if (PreviousCount) *PreviousCount = target->SuspendCount;
    target->SuspendCount++;
  }
  ObDone(target);
  LEAVE(status);
}

NTSTATUS NTAPI NtResumeThread(HANDLE ThreadHandle, u32 *PreviousCount) {
  ENTER(NtResumeThread);
  ETHREAD *target;
  if (PreviousCount) PROBE(PreviousCount);
  REFERENCE(ThreadHandle, PsThreadType, target);
  if (PreviousCount) *PreviousCount = target->SuspendCount;
  /* A thread that waits for this waits for no object: see KiWaitForResume. One in another wait looks again, and
     goes on. */
  if (target->SuspendCount > 0 && --target->SuspendCount == 0 && target->State == Waiting &&
      target->WaitBlock[0].Object == NULL)
    KiUnwaitThread(target, STATUS_SUCCESS);
  ObDone(target);
  LEAVE(STATUS_SUCCESS);
}

NTSTATUS NTAPI NtAlertThread(HANDLE ThreadHandle) {
  ENTER(NtAlertThread);
  ETHREAD *target;
  REFERENCE(ThreadHandle, PsThreadType, target);
  target->Alerted[UserMode] = 1;
  if (target->State == Waiting && target->Alertable) KiUnwaitThread(target, STATUS_ALERTED);
  ObDone(target);
  LEAVE(STATUS_SUCCESS);
}

NTSTATUS NTAPI NtQueryInformationProcess(HANDLE ProcessHandle, u32 Class, void *Information, u32 Length,
                                         u32 *ReturnLength) {
  ENTER(NtQueryInformationProcess);
  EPROCESS *process;
  PROCESS_BASIC_INFORMATION *basic = Information;
  if (Class != 0) LEAVE(STATUS_INVALID_INFO_CLASS);
  if (Length < sizeof *basic) LEAVE(STATUS_INFO_LENGTH_MISMATCH);
  PROBE(basic);
  if (ReturnLength) PROBE(ReturnLength);
  REFERENCE(ProcessHandle, PsProcessType, process);
  *basic = (PROCESS_BASIC_INFORMATION){
      process->ExitStatus, process->Peb, 1, 8, process->UniqueProcessId, process->InheritedFromUniqueProcessId};
  if (ReturnLength) *ReturnLength = sizeof *basic;
  ObDone(process);
  LEAVE(STATUS_SUCCESS);
}

NTSTATUS NTAPI NtQueryInformationThread(HANDLE ThreadHandle, u32 Class, void *Information, u32 Length,
                                        u32 *ReturnLength) {
  ENTER(NtQueryInformationThread);
  ETHREAD *thread;
  THREAD_BASIC_INFORMATION *basic = Information;
  if (Class != 0) LEAVE(STATUS_INVALID_INFO_CLASS);
  if (Length < sizeof *basic) LEAVE(STATUS_INFO_LENGTH_MISMATCH);
  PROBE(basic);
  if (ReturnLength) PROBE(ReturnLength);
  REFERENCE(ThreadHandle, PsThreadType, thread);
  *basic = (THREAD_BASIC_INFORMATION){thread->ExitStatus, thread->Teb,         thread->Cid, 1,
                                      thread->Priority,   thread->BasePriority};
  if (ReturnLength) *ReturnLength = sizeof *basic;
  ObDone(thread);
  LEAVE(STATUS_SUCCESS);
}

NTSTATUS NTAPI NtAllocateVirtualMemory(HANDLE ProcessHandle, void **BaseAddress, u32 ZeroBits, u32 *RegionSize,
                                       u32 Type, u32 Protect) {
  ENTER(NtAllocateVirtualMemory);
  EPROCESS *process;
  PROBE(BaseAddress);
  PROBE(RegionSize);
  u32 base = (u32)*BaseAddress, size = *RegionSize;
  REFERENCE(ProcessHandle, PsProcessType, process);
  /* Committing what is reserved already needs nothing: pages come at the first touch. */
  u32 got = (Type & MEM_RESERVE) || base == 0         ? MmAddRegion(process, base, size)
            : MmProbeFor(process, (void *)base, size) ? base
                                                      : 0;
  if (got) {
    *BaseAddress = (void *)got;
    *RegionSize = (size + PAGE - 1) & ~(PAGE - 1);
  }
  ObDone(process);
  LEAVE(got ? STATUS_SUCCESS : base ? STATUS_CONFLICTING_ADDRESSES : STATUS_NO_MEMORY);
}

NTSTATUS NTAPI NtFreeVirtualMemory(HANDLE ProcessHandle, void **BaseAddress, u32 *RegionSize, u32 Type) {
  ENTER(NtFreeVirtualMemory);
  EPROCESS *process;
  PROBE(BaseAddress);
  PROBE(RegionSize);
  if (Type != MEM_RELEASE) LEAVE(STATUS_INVALID_PARAMETER);
  u32 base = (u32)*BaseAddress;
  REFERENCE(ProcessHandle, PsProcessType, process);
  int done = 0;
  if (!process->Exiting) {
    EPROCESS *previous = MmAttach(process);
    done = MmRemoveRegion(process, base);
    MmDetach(previous);
  }
  ObDone(process);
  LEAVE(done ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER);
}

/* Between this process and another, piece by piece through the kernel's stack. */
static NTSTATUS Transfer(HANDLE handle, u8 *theirs, u8 *ours, u32 length, int write, u32 *transferred) {
  u8 piece[256];
  u32 done = 0;
  EPROCESS *other;
  if (transferred && !MmProbe(transferred, sizeof *transferred)) return STATUS_ACCESS_VIOLATION;
  NTSTATUS status = ObReferenceByHandle(handle, PsProcessType, (void **)&other);
  if (status != STATUS_SUCCESS) return status;
  if (other->Exiting || !MmProbeFor(other, theirs, length) || !MmProbe(ours, length)) status = STATUS_ACCESS_VIOLATION;
  while (status == STATUS_SUCCESS && done < length) {
    u32 n = length - done < sizeof piece ? length - done : sizeof piece;
    if (write) memcpy(piece, ours + done, n);
    EPROCESS *previous = MmAttach(other);
    if (write) memcpy(theirs + done, piece, n);
    else memcpy(piece, theirs + done, n);
    MmDetach(previous);
    if (!write) memcpy(ours + done, piece, n);
    done += n;
  }
  if (transferred) *transferred = done;
  ObDone(other);
  return status;
}

NTSTATUS NTAPI NtReadVirtualMemory(HANDLE ProcessHandle, void *BaseAddress, void *Buffer, u32 Length, u32 *Done) {
  ENTER(NtReadVirtualMemory);
  LEAVE(Transfer(ProcessHandle, BaseAddress, Buffer, Length, 0, Done));
}

NTSTATUS NTAPI NtWriteVirtualMemory(HANDLE ProcessHandle, void *BaseAddress, const void *Buffer, u32 Length,
                                    u32 *Done) {
  ENTER(NtWriteVirtualMemory);
  LEAVE(Transfer(ProcessHandle, BaseAddress, (u8 *)Buffer, Length, 1, Done));
}
