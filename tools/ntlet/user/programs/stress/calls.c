/* Cases that one thread drives by itself. */
#include "stress.h"

u32 FnRecurse, FnThrow, FnJump, FnFiber, FnFork, FnTouch, FnSum, FnCallback, FnApc, FnWait;

/* ---- A function that calls itself; a service that does: it follows a symbolic link ---- */

static TOLD u32 Recurse(u32 depth) {
  u32 call = TruthEnter(FnRecurse);
  u32 result = depth == 0 ? 1 : Recurse(depth - 1) + 1;
  if (depth == 2) NtYieldExecution();
  TruthLeave(call, result);
  return result;
}

void CaseRecursion(struct worker *worker) {
  HANDLE file;
  char text[8];
  u32 read;

  TruthAssert(Recurse(5) == 6);
  TruthAssert(OpenPath("C:\\boot.ini", GENERIC_READ, FILE_OPEN, FILE_SYNCHRONOUS_IO_NONALERT, &file) == STATUS_SUCCESS);
  TruthAssert(ReadSome(file, text, sizeof text, &read) == STATUS_SUCCESS && read == sizeof text);
  TruthAssert(NtClose(file) == STATUS_SUCCESS);
}

/* ---- Both ways into the kernel ---- */

void CaseDoors(struct worker *worker) {
  LARGE_INTEGER interval = -MILLISECONDS(1);
  IO_STATUS_BLOCK iosb;
  char text[4];

  Int2eYieldExecution();
  TruthAssert(Int2eDelayExecution(0, &interval) == STATUS_SUCCESS);
  TruthAssert(NtDelayExecution(0, &interval) == STATUS_SUCCESS);
  TruthAssert(Int2eClose((HANDLE)0x7fc) == STATUS_INVALID_HANDLE);
  TruthAssert(Int2eReadFile((HANDLE)0x7fc, NULL, NULL, NULL, &iosb, text, sizeof text, NULL, NULL) ==
              STATUS_INVALID_HANDLE);
  TruthAssert(NtFlushWriteBuffer() == STATUS_SUCCESS);
}

/* ---- Who takes the arguments off the stack, and what becomes of them ---- */

/* A cdecl function that uses its arguments as variables. */
static TOLD u32 Sum(volatile u32 a, volatile u32 b, volatile u32 c) {
  u32 call = TruthEnter(FnSum);
  a += b;
  b = 0xdeadbeef;
  a += c;
  c = 0xdeadbeef;
  TruthLeave(call, a);
  return a;
}

void CaseConventions(struct worker *worker) {
  TruthAssert(Sum(1, 2, 3) == 6);
  TruthAssert(Control(worker, IOCTL_STRESS_CDECL, NULL, 0, NULL, 0) == STATUS_SUCCESS);
}

/* ---- A first instruction that is begun twice ---- */

static TOLD u32 NTAPI Touch(u32 value) {
  u32 call = TruthEnter(FnTouch);
  TruthLeave(call, value + 1);
  return value + 1;
}

/* Calls Touch with ESP such that its return address is the last word of a page, and the first push is in a page
   that does not exist yet. */
static u32 CallAtPageEnd(u32 top, u32 value) {
  u32 result;
  __asm__ volatile("mov %%esp, %%ebx\n"
                   "mov %2, %%esp\n"
                   "push %3\n"
                   "call *%1\n"
                   "mov %%ebx, %%esp\n"
                   : "=a"(result)
                   : "r"(Touch), "r"(top), "0"(value)
                   : "ebx", "ecx", "edx", "memory");
  return result;
}

