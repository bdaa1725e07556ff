//! A disk that is full while the gateway runs: nothing is acknowledged that is not kept, and it goes on by
//! itself once there is room.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use bulkhead_tests::{Home, eventually, skipped};

use crate::server::ready;

/// The size of the small disk, in bytes.
const DISK_BYTES: usize = 24 * 1024 * 1024;

/// A mounted file system, for as long as this lives.
pub(crate) struct Mount(PathBuf);

impl Mount {
    /// Memory, mounted onto `folder`. None without the right to.
    pub(crate) fn of(folder: &Path, options: &str) -> Option<Self> {
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(folder).output();
        mounted.ok().filter(|output| output.status.success()).map(|_| Self(folder.to_owned()))
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let gone = Command::new("umount").arg("--lazy").arg(&self.0).status().unwrap();
        assert!(gone.success(), "`{}` is still mounted", self.0.display());
    }
}

/// Fills the disk to the last byte.
pub(crate) fn fill(file: PathBuf) {
    let mut ballast = fs::File::create(file).unwrap();
    for size in [1024 * 1024, 4096, 1] {
        let block = vec![0; size];
        while ballast.write_all(&block).is_ok() {}
    }
}

#[test]
fn a_disk_that_fills_up_refuses_loses_nothing_and_recovers() {
    let test = "scenarios::disk::a_disk_that_fills_up";
    let folder = tempfile::tempdir().unwrap();
    let disk = folder.path().join("home");
    fs::create_dir(&disk).unwrap();
    let options = format!("size={DISK_BYTES},mode=0700");
    let Some(mount) = Mount::of(&disk, &options) else {
        return skipped(test, "mounting a small disk needs root");
    };
    let home = Home::within(folder, &[]);
    home.scene("turns: [{say: hello, repeat: true}]");
    home.start();
    let address = home.json(&["gateway", "status"])["address"].as_str().unwrap().to_owned();
    let events = home.run(&["chat", "helper", "hi", "--json"]).done().lines();
    let session = events[0]["session"].as_str().unwrap().to_owned();
    assert!(ready(&address).starts_with("HTTP/1.1 200"));

    fill(home.at("ballast"));
    // What was made room for beforehand may take a few more messages; then there is a no.
    let mut acknowledged = 0;
    let mut refused = None;
    for _ in 0..500 {
        let said = home.run(&["chat", "helper", "--session", &session, &"hi ".repeat(2_000)]);
        if said.code == 0 {
            acknowledged += 1;
            continue;
        }
        refused = Some(said);
        break;
    }
    let words = "the disk with the journal is full, so nothing can be recorded: make room on it";
    refused.expect("the disk is full").fails(4, words);
    eventually("it says that it is not ready", || ready(&address).starts_with("HTTP/1.1 503"));
    assert_eq!(home.run(&["gateway", "status", "--json"]).with(4).json()["ready"], false);

    fs::remove_file(home.at("ballast")).unwrap();
    eventually("it is ready by itself", || ready(&address).starts_with("HTTP/1.1 200"));
    home.run(&["chat", "helper", "hi"]).done().has("hello");
    let alerts = || home.records(&["--event", "record.failed"]);
    eventually("the record tells of it", || !alerts().is_empty());
    let alert = &alerts()[0];
    assert_eq!(alert["kind"], "alert");
    let (since, until) = (&alert["facts"]["since"], &alert["facts"]["until"]);
    assert!(since.as_str().unwrap() < until.as_str().unwrap(), "{alert}");
    let delivered = home.records(&["--kind", "outcome"]);
    let replies = delivered
        .iter()
        .filter(|outcome| outcome["action"]["verb"] == "reply" && outcome["status"] == "done");
    assert!(replies.count() >= acknowledged + 2, "an acknowledged turn is missing");
    home.verifies();
    home.run(&["gateway", "restart"]).done();
    home.verifies();
    drop(home);
    drop(mount);
}
