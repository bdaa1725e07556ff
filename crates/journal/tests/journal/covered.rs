//! Each table of the record, changed in each column by somebody who owns the database: what `verify` finds, and what it is not about.

use bulkhead_journal::verify::verify;
use bulkhead_journal::{Change, Entry};
use serde_json::json;

use crate::common::{draft, entry, put};
use crate::erase::erasure;
use crate::kept::Kept;
use crate::notary::{notary, settings};

/// What is found, in the words of either database.
const FOUND: &[&str] = &[
    // The record's name, and what else it keeps of itself.
    "UPDATE meta SET value = 'ffffffffffffffff' WHERE name = 'log'",
    "UPDATE meta SET name = 'lag' WHERE name = 'log'",
    "DELETE FROM meta WHERE name = 'log'",
    "INSERT INTO meta VALUES ('more', 'words')",
    // Records.
    "UPDATE record SET seq = -seq WHERE seq = 1",
    "UPDATE record SET seq = seq + 1000 WHERE seq = 200",
    "UPDATE record SET seq = seq + 1 WHERE seq = (SELECT max(seq) FROM record)",
    "UPDATE record SET hash = ZEROS WHERE seq = 200",
    "UPDATE record SET hash = NO_BYTES WHERE seq = 200",
    "UPDATE record SET hash = (SELECT hash FROM record WHERE seq = 201) WHERE seq = 200",
    "UPDATE record SET body = replace(body, 'echo', 'oche') WHERE seq = 200",
    "UPDATE record SET body = '' WHERE seq = 200",
    "UPDATE record SET body = (SELECT body FROM record WHERE seq = 201) WHERE seq = 200",
    "UPDATE record SET hash = (SELECT hash FROM record WHERE seq = 201), body = (SELECT body FROM record WHERE seq = 201) \
     WHERE seq = 200",
    "DELETE FROM record WHERE seq = 1",
    "DELETE FROM record WHERE seq = 200",
    "DELETE FROM record WHERE seq = (SELECT max(seq) FROM record)",
    "DELETE FROM record",
    "INSERT INTO record SELECT max(seq) + 1, ZEROS, '{}' FROM record",
    "INSERT INTO record SELECT -9, hash, body FROM record WHERE seq = 200",
    // Their contents: there, erased, and never there.
    "UPDATE payload SET seq = seq + 1000 WHERE seq = 200",
    "UPDATE payload SET seq = -seq WHERE seq = 200",
    "UPDATE payload SET salt = ZEROS WHERE seq = 200",
    "UPDATE payload SET salt = NO_BYTES WHERE seq = 200",
    "UPDATE payload SET bytes = EMPTY WHERE seq = 200",
    "UPDATE payload SET bytes = NO_BYTES WHERE seq = 200",
    "UPDATE payload SET salt = NO_BYTES, bytes = NO_BYTES WHERE seq = 200",
    "UPDATE payload SET salt = (SELECT salt FROM payload WHERE seq = 201), bytes = (SELECT bytes FROM payload WHERE seq = 201) \
     WHERE seq = 200",
    "DELETE FROM payload WHERE seq = 200",
    "DELETE FROM payload",
    "DELETE FROM payload WHERE seq = 6; INSERT INTO payload VALUES (6, ZEROS, EMPTY)",
    "INSERT INTO payload SELECT 1, ZEROS, EMPTY",
    "INSERT INTO payload SELECT max(seq) + 1, ZEROS, EMPTY FROM record",
    "INSERT INTO payload SELECT max(seq) + 1, NO_BYTES, NO_BYTES FROM record",
    // What was erased, by which record.
    "UPDATE erased SET first = 6",
    "UPDATE erased SET first = 4",
    "UPDATE erased SET last = 6",
    "UPDATE erased SET last = 8",
    "UPDATE erased SET by = by - 1",
    "UPDATE erased SET by = 1",
    "UPDATE erased SET first = -first",
    "DELETE FROM erased",
    "INSERT INTO erased SELECT 200, 200, by FROM erased",
    "INSERT INTO erased SELECT 1000, 1001, by FROM erased",
    "INSERT INTO erased SELECT 6, 6, by FROM erased",
    "INSERT INTO erased SELECT 200, 200, by FROM erased; DELETE FROM payload WHERE seq = 200",
    // The table that queries go by.
    "UPDATE block SET field = 'agents' WHERE field = 'agent' AND number = 0",
    "UPDATE block SET value = 'oche' WHERE field = 'agent' AND number = 0",
    "UPDATE block SET number = 7 WHERE field = 'agent' AND number = 0",
    "DELETE FROM block WHERE field = 'session' AND number = 0",
    "DELETE FROM block",
    "INSERT INTO block VALUES ('agent', 'nobody', 0)",
    "INSERT INTO block VALUES ('agent', 'echo', -1)",
    // The tree that proofs are made from.
    "UPDATE node SET hash = ZEROS",
    "UPDATE node SET level = level + 1",
    "UPDATE node SET number = number + 1",
    "DELETE FROM node",
    "INSERT INTO node SELECT level, number + 1, hash FROM node",
    "INSERT INTO node SELECT level + 1, number, hash FROM node",
    // Checkpoints.
    "UPDATE checkpoint SET size = size + 1000",
    "UPDATE checkpoint SET size = -size",
    "UPDATE checkpoint SET note = replace(note, 'bulkhead', 'balkhead')",
    "UPDATE checkpoint SET note = ''",
    "UPDATE checkpoint SET note = (SELECT max(note) FROM checkpoint WHERE size > 200) WHERE size < 200",
    "INSERT INTO checkpoint SELECT size, 9, 'words' FROM checkpoint WHERE size < 200",
    "INSERT INTO checkpoint VALUES (7, 1, 'words')",
    // Keys.
    "UPDATE key SET number = number + 1 WHERE number = 2",
    "UPDATE key SET number = -number WHERE number = 1",
    "UPDATE key SET verifier = (SELECT verifier FROM key WHERE number = 2) WHERE number = 1",
    "UPDATE key SET verifier = 'words' WHERE number = 1",
    "UPDATE key SET change = NULL WHERE number = 2",
    "UPDATE key SET change = 'words' WHERE number = 2",
    "UPDATE key SET change = (SELECT change FROM key WHERE number = 2) WHERE number = 1",
    "DELETE FROM key WHERE number = 1",
    "DELETE FROM key WHERE number = 2",
    "DELETE FROM key",
    "INSERT INTO key SELECT 3, verifier, change FROM key WHERE number = 2",
];

