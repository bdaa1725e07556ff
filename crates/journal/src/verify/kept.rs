//! Checkpoints, held against the tree that the records make: those that were given, and those that the record keeps itself.
//! Each is signed, so that none of them can have been made anew by somebody without the key.

use std::collections::VecDeque;

use super::Options;
use super::claims::Claims;
use super::finding::{FirstBad, Why};
use super::keys::{self, KeyTold};
use super::note::Note;
use super::position::Position;
use super::sealed::{Keys, MAX_KEYS, Odd, Unbelieved};
use super::source::Source;
use crate::merkle::TreeHead;

/// The most checkpoints that may be given at once.
pub const MAX_GIVEN: usize = 100_000;

/// What the record's own checkpoints and those that were given say of it.
pub(super) struct Kept {
    keys: Keys,
    /// Given ones that are to come, the smallest first.
    given: VecDeque<TreeHead>,
    /// The next of the record's own.
    own: Option<Own>,
    /// The keys as they are kept, and as the records tell of them.
    rows: KeyRows,
    told: Vec<KeyTold>,
    /// Given ones that fitted.
    checked: Vec<TreeHead>,
    /// The size of the last that fitted.
    good: u64,
}

/// A checkpoint that the record keeps: where it stands, and its note.
pub(super) struct Own {
    pub(super) size: i64,
    pub(super) number: i64,
    pub(super) note: String,
}

impl Own {
    /// How many records it says to be of; there is no checkpoint of less than nothing.
    fn size(&self) -> u64 {
        u64::try_from(self.size).unwrap_or(0)
    }
}

/// The keys that the record keeps, as texts: the key, and the note of the change to it.
pub(super) type KeyRows = Vec<(String, Option<String>)>;

impl Kept {
    /// Begins with the checkpoints and the key of `options`, after what was gone through before.
    pub(super) fn begin<S: Source>(
        source: &mut S,
        options: &Options,
    ) -> Result<Result<Self, FirstBad>, S::Error> {
        let rows = source.keys()?;
        let keys = match Keys::of(&rows, options.key.as_ref()) {
            Ok(keys) => keys,
            Err(odd) => return Ok(Err(FirstBad { seq: None, why: Why::Keys(odd.to_string()) })),
        };
        let mut trees = Vec::new();
        for note in &options.checkpoints {
            match keys.check(note) {
                Ok(tree) => trees.push(tree),
                Err(error) => return Ok(Err(FirstBad { seq: None, why: Why::Checkpoint(error) })),
            }
        }
        trees.sort_by_key(|tree| tree.size);
        let resume = options.resume.as_ref();
        let good = resume.map_or(0, Position::records);
        let checked = resume.map(|position| position.checked.clone()).unwrap_or_default();
        if let Some(late) =
            trees.iter().find(|tree| tree.size <= good && tree.size > 0 && !checked.contains(tree))
        {
            return Ok(Err(FirstBad { seq: None, why: Why::BeforeThePosition(late.size) }));
        }
        let given = trees.into_iter().filter(|tree| tree.size > good).collect();
        let told = resume.map(|position| position.keys.clone()).unwrap_or_default();
        let mut kept = Self { keys, given, own: None, rows, told, checked, good };
        let after = resume.map_or(i64::MIN, |position| i64::try_from(position.seq).unwrap_or(i64::MAX));
        kept.own = source.checkpoint_after(after, i64::MAX)?;
        // No record is under these, so that the walk does not come to them.
        while let Some(own) = kept.own.take_if(|own| own.size < 1) {
            if let Err(forged) = kept.own(&own) {
                return Ok(Err(forged));
            }
            kept.own = source.checkpoint_after(own.size, own.number)?;
        }
        Ok(Ok(kept))
    }

    /// Takes in what a record tells of the keys.
    pub(super) fn hear(&mut self, claims: &Claims<'_>, body: &[u8]) {
        if let Some(event) = claims.event()
            && self.told.len() <= MAX_KEYS
        {
            self.told.extend(keys::told(event, body));
        }
    }

    /// Whether the keys are those that the records tell of, now that all of these are known.
    pub(super) fn other_keys<S: Source>(&self, source: &mut S) -> Result<Option<FirstBad>, S::Error> {
        let odd = match keys::unlike(&self.rows, &self.told) {
            Some(odd) => Some(odd),
            None => source.misnumbered()?.map(Odd::Misnumbered),
        };
        Ok(odd.map(|odd| FirstBad { seq: None, why: Why::Keys(odd.to_string()) }))
    }

    /// The keys that the records tell of.
    pub(super) fn told(&self) -> Vec<KeyTold> {
        self.told.clone()
    }

    /// Whether a checkpoint is at so many records, so that the root is needed.
    pub(super) fn is_at(&self, size: u64) -> bool {
        let own = self.own.as_ref().is_some_and(|own| own.size() == size);
        own || self.given.front().is_some_and(|given| given.size == size)
    }

    /// Holds the checkpoints at the size of `tree` against it.
    pub(super) fn step<S: Source>(
        &mut self,
        source: &mut S,
        tree: &TreeHead,
    ) -> Result<Option<FirstBad>, S::Error> {
        let other = FirstBad::at(self.good.saturating_add(1), Why::NotUnderCheckpoint(tree.size));
        while let Some(given) = self.given.pop_front_if(|given| given.size == tree.size) {
            if given.root != tree.root {
                return Ok(Some(other));
            }
            self.checked.push(given);
        }
        while let Some(own) = self.own.take_if(|own| own.size() == tree.size) {
            match self.own(&own) {
                Ok(own) if own == *tree => {}
                Ok(_) => return Ok(Some(other)),
                Err(forged) => return Ok(Some(forged)),
            }
            self.own = source.checkpoint_after(own.size, own.number)?;
        }
        self.good = tree.size;
        Ok(None)
    }

    /// Given ones that fitted.
    pub(super) fn checked(&self) -> Vec<TreeHead> {
        self.checked.clone()
    }

    /// What the checkpoints say that are still to come when the records have ended: the size of the largest, or that one of the
    /// record's own is forged. Anybody who may add to the record can put a row there, so that a row alone is no sign of a tail that
    /// was cut off.
    pub(super) fn beyond<S: Source>(
        &mut self,
        source: &mut S,
    ) -> Result<(Option<u64>, Option<FirstBad>), S::Error> {
        let (mut largest, mut bad) = (self.given.back().map(|given| given.size), None);
        while let Some(own) = self.own.take() {
            match self.own(&own) {
                Ok(tree) => largest = largest.max(Some(tree.size)),
                Err(forged) => drop(bad.get_or_insert(forged)),
            }
            self.own = source.checkpoint_after(own.size, own.number)?;
        }
        Ok((largest, bad))
    }

    /// The tree of a checkpoint that the record keeps, if it is its own.
    fn own(&self, own: &Own) -> Result<TreeHead, FirstBad> {
        let size = own.size();
        let forged = |error| FirstBad { seq: None, why: Why::OwnCheckpoint(size, error) };
        let note = own.note.parse::<Note>().map_err(|error| forged(Unbelieved::Note(error)))?;
        match self.keys.check(&note).map_err(forged)? {
            tree if tree.size == size => Ok(tree),
            tree => Err(forged(Unbelieved::OtherSize { size, found: tree.size })),
        }
    }
}
