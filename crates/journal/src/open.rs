//! Opening a journal: every way in which it can be unfit, each with its sentence. A file that is unfit is
//! left exactly as it was found.

use std::fs::OpenOptions;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension};
use vocab::{Ambient, Digest};

use crate::body::genesis;
use crate::edge::Edge;
use crate::entry::Head;
use crate::lock::LockFile;
use crate::readonly::LookError;
use crate::schema::{self, CreateError, SCHEMA_VERSION};
use crate::{readonly, verify, wal};

/// How many of the last records are checked at open.
pub(crate) const TAIL_RECORDS: u32 = 64;

/// How long the writer waits for another program that holds the database's own lock.
pub(crate) const BUSY: Duration = Duration::from_secs(2);

/// The page cache of each connection, in KiB.
const CACHE_KIB: i64 = 1024;

/// Why a journal does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another gateway has it.
    #[error(
        "the journal `{path}` is in use by {holder}: stop that gateway first, or use another home with `--home`", path = path.display()
    )]
    Locked {
        /// The database.
        path: PathBuf,
        /// Who has it.
        holder: String,
    },
    /// Some other program is at the database.
    #[error("the journal `{path}` is locked by another program: end it, then try again", path = .0.display())]
    Busy(PathBuf),
    /// Not a database, or another program's.
    #[error("`{path}` is not a journal and was left untouched: move it away, or name another home with `--home`", path = .0.display())]
    NotAJournal(PathBuf),
    /// Something in it does not fit.
    #[error(
        "the journal `{path}` is damaged ({why}) and was left untouched: restore a backup, or move it away to begin a new one", path = path.display()
    )]
    Damaged {
        /// The database.
        path: PathBuf,
        /// What does not fit.
        why: String,
    },
    /// Somebody put something into it, or changed how it is made.
    #[error(
        "the journal `{path}` {what} and was left untouched: find out who did that and what it did, put it right with `sqlite3` or restore a backup, and run `bulkhead audit verify`", path = path.display()
    )]
    Foreign {
        /// The database.
        path: PathBuf,
        /// What, and its name.
        what: String,
    },
    /// Written by a newer version.
    #[error(
        "the journal `{path}` has form {found} and this version knows form {SCHEMA_VERSION}: use the version of Bulkhead that wrote it, or a newer one", path = path.display()
    )]
    Future {
        /// The database.
        path: PathBuf,
        /// Its form.
        found: u32,
    },
    /// Written before the first release.
    #[error(
        "the journal `{path}` has form {found}, which only versions before the first release wrote, and this version knows form {SCHEMA_VERSION}: move it away to begin a new one, and read it with the version that wrote it", path = path.display()
    )]
    Past {
        /// The database.
        path: PathBuf,
        /// Its form.
        found: u32,
    },
    /// The folder or a file in it cannot be written.
    #[error(
        "the journal `{path}` cannot be written ({why}): make its folder exist and be writable by this user, with room on the disk", path = path.display()
    )]
    Unwritable {
        /// The database.
        path: PathBuf,
        /// What the system said.
        why: String,
    },
    /// The server does not answer, or not as it has to.
    #[error("the record in `{place}` cannot be reached: {why}")]
    Unreachable {
        /// The database.
        place: String,
        /// What was said.
        why: String,
    },
    /// There is none in it.
    #[error("the database `{0}` has no record: an administrator makes one with `bulkhead record init`")]
    NoRecord(String),
    /// It is there and must not be written.
    #[error("the record in `{place}` cannot be used: {why}")]
    Unfit {
        /// The database.
        place: String,
        /// What has to be otherwise.
        why: String,
    },
    /// Any other refusal of the database or the system.
    #[error("the journal `{path}` does not open: {why}", path = path.display())]
    Failed {
        /// The database.
        path: PathBuf,
        /// What was said.
        why: String,
    },
}

impl OpenError {
    pub(crate) fn unwritable(path: &Path, why: &std::io::Error) -> Self {
        Self::Unwritable { path: path.to_owned(), why: why.to_string() }
    }

    fn damaged(path: &Path, why: impl Into<String>) -> Self {
        Self::Damaged { path: path.to_owned(), why: why.into() }
    }

    fn from_create(path: &Path, error: CreateError) -> Self {
        match error {
            CreateError::Io(error) => Self::unwritable(path, &error),
            CreateError::Database(error) => Self::from_database(path, &error),
        }
    }

