//! The system calls that jailed programs may make, each with the reason. What is not here is refused.
//!
//! Left out on purpose, though programs like them: everything that makes sockets, processes, threads or
//! namespaces; `prctl`, `ioctl`, `ptrace`, `bpf`, `io_uring`; calls on paths that Landlock does not judge
//! (`stat`, `readlink`, `chmod`, `chown`, `utimensat`, `setxattr`, `chdir`): metadata is asked for by
//! descriptor with `fstat`.

use libc::{
    F_DUPFD_CLOEXEC, F_GETFD, F_GETFL, F_SETFD, MAP_SHARED, PROT_EXEC, SYS_brk, SYS_clock_gettime,
    SYS_clock_nanosleep, SYS_close, SYS_exit, SYS_exit_group, SYS_fcntl, SYS_fdatasync, SYS_fstat, SYS_fsync,
    SYS_ftruncate, SYS_futex, SYS_getdents64, SYS_getpid, SYS_getrandom, SYS_gettid, SYS_lseek, SYS_madvise,
    SYS_mkdirat, SYS_mmap, SYS_mprotect, SYS_mremap, SYS_munmap, SYS_openat, SYS_openat2, SYS_pread64,
    SYS_pwrite64, SYS_read, SYS_recvfrom, SYS_renameat2, SYS_restart_syscall, SYS_rt_sigaction,
    SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_sched_yield, SYS_sendto, SYS_sigaltstack, SYS_tgkill,
    SYS_unlinkat, SYS_write, SYS_writev,
};

/// One call that is allowed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Allowed {
    pub(super) call: i64,
    pub(super) when: When,
}

/// With which arguments. Arguments count from 0; what a pointer points to cannot be looked at.
#[derive(Debug, Clone, Copy)]
pub(super) enum When {
    /// With any.
    Always,
    /// The argument has this value.
    Is(u8, u64),
    /// The argument has another value than this.
    Not(u8, u64),
    /// The first argument has this value, and the second another than this.
    IsButNot((u8, u64), (u8, u64)),
    /// The argument has none of these bits.
    Lacks(u8, u64),
    /// The first argument has none of the first bits, and the second none of the second.
    BothLack((u8, u64), (u8, u64)),
    /// The argument is a null pointer.
    Null(u8),
    /// The argument is this process's own number.
    Own(u8),
    /// Of each of these arguments, the bits of the mask have this value: `(argument, mask, value)`.
    Masked(&'static [(u8, u64, u64)]),
}

pub(super) const fn any(call: i64) -> Allowed {
    Allowed { call, when: When::Always }
}

pub(super) const fn only(call: i64, when: When) -> Allowed {
    Allowed { call, when }
}

pub(super) const fn bits(flags: i32) -> u64 {
    flags.unsigned_abs() as u64
}

/// What every jailed program needs to live, to speak on its socket and to die.
pub(super) const EVERYONE: &[Allowed] = &[
    // The socket to the gateway. The standard library reads with either of the first two and writes with
    // any of the others; an address would name another socket.
    any(SYS_read),
    only(SYS_recvfrom, When::Null(4)),
    any(SYS_write),
    any(SYS_writev),
    only(SYS_sendto, When::Null(4)),
    any(SYS_close),
    // Waiting for the socket with a bound on the time.
    #[cfg(target_arch = "x86_64")]
    any(libc::SYS_poll),
    any(libc::SYS_ppoll),
    // Memory. Never executable, so that no code comes in; never shared, so that the limit counts it all.
    any(SYS_brk),
    only(SYS_mmap, When::BothLack((2, bits(PROT_EXEC)), (3, bits(MAP_SHARED)))),
    only(SYS_mprotect, When::Lacks(2, bits(PROT_EXEC))),
    any(SYS_mremap),
    any(SYS_munmap),
    any(SYS_madvise),
    // Time, and random seeds of hash maps.
    any(SYS_clock_gettime),
    any(SYS_clock_nanosleep),
    any(SYS_getrandom),
    // Locks of the standard library and the allocator.
    any(SYS_futex),
    any(SYS_sched_yield),
    // Signal handlers of the runtime (stack overflow), and going on after a stop.
    any(SYS_rt_sigaction),
    any(SYS_rt_sigprocmask),
    any(SYS_rt_sigreturn),
    any(SYS_sigaltstack),
    any(SYS_restart_syscall),
    // Ending, by a panic or an abort too. A signal goes to this process only.
    any(SYS_exit),
    any(SYS_exit_group),
    any(SYS_getpid),
    any(SYS_gettid),
    only(SYS_tgkill, When::Own(0)),
];

/// What a program needs besides, whose jail names files. Landlock judges the paths.
pub(super) const FILES: &[Allowed] = &[
    // Opening beneath a descriptor without following a way out (`openat2`), and the standard library's way.
    any(SYS_openat2),
    any(SYS_openat),
    // Contents.
    any(SYS_lseek),
    any(SYS_pread64),
    any(SYS_pwrite64),
    any(SYS_ftruncate),
    // What it is, by descriptor: `stat` by path would tell about every file of the machine.
    any(SYS_fstat),
    any(SYS_getdents64),
    // A second descriptor, and its flags. Not `F_SETOWN`, which sends signals.
    only(SYS_fcntl, When::Is(1, bits(F_DUPFD_CLOEXEC))),
    only(SYS_fcntl, When::Is(1, bits(F_GETFD))),
    only(SYS_fcntl, When::Is(1, bits(F_SETFD))),
    only(SYS_fcntl, When::Is(1, bits(F_GETFL))),
    // Atomic writes: a new file, synced, renamed over the old one, its folder synced.
    any(SYS_fsync),
    any(SYS_fdatasync),
    #[cfg(not(target_arch = "riscv64"))]
    any(libc::SYS_renameat),
    // With `RENAME_NOREPLACE` (1) or without, but never as an exchange or a whiteout.
    only(SYS_renameat2, When::Lacks(4, !1)),
    any(SYS_unlinkat),
    any(SYS_mkdirat),
    // The same three without a folder's descriptor, as the standard library makes them.
    #[cfg(target_arch = "x86_64")]
    any(libc::SYS_rename),
    #[cfg(target_arch = "x86_64")]
    any(libc::SYS_unlink),
    #[cfg(target_arch = "x86_64")]
    any(libc::SYS_mkdir),
];
