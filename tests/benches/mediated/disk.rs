//! What a disk takes at least: a bare append, and a single row of SQLite.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};

use crate::Done;

/// A file that only grows, each write followed by `fdatasync`.
pub(crate) struct Bare {
    file: File,
    bytes: Vec<u8>,
}

impl Bare {
    pub(crate) fn new(folder: &Path, bytes: usize) -> Done<Self> {
        let file = OpenOptions::new().create_new(true).append(true).open(folder.join("bare"))?;
        Ok(Self { file, bytes: vec![b'x'; bytes] })
    }

    pub(crate) const fn bytes(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn append(&mut self, count: usize) -> Done<Vec<Duration>> {
        let one = |_| {
            let begun = Instant::now();
            self.file.write_all(&self.bytes)?;
            self.file.sync_data()?;
            Ok(begun.elapsed())
        };
        (0..count).map(one).collect()
    }
}

/// A table that takes one row in each transaction: write-ahead log, synchronous FULL, all else as SQLite has it.
pub(crate) struct Rows {
    conn: Connection,
    bytes: Vec<u8>,
}

impl Rows {
    pub(crate) fn new(folder: &Path, bytes: usize) -> Done<Self> {
        let conn = Connection::open(folder.join("rows.sqlite"))?;
        conn.pragma_update(None, "journal_mode", "WAL")?;
        conn.pragma_update(None, "synchronous", "FULL")?;
        conn.execute_batch("CREATE TABLE row (seq INTEGER PRIMARY KEY, bytes BLOB)")?;
        Ok(Self { conn, bytes: vec![b'x'; bytes] })
    }

    pub(crate) fn insert(&mut self, count: usize) -> Done<Vec<Duration>> {
        let mut insert = self.conn.prepare_cached("INSERT INTO row (bytes) VALUES (?1)")?;
        let one = |_| {
            let begun = Instant::now();
            insert.execute([&self.bytes])?;
            Ok(begun.elapsed())
        };
        (0..count).map(one).collect()
    }
}

/// How many bytes the journal keeps for one action: proposal, verdict and outcome with their contents, hashes and
/// salts. The rows of state, which are written over, are not counted, nor is anything of SQLite's own.
pub(crate) fn bytes_of_an_action(database: &Path) -> Done<usize> {
    const KEPT: &str = "SELECT (SELECT sum(length(CAST(body AS BLOB)) + length(hash)) FROM record) \
         + (SELECT sum(length(bytes) + length(salt)) FROM payload)";
    const ACTIONS: &str = "SELECT count(*) FROM record WHERE body LIKE '%\"kind\":\"outcome\"%'";
    let conn = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let kept: usize = conn.query_row(KEPT, [], |row| row.get(0))?;
    let actions: usize = conn.query_row(ACTIONS, [], |row| row.get(0))?;
    kept.checked_div(actions).ok_or_else(|| "no action is on the record".into())
}
