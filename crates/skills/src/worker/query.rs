//! Queries: one SELECT over the tables that were judged, of a database that is held in memory.
//!
//! Four things keep a query to its tables, and none relies on another:
//!
//! 1. **names** (`open`): the database is attached under a name that nobody can guess, and for each judged table there is a
//!    temporary view of its granted columns. So a query can name these and nothing else; other columns do not exist for it.
//! 2. **the authorizer** (`watch`): SQLite asks about every table and column that it resolves, behind views and CTEs too, and
//!    about every function and every kind of statement. What is not expected is refused.
//! 3. **the program** (`plan`): SQLite does not ask about the columns of `NATURAL JOIN` and `USING`. So the compiled program is
//!    looked at: every b-tree that it opens belongs to a judged table.
//! 4. **the jail**: there is one file in it, to be read.
//!
//! The file may be hostile. SQLite is told so, is bounded in time and memory, and if it falls it falls in the jail.

mod open;
mod plan;
mod rows;
mod watch;

use rusqlite::fallible_iterator::FallibleIterator as _;
use rusqlite::{Batch, Connection, ErrorCode};

use super::Trouble;
use crate::plain::one_line;
use crate::wire::{FromWorker, Place, Readable};
use open::Base;
use watch::Watch;

/// The longest message of SQLite's that is handed on, in bytes.
const MAX_MESSAGE_BYTES: usize = 512;

/// Why a query gave nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum QueryError {
    #[error("`{0}` is no SQLite database, or is damaged: {1}")]
    Damaged(String, String),
    #[error(
        "`{0}` is in WAL mode, where what is newest is not in the file; run `PRAGMA journal_mode=DELETE` on it, or make a copy for agents by `VACUUM INTO`"
    )]
    Wal(String),
    #[error("there is no table or view `{0}` in this database")]
    NoTable(String),
    #[error("`{0}` is a virtual table; only ordinary tables and views are read")]
    Virtual(String),
    #[error("`{0}` has none of the columns that are granted")]
    NoColumns(String),
    #[error(
        "the query reads `{0}`, which is not among its `tables`; name there every table that it reads, those of a view included"
    )]
    Undeclared(String),
    #[error("the query reads the column `{1}` of `{0}`, which is not granted")]
    Column(String, String),
    #[error("the query uses the function `{0}`, which is not allowed here")]
    Function(String),
    #[error("only a single SELECT that reads tables is allowed, and this {0}")]
    NotSelect(&'static str),
    #[error("the query took longer than {} s; narrow it", watch::QUERY_TIME.as_secs())]
    Late,
    #[error("the query needs more memory than it may have; narrow it")]
    Memory,
    #[error("SQLite refuses the query: {0}")]
    Refused(String),
}

/// Does `query` over `tables` of the database at `place`, for at most `max_rows` rows.
pub(super) fn read(
    place: &Place,
    tables: &[Readable],
    query: &str,
    max_rows: u32,
) -> Result<FromWorker, Trouble> {
    let mut base = Base::open(place, tables)?;
    let watch = Watch::over(&mut base, tables)?;
    let told = single(&base.conn, query)
        .and_then(|()| plan::check(&base, query))
        .and_then(|()| rows::fetch(&base.conn, query, max_rows));
    // What the authorizer saw is why SQLite refused.
    Ok(told.map_err(|why| watch.denied().unwrap_or_else(|| base.said(why)))?)
}

/// Why a step failed.
enum Why {
    Sqlite(rusqlite::Error),
    Own(QueryError),
}

impl From<rusqlite::Error> for Why {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<QueryError> for Why {
    fn from(error: QueryError) -> Self {
        Self::Own(error)
    }
}

/// Whether `query` is one statement that only reads.
fn single(conn: &Connection, query: &str) -> Result<(), Why> {
    let mut batch = Batch::new(conn, query);
    let Some(first) = batch.next()? else { return Err(QueryError::NotSelect("is empty").into()) };
    if first.is_explain() != 0 {
        return Err(QueryError::NotSelect("explains one").into());
    }
    if !first.readonly() || first.column_count() == 0 {
        return Err(QueryError::NotSelect("is another statement").into());
    }
    if first.parameter_count() > 0 {
        return Err(QueryError::NotSelect("has parameters").into());
    }
    match batch.next() {
        Ok(None) => Ok(()),
        Ok(Some(_)) | Err(_) => Err(QueryError::NotSelect("is more than one statement").into()),
    }
}

impl Base {
    /// What went wrong, in one sentence that does not tell the name under which the database is attached.
    fn said(&self, why: Why) -> QueryError {
        let error = match why {
            Why::Own(error) => return error,
            Why::Sqlite(error) => error,
        };
        match error.sqlite_error_code() {
            Some(ErrorCode::OperationInterrupted) => return QueryError::Late,
            Some(ErrorCode::OutOfMemory) => return QueryError::Memory,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                return QueryError::Damaged(self.shown.clone(), "SQLite finds its pages damaged".to_owned());
            }
            _ => {}
        }
        let message = match error {
            rusqlite::Error::SqliteFailure(_, Some(message)) => message,
            rusqlite::Error::SqlInputError { msg, .. } => msg,
            other => other.to_string(),
        };
        // A write meets the views that stand for the tables.
        if message.starts_with("cannot modify") {
            return QueryError::NotSelect("is another statement");
        }
        let message = one_line(&message.replace(&self.alias, "the database"));
        QueryError::Refused(crate::plain::beginning(&message, MAX_MESSAGE_BYTES).to_owned())
    }
}
