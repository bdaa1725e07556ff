//! Which documents a collection has: every text file beneath its folder that can be named.

use std::ffi::CStr;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{Dir, FileType, Mode, OFlags, fstat};
use vocab::collection;

use super::{DocumentsError, MAX_COLLECTION_BYTES, MAX_DOCUMENTS, MAX_ENTRIES, MAX_FILE_BYTES, Until};
use crate::plain::one_line;
use crate::wire::LeftOut;
use crate::worker::spot::open_beneath;

/// After how many entries the time is looked at.
const ENTRIES_AT_ONCE: usize = 1024;

/// The documents by name, sorted, and what is none.
pub(super) struct Gathered {
    pub(super) names: Vec<String>,
    pub(super) left_out: LeftOut,
}

/// Looks through `folder` and all folders in it.
pub(super) fn names(folder: &OwnedFd, until: Until) -> Result<Gathered, DocumentsError> {
    let mut walk =
        Walk { names: Vec::new(), folders: vec![String::new()], left_out: LeftOut::default(), bytes: 0 };
    let mut entries = 0_usize;
    while let Some(at) = walk.folders.pop() {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NONBLOCK;
        let path = if at.is_empty() { "." } else { at.as_str() };
        let opened = open_beneath(folder, path, flags, Mode::empty());
        let Ok(listing) = opened.as_ref().map_err(|errno| *errno).and_then(Dir::read_from) else {
            // Not for this gateway's user, or another thing since it was seen.
            walk.left_out.closed = walk.left_out.closed.saturating_add(1);
            continue;
        };
        for entry in listing {
            let Ok(entry) = entry else {
                walk.left_out.closed = walk.left_out.closed.saturating_add(1);
                break;
            };
            if matches!(entry.file_name().to_bytes(), b"." | b"..") {
                continue;
            }
            entries = entries.saturating_add(1);
            if entries > MAX_ENTRIES {
                return Err(DocumentsError::ManyEntries);
            }
            if entries.is_multiple_of(ENTRIES_AT_ONCE) {
                until.check()?;
            }
            walk.take(folder, &at, entry.file_name(), entry.file_type())?;
        }
    }
    walk.names.sort();
    Ok(Gathered { names: walk.names, left_out: walk.left_out })
}

struct Walk {
    names: Vec<String>,
    /// Still to be looked through.
    folders: Vec<String>,
    left_out: LeftOut,
    /// Of the documents so far.
    bytes: u64,
}

impl Walk {
    fn take(
        &mut self,
        folder: &OwnedFd,
        at: &str,
        name: &CStr,
        kind: FileType,
    ) -> Result<(), DocumentsError> {
        let LeftOut { other, names, not_plain, large, closed, .. } = &mut self.left_out;
        let count = |counter: &mut u32| *counter = counter.saturating_add(1);
        // What could not be named in an answer as it is could not be asked for either.
        let named = name.to_str().ok().filter(|name| !name.starts_with('.') && one_line(name) == **name);
        let Some(name) = named else {
            count(names);
            return Ok(());
        };
        let path = if at.is_empty() { name.to_owned() } else { format!("{at}/{name}") };
        if path.len() > collection::MAX_DOCUMENT_NAME_BYTES {
            count(names);
            return Ok(());
        }
        let kind = match kind {
            // Some file systems do not say it in the listing.
            FileType::Unknown => look(folder, &path).map_or(FileType::Unknown, |(kind, _)| kind),
            known => known,
        };
        match kind {
            FileType::Directory => self.folders.push(path),
            FileType::RegularFile if collection::document(&path).is_err() => count(other),
            FileType::RegularFile => match look(folder, &path) {
                Some((FileType::RegularFile, bytes)) if bytes <= MAX_FILE_BYTES => {
                    self.bytes = self.bytes.saturating_add(bytes);
                    self.names.push(path);
                }
                Some((FileType::RegularFile, _)) => count(large),
                Some(_) => count(not_plain),
                None => count(closed),
            },
            FileType::Unknown => count(closed),
            _ => count(not_plain),
        }
        if self.names.len() > MAX_DOCUMENTS {
            return Err(DocumentsError::ManyDocuments);
        }
        if self.bytes > MAX_COLLECTION_BYTES {
            return Err(DocumentsError::ManyBytes);
        }
        Ok(())
    }
}

/// What lies there and how large it is, without opening it.
fn look(folder: impl AsFd, path: &str) -> Option<(FileType, u64)> {
    let seen =
        open_beneath(folder, path, OFlags::PATH | OFlags::NOFOLLOW, Mode::empty()).and_then(fstat).ok()?;
    Some((FileType::from_raw_mode(seen.st_mode), u64::try_from(seen.st_size).unwrap_or(u64::MAX)))
}
