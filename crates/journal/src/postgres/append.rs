//! Sending a batch: by the statement for what it has, and within the time that an answer may take.

use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use vocab::{Ambient, Digest};

use super::PostgresConfig;
use super::batch::{Batch, One, Shape, number};
use super::link::{Fault, Link, TEXT};
use super::session::{Append, Session, TURN};
use crate::entry::Head;

/// What no log has: its numbers begin with 1.
const TRY: &str = "INSERT INTO bulkhead.record (seq, hash, body) VALUES (-1, '', ''); \
     INSERT INTO bulkhead.payload (seq, salt, bytes) VALUES (-1, '', '')";

const PROBE: &str = "INSERT INTO bulkhead.state (gateway, kind, key, value) VALUES ($1, 'journal', 'probe', $2) \
     ON CONFLICT (gateway, kind, key) DO UPDATE SET value = excluded.value";

/// Sends a batch that begins at `head`; whether it is in.
pub(super) async fn send(
    session: &Session,
    config: &PostgresConfig,
    head: Head,
    batch: &Batch<'_>,
    turn: bool,
) -> Result<bool, Fault> {
    let Session { link, append, change } = session;
    let gateway = config.gateway();
    if batch.seqs.is_empty() && batch.rows.is_empty() {
        return if turn { link.run("COMMIT").await.map(|()| true) } else { Ok(true) };
    }
    if batch.seqs.is_empty() {
        let rows = batch.columns();
        let all: [&(dyn ToSql + Sync); 6] =
            [&gateway, &rows.gone_kinds, &rows.gone_keys, &rows.kinds, &rows.keys, &rows.values];
        link.within(async { Ok(link.client.execute(change, &all).await?) }).await?;
        return if turn { link.run("COMMIT").await.map(|()| true) } else { Ok(true) };
    }
    match add(link, append, gateway, head, batch, !turn).await {
        Err(fault) if fault.is(&SqlState::UNIQUE_VIOLATION) && !turn => Ok(false),
        Ok(true) if turn => link.run("COMMIT").await.map(|()| true),
        added => added,
    }
}

/// Adds a batch that begins at `head` and has records, past nobody who waits for a turn where it is `optimistic`; whether it
/// was added.
pub(super) async fn add(
    link: &Link,
    append: &Append,
    gateway: &str,
    head: Head,
    batch: &Batch<'_>,
    optimistic: bool,
) -> Result<bool, Fault> {
    let (at, hash) = (number(head.records), head.hash.as_bytes().as_slice());
    let turn = optimistic.then_some(TURN);
    let shape = batch.shape();
    let ask = async |all: &[&(dyn ToSql + Sync)]| {
        let ask = async { Ok(link.client.execute(append.of(shape), all).await?) };
        let added = link.within(ask).await?;
        all_or_none(added, batch.seqs.len())
    };
    if shape == Shape::One
        && let Some(One { seq, hash: own, body, salt, bytes }) = batch.one()
    {
        return ask(&[&at, &hash, &turn, &seq, &own, &body, &salt, &bytes]).await;
    }
    let rows = batch.columns();
    let hashes: Vec<&[u8]> = batch.hashes.iter().map(|hash| hash.as_bytes().as_slice()).collect();
    let levels: Vec<i64> = batch.nodes.iter().map(|node| i64::from(node.level)).collect();
    let numbers: Vec<i64> = batch.nodes.iter().map(|node| number(node.number)).collect();
    let nodes: Vec<&[u8]> = batch.nodes.iter().map(|node| node.hash.as_bytes().as_slice()).collect();
    let all: [&(dyn ToSql + Sync); 21] = [
        &at,
        &hash,
        &turn,
        &batch.seqs,
        &hashes,
        &batch.bodies,
        &batch.payloads.seqs,
        &batch.payloads.salts,
        &batch.payloads.bytes,
        &gateway,
        &rows.kinds,
        &rows.keys,
        &rows.values,
        &rows.gone_kinds,
        &rows.gone_keys,
        &batch.blocks.fields,
        &batch.blocks.values,
        &batch.blocks.numbers,
        &levels,
        &numbers,
        &nodes,
    ];
    ask(all.get(..shape.parameters()).unwrap_or_default()).await
}

/// Whether a statement that adds `count` records, or none, has added them.
fn all_or_none(added: u64, count: usize) -> Result<bool, Fault> {
    match added {
        0 => Ok(false),
        added if added == count as u64 => Ok(true),
        added => Err(Fault::Refused {
            code: SqlState::INTEGRITY_CONSTRAINT_VIOLATION,
            why: format!(
                "the server took {added} records of {count}: look what was put to its tables, and run `bulkhead audit verify`"
            ),
        }),
    }
}

/// Finds out whether the database takes anything: a row of this gateway's own is written, and a record and a content are, and
/// are taken back. Then all that was found in the log is durable where the row is, at a standby that is waited for too.
pub(super) async fn confirm(link: &Link, gateway: &str, ambient: &dyn Ambient) -> Result<(), Fault> {
    link.run("BEGIN").await?;
    let tried = link.run(TRY).await;
    link.run("ROLLBACK").await?;
    tried?;
    let value = format!("\"{}\"", Digest::of(&ambient.random()));
    link.rows(PROBE, &[(&gateway, TEXT), (&value, TEXT)]).await?;
    Ok(())
}
