//! What one transaction does to the database.

use std::collections::BTreeMap;

use rusqlite::{CachedStatement, Connection};
use smol_str::SmolStr;

use crate::block::{BLOCK_RECORDS, Field, Filling, whole};
use crate::edge::Edge;
use crate::entry::{Change, Head};
use crate::merkle::Node;
use crate::placed::Placed;
use crate::prepare::{Prepared, Record};
use crate::removal;
use crate::schema;
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

const VERSION: &str = "PRAGMA schema_version";

/// Why nothing of a transaction is to stand.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    /// The database refused.
    #[error(transparent)]
    Database(#[from] rusqlite::Error),
    /// Somebody put something into the database, or changed how it is made.
    #[error(
        "the journal {0}: find out who did that and what it did, put it right with `sqlite3`, and run `bulkhead audit verify`"
    )]
    Foreign(String),
    /// What was written is not there, and the database says nothing of it.
    #[error(
        "the database does not have what was written, and refuses nothing: look what was put into it, and run `bulkhead audit verify`"
    )]
    NotTaken,
}

/// Of a statement that changes so many rows when all is well.
fn changes(rows: u64, changed: usize) -> Result<(), Refused> {
    if changed as u64 == rows { Ok(()) } else { Err(Refused::NotTaken) }
}

/// Looks, in an open transaction, whether the database is still made as a journal is; `known` is the version of its making
/// when that was so last. To ask for the version takes a microsecond.
pub(crate) fn examine(conn: &Connection, known: &mut Option<i64>) -> Result<(), Refused> {
    let version = conn.prepare_cached(VERSION)?.query_row([], |row| row.get(0))?;
    if *known == Some(version) {
        return Ok(());
    }
    if let Some(what) = schema::foreign(conn)? {
        return Err(Refused::Foreign(what));
    }
    *known = Some(version);
    Ok(())
}

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
    ) -> Result<(), Refused> {
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

    fn append(&mut self, record: &Record, body: &str, head: &Head) -> Result<(), Refused> {
        changes(1, self.record.execute((head.records, head.hash.as_bytes(), body))?)?;
        if let Some(content) = &record.content {
            changes(1, self.content.execute((head.records, content.salt, &content.bytes))?)?;
        }
        if let Some(erased) = &record.erases
            && !removal::remove(self.conn, erased, head.records)?
        {
            return Err(Refused::NotTaken);
        }
        Ok(())
    }

    /// Writes the changes of state.
    pub(crate) fn finish(mut self) -> Result<(), Refused> {
        self.flush()
    }

    fn flush(&mut self) -> Result<(), Refused> {
        std::mem::take(&mut self.changes).into_values().try_for_each(|change| self.change(change))
    }

    fn change(&mut self, change: &Change) -> Result<(), Refused> {
        let (kind, key) = (&change.kind, &change.key);
        match &change.value {
            Some(value) => changes(1, self.put.execute((kind, key, value))?),
            None => Ok(self.conn.prepare_cached(DELETE)?.execute((kind, key)).map(drop)?),
        }
    }

    fn change_list(&mut self, list: &str, change: &Change) -> Result<(), Refused> {
        let Some(value) = &change.value else {
            return Ok(removal::remove_list(self.conn, &change.kind, list, change.kept())?);
        };
        changes(1, self.push.execute((&change.kind, list, value))?)?;
        changes(1, self.last.execute((&change.kind, list))?)
    }
}

fn store(conn: &Connection, stored: &Stored) -> Result<(), Refused> {
    let stored = match stored {
        Stored::Checkpoint { size, note, .. } => conn.prepare_cached(CHECKPOINT)?.execute((size, note))?,
        Stored::Key { number, verifier, change, .. } => {
            conn.prepare_cached(KEY)?.execute((number, verifier, change))?
        }
    };
    changes(1, stored)
}

fn keep(conn: &Connection, node: &Node) -> Result<(), Refused> {
    changes(1, conn.prepare_cached(NODE)?.execute((node.level, node.number, node.hash.as_bytes()))?)
}

/// Writes what occurs in the block `number`, which is whole.
fn finish(conn: &Connection, filling: &mut Filling, number: u64) -> Result<(), Refused> {
    let mut insert = conn.prepare_cached(BLOCK)?;
    let mut put =
        |(field, value): &(Field, SmolStr)| changes(1, insert.execute((field, value.as_str(), number))?);
    filling.finish().iter().try_for_each(&mut put)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use vocab::{Ambient, Digest, Timestamp};

    use super::*;
    use crate::entry::{Draft, Kind};
    use crate::erase::Erased;
    use crate::prepare::prepare;

    struct Still;

    impl Ambient for Still {
        fn now(&self) -> Timestamp {
            Timestamp::UNIX_EPOCH
        }

        fn random(&self) -> [u8; 16] {
            [7; 16]
        }
    }

    /// What is written of `entry` after four records with content to a database with this trigger in it.
    fn written(trigger: &str, entry: (Vec<Draft>, Vec<Change>)) -> Result<(), Refused> {
        let conn = Connection::open_in_memory()?;
        schema::make(&conn)?;
        let (mut edge, mut head) = (Edge::default(), Head { records: 0, hash: Digest::of(b"") });
        let mut write = |(records, state): (Vec<Draft>, Vec<Change>)| {
            let prepared =
                prepare(records, state, &Still).map_err(|_| Refused::Foreign("is not asked".to_owned()))?;
            let placed = Placed::of(&prepared, head, "2026-09-21T12:00:00Z");
            let mut scribe = Scribe::new(&conn)?;
            scribe.write(&prepared, &placed, &mut edge)?;
            scribe.finish()?;
            head = placed.after();
            Ok(())
        };
        (0..4).try_for_each(|_| write(message()))?;
        conn.execute_batch(trigger)?;
        write(entry)
    }

    fn message() -> (Vec<Draft>, Vec<Change>) {
        let draft = Draft { payload: json!({ "text": "words" }), ..Draft::new(Kind::Message) };
        let state = vec![Change::put("test", "a", &1).unwrap(), Change::push("test", "list", 0, &1).unwrap()];
        (vec![draft], state)
    }

    #[test]
    fn what_the_database_lets_fall_is_not_taken_for_written() {
        let erasure = || {
            let erases = Some(Erased::of(&[2, 3].into()).0);
            let draft = Draft { erases, ..Draft::new(Kind::Admin) };
            (vec![draft], vec![])
        };
        for (of, entry) in [
            ("INSERT ON record", message()),
            ("INSERT ON payload", message()),
            ("INSERT ON state", message()),
            ("INSERT ON item", message()),
            ("INSERT ON list", message()),
            ("UPDATE ON payload", erasure()),
            ("INSERT ON erased", erasure()),
        ] {
            let trigger = format!("CREATE TRIGGER deaf BEFORE {of} BEGIN SELECT RAISE(IGNORE); END");
            assert!(matches!(written(&trigger, entry), Err(Refused::NotTaken)), "{of}");
        }
        for entry in [message(), erasure()] {
            assert!(written("", entry).is_ok());
        }
    }
}
