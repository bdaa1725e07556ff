//! Every way of changing a real database behind the journal's back, and what the verifier says to it.

use std::path::{Path, PathBuf};

use bulkhead_journal::verify::{Report, Why, verify};
use bulkhead_journal::{Draft, Head, Kind};
use rusqlite::Connection;
use rusqlite::types::Value;
use sha2::Digest as _;
use vocab::Digest;

use crate::common::{copy, database, draft, entry, fill, open};
use crate::kept::Kept;

/// Fills a journal with twelve records; number 5 has no content.
async fn twelve(kept: &Kept) -> Head {
    let journal = kept.open();
    fill(&journal, 4).await;
    drop(journal.append(entry(vec![Draft::new(Kind::Admin)])).await.unwrap());
    for number in 6..=12 {
        drop(journal.append(entry(vec![draft(number)])).await.unwrap());
    }
    let head = journal.head();
    journal.close().await.unwrap();
    head
}

/// The same in a SQLite file.
async fn journal_of_twelve(folder: &Path) -> PathBuf {
    let journal = open(folder);
    fill(&journal, 4).await;
    drop(journal.append(entry(vec![Draft::new(Kind::Admin)])).await.unwrap());
    fill(&journal, 7).await;
    journal.close().await.unwrap();
    database(folder)
}

fn checked(kept: &Kept, expected: Option<Head>) -> Report {
    verify(&kept.place(), expected).unwrap()
}

/// Hashes the bodies from record `from` on anew, as somebody would who wants the chain to hold.
fn rebuild(kept: &Kept, from: u64, edit: impl Fn(&str) -> String) {
    let mut prev: Option<String> = None;
    for (seq, mut body) in kept.bodies().into_iter().filter(|(seq, _)| *seq >= from) {
        if seq == from {
            body = edit(&body);
        }
        if let Some(prev) = prev {
            let mut value: serde_json::Value = serde_json::from_str(&body).unwrap();
            value["prev"] = prev.into();
            body = value.to_string();
        }
        let hash = sha2::Sha256::new().chain_update([0]).chain_update(&body).finalize();
        prev = Some(data_encoding::HEXLOWER.encode(&hash));
        kept.replace(seq, &body, hash.as_slice());
    }
}

fn miscalled(body: &str) -> String {
    body.replace("echo", "oche")
}

const SWAP: &str = "UPDATE record SET seq = -1 WHERE seq = 6; UPDATE record SET seq = 6 WHERE seq = 7; \
     UPDATE record SET seq = 7 WHERE seq = -1;";

const SWAP_CONTENT: &str = "UPDATE payload SET seq = -1 WHERE seq = 6; UPDATE payload SET seq = 6 WHERE seq = 7; \
     UPDATE payload SET seq = 7 WHERE seq = -1;";

const CLOSE_UP: &str = "DELETE FROM record WHERE seq = 6; UPDATE record SET seq = -seq WHERE seq > 6; \
     UPDATE record SET seq = -seq - 1 WHERE seq < 0";

