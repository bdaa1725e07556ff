//! The namespaces that a process is born into, and which of them this machine has.

use std::io;
use std::process;

use rustix::io::Errno;
use rustix::process::{WaitId, WaitIdOptions, waitid};

use super::fork::{Parent, Side, fork};
use crate::layer::{self, Layer};

/// Every namespace by its layer, the user namespace first: an ordinary user gets the others with it only.
const SPACES: [(&str, libc::c_int); 6] = [
    (layer::USER_NAMESPACE, libc::CLONE_NEWUSER),
    (layer::MOUNT_NAMESPACE, libc::CLONE_NEWNS),
    (layer::PID_NAMESPACE, libc::CLONE_NEWPID),
    (layer::NETWORK_NAMESPACE, libc::CLONE_NEWNET),
    (layer::IPC_NAMESPACE, libc::CLONE_NEWIPC),
    (layer::UTS_NAMESPACE, libc::CLONE_NEWUTS),
];

/// Which namespaces a process was born into, and why it has not the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Spaces {
    /// `CLONE_NEW*`.
    pub(crate) flags: u64,
    /// The layers that this machine lacks.
    pub(crate) lacking: Vec<Layer>,
}

fn bits(flag: libc::c_int) -> u64 {
    flag.unsigned_abs().into()
}

impl Spaces {
    /// Every one.
    pub(crate) fn all() -> Self {
        Self { flags: SPACES.iter().map(|(_, flag)| bits(*flag)).sum(), lacking: Vec::new() }
    }

    /// Why the process has not the namespace `name`, if it has it not.
    pub(crate) fn lacks(&self, name: &str) -> Option<&Layer> {
        self.lacking.iter().find(|layer| layer.name == name)
    }
}

/// Whether a fork that failed so may have failed over a namespace, and not for want of memory or processes.
pub(crate) fn is_to_blame(error: &io::Error) -> bool {
    !matches!(Errno::from_io_error(error), Some(Errno::AGAIN | Errno::NOMEM | Errno::NFILE | Errno::MFILE))
}

/// Tries one namespace after the other, together with those that came before, in processes that end at once.
///
/// # Errors
/// When no process can be made for another reason.
pub(crate) fn find() -> io::Result<Spaces> {
    let mut found = Spaces { flags: 0, lacking: Vec::new() };
    for (name, flag) in SPACES {
        match try_once(found.flags | bits(flag)) {
            Ok(()) => found.flags |= bits(flag),
            Err(error) if is_to_blame(&error) => found.lacking.push(Layer::lacking(name, told(&error))),
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

/// Why there is no such namespace, in words that fit.
fn told(error: &io::Error) -> String {
    match Errno::from_io_error(error) {
        // To the kernel a count of namespaces is a quota like that of a disk.
        Some(Errno::NOSPC | Errno::USERS) => "no further namespace is allowed here".into(),
        _ => error.to_string(),
    }
}

fn try_once(flags: u64) -> io::Result<()> {
    match fork(flags, Parent::Caller, None)? {
        Side::Child => process::exit(0),
        Side::Parent { pidfd, .. } => {
            waitid(WaitId::PidFd(std::os::fd::AsFd::as_fd(&pidfd)), WaitIdOptions::EXITED)?;
            Ok(())
        }
    }
}
