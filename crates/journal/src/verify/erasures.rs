//! The table of erasures, held against the erasures themselves. A content may be missing only where a later record says
//! that it erased it; what the table says before that record is reached is a claim, kept until it is.

use std::collections::BTreeMap;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::finding::{FirstBad, Why};
use super::source::Source;

/// The most erasures that may be ahead of the walk at once; far more than there can be days and people.
const MAX_CLAIMS: usize = 262_144;

/// A row that no erasure can have written.
pub(super) struct Malformed;

/// A range of records and the erasure that it was removed by.
#[derive(Clone, Copy)]
struct Row {
    first: u64,
    last: u64,
    by: u64,
}

/// What the table says that an erasure removed.
#[derive(Clone, Copy)]
struct Claim {
    /// The first record of it.
    first: u64,
    /// A hash over its ranges, in order.
    ranges: [u8; 32],
}

/// The table, read in step with the records.
pub(super) struct Erasures {
    /// The row that the walk is at or comes to next.
    row: Option<Row>,
    /// Whether that one is counted among the claims.
    counted: bool,
    /// What the table says of each erasure that has not been reached.
    claims: BTreeMap<u64, Claim>,
    /// The first record of the walk. Of an erasure that reaches further back only the rest is looked at.
    begin: u64,
    /// The last record that was gone through before. What was erased up to there was held against its erasure then.
    done: u64,
}

impl Erasures {
    pub(super) fn begin<S: Source>(source: &mut S, begin: u64) -> Result<Self, S::Error> {
        let mut erasures = Self { row: None, counted: false, claims: BTreeMap::new(), begin, done: 0 };
        erasures.advance(source)?;
        Ok(erasures)
    }

    /// For a walk over everything after record `seq`, of a source whose table begins with its first row. What it says of earlier
    /// records is read anew: an erasure that is still to come, or was made since, has removed their contents too.
    pub(super) fn after<S: Source>(source: &mut S, seq: u64) -> Result<Result<Self, FirstBad>, S::Error> {
        let mut erasures = Self { done: seq, ..Self::begin(source, 1)? };
        while let Some(row) = erasures.row {
            let at = if erasures.counted { row.last.saturating_add(1) } else { row.first.max(1) };
            if at > seq {
                break;
            }
            if erasures.step(source, at)?.is_err() {
                return Ok(Err(FirstBad::at(at, Why::Erasures)));
            }
        }
        Ok(Ok(erasures))
    }

    fn advance<S: Source>(&mut self, source: &mut S) -> Result<(), S::Error> {
        self.counted = false;
        let number = |number: i64| u64::try_from(number).unwrap_or(0);
        let row =
            |[first, last, by]: [i64; 3]| Row { first: number(first), last: number(last), by: number(by) };
        self.row = source.erased()?.map(row);
        Ok(())
    }

    /// Goes on to record `seq`: by which record its content was erased, if it was.
    pub(super) fn step<S: Source>(
        &mut self,
        source: &mut S,
        seq: u64,
    ) -> Result<Result<Option<u64>, Malformed>, S::Error> {
        while self.row.is_some_and(|row| row.last < seq) {
            // One that was never come to overlaps with the one before it, or ends before it begins.
            if !self.counted {
                return Ok(Err(Malformed));
            }
            self.advance(source)?;
        }
        let Some(row) = self.row.filter(|row| row.first <= seq) else { return Ok(Ok(None)) };
        if !self.counted {
            let in_place = row.first == seq || seq == self.begin;
            if !in_place || row.first == 0 || row.by <= row.last {
                return Ok(Err(Malformed));
            }
            self.counted = true;
            if row.by <= self.done {
                return Ok(Ok(Some(row.by)));
            }
            if self.claims.len() >= MAX_CLAIMS {
                return Ok(Err(Malformed));
            }
            let claim = self.claims.entry(row.by).or_insert(Claim { first: seq, ranges: [0; 32] });
            claim.ranges = chained(claim.ranges, row.first, row.last);
        }
        Ok(Ok(Some(row.by)))
    }

    /// Whether record `seq` says that it erased exactly what the table has in its name.
    pub(super) fn is_as_said(&mut self, seq: u64, erases: Option<&Value>) -> bool {
        let claimed = self.claims.remove(&seq).map(|claim| claim.ranges);
        let Some(erases) = erases else { return claimed.is_none() };
        let mut said = None;
        for range in erases.as_array().into_iter().flatten() {
            let (first, last) = (range.get(0).and_then(Value::as_u64), range.get(1).and_then(Value::as_u64));
            let (Some(first), Some(last)) = (first, last) else { return false };
            if last >= self.begin {
                said = Some(chained(said.unwrap_or_default(), first, last));
            }
        }
        said == claimed
    }

    /// What is wrong when the records end with `seq`.
    pub(super) fn finish(&self, seq: u64) -> Option<FirstBad> {
        // Content is missing in the name of an erasure that is not there.
        if let Some(first) = self.claims.values().map(|claim| claim.first).min() {
            return Some(FirstBad::at(first, Why::ContentMissing));
        }
        self.row
            .filter(|row| !self.counted || row.last > seq)
            .map(|row| FirstBad::at(row.first, Why::Erasures))
    }
}

fn chained(before: [u8; 32], first: u64, last: u64) -> [u8; 32] {
    Sha256::new()
        .chain_update(before)
        .chain_update(first.to_be_bytes())
        .chain_update(last.to_be_bytes())
        .finalize()
        .into()
}
