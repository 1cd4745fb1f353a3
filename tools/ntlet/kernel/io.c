/* Files: names, and the services that read, write and control them. */
#include "io.h"
#include "nic.h"

#define NAME_ROOM 112

static struct device disk = {3, sizeof disk, DeviceDisk, 0}, directory = {3, sizeof disk, DeviceDirectory, 0},
                     serial[2] = {{3, sizeof disk, DeviceConsole, 0}, {3, sizeof disk, DeviceConsole, 1}},
                     namedPipe = {3, sizeof disk, DevicePipe, 0}, afd = {3, sizeof disk, DeviceNet, 0},
                     stress = {3, sizeof disk, DeviceStress, 0};

void IoInitialize(void) {
  DiskInitialize();
  ConInitialize();
  NicInit();
}

/* Symbolic links, as \?? has them: what the name stands for, or NULL. */
static const char *LinkTarget(const char *name, const char **rest) {
  static const struct {
    const char *Link, *Target;
  } links[] = {
      {"\\??\\C:", "\\Device\\HarddiskVolume1"},
      {"\\??\\COM1", "\\Device\\Serial0"},
      {"\\??\\COM2", "\\Device\\Serial1"},
      {"\\??\\PIPE", "\\Device\\NamedPipe"},
  };
  for (u32 i = 0; i < sizeof links / sizeof *links; i++)
    if ((*rest = SkipPrefix(name, links[i].Link)) != NULL) return links[i].Target;
  return NULL;
}

static FILE_OBJECT *NewFile(struct device *device, const char *name, u32 options) {
  FILE_OBJECT *file = ObCreateObject(IoFileObjectType, sizeof *file);
  u32 length = strlen(name);
  wchar *text = file ? ExAllocatePool(2 * length + 2) : NULL;
  if (text == NULL) {
    if (file) ObDereferenceObject(file);
    return NULL;
  }
  for (u32 i = 0; i < length; i++) text[i] = (u8)name[i];
  file->Type = 5;
  file->Size = sizeof *file;
  file->DeviceObject = device;
  file->FileName = (UNICODE_STRING){(u16)(2 * length), (u16)(2 * length + 2), text};
  file->Flags = options & FILE_SYNCHRONOUS_IO_NONALERT ? FO_SYNCHRONOUS_IO : 0;
  return file;
}

/* The last handle is closed; the object may live on in a call that uses it. */
void IoCloseFile(FILE_OBJECT *file) {
  if (((struct device *)file->DeviceObject)->Kind == DevicePipe && file->FsContext2) PipeCleanup(file);
}

void IoDeleteFile(FILE_OBJECT *file) {
  const struct device *device = file->DeviceObject;
  struct file_node *node = file->FsContext;
  if (node) {
    node->Links--;
    DiskRelease(node);
  }
  if (device && device->Kind == DevicePipe && file->FsContext2) PipeClose(file->FsContext2);
  if (file->FileName.Buffer) ExFreePool(file->FileName.Buffer);
}

/* A path on the disk is a folder if a file's path begins with it. */
static int IsFolder(const char *path) {
  u32 n = strlen(path);
  if (n == 0 || (n == 1 && path[0] == '\\')) return 1;
  for (struct file_node *node = DiskFirst(); node; node = node->Next) {
    const char *rest = SkipPrefix(node->Name, path);
    if (!node->Deleted && rest && *rest == '\\') return 1;
  }
  return 0;
}

static NTSTATUS OpenDisk(const char *path, u32 disposition, u32 options, FILE_OBJECT **result, u32 *information) {
  if (options & FILE_DIRECTORY_FILE || IsFolder(path)) {
    if (!IsFolder(path)) return STATUS_OBJECT_NAME_NOT_FOUND;
    *result = NewFile(&directory, path, options);
    return *result ? STATUS_SUCCESS : STATUS_NO_MEMORY;
  }
  struct file_node *node = IoFindFile(path);
  *information = node ? 1 : 2; /* FILE_OPENED, FILE_CREATED */
  if (node && disposition == FILE_CREATE) return STATUS_OBJECT_NAME_COLLISION;
  if (node == NULL) {
    if (disposition == FILE_OPEN) return STATUS_OBJECT_NAME_NOT_FOUND;
    NTSTATUS status = DiskCreate(path, &node);
    if (status != STATUS_SUCCESS) return status;
  } else if (disposition == FILE_SUPERSEDE || disposition == FILE_OVERWRITE_IF) DiskWrite(node, 0, NULL, 0);
  if ((*result = NewFile(&disk, path, options)) == NULL) return STATUS_NO_MEMORY;
  (*result)->FsContext = node;
  node->Links++;
  return STATUS_SUCCESS;
}

