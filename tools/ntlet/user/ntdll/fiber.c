/* Making fibers: a stack that looks as if FiberSwitch had been called on it (fiber.S). */
#include "internal.h"

/* A stack at rest, from its top downwards in memory: what FiberSwitch pops, and what RtlpFiberStart wants. */
struct resting_stack {
  void *StackLimit, *StackBase, *ExceptionList;
  u32 Edi, Esi, Ebx, Ebp;
  void (*ReturnAddress)(void);
  struct fiber *From, *To; /* FiberSwitch's arguments */
  void(NTAPI *Start)(void *);
  void *Argument;
};

NTSTATUS FiberCreate(struct fiber *fiber, u32 number, u32 stackSize, void(NTAPI *start)(void *), void *argument) {
  u32 size = stackSize ? stackSize : DEFAULT_STACK;
  struct resting_stack *rest;
  NTSTATUS status;

  fiber->Number = number;
  fiber->Stack = NULL;
  status =
      NtAllocateVirtualMemory(NtCurrentProcess(), &fiber->Stack, 0, &size, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
  if (status < 0) return status;
  fiber->Esp = rest = (struct resting_stack *)((u8 *)fiber->Stack + size) - 1;
  rest->StackLimit = fiber->Stack;
  rest->StackBase = (u8 *)fiber->Stack + size;
  rest->ExceptionList = EXCEPTION_CHAIN_END;
  rest->ReturnAddress = RtlpFiberStart;
  rest->Start = start;
  rest->Argument = argument;
  return status;
}

/* Not the one that runs. */
void FiberDelete(struct fiber *fiber) {
  u32 size = 0;

  NtFreeVirtualMemory(NtCurrentProcess(), &fiber->Stack, &size, MEM_RELEASE);
}
