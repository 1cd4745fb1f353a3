/*
 * \Device\Stress: a driver that makes the kernel do, on demand, what confuses whoever matches calls with their returns
 * from the outside. The stress program drives it.
 */
#include "io.h"

extern NTSTATUS NTAPI ZwDeviceIoControlFile(HANDLE, HANDLE, PKNORMAL_ROUTINE, void *, IO_STATUS_BLOCK *, u32, void *,
                                            u32, void *, u32);
extern NTSTATUS NTAPI ZwWriteFile(HANDLE, HANDLE, PKNORMAL_ROUTINE, void *, IO_STATUS_BLOCK *, const void *, u32,
                                  LARGE_INTEGER *, u32 *);
extern NTSTATUS NTAPI ZwQuerySystemTime(LARGE_INTEGER *);
extern NTSTATUS NTAPI ZwYieldExecution(void);
extern NTSTATUS NTAPI ZwClose(HANDLE);
extern NTSTATUS NTAPI ZwOpenFile(HANDLE *, u32, OBJECT_ATTRIBUTES *, IO_STATUS_BLOCK *, u32, u32);
extern NTSTATUS NTAPI ZwReadFile(HANDLE, HANDLE, PKNORMAL_ROUTINE, void *, IO_STATUS_BLOCK *, void *, u32,
                                 LARGE_INTEGER *, u32 *);
extern NTSTATUS NTAPI NtQuerySystemTime(LARGE_INTEGER *);

#define DEEPEST 4u

/*
 * Services within services, `depth` of them, and in the innermost an exception or a jump that lands in the outermost:
 * all between are passed over and never return. The frame to land in is passed on as an argument; from user mode it
 * is not taken.
 */
static NTSTATUS Unwind(HANDLE handle, u32 code, u32 *input, u32 length) {
  int outermost = CurrentThread()->PreviousMode == UserMode;
  struct seh_frame frame;
  IO_STATUS_BLOCK iosb;
  if (length < 4) return STATUS_INVALID_PARAMETER;
  u32 inner[2] = {input[0] > DEEPEST ? DEEPEST : input[0], outermost || length < 8 ? (u32)&frame : input[1]};
  if (outermost) {
    NTSTATUS caught = KiTry(&frame);
    if (caught != STATUS_SUCCESS) return caught;
  }
  if (inner[0]-- > 0) ZwDeviceIoControlFile(handle, NULL, NULL, NULL, &iosb, code, inner, sizeof inner, NULL, 0);
  else if (code == IOCTL_STRESS_UNWIND) ZwWriteFile(handle, NULL, NULL, NULL, &iosb, inner, sizeof inner, NULL, NULL);
  else KiUnwindTo((struct seh_frame *)inner[1], STATUS_ALERTED);
  /* Not reached in the outermost: something below has not unwound. */
  ASSERT(!outermost);
  if (outermost) KiEndTry(&frame);
  return STATUS_UNSUCCESSFUL;
}

/* Services called from a service: through the dispatcher, and directly. */
static NTSTATUS Nested(void) {
  static wchar name[] = L"\\??\\C:\\readme.txt";
  UNICODE_STRING text = {sizeof name - 2, sizeof name, name};
  OBJECT_ATTRIBUTES attributes = {sizeof attributes, NULL, &text, 0, NULL, NULL};
  IO_STATUS_BLOCK iosb;
  LARGE_INTEGER time;
  HANDLE file;
  u8 buffer[32];
  NTSTATUS status = ZwOpenFile(&file, GENERIC_READ, &attributes, &iosb, 0, FILE_SYNCHRONOUS_IO_NONALERT);
  if (status != STATUS_SUCCESS) return status;
  ZwReadFile(file, NULL, NULL, NULL, &iosb, buffer, sizeof buffer, NULL, NULL);
  ZwYieldExecution();
  ZwClose(file);
  ZwQuerySystemTime(&time);
  /* The same service without the dispatcher: its previous mode is the program's, so it refuses the kernel's address. */
  status = NtQuerySystemTime(&time);
  return status == STATUS_ACCESS_VIOLATION ? STATUS_SUCCESS : STATUS_UNSUCCESSFUL;
}

/* Functions whose entry is passed more than once in a call, because its first instruction faults, or is looped
   back to. */
static NTSTATUS Restart(u32 *memory, u32 length) {
  if (length < 8192) return STATUS_INVALID_PARAMETER;
  KiTrackedCall(FnInterlockedExchange, InterlockedExchange, 0, NULL, (u32)memory, 0x5a5a5a5a);
  const u32 fill[3] = {(u32)memory, length, 0x11111111};
  KiTrackedCall(FnRtlFillMemoryUlong, RtlFillMemoryUlong, 3, fill, 0, 0);
  for (u32 i = 0; i < length / 4; i++)
    if (memory[i] != 0x11111111) return STATUS_UNSUCCESSFUL;
  return STATUS_SUCCESS;
}

/* A cdecl function: the caller takes the arguments off the stack, however many there were. */
static NTSTATUS Cdecl(void) {
  u32 printed = DbgPrint("no arguments\n") + DbgPrint("%d %d %d\n", 1, 2, 3) + DbgPrint("%s\n", "one");
  return printed > 0 ? STATUS_SUCCESS : STATUS_UNSUCCESSFUL;
}

NTSTATUS StressControl(HANDLE handle, u32 code, u32 *input, u32 inputLength, void *output, u32 outputLength,
                       u32 *done) {
  *done = 0;
  switch (code) {
  case IOCTL_STRESS_UNWIND:
  case IOCTL_STRESS_LONGJMP: return Unwind(handle, code, input, inputLength);
  case IOCTL_STRESS_NESTED: return Nested();
  case IOCTL_STRESS_RESTART: return Restart(output, outputLength);
  case IOCTL_STRESS_CDECL: return Cdecl();
  case IOCTL_STRESS_DITHER: return inputLength >= 4 ? (KiDither = input[0], STATUS_SUCCESS) : STATUS_INVALID_PARAMETER;
  default: return STATUS_INVALID_DEVICE_REQUEST;
  }
}