#[tokio::test]
async fn each_kind_of_tampering_is_found_at_its_record() {
    let cases: &[(&str, u64, Why)] = &[
        ("UPDATE record SET body = replace(body, 'echo', 'oche') WHERE seq = 7", 7, Why::BodyChanged),
        ("UPDATE record SET body = body || ' ' WHERE seq = 1", 1, Why::BodyChanged),
        ("UPDATE record SET hash = ZEROS WHERE seq = 7", 7, Why::HashChanged),
        ("UPDATE record SET hash = ZEROS WHERE seq = 12", 12, Why::BodyOrHashChanged),
        ("DELETE FROM record WHERE seq = 7", 7, Why::Removed),
        ("DELETE FROM record WHERE seq = 1", 1, Why::Removed),
        ("DELETE FROM record WHERE seq = 12", 12, Why::Removed),
        (
            "INSERT INTO record (seq, hash, body) SELECT 0, hash, body FROM record WHERE seq = 3",
            1,
            Why::Inserted,
        ),
        (
            "INSERT INTO record (seq, hash, body) SELECT 13, hash, body FROM record WHERE seq = 3",
            13,
            Why::Misplaced(3),
        ),
        (SWAP, 6, Why::Misplaced(7)),
        (CLOSE_UP, 6, Why::Misplaced(7)),
        (SWAP_CONTENT, 6, Why::ContentChanged),
        ("UPDATE payload SET bytes = EMPTY WHERE seq = 8", 8, Why::ContentChanged),
        ("UPDATE payload SET salt = ZEROS WHERE seq = 8", 8, Why::ContentChanged),
        ("DELETE FROM payload WHERE seq = 8", 8, Why::ContentMissing),
        ("DELETE FROM payload WHERE seq = 12", 12, Why::ContentMissing),
        ("INSERT INTO payload VALUES (5, ZEROS, EMPTY)", 5, Why::ContentAdded),
        ("INSERT INTO payload VALUES (0, ZEROS, EMPTY)", 1, Why::ContentAdded),
        ("INSERT INTO payload VALUES (13, ZEROS, EMPTY)", 13, Why::Removed),
        // As an erasure leaves it in a file; no record could have its content in that place.
        ("INSERT INTO payload VALUES (5, NO_BYTES, NO_BYTES)", 5, Why::ContentAdded),
        ("INSERT INTO payload VALUES (0, NO_BYTES, NO_BYTES)", 1, Why::ContentAdded),
        ("INSERT INTO payload VALUES (13, NO_BYTES, NO_BYTES)", 13, Why::Removed),
        ("UPDATE meta SET value = 'another log' WHERE name = 'log'", 1, Why::Unlinked),
    ];
    for kept in Kept::both() {
        twelve(&kept).await;
        let report = checked(&kept, None);
        assert!(report.ok && report.first_bad.is_none() && report.records == 12, "{report:?}");
        for (sql, seq, why) in cases {
            let copy = kept.copy();
            copy.tamper(sql);
            let report = checked(&copy, None);
            let bad = report.first_bad.unwrap_or_else(|| panic!("not found: {sql}"));
            assert!(!report.ok);
            assert_eq!((bad.seq, &bad.why), (Some(*seq), why), "{sql}");
            assert_eq!(report.records, seq - 1, "{sql}");
        }
    }
}

#[tokio::test]
async fn a_body_that_was_hashed_anew_breaks_the_link_behind_it() {
    for kept in Kept::both() {
        twelve(&kept).await;
        let (_, body) = kept.bodies().into_iter().find(|(seq, _)| *seq == 7).unwrap();
        let body = miscalled(&body);
        let hash = sha2::Sha256::new().chain_update([0]).chain_update(&body).finalize();
        kept.replace(7, &body, hash.as_slice());
        let bad = checked(&kept, None).first_bad.unwrap();
        assert_eq!((bad.seq, bad.why), (Some(8), Why::Unlinked));
    }
}

#[tokio::test]
async fn a_checkpoint_shows_what_the_log_alone_cannot() {
    for kept in Kept::both() {
        let head = twelve(&kept).await;
        let edited = |sql: &str| {
            let copy = kept.copy();
            copy.tamper(sql);
            copy
        };
        let found = |copy: &Kept, expected: Head| {
            assert!(checked(copy, None).ok, "this is what the log alone cannot show");
            let bad = checked(copy, Some(expected)).first_bad.unwrap();
            (bad.seq, bad.why)
        };
        let cut = edited("DELETE FROM record WHERE seq > 9; DELETE FROM payload WHERE seq > 9");
        assert_eq!(found(&cut, head), (Some(10), Why::CutOff(12)));
        let all = edited("DELETE FROM record; DELETE FROM payload");
        assert_eq!(found(&all, head), (Some(1), Why::CutOff(12)));
        let rebuilt = kept.copy();
        rebuild(&rebuilt, 7, miscalled);
        assert_eq!(found(&rebuilt, head), (Some(12), Why::NotTheCheckpoint));
        let other = Head { records: 0, hash: Digest::of(b"another log's beginning") };
        assert_eq!(found(&kept, other), (None, Why::NotTheCheckpoint));

        // An earlier checkpoint still holds, and tells a changed hash from a changed body at its own record.
        let early = checked(&cut, None).checkpoint;
        assert_eq!(early.records, 9);
        assert!(checked(&kept, Some(early)).ok);
        let changed = edited("UPDATE record SET hash = ZEROS WHERE seq = 12");
        assert_eq!(checked(&changed, Some(head)).first_bad.unwrap().why, Why::HashChanged);
        let changed = edited("UPDATE record SET body = replace(body, 'echo', 'oche') WHERE seq = 12");
        assert_eq!(checked(&changed, Some(head)).first_bad.unwrap().why, Why::BodyChanged);
    }
}

