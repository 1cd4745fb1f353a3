/**
 * The system calls of i386 from number 224 on: numbers and names from arch/x86/entry/syscalls/syscall_32.tbl, parameters
 * from include/linux/syscalls.h of Linux 6.12 (and arch/x86/kernel/sys_ia32.c for those whose 64-bit parameter takes two
 * words). Numbers that are missing are not in use.
 *
 * The notation is that of {@link parseSystemCalls}.
 */
export const LATE_SYSTEM_CALLS = `
224 gettid = pid:
225 readahead: int fd, u32 off_lo @lld, u32 off_hi @-, size_t count
226 setxattr: const char *path, const char *name @string, const void *value @xattr(size), size_t size, int flags @xattrflags
227 lsetxattr: const char *path, const char *name @string, const void *value @xattr(size), size_t size, int flags @xattrflags
228 fsetxattr: int fd, const char *name @string, const void *value @xattr(size), size_t size, int flags @xattrflags
229 getxattr: const char *path, const char *name @string, void *value @>xattr_read, size_t size
230 lgetxattr: const char *path, const char *name @string, void *value @>xattr_read, size_t size
231 fgetxattr: int fd, const char *name @string, void *value @>xattr_read, size_t size
232 listxattr: const char *path, char *list @>xattr_list(size), size_t size
233 llistxattr: const char *path, char *list @>xattr_list(size), size_t size
234 flistxattr: int fd, char *list @>xattr_list(size), size_t size
235 removexattr: const char *path, const char *name @string
236 lremovexattr: const char *path, const char *name @string
237 fremovexattr: int fd, const char *name @string
238 tkill: pid_t pid, int sig @signal
239 sendfile64: int out_fd, int in_fd, loff_t *offset @+loff_moved, size_t count
240 futex [futex_time32]: !futex_time32 u32 *uaddr, int op, u32 val, const struct old_timespec32 *utime, u32 *uaddr2, u32 val3
241 sched_setaffinity: pid_t pid, unsigned int len, unsigned long *user_mask_ptr @cpu_set(len)
242 sched_getaffinity: pid_t pid, unsigned int len, unsigned long *user_mask_ptr @>cpu_set_read
243 set_thread_area ~thread_area: struct user_desc *u_info @user_desc
244 get_thread_area: struct user_desc *u_info @>user_desc
245 io_setup: unsigned nr_reqs, aio_context_t *ctx @>pointer_at
246 io_destroy: aio_context_t ctx
247 io_getevents [io_getevents_time32]: aio_context_t ctx_id, long min_nr, long nr, struct io_event *events @>address, struct old_timespec32 *timeout @timespec32
248 io_submit: aio_context_t ctx_id, long nr, struct iocb **iocbpp @address
249 io_cancel: aio_context_t ctx_id, struct iocb *iocb, struct io_event *result @>address
250 fadvise64: int fd, u32 offset_lo @lld, u32 offset_hi @-, size_t len, int advice @advise
252 exit_group = none: int error_code
253 lookup_dcookie: u64 cookie_lo @llu, u32 cookie_hi @-, char *buf @>data, size_t len
254 epoll_create = fd: int size
255 epoll_ctl: int epfd, int op @epollctls, int fd, struct epoll_event *event @epoll_event(op)
256 epoll_wait: int epfd, struct epoll_event *events @>epoll_events, int maxevents, int timeout
257 remap_file_pages: unsigned long start @address, unsigned long size, unsigned long prot @mmap_prot, unsigned long pgoff, unsigned long flags @map_flags
258 set_tid_address: int *tidptr @x
259 timer_create: clockid_t which_clock, struct sigevent *timer_event_spec @sigevent, timer_t *created_timer_id @>int
260 timer_settime [timer_settime32]: timer_t timer_id, int flags @clockflags, struct old_itimerspec32 *new @itimerspec32, struct old_itimerspec32 *old @>itimerspec32
261 timer_gettime [timer_gettime32]: timer_t timer_id, struct old_itimerspec32 *setting @>itimerspec32
262 timer_getoverrun: timer_t timer_id
263 timer_delete: timer_t timer_id
264 clock_settime [clock_settime32]: clockid_t which_clock, struct old_timespec32 *tp @timespec32
265 clock_gettime [clock_gettime32]: clockid_t which_clock, struct old_timespec32 *tp @>timespec32
266 clock_getres [clock_getres_time32]: clockid_t which_clock, struct old_timespec32 *tp @>timespec32
267 clock_nanosleep [clock_nanosleep_time32]: clockid_t which_clock, int flags @clockflags, struct old_timespec32 *rqtp @timespec32, struct old_timespec32 *rmtp @>remaining32(flags)
268 statfs64: const char *path, size_t sz, struct statfs64 *buf @>statfs64(sz)
269 fstatfs64: unsigned int fd, size_t sz, struct statfs64 *buf @>statfs64(sz)
270 tgkill: pid_t tgid, pid_t pid, int sig @signal
271 utimes [utimes_time32]: const char *filename, struct old_timeval32 *t @timeval_pair
272 fadvise64_64: int fd, u32 offset_lo @lld, u32 offset_hi @-, u32 len_lo @lld, u32 len_hi @-, int advice @advise
273 vserver
274 mbind: unsigned long start @address, unsigned long len, unsigned long mode @x, const unsigned long *nmask, unsigned long maxnode, unsigned flags @x
275 get_mempolicy: int *policy @>address, unsigned long *nmask @>address, unsigned long maxnode, unsigned long addr @address, unsigned long flags @x
276 set_mempolicy: int mode @x, const unsigned long *nmask, unsigned long maxnode
277 mq_open = fd: const char *name, int oflag @open_flags, umode_t mode @mode_if_creating(oflag), struct mq_attr *attr @mq_attr_if_creating(oflag)
278 mq_unlink: const char *name
279 mq_timedsend [mq_timedsend_time32]: mqd_t mqdes, const char *u_msg_ptr @data(msg_len), unsigned int msg_len, unsigned int msg_prio, const struct old_timespec32 *u_abs_timeout @timespec32
280 mq_timedreceive [mq_timedreceive_time32]: mqd_t mqdes, char *u_msg_ptr @>data, unsigned int msg_len, unsigned int *u_msg_prio @>uint, const struct old_timespec32 *u_abs_timeout @timespec32
281 mq_notify: mqd_t mqdes, const struct sigevent *notification @sigevent
282 mq_getsetattr: mqd_t mqdes, const struct mq_attr *mqstat @mq_attr, struct mq_attr *omqstat @>mq_attr
283 kexec_load: unsigned long entry @address, unsigned long nr_segments, struct kexec_segment *segments, unsigned long flags @x
284 waitid: int which @waitid_types, pid_t pid, struct siginfo *infop @>siginfo, int options @wait4_options, struct rusage *ru @>rusage
286 add_key: const char *_type @string, const char *_description @string, const void *_payload @data(plen), size_t plen, key_serial_t ringid
287 request_key: const char *_type @string, const char *_description @string, const char *_callout_info @string, key_serial_t destringid
288 keyctl: int cmd @x, unsigned long arg2 @x, unsigned long arg3 @x, unsigned long arg4 @x, unsigned long arg5 @x
289 ioprio_set: int which @ioprio_who, int who, int ioprio @ioprio
290 ioprio_get ~ioprio: int which @ioprio_who, int who
291 inotify_init = fd:
292 inotify_add_watch: int fd, const char *path, u32 mask @inotify_flags
293 inotify_rm_watch: int fd, __s32 wd
294 migrate_pages: pid_t pid, unsigned long maxnode, const unsigned long *from, const unsigned long *to
295 openat = fd: int dfd @dirfd, const char *filename, int flags @open_flags, umode_t mode @mode_if_creating(flags)
296 mkdirat: int dfd @dirfd, const char *pathname, umode_t mode
297 mknodat: int dfd @dirfd, const char *filename, umode_t mode @file_mode, unsigned dev @device_if_special(mode)
298 fchownat: int dfd @dirfd, const char *filename, uid_t user, gid_t group, int flag @at_flags
299 futimesat [futimesat_time32]: unsigned int dfd @dirfd, const char *filename, struct old_timeval32 *t @timeval_pair
300 fstatat64: int dfd @dirfd, const char *filename, struct stat64 *statbuf @>stat64, int flag @at_flags
301 unlinkat: int dfd @dirfd, const char *pathname, int flag @at_flags
302 renameat: int olddfd @dirfd, const char *oldname, int newdfd @dirfd, const char *newname
303 linkat: int olddfd @dirfd, const char *oldname, int newdfd @dirfd, const char *newname, int flags @at_flags
304 symlinkat: const char *oldname, int newdfd @dirfd, const char *newname
305 readlinkat: int dfd @dirfd, const char *path, char *buf @>data, int bufsiz @u
306 fchmodat: int dfd @dirfd, const char *filename, umode_t mode
307 faccessat: int dfd @dirfd, const char *filename, int mode @access_modes
308 pselect6 [pselect6_time32] ~pselect6_time32: int n, fd_set *inp @fd_set(n), fd_set *outp @fd_set(n), fd_set *exp @fd_set(n), struct old_timespec32 *tsp @timespec32, void *sig @sigset_with_size
309 ppoll [ppoll_time32] ~ppoll_time32: struct pollfd *ufds @pollfds(nfds), unsigned int nfds, struct old_timespec32 *tsp @timespec32, const sigset_t *sigmask @sigset(sigsetsize), size_t sigsetsize
310 unshare: unsigned long unshare_flags @unshare_flags
311 set_robust_list: struct robust_list_head *head, size_t len
312 get_robust_list: int pid, struct robust_list_head **head_ptr @>pointer_at, size_t *len_ptr @>ulong
313 splice: int fd_in, loff_t *off_in @loff_signed, int fd_out, loff_t *off_out @loff_signed, size_t len, unsigned int flags @splice_flags
314 sync_file_range: int fd, u32 off_lo @lld, u32 off_hi @-, u32 nbytes_lo @lld, u32 nbytes_hi @-, unsigned int flags @sync_file_range_flags
315 tee: int fdin, int fdout, size_t len, unsigned int flags @splice_flags
316 vmsplice: int fd, const struct iovec *iov @iovec(nr_segs), unsigned long nr_segs, unsigned int flags @splice_flags
317 move_pages: pid_t pid, unsigned long nr_pages, const void **pages @address, const int *nodes, int *status @>address, int flags @x
318 getcpu: unsigned *cpu @>uint, unsigned *node @>uint, struct getcpu_cache *cache
319 epoll_pwait: int epfd, struct epoll_event *events @>epoll_events, int maxevents, int timeout, const sigset_t *sigmask @sigset(sigsetsize), size_t sigsetsize
320 utimensat [utimensat_time32]: unsigned int dfd @dirfd, const char *filename, struct old_timespec32 *t @utimes32, int flags @at_flags
321 signalfd = fd: int ufd, sigset_t *user_mask @sigset(sizemask), size_t sizemask
322 timerfd_create = fd: int clockid @clockid, int flags @timerfdflags
323 eventfd = fd: unsigned int count
324 fallocate: int fd, int mode @falloc_flags, u32 offset_lo @lld, u32 offset_hi @-, u32 len_lo @lld, u32 len_hi @-
325 timerfd_settime [timerfd_settime32]: int ufd, int flags @timerfdflags, const struct old_itimerspec32 *utmr @itimerspec32, struct old_itimerspec32 *otmr @>itimerspec32
326 timerfd_gettime [timerfd_gettime32]: int ufd, struct old_itimerspec32 *otmr @>itimerspec32
327 signalfd4 = fd: int ufd, sigset_t *user_mask @sigset(sizemask), size_t sizemask, int flags @sfd_flags
328 eventfd2 = fd: unsigned int count, int flags @efd_flags
329 epoll_create1 = fd: int flags @epollflags
330 dup3 = fd: unsigned int oldfd, unsigned int newfd, int flags @open_mode_flags
331 pipe2: int *fildes @>fd_pair, int flags @open_mode_flags
332 inotify_init1 = fd: int flags @inotify_init_flags
333 preadv: unsigned long fd @d, const struct iovec *vec @>iovec_read(vlen), unsigned long vlen, u32 pos_lo @lld, u32 pos_hi @-
334 pwritev: unsigned long fd @d, const struct iovec *vec @iovec(vlen), unsigned long vlen, u32 pos_lo @lld, u32 pos_hi @-
335 rt_tgsigqueueinfo: pid_t tgid, pid_t pid, int sig @signal, siginfo_t *uinfo @siginfo
336 perf_event_open = fd: struct perf_event_attr *attr_uptr, pid_t pid, int cpu, int group_fd, unsigned long flags @x
337 recvmmsg [recvmmsg_time32] ~recvmmsg_time32: int fd, struct mmsghdr *msg @+mmsghdrs_received(vlen), unsigned int vlen, unsigned flags @msg_flags, struct old_timespec32 *timeout @timespec32
338 fanotify_init = fd: unsigned int flags @x, unsigned int event_f_flags @open_flags
339 fanotify_mark: int fanotify_fd, unsigned int flags @x, u32 mask_lo @llx, u32 mask_hi @-, int dfd @dirfd, const char *pathname
340 prlimit64: pid_t pid, unsigned int resource @resources, const struct rlimit64 *new_rlim @rlimit64, struct rlimit64 *old_rlim @>rlimit64
341 name_to_handle_at: int dfd @dirfd, const char *name, struct file_handle *handle @>address, int *mnt_id @>int, int flag @at_flags
342 open_by_handle_at = fd: int mountdirfd @dirfd, struct file_handle *handle @address, int flags @open_flags
343 clock_adjtime [clock_adjtime32] ~adjtimex: clockid_t which_clock, struct old_timex32 *tx @>address
344 syncfs: int fd
345 sendmmsg: int fd, struct mmsghdr *msg @>mmsghdrs_sent(vlen), unsigned int vlen, unsigned flags @msg_flags
346 setns: int fd, int nstype @setns_types
347 process_vm_readv: pid_t pid, const struct iovec *lvec @>iovec_read(liovcnt), unsigned long liovcnt, const struct iovec *rvec @iovec_addresses(riovcnt), unsigned long riovcnt, unsigned long flags
348 process_vm_writev: pid_t pid, const struct iovec *lvec @iovec(liovcnt), unsigned long liovcnt, const struct iovec *rvec @iovec_addresses(riovcnt), unsigned long riovcnt, unsigned long flags
349 kcmp: pid_t pid1, pid_t pid2, int type @kcmp_types, unsigned long idx1 @kcmp_index(type), unsigned long idx2 @kcmp_index(type)
350 finit_module: int fd, const char *uargs @string, int flags @module_init_flags
351 sched_setattr: pid_t pid, struct sched_attr *attr @address, unsigned int flags
352 sched_getattr: pid_t pid, struct sched_attr *attr @>address, unsigned int size, unsigned int flags
353 renameat2: int olddfd @dirfd, const char *oldname, int newdfd @dirfd, const char *newname, unsigned int flags @rename_flags
354 seccomp: unsigned int op @seccomp_ops, unsigned int flags @x, void *uargs
355 getrandom: char *buf @>data_hex, size_t count, unsigned int flags @getrandom_flags
356 memfd_create = fd: const char *uname_ptr @string(250), unsigned int flags @memfd_flags
357 bpf: int cmd @x, union bpf_attr *attr, unsigned int size
358 execveat: int dfd @dirfd, const char *filename, const char *const *argv @strings, const char *const *envp @string_count, int flags @at_flags
359 socket = fd: int family @addrfams, int type @socket_type, int protocol @protocol(family)
360 socketpair: int family @addrfams, int type @socket_type, int protocol @u, int *usockvec @>fd_pair
361 bind: int fd, struct sockaddr *umyaddr @sockaddr(addrlen), int addrlen
362 connect: int fd, struct sockaddr *uservaddr @sockaddr(addrlen), int addrlen
363 listen: int fd, int backlog
364 accept4 = fd: int fd, struct sockaddr *upeer_sockaddr @+sockaddr_filled(upeer_addrlen), int *upeer_addrlen @+length_filled(upeer_sockaddr), int flags @sock_type_flags
365 getsockopt: int fd, int level @socketlayers, int optname @getsockopt_name(level), char *optval @+getsockopt_value(level,optname,optlen), int *optlen @+option_length_filled
366 setsockopt: int fd, int level @socketlayers, int optname @setsockopt_name(level), char *optval @setsockopt_value(level,optname,optlen), int optlen
367 getsockname: int fd, struct sockaddr *usockaddr @+sockaddr_filled(usockaddr_len), int *usockaddr_len @+length_filled(usockaddr)
368 getpeername: int fd, struct sockaddr *usockaddr @+sockaddr_filled(usockaddr_len), int *usockaddr_len @+length_filled(usockaddr)
369 sendto: int fd, void *buff @data(len), size_t len, unsigned flags @msg_flags, struct sockaddr *addr @sockaddr(addr_len), int addr_len
370 sendmsg: int fd, struct user_msghdr *msg @msghdr, unsigned flags @msg_flags
371 recvfrom: int fd, void *ubuf @>data_upto(size), size_t size, unsigned flags @msg_flags, struct sockaddr *addr @+sockaddr_filled(addr_len), int *addr_len @+length_filled(addr)
372 recvmsg: int fd, struct user_msghdr *msg @+msghdr_received, unsigned flags @msg_flags
373 shutdown: int fd, int how @shutdown_modes
374 userfaultfd = fd: int flags @open_mode_flags
375 membarrier ~membarrier: int cmd @membarrier_cmds, unsigned int flags @x, int cpu_id @-
376 mlock2: unsigned long start @address, size_t len, int flags @mlock_flags
377 copy_file_range: int fd_in, loff_t *off_in @loff_signed, int fd_out, loff_t *off_out @loff_signed, size_t len, unsigned int flags
378 preadv2: unsigned long fd @d, const struct iovec *vec @>iovec_read(vlen), unsigned long vlen, u32 pos_lo @lld, u32 pos_hi @-, rwf_t flags @rwf_flags
379 pwritev2: unsigned long fd @d, const struct iovec *vec @iovec(vlen), unsigned long vlen, u32 pos_lo @lld, u32 pos_hi @-, rwf_t flags @rwf_flags
380 pkey_mprotect: unsigned long start @address, size_t len, unsigned long prot @mmap_prot, int pkey
381 pkey_alloc: unsigned long flags @x, unsigned long init_val @x
382 pkey_free: int pkey
383 statx: int dfd @dirfd, const char *path, unsigned flags @statx_flags, unsigned mask @statx_masks, struct statx *buffer @>statx
384 arch_prctl: !arch_prctl int option, unsigned long arg2
385 io_pgetevents [io_pgetevents_time32]: aio_context_t ctx_id, long min_nr, long nr, struct io_event *events @>address, struct old_timespec32 *timeout @timespec32, const struct __aio_sigset *sig @sigset_with_size
386 rseq: struct rseq *rseq @x, u32 rseq_len @x, int flags @x, u32 sig @x
393 semget: key_t key @ipc_key, int nsems, int semflg @ipc_flags
394 semctl: !semctl int semid, int semnum, int cmd, unsigned long arg
395 shmget: key_t key @ipc_key, size_t size, int flag @shm_flags_mode
396 shmctl: !shmctl int shmid, int cmd, struct shmid_ds *buf
397 shmat = address: int shmid, char *shmaddr @address, int shmflg @shm_flags
398 shmdt: char *shmaddr @address
399 msgget: key_t key @ipc_key, int msgflg @ipc_flags
400 msgsnd: int msqid, struct msgbuf *msgp @msgbuf(msgsz), size_t msgsz, int msgflg @ipc_msg_flags
401 msgrcv: int msqid, struct msgbuf *msgp @>msgbuf(msgsz), size_t msgsz, long msgtyp, int msgflg @ipc_msg_flags
402 msgctl: !msgctl int msqid, int cmd, struct msqid_ds *buf
403 clock_gettime64 [clock_gettime]: clockid_t which_clock, struct __kernel_timespec *tp @>timespec64
404 clock_settime64 [clock_settime]: clockid_t which_clock, const struct __kernel_timespec *tp @timespec64
405 clock_adjtime64 [clock_adjtime] ~adjtimex: clockid_t which_clock, struct __kernel_timex *tx @>address
406 clock_getres_time64 [clock_getres]: clockid_t which_clock, struct __kernel_timespec *tp @>timespec64
407 clock_nanosleep_time64 [clock_nanosleep]: clockid_t which_clock, int flags @clockflags, const struct __kernel_timespec *rqtp @timespec64, struct __kernel_timespec *rmtp @>remaining64(flags)
408 timer_gettime64 [timer_gettime]: timer_t timer_id, struct __kernel_itimerspec *setting @>itimerspec64
409 timer_settime64 [timer_settime]: timer_t timer_id, int flags @clockflags, const struct __kernel_itimerspec *new_setting @itimerspec64, struct __kernel_itimerspec *old_setting @>itimerspec64
410 timerfd_gettime64 [timerfd_gettime]: int ufd, struct __kernel_itimerspec *otmr @>itimerspec64
411 timerfd_settime64 [timerfd_settime]: int ufd, int flags @timerfdflags, const struct __kernel_itimerspec *utmr @itimerspec64, struct __kernel_itimerspec *otmr @>itimerspec64
412 utimensat_time64 [utimensat]: int dfd @dirfd, const char *filename, struct __kernel_timespec *utimes @utimes64, int flags @at_flags
413 pselect6_time64 [pselect6] ~pselect6_time64: int n, fd_set *inp @fd_set(n), fd_set *outp @fd_set(n), fd_set *exp @fd_set(n), struct __kernel_timespec *tsp @timespec64, void *sig @sigset_with_size
414 ppoll_time64 [ppoll] ~ppoll_time64: struct pollfd *ufds @pollfds(nfds), unsigned int nfds, struct __kernel_timespec *tsp @timespec64, const sigset_t *sigmask @sigset(sigsetsize), size_t sigsetsize
416 io_pgetevents_time64 [io_pgetevents]: aio_context_t ctx_id, long min_nr, long nr, struct io_event *events @>address, struct __kernel_timespec *timeout @timespec64, const struct __aio_sigset *sig @sigset_with_size
417 recvmmsg_time64 [recvmmsg] ~recvmmsg_time64: int fd, struct mmsghdr *msg @+mmsghdrs_received(vlen), unsigned int vlen, unsigned flags @msg_flags, struct __kernel_timespec *timeout @timespec64
418 mq_timedsend_time64 [mq_timedsend]: mqd_t mqdes, const char *u_msg_ptr @data(msg_len), size_t msg_len, unsigned int msg_prio, const struct __kernel_timespec *u_abs_timeout @timespec64
419 mq_timedreceive_time64 [mq_timedreceive]: mqd_t mqdes, char *u_msg_ptr @>data, size_t msg_len, unsigned int *u_msg_prio @>uint, const struct __kernel_timespec *u_abs_timeout @timespec64
420 semtimedop_time64 [semtimedop]: int semid, struct sembuf *sops @sembufs(nsops), unsigned nsops, const struct __kernel_timespec *timeout @timespec64
421 rt_sigtimedwait_time64 [rt_sigtimedwait] ~signal: const sigset_t *uthese @sigset(sigsetsize), siginfo_t *uinfo @>siginfo, const struct __kernel_timespec *uts @timespec64, size_t sigsetsize
422 futex_time64 [futex]: !futex_time64 u32 *uaddr, int op, u32 val, const struct __kernel_timespec *utime, u32 *uaddr2, u32 val3
423 sched_rr_get_interval_time64 [sched_rr_get_interval]: pid_t pid, struct __kernel_timespec *interval @>timespec64
424 pidfd_send_signal: int pidfd, int sig @signal, siginfo_t *info @siginfo, unsigned int flags @x
425 io_uring_setup = fd: u32 entries, struct io_uring_params *p @>address
426 io_uring_enter: unsigned int fd, u32 to_submit, u32 min_complete, u32 flags @x, const void *argp, size_t argsz
427 io_uring_register: unsigned int fd, unsigned int op @x, void *arg, unsigned int nr_args
428 open_tree = fd: int dfd @dirfd, const char *path, unsigned flags @x
429 move_mount: int from_dfd @dirfd, const char *from_path, int to_dfd @dirfd, const char *to_path, unsigned int ms_flags @x
430 fsopen = fd: const char *fs_name @string, unsigned int flags @fsopen_flags
431 fsconfig: int fs_fd, unsigned int cmd @x, const char *key @string, const void *value, int aux
432 fsmount = fd: int fs_fd, unsigned int flags @fsmount_flags, unsigned int ms_flags @mount_attr_attr
433 fspick = fd: int dfd @dirfd, const char *path, unsigned int flags @x
434 pidfd_open = fd: pid_t pid, unsigned int flags @open_mode_flags
435 clone3 = pid: !clone3 struct clone_args *uargs, size_t size
436 close_range: unsigned int fd @u, unsigned int max_fd @u, unsigned int flags @close_range_flags
437 openat2 = fd: int dfd @dirfd, const char *filename, struct open_how *how @open_how(size), size_t size
438 pidfd_getfd = fd: int pidfd, int fd, unsigned int flags @x
439 faccessat2: int dfd @dirfd, const char *filename, int mode @access_modes, int flags @faccessat_flags
440 process_madvise: int pidfd, const struct iovec *vec @iovec_addresses(vlen), size_t vlen, int behavior @madvise_cmds, unsigned int flags @x
441 epoll_pwait2: int epfd, struct epoll_event *events @>epoll_events, int maxevents, const struct __kernel_timespec *timeout @timespec64, const sigset_t *sigmask @sigset(sigsetsize), size_t sigsetsize
442 mount_setattr: int dfd @dirfd, const char *path, unsigned int flags @x, struct mount_attr *uattr, size_t usize
443 quotactl_fd: unsigned int fd, unsigned int cmd @x, qid_t id, void *addr
444 landlock_create_ruleset: const struct landlock_ruleset_attr *attr, size_t size, u32 flags @landlock_flags
445 landlock_add_rule: int ruleset_fd, enum landlock_rule_type rule_type @x, const void *rule_attr, u32 flags @x
446 landlock_restrict_self: int ruleset_fd, u32 flags @x
447 memfd_secret = fd: unsigned int flags @x
448 process_mrelease: int pidfd, unsigned int flags @x
449 futex_waitv: struct futex_waitv *waiters, unsigned int nr_futexes, unsigned int flags @x, struct __kernel_timespec *timeout @timespec64, clockid_t clockid
450 set_mempolicy_home_node: unsigned long start @address, unsigned long len, unsigned long home_node, unsigned long flags @x
451 cachestat: unsigned int fd, struct cachestat_range *cstat_range, struct cachestat *cstat @>address, unsigned int flags @x
452 fchmodat2: int dfd @dirfd, const char *filename, umode_t mode, unsigned int flags @at_flags
453 map_shadow_stack: unsigned long addr @address, unsigned long size, unsigned int flags @x
454 futex_wake: void *uaddr, unsigned long mask @x, int nr, unsigned int flags @x
455 futex_wait: void *uaddr, unsigned long val, unsigned long mask @x, unsigned int flags @x, struct __kernel_timespec *timespec @timespec64, clockid_t clockid
456 futex_requeue: struct futex_waitv *waiters, unsigned int flags @x, int nr_wake, int nr_requeue
457 statmount: const struct mnt_id_req *req @address, struct statmount *buf @>address, size_t bufsize, unsigned int flags @x
458 listmount: const struct mnt_id_req *req, u64 *mnt_ids @>address, size_t nr_mnt_ids, unsigned int flags @x
459 lsm_get_self_attr: unsigned int attr @x, struct lsm_ctx *ctx @>address, u32 *size @>uint, u32 flags @x
460 lsm_set_self_attr: unsigned int attr @x, struct lsm_ctx *ctx, u32 size, u32 flags @x
461 lsm_list_modules: u64 *ids @>address, u32 *size @>uint, u32 flags @x
462 mseal: unsigned long start @address, size_t len, unsigned long flags @x
`;

