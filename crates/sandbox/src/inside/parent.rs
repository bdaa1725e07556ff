//! The tie to the gateway: this process does not outlive it.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, retry_on_intr};
use rustix::net::sockopt::socket_peercred;
use rustix::process::{
    PidfdFlags, Signal, getppid, parent_process_death_signal, pidfd_open, set_parent_process_death_signal,
};

use super::{Laid, LayerError};

/// A descriptor of the process that made the spawner's socket: the gateway. Its number would mean nothing
/// in another PID namespace.
pub(crate) fn gateway(control: impl AsFd) -> io::Result<OwnedFd> {
    let gateway = socket_peercred(control)?.pid;
    let pidfd = pidfd_open(gateway, PidfdFlags::empty())?;
    if getppid() != Some(gateway) {
        // It is gone, and its number may be somebody else's.
        return Err(Errno::SRCH.into());
    }
    Ok(pidfd)
}

/// Asks for SIGKILL when the gateway dies, and looks whether it is still there: one that died before the
/// request sends nothing any more.
pub(crate) fn tie(gateway: &OwnedFd) -> Laid {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // Readable means that it has ended.
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    if retry_on_intr(|| poll(&mut [PollFd::new(gateway, PollFlags::IN)], Some(&now)))? != 0 {
        return Err(LayerError::Mistaken {
            why: "the gateway is gone".into(),
            mend: super::layer::mend(super::layer::PARENT_DEATH).into(),
        });
    }
    match parent_process_death_signal()? {
        Some(Signal::KILL) => Ok("killed when the gateway ends".into()),
        other => Err(LayerError::Lacking(format!("the kernel keeps {other:?} instead of SIGKILL"))),
    }
}
