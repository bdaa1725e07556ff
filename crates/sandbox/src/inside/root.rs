//! A root of one's own: a small tree in memory with the granted paths in their places and nothing else.
//!
//! Each granted path is mounted where it is outside, with what lies mounted beneath it: without devices and
//! set-user-ID programs, read-only unless it may be written. Then the tree becomes the root, the machine's
//! is cut off, and the tree itself takes no further entry. What is mounted outside from then on does not
//! appear here.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

use libc::{MOUNT_ATTR_NODEV, MOUNT_ATTR_NOEXEC, MOUNT_ATTR_NOSUID, MOUNT_ATTR_RDONLY};
use rustix::fs::{
    CWD, FileType, Mode, OFlags, ResolveFlags, fchmod, fstat, mkdirat, openat, openat2, symlinkat,
};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags,
    UnmountFlags, fsconfig_create, fsconfig_set_string, fsmount, fsopen, mount_change, move_mount, open_tree,
    unmount,
};
use rustix::process::{chdir, fchdir, pivot_root};

use super::files::mistaken;
use super::{Baggage, Laid, LayerError, system};
use crate::Jail;

/// The most that the tree itself may hold, in bytes: it has folders and empty files only.
const TREE_BYTES: &str = "1m";

/// The most folders and files that lead to the granted paths.
const TREE_ENTRIES: &str = "16384";

/// How a granted path is mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mount {
    /// Where it is, outside and inside.
    pub(crate) path: PathBuf,
    /// Whether it can be written to.
    pub(crate) writable: bool,
    /// Whether programs on it can be started.
    pub(crate) executable: bool,
}

/// Which mounts a jail needs, those above before those beneath. What an earlier one shows already, with the
/// same rights or more, needs none; Landlock still tells reading from writing.
pub(crate) fn mounts(jail: &Jail) -> Vec<Mount> {
    let mount = |writable| {
        move |path: &PathBuf| Mount {
            path: path.components().collect(),
            writable,
            // Where only some programs may be started, none lies among the granted files.
            executable: jail.system.as_ref().is_some_and(|system| system.programs.is_empty()),
        }
    };
    let mut all: Vec<Mount> =
        jail.write.iter().map(mount(true)).chain(jail.read.iter().map(mount(false))).collect();
    // Of two for one path the writable one stays in front.
    all.sort_by(|one, other| one.path.cmp(&other.path).then(other.writable.cmp(&one.writable)));
    let mut kept: Vec<Mount> = Vec::new();
    for mount in all {
        let shown = kept
            .iter()
            .rfind(|above| mount.path.starts_with(&above.path))
            .is_some_and(|above| above.writable || !mount.writable);
        if !shown {
            kept.push(mount);
        }
    }
    kept
}

/// A root that is being built, and the machine's.
#[derive(Debug)]
pub(crate) struct Tree {
    machine: OwnedFd,
    root: OwnedFd,
}

/// Gives this process a root of its own.
pub(crate) fn own(jail: &Jail, baggage: &Baggage) -> Laid {
    let mounts = mounts(jail);
    if let Some(everything) =
        mounts.first().filter(|mount| jail.system.is_some() && mount.path == Path::new("/"))
    {
        return Err(mistaken(
            &everything.path,
            "a program of somebody else's gets folders, not the whole machine",
        ));
    }
    let tree = Tree::plant(&mounts)?;
    if let Some(system) = &jail.system {
        let filled = system::fill(&tree, system)?;
        baggage.processes_bounded.set(baggage.processes_bounded.get() || filled.processes_bounded);
    }
    mounts.iter().try_for_each(|mount| tree.graft(mount))?;
    tree.enter()?;
    Ok(format!("{} paths mounted, nothing else is there", mounts.len()))
}

impl Tree {
    /// Lays the tree over the machine's root, without entering it.
    pub(crate) fn plant(mounts: &[Mount]) -> Result<Self, LayerError> {
        let machine = openat(CWD, "/", OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        // From here on nothing that is mounted in either world appears in the other.
        mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)
            .map_err(lacking("/"))?;
        let root = match mounts.first().filter(|mount| mount.path == Path::new("/")) {
            Some(everything) => copy(&machine, everything)?,
            None => empty()?,
        };
        move_mount(&root, "", CWD, "/", MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH).map_err(lacking("/"))?;
        Ok(Self { machine, root })
    }

