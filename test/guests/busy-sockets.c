/* Sockets, directly and through socketcall, and the ways to wait for descriptors. */
#include "busy.h"

/* socketcall's own numbers: include/uapi/linux/net.h. */
enum { C_SOCKET = 1, C_BIND, C_CONNECT, C_LISTEN, C_ACCEPT, C_GETSOCKNAME, C_GETPEERNAME, C_SOCKETPAIR, C_SEND, C_RECV,
  C_SENDTO, C_RECVFROM, C_SHUTDOWN, C_SETSOCKOPT, C_GETSOCKOPT, C_SENDMSG, C_RECVMSG, C_ACCEPT4 };
static int packed(int which, int a, int b, int c, int d, int e, int f) {
  int arguments[6] = {a, b, c, d, e, f};
  return S(socketcall, which, arguments);
}
#define P_(n, a, b, c, d, e, f, ...) packed(C_##n, (int)(a), (int)(b), (int)(c), (int)(d), (int)(e), (int)(f))
#define P(name, ...) P_(name, __VA_ARGS__, 0, 0, 0, 0, 0, 0)

struct inet { u16 family, port; u32 address; u8 zero[8]; };
static struct inet server;

static int client(int round) {
  char answer[64];
  int fd = S(socket, 2, 1, 0), n, all = 0;
  CHECK(fd >= 0 && S(connect, fd, &server, 16) == 0);
  CHECK(S(connect, fd, &server, 16) == -E_ISCONN);
  for (int i = 0; i < 10; i++) {
    CHECK((i & 1 ? P(SEND, fd, "question", 8, 0) : S(sendto, fd, "question", 8, 0, 0, 0)) == 8);
    n = i & 1 ? S(recvfrom, fd, answer, 64, 0, 0, 0) : P(RECV, fd, answer, 64, 0);
    CHECK(n == 6 && same(answer, "answer", 6));
    compute(500 + round);
  }
  CHECK(S(shutdown, fd, 1) == 0);
  while ((n = S(read, fd, answer, 64)) > 0) all += n;
  CHECK(n == 0 && all == 3);
  return 0;
}

void sockets(int round) {
  char buffer[64];
  int size = 16, one = 1, pair[2], value = 0;
  int listener = round & 1 ? P(SOCKET, 2, 1, 0) : S(socket, 2, 1, 0);
  memset(&server, 0, sizeof server);
  server.family = 2;
  server.address = 0x0100007f;
  CHECK(S(setsockopt, listener, 1, 2, &one, 4) == 0 && P(BIND, listener, &server, 16) == 0 && S(listen, listener, 5) == 0);
  CHECK(S(getsockname, listener, &server, &size) == 0 && server.port != 0);
  int pid = process(client, round);
  struct inet peer;
  size = 16;
  int fd = round & 1 ? S(accept4, listener, &peer, &size, 0) : P(ACCEPT, listener, &peer, &size);
  CHECK(fd >= 0 && peer.address == 0x0100007f && S(getpeername, fd, &peer, &size) == 0);
  for (int i = 0; i < 10; i++) {
    int n = i & 1 ? S(read, fd, buffer, 64) : S(recvfrom, fd, buffer, 64, 0, 0, 0);
    CHECK(n == 8);
    CHECK((i & 1 ? S(write, fd, "answer", 6) : P(SENDTO, fd, "answer", 6, 0, 0, 0)) == 6);
  }
  CHECK(S(read, fd, buffer, 64) == 0 && S(write, fd, "bye", 3) == 3 && S(close, fd) == 0);
  CHECK(reap(pid) == EXITED(0) && S(close, listener) == 0);
  fd = S(socket, 2, 1, 0);
  CHECK(S(connect, fd, &server, 16) == -E_CONNREFUSED && S(getpeername, fd, &peer, &size) == -E_NOTCONN && S(close, fd) == 0);

  /* Datagrams; a message in pieces, with a descriptor in it. */
  int a = S(socket, 2, 2, 0), b = P(SOCKET, 2, 2, 0);
  server.port = 0;
  size = 16;
  CHECK(S(bind, a, &server, 16) == 0 && S(getsockname, a, &server, &size) == 0);
  CHECK(S(sendto, b, "datagram", 8, 0, &server, 16) == 8);
  CHECK(P(RECVFROM, a, buffer, 64, 0, &peer, &size) == 8);
  CHECK(P(RECV, a, buffer, 64, 0x40 /* MSG_DONTWAIT */) == -E_AGAIN && S(close, a) == 0 && P(SHUTDOWN, b, 2) < 0 && S(close, b) == 0);
  CHECK((round & 1 ? S(socketpair, 1, 1, 0, pair) : P(SOCKETPAIR, 1, 1, 0, pair)) == 0);
  struct { void *at; u32 n; } pieces[2] = {{"two ", 4}, {"pieces", 6}};
  u32 control[4] = {16, 1, 1, pair[0]}, message[7] = {0, 0, (u32)pieces, 2, (u32)control, 16, 0};
  CHECK(S(sendmsg, pair[0], message, 0) == 10);
  pieces[0].at = buffer;
  pieces[1].at = buffer + 10;
  control[3] = -1;
  CHECK((round & 1 ? S(recvmsg, pair[1], message, 0) : P(RECVMSG, pair[1], message, 0)) == 10);
  CHECK(control[3] > 2 && S(close, control[3]) == 0);
  size = 4;
  CHECK(S(getsockopt, pair[0], 1, 3, &value, &size) == 0 && value == 1);
  CHECK(P(GETSOCKOPT, 0, 1, 3, &value, &size) < 0 && S(setsockopt, pair[0], 1, 9999, &one, 4) == -E_NOPROTOOPT);
  struct { u16 family; char path[22]; } name = {1, "/tmp/busy.socket"};
  fd = S(socket, 1, 2, 0);
  CHECK(S(bind, fd, &name, 19) == 0 && S(bind, fd, &name, 19) < 0 && S(unlink, name.path) == 0);
  CHECK(S(connect, fd, &name, 19) == -E_NOENT && S(close, fd) == 0);
  S(close, pair[0]);
  CHECK(S(read, pair[1], buffer, 1) == 0 && S(close, pair[1]) == 0);
}

