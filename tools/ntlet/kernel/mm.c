/*
 * Memory. Physical memory is mapped at KSEG0 by 4 MiB pages; it is divided up once, at boot:
 *
 *   4 MiB   the kernel's image          6 MiB   kernel stacks
 *   5 MiB   pool                       12 MiB   page frames, to the end
 *
 * User addresses are described by regions; pages come into being at the first touch, zeroed. What is freed last is used
 * again first, frames, stacks and pool blocks alike: nothing that names a thing by its address stays unique for long.
 */
#include "ke.h"

#define POOL_START (KSEG0 + 0x500000u)
#define POOL_END (KSEG0 + 0x600000u)
#define STACKS_START (KSEG0 + 0x600000u)
#define SMALL_STACK 0x3000u
#define LARGE_STACK 0xf000u
#define SMALL_STACKS 128
#define LARGE_STACKS 64
#define FRAMES_START 0xc00000u
#define MEMORY_END 0x2000000u
#define FRAMES ((MEMORY_END - FRAMES_START) / PAGE)
#define PTE_USER 7u /* present, writable, user */

static u16 freeFrames[FRAMES];
static u32 freeFrameCount;
static u32 freeStacks[2][SMALL_STACKS], freeStackCount[2];

/* ---- Frames ---- */

static u32 AllocateFrame(void) {
  if (freeFrameCount == 0) return 0;
  u32 frame = FRAMES_START + freeFrames[--freeFrameCount] * PAGE;
  memset((void *)(KSEG0 + frame), 0, PAGE);
  return frame;
}

static void FreeFrame(u32 frame) {
  ASSERT(frame >= FRAMES_START && frame < MEMORY_END && (frame & (PAGE - 1)) == 0);
  ASSERT(freeFrameCount < FRAMES);
  freeFrames[freeFrameCount++] = (u16)((frame - FRAMES_START) / PAGE);
}

/* ---- Pool: blocks with a header, first fit; freed neighbours are joined ---- */

struct block {
  u32 Size;
  u32 Free;
  struct block *NextFree;
  u32 Magic;
};
#define POOL_MAGIC 0x6c6f6f50u /* "Pool" */
static struct block *poolFirst;

static struct block *After(struct block *b) { return (struct block *)((u8 *)b + b->Size); }

void *ExAllocatePool(u32 bytes) {
  u32 size = (bytes + sizeof(struct block) + 15) & ~15u;
  if (bytes > POOL_END - POOL_START) return NULL;
  for (struct block *b = poolFirst; (u32)b < POOL_END; b = After(b)) {
    if (!b->Free) continue;
    while ((u32)After(b) < POOL_END && After(b)->Free) b->Size += After(b)->Size;
    if (b->Size < size) continue;
    if (b->Size >= size + 64) {
      struct block *rest = (struct block *)((u8 *)b + size);
      rest->Size = b->Size - size;
      rest->Free = 1;
      rest->Magic = POOL_MAGIC;
      b->Size = size;
    }
    b->Free = 0;
    return memset(b + 1, 0, b->Size - sizeof *b);
  }
  return NULL;
}

void ExFreePool(void *pointer) {
  struct block *b = (struct block *)pointer - 1;
  ASSERT(b->Magic == POOL_MAGIC && !b->Free);
  b->Free = 1;
}

/* ---- Kernel stacks ---- */

u32 MmStackSize(int large) { return large ? LARGE_STACK : SMALL_STACK; }

u32 MmAllocateStack(int large) {
  if (freeStackCount[large] == 0) return 0;
  u32 top = freeStacks[large][--freeStackCount[large]];
  /* What an earlier thread left there is kept, as in NT. */
  return top;
}

void MmFreeStack(u32 top, int large) { freeStacks[large][freeStackCount[large]++] = top; }

void MmInitialize(void) {
  for (u32 i = FRAMES; i-- > 0;) freeFrames[freeFrameCount++] = (u16)i;
  u32 at = STACKS_START;
  for (int large = 0; large < 2; large++) {
    u32 count = large ? LARGE_STACKS : SMALL_STACKS;
    for (u32 i = 0; i < count; i++) at += MmStackSize(large), freeStacks[large][count - 1 - i] = at;
    freeStackCount[large] = count;
  }
  ASSERT(at <= KSEG0 + FRAMES_START);
  poolFirst = (struct block *)POOL_START;
  poolFirst->Size = POOL_END - POOL_START;
  poolFirst->Free = 1;
  poolFirst->Magic = POOL_MAGIC;
}

/* ---- Address spaces ---- */

static u32 *DirectoryOf(EPROCESS *process) { return (u32 *)(KSEG0 + process->DirectoryTableBase[0]); }

static u32 *PteOf(EPROCESS *process, u32 address, int create) {
  u32 *entry = &DirectoryOf(process)[address >> 22];
  if (!(*entry & 1)) {
    u32 table = create ? AllocateFrame() : 0;
    if (table == 0) return NULL;
    *entry = table | PTE_USER;
  }
  return &((u32 *)(KSEG0 + (*entry & ~0xfffu)))[(address >> 12) & 0x3ff];
}

/* A directory with the kernel's half, NT's map of itself at PDE_BASE, and the page that is shared with everyone. */
int MmCreateAddressSpace(EPROCESS *process) {
  u32 frame = AllocateFrame();
  if (frame == 0) return 0;
  process->DirectoryTableBase[0] = frame;
  u32 *directory = DirectoryOf(process);
  memcpy(directory + 512, DirectoryOf(PsInitialSystemProcess) + 512, 2048);
  directory[PDE_BASE >> 12 & 0x3ff] = frame | 3;
  u32 *shared = PteOf(process, USER_SHARED_DATA, 1);
  if (shared == NULL) return FreeFrame(frame), 0;
  *shared = (u32) * (u32 *)(KSEG0 + (directory[KERNEL_SHARED_DATA >> 22] & ~0xfffu) +
                            ((KERNEL_SHARED_DATA >> 12 & 0x3ff) << 2));
  *shared = (*shared & ~0xfffu) | 5;
  return 1;
}

