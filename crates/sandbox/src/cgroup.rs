//! Groups of processes that the kernel bounds and ends as one (cgroup v2), where the gateway may have them.
//!
//! Below the gateway's own group lies `bulkhead-PID`, in it one group for each owner, and in that one leaf for
//! the roles that the owner has and one for each guest, which bounds the guest as a whole. Nothing depends on
//! them: where they cannot be had, pidfds, PID namespaces and limits of each process do what they did.

mod folder;

use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use rustix::fs::{Mode, OFlags, open};

use self::folder::Held;
use crate::Jail;

/// What the gateway's own group is called, before its number.
const PREFIX: &str = "bulkhead-";

/// The controllers that bound a guest.
const CONTROLLERS: [&str; 2] = ["memory", "pids"];

/// Ends every process of a group and of those below it (Linux 5.14).
const KILL: &str = "cgroup.kill";

/// How much of an owner's name its group's name has, in characters.
const MAX_NAME: usize = 64;

/// How many gateways of the same number, in PID namespaces of their own, may share a hierarchy.
const MAX_NAMESAKES: u32 = 16;

/// How often a group is looked for that nobody takes away meanwhile.
const MAX_TRIES: u32 = 3;

/// Tells groups apart whose owners' names look alike.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// Every group of this gateway. They are gone when it is dropped.
#[derive(Debug)]
pub(crate) struct Groups {
    /// Where they lie.
    home: PathBuf,
    own: Mutex<Own>,
}

/// The group of this gateway: nobody else uses it or takes it away as long as it is held.
#[derive(Debug, Clone)]
struct Own {
    held: Arc<Held>,
    controllers: Vec<&'static str>,
}

impl Groups {
    /// Those of this process, made when they are first asked for.
    ///
    /// # Errors
    /// Why there are none.
    pub(crate) fn shared() -> io::Result<Arc<Self>> {
        static SHARED: Mutex<Weak<Groups>> = Mutex::new(Weak::new());
        static HOME: OnceLock<PathBuf> = OnceLock::new();
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(groups) = shared.upgrade() {
            return Ok(groups);
        }
        let home = match HOME.get() {
            Some(home) => home,
            // Remembered, since this process may come to lie deeper.
            None => HOME.get_or_init(|| folder::home().unwrap_or_default()),
        };
        if home.as_os_str().is_empty() {
            return folder::home().and_then(|_| Err(io::ErrorKind::NotFound.into()));
        }
        let groups = Arc::new(Self { home: home.clone(), own: Mutex::new(Own::make(home)?) });
        *shared = Arc::downgrade(&groups);
        Ok(groups)
    }

    /// The group of this gateway, made anew if it was taken away since.
    fn own(&self) -> io::Result<Own> {
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        if !own.held.stands() {
            *own = Own::make(&self.home)?;
        }
        Ok(own.clone())
    }

    /// The group of this gateway, which may have been taken away since.
    fn held(&self) -> Arc<Held> {
        Arc::clone(&self.own.lock().unwrap_or_else(PoisonError::into_inner).held)
    }

    /// Whether each guest's leaf has a bound on how many processes there are.
    pub(crate) fn bounds_processes(&self) -> bool {
        self.own.lock().unwrap_or_else(PoisonError::into_inner).controllers.contains(&"pids")
    }

    /// What it does, in words.
    pub(crate) fn told(&self) -> String {
        let own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        match own.controllers.as_slice() {
            [] => "owners end as one; guests are not bounded as a whole, since the group hands down no controllers".into(),
            some => format!("owners end as one; guests are bounded as a whole by {}", some.join(" and ")),
        }
    }

    /// Removes what is empty.
    pub(crate) fn tidy(&self) {
        self.held().remove("".as_ref());
    }
}

impl Own {
    fn make(home: &Path) -> io::Result<Self> {
        folder::sweep(home, PREFIX);
        let held = Arc::new(Self::take(home)?);
        if !held.folder().join(KILL).exists() {
            return Err(io::Error::other("this kernel's groups cannot be ended as one"));
        }
        let offered: Vec<_> = CONTROLLERS.into_iter().filter(|name| folder::offers(home, name)).collect();
        if !offered.iter().all(|name| folder::hands_down(home, name)) {
            // A group with processes hands nothing down. Where this is the only one, it can go.
            folder::step_aside(home, held.folder())?;
        }
        let has = |name: &&str| folder::hands_down(home, name) && folder::hands_down(held.folder(), name);
        let controllers = offered.into_iter().filter(has).collect();
        Ok(Self { held, controllers })
    }

