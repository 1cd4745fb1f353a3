/* The RAM disk: a flat list of files whose names are whole paths. It begins with what disk.S holds. */
#include "io.h"

static struct file_node *files;
#define LARGEST 0x10000u /* of a file */

struct initial {
  const char *Name;
  const u8 *Data, *End;
};
extern const struct initial IoInitialFiles[], IoInitialFilesEnd[];

struct file_node *DiskFirst(void) {
  return files;
}

struct file_node *IoFindFile(const char *path) {
  for (struct file_node *node = files; node; node = node->Next)
    if (!node->Deleted && SameName(node->Name, path)) return node;
  return NULL;
}

static LARGE_INTEGER Now(void) { return *(LARGE_INTEGER *)(KERNEL_SHARED_DATA + SHARED_SYSTEM_TIME); }

/* Appends, so that a listing shows what is new last. */
static struct file_node *Append(const char *path) {
  struct file_node *node = ExAllocatePool(sizeof *node), **end = &files;
  if (node == NULL) return NULL;
  strlcpy(node->Name, path, sizeof node->Name);
  node->Changed = Now();
  while (*end) end = &(*end)->Next;
  *end = node;
  return node;
}

void DiskInitialize(void) {
  for (const struct initial *i = IoInitialFiles; i < IoInitialFilesEnd; i++) {
    struct file_node *node = Append(i->Name);
    if (node == NULL) KeBugCheck(0x67, 0); /* out of pool at boot */
    node->Data = (u8 *)i->Data;
    node->Size = (u32)(i->End - i->Data);
    node->Constant = 1;
  }
}

NTSTATUS DiskCreate(const char *path, struct file_node **node) {
  if (strlen(path) >= sizeof(*node)->Name) return STATUS_OBJECT_NAME_INVALID;
  *node = Append(path);
  return *node ? STATUS_SUCCESS : STATUS_DISK_FULL;
}

/* Beyond the end too; length 0 cuts the file off there. */
NTSTATUS DiskWrite(struct file_node *node, u32 offset, const void *buffer, u32 length) {
  if (offset > LARGEST || length > LARGEST - offset) return STATUS_DISK_FULL;
  u32 end = length ? offset + length : offset;
  if (node->Constant || end > node->Capacity) {
    u32 room = end < 256 ? 256 : end + end / 2, keep = node->Size < end ? node->Size : end;
    u8 *data = ExAllocatePool(room);
    if (data == NULL) return STATUS_DISK_FULL;
    memcpy(data, node->Data, keep);
    if (!node->Constant && node->Data) ExFreePool(node->Data);
    node->Data = data;
    node->Capacity = room;
    node->Constant = 0;
  }
  if (offset > node->Size) memset(node->Data + node->Size, 0, offset - node->Size);
  memcpy(node->Data + offset, buffer, length);
  node->Changed = Now();
  if (end > node->Size || length == 0) node->Size = end;
  return STATUS_SUCCESS;
}

/* A deleted file goes when nobody uses it any more. */
void DiskRelease(struct file_node *node) {
  if (!node->Deleted || node->Links > 0) return;
  for (struct file_node **p = &files; *p; p = &(*p)->Next)
    if (*p == node) {
      *p = node->Next;
      if (!node->Constant && node->Data) ExFreePool(node->Data);
      ExFreePool(node);
      return;
    }
}
