//! Whatever is put into one field of a journal, verifying it ends, and it is found; and looking at that
//! record ends too. The first byte of the input chooses the field, the rest is what is put there.

#![no_main]

use std::sync::{Arc, LazyLock, Mutex};

use journal::{Config, Draft, Entry, Head, Journal, Kind, Place};
use libfuzzer_sys::fuzz_target;
use rusqlite::Connection;
use vocab::{Ambient, Digest, Timestamp};

/// A journal of two records, and another connection to it.
struct Stage {
    place: Place,
    head: Head,
    intruder: Connection,
    _folder: tempfile::TempDir,
}

struct Still;

impl Ambient for Still {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }

    fn random(&self) -> [u8; 16] {
        [7; 16]
    }
}

static STAGE: LazyLock<Mutex<Stage>> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.sqlite");
    let head = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        let journal = Journal::open(Config { place: path.clone().into() }, Arc::new(Still)).unwrap();
        let mut records = vec![Draft::new(Kind::Message), Draft::new(Kind::Proposal)];
        for record in &mut records {
            record.payload = serde_json::json!({ "text": "hello" });
        }
        let entry = Entry { subject: Digest::of(b"x"), records, state: vec![] };
        assert_eq!(journal.append(entry).await.unwrap().seq(), 2);
        let head = journal.head();
        journal.close().await.unwrap();
        head
    });
    assert!(
        journal::verify::verify(&path.clone().into(), Some(head)).unwrap().ok,
        "a fresh journal verifies"
    );
    let intruder = Connection::open(&path).unwrap();
    Mutex::new(Stage { place: path.into(), head, intruder, _folder: folder })
});

/// What an intruder may change: table, column, and whether it holds text.
const FIELDS: [(&str, &str, bool); 4] = [
    ("record", "body", true),
    ("record", "hash", false),
    ("payload", "salt", false),
    ("payload", "bytes", false),
];

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, put)) = bytes.split_first() else { return };
    let seq = 1 + u64::from(choice % 2);
    let (table, column, is_text) = FIELDS[usize::from(choice / 2) % FIELDS.len()];
    let stage = STAGE.lock().unwrap();
    let read = format!("SELECT CAST({column} AS BLOB) FROM {table} WHERE seq = {seq}");
    let cast = if is_text { "CAST(?1 AS TEXT)" } else { "?1" };
    let write = format!("UPDATE {table} SET {column} = {cast} WHERE seq = {seq}");
    let was: Vec<u8> = stage.intruder.query_row(&read, [], |row| row.get(0)).unwrap();
    // SQLite itself refuses a body that is no JSON, since columns are derived from it.
    if was == put || stage.intruder.execute(&write, [put]).is_err() {
        return;
    }
    let report = journal::verify::verify(&stage.place, Some(stage.head));
    let shown = journal::read::Reader::open(&stage.place).and_then(|reader| reader.show(seq));
    stage.intruder.execute(&write, [was]).unwrap();
    assert!(!report.is_ok_and(|report| report.ok), "a change was not found");
    drop(shown);
});