static NTSTATUS Open(const char *name, u32 disposition, u32 options, FILE_OBJECT **result, u32 *information) {
  const char *rest;
  struct device *device = NULL;
  *result = NULL;
  *information = 1;
  if ((rest = SkipPrefix(name, "\\Device\\HarddiskVolume1")) && (*rest == '\\' || *rest == 0))
    return OpenDisk(rest, disposition, options, result, information);
  if ((rest = SkipPrefix(name, "\\Device\\NamedPipe\\"))) {
    struct pipe *pipe;
    NTSTATUS status = PipeOpen(rest, &pipe);
    if (status != STATUS_SUCCESS) return status;
    if ((*result = NewFile(&namedPipe, rest, options)) == NULL) return PipeClose(pipe), STATUS_NO_MEMORY;
    (*result)->FsContext2 = pipe;
    return STATUS_SUCCESS;
  }
  if (SameName(name, "\\Device\\Serial0")) device = &serial[0];
  if (SameName(name, "\\Device\\Serial1")) device = &serial[1];
  if (SameName(name, "\\Device\\Afd")) device = &afd;
  if (SameName(name, "\\Device\\Stress")) device = &stress;
  if (device == NULL) return STATUS_OBJECT_NAME_NOT_FOUND;
  *result = NewFile(device, name, options);
  return *result ? STATUS_SUCCESS : STATUS_NO_MEMORY;
}

extern NTSTATUS NTAPI ZwCreateFile(HANDLE *, u32, OBJECT_ATTRIBUTES *, IO_STATUS_BLOCK *, LARGE_INTEGER *, u32, u32,
                                   u32, u32, void *, u32);

NTSTATUS NTAPI NtCreateFile(HANDLE *FileHandle, u32 Access, OBJECT_ATTRIBUTES *Attributes, IO_STATUS_BLOCK *Iosb,
                            LARGE_INTEGER *AllocationSize, u32 FileAttributes, u32 Share, u32 Disposition, u32 Options,
                            void *EaBuffer, u32 EaLength) {
  ENTER(NtCreateFile);
  char name[NAME_ROOM];
  const char *rest;
  u32 information;
  FILE_OBJECT *file;
  PROBE(FileHandle);
  PROBE(Iosb);
  NTSTATUS status = ObCaptureName(Attributes, name, sizeof name);
  if (status != STATUS_SUCCESS) LEAVE(status);
  const char *target = LinkTarget(name, &rest);
  if (target) {
    /* The name that the link stands for is opened by the same service, called from the kernel. */
    wchar wide[2 * NAME_ROOM];
    u32 n = 0;
    while (*target) wide[n++] = (u8)*target++;
    while (*rest) wide[n++] = (u8)*rest++;
    UNICODE_STRING text = {(u16)(2 * n), (u16)(2 * n), wide};
    OBJECT_ATTRIBUTES through = {sizeof through, NULL, &text, Attributes->Attributes, NULL, NULL};
    LEAVE(ZwCreateFile(FileHandle, Access, &through, Iosb, AllocationSize, FileAttributes, Share, Disposition, Options,
                       EaBuffer, EaLength));
  }
  status = Open(name, Disposition, Options, &file, &information);
  if (status == STATUS_SUCCESS) {
    status = ObInsertHandle(CurrentThread()->ThreadsProcess, file, Attributes->Attributes, FileHandle);
    ObDereferenceObject(file);
  }
  *Iosb = (IO_STATUS_BLOCK){status, status == STATUS_SUCCESS ? information : 0};
  LEAVE(status);
}

/* A service that calls another one directly: not through the dispatcher, and with the caller's previous mode. */
NTSTATUS NTAPI NtOpenFile(HANDLE *FileHandle, u32 Access, OBJECT_ATTRIBUTES *Attributes, IO_STATUS_BLOCK *Iosb,
                          u32 Share, u32 Options) {
  ENTER(NtOpenFile);
  LEAVE(NtCreateFile(FileHandle, Access, Attributes, Iosb, NULL, 0, Share, FILE_OPEN, Options, NULL, 0));
}

