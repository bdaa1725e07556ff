//! What one transaction does to the database.

use rusqlite::Connection;

use crate::block::{BLOCK_RECORDS, Filling, whole};
use crate::edge::Edge;
use crate::entry::{Change, Head};
use crate::merkle::{self, Node};
use crate::prepare::{Prepared, Record};

const RECORD: &str = "INSERT INTO record (seq, hash, body) VALUES (?1, ?2, ?3)";

const CONTENT: &str = "INSERT INTO payload (seq, salt, bytes) VALUES (?1, ?2, ?3)";

const BLOCK: &str = "INSERT INTO block (field, value, number) VALUES (?1, ?2, ?3)";

const NODE: &str = "INSERT INTO node (level, number, hash) VALUES (?1, ?2, ?3)";

const PUT: &str = "INSERT INTO state (kind, key, value) VALUES (?1, ?2, ?3) \
     ON CONFLICT (kind, key) DO UPDATE SET value = excluded.value";

const DELETE: &str = "DELETE FROM state WHERE kind = ?1 AND key = ?2";

pub(crate) fn begin(conn: &Connection) -> rusqlite::Result<()> {
    conn.prepare_cached("BEGIN IMMEDIATE")?.execute([]).map(drop)
}

/// Makes durable what was written since [`begin`].
pub(crate) fn commit(conn: &Connection) -> rusqlite::Result<()> {
    conn.prepare_cached("COMMIT")?.execute([]).map(drop)
}

/// Takes back what was written since [`begin`], if SQLite has not done so itself.
pub(crate) fn roll_back(conn: &Connection) -> rusqlite::Result<()> {
    if conn.is_autocommit() { Ok(()) } else { conn.execute_batch("ROLLBACK") }
}

/// Writes one entry after `head`; gives where the log stands then. `edge` is what it is added to.
pub(crate) fn write(
    conn: &Connection,
    entry: &Prepared,
    mut head: Head,
    time: &str,
    edge: &mut Edge,
) -> rusqlite::Result<Head> {
    for record in &entry.records {
        head = append(conn, record, &head, time)?;
        edge.frontier.push(head.hash, |node| keep(conn, &node))?;
        edge.filling.take_in(record.values.iter().cloned());
        if head.records.is_multiple_of(BLOCK_RECORDS) {
            finish(conn, &mut edge.filling, whole(head.records).saturating_sub(1))?;
        }
    }
    entry.rows.iter().try_for_each(|row| change(conn, row))?;
    Ok(head)
}

fn append(conn: &Connection, record: &Record, head: &Head, time: &str) -> rusqlite::Result<Head> {
    let body = record.form.at(head, time);
    let head = Head { records: head.records.saturating_add(1), hash: merkle::leaf(body.as_bytes()) };
    conn.prepare_cached(RECORD)?.execute((head.records, head.hash.as_bytes(), body))?;
    if let Some(content) = &record.content {
        conn.prepare_cached(CONTENT)?.execute((head.records, content.salt, &content.bytes))?;
    }
    Ok(head)
}

fn change(conn: &Connection, row: &Change) -> rusqlite::Result<()> {
    match &row.value {
        Some(value) => conn.prepare_cached(PUT)?.execute((&row.kind, &row.key, value))?,
        None => conn.prepare_cached(DELETE)?.execute((&row.kind, &row.key))?,
    };
    Ok(())
}

fn keep(conn: &Connection, node: &Node) -> rusqlite::Result<()> {
    conn.prepare_cached(NODE)?.execute((node.level, node.number, node.hash.as_bytes())).map(drop)
}

/// Writes what occurs in the block `number`, which is whole.
fn finish(conn: &Connection, filling: &mut Filling, number: u64) -> rusqlite::Result<()> {
    let mut insert = conn.prepare_cached(BLOCK)?;
    filling.finish().iter().try_for_each(|(field, value)| insert.execute((field, value, number)).map(drop))
}
