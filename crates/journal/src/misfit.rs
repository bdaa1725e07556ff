//! What keeps an entry out of the log when its turn comes: something else has come since its caller looked.

use rusqlite::{Connection, OptionalExtension as _};

use crate::entry::{Head, Unless};
use crate::journal::AppendError;
use crate::prepare::Prepared;
use crate::removal;
use crate::stored::Stored;

const SINCE: &str = "SELECT seq FROM record WHERE seq > ?1 AND body ->> '$.event' = ?2 ORDER BY seq LIMIT 1";

const KEYS: &str = "SELECT coalesce(max(number), 0) FROM key";

const SIGNED_SINCE: &str = "SELECT EXISTS (SELECT 1 FROM checkpoint WHERE size > ?1 AND size <= ?2)";

/// Why `entry` cannot be added after `head`, if it cannot.
pub(crate) fn misfit(
    conn: &Connection,
    entry: &Prepared,
    head: &Head,
) -> rusqlite::Result<Option<AppendError>> {
    if let Some(unless) = &entry.unless
        && let Some(by) = since(conn, unless)?
    {
        return Ok(Some(AppendError::Overtaken { by }));
    }
    for stored in &entry.stored {
        if is_late(conn, stored, head)? {
            return Ok(Some(AppendError::Replaced));
        }
    }
    let erased = removal::misfit(conn, entry, head)?;
    Ok(erased.map(|(expected, found)| AppendError::Erased { expected, found }))
}

fn since(conn: &Connection, unless: &Unless) -> rusqlite::Result<Option<u64>> {
    let Ok(after) = i64::try_from(unless.after) else { return Ok(None) };
    conn.prepare_cached(SINCE)?.query_row((after, unless.event.as_str()), |row| row.get(0)).optional()
}

/// Whether another key signs the log by now than whoever signed this knew, or has signed more of it.
fn is_late(conn: &Connection, stored: &Stored, head: &Head) -> rusqlite::Result<bool> {
    let keys = || conn.prepare_cached(KEYS)?.query_row([], |row| row.get::<_, u64>(0));
    match stored {
        Stored::Checkpoint { by: Some(by), .. } => Ok(keys()? != *by),
        Stored::Checkpoint { by: None, .. } => Ok(false),
        Stored::Key { number, until, .. } => {
            let signed = |until: &u64| {
                conn.prepare_cached(SIGNED_SINCE)?.query_row((until, head.records), |row| row.get(0))
            };
            Ok(keys()?.saturating_add(1) != *number || until.as_ref().map_or(Ok(false), signed)?)
        }
    }
}
