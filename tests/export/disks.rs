//! Files on disks that are full, or hang, and files that are moved away.

use std::fs::{self, File};
use std::os::fd::AsRawFd as _;
use std::path::Path;
use std::process::Command;

use bulkhead_tests::{Home, eventually, procs, skipped};
use serde_json::Value;

use crate::gateway::{SCENE, standing};
use crate::stage::Stage;

/// The size of the small disk, in bytes.
const DISK_BYTES: usize = 64 * 1024;

/// What is left of it when a batch comes that is larger, in bytes.
const ROOM_BYTES: usize = 4 * 1024;

/// `F_SETSIG` of Linux, which `libc` does not name: which signal a lease's holder gets.
const SET_SIGNAL: i32 = 10;

/// A mounted file system, for as long as this lives.
struct Mount<'a>(&'a Path);

impl Drop for Mount<'_> {
    fn drop(&mut self) {
        let gone = std::process::Command::new("umount").arg("--lazy").arg(self.0).status().unwrap();
        assert!(gone.success(), "`{}` is still mounted", self.0.display());
    }
}

/// A file that nobody else can open as long as this is kept: the kernel lets them wait, as for a disk that hangs. It
/// does so for `/proc/sys/fs/lease-break-time` at most, which is 45 s.
struct Lease {
    file: File,
}

impl Lease {
    fn take(path: &Path) -> Self {
        let file = File::options().read(true).write(true).create(true).truncate(true).open(path).unwrap();
        // Whoever has a lease is told by a signal when another wants the file; this one does nothing by itself.
        call(&file, SET_SIGNAL, libc::SIGURG);
        call(&file, libc::F_SETLEASE, libc::F_WRLCK);
        Self { file }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        call(&self.file, libc::F_SETLEASE, libc::F_UNLCK);
    }
}

fn call(file: &File, command: i32, value: i32) {
    #[expect(unsafe_code, reason = "no safe call that the tests have takes a lease")]
    // SAFETY: the descriptor is open, and neither command takes an address.
    let done = unsafe { libc::fcntl(file.as_raw_fd(), command, value) };
    assert_eq!(done, 0, "{}", std::io::Error::last_os_error());
}

/// The number of the record in each line. All are whole.
fn seqs(path: &Path) -> Vec<u64> {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'), "the last line has no end");
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.map(|record| record["seq"].as_u64().unwrap()).collect()
}

