//! Programs that do not end by themselves.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::Child;

use super::{Home, eventually};

/// A program in the foreground, one in the background and one that left its session, each with a number of
/// seconds that nothing else on the machine sleeps.
pub(crate) fn start(home: &Home, seconds: u32) -> Child {
    start_as("coder", home, seconds)
}

pub(crate) fn start_as(agent: &str, home: &Home, seconds: u32) -> Child {
    let script = format!(
        "sleep {seconds} & (setsid sleep {seconds} >/dev/null 2>&1 &) ; trap '' TERM INT HUP; echo ready; sleep {seconds}; sleep {seconds}"
    );
    let mut child = home.start(&["run", "-q", agent, "--", "sh", "-c", &script]);
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    eventually("all of it runs", || sleepers(seconds) == 3);
    child
}

/// How many processes sleep for so long.
pub(crate) fn sleepers(seconds: u32) -> usize {
    let line = format!("sleep\0{seconds}\0");
    let entries = fs::read_dir("/proc").unwrap();
    entries
        .filter(|entry| {
            let path = entry.as_ref().unwrap().path().join("cmdline");
            fs::read(path).is_ok_and(|found| found == line.as_bytes())
        })
        .count()
}

pub(crate) fn none_left(seconds: u32) {
    eventually("nothing of it is left", || sleepers(seconds) == 0);
}
