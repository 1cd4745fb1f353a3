/*
 * Named pipes, each a ring of bytes. A read of a synchronous file waits in its thread. One of an asynchronous file
 * returns STATUS_PENDING, and is completed by whoever writes, into the reader's address space.
 */
#include "io.h"

struct irp {
  LIST_ENTRY Link, ThreadListEntry;
  ETHREAD *Thread;
  const FILE_OBJECT *File;
  u32 Generation;
  KEVENT *Event; /* referenced */
  struct request Request;
};
static struct pipe *pipes;

NTSTATUS PipeOpen(const char *name, struct pipe **found) {
  struct pipe *pipe;
  if (strlen(name) >= sizeof pipe->Name || *name == 0) return STATUS_OBJECT_NAME_INVALID;
  for (pipe = pipes; pipe && !SameName(pipe->Name, name); pipe = pipe->Next) {}
  if (pipe == NULL) {
    if ((pipe = ExAllocatePool(sizeof *pipe)) == NULL) return STATUS_NO_MEMORY;
    strlcpy(pipe->Name, name, sizeof pipe->Name);
    KeInitializeEvent(&pipe->Changed, NotificationEvent, 0);
    InitializeListHead(&pipe->Pending);
    pipe->Next = pipes;
    pipes = pipe;
  }
  pipe->Files++;
  *found = pipe;
  return STATUS_SUCCESS;
}

static u32 Take(struct pipe *pipe, u8 *to, u32 length) {
  u32 n = 0;
  while (n < length && pipe->Tail != pipe->Head) to[n++] = pipe->Data[pipe->Tail++ % PIPE_ROOM];
  return n;
}

/* In whatever thread: the reader's memory is reached through its address space. */
static void CompleteIrp(struct irp *irp, NTSTATUS status, const void *data, u32 length) {
  const struct request *r = &irp->Request;
  RemoveEntryList(&irp->Link);
  RemoveEntryList(&irp->ThreadListEntry);
  EPROCESS *previous = MmAttach(irp->Thread->ThreadsProcess);
  if (MmProbeFor(CurrentSpace(), r->Buffer, length)) memcpy(r->Buffer, data, length);
  if (MmProbeFor(CurrentSpace(), r->Iosb, sizeof *r->Iosb)) *r->Iosb = (IO_STATUS_BLOCK){status, length};
  MmDetach(previous);
  TruthComplete(irp->Generation, r->Call, status, length);
  if (irp->Event) {
    KeSetEvent(irp->Event);
    ObDereferenceObject(irp->Event);
  }
  if (r->Apc && irp->Thread->Terminating == 0) KiInsertUserApc(irp->Thread, r->Apc, r->ApcContext, r->Iosb, NULL);
  ExFreePool(irp);
}

static void CompleteReads(struct pipe *pipe) {
  u8 piece[128];
  while (!IsListEmpty(&pipe->Pending) && pipe->Head != pipe->Tail) {
    struct irp *irp = CONTAINER(pipe->Pending.Flink, struct irp, Link);
    u32 n = Take(pipe, piece, irp->Request.Length < sizeof piece ? irp->Request.Length : sizeof piece);
    CompleteIrp(irp, STATUS_SUCCESS, piece, n);
  }
}

static NTSTATUS Pend(const FILE_OBJECT *file, struct pipe *pipe, const struct request *request) {
  ETHREAD *thread = CurrentThread();
  KEVENT *event = NULL;
  struct irp *irp = ExAllocatePool(sizeof *irp);
  if (irp == NULL) return STATUS_NO_MEMORY;
  if (request->EventHandle) {
    NTSTATUS status = ObReferenceByHandle(request->EventHandle, ExEventObjectType, (void **)&event);
    if (status != STATUS_SUCCESS) return ExFreePool(irp), status;
    event->SignalState = 0;
    ObReferenceObject(event);
    ObDone(event);
  }
  irp->Thread = thread;
  irp->File = file;
  irp->Generation = thread->Generation;
  irp->Event = event;
  irp->Request = *request;
  InsertTailList(&pipe->Pending, &irp->Link);
  InsertTailList(&thread->IrpList, &irp->ThreadListEntry);
  return STATUS_PENDING;
}

NTSTATUS PipeRead(FILE_OBJECT *file, const struct request *request, u32 *done) {
  struct pipe *pipe = file->FsContext2;
  *done = 0;
  if (request->Length == 0) return STATUS_SUCCESS;
  while (pipe->Head == pipe->Tail) {
    if (!(file->Flags & FO_SYNCHRONOUS_IO)) return Pend(file, pipe, request);
    pipe->Changed.SignalState = 0;
    KeWaitForSingleObject(&pipe->Changed, 0, FOREVER);
  }
  *done = Take(pipe, request->Buffer, request->Length);
  KeSetEvent(&pipe->Changed);
  return STATUS_SUCCESS;
}

/* Waits while there is no room. */
NTSTATUS PipeWrite(struct pipe *pipe, const void *buffer, u32 length, u32 *done) {
  const u8 *bytes = buffer;
  for (*done = 0; *done < length;) {
    while (pipe->Head - pipe->Tail == PIPE_ROOM) {
      pipe->Changed.SignalState = 0;
      KeWaitForSingleObject(&pipe->Changed, 0, FOREVER);
    }
    while (*done < length && pipe->Head - pipe->Tail < PIPE_ROOM)
      pipe->Data[pipe->Head++ % PIPE_ROOM] = bytes[(*done)++];
    CompleteReads(pipe);
    KeSetEvent(&pipe->Changed);
  }
  return STATUS_SUCCESS;
}

/* The last handle of a file is closed: what it still waits for is cancelled. */
void PipeCleanup(const FILE_OBJECT *file) {
  struct pipe *pipe = file->FsContext2;
  for (LIST_ENTRY *p = pipe->Pending.Flink; p != &pipe->Pending;) {
    struct irp *irp = CONTAINER(p, struct irp, Link);
    p = p->Flink;
    if (irp->File == file) CompleteIrp(irp, STATUS_CANCELLED, NULL, 0);
  }
}

void PipeClose(struct pipe *pipe) {
  if (--pipe->Files > 0) return;
  for (struct pipe **p = &pipes; *p; p = &(*p)->Next)
    if (*p == pipe) {
      *p = pipe->Next;
      ExFreePool(pipe);
      return;
    }
}

/* The thread ends: nobody is left to read for. */
void IoCancelThread(ETHREAD *thread) {
  while (!IsListEmpty(&thread->IrpList))
    CompleteIrp(CONTAINER(thread->IrpList.Flink, struct irp, ThreadListEntry), STATUS_CANCELLED, NULL, 0);
}
