/* Cases that need a second thread or process. */
#include "stress.h"

/* ---- Another thread runs while a call is open ---- */

static u32 NTAPI Writer(void *argument) {
  const struct worker *worker = argument;
  HANDLE pipe = OpenPipe(worker->Pipe, 1);
  Sleep(2);
  TruthAssert(WriteAll(pipe, "ping", 4) == STATUS_SUCCESS);
  NtClose(pipe);
  return 0;
}

void CaseSwitch(struct worker *worker) {
  char text[4];
  u32 read = 0;
  HANDLE pipe = OpenPipe(worker->Pipe, 1), thread = StartThread(Writer, worker);
  TruthAssert(ReadSome(pipe, text, sizeof text, &read) == STATUS_SUCCESS && read == 4);
  Join(thread);
  NtClose(pipe);
}

/* ---- NtAlertResumeThread ends in a jump to NtResumeThread ---- */

static u32 NTAPI Nothing(void *argument) { return 5; }

void CaseTailCall(struct worker *worker) {
  HANDLE thread;
  u32 count = 9;
  if (RtlCreateUserThread(NtCurrentProcess(), 1, 0, Nothing, worker, &thread, NULL) != STATUS_SUCCESS) return;
  TruthAssert(NtAlertResumeThread(thread, &count) == STATUS_SUCCESS && count == 1);
  Join(thread);
}

/* ---- APCs: they run before the call that was interrupted is back in the program ---- */

static TOLD u32 NTAPI Apc(void *context, void *argument1, void *argument2) {
  u32 call = TruthEnter(FnApc);
  struct worker *worker = context;
  worker->Flag++;
  NtYieldExecution();
  NtFlushWriteBuffer();
  TruthLeave(call, worker->Flag);
  return worker->Flag;
}

void CaseApc(struct worker *worker) {
  LARGE_INTEGER interval = -SECONDS(10);
  worker->Flag = 0;
  for (u32 i = 0; i < 3; i++)
    TruthAssert(NtQueueApcThread(NtCurrentThread(), (PKNORMAL_ROUTINE)(void *)Apc, worker, NULL, NULL) ==
                STATUS_SUCCESS);
  TruthAssert(NtDelayExecution(1, &interval) == STATUS_USER_APC);
  TruthAssert(worker->Flag == 3); /* each goes on to the next one by NtContinue */
  TruthAssert(NtTestAlert() == STATUS_SUCCESS);
}

/* One that does not go back, but jumps out over the call that it interrupted. */
static void NTAPI ApcJumps(void *context, void *argument1, void *argument2) {
  struct worker *worker = context;
  LongJump(&worker->Jump, 3);
}

static TOLD u32 WaitForApc(void) {
  u32 call = TruthEnter(FnWait);
  LARGE_INTEGER interval = -SECONDS(10);
  NtDelayExecution(1, &interval);
  TruthLeave(call, 0);
  return 0;
}

void CaseApcJump(struct worker *worker) {
  i32 value = SetJump(&worker->Jump);
  if (value == 0) {
    NtQueueApcThread(NtCurrentThread(), ApcJumps, worker, NULL, NULL);
    WaitForApc();
  }
  TruthAssert(value == 3);
}

/* ---- A thread is ended inside a call. The next one gets its stack, and its number. ---- */

static u32 NTAPI ReadsForEver(void *argument) {
  struct worker *worker = argument;
  char text[4];
  u32 read;
  worker->Handle = OpenPipe(worker->Pipe, 1);
  worker->Flag = 1;
  ReadSome(worker->Handle, text, sizeof text, &read);
  return 0;
}

static u32 NTAPI WaitsForEver(void *argument) {
  struct worker *worker = argument;
  LARGE_INTEGER interval = -SECONDS(100);
  worker->Flag = 1;
  NtDelayExecution(0, &interval);
  return 0;
}

static u32 NTAPI CallsForEver(void *argument) {
  struct worker *worker = argument;
  worker->Flag = 1;
  for (;;) NtFlushWriteBuffer();
  return 0;
}

static u32 NTAPI AsksForEver(void *argument) {
  struct worker *worker = argument;
  struct {
    PORT_MESSAGE Header;
    u8 Data[PORT_MAXIMUM_MESSAGE - sizeof(PORT_MESSAGE)];
  } message;
  UNICODE_STRING name;
  RtlInitUnicodeString(&name, DEAD_PORT);
  TruthAssert(NtConnectPort(&worker->Handle, &name, NULL, NULL, NULL, NULL, NULL, NULL) == STATUS_SUCCESS);
  memset(&message, 0, sizeof message);
  message.Header.TotalLength = sizeof message.Header;
  worker->Flag = 1;
  NtRequestWaitReplyPort(worker->Handle, &message.Header, &message.Header);
  return 0;
}

void CaseKilled(struct worker *worker) {
  static const PTHREAD_START_ROUTINE victims[] = {ReadsForEver, WaitsForEver, CallsForEver, AsksForEver};
  for (u32 i = 0; i < COUNT(victims); i++) {
    worker->Flag = 0;
    worker->Handle = NULL;
    HANDLE thread = StartThread(victims[i], worker);
    WaitUntil(&worker->Flag, 1);
    NtYieldExecution();
    TruthAssert(KillThread(thread) == STATUS_CONTROL_C_EXIT);
    if (worker->Handle) NtClose(worker->Handle);
  }
  TruthAssert(Join(StartThread(Nothing, worker)) == 5);
}