static u32 Offset(FILE_OBJECT *file, const LARGE_INTEGER *given) {
  LARGE_INTEGER offset = given ? *given : file->CurrentByteOffset;
  return offset < 0 || offset > 0x7fffffff ? 0x7fffffff : (u32)offset;
}

static NTSTATUS DiskRead(FILE_OBJECT *file, u32 offset, void *buffer, u32 length, u32 *done) {
  const struct file_node *node = file->FsContext;
  if (offset >= node->Size) return STATUS_END_OF_FILE;
  *done = node->Size - offset < length ? node->Size - offset : length;
  memcpy(buffer, node->Data + offset, *done);
  file->CurrentByteOffset = offset + *done;
  return STATUS_SUCCESS;
}

/* An operation is over: tells the caller's IO_STATUS_BLOCK and event, and queues the APC that was asked for. */
static NTSTATUS Finish(FILE_OBJECT *file, NTSTATUS status, const struct request *r, u32 done) {
  if (status != STATUS_PENDING) {
    KEVENT *event;
    *r->Iosb = (IO_STATUS_BLOCK){status, done};
    if (r->EventHandle && ObReferenceByHandle(r->EventHandle, ExEventObjectType, (void **)&event) == STATUS_SUCCESS) {
      KeSetEvent(event);
      ObDone(event);
    }
    if (r->Apc && status >= 0) KiInsertUserApc(CurrentThread(), r->Apc, r->ApcContext, r->Iosb, NULL);
  }
  ObDone(file);
  return status;
}

NTSTATUS NTAPI NtReadFile(HANDLE FileHandle, HANDLE Event, PKNORMAL_ROUTINE ApcRoutine, void *ApcContext,
                          IO_STATUS_BLOCK *Iosb, void *Buffer, u32 Length, LARGE_INTEGER *ByteOffset, u32 *Key) {
  ENTER(NtReadFile);
  FILE_OBJECT *file;
  u32 done = 0;
  PROBE(Iosb);
  if (ByteOffset) PROBE(ByteOffset);
  if (!MmProbe(Buffer, Length)) LEAVE(STATUS_ACCESS_VIOLATION);
  NTSTATUS status = ObReferenceByHandle(FileHandle, IoFileObjectType, (void **)&file);
  if (status != STATUS_SUCCESS) LEAVE(status);
  const struct device *device = file->DeviceObject;
  const struct request request = {Event, ApcRoutine, ApcContext, Iosb, Buffer, Length, call_};
  switch (device->Kind) {
  case DeviceDisk: status = DiskRead(file, Offset(file, ByteOffset), Buffer, Length, &done); break;
  case DeviceConsole: status = ConRead(device->Unit, Buffer, Length, &done); break;
  case DevicePipe: status = PipeRead(file, &request, &done); break;
  case DeviceDirectory: status = STATUS_FILE_IS_A_DIRECTORY; break;
  default: status = STATUS_INVALID_DEVICE_REQUEST;
  }
  LEAVE(Finish(file, status, &request, done));
}

NTSTATUS NTAPI NtWriteFile(HANDLE FileHandle, HANDLE Event, PKNORMAL_ROUTINE ApcRoutine, void *ApcContext,
                           IO_STATUS_BLOCK *Iosb, const void *Buffer, u32 Length, LARGE_INTEGER *ByteOffset, u32 *Key) {
  ENTER(NtWriteFile);
  FILE_OBJECT *file;
  u32 done = 0, offset;
  PROBE(Iosb);
  if (ByteOffset) PROBE(ByteOffset);
  if (!MmProbe(Buffer, Length)) LEAVE(STATUS_ACCESS_VIOLATION);
  NTSTATUS status = ObReferenceByHandle(FileHandle, IoFileObjectType, (void **)&file);
  if (status != STATUS_SUCCESS) LEAVE(status);
  const struct device *device = file->DeviceObject;
  const struct request request = {Event, ApcRoutine, ApcContext, Iosb, (void *)Buffer, Length, call_};
  switch (device->Kind) {
  case DeviceDisk:
    offset = Offset(file, ByteOffset);
    status = Length ? DiskWrite(file->FsContext, offset, Buffer, Length) : STATUS_SUCCESS;
    if (status == STATUS_SUCCESS) file->CurrentByteOffset = offset + (done = Length);
    break;
  case DeviceConsole: status = ConWrite(device->Unit, Buffer, done = Length); break;
  case DevicePipe: status = PipeWrite(file->FsContext2, Buffer, Length, &done); break;
  case DeviceDirectory: status = STATUS_FILE_IS_A_DIRECTORY; break;
  case DeviceStress: ExRaiseStatus(STATUS_IN_PAGE_ERROR); /* and nobody here handles it: see stress.c */
  default: status = STATUS_INVALID_DEVICE_REQUEST;
  }
  LEAVE(Finish(file, status, &request, done));
}

