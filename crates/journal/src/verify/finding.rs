//! What can be wrong with a record, in words.

use std::fmt;

use serde::{Serialize, Serializer};

use super::sealed::Unbelieved;

/// The first thing that does not fit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FirstBad {
    /// The record concerned; none when it is the database's own structure.
    pub seq: Option<u64>,
    /// What is wrong.
    pub why: Why,
}

impl FirstBad {
    pub(super) const fn foreign(what: String) -> Self {
        Self { seq: None, why: Why::Foreign(what) }
    }

    pub(super) const fn at(seq: u64, why: Why) -> Self {
        Self { seq: Some(seq), why }
    }
}

impl fmt::Display for FirstBad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.seq {
            Some(seq) => write!(f, "record {seq}: {}", self.why),
            None => self.why.fmt(f),
        }
    }
}

/// What is wrong; in JSON its sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// The record after it, or the checkpoint, has its hash; its body has another.
    #[error("its body was changed")]
    BodyChanged,
    /// The record after it, or the checkpoint, has the hash of its body; its own hash is another.
    #[error("its hash was changed")]
    HashChanged,
    /// Nothing tells which of the two.
    #[error("its hash does not fit its body: one of the two was changed")]
    BodyOrHashChanged,
    /// Not the JSON of a record.
    #[error("its body is not that of a record: {0}")]
    Malformed(String),
    /// A gap, or content without its record.
    #[error("it was removed")]
    Removed,
    /// A place that no record can have.
    #[error("it was put in: the log begins with record 1")]
    Inserted,
    /// Its body names another place.
    #[error("it says that it is record {0}: records were moved, removed or put in")]
    Misplaced(u64),
    /// Its `prev` is not the hash before it.
    #[error("it does not follow from the record before it: that one was changed, removed or put in")]
    Unlinked,
    /// Its content is not what it commits to.
    #[error("its content was changed or swapped")]
    ContentChanged,
    /// Its content is gone.
    #[error("its content is missing")]
    ContentMissing,
    /// An erasure says that its content is gone.
    #[error("its content is there, though record {0} erased it: it was put back")]
    ContentBack(u64),
    /// What it says that it erased is not what is missing, or content is missing in its name.
    #[error(
        "it does not erase the content that is missing in its name: content was removed, or an erasure changed"
    )]
    NotTheErasure,
    /// The table of erasures cannot be what the gateway wrote.
    #[error("the table of erasures is not as it was written here")]
    Erasures,
    /// Content that it does not commit to.
    #[error("content was put to it that it does not speak of")]
    ContentAdded,
    /// The log is shorter than the checkpoint.
    #[error(
        "the log ends before it, and the checkpoint has {0} records: the tail was cut off, or the database was set back to an older copy"
    )]
    CutOff(u64),
    /// Another record stands where the checkpoint was taken.
    #[error("it is not the record that the checkpoint was taken at: the log was built anew, or is another")]
    NotTheCheckpoint,
    /// The tree over the records up to here is not the one that was signed.
    #[error(
        "it, or a record after it up to {0}, is not the one that was there when the checkpoint at {0} was signed: the log was built anew from here on, or is another"
    )]
    NotUnderCheckpoint(u64),
    /// A checkpoint that was given is none of this log.
    #[error("{0}")]
    Checkpoint(Unbelieved),
    /// A checkpoint that the record keeps does not hold.
    #[error("a forged checkpoint: the one at {0} records that the record keeps is not its own: {1}")]
    OwnCheckpoint(u64, Unbelieved),
    /// What the record keeps of its keys does not hold.
    #[error("{0}")]
    Keys(String),
    /// The record from which the verification is to go on has changed since.
    #[error(
        "it is not the record that the verification stopped at: it was changed since, or is of another log"
    )]
    NotThePosition,
    /// A checkpoint cannot be held against what is not gone through again.
    #[error(
        "the checkpoint at {0} lies before the place to go on from and was not known then: verify from the beginning"
    )]
    BeforeThePosition(u64),
    /// SQLite cannot read on.
    #[error("the database is damaged here: {0}")]
    Unreadable(String),
    /// Something that is no part of a record's database.
    #[error("the database around the records {0}: it may keep what is erased, or keep out what is recorded")]
    Foreign(String),
    /// Every record is good, and an index or the space between them is not.
    #[error("the records are whole and the database around them is damaged: {0}")]
    Structure(String),
}

impl Serialize for Why {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
