/*
 * Processes and threads: their numbers, their birth and their end. Ids come from a stack of free ones: what ended last
 * gives its id to what begins next. The ground truth therefore counts generations.
 */
#include "ke.h"

LIST_ENTRY PsActiveProcessHead = {&PsActiveProcessHead, &PsActiveProcessHead};
EPROCESS *PsInitialSystemProcess;
static EPROCESS *idleProcess;
u32 KiUserApcDispatcher, KiUserExceptionDispatcher, KiUserCallbackDispatcher, LdrInitializeThunk;
static u32 rtlUserThreadStart;
static u32 processGeneration, threadGeneration;
static ETHREAD *deadThread;

/* ---- Client ids ---- */

#define CIDS 512
static void *cidTable[CIDS];
static u16 freeCids[CIDS];
static u32 freeCidCount;

static u32 AllocateCid(void *body) {
  if (freeCidCount == 0) return 0;
  u32 index = freeCids[--freeCidCount];
  cidTable[index] = body;
  return 4 * index;
}

static void FreeCid(u32 id) {
  cidTable[id / 4] = NULL;
  freeCids[freeCidCount++] = (u16)(id / 4);
}

/* The live process or thread of that id. */
void *PspLookupCid(u32 id, OBJECT_TYPE *type) {
  if ((id & 3) || id / 4 >= CIDS || cidTable[id / 4] == NULL) return NULL;
  void *body = cidTable[id / 4];
  return OBJECT_OF(body)->Type == type ? body : NULL;
}

/* ---- Images ---- */

/* Checks a flat PE image (the layout in the file is the one in memory) and gives its size and entry point. */
static int CheckImage(const u8 *data, u32 size, u32 *imageSize, u32 *entry) {
  if (size < 0x200 || data[0] != 'M' || data[1] != 'Z') return 0;
  u32 header = *(const u32 *)(data + 0x3c);
  if (header > size - 0x100 || memcmp(data + header, "PE\0\0", 4) != 0) return 0;
  *entry = *(const u32 *)(data + header + 0x28);
  *imageSize = *(const u32 *)(data + header + 0x50);
  return *imageSize >= size && *imageSize <= 0x100000 && *entry < size;
}

/* The address of an export of a flat image that is linked for `base`. */
static u32 FindExport(const u8 *data, u32 base, const char *name) {
  const u32 *directory = (const u32 *)(data + *(const u32 *)(data + *(const u32 *)(data + 0x3c) + 0x78));
  const u32 *addresses = (const u32 *)(data + directory[7]), *names = (const u32 *)(data + directory[8]);
  const u16 *ordinals = (const u16 *)(data + directory[9]);
  for (u32 i = 0; i < directory[6]; i++)
    if (strcmp((const char *)data + names[i], name) == 0) return base + addresses[ordinals[i]];
  ASSERT(!"ntdll lacks an export");
  return 0;
}

static int MapImage(EPROCESS *process, const struct file_node *file, u32 base) {
  u32 size, entry;
  if (!CheckImage(file->Data, file->Size, &size, &entry) || MmAddRegion(process, base, size) == 0) return 0;
  EPROCESS *previous = MmAttach(process);
  memcpy((void *)base, file->Data, file->Size);
  MmDetach(previous);
  return 1;
}

/* ---- Birth ---- */