    /// A new group that is nobody else's: gateways in PID namespaces of their own may have the same number.
    fn take(home: &Path) -> io::Result<Held> {
        let name = |copy| match copy {
            0 => home.join(format!("{PREFIX}{}", process::id())),
            copy => home.join(format!("{PREFIX}{}.{copy}", process::id())),
        };
        let mut taken = Err(io::ErrorKind::AlreadyExists.into());
        for folder in (0..MAX_TRIES).flat_map(|_| (0..MAX_NAMESAKES).map(name)) {
            taken = Held::new(&folder);
            if !matches!(&taken, Err(error) if error.kind() == io::ErrorKind::AlreadyExists) {
                break;
            }
        }
        taken.map_err(|error| io::Error::other(format!("`{}`: {error}", home.display())))
    }
}

impl Drop for Groups {
    fn drop(&mut self) {
        self.tidy();
    }
}

/// What bounds a guest as a whole.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    processes: u64,
    memory_bytes: u64,
}

impl Bounds {
    /// Those of a guest's jail; `None` for a role's.
    pub(crate) fn of(jail: &Jail) -> Option<Self> {
        let system = jail.system.as_ref()?;
        Some(Self {
            // Its first process is one more.
            processes: u64::from(system.processes).saturating_add(1),
            // What lies in `/tmp` counts too.
            memory_bytes: jail.memory_bytes.saturating_add(system.tmp_bytes),
        })
    }

    /// Has a controller bound a guest's leaf.
    fn lay(&self, leaf: &Path, controller: &str) -> io::Result<()> {
        if controller != "memory" {
            return folder::say(&leaf.join("pids.max"), &self.processes.to_string());
        }
        folder::say(&leaf.join("memory.max"), &self.memory_bytes.to_string())?;
        // What is over the bound would be put aside to disk, as much of it as there is room for. A kernel without swap has
        // no such file.
        let swap = leaf.join("memory.swap.max");
        if swap.exists() { folder::say(&swap, "0") } else { Ok(()) }
    }
}

/// The group of one owner.
#[derive(Debug)]
pub(crate) struct Group {
    groups: Arc<Groups>,
    name: String,
}

impl Group {
    pub(crate) fn new(groups: Arc<Groups>, owner: &str) -> Self {
        let plain = |sign: char| if sign.is_ascii_alphanumeric() { sign } else { '_' };
        let name: String = owner.chars().take(MAX_NAME).map(plain).collect();
        Self { groups, name: format!("{name}-{}", NEXT.fetch_add(1, Ordering::Relaxed)) }
    }

    /// A place for a new process: the one of all roles, or one of its own for a guest.
    pub(crate) fn leaf(&self, guest: Option<&Bounds>) -> io::Result<Leaf> {
        let own = self.groups.own()?;
        let folder = own.held.folder().join(&self.name);
        // Only in the group that is held: one that is made by its path alone may be another gateway's.
        folder::make(&folder)?;
        for name in &own.controllers {
            folder::hands_down(&folder, name);
        }
        let name = match guest {
            None => "roles".into(),
            Some(_) => format!("guest-{}", NEXT.fetch_add(1, Ordering::Relaxed)),
        };
        let path = folder.join(name);
        folder::make(&path)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let descriptor = open(&path, flags, Mode::empty())?;
        let place = guest.map(|_| Place(path.clone()));
        if let Some(bounds) = guest {
            for name in &own.controllers {
                bounds.lay(&path, name)?;
            }
        }
        Ok(Leaf { descriptor, place })
    }

    /// Sends SIGKILL to every process in it, those included that nobody here knows of.
    pub(crate) fn kill(&self) {
        // Without processes it is not there; those that are, are struck one by one besides.
        self.groups.held().say(&Path::new(&self.name).join(KILL), "1").unwrap_or_default();
    }

    /// Removes it, if it is empty. Nobody may start a process in it meanwhile.
    pub(crate) fn tidy(&self) {
        self.groups.held().remove(self.name.as_ref());
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.tidy();
    }
}

/// Where a process is to be born.
#[derive(Debug)]
pub(crate) struct Leaf {
    descriptor: OwnedFd,
    place: Option<Place>,
}

/// The leaf of one guest. It is removed when this is dropped.
#[derive(Debug)]
pub(crate) struct Place(PathBuf);

impl Leaf {
    /// What is to be kept while the process is there, without a descriptor.
    pub(crate) fn settled(self) -> Option<Place> {
        self.place
    }
}

impl AsFd for Leaf {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // What cannot be removed yet goes with its owner's.
        fs::remove_dir(&self.0).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::System;

    #[test]
    fn a_guest_is_bounded_with_all_that_it_starts_and_a_role_is_not() {
        let system = System {
            read: vec![],
            programs: vec![],
            processes: 7,
            tmp_bytes: 1 << 20,
            cpu_seconds: None,
            listen: false,
        };
        let jail = Jail { memory_bytes: 16 << 20, system: Some(system), ..Jail::default() };
        let bounds = Bounds::of(&jail).unwrap();
        assert_eq!((bounds.processes, bounds.memory_bytes), (8, 17 << 20));
        assert!(Bounds::of(&Jail::default()).is_none());
    }
}
