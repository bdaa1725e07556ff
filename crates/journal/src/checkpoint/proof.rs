//! Proofs as files: inclusion in the C2SP `tlog-proof` form, and consistency in the form in which C2SP
//! `tlog-witness` asks a witness to cosign, so that the file can be sent to one as it is.

use std::fmt;
use std::str::FromStr;

use data_encoding::BASE64;
use vocab::Digest;

use super::{Checkpoint, CheckpointError, Sealed, decimal, hash};
use crate::merkle::{self, MAX_HASHES, TreeHead};
use crate::note::{MAX_NOTE_BYTES, Note, unbase64};

/// The first line of a proof of inclusion.
const INCLUSION: &str = "c2sp.org/tlog-proof@v1";

/// The largest file of a proof, in bytes: the body of a record, the hashes and a note.
pub const MAX_FILE_BYTES: usize = 32 * 1024 * 1024;

/// Why a file is no proof, or does not prove what it says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// Over [`MAX_FILE_BYTES`].
    #[error("a proof of {0} bytes is over the limit of {MAX_FILE_BYTES}")]
    TooLarge(usize),
    /// Not in its form.
    #[error("the proof cannot be read: line {0} is not {1}")]
    Form(usize, &'static str),
    /// Its checkpoint is no good.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// It has no record with it.
    #[error(
        "the proof does not carry its record: it was made by another program, and says nothing by itself"
    )]
    NoRecord,
    /// The hashes do not lead to the root.
    #[error("the proof does not hold: record {0} is not the one that the checkpoint has at that place")]
    NotIncluded(u64),
    /// The hashes do not lead from one root to the other.
    #[error(
        "the proof does not hold: the log at {new} records is not a continuation of the log at {old}, so one of the two was rebuilt"
    )]
    NotContinued {
        /// The size of the older.
        old: u64,
        /// The size of the newer.
        new: u64,
    },
    /// The proof is between other sizes.
    #[error("the proof begins at {found} records and the older checkpoint is at {expected}")]
    OtherSize {
        /// What the proof says.
        found: u64,
        /// What the checkpoint says.
        expected: u64,
    },
}

/// That a record is under a checkpoint. Its `Display` is the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inclusion {
    /// The record's place, from 1.
    pub seq: u64,
    /// The record's body, which the form has room for.
    pub body: Option<Vec<u8>>,
    /// The hashes beside the way up to the root.
    pub hashes: Vec<Digest>,
    /// The checkpoint.
    pub note: Note,
}

impl Inclusion {
    /// Checks the proof by itself: the signature of its checkpoint, and that its record is under it.
    ///
    /// # Errors
    /// When it does not hold.
    pub fn check(&self, keys: &super::Keys) -> Result<Sealed, FileError> {
        let body = self.body.as_ref().ok_or(FileError::NoRecord)?;
        let origin = Checkpoint::read(&self.note)?.origin;
        let sealed = Sealed::check(self.note.clone(), &origin, keys)?;
        let index = self.seq.wrapping_sub(1);
        if merkle::includes(&sealed.tree(), index, &merkle::leaf(body), &self.hashes) {
            Ok(sealed)
        } else {
            Err(FileError::NotIncluded(self.seq))
        }
    }
}

impl fmt::Display for Inclusion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{INCLUSION}")?;
        if let Some(body) = &self.body {
            writeln!(f, "extra {}", BASE64.encode(body))?;
        }
        writeln!(f, "index {}", self.seq.saturating_sub(1))?;
        write_hashes(f, &self.hashes)?;
        write!(f, "\n{}", self.note)
    }
}

impl FromStr for Inclusion {
    type Err = FileError;

    fn from_str(file: &str) -> Result<Self, FileError> {
        let mut lines = Lines::of(file)?;
        let (_, first) = lines.next("the first line of a proof")?;
        if first != INCLUSION {
            return Err(FileError::Form(1, INCLUSION));
        }
        let (mut at, mut line) = lines.next("`extra` or `index`")?;
        let mut body = None;
        if let Some(extra) = line.strip_prefix("extra ") {
            body = Some(unbase64(extra).ok_or(FileError::Form(at, "`extra` and base64"))?);
            (at, line) = lines.next("`index` and a number")?;
        }
        let index = line.strip_prefix("index ").and_then(decimal).and_then(|index| index.checked_add(1));
        let seq = index.ok_or(FileError::Form(at, "`index` and a number"))?;
        let hashes = lines.hashes()?;
        Ok(Self { seq, body, hashes, note: lines.note()? })
    }
}

