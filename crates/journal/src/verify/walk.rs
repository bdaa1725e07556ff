//! The walk along the chain, records and contents side by side.

use sha2::{Digest as _, Sha256};
use vocab::Digest;

use super::blocks::Blocks;
use super::claims::Claims;
use super::contents::Contents;
use super::erasures::Erasures;
use super::finding::{FirstBad, Why};
use super::kept::Kept;
use super::position::Position;
use super::source::{Line, Source};
use super::tree::Tree;
use super::{Options, Progress, Told};
use crate::entry::Head;

/// How many records lie between two reports of progress: whole blocks, so that the walk can be resumed there.
const REPORT_RECORDS: u64 = 16 * 1024;

type Found = Option<FirstBad>;

/// A walk and how far it has come.
pub(super) struct Walk {
    /// The sequence number and hash of the last good record.
    seq: u64,
    hash: [u8; 32],
    expected: Option<Head>,
    /// What is held against the whole log; none when the walk does not begin with the first record.
    whole: Option<Whole>,
}

/// What is held against the log beside the chain.
struct Whole {
    log: String,
    last: u64,
    blocks: Blocks,
    tree: Tree,
    kept: Kept,
}

/// What goes on beside the records.
struct Beside {
    contents: Contents,
    erasures: Erasures,
}

impl Walk {
    pub(super) const fn begin(expected: Option<Head>) -> Self {
        Self { seq: 0, hash: [0; 32], expected, whole: None }
    }

    /// Where the good part ends.
    pub(super) const fn head(&self) -> Head {
        Head { records: self.seq, hash: Digest::from_bytes(self.hash) }
    }

    /// The record that comes next.
    pub(super) const fn next(&self) -> u64 {
        self.seq.saturating_add(1)
    }

    /// Goes through everything, or through what is after the position to resume from; `source` begins there.
    pub(super) fn all<S: Source>(
        &mut self,
        source: &mut S,
        options: &Options,
        progress: Told<'_>,
    ) -> Result<Found, S::Error> {
        let log = source.log_id()?;
        match &options.resume {
            None => self.hash = Sha256::digest(format!("bulkhead journal\n{log}")).into(),
            Some(position) => (self.seq, self.hash) = (position.seq, *position.hash.as_bytes()),
        }
        if self.contradicts_checkpoint(self.seq, &self.hash) {
            return Ok(Some(FirstBad { seq: None, why: Why::NotTheCheckpoint }));
        }
        if let Some(bad) = self.prepare(source, options, log)? {
            return Ok(Some(bad));
        }
        let erasures = match Erasures::after(source, self.seq)? {
            Ok(erasures) => erasures,
            Err(bad) => return Ok(Some(bad)),
        };
        let mut beside = Beside { contents: Contents::begin(source)?, erasures };
        self.begun(progress);
        while let Some(line) = source.record()? {
            if let Some(bad) = self.step(source, &line, &mut beside)? {
                return Ok(Some(bad));
            }
            if self.seq.is_multiple_of(REPORT_RECORDS) {
                self.report(progress);
            }
        }
        self.finish(source, &beside)
    }

    /// Makes ready what is held against the whole log.
    fn prepare<S: Source>(
        &mut self,
        source: &mut S,
        options: &Options,
        log: String,
    ) -> Result<Found, S::Error> {
        if let Some(position) = &options.resume {
            let there = source.record_from(i64::try_from(position.seq).unwrap_or(i64::MAX))?;
            let same = there.is_some_and(|line| {
                u64::try_from(line.seq) == Ok(position.seq) && leaf(&line.body) == *position.hash.as_bytes()
            });
            if log != position.log || !same {
                return Ok(Some(FirstBad::at(position.seq, Why::NotThePosition)));
            }
            if let Some(head) = options.head.filter(|head| head.records < position.seq) {
                return Ok(Some(FirstBad { seq: None, why: Why::BeforeThePosition(head.records) }));
            }
        }
        let kept = match Kept::begin(source, options)? {
            Ok(kept) => kept,
            Err(bad) => return Ok(Some(bad)),
        };
        let (tree, blocks) = match &options.resume {
            None => (Tree::default(), Blocks::default()),
            Some(position) => (Tree::of(&position.trees, position.nodes), Blocks::after(position.blocks)),
        };
        self.whole = Some(Whole { log, last: source.last()?, blocks, tree, kept });
        Ok(None)
    }

    /// Says how much there is, before the first of it is gone through.
    fn begun(&self, progress: Told<'_>) {
        if let Some(whole) = &self.whole {
            progress(&Progress { records: self.seq, total: whole.last, position: None });
        }
    }

    fn report(&self, progress: Told<'_>) {
        let Some(whole) = &self.whole else { return };
        let position = whole.tree.parts().zip(whole.blocks.rows()).map(|((trees, nodes), blocks)| Position {
            log: whole.log.clone(),
            seq: self.seq,
            hash: Digest::from_bytes(self.hash),
            trees,
            nodes,
            blocks,
            checked: whole.kept.checked(),
            keys: whole.kept.told(),
        });
        progress(&Progress { records: self.seq, total: whole.last, position });
    }

