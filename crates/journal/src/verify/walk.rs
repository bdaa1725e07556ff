//! The walk along the chain, records and contents side by side.

use serde_json::Value;
use sha2::{Digest as _, Sha256};
use vocab::Digest;

use super::blocks::Blocks;
use super::erasures::Erasures;
use super::finding::{FirstBad, Why};
use super::source::{Content, Line, Source};
use super::tree::Tree;
use crate::entry::Head;

/// The bytes of a salt.
const SALT_BYTES: usize = 32;

type Found = Option<FirstBad>;

/// A walk and how far it has come.
pub(super) struct Walk {
    /// The sequence number and hash of the last good record.
    seq: u64,
    hash: [u8; 32],
    expected: Option<Head>,
    /// The blocks so far; none when the walk does not begin with the first record.
    blocks: Option<Blocks>,
    /// The tree so far; none then either.
    tree: Option<Tree>,
}

impl Walk {
    pub(super) const fn begin(expected: Option<Head>) -> Self {
        Self { seq: 0, hash: [0; 32], expected, blocks: None, tree: None }
    }

    /// Where the good part ends.
    pub(super) const fn head(&self) -> Head {
        Head { records: self.seq, hash: Digest::from_bytes(self.hash) }
    }

    /// The record that comes next.
    pub(super) const fn next(&self) -> u64 {
        self.seq.saturating_add(1)
    }

    /// Goes through everything.
    pub(super) fn all<S: Source>(&mut self, source: &mut S) -> Result<Found, S::Error> {
        let id = source.log_id()?;
        self.hash = Sha256::digest(format!("bulkhead journal\n{id}")).into();
        if self.contradicts_checkpoint(0, &self.hash) {
            return Ok(Some(FirstBad { seq: None, why: Why::NotTheCheckpoint }));
        }
        (self.blocks, self.tree) = (Some(Blocks::default()), Some(Tree::default()));
        let mut contents = Contents::begin(source)?;
        let mut erasures = Erasures::begin(source, 1)?;
        while let Some(line) = source.record()? {
            if let Some(bad) = self.step(source, &line, &mut contents, &mut erasures)? {
                return Ok(Some(bad));
            }
        }
        if let Some(expected) = self.expected.filter(|expected| expected.records > self.seq) {
            return Ok(Some(FirstBad::at(self.next(), Why::CutOff(expected.records))));
        }
        // Content behind the last record: its record was removed.
        if contents.seq.is_some() {
            return Ok(Some(FirstBad::at(self.next(), Why::Removed)));
        }
        if let Some(bad) = erasures.finish(self.seq) {
            return Ok(Some(bad));
        }
        let tree = self.tree.as_ref().map(|tree| tree.finish(source)).transpose()?.flatten();
        let blocks = self.blocks.take().map(|blocks| blocks.finish(source)).transpose()?.flatten();
        let wrong = tree.or(blocks);
        Ok(wrong.map(|why| FirstBad { seq: None, why: Why::Structure(why) }))
    }

