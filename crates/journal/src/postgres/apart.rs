//! Entries that are more than records and rows: erasures, checkpoints, keys, and lists that go. They are few. Each has a
//! transaction of its own, in a turn that no other gateway comes between; an erasure is done as the eraser's role.

use serde_json::Value;
use tokio_postgres::types::Type;

use super::batch::number;
use super::link::{BIGINT, Fault, Link, TEXT};
use crate::entry::{Change, ITEM_DIGITS, Unless};
use crate::erase::{Erased, KEPT};
use crate::journal::AppendError;
use crate::prepare::Prepared;
use crate::stored::Stored;

/// Whether an entry is one of those.
pub(super) fn is_apart(entry: &Prepared) -> bool {
    !entry.is_plain()
}

const THERE: &str = "SELECT payload.seq, CASE WHEN record.body LIKE ANY ($3) THEN record.body END \
     FROM bulkhead.payload AS payload JOIN bulkhead.record AS record ON record.seq = payload.seq \
     WHERE payload.seq BETWEEN $1 AND $2";

/// The pattern is what canonical JSON has for an event; that it is in the right place the record itself tells.
const SINCE: &str = "SELECT seq, body FROM bulkhead.record WHERE seq > $1 AND body LIKE $2 ORDER BY seq";

const KEYS: &str = "SELECT coalesce(max(number), 0) FROM bulkhead.key";

const SIGNED_SINCE: &str = "SELECT 1 FROM bulkhead.checkpoint WHERE size > $1 AND size <= $2 LIMIT 1";

/// Why `entry` cannot be added to the log, which has so many `records`, if it cannot. Asked within a turn, so that nothing
/// comes between this and what is added.
pub(super) async fn misfit(
    link: &Link,
    entry: &Prepared,
    records: u64,
) -> Result<Option<AppendError>, Fault> {
    if let Some(unless) = &entry.unless
        && let Some(by) = since(link, unless).await?
    {
        return Ok(Some(AppendError::Overtaken { by }));
    }
    for stored in &entry.stored {
        if is_late(link, stored, records).await? {
            return Ok(Some(AppendError::Replaced));
        }
    }
    erased_before(link, entry, records).await
}

async fn since(link: &Link, unless: &Unless) -> Result<Option<u64>, Fault> {
    let (after, event) = (number(unless.after), unless.event.as_str());
    let pattern = format!("%\"event\":\"{event}\"%");
    for row in link.rows(SINCE, &[(&after, BIGINT), (&pattern, TEXT)]).await? {
        let (seq, body): (i64, &str) = (row.try_get(0)?, row.try_get(1)?);
        if event_of(body).is_some_and(|found| found == event) {
            return Ok(u64::try_from(seq).ok());
        }
    }
    Ok(None)
}

/// Whether another key signs the log by now than whoever signed this knew, or has signed more of it.
async fn is_late(link: &Link, stored: &Stored, records: u64) -> Result<bool, Fault> {
    let keys = async || {
        let row = link.row(KEYS, &[]).await?;
        let newest: Option<i64> = row.map(|row| row.try_get(0)).transpose()?;
        Ok::<_, Fault>(newest.unwrap_or(0))
    };
    match stored {
        Stored::Checkpoint { by: Some(by), .. } => Ok(keys().await? != number(*by)),
        Stored::Checkpoint { by: None, .. } => Ok(false),
        Stored::Key { number: place, until, .. } => {
            if keys().await?.saturating_add(1) != number(*place) {
                return Ok(true);
            }
            let Some(until) = until else { return Ok(false) };
            let signed = [(&number(*until) as _, BIGINT), (&number(records) as _, BIGINT)];
            Ok(link.row(SIGNED_SINCE, &signed).await?.is_some())
        }
    }
}

/// When not all contents that `entry` erases are there and may go, how many are.
async fn erased_before(link: &Link, entry: &Prepared, records: u64) -> Result<Option<AppendError>, Fault> {
    for erased in entry.records.iter().filter_map(|record| record.erases.as_ref()) {
        let earlier = erased.ranges().last().is_none_or(|(_, last)| *last <= records);
        let found = if earlier { removable(link, erased).await? } else { 0 };
        if found != erased.contents() {
            return Ok(Some(AppendError::Erased { expected: erased.contents(), found }));
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
    let event = event_of(body);
    KEPT.iter().any(|kept| event.as_deref() == Some(kept.as_str()))
}

/// The event that the record with this body tells of.
fn event_of(body: &str) -> Option<String> {
    let body: Value = serde_json::from_str(body).ok()?;
    body.get("event").and_then(Value::as_str).map(ToOwned::to_owned)
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
        Stored::Checkpoint { size, note, .. } => {
            let sql = "INSERT INTO bulkhead.checkpoint (size, number, note) \
                 SELECT $1, coalesce(max(number), 0) + 1, $2 FROM bulkhead.checkpoint WHERE size = $1";
            link.rows(sql, &[(&number(*size), BIGINT), (note, TEXT)]).await?;
        }
        Stored::Key { number: place, verifier, change, .. } => {
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
            let Some(list) = change.list() else {
                let sql = "DELETE FROM bulkhead.state WHERE gateway = $1 AND kind = $2 AND key = $3";
                link.rows(sql, &[(&gateway, TEXT), (kind, TEXT), (key, TEXT)]).await?;
                return Ok(());
            };
            // A list whose name goes on after this one's has longer keys.
            let sql = format!(
                "DELETE FROM bulkhead.state WHERE gateway = $1 AND kind = $2 AND key >= $3 \
                 AND starts_with(key, $4) AND length(key) = length($4) + {ITEM_DIGITS}"
            );
            let items = format!("{list}/");
            let which = [(&gateway as _, TEXT), (kind as _, TEXT), (key as _, TEXT), (&items as _, TEXT)];
            link.rows(&sql, &which).await?;
        }
    }
    Ok(())
}
