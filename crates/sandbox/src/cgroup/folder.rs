//! The kernel's folders of groups.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};
use std::process;

use rustix::fs::{FlockOperation, Mode, OFlags, flock, openat, statfs};

/// Where the hierarchy is mounted: alone, or beside those of the first version.
const ROOTS: [&str; 2] = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];

/// `CGROUP2_SUPER_MAGIC` of `linux/magic.h`.
const MAGIC: i64 = 0x6367_7270;

/// The processes of a group, one on each line.
const MEMBERS: &str = "cgroup.procs";

/// How deep groups lie in the gateway's: an owner's, and its leaves.
const DEPTH: u32 = 2;

/// A group that this process made and holds locked. Its lock says that it is in use to whoever cannot see this process;
/// it ends with the process.
#[derive(Debug)]
pub(super) struct Held {
    folder: PathBuf,
    lock: File,
}

impl Held {
    /// Makes a group and locks it.
    ///
    /// # Errors
    /// `AlreadyExists` when somebody else has made it, or took it for left behind before it was locked.
    pub(super) fn new(folder: &Path) -> io::Result<Self> {
        fs::create_dir(folder)?;
        let theirs = |_| io::Error::from(io::ErrorKind::AlreadyExists);
        let held = lock(folder).map_err(theirs).map(|lock| Self { folder: folder.into(), lock })?;
        if held.stands() { Ok(held) } else { Err(io::ErrorKind::AlreadyExists.into()) }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether what lies at its path is still the group that is locked.
    pub(super) fn stands(&self) -> bool {
        let there = fs::metadata(&self.folder).map(|data| (data.dev(), data.ino()));
        let held = self.lock.metadata().map(|data| (data.dev(), data.ino()));
        matches!((there, held), (Ok(there), Ok(held)) if there == held)
    }

    /// Writes to a file in it; not to one in a group that somebody else has made at its path since.
    pub(super) fn say(&self, file: &Path, what: &str) -> io::Result<()> {
        let flags = OFlags::WRONLY | OFlags::CLOEXEC;
        File::from(openat(&self.lock, file, flags, Mode::empty())?).write_all(what.as_bytes())
    }

    /// Removes a group in it, or itself by an empty path, with those below it, as far as nothing lives there.
    pub(super) fn remove(&self, group: &Path) {
        if self.stands() {
            remove(&self.folder.join(group));
        }
    }
}

/// Locks a folder that nobody has locked.
fn lock(folder: &Path) -> io::Result<File> {
    let file = File::open(folder)?;
    flock(&file, FlockOperation::NonBlockingLockExclusive)?;
    Ok(file)
}

/// Makes a group in one that is there, unless it is there too.
pub(super) fn make(group: &Path) -> io::Result<()> {
    match fs::create_dir(group) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}

/// The group that this process lies in.
pub(super) fn home() -> io::Result<PathBuf> {
    let own = fs::read_to_string("/proc/self/cgroup")?;
    let own = own.lines().find_map(|line| line.strip_prefix("0::/"));
    let own = Path::new(own.ok_or_else(|| io::Error::other("this process is in no group of version 2"))?);
    let root = ROOTS.iter().map(Path::new).find(|root| statfs(*root).is_ok_and(|seen| seen.f_type == MAGIC));
    let root = root.ok_or_else(|| {
        io::Error::other(format!("no hierarchy of version 2 is mounted at `{}`", ROOTS.join("` or `")))
    })?;
    let below = own.components().all(|part| matches!(part, Component::Normal(_)));
    let home = root.join(own);
    // What is mounted may begin at this process's group.
    Ok(if below && home.is_dir() { home } else { root.into() })
}

/// Writes to a file of the kernel's, which is there or not.
pub(super) fn say(file: &Path, what: &str) -> io::Result<()> {
    OpenOptions::new().write(true).open(file)?.write_all(what.as_bytes())
}

/// Whether a group's controller bounds the groups in it; has it do so if it can be had.
///
/// A group that has processes is not asked: it would hand down what counts threads (`pids`), and no group in it could
/// hold a process any more ("domain threaded", cgroups(7)). The first of all, which has no type, may have both.
pub(super) fn hands_down(group: &Path, controller: &str) -> bool {
    let file = group.join("cgroup.subtree_control");
    let does = || {
        let named = fs::read_to_string(&file).unwrap_or_default();
        named.split_whitespace().any(|name| name == controller)
    };
    let empty = || fs::read_to_string(group.join(MEMBERS)).is_ok_and(|members| members.trim().is_empty());
    let may = || !group.join("cgroup.type").exists() || empty();
    does() || (may() && say(&file, &format!("+{controller}")).is_ok() && does())
}

/// Whether a group has a controller that it could hand down.
pub(super) fn offers(group: &Path, controller: &str) -> bool {
    let offered = fs::read_to_string(group.join("cgroup.controllers")).unwrap_or_default();
    offered.split_whitespace().any(|name| name == controller)
}

/// Moves this process from `home` into a leaf of its own in `folder`, if nothing else lies in `home`. The leaf
/// stays until a later gateway sweeps it.
pub(super) fn step_aside(home: &Path, folder: &Path) -> io::Result<()> {
    let there = fs::read_to_string(home.join(MEMBERS))?;
    if there.trim() == process::id().to_string() {
        let leaf = folder.join("gateway");
        fs::create_dir(&leaf)?;
        // 0 is whoever writes.
        say(&leaf.join(MEMBERS), "0")?;
    }
    Ok(())
}

/// Removes a group and those in it, as far as nothing lives there.
fn remove(group: &Path) {
    remove_below(group, DEPTH);
}

fn remove_below(group: &Path, depth: u32) {
    // Mostly there is nothing in it.
    if fs::remove_dir(group).is_ok() || depth == 0 {
        return;
    }
    let inside = fs::read_dir(group).into_iter().flatten().flatten();
    for inner in inside.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
        remove_below(&inner.path(), depth.saturating_sub(1));
    }
    // One that something lives in stays, and is found by the next gateway.
    fs::remove_dir(group).unwrap_or_default();
}

