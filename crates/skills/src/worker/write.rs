//! Writing a file: whole, or not at all.
//!
//! A file is replaced by a new one beside it that takes its name once it is on the disk, so a reader
//! never sees half a text and a full disk leaves the old one. Appending writes in place and takes
//! back what it could not finish.

use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};

use monitor::Over;
use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, RenameFlags, Stat, fstat, fsync, ftruncate, mkdirat, renameat,
    renameat_with, unlinkat,
};
use rustix::io::Errno;

use super::Trouble;
use super::look::unchanged;
use super::spot::{Spot, kind, open_beneath};
use crate::wire::{FromWorker, Place};

/// The most folders between the granted root and a file.
const MAX_DEPTH: usize = 64;

/// How many names are tried for the new file that a kill may have left behind.
const MAX_TEMPORARY_NAMES: u32 = 64;

/// How often it is looked whether what was opened is what has the name. A look takes the name and the number of names one
/// after the other, so that whoever exchanges the file would have to do so in the middle of each.
const LOOKS: usize = 4;

/// Permissions of a new file, before the umask.
const FILE_MODE: Mode = Mode::from_raw_mode(0o640);

/// Permissions of a new folder, before the umask.
const FOLDER_MODE: Mode = Mode::from_raw_mode(0o750);

/// The part of a mode that a replaced file hands on: no set-user-id or set-group-id.
const KEPT_MODE: u32 = 0o777;

/// Writes `content` to the file at `place`, or behind what it holds.
///
/// # Errors
/// Among others when something else than `over` lies there. What somebody puts there between that last look and the write
/// itself is seen where nothing may be there, and is not where a file is replaced.
pub(super) fn write(
    place: &Place,
    content: &str,
    append: bool,
    over: Option<Over>,
) -> Result<FromWorker, Trouble> {
    let spot = Spot::of(place)?;
    let (folders, name) = match spot.beneath.rsplit_once('/') {
        Some((folders, name)) => (folders, name),
        None => ("", spot.beneath.as_str()),
    };
    if name == "." || name.is_empty() {
        return Err(Trouble::Folder(spot.shown));
    }
    let added = content.len() as u64;
    if added > place.max_bytes {
        return Err(Trouble::TooLarge(spot.shown, place.max_bytes));
    }
    let folder = descend(&spot, folders)?;
    let old = match spot.look(&folder, name) {
        Ok(seen) => Some(own(&spot, seen)?),
        Err(Trouble::Missing(_)) => None,
        Err(trouble) => return Err(trouble),
    };
    let size = match old {
        Some(_) if append => {
            over.map_or(Ok(()), |over| unchanged(&spot, &folder, name, over))?;
            behind(&spot, &folder, name, content, place.max_bytes)?
        }
        old => {
            replace(&spot, &folder, name, content, (old, over))?;
            added
        }
    };
    Ok(FromWorker::Written { size, created: old.is_none() })
}

/// `seen`, when it is a regular file with this one name.
pub(super) fn own(spot: &Spot, seen: Stat) -> Result<Stat, Trouble> {
    match FileType::from_raw_mode(seen.st_mode) {
        FileType::RegularFile if seen.st_nlink > 1 => Err(Trouble::HardLink(spot.shown.clone())),
        FileType::RegularFile => Ok(seen),
        FileType::Directory => Err(Trouble::Folder(spot.shown.clone())),
        other => Err(Trouble::NotPlain(spot.shown.clone(), kind(other))),
    }
}

/// Opens the folder `folders` beneath the root and makes what is missing, one step at a time.
fn descend(spot: &Spot, folders: &str) -> Result<OwnedFd, Trouble> {
    let failed = |errno| Trouble::from_errno(&spot.shown, errno);
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NONBLOCK;
    let mut folder = open_beneath(&spot.folder, ".", flags, Mode::empty()).map_err(failed)?;
    for (depth, part) in folders.split('/').filter(|part| !part.is_empty()).enumerate() {
        if depth == MAX_DEPTH {
            return Err(Trouble::TooDeep(spot.shown.clone()));
        }
        folder = match open_beneath(&folder, part, flags, Mode::empty()) {
            Err(Errno::NOENT) => {
                match mkdirat(&folder, part, FOLDER_MODE) {
                    Ok(()) => fsync(&folder).map_err(failed)?,
                    Err(Errno::EXIST) => {}
                    Err(errno) => return Err(failed(errno)),
                }
                open_beneath(&folder, part, flags, Mode::empty())
            }
            done => done,
        }
        .map_err(failed)?;
    }
    Ok(folder)
}

