//! How much a verification holds at once, whatever was said: the log may have thousands of long contents in a row.

use std::io::Read as _;

use bulkhead_journal::verify::verify;
use serde_json::json;

use crate::common::{draft, entry};
use crate::crash::{place, start_at};
use crate::kept::Kept;

/// Contents, and how long each is in bytes: far more together than a verification may hold.
const CONTENTS: u64 = 48;
const BYTES: usize = 3 * 1024 * 1024;

/// What a verification may hold, with its process, in KiB.
const MOST_KIB: u64 = 100 * 1024;

/// Verifies, and says what the process has held at most.
#[test]
#[ignore = "the memory test's child; it is a process of its own, so that its memory is its own"]
fn child() {
    let report = verify(&place(), None).unwrap();
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let held = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let held = held.split_whitespace().next().unwrap();
    println!("\nheld {} {} {held}", report.ok, report.records);
}

#[tokio::test]
async fn a_verification_holds_little_however_long_the_contents_are() {
    for kept in Kept::both() {
        let journal = kept.open();
        for number in 1..=CONTENTS {
            let mut draft = draft(number);
            draft.payload = json!({ "number": number, "text": "x".repeat(BYTES) });
            drop(journal.append(entry(vec![draft])).await.unwrap());
        }
        journal.close().await.unwrap();
        let mut child = start_at(&kept, "memory::child");
        let mut said = String::new();
        child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
        assert!(child.wait().unwrap().success());
        let held = said.lines().find_map(|line| line.strip_prefix("held ")).unwrap();
        let words: Vec<&str> = held.split(' ').collect();
        assert_eq!(words[..2], ["true", "48"], "{held}");
        let kib: u64 = words[2].parse().unwrap();
        assert!(kib < MOST_KIB, "it held {kib} KiB");
    }
}
