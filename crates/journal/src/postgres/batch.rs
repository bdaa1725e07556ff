//! What one statement adds to the log: the records of a group with all that belongs to them, column by column.

use std::collections::{BTreeMap, BTreeSet};

use smol_str::SmolStr;
use tokio_postgres::types::Type;
use vocab::Digest;

use super::link::{BIGINT, BYTES, TEXT};
use crate::block::{BLOCK_RECORDS, Field, Filling, whole};
use crate::edge::Edge;
use crate::entry::Head;
use crate::merkle::{self, Frontier, Node};
use crate::prepare::{Prepared, Record};

/// Whether the log ends where the batch begins and, outside a turn, no other gateway has asked for one. Should another be adding
/// just then, the primary key of `record` lets one of the two through.
macro_rules! at {
    () => {
        "
WITH at AS MATERIALIZED (
  SELECT 1 WHERE CASE WHEN $1 = 0 THEN NOT EXISTS (SELECT FROM bulkhead.record)
    ELSE EXISTS (SELECT FROM bulkhead.record WHERE seq = $1 AND hash = $2) END
  AND ($3 IS NULL OR pg_try_advisory_xact_lock_shared($3))
)"
    };
}

macro_rules! contents {
    () => {
        ", contents AS (
  INSERT INTO bulkhead.payload (seq, salt, bytes)
  SELECT new.seq, new.salt, new.bytes FROM at, unnest($7, $8, $9) AS new (seq, salt, bytes)
)"
    };
}

macro_rules! put {
    () => {
        ", put AS (
  INSERT INTO bulkhead.state (gateway, kind, key, value)
  SELECT $10, new.kind, new.key, new.value FROM at, unnest($11, $12, $13) AS new (kind, key, value)
  ON CONFLICT (gateway, kind, key) DO UPDATE SET value = excluded.value
)"
    };
}

macro_rules! more {
    () => {
        ", gone AS (
  DELETE FROM bulkhead.state AS state USING at, unnest($14, $15) AS old (kind, key)
  WHERE state.gateway = $10 AND state.kind = old.kind AND state.key = old.key
), blocks AS (
  INSERT INTO bulkhead.block (field, value, number)
  SELECT new.field, new.value, new.number FROM at, unnest($16, $17, $18) AS new (field, value, number)
), nodes AS (
  INSERT INTO bulkhead.node (level, number, hash)
  SELECT new.level, new.number, new.hash FROM at, unnest($19, $20, $21) AS new (level, number, hash)
)"
    };
}

macro_rules! records {
    () => {
        "
INSERT INTO bulkhead.record (seq, hash, body)
SELECT new.seq, new.hash, new.body FROM at, unnest($4, $5, $6) AS new (seq, hash, body)"
    };
}

/// Adds one record with its content after another record, or nothing. The server takes less time for it than for columns of
/// one and a part of its own that asks for the log's end.
const ONE: &str = "
WITH new AS (
  INSERT INTO bulkhead.record (seq, hash, body)
  SELECT $4, $5, $6 FROM bulkhead.record
  WHERE seq = $1 AND hash = $2 AND ($3 IS NULL OR pg_try_advisory_xact_lock_shared($3))
  RETURNING seq
)
INSERT INTO bulkhead.payload (seq, salt, bytes) SELECT new.seq, $7, $8 FROM new";

/// Adds records and contents, all of them or nothing. A part of a statement that has nothing to do costs the server as much
/// time as a record, so each statement here has the parts that its batches need.
const PLAIN: &str = concat!(at!(), contents!(), records!());

/// The same with rows of state.
const ROWS: &str = concat!(at!(), contents!(), put!(), records!());

/// The same with what few batches have: rows that go, blocks that they finish, nodes above them.
const MORE: &str = concat!(at!(), contents!(), put!(), more!(), records!());

/// The statements that add a batch of at least one record, in one round trip each. The number of rows that one of them
/// gives is that of the records, or 0 where the log does not end as the batch says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// One record with its content and nothing else, which is not the log's first.
    One,
    /// Records and contents.
    Plain,
    /// Rows of state besides.
    Rows,
    /// Everything that a batch can have.
    More,
}

