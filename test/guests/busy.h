/* What the parts of the busy guest program share: system calls by either door, checks, processes and threads. */
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef long long s64;

/* Numbers: arch/x86/entry/syscalls/syscall_32.tbl. */
enum {
  N_restart = 0, N_exit = 1, N_fork = 2, N_read = 3, N_write = 4, N_open = 5, N_close = 6, N_waitpid = 7, N_unlink = 10,
  N_execve = 11, N_chdir = 12, N_time = 13, N_lseek = 19, N_getpid = 20, N_alarm = 27, N_pause = 29, N_access = 33,
  N_kill = 37, N_rename = 38, N_mkdir = 39, N_rmdir = 40, N_dup = 41, N_pipe = 42, N_times = 43, N_brk = 45, N_signal = 48,
  N_ioctl = 54, N_fcntl = 55, N_umask = 60, N_dup2 = 63, N_getppid = 64, N_sigaction = 67, N_sigsuspend = 72,
  N_gettimeofday = 78, N_symlink = 83, N_readlink = 85, N_mmap = 90, N_munmap = 91, N_ioperm = 101, N_socketcall = 102,
  N_setitimer = 104, N_wait4 = 114, N_sysinfo = 116, N_clone = 120, N_uname = 122, N_mprotect = 125, N_sigprocmask = 126,
  N_llseek = 140, N_select = 142, N_readv = 145, N_writev = 146, N_sched_yield = 158, N_nanosleep = 162, N_poll = 168,
  N_prctl = 172, N_rt_sigaction = 174, N_rt_sigprocmask = 175, N_rt_sigpending = 176, N_rt_sigtimedwait = 177,
  N_rt_sigqueueinfo = 178, N_rt_sigsuspend = 179, N_pread64 = 180, N_pwrite64 = 181, N_getcwd = 183, N_sigaltstack = 186,
  N_mmap2 = 192, N_ftruncate64 = 194, N_stat64 = 195, N_fstat64 = 197, N_getuid32 = 199, N_getdents64 = 220,
  N_fcntl64 = 221, N_gettid = 224, N_tkill = 238, N_futex = 240, N_exit_group = 252, N_epoll_ctl = 255, N_epoll_wait = 256,
  N_clock_gettime = 265, N_clock_nanosleep = 267, N_tgkill = 270, N_waitid = 284, N_openat = 295, N_ppoll = 309,
  N_eventfd2 = 328, N_epoll_create1 = 329, N_dup3 = 330, N_pipe2 = 331, N_socket = 359, N_socketpair = 360, N_bind = 361,
  N_connect = 362, N_listen = 363, N_accept4 = 364, N_getsockopt = 365, N_setsockopt = 366, N_getsockname = 367,
  N_getpeername = 368, N_sendto = 369, N_sendmsg = 370, N_recvfrom = 371, N_recvmsg = 372, N_shutdown = 373,
  N_getrandom = 355, N_memfd_create = 356, N_statx = 383, N_clock_gettime64 = 403, N_pselect6_time64 = 413,
};
enum {
  E_PERM = 1, E_NOENT = 2, E_SRCH = 3, E_INTR = 4, E_BADF = 9, E_CHILD = 10, E_AGAIN = 11, E_FAULT = 14, E_EXIST = 17,
  E_NOTDIR = 20, E_ISDIR = 21, E_INVAL = 22, E_NOTTY = 25, E_SPIPE = 29, E_PIPE = 32, E_NOSYS = 38, E_NOTEMPTY = 39,
  E_NOTSOCK = 88, E_NOPROTOOPT = 92, E_AFNOSUPPORT = 97, E_ISCONN = 106, E_NOTCONN = 107, E_TIMEDOUT = 110,
  E_CONNREFUSED = 111,
};
enum { SIG_INT = 2, SIG_KILL = 9, SIG_USR1 = 10, SIG_SEGV = 11, SIG_USR2 = 12, SIG_PIPE = 13, SIG_ALRM = 14, SIG_TERM = 15,
  SIG_CHLD = 17, SIG_CONT = 18, SIG_STOP = 19, SIG_URG = 23, SIG_VTALRM = 26 };
enum { SA_SIGINFO = 4, SA_RESTORER = 0x04000000, SA_ONSTACK = 0x08000000, SA_RESTART = 0x10000000, SA_NODEFER = 0x40000000 };

/*
 * Every thread's stack is a region of 64 KiB, aligned, with this at its lowest address; its alternate signal stack and
 * its coroutines' stacks are in the same region, so that a thread finds itself by its stack pointer.
 */
struct thread { u32 seed, checks, failures, line, tid; };
#define REGION 0x10000
#define ALTSTACK 0x1000 /* offset of 8 KiB */
#define COSTACK 0x4000  /* offset of 2 × 8 KiB */

int sys_int(int, int, int, int, int, int, int);
int sys_enter(int, int, int, int, int, int, int);
int vfork_exec(int by_sysenter, const char *path, const char **argv, const char **envp);
int clone_thread(int by_sysenter, int flags, void *stack_top, void (*entry)(int), int argument, volatile int *tid);
int set_jump(int *buffer) __attribute__((returns_twice));
void long_jump(int *buffer, int value) __attribute__((noreturn));
void switch_stack(int *save, int load);
void restore_rt(void), restore(void);

static inline struct thread *self(void) {
  u32 esp;
  __asm__ volatile("mov %%esp, %0" : "=r"(esp));
  return (struct thread *)((esp - 1) & ~(REGION - 1));
}
static inline u32 chance(void) { struct thread *t = self(); return (t->seed = t->seed * 1664525 + 1013904223) >> 16; }

/* A system call with up to six arguments, by one door or the other. */
int call(int number, int a, int b, int c, int d, int e, int f);
#define SYS_(n, a, b, c, d, e, f, ...) call(N_##n, (int)(a), (int)(b), (int)(c), (int)(d), (int)(e), (int)(f))
#define S(name, ...) SYS_(name, __VA_ARGS__ __VA_OPT__(,) 0, 0, 0, 0, 0, 0)

/* Counts a check, and says so where it fails. */
void check(int good, const char *file, int line);
#define CHECK(x) check(!!(x), __FILE__, __LINE__)
#define NOT_REACHED() check(0, __FILE__, __LINE__)

void *memset(void *, int, u32), *memcpy(void *, const void *, u32);
u32 compute(u32 rounds);
u32 length(const char *);
char *put_number(char *at, u32 value);
char *put_text(char *at, const char *text);
int same(const void *, const void *, u32);
void sleep_us(u32 us);
int action(int signal, void *handler, int flags);

/* Starts `entry` in a new process; its result is the exit code. */
int process(int (*entry)(int), int argument);
/* Waits for a process; its status as wait4 gives it. */
int reap(int pid);
#define EXITED(code) ((code) << 8)

/* Threads on regions of their own. `join` waits until the kernel has cleared the thread's id. */
void start_thread(int slot, void (*entry)(int), int argument);
int thread_id(int slot);
void join(int slot);
void end_thread(void) __attribute__((noreturn));
int futex_wait(volatile int *at, int value);
int futex_wake(volatile int *at, int count);

/* The parts; each does its work once. */
void files(int round), failing(int round), processes(int round), threads(int round), dying(int round), signals(int round),
  bursts(int round), sockets(int round), polls(int round), stacks(int round);
extern const char *self_path;
