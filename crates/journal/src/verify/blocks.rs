//! Whether the table that queries go by says of every whole block what occurs in it, and nothing else: a record
//! that no query finds is as good as removed.

use std::collections::BTreeSet;

use super::claims::{Claims, FIELDS};
use super::source::Source;

/// Records in a block; the first block begins with record 1.
const RECORDS: u64 = 256;

/// The blocks as the records make them.
#[derive(Default)]
pub(super) struct Blocks {
    /// What occurs in the block that is gone through, field by field.
    values: [BTreeSet<String>; FIELDS.len()],
    /// How many rows the table should have so far.
    rows: u64,
    /// The first thing that it does not say.
    missing: Option<String>,
}

impl Blocks {
    /// The blocks after some that had so many rows.
    pub(super) fn after(rows: u64) -> Self {
        Self { rows, ..Self::default() }
    }

    /// How many rows the blocks that are whole have made; none when one was missing.
    pub(super) fn rows(&self) -> Option<u64> {
        self.missing.is_none().then_some(self.rows)
    }

    /// Takes in the claims of record `seq`; holds the table against the block when that is its last.
    pub(super) fn step<S: Source>(
        &mut self,
        source: &mut S,
        seq: u64,
        claims: &Claims<'_>,
    ) -> Result<(), S::Error> {
        for (values, value) in self.values.iter_mut().zip(claims.fields()) {
            if let Some(value) = value.filter(|value| !values.contains(*value)) {
                values.insert(value.to_owned());
            }
        }
        if !seq.is_multiple_of(RECORDS) {
            return Ok(());
        }
        let number = (seq / RECORDS).saturating_sub(1);
        let values = std::mem::take(&mut self.values);
        let mut rows = Vec::new();
        for (field, values) in FIELDS.into_iter().zip(&values) {
            rows.extend(values.iter().map(|value| (field, value.as_str())));
        }
        self.rows = self.rows.saturating_add(rows.len() as u64);
        if self.missing.is_none() {
            self.missing = source.missing_of_block(number, &rows)?.map(|(field, value)| {
                format!("queries do not find the {field} `{value}` in block {number} of {RECORDS} records")
            });
        }
        Ok(())
    }

    /// What is wrong with the table, once every record has been gone through.
    pub(super) fn finish<S: Source>(self, source: &mut S) -> Result<Option<String>, S::Error> {
        if self.missing.is_some() {
            return Ok(self.missing);
        }
        let rows = source.blocks()?;
        let more = || format!("the table of blocks has {rows} rows where the records make {}", self.rows);
        Ok((rows != self.rows).then(more))
    }
}