/// Puts a new file with `content` in the place of `name`.
fn replace(
    spot: &Spot,
    folder: &OwnedFd,
    name: &str,
    content: &str,
    (old, over): (Option<Stat>, Option<Over>),
) -> Result<(), Trouble> {
    let mode = old.map_or(FILE_MODE, |old| Mode::from_raw_mode(old.st_mode & KEPT_MODE));
    let (temporary, file) = temporary(spot, folder, mode)?;
    let failed = |errno| Trouble::from_errno(&spot.shown, errno);
    let written = fill(file, content).map_err(failed).and_then(|()| match over {
        None => renameat(folder, &temporary, folder, name).map_err(failed),
        Some(over) => {
            unchanged(spot, folder, name, over)?;
            renamed_over(spot, folder, &temporary, name, over)
        }
    });
    match written {
        Ok(()) => fsync(folder).map_err(|errno| Trouble::NotConfirmed(spot.shown.clone(), errno)),
        Err(trouble) => match unlinkat(folder, &temporary, AtFlags::empty()) {
            Ok(()) => Err(trouble),
            Err(errno) => Err(Trouble::LeftBehind(spot.shown.clone(), temporary, errno)),
        },
    }
}

/// Gives the new file its name, and where nothing may be there does so only if nothing is.
fn renamed_over(spot: &Spot, folder: &OwnedFd, from: &str, to: &str, over: Over) -> Result<(), Trouble> {
    let flags = match over {
        Over::Nothing => RenameFlags::NOREPLACE,
        Over::Only(_) => RenameFlags::empty(),
    };
    renameat_with(folder, from, folder, to, flags).map_err(|errno| match errno {
        Errno::EXIST => Trouble::Changed(spot.shown.clone()),
        errno => Trouble::from_errno(&spot.shown, errno),
    })
}

/// A new, empty file beside the one that is written. The process id keeps workers apart.
fn temporary(spot: &Spot, folder: impl AsFd, mode: Mode) -> Result<(String, OwnedFd), Trouble> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
    let mut last = Errno::EXIST;
    for count in 0..MAX_TEMPORARY_NAMES {
        let name = format!(".bulkhead-{}-{count}.tmp", std::process::id());
        match open_beneath(&folder, &name, flags, mode) {
            Ok(file) => return Ok((name, file)),
            Err(Errno::EXIST) => last = Errno::EXIST,
            Err(errno) => return Err(Trouble::from_errno(&spot.shown, errno)),
        }
    }
    Err(Trouble::from_errno(&spot.shown, last))
}

fn fill(file: OwnedFd, content: &str) -> Result<(), Errno> {
    let mut file = File::from(file);
    file.write_all(content.as_bytes()).map_err(|error| errno(&error))?;
    fsync(&file)
}

/// Adds `content` behind what the file holds; gives its new size.
fn behind(spot: &Spot, folder: &OwnedFd, name: &str, content: &str, max_bytes: u64) -> Result<u64, Trouble> {
    let failed = |errno| Trouble::from_errno(&spot.shown, errno);
    let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::NONBLOCK | OFlags::NOCTTY;
    let open = open_beneath(folder, name, flags, Mode::empty()).map_err(failed)?;
    let seen = still(spot, folder, name, &open)?;
    let before = u64::try_from(seen.st_size).unwrap_or_default();
    let size = before.saturating_add(content.len() as u64);
    if size > max_bytes {
        return Err(Trouble::TooLarge(spot.shown.clone(), max_bytes));
    }
    let mut file = File::from(open);
    let written =
        file.write_all(content.as_bytes()).map_err(|error| errno(&error)).and_then(|()| fsync(&file));
    match written {
        Ok(()) => Ok(size),
        Err(errno) => match ftruncate(&file, before) {
            Ok(()) => Err(failed(errno)),
            Err(errno) => Err(Trouble::LeftBehind(spot.shown.clone(), spot.shown.clone(), errno)),
        },
    }
}

/// What `open` is, when it is the file that has the name, and has no other. Who exchanges the name right behind the opening
/// leaves what was opened with one name, which is another's.
fn still(spot: &Spot, folder: &OwnedFd, name: &str, open: &OwnedFd) -> Result<Stat, Trouble> {
    let opened = fstat(open).map_err(|errno| Trouble::from_errno(&spot.shown, errno))?;
    for _ in 0..LOOKS {
        let named = own(spot, spot.look(folder, name)?)?;
        if (named.st_dev, named.st_ino) != (opened.st_dev, opened.st_ino) {
            return Err(Trouble::Exchanged(spot.shown.clone()));
        }
    }
    own(spot, opened)
}

/// The error number behind `error`; a write of nothing is an error without one.
fn errno(error: &std::io::Error) -> Errno {
    Errno::from_io_error(error).unwrap_or(Errno::IO)
}
