//! The contents, gone through beside the records.

use sha2::{Digest as _, Sha256};

use super::finding::Why;
use super::source::{Content, Source};

/// The bytes of a salt.
const SALT_BYTES: usize = 32;

/// The contents, a step ahead of the records.
pub(super) struct Contents {
    /// The record of the next content.
    pub(super) seq: Option<i64>,
    hash: [u8; 32],
    /// Of that content nothing but its row is left, as an erasure leaves it.
    husk: bool,
}

impl Contents {
    pub(super) fn begin<S: Source>(source: &mut S) -> Result<Self, S::Error> {
        let mut contents = Self { seq: None, hash: [0; 32], husk: false };
        contents.advance(source)?;
        Ok(contents)
    }

    fn advance<S: Source>(&mut self, source: &mut S) -> Result<(), S::Error> {
        let Some(Content { seq, salt, bytes, husk }) = source.content()? else {
            self.seq = None;
            return Ok(());
        };
        (self.seq, self.husk) = (Some(seq), husk);
        self.hash = match bytes {
            Some(bytes) if salt.len() == SALT_BYTES => {
                Sha256::new().chain_update(&salt).chain_update(bytes).finalize().into()
            }
            _ => [0; 32],
        };
        Ok(())
    }

    /// Whether the content of record `seq` is the one that the record commits to, and is there unless it was erased.
    pub(super) fn hold_against<S: Source>(
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
            Some(_)
                if here
                    && !self.husk
                    && let Some(by) = erased =>
            {
                Some(Why::ContentBack(by))
            }
            Some(_) if erased.is_some() => None,
            Some(_) if !here || self.husk => Some(Why::ContentMissing),
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
