//! What the record itself says of something, for whoever must not take a row of state at its word: in order, by the
//! index, each record held against its own hash and against the record before it.
//!
//! That is less than [`crate::verify`] does and as much as a decision needs that waits for it: a record that is believed
//! here was changed only by somebody who made anew all that comes after it, which every checkpoint shows. The index
//! itself is on no chain; that it leaves nothing out is what a verification finds.

use std::ops::{ControlFlow, RangeInclusive};

use rusqlite::OptionalExtension as _;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use vocab::{Digest, PersonId, SessionId};

use super::recent::marks;
use super::search::{MAX_BLOCKS, MAX_SEQ, Search};
use super::{Query, ReadError, Reader, Record, Source, record};
use crate::block::{self, BLOCK_RECORDS};
use crate::entry::Kind;
use crate::event::Event;
use crate::merkle;
use crate::postgres::Found;

/// The most blocks whose records are asked for at once: 4,096 records.
const STEP_BLOCKS: u64 = 16;

/// The salt and the bytes of a content.
pub(crate) type Content = (Vec<u8>, Vec<u8>);

/// Which records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Of this kind, which the events all are.
    pub kind: Kind,
    /// Of one of these events; of whatever event, and of none, where there are none.
    pub events: Vec<Event>,
    /// About this person.
    pub person: Option<PersonId>,
    /// In this conversation.
    pub session: Option<SessionId>,
    /// With a higher sequence number than this.
    pub after: u64,
}

impl Told {
    fn marks(&self) -> Vec<String> {
        if self.events.is_empty() {
            return vec![format!("\"kind\":\"{}\"", self.kind.as_str())];
        }
        marks(&self.events)
    }

    fn fits(&self, record: &Record) -> bool {
        record.kind == self.kind
            && (self.events.is_empty() || record.event.is_some_and(|event| self.events.contains(&event)))
            && self.person.as_ref().is_none_or(|person| record.person.as_ref() == Some(person))
            && self.session.as_ref().is_none_or(|session| record.session.as_ref() == Some(session))
    }
}

impl Reader {
    /// Gives `take` each record that `wanted` asks for, the oldest first, until it breaks off or there are no more; the
    /// last record up to which it has looked, which is where to go on.
    ///
    /// # Errors
    /// When the database cannot be read, or one of them is damaged or does not stand where it says.
    pub fn told(
        &self,
        wanted: &Told,
        mut take: impl FnMut(Record) -> ControlFlow<()>,
    ) -> Result<u64, ReadError> {
        let query = Query {
            kind: Some(wanted.kind),
            person: wanted.person.clone(),
            session: wanted.session.clone(),
            after: Some(wanted.after),
            ..Query::default()
        };
        let search = Search::new(&query);
        let last = self.last()?;
        let whole = block::whole(last);
        let mut from = search.first_block();
        while from < whole {
            let blocks = self.blocks(&search, from, whole)?;
            let Some(end) = blocks.last() else { break };
            from = end.saturating_add(1);
            for range in steps(&blocks) {
                if let ControlFlow::Break(seq) = self.step(wanted, &range, &mut take)? {
                    return Ok(seq);
                }
            }
            if blocks.len() < MAX_BLOCKS as usize {
                break;
            }
        }
        let rest = whole.saturating_mul(BLOCK_RECORDS).saturating_add(1)..=last;
        match self.step(wanted, &rest, &mut take)? {
            ControlFlow::Break(seq) => Ok(seq),
            ControlFlow::Continue(()) => Ok(last.max(wanted.after)),
        }
    }

    /// The records of `range`, until `take` breaks off at one.
    fn step(
        &self,
        wanted: &Told,
        range: &RangeInclusive<u64>,
        take: &mut impl FnMut(Record) -> ControlFlow<()>,
    ) -> Result<ControlFlow<u64>, ReadError> {
        let range = (*range.start()).max(wanted.after.saturating_add(1))..=*range.end();
        // The last comes first.
        for found in self.marked(wanted.marks(), &range)?.iter().rev() {
            let record = record(found)?;
            if !wanted.fits(&record) {
                continue;
            }
            self.stands(found, &record)?;
            let seq = record.seq;
            if take(record).is_break() {
                return Ok(ControlFlow::Break(seq));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Whether a record is what its hash says, and comes after the one before it.
    fn stands(&self, found: &Found, record: &Record) -> Result<(), ReadError> {
        let damaged = |why: &str| Err(ReadError::Damaged { seq: record.seq, why: why.to_owned() });
        if merkle::leaf(found.body.as_bytes()) != record.hash {
            return damaged("its hash is another's");
        }
        let Some(before) = record.seq.checked_sub(1).filter(|before| *before > 0) else { return Ok(()) };
        match self.show(before)? {
            Some(before) if before.hash == record.prev => Ok(()),
            Some(_) | None => damaged("it does not come after the record before it"),
        }
    }

    /// The content of a record that [`Reader::told`] gave, if it is there and is what the record commits to.
    ///
    /// # Errors
    /// When the database cannot be read, or the content is another than was recorded.
    pub fn committed(&self, record: &Record) -> Result<Option<Value>, ReadError> {
        let Some((salt, bytes)) = self.sealed(record.seq)? else { return Ok(None) };
        let damaged = |why: String| ReadError::Damaged { seq: record.seq, why };
        let body = self.body(record.seq)?.unwrap_or_default();
        if merkle::leaf(body.as_bytes()) != record.hash {
            return Err(damaged("its hash is another's".to_owned()));
        }
        let body: Value = serde_json::from_str(&body).map_err(|error| damaged(error.to_string()))?;
        let commit = Sha256::new().chain_update(&salt).chain_update(&bytes).finalize();
        let commit = Digest::from_bytes(commit.into()).to_string();
        if body.get("commit").and_then(Value::as_str) != Some(commit.as_str()) {
            return Err(damaged("its content is another than was recorded".to_owned()));
        }
        serde_json::from_slice(&bytes).map(Some).map_err(|error| damaged(error.to_string()))
    }

    /// The salt and the bytes of a record's content.
    fn sealed(&self, seq: u64) -> Result<Option<Content>, ReadError> {
        let conn = match &self.source {
            Source::Sqlite(conn) => conn,
            Source::Postgres(log) => return log.sealed(seq),
        };
        let Some(row) = i64::try_from(seq).ok().filter(|_| seq <= MAX_SEQ) else { return Ok(None) };
        let sql = "SELECT salt, bytes FROM payload WHERE seq = ?1 AND octet_length(salt) > 0";
        let pair = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
        Ok(conn.prepare_cached(sql)?.query_row([row], pair).optional()?)
    }
}

/// The records of `blocks`, which are in order, in parts of at most [`STEP_BLOCKS`]; neighbours are taken together.
fn steps(blocks: &[u64]) -> impl Iterator<Item = RangeInclusive<u64>> {
    let records = |run: &[u64]| {
        let (first, last) = (run.first()?, run.last()?);
        let end = last.saturating_add(1).saturating_mul(BLOCK_RECORDS);
        Some(first.saturating_mul(BLOCK_RECORDS).saturating_add(1)..=end)
    };
    let follows = |one: &u64, other: &u64| one.saturating_add(1) == *other;
    let most = usize::try_from(STEP_BLOCKS).unwrap_or(1);
    blocks.chunk_by(follows).flat_map(move |run| run.chunks(most)).filter_map(records)
}
