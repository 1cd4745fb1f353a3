/*
 * The run-time library in the sense of NT: threads and processes as programs want them, structured
 * exceptions, and two more ways in which control leaves a function without returning from it: jumps and
 * fibers.
 */
#ifndef RTL_H
#define RTL_H

#define FASTCALL __attribute__((fastcall))
#define RETURNS_TWICE __attribute__((returns_twice))

#define STATUS_NONCONTINUABLE_EXCEPTION ((NTSTATUS)0xc0000025)
#define STATUS_INVALID_DISPOSITION ((NTSTATUS)0xc0000026)
#define STATUS_UNWIND ((NTSTATUS)0xc0000027)
#define STATUS_INVALID_UNWIND_TARGET ((NTSTATUS)0xc0000029)
#define EXCEPTION_STACK_INVALID 8u

static inline TEB *NtCurrentTeb(void) {
  TEB *teb;
  __asm__("mov %%fs:0x18, %0" : "=r"(teb));
  return teb;
}
static inline PEB *NtCurrentPeb(void) { return NtCurrentTeb()->ProcessEnvironmentBlock; }

/* Strings */
void NTAPI RtlInitUnicodeString(UNICODE_STRING *DestinationString, const wchar *SourceString);
void InitializeObjectAttributes(OBJECT_ATTRIBUTES *attributes, UNICODE_STRING *name, u32 flags);

/* Threads (ntdll/thread.c). A start routine that returns ends its thread with the result as exit status. */
typedef u32(NTAPI *PTHREAD_START_ROUTINE)(void *Argument);
#define DEFAULT_STACK 0x10000u
NTSTATUS NTAPI RtlCreateUserThread(HANDLE Process, u8 CreateSuspended, u32 StackReserve, PTHREAD_START_ROUTINE Start,
                                   void *Argument, HANDLE *Thread, CLIENT_ID *ClientId); /* the last two may be NULL */
void NTAPI NORETURN RtlExitUserThread(NTSTATUS ExitStatus);
void NTAPI NORETURN RtlUserThreadStart(void); /* where threads begin: EAX start routine, EBX argument */

/*
 * Processes (ntdll/process.c). StandardHandles: input, output, error; handles opened with OBJ_INHERIT have
 * the same number in the child. The child runs as soon as it is made.
 */
NTSTATUS NTAPI RtlCreateUserProcess(UNICODE_STRING *ImagePath, UNICODE_STRING *CommandLine, u8 InheritHandles,
                                    const HANDLE StandardHandles[3], HANDLE *Process, HANDLE *Thread,
                                    CLIENT_ID *ClientId);
/*
 * NT's fork: returns STATUS_SUCCESS in the caller, and STATUS_PROCESS_CLONED in a copy of the caller's
 * process, which has this one thread. The handles tell the parent of the copy; in the copy they mean nothing.
 */
NTSTATUS NTAPI RtlCloneUserProcess(HANDLE *Process, HANDLE *Thread) RETURNS_TWICE;

/*
 * Structured exceptions (ntdll/exception.c). FS:[0] leads a chain of registrations, which lie on the stack.
 */
typedef enum {
  ExceptionContinueExecution,
  ExceptionContinueSearch,
  ExceptionNestedException,
  ExceptionCollidedUnwind
} EXCEPTION_DISPOSITION;
typedef struct EXCEPTION_REGISTRATION_RECORD {
  struct EXCEPTION_REGISTRATION_RECORD *Next;
  EXCEPTION_DISPOSITION(*Handler)
  (EXCEPTION_RECORD *Record, struct EXCEPTION_REGISTRATION_RECORD *Frame, CONTEXT *Context, void *DispatcherContext);
} EXCEPTION_REGISTRATION_RECORD;
#define EXCEPTION_CHAIN_END ((EXCEPTION_REGISTRATION_RECORD *)-1)

u8 NTAPI RtlDispatchException(EXCEPTION_RECORD *Record, CONTEXT *Context);
void *NTAPI RtlUnwind(void *TargetFrame, void *TargetIp, EXCEPTION_RECORD *Record, void *ReturnValue);
void NTAPI RtlRaiseException(EXCEPTION_RECORD *Record);
void NTAPI NORETURN RtlRaiseStatus(NTSTATUS Status);

/*
 * Jumps (ntdll/jump.S). SetJump returns 0, and a second time, with LongJump's value (1 for 0), when that is
 * called. As with setjmp: what the function changes in between and needs afterwards must be volatile, and it
 * must not have returned. The arguments are in registers so that the stack pointer at SetJump is above every
 * later call's: it is what the truth door is told, that all calls below it are passed over.
 */
struct jump_buffer {
  u32 Ebx, Esi, Edi, Ebp, Esp, Eip;
  void *ExceptionList;
};
i32 FASTCALL RETURNS_TWICE SetJump(struct jump_buffer *buffer);
void FASTCALL NORETURN LongJump(struct jump_buffer *buffer, i32 value);
ASSERT_OFFSET(struct jump_buffer, ExceptionList, 24); /* jump.S */

/*
 * try … except, without a compiler for it:
 *
 *   struct try_frame frame;
 *   NTSTATUS code = TryBegin(&frame);
 *   if (code == STATUS_SUCCESS) what may raise;
 *   else what to do about exception `code`;
 *   TryEnd(&frame);
 *
 * The frame must be a local variable of the function. The same rules as for SetJump.
 */
struct try_frame {
  EXCEPTION_REGISTRATION_RECORD Registration;
  struct jump_buffer Jump;
};
NTSTATUS FASTCALL RETURNS_TWICE TryBegin(struct try_frame *frame);
void TryEnd(struct try_frame *frame);
ASSERT_OFFSET(struct try_frame, Jump, 8); /* jump.S */

/*
 * Fibers (ntdll/fiber.S): several stacks for one thread, which goes from one to the other by itself. Number
 * is what the ground truth calls the stack, 1 to 255; 0 is the thread's own. A structure of zeros stands for
 * the thread's own stack once it has been switched from. A start routine that returns ends the thread.
 */
struct fiber {
  void *Esp;
  u32 Number;
  void *Stack;
};
NTSTATUS FiberCreate(struct fiber *fiber, u32 number, u32 stackSize, void(NTAPI *start)(void *), void *argument);
void NTAPI FiberSwitch(struct fiber *from, struct fiber *to);
void FiberDelete(struct fiber *fiber);
ASSERT_OFFSET(struct fiber, Number, 4); /* fiber.S */

/* Time. The division is there because the compiler's own for 64 bits lies in a library that is not linked. */
typedef struct {
  u16 Year, Month, Day, Hour, Minute, Second, Milliseconds, Weekday;
} TIME_FIELDS;
void NTAPI RtlTimeToTimeFields(LARGE_INTEGER *Time, TIME_FIELDS *TimeFields);
LARGE_INTEGER NTAPI RtlExtendedLargeIntegerDivide(LARGE_INTEGER Dividend, u32 Divisor, u32 *Remainder);

#endif