/// What is not found: what a gateway goes on from, and copies of what was signed. The threat model says what follows from each.
const NOT_FOUND: &[&str] = &[
    "UPDATE state SET value = 'false'",
    "UPDATE state SET key = 'another'",
    "DELETE FROM state",
    "INSERT INTO state SELECT * FROM (SELECT 'GATEWAY', 'hold', 'h-1', '{}') AS more (gateway, kind, key, value)",
    "DELETE FROM checkpoint",
    "UPDATE checkpoint SET number = number + 7",
    "INSERT INTO checkpoint SELECT size, number + 7, note FROM checkpoint",
];

/// The same of the rows that only a file has: its lists.
const NOT_FOUND_IN_A_FILE: &[&str] = &[
    "UPDATE item SET value = 'false'",
    "DELETE FROM item",
    "UPDATE list SET last = last + 1",
    "DELETE FROM list",
];

/// A record that has something of everything, and two blocks.
async fn everything(kept: &Kept) {
    let folder = tempfile::tempdir().unwrap();
    let journal = kept.open();
    let signing = notary(kept, &journal, settings(folder.path())).await.unwrap();
    let many = async |count: u64| {
        for number in 0..count {
            journal.follow(entry(vec![draft(number)])).await.unwrap();
        }
        journal.flush().await.unwrap();
    };
    many(100).await;
    signing.seal().await.unwrap();
    signing.rotate(None).await.unwrap();
    many(220).await;
    let state = vec![put("one", json!(true)), Change::push("entry", "s-1", 0, &"words").unwrap()];
    drop(journal.append(Entry { state, ..erasure([5, 6, 7]) }).await.unwrap());
    signing.seal().await.unwrap();
    drop(signing);
    journal.close().await.unwrap();
}

#[tokio::test]
async fn what_is_changed_in_any_table_is_found_and_what_is_not_covered_is_named_here() {
    for kept in Kept::both() {
        everything(&kept).await;
        assert_eq!(verify(&kept.place(), None).unwrap().first_bad, None);
        let unseen: Vec<&str> = FOUND
            .iter()
            .copied()
            .filter(|sql| {
                let copy = kept.copy();
                copy.tamper(sql);
                // That there is no record at all is said as an error.
                verify(&copy.place(), None).is_ok_and(|report| report.ok)
            })
            .collect();
        assert_eq!(unseen, [""; 0], "these are not found on {}", kept.place());
        let mut not_found = NOT_FOUND.to_vec();
        if kept.is_sqlite() {
            not_found.extend(NOT_FOUND_IN_A_FILE);
        }
        for sql in not_found {
            let copy = kept.copy();
            let sql = match kept.is_sqlite() {
                true if sql.contains("GATEWAY") => "INSERT INTO state VALUES ('hold', 'h-1', '{}')",
                _ => sql,
            };
            copy.tamper(sql);
            let report = verify(&copy.place(), None).unwrap();
            assert!(report.ok, "this is found by now, so that it belongs above: {sql}: {report:?}");
        }
    }
}
