//! The index of one search: SQLite's FTS5, in memory, gone with the answer.

use std::collections::BTreeSet;

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

/// The best first; what is as good comes in the order of the documents. FTS5's own `snippet` compares every place that fits with
/// every other, in one step, which nothing ends; this marks them.
const FIND: &str = "SELECT document, first, last, highlight(passages, 1, ?3, '') FROM passages \
    WHERE passages MATCH ?1 ORDER BY rank, rowid LIMIT ?2";

/// Stands before a word that fits: no character, in no language.
const FITS: char = '\u{fdd0}';

/// The most words of a passage that are told.
const SNIPPET_WORDS: usize = 40;

/// How many of them stand before the first that fits.
const WORDS_BEFORE: usize = 5;

/// After how many steps of SQLite's machine the time is looked at; one may be the ranking of a whole passage.
const STEPS: i32 = 100;

/// The passages of a collection.
pub(super) struct Index {
    conn: Connection,
}

impl Index {
    /// An empty one, in which nothing goes on for longer than `until`.
    pub(super) fn new(until: Until) -> Result<Self, DocumentsError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let open = || -> Result<Connection, rusqlite::Error> {
            let mut conn = Connection::open_in_memory_with_flags(flags)?;
            conn.set_limit(Limit::SQLITE_LIMIT_LENGTH, MAX_VALUE_BYTES)?;
            conn.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
            conn.pragma_update(None, "temp_store", "MEMORY")?;
            conn.query_row(&format!("PRAGMA hard_heap_limit = {HEAP_BYTES}"), [], |_| Ok(()))?;
            // There is nothing to go back to: what fails is dropped whole.
            conn.query_row("PRAGMA journal_mode = OFF", [], |_| Ok(()))?;
            conn.execute_batch(TABLE)?;
            conn.execute_batch("BEGIN")?;
            conn.progress_handler(STEPS, Some(move || until.check().is_err()))?;
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
        until: Until,
    ) -> Result<(Vec<Passage>, bool), DocumentsError> {
        until.check()?;
        let Some(words) = expression(query) else { return Ok((Vec::new(), false)) };
        let mut statement = self.conn.prepare(FIND).map_err(said)?;
        let rows = statement.query_map(params![words, limit.saturating_add(1), FITS.to_string()], |row| {
            let text: String = row.get(3)?;
            let text = one_line(&snippet(&text));
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

/// The words of `marked` among which most different ones fit.
fn snippet(marked: &str) -> String {
    let words: Vec<&str> = marked.split_whitespace().collect();
    let last = words.len().saturating_sub(SNIPPET_WORDS);
    let starts = words.iter().enumerate().filter(|(_, word)| word.contains(FITS));
    let starts = starts.map(|(at, _)| at.saturating_sub(WORDS_BEFORE).min(last));
    let fits = |start: usize| {
        let window = words.iter().skip(start).take(SNIPPET_WORDS).filter(|word| word.contains(FITS));
        window.map(|word| word.to_lowercase()).collect::<BTreeSet<_>>().len()
    };
    // The first of those that are as good.
    let start = starts.rev().max_by_key(|start| fits(*start)).unwrap_or_default();
    let told: Vec<&str> = words.iter().skip(start).take(SNIPPET_WORDS).copied().collect();
    let (before, after) = (if start > 0 { "…" } else { "" }, if start < last { "…" } else { "" });
    format!("{before}{}{after}", told.join(" ").replace(FITS, ""))
}

/// The words of `query`, each once, any of which may stand in a passage. Each is in quotes, in which FTS5 reads no language: `NOT`, `*`,
/// `document:` and parentheses are words or nothing. What is several words to FTS5, such as `time-off`, is looked for as
/// they stand. Without any word there is nothing.
pub(super) fn expression(query: &str) -> Option<String> {
    let parted = |c: char| c.is_whitespace() || c.is_control();
    let mut seen = BTreeSet::new();
    let words = query.split(parted).filter(|word| word.contains(char::is_alphanumeric));
    let words = words.filter(|word| seen.insert(word.to_lowercase())).take(MAX_WORDS);
    let quoted: Vec<String> = words.map(|word| format!("\"{}\"", word.replace('"', "\"\""))).collect();
    (!quoted.is_empty()).then(|| quoted.join(" OR "))
}

fn said(error: rusqlite::Error) -> DocumentsError {
    match error.sqlite_error_code() {
        Some(ErrorCode::OutOfMemory) => DocumentsError::Memory,
        Some(ErrorCode::OperationInterrupted) => DocumentsError::Late,
        _ => DocumentsError::Index(one_line(&error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::super::SEARCH_TIME;
    use super::*;

    #[test]
    fn a_search_ends_in_the_midst_of_what_sqlite_does() {
        let part = Part { from: 1, to: 1, text: "word" };
        let begun = Instant::now().checked_sub(SEARCH_TIME * 2).unwrap();
        let late = Index::new(Until(begun)).and_then(|mut index| index.add("a.md", &[part; 1_000]));
        assert!(matches!(late, Err(DocumentsError::Late)), "{late:?}");
        let mut index = Index::new(Until::new()).unwrap();
        index.add("a.md", &[part; 1_000]).unwrap();
        assert_eq!(index.find("word", 8, Until::new()).unwrap().0.len(), 8);
        index.conn.progress_handler(STEPS, Some(|| true)).unwrap();
        assert!(matches!(index.find("word", 8, Until::new()), Err(DocumentsError::Late)));
    }

    #[test]
    fn a_snippet_is_where_most_of_the_words_are() {
        let (filler, fits) = ("x ".repeat(100), FITS);
        assert_eq!(snippet(&format!("a\n {fits}b  c")), "a b c");
        let told = snippet(&format!("{fits}a {fits}a {filler}{fits}a y {fits}b {filler}"));
        assert!(told.starts_with("…x x x x x a y b x") && told.ends_with(" x…"), "{told}");
        assert_eq!(told.split(' ').count(), SNIPPET_WORDS);
        let told = snippet(&format!("{filler}{fits}end"));
        assert!(told.starts_with('…') && told.ends_with("x end"), "{told}");
    }

    #[test]
    fn a_word_is_looked_for_once() {
        assert_eq!(expression("the The THE time-off the").unwrap(), "\"the\" OR \"time-off\"");
        let many: Vec<String> = (0..2 * MAX_WORDS).map(|nth| format!("w{nth}")).collect();
        assert_eq!(expression(&many.join(" ")).unwrap().split(" OR ").count(), MAX_WORDS);
    }
}
