/*
 * stress [ROUNDS [THREADS]]: makes every case that NT can have of a call that does not simply return, in so many
 * threads at once, and checks the results. What really happened is in the ground truth; what went wrong, too, as an
 * assert.
 */
#include "stress/stress.h"

#define MOST_THREADS 32u
#define MOST_ROUNDS 100000u

const struct stress_case StressCases[] = {
    {"recursion", CaseRecursion, 1},
    {"both doors", CaseDoors, 1},
    {"stdcall and cdecl", CaseConventions, 1},
    {"restarted first instruction", CaseRestart, 1},
    {"exception unwinds", CaseUnwind, 1},
    {"longjmp", CaseLongJump, 1},
    {"nested services", CaseNested, 1},
    {"callback and stack exchange", CaseCallback, 1},
    {"fibers", CaseFibers, 1},
    {"NtContinue", CaseContinue, 1},
    {"switch inside a call", CaseSwitch, 1},
    {"tail call", CaseTailCall, 1},
    {"APC", CaseApc, 1},
    {"longjmp out of an APC", CaseApcJump, 1},
    {"killed inside a call", CaseKilled, 2},
    {"thread exits", CaseExit, 1},
    {"pending", CasePending, 1},
    {"suspended", CaseSuspend, 2},
    {"LPC", CaseLpc, 1},
    {"process killed inside calls", CaseProcess, 8},
    {"fork", CaseFork, 16},
};
const u32 StressCaseCount = COUNT(StressCases);

/* ---- What the cases share ---- */

HANDLE StartThread(PTHREAD_START_ROUTINE start, void *argument) {
  HANDLE thread = NULL;
  NTSTATUS status = RtlCreateUserThread(NtCurrentProcess(), 0, 0, start, argument, &thread, NULL);
  TruthAssert(status == STATUS_SUCCESS);
  return thread;
}

/* Waits for a thread's end and closes the handle; its exit status. */
NTSTATUS Join(HANDLE thread) {
  NTSTATUS status = NtWaitForSingleObject(thread, 0, NULL);
  TruthAssert(status == STATUS_SUCCESS);
  THREAD_BASIC_INFORMATION basic = {.ExitStatus = STATUS_PENDING};
  TruthAssert(NtQueryInformationThread(thread, 0, &basic, sizeof basic, NULL) == STATUS_SUCCESS);
  NtClose(thread);
  return basic.ExitStatus;
}

NTSTATUS KillThread(HANDLE thread) {
  TruthAssert(NtTerminateThread(thread, STATUS_CONTROL_C_EXIT) == STATUS_SUCCESS);
  return Join(thread);
}

HANDLE OpenPipe(const char *name, u8 synchronous) {
  HANDLE pipe = NULL;
  char path[48];
  Format(path, sizeof path, "\\??\\PIPE\\%s", name);
  TruthAssert(OpenPath(path, GENERIC_READ | GENERIC_WRITE, FILE_OPEN_IF, synchronous ? FILE_SYNCHRONOUS_IO_NONALERT : 0,
                       &pipe) == STATUS_SUCCESS);
  return pipe;
}

NTSTATUS Control(const struct worker *worker, u32 code, void *input, u32 inputLength, void *output, u32 outputLength) {
  IO_STATUS_BLOCK iosb;
  return NtDeviceIoControlFile(worker->Device, NULL, NULL, NULL, &iosb, code, input, inputLength, output, outputLength);
}

void WaitUntil(volatile u32 *flag, u32 value) {
  while (*flag != value) Sleep(1);
}

/* ---- Workers ---- */

static u32 NTAPI Work(void *argument) {
  struct worker *worker = argument;
  for (u32 round = 0; round < worker->Rounds; round++)
    for (u32 i = 0; i < StressCaseCount; i++) {
      if (worker->Index % StressCases[i].Every) continue;
      TruthMark(i, StressCases[i].Name);
      StressCases[i].Run(worker);
    }
  return worker->Index;
}

