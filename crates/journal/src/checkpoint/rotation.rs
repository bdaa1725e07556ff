//! The keys of a log, one after the other. Each change is a note that both the old and the new key sign, so that
//! whoever trusts one of them can go from it to the others.

use std::fmt;

use super::{CheckpointError, decimal};
use crate::note::{Distrust, KeyKind, Note, NoteError, SigningKey, VerifierKey};

/// The first line of the text of a change.
const TITLE: &str = "bulkhead record key";

/// The most keys that a log may have had.
pub const MAX_KEYS: usize = 1_000;

/// Why a change of keys does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RotationError {
    /// Not a note.
    #[error("a change of the record's key cannot be read: {0}")]
    Note(#[from] NoteError),
    /// Another text.
    #[error("a change of the record's key is not in its form")]
    Form,
    /// Not signed by both.
    #[error("a change of the record's key is not to be believed: {0}")]
    Distrust(#[from] Distrust),
    /// Over [`MAX_KEYS`].
    #[error("a record with more than {MAX_KEYS} keys is not read")]
    TooMany,
}

/// A change of a log's key. Its `Display` is the text that is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotation {
    /// The log.
    pub origin: String,
    /// The size of the log then: the old key signs nothing larger.
    pub size: u64,
    /// The key until then.
    pub old: VerifierKey,
    /// The key from then on.
    pub new: VerifierKey,
}

impl fmt::Display for Rotation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{TITLE}\n{}\n{}\n{}\n{}", self.origin, self.size, self.old, self.new)
    }
}

impl Rotation {
    /// The change from `old` to `new` of the log `origin` with `size` records, signed by both.
    ///
    /// # Errors
    /// When the origin has a control character.
    pub fn sign(origin: &str, size: u64, old: &SigningKey, new: &SigningKey) -> Result<Note, NoteError> {
        let (old_key, new_key) = (old.verifier().clone(), new.verifier().clone());
        let text = Self { origin: origin.to_owned(), size, old: old_key, new: new_key }.to_string();
        Note::sign(text, [old, new])
    }

    /// Reads a change and checks both signatures.
    ///
    /// # Errors
    /// When it is none, or one of them does not hold.
    pub fn check(note: &Note) -> Result<Self, RotationError> {
        let lines: Vec<&str> = note.text().strip_suffix('\n').unwrap_or_default().split('\n').collect();
        let [TITLE, origin, size, old, new] = lines.as_slice() else { return Err(RotationError::Form) };
        let key = |text: &str| text.parse::<VerifierKey>().map_err(|_| RotationError::Form);
        let (old, new) = (key(old)?, key(new)?);
        let size = decimal(size).ok_or(RotationError::Form)?;
        if [&old, &new].iter().any(|key| key.kind() != KeyKind::Note) {
            return Err(RotationError::Form);
        }
        note.check(&old)?;
        note.check(&new)?;
        Ok(Self { origin: (*origin).to_owned(), size, old, new })
    }
}

/// The keys of one log that are trusted, in their order, each with the size after which it signs no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keys {
    keys: Vec<(VerifierKey, Option<u64>)>,
    changes: Vec<Note>,
}

impl Keys {
    /// One key alone, for every size.
    #[must_use]
    pub fn only(key: VerifierKey) -> Self {
        Self { keys: vec![(key, None)], changes: Vec::new() }
    }

    /// `trusted`, with every key of the log `origin` that `changes`, in their order, lead to from it.
    ///
    /// # Errors
    /// When a change that leads from or to a trusted key does not hold.
    pub fn from_changes(trusted: VerifierKey, origin: &str, changes: &[Note]) -> Result<Self, RotationError> {
        if changes.len() >= MAX_KEYS {
            return Err(RotationError::TooMany);
        }
        let checked = changes.iter().map(Rotation::check).collect::<Result<Vec<_>, _>>()?;
        let of_log = || checked.iter().filter(|change| change.origin == origin);
        let mut keys = vec![(trusted, None)];
        for change in of_log() {
            if let Some(last) = keys.last_mut().filter(|(key, _)| *key == change.old) {
                last.1 = Some(change.size);
                keys.push((change.new.clone(), None));
            }
        }
        for change in of_log().rev() {
            if keys.first().is_some_and(|(key, _)| *key == change.new) {
                keys.insert(0, (change.old.clone(), Some(change.size)));
            }
        }
        Ok(Self { keys, changes: changes.to_vec() })
    }

    /// The changes that it was made of.
    pub(crate) fn changes(&self) -> &[Note] {
        &self.changes
    }

    /// The key that signs now.
    #[must_use]
    pub fn newest(&self) -> Option<&VerifierKey> {
        self.keys.last().map(|(key, _)| key)
    }

    /// All of them, the oldest first.
    pub fn all(&self) -> impl Iterator<Item = &VerifierKey> {
        self.keys.iter().map(|(key, _)| key)
    }

    /// The one of them that signed `note`, which speaks of a log of `size` records.
    pub(super) fn check(&self, note: &Note, size: u64) -> Result<&VerifierKey, CheckpointError> {
        let mut retired = None;
        for (key, until) in self.keys.iter().rev() {
            match (note.check(key), until) {
                (Ok(_), Some(until)) if size > *until => retired = Some((key, *until)),
                (Ok(_), _) => return Ok(key),
                (Err(Distrust::Unsigned(_)), _) => {}
                (Err(forged), _) => return Err(forged.into()),
            }
        }
        if let Some((key, retired)) = retired {
            return Err(CheckpointError::Retired { size, key: key.to_string(), retired });
        }
        let names = self.newest().map_or_else(String::new, ToString::to_string);
        Err(Distrust::Unsigned(names).into())
    }
}