    fn from_look(path: &Path, error: LookError) -> Self {
        let path = path.to_owned();
        match error {
            LookError::Unreadable { why, .. } => Self::Unwritable { path, why },
            LookError::NotAJournal(_) => Self::NotAJournal(path),
            LookError::Busy(_) => Self::Busy(path),
            LookError::Past { found, .. } => Self::Past { path, found },
            LookError::Future { found, .. } => Self::Future { path, found },
            LookError::Damaged { why, .. } => Self::Damaged { path, why },
            LookError::Unreachable { place, why } => Self::Unreachable { place, why },
            LookError::NoRecord(place) => Self::NoRecord(place),
            LookError::OtherForm { place, found } => {
                Self::Unfit { place, why: format!("its form is {found}") }
            }
        }
    }

    fn from_database(path: &Path, error: &rusqlite::Error) -> Self {
        let path = path.to_owned();
        let why = error.to_string();
        match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => Self::NotAJournal(path),
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::Unknown | ErrorCode::TypeMismatch) => {
                Self::Damaged { path, why }
            }
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy(path),
            Some(
                ErrorCode::CannotOpen
                | ErrorCode::ReadOnly
                | ErrorCode::PermissionDenied
                | ErrorCode::DiskFull,
            ) => Self::Unwritable { path, why },
            Some(_) => Self::Failed { path, why },
            None => Self::Damaged { path, why },
        }
    }
}

/// The path of a file that belongs to `path` and has `suffix` behind its name.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Opens for reading and writing; what it makes, only its owner can open.
pub(crate) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(0o600);
    options
}

/// A journal that may be written.
pub(crate) struct Opened {
    pub(crate) writer: Connection,
    pub(crate) path: PathBuf,
    pub(crate) wiped: bool,
    pub(crate) states: Connection,
    pub(crate) head: Head,
    pub(crate) edge: Edge,
    pub(crate) lock: LockFile,
}

/// Opens the journal at `path`, or makes an empty one where there is no file.
pub(crate) fn open(path: &Path, ambient: &dyn Ambient) -> Result<Opened, OpenError> {
    let path = &real(path)?;
    let lock = LockFile::take(path)?;
    if path.try_exists().map_err(|error| OpenError::unwritable(path, &error))? {
        // An empty file would be a fresh database to SQLite, and another program's would be brought in order.
        let conn = readonly::open(path).map_err(|error| OpenError::from_look(path, error))?;
        let foreign = schema::foreign(&conn).map_err(|error| OpenError::from_database(path, &error))?;
        if let Some(what) = foreign {
            return Err(OpenError::Foreign { path: path.clone(), what });
        }
    } else {
        if beside(path, "-wal").exists() {
            let why = "the database is gone and its write-ahead log is still there";
            return Err(OpenError::damaged(path, why));
        }
        let log_id = data_encoding::HEXLOWER.encode(&ambient.random());
        schema::create(path, &log_id).map_err(|error| OpenError::from_create(path, error))?;
    }
    let in_database = |error: rusqlite::Error| OpenError::from_database(path, &error);
    make_private(path).map_err(|error| OpenError::unwritable(path, &error))?;
    let writer = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(in_database)?;
    let head = examine(path, &writer)?;
    let edge = Edge::read(&writer, head.records).map_err(in_database)?;
    if edge.frontier.size() != head.records {
        return Err(OpenError::damaged(path, "the nodes of its tree are not those of its records"));
    }
    writer.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false).map_err(in_database)?;
    make_private(path).map_err(|error| OpenError::unwritable(path, &error))?;
    // A gateway that was killed may have left there what it had erased.
    let wiped = wal::wipe(&writer, path).map_err(|error| OpenError::unwritable(path, &error))?;
    wal::extend(path).map_err(|error| OpenError::unwritable(path, &error))?;
    let states = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(in_database)?;
    Ok(Opened { writer, path: path.clone(), wiped, states, head, edge, lock })
}

