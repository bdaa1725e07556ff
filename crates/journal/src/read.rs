//! Looking into the record: queries, the newest records, one record. It works on the file alone, while
//! a gateway writes or when none runs, and takes what it reads at its word: [`crate::verify`] does not.
//!
//! A [`Record`] is metadata and holds no words of anybody. Content is read apart, by [`Reader::contents`]: whoever gives
//! it to a person asks first for that person's right to it and records the look.

mod back;
mod content;
mod cosigned;
mod newest;
mod nodes;
mod recent;
mod search;
mod told;
mod tree;

use std::ops::RangeInclusive;

use rusqlite::Connection;
use rusqlite::types::Value as SqlValue;
use serde::{Deserialize, Serialize};
use vocab::{
    AgentName, Decision, Digest, Labels, PersonId, ProposalId, Resource, SessionId, Status, Timestamp,
    TurnId, Verb,
};

pub use self::back::Back;
pub use self::content::whole;
pub use self::cosigned::{Cosigned, MAX_ROWS as MAX_COSIGNED_ROWS};
pub(crate) use self::newest::{Known, Newest};
pub(crate) use self::nodes::Run;
pub use self::recent::{MAX_RECENT, Recent, Recently};
use self::search::{MAX_BLOCKS, MAX_SEQ, Search, ranges};
pub(crate) use self::told::Content;
pub use self::told::Told;
pub(crate) use self::tree::KeptCheckpoint;
pub use self::tree::{KeptKey, ProveError};
use crate::block::{self, BLOCK_RECORDS};
use crate::entry::{Ground, Kind};
use crate::erase::Erased;
use crate::event::{Event, Facts, ModelCall};
use crate::place::Place;
use crate::postgres::{Found, Log};
pub use crate::readonly::LookError;

/// The most records that one query gives.
pub const MAX_LIMIT: u32 = 10_000;

/// About how many bytes of records one query gives; it stops early, but never before the first.
pub const MAX_PAGE_BYTES: usize = 32 * 1024 * 1024;

/// Records that a server is asked for at once: they are looked through here.
const AT_ONCE: u32 = 256;

const SELECT: &str = "SELECT record.seq, record.hash, record.body, payload.seq IS NOT NULL, \
     CASE WHEN payload.seq IS NULL THEN \
       (SELECT CASE WHEN last >= record.seq THEN by END FROM erased WHERE first <= record.seq \
        ORDER BY first DESC LIMIT 1) END \
     FROM record LEFT JOIN payload ON payload.seq = record.seq AND octet_length(payload.salt) > 0";

/// Why records or rows cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file does not open.
    #[error(transparent)]
    Open(#[from] LookError),
    /// The database refused.
    #[error("the journal cannot be read: {0}")]
    Database(#[from] rusqlite::Error),
    /// The server refused, or did not answer.
    #[error("the record cannot be read: {0}")]
    Server(String),
    /// A record that is none.
    #[error("record {seq} is damaged ({why}): run `bulkhead audit verify`")]
    Damaged {
        /// Which.
        seq: u64,
        /// What does not fit.
        why: String,
    },
    /// A row of state that is not JSON.
    #[error("the state `{kind}` `{key}` is damaged: {why}")]
    State {
        /// Its family.
        kind: String,
        /// Its name.
        key: String,
        /// What does not fit.
        why: String,
    },
    /// Too many rows for one reading.
    #[error("there are more than {limit} rows of state of kind `{kind}`: ask with a longer prefix")]
    TooMany {
        /// Their family.
        kind: String,
        /// The limit.
        limit: usize,
    },
    /// A hash of the tree is not there, or is none.
    #[error("the record's tree lacks the hashes over record {seq}: run `bulkhead audit verify`")]
    Tree {
        /// A record under what is missing.
        seq: u64,
    },
    /// A key or checkpoint that does not hold.
    #[error(
        "what the record keeps of its keys and checkpoints is damaged ({0}): run `bulkhead audit verify`"
    )]
    Kept(String),
    /// The journal has been closed.
    #[error("the journal is closed")]
    Closed,
}