/// Removes what gateways have left that are gone: nobody holds it. Nothing in it is ended.
pub(super) fn sweep(home: &Path, prefix: &str) {
    for entry in fs::read_dir(home).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let number =
            name.to_str().and_then(|name| name.strip_prefix(prefix)?.split('.').next()?.parse::<u32>().ok());
        if number.is_some()
            && let Ok(_locked) = lock(&entry.path())
        {
            remove(&entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// This process's group, as the kernel says.
    fn own() -> String {
        fs::read_to_string("/proc/self/cgroup").unwrap()
    }

    #[test]
    fn who_is_alone_steps_aside_and_who_is_not_stays() {
        let before = home();
        let Some(group) = before.as_ref().ok().map(|home| home.join(format!("test-{}", process::id())))
        else {
            return eprintln!("SKIPPED: stepping aside, because there is no cgroup v2: {before:?}");
        };
        if let Err(error) = fs::create_dir(&group) {
            return eprintln!("SKIPPED: stepping aside, because no group can be made: {error}");
        }
        let folder = group.join("bulkhead-0");
        fs::create_dir(&folder).unwrap();
        say(&group.join(MEMBERS), "0").unwrap();
        let mut other = process::Command::new("sleep").arg("1000").spawn().unwrap();
        step_aside(&group, &folder).unwrap();
        let stayed = !own().contains("bulkhead-0");
        other.kill().unwrap();
        other.wait().unwrap();
        // Another test's child is of this group, too, until it has ended.
        let soon = |holds: &dyn Fn() -> bool| {
            (0..5000).any(|_| {
                let holds = holds();
                std::thread::sleep(std::time::Duration::from_millis(if holds { 0 } else { 2 }));
                holds
            })
        };
        let went = soon(&|| {
            step_aside(&group, &folder).unwrap();
            own().contains("bulkhead-0/gateway")
        });
        say(&before.unwrap().join(MEMBERS), "0").unwrap();
        let gone = soon(&|| {
            remove(&group);
            !group.exists()
        });
        assert!(stayed && went && gone);
    }

    #[test]
    fn what_dead_gateways_left_is_swept_and_nothing_else() {
        let folder = std::env::temp_dir().join(format!("bulkhead-sweep-{}", process::id()));
        fs::create_dir_all(&folder).unwrap();
        // The number says nothing: another PID namespace may have the same one.
        let held = Held::new(&folder.join(format!("b-{}", process::id()))).unwrap();
        let swept = ["b-1".to_owned(), "b-1.1".into(), format!("b-{}.1", process::id())];
        let kept = ["b-x".into(), "b-".into(), "1".into(), format!("b-{}", process::id())];
        for name in swept.iter().chain(&kept) {
            fs::create_dir_all(folder.join(name).join("owner-0/roles")).unwrap();
        }
        sweep(&folder, "b-");
        assert!(swept.iter().all(|name| !folder.join(name).exists()));
        assert!(kept.iter().all(|name| folder.join(name).exists()));
        drop(held);
        // Another test's child has a copy of the lock until it has become its program.
        let gone = (0..1000).any(|_| {
            sweep(&folder, "b-");
            std::thread::sleep(std::time::Duration::from_millis(2));
            !folder.join(&kept[3]).exists()
        });
        assert!(gone);
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_group_that_was_taken_away_and_made_again_is_no_longer_held() {
        let folder = std::env::temp_dir().join(format!("bulkhead-held-{}", process::id()));
        let held = Held::new(&folder).unwrap();
        assert!(held.stands());
        assert_eq!(Held::new(&folder).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        fs::remove_dir(&folder).unwrap();
        assert!(!held.stands());
        let others = Held::new(&folder).unwrap();
        assert!(others.stands() && !held.stands());
        fs::create_dir(folder.join("echo-0")).unwrap();
        fs::write(folder.join("echo-0/cgroup.kill"), "").unwrap();
        let file = Path::new("echo-0/cgroup.kill");
        assert!(held.say(file, "1").is_err() && others.say(file, "1").is_ok());
        held.remove("echo-0".as_ref());
        assert!(folder.join("echo-0").exists());
        fs::remove_file(folder.join("echo-0/cgroup.kill")).unwrap();
        others.remove("echo-0".as_ref());
        assert!(!folder.join("echo-0").exists());
        fs::remove_dir(&folder).unwrap();
    }
}
