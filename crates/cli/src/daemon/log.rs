//! The gateway's log: a file that never grows beyond a bound.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use tracing_subscriber::filter::LevelFilter;

use crate::failure::Failure;

/// The largest log, in bytes. Beyond it the file becomes `gateway.log.1`, in place of the one before.
pub(crate) const MAX_LOG_BYTES: u64 = 8 * 1024 * 1024;

/// A line that cannot be written would go to standard error, and when that cannot be written either (it is the
/// same file, on the same full disk), the library panics: a turn would end without a word to anybody.
const LOG_ERRORS_OF_THE_LOG: bool = false;

/// A file that is put aside when it is full.
#[derive(Debug)]
struct Log {
    path: PathBuf,
    file: File,
    bytes: u64,
    limit: u64,
}

impl Log {
    fn open(path: &Path, limit: u64) -> io::Result<Self> {
        let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
        let bytes = file.metadata()?.len();
        Ok(Self { path: path.to_owned(), file, bytes, limit })
    }

    fn turn_over(&mut self) -> io::Result<()> {
        let mut aside = self.path.clone().into_os_string();
        aside.push(".1");
        fs::rename(&self.path, aside)?;
        *self = Self::open(&self.path, self.limit)?;
        Ok(())
    }
}

impl Write for Log {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.bytes > 0 && self.bytes + line.len() as u64 > self.limit {
            self.turn_over()?;
        }
        let written = self.file.write(line)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Sends this process's log to `path`.
///
/// # Errors
/// When it cannot be written.
pub(super) fn to_file(path: &Path) -> Result<(), Failure> {
    let log = Log::open(path, MAX_LOG_BYTES).map_err(|error| {
        Failure::unreachable(format!("the log `{}` cannot be written: {error}", path.display()))
    })?;
    tracing_subscriber::fmt()
        .with_max_level(LevelFilter::INFO)
        .with_ansi(false)
        .log_internal_errors(LOG_ERRORS_OF_THE_LOG)
        .with_writer(Mutex::new(log))
        .try_init()
        .map_err(|error| Failure::internal(format!("the log cannot be begun: {error}")))
}

/// Sends this process's log to standard error.
///
/// # Errors
/// When there is a log already.
pub(super) fn to_terminal() -> Result<(), Failure> {
    tracing_subscriber::fmt()
        .with_max_level(LevelFilter::INFO)
        .with_ansi(false)
        .log_internal_errors(LOG_ERRORS_OF_THE_LOG)
        .with_writer(io::stderr)
        .try_init()
        .map_err(|error| Failure::internal(format!("the log cannot be begun: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_log_is_put_aside_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gateway.log");
        let mut log = Log::open(&path, 100).unwrap();
        for n in 0..50 {
            writeln!(log, "line {n:03} {}", "x".repeat(20)).unwrap();
        }
        let size = |path: &Path| fs::metadata(path).unwrap().len();
        assert!(size(&path) <= 100 && size(&folder.path().join("gateway.log.1")) <= 100);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
        assert!(fs::read_to_string(&path).unwrap().contains("line 049"));
    }
}
