//! Processes made ahead: in their jails, whole and enforced, waiting for the first word.
//!
//! Building a jail is what a start costs; a spare has that behind it. It is for one owner, one role and one
//! jail with the very folders that were there when it was built. Whoever takes it is the only one who ever
//! does. While it waits it is the first that the kernel ends when memory is short.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, fstat, openat2};
use tokio::net::UnixStream;
use tokio::runtime::{Handle, Id};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::owner::Lease;
use crate::{Child, Jail, Layer};

/// The most processes that wait at once. Those that have waited longest give way to new ones.
pub const MAX_SPARES: usize = 32;

/// How willingly the kernel ends a waiting process when memory is short (`oom_score_adj`): before all others.
pub const SPARE_OOM_SCORE: i32 = 1000;

/// By how much it is more willing to end a process in use than the gateway, which must be there to stop it.
pub const JAILED_OOM_SCORE: i32 = 500;

/// The gateway's own score.
const OWN_SCORE: &str = "/proc/self/oom_score_adj";

/// How long a score is in the kernel's words, in bytes: a sign, four digits and the end of a line.
const SCORE_BYTES: usize = 6;

/// For whom, as what and in which jail a process runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) owner: String,
    pub(crate) role: String,
    pub(crate) jail: Jail,
    /// Device and inode of every granted path, as of now. A folder that was replaced is another one.
    granted: Vec<Option<(u64, u64)>>,
}

impl Key {
    pub(crate) fn of(owner: &str, role: &str, jail: &Jail) -> Self {
        let system = jail.system.iter().flat_map(|system| system.read.iter().chain(&system.programs));
        let granted = jail.read.iter().chain(&jail.write).chain(system).map(identity).collect();
        Self { owner: owner.into(), role: role.into(), jail: jail.clone(), granted }
    }
}

fn identity(path: &PathBuf) -> Option<(u64, u64)> {
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let found = openat2(CWD, path, flags, Mode::empty(), ResolveFlags::empty()).ok()?;
    fstat(found).ok().map(|seen| (seen.st_dev, seen.st_ino))
}

#[derive(Debug)]
struct Spare {
    key: Key,
    /// `None` while it is being made.
    child: Option<Shelved>,
}

/// Every spare of a roster, oldest first.
#[derive(Debug)]
pub(crate) struct Spares {
    shelf: Arc<Shelf>,
    places: Arc<Semaphore>,
}

type Shelf = Mutex<Vec<Spare>>;

impl Default for Spares {
    fn default() -> Self {
        Self { shelf: Arc::default(), places: Arc::new(Semaphore::new(MAX_SPARES)) }
    }
}

fn lock(shelf: &Shelf) -> MutexGuard<'_, Vec<Spare>> {
    shelf.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A place on the shelf that is empty again when this is dropped.
#[derive(Debug)]
pub(crate) struct Making {
    shelf: Arc<Shelf>,
    key: Key,
}

impl Making {
    /// Puts a spare on the shelf, unless its place was cleared meanwhile.
    pub(crate) fn done(self, child: Shelved) {
        if let Some(spare) = lock(&self.shelf).iter_mut().find(|spare| spare.key == self.key) {
            spare.child = Some(child);
        }
    }
}

impl Drop for Making {
    fn drop(&mut self) {
        lock(&self.shelf).retain(|spare| spare.key != self.key || spare.child.is_some());
    }
}

impl Spares {
    /// Takes the spare for `key`, if there is one.
    pub(crate) fn take(&self, key: &Key) -> Option<Shelved> {
        let mut shelf = lock(&self.shelf);
        let at = shelf.iter().position(|spare| spare.child.is_some() && spare.key == *key)?;
        shelf.remove(at).child
    }

    /// Reserves a place for a further spare, unless there is one for `key`, on its way or on the shelf. The
    /// oldest makes room.
    pub(crate) fn make(&self, key: &Key) -> Option<(Making, OwnedSemaphorePermit)> {
        let mut shelf = lock(&self.shelf);
        if shelf.iter().any(|spare| spare.key == *key) {
            return None;
        }
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            // Its place is free once it has been buried; the next start finds it.
            if let Some(at) = shelf.iter().position(|spare| spare.child.is_some()) {
                drop(shelf.remove(at));
            }
            return None;
        };
        shelf.push(Spare { key: key.clone(), child: None });
        Some((Making { shelf: Arc::clone(&self.shelf), key: key.clone() }, place))
    }

    /// Drops every spare that is meant.
    pub(crate) fn forget(&self, meant: impl Fn(&Key) -> bool) {
        lock(&self.shelf).retain(|spare| !meant(&spare.key));
    }
}

/// A process that waits.
#[derive(Debug)]
pub(crate) struct Shelved {
    pub(crate) lease: Lease,
    pub(crate) stream: UnixStream,
    /// The runtime that the socket is on, which may end before.
    pub(crate) runtime: Id,
    pub(crate) layers: Vec<Layer>,
    /// How willingly the kernel ends it, opened ahead.
    pub(crate) score: Score,
}

impl Shelved {
    /// Whether it lives and its owner was not stopped since it was asked for. Makes it a process like any
    /// other in use to the kernel.
    pub(crate) fn fits(&self) -> bool {
        let alive = self.lease.stopped().is_none() && self.lease.process().lives();
        alive && self.score.give_way()
    }

    /// Puts it on the caller's runtime. What it no longer needs comes beside it, to be closed when there is time.
    pub(crate) fn take(self) -> io::Result<(Child, Score)> {
        let stream = if Handle::current().id() == self.runtime {
            self.stream
        } else {
            UnixStream::from_std(self.stream.into_std()?)?
        };
        Ok((Child::with(self.lease, stream).with_layers(self.layers), self.score))
    }
}

/// How willingly the kernel ends a process when memory is short: a file, if it could be opened.
#[derive(Debug)]
pub(crate) struct Score(Option<File>);

impl Score {
    /// That of a process, and of no other that may get its number.
    pub(crate) fn of(lease: &Lease) -> Self {
        let open = |pid| File::options().write(true).open(format!("/proc/{pid}/oom_score_adj")).ok();
        Self(lease.process().by_number(open).flatten())
    }

    /// Lets the kernel end it first when memory is short. Where that cannot be had it waits all the same.
    pub(crate) fn set_aside(&self) {
        self.write(SPARE_OOM_SCORE);
    }

    /// Lets the kernel end it before the gateway when memory is short. Says whether that could be had.
    pub(crate) fn give_way(&self) -> bool {
        own().is_some_and(|own| self.write(own.saturating_add(JAILED_OOM_SCORE).min(SPARE_OOM_SCORE)))
    }

    fn write(&self, score: i32) -> bool {
        self.0.as_ref().is_some_and(|mut file| file.write_all(score.to_string().as_bytes()).is_ok())
    }
}

/// The gateway's own score, as of now.
fn own() -> Option<i32> {
    static OWN: OnceLock<Option<File>> = OnceLock::new();
    let file = OWN.get_or_init(|| File::open(OWN_SCORE).ok()).as_ref()?;
    let mut text = [0; SCORE_BYTES];
    let bytes = file.read_at(&mut text, 0).ok()?;
    std::str::from_utf8(text.get(..bytes)?).ok()?.trim().parse().ok()
}
