//! Lines at the end of a file. It is opened anew for each batch, so that a file that was moved away by a rotation is
//! let go of.

use std::fs::{OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::task::JoinHandle;

use super::SendError;
use crate::format::{self, Format};

/// Who may read what was exported: its owner, until that one says otherwise.
const MODE: u32 = 0o600;

/// How long a batch may take to be on the disk. A disk that hangs, as one behind a network may, keeps it longer; then it
/// is waited for again, and nothing else is begun meanwhile.
const WRITE_TIME: Duration = Duration::from_secs(10);

/// A file that grows.
pub(crate) struct File {
    path: PathBuf,
    format: Format,
    /// The one writing that is under way. No more are begun beside it: each holds a thread until the disk answers.
    writing: Option<JoinHandle<io::Result<()>>>,
}

impl File {
    pub(crate) const fn new(path: PathBuf, format: Format) -> Self {
        Self { path, format, writing: None }
    }

    /// Adds the lines and comes back when they are on the disk. After [`SendError::Slow`] the lines must be the same
    /// again: how the writing of them ended is what the next call gives.
    pub(crate) async fn send(&mut self, pieces: &[Vec<u8>]) -> Result<(), SendError> {
        let (path, format) = (&self.path, self.format);
        let writing = self.writing.get_or_insert_with(|| begin(path.clone(), format, pieces));
        let Ok(ended) = tokio::time::timeout(WRITE_TIME, writing).await else {
            let to = format!("`{}`", path.display());
            return Err(SendError::Slow { to, seconds: WRITE_TIME.as_secs() });
        };
        self.writing = None;
        let done = ended.unwrap_or_else(|error| Err(io::Error::other(error)));
        done.map_err(|why| SendError::File { path: self.path.display().to_string(), why: why.to_string() })
    }
}

/// Begins to add the lines.
fn begin(path: PathBuf, format: Format, pieces: &[Vec<u8>]) -> JoinHandle<io::Result<()>> {
    let mut bytes = Vec::with_capacity(pieces.iter().map(|piece| piece.len() + 1).sum());
    for piece in pieces {
        bytes.extend_from_slice(piece);
        bytes.push(b'\n');
    }
    tokio::task::spawn_blocking(move || append(&path, format, &bytes))
}

fn append(path: &Path, format: Format, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().read(true).append(true).create(true).mode(MODE).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a plain file"));
    }
    // Held until it is closed: cutting off what did not fit must not take what another has written meanwhile.
    file.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => {
            io::Error::new(io::ErrorKind::WouldBlock, "another export, or another program, has it locked")
        }
        TryLockError::Error(error) => error,
    })?;
    let length = file.seek(SeekFrom::End(0))?;
    let mut head = Vec::new();
    if length == 0 && format == Format::Csv {
        format::csv_header(&mut head).map_err(|error| io::Error::other(error.to_string()))?;
    }
    if length > 0 {
        // What a crash or a full disk left of a line stays one bad line, and takes no good one with it.
        file.seek(SeekFrom::End(-1))?;
        let mut last = [0];
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            head.push(b'\n');
        }
    }
    head.extend_from_slice(bytes);
    let written = file.write_all(&head).and_then(|()| file.sync_data());
    // A new name is on the disk when its folder is.
    let written = written.and_then(|()| if length == 0 { sync_folder(path) } else { Ok(()) });
    if written.is_err() {
        // Where even that is refused, the next batch ends the line that was left.
        drop(file.set_len(length));
    }
    written
}

fn sync_folder(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |folder| std::fs::File::open(folder)?.sync_all())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_was_cut_off_spoils_no_other_and_csv_has_its_names_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.csv");
        append(&path, Format::Csv, b"1\n").unwrap();
        append(&path, Format::Csv, b"2\n3").unwrap();
        append(&path, Format::Csv, b"3\n").unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let (names, rest) = text.split_once('\n').unwrap();
        assert!(names.starts_with("seq,time,kind,"), "{names}");
        assert_eq!(rest, "1\n2\n3\n3\n");
        // Where it was moved away, a new one begins.
        std::fs::rename(&path, folder.path().join("out.csv.1")).unwrap();
        append(&path, Format::Csv, b"4\n").unwrap();
        assert!(std::fs::read_to_string(&path).unwrap().ends_with("hash\n4\n"));
        assert!(append(folder.path(), Format::Jsonl, b"x").is_err());
        let device = append(Path::new("/dev/full"), Format::Jsonl, b"x").unwrap_err();
        assert_eq!(device.to_string(), "it is not a plain file");
    }

    #[test]
    fn a_file_that_another_is_writing_is_left_alone_until_it_is_free() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.jsonl");
        append(&path, Format::Jsonl, b"1\n").unwrap();
        let other = std::fs::File::open(&path).unwrap();
        other.lock().unwrap();
        let busy = append(&path, Format::Jsonl, b"2\n").unwrap_err();
        assert_eq!(busy.kind(), io::ErrorKind::WouldBlock);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "1\n");
        drop(other);
        append(&path, Format::Jsonl, b"2\n").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "1\n2\n");
    }
}
