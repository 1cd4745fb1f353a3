/*
 * The loader. There is little to load: the kernel maps the program and ntdll, and programs have no imports.
 * What remains is what debuggers and the like look for in a process: the PEB's lists of modules.
 */
#include "../user.h"

extern u8 image_start[]; /* pe.inc: ntdll's own DOS header */

/* In the image's zeroed tail, so that it needs no heap. The copy of a cloned process is complete with it. */
static struct {
  PEB_LDR_DATA Data;
  LDR_DATA_TABLE_ENTRY Program, Ntdll;
} Ldr;

static void InsertTailList(LIST_ENTRY *head, LIST_ENTRY *entry) {
  entry->Flink = head;
  entry->Blink = head->Blink;
  head->Blink->Flink = entry;
  head->Blink = entry;
}

static void AddModule(LDR_DATA_TABLE_ENTRY *entry, u8 *base, const UNICODE_STRING *path) {
  const u8 *peHeader = base + *(u32 *)(base + 0x3c);
  u32 start = path->Length / 2;

  entry->DllBase = base;
  entry->EntryPoint = base + *(u32 *)(peHeader + 0x28);
  entry->SizeOfImage = *(u32 *)(peHeader + 0x50);
  entry->LoadCount = 0xffff; /* never unloaded */
  entry->HashLinks.Flink = entry->HashLinks.Blink = &entry->HashLinks;
  entry->FullDllName = *path;
  while (start && path->Buffer[start - 1] != '\\') start--;
  entry->BaseDllName.Buffer = path->Buffer + start;
  entry->BaseDllName.Length = path->Length - start * 2;
  entry->BaseDllName.MaximumLength = path->MaximumLength - start * 2;
  InsertTailList(&Ldr.Data.InLoadOrderModuleList, &entry->InLoadOrderLinks);
  InsertTailList(&Ldr.Data.InMemoryOrderModuleList, &entry->InMemoryOrderLinks);
}

/*
 * The first APC of every thread (see KiUserApcDispatcher, which goes on to the thread's start when this
 * returns). Only a process's first thread finds something to do.
 */
void NTAPI LdrInitializeThunk(CONTEXT *Context, void *SystemArgument1, void *SystemArgument2) {
  PEB *peb = NtCurrentPeb();
  LIST_ENTRY *list = &Ldr.Data.InLoadOrderModuleList;
  UNICODE_STRING name;
  u32 i;

  if (peb->Ldr) return;
  for (i = 0; i < 3; i++, list++) list->Flink = list->Blink = list;
  AddModule(&Ldr.Program, peb->ImageBaseAddress, &ProcessParameters()->ImagePathName);
  RtlInitUnicodeString(&name, L"C:\\WINNT\\system32\\ntdll.dll");
  AddModule(&Ldr.Ntdll, image_start, &name);
  /* Programs are not in this one: it is for initialization routines. */
  InsertTailList(&Ldr.Data.InInitializationOrderModuleList, &Ldr.Ntdll.InInitializationOrderLinks);
  Ldr.Data.Length = sizeof Ldr.Data;
  Ldr.Data.Initialized = 1;
  peb->Ldr = &Ldr.Data;
}
