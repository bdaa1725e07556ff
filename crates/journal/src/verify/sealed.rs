//! Checkpoints, and the changes of a record's keys, read here by code of the verifier's own; the notary's is
//! `crate::checkpoint`. Both are held to C2SP `tlog-checkpoint`, and in tests against each other.

use vocab::Digest;

use super::note::{Key, Note, Signed, Unread, decoded};
use crate::merkle::TreeHead;

/// The most keys that a record may have had.
pub(super) const MAX_KEYS: usize = 1_000;

/// What the text of a change of keys begins with.
const CHANGE: &str = "bulkhead record key";

/// Why a checkpoint is none of the record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unbelieved {
    /// Not a signed note.
    #[error("the checkpoint cannot be read: {0}")]
    Note(#[from] Unread),
    /// A note whose text is something else.
    #[error("the checkpoint cannot be read: line {0} of its text is not {1}")]
    Line(u8, &'static str),
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
    /// No signature carries the name and id of the key.
    #[error("the checkpoint is not to be believed: it is not signed by the key `{0}`")]
    Unsigned(String),
    /// One does, and does not fit the text.
    #[error(
        "the checkpoint is not to be believed: its signature by the key `{0}` does not hold: it was forged, or the text was changed"
    )]
    Forged(String),
    /// Signed by a key that was no longer the record's.
    #[error(
        "the checkpoint at {size} is signed by the key `{key}`, which was retired at record {until}: it was forged with an old key"
    )]
    Retired {
        /// Its size.
        size: u64,
        /// The key.
        key: String,
        /// The size of the record when the key was retired.
        until: u64,
    },
}

/// Why what the record keeps of its keys does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Odd {
    #[error("what it keeps of its keys cannot be read: {0}")]
    Unread(#[from] Unread),
    #[error("a change of the record's key is not in its form")]
    Form,
    #[error(
        "a change of the record's key is not to be believed: it is not signed by `{0}`, or its text was changed"
    )]
    Unsigned(String),
    #[error("a record with more than {MAX_KEYS} keys is not read")]
    TooMany,
    #[error(
        "the key `{0}` stands among its keys, and no record says so in its place: it was put there, or one was taken away"
    )]
    Untold(String),
    #[error("the key `{0}` is not among its keys, and a record says that it came to be: it was taken away")]
    Gone(String),
    #[error(
        "one of its keys has the number {0}, which is not its place among them: they were numbered anew, and nothing can be signed any more"
    )]
    Misnumbered(i64),
    #[error("how the key `{0}` came to be is told otherwise by a record than by what is kept of it")]
    Otherwise(String),
}

/// The name of a log, and its tree, as the text of `note` has them.
pub(super) fn checkpoint(note: &Note) -> Result<(&str, TreeHead), Unbelieved> {
    let mut lines = note.text().lines();
    let origin = lines.next().unwrap_or_default();
    if origin.is_empty() {
        return Err(Unbelieved::Line(1, "the name of a log"));
    }
    let size = lines.next().and_then(number).ok_or(Unbelieved::Line(2, "a number of records"))?;
    let root = lines.next().and_then(decoded).and_then(|root| root.try_into().ok());
    let root = Digest::from_bytes(root.ok_or(Unbelieved::Line(3, "a hash in base64"))?);
    if lines.any(|extension| extension.is_empty()) {
        return Err(Unbelieved::Line(4, "an extension, which is never empty"));
    }
    Ok((origin, TreeHead { size, root }))
}