static NTSTATUS Control(HANDLE handle, FILE_OBJECT *file, u32 code, u8 *in, u32 inLength, u8 *out, u32 outLength,
                        u32 *done) {
  const struct device *device = file->DeviceObject;
  char host[64];
  NTSTATUS status;
  *done = 0;
  if (device->Kind == DeviceStress) return StressControl(handle, code, (u32 *)in, inLength, out, outLength, done);
  if (device->Kind == DeviceConsole && code == IOCTL_CONSOLE_ECHO && inLength >= 1)
    return ConEcho(device->Unit, in[0]), STATUS_SUCCESS;
  if (device->Kind != DeviceNet) return STATUS_INVALID_DEVICE_REQUEST;
  if (code == IOCTL_NET_RESOLVE && outLength >= 4) {
    if (inLength == 0 || inLength >= sizeof host) return STATUS_INVALID_PARAMETER;
    memcpy(host, in, inLength);
    host[inLength] = 0;
    u8 address[4];
    if ((status = NicResolve(host, address)) == STATUS_SUCCESS) memcpy(out, address, *done = 4);
    return status;
  }
  if (code == IOCTL_NET_EXCHANGE && inLength >= 6)
    return NicExchange(in, (u16)(in[4] << 8 | in[5]), in + 6, inLength - 6, out, outLength, done);
  return STATUS_INVALID_DEVICE_REQUEST;
}

NTSTATUS NTAPI NtDeviceIoControlFile(HANDLE FileHandle, HANDLE Event, PKNORMAL_ROUTINE ApcRoutine, void *ApcContext,
                                     IO_STATUS_BLOCK *Iosb, u32 Code, void *Input, u32 InputLength, void *Output,
                                     u32 OutputLength) {
  ENTER(NtDeviceIoControlFile);
  FILE_OBJECT *file;
  u32 done;
  PROBE(Iosb);
  if (!MmProbe(Input, InputLength) || !MmProbe(Output, OutputLength)) LEAVE(STATUS_ACCESS_VIOLATION);
  NTSTATUS status = ObReferenceByHandle(FileHandle, IoFileObjectType, (void **)&file);
  if (status != STATUS_SUCCESS) LEAVE(status);
  const struct request request = {Event, ApcRoutine, ApcContext, Iosb, NULL, 0, call_};
  status = Control(FileHandle, file, Code, Input, InputLength, Output, OutputLength, &done);
  LEAVE(Finish(file, status, &request, done));
}

/* One entry a call, class FileDirectoryInformation; the folder's file position counts the files seen. */
static NTSTATUS NextEntry(FILE_OBJECT *file, FILE_DIRECTORY_INFORMATION *entry, u32 length, int restart, u32 *done) {
  char folder[NAME_ROOM];
  u32 n = file->FileName.Length / 2, index = 0;
  if (restart) file->CurrentByteOffset = 0;
  for (u32 i = 0; i < n && i + 1 < sizeof folder; i++) folder[i] = (char)file->FileName.Buffer[i];
  folder[n] = 0;
  if (n > 0 && folder[n - 1] == '\\') folder[n - 1] = 0;
  for (struct file_node *node = DiskFirst(); node; node = node->Next, index++) {
    if (index < (u32)file->CurrentByteOffset || node->Deleted) continue;
    const char *rest = folder[0] ? SkipPrefix(node->Name, folder) : node->Name;
    if (rest == NULL || *rest != '\\') continue;
    u32 name = strlen(++rest);
    *done = offsetof(FILE_DIRECTORY_INFORMATION, FileName) + 2 * name;
    if (*done > length) return *done = 0, STATUS_BUFFER_OVERFLOW;
    memset(entry, 0, offsetof(FILE_DIRECTORY_INFORMATION, FileName));
    entry->EndOfFile = entry->AllocationSize = node->Size;
    entry->LastWriteTime = entry->ChangeTime = node->Changed;
    entry->FileAttributes = 0x20;
    entry->FileNameLength = 2 * name;
    for (u32 i = 0; i < name; i++) entry->FileName[i] = (u8)rest[i];
    file->CurrentByteOffset = index + 1;
    return STATUS_SUCCESS;
  }
  return STATUS_NO_MORE_FILES;
}

