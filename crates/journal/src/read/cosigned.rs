//! How far a witness has cosigned the record, by the cosignatures that are kept with its checkpoints. There is no other
//! place that says so: what is not verified here counts for nothing.

use vocab::Timestamp;

use super::{Known, ReadError, Reader};
use crate::merkle::TreeHead;
use crate::note::{Note, VerifierKey};

/// Rows that are read at once.
const PAGE: u32 = 64;

/// The most rows that are gone through for a witness's cosignature.
pub const MAX_ROWS: usize = 16_384;

/// The place of the last row of one size.
const LAST: u64 = i64::MAX as u64;

/// The largest checkpoint that a witness cosigned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cosigned {
    /// Of so many records.
    pub size: u64,
    /// When, as the witness states it, in seconds since 1970.
    pub time: u64,
}

impl Reader {
    /// The largest checkpoint of this record, as it is now, that `witness` cosigned, among the newest [`MAX_ROWS`] that are
    /// kept.
    ///
    /// # Errors
    /// When the database cannot be read or holds no keys where they are.
    pub fn cosigned(&self, witness: &VerifierKey) -> Result<Option<Cosigned>, ReadError> {
        let known = Known::of(&self.keys()?)?;
        let (mut before, mut looked) = ((i64::MAX, i64::MAX), 0);
        loop {
            let page = self.checkpoints_before(before, PAGE)?;
            looked += page.len();
            for row in &page {
                // Most are of other witnesses, and a signature takes longer than a look.
                let note = row.note.parse::<Note>().ok().filter(|note| !note.by(witness).is_empty());
                let time = note.and_then(|note| note.check(witness).ok()).flatten();
                let (Some(time), Ok(sealed)) = (time, known.check_row(row)) else { continue };
                if self.has(&sealed.tree())? {
                    return Ok(Some(Cosigned { size: row.size, time }));
                }
            }
            let Some(last) = page.last().filter(|_| looked < MAX_ROWS) else { return Ok(None) };
            let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
            before = (number(last.size), number(last.number));
        }
    }

    /// Whether the record has this tree. A witness may have cosigned one that was built anew since: whoever has the log's
    /// key can keep that checkpoint in the place where the record has another.
    fn has(&self, tree: &TreeHead) -> Result<bool, ReadError> {
        Ok(tree.size <= self.size()? && self.root(tree.size)? == tree.root)
    }

    /// Whether the record keeps a checkpoint at `size` that a key of this log signed and that is of the record as it is now.
    ///
    /// # Errors
    /// As [`Reader::cosigned`].
    pub fn has_signed(&self, size: u64) -> Result<bool, ReadError> {
        let known = Known::of(&self.keys()?)?;
        for row in self.checkpoints_after(size, 0, PAGE)?.iter().take_while(|row| row.size == size) {
            if let Ok(sealed) = known.check_row(row)
                && self.has(&sealed.tree())?
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// When the first checkpoint of more than `size` records was made: the time of the last record under it.
    ///
    /// # Errors
    /// As [`Reader::cosigned`].
    pub fn signed_beyond(&self, size: u64) -> Result<Option<Timestamp>, ReadError> {
        let known = Known::of(&self.keys()?)?;
        let page = self.checkpoints_after(size, LAST, PAGE)?;
        let Some(first) = page.iter().find(|row| known.check_row(row).is_ok()) else { return Ok(None) };
        Ok(self.show(first.size)?.map(|record| record.time))
    }
}
