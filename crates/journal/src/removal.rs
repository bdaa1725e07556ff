//! What an erasure does to the database, within the transaction of its entry.

use rusqlite::Connection;

use crate::entry::Head;
use crate::erase::{Erased, KEPT};
use crate::prepare::Prepared;
use crate::schema;

/// Of contents, how many are there and how many of those may not go.
const REMOVABLE: &str = "SELECT count(*), coalesce(sum(coalesce(record.body ->> '$.event', '') IN \
     (SELECT value FROM json_each(?3))), 0) \
     FROM payload JOIN record ON record.seq = payload.seq \
     WHERE payload.seq BETWEEN ?1 AND ?2 AND octet_length(payload.salt) > 0";

/// The row stays, empty. To take rows away has SQLite move their neighbours to other pages, where copies of
/// them would be left behind in the space between cells, which nothing overwrites; a row that shrinks stays on its page.
const REMOVE: &str = "UPDATE payload SET salt = x'', bytes = x'' WHERE seq BETWEEN ?1 AND ?2";

const RENEW_STATE: &str = "INSERT INTO renewed SELECT kind, key, value FROM state ORDER BY kind, key;
DROP TABLE state;
ALTER TABLE renewed RENAME TO state;";

const ERASED: &str = "INSERT INTO erased (first, last, by) VALUES (?1, ?2, ?3)";

/// For the same reason as contents, the items of a list stay as empty rows. An item is behind those before it, so that this
/// ends in any file.
const EMPTY_ITEMS: &str = "WITH RECURSIVE gone (seq) AS ( \
     SELECT last FROM list WHERE kind = ?1 AND name = ?2 \
     UNION ALL SELECT item.previous FROM gone JOIN item ON item.seq = gone.seq WHERE item.previous < item.seq) \
     UPDATE item SET value = '' WHERE seq IN gone";

/// The items of a list, the last first, each with the one before it.
const ITEMS: &str = "WITH RECURSIVE found (seq, previous) AS ( \
     SELECT item.seq, item.previous FROM list JOIN item ON item.seq = list.last \
     WHERE list.kind = ?1 AND list.name = ?2 \
     UNION ALL SELECT item.seq, item.previous FROM found JOIN item ON item.seq = found.previous \
     WHERE item.seq < found.seq) \
     SELECT seq, previous FROM found";

const EMPTY_ITEM: &str = "UPDATE item SET value = '' WHERE seq = ?1";

const END_LIST: &str = "UPDATE list SET last = ?3 WHERE kind = ?1 AND name = ?2";

const DELETE_LIST: &str = "DELETE FROM list WHERE kind = ?1 AND name = ?2";

/// How many contents that `entry` erases are there and may go, when that is not all of them.
pub(crate) fn misfit(
    conn: &Connection,
    entry: &Prepared,
    head: &Head,
) -> rusqlite::Result<Option<(u64, u64)>> {
    for erased in entry.records.iter().filter_map(|record| record.erases.as_ref()) {
        let earlier = erased.ranges().last().is_none_or(|(_, last)| *last <= head.records);
        let found = if earlier { removable(conn, erased)? } else { 0 };
        if found != erased.contents() {
            return Ok(Some((erased.contents(), found)));
        }
    }
    Ok(None)
}

fn removable(conn: &Connection, erased: &Erased) -> rusqlite::Result<u64> {
    let kept: Vec<String> = KEPT.iter().map(|event| format!("\"{}\"", event.as_str())).collect();
    let kept = format!("[{}]", kept.join(","));
    let mut statement = conn.prepare_cached(REMOVABLE)?;
    let mut found = 0_u64;
    for (first, last) in erased.ranges() {
        let (there, kept): (u64, u64) =
            statement.query_row((first, last, &kept), |row| Ok((row.get(0)?, row.get(1)?)))?;
        found = found.saturating_add(there.saturating_sub(kept));
    }
    Ok(found)
}

/// Removes contents with their salts, in the name of the record `by`; whether all of them went.
pub(crate) fn remove(conn: &Connection, erased: &Erased, by: u64) -> rusqlite::Result<bool> {
    let (mut remove, mut tell) = (conn.prepare_cached(REMOVE)?, conn.prepare_cached(ERASED)?);
    let (mut removed, mut told) = (0_u64, 0_usize);
    for (first, last) in erased.ranges() {
        removed = removed.saturating_add(remove.execute((first, last))? as u64);
        told = told.saturating_add(tell.execute((first, last, by))?);
    }
    Ok(removed == erased.contents() && told == erased.ranges().len())
}

/// Removes a list of state with its items, but for the first `kept` of them.
pub(crate) fn remove_list(conn: &Connection, kind: &str, name: &str, kept: u32) -> rusqlite::Result<()> {
    let items = if kept == 0 { Vec::new() } else { items(conn, kind, name)? };
    let count = items.len();
    let kept = usize::try_from(kept).unwrap_or(usize::MAX);
    let whole = items.last().is_some_and(|(_, previous)| previous.is_none());
    // Of a list that lacks its first items nobody knows which the others are.
    if !whole {
        conn.prepare_cached(EMPTY_ITEMS)?.execute((kind, name))?;
        return conn.prepare_cached(DELETE_LIST)?.execute((kind, name)).map(drop);
    }
    let gone = count.saturating_sub(kept);
    let Some((end, _)) = items.get(gone).filter(|_| gone > 0) else { return Ok(()) };
    let mut empty = conn.prepare_cached(EMPTY_ITEM)?;
    for (seq, _) in items.iter().take(gone) {
        empty.execute([seq])?;
    }
    conn.prepare_cached(END_LIST)?.execute((kind, name, end)).map(drop)
}

/// The items of a list, the last first, each with the one before it.
fn items(conn: &Connection, kind: &str, name: &str) -> rusqlite::Result<Vec<(i64, Option<i64>)>> {
    let mut statement = conn.prepare_cached(ITEMS)?;
    let rows = statement.query_map([kind, name], |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.collect()
}

/// Rows of state come and go in any order, so their pages hold such copies. None is left in a table that is made anew:
/// the pages of the old one are overwritten when it goes.
pub(crate) fn renew_state(conn: &Connection) -> rusqlite::Result<()> {
    conn.execute_batch(&schema::STATE.replacen("state", "renewed", 1))?;
    conn.execute_batch(RENEW_STATE)
}
