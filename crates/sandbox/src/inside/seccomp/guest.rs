//! The system calls that a program may make which nobody here wrote, each group with the reason. What is
//! not here fails with `EPERM`; what is in [`PROBED`] fails with `ENOSYS`, since programs then take the
//! older way.
//!
//! Such a program brings its own code, so memory may be executable, and threads, programs and sockets are
//! its own matter: the namespaces, Landlock and the limits bound what they reach. Left out on purpose:
//! - what looks into other processes: `ptrace`, `process_vm_*`, `process_madvise`, `kcmp`, `pidfd_getfd`;
//! - what makes namespaces and mounts, the older and the newer calls: `unshare`, `setns`, `mount`,
//!   `fsopen`, `open_tree`, `pivot_root`, `chroot`;
//! - large and often broken parts of the kernel: `bpf`, `io_uring`, `userfaultfd`, `perf_event_open`, keyrings,
//!   `add_key`, `modify_ldt`, `remap_file_pages`, `vm86`;
//! - what is the machine's: `kexec_load`, modules, `reboot`, `swapon`, `acct`, `quotactl`, `syslog`, clocks,
//!   host name, `sync` of every file system;
//! - code from no file of the tree: `memfd_create`, `memfd_secret`, `execveat`;
//! - memory that no limit counts: System V memory and queues, shared memory without a file;
//! - ways round Landlock and the tree: `open_by_handle_at`, `name_to_handle_at`, `fanotify`;
//! - `openat2`, whose mode cannot be looked at: a set-user-ID file in a granted folder would be a gift to
//!   whoever finds it outside.

use libc::*;

use super::allowed::{Allowed, When, any, bits, only};

/// Bits of a file's mode that lend its owner's rights to others.
const LENDING: u64 = 0o6000;

/// `O_CREAT` and what `O_TMPFILE` adds to `O_DIRECTORY`: with either, the mode counts.
const CREATING: u64 = bits(O_CREAT) | bits(O_TMPFILE & !O_DIRECTORY);

/// Every flag of `clone` that makes a namespace.
const NAMESPACES: u64 = 0x7E02_0000;

/// A socket's kind without its flags.
const KIND: u64 = 0xF;

/// The first process of the PID namespace: the jail's own.
const FIRST: u64 = 1;

/// All bits of an `int`.
const ALL: u64 = 0xFFFF_FFFF;

const fn socket(call: i64, which: &'static [(u8, u64, u64)]) -> Allowed {
    only(call, When::Masked(which))
}

const fn ioctl_of(request: u64) -> Allowed {
    only(SYS_ioctl, When::Is(1, request))
}

const fn spares_first(call: i64, argument: u8) -> Allowed {
    only(call, When::Not(argument, FIRST))
}

const fn fcntl_of(command: i32) -> Allowed {
    only(SYS_fcntl, When::Is(1, bits(command)))
}

const fn prctl_of(option: u64) -> Allowed {
    only(SYS_prctl, When::Is(0, option))
}

/// What fails as if this kernel did not know it.
pub(super) const PROBED: &[i64] = &[
    // Its flags lie in memory, where no filter sees them; `clone` is then used.
    SYS_clone3,
    SYS_io_uring_setup,
    SYS_memfd_create,
    SYS_userfaultfd,
    SYS_openat2,
    SYS_pidfd_getfd,
    SYS_perf_event_open,
];

