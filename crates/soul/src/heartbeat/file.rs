//! Writing the file so that a reader never sees half of it.

use std::fs::{File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// Readable by everybody who may enter the agent's folder, as the file's readers are often scripts.
const MODE: u32 = 0o644;

/// Writes `text` to `path`: a new file in the same folder, synced, then renamed over the old one.
///
/// # Errors
/// When the folder is missing or not writable, or the disk is full; the old file is then untouched.
pub fn write_atomically(path: &Path, text: &str) -> io::Result<()> {
    put(path, text, MODE)
}

/// Writes `text` in place of the file that `path` leads to, as [`write_atomically`] does, with the rights that it has.
///
/// # Errors
/// As there, and when there is no file.
pub fn replace(path: &Path, text: &str) -> io::Result<()> {
    let path = path.canonicalize()?;
    let mode = path.metadata()?.permissions().mode() & 0o777;
    put(&path, text, mode)
}

fn put(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut file = tempfile::Builder::new()
        .prefix(".written-")
        .permissions(Permissions::from_mode(mode))
        .tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    // The rename itself must outlive a power cut.
    File::open(folder)?.sync_all()
}
