//! Is the record as it was written? This room knows the form of the log and nothing of the code that writes it: its own
//! SQL, its own parsing, its own connection, which can only read. It goes through the log once, one record at
//! a time, and stops at the first that does not fit.
//!
//! What it can find alone: a changed, removed, inserted or moved record, content that is not the one
//! that was recorded, and what somebody put to the tables. What only a [`Head`] that was kept elsewhere shows: a tail that was cut off, and a chain that
//! somebody built anew.

mod blocks;
mod claims;
mod contents;
mod erasures;
mod finding;
mod given;
mod kept;
mod keys;
mod note;
mod position;
mod postgres;
mod sealed;
mod source;
mod tree;
mod walk;

use rusqlite::Connection;
use serde::Serialize;

pub use self::finding::{FirstBad, Why};
pub use self::given::{Given, Ungiven};
pub use self::kept::MAX_GIVEN;
pub use self::note::{Key, Note, Unread};
pub use self::position::Position;
use self::postgres::{Halt, Postgres};
pub use self::sealed::Unbelieved;
use self::source::{Reach, Statements};
use self::walk::Walk;
use crate::entry::Head;
use crate::place::Place;
use crate::postgres::PostgresConfig;
pub use crate::readonly::LookError;
use crate::schema::foreign;

/// Why a journal cannot be verified at all.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The file does not open.
    #[error(transparent)]
    Open(#[from] LookError),
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Every record and every content is as it was written, as far as can be told.
    pub ok: bool,
    /// How many records were good, from the first on without a gap.
    pub records: u64,
    /// The first that was not.
    pub first_bad: Option<FirstBad>,
    /// Where the good part ends: to be kept elsewhere, and given as `expected` another time.
    pub checkpoint: Head,
}

/// What a verification is told beside where the record is.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Where the log stood once.
    pub head: Option<Head>,
    /// Signed checkpoints of it.
    pub checkpoints: Vec<Note>,
    /// The key that is trusted whatever the record says of its keys; else all that it has had.
    pub key: Option<Key>,
    /// Where an earlier verification had come to.
    pub resume: Option<Position>,
}

/// How far a verification has come.
#[derive(Debug, Clone)]
pub struct Progress {
    /// Records that were good.
    pub records: u64,
    /// Records that there are.
    pub total: u64,
    /// Where to go on from another time; none at the beginning, and when something was found that is told at the end.
    pub position: Option<Position>,
}

/// What hears how far a verification has come.
pub type Told<'a> = &'a mut (dyn FnMut(&Progress) + Send);

/// As [`verify_with`], with nothing but an earlier head of the log.
///
/// # Errors
/// As [`verify_with`].
pub fn verify(place: &Place, expected: Option<Head>) -> Result<Report, VerifyError> {
    verify_with(place, &Options { head: expected, ..Options::default() }, &mut |_| {})
}

/// Goes through the journal at `place`, which a gateway may be writing; it looks at what is there when it
/// starts. It also holds the log against the checkpoints that it keeps and those of `options`.
///
/// # Errors
/// When there is no journal that can be opened. Damage further in is a finding and no error.
pub fn verify_with(place: &Place, options: &Options, progress: Told<'_>) -> Result<Report, VerifyError> {
    let mut walk = Walk::begin(options.head);
    let resumed =
        options.resume.as_ref().map(|position| i64::try_from(position.records()).unwrap_or(i64::MAX));
    let first = resumed.map_or(i64::MIN, |records| records.saturating_add(1));
    let first_bad = match place {
        Place::Sqlite(path) => {
            let conn = crate::readonly::open(path)?;
            match go(&conn, &mut walk, first, options, progress) {
                Ok(found) => found,
                // SQLite cannot go on from there.
                Err(error) => Some(FirstBad::at(walk.next(), Why::Unreadable(error.to_string()))),
            }
        }
        Place::Postgres(config) => on_a_thread(|| {
            let mut log = Postgres::open(config)?;
            let found = log.foreign().and_then(|foreign| match foreign {
                Some(what) => Ok(Some(FirstBad::foreign(what))),
                None => {
                    log.begin(first, Reach::All);
                    walk.all(&mut log, options, progress)
                }
            });
            found.or_else(|halt| halted(halt, config, Some(walk.next())))
        })?,
    };
    let checkpoint = walk.head();
    Ok(Report { ok: first_bad.is_none(), records: checkpoint.records, first_bad, checkpoint })
}

