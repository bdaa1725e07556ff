//! Checkpoints: size and root of the tree in the C2SP `tlog-checkpoint` form, as the text of a signed note; and
//! proofs in files that stand by themselves. Nothing here knows a database.

mod proof;
mod rotation;

use std::fmt;

use data_encoding::BASE64;
use vocab::Digest;

use crate::merkle::TreeHead;
use crate::note::{Distrust, Note, NoteError, SigningKey, VerifierKey, unbase64};

pub use proof::{Consistency, FileError, Inclusion, MAX_FILE_BYTES};
pub use rotation::{Keys, MAX_KEYS, Rotation, RotationError};

/// Why a note is no checkpoint that can be relied on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// Not a signed note.
    #[error("the checkpoint cannot be read: {0}")]
    Note(#[from] NoteError),
    /// A note whose text is something else.
    #[error("the checkpoint cannot be read: line {0} of its text is not {1}")]
    Form(u8, &'static str),
    /// Another log's.
    #[error(
        "the checkpoint is of the log `{found}` and this is the log `{expected}`: it proves nothing here"
    )]
    OtherLog {
        /// Its first line.
        found: String,
        /// What that line should be.
        expected: String,
    },
    /// Stored where one of another size belongs.
    #[error("the checkpoint is of {found} records and stands where one of {size} belongs: it was put there")]
    OtherSize {
        /// Where it stands.
        size: u64,
        /// What it says.
        found: u64,
    },
    /// Not signed by who has to.
    #[error("the checkpoint is not to be believed: {0}")]
    Distrust(#[from] Distrust),
    /// Signed by a key that was no longer the log's.
    #[error(
        "the checkpoint at {size} is signed by the key `{key}`, which was retired at record {retired}: it was forged with an old key"
    )]
    Retired {
        /// Its size.
        size: u64,
        /// The key.
        key: String,
        /// The size of the log when the key was retired.
        retired: u64,
    },
}

/// What a log says of itself at one moment. Its `Display` is the text that is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log.
    pub origin: String,
    /// Its tree.
    pub tree: TreeHead,
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let root = BASE64.encode(self.tree.root.as_bytes());
        writeln!(f, "{}\n{}\n{root}", self.origin, self.tree.size)
    }
}

impl Checkpoint {
    /// Reads the text of a note, signed or not.
    ///
    /// # Errors
    /// When it is not a checkpoint's.
    pub fn read(note: &Note) -> Result<Self, CheckpointError> {
        let mut lines = note.text().strip_suffix('\n').unwrap_or_default().split('\n');
        let origin = lines.next().filter(|origin| !origin.is_empty());
        let origin = origin.ok_or(CheckpointError::Form(1, "the name of a log"))?.to_owned();
        let size = lines.next().and_then(decimal).ok_or(CheckpointError::Form(2, "a number of records"))?;
        let root = lines.next().and_then(hash).ok_or(CheckpointError::Form(3, "a hash in base64"))?;
        if lines.any(str::is_empty) {
            return Err(CheckpointError::Form(4, "an extension, which is never empty"));
        }
        Ok(Self { origin, tree: TreeHead { size, root } })
    }

    /// The checkpoint as a note signed by `keys`.
    ///
    /// # Errors
    /// When the origin has a control character.
    pub fn sign<'a>(&self, keys: impl IntoIterator<Item = &'a SigningKey>) -> Result<Note, NoteError> {
        Note::sign(self.to_string(), keys)
    }
}

/// A checkpoint that a key of its log has signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    note: Note,
    checkpoint: Checkpoint,
    key: VerifierKey,
}

impl Sealed {
    /// Checks `note` against the keys of the log `origin`.
    ///
    /// # Errors
    /// When it is not a checkpoint of that log, signed by the key that was the log's then.
    pub fn check(note: Note, origin: &str, keys: &Keys) -> Result<Self, CheckpointError> {
        let checkpoint = Checkpoint::read(&note)?;
        if checkpoint.origin != origin {
            let (found, expected) = (checkpoint.origin, origin.to_owned());
            return Err(CheckpointError::OtherLog { found, expected });
        }
        let key = keys.check(&note, checkpoint.tree.size)?.clone();
        Ok(Self { note, checkpoint, key })
    }

    /// The whole note.
    #[must_use]
    pub const fn note(&self) -> &Note {
        &self.note
    }

    /// What it says.
    #[must_use]
    pub const fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The tree.
    #[must_use]
    pub const fn tree(&self) -> TreeHead {
        self.checkpoint.tree
    }

    /// The key that signed it.
    #[must_use]
    pub const fn key(&self) -> &VerifierKey {
        &self.key
    }

    /// The witnesses among `known` who have cosigned it, with the times that they state (seconds since 1970).
    ///
    /// # Errors
    /// When a cosignature by one of them does not hold.
    pub fn witnesses<'a>(&self, known: &'a [VerifierKey]) -> Result<Vec<(&'a VerifierKey, u64)>, Distrust> {
        let mut found = Vec::new();
        for key in known {
            match self.note.check(key) {
                Ok(time) => found.push((key, time.unwrap_or_default())),
                Err(Distrust::Unsigned(_)) => {}
                Err(forged) => return Err(forged),
            }
        }
        Ok(found)
    }
}

/// A number in decimal digits, without more zeros in front than it needs.
fn decimal(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

fn hash(base64: &str) -> Option<Digest> {
    Some(Digest::from_bytes(unbase64(base64)?.try_into().ok()?))
}

#[cfg(test)]
pub(crate) mod tests;
