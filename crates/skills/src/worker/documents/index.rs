//! The index of one search: SQLite's FTS5, in memory, gone with the answer.

use rusqlite::limits::Limit;
use rusqlite::{Connection, ErrorCode, OpenFlags, params};

use super::passages::Part;
use super::{DocumentsError, Until};
use crate::plain::{beginning, one_line};
use crate::wire::{MAX_SNIPPET_BYTES, Passage};

/// The most words of a query that are looked for.
const MAX_WORDS: usize = 64;

/// Memory of all of SQLite, in bytes: the largest collection, and its index.
const HEAP_BYTES: u64 = 192 * 1024 * 1024;

/// The longest value, in bytes: more than a document.
const MAX_VALUE_BYTES: i32 = 8 * 1024 * 1024;

/// Letters with and without marks are the same; words are not cut to their stems, whose rules are those of one language.
const TABLE: &str = "CREATE VIRTUAL TABLE passages USING \
    fts5(document, text, first UNINDEXED, last UNINDEXED, tokenize = 'unicode61 remove_diacritics 2')";

/// The best first; what is as good comes in the order of the documents. Of each, what fits, of at most so many words.
const FIND: &str = "SELECT document, first, last, snippet(passages, 1, '', '', '…', 40) FROM passages \
    WHERE passages MATCH ?1 ORDER BY rank, rowid LIMIT ?2";

/// The passages of a collection.
pub(super) struct Index {
    conn: Connection,
}

impl Index {
    pub(super) fn new() -> Result<Self, DocumentsError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let open = || -> Result<Connection, rusqlite::Error> {
            let conn = Connection::open_in_memory_with_flags(flags)?;
            conn.set_limit(Limit::SQLITE_LIMIT_LENGTH, MAX_VALUE_BYTES)?;
            conn.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
            conn.pragma_update(None, "temp_store", "MEMORY")?;
            conn.query_row(&format!("PRAGMA hard_heap_limit = {HEAP_BYTES}"), [], |_| Ok(()))?;
            // There is nothing to go back to: what fails is dropped whole.
            conn.query_row("PRAGMA journal_mode = OFF", [], |_| Ok(()))?;
            conn.execute_batch(TABLE)?;
            conn.execute_batch("BEGIN")?;
            Ok(conn)
        };
        Ok(Self { conn: open().map_err(said)? })
    }

    /// Adds a document.
    pub(super) fn add(&mut self, document: &str, parts: &[Part<'_>]) -> Result<(), DocumentsError> {
        let mut insert = self
            .conn
            .prepare_cached("INSERT INTO passages (document, text, first, last) VALUES (?1, ?2, ?3, ?4)")
            .map_err(said)?;
        for Part { from, to, text } in parts {
            insert.execute(params![document, text, from, to]).map_err(said)?;
        }
        Ok(())
    }

    /// The passages that fit `query` best, at most `limit`, and whether there are more.
    pub(super) fn find(
        &self,
        query: &str,
        limit: u32,
        until: &Until,
    ) -> Result<(Vec<Passage>, bool), DocumentsError> {
        until.check()?;
        let Some(words) = expression(query) else { return Ok((Vec::new(), false)) };
        let mut statement = self.conn.prepare(FIND).map_err(said)?;
        let rows = statement.query_map(params![words, limit.saturating_add(1)], |row| {
            let text: String = row.get(3)?;
            let text = one_line(&text.split_whitespace().collect::<Vec<_>>().join(" "));
            Ok(Passage {
                document: row.get(0)?,
                from: row.get(1)?,
                to: row.get(2)?,
                text: beginning(&text, MAX_SNIPPET_BYTES).to_owned(),
            })
        });
        let mut found: Vec<Passage> = rows.and_then(Iterator::collect).map_err(said)?;
        let more = found.len() > limit as usize;
        found.truncate(limit as usize);
        Ok((found, more))
    }
}

/// The words of `query`, any of which may stand in a passage. Each is in quotes, in which FTS5 reads no language: `NOT`, `*`,
/// `document:` and parentheses are words or nothing. What is several words to FTS5, such as `time-off`, is looked for as
/// they stand. Without any word there is nothing.
pub(super) fn expression(query: &str) -> Option<String> {
    let parted = |c: char| c.is_whitespace() || c.is_control();
    let words = query.split(parted).filter(|word| word.contains(char::is_alphanumeric)).take(MAX_WORDS);
    let quoted: Vec<String> = words.map(|word| format!("\"{}\"", word.replace('"', "\"\""))).collect();
    (!quoted.is_empty()).then(|| quoted.join(" OR "))
}

fn said(error: rusqlite::Error) -> DocumentsError {
    match error.sqlite_error_code() {
        Some(ErrorCode::OutOfMemory) => DocumentsError::Memory,
        _ => DocumentsError::Index(one_line(&error.to_string())),
    }
}
