//! Lines at the end of a file. It is opened anew for each batch, so that a file that was moved away by a rotation is
//! let go of.

use std::fs::OpenOptions;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::SendError;
use crate::format::{self, Format};

/// Who may read what was exported: its owner, until that one says otherwise.
const MODE: u32 = 0o600;

/// A file that grows.
pub(crate) struct File {
    path: PathBuf,
    format: Format,
}

impl File {
    pub(crate) const fn new(path: PathBuf, format: Format) -> Self {
        Self { path, format }
    }

    /// Adds the lines and comes back when they are on the disk.
    pub(crate) async fn send(&self, pieces: &[Vec<u8>]) -> Result<(), SendError> {
        let (path, format) = (self.path.clone(), self.format);
        let mut bytes = Vec::with_capacity(pieces.iter().map(|piece| piece.len() + 1).sum());
        for piece in pieces {
            bytes.extend_from_slice(piece);
            bytes.push(b'\n');
        }
        let shown = self.path.display().to_string();
        let failed = |why: String| SendError::File { path: shown.clone(), why };
        match tokio::task::spawn_blocking(move || append(&path, format, &bytes)).await {
            Ok(done) => done.map_err(|error| failed(error.to_string())),
            Err(error) => Err(failed(error.to_string())),
        }
    }
}

fn append(path: &Path, format: Format, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = OpenOptions::new().read(true).append(true).create(true).mode(MODE).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(std::io::Error::new(std::io::ErrorKind::InvalidInput, "it is not a plain file"));
    }
    let length = file.seek(SeekFrom::End(0))?;
    let mut head = Vec::new();
    if length == 0 && format == Format::Csv {
        format::csv_header(&mut head).map_err(|error| std::io::Error::other(error.to_string()))?;
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
    if written.is_err() {
        // Where even that is refused, the next batch ends the line that was left.
        drop(file.set_len(length));
    }
    written
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
        assert!(append(Path::new("/dev/full"), Format::Jsonl, b"x").is_err());
    }
}
