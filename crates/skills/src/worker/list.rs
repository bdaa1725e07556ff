//! Listing a folder: one line an entry, whatever the entries are called.

use rustix::fs::{Dir, FileType, Mode, OFlags, fstat};
use rustix::io::Errno;

use super::Trouble;
use super::spot::{Spot, open_beneath};
use crate::plain::one_line;
use crate::wire::{FromWorker, Kind, Listed};

/// The most entries of a folder that are listed.
const MAX_ENTRIES: usize = 1000;

/// Lists the folder that `spot` names.
pub(super) fn list(spot: &Spot) -> Result<FromWorker, Trouble> {
    let failed = |errno| Trouble::from_errno(&spot.shown, errno);
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NONBLOCK;
    let folder = open_beneath(&spot.folder, &spot.beneath, flags, Mode::empty()).map_err(failed)?;
    let (mut entries, mut more) = (Vec::new(), false);
    for entry in Dir::read_from(&folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        if name.to_bytes() == b"." || name.to_bytes() == b".." {
            continue;
        }
        if entries.len() == MAX_ENTRIES {
            more = true;
            break;
        }
        let looked = open_beneath(&folder, name, OFlags::PATH | OFlags::NOFOLLOW, Mode::empty());
        let (kind, bytes) = match looked.and_then(fstat) {
            Ok(seen) => (kind(seen.st_mode), u64::try_from(seen.st_size).unwrap_or_default()),
            // Gone since the folder was read: it is simply no longer an entry.
            Err(Errno::NOENT) => continue,
            Err(errno) => return Err(failed(errno)),
        };
        let bytes = if kind == Kind::File { bytes } else { 0 };
        entries.push(Listed { name: one_line(&name.to_string_lossy()), kind, bytes });
    }
    entries.sort();
    Ok(FromWorker::Listing { entries, more })
}

const fn kind(mode: u32) -> Kind {
    match FileType::from_raw_mode(mode) {
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Folder,
        FileType::Symlink => Kind::Link,
        _ => Kind::Other,
    }
}
