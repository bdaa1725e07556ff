//! The database's form, and its making. Only ever a new file is made; an existing one is opened as it is.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use crate::open::{beside, private};

/// The version of the form, in SQLite's `user_version`.
pub(crate) const SCHEMA_VERSION: u32 = 3;

/// "BLKH", in SQLite's `application_id`: this database is a journal.
pub(crate) const APPLICATION_ID: u32 = 0x424c_4b48;

/// The page size in bytes: the unit that the disk writes.
pub(crate) const PAGE_BYTES: u32 = 4096;

/// What queries ask for is read from the body, so that nothing is told twice. It has neither an index, which would
/// cost every commit a page and some microseconds, nor a generated column, which SQLite would compute at every insert to
/// throw it away. `block` says instead in which blocks of records a value occurs, and is written once for each block.
/// `node` keeps every eighth level of the Merkle tree, with the last record that is under the node. `checkpoint` and `key`
/// are only ever added to: a checkpoint that was cosigned is another row of its size. `item` has the items of all lists of
/// state in the order in which they came, each with the one before it in its list, and `list` where each list ends: rows of
/// many lists by name would lie on as many pages, each of which a commit would have to write.
const TABLES: &str = "
CREATE TABLE meta (
  name  TEXT PRIMARY KEY NOT NULL,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE record (
  seq  INTEGER PRIMARY KEY NOT NULL,
  hash BLOB NOT NULL,
  body TEXT NOT NULL
) STRICT;

CREATE TABLE block (
  field  TEXT NOT NULL,
  value  TEXT NOT NULL,
  number INTEGER NOT NULL,
  PRIMARY KEY (field, value, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE node (
  level  INTEGER NOT NULL,
  number INTEGER NOT NULL,
  hash   BLOB NOT NULL,
  PRIMARY KEY (level, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE checkpoint (
  size   INTEGER NOT NULL,
  number INTEGER NOT NULL,
  note   TEXT NOT NULL,
  PRIMARY KEY (size, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE key (
  number   INTEGER PRIMARY KEY NOT NULL,
  verifier TEXT NOT NULL,
  change   TEXT
) STRICT;

CREATE TABLE payload (
  seq   INTEGER PRIMARY KEY NOT NULL,
  salt  BLOB NOT NULL,
  bytes BLOB NOT NULL
) STRICT;

CREATE TABLE erased (
  first INTEGER PRIMARY KEY NOT NULL,
  last  INTEGER NOT NULL,
  by    INTEGER NOT NULL
) STRICT;

CREATE TABLE item (
  seq      INTEGER PRIMARY KEY NOT NULL,
  previous INTEGER,
  value    TEXT NOT NULL
) STRICT;

CREATE TABLE list (
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  last INTEGER NOT NULL,
  PRIMARY KEY (kind, name)
) STRICT, WITHOUT ROWID;

";

/// The rows of state. The table is made anew when content is erased.
pub(crate) const STATE: &str = "CREATE TABLE state (
  kind  TEXT NOT NULL,
  key   TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (kind, key)
) STRICT, WITHOUT ROWID;
";

/// Makes an empty journal at `path`, whole or not at all: it is built under another name first.
pub(crate) fn create(path: &Path, log_id: &str) -> Result<(), CreateError> {
    let draft = beside(path, ".new");
    for suffix in ["", "-journal", "-wal", "-shm"] {
        let left = beside(&draft, suffix);
        match std::fs::remove_file(&left) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    drop(private().create_new(true).open(&draft)?);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(&draft, flags)?;
    // Nothing of a draft has to last until it is whole, and then the file is synced once.
    conn.pragma_update(None, "synchronous", "OFF")?;
    conn.pragma_update(None, "page_size", PAGE_BYTES)?;
    let making = conn.unchecked_transaction()?;
    making.pragma_update(None, "application_id", APPLICATION_ID)?;
    making.pragma_update(None, "user_version", SCHEMA_VERSION)?;
    making.execute_batch(TABLES)?;
    making.execute_batch(STATE)?;
    making.execute("INSERT INTO meta (name, value) VALUES ('log', ?1)", [log_id])?;
    making.commit()?;
    conn.pragma_update(None, "journal_mode", "WAL")?;
    conn.close().map_err(|(_, error)| error)?;
    std::fs::File::open(&draft)?.sync_all()?;
    std::fs::rename(&draft, path)?;
    if let Some(folder) = path.parent() {
        std::fs::File::open(folder)?.sync_all()?;
    }
    Ok(())
}

/// Why a new journal could not be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CreateError {
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("{0}")]
    Database(#[from] rusqlite::Error),
}
