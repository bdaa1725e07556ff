//! Which file a command is. Looking is the caller's: nothing here does any I/O.

use std::path::PathBuf;

/// Where the machine's programs lie.
pub trait Programs: std::fmt::Debug + Send + Sync {
    /// The program that `command` names: a bare name among the machine's programs, or an absolute path.
    ///
    /// # Errors
    /// Why there is none, in one sentence for the model.
    fn find(&self, command: &str) -> Result<Found, String>;
}

/// A program of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Where it was found, absolute; it may be a link.
    pub path: PathBuf,
    /// Its own file, absolute, every link followed.
    pub file: PathBuf,
}

/// A machine without programs.
impl Programs for () {
    fn find(&self, _: &str) -> Result<Found, String> {
        Err("there are no programs here".to_owned())
    }
}