    /// Puts a path of the machine in its place.
    pub(crate) fn graft(&self, mount: &Mount) -> Result<(), LayerError> {
        let Some((parents, name)) = place(&mount.path) else {
            return Ok(());
        };
        let found = self.find(&mount.path)?;
        let folder = parents.into_iter().try_fold(self.root.try_clone()?, |at, name| below(&at, name))?;
        let at = match FileType::from_raw_mode(fstat(&found)?.st_mode) {
            FileType::Directory => below(&folder, name)?,
            FileType::RegularFile => file(&folder, name)?,
            _ => return Err(mistaken(&mount.path, "it is neither a folder nor a plain file")),
        };
        let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
        let copy = copy(&found, mount)?;
        move_mount(&copy, "", &at, "", flags).map_err(lacking(&mount.path))
    }

    fn find(&self, path: &Path) -> Result<OwnedFd, LayerError> {
        let beneath = path.strip_prefix("/").unwrap_or(path);
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        // A link on the way would let whoever may change it choose what is granted.
        openat2(&self.machine, beneath, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS).map_err(|error| {
            match error {
                Errno::LOOP => {
                    mistaken(path, "it is a link or lies behind one; grant what the link leads to")
                }
                other => mistaken(path, &other.to_string()),
            }
        })
    }

    /// Makes the tree the root, and cuts the machine's off.
    pub(crate) fn enter(self) -> Result<(), LayerError> {
        let Self { machine, root } = self;
        drop(machine);
        set(&root, MOUNT_ATTR_RDONLY, false).map_err(lacking("/"))?;
        fchdir(&root)?;
        // The new root on the old one, and the old one then on top: it is what `.` leads to.
        pivot_root(".", ".").map_err(lacking("/"))?;
        unmount(".", UnmountFlags::DETACH).map_err(lacking("/"))?;
        Ok(chdir("/")?)
    }
}

/// What a guest's root has besides.
impl Tree {
    /// Mounts `source`, a path of the machine without links, at `target`: a folder, a file or a device.
    pub(super) fn show(&self, source: &Path, target: &Path, rights: u64) -> Result<(), LayerError> {
        let found = self.find(source)?;
        let folder = FileType::from_raw_mode(fstat(&found)?.st_mode) == FileType::Directory;
        let copy = clone(&found, source)?;
        set(&copy, rights, true).map_err(lacking(source))?;
        self.mount(&copy, target, folder)
    }

    /// Mounts a folder that is nowhere else yet.
    pub(super) fn attach(&self, mount: &OwnedFd, target: &Path) -> Result<(), LayerError> {
        self.mount(mount, target, true)
    }

    /// Hides what is at `target`: behind an empty folder, or a file that nothing can be read from.
    pub(super) fn cover(&self, target: &Path, folder: bool) -> Result<(), LayerError> {
        if !folder {
            let rights = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_RDONLY;
            return self.show(Path::new("/dev/null"), target, rights);
        }
        let cover = empty()?;
        set(&cover, MOUNT_ATTR_RDONLY, false).map_err(lacking(target))?;
        self.attach(&cover, target)
    }

    /// Makes a link that says `text`. One that is there already stays.
    pub(super) fn link(&self, at: &Path, text: &Path) -> Result<(), LayerError> {
        let Some((folder, name)) = self.parent(at)? else {
            return Ok(());
        };
        match symlinkat(text, &folder, name) {
            Ok(()) | Err(Errno::EXIST) => Ok(()),
            Err(error) => Err(lacking(at)(error)),
        }
    }

    /// Makes a small file.
    pub(super) fn write(&self, at: &Path, text: &str) -> Result<(), LayerError> {
        let Some((folder, name)) = self.parent(at)? else {
            return Ok(());
        };
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
        let file = openat(&folder, name, flags, Mode::from_raw_mode(0o644)).map_err(lacking(at))?;
        Ok(File::from(file).write_all(text.as_bytes())?)
    }

    fn mount(&self, mount: &OwnedFd, target: &Path, folder: bool) -> Result<(), LayerError> {
        let Some((parent, name)) = self.parent(target)? else {
            return Ok(());
        };
        let at = if folder { below(&parent, name)? } else { file(&parent, name)? };
        let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
        move_mount(mount, "", &at, "", flags).map_err(lacking(target))
    }

    fn parent<'a>(&self, path: &'a Path) -> Result<Option<(OwnedFd, &'a OsStr)>, LayerError> {
        let Some((parents, name)) = place(path) else {
            return Ok(None);
        };
        let parent = parents.into_iter().try_fold(self.root.try_clone()?, |at, name| below(&at, name))?;
        Ok(Some((parent, name)))
    }
}

/// A new file system of a kind, not yet anywhere, with `rights` (`MOUNT_ATTR_*`).
pub(super) fn fresh(kind: &str, options: &[(&str, &str)], rights: u64) -> Result<OwnedFd, Errno> {
    let made = fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC)?;
    for (key, value) in options {
        fsconfig_set_string(&made, *key, *value)?;
    }
    fsconfig_create(&made)?;
    let rights = MountAttrFlags::from_bits_retain(u32::try_from(rights).unwrap_or(u32::MAX));
    fsmount(&made, FsMountFlags::FSMOUNT_CLOEXEC, rights)
}

