/*
 * Objects and handles. An object begins with an OBJECT_HEADER; a handle is four times the index of an entry in the
 * process's table, and the lowest free one is taken, so handles are used again at once.
 */
#include "ke.h"

OBJECT_TYPE PsProcessType[1], PsThreadType[1], IoFileObjectType[1], ExEventObjectType[1], LpcPortObjectType[1],
    MmSectionObjectType[1];
#define ENTRY_ATTRIBUTES 7u /* low bits of HANDLE_TABLE_ENTRY.Object */

static void SetName(OBJECT_TYPE *type, wchar *name, u32 bytes, u32 index) {
  type->Name = (UNICODE_STRING){(u16)(bytes - 2), (u16)bytes, name};
  type->Index = index;
  InitializeListHead(&type->TypeList);
}

void ObInitialize(void) {
#define NAME(type, text, index)                                                                                        \
  do {                                                                                                                 \
    static wchar name[] = text;                                                                                        \
    SetName(type, name, sizeof name, index);                                                                           \
  } while (0)
  NAME(PsProcessType, L"Process", 5);
  NAME(PsThreadType, L"Thread", 6);
  NAME(ExEventObjectType, L"Event", 9);
  NAME(MmSectionObjectType, L"Section", 20);
  NAME(LpcPortObjectType, L"Port", 21);
  NAME(IoFileObjectType, L"File", 28);
#undef NAME
}

/* One reference is the caller's. NULL: no memory. */
void *ObCreateObject(OBJECT_TYPE *type, u32 bytes) {
  OBJECT_HEADER *header = ExAllocatePool(sizeof *header + bytes);
  if (header == NULL) return NULL;
  header->PointerCount = 1;
  header->Type = type;
  type->TotalNumberOfObjects++;
  return header + 1;
}

void ObReferenceObject(void *body) { OBJECT_OF(body)->PointerCount++; }

void ObDereferenceObject(void *body) {
  OBJECT_HEADER *header = OBJECT_OF(body);
  ASSERT(header->PointerCount > 0);
  if (--header->PointerCount > 0) return;
  OBJECT_TYPE *type = header->Type;
  if (type == PsProcessType) PsDeleteProcess(body);
  else if (type == PsThreadType) PsDeleteThread(body);
  else if (type == IoFileObjectType) IoDeleteFile(body);
  else if (type == LpcPortObjectType) LpcDeletePort(body);
  else if (type == MmSectionObjectType) ((struct section *)body)->File->Links--;
  type->TotalNumberOfObjects--;
  ExFreePool(header);
}

HANDLE_TABLE *ObCreateHandleTable(EPROCESS *process, EPROCESS *inheritFrom) {
  HANDLE_TABLE *table = ExAllocatePool(sizeof *table);
  if (table == NULL) return NULL;
  table->TableCode = ExAllocatePool(HANDLES * sizeof(HANDLE_TABLE_ENTRY));
  if (table->TableCode == NULL) return ExFreePool(table), (HANDLE_TABLE *)NULL;
  table->QuotaProcess = process;
  table->UniqueProcessId = process->UniqueProcessId;
  const HANDLE_TABLE *from = inheritFrom ? inheritFrom->ObjectTable : NULL;
  for (u32 i = 1; from && i < HANDLES; i++) {
    HANDLE_TABLE_ENTRY entry = from->TableCode[i];
    if (entry.Object == 0 || !(entry.Object & OBJ_INHERIT)) continue;
    OBJECT_HEADER *header = (OBJECT_HEADER *)(entry.Object & ~ENTRY_ATTRIBUTES);
    header->PointerCount++;
    header->HandleCount++;
    table->TableCode[i] = entry;
    table->HandleCount++;
  }
  return table;
}

NTSTATUS ObInsertHandle(EPROCESS *process, void *body, u32 attributes, HANDLE *handle) {
  HANDLE_TABLE *table = process->ObjectTable;
  if (table == NULL) return STATUS_PROCESS_IS_TERMINATING;
  for (u32 i = 1; i < HANDLES; i++) {
    if (table->TableCode[i].Object) continue;
    OBJECT_HEADER *header = OBJECT_OF(body);
    header->PointerCount++;
    header->HandleCount++;
    table->TableCode[i] = (HANDLE_TABLE_ENTRY){(u32)header | (attributes & OBJ_INHERIT), 0x1f01ff};
    table->HandleCount++;
    *handle = (HANDLE)(4 * i);
    return STATUS_SUCCESS;
  }
  return STATUS_INSUFFICIENT_RESOURCES;
}

static HANDLE_TABLE_ENTRY *EntryOf(EPROCESS *process, HANDLE handle) {
  u32 index = (u32)handle / 4;
  if (process->ObjectTable == NULL || index == 0 || index >= HANDLES || ((u32)handle & 3)) return NULL;
  HANDLE_TABLE_ENTRY *entry = &process->ObjectTable->TableCode[index];
  return entry->Object ? entry : NULL;
}

