//! What one transaction does to the database.

use std::collections::BTreeMap;

use rusqlite::{CachedStatement, Connection};

use crate::block::{BLOCK_RECORDS, Filling, whole};
use crate::edge::Edge;
use crate::entry::{Change, Head};
use crate::merkle::Node;
use crate::placed::Placed;
use crate::prepare::{Prepared, Record};
use crate::removal;
use crate::stored::Stored;

const RECORD: &str = "INSERT INTO record (seq, hash, body) VALUES (?1, ?2, ?3)";

const CONTENT: &str = "INSERT INTO payload (seq, salt, bytes) VALUES (?1, ?2, ?3)";

const BLOCK: &str = "INSERT INTO block (field, value, number) VALUES (?1, ?2, ?3)";

const NODE: &str = "INSERT INTO node (level, number, hash) VALUES (?1, ?2, ?3)";

const CHECKPOINT: &str = "INSERT INTO checkpoint (size, number, note) \
     SELECT ?1, coalesce(max(number), 0) + 1, ?2 FROM checkpoint WHERE size = ?1";

const KEY: &str = "INSERT INTO key (number, verifier, change) VALUES (?1, ?2, ?3)";

/// In a table with one key and nothing beside it SQLite writes the row where it belongs, without a look at what is there.
const PUT: &str = "REPLACE INTO state (kind, key, value) VALUES (?1, ?2, ?3)";

/// The item comes behind what is its list's last so far.
const PUSH: &str = "INSERT INTO item (previous, value) \
     VALUES ((SELECT last FROM list WHERE kind = ?1 AND name = ?2), ?3)";

const LAST: &str = "REPLACE INTO list (kind, name, last) VALUES (?1, ?2, last_insert_rowid())";

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

/// Writes into an open transaction, with its statements at hand.
pub(crate) struct Scribe<'a> {
    conn: &'a Connection,
    record: CachedStatement<'a>,
    content: CachedStatement<'a>,
    put: CachedStatement<'a>,
    push: CachedStatement<'a>,
    last: CachedStatement<'a>,
    /// The changes of state to come, by family and name: of several of one row only the last is written, since
    /// nobody sees what is within a transaction.
    changes: BTreeMap<(&'a str, &'a str), &'a Change>,
}

impl<'a> Scribe<'a> {
    pub(crate) fn new(conn: &'a Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            conn,
            record: conn.prepare_cached(RECORD)?,
            content: conn.prepare_cached(CONTENT)?,
            put: conn.prepare_cached(PUT)?,
            push: conn.prepare_cached(PUSH)?,
            last: conn.prepare_cached(LAST)?,
            changes: BTreeMap::new(),
        })
    }

    /// Writes the records of one entry at their place and takes up its changes of state. `edge` is what they are
    /// added to.
    pub(crate) fn write(
        &mut self,
        entry: &'a Prepared,
        placed: &Placed,
        edge: &mut Edge,
    ) -> rusqlite::Result<()> {
        for (record, (body, head)) in entry.records.iter().zip(&placed.records) {
            self.append(record, body, head)?;
            edge.frontier.push(head.hash, |node| keep(self.conn, &node))?;
            edge.filling.take_in(&record.values);
            if head.records.is_multiple_of(BLOCK_RECORDS) {
                finish(self.conn, &mut edge.filling, whole(head.records).saturating_sub(1))?;
            }
        }
        entry.stored.iter().try_for_each(|stored| store(self.conn, stored))?;
        for row in &entry.rows {
            match row.list() {
                Some(list) => self.change_list(list, row)?,
                None => drop(self.changes.insert((&row.kind, &row.key), row)),
            }
        }
        if entry.erases() {
            self.flush()?;
            removal::renew_state(self.conn)?;
        }
        Ok(())
    }

    fn append(&mut self, record: &Record, body: &str, head: &Head) -> rusqlite::Result<()> {
        self.record.execute((head.records, head.hash.as_bytes(), body))?;
        if let Some(content) = &record.content {
            self.content.execute((head.records, content.salt, &content.bytes))?;
        }
        if let Some(erased) = &record.erases {
            removal::remove(self.conn, erased, head.records)?;
        }
        Ok(())
    }

    /// Writes the changes of state.
    pub(crate) fn finish(mut self) -> rusqlite::Result<()> {
        self.flush()
    }

    fn flush(&mut self) -> rusqlite::Result<()> {
        std::mem::take(&mut self.changes).into_values().try_for_each(|change| self.change(change))
    }

    fn change(&mut self, change: &Change) -> rusqlite::Result<()> {
        let (kind, key) = (&change.kind, &change.key);
        match &change.value {
            Some(value) => self.put.execute((kind, key, value)).map(drop),
            None => self.conn.prepare_cached(DELETE)?.execute((kind, key)).map(drop),
        }
    }

    fn change_list(&mut self, list: &str, change: &Change) -> rusqlite::Result<()> {
        let Some(value) = &change.value else { return removal::remove_list(self.conn, &change.kind, list) };
        self.push.execute((&change.kind, list, value))?;
        self.last.execute((&change.kind, list)).map(drop)
    }
}

fn store(conn: &Connection, stored: &Stored) -> rusqlite::Result<()> {
    match stored {
        Stored::Checkpoint { size, note, .. } => conn.prepare_cached(CHECKPOINT)?.execute((size, note))?,
        Stored::Key { number, verifier, change, .. } => {
            conn.prepare_cached(KEY)?.execute((number, verifier, change))?
        }
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
