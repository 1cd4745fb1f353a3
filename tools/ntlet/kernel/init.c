/* The processor's tables, the service tables, and the order in which the kernel comes up. */
#include "ke.h"

extern const u8 KiTrapTable[], KiSystemService[], KiFastCallEntry[];

/* ---- Service tables ---- */

#define SERVICES 0x11cu
#define SHADOW_SERVICES 0x29bu
static const void *serviceTable[SERVICES], *shadowTable[SHADOW_SERVICES];
static u8 argumentTable[SERVICES], shadowArguments[SHADOW_SERVICES];
KSERVICE_TABLE_DESCRIPTOR KeServiceDescriptorTable[2] = {{serviceTable, NULL, SERVICES, argumentTable},
                                                         {NULL, NULL, 0, NULL}};
KSERVICE_TABLE_DESCRIPTOR KeServiceDescriptorTableShadow[2] = {{serviceTable, NULL, SERVICES, argumentTable},
                                                               {shadowTable, NULL, SHADOW_SERVICES, shadowArguments}};

/* What XP has and ntlet has not. Nothing of it is in the ground truth. */
static NTSTATUS KiNotImplemented(void) {
  CurrentThread()->Door = DoorDirect;
  return STATUS_NOT_IMPLEMENTED;
}

static void InitializeServices(void) {
  for (u32 i = 0; i < SERVICES; i++) serviceTable[i] = KiNotImplemented;
  for (u32 i = 0; i < SHADOW_SERVICES; i++) shadowTable[i] = KiNotImplemented;
#define SERVICE(number, name, words)                                                                                   \
  extern void name##_(void) __asm__(#name);                                                                            \
  serviceTable[number] = name##_;                                                                                      \
  argumentTable[number] = 4 * (words);
#include "services.h"
#undef SERVICE
#define SERVICE(number, name, words)                                                                                   \
  extern void name##_(void) __asm__(#name);                                                                            \
  shadowTable[number & 0xfff] = name##_;                                                                               \
  shadowArguments[number & 0xfff] = 4 * (words);
#include "shadow.h"
#undef SERVICE
}

/* ---- Descriptor tables: XP's selectors ---- */

static u64 gdt[16] __attribute__((aligned(16)));
static struct {
  u16 Low, Selector;
  u8 Zero, Type;
  u16 High;
} idt[256] __attribute__((aligned(16)));
u32 KiTss[26];
static u32 sysenterStack[16];

static u64 Descriptor(u32 base, u32 limit, u8 access, u8 flags) {
  return (u64)(limit & 0xffff) | (u64)(base & 0xffffff) << 16 | (u64)access << 40 | (u64)(limit >> 16 & 15) << 48 |
         (u64)flags << 52 | (u64)(base >> 24) << 56;
}

/* FS in user mode. Loaded anew on every way out of the kernel, so that this takes effect. */
void KiSetTeb(u32 base) { gdt[R3_TEB >> 3] = Descriptor(base, 0xfff, 0xf3, 0x4); }

static void Gate(u32 vector, const void *handler, u8 type) {
  idt[vector].Low = (u16)(u32)handler;
  idt[vector].High = (u16)((u32)handler >> 16);
  idt[vector].Selector = R0_CODE;
  idt[vector].Type = type;
}

static void WriteMsr(u32 msr, u32 value) { __asm__ volatile("wrmsr" ::"c"(msr), "a"(value), "d"(0)); }

