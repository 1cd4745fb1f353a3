/*
 * How a program tells the ground truth of itself (src/guest/ntlet/TRUTH.md), by `int 2Dh`. The kernel keeps
 * the books: which calls are open on which stack. Jumps and fibers are told by ntdll.
 */
#ifndef TRUTH_H
#define TRUTH_H

/*
 * A function whose calls are told must exist once, be called by its published convention, and not be melted
 * into its callers: otherwise there would be no call where its address is.
 */
#define TOLD __attribute__((noipa))

static inline u32 TruthDoor(u32 command, u32 operand1, u32 operand2) {
  u32 result;
  __asm__ volatile("int $0x2d" : "=a"(result) : "0"(command), "c"(operand1), "d"(operand2) : "memory");
  return result;
}

/* Makes a function known; returns the number that TruthEnter wants. name: "program!function" */
static inline u32 TruthFunction(const void *address, u32 shape, const char *name) {
  struct truth_function function = {address, shape, name};
  return TruthDoor(TRUTH_DOOR_FUNCTION, (u32)&function, 0);
}

/*
 * First thing in a function: returns the call's number. The return address lies above the frame pointer's
 * copy.
 */
static inline __attribute__((always_inline)) u32 TruthEnter(u32 function) {
  return TruthDoor(TRUTH_DOOR_ENTER, function, (u32)__builtin_frame_address(0) + 4);
}

/* Last thing in a function. */
static inline void TruthLeave(u32 call, u32 result) { TruthDoor(TRUTH_DOOR_LEAVE, call, result); }

/* Control goes on at this ESP, and does not return to calls below it. */
static inline void TruthUnwind(u32 esp) { TruthDoor(TRUTH_DOOR_UNWIND, esp, 0); }

static inline void TruthFiber(u32 number) { TruthDoor(TRUTH_DOOR_FIBER, number, 0); }
static inline void TruthMark(u32 number, const char *text) { TruthDoor(TRUTH_DOOR_MARK, number, (u32)text); }

/* In a clone: the parent's call returns here, too. */
static inline void TruthAgain(u32 call, u32 result) { TruthDoor(TRUTH_DOOR_AGAIN, call, result); }

/* A program finds itself, or the kernel, in the wrong. */
#define TruthAssert(condition) ((condition) ? (void)0 : (void)TruthDoor(TRUTH_DOOR_ASSERT, __LINE__, (u32) #condition))

#endif