/// Which records; all conditions hold at once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Query {
    /// About this agent.
    pub agent: Option<AgentName>,
    /// About this person.
    pub person: Option<PersonId>,
    /// In this conversation.
    pub session: Option<SessionId>,
    /// Of this kind.
    pub kind: Option<Kind>,
    /// With this decision.
    pub decision: Option<Decision>,
    /// Of this event.
    pub event: Option<Event>,
    /// Of this action.
    pub verb: Option<Verb>,
    /// Whose data carries this label: a level or a category.
    pub label: Option<String>,
    /// With this text, whatever the case of its ASCII letters, in the resource's name, an identifier, a reason's
    /// policy, the event or its facts. Content is not looked through.
    pub text: Option<String>,
    /// Only those whose content is there and may be erased.
    pub erasable: bool,
    /// At this time or later, to the microsecond.
    pub since: Option<Timestamp>,
    /// Before this time, to the microsecond.
    pub until: Option<Timestamp>,
    /// With a higher sequence number than this.
    pub after: Option<u64>,
    /// With a lower sequence number than this.
    pub before: Option<u64>,
    /// At most so many; 0, or more than [`MAX_LIMIT`], means [`MAX_LIMIT`].
    pub limit: u32,
}

/// A record as it is shown to people and programs: its metadata. What does not apply is `null`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Its place in the log, from 1.
    pub seq: u64,
    /// When it was written, by the gateway's clock, to the microsecond. The order is that of `seq`.
    pub time: Timestamp,
    /// What it is about.
    pub kind: Kind,
    /// In which conversation.
    pub session: Option<SessionId>,
    /// About which agent.
    pub agent: Option<AgentName>,
    /// About which person.
    pub person: Option<PersonId>,
    /// What would be or was done.
    pub action: Option<RecordedAction>,
    /// What was decided.
    pub decision: Option<Decision>,
    /// Why.
    pub reasons: Vec<Ground>,
    /// The labels of the data concerned.
    pub labels: Option<Labels>,
    /// The hash of the record before.
    pub prev: Digest,
    /// Its own hash.
    pub hash: Digest,
    /// In which turn.
    pub turn: Option<TurnId>,
    /// About which proposal.
    pub proposal: Option<ProposalId>,
    /// How it ended.
    pub status: Option<Status>,
    /// What it was judged by.
    pub policy_version: Option<Digest>,
    /// What happened, where kind and verb do not say it.
    pub event: Option<Event>,
    /// What is known of it without any content.
    #[serde(default, skip_serializing_if = "Facts::is_empty")]
    pub facts: Facts,
    /// What is known of a model call without its words.
    pub call: Option<ModelCall>,
    /// The record had content, and it was erased. Content that is missing without an erasure is what
    /// [`crate::verify`] finds.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub erased: bool,
    /// The record that says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erased_by: Option<u64>,
    /// The records whose content went with this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erases: Option<Erased>,
}

/// An action as a record has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordedAction {
    /// What is done.
    pub verb: Option<Verb>,
    /// To what.
    pub resource: Option<Resource>,
}

/// Looks into the journal at a path.
pub struct Reader {
    source: Source,
}

enum Source {
    Sqlite(Connection),
    Postgres(Log),
}

impl Reader {
    /// Opens the journal at `place` for reading only.
    ///
    /// # Errors
    /// When there is none that can be read.
    pub fn open(place: &Place) -> Result<Self, ReadError> {
        let source = match place {
            Place::Sqlite(path) => Source::Sqlite(crate::readonly::open(path)?),
            Place::Postgres(config) => Source::Postgres(Log::open(config)?),
        };
        Ok(Self { source })
    }

