/*
 * The busy guest program: a static Linux i386 program without libc that makes every kind of system call in many
 * processes and threads at once, by `int 0x80` and by SYSENTER, with signals, deaths and restarts in between.
 *
 *   busy [ROUNDS]     the workload; prints "busy: ROUNDS rounds, N checks, F failures"
 *   busy child CODE   a few calls, then exits with CODE: what the workload executes
 *   busy port FILE    writes the file's length (4 bytes) and its bytes to I/O port 0xE9, four at a time
 */
#include "busy.h"

u8 main_region[REGION] __attribute__((aligned(REGION)));
static u8 thread_regions[8][REGION] __attribute__((aligned(REGION)));
static volatile int tids[8];
int (*vsyscall)(void);
const char *self_path;
/* Shared by all processes: checks, failures, the line of the first failure. */
static volatile u32 *tally;

void *memset(void *at, int value, u32 n) { for (u8 *p = at; n--;) *p++ = value; return at; }
void *memcpy(void *to, const void *from, u32 n) { u8 *p = to; const u8 *q = from; while (n--) *p++ = *q++; return to; }
int same(const void *a, const void *b, u32 n) { const u8 *p = a, *q = b; while (n--) if (*p++ != *q++) return 0; return 1; }
u32 length(const char *s) { u32 n = 0; while (s[n]) n++; return n; }
char *put_text(char *at, const char *s) { while (*s) *at++ = *s++; *at = 0; return at; }
char *put_number(char *at, u32 v) { char d[10]; int n = 0; do d[n++] = '0' + v % 10; while (v /= 10); while (n) *at++ = d[--n]; *at = 0; return at; }
static u32 number(const char *s) { u32 v = 0; while (*s >= '0' && *s <= '9') v = v * 10 + (*s++ - '0'); return v; }

int call(int n, int a, int b, int c, int d, int e, int f) {
  return chance() & 1 ? sys_enter(n, a, b, c, d, e, f) : sys_int(n, a, b, c, d, e, f);
}
void check(int good, const char *file, int line) {
  __sync_fetch_and_add(&tally[0], 1);
  if (good) return;
  __sync_fetch_and_add(&tally[1], 1);
  char text[64], *at = put_number(put_text(put_text(put_text(text, "busy: failed: "), file), ":"), line);
  *at++ = '\n';
  S(write, 2, text, at - text);
}
u32 compute(u32 rounds) {
  static u32 table[256];
  u32 x = self()->seed;
  while (rounds--) { x = x * 1664525 + 1013904223; table[x >> 24] ^= x; x ^= table[(x >> 16) & 255] >> 3; }
  return x;
}
void sleep_us(u32 us) { u32 t[2] = {us / 1000000, us % 1000000 * 1000}; S(nanosleep, t, 0); }
int action(int signal, void *handler, int flags) {
  /* Half of them return through the program's own stub, half through the vDSO's. */
  int stub = chance() & 1 ? SA_RESTORER : 0;
  struct { void *handler; u32 flags; void (*restorer)(void); u32 mask[2]; } act = {handler, flags | stub, flags & SA_SIGINFO ? restore_rt : restore, {0, 0}};
  return S(rt_sigaction, signal, &act, 0, 8);
}

int process(int (*entry)(int), int argument) {
  int pid = S(fork);
  if (pid != 0) { CHECK(pid > 0); return pid; }
  self()->seed += argument * 77 + 1;
  int code = entry(argument);
  for (;;) S(exit_group, code);
}
int reap(int pid) {
  int status = -1, got;
  do got = chance() & 1 ? S(wait4, pid, &status, 0, 0) : S(waitpid, pid, &status, 0); while (got == -E_INTR);
  CHECK(got == pid);
  return status;
}

