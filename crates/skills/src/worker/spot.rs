//! A place held by a directory descriptor, from which nothing but what lies beneath it can be reached.
//!
//! Every open goes through `openat2` with `RESOLVE_BENEATH`, `RESOLVE_NO_SYMLINKS` and
//! `RESOLVE_NO_MAGICLINKS`, so that no `..`, no link and no race with somebody who swaps a folder for a
//! link leads out. The granted root, from `/` on, is opened without links as well: grants, rights and labels were
//! judged by the path as it is written, so a link anywhere in it, the administrator's own too, would make
//! the file another than the one that was judged. Grants name places as they really are.

use std::os::fd::{AsFd, OwnedFd};
use std::path::{Component, Path};

use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags, Stat, fstat, openat2};
use rustix::io::Errno;
use rustix::path::Arg;

use super::Trouble;
use crate::plain::one_line;
use crate::wire::Place;

/// How often an open is tried again when the kernel saw the path change underneath it.
const MAX_TRIES: u32 = 32;

const NO_LINKS: ResolveFlags = ResolveFlags::NO_SYMLINKS.union(ResolveFlags::NO_MAGICLINKS);

/// An open folder, what is looked for beneath it, and how to call that in a message.
pub(super) struct Spot {
    /// The granted folder, or the folder of the granted file.
    pub(super) folder: OwnedFd,
    /// What is looked for, relative to `folder`; never empty.
    pub(super) beneath: String,
    /// The absolute path, safe to show.
    pub(super) shown: String,
}

impl Spot {
    /// Opens the root of `place`.
    pub(super) fn of(place: &Place) -> Result<Self, Trouble> {
        let root = Path::new(&place.root);
        let whole = if place.beneath.is_empty() { root.to_owned() } else { root.join(&place.beneath) };
        let shown = one_line(&whole.to_string_lossy());
        // No grant opens them.
        if sandbox::is_kernels(&whole) {
            return Err(Trouble::NotPlain(shown, "part of the kernel's own file systems"));
        }
        let plain = |path: &Path| path.components().all(|part| matches!(part, Component::Normal(_)));
        if !root.is_absolute() || !plain(Path::new(&place.beneath)) {
            return Err(Trouble::Outside(shown));
        }
        let (folder, beneath) = match (place.beneath.is_empty(), root.parent(), root.file_name()) {
            // The root itself is wanted, and it may be a file: so its folder is what can be held.
            (true, Some(parent), Some(name)) => (parent, name.to_string_lossy().into_owned()),
            (true, ..) => (root, ".".to_owned()),
            (false, ..) => (root, place.beneath.clone()),
        };
        let folder = open_root(folder).map_err(|errno| Trouble::from_errno(&shown, errno))?;
        Ok(Self { folder, beneath, shown })
    }

    /// What is there, without opening it: nothing happens to a pipe or a device that is only looked at.
    pub(super) fn look(&self, folder: impl AsFd, beneath: &str) -> Result<Stat, Trouble> {
        let seen = open_beneath(folder, beneath, OFlags::PATH | OFlags::NOFOLLOW, Mode::empty())
            .and_then(fstat)
            .map_err(|errno| Trouble::from_errno(&self.shown, errno))?;
        match FileType::from_raw_mode(seen.st_mode) {
            FileType::Symlink => Err(Trouble::Link(self.shown.clone())),
            _ => Ok(seen),
        }
    }
}

/// Opens the folder at an absolute path in which no part is a link. There is nothing beside `/` to leave it for.
fn open_root(path: &Path) -> Result<OwnedFd, Errno> {
    let flags = OFlags::PATH | OFlags::DIRECTORY;
    let plain = |part: Component<'_>| matches!(part, Component::RootDir | Component::Normal(_));
    if !path.is_absolute() || !path.components().all(plain) {
        return Err(Errno::XDEV);
    }
    open(CWD, path, flags, Mode::empty(), NO_LINKS)
}

/// Opens `beneath` relative to `folder` and cannot leave it.
pub(super) fn open_beneath(
    folder: impl AsFd,
    beneath: impl Arg + Copy,
    flags: OFlags,
    mode: Mode,
) -> Result<OwnedFd, Errno> {
    open(folder, beneath, flags, mode, NO_LINKS | ResolveFlags::BENEATH)
}

fn open(
    folder: impl AsFd,
    path: impl Arg + Copy,
    flags: OFlags,
    mode: Mode,
    resolve: ResolveFlags,
) -> Result<OwnedFd, Errno> {
    let mut tries = 0;
    loop {
        match openat2(&folder, path, flags | OFlags::CLOEXEC, mode, resolve) {
            Err(Errno::AGAIN | Errno::INTR) if tries < MAX_TRIES => tries += 1,
            done => return done,
        }
    }
}

/// What a file that is neither regular nor a folder is called in a message.
pub(super) const fn kind(file_type: FileType) -> &'static str {
    match file_type {
        FileType::Fifo => "a pipe",
        FileType::Socket => "a socket",
        FileType::CharacterDevice | FileType::BlockDevice => "a device",
        FileType::Symlink => "a symbolic link",
        _ => "not a regular file",
    }
}
