//! Content, read as whoever owns the machine can: past the gateway, from the table itself. A test may; no command does.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, OptionalExtension as _};
use serde_json::{Value, json};

/// The content of a record in the SQLite file at `database`; null when there is none.
///
/// # Panics
/// When the file cannot be read.
#[must_use]
pub fn content(database: &Path, seq: u64) -> Value {
    let bytes = bytes(database, seq);
    if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).unwrap() }
}

/// The same, byte for byte; none when there is none.
///
/// # Panics
/// When the file cannot be read.
#[must_use]
pub fn bytes(database: &Path, seq: u64) -> Vec<u8> {
    let conn = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    conn.busy_timeout(crate::PATIENCE).unwrap();
    let bytes: Option<Vec<u8>> = conn
        .query_row("SELECT bytes FROM payload WHERE seq = ?1 AND octet_length(salt) > 0", [seq], |row| {
            row.get(0)
        })
        .optional()
        .unwrap();
    bytes.unwrap_or_default()
}

/// A record as `audit query --json` prints it, with its content: the arguments as `action.args`, the rest as `content`.
///
/// # Panics
/// When the record has no number, or the file cannot be read.
#[must_use]
pub fn whole(database: &Path, mut record: Value) -> Value {
    let mut content = content(database, record["seq"].as_u64().unwrap());
    if let Some(args) = content.as_object_mut().and_then(|content| content.remove("args")) {
        if record["action"].is_null() {
            record["action"] = json!({});
        }
        record["action"]["args"] = args;
    }
    record["content"] = content;
    record
}
