//! Every way of changing a real database behind the journal's back, and what the verifier says to it.

use std::path::{Path, PathBuf};

use bulkhead_journal::verify::{Why, verify};
use bulkhead_journal::{Draft, Head, Kind};
use rusqlite::Connection;
use rusqlite::types::Value;
use sha2::Digest as _;
use vocab::Digest;

use crate::common::{copy, database, draft, entry, fill, open};

/// A journal of twelve records; number 5 has no content.
async fn journal_of_twelve(folder: &Path) -> (PathBuf, Head) {
    let journal = open(folder);
    fill(&journal, 4).await;
    drop(journal.append(entry(vec![Draft::new(Kind::Admin)])).await.unwrap());
    for number in 6..=12 {
        drop(journal.append(entry(vec![draft(number)])).await.unwrap());
    }
    let head = journal.head();
    journal.close().await.unwrap();
    (database(folder), head)
}

/// The hash that a record with this body has.
fn leaf(body: &str) -> Vec<u8> {
    sha2::Sha256::digest([&[0], body.as_bytes()].concat()).to_vec()
}

/// Hashes all bodies anew from record `from` on, as somebody would who wants the chain to hold.
fn rebuild(conn: &Connection, from: u64) {
    let records: u64 = conn.query_row("SELECT max(seq) FROM record", [], |row| row.get(0)).unwrap();
    for seq in from..=records {
        let prev: Vec<u8> =
            conn.query_row("SELECT hash FROM record WHERE seq = ?1 - 1", [seq], |row| row.get(0)).unwrap();
        let prev = data_encoding::HEXLOWER.encode(&prev);
        conn.execute("UPDATE record SET body = json_set(body, '$.prev', ?2) WHERE seq = ?1", (seq, prev))
            .unwrap();
        let body: String =
            conn.query_row("SELECT body FROM record WHERE seq = ?1", [seq], |row| row.get(0)).unwrap();
        let hash = leaf(&body);
        conn.execute("UPDATE record SET hash = ?2 WHERE seq = ?1", (seq, hash.as_slice())).unwrap();
    }
}

const SWAP: &str = "UPDATE record SET seq = -1 WHERE seq = 6; UPDATE record SET seq = 6 WHERE seq = 7; \
     UPDATE record SET seq = 7 WHERE seq = -1;";

const SWAP_CONTENT: &str = "UPDATE payload SET seq = -1 WHERE seq = 6; UPDATE payload SET seq = 6 WHERE seq = 7; \
     UPDATE payload SET seq = 7 WHERE seq = -1;";

#[tokio::test]
async fn each_kind_of_tampering_is_found_at_its_record() {
    let folder = tempfile::tempdir().unwrap();
    let (path, _) = journal_of_twelve(folder.path()).await;
    let report = verify(&path.as_path().into(), None).unwrap();
    assert!(report.ok && report.first_bad.is_none() && report.records == 12, "{report:?}");
    let cases: &[(&str, u64, Why)] = &[
        ("UPDATE record SET body = replace(body, 'echo', 'oche') WHERE seq = 7", 7, Why::BodyChanged),
        ("UPDATE record SET body = body || ' ' WHERE seq = 1", 1, Why::BodyChanged),
        ("UPDATE record SET hash = zeroblob(32) WHERE seq = 7", 7, Why::HashChanged),
        ("UPDATE record SET hash = zeroblob(32) WHERE seq = 12", 12, Why::BodyOrHashChanged),
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
        (
            "DELETE FROM record WHERE seq = 6; UPDATE record SET seq = seq - 1 WHERE seq > 6",
            6,
            Why::Misplaced(7),
        ),
        (SWAP_CONTENT, 6, Why::ContentChanged),
        ("UPDATE payload SET bytes = x'7b7d' WHERE seq = 8", 8, Why::ContentChanged),
        ("UPDATE payload SET salt = zeroblob(32) WHERE seq = 8", 8, Why::ContentChanged),
        ("DELETE FROM payload WHERE seq = 8", 8, Why::ContentMissing),
        ("DELETE FROM payload WHERE seq = 12", 12, Why::ContentMissing),
        ("INSERT INTO payload VALUES (5, zeroblob(32), x'7b7d')", 5, Why::ContentAdded),
        ("INSERT INTO payload VALUES (0, zeroblob(32), x'7b7d')", 1, Why::ContentAdded),
        ("INSERT INTO payload VALUES (13, zeroblob(32), x'7b7d')", 13, Why::Removed),
        ("UPDATE meta SET value = 'another log'", 1, Why::Unlinked),
    ];
    for (sql, seq, why) in cases {
        let copy = copy(&path, folder.path());
        let conn = Connection::open(&copy).unwrap();
        conn.execute_batch(sql).unwrap();
        drop(conn);
        let report = verify(&copy.as_path().into(), None).unwrap();
        let bad = report.first_bad.unwrap_or_else(|| panic!("not found: {sql}"));
        assert!(!report.ok);
        assert_eq!((bad.seq, &bad.why), (Some(*seq), why), "{sql}");
        assert_eq!(report.records, seq - 1, "{sql}");
    }
}

