/**
 * The system calls of i386 up to number 222, those that there were before Linux 2.4.11: numbers and names from
 * arch/x86/entry/syscalls/syscall_32.tbl, parameters from include/linux/syscalls.h (and arch/x86/kernel/sys_ia32.c for
 * those whose 64-bit parameter takes two words).
 *
 * The notation is that of {@link parseSystemCalls}.
 */
export const EARLY_SYSTEM_CALLS = `
0 restart_syscall: !restart_syscall
1 exit = none: int error_code
2 fork = pid:
3 read: unsigned int fd, char *buf @>data, size_t count
4 write: unsigned int fd, const char *buf @data(count), size_t count
5 open = fd: const char *filename, int flags @open_flags, umode_t mode @mode_if_creating(flags)
6 close: unsigned int fd
7 waitpid = pid: pid_t pid, int *stat_addr @>wait_status, int options @wait4_options
8 creat = fd: const char *pathname, umode_t mode
9 link: const char *oldname, const char *newname
10 unlink: const char *pathname
11 execve: const char *filename, const char *const *argv @strings, const char *const *envp @string_count
12 chdir: const char *filename
13 time [time32] ~time: old_time32_t *tloc @>time32
14 mknod: const char *filename, umode_t mode @file_mode, unsigned dev @device_if_special(mode)
15 chmod: const char *filename, umode_t mode
16 lchown [lchown16]: const char *filename, old_uid_t user, old_gid_t group
17 break
18 oldstat [stat]: const char *filename, struct __old_kernel_stat *statbuf @>old_stat
19 lseek: unsigned int fd, off_t offset, unsigned int whence @whence_codes
20 getpid = pid:
21 mount: char *dev_name @path, char *dir_name @path, char *type @mount_type(flags), unsigned long flags @mounting, void *data @mount_data(flags)
22 umount [oldumount]: char *name @path
23 setuid [setuid16]: old_uid_t uid
24 getuid [getuid16]:
25 stime [stime32]: old_time32_t *tptr @time32
26 ptrace: !ptrace long request, long pid, unsigned long addr, unsigned long data
27 alarm: unsigned int seconds
28 oldfstat [fstat]: unsigned int fd, struct __old_kernel_stat *statbuf @>old_stat
29 pause:
30 utime [utime32]: const char *filename, struct old_utimbuf32 *t @utimbuf32
31 stty
32 gtty
33 access: const char *filename, int mode @access_modes
34 nice: int increment
35 ftime
36 sync:
37 kill: pid_t pid, int sig @signal
38 rename: const char *oldname, const char *newname
39 mkdir: const char *pathname, umode_t mode
40 rmdir: const char *pathname
41 dup = fd: unsigned int fildes
42 pipe: int *fildes @>fd_pair
43 times: struct tms *tbuf @>tms
44 prof
45 brk = address: unsigned long brk @address
46 setgid [setgid16]: old_gid_t gid
47 getgid [getgid16]:
48 signal = address ~old_handler: int sig @signal, __sighandler_t handler @handler
49 geteuid [geteuid16]:
50 getegid [getegid16]:
51 acct: const char *name
52 umount2 [umount]: char *name @path, int flags @umount_flags
53 lock
54 ioctl: !ioctl unsigned int fd, unsigned int cmd, unsigned long arg
55 fcntl: !fcntl unsigned int fd, unsigned int cmd, unsigned long arg
56 mpx
57 setpgid: pid_t pid, pid_t pgid
58 ulimit
59 oldolduname [olduname]: struct oldold_utsname *name @x
60 umask = octal: int mask @mode
61 chroot: const char *filename
62 ustat: unsigned dev @device, struct ustat *ubuf @>address
63 dup2 = fd: unsigned int oldfd, unsigned int newfd
64 getppid = pid:
65 getpgrp = pid:
66 setsid = pid:
67 sigaction: int sig @signal, const struct old_sigaction *act @old_sigaction, struct old_sigaction *oact @>old_sigaction
68 sgetmask = address ~mask:
69 ssetmask = address ~old_mask: int newmask @sigmask32
70 setreuid [setreuid16]: old_uid_t ruid, old_uid_t euid
71 setregid [setregid16]: old_gid_t rgid, old_gid_t egid
72 sigsuspend: int unused1 @-, int unused2 @-, old_sigset_t mask @sigmask32
73 sigpending: old_sigset_t *uset @>sigset32
74 sethostname: char *name @data(len), int len @u
75 setrlimit: unsigned int resource @resources, struct rlimit *rlim @rlimit
76 getrlimit [old_getrlimit]: unsigned int resource @resources, struct rlimit *rlim @>rlimit
77 getrusage: int who @usagewho, struct rusage *ru @>rusage
78 gettimeofday: struct __kernel_old_timeval *tv @>timeval, struct timezone *tz @>timezone
79 settimeofday: struct __kernel_old_timeval *tv @timeval, struct timezone *tz @timezone
80 getgroups [getgroups16]: int gidsetsize, old_gid_t *grouplist @>groups16
81 setgroups [setgroups16]: int gidsetsize, old_gid_t *grouplist @groups16(gidsetsize)
82 select [old_select] ~old_select: !old_select struct sel_arg_struct *arg
83 symlink: const char *old, const char *new
84 oldlstat [lstat]: const char *filename, struct __old_kernel_stat *statbuf @>old_stat
85 readlink: const char *path, char *buf @>data, int bufsiz @u
86 uselib: const char *library
87 swapon: const char *specialfile, int swap_flags @swap
88 reboot: int magic1 @bootflags1, int magic2 @bootflags2, unsigned int cmd @bootflags3, void *arg @restart_argument(cmd)
89 readdir [old_readdir]: unsigned int fd, struct old_linux_dirent *dirent @>address, unsigned int count
90 mmap [old_mmap] = address: !old_mmap struct mmap_arg_struct *arg
91 munmap: unsigned long addr @address, size_t len
92 truncate: const char *path, long length @u
93 ftruncate: unsigned int fd, off_t length @u
94 fchmod: unsigned int fd, umode_t mode
95 fchown [fchown16]: unsigned int fd, old_uid_t user, old_gid_t group
96 getpriority: int which @priorities, int who
97 setpriority: int which @priorities, int who, int niceval
98 profil
99 statfs: const char *path, struct statfs *buf @>statfs
100 fstatfs: unsigned int fd, struct statfs *buf @>statfs
101 ioperm: unsigned long from @x, unsigned long num @x, int on
102 socketcall: !socketcall int call, unsigned long *args
103 syslog: !syslog int type, char *buf, int len
104 setitimer: int which @itimer_which, struct __kernel_old_itimerval *value @itimerval, struct __kernel_old_itimerval *ovalue @>itimerval
105 getitimer: int which @itimer_which, struct __kernel_old_itimerval *value @>itimerval
106 stat [newstat]: const char *filename, struct stat *statbuf @>stat
107 lstat [newlstat]: const char *filename, struct stat *statbuf @>stat
108 fstat [newfstat]: unsigned int fd, struct stat *statbuf @>stat
109 olduname [uname]: struct old_utsname *name @x
110 iopl: unsigned int level @d
111 vhangup:
112 idle
113 vm86old: struct vm86_struct *user_vm86 @x
114 wait4 = pid: pid_t pid, int *stat_addr @>wait_status, int options @wait4_options, struct rusage *ru @>wait_rusage
115 swapoff: const char *specialfile
116 sysinfo: struct sysinfo *info @>sysinfo
117 ipc: !ipc unsigned int call, int first, unsigned long second, unsigned long third, void *ptr, long fifth
118 fsync: unsigned int fd
119 sigreturn: !sigreturn
120 clone = pid: !clone unsigned long clone_flags, unsigned long newsp, int *parent_tidptr, unsigned long tls, int *child_tidptr
121 setdomainname: char *name @data(len), int len @u
122 uname [newuname]: struct new_utsname *name @>utsname
123 modify_ldt: int func, void *ptr @user_desc_if(bytecount), unsigned long bytecount
124 adjtimex [adjtimex_time32] ~adjtimex: struct old_timex32 *txc_p @>address
125 mprotect: unsigned long start @address, size_t len, unsigned long prot @mmap_prot
126 sigprocmask: int how @sigprocmaskcmds, old_sigset_t *set @sigset32, old_sigset_t *oset @>sigset32
127 create_module
128 init_module: void *umod @address, unsigned long len, const char *uargs @string
129 delete_module: const char *name_user @string, unsigned int flags @delete_module_flags
130 get_kernel_syms
131 quotactl: unsigned int cmd @x, const char *special @path, qid_t id, void *addr
132 getpgid = pid: pid_t pid
133 fchdir: unsigned int fd
134 bdflush: int func @x, long data @x
135 sysfs: int option @x, unsigned long arg1 @x, unsigned long arg2 @x
136 personality = address ~personality: unsigned int personality @personality
137 afs_syscall
138 setfsuid [setfsuid16]: old_uid_t uid
139 setfsgid [setfsgid16]: old_gid_t gid
140 _llseek [llseek]: unsigned int fd, unsigned long offset_high @high_low, unsigned long offset_low @-, loff_t *result @>loff, unsigned int whence @whence_codes
141 getdents: unsigned int fd, struct linux_dirent *dirent @>dirents, unsigned int count
142 _newselect [select] ~select: int n @d, fd_set *inp @fd_set(n), fd_set *outp @fd_set(n), fd_set *exp @fd_set(n), struct __kernel_old_timeval *tvp @timeval
143 flock: unsigned int fd, unsigned int cmd @flockcmds
144 msync: unsigned long start @address, size_t len, int flags @mctl_sync
145 readv: unsigned long fd @d, const struct iovec *vec @>iovec_read(vlen), unsigned long vlen
146 writev: unsigned long fd @d, const struct iovec *vec @iovec(vlen), unsigned long vlen
147 getsid = pid: pid_t pid
148 fdatasync: unsigned int fd
149 _sysctl [sysctl]: struct __sysctl_args *args
150 mlock: unsigned long start @address, size_t len
151 munlock: unsigned long start @address, size_t len
152 mlockall: int flags @mlockall_flags
153 munlockall:
154 sched_setparam: pid_t pid, struct sched_param *param @int
155 sched_getparam: pid_t pid, struct sched_param *param @>int
156 sched_setscheduler: pid_t pid, int policy @schedulers, struct sched_param *param @int
157 sched_getscheduler ~scheduler: pid_t pid
158 sched_yield:
159 sched_get_priority_max: int policy @schedulers
160 sched_get_priority_min: int policy @schedulers
161 sched_rr_get_interval [sched_rr_get_interval_time32]: pid_t pid, struct old_timespec32 *interval @>timespec32
162 nanosleep [nanosleep_time32]: struct old_timespec32 *rqtp @timespec32, struct old_timespec32 *rmtp @>remaining32
163 mremap = address: unsigned long addr @address, unsigned long old_len, unsigned long new_len, unsigned long flags @mremap_flags, unsigned long new_addr @new_address(flags)
164 setresuid [setresuid16]: old_uid_t ruid, old_uid_t euid, old_uid_t suid
165 getresuid [getresuid16]: old_uid_t *ruid @>id16_at, old_uid_t *euid @>id16_at, old_uid_t *suid @>id16_at
166 vm86: unsigned long cmd @x, unsigned long arg @x
167 query_module
168 poll ~poll: struct pollfd *ufds @pollfds(nfds), unsigned int nfds, int timeout
169 nfsservctl
170 setresgid [setresgid16]: old_gid_t rgid, old_gid_t egid, old_gid_t sgid
171 getresgid [getresgid16]: old_gid_t *rgid @>id16_at, old_gid_t *egid @>id16_at, old_gid_t *sgid @>id16_at
172 prctl: !prctl int option, unsigned long arg2, unsigned long arg3, unsigned long arg4, unsigned long arg5
173 rt_sigreturn: !rt_sigreturn
174 rt_sigaction: int sig @signal, const struct sigaction *act @sigaction, struct sigaction *oact @>sigaction, size_t sigsetsize
175 rt_sigprocmask: int how @sigprocmaskcmds, sigset_t *set @sigset(sigsetsize), sigset_t *oset @>sigset(sigsetsize), size_t sigsetsize
176 rt_sigpending: sigset_t *set @>pending_sigset(sigsetsize), size_t sigsetsize
177 rt_sigtimedwait [rt_sigtimedwait_time32] ~signal: const sigset_t *uthese @sigset(sigsetsize), siginfo_t *uinfo @>siginfo, const struct old_timespec32 *uts @timespec32, size_t sigsetsize
178 rt_sigqueueinfo: pid_t pid, int sig @signal, siginfo_t *uinfo @siginfo
179 rt_sigsuspend: sigset_t *unewset @sigset(sigsetsize), size_t sigsetsize
180 pread64: unsigned int fd, char *buf @>data, size_t count, u32 pos_lo @lld, u32 pos_hi @-
181 pwrite64: unsigned int fd, const char *buf @data(count), size_t count, u32 pos_lo @lld, u32 pos_hi @-
182 chown [chown16]: const char *filename, old_uid_t user, old_gid_t group
183 getcwd: char *buf @>cwd, unsigned long size
184 capget: cap_user_header_t header @address, cap_user_data_t dataptr @>address
185 capset: cap_user_header_t header @address, const cap_user_data_t data @address
186 sigaltstack: const struct sigaltstack *uss @stack, struct sigaltstack *uoss @>stack
187 sendfile: int out_fd, int in_fd, off_t *offset @+ulong_moved, size_t count
188 getpmsg
189 putpmsg
190 vfork = pid:
191 ugetrlimit [getrlimit]: unsigned int resource @resources, struct rlimit *rlim @>rlimit
192 mmap2 [mmap_pgoff] = address: unsigned long addr @address, unsigned long len, unsigned long prot @mmap_prot, unsigned long flags @map_flags, unsigned long fd @d, unsigned long pgoff @pages
193 truncate64: const char *path, u32 length_lo @llu, u32 length_hi @-
194 ftruncate64: unsigned int fd, u32 length_lo @llu, u32 length_hi @-
195 stat64: const char *filename, struct stat64 *statbuf @>stat64
196 lstat64: const char *filename, struct stat64 *statbuf @>stat64
197 fstat64: unsigned long fd @d, struct stat64 *statbuf @>stat64
198 lchown32 [lchown]: const char *filename, uid_t user, gid_t group
199 getuid32 [getuid]:
200 getgid32 [getgid]:
201 geteuid32 [geteuid]:
202 getegid32 [getegid]:
203 setreuid32 [setreuid]: uid_t ruid, uid_t euid
204 setregid32 [setregid]: gid_t rgid, gid_t egid
205 getgroups32 [getgroups]: int gidsetsize, gid_t *grouplist @>groups
206 setgroups32 [setgroups]: int gidsetsize, gid_t *grouplist @groups(gidsetsize)
207 fchown32 [fchown]: unsigned int fd, uid_t user, gid_t group
208 setresuid32 [setresuid]: uid_t ruid, uid_t euid, uid_t suid
209 getresuid32 [getresuid]: uid_t *ruid @>id_at, uid_t *euid @>id_at, uid_t *suid @>id_at
210 setresgid32 [setresgid]: gid_t rgid, gid_t egid, gid_t sgid
211 getresgid32 [getresgid]: gid_t *rgid @>id_at, gid_t *egid @>id_at, gid_t *sgid @>id_at
212 chown32 [chown]: const char *filename, uid_t user, gid_t group
213 setuid32 [setuid]: uid_t uid
214 setgid32 [setgid]: gid_t gid
215 setfsuid32 [setfsuid]: uid_t uid
216 setfsgid32 [setfsgid]: gid_t gid
217 pivot_root: const char *new_root, const char *put_old
218 mincore: unsigned long start @address, size_t len, unsigned char *vec @>address
219 madvise: unsigned long start @address, size_t len, int behavior @madvise_cmds
220 getdents64: unsigned int fd, struct linux_dirent64 *dirent @>dirents64, unsigned int count
221 fcntl64: !fcntl64 unsigned int fd, unsigned int cmd, unsigned long arg
`;
