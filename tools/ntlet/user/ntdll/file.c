/* Files, devices and the console, one step above the services. */
#include "../user.h"

NTSTATUS OpenPath(const char *path, u32 access, u32 disposition, u32 options, HANDLE *handle) {
  struct native_path native;
  IO_STATUS_BLOCK io;
  NTSTATUS status = NativePath(path, &native);

  if (status < 0) return status;
  return NtCreateFile(handle, access | SYNCHRONIZE, &native.Attributes, &io, NULL, FILE_ATTRIBUTE_NORMAL,
                      FILE_SHARE_ALL, disposition, options, NULL, 0);
}

/* A handle that is not synchronous may leave the request pending; its file object is set when it is done. */
static NTSTATUS Finish(HANDLE handle, NTSTATUS status, IO_STATUS_BLOCK *io) {
  if (status != STATUS_PENDING) return status;
  NtWaitForSingleObject(handle, 0, NULL);
  return io->Status;
}

NTSTATUS ReadSome(HANDLE handle, void *buffer, u32 length, u32 *read) {
  IO_STATUS_BLOCK io = {0, 0};
  NTSTATUS status = NtReadFile(handle, NULL, NULL, NULL, &io, buffer, length, NULL, NULL);

  status = Finish(handle, status, &io);
  *read = status < 0 ? 0 : io.Information;
  return status;
}

NTSTATUS WriteAll(HANDLE handle, const void *buffer, u32 length) {
  IO_STATUS_BLOCK io = {0, 0};
  NTSTATUS status;

  if (!length) return STATUS_SUCCESS;
  status = NtWriteFile(handle, NULL, NULL, NULL, &io, buffer, length, NULL, NULL);
  return Finish(handle, status, &io);
}

NTSTATUS AppendFile(const char *path, const void *data, u32 length) {
  FILE_STANDARD_INFORMATION information;
  IO_STATUS_BLOCK io;
  HANDLE file;
  NTSTATUS status;

  status = OpenPath(path, GENERIC_READ | GENERIC_WRITE, FILE_OPEN_IF, FILE_SYNCHRONOUS_IO_NONALERT, &file);
  if (status < 0) return status;
  status = NtQueryInformationFile(file, &io, &information, sizeof information, FileStandardInformation);
  if (status >= 0) { status = NtWriteFile(file, NULL, NULL, NULL, &io, data, length, &information.EndOfFile, NULL); }
  NtClose(file);
  return status;
}

NTSTATUS DeviceControl(HANDLE handle, u32 code, void *input, u32 inputLength, void *output, u32 outputLength,
                       u32 *returned) {
  IO_STATUS_BLOCK io = {0, 0};
  NTSTATUS status;

  status = NtDeviceIoControlFile(handle, NULL, NULL, NULL, &io, code, input, inputLength, output, outputLength);
  status = Finish(handle, status, &io);
  if (returned) *returned = status < 0 ? 0 : io.Information;
  return status;
}

/*
 * A read gives at most a line; one that does not fit comes in several pieces, of which the last has the end.
 */
i32 ReadLine(HANDLE handle, char *buffer, u32 capacity) {
  u8 tooLong = 0;

  for (;;) {
    u32 length, i, start = 0;

    if (ReadSome(handle, buffer, capacity - 1, &length) < 0 || !length) return LINE_FAILED;
    for (i = 0; i < length; i++) {
      if (buffer[i] == 3) {
        start = i + 1;
        tooLong = 0;
      }
    }
    if (buffer[length - 1] == '\n' || (start == length && length < capacity - 1)) {
      if (tooLong) return LINE_TOO_LONG;
      while (length > start && (buffer[length - 1] == '\n' || buffer[length - 1] == '\r')) length--;
      memmove(buffer, buffer + start, length - start);
      buffer[length - start] = 0;
      return length - start;
    }
    tooLong = 1;
  }
}
