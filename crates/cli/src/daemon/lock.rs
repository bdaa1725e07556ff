//! The home's lock: one gateway on one home, and which process that is.
//!
//! The operating system holds the lock and gives it back however the process ends, so a lock is never stale.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;

use rustix::process::Pid;

use crate::failure::{Exit, Failure};
use crate::home::Home;

/// The most bytes of a process number.
const MAX_PID_BYTES: u64 = 16;

/// The lock, until it is dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

/// Why the lock cannot be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LockError {
    /// A gateway has it.
    #[error("a gateway is already running for `{home}`{process}: `bulkhead gateway stop` stops it", process = process(*.pid))]
    Held {
        /// The home.
        home: String,
        /// The gateway's process, when it has said so.
        pid: Option<Pid>,
    },
    /// The lock is another user's.
    #[error("the home `{home}` belongs to another operating-system user")]
    Foreign {
        /// The home.
        home: String,
    },
    /// The operating system says no.
    #[error("the lock `{path}` cannot be had: {source}")]
    Io {
        /// The lock's file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
}

fn process(pid: Option<Pid>) -> String {
    pid.map_or_else(String::new, |pid| format!(" (process {pid})"))
}

impl From<LockError> for Failure {
    fn from(error: LockError) -> Self {
        match error {
            LockError::Foreign { .. } => Self::new(Exit::Refused, error.to_string()),
            LockError::Held { .. } | LockError::Io { .. } => Self::unreachable(error.to_string()),
        }
    }
}

impl Lock {
    /// Takes the home's lock and writes this process into it.
    ///
    /// # Errors
    /// When a gateway has it.
    pub(crate) fn take(home: &Home) -> Result<Self, LockError> {
        let failed = |source| LockError::Io { path: home.lock().display().to_string(), source };
        let mut file = open(home, true).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(LockError::Held { home: home.root().display().to_string(), pid: pid(&mut file) });
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        let written = file
            .set_len(0)
            .and_then(|()| file.seek(SeekFrom::Start(0)).map(drop))
            .and_then(|()| file.write_all(std::process::id().to_string().as_bytes()))
            .and_then(|()| file.flush());
        written.map_err(failed)?;
        Ok(Self { _file: file })
    }
}

/// Whether a gateway runs, and as which process.
///
/// # Errors
/// When that cannot be found out.
pub(crate) fn holder(home: &Home) -> Result<Option<Option<Pid>>, LockError> {
    let failed = |source: std::io::Error| match source.kind() {
        std::io::ErrorKind::PermissionDenied => {
            LockError::Foreign { home: home.root().display().to_string() }
        }
        _ => LockError::Io { path: home.lock().display().to_string(), source },
    };
    let mut file = match open(home, false) {
        Ok(file) => file,
        // Nobody has ever started one here.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(None),
        Err(TryLockError::WouldBlock) => Ok(Some(pid(&mut file))),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

fn open(home: &Home, make: bool) -> std::io::Result<File> {
    OpenOptions::new().read(true).write(true).create(make).truncate(false).mode(0o600).open(home.lock())
}

/// The process that wrote itself into the lock. None while it is about to.
fn pid(file: &mut File) -> Option<Pid> {
    let mut text = String::new();
    match file.take(MAX_PID_BYTES).read_to_string(&mut text) {
        Ok(_) => text.trim().parse().ok().and_then(Pid::from_raw),
        Err(error) => {
            tracing::debug!("the lock cannot be read: {error}");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_gateway_on_one_home() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::choose(Some(folder.path())).unwrap();
        assert!(holder(&home).unwrap().is_none());
        std::fs::create_dir(home.data()).unwrap();
        assert!(holder(&home).unwrap().is_none());
        let lock = Lock::take(&home).unwrap();
        let own = Pid::from_raw(i32::try_from(std::process::id()).unwrap());
        assert_eq!(holder(&home).unwrap(), Some(own));
        let error = Lock::take(&home).unwrap_err();
        assert!(matches!(&error, LockError::Held { pid, .. } if *pid == own), "{error}");
        drop(lock);
        assert!(holder(&home).unwrap().is_none());
        Lock::take(&home).unwrap();
    }
}
