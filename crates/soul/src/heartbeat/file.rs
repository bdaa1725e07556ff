//! Writing the file so that a reader never sees half of it.

use std::fs::{File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// Readable by everybody who may enter the agent's folder, as the file's readers are often scripts.
const MODE: u32 = 0o644;

/// How the draft of a heartbeat begins that is not in its place yet.
const DRAFT: &str = ".heartbeat-";

/// Writes `text` to `path`: a new file in the same folder, synced, then renamed over the old one.
///
/// # Errors
/// When the folder is missing or not writable, or the disk is full; the old file is then untouched.
pub fn write_atomically(path: &Path, text: &str) -> io::Result<()> {
    put(path, text, MODE, DRAFT)
}

/// Removes drafts that whoever wrote them left in `folder` when the machine or the program ended: they have the words that a
/// heartbeat had. Nobody may be writing one there.
///
/// # Errors
/// When the folder cannot be read, or a draft in it not be removed. A folder that is not there has none.
pub fn remove_drafts(folder: &Path) -> io::Result<()> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_name().to_str().is_some_and(|name| name.starts_with(DRAFT)) {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Writes `text` in place of the file that `path` leads to, as [`write_atomically`] does, with the rights that it has.
///
/// # Errors
/// As there, and when there is no file.
pub fn replace(path: &Path, text: &str) -> io::Result<()> {
    let path = path.canonicalize()?;
    let mode = path.metadata()?.permissions().mode() & 0o777;
    put(&path, text, mode, ".written-")
}

fn put(path: &Path, text: &str, mode: u32, prefix: &str) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut file = tempfile::Builder::new()
        .prefix(prefix)
        .permissions(Permissions::from_mode(mode))
        .tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    // The rename itself must outlive a power cut.
    File::open(folder)?.sync_all()
}