/* Answers what CaseLpc asks, until it is killed. */
static u32 NTAPI Serve(void *argument) {
  struct {
    PORT_MESSAGE Header;
    u32 Value;
    u8 Rest[PORT_MAXIMUM_MESSAGE - sizeof(PORT_MESSAGE) - 4];
  } message;
  PORT_MESSAGE *reply = NULL;
  while (NtReplyWaitReceivePort(argument, NULL, reply, &message.Header) == STATUS_SUCCESS) {
    message.Value++;
    reply = &message.Header;
  }
  return 0;
}

static HANDLE CreatePort(const wchar *name) {
  OBJECT_ATTRIBUTES attributes;
  UNICODE_STRING text;
  HANDLE port = NULL;
  RtlInitUnicodeString(&text, name);
  InitializeObjectAttributes(&attributes, &text, 0);
  TruthAssert(NtCreatePort(&port, &attributes, 0, PORT_MAXIMUM_MESSAGE, 0) == STATUS_SUCCESS);
  return port;
}

/* `stress victim`: two threads that are in calls for ever. Somebody ends the process. */
static u32 NTAPI VictimThread(void *argument) {
  for (;;) Sleep(4);
  return 0;
}

static i32 Victim(void) {
  StartThread(VictimThread, NULL);
  for (;;) Sleep(1000);
  return 0;
}

static void Dither(HANDLE device, u32 on) {
  struct worker worker = {.Device = device};
  Control(&worker, IOCTL_STRESS_DITHER, &on, sizeof on, NULL, 0);
}

static i32 Run(u32 rounds, u32 threads) {
  static struct worker workers[MOST_THREADS];
  HANDLE handles[MOST_THREADS], device, port, dead, server;
  if (OpenPath("\\Device\\Stress", GENERIC_READ | GENERIC_WRITE, FILE_OPEN, FILE_SYNCHRONOUS_IO_NONALERT, &device) !=
      STATUS_SUCCESS)
    return 1;
  port = CreatePort(STRESS_PORT);
  if (port == NULL) {
    Print(StandardOutput(), "stress: it is running already\n");
    return 1;
  }
  dead = CreatePort(DEAD_PORT);
  RegisterFunctions();
  RegisterThreadFunctions();
  server = StartThread(Serve, port);
  Dither(device, 1);
  Print(StandardOutput(), "stress: %u cases, %u rounds, %u threads\n", StressCaseCount, rounds, threads);
  for (u32 i = 0; i < threads; i++) {
    workers[i] = (struct worker){.Index = i, .Rounds = rounds, .Device = device};
    Format(workers[i].Pipe, sizeof workers[i].Pipe, "stress%u", i);
    handles[i] = StartThread(Work, &workers[i]);
  }
  for (u32 i = 0; i < threads; i++) TruthAssert(Join(handles[i]) == (NTSTATUS)i);
  Dither(device, 0);
  KillThread(server);
  NtClose(dead);
  NtClose(port);
  NtClose(device);
  Print(StandardOutput(), "stress: done\n");
  return 0;
}

i32 program_main(const char *commandLine) {
  char line[128], *rest = line, *word;
  u32 rounds = 1, threads = 4;
  Format(line, sizeof line, "%s", commandLine);
  NextWord(&rest);
  if ((word = NextWord(&rest)) && stricmp(word, "victim") == 0) return Victim();
  if (word && (!ParseNumber(word, &rounds) || rounds == 0 || rounds > MOST_ROUNDS)) rounds = 0;
  if ((word = NextWord(&rest)) && (!ParseNumber(word, &threads) || threads > MOST_THREADS)) threads = 0;
  if (rounds == 0 || threads == 0) {
    Print(StandardOutput(), "usage: stress [ROUNDS [THREADS]]   1 to %u rounds, 1 to %u threads\n", MOST_ROUNDS,
          MOST_THREADS);
    return 1;
  }
  return Run(rounds, threads);
}