NTSTATUS NTAPI NtQueryDirectoryFile(HANDLE FileHandle, HANDLE Event, PKNORMAL_ROUTINE ApcRoutine, void *ApcContext,
                                    IO_STATUS_BLOCK *Iosb, void *Information, u32 Length, u32 Class,
                                    u8 ReturnSingleEntry, UNICODE_STRING *Pattern, u8 RestartScan) {
  ENTER(NtQueryDirectoryFile);
  FILE_OBJECT *file;
  u32 done = 0;
  PROBE(Iosb);
  if (Class != 1) LEAVE(STATUS_INVALID_INFO_CLASS);
  if (!MmProbe(Information, Length)) LEAVE(STATUS_ACCESS_VIOLATION);
  NTSTATUS status = ObReferenceByHandle(FileHandle, IoFileObjectType, (void **)&file);
  if (status != STATUS_SUCCESS) LEAVE(status);
  const struct request request = {Event, ApcRoutine, ApcContext, Iosb, NULL, 0, call_};
  if (((struct device *)file->DeviceObject)->Kind != DeviceDirectory) status = STATUS_INVALID_PARAMETER;
  else status = NextEntry(file, Information, Length, RestartScan, &done);
  LEAVE(Finish(file, status, &request, done));
}

NTSTATUS NTAPI NtQueryInformationFile(HANDLE FileHandle, IO_STATUS_BLOCK *Iosb, void *Information, u32 Length,
                                      u32 Class) {
  ENTER(NtQueryInformationFile);
  FILE_OBJECT *file;
  FILE_STANDARD_INFORMATION *standard = Information;
  PROBE(Iosb);
  if (Class != 5) LEAVE(STATUS_INVALID_INFO_CLASS);
  if (Length < sizeof *standard) LEAVE(STATUS_INFO_LENGTH_MISMATCH);
  PROBE(standard);
  NTSTATUS status = ObReferenceByHandle(FileHandle, IoFileObjectType, (void **)&file);
  if (status != STATUS_SUCCESS) LEAVE(status);
  const struct file_node *node = file->FsContext;
  memset(standard, 0, sizeof *standard);
  if (node) standard->EndOfFile = standard->AllocationSize = node->Size;
  standard->NumberOfLinks = 1;
  standard->Directory = ((struct device *)file->DeviceObject)->Kind == DeviceDirectory;
  const struct request request = {NULL, NULL, NULL, Iosb, NULL, 0, call_};
  LEAVE(Finish(file, STATUS_SUCCESS, &request, sizeof *standard));
}

NTSTATUS NTAPI NtDeleteFile(OBJECT_ATTRIBUTES *Attributes) {
  ENTER(NtDeleteFile);
  char name[NAME_ROOM];
  const char *rest;
  NTSTATUS status = ObCaptureName(Attributes, name, sizeof name);
  if (status != STATUS_SUCCESS) LEAVE(status);
  struct file_node *node =
      (rest = SkipPrefix(name, "\\??\\C:")) || (rest = SkipPrefix(name, "\\Device\\HarddiskVolume1")) ? IoFindFile(rest)
                                                                                                      : NULL;
  if (node == NULL) LEAVE(STATUS_OBJECT_NAME_NOT_FOUND);
  /* The programs that came with the system stay: without them it could not go on. */
  if (node->Constant) LEAVE(STATUS_ACCESS_DENIED);
  node->Deleted = 1;
  DiskRelease(node);
  LEAVE(STATUS_SUCCESS);
}
