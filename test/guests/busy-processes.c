/* Processes and threads, and how they come to an end. */
#include "busy.h"

enum { READ = 0, WRITE = 1 };
static int ends[2], more[2];

/* Answers every byte that comes with the next one, until the pipe is closed. */
static int echo(int id) {
  u8 byte;
  int n, sum = 0;
  S(close, more[READ]);
  S(close, ends[WRITE]);
  while ((n = S(read, ends[READ], &byte, 1)) == 1) {
    sum++;
    compute(400 + id);
    byte++;
    if (S(write, more[WRITE], &byte, 1) != 1) return 99;
  }
  return n == 0 ? sum : 98;
}
static int leaf(int code) { compute(3000 * code); S(getpid); return code; }
static int branch(int depth) {
  if (depth == 0) return leaf(1);
  int one = process(branch, depth - 1), two = process(leaf, depth);
  return (reap(one) + reap(two)) >> 8;
}
static int blocked(int what) {
  u8 byte;
  u32 t[2] = {60, 0};
  switch (what) {
  case 0: return S(read, ends[READ], &byte, 1);
  case 1: return S(nanosleep, t, 0);
  case 2: return S(pause);
  default: { static int word; return futex_wait(&word, 0); }
  }
}
static int nap(int ms) { u32 t[2] = {0, ms * 1000000}; return S(nanosleep, t, t) == 0 ? 5 : 6; }

void processes(int round) {
  u8 byte = round, expected = round;
  CHECK(S(pipe, ends) == 0 && S(pipe2, more, 0) == 0);
  int pid = process(echo, round);
  S(close, ends[READ]);
  S(close, more[WRITE]);
  for (int i = 0; i < 40; i++) {
    CHECK(S(write, ends[WRITE], &byte, 1) == 1);
    compute(200);
    CHECK(S(read, more[READ], &byte, 1) == 1 && byte == ++expected);
  }
  CHECK(S(close, ends[WRITE]) == 0 && reap(pid) == EXITED(40) && S(close, more[READ]) == 0);

  CHECK(reap(process(branch, 3)) == EXITED(7));

  /* Killed inside a call. */
  CHECK(S(pipe, ends) == 0);
  int pids[4];
  for (int i = 0; i < 4; i++) pids[i] = process(blocked, i);
  sleep_us(8000);
  for (int i = 0; i < 4; i++) {
    int signal = (i + round) & 1 ? SIG_KILL : SIG_TERM;
    CHECK(S(kill, pids[i], signal) == 0);
    CHECK((reap(pids[i]) & 0x7f) == signal);
  }
  S(close, ends[READ]);
  S(close, ends[WRITE]);

  /* Stopped and continued: the sleep goes on in restart_syscall. */
  pid = process(nap, 500);
  for (int i = 0; i < 3; i++) {
    int status = 0;
    sleep_us(4000);
    CHECK(S(kill, pid, SIG_STOP) == 0 && S(wait4, pid, &status, 2 /* WUNTRACED */, 0) == pid && (status & 0xff) == 0x7f);
    CHECK(S(kill, pid, SIG_CONT) == 0);
  }
  CHECK(reap(pid) == EXITED(5));

  const char *environment[] = {"A=1", "B=two", 0};
  const char *ours[] = {"busy", "child", "42", 0}, *applet[] = {"true", 0}, *greet[] = {"echo", "-n", "", 0}, *not_there[] = {"x", 0};
  for (int by = 0; by < 2; by++) {
    CHECK(reap(vfork_exec(by, self_path, ours, environment)) == EXITED(42));
    CHECK(reap(vfork_exec(by, "/bin/busybox", applet, environment)) == EXITED(0));
    CHECK(reap(vfork_exec(by, "/bin/busybox", greet, environment)) == EXITED(0));
    CHECK(reap(vfork_exec(by, "/no/such/program", not_there, environment)) == EXITED(127));
  }
  u32 info[32];
  pid = process(leaf, 3);
  CHECK(S(waitid, 1, pid, info, 4 /* WEXITED */, 0) == 0 && info[5] == 3);
}