    /// The records that `query` asks for, oldest first. A page may have fewer than the limit; the last one is empty:
    /// go on with `after`.
    ///
    /// # Errors
    /// When the database cannot be read or a record is damaged.
    pub fn query(&self, query: &Query) -> Result<Vec<Record>, ReadError> {
        let search = Search::new(query);
        let mut page = Page::new(search.limit());
        if !search.goes_by_blocks() {
            self.fill(&mut page, &search, 0..=MAX_SEQ)?;
            return Ok(page.records);
        }
        // Whole blocks that are finished from now on are in the part that is looked through.
        let whole = block::whole(self.last()?.min(search.last()));
        let mut from = search.first_block();
        while from < whole && !page.is_full() {
            let blocks = self.blocks(&search, from, whole)?;
            let Some(last) = blocks.last() else { break };
            from = last.saturating_add(1);
            for range in ranges(&blocks) {
                self.fill(&mut page, &search, range)?;
            }
        }
        self.fill(&mut page, &search, whole * BLOCK_RECORDS + 1..=MAX_SEQ)?;
        Ok(page.records)
    }

    /// The sequence number of the last record; 0 when there is none.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn last(&self) -> Result<u64, ReadError> {
        let last = "SELECT coalesce(max(seq), 0) FROM record";
        match &self.source {
            Source::Sqlite(conn) => Ok(conn.query_row(last, [], |row| row.get(0))?),
            Source::Postgres(log) => log.last(),
        }
    }

    /// The next blocks in which all that `search` goes by occurs.
    fn blocks(&self, search: &Search, from: u64, whole: u64) -> Result<Vec<u64>, ReadError> {
        let conn = match &self.source {
            Source::Sqlite(conn) => conn,
            Source::Postgres(log) => return log.blocks(search.fields(), from, whole, MAX_BLOCKS),
        };
        let (sql, parameters) = search.blocks(from, whole);
        let mut statement = conn.prepare_cached(&sql)?;
        let numbers = statement.query_map(rusqlite::params_from_iter(&parameters), |row| row.get(0))?;
        Ok(numbers.collect::<rusqlite::Result<_>>()?)
    }

    /// Adds the records of `range` that `search` looks for, as far as the page has room.
    fn fill(&self, page: &mut Page, search: &Search, range: RangeInclusive<u64>) -> Result<(), ReadError> {
        if page.is_full() {
            return Ok(());
        }
        match &self.source {
            Source::Sqlite(conn) => {
                let (sql, parameters) = search.records(range, page.room());
                fill(conn, page, &sql, &parameters)
            }
            Source::Postgres(log) => {
                let mut from = search.first().max(*range.start());
                let end = search.last().min(*range.end());
                while !page.is_full() && from <= end {
                    let found = log.records(from..=end, AT_ONCE)?;
                    let Some(last) = found.last() else { break };
                    from = last.seq.saturating_add(1);
                    page.take_in(found.iter().filter(|found| search.holds(found)))?;
                }
                Ok(())
            }
        }
    }

    /// The newest `count` records, oldest first; fewer when they are large.
    ///
    /// # Errors
    /// As [`Reader::query`].
    pub fn tail(&self, count: u32) -> Result<Vec<Record>, ReadError> {
        let mut page = Page::new(count.min(MAX_LIMIT));
        match &self.source {
            Source::Sqlite(conn) => {
                let sql = format!("{SELECT} ORDER BY record.seq DESC LIMIT ?1");
                fill(conn, &mut page, &sql, &[SqlValue::from(count.min(MAX_LIMIT))])?;
            }
            Source::Postgres(log) => {
                let mut end = MAX_SEQ;
                while !page.is_full() {
                    let found = log.before(end, page.room().min(AT_ONCE))?;
                    let Some(last) = found.last() else { break };
                    end = last.seq;
                    page.take_in(found.iter())?;
                }
            }
        }
        page.records.reverse();
        Ok(page.records)
    }

    /// The record with this sequence number.
    ///
    /// # Errors
    /// As [`Reader::query`].
    pub fn show(&self, seq: u64) -> Result<Option<Record>, ReadError> {
        let Ok(row) = i64::try_from(seq) else { return Ok(None) };
        let mut page = Page::new(1);
        match &self.source {
            Source::Sqlite(conn) => {
                let sql = format!("{SELECT} WHERE record.seq = ?1");
                fill(conn, &mut page, &sql, &[SqlValue::from(row)])?;
            }
            Source::Postgres(log) => page.take_in(log.records(seq..=seq, 1)?.iter())?,
        }
        Ok(page.records.pop())
    }
}

