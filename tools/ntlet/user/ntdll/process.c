/*
 * Processes, made the way NT makes them: there is no service that starts a program. One makes a section of
 * the image, a process of the section, writes parameters into it, and only then gives it a thread.
 */
#include "internal.h"

static NTSTATUS OpenImage(UNICODE_STRING *path, HANDLE *section) {
  OBJECT_ATTRIBUTES attributes;
  IO_STATUS_BLOCK io;
  HANDLE file;
  NTSTATUS status;

  InitializeObjectAttributes(&attributes, path, OBJ_CASE_INSENSITIVE);
  status = NtOpenFile(&file, GENERIC_READ | FILE_EXECUTE | SYNCHRONIZE, &attributes, &io, FILE_SHARE_ALL,
                      FILE_SYNCHRONOUS_IO_NONALERT);
  if (status < 0) return status;
  status = NtCreateSection(section, SECTION_ALL_ACCESS, NULL, NULL, PAGE_EXECUTE, SEC_IMAGE, file);
  NtClose(file);
  return status;
}

/* A string for the child: which of the parameters it is, and the text. */
struct parameter {
  u32 Field;
  const wchar *Text;
  u32 Length;
};
#define FIELD(name) offsetof(RTL_USER_PROCESS_PARAMETERS, name)

/*
 * Writes RTL_USER_PROCESS_PARAMETERS with its strings behind it, in one piece of the child's memory. The
 * image's path is what a Win32 program would see: C:\…, without the \??\ that the object manager wants.
 */
static NTSTATUS PlaceParameters(HANDLE process, UNICODE_STRING *image, UNICODE_STRING *commandLine,
                                const HANDLE *standard) {
  struct parameter strings[] = {
      {FIELD(ImagePathName), image->Buffer, image->Length},
      {FIELD(CommandLine), commandLine->Buffer, commandLine->Length},
      {FIELD(CurrentDirectory), L"C:\\", 6},
      {FIELD(DllPath), L"C:\\WINNT\\system32", 34},
  };
  RTL_USER_PROCESS_PARAMETERS parameters;
  void *base = NULL;
  u8 *at;
  u32 size = sizeof parameters, i;
  NTSTATUS status;

  if (image->Length > 8 && !memcmp(image->Buffer, L"\\??\\", 8)) {
    strings[0].Text += 4;
    strings[0].Length -= 8;
  }
  for (i = 0; i < COUNT(strings); i++) size += strings[i].Length + 2;
  memset(&parameters, 0, sizeof parameters);
  parameters.Length = parameters.MaximumLength = size;
  parameters.Flags = 1; /* normalized: the strings' pointers are addresses, not offsets */
  if (standard) memcpy(&parameters.StandardInput, standard, 3 * sizeof *standard);
  status = NtAllocateVirtualMemory(process, &base, 0, &size, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
  at = (u8 *)base + sizeof parameters;
  for (i = 0; i < COUNT(strings) && status >= 0; i++) {
    UNICODE_STRING *string = (UNICODE_STRING *)((u8 *)&parameters + strings[i].Field);

    string->Length = strings[i].Length;
    string->MaximumLength = strings[i].Length + 2; /* the memory is zero: so it has an end, too */
    string->Buffer = (wchar *)at;
    status = NtWriteVirtualMemory(process, at, strings[i].Text, strings[i].Length, NULL);
    at += string->MaximumLength;
  }
  if (status >= 0) status = NtWriteVirtualMemory(process, base, &parameters, sizeof parameters, NULL);
  if (status < 0) return status;
  return NtWriteVirtualMemory(process, &((PEB *)PEB_ADDRESS)->ProcessParameters, &base, sizeof base, NULL);
}

/* The address of the image's entry point, from the PE header in the child's memory. */
static NTSTATUS FindEntryPoint(HANDLE process, u32 *entry) {
  u32 peHeader;
  NTSTATUS status = NtReadVirtualMemory(process, (void *)(USER_IMAGE_BASE + 0x3c), &peHeader, 4, NULL);

  if (status < 0) return status;
  status = NtReadVirtualMemory(process, (void *)(USER_IMAGE_BASE + peHeader + 0x28), entry, 4, NULL);
  *entry += USER_IMAGE_BASE;
  return status;
}

NTSTATUS NTAPI RtlCreateUserProcess(UNICODE_STRING *ImagePath, UNICODE_STRING *CommandLine, u8 InheritHandles,
                                    const HANDLE StandardHandles[3], HANDLE *Process, HANDLE *Thread,
                                    CLIENT_ID *ClientId) {
  HANDLE section;
  u32 entry;
  NTSTATUS status = OpenImage(ImagePath, &section);

  if (status < 0) return status;
  status = NtCreateProcess(Process, PROCESS_ALL_ACCESS, NULL, NtCurrentProcess(), InheritHandles, section, NULL, NULL);
  NtClose(section);
  if (status < 0) return status;
  if ((status = PlaceParameters(*Process, ImagePath, CommandLine, StandardHandles)) < 0 ||
      (status = FindEntryPoint(*Process, &entry)) < 0 ||
      (status = RtlCreateUserThread(*Process, 1, 0, (PTHREAD_START_ROUTINE)entry, (void *)PEB_ADDRESS, Thread,
                                    ClientId)) < 0) {
    NtTerminateProcess(*Process, status);
    NtClose(*Process);
    return status;
  }
  return NtResumeThread(*Thread, NULL);
}

/*
 * The C half of RtlCloneUserProcess. A process that is created without a section is a copy of its parent; its
 * thread begins at RtlpCloneReturn, with the parent's ESP there, on the stack's copy.
 */
NTSTATUS NTAPI RtlpCloneProcess(HANDLE *process, HANDLE *thread, u32 esp) {
  const NT_TIB *tib = &NtCurrentTeb()->NtTib;
  INITIAL_TEB initialTeb;
  CONTEXT context;
  CLIENT_ID id;
  NTSTATUS status;

  status = NtCreateProcess(process, PROCESS_ALL_ACCESS, NULL, NtCurrentProcess(), 1, NULL, NULL, NULL);
  if (status < 0) return status;
  memset(&initialTeb, 0, sizeof initialTeb);
  initialTeb.StackBase = tib->StackBase;
  initialTeb.StackAllocationBase = initialTeb.StackLimit = tib->StackLimit;
  RtlpInitializeContext(&context, (u32)RtlpCloneReturn, esp);
  context.Eax = STATUS_PROCESS_CLONED;
  status = NtCreateThread(thread, THREAD_ALL_ACCESS, NULL, *process, &id, &context, &initialTeb, 0);
  if (status < 0) {
    NtTerminateProcess(*process, status);
    NtClose(*process);
  }
  return status;
}
