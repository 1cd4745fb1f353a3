/*
 * The probe guest: a few kilobytes that make an emulated PC do what recorders get wrong, on command over the
 * first serial port. One letter is one experiment; each ends with a line "X: result".
 *
 *   t  time: rdtsc, PIT counter and CMOS clock        c  computation, hot enough to be compiled
 *   s  self-modifying code                            p  a million port reads (IDE data register)
 *   v  a million planar VGA writes and reads           b  a VBE mode: the frame buffer is cleared by the device
 *   w  the VMware port: a device writes CPU registers  f  divide faults, from compiled code too
 *   h  idle for a second (hlt, timer interrupts)       m  touches 16 MiB of memory
 *   r  resets the machine                              x  halts for good
 */
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

static inline void outb(u16 port, u8 value) { __asm__ volatile("outb %0, %1" ::"a"(value), "Nd"(port)); }
static inline void outw(u16 port, u16 value) { __asm__ volatile("outw %0, %1" ::"a"(value), "Nd"(port)); }
static inline u8 inb(u16 port) { u8 v; __asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port)); return v; }
static inline u16 inw(u16 port) { u16 v; __asm__ volatile("inw %1, %0" : "=a"(v) : "Nd"(port)); return v; }
static inline u64 rdtsc(void) { u32 a, d; __asm__ volatile("rdtsc" : "=a"(a), "=d"(d)); return ((u64)d << 32) | a; }

extern void timer_stub(void), fault_stub(void);
extern u32 self_modify(u32);
static struct { u16 low, selector; u8 zero, type; u16 high; } __attribute__((packed)) idt[64];
static struct { u16 limit; u32 base; } __attribute__((packed)) idt_pointer = {sizeof idt - 1, (u32)idt};
static volatile u32 ticks, faults;

void on_timer(void) { ticks++; outb(0x20, 0x20); }
/* A divide fault: make the divisor in ECX (saved by pusha) one, so that the instruction succeeds. */
void on_fault(u32 edi, u32 esi, u32 ebp, u32 esp, u32 ebx, u32 edx, volatile u32 ecx) { faults++; (void)edi; (void)esi; (void)ebp; (void)esp; (void)ebx; (void)edx; *(&ecx) = 1; }

static void gate(int n, void (*handler)(void)) {
  idt[n].low = (u32)handler & 0xffff; idt[n].high = (u32)handler >> 16; idt[n].selector = 8; idt[n].type = 0x8e;
}
static void put(char c) { while (!(inb(0x3fd) & 0x20)) {} outb(0x3f8, c); }
static void print(const char *s) { while (*s) put(*s++); }
static void hex(u32 v) { for (int i = 28; i >= 0; i -= 4) put("0123456789abcdef"[(v >> i) & 15]); }
static char get(void) { while (!(inb(0x3fd) & 1)) __asm__ volatile("hlt"); return inb(0x3f8); }
static u8 cmos(u8 index) { outb(0x70, index); return inb(0x71); }

static u32 compute(u32 rounds) {
  static u32 table[4096];
  u32 x = 0x12345678;
  for (u32 i = 0; i < rounds; i++) { x = x * 1664525 + 1013904223; table[(x >> 10) & 4095] ^= x + i; x ^= table[i & 4095] >> 3; }
  return x;
}
static u32 experiment(char command) {
  u32 sum = 0;
  switch (command) {
  case 't':
    for (int i = 0; i < 20000; i++) { sum += (u32)rdtsc(); if (!(i & 63)) { outb(0x43, 0); sum += inb(0x40); sum += inb(0x40) << 8; sum += cmos(0) + cmos(2) * 60; } }
    return sum;
  case 'c': return compute(20000000);
  case 's': for (int i = 0; i < 5000; i++) sum += self_modify(i); return sum;
  case 'p': for (int i = 0; i < 1000000; i++) sum = sum * 31 + inw(0x1f0); return sum;
  case 'v':
    outw(0x3c4, 0x0604); outw(0x3ce, 0x0506); outw(0x3c4, 0x0f02);
    for (int i = 0; i < 1000000; i++) { volatile u8 *p = (volatile u8 *)0xa0000 + (i & 0x7fff); if (i & 3) *p = i; else sum = sum * 31 + *p; }
    return sum;
  case 'b': {
    volatile u32 *fb = (volatile u32 *)0xe0000000;
    for (int round = 0; round < 3; round++) {
      static const u16 mode[][2] = {{4, 0}, {1, 640}, {2, 480}, {3, 32}, {4, 0x41}};
      for (int i = 0; i < 5; i++) { outw(0x1ce, mode[i][0]); outw(0x1cf, mode[i][1]); }
      for (int i = 0; i < 300000; i++) { sum = sum * 31 + fb[i]; fb[i] = i * 7 + round; }
    }
    return sum;
  }
  case 'w':
    for (int i = 0; i < 100; i++) {
      u32 a = 0x564d5868, b = 0, c = (i & 1) ? 10 : 23, d = 0x5658;
      __asm__ volatile("inl %%dx, %%eax" : "+a"(a), "+b"(b), "+c"(c), "+d"(d));
      sum = sum * 31 + a + b + c + d;
    }
    return sum;
  case 'f':
    faults = 0;
    for (int i = 0; i < 200000; i++) { u32 q = i, r = 0, by = (i & 1023) ? 3 : 0; __asm__ volatile("divl %%ecx" : "+a"(q), "+d"(r), "+c"(by)); sum += q; }
    return sum + faults;
  case 'h': { u32 until = ticks + 100; while ((int)(until - ticks) > 0) __asm__ volatile("hlt"); return ticks; }
  case 'm': for (u32 *p = (u32 *)0x400000; p < (u32 *)0x1400000; p += 16) { sum = sum * 31 + *p; *p = sum + (u32)p; } return sum;
  case 'r': outb(0x64, 0xfe); for (;;) __asm__ volatile("hlt");
  case 'x': print("x: bye\r\n"); __asm__ volatile("cli; hlt"); return 0;
  }
  return 0;
}
void guest_main(void) {
  for (int i = 0; i < 32; i++) gate(i, fault_stub);
  gate(0x20, timer_stub);
  __asm__ volatile("lidt %0" ::"m"(idt_pointer));
  outb(0x20, 0x11); outb(0xa0, 0x11); outb(0x21, 0x20); outb(0xa1, 0x28); outb(0x21, 4); outb(0xa1, 2);
  outb(0x21, 1); outb(0xa1, 1); outb(0x21, 0xfe); outb(0xa1, 0xff);
  outb(0x43, 0x34); outb(0x40, 11932 & 0xff); outb(0x40, 11932 >> 8);
  outb(0x3f9, 0); outb(0x3fb, 3); outb(0x3fa, 7);
  __asm__ volatile("sti");
  print("probe ready\r\n");
  for (;;) {
    char command = get();
    if (command < 'a' || command > 'z') continue;
    u32 result = experiment(command);
    put(command); print(": "); hex(result); print("\r\n");
  }
}
