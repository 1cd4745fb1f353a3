/* What the I/O system's files share. */
#ifndef IO_H
#define IO_H
#include "ke.h"

/* DEVICE_OBJECT: what a FILE_OBJECT is a file of. */
struct device {
  u16 Type, Size;
  u32 Kind, Unit;
};
enum { DeviceDisk, DeviceDirectory, DeviceConsole, DevicePipe, DeviceNet, DeviceStress };

#define PIPE_ROOM 1024u
struct pipe {
  struct pipe *Next;
  char Name[32];
  u32 Files; /* that are open */
  u32 Head, Tail;
  KEVENT Changed;
  LIST_ENTRY Pending; /* struct irp: reads that wait without their thread */
  u8 Data[PIPE_ROOM];
};

/* What NtReadFile and its like have to do when they are done, now or later. */
struct request {
  HANDLE EventHandle;
  PKNORMAL_ROUTINE Apc;
  void *ApcContext;
  IO_STATUS_BLOCK *Iosb;
  void *Buffer;
  u32 Length, Call;
};

NTSTATUS PipeOpen(const char *name, struct pipe **pipe);
void PipeCleanup(const FILE_OBJECT *file);
void PipeClose(struct pipe *pipe);
NTSTATUS PipeRead(FILE_OBJECT *file, const struct request *request, u32 *done);
NTSTATUS PipeWrite(struct pipe *pipe, const void *buffer, u32 length, u32 *done);
NTSTATUS StressControl(HANDLE handle, u32 code, u32 *input, u32 inputLength, void *output, u32 outputLength, u32 *done);
NTSTATUS DiskCreate(const char *path, struct file_node **node);
NTSTATUS DiskWrite(struct file_node *node, u32 offset, const void *buffer, u32 length);
void DiskRelease(struct file_node *node);
void DiskInitialize(void);
struct file_node *DiskFirst(void);
#endif