    /// Holds one record against the walk so far, and takes it in.
    fn step<S: Source>(
        &mut self,
        source: &mut S,
        line: &Line,
        contents: &mut Contents,
        erasures: &mut Erasures,
    ) -> Result<Found, S::Error> {
        let next = self.next();
        let seq = match u64::try_from(line.seq) {
            Ok(seq) if seq == next => seq,
            Ok(seq) if seq > next => return Ok(Some(FirstBad::at(next, Why::Removed))),
            _ => return Ok(Some(FirstBad::at(next, Why::Inserted))),
        };
        let hash: [u8; 32] = Sha256::new().chain_update([0]).chain_update(&line.body).finalize().into();
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
        let Ok(erased) = erasures.step(source, seq)? else {
            return Ok(Some(FirstBad::at(seq, Why::Erasures)));
        };
        if let Some(why) = contents.hold_against(source, line.seq, claims.commit.as_ref(), erased)? {
            return Ok(Some(FirstBad::at(seq, why)));
        }
        if !erasures.is_as_said(seq, claims.body.get("erases")) {
            return Ok(Some(FirstBad::at(seq, Why::NotTheErasure)));
        }
        if self.contradicts_checkpoint(seq, &hash) {
            return Ok(Some(FirstBad::at(seq, Why::NotTheCheckpoint)));
        }
        if let Some(blocks) = &mut self.blocks {
            blocks.step(source, seq, &claims.body)?;
        }
        if let Some(tree) = &mut self.tree {
            tree.step(source, hash)?;
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
        let successor = after.and_then(|after| Claims::read(&after.body).ok()).map(|claims| claims.prev);
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

/// What a body says that the chain depends on.
struct Claims {
    seq: u64,
    prev: [u8; 32],
    commit: Option<[u8; 32]>,
    body: Value,
}

impl Claims {
    fn read(body: &[u8]) -> Result<Self, String> {
        let body: Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
        let digest = |name: &str| match body.get(name) {
            None => Ok(None),
            Some(value) => value
                .as_str()
                .and_then(|text| data_encoding::HEXLOWER.decode(text.as_bytes()).ok())
                .and_then(|bytes| <[u8; 32]>::try_from(bytes).ok())
                .map(Some)
                .ok_or_else(|| format!("`{name}` is not a hash")),
        };
        let seq = body.get("seq").and_then(Value::as_u64).ok_or("it has no `seq`")?;
        let prev = digest("prev")?.ok_or("it has no `prev`")?;
        let commit = digest("commit")?;
        Ok(Self { seq, prev, commit, body })
    }
}

/// The contents, a step ahead of the records.
struct Contents {
    seq: Option<i64>,
    hash: [u8; 32],
}

impl Contents {
    fn begin<S: Source>(source: &mut S) -> Result<Self, S::Error> {
        let mut contents = Self { seq: None, hash: [0; 32] };
        contents.advance(source)?;
        Ok(contents)
    }

    fn advance<S: Source>(&mut self, source: &mut S) -> Result<(), S::Error> {
        let Some(Content { seq, salt, bytes }) = source.content()? else {
            self.seq = None;
            return Ok(());
        };
        self.seq = Some(seq);
        self.hash = match bytes {
            Some(bytes) if salt.len() == SALT_BYTES => {
                Sha256::new().chain_update(&salt).chain_update(bytes).finalize().into()
            }
            _ => [0; 32],
        };
        Ok(())
    }

    /// Whether the content of record `seq` is the one that the record commits to, and is there unless it was erased.
    fn hold_against<S: Source>(
        &mut self,
        source: &mut S,
        seq: i64,
        commit: Option<&[u8; 32]>,
        erased: Option<u64>,
    ) -> Result<Option<Why>, S::Error> {
        let here = self.seq == Some(seq);
        // Content before this record belongs to no record, since those before it have had theirs.
        let stray = self.seq.is_some_and(|content| content < seq);
        let why = match commit {
            _ if stray => Some(Why::ContentAdded),
            // Only what had content can have lost it.
            None if erased.is_some() => Some(Why::Erasures),
            Some(_) if here && let Some(by) = erased => Some(Why::ContentBack(by)),
            Some(_) if erased.is_some() => None,
            Some(_) if !here => Some(Why::ContentMissing),
            Some(commit) if *commit != self.hash => Some(Why::ContentChanged),
            None if here => Some(Why::ContentAdded),
            _ => None,
        };
        if why.is_none() && here {
            self.advance(source)?;
        }
        Ok(why)
    }
}

/// The record that a look at the last `count` begins with; none when that is a look at all.
pub(super) fn first_of(last: Option<i64>, count: u32) -> Option<i64> {
    let first = last?.saturating_sub(i64::from(count)).saturating_add(1);
    (first > 1).then_some(first)
}

/// Checks the records of `source`, which begins with record `first`, each with its content.
pub(super) fn tail<S: Source>(source: &mut S, first: i64) -> Result<Found, S::Error> {
    let mut contents = Contents::begin(source)?;
    let mut erasures = Erasures::begin(source, u64::try_from(first).unwrap_or(1))?;
    let mut walk = Walk::begin(None);
    walk.seq = u64::try_from(first.saturating_sub(1)).unwrap_or(0);
    let mut begun = false;
    while let Some(line) = source.record()? {
        if !begun {
            // What the first one follows is not looked at.
            walk.hash = Claims::read(&line.body).map_or([0; 32], |claims| claims.prev);
            begun = true;
        }
        if let Some(bad) = walk.step(source, &line, &mut contents, &mut erasures)? {
            return Ok(Some(bad));
        }
    }
    Ok(contents.seq.map(|_| FirstBad::at(walk.next(), Why::Removed)))
}
