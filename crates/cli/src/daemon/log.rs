//! The gateway's log: a file that never grows beyond a bound.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tracing_subscriber::filter::LevelFilter;
use vocab::Timestamp;

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
        fs::rename(&self.path, aside(&self.path))?;
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

/// The log's files, with the one that this process writes if it does.
#[derive(Debug, Clone)]
pub(crate) struct Logs {
    path: PathBuf,
    open: Option<Shared>,
}

/// The log of this process, for its lines and for [`Logs`].
#[derive(Debug, Clone)]
struct Shared(Arc<Mutex<Log>>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Log> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for Shared {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.lock().write(line)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.lock().flush()
    }
}

impl turn::Traces for Logs {
    fn forget(&self, until: Timestamp) -> Result<(), String> {
        // Held for as long as the files change, so that no line goes to one that is gone.
        let mut open = self.open.as_ref().map(Shared::lock);
        for path in [aside(&self.path), self.path.clone()] {
            forget(&path, until)
                .map_err(|why| format!("`{}` still has lines from before: {why}", path.display()))?;
        }
        if let Some(log) = &mut open {
            let (path, limit) = (log.path.clone(), log.limit);
            **log = Log::open(&path, limit).map_err(|why| format!("`{}`: {why}", path.display()))?;
        }
        Ok(())
    }
}

/// Takes the lines out of a log that were written at `until` or before. What stands in it is overwritten.
fn forget(path: &Path, until: Timestamp) -> io::Result<()> {
    let text = match fs::read(path) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let kept = after(&text, until);
    if kept.len() == text.len() {
        return Ok(());
    }
    let new = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(kept.as_bytes())?;
    file.sync_all()?;
    let mut old = OpenOptions::new().write(true).open(path)?;
    old.write_all(&vec![0; text.len()])?;
    old.sync_all()?;
    fs::rename(&new, path)
}

/// The lines that were written after `until`. One without a time belongs to the one before it.
fn after(text: &str, until: Timestamp) -> String {
    let mut keep = false;
    let mut kept = String::new();
    for line in text.split_inclusive('\n') {
        let time = line.split_whitespace().next().and_then(|word| word.parse::<Timestamp>().ok());
        keep = time.map_or(keep, |time| time > until);
        if keep {
            kept.push_str(line);
        }
    }
    kept
}

/// Where a full log is put.
fn aside(path: &Path) -> PathBuf {
    let mut aside = path.as_os_str().to_owned();
    aside.push(".1");
    aside.into()
}

/// Sends this process's log to `path`.
///
/// # Errors
/// When it cannot be written.
pub(super) fn to_file(path: &Path) -> Result<Logs, Failure> {
    let log = Log::open(path, MAX_LOG_BYTES).map_err(|error| {
        Failure::unreachable(format!("the log `{}` cannot be written: {error}", path.display()))
    })?;
    let (log, shared) = (Shared(Arc::new(Mutex::new(log))), path.to_owned());
    let open = Some(log.clone());
    tracing_subscriber::fmt()
        .with_max_level(LevelFilter::INFO)
        .with_ansi(false)
        .log_internal_errors(LOG_ERRORS_OF_THE_LOG)
        .with_writer(move || log.clone())
        .try_init()
        .map_err(|error| Failure::internal(format!("the log cannot be begun: {error}")))?;
    Ok(Logs { path: shared, open })
}

/// Sends this process's log to standard error; what other processes wrote to `path` is there all the same.
///
/// # Errors
/// When there is a log already.
pub(super) fn to_terminal(path: &Path) -> Result<Logs, Failure> {
    tracing_subscriber::fmt()
        .with_max_level(LevelFilter::INFO)
        .with_ansi(false)
        .log_internal_errors(LOG_ERRORS_OF_THE_LOG)
        .with_writer(io::stderr)
        .try_init()
        .map_err(|error| Failure::internal(format!("the log cannot be begun: {error}")))?;
    Ok(Logs { path: path.to_owned(), open: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_forgotten_is_gone_from_both_files_and_writing_goes_on() {
        use turn::Traces as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gateway.log");
        fs::write(aside(&path), "2026-01-01T00:00:00Z  INFO old words\n").unwrap();
        fs::write(&path, "2026-01-02T00:00:00Z  WARN more\n words below it\n2026-01-03T00:00:00.5Z  INFO kept\n its tail\n")
            .unwrap();
        let log = Shared(Arc::new(Mutex::new(Log::open(&path, 1_000).unwrap())));
        let logs = Logs { path: path.clone(), open: Some(log.clone()) };
        logs.forget("2026-01-02T12:00:00Z".parse().unwrap()).unwrap();
        writeln!(log.clone(), "2026-01-04T00:00:00Z  INFO new").unwrap();
        assert_eq!(fs::read_to_string(aside(&path)).unwrap(), "");
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text, "2026-01-03T00:00:00.5Z  INFO kept\n its tail\n2026-01-04T00:00:00Z  INFO new\n");
        assert_eq!(log.lock().bytes, text.len() as u64);
        logs.forget(Timestamp::MAX).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "");
        fs::remove_file(&path).unwrap();
        logs.forget(Timestamp::MAX).unwrap();
    }

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
