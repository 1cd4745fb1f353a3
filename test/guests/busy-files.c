/* Files, memory, and calls that fail. */
#include "busy.h"

static char *path_of(char *at, const char *name) { return put_text(put_text(at, "/tmp/busy-files/"), name); }

void files(int round) {
  char a[64], b[128], data[256], back[256];
  S(umask, 022);
  CHECK(S(mkdir, "/tmp/busy-files", 0755) == 0);
  path_of(a, "one");
  path_of(b, "with \"quotes\", {braces}\n and \377\1, cut short in a log: 0123456789012345678901234567890");
  int fd = S(openat, -100, a, 0102 /* O_CREAT | O_RDWR */, 0644);
  CHECK(fd >= 0);
  for (int i = 0; i < 256; i++) data[i] = i * 7 + round;
  CHECK(S(write, fd, data, 256) == 256);
  CHECK(S(pwrite64, fd, "\\x\"\0\377[", 6, 1000, 0) == 6);
  CHECK(S(pread64, fd, back, 10, 998, 0) == 8 && back[2] == '\\' && back[6] == -1);
  CHECK(S(lseek, fd, -6, 2) == 1000);
  s64 where = 0;
  CHECK(S(llseek, fd, 1, 0, &where, 0) == 0 && where == 0x100000000);
  CHECK(S(lseek, fd, 0, 0) == 0);
  struct { void *at; u32 n; } parts[3] = {{back, 10}, {back + 10, 0}, {back + 10, 246}};
  CHECK(S(readv, fd, parts, 3) == 256 && same(data, back, 256));
  CHECK(S(writev, fd, parts, 3) == 256);
  u32 stat[64];
  CHECK(S(fstat64, fd, stat) == 0 && stat[11] == 1006);
  CHECK(S(stat64, a, stat) == 0 && S(statx, -100, a, 0, 0x7ff, stat) == 0);
  CHECK(S(ftruncate64, fd, 5000, 0) == 0);
  char *map = (char *)S(mmap2, 0, 8192, 3, 1, fd, 0), *anonymous = (char *)S(mmap2, 0, 16384, 3, 0x22, -1, 0);
  CHECK(map[1] == data[1]);
  map[3] = 'x';
  memcpy(anonymous, map, 4096);
  CHECK(S(mprotect, anonymous, 4096, 1) == 0);
  CHECK(S(write, fd, anonymous, 4096) == 4096);
  CHECK(S(munmap, anonymous, 16384) == 0 && S(munmap, map, 8192) == 0);
  /* Bytes that only the kernel has looked at: pages that are not there yet when the call begins. */
  map = (char *)S(mmap2, 0, 4096, 1, 2, fd, 1);
  CHECK(S(write, fd, map, 64) == 64 && S(munmap, map, 4096) == 0);
  /* A name across two pages. */
  map = (char *)S(mmap2, 0, 8192, 3, 0x22, -1, 0);
  CHECK(S(access, map, 0) == -E_NOENT);
  put_text(map + 4096 - 9, a);
  CHECK(S(access, map + 4096 - 9, 6) == 0 && S(munmap, map + 4096, 4096) == 0);
  CHECK(S(access, map + 4096 - 9, 6) == -E_FAULT && S(munmap, map, 4096) == 0);
  u32 old[6] = {0, 4096, 3, 0x22, -1, 0};
  u32 mapped = S(mmap, old);
  CHECK(mapped < 0xfffff000 && S(munmap, mapped, 4096) == 0);
  int copy = S(fcntl64, fd, 0, 40), flags = S(fcntl64, fd, 3);
  CHECK(copy == 40 && (flags & 3) == 2);
  CHECK(S(dup2, fd, 41) == 41 && S(dup3, fd, 42, 02000000) == 42 && S(fcntl, 42, 1) == 1 && S(dup2, fd, fd) == fd);
  for (int i = 40; i < 43; i++) CHECK(S(close, i) == 0);
  CHECK(S(ioctl, fd, 0x5401, back) == -E_NOTTY && S(close, fd) == 0);
  CHECK(S(rename, a, b) == 0 && S(access, a, 0) == -E_NOENT && S(access, b, 4) == 0);
  path_of(a, "link");
  CHECK(S(symlink, b, a) == 0 && S(readlink, a, back, 20) == 20 && same(b, back, 20));
  for (int i = 0; i < 5; i++) {
    char name[64];
    put_number(path_of(name, "f"), i);
    int empty = S(open, name, 0101, 0600);
    CHECK(empty >= 0);
    S(close, empty);
  }
  fd = S(openat, -100, "/tmp/busy-files", 0200000);
  int n, all = 0;
  static char entries[128];
  while ((n = S(getdents64, fd, entries, sizeof entries)) > 0) all += n;
  CHECK(n == 0 && all > 5 * 24 && S(close, fd) == 0);
  CHECK(S(rmdir, "/tmp/busy-files") == -E_NOTEMPTY && S(unlink, "/tmp/busy-files") == -E_ISDIR);
  for (int i = 0; i < 5; i++) {
    char name[64];
    put_number(path_of(name, "f"), i);
    CHECK(S(unlink, name) == 0);
  }
  CHECK(S(unlink, a) == 0 && S(unlink, b) == 0);
  char names[6 * 65];
  CHECK(S(chdir, "/tmp/busy-files") == 0 && S(getcwd, back, 256) == 16 && S(chdir, "/") == 0 && S(rmdir, "/tmp/busy-files") == 0);
  CHECK(S(uname, names) == 0 && same(names, "Linux", 6));
  CHECK(S(times, back) != 0 && S(time, back) > 0 && S(gettimeofday, back, 0) == 0);
  CHECK(S(clock_gettime, 1, back) == 0 && S(clock_gettime64, 0, back) == 0 && S(sysinfo, back) == 0);
  CHECK(S(getrandom, back, 16, 0) == 16 && S(getuid32) == 0 && S(brk, 0) != 0);
  fd = S(memfd_create, "busy", 1);
  CHECK(S(write, fd, data, 100) == 100 && S(close, fd) == 0);
  /* Output long enough to be cut in a log. */
  fd = S(open, "/dev/null", 1);
  for (int i = 0; i < 20; i++) { CHECK(S(write, fd, data, 256 - i) == 256 - i); compute(500); }
  fd = S(close, fd);
}

