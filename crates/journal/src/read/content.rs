//! Content: the words, arguments and sentences that belong to records, and that are read by those who have the right.

use rusqlite::OptionalExtension as _;
use serde_json::{Value, json};

use super::{MAX_PAGE_BYTES, ReadError, Reader, Record, Source};

impl Reader {
    /// The content of one record, as it was written; none when there never was any or it was erased.
    ///
    /// # Errors
    /// When the database cannot be read or the content is damaged.
    pub fn content(&self, seq: u64) -> Result<Option<Value>, ReadError> {
        Ok(self.one(seq)?.map(|(content, _)| content))
    }

    /// The contents of these records, in this order, each with its record's number; those without are left out. It
    /// stops before the next once it has given [`super::MAX_PAGE_BYTES`], and says how many of `seqs` it went through.
    ///
    /// # Errors
    /// As [`Reader::content`].
    pub fn contents(&self, seqs: &[u64]) -> Result<(Vec<(u64, Value)>, usize), ReadError> {
        let (mut found, mut bytes, mut through) = (Vec::new(), 0_usize, 0_usize);
        for seq in seqs {
            if bytes >= MAX_PAGE_BYTES {
                break;
            }
            through = through.saturating_add(1);
            if let Some((content, size)) = self.one(*seq)? {
                bytes = bytes.saturating_add(size);
                found.push((*seq, content));
            }
        }
        Ok((found, through))
    }

    fn one(&self, seq: u64) -> Result<Option<(Value, usize)>, ReadError> {
        let Ok(row) = i64::try_from(seq) else { return Ok(None) };
        let bytes: Option<Vec<u8>> = match &self.source {
            Source::Sqlite(conn) => {
                let sql = "SELECT bytes FROM payload WHERE seq = ?1 AND octet_length(salt) > 0";
                conn.prepare_cached(sql)?.query_row([row], |row| row.get(0)).optional()?
            }
            Source::Postgres(log) => log.content(seq)?,
        };
        let Some(bytes) = bytes else { return Ok(None) };
        let content = serde_json::from_slice(&bytes)
            .map_err(|error| ReadError::Damaged { seq, why: error.to_string() })?;
        Ok(Some((content, bytes.len())))
    }
}

/// A record with its content as people and programs are shown both: the action's arguments as `action.args`, the rest
/// as `content`.
///
/// # Errors
/// When the record has no JSON form.
pub fn whole(record: &Record, mut content: Value) -> Result<Value, serde_json::Error> {
    let mut shown = serde_json::to_value(record)?;
    let args = content.as_object_mut().and_then(|content| content.remove("args"));
    if content.as_object().is_some_and(serde_json::Map::is_empty) {
        content = Value::Null;
    }
    if let Some(object) = shown.as_object_mut() {
        if let Some(args) = args {
            let action = object.entry("action").or_insert(Value::Null);
            if action.is_null() {
                *action = json!({ "verb": null, "resource": null });
            }
            if let Some(action) = action.as_object_mut() {
                action.insert("args".to_owned(), args);
            }
        }
        object.insert("content".to_owned(), content);
    }
    Ok(shown)
}