fn go(
    conn: &Connection,
    walk: &mut Walk,
    first: i64,
    options: &Options,
    progress: Told<'_>,
) -> rusqlite::Result<Option<FirstBad>> {
    // One transaction, so that a gateway that writes meanwhile does not move what is being looked at.
    conn.execute_batch("BEGIN")?;
    if let Some(what) = foreign(conn)? {
        return Ok(Some(FirstBad::foreign(what)));
    }
    if let Some(bad) = walk.all(&mut Statements::new(conn)?.from(first, Reach::All)?, options, progress)? {
        return Ok(Some(bad));
    }
    let whole: String = conn.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    Ok((whole != "ok").then_some(FirstBad { seq: None, why: Why::Structure(whole) }))
}

/// What it means that a server gives no more: damage that it has met is a finding.
fn halted(halt: Halt, config: &PostgresConfig, seq: Option<u64>) -> Result<Option<FirstBad>, VerifyError> {
    match halt {
        Halt::Damaged(why) => Ok(Some(FirstBad { seq, why: Why::Unreadable(why) })),
        Halt::Lost(why) => Err(LookError::Unreachable { place: config.to_string(), why }.into()),
    }
}

/// Blocks on a thread that is in no runtime, since the connection has one of its own.
fn on_a_thread<T: Send>(work: impl FnOnce() -> Result<T, VerifyError> + Send) -> Result<T, VerifyError> {
    std::thread::scope(|scope| {
        let ended = || LookError::Unreachable {
            place: "verify".to_owned(),
            why: "the thread that verified has ended".to_owned(),
        };
        scope.spawn(work).join().unwrap_or_else(|_| Err(ended().into()))
    })
}

/// Looks at the last `count` records of the journal at `place` only; what is wrong with the first that is.
///
/// # Errors
/// When there is no journal that can be opened.
pub fn verify_tail(place: &Place, count: u32) -> Result<Option<FirstBad>, VerifyError> {
    match place {
        Place::Sqlite(path) => {
            let conn = crate::readonly::open(path)?;
            // SQLite cannot go on from there.
            let unreadable =
                |error: rusqlite::Error| FirstBad { seq: None, why: Why::Unreadable(error.to_string()) };
            let found = conn.execute_batch("BEGIN").and_then(|()| match foreign(&conn)? {
                Some(what) => Ok(Some(FirstBad::foreign(what))),
                None => tail(&conn, count),
            });
            Ok(found.unwrap_or_else(|error| Some(unreadable(error))))
        }
        Place::Postgres(config) => on_a_thread(|| {
            let mut log = Postgres::open(config)?;
            let last = match log.foreign().and_then(|foreign| Ok((foreign, log.last()?))) {
                Ok((Some(what), _)) => return Ok(Some(FirstBad::foreign(what))),
                Ok((None, last)) => last,
                Err(halt) => return halted(halt, config, None),
            };
            let found = match walk::first_of(last, count) {
                None => Walk::begin(None).all(&mut log, &Options::default(), &mut |_| {}),
                Some(first) => {
                    log.begin(first, Reach::Walked);
                    walk::tail(&mut log, first)
                }
            };
            found.or_else(|halt| halted(halt, config, None))
        }),
    }
}

/// The same for a SQLite journal that is open already, as a quick look before it is written.
pub(crate) fn tail(conn: &Connection, count: u32) -> rusqlite::Result<Option<FirstBad>> {
    let last: Option<i64> = conn.query_row("SELECT max(seq) FROM record", [], |row| row.get(0))?;
    let mut statements = Statements::new(conn)?;
    match walk::first_of(last, count) {
        None => Walk::begin(None).all(
            &mut statements.from(i64::MIN, Reach::All)?,
            &Options::default(),
            &mut |_| {},
        ),
        Some(first) => walk::tail(&mut statements.from(first, Reach::Walked)?, first),
    }
}
