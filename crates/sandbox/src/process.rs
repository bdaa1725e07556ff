//! One process by its pidfd: a number that nobody else can get while we hold it.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, pidfd_open, pidfd_send_signal, waitid,
};

/// Whether this machine knows processes by descriptors: one is opened of this very process and sent no signal.
pub(crate) fn are_known_by_descriptor() -> io::Result<()> {
    let own = pidfd_open(rustix::process::getpid(), PidfdFlags::empty())?;
    let (number, none) = (own.as_raw_fd(), std::ptr::null::<libc::siginfo_t>());
    #[expect(unsafe_code, reason = "no safe call sends the signal 0, which only looks")]
    // SAFETY: the descriptor is open until the call returns, which reads no memory when it is given none.
    let sent = unsafe { libc::syscall(libc::SYS_pidfd_send_signal, number, 0, none, 0) };
    if sent == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// A child process of ours that has been started and perhaps not yet been reaped.
#[derive(Debug)]
pub(crate) struct Process {
    pid: u32,
    pidfd: OwnedFd,
    /// Whether it is out of the process table. As long as it is not, nobody else gets its number.
    reaped: Mutex<bool>,
    /// Whether a kill has struck it.
    struck: AtomicBool,
    /// Whether it was born into the cgroup that it was to be born into.
    grouped: bool,
}

impl Process {
    /// Takes over a child that was just started and that nobody has waited for.
    pub(crate) fn of(child: &std::process::Child) -> io::Result<Self> {
        let pid = child.id();
        let raw = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or(Errno::SRCH)?;
        Ok(Self::new(pid, pidfd_open(raw, PidfdFlags::empty())?, false))
    }

    /// Takes over a child that has a descriptor already.
    pub(crate) fn new(pid: u32, pidfd: OwnedFd, grouped: bool) -> Self {
        Self { pid, pidfd, reaped: Mutex::new(false), struck: AtomicBool::new(false), grouped }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    pub(crate) fn grouped(&self) -> bool {
        self.grouped
    }

    /// Sends SIGKILL, the first time that this is called. Says whether it was.
    pub(crate) fn strike(&self) -> io::Result<bool> {
        if self.struck.swap(true, Ordering::Relaxed) {
            return Ok(false);
        }
        self.kill().map(|()| true)
    }

    /// A further descriptor of it.
    pub(crate) fn pidfd(&self) -> io::Result<OwnedFd> {
        self.pidfd.try_clone()
    }

    /// Sends SIGKILL. A process that is gone already counts as killed.
    pub(crate) fn kill(&self) -> io::Result<()> {
        match pidfd_send_signal(&self.pidfd, Signal::KILL) {
            Ok(()) | Err(Errno::SRCH) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Waits until the process has ended and takes it out of the process table. `false` when it had not
    /// ended by `until`. A process that was reaped before counts as reaped.
    pub(crate) fn reap(&self, until: Instant) -> io::Result<bool> {
        loop {
            if self.try_reap()? {
                return Ok(true);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(false);
            }
            self.wait_readable(left)?;
        }
    }

    /// Whether it runs, as far as the kernel says at this moment.
    pub(crate) fn lives(&self) -> bool {
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        matches!(poll(&mut [PollFd::new(&self.pidfd, PollFlags::IN)], Some(&now)), Ok(0))
    }

    /// Does something to the process by its number, which is its own as long as it is not reaped.
    pub(crate) fn by_number<T>(&self, act: impl FnOnce(u32) -> T) -> Option<T> {
        let reaped = self.reaped.lock().unwrap_or_else(PoisonError::into_inner);
        (!*reaped).then(|| act(self.pid))
    }

    fn try_reap(&self) -> io::Result<bool> {
        let mut reaped = self.reaped.lock().unwrap_or_else(PoisonError::into_inner);
        if !*reaped {
            let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
            *reaped = match waitid(WaitId::PidFd(self.pidfd.as_fd()), options) {
                Ok(Some(_)) | Err(Errno::CHILD) => true,
                Ok(None) | Err(Errno::INTR) => false,
                Err(error) => return Err(error.into()),
            };
        }
        Ok(*reaped)
    }

    fn wait_readable(&self, at_most: Duration) -> io::Result<()> {
        let timeout = Timespec {
            tv_sec: at_most.as_secs().try_into().unwrap_or(i64::MAX),
            tv_nsec: at_most.subsec_nanos().into(),
        };
        match poll(&mut [PollFd::new(&self.pidfd, PollFlags::IN)], Some(&timeout)) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}
