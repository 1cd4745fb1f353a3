/*
 * Local procedure calls: a client sends a message and waits in NtRequestWaitReplyPort until a server, in
 * NtReplyWaitReceivePort, has taken it and answered. A port is found by its name; connecting needs no consent here.
 */
#include "ke.h"

/* A message on its way. It lives in the pool; the client's thread owns it, and lets it go when it is killed. */
struct port_request {
  LIST_ENTRY Link; /* in the port's queue, or in its list of taken ones */
  u32 MessageId;
  u8 Answered;
  KEVENT Done;
  CLIENT_ID Client;
  u32 Length;
  u8 Message[PORT_MAXIMUM_MESSAGE];
};

struct port {
  struct port *Next, *Server; /* Server: of a client's end, the port that it is connected to */
  char Name[40];
  u8 Closed;
  KEVENT Arrived;
  LIST_ENTRY Queue, Taken;
};
static struct port *ports;
static u32 lastMessage;

static struct port *FindPort(const char *name) {
  struct port *port = ports;
  while (port && !SameName(port->Name, name)) port = port->Next;
  return port;
}

static void DropAll(LIST_ENTRY *list) {
  while (!IsListEmpty(list)) {
    struct port_request *request = CONTAINER(list->Flink, struct port_request, Link);
    RemoveEntryList(&request->Link);
    KeSetEvent(&request->Done); /* its client finds it unanswered */
  }
}

void LpcDeletePort(void *body) {
  struct port *port = body;
  if (port->Server) {
    ObDereferenceObject(port->Server);
    return;
  }
  for (struct port **p = &ports; *p; p = &(*p)->Next)
    if (*p == port) {
      *p = port->Next;
      break;
    }
}

/* A thread that waits for an answer is ended. */
void LpcCancelThread(ETHREAD *thread) {
  struct port_request *request = thread->Request;
  thread->Request = NULL;
  if (request == NULL) return;
  RemoveEntryList(&request->Link);
  ExFreePool(request);
}

NTSTATUS NTAPI NtCreatePort(HANDLE *PortHandle, OBJECT_ATTRIBUTES *Attributes, u32 MaximumConnectionInfo,
                            u32 MaximumMessage, u32 MaximumPool) {
  ENTER(NtCreatePort);
  char name[40];
  PROBE(PortHandle);
  NTSTATUS status = ObCaptureName(Attributes, name, sizeof name);
  if (status != STATUS_SUCCESS) LEAVE(status);
  if (FindPort(name)) LEAVE(STATUS_OBJECT_NAME_COLLISION);
  struct port *port = ObCreateObject(LpcPortObjectType, sizeof *port);
  if (port == NULL) LEAVE(STATUS_NO_MEMORY);
  strlcpy(port->Name, name, sizeof port->Name);
  KeInitializeEvent(&port->Arrived, NotificationEvent, 0);
  InitializeListHead(&port->Queue);
  InitializeListHead(&port->Taken);
  port->Next = ports;
  ports = port;
  status = ObInsertHandle(CurrentThread()->ThreadsProcess, port, 0, PortHandle);
  ObDereferenceObject(port);
  LEAVE(status);
}

NTSTATUS NTAPI NtConnectPort(HANDLE *PortHandle, UNICODE_STRING *PortName, void *Qos, void *ClientView,
                             void *ServerView, u32 *MaximumMessage, void *ConnectionInformation,
                             u32 *ConnectionInformationLength) {
  ENTER(NtConnectPort);
  char name[40];
  PROBE(PortHandle);
  NTSTATUS status = ObCaptureString(PortName, name, sizeof name);
  if (status != STATUS_SUCCESS) LEAVE(status);
  struct port *server = FindPort(name);
  if (server == NULL) LEAVE(STATUS_OBJECT_NAME_NOT_FOUND);
  struct port *client = ObCreateObject(LpcPortObjectType, sizeof *client);
  if (client == NULL) LEAVE(STATUS_NO_MEMORY);
  client->Server = server;
  ObReferenceObject(server);
  status = ObInsertHandle(CurrentThread()->ThreadsProcess, client, 0, PortHandle);
  ObDereferenceObject(client);
  if (status == STATUS_SUCCESS && MaximumMessage && MmProbe(MaximumMessage, 4)) *MaximumMessage = PORT_MAXIMUM_MESSAGE;
  LEAVE(status);
}

