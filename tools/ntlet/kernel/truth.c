/*
 * The ground truth: what the kernel knows of its calls, threads and processes, written to port 0xE9 as it happens.
 * src/guest/ntlet/TRUTH.md specifies the records.
 *
 * Every function that is told of tells so itself, first thing and last thing (ENTER and LEAVE); the calls that are
 * open in a thread stand in its Open array. Whoever ends a call in another way says so here: KiCallUnwind,
 * KiCallsKilled, KiCallEnd.
 */
#include "ke.h"

enum {
  Boot = 1,
  Function,
  ProcessStart,
  ProcessEnd,
  ThreadStart,
  ThreadEnd,
  Switch,
  Enter,
  Leave,
  Complete,
  Again,
  Assert,
  Mark,
  Event,
  Halt
};
#define TRUTH_PORT 0xe9
#define TRUTH_VERSION 1
#define LONGEST 255
#define FIRST_PROGRAM_FUNCTION 0x20000u

static u32 record[LONGEST] __attribute__((aligned(1024)));
static u32 length, sequence, lastCall, lastFunction = FIRST_PROGRAM_FUNCTION;

static void Begin(u32 kind, u32 generation) {
  record[0] = kind | 0x544e0000u;
  record[1] = sequence++;
  record[2] = generation;
  length = 3;
}

static void Word(u32 value) {
  if (length < LONGEST) record[length++] = value;
}

/* Text, filled up with zero bytes to whole words. */
static void Text(const char *text, u32 most) {
  u32 i, word = 0;
  for (i = 0; i < most && text[i]; i++) {
    word |= (u32)(u8)text[i] << (8 * (i & 3));
    if ((i & 3) == 3) Word(word), word = 0;
  }
  if (i & 3) Word(word);
}

/* One instruction writes all of it: the recorder keeps it together. */
static void End(void) {
  const u32 *from = record;
  u32 words = length;
  record[0] |= length << 8;
  __asm__ volatile("rep outsl" : "+S"(from), "+c"(words) : "d"(TRUTH_PORT) : "memory");
}

static u32 Here(void) { return CurrentThread() ? CurrentThread()->Generation : 0; }

static void TellFunction(u32 number, const void *address, u32 shape, const char *name) {
  Begin(Function, Here());
  Word(number);
  Word((u32)address);
  Word(shape);
  Text(name, 64);
  End();
}