/* A lock of three states (free, held, waited for), as in "Futexes Are Tricky". */
static volatile int lock_word, counter, arrived, gate;
static void lock(void) {
  int c = __sync_val_compare_and_swap(&lock_word, 0, 1);
  if (c == 0) return;
  if (c != 2) c = __sync_lock_test_and_set(&lock_word, 2);
  while (c != 0) { futex_wait(&lock_word, 2); c = __sync_lock_test_and_set(&lock_word, 2); }
}
static void unlock(void) {
  if (__sync_lock_test_and_set(&lock_word, 0) == 2) futex_wake(&lock_word, 1);
}
static void barrier(int count) {
  int seen = gate;
  if (__sync_add_and_fetch(&arrived, 1) == count) {
    arrived = 0;
    gate = seen + 1;
    futex_wake(&gate, 100);
  } else {
    while (gate == seen) futex_wait(&gate, seen);
  }
}
static void worker(int id) {
  S(gettid);
  for (int i = 0; i < 25; i++) {
    lock();
    int was = counter;
    compute(300 + 100 * id);
    if ((i & 7) == id) S(sched_yield);
    counter = was + 1;
    unlock();
    if (i % 5 == 0) barrier(4);
  }
  if (id & 1) { char name[16]; S(prctl, 16, name); }
  end_thread();
}

static void poked(int signal) { S(gettid); (void)signal; }

void threads(int round) {
  counter = 0;
  action(SIG_USR1, poked, SA_RESTART);
  for (int i = 0; i < 4; i++) start_thread(i, worker, i);
  u32 spins = 0;
  while (counter < 50 && spins++ < 100) {
    compute(500);
    int pid = S(getpid);
    /* A signal for one of them, wherever it is; it may be gone. */
    if (spins % 10 == 0) S(tgkill, pid, thread_id(spins / 10 & 3), SIG_USR1);
  }
  for (int i = 0; i < 4; i++) join(i);
  CHECK(counter == 100);
  /* The stacks again, at once. */
  for (int i = 0; i < 4; i++) start_thread(i ^ (round & 3), worker, i);
  for (int i = 0; i < 4; i++) join(i);
  CHECK(counter == 200);
}

static void stuck(int what) {
  static int word;
  static int descriptors[2];
  u8 byte;
  u32 t[2] = {60, 0};
  struct { int fd; u16 events, got; } wanted = {ends[READ], 1, 0};
  switch (what) {
  case 0: S(read, ends[READ], &byte, 1); break;
  case 1: futex_wait(&word, 0); break;
  case 2: S(nanosleep, t, 0); break;
  case 3: S(poll, &wanted, 1, 60000); break;
  case 4: for (;;) { compute(1000); S(getpid); }
  case 5: S(pipe, descriptors); S(read, descriptors[READ], &byte, 1); break;
  }
  NOT_REACHED();
  end_thread();
}
static void ender(int how) {
  const char *ours[] = {"busy", "child", "9", 0};
  sleep_us(6000);
  if (how == 1) S(exit_group, 8);
  /* The other threads end, and this one goes on under the leader's id. */
  if (how == 3) S(execve, self_path, ours, 0);
  /* The leader has left before. */
  compute(20000);
  S(getpid);
  end_thread();
}
static int group(int how) {
  if (how < 4) for (int i = 0; i < 6; i++) start_thread(i, stuck, i);
  start_thread(6, ender, how);
  switch (how) {
  case 0: sleep_us(6000); return 7;
  case 4: end_thread();
  default: for (;;) S(pause);
  }
}
void dying(int round) {
  (void)round;
  CHECK(S(pipe, ends) == 0);
  static const int expected[] = {EXITED(7), EXITED(8), SIG_KILL, EXITED(9), EXITED(0)};
  for (int how = 0; how < 5; how++) {
    int pid = process(group, how);
    if (how == 2) { sleep_us(25000); CHECK(S(kill, pid, SIG_KILL) == 0); }
    CHECK(reap(pid) == expected[how]);
  }
  S(close, ends[READ]);
  S(close, ends[WRITE]);
}
