/* The stress program: every way in which a call can end, in several threads at once. */
#ifndef STRESS_H
#define STRESS_H
#include "../../user.h"

/* One thread's share of the work, and what it works with. */
struct worker {
  u32 Index, Rounds;
  HANDLE Device; /* \Device\Stress */
  char Pipe[24]; /* the name of its own pipe */
  struct jump_buffer Jump;
  HANDLE Handle;     /* what a helper thread that is killed leaves open */
  volatile u32 Flag; /* between the worker and its helper threads */
};

/* A case: `Every` tells which workers drive it: those whose index it divides. */
struct stress_case {
  const char *Name;
  void (*Run)(struct worker *worker);
  u32 Every;
};
extern const struct stress_case StressCases[];
extern const u32 StressCaseCount;

/* Numbers of the program's own functions in the ground truth. */
extern u32 FnRecurse, FnThrow, FnJump, FnFiber, FnFork, FnTouch, FnSum, FnCallback, FnApc, FnWait;
void RegisterFunctions(void);
void RegisterThreadFunctions(void);

HANDLE StartThread(PTHREAD_START_ROUTINE start, void *argument);
NTSTATUS Join(HANDLE thread);
NTSTATUS KillThread(HANDLE thread);
HANDLE OpenPipe(const char *name, u8 synchronous);
NTSTATUS Control(const struct worker *worker, u32 code, void *input, u32 inputLength, void *output, u32 outputLength);
void WaitUntil(volatile u32 *flag, u32 value);

#define STRESS_PORT L"\\StressPort"
#define DEAD_PORT L"\\StressDead"

/* calls.c */
void CaseRecursion(struct worker *worker);
void CaseDoors(struct worker *worker);
void CaseConventions(struct worker *worker);
void CaseRestart(struct worker *worker);
void CaseUnwind(struct worker *worker);
void CaseLongJump(struct worker *worker);
void CaseNested(struct worker *worker);
void CaseCallback(struct worker *worker);
void CaseFibers(struct worker *worker);
void CaseContinue(struct worker *worker);
/* threads.c */
void CaseSwitch(struct worker *worker);
void CaseTailCall(struct worker *worker);
void CaseApc(struct worker *worker);
void CaseApcJump(struct worker *worker);
void CaseKilled(struct worker *worker);
void CaseExit(struct worker *worker);
void CasePending(struct worker *worker);
void CaseSuspend(struct worker *worker);
void CaseLpc(struct worker *worker);
void CaseProcess(struct worker *worker);
void CaseFork(struct worker *worker);
#endif