#[tokio::test]
async fn a_table_of_blocks_that_hides_or_makes_up_records_is_found() {
    for kept in Kept::both() {
        let journal = kept.open();
        for number in 0..600 {
            journal.follow(entry(vec![draft(number)])).await.unwrap();
        }
        journal.close().await.unwrap();
        assert!(checked(&kept, None).ok);
        for change in [
            "DELETE FROM block WHERE field = 'agent' AND number = 1",
            "UPDATE block SET value = 'nobody' WHERE field = 'agent' AND number = 0",
            "UPDATE block SET number = 2 WHERE field = 'kind' AND number = 1",
            "INSERT INTO block (field, value, number) VALUES ('agent', 'nobody', 0)",
        ] {
            let copy = kept.copy();
            copy.tamper(change);
            let bad = checked(&copy, None).first_bad.unwrap();
            assert!(bad.seq.is_none() && matches!(bad.why, Why::Structure(_)), "{change}: {bad:?}");
        }
    }
}

#[tokio::test]
async fn a_report_has_the_shape_that_others_rely_on() {
    for kept in Kept::both() {
        let head = twelve(&kept).await;
        let json = serde_json::to_value(checked(&kept, None)).unwrap();
        let checkpoint = serde_json::json!({ "records": 12, "hash": head.hash.to_string() });
        assert_eq!(
            json,
            serde_json::json!({ "ok": true, "records": 12, "first_bad": null, "checkpoint": checkpoint })
        );
        kept.tamper("DELETE FROM payload WHERE seq = 8");
        let json = serde_json::to_value(checked(&kept, None)).unwrap();
        assert_eq!(json["first_bad"], serde_json::json!({ "seq": 8, "why": "its content is missing" }));
    }
}

/// Everything that the log says, in order; `None` when SQLite cannot read it.
fn contents(path: &Path) -> Option<Vec<Vec<Value>>> {
    let conn = Connection::open(path).ok()?;
    let mut all = Vec::new();
    for sql in [
        "SELECT seq, CAST(hash AS BLOB), CAST(body AS BLOB) FROM record NOT INDEXED ORDER BY seq",
        "SELECT seq, CAST(salt AS BLOB), CAST(bytes AS BLOB) FROM payload NOT INDEXED ORDER BY seq",
    ] {
        let mut statement = conn.prepare(sql).ok()?;
        let rows = statement.query_map([], |row| Ok(vec![row.get(0)?, row.get(1)?, row.get(2)?])).ok()?;
        all.extend(rows.collect::<Result<Vec<_>, _>>().ok()?);
    }
    Some(all)
}

/// A fixed sequence of numbers below `bound`.
fn numbers(mut state: u64, bound: usize) -> impl Iterator<Item = usize> {
    std::iter::repeat_with(move || {
        // Knuth's MMIX generator; its high bits are good enough to choose places with.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % bound
    })
}

#[tokio::test]
async fn no_flipped_byte_changes_the_record_unseen() {
    let folder = tempfile::tempdir().unwrap();
    let path = journal_of_twelve(folder.path()).await;
    let (original, truth) = (std::fs::read(&path).unwrap(), contents(&path).unwrap());
    let copy = folder.path().join("flipped.sqlite");
    let mut found = 0;
    for (place, bit) in numbers(1, original.len()).zip(numbers(2, 8)).take(500) {
        let mut bytes = original.clone();
        bytes[place] ^= 1 << bit;
        std::fs::write(&copy, &bytes).unwrap();
        let unseen = verify(&copy.as_path().into(), None).is_ok_and(|report| report.ok);
        found += usize::from(!unseen);
        assert!(!unseen || contents(&copy) == Some(truth.clone()), "byte {place}, bit {bit}");
    }
    assert!(found > 20, "only {found} flips met anything");
}

