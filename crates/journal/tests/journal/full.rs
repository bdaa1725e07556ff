//! A disk that is full: nothing is acknowledged, nothing is lost, and it goes on once there is room.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use bulkhead_journal::read::{Query, Reader};
use bulkhead_journal::verify::verify;
use bulkhead_journal::{AppendError, Journal, OpenError};
use serde_json::json;

use crate::common::{Clock, NOON, config, draft, entry, number, open};

/// The size of the small disk, in bytes: the write-ahead log fits twice.
const DISK_BYTES: usize = 20 * 1024 * 1024;

/// A mounted file system, for as long as this lives.
pub(crate) struct Mount(PathBuf);

impl Drop for Mount {
    fn drop(&mut self) {
        let gone = Command::new("umount").arg("--lazy").arg(&self.0).status().unwrap();
        assert!(gone.success(), "`{}` is still mounted", self.0.display());
    }
}

/// Mounts onto `folder`: with `bind` the folder itself, else memory. `None`, loudly, without the right to.
pub(crate) fn mount(folder: &Path, options: &str) -> Option<Mount> {
    let mut command = Command::new("mount");
    command.arg("-o").arg(options);
    if options.contains("bind") {
        command.arg(folder);
    } else {
        command.args(["-t", "tmpfs", "tmpfs"]);
    }
    match command.arg(folder).output() {
        Ok(output) if output.status.success() => Some(Mount(folder.to_owned())),
        refused => {
            eprintln!("SKIPPED: this test mounts a file system, which needs root: {refused:?}");
            None
        }
    }
}

/// The longest that a journal may need to find out, far beyond what it does need.
const MENDING: Duration = Duration::from_secs(120);

pub(crate) async fn healthy_again(journal: &Journal) {
    let mended = async {
        while journal.healthy().is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(tokio::time::timeout(MENDING, mended).await.is_ok(), "{:?}", journal.healthy());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_clearly_and_recovers() {
    let folder = tempfile::tempdir().unwrap();
    let Some(_mount) = mount(folder.path(), &format!("size={DISK_BYTES},mode=0700")) else { return };
    let journal = open(folder.path());
    let large = |number: u64| {
        let mut draft = draft(number);
        draft.payload = json!({ "number": number, "text": "x".repeat(100 * 1024) });
        entry(vec![draft])
    };
    let mut acknowledged = Vec::new();
    let refusal = loop {
        let number = u64::try_from(acknowledged.len()).unwrap();
        match journal.append(large(number)).await {
            Ok(receipt) => acknowledged.push((number, receipt.seq())),
            Err(error) => break error,
        }
        assert!(acknowledged.len() * 100 * 1024 < DISK_BYTES, "the disk never filled");
    };
    assert!(matches!(refusal, AppendError::Full | AppendError::Write(_)), "{refusal}");
    assert_eq!(journal.healthy().unwrap_err(), refusal.to_string());
    // What only follows is kept, in its order, until there is room; a flush says that it is not yet durable.
    let behind = u64::try_from(acknowledged.len()).unwrap();
    for number in behind..behind + 3 {
        journal.follow(large(number)).await.unwrap();
    }
    assert!(journal.flush().await.is_err());
    assert!(journal.append(large(behind + 4)).await.is_err());
    let head = journal.head();
    assert_eq!(Some(head.records), acknowledged.last().map(|(_, seq)| *seq));
    assert!(verify(&config(folder.path()).place, Some(head)).unwrap().ok);

    let bigger = format!("remount,size={}", DISK_BYTES * 3);
    let mounted = Command::new("mount").arg("-o").arg(bigger).arg(folder.path()).status().unwrap();
    assert!(mounted.success());
    let receipt = journal.append(large(behind + 3)).await.unwrap();
    assert_eq!(receipt.seq(), head.records + 4);
    healthy_again(&journal).await;
    let reader = Reader::open(&config(folder.path()).place).unwrap();
    let records = reader.query(&Query::default()).unwrap();
    let numbers: Vec<_> = records.iter().map(|record| number(&reader, record, "number")).collect();
    assert_eq!(numbers, (0..=behind + 3).collect::<Vec<_>>());
    assert!(verify(&config(folder.path()).place, Some(journal.head())).unwrap().ok);
    journal.close().await.unwrap();
}

#[tokio::test]
async fn a_journal_that_is_asked_for_nothing_finds_out_that_there_is_room_again() {
    let folder = tempfile::tempdir().unwrap();
    let Some(_mount) = mount(folder.path(), &format!("size={DISK_BYTES},mode=0700")) else { return };
    let journal = open(folder.path());
    let mut large = draft(1);
    large.payload = json!("x".repeat(10 * 1024 * 1024));
    let mut left = DISK_BYTES / (1024 * 1024);
    while journal.append(entry(vec![large.clone()])).await.is_ok() {
        left -= 1;
        assert!(left > 0, "the disk never filled");
    }
    assert!(journal.healthy().is_err());
    let bigger = format!("remount,size={}", DISK_BYTES * 4);
    let mounted = Command::new("mount").arg("-o").arg(bigger).arg(folder.path()).status().unwrap();
    assert!(mounted.success());
    healthy_again(&journal).await;
}

#[test]
fn a_disk_without_room_for_a_journal() {
    let folder = tempfile::tempdir().unwrap();
    let Some(_mount) = mount(folder.path(), "size=256k,mode=0700") else { return };
    let Err(error) = Journal::open(config(folder.path()), Clock::at(NOON)) else { panic!("opened") };
    assert!(matches!(error, OpenError::Unwritable { .. }), "{error}");
}