static int ends[2];
static int late(int us) { sleep_us(us); CHECK(S(write, ends[1], "now", 3) == 3); return 0; }

void polls(int round) {
  char buffer[16];
  struct { int fd; u16 events, got; } wanted[2];
  for (int i = 0; i < 6; i++) {
    CHECK(S(pipe2, ends, 04000 /* O_NONBLOCK */) == 0 && S(read, ends[0], buffer, 1) == -E_AGAIN);
    wanted[0].fd = ends[0];
    wanted[0].events = 1;
    wanted[1].fd = ends[1];
    wanted[1].events = 0;
    u32 set[32], short_time[2] = {0, 3000}, time[2] = {5, 0}, time64[4] = {5, 0, 0, 0};
    memset(set, 0, sizeof set);
    set[ends[0] / 32] = 1u << (ends[0] & 31);
    CHECK(S(poll, wanted, 2, 3) == 0);
    int pid = process(late, 4000 + 300 * round);
    switch (i) {
    case 0: CHECK(S(poll, wanted, 2, 5000) == 1 && wanted[0].got == 1); break;
    case 1: CHECK(S(ppoll, wanted, 2, time, 0, 8) == 1); break;
    case 2: CHECK(S(select, ends[0] + 1, set, 0, 0, time) == 1); break;
    case 3: CHECK(S(pselect6_time64, ends[0] + 1, set, 0, 0, time64, 0) == 1); break;
    case 4: {
      u32 old[5] = {ends[0] + 1, (u32)set, 0, 0, (u32)time};
      CHECK(call(82, (int)old, 0, 0, 0, 0, 0) == 1);
      break;
    }
    default: {
      int epoll = S(epoll_create1, 0);
      u32 event[3] = {1, 77, 88}, got[6];
      CHECK(S(epoll_ctl, epoll, 1, ends[0], event) == 0 && S(epoll_ctl, epoll, 1, ends[0], event) == -E_EXIST);
      CHECK(S(epoll_wait, epoll, got, 2, 5000) == 1 && got[1] == 77 && S(close, epoll) == 0);
    }
    }
    CHECK(S(read, ends[0], buffer, 16) == 3 && reap(pid) == EXITED(0));
    memset(set, 0, sizeof set);
    CHECK(S(select, 0, 0, 0, 0, short_time) == 0);
    S(close, ends[0]);
    S(close, ends[1]);
  }
  int event = S(eventfd2, 3, 04000);
  u64 value = 0;
  CHECK(S(read, event, &value, 8) == 8 && value == 3 && S(read, event, &value, 8) == -E_AGAIN);
  value = 5;
  CHECK(S(write, event, &value, 8) == 8 && S(close, event) == 0);
}