/* Frees all pages, tables and the directory. It must not be in use. */
void MmDeleteAddressSpace(EPROCESS *process) {
  u32 *directory = DirectoryOf(process), shared = USER_SHARED_DATA;
  for (u32 i = 0; i < 512; i++) {
    if (!(directory[i] & 1)) continue;
    u32 *table = (u32 *)(KSEG0 + (directory[i] & ~0xfffu));
    for (u32 j = 0; j < 1024; j++)
      if ((table[j] & 1) && (i << 22 | j << 12) != shared) FreeFrame(table[j] & ~0xfffu);
    FreeFrame(directory[i] & ~0xfffu);
  }
  FreeFrame(process->DirectoryTableBase[0]);
  process->DirectoryTableBase[0] = 0;
}

static const struct region *RegionAt(EPROCESS *process, u32 address) {
  for (u32 i = 0; i < REGIONS; i++)
    if (address - process->Regions[i].Base < process->Regions[i].Size) return &process->Regions[i];
  return NULL;
}

static int Overlaps(EPROCESS *process, u32 base, u32 bytes) {
  for (u32 i = 0; i < REGIONS; i++) {
    const struct region *r = &process->Regions[i];
    if (r->Size && base < r->Base + r->Size && r->Base < base + bytes) return 1;
  }
  return 0;
}

u32 MmAddRegion(EPROCESS *process, u32 base, u32 bytes) {
  bytes = (bytes + PAGE - 1) & ~(PAGE - 1);
  if (bytes == 0 || bytes > 0x10000000u) return 0;
  if (base == 0) {
    /* As NT: the lowest free address, in steps of 64 KiB. */
    for (base = 0x10000; base < 0x70000000u && Overlaps(process, base, bytes); base += 0x10000) {}
    if (base >= 0x70000000u) return 0;
  }
  base &= ~(PAGE - 1);
  if (base < 0x10000 || base >= USER_SHARED_DATA || bytes > USER_SHARED_DATA - base || Overlaps(process, base, bytes))
    return 0;
  for (u32 i = 0; i < REGIONS; i++)
    if (process->Regions[i].Size == 0) {
      process->Regions[i] = (struct region){base, bytes};
      return base;
    }
  return 0;
}

int MmRemoveRegion(EPROCESS *process, u32 base) {
  for (u32 i = 0; i < REGIONS; i++) {
    struct region *r = &process->Regions[i];
    if (r->Size == 0 || r->Base != base) continue;
    for (u32 address = r->Base; address < r->Base + r->Size; address += PAGE) {
      u32 *pte = PteOf(process, address, 0);
      if (pte == NULL || !(*pte & 1)) continue;
      FreeFrame(*pte & ~0xfffu);
      *pte = 0;
      invlpg(address);
    }
    r->Size = 0;
    return 1;
  }
  return 0;
}

/* fork: every page is copied at once. */
int MmCloneAddressSpace(EPROCESS *from, EPROCESS *to) {
  memcpy(to->Regions, from->Regions, sizeof to->Regions);
  u32 *directory = DirectoryOf(from);
  for (u32 i = 0; i < 512; i++) {
    if (!(directory[i] & 1)) continue;
    const u32 *table = (const u32 *)(KSEG0 + (directory[i] & ~0xfffu));
    for (u32 j = 0; j < 1024; j++) {
      u32 address = i << 22 | j << 12;
      if (!(table[j] & 1) || address == USER_SHARED_DATA) continue;
      u32 *pte = PteOf(to, address, 1), frame = AllocateFrame();
      if (pte == NULL || frame == 0) return 0;
      memcpy((void *)(KSEG0 + frame), (const void *)(KSEG0 + (table[j] & ~0xfffu)), PAGE);
      *pte = frame | PTE_USER;
    }
  }
  return 1;
}

int MmFault(u32 address) {
  EPROCESS *process = CurrentSpace();
  if (RegionAt(process, address) == NULL) return 0;
  u32 *pte = PteOf(process, address, 1);
  if (pte == NULL || (*pte & 1)) return 0;
  u32 frame = AllocateFrame();
  if (frame == 0) return 0;
  *pte = frame | PTE_USER;
  invlpg(address);
  return 1;
}

/* May user mode use these addresses? They may not exist yet, but will when they are touched. */
int MmProbeFor(EPROCESS *process, const void *pointer, u32 bytes) {
  u32 address = (u32)pointer, end = address + bytes;
  if (bytes == 0) return 1;
  if (end < address || end > MM_USER_PROBE_ADDRESS) return 0;
  while (address < end) {
    const struct region *r = RegionAt(process, address);
    if (r == NULL) return 0;
    address = r->Base + r->Size;
  }
  return 1;
}

int MmProbe(const void *pointer, u32 bytes) {
  if (CurrentThread()->PreviousMode == KernelMode && (u32)pointer >= KSEG0) return 1;
  return MmProbeFor(CurrentSpace(), pointer, bytes);
}

/* The current thread goes on in another address space; nothing may run in between. */
EPROCESS *MmAttach(EPROCESS *process) {
  EPROCESS *previous = CurrentSpace();
  MmDetach(process);
  return previous;
}

void MmDetach(EPROCESS *previous) {
  CurrentThread()->ApcState.Process = previous;
  if (ReadCr3() != previous->DirectoryTableBase[0]) WriteCr3(previous->DirectoryTableBase[0]);
}
