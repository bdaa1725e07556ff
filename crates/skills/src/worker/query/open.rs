//! Opening a database: the file as it is, in memory, with its judged tables under their own names.

use std::collections::BTreeMap;
use std::fs::File;
use std::hash::{BuildHasher as _, RandomState};
use std::os::unix::fs::FileExt as _;

use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::{Connection, OpenFlags};
use rustix::fs::{FileType, Mode, OFlags, fstat};

use super::QueryError;
use crate::wire::{Place, Readable};
use crate::worker::Trouble;
use crate::worker::spot::{Spot, kind, open_beneath};

/// A database's first bytes.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// The length of the header, in bytes.
const HEADER_BYTES: usize = 100;

/// Memory of all of SQLite, in bytes: the largest database, and room for the query.
const HEAP_BYTES: u64 = 192 * 1024 * 1024;

/// Bounds of the language. Attaching is bounded by the authorizer.
const LIMITS: [(Limit, i32); 9] = [
    (Limit::SQLITE_LIMIT_LENGTH, 1024 * 1024),
    (Limit::SQLITE_LIMIT_SQL_LENGTH, 64 * 1024),
    (Limit::SQLITE_LIMIT_COLUMN, 256),
    (Limit::SQLITE_LIMIT_EXPR_DEPTH, 100),
    (Limit::SQLITE_LIMIT_COMPOUND_SELECT, 32),
    (Limit::SQLITE_LIMIT_VDBE_OP, 100_000),
    (Limit::SQLITE_LIMIT_FUNCTION_ARG, 32),
    (Limit::SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 256),
    (Limit::SQLITE_LIMIT_WORKER_THREADS, 0),
];

/// What a hostile file could otherwise make SQLite do.
const SETTINGS: [(DbConfig, bool); 6] = [
    (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
    (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
    (DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false),
    (DbConfig::SQLITE_DBCONFIG_ENABLE_FTS3_TOKENIZER, false),
    (DbConfig::SQLITE_DBCONFIG_DQS_DML, false),
    (DbConfig::SQLITE_DBCONFIG_DQS_DDL, false),
];

/// An open database.
pub(super) struct Base {
    pub(super) conn: Connection,
    /// The name under which the file is attached: a query cannot know it.
    pub(super) alias: String,
    /// The file, safe to show.
    pub(super) shown: String,
    /// Which table each b-tree of the file belongs to, in lower case, by its root page.
    pub(super) roots: BTreeMap<i64, String>,
    /// The tables and views that can be named, in lower case.
    pub(super) names: Vec<String>,
}

impl Base {
    /// Opens the database at `place`, of which only `tables` can be named.
    pub(super) fn open(place: &Place, tables: &[Readable]) -> Result<Self, Trouble> {
        let spot = Spot::of(place)?;
        let shown = spot.shown.clone();
        let (file, size) = plain_file(&spot, place.max_bytes)?;
        header(&file, &shown)?;
        let damaged = |error: rusqlite::Error| match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::OutOfMemory) => QueryError::Memory,
            _ => QueryError::Damaged(shown.clone(), crate::plain::one_line(&error.to_string())),
        };
        let mut base = Self::hold(file, size, shown.clone()).map_err(damaged)?;
        base.roots = base.read_roots().map_err(damaged)?;
        for table in tables {
            base.show(table, &damaged)?;
            base.names.push(table.name.clone());
        }
        Ok(base)
    }

    fn hold(file: File, size: usize, shown: String) -> Result<Self, rusqlite::Error> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut conn = Connection::open_in_memory_with_flags(flags)?;
        for (limit, most) in LIMITS {
            conn.set_limit(limit, most)?;
        }
        for (setting, on) in SETTINGS {
            conn.set_db_config(setting, on)?;
        }
        conn.pragma_update(None, "temp_store", "MEMORY")?;
        conn.query_row(&format!("PRAGMA hard_heap_limit = {HEAP_BYTES}"), [], |_| Ok(()))?;
        let alias = secret_name();
        conn.execute("ATTACH ':memory:' AS ?1", [&alias])?;
        conn.deserialize_read_exact(alias.as_str(), file, size, true)?;
        Ok(Self { conn, alias, shown, roots: BTreeMap::new(), names: Vec::new() })
    }

    fn read_roots(&self) -> Result<BTreeMap<i64, String>, rusqlite::Error> {
        let sql =
            format!("SELECT rootpage, lower(tbl_name) FROM {}.sqlite_schema WHERE rootpage > 0", self.alias);
        self.conn.prepare(&sql)?.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
    }

    /// Gives a table its name back, with the granted columns and no others.
    fn show(
        &self,
        table: &Readable,
        damaged: &dyn Fn(rusqlite::Error) -> QueryError,
    ) -> Result<(), QueryError> {
        let name = &table.name;
        let Some((name, rootpage, view)) = self.find(name).map_err(damaged)? else {
            return Err(QueryError::NoTable(name.clone()));
        };
        if !view && rootpage == 0 {
            return Err(QueryError::Virtual(name));
        }
        let named = quoted(&name);
        let columns: Vec<String> = self
            .columns(&named)
            .map_err(damaged)?
            .into_iter()
            .filter(|column| match &table.columns {
                Some(granted) => granted.contains(&column.to_ascii_lowercase()),
                None => true,
            })
            .map(|column| quoted(&column))
            .collect();
        if columns.is_empty() {
            return Err(QueryError::NoColumns(name));
        }
        let (alias, columns) = (&self.alias, columns.join(", "));
        let sql = format!("CREATE TEMP VIEW {named} AS SELECT {columns} FROM {alias}.{named}");
        self.conn.execute(&sql, []).map_err(damaged)?;
        Ok(())
    }

    /// A table or view as the file writes it: its name, its root page, whether it is a view.
    fn find(&self, name: &str) -> Result<Option<(String, i64, bool)>, rusqlite::Error> {
        let sql = format!(
            "SELECT name, coalesce(rootpage, 0), type = 'view' FROM {}.sqlite_schema WHERE type IN ('table', 'view') AND lower(name) = ?1",
            self.alias
        );
        let mut statement = self.conn.prepare(&sql)?;
        let mut rows = statement.query([name])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        Ok(Some((row.get(0)?, row.get(1)?, row.get(2)?)))
    }

    /// The columns of a table or view, those that are computed included.
    fn columns(&self, named: &str) -> Result<Vec<String>, rusqlite::Error> {
        let mut statement = self.conn.prepare(&format!("PRAGMA {}.table_xinfo({named})", self.alias))?;
        let rows = statement
            .query_map([], |row| Ok((row.get::<_, String>("name")?, row.get::<_, i64>("hidden")?)))?;
        // 1 is a hidden column of a virtual table.
        let shown = rows.filter(|row| !matches!(row, Ok((_, 1))));
        shown.map(|row| row.map(|(name, _)| name)).collect()
    }
}

