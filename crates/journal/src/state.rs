//! Reading the rows of state.

use std::sync::{Mutex, PoisonError};

use rusqlite::{Connection, OptionalExtension};
use serde_json::Value;

use crate::entry::ITEM_DIGITS;
use crate::postgres;
use crate::read::ReadError;

/// The most rows that one reading gives.
pub(crate) const MAX_ROWS: usize = 100_000;

/// From the last item of a list to its first. An item is behind those before it, so that this ends in any file.
const ITEMS: &str = "WITH RECURSIVE found (seq, previous, value) AS ( \
     SELECT item.seq, item.previous, item.value FROM list LEFT JOIN item ON item.seq = list.last \
     WHERE list.kind = ?1 AND list.name = ?2 \
     UNION ALL SELECT item.seq, item.previous, item.value FROM found JOIN item ON item.seq = found.previous \
     WHERE item.seq < found.seq) \
     SELECT previous, value FROM found";

/// The rows of state as they were committed last.
pub(crate) enum States {
    Sqlite(Rows),
    Postgres(postgres::States),
}

impl States {
    pub(crate) fn close(&self) {
        match self {
            Self::Sqlite(rows) => rows.close(),
            Self::Postgres(states) => states.close(),
        }
    }

    /// Whether they can be read, as far as is known. A file that can be written can be read.
    pub(crate) fn healthy(&self) -> Result<(), String> {
        let trouble = match self {
            Self::Sqlite(_) => None,
            Self::Postgres(states) => states.trouble(),
        };
        trouble.map_or(Ok(()), |why| {
            Err(format!(
                "the journal can be written and not read, so nothing is begun that goes on from what it has: {why}"
            ))
        })
    }

    pub(crate) fn one(&self, kind: &str, key: &str) -> Result<Option<Value>, ReadError> {
        let text = match self {
            Self::Sqlite(rows) => rows.one(kind, key)?,
            Self::Postgres(states) => states.one(kind, key)?,
        };
        text.map(|text| value(kind, key, &text)).transpose()
    }

    pub(crate) fn last_keys(
        &self,
        kind: &str,
        prefix: &str,
        before: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, ReadError> {
        let end = end(prefix, before);
        match self {
            Self::Sqlite(rows) => rows.last_keys(kind, prefix, &end, limit),
            Self::Postgres(states) => states.last_keys(kind, prefix, &end, limit),
        }
    }

    pub(crate) fn all(&self, kind: &str, prefix: &str) -> Result<Vec<(String, Value)>, ReadError> {
        let found = match self {
            Self::Sqlite(rows) => return rows.all(kind, prefix),
            Self::Postgres(states) => states.all(kind, prefix)?,
        };
        values(kind, found)
    }

    /// The items of a list, oldest first, `least` of them at least.
    pub(crate) fn list(&self, kind: &str, name: &str, least: u32) -> Result<Vec<Value>, ReadError> {
        let texts = match self {
            Self::Sqlite(rows) => rows.list(kind, name)?,
            Self::Postgres(states) => items(kind, name, states.all(kind, &format!("{name}/"))?)?,
        };
        if texts.len() < usize::try_from(least).unwrap_or(usize::MAX) {
            let count = texts.len();
            return Err(lacking(kind, name, format!("{least} items are known of it and {count} are there")));
        }
        texts.iter().map(|text| value(kind, name, text)).collect()
    }

    pub(crate) fn everyones(&self, kind: &str) -> Result<Vec<(String, Value)>, ReadError> {
        match self {
            Self::Sqlite(rows) => rows.all(kind, ""),
            Self::Postgres(states) => values(kind, states.everyones(kind)?),
        }
    }
}

/// The items of a list among the rows that begin with its name, when they are numbered from 0 on and none is missing.
fn items(kind: &str, name: &str, rows: Vec<(String, String)>) -> Result<Vec<String>, ReadError> {
    // A list whose name goes on after this one's has longer keys.
    let own = |key: &str| key.len() == name.len() + "/".len() + ITEM_DIGITS;
    let mut items = Vec::new();
    for (key, text) in rows.into_iter().filter(|(key, _)| own(key)) {
        let nth = items.len();
        if !key.ends_with(&format!("/{nth:0ITEM_DIGITS$}")) {
            return Err(lacking(kind, name, format!("its item {nth} is gone")));
        }
        items.push(text);
    }
    Ok(items)
}

/// A list is not read as if it were whole.
fn lacking(kind: &str, name: &str, why: String) -> ReadError {
    ReadError::State { kind: kind.to_owned(), key: name.to_owned(), why }
}

/// What every key comes before that begins with `prefix` and comes before `before`.
fn end(prefix: &str, before: Option<&str>) -> String {
    // No key has the last character that there is.
    let mut end = prefix.to_owned();
    end.push(char::MAX);
    match before {
        Some(before) if *before < *end => before.to_owned(),
        _ => end,
    }
}

fn values(kind: &str, found: Vec<(String, String)>) -> Result<Vec<(String, Value)>, ReadError> {
    found.into_iter().map(|(key, text)| value(kind, &key, &text).map(|value| (key, value))).collect()
}

/// The rows of a SQLite journal, as they were committed last.
pub(crate) struct Rows {
    conn: Mutex<Option<Connection>>,
}

impl Rows {
    pub(crate) const fn new(conn: Connection) -> Self {
        Self { conn: Mutex::new(Some(conn)) }
    }

