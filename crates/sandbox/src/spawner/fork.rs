//! The fork of a process that has one thread.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr;

/// Where the caller finds itself afterwards.
#[derive(Debug)]
pub(crate) enum Side {
    /// In the new process.
    Child,
    /// In the process that asked.
    Parent {
        /// The new process's number.
        pid: u32,
        /// A descriptor of it.
        pidfd: OwnedFd,
        /// Whether it is in the cgroup that was given.
        grouped: bool,
    },
}

/// Whose child the new process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Parent {
    /// The caller's.
    Caller,
    /// The caller's own parent's.
    CallersParent,
}

/// `CLONE_INTO_CGROUP` of `linux/sched.h`, beyond what a `c_int` holds.
const INTO_CGROUP: u64 = 0x2_0000_0000;

/// `struct clone_args` of `linux/sched.h`, as of Linux 5.7.
#[derive(Debug, Default)]
#[repr(C)]
struct Arguments {
    flags: u64,
    pidfd: u64,
    child_tid: u64,
    parent_tid: u64,
    exit_signal: u64,
    stack: u64,
    stack_size: u64,
    tls: u64,
    set_tid: u64,
    set_tid_size: u64,
    cgroup: u64,
}

const fn bits(flag: libc::c_int) -> u64 {
    flag.unsigned_abs() as u64
}

/// Forks into `namespaces` (`CLONE_NEW*`) and, if one is given, into a cgroup. The caller has one thread.
///
/// A kernel or a container's filter that does not know `clone3` gets the older call, without a cgroup.
pub(crate) fn fork(namespaces: u64, parent: Parent, cgroup: Option<BorrowedFd<'_>>) -> io::Result<Side> {
    let mut pidfd: libc::c_int = -1;
    let (kinship, signal) = match parent {
        Parent::Caller => (0, bits(libc::SIGCHLD)),
        // The kernel then takes the signal that the caller itself ends with.
        Parent::CallersParent => (bits(libc::CLONE_PARENT), 0),
    };
    let flags = namespaces | kinship | bits(libc::CLONE_PIDFD);
    let arguments = Arguments {
        flags: if cgroup.is_some() { flags | INTO_CGROUP } else { flags },
        pidfd: ptr::from_mut(&mut pidfd) as u64,
        exit_signal: signal,
        cgroup: cgroup.map_or(0, |cgroup| u64::from(cgroup.as_raw_fd().unsigned_abs())),
        ..Arguments::default()
    };
    #[expect(unsafe_code, reason = "no safe call forks into namespaces")]
    // SAFETY: the process has one thread, so that no lock is held by anyone who is not there afterwards;
    // without `CLONE_VM` the child goes on with a copy of all memory; `arguments` and `pidfd` outlive the call.
    let returned = unsafe { libc::syscall(libc::SYS_clone3, &raw const arguments, size_of::<Arguments>()) };
    let mut grouped = cgroup.is_some();
    let returned = match returned {
        -1 if io::Error::last_os_error().raw_os_error() == Some(libc::ENOSYS) => {
            grouped = false;
            #[expect(unsafe_code, reason = "no safe call forks into namespaces")]
            // SAFETY: as above; a null stack means the caller's own, copied.
            unsafe {
                libc::syscall(libc::SYS_clone, flags | signal, 0, &raw mut pidfd, 0, 0)
            }
        }
        other => other,
    };
    match u32::try_from(returned) {
        Err(_) => Err(io::Error::last_os_error()),
        Ok(0) => Ok(Side::Child),
        Ok(pid) => {
            #[expect(unsafe_code, reason = "the kernel has written a new descriptor's number")]
            // SAFETY: the call came through with `CLONE_PIDFD`: `pidfd` is open and nobody else's.
            let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
            Ok(Side::Parent { pid, pidfd, grouped })
        }
    }
}
