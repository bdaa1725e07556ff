//! What the kernel says of processes, from `/proc`.

use std::fs;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};

/// A jailed process of a gateway.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Jailed {
    /// Its number.
    pub pid: u32,
    /// `agent` or `worker`.
    pub role: String,
}

/// Whether a process runs; one that is dead and waits for its parent does not. One whose first thread is dead and whose
/// others are about to be still holds its files and their locks.
#[must_use]
pub fn lives(pid: u32) -> bool {
    let runs = |state: String| !state.starts_with(['Z', 'X']);
    status(pid, "State").is_some_and(runs) || status(pid, "Threads").is_some_and(|threads| threads != "1")
}

/// A line of `/proc/PID/status`.
#[must_use]
pub fn status(pid: u32, name: &str) -> Option<String> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    Some(line.trim().to_owned())
}

/// The jailed processes in use whose parent is `gateway`.
#[must_use]
pub fn jailed(gateway: u32) -> Vec<Jailed> {
    let parent = gateway.to_string();
    let mut found: Vec<Jailed> = everyone()
        .filter(|pid| lives(*pid) && status(*pid, "PPid").as_deref() == Some(parent.as_str()))
        .filter(|pid| !waits(*pid))
        .filter_map(|pid| Some(Jailed { pid, role: role(pid)? }))
        .collect();
    found.sort();
    found
}

/// Every process that `gateway` keeps: its spawner, and whatever is jailed, in use or made ahead.
#[must_use]
pub fn kept(gateway: u32) -> Vec<Jailed> {
    let parent = gateway.to_string();
    let of = |pid: &u32| lives(*pid) && status(*pid, "PPid").as_deref() == Some(parent.as_str());
    let mut found: Vec<Jailed> =
        everyone().filter(of).filter_map(|pid| Some(Jailed { pid, role: status(pid, "Name")? })).collect();
    found.sort();
    found
}

/// Whether a process was made ahead and has had nothing to do yet.
fn waits(pid: u32) -> bool {
    let score = fs::read_to_string(format!("/proc/{pid}/oom_score_adj")).unwrap_or_default();
    score.trim() == sandbox::SPARE_OOM_SCORE.to_string()
}

/// What a process is, when it is one of ours that is jailed: it has the spawner's line of arguments and
/// its role for a name.
fn role(pid: u32) -> Option<String> {
    let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let ours = line.split(|byte| *byte == 0).any(|word| word == b"__spawner");
    status(pid, "Name").filter(|name| ours && name != "spawner")
}

fn everyone() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").unwrap();
    entries.filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok())
}

/// Where a link in `/proc/PID` leads.
#[must_use]
pub fn link(pid: u32, name: &str) -> PathBuf {
    fs::read_link(format!("/proc/{pid}/{name}")).unwrap()
}

/// Where a process's descriptors lead, by number.
#[must_use]
pub fn descriptors(pid: u32) -> Vec<(u32, String)> {
    let mut found: Vec<(u32, String)> = fs::read_dir(format!("/proc/{pid}/fd"))
        .unwrap()
        .filter_map(|entry| {
            let path = entry.unwrap().path();
            let number = path.file_name()?.to_str()?.parse().ok()?;
            Some((number, fs::read_link(&path).ok()?.to_string_lossy().into_owned()))
        })
        .collect();
    found.sort();
    found
}

/// Copies of every socket that a process has open, so that they stay open when it is gone; nothing where the
/// kernel does not let this process look into that one.
#[must_use]
pub fn sockets_of(pid: u32) -> Option<Vec<OwnedFd>> {
    let raw = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    let process = pidfd_open(raw, PidfdFlags::empty()).unwrap();
    let sockets = descriptors(pid).into_iter().filter(|(_, to)| to.starts_with("socket:"));
    sockets
        .map(|(number, _)| {
            pidfd_getfd(&process, i32::try_from(number).unwrap(), PidfdGetfdFlags::empty()).ok()
        })
        .collect()
}

/// Whether something traces every thread of a process.
#[must_use]
pub fn every_thread_is_traced(pid: u32) -> bool {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    threads.filter_map(Result::ok).all(|thread| {
        let status = fs::read_to_string(thread.path().join("status")).unwrap_or_default();
        !status.contains("TracerPid:\t0\n")
    })
}