#[tokio::test]
async fn every_flip_inside_a_record_or_its_content_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = journal_of_twelve(folder.path()).await;
    let original = std::fs::read(&path).unwrap();
    let copy = folder.path().join("flipped.sqlite");
    let mut tried = 0;
    for value in contents(&path).unwrap().into_iter().flatten() {
        let Value::Blob(value) = value else { continue };
        let begin = original.windows(value.len()).position(|window| window == value).unwrap();
        for (place, bit) in numbers(3, value.len()).zip(numbers(4, 8)).take(6) {
            let mut bytes = original.clone();
            bytes[begin + place] ^= 1 << bit;
            std::fs::write(&copy, &bytes).unwrap();
            let found = verify(&copy.as_path().into(), None).map_or(true, |report| !report.ok);
            assert!(found, "byte {place} of {}", String::from_utf8_lossy(&value));
            tried += 1;
        }
    }
    assert_eq!(tried, (12 + 11) * 2 * 6);
}

/// How many flips each column of a row takes.
const FLIPS: usize = 2;

#[tokio::test]
async fn every_bit_that_its_owner_flips_in_a_row_is_found() {
    for kept in Kept::both() {
        twelve(&kept).await;
        let mut tried = 0;
        for (table, column, seed) in
            [("record", "body", 7), ("record", "hash", 9), ("payload", "salt", 11), ("payload", "bytes", 13)]
        {
            for seq in (1..=12).filter(|seq| *seq != 5) {
                let whole = kept.bytes_of(table, column, seq);
                let text = column == "body";
                let set = |bytes: &[u8]| {
                    let value = if text {
                        format!("'{}'", String::from_utf8(bytes.to_vec()).unwrap().replace('\'', "''"))
                    } else {
                        kept.blob(bytes)
                    };
                    kept.tamper(&format!("UPDATE {table} SET {column} = {value} WHERE seq = {seq}"));
                };
                // The body is ASCII here, and stays text with another of its lower bits; a server takes no zero in a text.
                let flips = numbers(seed + seq, whole.len()).zip(numbers(seq, if text { 5 } else { 8 }));
                for (place, bit) in flips.take(FLIPS) {
                    let mut bytes = whole.clone();
                    bytes[place] ^= 1 << bit;
                    set(&bytes);
                    assert!(!checked(&kept, None).ok, "byte {place}, bit {bit} of {table}.{column} {seq}");
                    tried += 1;
                }
                set(&whole);
            }
        }
        assert!(checked(&kept, None).ok, "all of it was taken back");
        assert_eq!(tried, 4 * 11 * FLIPS);
    }
}

#[tokio::test]
async fn a_flip_in_the_write_ahead_log_is_found_with_a_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    fill(&journal, 12).await;
    let (path, head) = (database(folder.path()), journal.head());
    let whole = copy(&path, folder.path());
    let truth = contents(&whole).unwrap();
    let whole = copy(&path, folder.path());
    let wal = PathBuf::from(format!("{}-wal", whole.display()));
    let original = std::fs::read(&wal).unwrap();
    // The log is longer than what is in it; the flips are to meet something.
    let used = original.iter().rposition(|byte| *byte != 0).unwrap();
    let mut lost = 0;
    for (place, bit) in numbers(5, used).zip(numbers(6, 8)).take(200) {
        let copied = copy(&path, folder.path());
        let mut bytes = original.clone();
        bytes[place] ^= 1 << bit;
        std::fs::write(&wal, &bytes).unwrap();
        let with = verify(&copied.as_path().into(), Some(head)).is_ok_and(|report| report.ok);
        let now = contents(&copied);
        assert!(!with || now.as_ref() == Some(&truth), "byte {place}, bit {bit}");
        lost += usize::from(!with);
    }
    assert!(lost > 20, "only {lost} flips met anything");
    drop(journal);
}
