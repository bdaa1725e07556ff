//! What the walk asks of a database: its rows as they stand, and whether a row is there.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension as _, Row, Rows, Statement};

use super::kept::{KeyRows, Own};
use super::sealed::MAX_KEYS;

/// A body or content larger than this was never written, in bytes; it is not even loaded.
pub(super) const MAX_BYTES: i64 = 16 * 1024 * 1024;

/// One record as it stands in the table.
pub(super) struct Line {
    pub(super) seq: i64,
    pub(super) hash: Vec<u8>,
    pub(super) body: Vec<u8>,
}

/// One content as it stands in the table.
pub(super) struct Content {
    pub(super) seq: i64,
    pub(super) salt: Vec<u8>,
    /// None when it is larger than [`MAX_BYTES`], or no bytes at all.
    pub(super) bytes: Option<Vec<u8>>,
    /// It is the empty row that an erasure leaves behind in a file; a server keeps none.
    pub(super) husk: bool,
}

/// A field and a value.
pub(super) type Missing = Option<(String, String)>;

/// Which rows of the table of erasures a walk needs.
#[derive(Clone, Copy)]
pub(super) enum Reach {
    /// All: what is still to come erased records before its beginning too.
    All,
    /// Those of the records that it goes through.
    Walked,
}

impl Reach {
    /// The record that a row has to reach, for a walk that begins with record `first`.
    pub(super) const fn from(self, first: i64) -> i64 {
        match self {
            Self::All => i64::MIN,
            Self::Walked => first,
        }
    }
}

/// A database in the middle of being gone through, at one moment of its life.
pub(super) trait Source {
    /// Why it cannot be read on.
    type Error;

    /// The log's id.
    fn log_id(&mut self) -> Result<String, Self::Error>;
    /// The number of the last record.
    fn last(&mut self) -> Result<u64, Self::Error>;
    /// The keys of the log in their order, each with the note of the change to it.
    fn keys(&mut self) -> Result<KeyRows, Self::Error>;
    /// The first number of a key that is not the key's place among them.
    fn misnumbered(&mut self) -> Result<Option<i64>, Self::Error>;
    /// The checkpoint that stands next behind the one of `size` records with this number among those of that size.
    fn checkpoint_after(&mut self, size: i64, number: i64) -> Result<Option<Own>, Self::Error>;
    /// The next record.
    fn record(&mut self) -> Result<Option<Line>, Self::Error>;
    /// The next content.
    fn content(&mut self) -> Result<Option<Content>, Self::Error>;
    /// The next row of the table of erasures: first, last and by which record.
    fn erased(&mut self) -> Result<Option<[i64; 3]>, Self::Error>;
    /// The first record from `seq` on, out of the order of the others.
    fn record_from(&mut self, seq: i64) -> Result<Option<Line>, Self::Error>;
    /// The first of `rows`, each a field and a value, that the table of blocks has not for block `number`.
    fn missing_of_block(&mut self, number: u64, rows: &[(&str, &str)]) -> Result<Missing, Self::Error>;
    /// How many rows the table of blocks has.
    fn blocks(&mut self) -> Result<u64, Self::Error>;
    /// Whether the tree has this node.
    fn has_node(&mut self, level: u32, number: u64, hash: &[u8; 32]) -> Result<bool, Self::Error>;
    /// How many nodes the tree has.
    fn nodes(&mut self) -> Result<u64, Self::Error>;
}

const RECORDS: &str = "SELECT seq, CASE WHEN octet_length(hash) <= 64 THEN hash END, \
     CASE WHEN octet_length(body) <= 16777216 THEN body END \
     FROM record NOT INDEXED WHERE seq >= ?1 ORDER BY seq";

const CONTENTS: &str = "SELECT seq, CASE WHEN octet_length(salt) <= 64 THEN salt END, \
     CASE WHEN octet_length(bytes) <= 16777216 THEN bytes END \
     FROM payload NOT INDEXED WHERE seq >= ?1 ORDER BY seq";

const ERASED: &str = "SELECT first, last, by FROM erased NOT INDEXED WHERE last >= ?1 ORDER BY first";

/// Asks which of the keys in `table` has another number than its place.
pub(super) fn misnumbered(table: &str) -> String {
    format!(
        "SELECT number FROM (SELECT number, row_number() OVER (ORDER BY number) AS place FROM {table}) AS placed \
         WHERE number <> place ORDER BY number LIMIT 1"
    )
}

/// The statements that a SQLite journal is gone through with.
pub(super) struct Statements<'a> {
    conn: &'a Connection,
    records: Statement<'a>,
    contents: Statement<'a>,
    erased: Statement<'a>,
}

impl<'a> Statements<'a> {
    pub(super) fn new(conn: &'a Connection) -> rusqlite::Result<Self> {
        let (records, contents) = (conn.prepare(RECORDS)?, conn.prepare(CONTENTS)?);
        Ok(Self { conn, records, contents, erased: conn.prepare(ERASED)? })
    }

