//! What a jailed process is, and what it may have.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use vocab::limits::DEFAULT_MEMORY_BYTES;

/// The least memory in which a jailed program starts at all, in bytes.
pub const MIN_MEMORY_BYTES: u64 = 16 * 1024 * 1024;

/// The fewest descriptors with which a jailed program works: three standard ones, its socket, a folder
/// and a file, and two to spare.
pub const MIN_OPEN_FILES: u64 = 8;

/// The most paths that one jail names.
pub const MAX_PATHS: usize = 256;

const DEFAULT_OPEN_FILES: u64 = 64;
const DEFAULT_FILE_BYTES: u64 = 64 * 1024 * 1024;

/// What becomes the spawner: a program that calls [`crate::spawner::serve`] before anything else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// The executable; `/proc/self/exe` for the gateway's own.
    pub path: PathBuf,
    /// Its arguments. Every process of the machine can read them, and they are those of every jailed
    /// process, so they carry no secrets.
    pub args: Vec<String>,
}

/// What a jailed process may have. Everything that is not named here it has not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Jail {
    /// Folders and files that it may read, absolute; a folder with all beneath it.
    pub read: Vec<PathBuf>,
    /// Folders and files that it may create, change, rename and remove, absolute; a folder with all beneath
    /// it. Names in such a folder can be listed; its files' contents are readable only if `read` names it too.
    pub write: Vec<PathBuf>,
    /// Memory that it may allocate, in bytes; what the program's own image takes counts too.
    pub memory_bytes: u64,
    /// Descriptors that it may have open at once.
    pub open_files: u64,
    /// The largest file that it may write, in bytes. A larger write fails.
    pub file_bytes: u64,
    /// What a program that nobody here wrote needs beside the granted paths; `None` for a role of the
    /// spawner's.
    pub system: Option<System>,
    /// Go on without a layer that this machine lacks, and say so. An administrator's explicit setting.
    pub reduced: bool,
}

/// What a program that nobody here wrote needs beside the granted paths.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct System {
    /// Folders and files of the machine that it may read, absolute: libraries, certificates, time zones.
    pub read: Vec<PathBuf>,
    /// Programs that it may start, absolute; empty: every one beneath `read`.
    pub programs: Vec<PathBuf>,
    /// The most processes and threads at once.
    pub processes: u32,
    /// The most that `/tmp` and `/dev/shm` may each hold, in bytes.
    pub tmp_bytes: u64,
    /// The most processor time of each process, in seconds; `None` for no bound.
    pub cpu_seconds: Option<u64>,
    /// Bring loopback up and listen on it; the listener comes out to the gateway.
    pub listen: bool,
}

impl Default for Jail {
    /// No files at all, and the usual limits.
    fn default() -> Self {
        Self {
            read: Vec::new(),
            write: Vec::new(),
            memory_bytes: DEFAULT_MEMORY_BYTES,
            open_files: DEFAULT_OPEN_FILES,
            file_bytes: DEFAULT_FILE_BYTES,
            system: None,
            reduced: false,
        }
    }
}

/// A jail that nothing could live in, or that does not say what it means.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JailError {
    /// A path that depends on where the process stands, or that climbs.
    #[error("`{0}` is not an absolute path without `..`; write the whole path")]
    Path(PathBuf),
    /// Too many paths.
    #[error("a jail of {0} paths; the most is {MAX_PATHS}: grant folders instead of single files")]
    Paths(usize),
    /// Too little memory.
    #[error("{0} bytes of memory are too few for a process; the least is {MIN_MEMORY_BYTES}")]
    Memory(u64),
    /// Too few descriptors.
    #[error("{0} open files are too few for a process; the least is {MIN_OPEN_FILES}")]
    OpenFiles(u64),
}

fn plain(path: &Path) -> bool {
    path.is_absolute() && !path.components().any(|part| part == std::path::Component::ParentDir)
}

impl Jail {
    /// Whether the process gets to open files at all.
    #[must_use]
    pub fn names_files(&self) -> bool {
        !self.read.is_empty() || !self.write.is_empty()
    }

    /// Whether the jail says what it means and a process can live in it.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn check(&self) -> Result<(), JailError> {
        let paths = self.read.len().saturating_add(self.write.len());
        if paths > MAX_PATHS {
            return Err(JailError::Paths(paths));
        }
        if let Some(path) = self.read.iter().chain(&self.write).find(|path| !plain(path)) {
            return Err(JailError::Path(path.clone()));
        }
        if self.memory_bytes < MIN_MEMORY_BYTES {
            return Err(JailError::Memory(self.memory_bytes));
        }
        if self.open_files < MIN_OPEN_FILES {
            return Err(JailError::OpenFiles(self.open_files));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jail_that_means_something_else_is_refused() {
        let with = |path: &str| Jail { read: vec![path.into()], ..Jail::default() };
        assert_eq!(Jail::default().check(), Ok(()));
        assert_eq!(with("/srv/docs").check(), Ok(()));
        assert_eq!(with("docs").check(), Err(JailError::Path("docs".into())));
        assert_eq!(with("/srv/../etc").check(), Err(JailError::Path("/srv/../etc".into())));
        assert!(Jail { memory_bytes: 1, ..Jail::default() }.check().is_err());
        assert!(Jail { open_files: 3, ..Jail::default() }.check().is_err());
        assert!(Jail { write: vec!["/a".into(); MAX_PATHS + 1], ..Jail::default() }.check().is_err());
    }
}