    fn with<T>(&self, read: impl FnOnce(&Connection) -> Result<T, ReadError>) -> Result<T, ReadError> {
        let conn = self.conn.lock().unwrap_or_else(PoisonError::into_inner);
        read(conn.as_ref().ok_or(ReadError::Closed)?)
    }

    /// Reads no more. The writer must be the last to leave the database, to tidy its log away.
    pub(crate) fn close(&self) {
        drop(self.conn.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    pub(crate) fn one(&self, kind: &str, key: &str) -> Result<Option<String>, ReadError> {
        self.with(|conn| {
            let mut statement =
                conn.prepare_cached("SELECT value FROM state WHERE kind = ?1 AND key = ?2")?;
            let text: Option<String> = statement.query_row([kind, key], |row| row.get(0)).optional()?;
            Ok(text)
        })
    }

    /// The keys from `first` on and before `end`, from the last on.
    pub(crate) fn last_keys(
        &self,
        kind: &str,
        first: &str,
        end: &str,
        limit: usize,
    ) -> Result<Vec<String>, ReadError> {
        let limit = i64::try_from(limit.min(MAX_ROWS)).unwrap_or(i64::MAX);
        let sql =
            "SELECT key FROM state WHERE kind = ?1 AND key >= ?2 AND key < ?3 ORDER BY key DESC LIMIT ?4";
        self.with(|conn| {
            let mut statement = conn.prepare_cached(sql)?;
            let keys = statement.query_map((kind, first, end, limit), |row| row.get(0))?;
            Ok(keys.collect::<Result<Vec<String>, _>>()?)
        })
    }

    pub(crate) fn all(&self, kind: &str, prefix: &str) -> Result<Vec<(String, Value)>, ReadError> {
        self.with(|conn| {
            let mut statement = conn
                .prepare_cached("SELECT key, value FROM state WHERE kind = ?1 AND key >= ?2 ORDER BY key")?;
            let mut rows = statement.query([kind, prefix])?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                let key: String = row.get(0)?;
                if !key.starts_with(prefix) {
                    break;
                }
                if found.len() == MAX_ROWS {
                    return Err(ReadError::TooMany { kind: kind.to_owned(), limit: MAX_ROWS });
                }
                let text: String = row.get(1)?;
                let value = value(kind, &key, &text)?;
                found.push((key, value));
            }
            Ok(found)
        })
    }

    pub(crate) fn list(&self, kind: &str, name: &str) -> Result<Vec<String>, ReadError> {
        self.with(|conn| {
            let mut statement = conn.prepare_cached(ITEMS)?;
            let mut rows = statement.query([kind, name])?;
            let (mut found, mut before) = (Vec::new(), None);
            while let Some(row) = rows.next()? {
                if found.len() == MAX_ROWS {
                    return Err(ReadError::TooMany { kind: kind.to_owned(), limit: MAX_ROWS });
                }
                before = row.get::<_, Option<i64>>(0)?;
                found.push(row.get(1)?);
            }
            if before.is_some() {
                return Err(lacking(kind, name, "its first items are gone".to_owned()));
            }
            found.reverse();
            Ok(found)
        })
    }
}

pub(crate) fn value(kind: &str, key: &str, text: &str) -> Result<Value, ReadError> {
    serde_json::from_str(text).map_err(|error| ReadError::State {
        kind: kind.to_owned(),
        key: key.to_owned(),
        why: error.to_string(),
    })
}
