/* Signals: handlers in and around calls, restarts, jumps out of handlers, and stacks that are switched. */
#include "busy.h"

static int ends[2];
static volatile u32 handled;
static volatile int last_code;
static int out[6];

static void note(int signal) { handled++; (void)signal; }
/* Makes calls of its own, inside whatever call was interrupted. */
static void chatty(int signal) {
  handled++;
  S(getpid);
  S(close, -signal);
  compute(200);
}
static void informed(int signal, u32 *info, void *context) { (void)signal; (void)context; last_code = info[2]; handled++; S(gettid); }
static void feed(int signal) { handled++; S(write, ends[1], &signal, 1); }
static int leaf(int code) { S(getppid); return code; }
static void forking(int signal) { handled++; CHECK(reap(process(leaf, signal)) == EXITED(signal)); }
static void again(int signal) { if (++handled % 3 != 0) S(kill, S(getpid), signal); S(getpid); }
static void leap(int signal) { long_jump(out, signal); }
/* A jump leaves the handler's mask in place. */
static void unblock(void) { u32 none[2] = {0, 0}; S(rt_sigprocmask, 2, none, 0, 8); }

/* Whether a process is asleep inside a call: the third word of its stat file is S. */
static int asleep(int pid) {
  char text[64], *at = put_text(put_number(put_text(text, "/proc/"), pid), "/stat");
  int fd = S(open, text, 0), n = S(read, fd, text, 63);
  S(close, fd);
  for (at = text; at < text + n && *at != ')'; at++) {}
  return at + 2 < text + n && at[2] == 'S';
}
/* Sends a signal to its parent when that sleeps, `count` times. */
static int pester(int what) {
  int signal = what & 0xff, count = what >> 8, parent = S(getppid);
  while (count--) {
    do sleep_us(3000); while (!asleep(parent));
    S(kill, parent, signal);
  }
  return 0;
}

void signals(int round) {
  u32 stack[3] = {(u32)self() + ALTSTACK, 0, 0x2000}, long_time[2] = {30, 0}, rest[2] = {0, 0}, mask[2], old[2], info[32];
  u8 byte = 0;
  int pid, status;
  CHECK(S(pipe, ends) == 0 && S(sigaltstack, stack, 0) == 0);

  /* Without SA_RESTART the call fails, and by the caller's choice is made again. */
  action(SIG_USR1, note, 0);
  pid = process(pester, SIG_USR1 | 2 << 8);
  CHECK(S(read, ends[0], &byte, 1) == -E_INTR);
  CHECK(S(nanosleep, long_time, rest) == -E_INTR && rest[0] == 29);
  CHECK(reap(pid) == EXITED(0));

  /* With it the handler feeds the call that then goes on. */
  action(SIG_USR1, feed, SA_RESTART);
  pid = process(pester, SIG_USR1 | 1 << 8);
  CHECK(S(read, ends[0], &byte, 1) == 1 && byte == SIG_USR1);
  CHECK(reap(pid) == EXITED(0));
  action(SIG_USR1, chatty, SA_RESTART | SA_ONSTACK);
  pid = process(pester, SIG_USR1 | 3 << 8);
  CHECK(reap(pid) == EXITED(0));

  /* A handler that forks, and one that is interrupted by itself. */
  action(SIG_USR1, forking, SA_RESTART);
  pid = process(pester, SIG_USR1 | 2 << 8);
  CHECK(reap(pid) == EXITED(0));
  handled = 0;
  action(SIG_USR1, again, SA_NODEFER);
  S(kill, S(getpid), SIG_USR1);
  CHECK(handled == 3);
  action(SIG_USR1, chatty, SA_RESTART);

  /* Never restarted, whatever the flag: pause, poll, sigsuspend, sigtimedwait. */
  pid = process(pester, SIG_USR1 | 4 << 8);
  struct { int fd; u16 events, got; } wanted = {ends[0], 1, 0};
  mask[0] = mask[1] = 0;
  CHECK(S(pause) == -E_INTR && S(poll, &wanted, 1, 5000) == -E_INTR && S(rt_sigsuspend, mask, 8) == -E_INTR);
  CHECK(S(sigsuspend, 0, 0, 0) == -E_INTR);
  CHECK(reap(pid) == EXITED(0));

  /* A jump out of a call that would have been restarted. */
  action(SIG_USR2, leap, SA_RESTART | (round & 1 ? SA_ONSTACK : 0));
  for (volatile int i = 0; i < 3; i++) {
    int signal = set_jump(out);
    if (signal == 0) {
      process(pester, SIG_USR2 | 1 << 8);
      if (i == 1) S(nanosleep, long_time, 0);
      else S(read, ends[0], &byte, 1);
      NOT_REACHED();
    }
    unblock();
    CHECK(signal == SIG_USR2 && S(getppid) > 0);
    do pid = S(wait4, -1, &status, 0, 0); while (pid == -E_INTR);
    CHECK(pid > 0 && status == EXITED(0));
  }

  /* Faults: at one address, then from inside a deep frame. */
  action(SIG_SEGV, leap, SA_ONSTACK | SA_NODEFER);
  for (volatile int i = 0; i < 5; i++) {
    int signal = set_jump(out);
    if (signal == 0) { compute(100); *(volatile int *)(8 + i) = 1; NOT_REACHED(); }
    CHECK(signal == SIG_SEGV);
  }
  action(SIG_SEGV, (void *)0, 0);

  /* Blocked, pending, taken by a call. */
  mask[0] = 1 << (SIG_USR1 - 1) | 1 << (SIG_ALRM - 1);
  mask[1] = 0;
  CHECK(S(rt_sigprocmask, 0, mask, old, 8) == 0);
  pid = S(getpid);
  handled = 0;
  CHECK(S(kill, pid, SIG_USR1) == 0 && S(rt_sigpending, old, 8) == 0 && old[0] >> (SIG_USR1 - 1) & 1);
  u32 no_time[2] = {0, 0}, short_time[2] = {0, 2000000};
  CHECK(S(rt_sigtimedwait, mask, info, no_time, 8) == SIG_USR1 && info[0] == SIG_USR1);
  CHECK(S(rt_sigtimedwait, mask, info, no_time, 8) == -E_AGAIN && S(rt_sigtimedwait, mask, info, short_time, 8) == -E_AGAIN);
  S(kill, pid, SIG_USR1);
  CHECK(handled == 0);
  CHECK(S(rt_sigprocmask, 1, mask, 0, 8) == 0 && handled == 1);
  action(SIG_USR2, informed, SA_SIGINFO | SA_ONSTACK);
  memset(info, 0, sizeof info);
  info[0] = SIG_USR2;
  info[2] = -7;
  CHECK(S(rt_sigqueueinfo, pid, SIG_USR2, info) == 0 && last_code == -7);
  CHECK(S(tkill, S(gettid), SIG_USR2) == 0 && S(tgkill, pid, S(gettid), SIG_USR2) == 0);

  /* Signals that are ignored, or for which nothing is done. */
  action(SIG_PIPE, (void *)1, 0);
  int broken[2];
  S(pipe, broken);
  S(close, broken[0]);
  CHECK(S(write, broken[1], "x", 1) == -E_PIPE && S(close, broken[1]) == 0);
  pid = process(pester, SIG_URG | 2 << 8);
  u32 ten[2] = {0, 15000000};
  CHECK(S(nanosleep, ten, ten) == 0);
  u32 twenty[2] = {0, 15000000};
  CHECK(S(clock_nanosleep, 1, 0, twenty, twenty) == 0);
  CHECK(reap(pid) == EXITED(0));
  S(signal, SIG_USR1, 1);
  S(sigaction, SIG_USR1, 0, info);
  CHECK(info[0] == 1);
  S(close, ends[0]);
  S(close, ends[1]);
}