void CaseRestart(struct worker *worker) {
  u8 *memory = NULL;
  u32 size = 0x4000;

  NTSTATUS status =
      NtAllocateVirtualMemory(NtCurrentProcess(), (void **)&memory, 0, &size, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
  TruthAssert(status == STATUS_SUCCESS);
  if (status != STATUS_SUCCESS) return;
  memory[0x3000] = 1;
  TruthAssert(CallAtPageEnd((u32)memory + 0x3000 + 8, 41) == 42);
  TruthAssert(Control(worker, IOCTL_STRESS_RESTART, NULL, 0, memory, 0x2000) == STATUS_SUCCESS);
  size = 0;
  TruthAssert(NtFreeVirtualMemory(NtCurrentProcess(), (void **)&memory, &size, MEM_RELEASE) == STATUS_SUCCESS);
}

/* ---- Exceptions that pass over open calls: the program's, and the kernel's ---- */

static volatile u32 *volatile nowhere;

static TOLD u32 Throw(u32 depth) {
  u32 call = TruthEnter(FnThrow);
  if (depth > 0) Throw(depth - 1);
  else if (call & 1) RtlRaiseStatus(STATUS_UNSUCCESSFUL);
  else *nowhere = 0;
  TruthLeave(call, 0);
  return 0;
}

void CaseUnwind(struct worker *worker) {
  struct try_frame frame;
  NTSTATUS code = TryBegin(&frame);
  if (code == STATUS_SUCCESS) Throw(3);
  TryEnd(&frame);
  TruthAssert(code == STATUS_UNSUCCESSFUL || code == STATUS_ACCESS_VIOLATION);
  for (u32 depth = 0; depth < 3; depth++)
    TruthAssert(Control(worker, IOCTL_STRESS_UNWIND, &depth, sizeof depth, NULL, 0) == STATUS_IN_PAGE_ERROR);
}

/* ---- Jumps ---- */

static TOLD u32 Jump(struct worker *worker, u32 depth) {
  u32 call = TruthEnter(FnJump);
  if (depth > 0) Jump(worker, depth - 1);
  else if (worker->Rounds) LongJump(&worker->Jump, 7); /* always */
  TruthLeave(call, 0);
  return 0;
}

void CaseLongJump(struct worker *worker) {
  u32 depth = 2;
  i32 value = SetJump(&worker->Jump);
  if (value == 0) Jump(worker, 4);
  TruthAssert(value == 7);
  TruthAssert(Control(worker, IOCTL_STRESS_LONGJMP, &depth, sizeof depth, NULL, 0) == STATUS_ALERTED);
}

/* ---- Services within services ---- */

void CaseNested(struct worker *worker) {
  TruthAssert(Control(worker, IOCTL_STRESS_NESTED, NULL, 0, NULL, 0) == STATUS_SUCCESS);
}

/* ---- The kernel calls the program. The first time, it exchanges its stack while it is at it. ---- */

static TOLD NTSTATUS NTAPI Callback(void *argument, u32 length) {
  u32 call = TruthEnter(FnCallback);
  const u32 *parameters = argument;
  NTSTATUS result = length == 8 ? (NTSTATUS)parameters[0] + 1 : STATUS_UNSUCCESSFUL;
  NtYieldExecution();
  /* Once more from within, to a depth. */
  if (parameters[0] < 2) TruthAssert((u32)NtUserCallOneParam(parameters[0] + 1, 0) == parameters[0] + 2);
  TruthLeave(call, (u32)result);
  return result;
}

void CaseCallback(struct worker *worker) {
  static void *table[] = {Callback};
  NtCurrentPeb()->KernelCallbackTable = table;
  TruthAssert(NtGdiFlush() == STATUS_SUCCESS);
  TruthAssert(NtUserCallOneParam(0, 0) == 1);
}

/* ---- Two stacks in one thread ---- */

struct fiber_pair {
  struct fiber Own, Other;
  u32 Turns;
};

static TOLD u32 Ping(struct fiber_pair *pair, u32 other) {
  u32 call = TruthEnter(FnFiber);
  NtYieldExecution();
  pair->Turns++;
  if (other) FiberSwitch(&pair->Other, &pair->Own);
  else FiberSwitch(&pair->Own, &pair->Other);
  NtFlushWriteBuffer();
  TruthLeave(call, pair->Turns);
  return pair->Turns;
}

static void NTAPI OtherFiber(void *argument) {
  struct fiber_pair *pair = argument;
  for (;;) Ping(pair, 1);
}

void CaseFibers(struct worker *worker) {
  struct fiber_pair pair;
  memset(&pair, 0, sizeof pair);
  NTSTATUS status = FiberCreate(&pair.Other, 1, 0x4000, OtherFiber, &pair);
  TruthAssert(status == STATUS_SUCCESS);
  if (status != STATUS_SUCCESS) return;
  /* The other's Ping is open whenever this one's is entered and left. */
  for (u32 i = 0; i < 3; i++) Ping(&pair, 0);
  TruthAssert(pair.Turns == 6);
  /* Its last call never returns: it is passed over with its stack. */
  TruthFiber(1);
  TruthUnwind(0xffffffff);
  TruthFiber(0);
  FiberDelete(&pair.Other);
}

/* ---- Going on somewhere else: NtContinue and NtRaiseException do not return ---- */

static EXCEPTION_DISPOSITION Resume(EXCEPTION_RECORD *record, EXCEPTION_REGISTRATION_RECORD *frame, CONTEXT *context,
                                    void *dispatcher) {
  if (record->ExceptionFlags & EXCEPTION_UNWINDING) return ExceptionContinueSearch;
  /* Behind `ud2` in CaseContinue. */
  context->Eip += 2;
  context->Eax = 0x600d;
  return ExceptionContinueExecution;
}

void CaseContinue(struct worker *worker) {
  EXCEPTION_REGISTRATION_RECORD registration = {NtCurrentTeb()->NtTib.ExceptionList, Resume};
  u32 value = 0;
  NtCurrentTeb()->NtTib.ExceptionList = &registration;
  __asm__ volatile("ud2" : "+a"(value)::"memory");
  NtCurrentTeb()->NtTib.ExceptionList = registration.Next;
  TruthAssert(value == 0x600d);
  TruthAssert(NtContinue((CONTEXT *)8, 0) == STATUS_ACCESS_VIOLATION);
}

void RegisterFunctions(void) {
  FnRecurse = TruthFunction(Recurse, SHAPE_CDECL(1), "stress!Recurse");
  FnThrow = TruthFunction(Throw, SHAPE_CDECL(1), "stress!Throw");
  FnJump = TruthFunction(Jump, SHAPE_CDECL(2), "stress!Jump");
  FnFiber = TruthFunction(Ping, SHAPE_CDECL(2), "stress!Ping");
  FnTouch = TruthFunction(Touch, SHAPE_STDCALL(1), "stress!Touch");
  FnSum = TruthFunction(Sum, SHAPE_CDECL(3), "stress!Sum");
  FnCallback = TruthFunction(Callback, SHAPE_STDCALL(2), "stress!Callback");
}