static void InitializeProcessor(void) {
  struct {
    u16 Limit;
    u32 Base;
  } __attribute__((packed)) pointer;
  gdt[R0_CODE >> 3] = Descriptor(0, 0xfffff, 0x9b, 0xc);
  gdt[R0_DATA >> 3] = Descriptor(0, 0xfffff, 0x93, 0xc);
  gdt[R3_CODE >> 3] = Descriptor(0, 0xfffff, 0xfb, 0xc);
  gdt[R3_DATA >> 3] = Descriptor(0, 0xfffff, 0xf3, 0xc);
  gdt[5] = Descriptor((u32)KiTss, sizeof KiTss - 1, 0x89, 0);
  gdt[R0_PCR >> 3] = Descriptor(KPCR_ADDRESS, 0xfff, 0x93, 0x4);
  KiSetTeb(0);
  pointer.Limit = sizeof gdt - 1;
  pointer.Base = (u32)gdt;
  __asm__ volatile("lgdt %0\n ljmp $8, $1f\n 1:" ::"m"(pointer));
  __asm__ volatile("mov %0, %%ds\n mov %0, %%es\n mov %1, %%ss\n mov %2, %%fs\n mov %3, %%gs\n ltr %w4" ::"r"(R3_DATA),
                   "r"(R0_DATA), "r"(R0_PCR), "r"(0), "r"(0x28));
  KiTss[2] = R0_DATA;
  KiTss[25] = sizeof KiTss << 16; /* no I/O permission map */
  /* Stubs are 32 bytes apart. A program may use breakpoints, the debug service and the system service. */
  for (u32 i = 0; i < 0x40; i++) Gate(i, KiTrapTable + 32 * i, i == 3 || i == 0x2d ? 0xee : 0x8e);
  Gate(0x2e, KiSystemService, 0xee);
  pointer.Limit = sizeof idt - 1;
  pointer.Base = (u32)idt;
  __asm__ volatile("lidt %0" ::"m"(pointer));
  WriteMsr(0x174, R0_CODE); /* IA32_SYSENTER_CS, _ESP, _EIP */
  WriteMsr(0x175, (u32)(sysenterStack + 16));
  WriteMsr(0x176, (u32)KiFastCallEntry);
}

/* ---- The pages at fixed addresses, and what debuggers look for ---- */

static u8 pcrPage[PAGE] __attribute__((aligned(4096))), sharedPage[PAGE] __attribute__((aligned(4096)));
static u32 highTable[1024] __attribute__((aligned(4096)));

/* DBGKD_GET_VERSION64 and the head of KDDEBUGGER_DATA64 (wdbgexts.h): how tools find the kernel's lists. */
static struct {
  u64 List[2];
  u32 Tag, Size;
  u64 KernBase, Unused[5], PsLoadedModuleList, PsActiveProcessHead;
} debuggerData;
static LIST_ENTRY debuggerList;
static struct {
  u16 MajorVersion, MinorVersion;
  u8 ProtocolVersion, SecondaryVersion;
  u16 Flags, MachineType;
  u8 MaxPacketType, MaxStateChange, MaxManipulate, Simulation;
  u16 Unused;
  u64 KernBase, PsLoadedModuleList, DebuggerDataList;
} versionBlock;
LIST_ENTRY PsLoadedModuleList;
static LDR_DATA_TABLE_ENTRY kernelModule;

static void InitializeFixedPages(void) {
  u32 *directory = (u32 *)KiBootDirectory;
  directory[0x3ff] = ((u32)highTable - KSEG0) | 3;
  directory[0x300] = ((u32)KiBootDirectory - KSEG0) | 3;
  highTable[KPCR_ADDRESS >> 12 & 0x3ff] = ((u32)pcrPage - KSEG0) | 3;
  highTable[KERNEL_SHARED_DATA >> 12 & 0x3ff] = ((u32)sharedPage - KSEG0) | 3;
  for (u32 i = 0; i < 8; i++) directory[i] = 0; /* the way in */
  WriteCr3(ReadCr3());
  Pcr->NtTib.ExceptionList = (void *)0xffffffffu;
  Pcr->NtTib.Self = &Pcr->NtTib;
  Pcr->SelfPcr = Pcr;
  Pcr->Prcb = (u8 *)Pcr + offsetof(KPCR, PrcbMinorVersion);
  Pcr->IDT = idt;
  Pcr->GDT = gdt;
  Pcr->TSS = KiTss;
  Pcr->MajorVersion = Pcr->MinorVersion = Pcr->PrcbMajorVersion = Pcr->PrcbMinorVersion = 1;
  Pcr->SetMember = 1;
  Pcr->KdVersionBlock = &versionBlock;
  *(u32 *)(KERNEL_SHARED_DATA + 0x26c) = 5; /* NtMajorVersion, NtMinorVersion */
  *(u32 *)(KERNEL_SHARED_DATA + 0x270) = 1;
}

