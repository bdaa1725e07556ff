//! The tie to the gateway: this process does not outlive it.

use std::io;
use std::os::unix::net::UnixStream;

use rustix::net::sockopt::socket_peercred;
use rustix::process::{Pid, Signal, getppid, parent_process_death_signal, set_parent_process_death_signal};

use super::{Laid, LayerError};

/// The process that made the socket: the gateway.
pub(crate) fn of(stream: &UnixStream) -> io::Result<Pid> {
    Ok(socket_peercred(stream)?.pid)
}

/// Asks for SIGKILL when the gateway dies, and looks whether it is still there: one that died before the
/// request sends nothing any more.
pub(crate) fn tie(gateway: Pid) -> Laid {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    if getppid() != Some(gateway) {
        return Err(LayerError::Mistaken {
            why: "the gateway is not this process's parent, or is gone".into(),
            mend: super::layer::mend(super::layer::PARENT_DEATH).into(),
        });
    }
    match parent_process_death_signal()? {
        Some(Signal::KILL) => Ok("killed when the gateway ends".into()),
        other => Err(LayerError::Lacking(format!("the kernel keeps {other:?} instead of SIGKILL"))),
    }
}