void TruthBoot(void) {
  Begin(Boot, 0);
  Word(TRUTH_VERSION);
  Word(KERNEL_BASE);
  Word((u32)(image_end - image_start));
  End();
#define SERVICE(number, name, words)                                                                                   \
  extern void name##_(void) __asm__(#name);                                                                            \
  TellFunction(number, name##_, words, #name);
#include "services.h"
#include "shadow.h"
#undef SERVICE
  TellFunction(FnPsConvertToGuiThread, PsConvertToGuiThread, 0, "PsConvertToGuiThread");
  TellFunction(FnKeUserModeCallback, KeUserModeCallback, 5, "KeUserModeCallback");
  TellFunction(FnDbgPrint, DbgPrint, 0x100 | 2, "DbgPrint");
  TellFunction(FnInterlockedExchange, InterlockedExchange, 0x200 | 2, "InterlockedExchange");
  TellFunction(FnRtlFillMemoryUlong, RtlFillMemoryUlong, 3, "RtlFillMemoryUlong");
}

void TruthProcessStart(EPROCESS *process, u32 parent) {
  Begin(ProcessStart, Here());
  Word(process->Generation);
  Word(process->UniqueProcessId);
  Word(process->DirectoryTableBase[0]);
  Word(parent);
  Word((u32)process);
  Text(process->ImageFileName, 16);
  End();
}

void TruthProcessEnd(EPROCESS *process) {
  Begin(ProcessEnd, Here());
  Word(process->Generation);
  Word((u32)process->ExitStatus);
  End();
}

void TruthThreadStart(ETHREAD *thread) {
  Begin(ThreadStart, thread->Generation);
  Word(thread->ThreadsProcess->Generation);
  Word(thread->Cid.UniqueThread);
  Word((u32)thread);
  Word(thread->StackBase);
  Word((u32)thread->Teb);
  Word((u32)thread->StartAddress);
  End();
}

void TruthThreadEnd(ETHREAD *thread) {
  Begin(ThreadEnd, thread->Generation);
  Word((u32)thread->ExitStatus);
  End();
}

void TruthSwitch(ETHREAD *from, ETHREAD *to) {
  Begin(Switch, to->Generation);
  Word(from->Generation);
  Word(to->ApcState.Process->DirectoryTableBase[0]);
  End();
}

void TruthComplete(u32 generation, u32 call, NTSTATUS status, u32 information) {
  Begin(Complete, generation);
  Word(call);
  Word((u32)status);
  Word(information);
  End();
}

void TruthEvent(u32 what, u32 a, u32 b) {
  Begin(Event, Here());
  Word(what);
  Word(a);
  Word(b);
  End();
}

void TruthHalt(u32 reason) {
  Begin(Halt, Here());
  Word(reason);
  End();
}

void TruthAssert(u32 line, const char *text) {
  Begin(Assert, Here());
  Word(line);
  Text(text, 200);
  End();
}

/* ---- Calls ---- */

static struct open_call *Innermost(ETHREAD *thread, u32 stack) {
  for (u32 i = thread->OpenCount; i-- > 0;)
    if (thread->Open[i].Stack == stack) return &thread->Open[i];
  return NULL;
}

static u32 Open(u32 function, u32 esp, u32 words, const u32 *arguments) {
  ETHREAD *thread = CurrentThread();
  const struct open_call *parent = Innermost(thread, thread->Fiber);
  u32 door = thread->Door;
  thread->Door = DoorDirect;
  ASSERT(thread->OpenCount < OPEN_CALLS);
  if (thread->OpenCount == OPEN_CALLS) return 0;
  struct open_call *call = &thread->Open[thread->OpenCount++];
  call->Number = ++lastCall;
  call->Function = function;
  call->Esp = esp;
  call->Stack = thread->Fiber;
  call->SharesReturn = 0;
  Begin(Enter, thread->Generation);
  Word(call->Number);
  Word(function);
  Word(parent ? parent->Number : 0);
  Word(door | (u32)thread->Fiber << 8);
  Word(esp);
  for (u32 i = 0; i < words; i++) Word(arguments[i]);
  End();
  return call->Number;
}

/* Takes the call at an index out of the list and tells how it ended. */
static void Close(ETHREAD *thread, u32 index, u32 outcome, u32 result) {
  u32 number = thread->Open[index].Number;
  thread->OpenCount--;
  for (u32 i = index; i < thread->OpenCount; i++) thread->Open[i] = thread->Open[i + 1];
  Begin(Leave, thread->Generation);
  Word(number);
  Word(outcome);
  Word(result);
  End();
}

/* A call begins. `entry` is the address of its return address, as ESP was at its first instruction. */
u32 KiCallEnter(u32 function, u32 *entry, u32 words, const u32 *arguments) {
  u32 call = Open(function, (u32)entry, words, arguments);
  KiPreemptionPoint();
  return call;
}

/* It returns `result`; and so do the calls that it was reached from by a jump. */
NTSTATUS KiCallLeave(u32 call, NTSTATUS result) {
  ETHREAD *thread = CurrentThread();
  /* What is pending may be completed by whoever runs next: that it is pending is to be told before. */
  if (result != STATUS_PENDING) KiPreemptionPoint();
  KiCallEnd(call, result == STATUS_PENDING ? OutcomePending : OutcomeReturned, (u32)result);
  for (;;) {
    struct open_call *next = Innermost(thread, thread->Fiber);
    if (next == NULL || !next->SharesReturn) return result;
    Close(thread, (u32)(next - thread->Open), OutcomeReturned, (u32)result);
  }
}

/* It ends in some way that is not a return. */
void KiCallEnd(u32 call, u32 outcome, u32 result) {
  ETHREAD *thread = CurrentThread();
  struct open_call *innermost = Innermost(thread, thread->Fiber);
  ASSERT(innermost != NULL && innermost->Number == call);
  for (u32 i = thread->OpenCount; i-- > 0;)
    if (thread->Open[i].Number == call) {
      Close(thread, i, outcome, result);
      return;
    }
}

/* Execution goes on in an outer call: those opened since there were `depth` are passed over. */
void KiCallUnwind(u32 depth) {
  ETHREAD *thread = CurrentThread();
  while (thread->OpenCount > depth) Close(thread, thread->OpenCount - 1, OutcomeUnwound, 0);
}

/* The thread ends: so do all its calls. */
void KiCallsKilled(ETHREAD *thread) {
  while (thread->OpenCount > 0) Close(thread, thread->OpenCount - 1, OutcomeKilled, (u32)thread->TerminateStatus);
}

/* NtAlertResumeThread up to the jump that ends it: see trap.S. */
void KiAlertResumeBegin(u32 *entry) {
  u32 call = KiCallEnter(NumberNtAlertResumeThread, entry, WordsNtAlertResumeThread, entry + 1);
  ETHREAD *thread = CurrentThread(), *target;
  if (ObReferenceByHandle((HANDLE)entry[1], PsThreadType, (void **)&target) == STATUS_SUCCESS) {
    target->Alerted[UserMode] = 1;
    if (target->State == Waiting && target->Alertable) KiUnwaitThread(target, STATUS_ALERTED);
    ObDone(target);
  }
  struct open_call *open = Innermost(thread, thread->Fiber);
  ASSERT(open != NULL && open->Number == call);
  open->SharesReturn = 1;
  thread->Door = DoorJump;
}

/* ---- Programs tell the truth of themselves: `int 2Dh` ---- */

static int ReadText(const char *from, char *to, u32 room) {
  for (u32 i = 0; i < room - 1; i++) {
    if (!MmProbe(from + i, 1)) return 0;
    if ((to[i] = from[i]) == 0) return 1;
  }
  to[room - 1] = 0;
  return 1;
}

static u32 DoorFunction(const struct truth_function *function) {
  char name[64];
  if (!MmProbe(function, sizeof *function) || !ReadText(function->name, name, sizeof name)) return 0;
  TellFunction(++lastFunction, function->address, function->shape | 0x10000, name);
  return lastFunction | (function->shape & 0xff) << 24; /* DoorEnter wants to know the words */
}

static u32 DoorEnter(u32 function, const u32 *entry) {
  u32 shape = function >> 24, words = shape > 8 ? 8 : shape;
  /* Only functions of programs, and not so many at once that the kernel's own calls find no room. */
  if ((function & 0xffffff) <= FIRST_PROGRAM_FUNCTION || CurrentThread()->OpenCount >= OPEN_CALLS - 16) return 0;
  if (!MmProbe(entry, 4 + 4 * words)) return 0;
  CurrentThread()->Door = DoorDirect;
  return Open(function & 0xffffff, (u32)entry, words, entry + 1);
}

/* Calls of the program on its present stack that lie below `esp` are passed over; never those of the kernel. */
static void DoorUnwind(u32 esp) {
  ETHREAD *thread = CurrentThread();
  for (u32 i = thread->OpenCount; i-- > 0;) {
    const struct open_call *call = &thread->Open[i];
    if (call->Stack != thread->Fiber) continue;
    if (call->Function <= FIRST_PROGRAM_FUNCTION || call->Esp >= esp) return;
    Close(thread, i, OutcomeUnwound, 0);
  }
}

u32 TruthDoor(KTRAP_FRAME *frame) {
  ETHREAD *thread = CurrentThread();
  u32 a = frame->Ecx, b = frame->Edx;
  char text[128];
  switch (frame->Eax) {
  case TRUTH_DOOR_FUNCTION: return DoorFunction((const struct truth_function *)a);
  case TRUTH_DOOR_ENTER: return DoorEnter(a, (const u32 *)b);
  case TRUTH_DOOR_LEAVE: {
    struct open_call *call = Innermost(thread, thread->Fiber);
    /* Only a call of the program's own, and the innermost: a program that errs here fails the test, not the kernel. */
    if (a == 0) return 0; /* one that there was no room for */
    if (call == NULL || call->Number != a || call->Function <= FIRST_PROGRAM_FUNCTION) {
      TruthAssert(__LINE__, "a program leaves a call that is not innermost");
      return 0;
    }
    Close(thread, (u32)(call - thread->Open), OutcomeReturned, b);
    return 1;
  }
  case TRUTH_DOOR_UNWIND: return DoorUnwind(a), 1;
  case TRUTH_DOOR_FIBER:
    thread->Fiber = (u8)a;
    TruthEvent(EventFiber, a & 0xff, 0);
    return 1;
  case TRUTH_DOOR_MARK:
  case TRUTH_DOOR_ASSERT:
    if (!ReadText((const char *)b, text, sizeof text)) return 0;
    Begin(frame->Eax == TRUTH_DOOR_MARK ? Mark : Assert, thread->Generation);
    Word(a);
    Text(text, sizeof text);
    End();
    return 1;
  case TRUTH_DOOR_AGAIN:
    if (a == 0 || a > lastCall) return 0;
    Begin(Again, thread->Generation);
    Word(a);
    Word(b);
    End();
    return 1;
  }
  return 0;
}
