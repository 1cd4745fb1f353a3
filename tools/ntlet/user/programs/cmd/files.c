/* Commands for files. */
#include "cmd.h"

/* Anything that has a file's data in it; static, since the stack is small and each command runs alone. */
static u8 Buffer[4096];

static void Report(const char *what, NTSTATUS status) {
  if (status < 0) PrintStatus(StandardOutput(), what, status);
}

/* The disk may keep no times: then there is nothing to show. */
static void ListEntry(const FILE_DIRECTORY_INFORMATION *entry) {
  HANDLE output = StandardOutput();
  UNICODE_STRING name = {entry->FileNameLength, entry->FileNameLength, (wchar *)entry->FileName};
  LARGE_INTEGER written = entry->LastWriteTime;
  TIME_FIELDS time;

  if (written) {
    RtlTimeToTimeFields(&written, &time);
    Print(output, "%04u-%02u-%02u %02u:%02u  ", time.Year, time.Month, time.Day, time.Hour, time.Minute);
  }
  if (entry->FileAttributes & FILE_ATTRIBUTE_DIRECTORY) Print(output, "     <DIR>  %Z\r\n", &name);
  else Print(output, "%10u  %Z\r\n", (u32)entry->EndOfFile, &name);
}

void ListFiles(char *arguments) {
  const char *path = NextWord(&arguments);
  IO_STATUS_BLOCK io;
  HANDLE directory;
  u32 count = 0;
  NTSTATUS status;

  if (!path) path = "C:\\";
  status = OpenPath(path, GENERIC_READ, FILE_OPEN, FILE_DIRECTORY_FILE | FILE_SYNCHRONOUS_IO_NONALERT, &directory);
  if (status < 0) {
    Report(path, status);
    return;
  }
  for (;;) {
    const u8 *at = Buffer;
    u32 next;

    status = NtQueryDirectoryFile(directory, NULL, NULL, NULL, &io, Buffer, sizeof Buffer, FileDirectoryInformation, 0,
                                  NULL, 0);
    if (status < 0) break;
    do {
      ListEntry((const FILE_DIRECTORY_INFORMATION *)at);
      count++;
      next = ((const FILE_DIRECTORY_INFORMATION *)at)->NextEntryOffset;
      at += next;
    } while (next);
  }
  NtClose(directory);
  if (status == STATUS_NO_MORE_FILES) Print(StandardOutput(), "%10u file(s)\r\n", count);
  else Report(path, status);
}

void TypeFile(char *arguments) {
  const char *path = Require(&arguments, "a file");
  u8 last = '\n';
  HANDLE file;
  u32 length;
  NTSTATUS status;

  if (!path) return;
  status = OpenPath(path, GENERIC_READ, FILE_OPEN, FILE_SYNCHRONOUS_IO_NONALERT, &file);
  if (status >= 0) {
    while ((status = ReadSome(file, Buffer, sizeof Buffer, &length)) >= 0 && length) {
      WriteAll(StandardOutput(), Buffer, length); /* the console gives line ends their CR */
      last = Buffer[length - 1];
    }
    NtClose(file);
    if (last != '\n') Print(StandardOutput(), "\r\n");
  }
  if (status != STATUS_END_OF_FILE) Report(path, status);
}

/* The text is what is left of the line, as it is, and an end of line. */
static void PutText(char *arguments, u8 append) {
  const char *path = Require(&arguments, "a file");
  HANDLE file;
  u32 length;
  NTSTATUS status;

  if (!path) return;
  length = Format((char *)Buffer, sizeof Buffer, "%s\r\n", arguments);
  if (append) {
    status = AppendFile(path, Buffer, length);
  } else {
    status = OpenPath(path, GENERIC_WRITE, FILE_OVERWRITE_IF, FILE_SYNCHRONOUS_IO_NONALERT, &file);
    if (status >= 0) {
      status = WriteAll(file, Buffer, length);
      NtClose(file);
    }
  }
  Report(path, status);
}

void WriteText(char *arguments) { PutText(arguments, 0); }
void AppendText(char *arguments) { PutText(arguments, 1); }

void CopyFile(char *arguments) {
  const char *from = Require(&arguments, "a file"), *to;
  HANDLE source, target;
  u32 length, total = 0;
  NTSTATUS status;

  if (!from) return;
  to = Require(&arguments, "where to");
  if (!to) return;
  status = OpenPath(from, GENERIC_READ, FILE_OPEN, FILE_SYNCHRONOUS_IO_NONALERT, &source);
  if (status < 0) {
    Report(from, status);
    return;
  }
  status = OpenPath(to, GENERIC_WRITE, FILE_OVERWRITE_IF, FILE_SYNCHRONOUS_IO_NONALERT, &target);
  if (status >= 0) {
    while ((status = ReadSome(source, Buffer, sizeof Buffer, &length)) >= 0 && length) {
      status = WriteAll(target, Buffer, length);
      if (status < 0) break;
      total += length;
    }
    NtClose(target);
  }
  NtClose(source);
  if (status >= 0 || status == STATUS_END_OF_FILE) Print(StandardOutput(), "%u bytes copied\r\n", total);
  else Report(to, status);
}

void DeleteFile(char *arguments) {
  const char *name = Require(&arguments, "a file");
  struct native_path path;
  NTSTATUS status;

  if (!name) return;
  status = NativePath(name, &path);
  if (status >= 0) status = NtDeleteFile(&path.Attributes);
  Report(name, status);
}