/* A process without threads. A NULL file: a copy of the parent's address space. */
EPROCESS *PspCreateProcess(EPROCESS *parent, const struct file_node *file, EPROCESS *inheritFrom, NTSTATUS *status) {
  *status = STATUS_NO_MEMORY;
  EPROCESS *process = ObCreateObject(PsProcessType, sizeof *process);
  if (process == NULL) return NULL;
  KeInitializeEvent(&process->Header, ProcessObject, 0);
  InitializeListHead(&process->ThreadListHead);
  InitializeListHead(&process->EThreadListHead);
  InitializeListHead(&process->ActiveProcessLinks);
  process->InheritedFromUniqueProcessId = parent->UniqueProcessId;
  process->ExitStatus = STATUS_PENDING;
  if ((process->UniqueProcessId = AllocateCid(process)) == 0) goto fail;
  if (!MmCreateAddressSpace(process)) goto fail;
  if ((process->ObjectTable = ObCreateHandleTable(process, inheritFrom)) == NULL) goto fail;
  if (file) {
    const char *name = file->Name;
    for (const char *p = name; *p; p++)
      if (*p == '\\') name = p + 1;
    strlcpy(process->ImageFileName, name, sizeof process->ImageFileName);
    *status = STATUS_INVALID_IMAGE_FORMAT;
    if (!MapImage(process, file, USER_IMAGE_BASE)) goto fail;
    if (!MapImage(process, IoFindFile("\\WINNT\\system32\\ntdll.dll"), NTDLL_BASE)) goto fail;
    if (MmAddRegion(process, PEB_ADDRESS, PAGE) == 0) goto fail;
    process->SectionBaseAddress = (void *)USER_IMAGE_BASE;
    EPROCESS *previous = MmAttach(process);
    ((PEB *)PEB_ADDRESS)->ImageBaseAddress = (void *)USER_IMAGE_BASE;
    MmDetach(previous);
  } else {
    memcpy(process->ImageFileName, parent->ImageFileName, sizeof process->ImageFileName);
    process->SectionBaseAddress = parent->SectionBaseAddress;
    if (!MmCloneAddressSpace(parent, process)) goto fail;
  }
  process->Peb = (PEB *)PEB_ADDRESS;
  process->Generation = ++processGeneration;
  InsertTailList(&PsActiveProcessHead, &process->ActiveProcessLinks);
  TruthProcessStart(process, parent->Generation);
  *status = STATUS_SUCCESS;
  return process;
fail:
  ObDereferenceObject(process);
  return NULL;
}

/* The object is gone: what was left of the process goes too. */
void PsDeleteProcess(EPROCESS *process) {
  if (process->Generation && !process->Exiting) TruthProcessEnd(process);
  ObCloseAll(process);
  if (process->DirectoryTableBase[0]) MmDeleteAddressSpace(process);
  if (!IsListEmpty(&process->ActiveProcessLinks)) RemoveEntryList(&process->ActiveProcessLinks);
  if (process->UniqueProcessId) FreeCid(process->UniqueProcessId);
}

static TEB *CreateTeb(ETHREAD *thread, EPROCESS *process, const INITIAL_TEB *initial) {
  u32 address = PEB_ADDRESS - PAGE;
  while (address > 0x7ffa0000u && MmAddRegion(process, address, PAGE) == 0) address -= PAGE;
  if (address <= 0x7ffa0000u) return NULL;
  TEB *teb = (TEB *)address;
  EPROCESS *previous = MmAttach(process);
  memset(teb, 0, sizeof *teb);
  teb->NtTib.ExceptionList = (void *)0xffffffffu;
  teb->NtTib.StackBase = initial->StackBase;
  teb->NtTib.StackLimit = initial->StackLimit;
  teb->NtTib.Self = &teb->NtTib;
  teb->ClientId = thread->Cid;
  teb->ProcessEnvironmentBlock = process->Peb;
  MmDetach(previous);
  return teb;
}

