//! From the end of the record back: the newest of what a query asks for, in bounded steps.

use std::ops::RangeInclusive;

use rusqlite::params_from_iter;

use super::search::{MAX_SEQ, Search};
use super::{MAX_LIMIT, Page, Query, ReadError, Reader, Record, Source};
use crate::block::{self, BLOCK_RECORDS, Field};

/// The most blocks that one look back goes through: a quarter of a million records.
const MAX_BLOCKS_BACK: usize = 1_024;

/// The blocks that are asked for at once.
const BLOCKS_AT_ONCE: u32 = 64;

/// What a look back found.
#[derive(Debug, Clone, PartialEq)]
pub struct Back {
    /// The records, the newest first.
    pub records: Vec<Record>,
    /// Where to go on, when not all was gone through.
    pub before: Option<u64>,
}

impl Reader {
    /// The records that `query` asks for, the newest first, from before `query.before` back to after `query.after`. There
    /// may be fewer than the limit, and none: go on with `before`.
    ///
    /// # Errors
    /// When the database cannot be read or a record is damaged.
    pub fn back(&self, query: &Query) -> Result<Back, ReadError> {
        self.back_through(query, MAX_BLOCKS_BACK)
    }

    /// The same, through so many blocks at the most.
    pub(super) fn back_through(&self, query: &Query, most: usize) -> Result<Back, ReadError> {
        let search = Search::new(query);
        let limit = usize::try_from(search.limit()).unwrap_or(usize::MAX);
        let last = self.last()?;
        let (first, mut end) = (search.first().max(1), search.last().min(last).saturating_add(1));
        // What comes behind the last whole block is looked through.
        let whole = block::whole(last);
        let rest = (end > whole.saturating_mul(BLOCK_RECORDS).saturating_add(1)).then_some(whole);
        let (mut blocks, mut through) = (rest.into_iter().collect::<Vec<u64>>(), 0_usize);
        let mut records = Vec::new();
        loop {
            for number in blocks {
                if end <= first || through == most {
                    return Ok(Back { records, before: (end > first).then_some(end) });
                }
                through = through.saturating_add(1);
                let begin = number.saturating_mul(BLOCK_RECORDS).saturating_add(1);
                let found = self.of_block(&search, begin..=end.saturating_sub(1))?;
                for record in found.into_iter().rev() {
                    end = record.seq;
                    records.push(record);
                    if records.len() == limit {
                        return Ok(Back { records, before: (end > first).then_some(end) });
                    }
                }
                end = begin;
            }
            // A block in which `end` stands is gone through as far as it comes before it.
            let before = end.saturating_sub(1).div_ceil(BLOCK_RECORDS).min(whole);
            blocks = self.blocks_back(search.fields(), before, BLOCKS_AT_ONCE)?;
            if blocks.is_empty() {
                return Ok(Back { records, before: None });
            }
        }
    }

    /// What `search` looks for in a part of one block.
    fn of_block(&self, search: &Search, range: RangeInclusive<u64>) -> Result<Vec<Record>, ReadError> {
        let (first, end) = range.into_inner();
        let (mut from, mut records) = (first, Vec::new());
        loop {
            let mut page = Page::new(MAX_LIMIT);
            self.fill(&mut page, search, from..=end)?;
            let full = page.is_full();
            records.append(&mut page.records);
            match records.last() {
                Some(last) if full => from = last.seq.saturating_add(1),
                _ => return Ok(records),
            }
        }
    }

    /// The last blocks before the block `before` in which all of the values occur, from the last on.
    pub(super) fn blocks_back(
        &self,
        fields: &[(Field, &str)],
        before: u64,
        limit: u32,
    ) -> Result<Vec<u64>, ReadError> {
        if fields.is_empty() {
            return Ok((before.saturating_sub(u64::from(limit))..before).rev().collect());
        }
        let conn = match &self.source {
            Source::Sqlite(conn) => conn,
            Source::Postgres(log) => return log.blocks_back(fields, before, limit),
        };
        let (sql, parameters) = super::search::blocks(fields, 0..before.min(MAX_SEQ), "DESC", limit);
        let mut statement = conn.prepare_cached(&sql)?;
        let numbers = statement.query_map(params_from_iter(&parameters), |row| row.get(0))?;
        Ok(numbers.collect::<rusqlite::Result<_>>()?)
    }
}
