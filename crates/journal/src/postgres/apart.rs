//! Entries that are more than records and rows: erasures, checkpoints, keys, and lists that go. They are few. Each has a
//! transaction of its own, in a turn that no other gateway comes between; an erasure is done as the eraser's role.

use serde_json::Value;
use tokio_postgres::types::Type;

use super::batch::number;
use super::link::{BIGINT, Fault, Link, TEXT};
use crate::entry::{Change, ITEM_DIGITS};
use crate::erase::{Erased, KEPT};
use crate::prepare::Prepared;
use crate::stored::Stored;

/// Whether an entry is one of those.
pub(super) fn is_apart(entry: &Prepared) -> bool {
    entry.erases() || !entry.stored.is_empty() || entry.rows.iter().any(|row| row.drops_list())
}

const THERE: &str = "SELECT payload.seq, CASE WHEN record.body LIKE ANY ($3) THEN record.body END \
     FROM bulkhead.payload AS payload JOIN bulkhead.record AS record ON record.seq = payload.seq \
     WHERE payload.seq BETWEEN $1 AND $2";

/// How many contents that `entry` erases are there and may go, when that is not all of them. The log has so many `records`.
pub(super) async fn misfit(link: &Link, entry: &Prepared, records: u64) -> Result<Option<(u64, u64)>, Fault> {
    for erased in entry.records.iter().filter_map(|record| record.erases.as_ref()) {
        let earlier = erased.ranges().last().is_none_or(|(_, last)| *last <= records);
        let found = if earlier { removable(link, erased).await? } else { 0 };
        if found != erased.contents() {
            return Ok(Some((erased.contents(), found)));
        }
    }
    Ok(None)
}

async fn removable(link: &Link, erased: &Erased) -> Result<u64, Fault> {
    let kept: Vec<String> = KEPT.iter().map(|event| format!("%\"event\":\"{}\"%", event.as_str())).collect();
    let mut found = 0_u64;
    for (first, last) in erased.ranges() {
        let (first, last) = (number(*first), number(*last));
        let parameters = [(&first as _, BIGINT), (&last as _, BIGINT), (&kept as _, Type::TEXT_ARRAY)];
        for row in link.rows(THERE, &parameters).await? {
            let body: Option<&str> = row.try_get(1)?;
            found = found.saturating_add(u64::from(!body.is_some_and(stays)));
        }
    }
    Ok(found)
}

/// Whether the content of the record with this body is never erased.
fn stays(body: &str) -> bool {
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    let event = body.get("event").and_then(Value::as_str);
    KEPT.iter().any(|kept| event == Some(kept.as_str()))
}

/// Does what the records of `entry` do not: they are in the log already, the first of them in the place `first`.
pub(super) async fn carry_out(link: &Link, gateway: &str, entry: &Prepared, first: u64) -> Result<(), Fault> {
    for (seq, record) in (first..).zip(&entry.records) {
        if let Some(erased) = &record.erases {
            remove(link, erased, seq).await?;
        }
    }
    for stored in &entry.stored {
        store(link, stored).await?;
    }
    for row in &entry.rows {
        change(link, gateway, row).await?;
    }
    Ok(())
}

/// Removes contents with their salts, in the name of the record `by`.
async fn remove(link: &Link, erased: &Erased, by: u64) -> Result<(), Fault> {
    let (delete, tell) = (
        "DELETE FROM bulkhead.payload WHERE seq BETWEEN $1 AND $2",
        "INSERT INTO bulkhead.erased (first, last, by) VALUES ($1, $2, $3)",
    );
    for (first, last) in erased.ranges() {
        let (first, last, by) = (number(*first), number(*last), number(by));
        link.rows(delete, &[(&first, BIGINT), (&last, BIGINT)]).await?;
        link.rows(tell, &[(&first, BIGINT), (&last, BIGINT), (&by, BIGINT)]).await?;
    }
    Ok(())
}

async fn store(link: &Link, stored: &Stored) -> Result<(), Fault> {
    match stored {
        Stored::Checkpoint { size, note } => {
            let sql = "INSERT INTO bulkhead.checkpoint (size, number, note) \
                 SELECT $1, coalesce(max(number), 0) + 1, $2 FROM bulkhead.checkpoint WHERE size = $1";
            link.rows(sql, &[(&number(*size), BIGINT), (note, TEXT)]).await?;
        }
        Stored::Key { number: place, verifier, change } => {
            let sql = "INSERT INTO bulkhead.key (number, verifier, change) VALUES ($1, $2, $3)";
            link.rows(sql, &[(&number(*place), BIGINT), (verifier, TEXT), (change, TEXT)]).await?;
        }
    }
    Ok(())
}

async fn change(link: &Link, gateway: &str, change: &Change) -> Result<(), Fault> {
    let (kind, key) = (&change.kind, &change.key);
    match &change.value {
        Some(value) => {
            let sql = "INSERT INTO bulkhead.state (gateway, kind, key, value) VALUES ($1, $2, $3, $4) \
                 ON CONFLICT (gateway, kind, key) DO UPDATE SET value = excluded.value";
            link.rows(sql, &[(&gateway, TEXT), (kind, TEXT), (key, TEXT), (value, TEXT)]).await?;
        }
        None => {
            let which = match change.drops_list() {
                true => format!("starts_with(key, $3) AND length(key) = length($3) + {ITEM_DIGITS}"),
                false => "key = $3".to_owned(),
            };
            let sql = format!("DELETE FROM bulkhead.state WHERE gateway = $1 AND kind = $2 AND {which}");
            link.rows(&sql, &[(&gateway, TEXT), (kind, TEXT), (key, TEXT)]).await?;
        }
    }
    Ok(())
}