/// Everything that a program may do.
pub(super) const GUEST: &[Allowed] = &[
    // Reading and writing what is open.
    any(SYS_read),
    any(SYS_readv),
    any(SYS_pread64),
    any(SYS_preadv),
    any(SYS_preadv2),
    any(SYS_write),
    any(SYS_writev),
    any(SYS_pwrite64),
    any(SYS_pwritev),
    any(SYS_pwritev2),
    any(SYS_lseek),
    any(SYS_close),
    any(SYS_close_range),
    any(SYS_dup),
    any(SYS_dup3),
    any(SYS_pipe2),
    any(SYS_sendfile),
    any(SYS_splice),
    any(SYS_tee),
    any(SYS_vmsplice),
    any(SYS_copy_file_range),
    any(SYS_flock),
    any(SYS_fsync),
    any(SYS_fdatasync),
    any(SYS_syncfs),
    any(SYS_sync_file_range),
    any(SYS_ftruncate),
    any(SYS_truncate),
    any(SYS_fallocate),
    any(SYS_fadvise64),
    any(SYS_readahead),
    // Not `F_SETLEASE`: a lease on a granted file would hold up whoever opens it outside.
    fcntl_of(F_DUPFD),
    fcntl_of(F_DUPFD_CLOEXEC),
    fcntl_of(F_GETFD),
    fcntl_of(F_SETFD),
    fcntl_of(F_GETFL),
    fcntl_of(F_SETFL),
    fcntl_of(F_GETLK),
    fcntl_of(F_SETLK),
    fcntl_of(F_SETLKW),
    fcntl_of(F_OFD_GETLK),
    fcntl_of(F_OFD_SETLK),
    fcntl_of(F_OFD_SETLKW),
    fcntl_of(F_GETOWN),
    fcntl_of(F_SETOWN),
    fcntl_of(F_GETPIPE_SZ),
    fcntl_of(F_SETPIPE_SZ),
    // Files by name. Only what the tree shows has one, and Landlock judges the rest.
    only(SYS_openat, When::Lacks(2, CREATING)),
    only(SYS_openat, When::Lacks(3, LENDING)),
    any(SYS_newfstatat),
    any(SYS_fstat),
    any(SYS_statx),
    any(SYS_statfs),
    any(SYS_fstatfs),
    any(SYS_faccessat),
    any(SYS_faccessat2),
    any(SYS_readlinkat),
    any(SYS_getdents64),
    any(SYS_getcwd),
    any(SYS_chdir),
    any(SYS_fchdir),
    any(SYS_mkdirat),
    only(SYS_mknodat, When::Lacks(2, LENDING)),
    any(SYS_unlinkat),
    any(SYS_renameat2),
    any(SYS_linkat),
    any(SYS_symlinkat),
    only(SYS_fchmod, When::Lacks(1, LENDING)),
    only(SYS_fchmodat, When::Lacks(2, LENDING)),
    only(SYS_fchmodat2, When::Lacks(2, LENDING)),
    any(SYS_fchown),
    any(SYS_fchownat),
    any(SYS_utimensat),
    any(SYS_umask),
    any(SYS_getxattr),
    any(SYS_lgetxattr),
    any(SYS_fgetxattr),
    any(SYS_listxattr),
    any(SYS_llistxattr),
    any(SYS_flistxattr),
    any(SYS_setxattr),
    any(SYS_lsetxattr),
    any(SYS_fsetxattr),
    any(SYS_removexattr),
    any(SYS_lremovexattr),
    any(SYS_fremovexattr),
    any(SYS_inotify_init1),
    any(SYS_inotify_add_watch),
    any(SYS_inotify_rm_watch),
    // Terminals and descriptors. Not `TIOCSTI` and `TIOCLINUX`, which type in somebody else's name.
    ioctl_of(TCGETS),
    ioctl_of(TCSETS),
    ioctl_of(TCSETSW),
    ioctl_of(TCSETSF),
    ioctl_of(TCSBRK),
    ioctl_of(TCXONC),
    ioctl_of(TCFLSH),
    ioctl_of(TIOCGWINSZ),
    ioctl_of(TIOCSWINSZ),
    ioctl_of(TIOCGPGRP),
    ioctl_of(TIOCSPGRP),
    ioctl_of(TIOCGSID),
    ioctl_of(TIOCSCTTY),
    ioctl_of(TIOCNOTTY),
    ioctl_of(TIOCOUTQ),
    ioctl_of(TIOCGPTN),
    ioctl_of(TIOCSPTLCK),
    ioctl_of(TIOCGPTPEER),
    ioctl_of(FIONREAD),
    ioctl_of(FIONBIO),
    ioctl_of(FIOASYNC),
    ioctl_of(FIOCLEX),
    ioctl_of(FIONCLEX),
    // Memory. Shared memory without a file is left out: no limit counts it.
    any(SYS_brk),
    only(SYS_mmap, When::Lacks(3, bits(MAP_SHARED))),
    only(SYS_mmap, When::Lacks(3, bits(MAP_ANONYMOUS))),
    any(SYS_mprotect),
    any(SYS_pkey_mprotect),
    any(SYS_pkey_alloc),
    any(SYS_pkey_free),
    any(SYS_mremap),
    any(SYS_munmap),
    any(SYS_madvise),
    any(SYS_mincore),
    any(SYS_msync),
    any(SYS_mlock),
    any(SYS_mlock2),
    any(SYS_munlock),
    any(SYS_membarrier),
    // Threads and processes, in no namespace of their own.
    only(SYS_clone, When::Lacks(0, NAMESPACES)),
    any(SYS_execve),
    any(SYS_exit),
    any(SYS_exit_group),
    any(SYS_wait4),
    any(SYS_waitid),
    any(SYS_set_tid_address),
    any(SYS_set_robust_list),
    any(SYS_get_robust_list),
    any(SYS_rseq),
    any(SYS_futex),
    any(SYS_futex_waitv),
    any(SYS_sched_yield),
    any(SYS_sched_getaffinity),
    // Of itself and its own, not of the first process: one that never has its turn is not ended either.
    spares_first(SYS_sched_setaffinity, 0),
    any(SYS_sched_getparam),
    spares_first(SYS_sched_setparam, 0),
    any(SYS_sched_getscheduler),
    spares_first(SYS_sched_setscheduler, 0),
    any(SYS_sched_getattr),
    any(SYS_sched_get_priority_max),
    any(SYS_sched_get_priority_min),
    any(SYS_getpriority),
    // Of one process, not of all of a user.
    only(SYS_setpriority, When::IsButNot((0, bits(PRIO_PROCESS as i32)), (1, FIRST))),
    any(SYS_getcpu),
    // Who one is. Without capabilities nobody becomes anybody else.
    any(SYS_getpid),
    any(SYS_gettid),
    any(SYS_getppid),
    any(SYS_getpgid),
    any(SYS_setpgid),
    any(SYS_getsid),
    any(SYS_setsid),
    any(SYS_getuid),
    any(SYS_geteuid),
    any(SYS_getresuid),
    any(SYS_setuid),
    any(SYS_setreuid),
    any(SYS_setresuid),
    any(SYS_getgid),
    any(SYS_getegid),
    any(SYS_getresgid),
    any(SYS_setgid),
    any(SYS_setregid),
    any(SYS_setresgid),
    any(SYS_getgroups),
    any(SYS_capget),
    any(SYS_getrusage),
    any(SYS_getrlimit),
    any(SYS_setrlimit),
    spares_first(SYS_prlimit64, 0),
    any(SYS_times),
    any(SYS_sysinfo),
    any(SYS_uname),
    any(SYS_getrandom),
    // Asking what the personality is, and the usual one. Others turn protections off.
    only(SYS_personality, When::Is(0, ALL)),
    only(SYS_personality, When::Is(0, 0)),
    // Of itself, nothing that reaches beyond: names, whether it is dumped, its parent's death, its orphans.
    prctl_of(PR_SET_NAME as u64),
    prctl_of(PR_GET_NAME as u64),
    prctl_of(PR_SET_PDEATHSIG as u64),
    prctl_of(PR_GET_PDEATHSIG as u64),
    prctl_of(PR_SET_DUMPABLE as u64),
    prctl_of(PR_GET_DUMPABLE as u64),
    prctl_of(PR_SET_CHILD_SUBREAPER as u64),
    prctl_of(PR_GET_CHILD_SUBREAPER as u64),
    prctl_of(PR_SET_NO_NEW_PRIVS as u64),
    prctl_of(PR_GET_NO_NEW_PRIVS as u64),
    prctl_of(PR_GET_SECCOMP as u64),
    prctl_of(PR_CAPBSET_READ as u64),
    prctl_of(PR_SET_TIMERSLACK as u64),
    prctl_of(PR_GET_TIMERSLACK as u64),
    prctl_of(PR_SET_THP_DISABLE as u64),
    prctl_of(PR_GET_THP_DISABLE as u64),
    prctl_of(PR_SET_VMA as u64),
    // Narrower jails of its own. Not with a listener, which would answer calls for others.
    any(SYS_landlock_create_ruleset),
    any(SYS_landlock_add_rule),
    any(SYS_landlock_restrict_self),
    only(
        SYS_seccomp,
        When::Masked(&[(0, ALL, SECCOMP_SET_MODE_FILTER as u64), (1, SECCOMP_FILTER_FLAG_NEW_LISTENER, 0)]),
    ),
    only(SYS_seccomp, When::Is(0, SECCOMP_GET_ACTION_AVAIL as u64)),
    // Signals, within its own PID namespace; the first process there takes none.
    any(SYS_kill),
    any(SYS_tkill),
    any(SYS_tgkill),
    any(SYS_rt_sigaction),
    any(SYS_rt_sigprocmask),
    any(SYS_rt_sigreturn),
    any(SYS_rt_sigpending),
    any(SYS_rt_sigsuspend),
    any(SYS_rt_sigtimedwait),
    any(SYS_rt_sigqueueinfo),
    any(SYS_rt_tgsigqueueinfo),
    any(SYS_sigaltstack),
    any(SYS_signalfd4),
    any(SYS_pidfd_open),
    any(SYS_pidfd_send_signal),
    any(SYS_restart_syscall),
    // Time. Setting a clock is the machine's.
    any(SYS_clock_gettime),
    any(SYS_clock_getres),
    any(SYS_clock_nanosleep),
    any(SYS_nanosleep),
    any(SYS_gettimeofday),
    any(SYS_getitimer),
    any(SYS_setitimer),
    any(SYS_timer_create),
    any(SYS_timer_settime),
    any(SYS_timer_gettime),
    any(SYS_timer_getoverrun),
    any(SYS_timer_delete),
    any(SYS_timerfd_create),
    any(SYS_timerfd_settime),
    any(SYS_timerfd_gettime),
    // Waiting.
    any(SYS_ppoll),
    any(SYS_pselect6),
    any(SYS_epoll_create1),
    any(SYS_epoll_ctl),
    any(SYS_epoll_pwait),
    any(SYS_epoll_pwait2),
    any(SYS_eventfd2),
    // Sockets: TCP and UDP of its own network, which has loopback only; and pairs that can name no address.
    socket(SYS_socket, &[(0, ALL, AF_INET as u64), (1, KIND, SOCK_STREAM as u64), (2, ALL, 0)]),
    socket(
        SYS_socket,
        &[(0, ALL, AF_INET as u64), (1, KIND, SOCK_STREAM as u64), (2, ALL, IPPROTO_TCP as u64)],
    ),
    socket(SYS_socket, &[(0, ALL, AF_INET as u64), (1, KIND, SOCK_DGRAM as u64), (2, ALL, 0)]),
    socket(
        SYS_socket,
        &[(0, ALL, AF_INET as u64), (1, KIND, SOCK_DGRAM as u64), (2, ALL, IPPROTO_UDP as u64)],
    ),
    socket(SYS_socket, &[(0, ALL, AF_INET6 as u64), (1, KIND, SOCK_STREAM as u64), (2, ALL, 0)]),
    socket(
        SYS_socket,
        &[(0, ALL, AF_INET6 as u64), (1, KIND, SOCK_STREAM as u64), (2, ALL, IPPROTO_TCP as u64)],
    ),
    socket(SYS_socket, &[(0, ALL, AF_INET6 as u64), (1, KIND, SOCK_DGRAM as u64), (2, ALL, 0)]),
    socket(
        SYS_socket,
        &[(0, ALL, AF_INET6 as u64), (1, KIND, SOCK_DGRAM as u64), (2, ALL, IPPROTO_UDP as u64)],
    ),
    socket(SYS_socketpair, &[(0, ALL, AF_UNIX as u64), (1, KIND, SOCK_STREAM as u64)]),
    socket(SYS_socketpair, &[(0, ALL, AF_UNIX as u64), (1, KIND, SOCK_SEQPACKET as u64)]),
    any(SYS_bind),
    any(SYS_listen),
    any(SYS_accept),
    any(SYS_accept4),
    any(SYS_connect),
    any(SYS_getsockname),
    any(SYS_getpeername),
    any(SYS_getsockopt),
    any(SYS_setsockopt),
    any(SYS_sendto),
    any(SYS_sendmsg),
    any(SYS_sendmmsg),
    any(SYS_recvfrom),
    any(SYS_recvmsg),
    any(SYS_recvmmsg),
    any(SYS_shutdown),
];

