//! The kernel's folders of groups.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Component, Path, PathBuf};
use std::process;

use rustix::fs::statfs;
use rustix::io::Errno;

/// Where the hierarchy is mounted: alone, or beside those of the first version.
const ROOTS: [&str; 2] = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];

/// `CGROUP2_SUPER_MAGIC` of `linux/magic.h`.
const MAGIC: i64 = 0x6367_7270;

/// The processes of a group, one on each line.
const MEMBERS: &str = "cgroup.procs";

/// How deep groups lie in the gateway's: an owner's, and its leaves.
const DEPTH: u32 = 2;

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
pub(super) fn hands_down(group: &Path, controller: &str) -> bool {
    let file = group.join("cgroup.subtree_control");
    let does = || {
        let named = fs::read_to_string(&file).unwrap_or_default();
        named.split_whitespace().any(|name| name == controller)
    };
    does() || (say(&file, &format!("+{controller}")).is_ok() && does())
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
pub(super) fn remove(group: &Path) {
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

/// Removes what gateways have left that are gone. Nothing in it is ended: it may be of one in another PID
/// namespace, whose processes are not seen here.
pub(super) fn sweep(home: &Path, prefix: &str) {
    for entry in fs::read_dir(home).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let number =
            name.to_str().and_then(|name| name.strip_prefix(prefix)?.split('.').next()?.parse().ok());
        if number.is_some_and(|number: u32| number == process::id() || !lives(number)) {
            remove(&entry.path());
        }
    }
}

fn lives(number: u32) -> bool {
    let pid = rustix::process::Pid::from_raw(number.cast_signed());
    pid.is_some_and(|pid| rustix::process::test_kill_process(pid) != Err(Errno::SRCH))
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
        step_aside(&group, &folder).unwrap();
        let went = own().contains("bulkhead-0/gateway");
        say(&before.unwrap().join(MEMBERS), "0").unwrap();
        remove(&group);
        assert!(stayed && went && !group.exists());
    }

    #[test]
    fn what_dead_gateways_left_is_swept_and_nothing_else() {
        let folder = std::env::temp_dir().join(format!("bulkhead-sweep-{}", process::id()));
        let dead = 0x3fff_ffff_u32;
        let swept = [format!("b-{dead}"), format!("b-{dead}.1"), format!("b-{}", process::id())];
        let kept = ["b-1".into(), "b-x".into(), "b-".into(), dead.to_string()];
        for name in swept.iter().chain(&kept) {
            fs::create_dir_all(folder.join(name).join("owner-0/roles")).unwrap();
        }
        sweep(&folder, "b-");
        assert!(swept.iter().all(|name| !folder.join(name).exists()));
        assert!(kept.iter().all(|name| folder.join(name).exists()));
        fs::remove_dir_all(&folder).unwrap();
    }
}