int futex_wait(volatile int *at, int value) { return S(futex, at, 0, value, 0); }
int futex_wake(volatile int *at, int count) { return S(futex, at, 1, count); }
void start_thread(int slot, void (*entry)(int), int argument) {
  /* CLONE_VM, FS, FILES, SIGHAND, THREAD, SYSVSEM, PARENT_SETTID, CHILD_CLEARTID */
  const int flags = 0x100 | 0x200 | 0x400 | 0x800 | 0x10000 | 0x40000 | 0x100000 | 0x200000;
  struct thread *t = (struct thread *)thread_regions[slot];
  t->seed = argument * 1000 + slot;
  tids[slot] = -1;
  CHECK(clone_thread(chance() & 1, flags, thread_regions[slot] + REGION - 64, entry, argument, &tids[slot]) > 0);
}
int thread_id(int slot) { return tids[slot]; }
void join(int slot) {
  int tid;
  while ((tid = tids[slot]) != 0) futex_wait(&tids[slot], tid);
}
void end_thread(void) { for (;;) S(exit, 0); }

static const struct { const char *name; void (*run)(int); } parts[] = {
  {"files", files}, {"failing", failing}, {"processes", processes}, {"threads", threads}, {"dying", dying},
  {"signals", signals}, {"bursts", bursts}, {"sockets", sockets}, {"polls", polls}, {"stacks", stacks},
};
enum { PARTS = sizeof parts / sizeof parts[0] };
static u32 rounds = 1;

static int part(int i) {
  S(prctl, 15 /* PR_SET_NAME */, parts[i].name);
  for (u32 r = 0; r < rounds; r++) { parts[i].run(r); compute(20000); }
  return 0;
}

static int workload(void) {
  int pids[PARTS];
  for (int i = 0; i < PARTS; i++) pids[i] = process(part, i);
  for (int i = 0; i < PARTS; i++) CHECK(reap(pids[i]) == EXITED(0));
  char text[128], *at = put_number(put_text(text, "busy: "), rounds);
  at = put_number(put_text(at, " rounds, "), tally[0]);
  at = put_number(put_text(at, " checks, "), tally[1]);
  at = put_text(at, " failures\n");
  S(write, 1, text, at - text);
  return tally[1] != 0;
}

static int child(const char *code) {
  char name[16];
  S(prctl, 16 /* PR_GET_NAME */, name);
  S(getppid);
  compute(5000);
  CHECK(S(read, -1, name, 1) == -E_BADF);
  return number(code);
}

static int port(const char *path) {
  static u32 buffer[4096];
  int fd = S(open, path, 0), n;
  if (fd < 0 || S(ioperm, 0xe9, 4, 1) != 0) return 1;
  buffer[0] = S(lseek, fd, 0, 2);
  S(lseek, fd, 0, 0);
  n = 4;
  do {
    const u32 *from = buffer;
    u32 count = (n + 3) / 4;
    __asm__ volatile("rep outsl" : "+S"(from), "+c"(count) : "d"(0xe9) : "memory");
  } while ((n = S(read, fd, buffer, sizeof buffer)) > 0);
  return 0;
}

__attribute__((noreturn)) void start(u32 *stack) {
  int argc = *stack;
  const char **argv = (const char **)stack + 1;
  u32 *aux = stack + argc + 2;
  while (*aux++) {}
  for (; aux[0]; aux += 2) {
    if (aux[0] == 32 /* AT_SYSINFO */) vsyscall = (int (*)(void))aux[1];
    if (aux[0] == 31 /* AT_EXECFN */) self_path = (const char *)aux[1];
  }
  self()->seed = argc;
  /* MAP_SHARED | MAP_ANONYMOUS */
  tally = (u32 *)S(mmap2, 0, 4096, 3, 0x21, -1, 0);
  int code;
  if (argc == 3 && same(argv[1], "child", 6)) code = child(argv[2]);
  else if (argc == 3 && same(argv[1], "port", 5)) code = port(argv[2]);
  else {
    if (argc > 1) rounds = number(argv[1]);
    code = workload();
  }
  for (;;) S(exit_group, code);
}