/* A message's length, checked; 0 if it is not one. */
static u32 MessageLength(const PORT_MESSAGE *message) {
  if (!MmProbe(message, sizeof *message)) return 0;
  u32 length = message->TotalLength;
  return length >= sizeof *message && length <= PORT_MAXIMUM_MESSAGE && MmProbe(message, length) ? length : 0;
}

NTSTATUS NTAPI NtRequestWaitReplyPort(HANDLE PortHandle, PORT_MESSAGE *Request, PORT_MESSAGE *Reply) {
  ENTER(NtRequestWaitReplyPort);
  ETHREAD *thread = CurrentThread();
  struct port *client;
  u32 length = MessageLength(Request);
  if (length == 0 || !MmProbe(Reply, PORT_MAXIMUM_MESSAGE)) LEAVE(STATUS_INVALID_PARAMETER);
  NTSTATUS status = ObReferenceByHandle(PortHandle, LpcPortObjectType, (void **)&client);
  if (status != STATUS_SUCCESS) LEAVE(status);
  struct port *server = client->Server;
  struct port_request *request = server && !server->Closed ? ExAllocatePool(sizeof *request) : NULL;
  if (request == NULL) {
    ObDone(client);
    LEAVE(server ? STATUS_PORT_DISCONNECTED : STATUS_INVALID_DEVICE_REQUEST);
  }
  KeInitializeEvent(&request->Done, NotificationEvent, 0);
  request->MessageId = ++lastMessage;
  request->Client = thread->Cid;
  request->Length = length;
  memcpy(request->Message, Request, length);
  InsertTailList(&server->Queue, &request->Link);
  thread->Request = request;
  KeSetEvent(&server->Arrived);
  KeWaitForSingleObject(&request->Done, 0, FOREVER);
  thread->Request = NULL;
  RemoveEntryList(&request->Link);
  status = request->Answered ? STATUS_SUCCESS : STATUS_PORT_DISCONNECTED;
  /* Looked at again: it was long ago that this memory was there. */
  if (request->Answered && MmProbe(Reply, request->Length)) memcpy(Reply, request->Message, request->Length);
  ExFreePool(request);
  ObDone(client);
  LEAVE(status);
}

static void Answer(struct port *server, const PORT_MESSAGE *reply, u32 length) {
  for (LIST_ENTRY *p = server->Taken.Flink; p != &server->Taken; p = p->Flink) {
    struct port_request *request = CONTAINER(p, struct port_request, Link);
    if (request->MessageId != reply->MessageId) continue;
    RemoveEntryList(&request->Link);
    memcpy(request->Message, reply, length);
    request->Length = length;
    request->Answered = 1;
    KeSetEvent(&request->Done);
    return;
  }
}

NTSTATUS NTAPI NtReplyWaitReceivePort(HANDLE PortHandle, void **PortContext, PORT_MESSAGE *Reply,
                                      PORT_MESSAGE *Message) {
  ENTER(NtReplyWaitReceivePort);
  struct port *server;
  u32 length = Reply ? MessageLength(Reply) : 0;
  if ((Reply && length == 0) || !MmProbe(Message, PORT_MAXIMUM_MESSAGE)) LEAVE(STATUS_INVALID_PARAMETER);
  NTSTATUS status = ObReferenceByHandle(PortHandle, LpcPortObjectType, (void **)&server);
  if (status != STATUS_SUCCESS) LEAVE(status);
  if (server->Server) status = STATUS_INVALID_DEVICE_REQUEST; /* a client's end */
  else {
    if (Reply) Answer(server, Reply, length);
    while (IsListEmpty(&server->Queue)) {
      server->Arrived.SignalState = 0;
      KeWaitForSingleObject(&server->Arrived, 0, FOREVER);
    }
    struct port_request *request = CONTAINER(server->Queue.Flink, struct port_request, Link);
    RemoveEntryList(&request->Link);
    InsertTailList(&server->Taken, &request->Link);
    if (MmProbe(Message, request->Length)) {
      memcpy(Message, request->Message, request->Length);
      Message->ClientId = request->Client;
      Message->MessageId = request->MessageId;
      Message->Type = 1; /* LPC_REQUEST */
    }
  }
  ObDone(server);
  LEAVE(status);
}

/* The last handle of a server's port is closed: nobody will answer any more. */
void LpcClosePort(void *body) {
  struct port *port = body;
  if (port->Server) return;
  port->Closed = 1;
  DropAll(&port->Queue);
  DropAll(&port->Taken);
}