ETHREAD *PspCreateThread(EPROCESS *process, const CONTEXT *context, const INITIAL_TEB *initial, int suspended) {
  ETHREAD *thread = ObCreateObject(PsThreadType, sizeof *thread);
  if (thread == NULL) return NULL;
  KeInitializeEvent(&thread->Header, ThreadObject, 0);
  InitializeListHead(&thread->MutantListHead);
  InitializeListHead(&thread->IrpList);
  for (int mode = 0; mode < 2; mode++) InitializeListHead(&thread->ApcState.ApcListHead[mode]);
  InitializeListHead(&thread->ThreadListEntry);
  InitializeListHead(&thread->EThreadListEntry);
  thread->ApcState.Process = process;
  thread->State = Initialized;
  thread->ExitStatus = STATUS_PENDING;
  thread->ServiceTable = KeServiceDescriptorTable;
  thread->PreviousMode = UserMode;
  thread->Priority = thread->BasePriority = 8;
  if ((thread->Cid.UniqueThread = AllocateCid(thread)) == 0) goto fail;
  thread->Cid.UniqueProcess = process->UniqueProcessId;
  if ((thread->StackBase = MmAllocateStack(0)) == 0) goto fail;
  if ((thread->Teb = CreateTeb(thread, process, initial)) == NULL) goto fail;
  thread->InitialStack = thread->StackBase;
  thread->StackLimit = thread->StackBase - MmStackSize(0);
  thread->UserStack = (u32)initial->StackAllocationBase;
  thread->StartAddress = (void *)context->Eip;
  thread->Win32StartAddress = (void *)context->Eax;
  /* The frame by which it goes to user mode for the first time, and below it what KiSwapContext takes up. */
  KTRAP_FRAME *frame = (KTRAP_FRAME *)(thread->InitialStack - NPX_AREA - sizeof *frame);
  memset(frame, 0, sizeof *frame);
  KiContextToFrame(context, frame);
  frame->Edx = context->Edx;
  frame->ExceptionList = 0xffffffffu;
  u32 *stack = (u32 *)frame;
  *--stack = (u32)KiThreadStartup;
  *--stack = (u32)frame; /* EBP */
  *--stack = 0, *--stack = 0, *--stack = 0;
  *--stack = 0xffffffffu; /* FS:0 */
  thread->KernelStack = (u32)stack;
  thread->ThreadsProcess = process;
  ObReferenceObject(process);
  InsertTailList(&process->ThreadListHead, &thread->ThreadListEntry);
  InsertTailList(&process->EThreadListHead, &thread->EThreadListEntry);
  process->ActiveThreads++;
  thread->Generation = ++threadGeneration;
  thread->SuspendCount = suspended != 0;
  TruthThreadStart(thread);
  /* As in NT, ntdll's loader runs first, as an APC. */
  KiInsertUserApc(thread, (PKNORMAL_ROUTINE)LdrInitializeThunk, NULL, (void *)NTDLL_BASE, NULL);
  thread->ApcState.UserApcPending = 1;
  ObReferenceObject(thread); /* its own, until it is reaped */
  KiReadyThread(thread);
  return thread;
fail:
  ObDereferenceObject(thread);
  return NULL;
}

/* The first thing that a new thread does, in the kernel: see KiThreadStartup. */
void PspThreadStartup(void) { KiReapThread(); }

void PsDeleteThread(ETHREAD *thread) {
  if (thread->Cid.UniqueThread) FreeCid(thread->Cid.UniqueThread);
  if (thread->StackBase && thread->State == Initialized) MmFreeStack(thread->StackBase, 0);
  if (thread->ThreadsProcess) ObDereferenceObject(thread->ThreadsProcess);
}

/* ---- End ---- */

/* After a switch away from a thread that has ended: its stack is not in use any more. */
void KiReapThread(void) {
  ETHREAD *thread = deadThread;
  if (thread == NULL || thread == CurrentThread()) return;
  deadThread = NULL;
  MmFreeStack(thread->StackBase, thread->LargeStack);
  ObDereferenceObject(thread);
}

static void EndProcess(EPROCESS *process) {
  process->Exiting = 1;
  ObCloseAll(process);
  if (process->ExitStatus == STATUS_PENDING) process->ExitStatus = process->LastThreadExitStatus;
  TruthProcessEnd(process);
  RemoveEntryList(&process->ActiveProcessLinks);
  CurrentThread()->ApcState.Process = PsInitialSystemProcess;
  WriteCr3(PsInitialSystemProcess->DirectoryTableBase[0]);
  MmDeleteAddressSpace(process);
  KeSetEvent(&process->Header);
}