    /// Begins with record `first`, and with all erasures or with those that reach it.
    pub(super) fn from(&mut self, first: i64, erasures: Reach) -> rusqlite::Result<Sqlite<'_>> {
        let (records, contents) = (self.records.query([first])?, self.contents.query([first])?);
        let erased = self.erased.query([erasures.from(first)])?;
        Ok(Sqlite { conn: self.conn, records, contents, erased })
    }
}

/// A SQLite journal.
pub(super) struct Sqlite<'a> {
    conn: &'a Connection,
    records: Rows<'a>,
    contents: Rows<'a>,
    erased: Rows<'a>,
}

impl Source for Sqlite<'_> {
    type Error = rusqlite::Error;

    fn log_id(&mut self) -> rusqlite::Result<String> {
        self.conn.query_row("SELECT value FROM meta WHERE name = 'log'", [], |row| row.get(0))
    }

    fn last(&mut self) -> rusqlite::Result<u64> {
        self.conn.query_row("SELECT coalesce(max(seq), 0) FROM record", [], |row| row.get(0))
    }

    fn keys(&mut self) -> rusqlite::Result<KeyRows> {
        let mut keys = self.conn.prepare("SELECT verifier, change FROM key ORDER BY number LIMIT ?1")?;
        keys.query_map([MAX_KEYS.saturating_add(1)], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
    }

    fn misnumbered(&mut self) -> rusqlite::Result<Option<i64>> {
        self.conn.query_row(&misnumbered("key"), [], |row| row.get(0)).optional()
    }

    fn checkpoint_after(&mut self, size: i64, number: i64) -> rusqlite::Result<Option<Own>> {
        let sql = "SELECT size, number, CAST(note AS BLOB) FROM checkpoint WHERE (size, number) > (?1, ?2) \
             ORDER BY size, number LIMIT 1";
        let mut next = self.conn.prepare_cached(sql)?;
        let row = |row: &Row<'_>| {
            let note = bytes(row.get_ref(2)?);
            let note = String::from_utf8_lossy(&note).into_owned();
            Ok(Own { size: row.get(0)?, number: row.get(1)?, note })
        };
        next.query_row([size, number], row).optional()
    }

    fn record(&mut self) -> rusqlite::Result<Option<Line>> {
        self.records.next()?.map(line).transpose()
    }

    fn content(&mut self) -> rusqlite::Result<Option<Content>> {
        let content = |row: &Row<'_>| {
            let bytes = Some(row.get_ref(2)?).filter(|value| *value != ValueRef::Null).map(bytes);
            let salt = self::bytes(row.get_ref(1)?);
            let husk = salt.is_empty() && bytes.as_ref().is_some_and(Vec::is_empty);
            Ok(Content { seq: row.get(0)?, salt, bytes, husk })
        };
        self.contents.next()?.map(content).transpose()
    }

    fn erased(&mut self) -> rusqlite::Result<Option<[i64; 3]>> {
        let row = |row: &Row<'_>| Ok([row.get(0)?, row.get(1)?, row.get(2)?]);
        self.erased.next()?.map(row).transpose()
    }

    fn record_from(&mut self, seq: i64) -> rusqlite::Result<Option<Line>> {
        let mut records = self.conn.prepare(RECORDS)?;
        let mut records = records.query([seq])?;
        records.next()?.map(line).transpose()
    }

    fn missing_of_block(&mut self, number: u64, rows: &[(&str, &str)]) -> rusqlite::Result<Missing> {
        let sql = "SELECT 1 FROM block WHERE field = ?1 AND value = ?2 AND number = ?3";
        let mut row = self.conn.prepare_cached(sql)?;
        for (field, value) in rows {
            if !row.exists((field, value, number))? {
                return Ok(Some(((*field).to_owned(), (*value).to_owned())));
            }
        }
        Ok(None)
    }

    fn blocks(&mut self) -> rusqlite::Result<u64> {
        self.conn.query_row("SELECT count(*) FROM block", [], |row| row.get(0))
    }

    fn has_node(&mut self, level: u32, number: u64, hash: &[u8; 32]) -> rusqlite::Result<bool> {
        let sql = "SELECT 1 FROM node WHERE level = ?1 AND number = ?2 AND hash = ?3";
        self.conn.prepare_cached(sql)?.exists((level, number, hash))
    }

    fn nodes(&mut self) -> rusqlite::Result<u64> {
        self.conn.query_row("SELECT count(*) FROM node", [], |row| row.get(0))
    }
}

fn line(row: &Row<'_>) -> rusqlite::Result<Line> {
    Ok(Line { seq: row.get(0)?, hash: bytes(row.get_ref(1)?), body: bytes(row.get_ref(2)?) })
}

/// The bytes of a text or blob; anything else was never written and has none.
fn bytes(value: ValueRef<'_>) -> Vec<u8> {
    match value {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes.to_vec(),
        ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_) => Vec::new(),
    }
}