/**
 * The calls within socketcall(2), by the first argument of that (include/uapi/linux/net.h), where the caller's array of
 * words is not what the system call of the same name takes.
 */
export const SOCKET_CALLS = `
5 accept = fd: int fd, struct sockaddr *upeer_sockaddr @+sockaddr_filled(upeer_addrlen), int *upeer_addrlen @+length_filled(upeer_sockaddr)
9 send: int fd, void *buff @data(len), size_t len, unsigned flags @msg_flags
10 recv: int fd, void *ubuf @>data_upto(size), size_t size, unsigned flags @msg_flags
`;

/**
 * The calls within ipc(2), by the first argument of that (include/uapi/linux/ipc.h); \`#n\` is the place of the word among
 * the others: first, second, third, ptr, fifth.
 */
export const IPC_CALLS = `
1 semop: int semid #0, struct sembuf *sops #3 @sembufs(nsops), unsigned nsops #1
2 semget: key_t key #0 @ipc_key, int nsems #1, int semflg #2 @ipc_flags
3 semctl: !semctl_indirect int semid #0, int semnum #1, int cmd #2, void *arg #3
4 semtimedop: int semid #0, struct sembuf *sops #3 @sembufs(nsops), unsigned nsops #1, struct old_timespec32 *timeout #4 @timespec32
11 msgsnd: int msqid #0, struct msgbuf *msgp #3 @msgbuf(msgsz), size_t msgsz #1, int msgflg #2 @ipc_msg_flags
12 msgrcv: !msgrcv_indirect int msqid #0, struct msgbuf *msgp #3, size_t msgsz #1, long msgtyp #4, int msgflg #2
13 msgget: key_t key #0 @ipc_key, int msgflg #1 @ipc_flags
14 msgctl: !msgctl_indirect int msqid #0, int cmd #1, struct msqid_ds *buf #3
21 shmat = address ~shmat: int shmid #0, char *shmaddr #3 @address, int shmflg #1 @shm_flags
22 shmdt: char *shmaddr #3 @address
23 shmget: key_t key #0 @ipc_key, size_t size #1, int shmflg #2 @shm_flags_mode
24 shmctl: !shmctl_indirect int shmid #0, int cmd #1, struct shmid_ds *buf #3
`;