/* Ends the current thread: whatever is open in it, ends with it. */
void PspExitThread(NTSTATUS status) {
  ETHREAD *thread = CurrentThread();
  EPROCESS *process = thread->ThreadsProcess;
  if (thread->Terminating == 0) thread->TerminateStatus = status;
  thread->Terminating = 2;
  KiCallsKilled(thread);
  IoCancelThread(thread);
  LpcCancelThread(thread);
  ObReleaseTo(thread, 0);
  while (!IsListEmpty(&thread->ApcState.ApcListHead[UserMode])) {
    KAPC *apc = CONTAINER(thread->ApcState.ApcListHead[UserMode].Flink, KAPC, ApcListEntry);
    RemoveEntryList(&apc->ApcListEntry);
    ExFreePool(apc);
  }
  thread->ExitStatus = process->LastThreadExitStatus = thread->TerminateStatus;
  MmRemoveRegion(process, (u32)thread->Teb);
  if (thread->UserStack) MmRemoveRegion(process, thread->UserStack);
  RemoveEntryList(&thread->ThreadListEntry);
  RemoveEntryList(&thread->EThreadListEntry);
  TruthThreadEnd(thread);
  if (--process->ActiveThreads == 0) EndProcess(process);
  KeSetEvent(&thread->Header);
  thread->State = Terminated;
  ASSERT(deadThread == NULL);
  deadThread = thread;
  KiSwapThread();
  for (;;) {}
}

/* Ends another thread: it does so itself, when it next runs. */
void PspTerminateThread(ETHREAD *thread, NTSTATUS status) {
  if (thread->Terminating || thread->State == Terminated) return;
  thread->Terminating = 1;
  thread->TerminateStatus = status;
  KiUnwaitThread(thread, STATUS_KERNEL_APC);
}

/* All threads; the current one, if it is among them, on its way out of the kernel. */
void PspTerminateProcess(EPROCESS *process, NTSTATUS status) {
  if (process->Exiting) return;
  process->Exiting = 1;
  process->ExitStatus = status;
  for (LIST_ENTRY *t = process->ThreadListHead.Flink; t != &process->ThreadListHead; t = t->Flink)
    PspTerminateThread(CONTAINER(t, ETHREAD, ThreadListEntry), status);
  /* A process that never had a thread. */
  if (process->ActiveThreads == 0) {
    TruthProcessEnd(process);
    KeSetEvent(&process->Header);
  }
}

/* ---- Boot ---- */

static EPROCESS *SystemProcess(const char *name, u32 id, u32 directory) {
  EPROCESS *process = ObCreateObject(PsProcessType, sizeof *process);
  KeInitializeEvent(&process->Header, ProcessObject, 0);
  InitializeListHead(&process->ThreadListHead);
  InitializeListHead(&process->EThreadListHead);
  InitializeListHead(&process->ActiveProcessLinks);
  process->DirectoryTableBase[0] = directory;
  process->UniqueProcessId = id;
  process->Generation = ++processGeneration;
  strlcpy(process->ImageFileName, name, sizeof process->ImageFileName);
  TruthProcessStart(process, 0);
  return process;
}

/* The boot thread becomes the idle thread, of a process that is in no list, as in NT. */
static void CreateIdleThread(void) {
  static ETHREAD *thread;
  thread = ObCreateObject(PsThreadType, sizeof *thread);
  KeInitializeEvent(&thread->Header, ThreadObject, 0);
  for (int mode = 0; mode < 2; mode++) InitializeListHead(&thread->ApcState.ApcListHead[mode]);
  thread->ApcState.Process = thread->ThreadsProcess = idleProcess;
  thread->InitialStack = thread->StackBase = (u32)KiBootStack;
  thread->StackLimit = thread->StackBase - 8192;
  thread->State = Running;
  thread->ServiceTable = KeServiceDescriptorTable;
  thread->Generation = ++threadGeneration;
  InsertTailList(&idleProcess->ThreadListHead, &thread->ThreadListEntry);
  Pcr->CurrentThread = Pcr->IdleThread = KiIdleThread = thread;
  TruthThreadStart(thread);
}