#define EXTENDED(pointer) ((u64)(i64)(i32)(u32)(pointer)) /* as the debugger's 64-bit addresses are */

static void InitializeDebuggerData(void) {
  static wchar name[] = L"ntoskrnl.exe", path[] = L"\\WINDOWS\\system32\\ntoskrnl.exe";
  InitializeListHead(&PsLoadedModuleList);
  InsertTailList(&PsLoadedModuleList, &kernelModule.InLoadOrderLinks);
  kernelModule.DllBase = (void *)image_start;
  kernelModule.SizeOfImage = (u32)(image_end - image_start);
  kernelModule.BaseDllName = (UNICODE_STRING){sizeof name - 2, sizeof name, name};
  kernelModule.FullDllName = (UNICODE_STRING){sizeof path - 2, sizeof path, path};
  debuggerList.Flink = debuggerList.Blink = (LIST_ENTRY *)&debuggerData;
  debuggerData.List[0] = debuggerData.List[1] = EXTENDED(&debuggerList);
  debuggerData.Tag = 0x4742444b; /* KDBG */
  debuggerData.Size = sizeof debuggerData;
  debuggerData.KernBase = versionBlock.KernBase = EXTENDED(image_start);
  debuggerData.PsLoadedModuleList = versionBlock.PsLoadedModuleList = EXTENDED(&PsLoadedModuleList);
  debuggerData.PsActiveProcessHead = EXTENDED(&PsActiveProcessHead);
  versionBlock.MajorVersion = 0xf;
  versionBlock.MinorVersion = 2600;
  versionBlock.MachineType = 0x14c;
  versionBlock.DebuggerDataList = EXTENDED(&debuggerList);
}

/* ---- Interrupts ---- */

static void InitializeInterrupts(void) {
  outb(0x20, 0x11), outb(0xa0, 0x11);
  outb(0x21, 0x30), outb(0xa1, 0x38); /* as XP: vectors 0x30 and up */
  outb(0x21, 4), outb(0xa1, 2);
  outb(0x21, 1), outb(0xa1, 1);
  outb(0x21, 0xe6), outb(0xa1, 0xff); /* clock, COM2, COM1 */
}

void KiInterrupt(KTRAP_FRAME *frame, u32 irq) {
  if (irq >= 8) outb(0xa0, 0x20);
  outb(0x20, 0x20);
  if (irq == 0) KiClockInterrupt(frame);
  else if (irq == 4) ConInterrupt(0);
  else if (irq == 3) ConInterrupt(1);
}

/* ---- The time of day ---- */

static u32 Cmos(u8 index) {
  outb(0x70, index);
  u8 value = inb(0x71);
  return (value >> 4) * 10u + (value & 15u); /* BCD */
}

/* The CMOS clock as NT's time: 100 ns since 1601. */
static u64 BootTime(void) {
  static const u16 before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
  while (Cmos(0x0a) >= 80) {} /* being changed */
  u32 year = 2000 + Cmos(9), month = Cmos(8), day = Cmos(7);
  u32 past = year - 1601, days = past * 365 + past / 4 - past / 100 + past / 400 + before[(month - 1) % 12] + day - 1;
  if (month > 2 && year % 4 == 0) days++;
  u32 seconds = Cmos(4) * 3600 + Cmos(2) * 60 + Cmos(0);
  return ((u64)days * 86400 + seconds) * 10000000;
}

void KiSystemStartup(void) {
  InitializeFixedPages();
  InitializeProcessor();
  InitializeServices();
  InitializeDebuggerData();
  InitializeInterrupts();
  TruthBoot();
  MmInitialize();
  ObInitialize();
  *(u64 *)(KERNEL_SHARED_DATA + SHARED_SYSTEM_TIME) = BootTime();
  IoInitialize();
  KiInitializeClock();
  PsInitialize();
  KiIdleLoop();
}