/// Decimal digits that begin with a zero only where that is all.
fn number(text: &str) -> Option<u64> {
    if text.is_empty() || (text.len() > 1 && text.starts_with('0')) {
        return None;
    }
    text.bytes().try_fold(0_u64, |number, byte| {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit < 10)?;
        number.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

/// A change from one key to the next, which both have signed.
struct Change {
    origin: String,
    size: u64,
    old: Key,
    new: Key,
}

impl Change {
    fn read(note: &Note) -> Result<Self, Odd> {
        let mut lines = note.text().lines();
        let mut line = || lines.next().ok_or(Odd::Form);
        let (title, origin, size, old, new) = (line()?, line()?, line()?, line()?, line()?);
        let size = number(size).filter(|_| title == CHANGE && line().is_err()).ok_or(Odd::Form)?;
        let key = |text: &str| text.parse::<Key>().map_err(|_| Odd::Form);
        let (old, new) = (key(old)?, key(new)?);
        for key in [&old, &new] {
            if note.signed_by(key) != Signed::Well {
                return Err(Odd::Unsigned(key.to_string()));
            }
        }
        Ok(Self { origin: origin.to_owned(), size, old, new })
    }
}

/// A key, and the size of the record after which it signs no more.
struct Held {
    key: Key,
    until: Option<u64>,
}

/// The keys of a record: in each row those to which changes lead from one that is trusted, the oldest first.
pub(super) struct Keys {
    origin: String,
    rows: Vec<Vec<Held>>,
}

impl Keys {
    /// Those to which changes lead from the trusted one, or else all that the record has had. Where a key was lost the changes
    /// have a gap, and what is before it stands for itself.
    pub(super) fn of(kept: &[(String, Option<String>)], trusted: Option<&Key>) -> Result<Self, Odd> {
        let all = kept.iter().map(|(key, _)| key.parse()).collect::<Result<Vec<Key>, _>>()?;
        // The name of a record's key is the record's own.
        let Some(first) = trusted.or(all.last()) else {
            return Ok(Self { origin: String::new(), rows: vec![] });
        };
        let origin = first.name().to_owned();
        let mut changes = Vec::new();
        for note in kept.iter().filter_map(|(_, change)| change.as_ref()) {
            changes.push(Change::read(&note.parse()?)?);
        }
        if changes.len() >= MAX_KEYS {
            return Err(Odd::TooMany);
        }
        changes.retain(|change| change.origin == origin);
        let mut keys = Self { origin, rows: vec![row(first, &changes)] };
        for key in all.iter().rev().filter(|_| trusted.is_none()) {
            if !keys.rows.iter().flatten().any(|held| held.key == *key) {
                keys.rows.push(row(key, &changes));
            }
        }
        Ok(keys)
    }

    /// The tree of the checkpoint that `note` is, by one of the keys. Of several reasons why it is none the first row's counts:
    /// it has the newest key.
    pub(super) fn check(&self, note: &Note) -> Result<TreeHead, Unbelieved> {
        let (found, tree) = checkpoint(note)?;
        if found != self.origin && !self.rows.is_empty() {
            return Err(Unbelieved::OtherLog { found: found.to_owned(), expected: self.origin.clone() });
        }
        let mut why = None;
        for row in &self.rows {
            match by(row, note, tree.size) {
                Ok(()) => return Ok(tree),
                Err(error) => drop(why.get_or_insert(error)),
            }
        }
        Err(why.unwrap_or_else(|| Unbelieved::Unsigned("of the record, which has none".to_owned())))
    }
}

/// The keys to which changes lead from `trusted`: forwards in their order, and backwards against it.
fn row(trusted: &Key, changes: &[Change]) -> Vec<Held> {
    let mut row = std::collections::VecDeque::from([Held { key: trusted.clone(), until: None }]);
    for change in changes {
        if let Some(last) = row.back_mut()
            && last.key == change.old
        {
            last.until = Some(change.size);
            row.push_back(Held { key: change.new.clone(), until: None });
        }
    }
    for change in changes.iter().rev() {
        if row.front().is_some_and(|first| first.key == change.new) {
            row.push_front(Held { key: change.old.clone(), until: Some(change.size) });
        }
    }
    row.into()
}

/// Whether a key of the row signed `note`, which speaks of `size` records, while it was the record's.
fn by(row: &[Held], note: &Note, size: u64) -> Result<(), Unbelieved> {
    let mut why = None;
    for Held { key, until } in row.iter().rev() {
        match (note.signed_by(key), *until) {
            (Signed::Not, _) => {}
            (Signed::Falsely, _) => return Err(Unbelieved::Forged(key.to_string())),
            (Signed::Well, Some(until)) if until < size => {
                why = Some(Unbelieved::Retired { size, key: key.to_string(), until });
            }
            (Signed::Well, _) => return Ok(()),
        }
    }
    let newest = row.last().map(|held| held.key.to_string()).unwrap_or_default();
    Err(why.unwrap_or(Unbelieved::Unsigned(newest)))
}

#[cfg(test)]
mod tests;