fn export(path: &Path) -> String {
    format!("name = \"file\"\nformat = \"jsonl\"\nto = {path:?}\nlate-after = \"1s\"")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_fits_only_partly_is_there_once_and_whole_when_there_is_room() {
    let test = "a_batch_that_fits_only_partly_is_there_once_and_whole_when_there_is_room";
    let disk = tempfile::tempdir().unwrap();
    let options = format!("size={DISK_BYTES},mode=0700");
    let mut mount = std::process::Command::new("mount");
    let mounted = mount.args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(disk.path()).output();
    let Some(_) = mounted.ok().filter(|output| output.status.success()) else {
        return skipped(test, "mounting a small disk needs root");
    };
    let mount = Mount(disk.path());
    let (out, ballast) = (disk.path().join("out.jsonl"), disk.path().join("ballast"));
    let stage = Stage::new();
    stage.grow(3).await;
    let following = stage.follow(&export(&out));
    following.until(3).await;
    following.end().await;
    let free = DISK_BYTES - fs::metadata(&out).unwrap().len().div_ceil(4096) as usize * 4096;
    fs::write(&ballast, vec![0; free - ROOM_BYTES]).unwrap();

    stage.grow(50).await;
    let following = stage.follow(&export(&out));
    following.until_it("it fails", |standing| standing.last_error.is_some()).await;
    let error = following.standing().last_error.unwrap();
    assert!(error.contains("No space left"), "{error}");
    assert_eq!((following.standing().taken, seqs(&out)), (3, vec![1, 2, 3]));
    fs::remove_file(&ballast).unwrap();
    following.until(53).await;
    following.end().await;
    let got = seqs(&out);
    // The alert of the outage, if it was long enough for one, is a record as well.
    assert!(got.len() >= 53 && got.iter().copied().eq(1..=got.len() as u64), "{got:?}");
    drop(mount);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_followed_through_a_rotation() {
    let stage = Stage::new();
    stage.grow(3).await;
    let out = stage.path().join("out.jsonl");
    let following = stage.follow(&export(&out));
    following.until(3).await;
    let moved = stage.path().join("out.jsonl.1");
    fs::rename(&out, &moved).unwrap();
    stage.grow(3).await;
    following.until(6).await;
    following.end().await;
    assert_eq!((seqs(&moved), seqs(&out)), (vec![1, 2, 3], vec![4, 5, 6]));
}

#[test]
fn a_new_file_counts_only_when_its_name_is_on_the_disk_too() {
    let test = "export::disks::a_new_file_counts_only_when_its_name_is_on_the_disk_too";
    if Command::new("strace").arg("--version").output().is_err() {
        return skipped(test, "strace is not installed");
    }
    let home = Home::new();
    home.scene(SCENE);
    let folder = home.at("out");
    fs::create_dir(&folder).unwrap();
    let out = folder.join("out.jsonl");
    home.add(&format!("[[export]]\n{}", export(&out)));
    home.start();
    let taken = || standing(&home, "file")["taken"].as_u64().unwrap_or_default();
    let all = || taken() == home.records(&[]).last().unwrap()["seq"].as_u64().unwrap();
    eventually("all is taken", all);
    let before = taken();
    // From now on the folder's own sync fails, and no other.
    let gateway = home.gateway();
    let mut watch = Command::new("strace")
        .args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync", "-e", "inject=fsync:error=EIO", "-P"])
        .arg(&folder)
        .args(["-p", &gateway.to_string()])
        .spawn()
        .unwrap();
    eventually("every thread is watched", || procs::every_thread_is_traced(gateway));
    fs::rename(&out, folder.join("out.jsonl.1")).unwrap();
    home.run(&["chat", "helper", "hi"]).done();
    eventually("it fails", || standing(&home, "file")["last_error"].is_string());
    let failing = standing(&home, "file");
    assert!(failing["last_error"].as_str().unwrap().contains("Input/output error"), "{failing}");
    assert_eq!((failing["taken"].as_u64(), seqs(&out)), (Some(before), vec![]));
    watch.kill().unwrap();
    watch.wait().unwrap();
    eventually("all is taken", all);
    let got: Vec<u64> = [seqs(&folder.join("out.jsonl.1")), seqs(&out)].concat();
    assert!(got.iter().copied().eq(1..=got.len() as u64), "{got:?}");
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_hangs_is_told_of_and_what_was_begun_is_there_once() {
    let stage = Stage::new();
    let out = stage.path().join("out.jsonl");
    let lease = Lease::take(&out);
    stage.grow(3).await;
    let following = stage.follow(&export(&out));
    following.let_pass_until("it is late", |standing| standing.late).await;
    let error = following.standing().last_error.unwrap();
    assert!(error.ends_with("did not take what was sent within 10 s"), "{error}");
    let alerts = stage.alerts().await;
    assert_eq!(alerts.len(), 1);
    assert_eq!(alerts[0].event, Some(journal::Event::ExportFailed));
    assert_eq!(fs::metadata(&out).unwrap().len(), 0);
    drop(lease);
    following.let_pass_until("all is taken", |standing| standing.taken == 4).await;
    assert!(!following.standing().late);
    following.end().await;
    assert_eq!(seqs(&out), [1, 2, 3, 4]);
}

#[test]
fn a_gateway_stops_though_a_disk_that_it_exports_to_hangs() {
    let home = Home::new();
    home.scene(SCENE);
    let out = home.at("out.jsonl");
    let lease = Lease::take(&out);
    home.add(&format!("[[export]]\n{}", export(&out)));
    home.start();
    eventually("it fails", || standing(&home, "file")["last_error"].is_string());
    home.run(&["chat", "helper", "hi"]).done().has("the words of the model");
    home.run(&["gateway", "stop"]).done();
    // The writing that hung went with the gateway, and did not come to its end first.
    assert_eq!(fs::metadata(&out).unwrap().len(), 0);
    drop(lease);
    home.start();
    eventually("what waited is there", || seqs(&out).len() > 3);
    home.verifies();
}