/// A name that no query can know: of keys that the kernel gave this process at random and that never leave it.
fn secret_name() -> String {
    let half = || RandomState::new().hash_one(HEADER_BYTES);
    format!("b{:016x}{:016x}", half(), half())
}

/// A name as SQL writes it.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The file at `spot` and its size, in bytes.
fn plain_file(spot: &Spot, max_bytes: u64) -> Result<(File, usize), Trouble> {
    let failed = |errno| Trouble::from_errno(&spot.shown, errno);
    let seen = spot.look(&spot.folder, &spot.beneath)?;
    if FileType::from_raw_mode(seen.st_mode) != FileType::RegularFile {
        return Err(Trouble::NotPlain(spot.shown.clone(), kind(FileType::from_raw_mode(seen.st_mode))));
    }
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
    let open = open_beneath(&spot.folder, &spot.beneath, flags, Mode::empty()).map_err(failed)?;
    let seen = fstat(&open).map_err(failed)?;
    let size = u64::try_from(seen.st_size).unwrap_or_default();
    if size > max_bytes {
        return Err(Trouble::TooLarge(spot.shown.clone(), max_bytes));
    }
    match usize::try_from(size) {
        Ok(size) => Ok((File::from(open), size)),
        Err(_) => Err(Trouble::TooLarge(spot.shown.clone(), max_bytes)),
    }
}

/// Whether the file begins as a database does that is read without anything beside it.
fn header(file: &File, shown: &str) -> Result<(), Trouble> {
    let mut header = [0_u8; HEADER_BYTES];
    match file.read_exact_at(&mut header, 0) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            return Err(QueryError::Damaged(shown.to_owned(), "it is too short".to_owned()).into());
        }
        Err(error) => return Err(Trouble::from_io(shown, error)),
    }
    if !header.starts_with(MAGIC) {
        return Err(QueryError::Damaged(shown.to_owned(), "it does not begin as one does".to_owned()).into());
    }
    // How it is written and read: 1 with a journal beside it, 2 with a write-ahead log.
    match header.get(18..20) {
        Some([1, 1]) => Ok(()),
        _ => Err(QueryError::Wal(shown.to_owned()).into()),
    }
}