/// That a checkpoint's log begins with that of an older one. Its `Display` is the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consistency {
    /// The size of the older.
    pub old: u64,
    /// The hashes.
    pub hashes: Vec<Digest>,
    /// The newer checkpoint.
    pub note: Note,
}

impl Consistency {
    /// Checks the proof against the older checkpoint: the signature of the newer, and that it goes on from there.
    ///
    /// # Errors
    /// When it does not hold.
    pub fn check(&self, old: &Sealed, keys: &super::Keys) -> Result<Sealed, FileError> {
        let new = Sealed::check(self.note.clone(), &old.checkpoint().origin, keys)?;
        let tree = old.tree();
        if self.old != tree.size {
            return Err(FileError::OtherSize { found: self.old, expected: tree.size });
        }
        if is_continued(&tree, &new.tree(), &self.hashes) {
            Ok(new)
        } else {
            Err(FileError::NotContinued { old: tree.size, new: new.tree().size })
        }
    }
}

/// Every log continues the empty one.
fn is_continued(old: &TreeHead, new: &TreeHead, hashes: &[Digest]) -> bool {
    if old.size == 0 {
        return hashes.is_empty() && old.root == merkle::Frontier::default().root();
    }
    merkle::continues(old, new, hashes)
}

impl fmt::Display for Consistency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "old {}", self.old)?;
        write_hashes(f, &self.hashes)?;
        write!(f, "\n{}", self.note)
    }
}

impl FromStr for Consistency {
    type Err = FileError;

    fn from_str(file: &str) -> Result<Self, FileError> {
        let mut lines = Lines::of(file)?;
        let (at, line) = lines.next("`old` and a number")?;
        let old = line.strip_prefix("old ").and_then(decimal);
        let old = old.ok_or(FileError::Form(at, "`old` and a number"))?;
        let hashes = lines.hashes()?;
        Ok(Self { old, hashes, note: lines.note()? })
    }
}

fn write_hashes(f: &mut fmt::Formatter<'_>, hashes: &[Digest]) -> fmt::Result {
    hashes.iter().try_for_each(|hash| writeln!(f, "{}", BASE64.encode(hash.as_bytes())))
}

/// A file, taken line by line.
struct Lines<'a> {
    rest: &'a str,
    at: usize,
}

impl<'a> Lines<'a> {
    fn of(file: &'a str) -> Result<Self, FileError> {
        if file.len() > MAX_FILE_BYTES {
            return Err(FileError::TooLarge(file.len()));
        }
        Ok(Self { rest: file, at: 0 })
    }

    /// The next line and its number.
    fn next(&mut self, what: &'static str) -> Result<(usize, &'a str), FileError> {
        self.at += 1;
        let (line, rest) = self.rest.split_once('\n').ok_or(FileError::Form(self.at, what))?;
        self.rest = rest;
        Ok((self.at, line))
    }

    /// Hashes up to an empty line.
    fn hashes(&mut self) -> Result<Vec<Digest>, FileError> {
        let mut hashes = Vec::new();
        loop {
            let (at, line) = self.next("a hash or an empty line")?;
            if line.is_empty() {
                return Ok(hashes);
            }
            if hashes.len() == MAX_HASHES {
                return Err(FileError::Form(at, "an empty line, since no proof has more hashes"));
            }
            hashes.push(hash(line).ok_or(FileError::Form(at, "a hash in base64"))?);
        }
    }

    /// The note that the rest is.
    fn note(self) -> Result<Note, FileError> {
        if self.rest.len() > MAX_NOTE_BYTES {
            return Err(FileError::TooLarge(self.rest.len()));
        }
        Ok(self.rest.parse().map_err(CheckpointError::Note)?)
    }
}