static volatile u32 ticks;
static void tick(int signal) {
  ticks++;
  S(getpid);
  if ((ticks & 3) == 0) S(kill, S(getpid), SIG_USR1);
  (void)signal;
}
static int feeder(int count) {
  while (count--) { compute(3000); S(write, ends[1], "burst", 5); if ((count & 7) == 0) sleep_us(2500); }
  return 0;
}

/* A timer interrupts everything: short calls, blocking calls, computing, and other handlers. */
void bursts(int round) {
  u8 buffer[8];
  u32 every[4] = {0, 8000, 0, 8000}, stop[4] = {0, 0, 0, 0};
  ticks = handled = 0;
  CHECK(S(pipe, ends) == 0);
  action(SIG_ALRM, tick, SA_RESTART | (round & 1 ? SA_ONSTACK : 0));
  action(SIG_USR1, chatty, SA_RESTART);
  u32 stack[3] = {(u32)self() + ALTSTACK, 0, 0x2000};
  S(sigaltstack, stack, 0);
  int pid = process(feeder, 60), got = 0;
  CHECK(S(setitimer, 0, every, 0) == 0);
  for (int n; got < 300; got += n) {
    n = S(read, ends[0], buffer, 5);
    CHECK(n == 5);
    compute(500);
  }
  for (int i = 0; i < 60; i++) { S(getppid); compute(2000); }
  CHECK(S(setitimer, 0, stop, every) == 0);
  CHECK(reap(pid) == EXITED(0) && ticks > 0);
  S(alarm, 10);
  CHECK(S(alarm, 0) > 0);
  S(close, ends[0]);
  S(close, ends[1]);
}

static int home_stack, other_stacks[2], turn;
static void coroutine(void) {
  for (int n = 0;; n++) {
    S(getppid);
    int fd = S(dup, 1);
    if (n & 1) switch_stack(&other_stacks[turn], home_stack);
    S(close, fd);
    compute(300);
    switch_stack(&other_stacks[turn], home_stack);
  }
}
/* Calls made on stacks that are left and entered again in the middle of what they do. */
void stacks(int round) {
  for (int i = 0; i < 2; i++) {
    u32 *top = (u32 *)((u32)self() + COSTACK + 0x2000 * (i + 1)) - 8;
    top[4] = (u32)coroutine;
    other_stacks[i] = (int)top;
  }
  for (int i = 0; i < 30 + round; i++) {
    turn = i % 3 == 0;
    switch_stack(&home_stack, other_stacks[turn]);
    if (i % 4 == 0) S(gettid);
  }
  CHECK(S(getpid) > 0);
  /* Descriptors that the coroutines left open. */
  for (int fd = 3; fd < 8; fd++) S(close, fd);
}
