//! One gateway on one home: an exclusive lock on a file beside the database, released by the kernel
//! however its holder ends.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};

use crate::open::{OpenError, beside, private};

/// The longest text of a lock file that is read: a process id and a line end.
const MAX_LOCK_TEXT: u64 = 32;

/// How often a lock that is held is tried again. A process that its holder has just forked has the lock too, until it
/// runs its program: for that instant it outlives its holder.
const MORE_TRIES: u32 = 10;

/// How long after one another.
const BETWEEN_TRIES: Duration = Duration::from_millis(10);

/// The lock, for as long as this value lives.
pub(crate) struct LockFile {
    _file: File,
}

impl LockFile {
    /// Takes the lock for the database at `path`.
    pub(crate) fn take(path: &Path) -> Result<Self, OpenError> {
        let lock = beside(path, ".lock");
        let unwritable = |error: std::io::Error| OpenError::unwritable(path, &error);
        let mut file = private().create(true).truncate(false).open(&lock).map_err(unwritable)?;
        let mut taken = flock(&file, FlockOperation::NonBlockingLockExclusive);
        for _ in 0..MORE_TRIES {
            if taken != Err(rustix::io::Errno::WOULDBLOCK) {
                break;
            }
            std::thread::sleep(BETWEEN_TRIES);
            taken = flock(&file, FlockOperation::NonBlockingLockExclusive);
        }
        match taken {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                return Err(OpenError::Locked { path: path.to_owned(), holder: holder(&mut file, lock) });
            }
            Err(error) => return Err(unwritable(error.into())),
        }
        file.set_len(0).map_err(unwritable)?;
        writeln!(file, "{}", std::process::id()).map_err(unwritable)?;
        Ok(Self { _file: file })
    }
}

/// Who holds the lock, as far as the file tells.
fn holder(file: &mut File, lock: PathBuf) -> String {
    let mut text = String::new();
    match file.take(MAX_LOCK_TEXT).read_to_string(&mut text) {
        Ok(_) if text.trim().parse::<u32>().is_ok() => format!("process {}", text.trim()),
        _ => format!("a process that has not said its number in `{}`", lock.display()),
    }
}
