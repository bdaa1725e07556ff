//! Where the log ends, read from the database: at open, and when other gateways have added to it.

use serde_json::Value;
use tokio_postgres::Row;
use vocab::Digest;

use super::batch::number;
use super::link::{BIGINT, Fault, Link};
use crate::block::{BLOCK_RECORDS, values_of, whole};
use crate::edge::{Edge, MAX_LEVEL, last_tile};
use crate::entry::Head;
use crate::merkle::{self, Frontier, TILE_HEIGHT};

/// Records of others that are taken in one by one; when there are more, the edge is read anew.
const NEAR: i64 = 256;

/// Why it cannot be told where the log ends.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The server did not answer well.
    Fault(Fault),
    /// The log is not the one that this gateway left: it lost records, or others stand in their place.
    Astray { expected: u64, found: u64 },
    /// A record does not follow from the one before it.
    Broken { seq: u64 },
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<tokio_postgres::Error> for Trouble {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Fault(error.into())
    }
}

const RECORDS: &str =
    "SELECT seq, hash, body FROM bulkhead.record WHERE seq >= $1 AND seq <= $2 ORDER BY seq LIMIT $3";

/// Takes in what others have added after `head`, whose edge is `edge`.
pub(super) async fn catch_up(
    link: &Link,
    genesis: Head,
    head: &mut Head,
    edge: &mut Edge,
) -> Result<(), Trouble> {
    let (from, limit) = (number(head.records), NEAR + 2);
    let rows = link.rows(RECORDS, &[(&from, BIGINT), (&i64::MAX, BIGINT), (&limit, BIGINT)]).await?;
    let mut records = rows.iter();
    if head.records > 0 {
        let still = records.next().map(Record::read).transpose()?;
        if still.is_none_or(|record| (record.seq, record.hash) != (head.records, head.hash)) {
            return Err(Trouble::Astray {
                expected: head.records,
                found: last(link).await?.map_or(0, |head| head.records),
            });
        }
    }
    if rows.len() > usize::try_from(NEAR).unwrap_or(usize::MAX) {
        (*head, *edge) = read(link, genesis).await?;
        return Ok(());
    }
    for row in records {
        let record = Record::read(row)?;
        *head = record.after(head)?;
        let Ok(()) = edge.frontier.push(head.hash, |_| Ok::<(), std::convert::Infallible>(()));
        edge.filling.take_in(&values_of(&record.body));
        if head.records.is_multiple_of(BLOCK_RECORDS) {
            edge.filling.finish();
        }
    }
    Ok(())
}

/// Where the log ends that begins at `genesis`, and its edge.
pub(super) async fn read(link: &Link, genesis: Head) -> Result<(Head, Edge), Trouble> {
    let mut edge = Edge::default();
    let Some(end) = last(link).await? else { return Ok((genesis, edge)) };
    let begin = whole(end.records).saturating_mul(BLOCK_RECORDS);
    let (from, to) = (number(begin), number(end.records));
    let rows = link.rows(RECORDS, &[(&from, BIGINT), (&to, BIGINT), (&(NEAR + 1), BIGINT)]).await?;
    let mut head = genesis;
    let mut leaves = Vec::new();
    for row in &rows {
        let record = Record::read(row)?;
        if record.seq == begin {
            head = Head { records: begin, hash: record.hash };
            continue;
        }
        head = record.after(&head)?;
        leaves.push(record.hash);
        edge.filling.take_in(&values_of(&record.body));
    }
    if head != end {
        return Err(Trouble::Broken { seq: head.records.saturating_add(1) });
    }
    let mut tiles = Vec::new();
    for level in (1..=MAX_LEVEL).rev() {
        tiles.push(nodes(link, level, end.records >> (level * TILE_HEIGHT)).await?);
    }
    tiles.push(leaves);
    edge.frontier = Frontier::from_tiles(tiles);
    if edge.frontier.size() != end.records {
        return Err(Trouble::Broken { seq: begin.saturating_add(1) });
    }
    Ok((head, edge))
}

/// Where the log ends, if it has records.
pub(super) async fn last(link: &Link) -> Result<Option<Head>, Trouble> {
    let row = link.row("SELECT seq, hash FROM bulkhead.record ORDER BY seq DESC LIMIT 1", &[]).await?;
    let head = |row: Row| Ok(Head { records: seq(&row)?, hash: digest(&row, 1)? });
    row.map(head).transpose()
}

/// The hash of the record `seq`, if it is there.
pub(super) async fn hash_of(link: &Link, seq: u64) -> Result<Option<Digest>, Trouble> {
    let sql = "SELECT seq, hash FROM bulkhead.record WHERE seq = $1";
    let row = link.row(sql, &[(&number(seq), BIGINT)]).await?;
    row.map(|row| digest(&row, 1)).transpose()
}

/// The nodes of `level`, which has `count`, that are under no node of the level above.
async fn nodes(link: &Link, level: u32, count: u64) -> Result<Vec<Digest>, Trouble> {
    if count == 0 {
        return Ok(Vec::new());
    }
    let sql = "SELECT number, hash FROM bulkhead.node \
         WHERE level = $1 AND number >= $2 AND number < $3 ORDER BY number";
    let (from, to) = (number(last_tile(count)), number(count));
    let rows = link.rows(sql, &[(&i64::from(level), BIGINT), (&from, BIGINT), (&to, BIGINT)]).await?;
    rows.iter().map(|row| digest(row, 1)).collect()
}

/// A record as it stands in the database.
struct Record {
    seq: u64,
    hash: Digest,
    body: Value,
    computed: Digest,
}

impl Record {
    fn read(row: &Row) -> Result<Self, Trouble> {
        let seq = seq(row)?;
        let text: &str = row.try_get(2)?;
        let body = serde_json::from_str(text).map_err(|_| Trouble::Broken { seq })?;
        Ok(Self { seq, hash: digest(row, 1)?, body, computed: merkle::leaf(text.as_bytes()) })
    }

    /// Where the log ends with this record, if it follows `head`.
    fn after(&self, head: &Head) -> Result<Head, Trouble> {
        let prev = self.body.get("prev").and_then(Value::as_str);
        let follows = self.seq == head.records.saturating_add(1)
            && self.computed == self.hash
            && prev == Some(head.hash.to_string().as_str());
        if follows {
            return Ok(Head { records: self.seq, hash: self.hash });
        }
        Err(Trouble::Broken { seq: self.seq })
    }
}

fn seq(row: &Row) -> Result<u64, Trouble> {
    let seq: i64 = row.try_get(0)?;
    u64::try_from(seq).map_err(|_| Trouble::Broken { seq: 0 })
}

fn digest(row: &Row, column: usize) -> Result<Digest, Trouble> {
    let bytes: &[u8] = row.try_get(column)?;
    let seq = seq(row)?;
    bytes.try_into().map(Digest::from_bytes).map_err(|_| Trouble::Broken { seq })
}
