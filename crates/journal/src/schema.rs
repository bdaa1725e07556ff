//! The database's form, and its making. Only ever a new file is made; an existing one is opened as it is.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::types::ValueRef;
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
    make(&making)?;
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

/// How much of a name that somebody else chose is shown.
const MAX_NAME_CHARS: usize = 64;

/// The first thing that the database of `conn` has and a journal has not, or the other way round, in words that go on after "the
/// journal". Such a thing may copy what is erased later, or keep out what was acknowledged.
pub(crate) fn foreign(conn: &Connection) -> rusqlite::Result<Option<String>> {
    let mut own = own();
    let mut statement = conn.prepare("SELECT type, name, sql FROM sqlite_schema ORDER BY rowid")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let text =
            |column| row.get_ref(column).map(|value| String::from_utf8_lossy(bytes(value)).into_owned());
        let (kind, name, sql) = (text(0)?, text(1)?, text(2)?);
        let (kind, shown) = (shown(&kind), shown(&name));
        match own.remove(name.as_str()) {
            None => return Ok(Some(format!("has the {kind} `{shown}`, which Bulkhead did not make"))),
            // A table that was renamed has its name in quotes.
            Some(own) if kind == "table" && sql.replacen(&format!("\"{name}\""), &name, 1) == own => {}
            Some(_) => return Ok(Some(format!("has a {kind} `{shown}` that is not as Bulkhead makes it"))),
        }
    }
    if let Some(name) = own.keys().next() {
        return Ok(Some(format!("lacks the table `{name}`")));
    }
    let mut rows = conn.prepare(STRAY)?;
    let mut rows = rows.query([])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let name = shown(&String::from_utf8_lossy(bytes(row.get_ref(0)?)));
    Ok(Some(format!("has the row `{name}` in the table `meta`, which Bulkhead did not make")))
}

/// A row of `meta` that is neither the log's id nor what the writer tries a full disk with.
const STRAY: &str = "SELECT substr(name, 1, 65) FROM meta \
     WHERE name <> 'log' AND (name <> 'probe' OR length(value) > 16) ORDER BY name LIMIT 1";

/// The tables of a journal, each with what SQLite keeps of its making.
fn own() -> BTreeMap<&'static str, &'static str> {
    let made = [TABLES, STATE].into_iter().flat_map(|tables| tables.split(';')).map(str::trim);
    made.filter_map(|sql| Some((sql.strip_prefix("CREATE TABLE ")?.split_whitespace().next()?, sql)))
        .collect()
}

/// The bytes of a text; anything else has none that count.
const fn bytes(value: ValueRef<'_>) -> &[u8] {
    match value {
        ValueRef::Text(bytes) => bytes,
        ValueRef::Blob(_) | ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_) => &[],
    }
}

/// What somebody else chose, as a part of one line.
pub(crate) fn shown(name: &str) -> String {
    let mut shown: String = name.chars().take(MAX_NAME_CHARS).flat_map(char::escape_debug).collect();
    if name.chars().nth(MAX_NAME_CHARS).is_some() {
        shown.push('…');
    }
    shown
}

/// Makes the tables in an empty database.
pub(crate) fn make(conn: &Connection) -> rusqlite::Result<()> {
    [TABLES, STATE].into_iter().try_for_each(|tables| conn.execute_batch(tables))
}

/// Why a new journal could not be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CreateError {
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("{0}")]
    Database(#[from] rusqlite::Error),
}