    /// What only the end of the records shows.
    fn finish<S: Source>(&mut self, source: &mut S, beside: &Beside) -> Result<Found, S::Error> {
        let (kept, forged) = match &mut self.whole {
            Some(whole) => whole.kept.beyond(source)?,
            None => (None, None),
        };
        let expected = self.expected.map(|expected| expected.records).max(kept);
        if let Some(expected) = expected.filter(|expected| *expected > self.seq) {
            return Ok(Some(FirstBad::at(self.next(), Why::CutOff(expected))));
        }
        if forged.is_some() {
            return Ok(forged);
        }
        // Content behind the last record: its record was removed.
        if beside.contents.seq.is_some() {
            return Ok(Some(FirstBad::at(self.next(), Why::Removed)));
        }
        if let Some(bad) = beside.erasures.finish(self.seq) {
            return Ok(Some(bad));
        }
        let Some(Whole { blocks, tree, kept, .. }) = self.whole.take() else { return Ok(None) };
        if let Some(bad) = kept.other_keys(source)? {
            return Ok(Some(bad));
        }
        let wrong = match tree.finish(source)? {
            Some(wrong) => Some(wrong),
            None => blocks.finish(source)?,
        };
        Ok(wrong.map(|why| FirstBad { seq: None, why: Why::Structure(why) }))
    }

    /// Holds one record against the walk so far, and takes it in.
    fn step<S: Source>(
        &mut self,
        source: &mut S,
        line: &Line,
        beside: &mut Beside,
    ) -> Result<Found, S::Error> {
        let next = self.next();
        let seq = match u64::try_from(line.seq) {
            Ok(seq) if seq == next => seq,
            Ok(seq) if seq > next => return Ok(Some(FirstBad::at(next, Why::Removed))),
            _ => return Ok(Some(FirstBad::at(next, Why::Inserted))),
        };
        let hash = leaf(&line.body);
        if hash.as_slice() != line.hash {
            let why = self.which_changed(source, line, &hash)?;
            return Ok(Some(FirstBad::at(seq, why)));
        }
        let claims = match Claims::read(&line.body) {
            Ok(claims) => claims,
            Err(why) => return Ok(Some(FirstBad::at(seq, Why::Malformed(why)))),
        };
        if claims.seq != seq {
            return Ok(Some(FirstBad::at(seq, Why::Misplaced(claims.seq))));
        }
        if claims.prev != self.hash {
            return Ok(Some(FirstBad::at(seq, Why::Unlinked)));
        }
        let Beside { contents, erasures } = beside;
        let Ok(erased) = erasures.step(source, seq)? else {
            return Ok(Some(FirstBad::at(seq, Why::Erasures)));
        };
        if let Some(why) = contents.hold_against(source, line.seq, claims.commit.as_ref(), erased)? {
            return Ok(Some(FirstBad::at(seq, why)));
        }
        if !erasures.is_as_said(seq, claims.erases.as_ref()) {
            return Ok(Some(FirstBad::at(seq, Why::NotTheErasure)));
        }
        if self.contradicts_checkpoint(seq, &hash) {
            return Ok(Some(FirstBad::at(seq, Why::NotTheCheckpoint)));
        }
        if let Some(Whole { blocks, tree, kept, .. }) = &mut self.whole {
            blocks.step(source, seq, &claims)?;
            tree.step(source, hash)?;
            kept.hear(&claims, &line.body);
            if kept.is_at(seq)
                && let Some(bad) = kept.step(source, &tree.head())?
            {
                return Ok(Some(bad));
            }
        }
        (self.seq, self.hash) = (seq, hash);
        Ok(None)
    }

    fn contradicts_checkpoint(&self, seq: u64, hash: &[u8; 32]) -> bool {
        self.expected.is_some_and(|expected| expected.records == seq && expected.hash.as_bytes() != hash)
    }

    /// A record whose hash and body disagree: its successor, or the checkpoint, remembers the true hash.
    fn which_changed<S: Source>(
        &self,
        source: &mut S,
        line: &Line,
        computed: &[u8; 32],
    ) -> Result<Why, S::Error> {
        let after = source.record_from(line.seq.saturating_add(1))?;
        let successor = after.and_then(|after| Claims::read(&after.body).ok().map(|claims| claims.prev));
        let checkpoint = self
            .expected
            .filter(|expected| expected.records == self.next())
            .map(|expected| *expected.hash.as_bytes());
        Ok(match checkpoint.or(successor) {
            Some(truth) if truth.as_slice() == line.hash => Why::BodyChanged,
            Some(truth) if truth == *computed => Why::HashChanged,
            _ => Why::BodyOrHashChanged,
        })
    }
}

/// The hash of a record with this body.
fn leaf(body: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update([0]).chain_update(body).finalize().into()
}

/// The record that a look at the last `count` begins with; none when that is a look at all.
pub(super) fn first_of(last: Option<i64>, count: u32) -> Option<i64> {
    let first = last?.saturating_sub(i64::from(count)).saturating_add(1);
    (first > 1).then_some(first)
}

/// Checks the records of `source`, which begins with record `first`, each with its content.
pub(super) fn tail<S: Source>(source: &mut S, first: i64) -> Result<Found, S::Error> {
    let contents = Contents::begin(source)?;
    let erasures = Erasures::begin(source, u64::try_from(first).unwrap_or(1))?;
    let mut beside = Beside { contents, erasures };
    let mut walk = Walk::begin(None);
    walk.seq = u64::try_from(first.saturating_sub(1)).unwrap_or(0);
    let mut begun = false;
    while let Some(line) = source.record()? {
        if !begun {
            // What the first one follows is not looked at.
            walk.hash = Claims::read(&line.body).map_or([0; 32], |claims| claims.prev);
            begun = true;
        }
        if let Some(bad) = walk.step(source, &line, &mut beside)? {
            return Ok(Some(bad));
        }
    }
    Ok(beside.contents.seq.map(|_| FirstBad::at(walk.next(), Why::Removed)))
}