impl Shape {
    /// What the server is to plan, and the types of its parameters.
    pub(super) fn statement(self) -> (&'static str, Vec<Type>) {
        let (bytes, texts, numbers) = (Type::BYTEA_ARRAY, Type::TEXT_ARRAY, Type::INT8_ARRAY);
        let at = [BIGINT, BYTES, BIGINT];
        let records = [numbers.clone(), bytes.clone(), texts.clone()];
        let contents = [numbers.clone(), bytes.clone(), bytes.clone()];
        let put = [TEXT, texts.clone(), texts.clone(), texts.clone()];
        let gone = [texts.clone(), texts.clone()];
        let blocks = [texts.clone(), texts, numbers.clone()];
        let nodes = [numbers.clone(), numbers, bytes];
        let columns = records.into_iter().chain(contents).chain(put).chain(gone).chain(blocks).chain(nodes);
        let (sql, own): (_, Vec<Type>) = match self {
            Self::One => (ONE, vec![BIGINT, BYTES, TEXT, BYTES, BYTES]),
            Self::Plain => (PLAIN, columns.collect()),
            Self::Rows => (ROWS, columns.collect()),
            Self::More => (MORE, columns.collect()),
        };
        (sql, at.into_iter().chain(own).take(self.parameters()).collect())
    }

    /// How many parameters it has.
    pub(super) const fn parameters(self) -> usize {
        match self {
            Self::One => 8,
            Self::Plain => 9,
            Self::Rows => 13,
            Self::More => 21,
        }
    }
}

/// A record with its content, alone in its batch.
pub(super) struct One<'a> {
    pub(super) seq: i64,
    pub(super) hash: &'a [u8],
    pub(super) body: &'a str,
    pub(super) salt: &'a [u8],
    pub(super) bytes: &'a [u8],
}

/// Changes rows of state alone.
pub(super) const CHANGE: &str = "
WITH gone AS (
  DELETE FROM bulkhead.state AS state USING unnest($2, $3) AS old (kind, key)
  WHERE state.gateway = $1 AND state.kind = old.kind AND state.key = old.key
)
INSERT INTO bulkhead.state (gateway, kind, key, value)
SELECT $1, new.kind, new.key, new.value FROM unnest($4, $5, $6) AS new (kind, key, value)
ON CONFLICT (gateway, kind, key) DO UPDATE SET value = excluded.value";

/// The columns of a batch.
#[derive(Default)]
pub(super) struct Batch<'a> {
    pub(super) seqs: Vec<i64>,
    pub(super) hashes: Vec<Digest>,
    pub(super) bodies: Vec<String>,
    pub(super) payloads: Payloads<'a>,
    pub(super) blocks: Blocks,
    pub(super) nodes: Vec<Node>,
    /// The value of each row that changes; none for one that goes.
    pub(super) rows: BTreeMap<(&'a str, &'a str), Option<&'a str>>,
    /// Where the log stands after each entry.
    pub(super) heads: Vec<Head>,
    /// What the log's edge is once this is in it.
    frontier: Frontier,
    /// What is new in the block that is being filled.
    fresh: Filling,
    /// A block was finished: what was gathered before is in it.
    finished: bool,
}

/// The contents of a batch.
#[derive(Default)]
pub(super) struct Payloads<'a> {
    pub(super) seqs: Vec<i64>,
    pub(super) salts: Vec<&'a [u8]>,
    pub(super) bytes: Vec<&'a [u8]>,
}

/// The changes of state of a batch: the rows that go, and those that are put.
#[derive(Default)]
pub(super) struct Rows<'a> {
    pub(super) gone_kinds: Vec<&'a str>,
    pub(super) gone_keys: Vec<&'a str>,
    pub(super) kinds: Vec<&'a str>,
    pub(super) keys: Vec<&'a str>,
    pub(super) values: Vec<&'a str>,
}

/// The blocks that a batch finishes.
#[derive(Default)]
pub(super) struct Blocks {
    pub(super) fields: Vec<&'static str>,
    pub(super) values: Vec<String>,
    pub(super) numbers: Vec<i64>,
}