NTSTATUS ObReferenceByHandle(HANDLE handle, OBJECT_TYPE *type, void **body) {
  ETHREAD *thread = CurrentThread();
  if (handle == NtCurrentProcess() && (type == NULL || type == PsProcessType)) *body = thread->ThreadsProcess;
  else if (handle == NtCurrentThread() && (type == NULL || type == PsThreadType)) *body = thread;
  else {
    const HANDLE_TABLE_ENTRY *entry = EntryOf(thread->ThreadsProcess, handle);
    if (entry == NULL) return STATUS_INVALID_HANDLE;
    OBJECT_HEADER *header = (OBJECT_HEADER *)(entry->Object & ~ENTRY_ATTRIBUTES);
    if (type && header->Type != type) return STATUS_OBJECT_TYPE_MISMATCH;
    *body = header + 1;
  }
  if (thread->HeldCount == HELD_OBJECTS) return STATUS_INSUFFICIENT_RESOURCES;
  thread->Held[thread->HeldCount++] = *body;
  ObReferenceObject(*body);
  return STATUS_SUCCESS;
}

void ObDone(void *body) {
  ETHREAD *thread = CurrentThread();
  for (u32 i = thread->HeldCount; i-- > 0;) {
    if (thread->Held[i] != body) continue;
    thread->HeldCount--;
    for (; i < thread->HeldCount; i++) thread->Held[i] = thread->Held[i + 1];
    ObDereferenceObject(body);
    return;
  }
  ASSERT(!"an object that is not held");
}

void ObReleaseTo(ETHREAD *thread, u32 held) {
  while (thread->HeldCount > held) ObDereferenceObject(thread->Held[--thread->HeldCount]);
}

static void CloseEntry(HANDLE_TABLE *table, HANDLE_TABLE_ENTRY *entry) {
  OBJECT_HEADER *header = (OBJECT_HEADER *)(entry->Object & ~ENTRY_ATTRIBUTES);
  entry->Object = 0;
  table->HandleCount--;
  if (--header->HandleCount == 0) {
    if (header->Type == LpcPortObjectType) LpcClosePort(header + 1);
    if (header->Type == IoFileObjectType) IoCloseFile((FILE_OBJECT *)(header + 1));
  }
  ObDereferenceObject(header + 1);
}

NTSTATUS ObCloseHandle(EPROCESS *process, HANDLE handle) {
  HANDLE_TABLE_ENTRY *entry = EntryOf(process, handle);
  if (entry == NULL) return STATUS_INVALID_HANDLE;
  CloseEntry(process->ObjectTable, entry);
  return STATUS_SUCCESS;
}

/* The process ends. */
void ObCloseAll(EPROCESS *process) {
  HANDLE_TABLE *table = process->ObjectTable;
  if (table == NULL) return;
  process->ObjectTable = NULL;
  for (u32 i = 1; i < HANDLES; i++)
    if (table->TableCode[i].Object) CloseEntry(table, &table->TableCode[i]);
  ExFreePool(table->TableCode);
  ExFreePool(table);
}

/* A name as ASCII; other characters become '?', of which no file has any. */
NTSTATUS ObCaptureString(const UNICODE_STRING *string, char *name, u32 room) {
  if (!MmProbe(string, sizeof *string)) return STATUS_ACCESS_VIOLATION;
  UNICODE_STRING text = *string;
  u32 length = text.Length / 2;
  if (length == 0 || length >= room) return STATUS_OBJECT_NAME_INVALID;
  if (!MmProbe(text.Buffer, 2 * length)) return STATUS_ACCESS_VIOLATION;
  for (u32 i = 0; i < length; i++) {
    wchar c = text.Buffer[i];
    name[i] = c >= 0x20 && c < 0x7f ? (char)c : '?';
  }
  name[length] = 0;
  return STATUS_SUCCESS;
}

NTSTATUS ObCaptureName(const OBJECT_ATTRIBUTES *attributes, char *name, u32 room) {
  if (!MmProbe(attributes, sizeof *attributes)) return STATUS_ACCESS_VIOLATION;
  return attributes->ObjectName ? ObCaptureString(attributes->ObjectName, name, room) : STATUS_INVALID_PARAMETER;
}

NTSTATUS NTAPI NtClose(HANDLE Handle) {
  ENTER(NtClose);
  LEAVE(ObCloseHandle(CurrentThread()->ThreadsProcess, Handle));
}

NTSTATUS NTAPI NtCreateSection(HANDLE *SectionHandle, u32 Access, OBJECT_ATTRIBUTES *Attributes,
                               LARGE_INTEGER *MaximumSize, u32 Protection, u32 AllocationAttributes,
                               HANDLE FileHandle) {
  ENTER(NtCreateSection);
  FILE_OBJECT *file;
  if (!MmProbe(SectionHandle, sizeof *SectionHandle)) LEAVE(STATUS_ACCESS_VIOLATION);
  NTSTATUS status = ObReferenceByHandle(FileHandle, IoFileObjectType, (void **)&file);
  if (status != STATUS_SUCCESS) LEAVE(status);
  struct section *section = NULL;
  if (file->FsContext == NULL) status = STATUS_INVALID_IMAGE_FORMAT;
  else if ((section = ObCreateObject(MmSectionObjectType, sizeof *section)) == NULL) status = STATUS_NO_MEMORY;
  else {
    section->File = file->FsContext;
    section->File->Links++;
    status = ObInsertHandle(CurrentThread()->ThreadsProcess, section, 0, SectionHandle);
    ObDereferenceObject(section);
  }
  ObDone(file);
  LEAVE(status);
}
