//! Checkpoints and proofs from files, and from the record itself.

use std::fmt::Display;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::str::FromStr;

use journal::checkpoint::{Keys, MAX_FILE_BYTES, Sealed};
use journal::note::Note;
use journal::read::Reader;

use crate::failure::{Exit, Failure};

/// The text of a file, bounded.
///
/// # Errors
/// When it cannot be read or is no text.
pub(super) fn text(path: &Path) -> Result<String, Failure> {
    let unreadable =
        |why: String| Failure::unreachable(format!("`{}` cannot be read: {why}", path.display()));
    let file = File::open(path).map_err(|error| unreadable(error.to_string()))?;
    let mut text = String::new();
    let limit = u64::try_from(MAX_FILE_BYTES).unwrap_or(u64::MAX);
    file.take(limit.saturating_add(1))
        .read_to_string(&mut text)
        .map_err(|error| unreadable(error.to_string()))?;
    if text.len() > MAX_FILE_BYTES {
        return Err(unreadable(format!("it is over {MAX_FILE_BYTES} bytes")));
    }
    Ok(text)
}

/// The note in a file.
///
/// # Errors
/// When it cannot be read, or is none.
pub(super) fn note(path: &Path) -> Result<Note, Failure> {
    text(path)?
        .parse()
        .map_err(|error| Failure::new(Exit::Found, format!("`{}` cannot be used: {error}", path.display())))
}

/// The public key that was given as `--key`, as whoever asks reads keys. Whoever mistakes the private one for it does not find it in an error.
///
/// # Errors
/// When it is none.
pub(super) fn public_key<K: FromStr<Err: Display>>(text: &str) -> Result<K, Failure> {
    text.parse().map_err(|error| {
        Failure::usage(format!("`--key` needs a public key, as `bulkhead audit key` prints it: {error}"))
    })
}

pub(super) fn no_key() -> Failure {
    Failure::unreachable(
        "the record has no key yet: the first `bulkhead gateway start` or `bulkhead audit checkpoint` makes it",
    )
}

/// The record with its name and keys.
pub(super) struct Keeping {
    pub(super) reader: Reader,
    keys: Option<Keys>,
    origin: String,
}

impl Keeping {
    /// Of the record at `place`.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn open(place: &journal::Place) -> Result<Self, Failure> {
        let reader = super::open(place)?;
        // The name of a log's key is the log's own.
        let newest = reader.keys().map_err(super::unread)?.pop();
        let origin = newest.map(|kept| kept.key.name().to_owned()).unwrap_or_default();
        let keys = reader.trusted(&origin, None).map_err(super::unread)?;
        Ok(Self { reader, keys, origin })
    }

    /// A checkpoint of this record: in a file, by its size, or the newest.
    ///
    /// # Errors
    /// When there is none, or it is not one of this record.
    pub(super) fn checkpoint(&self, named: Option<&str>) -> Result<Sealed, Failure> {
        let Some(named) = named else { return self.newest().map(|(_, newest)| newest) };
        let Ok(size) = named.parse::<u64>() else { return self.check(note(Path::new(named))?) };
        let stored = self.reader.checkpoint_at(size).map_err(super::unread)?;
        let none = || Failure::usage(format!("the record has no checkpoint at {size} records"));
        self.check(stored.ok_or_else(none)?)
    }

    /// The keys, and the newest checkpoint.
    ///
    /// # Errors
    /// When there is none.
    pub(super) fn newest(&self) -> Result<(&Keys, Sealed), Failure> {
        let none = || {
            Failure::unreachable("the record has no checkpoint yet: `bulkhead audit checkpoint` makes one")
        };
        let newest = self.reader.newest_checkpoint().map_err(super::unread)?.ok_or_else(none)?;
        Ok((self.keys.as_ref().ok_or_else(no_key)?, self.check(newest)?))
    }

    fn check(&self, note: Note) -> Result<Sealed, Failure> {
        let keys = self.keys.as_ref().ok_or_else(no_key)?;
        Sealed::check(note, &self.origin, keys).map_err(|error| Failure::new(Exit::Found, error.to_string()))
    }
}
