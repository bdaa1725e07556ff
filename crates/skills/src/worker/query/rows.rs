//! What a query finds, as lines of JSON.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};
use serde_json::{Value, json};

use super::Why;
use crate::told::MAX_DATA_BYTES;
use crate::wire::FromWorker;

/// Room that a result leaves in a frame for what JSON adds to it, in bytes.
const MARGIN_BYTES: usize = 1024;

/// Runs `query` and hands back its rows, as far as they fit.
pub(super) fn fetch(conn: &Connection, query: &str, max_rows: u32) -> Result<FromWorker, Why> {
    let mut statement = conn.prepare(query)?;
    let names: Vec<Value> = statement.column_names().map(Value::from).collect();
    let width = names.len();
    let mut text = line(names);
    let (mut count, mut more) = (0_u32, text.len() > MAX_DATA_BYTES - MARGIN_BYTES);
    let mut rows = statement.query([])?;
    while !more && let Some(row) = rows.next()? {
        let next = line((0..width).map(|nth| value(row, nth)).collect::<Result<_, _>>()?);
        more = count >= max_rows || text.len().saturating_add(next.len()) > MAX_DATA_BYTES - MARGIN_BYTES;
        if !more {
            text.push_str(&next);
            count = count.saturating_add(1);
        }
    }
    Ok(FromWorker::Rows { text, rows: count, more })
}

fn line(values: Vec<Value>) -> String {
    format!("{}\n", Value::Array(values))
}

fn value(row: &Row<'_>, nth: usize) -> Result<Value, Why> {
    Ok(match row.get_ref(nth)? {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => Value::from(number),
        // What JSON has no number for is written as words.
        ValueRef::Real(number) => serde_json::Number::from_f64(number)
            .map_or_else(|| Value::from(number.to_string()), Value::Number),
        ValueRef::Text(text) => Value::from(String::from_utf8_lossy(text)),
        ValueRef::Blob(bytes) => json!({ "bytes": bytes.len() }),
    })
}
