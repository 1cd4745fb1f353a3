/* The services for waiting, events, time and the system as a whole. */
#include "ke.h"

const u32 NtBuildNumber = 0xf0000a28; /* free build 2600 */

NTSTATUS NTAPI NtDelayExecution(u8 Alertable, LARGE_INTEGER *Interval) {
  ENTER(NtDelayExecution);
  PROBE(Interval);
  LARGE_INTEGER interval = *Interval;
  NTSTATUS status = KeWaitForSingleObject(NULL, Alertable, KiTimeoutTicks(&interval));
  LEAVE(status == STATUS_TIMEOUT ? STATUS_SUCCESS : status);
}

NTSTATUS NTAPI NtWaitForSingleObject(HANDLE Handle, u8 Alertable, LARGE_INTEGER *Timeout) {
  ENTER(NtWaitForSingleObject);
  void *body;
  u32 ticks = FOREVER;
  if (Timeout) {
    PROBE(Timeout);
    LARGE_INTEGER timeout = *Timeout;
    ticks = KiTimeoutTicks(&timeout);
  }
  NTSTATUS status = ObReferenceByHandle(Handle, NULL, &body);
  if (status != STATUS_SUCCESS) LEAVE(status);
  const OBJECT_TYPE *type = OBJECT_OF(body)->Type;
  if (type == PsProcessType || type == PsThreadType || type == ExEventObjectType)
    status = KeWaitForSingleObject(body, Alertable, ticks);
  else status = STATUS_OBJECT_TYPE_MISMATCH;
  ObDone(body);
  LEAVE(status);
}

NTSTATUS NTAPI NtCreateEvent(HANDLE *EventHandle, u32 Access, OBJECT_ATTRIBUTES *Attributes, u32 EventType,
                             u8 InitialState) {
  ENTER(NtCreateEvent);
  PROBE(EventHandle);
  if (EventType > 1) LEAVE(STATUS_INVALID_PARAMETER);
  KEVENT *event = ObCreateObject(ExEventObjectType, sizeof *event);
  if (event == NULL) LEAVE(STATUS_NO_MEMORY);
  KeInitializeEvent(event, (u8)EventType, InitialState != 0);
  NTSTATUS status = ObInsertHandle(CurrentThread()->ThreadsProcess, event, 0, EventHandle);
  ObDereferenceObject(event);
  LEAVE(status);
}

/* Sets (1) or resets (0) an event; tells the state before. */
static NTSTATUS ChangeEvent(HANDLE handle, int set, i32 *previous) {
  KEVENT *event;
  NTSTATUS status = ObReferenceByHandle(handle, ExEventObjectType, (void **)&event);
  if (status != STATUS_SUCCESS) return status;
  if (previous) *previous = event->SignalState;
  if (set) KeSetEvent(event);
  else event->SignalState = 0;
  ObDone(event);
  return STATUS_SUCCESS;
}

NTSTATUS NTAPI NtSetEvent(HANDLE EventHandle, i32 *PreviousState) {
  ENTER(NtSetEvent);
  if (PreviousState) PROBE(PreviousState);
  LEAVE(ChangeEvent(EventHandle, 1, PreviousState));
}

NTSTATUS NTAPI NtResetEvent(HANDLE EventHandle, i32 *PreviousState) {
  ENTER(NtResetEvent);
  if (PreviousState) PROBE(PreviousState);
  LEAVE(ChangeEvent(EventHandle, 0, PreviousState));
}

NTSTATUS NTAPI NtClearEvent(HANDLE EventHandle) {
  ENTER(NtClearEvent);
  LEAVE(ChangeEvent(EventHandle, 0, NULL));
}

NTSTATUS NTAPI NtYieldExecution(void) {
  ENTER(NtYieldExecution);
  LEAVE(KiYield() ? STATUS_SUCCESS : STATUS_NO_YIELD_PERFORMED);
}

NTSTATUS NTAPI NtFlushWriteBuffer(void) {
  ENTER(NtFlushWriteBuffer);
  LEAVE(STATUS_SUCCESS);
}