#[tokio::test]
async fn a_body_that_was_hashed_anew_breaks_the_link_behind_it() {
    let folder = tempfile::tempdir().unwrap();
    let (path, _) = journal_of_twelve(folder.path()).await;
    let conn = Connection::open(&path).unwrap();
    conn.execute("UPDATE record SET body = replace(body, 'echo', 'oche') WHERE seq = 7", []).unwrap();
    let body: String = conn.query_row("SELECT body FROM record WHERE seq = 7", [], |row| row.get(0)).unwrap();
    let hash = leaf(&body);
    conn.execute("UPDATE record SET hash = ?1 WHERE seq = 7", [hash.as_slice()]).unwrap();
    drop(conn);
    let bad = verify(&path.as_path().into(), None).unwrap().first_bad.unwrap();
    assert_eq!((bad.seq, bad.why), (Some(8), Why::Unlinked));
}

#[tokio::test]
async fn a_checkpoint_shows_what_the_log_alone_cannot() {
    let folder = tempfile::tempdir().unwrap();
    let (path, head) = journal_of_twelve(folder.path()).await;
    let edited = |sql: &str, rebuilt_from: Option<u64>| {
        let copy = copy(&path, folder.path());
        let conn = Connection::open(&copy).unwrap();
        conn.execute_batch(sql).unwrap();
        if let Some(from) = rebuilt_from {
            rebuild(&conn, from);
        }
        copy
    };
    let found = |copy: &Path, expected: Head| {
        assert!(verify(&copy.into(), None).unwrap().ok, "this is what the log alone cannot show");
        let bad = verify(&copy.into(), Some(expected)).unwrap().first_bad.unwrap();
        (bad.seq, bad.why)
    };
    let cut = edited("DELETE FROM record WHERE seq > 9; DELETE FROM payload WHERE seq > 9", None);
    assert_eq!(found(&cut, head), (Some(10), Why::CutOff(12)));
    let all = edited("DELETE FROM record; DELETE FROM payload", None);
    assert_eq!(found(&all, head), (Some(1), Why::CutOff(12)));
    let rebuilt = edited("UPDATE record SET body = replace(body, 'echo', 'oche') WHERE seq = 7", Some(7));
    assert_eq!(found(&rebuilt, head), (Some(12), Why::NotTheCheckpoint));
    let other = Head { records: 0, hash: Digest::of(b"another log's beginning") };
    assert_eq!(found(&path, other), (None, Why::NotTheCheckpoint));

    // An earlier checkpoint still holds, and tells a changed hash from a changed body at its own record.
    let early = edited("DELETE FROM record WHERE seq > 9; DELETE FROM payload WHERE seq > 9", None);
    let early = verify(&early.into(), None).unwrap().checkpoint;
    assert_eq!(early.records, 9);
    assert!(verify(&path.as_path().into(), Some(early)).unwrap().ok);
    let changed = edited("UPDATE record SET hash = zeroblob(32) WHERE seq = 12", None);
    assert_eq!(
        verify(&changed.as_path().into(), Some(head)).unwrap().first_bad.unwrap().why,
        Why::HashChanged
    );
    let changed = edited("UPDATE record SET body = replace(body, 'echo', 'oche') WHERE seq = 12", None);
    assert_eq!(
        verify(&changed.as_path().into(), Some(head)).unwrap().first_bad.unwrap().why,
        Why::BodyChanged
    );
}

#[tokio::test]
async fn a_table_of_blocks_or_nodes_that_does_not_fit_the_records_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.sqlite");
    let journal = open(folder.path());
    for number in 0..600 {
        journal.follow(entry(vec![draft(number)])).await.unwrap();
    }
    journal.close().await.unwrap();
    assert!(verify(&path.as_path().into(), None).unwrap().ok);
    for change in [
        "DELETE FROM block WHERE field = 'agent' AND number = 1",
        "UPDATE block SET value = 'nobody' WHERE field = 'agent' AND number = 0",
        "UPDATE block SET number = 2 WHERE field = 'kind' AND number = 1",
        "INSERT INTO block (field, value, number) VALUES ('agent', 'nobody', 0)",
        "DELETE FROM node WHERE number = 1",
        "UPDATE node SET hash = zeroblob(32) WHERE number = 0",
        "UPDATE node SET number = 2 WHERE number = 1",
        "INSERT INTO node (level, number, hash) VALUES (2, 0, zeroblob(32))",
    ] {
        let copy = copy(&path, folder.path());
        let changed = Connection::open(&copy).unwrap().execute(change, []).unwrap();
        assert_eq!(changed, 1, "{change}");
        let bad = verify(&copy.as_path().into(), None).unwrap().first_bad.unwrap();
        assert!(bad.seq.is_none() && matches!(bad.why, Why::Structure(_)), "{change}: {bad:?}");
    }
}

#[tokio::test]
async fn a_report_has_the_shape_that_others_rely_on() {
    let folder = tempfile::tempdir().unwrap();
    let (path, head) = journal_of_twelve(folder.path()).await;
    let json = serde_json::to_value(verify(&path.as_path().into(), None).unwrap()).unwrap();
    let checkpoint = serde_json::json!({ "records": 12, "hash": head.hash.to_string() });
    assert_eq!(
        json,
        serde_json::json!({ "ok": true, "records": 12, "first_bad": null, "checkpoint": checkpoint })
    );
    Connection::open(&path).unwrap().execute("DELETE FROM payload WHERE seq = 8", []).unwrap();
    let json = serde_json::to_value(verify(&path.as_path().into(), None).unwrap()).unwrap();
    assert_eq!(json["first_bad"], serde_json::json!({ "seq": 8, "why": "its content is missing" }));
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
    let (path, _) = journal_of_twelve(folder.path()).await;
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
    let (path, _) = journal_of_twelve(folder.path()).await;
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