/// A new folder of a file system, as a mount of its own that is not yet anywhere, for everyone to write to.
pub(super) fn part(whole: &OwnedFd, name: &str, rights: u64) -> Result<OwnedFd, LayerError> {
    let folder = below(whole, OsStr::new(name))?;
    let open = openat(whole, name, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    fchmod(&open, Mode::from_raw_mode(0o1777))?;
    let copy = clone(&folder, Path::new(name))?;
    set(&copy, rights, false).map_err(lacking(name))?;
    Ok(copy)
}

/// Takes a mount away from where it is. What was cloned from it stays.
pub(super) fn take_away(mount: &OwnedFd) -> Result<(), LayerError> {
    fchdir(mount)?;
    unmount(".", UnmountFlags::DETACH).map_err(lacking("."))
}

/// The folders on the way to a path, and its last part. Nothing for `/`.
fn place(path: &Path) -> Option<(Vec<&OsStr>, &OsStr)> {
    let mut parts: Vec<&OsStr> = path
        .components()
        .filter_map(|part| match part {
            Component::Normal(name) => Some(name),
            _ => None,
        })
        .collect();
    let name = parts.pop()?;
    Some((parts, name))
}

pub(super) fn empty() -> Result<OwnedFd, LayerError> {
    let options = [("size", TREE_BYTES), ("nr_inodes", TREE_ENTRIES), ("mode", "755")];
    let rights = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
    fresh("tmpfs", &options, rights).map_err(lacking("tmpfs"))
}

/// A mount of what `found` leads to, with all that is mounted beneath, not yet anywhere.
fn copy(found: &OwnedFd, mount: &Mount) -> Result<OwnedFd, LayerError> {
    let copy = clone(found, &mount.path)?;
    let mut rights = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
    if !mount.writable {
        rights |= MOUNT_ATTR_RDONLY;
    }
    if !mount.executable {
        rights |= MOUNT_ATTR_NOEXEC;
    }
    set(&copy, rights, true).map_err(lacking(&mount.path))?;
    Ok(copy)
}

fn clone(found: &OwnedFd, path: &Path) -> Result<OwnedFd, LayerError> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_EMPTY_PATH
        | OpenTreeFlags::AT_RECURSIVE;
    open_tree(found, "", flags).map_err(lacking(path))
}

/// The folder `name`, made when it is not there.
fn below(folder: &OwnedFd, name: &OsStr) -> Result<OwnedFd, LayerError> {
    match mkdirat(folder, name, Mode::from_raw_mode(0o755)) {
        // Within a granted path it is there, or the grant is mistaken; nothing is made there.
        Ok(()) | Err(Errno::EXIST | Errno::ROFS) => {}
        Err(error) => return Err(lacking(name)(error)),
    }
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::DIRECTORY | OFlags::CLOEXEC;
    openat(folder, name, flags, Mode::empty()).map_err(lacking(name))
}

/// The file `name`, made when it is not there.
fn file(folder: &OwnedFd, name: &OsStr) -> Result<OwnedFd, LayerError> {
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
    match openat(folder, name, flags, Mode::from_raw_mode(0o644)) {
        Ok(_) | Err(Errno::EXIST | Errno::ROFS) => {}
        Err(error) => return Err(lacking(name)(error)),
    }
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(folder, name, flags, Mode::empty()).map_err(lacking(name))
}

/// Adds to what a mount forbids (`MOUNT_ATTR_*`), and to all beneath it if `whole`.
pub(super) fn set(mount: &OwnedFd, rights: u64, whole: bool) -> Result<(), Errno> {
    let attributes = libc::mount_attr { attr_set: rights, attr_clr: 0, propagation: 0, userns_fd: 0 };
    let flags = libc::AT_EMPTY_PATH | if whole { libc::AT_RECURSIVE } else { 0 };
    #[expect(unsafe_code, reason = "no safe call sets a mount's attributes")]
    // SAFETY: the path is an empty string and the attributes are a struct of the size that is named; both
    // outlive the call, which writes to neither.
    let set = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_fd().as_raw_fd(),
            c"".as_ptr(),
            flags,
            &raw const attributes,
            size_of::<libc::mount_attr>(),
        )
    };
    if set == 0 {
        return Ok(());
    }
    Err(Errno::from_io_error(&io::Error::last_os_error()).unwrap_or(Errno::IO))
}

/// Says where it was that the kernel refused.
pub(super) fn lacking<P: AsRef<Path> + ?Sized>(at: &P) -> impl Fn(Errno) -> LayerError {
    move |error| LayerError::Lacking(format!("`{}` cannot be mounted: {error}", at.as_ref().display()))
}