NTSTATUS NTAPI NtQuerySystemTime(LARGE_INTEGER *Time) {
  ENTER(NtQuerySystemTime);
  PROBE(Time);
  *Time = *(LARGE_INTEGER *)(KERNEL_SHARED_DATA + SHARED_SYSTEM_TIME);
  LEAVE(STATUS_SUCCESS);
}

NTSTATUS NTAPI NtQueryPerformanceCounter(u64 *Counter, u64 *Frequency) {
  ENTER(NtQueryPerformanceCounter);
  PROBE(Counter);
  if (Frequency) PROBE(Frequency);
  *Counter = (u64)KeTickCount;
  if (Frequency) *Frequency = 1000 / TICK_MS;
  LEAVE(STATUS_SUCCESS);
}

/* The boot screen of NT: here the first console. */
NTSTATUS NTAPI NtDisplayString(UNICODE_STRING *String) {
  ENTER(NtDisplayString);
  char piece[64];
  PROBE(String);
  UNICODE_STRING text = *String;
  u32 length = text.Length / 2, n = 0;
  if (!MmProbe(text.Buffer, 2 * length)) LEAVE(STATUS_ACCESS_VIOLATION);
  for (u32 i = 0; i < length; i++) {
    piece[n++] = text.Buffer[i] < 0x80 ? (char)text.Buffer[i] : '?';
    if (n == sizeof piece || i + 1 == length) ConWrite(0, piece, n), n = 0;
  }
  LEAVE(STATUS_SUCCESS);
}

NTSTATUS NTAPI NtShutdownSystem(u32 Action) {
  ENTER(NtShutdownSystem);
  KiCallEnd(call_, OutcomeNoReturn, 0);
  TruthHalt(0);
  for (;;) __asm__ volatile("cli; hlt");
}

/* SystemProcessInformation: an entry for each process, its name behind it, eight bytes aligned. */
static NTSTATUS Processes(u8 *buffer, u32 length, u32 *needed) {
  SYSTEM_PROCESS_INFORMATION *entry = NULL;
  u32 at = 0;
  for (LIST_ENTRY *p = PsActiveProcessHead.Flink; p != &PsActiveProcessHead; p = p->Flink) {
    const EPROCESS *process = CONTAINER(p, EPROCESS, ActiveProcessLinks);
    u32 name = strlen(process->ImageFileName), size = (sizeof *entry + 2 * name + 2 + 7) & ~7u;
    if (at + size <= length) {
      if (entry) entry->NextEntryOffset = (u32)(buffer + at - (u8 *)entry);
      entry = (SYSTEM_PROCESS_INFORMATION *)(buffer + at);
      memset(entry, 0, size);
      wchar *text = (wchar *)(entry + 1);
      for (u32 i = 0; i < name; i++) text[i] = (u8)process->ImageFileName[i];
      entry->NumberOfThreads = process->ActiveThreads;
      entry->ImageName = (UNICODE_STRING){(u16)(2 * name), (u16)(2 * name + 2), text};
      entry->BasePriority = 8;
      entry->UniqueProcessId = process->UniqueProcessId;
      entry->InheritedFromUniqueProcessId = process->InheritedFromUniqueProcessId;
      entry->HandleCount = process->ObjectTable ? process->ObjectTable->HandleCount : 0;
    }
    at += size;
  }
  *needed = at;
  return at <= length ? STATUS_SUCCESS : STATUS_INFO_LENGTH_MISMATCH;
}

NTSTATUS NTAPI NtQuerySystemInformation(u32 Class, void *Information, u32 Length, u32 *ReturnLength) {
  ENTER(NtQuerySystemInformation);
  u32 needed;
  if (Class != 5) LEAVE(STATUS_INVALID_INFO_CLASS);
  if (!MmProbe(Information, Length)) LEAVE(STATUS_ACCESS_VIOLATION);
  if (ReturnLength) PROBE(ReturnLength);
  NTSTATUS status = Processes(Information, Length, &needed);
  if (ReturnLength) *ReturnLength = needed;
  LEAVE(status);
}