impl<'a> Batch<'a> {
    /// What adds `entries` after `head`, where the log has this `edge`.
    pub(super) fn form(
        entries: impl Iterator<Item = &'a Prepared>,
        mut head: Head,
        edge: &Edge,
        time: &str,
    ) -> Self {
        let mut batch = Self { frontier: edge.frontier.clone(), ..Self::default() };
        for entry in entries {
            for record in &entry.records {
                head = batch.add(record, &head, time, edge);
            }
            for row in &entry.rows {
                batch.rows.insert((&row.kind, &row.key), row.value.as_deref());
            }
            batch.heads.push(head);
        }
        batch
    }

    fn add(&mut self, record: &'a Record, head: &Head, time: &str, edge: &Edge) -> Head {
        let body = record.form.at(head, time);
        let head = Head { records: head.records.saturating_add(1), hash: merkle::leaf(body.as_bytes()) };
        let seq = number(head.records);
        self.seqs.push(seq);
        self.hashes.push(head.hash);
        self.bodies.push(body);
        if let Some(content) = &record.content {
            self.payloads.seqs.push(seq);
            self.payloads.salts.push(&content.salt);
            self.payloads.bytes.push(&content.bytes);
        }
        let nodes = &mut self.nodes;
        let kept: Result<(), std::convert::Infallible> = self.frontier.push(head.hash, |node| {
            nodes.push(node);
            Ok(())
        });
        let Ok(()) = kept;
        if self.finished {
            self.fresh.take_in(&record.values);
        } else {
            self.fresh.take_in_beside(&edge.filling, &record.values);
        }
        if head.records.is_multiple_of(BLOCK_RECORDS) {
            self.finish(edge, whole(head.records).saturating_sub(1));
        }
        head
    }

    /// Writes down what occurs in the block `block`, which is whole.
    fn finish(&mut self, edge: &Edge, block: u64) {
        let mut values: BTreeSet<(Field, SmolStr)> = self.fresh.finish();
        if !self.finished {
            values.extend(edge.filling.values().map(|(field, value)| (field, value.clone())));
            self.finished = true;
        }
        for (field, value) in values {
            self.blocks.fields.push(field);
            self.blocks.values.push(value.into());
            self.blocks.numbers.push(number(block));
        }
    }

    /// What it has.
    pub(super) fn shape(&self) -> Shape {
        let more = !self.nodes.is_empty() || !self.blocks.fields.is_empty();
        if more || self.rows.values().any(Option::is_none) {
            Shape::More
        } else if !self.rows.is_empty() {
            Shape::Rows
        } else if self.one().is_some() {
            Shape::One
        } else {
            Shape::Plain
        }
    }

    /// Its record, if it has one alone, and that has content and comes after another.
    pub(super) fn one(&self) -> Option<One<'_>> {
        let (hashes, bodies) = (self.hashes.as_slice(), self.bodies.as_slice());
        let Payloads { seqs, salts, bytes } = &self.payloads;
        match (hashes, bodies, seqs.as_slice(), salts.as_slice(), bytes.as_slice()) {
            ([hash], [body], [seq], [salt], [bytes]) if *seq > 1 => {
                Some(One { seq: *seq, hash: hash.as_bytes(), body, salt, bytes })
            }
            _ => None,
        }
    }

    /// The changes of state, column by column.
    pub(super) fn columns(&self) -> Rows<'a> {
        let mut rows = Rows::default();
        for ((kind, key), value) in &self.rows {
            match value {
                None => {
                    rows.gone_kinds.push(*kind);
                    rows.gone_keys.push(*key);
                }
                Some(value) => {
                    rows.kinds.push(*kind);
                    rows.keys.push(*key);
                    rows.values.push(*value);
                }
            }
        }
        rows
    }

    /// The edge once the batch is in the log.
    pub(super) fn advance(self, edge: &mut Edge) {
        if self.finished {
            edge.filling.finish();
        }
        edge.filling.join(self.fresh);
        edge.frontier = self.frontier;
    }
}

/// As the database counts. A log has fewer records than that.
pub(super) fn number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
