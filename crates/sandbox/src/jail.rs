//! What a jailed process is, and what it may have.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use vocab::limits::DEFAULT_MEMORY_BYTES;

/// The least memory in which a jailed program starts at all, in bytes.
pub const MIN_MEMORY_BYTES: u64 = 16 * 1024 * 1024;

/// The fewest descriptors with which a jailed program works: three standard ones, its socket, a folder
/// and a file, and two to spare.
pub const MIN_OPEN_FILES: u64 = 8;

/// The fewest processes of a foreign program: itself.
pub const MIN_PROCESSES: u64 = 1;

/// The least that `/tmp` and `/dev/shm` hold, in bytes: one page.
pub const MIN_TMP_BYTES: u64 = 4096;

/// The least processor time, in seconds.
pub const MIN_CPU_SECONDS: u64 = 1;

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
    /// Folders and files of the machine that it may read beside `/usr` and its like, absolute: an
    /// interpreter or a library that lies elsewhere.
    pub read: Vec<PathBuf>,
    /// Programs that it may start, absolute, or folders of such; empty: every one that it sees. A program of
    /// these may still do whatever code it can read tells it, so an interpreter is as good as every program.
    pub programs: Vec<PathBuf>,
    /// The most processes and threads at once. For the machine's root, whose processes Linux does not
    /// count, it is 300 more.
    pub processes: u32,
    /// The most that `/tmp` and `/dev/shm` may hold together, in bytes.
    pub tmp_bytes: u64,
    /// The most processor time of each process, in seconds; `None` for no bound.
    pub cpu_seconds: Option<u64>,
    /// Bring loopback up and listen on 127.0.0.1:[`crate::GUEST_PORT`]; the listener comes out through
    /// [`crate::Guest::take_listener`].
    pub listen: bool,
}

impl System {
    fn check(&self) -> Result<(), JailError> {
        let room = [
            (u64::from(self.processes), "processes", MIN_PROCESSES),
            // None would mean no bound to the kernel.
            (self.tmp_bytes, "bytes of `/tmp`", MIN_TMP_BYTES),
            (self.cpu_seconds.unwrap_or(MIN_CPU_SECONDS), "seconds of processor time", MIN_CPU_SECONDS),
        ];
        match room.into_iter().find(|(given, _, least)| given < least) {
            Some((given, what, least)) => Err(JailError::Room(given, what, least)),
            None => Ok(()),
        }
    }
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
    /// A path that is the kernel's and no file of anybody's.
    #[error(
        "`{0}` cannot be granted, since what lies in `/proc` and `/sys` is this machine itself; grant a folder or a file of a disk"
    )]
    Kernel(PathBuf),
    /// A path that has no form in text.
    #[error("`{}` cannot be granted, since its name is not UTF-8; rename it, or grant the folder that it lies in", .0.display())]
    Text(PathBuf),
    /// Too many paths.
    #[error("a jail of {0} paths; the most is {MAX_PATHS}: grant folders instead of single files")]
    Paths(usize),
    /// A foreign program's jail without what such a program needs.
    #[error("a program that is not Bulkhead's own needs `system` in its jail: libraries, limits")]
    System,
    /// A bound under which nothing starts.
    #[error("{0} {1} are too few for a program; the least is {2}")]
    Room(u64, &'static str, u64),
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

/// What the kernel shows of the machine and of every process.
const KERNELS: [&str; 2] = ["/proc", "/sys"];

/// Whether a path is one of the kernel's own: files there look plain and are doors to the machine.
#[must_use]
pub fn is_kernels(path: &Path) -> bool {
    KERNELS.iter().any(|kernels| path.starts_with(kernels))
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
        let system = || self.system.iter().flat_map(|system| system.read.iter().chain(&system.programs));
        let named = || self.read.iter().chain(&self.write).chain(system());
        let paths = named().count();
        if paths > MAX_PATHS {
            return Err(JailError::Paths(paths));
        }
        if let Some(path) = named().find(|path| !plain(path)) {
            return Err(JailError::Path(path.clone()));
        }
        if let Some(path) = named().find(|path| path.to_str().is_none()) {
            return Err(JailError::Text(path.clone()));
        }
        if let Some(path) = named().find(|path| is_kernels(path)) {
            return Err(JailError::Kernel(path.clone()));
        }
        if self.memory_bytes < MIN_MEMORY_BYTES {
            return Err(JailError::Memory(self.memory_bytes));
        }
        if self.open_files < MIN_OPEN_FILES {
            return Err(JailError::OpenFiles(self.open_files));
        }
        self.system.as_ref().map_or(Ok(()), System::check)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    fn foreign() -> System {
        System {
            read: vec![],
            programs: vec![],
            processes: 1,
            tmp_bytes: MIN_TMP_BYTES,
            cpu_seconds: None,
            listen: false,
        }
    }

    #[test]
    fn a_jail_that_means_something_else_is_refused() {
        let with = |path: &str| Jail { read: vec![path.into()], ..Jail::default() };
        assert_eq!(Jail::default().check(), Ok(()));
        assert_eq!(with("/srv/docs").check(), Ok(()));
        assert_eq!(with("docs").check(), Err(JailError::Path("docs".into())));
        assert_eq!(with("/srv/../etc").check(), Err(JailError::Path("/srv/../etc".into())));
        for path in ["/proc", "/proc/self/mem", "/sys/", "/sys/../sys", "//proc/1"] {
            let refused = with(path).check();
            let expected = if path.contains("..") {
                JailError::Path(path.into())
            } else {
                JailError::Kernel(path.into())
            };
            assert_eq!(refused, Err(expected), "{path}");
        }
        assert_eq!(with("/process").check(), Ok(()));
        let name = std::ffi::OsStr::from_bytes(b"/srv/\xff");
        let system = System { read: vec![name.into()], ..foreign() };
        for jail in [
            Jail { write: vec![name.into()], ..Jail::default() },
            Jail { system: Some(system), ..Jail::default() },
        ] {
            let refused = jail.check();
            assert_eq!(refused, Err(JailError::Text(name.into())));
            assert!(refused.unwrap_err().to_string().contains("is not UTF-8"));
        }
        let system = System { programs: vec!["/proc/self/exe".into()], ..foreign() };
        let jail = Jail { system: Some(system), ..Jail::default() };
        assert_eq!(jail.check(), Err(JailError::Kernel("/proc/self/exe".into())));
        assert!(Jail { memory_bytes: 1, ..Jail::default() }.check().is_err());
        assert!(Jail { open_files: 3, ..Jail::default() }.check().is_err());
        assert!(Jail { write: vec!["/a".into(); MAX_PATHS + 1], ..Jail::default() }.check().is_err());
    }
}
