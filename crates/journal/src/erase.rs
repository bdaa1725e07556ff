//! Erasing content: what a record says that it removes, and the writer does in the same transaction.
//!
//! A draft with [`Erased`] is an erasure. The writer, of either database, does four things for it, all of them or
//! none, in the transaction of its entry:
//!
//! 1. Looks whether every sequence number of the ranges is that of an earlier record whose content is still there and
//!    may go ([`KEPT`] may not). When one is not, somebody else erased in between: nothing of the entry is written,
//!    the caller gets [`crate::AppendError::Erased`], reads again what is left and tries again.
//! 2. Appends the entry's records; the ranges stand in the erasure's body, as `erases`.
//! 3. Removes contents and salts: in SQLite the rows of `payload` stay, with both empty; in PostgreSQL they go.
//! 4. Inserts a row `(first, last, by)` into `erased` for each range; `by` is the erasure's own sequence number.
//!    Readers go by that table; the verifier holds it against the bodies.
//!
//! In SQL that knows row locks, the first step is `SELECT seq FROM payload WHERE seq BETWEEN .. FOR UPDATE` and the
//! check is the number of rows. The role that appends may not delete: the erasure runs as the eraser's role.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::event::Event;

/// The most ranges that one erasure names: its body stays below about 128 KiB.
pub const MAX_ERASED_RANGES: usize = 4096;

/// The most contents that one erasure removes: more would hold everybody's records up for too long.
pub const MAX_ERASED_CONTENTS: u64 = 16_384;

/// The events whose content is never erased: who erased or held what, and why, has to stay.
pub const KEPT: [Event; 7] = [
    Event::ErasureAsked,
    Event::ErasureConsented,
    Event::ErasureRefused,
    Event::ErasureDone,
    Event::RetentionApplied,
    Event::HoldAdded,
    Event::HoldRemoved,
];

/// The records whose content goes, as ranges of sequence numbers with both ends: in order, apart from each other, and
/// every record in them has content. In JSON a list of pairs.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Erased(Vec<(u64, u64)>);

impl Erased {
    /// The records with these numbers, as many of them from the first on as one erasure takes; and how many those are.
    #[must_use]
    pub fn of(seqs: &BTreeSet<u64>) -> (Self, usize) {
        let mut ranges: Vec<(u64, u64)> = Vec::new();
        let mut taken = 0;
        for seq in seqs.iter().take(usize::try_from(MAX_ERASED_CONTENTS).unwrap_or(usize::MAX)) {
            let full = ranges.len() >= MAX_ERASED_RANGES;
            match ranges.last_mut() {
                Some((_, last)) if last.checked_add(1) == Some(*seq) => *last = *seq,
                _ if full => break,
                _ => ranges.push((*seq, *seq)),
            }
            taken += 1;
        }
        (Self(ranges), taken)
    }

    /// The ranges, both ends included.
    #[must_use]
    pub fn ranges(&self) -> &[(u64, u64)] {
        &self.0
    }

    /// How many contents they are.
    #[must_use]
    pub fn contents(&self) -> u64 {
        self.0.iter().map(|(first, last)| last.saturating_sub(*first).saturating_add(1)).sum()
    }

    /// Whether a record is among them.
    #[must_use]
    pub fn covers(&self, seq: u64) -> bool {
        let at = self.0.partition_point(|(_, last)| *last < seq);
        self.0.get(at).is_some_and(|(first, _)| *first <= seq)
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_one_range_and_no_erasure_is_beyond_its_bounds() {
        let (erased, taken) = Erased::of(&BTreeSet::from([3, 4, 5, 9, 11, 12]));
        assert_eq!((erased.ranges(), taken), (&[(3, 5), (9, 9), (11, 12)][..], 6));
        assert_eq!(erased.contents(), 6);
        for seq in 0..15 {
            assert_eq!(erased.covers(seq), [3, 4, 5, 9, 11, 12].contains(&seq), "{seq}");
        }
        let (scattered, taken) = Erased::of(&(0..20_000).map(|n| n * 2).collect());
        assert_eq!((scattered.ranges().len(), taken), (MAX_ERASED_RANGES, MAX_ERASED_RANGES));
        let (whole, taken) = Erased::of(&(1..=20_000).collect());
        assert_eq!((whole.ranges(), taken as u64), (&[(1, MAX_ERASED_CONTENTS)][..], MAX_ERASED_CONTENTS));
        assert!(Erased::of(&BTreeSet::new()).0.is_empty());
        assert_eq!(Erased::of(&BTreeSet::from([u64::MAX])).0.contents(), 1);
    }
}
