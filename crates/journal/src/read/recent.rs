//! The newest records of a few events: from the end of the record back to a time, in bounded steps.
//!
//! The database picks them out by the words that their bodies have in canonical JSON, so that nothing else of what lies
//! between them is handed over or taken apart.

use std::ops::RangeInclusive;

use rusqlite::types::Value as SqlValue;
use vocab::Timestamp;

use super::search::MAX_SEQ;
use super::{Reader, Record, SELECT, Source, record};
use crate::block::{self, BLOCK_RECORDS, KIND};
use crate::entry::Kind;
use crate::event::Event;
use crate::postgres::Found;
use crate::read::ReadError;

/// The most records that one such question gives.
pub const MAX_RECENT: usize = 40_000;

/// The blocks that are gone through before it is asked whether to go on.
const STEP_BLOCKS: u32 = 64;

/// The most steps: a million records that have the kind in their neighbourhood.
const MAX_STEPS: usize = 64;

/// Which records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recent {
    /// Of this kind, which these events all are.
    pub kind: Kind,
    /// Of one of these events.
    pub events: Vec<Event>,
    /// At this time or later, by the clock of when they were written.
    pub since: Timestamp,
    /// At most so many; more than [`MAX_RECENT`] means that.
    pub most: usize,
}

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Recently {
    /// The records, the newest first.
    pub records: Vec<Record>,
    /// Whether they are all; otherwise the oldest are left out.
    pub whole: bool,
}

impl Reader {
    /// The newest records that `wanted` asks for.
    ///
    /// The order of the record is that of its numbers and not of its clock, which may have been set back. So this does not
    /// end with the first record that is too old, but with a step of 64 blocks that have the kind, none of which has
    /// anything that is wanted and the last of whose records is too old, too.
    ///
    /// # Errors
    /// When the database cannot be read or a record is damaged.
    pub fn recent(&self, wanted: &Recent) -> Result<Recently, ReadError> {
        let most = wanted.most.min(MAX_RECENT);
        let last = self.last()?;
        let mut before = block::whole(last);
        let mut step = vec![before.saturating_mul(BLOCK_RECORDS).saturating_add(1)..=last];
        let mut records = Vec::new();
        for _ in 0..MAX_STEPS {
            let had = records.len();
            for range in &step {
                for found in self.marked(marks(&wanted.events), range)? {
                    let record = record(&found)?;
                    let fits = record.event.is_some_and(|event| wanted.events.contains(&event));
                    if !fits || record.time < wanted.since {
                        continue;
                    }
                    if records.len() >= most {
                        return Ok(Recently { records, whole: false });
                    }
                    records.push(record);
                }
            }
            let end = step.first().map_or(0, |range| *range.end());
            if records.len() == had && self.is_before(end, wanted.since)? {
                return Ok(Recently { records, whole: true });
            }
            let blocks = self.blocks_back(&[(KIND, wanted.kind.as_str())], before, STEP_BLOCKS)?;
            let Some(lowest) = blocks.last() else { return Ok(Recently { records, whole: true }) };
            before = *lowest;
            step = blocks.iter().map(|number| records_of(*number)).collect();
        }
        Ok(Recently { records, whole: false })
    }

    /// Whether the record `seq` was written before `since`.
    fn is_before(&self, seq: u64, since: Timestamp) -> Result<bool, ReadError> {
        Ok(self.show(seq)?.is_some_and(|record| record.time < since))
    }

    /// The records of `range` with one of these texts in their bodies, the newest first.
    pub(super) fn marked(
        &self,
        marks: Vec<String>,
        range: &RangeInclusive<u64>,
    ) -> Result<Vec<Found>, ReadError> {
        if range.is_empty() {
            return Ok(Vec::new());
        }
        let conn = match &self.source {
            Source::Sqlite(conn) => conn,
            Source::Postgres(log) => return log.marked(range.clone(), marks),
        };
        let holds: Vec<String> =
            (3..).take(marks.len()).map(|nth| format!("instr(record.body, ?{nth}) > 0")).collect();
        let sql = format!(
            "{SELECT} WHERE record.seq BETWEEN ?1 AND ?2 AND ({}) ORDER BY record.seq DESC",
            if holds.is_empty() { "0".to_owned() } else { holds.join(" OR ") }
        );
        let mut parameters = vec![number(*range.start()), number(*range.end())];
        parameters.extend(marks.into_iter().map(SqlValue::from));
        let mut statement = conn.prepare_cached(&sql)?;
        let rows = statement.query_map(rusqlite::params_from_iter(&parameters), |row| {
            let (seq, hash, body) = (row.get(0)?, row.get(1)?, row.get(2)?);
            Ok(Found { seq, hash, body, has_content: row.get(3)?, erased_by: row.get(4)? })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }
}

/// What the body of a record of one of these events has in it. Another may have the words elsewhere, too.
pub(super) fn marks(events: &[Event]) -> Vec<String> {
    events.iter().map(|event| format!("\"event\":\"{}\"", event.as_str())).collect()
}

/// The sequence numbers of a whole block.
fn records_of(block: u64) -> RangeInclusive<u64> {
    let begin = block.saturating_mul(BLOCK_RECORDS);
    begin.saturating_add(1)..=begin.saturating_add(BLOCK_RECORDS)
}

fn number(number: u64) -> SqlValue {
    SqlValue::from(i64::try_from(number.min(MAX_SEQ)).unwrap_or(i64::MAX))
}