/* ---- A thread ends itself, deep inside ---- */

static u32 NTAPI Exits(void *argument) {
  NtTerminateThread(NtCurrentThread(), 77);
  TruthAssert(!"NtTerminateThread has returned");
  return 0;
}

void CaseExit(struct worker *worker) { TruthAssert(Join(StartThread(Exits, worker)) == 77); }

/* ---- The call ends, its I/O does not ---- */

void CasePending(struct worker *worker) {
  HANDLE reader = OpenPipe(worker->Pipe, 0), writer = OpenPipe(worker->Pipe, 1), event;
  IO_STATUS_BLOCK iosb = {STATUS_PENDING, 0};
  char text[8];
  TruthAssert(NtCreateEvent(&event, EVENT_ALL_ACCESS, NULL, NotificationEvent, 0) == STATUS_SUCCESS);
  TruthAssert(NtReadFile(reader, event, NULL, NULL, &iosb, text, sizeof text, NULL, NULL) == STATUS_PENDING);
  NtYieldExecution();
  TruthAssert(WriteAll(writer, "later", 5) == STATUS_SUCCESS);
  TruthAssert(NtWaitForSingleObject(event, 0, NULL) == STATUS_SUCCESS);
  TruthAssert(iosb.Status == STATUS_SUCCESS && iosb.Information == 5 && text[4] == 'r');
  /* One that is never completed: closing the pipe cancels it. */
  TruthAssert(NtReadFile(reader, NULL, NULL, NULL, &iosb, text, sizeof text, NULL, NULL) == STATUS_PENDING);
  NtClose(writer);
  NtClose(reader);
  NtClose(event);
}

/* ---- A thread is held in the middle of its calls, and let go ---- */

void CaseSuspend(struct worker *worker) {
  u32 count;
  worker->Flag = 0;
  HANDLE thread = StartThread(CallsForEver, worker);
  WaitUntil(&worker->Flag, 1);
  TruthAssert(NtSuspendThread(thread, &count) == STATUS_SUCCESS && count == 0);
  NtYieldExecution();
  TruthAssert(NtResumeThread(thread, &count) == STATUS_SUCCESS && count == 1);
  NtYieldExecution();
  TruthAssert(KillThread(thread) == STATUS_CONTROL_C_EXIT);
}

/* ---- A call that another thread answers ---- */

void CaseLpc(struct worker *worker) {
  struct {
    PORT_MESSAGE Header;
    u32 Value;
    u8 Rest[PORT_MAXIMUM_MESSAGE - sizeof(PORT_MESSAGE) - 4];
  } message;
  UNICODE_STRING name;
  HANDLE port;
  RtlInitUnicodeString(&name, STRESS_PORT);
  TruthAssert(NtConnectPort(&port, &name, NULL, NULL, NULL, NULL, NULL, NULL) == STATUS_SUCCESS);
  memset(&message, 0, sizeof message);
  message.Header.DataLength = 4;
  message.Header.TotalLength = sizeof message.Header + 4;
  message.Value = worker->Index;
  TruthAssert(NtRequestWaitReplyPort(port, &message.Header, &message.Header) == STATUS_SUCCESS);
  TruthAssert(message.Value == worker->Index + 1);
  NtClose(port);
}

/* ---- A process is ended inside calls of two threads. The next one gets its page directory. ---- */

void CaseProcess(struct worker *worker) {
  HANDLE process;
  for (u32 i = 0; i < 2; i++) {
    if (RunProgram("C:\\WINNT\\system32\\stress.exe", "stress victim", NULL, &process, NULL) != STATUS_SUCCESS) return;
    Sleep(8 * i);
    TruthAssert(NtTerminateProcess(process, STATUS_CONTROL_C_EXIT) == STATUS_SUCCESS);
    TruthAssert(WaitForProcess(process) == STATUS_CONTROL_C_EXIT);
  }
}

/* ---- One call, two returns ---- */

/* Returns in the parent, and once more in the copy. */
static TOLD NTSTATUS Fork(HANDLE *process) {
  u32 call = TruthEnter(FnFork);
  HANDLE thread = NULL;
  NTSTATUS status = RtlCloneUserProcess(process, &thread);
  if (status == STATUS_PROCESS_CLONED) {
    TruthAgain(call, (u32)status);
  } else {
    if (thread) NtClose(thread);
    TruthLeave(call, (u32)status);
  }
  return status;
}

void CaseFork(struct worker *worker) {
  HANDLE process = NULL;
  NTSTATUS status = Fork(&process);
  if (status == STATUS_PROCESS_CLONED) NtTerminateProcess(NtCurrentProcess(), 11);
  TruthAssert(status == STATUS_SUCCESS);
  if (status == STATUS_SUCCESS) TruthAssert(WaitForProcess(process) == 11);
}

void RegisterThreadFunctions(void) {
  FnApc = TruthFunction(Apc, SHAPE_STDCALL(3), "stress!Apc");
  FnWait = TruthFunction(WaitForApc, SHAPE_CDECL(0), "stress!WaitForApc");
  FnFork = TruthFunction(Fork, SHAPE_CDECL(1), "stress!Fork");
}
