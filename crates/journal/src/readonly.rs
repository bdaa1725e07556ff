//! Opening a journal that somebody else may be writing, to look and never to touch.
//!
//! Only SQLite opens the file. When a process closes a file, the kernel releases every POSIX lock that the process
//! has on it, whoever took it; SQLite knows that and takes care, and a plain `File` would take the writer's lock
//! away in a gateway that looks at its own journal (sqlite.org/howtocorrupt.html, section 2.2).

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

/// "BLKH", in SQLite's `application_id`.
const APPLICATION_ID: u32 = 0x424c_4b48;

/// The only form that is understood.
const NEWEST_FORM: u32 = 3;

/// How long to wait for a writer that is just opening or closing the database.
const BUSY: Duration = Duration::from_secs(2);

/// The bytes of a database's header; no database is shorter.
const HEADER_BYTES: u64 = 100;

/// The page cache, in KiB.
const CACHE_KIB: i64 = 1024;

/// Why a journal cannot be looked into.
#[derive(Debug, thiserror::Error)]
pub enum LookError {
    /// There is no such file, or it cannot be opened.
    #[error("`{path}` cannot be read ({why}): name a journal's database that this user may read", path = path.display())]
    Unreadable {
        /// The database.
        path: PathBuf,
        /// What the system said.
        why: String,
    },
    /// Some other program holds the whole database.
    #[error("the journal `{path}` is locked by another program: end it, then try again", path = .0.display())]
    Busy(PathBuf),
    /// Not a database, or another program's.
    #[error("`{path}` is not a journal: name a journal's database, as in `data/journal.sqlite`", path = .0.display())]
    NotAJournal(PathBuf),
    /// A newer version wrote it.
    #[error(
        "the journal `{path}` has form {found} and this version knows form {NEWEST_FORM}: use the version of Bulkhead that wrote it, or a newer one", path = path.display()
    )]
    Future {
        /// The database.
        path: PathBuf,
        /// Its form.
        found: u32,
    },
    /// Written before the first release.
    #[error(
        "the journal `{path}` has form {found}, which only versions before the first release wrote, and this version knows form {NEWEST_FORM}: move it away to begin a new one, and read it with the version that wrote it", path = path.display()
    )]
    Past {
        /// The database.
        path: PathBuf,
        /// Its form.
        found: u32,
    },
    /// The server does not answer, or refuses.
    #[error("the record in `{place}` cannot be reached: {why}")]
    Unreachable {
        /// The database.
        place: String,
        /// What was said.
        why: String,
    },
    /// There is none in the database.
    #[error("the database `{0}` has no record: an administrator makes one with `bulkhead record init`")]
    NoRecord(String),
    /// Another version's.
    #[error(
        "the record in `{place}` has form {found} and this version knows form {NEWEST_FORM}: use the version of Bulkhead that wrote it, or a newer one"
    )]
    OtherForm {
        /// The database.
        place: String,
        /// Its form.
        found: String,
    },
    /// The database is damaged where every journal has to be whole.
    #[error("the journal `{path}` is damaged ({why}): restore a backup, and keep this file as evidence", path = path.display())]
    Damaged {
        /// The database.
        path: PathBuf,
        /// What SQLite said.
        why: String,
    },
}

/// Opens the journal at `path` for looking only.
pub(crate) fn open(path: &Path) -> Result<Connection, LookError> {
    let unreadable = |why: String| LookError::Unreadable { path: path.to_owned(), why };
    let path = &path.canonicalize().map_err(|error| unreadable(error.to_string()))?;
    let length = std::fs::metadata(path).map_err(|error| unreadable(error.to_string()))?.len();
    if length < HEADER_BYTES {
        let why = format!("it was cut off: {length} bytes are left");
        return Err(LookError::Damaged { path: path.clone(), why });
    }
    let (conn, id) = connect(path).map_err(|error| match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => LookError::NotAJournal(path.clone()),
        Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied | ErrorCode::ReadOnly) => {
            unreadable(error.to_string())
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => LookError::Busy(path.clone()),
        _ => LookError::Damaged { path: path.clone(), why: error.to_string() },
    })?;
    if id != APPLICATION_ID {
        return Err(LookError::NotAJournal(path.clone()));
    }
    let form = conn.pragma_query_value(None, "user_version", |row| row.get::<_, u32>(0));
    match form.map_err(|error| LookError::Damaged { path: path.clone(), why: error.to_string() })? {
        NEWEST_FORM => Ok(conn),
        found @ 1..NEWEST_FORM => Err(LookError::Past { path: path.clone(), found }),
        0 => Err(LookError::Damaged { path: path.clone(), why: "its form has no version".to_owned() }),
        found => Err(LookError::Future { path: path.clone(), found }),
    }
}

/// Connects, and reads the application's id so that a refusal shows at once. A journal on a medium that
/// cannot be written has no room for SQLite's shared memory; without a write-ahead log it needs none.
fn connect(path: &Path) -> rusqlite::Result<(Connection, u32)> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let look = |conn: Connection| {
        conn.busy_timeout(BUSY)?;
        conn.pragma_update(None, "cache_size", -CACHE_KIB)?;
        conn.pragma_update(None, "cell_size_check", true)?;
        conn.pragma_update(None, "trusted_schema", false)?;
        let id = conn.pragma_query_value(None, "application_id", |row| row.get(0))?;
        Ok((conn, id))
    };
    let first = Connection::open_with_flags(path, flags).and_then(look);
    let Err(error) = first else { return first };
    let no_log = std::fs::metadata(log_of(path)).map_or(true, |log| log.len() == 0);
    if error.sqlite_error_code() == Some(ErrorCode::CannotOpen) && no_log {
        let uri = format!("file:{}?immutable=1", percent_encoded(path));
        return Connection::open_with_flags(uri, flags | OpenFlags::SQLITE_OPEN_URI).and_then(look);
    }
    Err(error)
}

fn log_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

fn percent_encoded(path: &Path) -> String {
    use std::fmt::Write as _;
    use std::os::unix::ffi::OsStrExt as _;
    let mut text = String::new();
    for &byte in path.as_os_str().as_bytes() {
        if byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte) {
            text.push(char::from(byte));
        } else if write!(text, "%{byte:02X}").is_err() {
            // Writing to a `String` cannot fail.
        }
    }
    text
}