void failing(int round) {
  char buffer[16];
  void *bad = (void *)0x10;
  int pipe[2];
  CHECK(S(openat, -100, "/no/such/file", 0) == -E_NOENT && S(open, "/proc/version/x", 0) == -E_NOTDIR);
  CHECK(S(openat, -100, bad, 0) == -E_FAULT && S(openat, 12345, "relative", 0) == -E_BADF);
  CHECK(S(close, 999) == -E_BADF && S(close, -1) == -E_BADF && S(read, 999, buffer, 1) == -E_BADF);
  CHECK(S(pipe2, pipe, 0) == 0 && S(write, pipe[1], "abcdef", 6) == 6);
  CHECK(S(read, pipe[0], bad, 3) == -E_FAULT && S(write, pipe[1], bad, 3) == -E_FAULT && S(lseek, pipe[0], 0, 0) == -E_SPIPE);
  CHECK(S(fstat64, pipe[0], bad) == -E_FAULT && S(pipe, bad) == -E_FAULT && S(read, pipe[1], buffer, 1) == -E_BADF);
  CHECK(S(close, pipe[0]) == 0 && S(close, pipe[1]) == 0);
  /* Numbers that no call has, among them -1, which is no call at all to the kernel. */
  static const int none[] = {17, 31, 222, 223, 251, 285, 450 + 49, 999, 0x7fffffff, -2, -1};
  for (u32 i = 0; i < sizeof none / sizeof none[0]; i++) CHECK(call(none[i], i, 2, 3, 4, 5, 6) == -E_NOSYS);
  CHECK(S(kill, 99999999, 0) == -E_SRCH && S(tgkill, 1, 99999999, 0) == -E_SRCH && S(kill, 1, 99) == -E_INVAL);
  CHECK(S(execve, "/no/such/program", 0, 0) == -E_NOENT && S(execve, bad, 0, 0) == -E_FAULT && S(execve, "/tmp", 0, 0) < 0);
  CHECK(S(chdir, "/init") == -E_NOTDIR && S(mkdir, "/tmp", 0) == -E_EXIST && S(mmap2, 1, 0, 0, 0, 0, 0) == -E_INVAL);
  CHECK(S(waitpid, -1, buffer, 0) == -E_CHILD && S(wait4, 1, 0, 0x100, 0) == -E_INVAL);
  u32 time[2] = {0, 2000000000}, limit[2] = {0, 1000000};
  CHECK(S(nanosleep, time, 0) == -E_INVAL && S(nanosleep, bad, 0) == -E_FAULT && S(clock_nanosleep, 99, 0, time, 0) == -E_INVAL);
  int word = 1;
  CHECK(S(futex, &word, 0, 2, 0) == -E_AGAIN && S(futex, &word, 0, 1, limit) == -E_TIMEDOUT && S(futex, bad, 0, 1, 0) == -E_FAULT);
  CHECK(S(socket, 77, 1, 0) == -E_AFNOSUPPORT && S(socketcall, 99, time) == -E_INVAL && S(socketcall, 1, bad) == -E_FAULT);
  CHECK(S(ioctl, 999, 0, 0) == -E_BADF && S(poll, bad, 1, 0) == -E_FAULT && S(sigaltstack, bad, 0) == -E_FAULT);
  CHECK(S(rt_sigaction, SIG_KILL, time, 0, 8) < 0 && S(rt_sigaction, 1, 0, 0, 7) == -E_INVAL && S(epoll_wait, 0, buffer, 0, 0) == -E_INVAL);
  for (int i = 0; i < 30; i++) { CHECK(S(dup, 500 + i) == -E_BADF); compute(300 * (round + 1)); }
}
