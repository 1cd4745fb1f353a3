/* fetch HOST [PATH] [FILE]: asks a host by UDP for something, and keeps the answer in a file on C:. */
#include "../user.h"

#define PORT 8

/* The form of IOCTL_NET_EXCHANGE's input: where to, and what. */
struct exchange {
  u8 Address[4], Port[2];
  char Data[512];
};

/* Writes "C:\" and the last component of a path. */
static void NameFile(const char *path, char *name, u32 capacity) {
  const char *last = path;

  for (; *path; path++) {
    if (*path == '/' || *path == '\\') last = path + 1;
  }
  Format(name, capacity, "C:\\%s", *last ? last : "index.html");
}

static NTSTATUS Save(const char *name, const void *data, u32 length) {
  HANDLE file;
  NTSTATUS status = OpenPath(name, GENERIC_WRITE, FILE_OVERWRITE_IF, FILE_SYNCHRONOUS_IO_NONALERT, &file);

  if (status < 0) return status;
  status = WriteAll(file, data, length);
  NtClose(file);
  return status;
}

i32 program_main(const char *commandLine) {
  static char line[1024], answer[2048];
  static struct exchange exchange = {.Port = {PORT >> 8, PORT & 0xff}};
  char *rest = line, *host, *path, *name, defaultName[PATH_LENGTH];
  HANDLE output = StandardOutput(), network;
  u32 length;
  NTSTATUS status;

  Format(line, sizeof line, "%s", commandLine);
  NextWord(&rest);
  host = NextWord(&rest);
  path = NextWord(&rest);
  name = NextWord(&rest);
  if (!host) {
    Print(output, "usage: fetch HOST [PATH] [FILE]\r\n");
    return 1;
  }
  if (!path) path = "/";
  if (!name) {
    NameFile(path, defaultName, sizeof defaultName);
    name = defaultName;
  }

  status = OpenPath("\\Device\\Afd", GENERIC_READ | GENERIC_WRITE, FILE_OPEN, FILE_SYNCHRONOUS_IO_NONALERT, &network);
  if (status < 0) {
    PrintStatus(output, "network", status);
    return status;
  }
  status = DeviceControl(network, IOCTL_NET_RESOLVE, host, strlen(host), exchange.Address, 4, NULL);
  if (status >= 0) {
    Print(output, "Asking %u.%u.%u.%u for %s\r\n", exchange.Address[0], exchange.Address[1], exchange.Address[2],
          exchange.Address[3], path);
    length = Format(exchange.Data, sizeof exchange.Data, "GET %s\r\n", path);
    status = DeviceControl(network, IOCTL_NET_EXCHANGE, &exchange, offsetof(struct exchange, Data) + length, answer,
                           sizeof answer, &length);
  }
  NtClose(network);
  if (status < 0) {
    PrintStatus(output, host, status);
    return status;
  }
  status = Save(name, answer, length);
  if (status < 0) PrintStatus(output, name, status);
  else Print(output, "%u bytes written to %s\r\n", length, name);
  return status;
}