/// The file itself, so that one database has one lock whatever link leads to it.
fn real(path: &Path) -> Result<PathBuf, OpenError> {
    let unwritable = |error: std::io::Error| OpenError::unwritable(path, &error);
    match path.canonicalize() {
        Ok(real) => Ok(real),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let folder = match path.parent() {
                Some(folder) if !folder.as_os_str().is_empty() => folder,
                _ => Path::new("."),
            };
            let name = path.file_name().ok_or_else(|| unwritable(error))?;
            Ok(folder.canonicalize().map_err(unwritable)?.join(name))
        }
        Err(error) => Err(unwritable(error)),
    }
}

fn make_private(path: &Path) -> std::io::Result<()> {
    for file in [path.to_owned(), beside(path, "-wal"), beside(path, "-shm")] {
        match std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

pub(crate) fn connect(path: &Path, access: OpenFlags) -> rusqlite::Result<Connection> {
    let conn = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    // What turns out to be damaged must not be written to, not even by a checkpoint on the way out.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    // A journal has none. One that somebody puts in does nothing here.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false)?;
    conn.busy_timeout(BUSY)?;
    conn.pragma_update(None, "cache_size", -CACHE_KIB)?;
    conn.pragma_update(None, "cell_size_check", true)?;
    conn.pragma_update(None, "trusted_schema", false)?;
    Ok(conn)
}

/// Looks whether the database is whole as far as can be told cheaply, sets it up for writing and gives its head.
fn examine(path: &Path, conn: &Connection) -> Result<Head, OpenError> {
    let in_database = |error: rusqlite::Error| OpenError::from_database(path, &error);
    let mode: String =
        conn.pragma_query_value(None, "journal_mode", |row| row.get(0)).map_err(in_database)?;
    if mode != "wal" {
        return Err(OpenError::damaged(path, format!("its journal mode is `{mode}` and not `wal`")));
    }
    check_length(path, conn)?;
    let log_id: Option<String> = conn
        .query_row("SELECT value FROM meta WHERE name = 'log'", [], |row| row.get(0))
        .optional()
        .map_err(in_database)?;
    let log_id = log_id.ok_or_else(|| OpenError::damaged(path, "it has no id"))?;
    if let Some(bad) = verify::tail(conn, TAIL_RECORDS).map_err(in_database)? {
        return Err(OpenError::damaged(path, bad.to_string()));
    }
    conn.pragma_update(None, "synchronous", "FULL").map_err(in_database)?;
    // The writer checkpoints at moments of its own choice.
    conn.pragma_update(None, "wal_autocheckpoint", 0).map_err(in_database)?;
    conn.pragma_update(None, "journal_size_limit", -1).map_err(in_database)?;
    // What is deleted is overwritten, in every page that it stood in.
    conn.pragma_update(None, "secure_delete", true).map_err(in_database)?;
    conn.pragma_update(None, "temp_store", "MEMORY").map_err(in_database)?;
    head(conn, || genesis(&log_id)).map_err(in_database)
}

/// Where the log stands; `empty` says where one without records does.
pub(crate) fn head(conn: &Connection, empty: impl FnOnce() -> Head) -> rusqlite::Result<Head> {
    let last = conn
        .prepare_cached("SELECT seq, hash FROM record ORDER BY seq DESC LIMIT 1")?
        .query_row([], |row| {
            let hash: [u8; 32] = row.get(1)?;
            Ok(Head { records: row.get::<_, u64>(0)?, hash: Digest::from_bytes(hash) })
        })
        .optional()?;
    Ok(last.unwrap_or_else(empty))
}

/// A file that is shorter than its header says is whole only if the missing pages are in the log: a gateway that was stopped in the
/// middle of a checkpoint leaves it so. That is rare, and then every page is looked at.
fn check_length(path: &Path, conn: &Connection) -> Result<(), OpenError> {
    let in_database = |error: rusqlite::Error| OpenError::from_database(path, &error);
    let pages: u64 = conn.pragma_query_value(None, "page_count", |row| row.get(0)).map_err(in_database)?;
    let page: u64 = conn.pragma_query_value(None, "page_size", |row| row.get(0)).map_err(in_database)?;
    let length = std::fs::metadata(path).map_err(|error| OpenError::unwritable(path, &error))?.len();
    if length >= pages.saturating_mul(page) {
        return Ok(());
    }
    let whole: String = conn.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(in_database)?;
    if whole == "ok" {
        return Ok(());
    }
    Err(OpenError::damaged(path, format!("it was cut off: {length} bytes are left of {}", pages * page)))
}
