/* What ntdll's files share among themselves. */
#ifndef NTDLL_INTERNAL_H
#define NTDLL_INTERNAL_H

#include "../user.h"

/* A context for NtCreateThread: flat segments, all other registers zero. */
void RtlpInitializeContext(CONTEXT *context, u32 eip, u32 esp);
/* The second half of RtlCloneUserProcess, at which the copy's thread begins (clone.S). */
void RtlpCloneReturn(void);
/* Where a fiber begins (fiber.S). */
void RtlpFiberStart(void);

#endif