static void CreateFirstProcess(void) {
  static const wchar path[] = L"\\??\\C:\\WINNT\\system32\\smss.exe", line[] = L"smss.exe";
  NTSTATUS status;
  u32 size, entry;
  const struct file_node *file = IoFindFile("\\WINNT\\system32\\smss.exe");
  EPROCESS *process = file ? PspCreateProcess(PsInitialSystemProcess, file, NULL, &status) : NULL;
  if (process == NULL || !CheckImage(file->Data, file->Size, &size, &entry))
    KeBugCheck(0x6b, 0); /* PROCESS1_INITIALIZATION_FAILED */
  u32 stack = MmAddRegion(process, 0, 0x10000), parameters = MmAddRegion(process, 0, PAGE);
  EPROCESS *previous = MmAttach(process);
  RTL_USER_PROCESS_PARAMETERS *p = (RTL_USER_PROCESS_PARAMETERS *)parameters;
  wchar *text = (wchar *)(p + 1);
  p->MaximumLength = p->Length = PAGE;
  memcpy(text, path, sizeof path);
  p->ImagePathName = (UNICODE_STRING){sizeof path - 2, sizeof path, text};
  text += sizeof path / 2;
  memcpy(text, line, sizeof line);
  p->CommandLine = (UNICODE_STRING){sizeof line - 2, sizeof line, text};
  ((PEB *)PEB_ADDRESS)->ProcessParameters = p;
  MmDetach(previous);
  CONTEXT context;
  memset(&context, 0, sizeof context);
  context.Eip = rtlUserThreadStart;
  context.Eax = USER_IMAGE_BASE + entry;
  context.Ebx = PEB_ADDRESS;
  context.Esp = stack + 0x10000 - 16;
  INITIAL_TEB initial = {NULL, NULL, (void *)(stack + 0x10000), (void *)stack, (void *)stack};
  ETHREAD *thread = PspCreateThread(process, &context, &initial, 0);
  ASSERT(thread != NULL);
  ObDereferenceObject(thread);
}

void PsInitialize(void) {
  const struct file_node *ntdll = IoFindFile("\\WINNT\\system32\\ntdll.dll");
  for (u32 i = CIDS; i-- > 2;) freeCids[freeCidCount++] = (u16)i;
  idleProcess = SystemProcess("Idle", 0, (u32)KiBootDirectory - KSEG0);
  CreateIdleThread();
  PsInitialSystemProcess = SystemProcess("System", 4, (u32)KiBootDirectory - KSEG0);
  cidTable[1] = PsInitialSystemProcess;
  InsertTailList(&PsActiveProcessHead, &PsInitialSystemProcess->ActiveProcessLinks);
  if (ntdll == NULL) KeBugCheck(0x6b, 1);
#define FIND(name) FindExport(ntdll->Data, NTDLL_BASE, #name)
  KiUserApcDispatcher = FIND(KiUserApcDispatcher);
  KiUserExceptionDispatcher = FIND(KiUserExceptionDispatcher);
  KiUserCallbackDispatcher = FIND(KiUserCallbackDispatcher);
  LdrInitializeThunk = FIND(LdrInitializeThunk);
  rtlUserThreadStart = FIND(RtlUserThreadStart);
  *(u32 *)(KERNEL_SHARED_DATA + SHARED_SYSTEM_CALL) = FIND(KiFastSystemCall);
  *(u32 *)(KERNEL_SHARED_DATA + SHARED_SYSTEM_CALL_RETURN) = FIND(KiFastSystemCallRet);
#undef FIND
  CreateFirstProcess();
}
