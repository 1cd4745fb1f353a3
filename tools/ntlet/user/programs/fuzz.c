/*
 * fuzz [ROUNDS [SEED]]: system calls with arbitrary numbers and arguments, in processes of their own. Whatever a
 * program does, the kernel must go on; if it does not, an assert or a stop code is in the ground truth.
 */
#include "../user.h"

#define CALLS 400u
#define SERVICES 0x11cu

static u32 state;

static u32 Random(void) {
  state ^= state << 13;
  state ^= state >> 17;
  state ^= state << 5;
  return state;
}

static u32 Below(u32 limit) { return Random() % limit; }

/* `int 2Eh`, as ntdll's stubs do, but with whatever stands at `arguments`. */
static u32 RawCall(u32 number, const u32 *arguments) {
  u32 result;
  __asm__ volatile("int $0x2e" : "=a"(result) : "0"(number), "d"(arguments) : "ecx", "memory");
  return result;
}

static u8 room[4096];

/* Something that is no address of this program's: a number, a handle, one of the kernel's addresses. */
static u32 Elsewhere(void) {
  switch (Below(5)) {
  case 0: return 0;
  case 1: return Below(16);
  case 2: return 4 * Below(24);
  case 3: return (u32)-1 - Below(3);
  default: return 0x80400000u + Below(0x20000);
  }
}

/* Whatever an argument may be: also a good address, one at the edge of what is there, or any. */
static u32 Argument(void) {
  switch (Below(10)) {
  case 0:
  case 1:
  case 2: return (u32)room + 4 * Below(1000);
  case 3: return 0x7ffdf000u + Below(0x21000);
  case 4: return Random();
  default: return Elsewhere();
  }
}

/* What would end the test itself, reach other processes, or write over what others say on the console:
   NtShutdownSystem, NtOpenProcess, NtOpenThread, NtDisplayString. */
static u8 IsLeftOut(u32 number) { return number == 0xf9 || number == 0x7a || number == 0x80 || number == 0x43; }

/*
 * NtContinue, NtCreateThread, NtQueueApcThread, NtRaiseException: they can make the program execute what lies at an
 * address, and v86 does not survive everything that a program may execute (it stops at an IRET to a selector that is
 * none). They get no addresses of the program's.
 */
static u8 Jumps(u32 number) { return number == 0x20 || number == 0x35 || number == 0xb4 || number == 0xb5; }

/* Into the kernel with empty segment registers, and with flags that it must not take along: nested task, alignment
   check, direction. */
static void OddState(void) {
  __asm__ volatile("push %%ds\n"
                   "push %%es\n"
                   "xor %%eax, %%eax\n"
                   "mov %%eax, %%ds\n"
                   "mov %%eax, %%es\n"
                   "int $0x2d\n"
                   "pop %%es\n"
                   "pop %%ds\n"
                   "pushf\n"
                   "pushf\n"
                   "orl $0x44400, (%%esp)\n"
                   "popf\n"
                   "call NtYieldExecution\n"
                   "popf\n" ::
                       : "eax", "ecx", "edx", "memory");
}

static u32 NTAPI Calls(void *argument) {
  u32 arguments[17];
  (void)argument;
  for (u32 i = 0; i < CALLS; i++) {
    u32 number = Below(SERVICES + 4), kind = Below(40);
    if (kind == 0) number = 0x1000 + Below(0x29c);
    if (kind == 1) number = Random();
    if (kind == 2) OddState();
    if (IsLeftOut(number & 0xfff)) continue;
    u8 jumps = Jumps(number);
    for (u32 j = 0; j < COUNT(arguments); j++) arguments[j] = jumps ? Elsewhere() : Argument();
    for (u32 j = 0; j < 64; j++) ((u32 *)room)[Below(1024)] = Argument();
    /* The arguments themselves may be out of reach. */
    RawCall(number, jumps || Below(50) ? arguments : (const u32 *)Argument());
  }
  return 0;
}

/* In a process of its own, with two threads, so that one pulls away what the other uses. */
static i32 Child(u32 seed) {
  HANDLE thread;
  state = seed | 1;
  RtlCreateUserThread(NtCurrentProcess(), 0, 0, Calls, NULL, &thread, NULL);
  return (i32)Calls(NULL);
}

i32 program_main(const char *commandLine) {
  static const HANDLE none[3];
  char line[128], *rest = line, *word;
  u32 rounds = 20, seed = 1, ended = 0;
  Format(line, sizeof line, "%s", commandLine);
  NextWord(&rest);
  word = NextWord(&rest);
  if (word && stricmp(word, "child") == 0) {
    word = NextWord(&rest);
    if (word) ParseNumber(word, &seed);
    return Child(seed);
  }
  if ((word && !ParseNumber(word, &rounds)) || ((word = NextWord(&rest)) && !ParseNumber(word, &seed))) {
    Print(StandardOutput(), "usage: fuzz [ROUNDS [SEED]]\n");
    return 1;
  }
  for (u32 i = 0; i < rounds; i++) {
    LARGE_INTEGER patience = -MILLISECONDS(200);
    HANDLE process;
    Format(line, sizeof line, "fuzz child %u", (seed + i) * 2654435761u);
    NTSTATUS status = RunProgram("C:\\WINNT\\system32\\fuzz.exe", line, none, &process, NULL);
    if (status != STATUS_SUCCESS) {
      PrintStatus(StandardOutput(), "fuzz", status);
      return 1;
    }
    /* Most end by themselves, in one way or another; some wait for ever. */
    if (NtWaitForSingleObject(process, 0, &patience) == STATUS_SUCCESS) ended++;
    NtTerminateProcess(process, STATUS_CONTROL_C_EXIT);
    WaitForProcess(process);
  }
  Print(StandardOutput(), "fuzz: %u processes, %u of them ended by themselves\n", rounds, ended);
  return 0;
}