/// Sockets with a name of their own in a folder, where Landlock keeps them from those of the machine (ABI 9).
/// A folder that is granted may have a daemon's socket in it, and read-only says nothing about what it is told.
pub(super) const GUEST_UNIX: &[Allowed] = &[
    socket(SYS_socket, &[(0, ALL, AF_UNIX as u64), (1, KIND, SOCK_STREAM as u64), (2, ALL, 0)]),
    socket(SYS_socket, &[(0, ALL, AF_UNIX as u64), (1, KIND, SOCK_DGRAM as u64), (2, ALL, 0)]),
    socket(SYS_socketpair, &[(0, ALL, AF_UNIX as u64), (1, KIND, SOCK_DGRAM as u64)]),
];

/// The same by their older names, which this architecture still has.
#[cfg(target_arch = "x86_64")]
pub(super) const GUEST_OLDER: &[Allowed] = &[
    only(SYS_open, When::Lacks(1, CREATING)),
    only(SYS_open, When::Lacks(2, LENDING)),
    only(SYS_creat, When::Lacks(1, LENDING)),
    only(SYS_chmod, When::Lacks(1, LENDING)),
    only(SYS_mknod, When::Lacks(1, LENDING)),
    any(SYS_stat),
    any(SYS_lstat),
    any(SYS_access),
    any(SYS_readlink),
    any(SYS_getdents),
    any(SYS_mkdir),
    any(SYS_rmdir),
    any(SYS_unlink),
    any(SYS_rename),
    any(SYS_renameat),
    any(SYS_link),
    any(SYS_symlink),
    any(SYS_chown),
    any(SYS_lchown),
    any(SYS_utime),
    any(SYS_utimes),
    any(SYS_futimesat),
    any(SYS_dup2),
    any(SYS_pipe),
    any(SYS_poll),
    any(SYS_select),
    any(SYS_epoll_create),
    any(SYS_epoll_wait),
    any(SYS_eventfd),
    any(SYS_signalfd),
    any(SYS_inotify_init),
    any(SYS_fork),
    any(SYS_vfork),
    any(SYS_getpgrp),
    any(SYS_pause),
    any(SYS_alarm),
    any(SYS_time),
    // Where a thread's own memory lies.
    any(SYS_arch_prctl),
];

/// This architecture has the newer names only.
#[cfg(not(target_arch = "x86_64"))]
pub(super) const GUEST_OLDER: &[Allowed] = &[
    #[cfg(not(target_arch = "riscv64"))]
    any(SYS_renameat),
];

/// What is left to the first process of a guest's jail once the program runs, beside
/// [`super::allowed::EVERYONE`].
pub(super) const INIT: &[Allowed] = &[
    // Taking the dead, and passing signals on.
    any(SYS_wait4),
    any(SYS_kill),
    // Handing the listener out.
    any(SYS_sendmsg),
];