/// Adds the records that `sql` gives, as far as the page has room.
fn fill(conn: &Connection, page: &mut Page, sql: &str, parameters: &[SqlValue]) -> Result<(), ReadError> {
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query(rusqlite::params_from_iter(parameters))?;
    while !page.is_full()
        && let Some(row) = rows.next()?
    {
        let (seq, hash, body) = (row.get(0)?, row.get(1)?, row.get(2)?);
        page.push(&Found { seq, hash, body, has_content: row.get(3)?, erased_by: row.get(4)? })?;
    }
    Ok(())
}

/// The records of one answer, bounded in number and bytes.
struct Page {
    records: Vec<Record>,
    bytes: usize,
    limit: u32,
}

impl Page {
    const fn new(limit: u32) -> Self {
        Self { records: Vec::new(), bytes: 0, limit }
    }

    fn room(&self) -> u32 {
        self.limit.saturating_sub(u32::try_from(self.records.len()).unwrap_or(u32::MAX))
    }

    fn is_full(&self) -> bool {
        self.room() == 0 || self.bytes >= MAX_PAGE_BYTES
    }

    fn push(&mut self, found: &Found) -> Result<(), ReadError> {
        self.records.push(record(found)?);
        self.bytes = self.bytes.saturating_add(found.body.len());
        Ok(())
    }

    /// Adds what was found, as far as there is room.
    fn take_in<'a>(&mut self, found: impl Iterator<Item = &'a Found>) -> Result<(), ReadError> {
        for found in found {
            if self.is_full() {
                break;
            }
            self.push(found)?;
        }
        Ok(())
    }
}

/// A body as it is read back; what is not on the chain is not asked for.
#[derive(Deserialize)]
struct Stored {
    agent: Option<AgentName>,
    call: Option<ModelCall>,
    commit: Option<Digest>,
    decision: Option<Decision>,
    erases: Option<Erased>,
    event: Option<Event>,
    #[serde(default)]
    facts: Facts,
    kind: Kind,
    labels: Option<Labels>,
    person: Option<PersonId>,
    policy_version: Option<Digest>,
    prev: Digest,
    proposal: Option<ProposalId>,
    #[serde(default)]
    reasons: Vec<Ground>,
    resource: Option<Resource>,
    session: Option<SessionId>,
    status: Option<Status>,
    time: Timestamp,
    turn: Option<TurnId>,
    verb: Option<Verb>,
}

/// The record whose body this is.
fn record(found: &Found) -> Result<Record, ReadError> {
    let seq = found.seq;
    let damaged = |error: serde_json::Error| ReadError::Damaged { seq, why: error.to_string() };
    let stored: Stored = serde_json::from_str(&found.body).map_err(damaged)?;
    let acts = stored.verb.is_some() || stored.resource.is_some();
    let action = acts.then_some(RecordedAction { verb: stored.verb, resource: stored.resource });
    let erased_by = found.erased_by.filter(|_| stored.commit.is_some() && !found.has_content);
    Ok(Record {
        seq,
        time: stored.time,
        kind: stored.kind,
        session: stored.session,
        agent: stored.agent,
        person: stored.person,
        action,
        decision: stored.decision,
        reasons: stored.reasons,
        labels: stored.labels,
        prev: stored.prev,
        hash: Digest::from_bytes(found.hash),
        turn: stored.turn,
        proposal: stored.proposal,
        status: stored.status,
        policy_version: stored.policy_version,
        event: stored.event,
        facts: stored.facts,
        call: stored.call,
        erased: erased_by.is_some(),
        erased_by,
        erases: stored.erases,
    })
}

#[cfg(test)]
mod tests;
